//! The grammar of base addresses: a transport and where it goes.
//!
//! ```text
//! address = transport ":" ["//"] target | sugar
//! target  = [host] ":" port, or port alone | path or "@" name
//! sugar   = host:port and :port (tcp) | /path, ./path, ../path and @name (unix)
//! ```

use super::nearly::{before, everywhere, port_alone};
use super::print::unescape;
use super::refused::{ParseError, ParseErrorKind as Kind, nearest};
use super::unix::UnixAddr;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::str::FromStr;

/// A base address as a user writes it: nothing is resolved yet.
///
/// ```
/// use puerta::{Address, Host, Service, Target, Transport};
/// let address: Address = "udp:[fe80::1%eth0]:53".parse()?;
/// assert_eq!(address.transport, Transport::Udp);
/// assert_eq!("localhost:80".parse::<Address>()?.to_string(), "tcp:localhost:80");
/// assert_eq!("udp:53".parse::<Address>()?.target, Target::Inet { host: Host::Any, service: Service::Port(53) });
/// # Ok::<(), puerta::ParseError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// How.
    pub transport: Transport,
    /// Where: [`Target::Unix`] for the three Unix transports, [`Target::Inet`] for the others.
    pub target: Target,
}

/// The transports, by the names that an address begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Transport {
    /// `tcp`
    Tcp,
    /// `udp`
    Udp,
    /// `unix`: `SOCK_STREAM`
    Unix,
    /// `unix-dgram`: `SOCK_DGRAM`
    UnixDatagram,
    /// `unix-packet`: `SOCK_SEQPACKET`
    UnixPacket,
}

/// Where an address goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A host and a port.
    Inet {
        /// The host; [`Host::Any`] where none was given.
        host: Host,
        /// The port.
        service: Service,
    },
    /// A path of 1 to 107 bytes or an abstract name of 1 to 107 bytes.
    Unix(UnixAddr),
}

/// A host as a user writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// No host: all interfaces of both families where one binds, nowhere to connect.
    Any,
    /// An IPv4 address: four decimal numbers.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6 {
        /// The address.
        ip: Ipv6Addr,
        /// The interface's name or index, of 1 to 15 bytes (RFC 4007, section 11).
        zone: Option<String>,
    },
    /// A name of 1 to 253 bytes, to be resolved.
    Name(String),
}

/// A port as a user writes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Service {
    /// 0 to 65535; 0 asks for any free port where one binds.
    Port(u16),
    /// A name from services(5): `http`.
    Name(String),
}

/// Layers that the grammar names and this build does not have. A host of such a name is written `tcp://tls:443`.
pub const LATER_LAYERS: [&str; 11] = ["tls", "quic", "ws", "pty", "exec", "sh", "file", "fd", "stdio", "raw", "vsock"];

const LISTEN: &str = "-listen";
const LONGEST_HOST: usize = 253;
const LONGEST_PATH: usize = 107;
const LONGEST_ZONE: usize = libc::IF_NAMESIZE - 1;

type Result<T, E = ParseError> = std::result::Result<T, E>;

impl Address {
    /// The target alone, for a transport that is known: what stands after `tcp:`.
    ///
    /// # Errors
    /// [`ParseError`] with its place in `target`.
    pub fn with_transport(transport: Transport, target: &str) -> Result<Self> {
        clean(target)?;
        let (at, text) = target.strip_prefix("//").map_or((0, target), |rest| (2, rest));
        let target = if transport.is_unix() { unix(text) } else { inet(transport, text) };
        Ok(Address { transport, target: target.map_err(|e| e.shifted(at))? })
    }
}

