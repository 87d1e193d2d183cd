//! The grammar's printer. What it prints, the parser reads back as the same value.

use super::parse::{Address, Host, Service, Target, Transport};
use super::unix::UnixAddr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;

impl fmt::Display for Address {
    /// The full form, with its transport: `tcp:localhost:80`, `unix:/run/app.sock`. `{:#}` gives the short form where there
    /// is one: `localhost:80`, `/run/app.sock`. Both parse back to the same address if it came from the grammar; an unnamed
    /// Unix address, and bytes that are no UTF-8, have no text that does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target.to_string();
        if f.alternate() && target.parse::<Address>().is_ok_and(|back| back == *self) {
            return f.write_str(&target);
        }
        let slashes = if target.starts_with("//") { "//" } else { "" };
        write!(f, "{}:{slashes}{target}", self.transport)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Inet { host: host @ Host::V6 { .. }, service } => write!(f, "[{host}]:{service}"),
            Target::Inet { host, service } => write!(f, "{host}:{service}"),
            Target::Unix(UnixAddr::Path(path)) => {
                let path = path.as_os_str().as_bytes();
                let dot = if path.starts_with(b"@") { "./" } else { "" };
                write!(f, "{dot}{}", escape(&String::from_utf8_lossy(path)))
            }
            Target::Unix(UnixAddr::Abstract(name)) => write!(f, "@{}", escape(&String::from_utf8_lossy(name))),
            Target::Unix(UnixAddr::Unnamed) => f.write_str("(unnamed)"),
        }
    }
}

impl fmt::Display for Host {
    /// Without brackets; nothing for [`Host::Any`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Any => Ok(()),
            Host::V4(ip) => write!(f, "{ip}"),
            Host::V6 { ip, zone: None } => write!(f, "{ip}"),
            Host::V6 { ip, zone: Some(zone) } => write!(f, "{ip}{}", escape(&format!("%{zone}"))),
            Host::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Service::Port(port) => write!(f, "{port}"),
            Service::Name(name) => f.write_str(name),
        }
    }
}

/// Writes a comma as `%2C`, and a `%` as `%25` where it would otherwise be read as an escape.
///
/// ```
/// assert_eq!(puerta::escape("a,b 100% %2C"), "a%2Cb 100% %252C");
/// assert_eq!(puerta::unescape("a%2Cb 100% %252C"), "a,b 100% %2C");
/// ```
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            ',' => out.push_str("%2C"),
            '%' if escaped_at(text, at).is_some() => out.push_str("%25"),
            _ => out.push(c),
        }
    }
    out
}

/// Reads `%2C` as a comma and `%25` as `%`, in either case (RFC 3986, section 2.1). Any other `%` is itself.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (c, len) = escaped_at(rest, at).map_or(('%', 1), |c| (c, 3));
        out.push(c);
        rest = from.get(len..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

fn escaped_at(text: &str, at: usize) -> Option<char> {
    match text.as_bytes().get(at..)? {
        [b'%', b'2', b'5', ..] => Some('%'),
        [b'%', b'2', b'C' | b'c', ..] => Some(','),
        _ => None,
    }
}
