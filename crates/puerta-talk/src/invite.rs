//! An invite: where a hub is, its key, and a token that lets in.
//!
//! `puerta://host:port[,host:port…]/room#…`. What follows the `#` is base64url (RFC 4648, section 5) without padding, of 49 bytes:
//! the version (1), the hub's Ed25519 key (32), the join token (16). Whoever has the link is let in, until it expires or is revoked.
//!
//! Bounds: 1 to 8 places; a host of 1 to 253 bytes (letters, digits, `-`, `.`, `_`) or an IP address without a zone, which means
//! nothing elsewhere; a port from 1; a room of 1 to 32 bytes that [may be called so](may_be_called), with `%XX` for all but
//! letters, digits, `-`, `.`, `_`, `~`; 2,304 bytes in all.

use crate::room::ids::Device;
use crate::room::rooms::may_be_called;
use crate::room::store::Token;
use data_encoding::BASE64URL_NOPAD;
use puerta::Host;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Places of an invite.
pub const PLACES: usize = 8;
/// Bytes of a room's name.
pub const ROOM: u32 = 32;
/// Bytes of a link; white space around it does not count.
pub const LONGEST: usize = 2304;

const SCHEME: &str = "puerta://";
const VERSION: u8 = 1;
/// Version, key, token.
const SECRET: usize = 1 + 32 + 16;
/// Bytes of a part of a link that an error shows.
const SHOWN: usize = 64;

/// Where a hub can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    host: Host,
    port: u16,
}

/// An invite to a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    places: Vec<Place>,
    room: String,
    hub: Device,
    token: Token,
}

/// Why a text is no invite. What follows its `#` is in none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadInvite {
    /// It does not begin with `puerta://`.
    Scheme,
    /// It is longer than [`LONGEST`].
    TooLong,
    /// It has no `#`: what follows it was lost.
    NoSecret,
    /// What follows the `#` was cut or changed.
    Damaged,
    /// It is of another version.
    Version(u8),
    /// There are more than [`PLACES`].
    TooManyPlaces,
    /// This is no `host:port`.
    Place(String),
    /// It names no room.
    NoRoom,
    /// The room's name is too long, or holds what no name may.
    Room,
}

impl Place {
    /// A host, and a port from 1.
    ///
    /// # Errors
    /// [`BadInvite::Place`] for what others cannot connect to: no host, the unspecified address, an address with a zone, port 0, or
    /// a name with other characters than a link can carry.
    pub fn new(host: Host, port: u16) -> Result<Self, BadInvite> {
        let place = Place { host, port };
        let reaches = match &place.host {
            Host::Any => false,
            Host::V4(ip) => !ip.is_unspecified(),
            Host::V6 { ip, zone } => !ip.is_unspecified() && zone.is_none(),
            // A name that reads as an address would not come back as a name.
            Host::Name(name) => is_name(name) && name.parse().as_ref() == Ok(&place.host),
        };
        if reaches && port > 0 { Ok(place) } else { Err(BadInvite::Place(short(&place.to_string()))) }
    }

    /// The host: an address without a zone, or a name.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, not 0.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl TryFrom<SocketAddr> for Place {
    type Error = BadInvite;

    fn try_from(at: SocketAddr) -> Result<Self, BadInvite> {
        let host = match at.ip().to_canonical() {
            IpAddr::V4(ip) => Host::V4(ip),
            // A link-local address needs a zone, which means nothing elsewhere.
            IpAddr::V6(ip) if ip.is_unicast_link_local() => return Err(BadInvite::Place(at.to_string())),
            IpAddr::V6(ip) => Host::V6 { ip, zone: None },
        };
        Place::new(host, at.port())
    }
}

impl Invite {
    /// An invite to `room` of the hub with this key.
    ///
    /// # Errors
    /// [`BadInvite::TooManyPlaces`], [`BadInvite::Place`] where there is none, [`BadInvite::NoRoom`], [`BadInvite::Room`].
    pub fn new(places: Vec<Place>, room: String, hub: Device, token: Token) -> Result<Self, BadInvite> {
        if places.is_empty() {
            return Err(BadInvite::Place(String::new()));
        }
        if places.len() > PLACES {
            return Err(BadInvite::TooManyPlaces);
        }
        if room.is_empty() {
            return Err(BadInvite::NoRoom);
        }
        if !may_be_called(&room, ROOM) {
            return Err(BadInvite::Room);
        }
        Ok(Invite { places, room, hub, token })
    }

    /// Where the hub may be, 1 to 8 places; try all.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The room's name.
    pub fn room(&self) -> &str {
        &self.room
    }

    /// The key that the hub has to show.
    pub fn hub(&self) -> Device {
        self.hub
    }

    /// What lets in.
    pub fn token(&self) -> &Token {
        &self.token
    }

    fn secret(&self) -> [u8; SECRET] {
        let mut bytes = [VERSION; SECRET];
        bytes.iter_mut().skip(1).zip(self.hub.0.iter().chain(&self.token.0)).for_each(|(to, from)| *to = *from);
        bytes
    }
}

/// Whether the text means to be an invite, whatever else is wrong with it.
pub fn is_invite(text: &str) -> bool {
    after_scheme(text.trim()).is_some()
}