impl FromStr for Address {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self> {
        clean(text)?;
        if text.is_empty() {
            return Err(ParseError::new(Kind::Empty, 0, "the address is empty").with_hint(FORMS));
        }
        if text == "-" {
            return Err(absent("stdio", "", 0));
        }
        if ["/", "./", "../", "@"].iter().any(|start| text.starts_with(start)) {
            return Ok(Address { transport: Transport::Unix, target: unix(text)? });
        }
        let plain = || Ok(Address { transport: Transport::Tcp, target: inet(Transport::Tcp, text)? });
        let Some((word, rest)) = text.split_once(':') else { return Err(no_colon(text)) };
        if word.is_empty() || word.starts_with('[') || bare_v6(text) {
            return plain();
        }
        if let Ok(transport) = word.parse() {
            return Address::with_transport(transport, rest).map_err(|e| e.shifted(word.len() + 1));
        }
        match refused_word(word, rest) {
            Some(error) => Err(error),
            None => plain(),
        }
    }
}

impl FromStr for Host {
    type Err = ParseError;

    /// A host without a port: an IPv6 address may stand in brackets or not.
    fn from_str(text: &str) -> Result<Self> {
        clean(text)?;
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match inner {
            _ if text.is_empty() => Err(ParseError::new(Kind::Empty, 0, "the host is empty")
                .with_hint("a name, an IPv4 or an IPv6 address; localhost for this machine")),
            Some(inner) => v6(inner).map_err(|e| e.shifted(1)),
            None if text.contains(':') => v6(text),
            None => name(text),
        }
    }
}

impl FromStr for Service {
    type Err = ParseError;

    /// A number from 0 to 65535, or a name.
    fn from_str(text: &str) -> Result<Self> {
        clean(text)?;
        service(text)
    }
}

impl FromStr for Transport {
    type Err = ParseError;

    /// A transport by its name, in either case (RFC 3986, section 3.1).
    fn from_str(word: &str) -> Result<Self> {
        Transport::ALL.into_iter().find(|transport| transport.name().eq_ignore_ascii_case(word)).ok_or_else(|| {
            ParseError::new(Kind::UnknownLayer, 0, format!("{} is no transport", shown(word))).with_hint(known())
        })
    }
}

impl Transport {
    /// All of them.
    pub const ALL: [Transport; 5] =
        [Transport::Tcp, Transport::Udp, Transport::Unix, Transport::UnixDatagram, Transport::UnixPacket];

    /// The name in the grammar: `unix-dgram`.
    pub const fn name(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
            Transport::Unix => "unix",
            Transport::UnixDatagram => "unix-dgram",
            Transport::UnixPacket => "unix-packet",
        }
    }

    /// True where an address is a path or an abstract name.
    pub const fn is_unix(self) -> bool {
        matches!(self, Transport::Unix | Transport::UnixDatagram | Transport::UnixPacket)
    }

    /// True where there is no connection: every message finds its own way.
    pub const fn is_datagram(self) -> bool {
        matches!(self, Transport::Udp | Transport::UnixDatagram)
    }
}

const FORMS: &str = "host:port, :port for all interfaces, /path or @name for a Unix socket, or udp:host:port";

/// What no address holds, whatever its form: control characters, and commas, which begin options.
fn clean(text: &str) -> Result<()> {
    let comma = text.find(',').map(|at| {
        ParseError::new(Kind::Options, at, "an address takes no options here")
            .with_hint("leave them out; a comma of a path or name is written %2C")
    });
    ParseError::control_in(text).or(comma).map_or(Ok(()), Err)
}

/// The word before the first colon, when it is a layer that is not to be had or looks like one.
fn refused_word(word: &str, rest: &str) -> Option<ParseError> {
    let lower = word.to_ascii_lowercase();
    let outer = lower.split('+').next().unwrap_or_default();
    let base = outer.strip_suffix(LISTEN).unwrap_or(outer);
    if let Some(later) = LATER_LAYERS.iter().find(|later| **later == base) {
        return Some(absent(later, rest, 0));
    }
    if base.parse::<Transport>().is_ok() && outer != base {
        let error = ParseError::new(Kind::Listen, base.len(), "an address does not say here that it listens");
        return Some(error.with_hint(format!("leave out {LISTEN}: {}:{}", base, shown(rest))));
    }
    if let Some((first, _)) = word.split_once('+') {
        let error = ParseError::new(Kind::Layers, first.len(), "an address takes no layers here");
        return Some(error.with_hint(format!("write one transport: {}", names())));
    }
    let near = near_layer(word);
    let number = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    if !rest.starts_with("//") && (near.is_none() || number) {
        return None;
    }
    let error = ParseError::new(Kind::UnknownLayer, 0, format!("{} is no layer", shown(word)));
    Some(match near {
        Some(near) => error.with_hint(format!("did you mean {near}? {}", as_host(word, rest))),
        None => error.with_hint(known()),
    })
}

