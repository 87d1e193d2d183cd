//! A link with a secret in it, which a browser exchanges for a cookie.

use super::Denied;
use crate::core::accept;
use crate::core::fields::Value;
use crate::core::head::{Head, Method};
use crate::core::path::SitePath;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, SystemTime};

/// What the link's query calls it.
const KEY: &[u8] = b"ticket=";

/// A ticket. 128 bits are in the link, 128 others in the cookie: who has the link of a ticket that was used cannot make the
/// cookie of it.
pub struct Ticket {
    link: [u8; 16],
    cookie: [u8; 16],
    once: bool,
    expires: Option<SystemTime>,
}

/// What a request with a ticket, or without, may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// It is let in.
    In,
    /// It comes by the link: it is let in and gets the cookie, a browser by being sent to the same address without the ticket.
    /// Where the ticket works once, only if nobody was before.
    Enter,
    /// It is not.
    Denied(Denied),
}

impl Ticket {
    /// Of 32 random bytes. `once`: the first who comes by the link is the only one.
    pub fn new(secret: [u8; 32], once: bool, expires: Option<SystemTime>) -> Self {
        let (mut link, mut cookie) = ([0; 16], [0; 16]);
        for (to, from) in link.iter_mut().chain(&mut cookie).zip(secret) {
            *to = from;
        }
        Ticket { link, cookie, once, expires }
    }

    /// What the link has behind its path: `?ticket=…`.
    pub fn query(&self) -> String {
        format!("?ticket={}", BASE64URL_NOPAD.encode(&self.link))
    }

    /// Whether the first who comes by the link is the only one.
    pub fn once(&self) -> bool {
        self.once
    }

    /// When it ends.
    pub fn expires(&self) -> Option<SystemTime> {
        self.expires
    }

    /// What the request with that head may do; `query` is that of its target.
    pub fn leave(&self, head: &Head<'_>, query: Option<&[u8]>, now: SystemTime) -> Leave {
        let (cookie, link) = (self.has_cookie(head), self.has_link(query));
        let expired = self.expires.is_some_and(|expires| expires <= now);
        match (cookie, link) {
            (false, false) => Leave::Denied(Denied::Ticket),
            _ if expired => Leave::Denied(Denied::Gone),
            (true, false) => Leave::In,
            // Who looks only at what there is (a preview in a chat) does not use it up.
            (_, true) if head.method == Method::Head => Leave::In,
            (true, true) if !accept::is_page(head) => Leave::In,
            (_, true) => Leave::Enter,
        }
    }

    /// Whether the cookie is there: the ticket was exchanged before.
    pub fn has_cookie(&self, head: &Head<'_>) -> bool {
        let (name, text) = (self.name(), BASE64URL_NOPAD.encode(&self.cookie));
        cookies(head).any(|(shown, value)| shown == name.as_bytes() && same(value, text.as_bytes()))
    }

    fn has_link(&self, query: Option<&[u8]>) -> bool {
        let text = BASE64URL_NOPAD.encode(&self.link);
        // All are looked at: in which place it stands tells nothing.
        parts(query)
            .filter_map(|part| part.strip_prefix(KEY))
            .fold(false, |has, shown| has | same(shown, text.as_bytes()))
    }

    /// `Set-Cookie` (RFC 6265): for this host, over TLS, not for scripts, not sent from pages of others but for links to here.
    pub fn set_cookie(&self, now: SystemTime) -> Value {
        let left = self.expires.map(|expires| expires.duration_since(now).unwrap_or(Duration::ZERO).as_secs().max(1));
        let age = left.map(|left| format!("; Max-Age={left}")).unwrap_or_default();
        let (name, value) = (self.name(), BASE64URL_NOPAD.encode(&self.cookie));
        Value::of(format!("{name}={value}; Path=/{age}; Secure; HttpOnly; SameSite=Lax").as_bytes())
    }

    /// Text of a request for the log, with a dash in place of each ticket, and of this one wherever it stands.
    pub fn masked(&self, text: &[u8]) -> Vec<u8> {
        without(&masked(text), BASE64URL_NOPAD.encode(&self.link).as_bytes())
    }

    /// Another one for each ticket, since cookies are those of a host, whatever the port.
    fn name(&self) -> String {
        let hash = blake3::derive_key("puerta serve 2026 name of the cookie", &self.cookie);
        format!("puerta-{}", HEXLOWER.encode(hash.get(..4).unwrap_or_default()))
    }
}

/// Not a byte of its secrets.
impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("once", &self.once).field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// In a time that depends on neither.
fn same(shown: &[u8], secret: &[u8]) -> bool {
    // Hashes of this type are compared in constant time.
    blake3::hash(shown) == blake3::hash(secret)
}

/// Each cookie: RFC 6265 section 4.2.1, over all fields of that name.
fn cookies<'a>(head: &Head<'a>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    let pairs = head.all("Cookie").flat_map(|value| value.split(|&b| b == b';'));
    pairs.filter_map(|pair| {
        let pair = pair.trim_ascii();
        let at = pair.iter().position(|&b| b == b'=')?;
        Some((pair.get(..at)?, pair.get(at + 1..)?))
    })
}

