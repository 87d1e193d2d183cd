//! An invite's link as a QR code.

use crate::qr;
use puerta_talk::invite::Invite;

/// A link as codes, the best first: with all of its addresses, and as many light dots around as the standard asks for. Those
/// behind are smaller: with fewer dots around, and then with fewer addresses.
pub(crate) fn codes(link: &str) -> impl Iterator<Item = Vec<String>> {
    qr::codes(links(link))
}

/// The link, and then with fewer and fewer of its addresses, the first of which is the likeliest.
fn links(link: &str) -> Vec<String> {
    let Ok(invite) = link.parse::<Invite>() else { return vec![link.to_owned()] };
    let (room, hub, token) = (invite.room(), invite.hub(), *invite.token());
    let of = |places: &[_]| Invite::new(places.to_vec(), room.to_owned(), hub, token).ok();
    let fewer = (1..invite.places().len()).rev().filter_map(|most| of(invite.places().get(..most)?));
    std::iter::once(link.to_owned()).chain(fewer.map(|invite| invite.to_string())).collect()
}

/// The code for a terminal that scrolls, between these lines and those.
pub(crate) fn printed(link: &str, above: &[String], below: &[String]) -> Vec<String> {
    qr::printed(&links(link), above, below)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qr::tests::qr;
    use crate::qr::{QUIET, chosen};

    /// An invite with so many addresses.
    fn link(addresses: usize) -> String {
        let places: Vec<String> = (0..addresses).map(|n| format!("192.168.178.{}:7777", 100 + n)).collect();
        let (hub, token) = (puerta_talk::room::ids::Device([7; 32]), puerta_talk::room::store::Token([9; 16]));
        let places = places.iter().map(|place| place.parse().unwrap()).collect();
        Invite::new(places, "main".to_owned(), hub, token).unwrap().to_string()
    }

    #[test]
    fn in_a_window_of_24_rows_the_code_is_whole_with_the_words_however_many_addresses_there_are() {
        for addresses in [1, 2, 8] {
            let link = link(addresses);
            let words = ["listening".to_owned(), "fingerprint".to_owned(), format!("invite: {link}")];
            let code = chosen(&links(&link), &words, &[], (80, 24));
            let rows = 2 + words[2].len().div_ceil(80) + code.len() + 1;
            assert!((19..24).contains(&code.len()), "{addresses}: {}", code.len());
            assert!(rows <= 24 || addresses == 8, "{addresses}: {rows}");
            // Wherever more fits, all addresses are in it.
            assert_eq!(chosen(&links(&link), &words, &[], (120, 60)), qr(&link, QUIET));
        }
    }

    #[test]
    fn the_smaller_links_are_invites_to_the_first_addresses() {
        let links = links(&link(3));
        let first: Vec<_> = link(3).parse::<Invite>().unwrap().places().to_vec();
        for (link, most) in links.iter().zip([3, 2, 1]) {
            assert_eq!(link.parse::<Invite>().unwrap().places(), &first[..most]);
        }
        assert_eq!((links.len(), super::links("no invite")), (3, vec!["no invite".to_owned()]));
    }
}