fn near_layer(word: &str) -> Option<String> {
    let plain: Vec<&str> = Transport::ALL.iter().map(|t| t.name()).chain(LATER_LAYERS).collect();
    let listening: Vec<String> = plain.iter().map(|name| format!("{name}{LISTEN}")).collect();
    nearest(word, plain.into_iter().chain(listening.iter().map(String::as_str))).map(str::to_owned)
}

fn absent(layer: &str, rest: &str, at: usize) -> ParseError {
    let error = ParseError::new(Kind::AbsentLayer, at, format!("this build has no {layer}; it has {}", names()));
    match service(rest) {
        Ok(_) => error.with_hint(as_host(layer, rest)),
        Err(_) => error.with_hint(FORMS),
    }
}

fn as_host(word: &str, rest: &str) -> String {
    let port = service(rest).map_or_else(|_| "PORT".to_owned(), |service| shown(&service.to_string()));
    format!("a host called {0} is tcp://{0}:{port}", shown(word))
}

fn known() -> String {
    format!("known are {}", names())
}

fn names() -> String {
    Transport::ALL.map(Transport::name).join(", ")
}

fn no_colon(text: &str) -> ParseError {
    let word = shown(text);
    let error = ParseError::new(Kind::PortMissing, text.len(), "the port is missing");
    if text.parse::<Transport>().is_ok_and(Transport::is_unix) {
        return ParseError::new(Kind::PathEmpty, text.len(), "the path of the Unix socket is missing")
            .with_hint(format!("{word}:/path, {word}:./path, or {word}:@name for an abstract one"));
    }
    if text.parse::<Transport>().is_ok() {
        return error.with_hint(format!("{word}:host:port, or {word}::port for all interfaces"));
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return port_alone(Transport::Tcp, &word, text.len());
    }
    if text.contains('/') {
        return error.with_hint(format!("a Unix socket's path begins with / or ./: ./{word}"));
    }
    error.with_hint(format!("{word}:PORT; a Unix socket in this folder is ./{word}"))
}

fn unix(text: &str) -> Result<Target> {
    let (kind, at, raw) = match text.strip_prefix('@') {
        Some(name) => ("abstract name", 1, name),
        None => ("path", 0, text),
    };
    let value = unescape(raw);
    if value.is_empty() {
        return Err(ParseError::new(Kind::PathEmpty, at, format!("the {kind} of the Unix socket is empty"))
            .with_hint("give a path: /run/app.sock, ./app.sock, or @name for an abstract one"));
    }
    if value.len() > LONGEST_PATH {
        let message = format!("the {kind} has {} bytes, a Unix socket's has {LONGEST_PATH} at most", value.len());
        return Err(ParseError::new(Kind::PathTooLong, at, message)
            .with_hint("use a shorter one: a folder nearer the root, or a relative path"));
    }
    Ok(Target::Unix(if at == 1 { UnixAddr::abstract_name(value) } else { UnixAddr::path(Path::new(&value)) }))
}