fn parts(query: Option<&[u8]>) -> impl Iterator<Item = &[u8]> {
    query.into_iter().flat_map(|query| query.split(|&b| b == b'&'))
}

/// Where a browser goes from the link: to the same path, without tickets in the query.
pub fn beyond(path: &SitePath<'_>, query: Option<&[u8]>) -> Vec<u8> {
    let left: Vec<&[u8]> = parts(query).filter(|part| !part.starts_with(KEY)).collect();
    let left = left.join(&b'&');
    path.target((!left.is_empty()).then_some(&left))
}

/// With a dash in place of the secret wherever it stands, percent-encoded or not. How long a comparison takes tells nothing.
fn without(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    // The last bytes as they are meant, each with where what stands for it begins.
    let mut last = VecDeque::with_capacity(secret.len());
    let mut rest = text;
    while let (Some(byte), length) = decoded(rest)
        && let Some((next, behind)) = rest.split_at_checked(length)
    {
        if last.len() == secret.len() {
            last.pop_front();
        }
        last.push_back((byte, out.len()));
        out.extend_from_slice(next);
        rest = behind;
        let unlike = last.iter().zip(secret).fold(0, |unlike, ((byte, _), other)| unlike | (byte ^ other));
        if let Some((_, start)) = last.front().filter(|_| last.len() == secret.len() && unlike == 0) {
            out.truncate(*start);
            out.push(b'-');
            last.clear();
        }
    }
    out
}

/// The first byte of what is percent-encoded, and how many bytes that takes.
fn decoded(text: &[u8]) -> (Option<u8>, usize) {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match text {
        [b'%', high, low, ..] => match (digit(high), digit(low)) {
            (Some(high), Some(low)) => (Some(high << 4 | low), 3),
            _ => (Some(b'%'), 1),
        },
        [byte, ..] => (Some(*byte), 1),
        [] => (None, 0),
    }
}