impl FromStr for Place {
    type Err = BadInvite;

    fn from_str(text: &str) -> Result<Self, BadInvite> {
        let bad = || BadInvite::Place(short(text));
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let plain = port.bytes().all(|b| b.is_ascii_digit()) && !port.starts_with('0');
        if !plain || (host.contains(':') && !bracketed) {
            return Err(bad());
        }
        let port = port.parse().map_err(|_| bad())?;
        Place::new(host.parse().map_err(|_| bad())?, port).map_err(|_| bad())
    }
}

/// The link, white space around it or not.
impl FromStr for Invite {
    type Err = BadInvite;

    fn from_str(text: &str) -> Result<Self, BadInvite> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(BadInvite::TooLong);
        }
        let rest = after_scheme(text).ok_or(BadInvite::Scheme)?;
        let (open, secret) = rest.split_once('#').ok_or(BadInvite::NoSecret)?;
        let (places, room) = open.split_once('/').unwrap_or((open, ""));
        if places.split(',').count() > PLACES {
            return Err(BadInvite::TooManyPlaces);
        }
        let places = places.split(',').map(str::parse).collect::<Result<_, _>>()?;
        let room = unescaped(room).ok_or(BadInvite::Room)?;
        let (hub, token) = secrets(secret)?;
        Invite::new(places, room, hub, token)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::V6 { ip, zone: None } => write!(f, "[{ip}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

/// The whole link, with what lets in: for the one who invites and for nobody's log.
impl fmt::Display for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEME)?;
        for (i, place) in self.places.iter().enumerate() {
            write!(f, "{}{place}", if i > 0 { "," } else { "" })?;
        }
        f.write_str("/")?;
        for byte in self.room.bytes() {
            if is_plain(byte) { write!(f, "{}", char::from(byte))? } else { write!(f, "%{byte:02X}")? }
        }
        write!(f, "#{}", BASE64URL_NOPAD.encode_display(&self.secret()))
    }
}

/// A scheme is the same in capitals (RFC 3986, section 3.1).
fn after_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)
}

fn secrets(text: &str) -> Result<(Device, Token), BadInvite> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| BadInvite::Damaged)?;
    let (version, rest) = bytes.split_first().ok_or(BadInvite::Damaged)?;
    if *version != VERSION {
        return Err(BadInvite::Version(*version));
    }
    let (hub, token) = rest.split_first_chunk().ok_or(BadInvite::Damaged)?;
    let token = token.try_into().map_err(|_| BadInvite::Damaged)?;
    Ok((Device(*hub), Token(token)))
}

/// `%XX` is a byte; any other character stands for itself, but those that end a part of a link.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |b: u8| char::from(b).to_digit(16);
                u8::try_from(digit(rest.next()?)? * 16 + digit(rest.next()?)?).ok()?
            }
            b'/' | b'?' | b' ' => return None,
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Unreserved in a link (RFC 3986, section 2.3).
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn is_name(name: &str) -> bool {
    (1..=253).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}

/// A part of a link as an error shows it.
fn short(part: &str) -> String {
    let end = part.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= SHOWN).last().unwrap_or(0);
    let (kept, cut) = part.split_at(end);
    format!("{kept}{}", if cut.is_empty() { "" } else { "…" })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place() -> impl Strategy<Value = Place> {
        let host = prop_oneof![
            any::<std::net::Ipv4Addr>().prop_map(Host::V4),
            any::<std::net::Ipv6Addr>().prop_map(|ip| Host::V6 { ip, zone: None }),
            "[a-zA-Z0-9._-]{1,253}".prop_map(Host::Name),
        ];
        (host, any::<u16>()).prop_filter_map("reaches", |(host, port)| Place::new(host, port).ok())
    }

    fn invite() -> impl Strategy<Value = Invite> {
        let places = proptest::collection::vec(place(), 1..=PLACES);
        (places, "\\PC{1,32}", any::<[u8; 32]>(), any::<[u8; 16]>())
            .prop_filter_map("a room", |(places, room, hub, token)| {
                Invite::new(places, room, Device(hub), Token(token)).ok()
            })
    }

    proptest! {
        #[test]
        fn every_invite_reads_back_as_printed(invite in invite(), before in "[ \t\r\n]{0,3}", after in "[ \t\r\n]{0,3}") {
            let link = invite.to_string();
            prop_assert!(link.len() <= LONGEST);
            prop_assert!(link.is_ascii());
            prop_assert_eq!(format!("{before}{link}{after}").parse(), Ok(invite));
        }

        #[test]
        fn a_changed_byte_of_the_secret_never_goes_unseen(invite in invite(), at: prop::sample::Index, to in "[ -~]") {
            let mut link = invite.to_string();
            let secret = link.find('#').unwrap() + 1;
            let at = secret + at.index(link.len() - secret);
            if link[at..=at] != to {
                link.replace_range(at..=at, &to);
                prop_assert_ne!(link.parse().ok(), Some(invite));
            }
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "(puerta://)?[ -~é]{0,80}(/[ -~]{0,9})?(#[A-Za-z0-9_-]{60,70})?") {
            if let Ok(invite) = text.parse::<Invite>() {
                prop_assert_eq!(invite.to_string().parse(), Ok(invite));
            }
        }
    }
}