fn inet(transport: Transport, text: &str) -> Result<Target> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits {
        return Ok(Target::Inet { host: Host::Any, service: service(text)? });
    }
    let (host, at) = if let Some(rest) = text.strip_prefix('[') {
        let Some((inner, _)) = rest.split_once(']') else {
            return Err(ParseError::new(Kind::Ipv6, 0, "the bracket is not closed")
                .with_hint("an IPv6 address with a port is [2001:db8::1]:80"));
        };
        (v6(inner).map_err(|e| e.shifted(1))?, inner.len() + 2)
    } else {
        match text.split_once(':') {
            Some((_, port)) if port.contains(':') => return Err(many_colons(transport, text)),
            Some(("", _)) => (Host::Any, 0),
            Some((port, "")) if port.parse::<u16>().is_ok() => return Err(port_alone(transport, port, text.len())),
            Some((host, port)) => (name(host).map_err(|e| everywhere(e, transport, host, port))?, host.len()),
            None if text.is_empty() => (Host::Any, 0),
            None => (name(text)?, text.len()),
        }
    };
    let after = text.get(at..).unwrap_or_default();
    let Some(port) = after.strip_prefix(':') else {
        if !after.is_empty() {
            return Err(ParseError::new(Kind::Port, at, format!("{} stands where :port should", shown(after)))
                .with_hint("an IPv6 address with a port is [2001:db8::1]:80"));
        }
        let error = ParseError::new(Kind::PortMissing, at, "the port is missing");
        return Err(match &host {
            Host::Name(word) if service(word).is_ok() => error.with_hint(format!(
                "{transport}:{0}:PORT; the service {0} on all interfaces is {transport}::{0}",
                shown(word)
            )),
            Host::Any => error.with_hint(format!("{transport}:host:port, or {transport}::port for all interfaces")),
            _ => error.with_hint(format!("{}{}:PORT", before(transport), shown(text))),
        });
    };
    Ok(Target::Inet { host, service: service(port).map_err(|e| e.shifted(at + 1))? })
}

/// More colons than a host and a port have: an IPv6 address without brackets, or a layer that is none.
fn many_colons(transport: Transport, text: &str) -> ParseError {
    let (before, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let brackets =
        |hint: String| ParseError::new(Kind::Ipv6, 0, "an IPv6 address with a port stands in brackets").with_hint(hint);
    let (whole, most) = (v6(text).is_ok(), v6(before).is_ok() && service(port).is_ok());
    match (whole, most) {
        (true, true) => brackets(format!("[{before}]:{port}, or [{text}]:PORT")),
        (true, false) => brackets(format!("[{text}]:PORT")),
        (false, true) => brackets(format!("[{before}]:{}", shown(port))),
        (false, false) => {
            let word = text.split(':').next().unwrap_or_default();
            let colon = word.len() + 1 + text.get(word.len() + 1..).and_then(|rest| rest.find(':')).unwrap_or(0);
            ParseError::new(Kind::Host, colon, "a host and a port have one colon between them, this is a second")
                .with_hint(format!("{transport}:host:port; IPv6 stands in brackets, [2001:db8::1]:80"))
        }
    }
}

fn bare_v6(text: &str) -> bool {
    text.split('%').next().is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok())
}

fn v6(text: &str) -> Result<Host> {
    let (raw, zone) = text.split_at(text.find('%').unwrap_or(text.len()));
    let Ok(ip) = raw.parse() else {
        let error = ParseError::new(Kind::Ipv6, 0, format!("{} is no IPv6 address", shown(raw)));
        return Err(match name(text) {
            Ok(_) => error.with_hint(format!("brackets are for IPv6 alone: write {} without them", shown(text))),
            Err(_) => error.with_hint("eight groups of hexadecimal digits, or fewer with :: once: 2001:db8::1"),
        });
    };
    if zone.is_empty() {
        return Ok(Host::V6 { ip, zone: None });
    }
    let zone = unescape(zone);
    let Some(zone) = zone.strip_prefix('%') else {
        return Err(ParseError::new(Kind::Ipv6, raw.len(), "a comma cannot stand in an IPv6 address")
            .with_hint("a zone follows a percent sign: fe80::1%eth0"));
    };
    let error = |message: String| {
        ParseError::new(Kind::Zone, raw.len(), message)
            .with_hint(format!("the interface's name: {ip}%eth0; one that is called 25 is written %2525"))
    };
    if zone.is_empty() {
        return Err(error("the zone is empty".to_owned()));
    }
    if zone.len() > LONGEST_ZONE {
        return Err(error(format!(
            "the zone has {} bytes, an interface's name has {LONGEST_ZONE} at most",
            zone.len()
        )));
    }
    match zone.chars().find(|c| c.is_whitespace() || "/:[]".contains(*c)) {
        Some(c) => Err(error(format!("{} cannot stand in an interface's name", quoted(c)))),
        None => Ok(Host::V6 { ip, zone: Some(zone.to_owned()) }),
    }
}