/// Text with a dash in place of what stands as a ticket in it.
fn masked(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(KEY.len()).position(|window| window.eq_ignore_ascii_case(KEY)) {
        let (before, behind) = rest.split_at_checked(at + KEY.len()).unwrap_or_default();
        out.extend_from_slice(before);
        out.push(b'-');
        let end = behind.iter().position(|b| matches!(b, b'&' | b'#')).unwrap_or(behind.len());
        rest = behind.get(end..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::head::{Field, Version};
    use std::time::UNIX_EPOCH;

    const HOUR: Duration = Duration::from_secs(3600);
    const PAGE: &str = "text/html,*/*;q=0.8";

    fn ticket(once: bool) -> Ticket {
        let mut secret = [0; 32];
        secret.iter_mut().zip(1..).for_each(|(byte, n)| *byte = n);
        Ticket::new(secret, once, Some(UNIX_EPOCH + HOUR))
    }

    fn leave(ticket: &Ticket, method: Method, fields: &[(&str, &str)], query: Option<&str>, now: SystemTime) -> Leave {
        let fields: Vec<_> = fields.iter().map(|&(name, value)| Field { name, value: value.as_bytes() }).collect();
        let head = Head { method, target: b"/", version: Version::Http11, fields: &fields };
        ticket.leave(&head, query.map(str::as_bytes), now)
    }

    fn cookie(ticket: &Ticket) -> String {
        let set = ticket.set_cookie(UNIX_EPOCH);
        String::from_utf8(set.as_bytes().split(|b| *b == b';').next().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn the_link_is_exchanged_for_a_cookie_and_the_cookie_lets_in() {
        let ticket = ticket(false);
        let link = ticket.query().trim_start_matches('?').to_owned();
        let (get, now) = (Method::Get, UNIX_EPOCH);
        assert_eq!(link.len(), "ticket=".len() + 22);
        assert_eq!(leave(&ticket, get, &[("Accept", PAGE)], Some(&link), now), Leave::Enter);
        assert_eq!(leave(&ticket, get, &[], Some(&format!("sort=size&{link}")), now), Leave::Enter);
        assert_eq!(leave(&ticket, Method::Head, &[], Some(&link), now), Leave::In);
        let cookie = cookie(&ticket);
        assert_eq!(leave(&ticket, get, &[("Cookie", &cookie)], None, now), Leave::In);
        assert_eq!(leave(&ticket, get, &[("Cookie", &format!("a=b; {cookie}; c"))], None, now), Leave::In);
        assert_eq!(leave(&ticket, get, &[("Cookie", "a=b"), ("cookie", &cookie)], Some("sort=size"), now), Leave::In);
        // Who comes back by the link has it taken out of the address again.
        let again = [("Cookie", cookie.as_str()), ("Accept", PAGE)];
        assert_eq!(leave(&ticket, get, &again, Some(&link), now), Leave::Enter);
        assert_eq!(leave(&ticket, get, &again[..1], Some(&link), now), Leave::In);
    }

    #[test]
    fn without_the_ticket_or_with_another_nobody_is_let_in() {
        let (ours, get, now) = (ticket(false), Method::Get, UNIX_EPOCH);
        let link = ours.query().trim_start_matches("?ticket=").to_owned();
        let name = cookie(&ours).split('=').next().unwrap().to_owned();
        let denied = Leave::Denied(Denied::Ticket);
        let upper = link.to_uppercase();
        for query in [
            "",
            "ticket",
            "ticket=",
            &link,
            &format!("Ticket={link}"),
            &format!("ticket={upper}"),
            &format!("ticket={link}x"),
            &format!("ticket={}", &link[1..]),
            &format!("%74icket={link}"),
        ] {
            assert_eq!(leave(&ours, get, &[], Some(query), now), denied, "{query}");
        }
        // The link's secret is not the cookie's.
        for value in [
            "",
            &name,
            &format!("{name}="),
            &format!("{name}={link}"),
            &format!("x{}", cookie(&ours)),
            &format!("{}x", cookie(&ours)),
        ] {
            assert_eq!(leave(&ours, get, &[("Cookie", value)], None, now), denied, "{value}");
        }
    }

    #[test]
    fn after_its_time_neither_link_nor_cookie_lets_in() {
        let ticket = ticket(true);
        let (link, cookie) = (ticket.query().trim_start_matches('?').to_owned(), cookie(&ticket));
        let late = UNIX_EPOCH + HOUR;
        let gone = Leave::Denied(Denied::Gone);
        assert_eq!(leave(&ticket, Method::Get, &[], Some(&link), late), gone);
        assert_eq!(leave(&ticket, Method::Head, &[], Some(&link), late), gone);
        assert_eq!(leave(&ticket, Method::Get, &[("Cookie", &cookie)], None, late), gone);
        assert_eq!(
            leave(&ticket, Method::Get, &[("Cookie", &cookie)], None, late - Duration::from_millis(1)),
            Leave::In
        );
        // To who has neither, nothing is said of that.
        assert_eq!(leave(&ticket, Method::Get, &[], None, late), Leave::Denied(Denied::Ticket));
    }

    #[test]
    fn the_cookie_is_for_this_host_over_tls_and_for_no_script() {
        let set = String::from_utf8(ticket(false).set_cookie(UNIX_EPOCH).as_bytes().to_vec()).unwrap();
        assert!(set.ends_with("; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax"), "{set}");
        let forever = Ticket::new([7; 32], false, None).set_cookie(UNIX_EPOCH);
        assert!(!String::from_utf8_lossy(forever.as_bytes()).contains("Max-Age"));
    }

    #[test]
    fn nothing_that_is_logged_or_printed_for_debugging_has_the_secret() {
        for (text, shown) in [
            ("/?ticket=abc", "/?ticket=-"),
            ("/a?x=1&ticket=abc&y=2&ticket=&z", "/a?x=1&ticket=-&y=2&ticket=-&z"),
            ("https://h/?TICKET=abc#top", "https://h/?TICKET=-#top"),
            ("/ticket", "/ticket"),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8(masked(text.as_bytes())).unwrap(), shown);
        }
        assert!(!format!("{:?}", Ticket::new([7; 32], true, None)).contains('7'));
    }

    #[test]
    fn the_secret_is_not_logged_wherever_it_stands_and_however_it_is_written() {
        let ticket = ticket(false);
        let secret = ticket.query().trim_start_matches("?ticket=").to_owned();
        let encoded: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for (text, shown) in [
            ("/?ticket=SECRET", "/?ticket=-"),
            ("/a?%74icket=SECRET&x", "/a?%74icket=-&x"),
            ("/a?ticket%3DSECRET", "/a?ticket%3D-"),
            ("/SECRET", "/-"),
            ("https://h/SECRET/?q=SECRET#SECRET", "https://h/-/?q=-#-"),
            ("/a?q=%4", "/a?q=%4"),
            ("/xSECRETy", "/x-y"),
            ("https://l/?u=h%252F%253Fticket%253DSECRET", "https://l/?u=h%252F%253Fticket%253D-"),
            ("SECRETSECRET", "--"),
        ] {
            for written in [&secret, &encoded] {
                let shown = shown.replace("SECRET", written);
                assert_eq!(String::from_utf8(ticket.masked(text.replace("SECRET", written).as_bytes())), Ok(shown));
            }
        }
    }

    #[test]
    fn a_browser_is_sent_to_the_same_without_the_ticket() {
        for (target, query, to) in [
            ("/", Some("ticket=abc"), "/"),
            ("/a b/", Some("ticket=abc&sort=size"), "/a%20b/?sort=size"),
            ("/a.txt", Some("x&ticket=abc"), "/a.txt?x"),
            ("/a.txt", None, "/a.txt"),
        ] {
            let path = SitePath::read(target.replace(' ', "%20").as_bytes()).unwrap().into_owned();
            assert_eq!(String::from_utf8(beyond(&path, query.map(str::as_bytes))).unwrap(), to);
        }
    }
}
