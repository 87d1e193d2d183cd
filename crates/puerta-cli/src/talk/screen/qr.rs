//! An invite's link as a QR code (ISO/IEC 18004).

use puerta_talk::invite::Invite;
use qrcode::{Color, EcLevel, QrCode};
use ratatui::crossterm::terminal::size;

/// Columns and rows of a window that does not tell.
const WINDOW: (u16, u16) = (80, 24);

/// The light dots around a code that the standard asks for. Phones are content with less.
pub(crate) const QUIET: usize = 4;

/// A link as codes, the best first: with all of its addresses, and as many light dots around as the standard asks for. Those
/// behind are smaller: with fewer dots around, and then with fewer addresses.
pub(crate) fn codes(link: &str) -> impl Iterator<Item = Vec<String>> {
    links(link).into_iter().flat_map(|link| (1..=QUIET).rev().map(move |quiet| qr(&link, quiet)))
}

/// The link, and then with fewer and fewer of its addresses, the first of which is the likeliest.
fn links(link: &str) -> Vec<String> {
    let Ok(invite) = link.parse::<Invite>() else { return vec![link.to_owned()] };
    let (room, hub, token) = (invite.room(), invite.hub(), *invite.token());
    let of = |places: &[_]| Invite::new(places.to_vec(), room.to_owned(), hub, token).ok();
    let fewer = (1..invite.places().len()).rev().filter_map(|most| of(invite.places().get(..most)?));
    std::iter::once(link.to_owned()).chain(fewer.map(|invite| invite.to_string())).collect()
}

/// The link as lines of half blocks, two rows of dots in each, with so many light dots around; none where it is too long. The
/// lowest level of correction makes it small enough for a window of 24 rows: a screen is not scratched.
pub(crate) fn qr(link: &str, quiet: usize) -> Vec<String> {
    let Ok(code) = QrCode::with_error_correction_level(link, EcLevel::L) else { return Vec::new() };
    let (width, dots) = (code.width(), code.to_colors());
    let dark = |x: usize, y: usize| {
        let at = x.checked_sub(quiet).filter(|x| *x < width).zip(y.checked_sub(quiet));
        at.and_then(|(x, y)| dots.get(y * width + x)).is_some_and(|dot| *dot == Color::Dark)
    };
    let all = width + 2 * quiet;
    let block = |x, y| match (dark(x, y), dark(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    (0..all).step_by(2).map(|y| (0..all).map(|x| block(x, y)).collect()).collect()
}

/// The code for a terminal that scrolls, between these lines and those: the best that leaves room for all of them in the window,
/// else one that is whole itself. Below is the row of the cursor.
pub(crate) fn printed(link: &str, above: &[String], below: &[String]) -> Vec<String> {
    chosen(link, above, below, size().unwrap_or(WINDOW))
}

fn chosen(link: &str, above: &[String], below: &[String], (columns, rows): (u16, u16)) -> Vec<String> {
    let (columns, rows) = (usize::from(columns.max(1)), usize::from(rows));
    let taken = |lines: &[String]| lines.iter().map(|l| puerta_text::width(l).div_ceil(columns).max(1)).sum::<usize>();
    let (above, below) = (taken(above), taken(below) + 1);
    let fits = |besides: usize| {
        let open = links(link).into_iter().filter(|_| below == 1).map(|link| open_below(qr(&link, 1)));
        let mut all = codes(link).chain(open);
        all.find(|code| code.len() + besides <= rows && code.first().is_some_and(|row| row.chars().count() <= columns))
    };
    fits(above + below).or_else(|| fits(below)).or_else(|| codes(link).last()).unwrap_or_default()
}

/// Without the last row, where that is light: the empty row below does as well.
fn open_below(mut code: Vec<String>) -> Vec<String> {
    if code.last().is_some_and(|row| row.trim().is_empty()) {
        code.pop();
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use qrcode::render::unicode::Dense1x2;

    #[test]
    fn a_code_has_the_dots_that_the_link_leads_to() {
        let link = format!("puerta://10.0.0.5:7777/main#{}", "Ab-9".repeat(16));
        let code = QrCode::with_error_correction_level(&link, EcLevel::L).unwrap();
        let lines = qr(&link, QUIET);
        assert_eq!(lines.join("\n"), code.render::<Dense1x2>().build());
        assert_eq!((lines.len(), lines[0].chars().count()), (23, 45));
        assert_eq!(qr(&link, 2).len(), 21);
        assert!(qr(&"x".repeat(3000), 2).is_empty());
    }

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
            let code = chosen(&link, &words, &[], (80, 24));
            let rows = 2 + words[2].len().div_ceil(80) + code.len() + 1;
            assert!((19..24).contains(&code.len()), "{addresses}: {}", code.len());
            assert!(rows <= 24 || addresses == 8, "{addresses}: {rows}");
            // Wherever more fits, all addresses are in it.
            assert_eq!(chosen(&link, &words, &[], (120, 60)), qr(&link, QUIET));
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