fn name(text: &str) -> Result<Host> {
    if let Ok(ip) = text.parse() {
        return Ok(Host::V4(ip));
    }
    let ascii = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let wrong = text.char_indices().find(|(_, c)| if c.is_ascii() { !ascii(*c) } else { c.is_whitespace() });
    if let Some((at, c)) = wrong {
        let error = ParseError::new(Kind::Host, at, format!("{} cannot stand in the name of a host", quoted(c)));
        return Err(error.with_hint(match c {
            '*' if text == "*" => "all interfaces are an empty host: :80",
            '@' => "leave the user out; an abstract Unix socket begins with @",
            '%' => "a zone follows an IPv6 address in brackets: [fe80::1%eth0]:80",
            '/' => "a Unix socket's path begins with / or ./, or follows unix:",
            _ => "a name has letters, digits, hyphens and dots",
        }));
    }
    if text.len() > LONGEST_HOST {
        let message = format!("the host name has {} bytes, a host name has {LONGEST_HOST} at most", text.len());
        return Err(ParseError::new(Kind::HostTooLong, 0, message).with_hint("check the name: was a text pasted here?"));
    }
    if text.starts_with(['.', '-']) {
        return Err(ParseError::new(Kind::Host, 0, "the name of a host begins with a letter or a digit")
            .with_hint("a Unix socket's path begins with / or ./, or follows unix:"));
    }
    let last = text.strip_suffix('.').unwrap_or(text).rsplit('.').next().unwrap_or_default();
    if is_number(last) {
        return Err(ParseError::new(Kind::Ipv4, 0, format!("{} is no IPv4 address", shown(text)))
            .with_hint("four decimal numbers from 0 to 255: 127.0.0.1"));
    }
    Ok(Host::Name(text.to_owned()))
}

/// inet_aton(3) takes names that end so for numbers, hexadecimal and octal ones too.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    match hex {
        Some(hex) => hex.bytes().all(|b| b.is_ascii_hexdigit()),
        None => !label.is_empty() && label.bytes().all(|b| b.is_ascii_digit()),
    }
}

fn service(text: &str) -> Result<Service> {
    if text.is_empty() {
        return Err(ParseError::new(Kind::PortMissing, 0, "the port is missing")
            .with_hint("a number from 0 to 65535, or a name from /etc/services"));
    }
    let number = text.strip_prefix('-').unwrap_or(text);
    if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().filter(|_| number == text).map(Service::Port).ok_or_else(|| {
            ParseError::new(Kind::PortRange, 0, format!("a port is 0 to 65535, not {}", shown(text)))
                .with_hint("0 is any free port")
        });
    }
    let wrong = text.char_indices().find(|(_, c)| !c.is_ascii_alphanumeric() && !"-_.+".contains(*c));
    match wrong {
        Some((at, c)) => {
            let error = ParseError::new(Kind::Port, at, format!("{} cannot stand in a port", quoted(c)));
            Err(error.with_hint(match c {
                '/' | '?' | '#' => "an address ends with its port: leave out what follows",
                _ => "a number from 0 to 65535, or a name from /etc/services",
            }))
        }
        None if !text.bytes().any(|b| b.is_ascii_alphabetic()) => {
            Err(ParseError::new(Kind::Port, 0, format!("{} is no port", shown(text)))
                .with_hint("a number from 0 to 65535, or a name from /etc/services"))
        }
        None => Ok(Service::Name(text.to_owned())),
    }
}

fn shown(text: &str) -> String {
    ParseError::shown(text)
}

fn quoted(c: char) -> String {
    if c == ' ' { "a space".to_owned() } else { shown(c.encode_utf8(&mut [0; 4])) }
}
