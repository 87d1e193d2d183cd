//! Names to addresses and back, by the system's own resolver.

mod address;

pub use address::Use;

use crate::error::{Bad, Call, Cause, Error, Result};
use crate::protocol::Ip;
use crate::sys::names::{self, Hints};
use std::borrow::Cow;
use std::collections::HashSet;
use std::ffi::CString;
use std::net::{Ipv6Addr, SocketAddr};
use std::ops::BitOr;

/// What to ask [`resolve`] for. A new one asks for every family and kind, to connect.
///
/// ```
/// use puerta::{Query, SocketType, resolve};
///
/// # fn main() -> Result<(), puerta::Error> {
/// let found = resolve(&Query::new("127.0.0.1").service("80").kind(SocketType::Stream))?;
/// assert_eq!(found[0].address, "127.0.0.1:80".parse().unwrap());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<'a> {
    host: Option<Cow<'a, str>>,
    service: Option<Cow<'a, str>>,
    family: Option<Ip>,
    kind: Option<SocketType>,
    passive: bool,
    numeric: bool,
    canonical: bool,
}

/// The type of socket that an address is for: socket(2), in [`Query`] and [`Resolved`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketType {
    /// `SOCK_STREAM`: TCP.
    Stream,
    /// `SOCK_DGRAM`: UDP.
    Datagram,
    /// `SOCK_RAW`: raw IP; it has no services.
    Raw,
}

/// One address of a name, as getaddrinfo(3) tells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resolved {
    /// The address, with the port of the service (0 without one) and the zone of a link-local address.
    pub address: SocketAddr,
    /// The type of socket that it is for.
    pub kind: SocketType,
    /// The IP protocol's number (protocols(5)): 6 for TCP, 17 for UDP.
    pub protocol: i32,
    /// The host's full name, on the first address alone and only where [`Query::canonical`] asked.
    pub canonical: Option<String>,
}

/// How [`reverse`] looks: the flags of getnameinfo(3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct NameFlags(i32);

/// The addresses of a name, in the order in which to try them: the system's own (RFC 6724, /etc/gai.conf), without
/// duplicates. It asks what the system asks, in its order: /etc/nsswitch.conf, /etc/hosts, the name servers of
/// /etc/resolv.conf. It blocks for as long as they take (glibc: 5 s a server and try, two tries), and cannot be interrupted.
///
/// To bind to every interface ([`Query::any`] and [`Query::passive`]) `[::]` comes before `0.0.0.0`.
///
/// What the classic notes call otherwise:
///
/// | there | here |
/// | --- | --- |
/// | `getaddrinfo`, `gethostbyname`, `getservbyname` | [`resolve`] |
/// | `getnameinfo`, `gethostbyaddr` | [`reverse`] |
/// | `inet_pton`, `inet_aton`, `inet_addr` | `text.parse::<IpAddr>()`; [`Query::numeric`] also takes `127.1`, as `inet_aton` does |
/// | `inet_ntop`, `inet_ntoa` | `address.to_string()` |
/// | `make_ip_address(host, port)` | `SocketAddr::new(ip, port)`, or `"127.0.0.1:80".parse::<SocketAddr>()` |
/// | `htons`, `ntohs` | nothing to do: the port of a [`SocketAddr`] is a number, and the library turns its bytes |
/// | `gai_strerror` | [`Error::reason`]; [`Error::name`] is the code's (`EAI_NONAME`) |
/// | `freeaddrinfo` | nothing to do |
/// | `if_nametoindex`, `if_indextoname` | [`interface_index`], [`interface_name`] |
///
/// # Errors
/// [`Cause::Resolve`] with the EAI code: `EAI_NONAME` (no such name), `EAI_AGAIN` (no answer from the name server),
/// `EAI_SERVICE`, `EAI_ADDRFAMILY` and its like; for `EAI_SYSTEM` the errno behind it, as [`Cause::Os`]. Refused before any call:
/// [`Bad::EmptyHost`] to connect without a host, [`Bad::Nul`], [`Bad::NameTooLong`] over 253 bytes, [`Bad::Value`] for a port
/// over 65535. [`Bad::Interface`] where `fe80::1%eth0` names an interface that does not exist.
#[doc(alias("getaddrinfo", "gethostbyname", "getservbyname", "inet_aton", "inet_pton", "make_ip_address", "htons"))]
pub fn resolve(query: &Query<'_>) -> Result<Vec<Resolved>> {
    look_up(query).map_err(|e| {
        match (e.cause(), query.family) {
            // The system does not tell a name that is none from one without such an address.
            (Cause::Resolve(libc::EAI_NONAME), Some(family)) => {
                let (family, other) = if family == Ip::V4 { ("IPv4", "IPv6") } else { ("IPv6", "IPv4") };
                e.hinted(format!("no such host, or it has no {family} address: ask for {other} or both"))
            }
            _ => e,
        }
        .about(query.to_string())
    })
}

/// Host and service of an address, by getnameinfo(3). Without flags a host or port that has no name is given as a number.
///
/// ```
/// use puerta::{NameFlags, reverse};
///
/// # fn main() -> Result<(), puerta::Error> {
/// let flags = NameFlags::NUMERIC_HOST | NameFlags::NUMERIC_SERVICE;
/// let (host, service) = reverse(&"[::1]:80".parse().unwrap(), flags)?;
/// assert_eq!((host.as_str(), service.as_str()), ("::1", "80"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `EAI_NONAME` where [`NameFlags::NAME_REQUIRED`] is set and there is none, `EAI_AGAIN` where the name server does not answer.
#[doc(alias("getnameinfo", "gethostbyaddr"))]
pub fn reverse(address: &SocketAddr, flags: NameFlags) -> Result<(String, String)> {
    names::getnameinfo(address, flags.0).map_err(|e| e.about(address.to_string()))
}

/// The index of the network interface with that name, by if_nametoindex(3): the zone of a link-local address.
///
/// # Errors
/// [`Bad::Interface`] where there is none, [`Bad::Nul`].
#[doc(alias = "if_nametoindex")]
pub fn interface_index(name: &str) -> Result<u32> {
    let index = || {
        let c_name = c_string(Call::IfNameToIndex, name)?;
        names::if_nametoindex(&c_name).map_err(|e| no_interface(Call::IfNameToIndex, e))
    };
    index().map_err(|e| e.about(name))
}

/// The name of the network interface with that index, by if_indextoname(3).
///
/// # Errors
/// [`Bad::Interface`] where there is none.
#[doc(alias = "if_indextoname")]
pub fn interface_name(index: u32) -> Result<String> {
    let name =
        names::if_indextoname(index).map_err(|e| no_interface(Call::IfIndexToName, e).about(index.to_string()))?;
    Ok(name.to_string_lossy().into_owned())
}

impl<'a> Query<'a> {
    /// Asks for a host: a name, an address, or an IPv6 address with its zone (`fe80::1%eth0`). An empty one is [`any`](Self::any).
    pub fn new(host: impl Into<Cow<'a, str>>) -> Self {
        let host = host.into();
        Query { host: (!host.is_empty()).then_some(host), ..Query::any() }
    }

    /// Asks for the unspecified address, which only [`passive`](Self::passive) has a use for.
    pub fn any() -> Self {
        let (host, service, family, kind) = (None, None, None, None);
        Query { host, service, family, kind, passive: false, numeric: false, canonical: false }
    }

    /// The port, as a number (0 to 65535) or by its name in /etc/services. Without it the port is 0.
    pub fn service(self, service: impl Into<Cow<'a, str>>) -> Self {
        Query { service: Some(service.into()), ..self }
    }

    /// The port, as a number.
    pub fn port(self, port: u16) -> Self {
        self.service(port.to_string())
    }

    /// Addresses of one family alone.
    pub fn family(self, family: impl Into<Option<Ip>>) -> Self {
        Query { family: family.into(), ..self }
    }

    /// Addresses for one type of socket alone. Without it every address comes once for each type that has the service.
    pub fn kind(self, kind: impl Into<Option<SocketType>>) -> Self {
        Query { kind: kind.into(), ..self }
    }

    /// For bind: no host is the unspecified address of both families (`AI_PASSIVE`).
    pub fn passive(self) -> Self {
        Query { passive: true, ..self }
    }

    /// Numbers alone, so that nobody is asked (`AI_NUMERICHOST`, `AI_NUMERICSERV`).
    pub fn numeric(self) -> Self {
        Query { numeric: true, ..self }
    }

    /// Asks for the host's full name as well (`AI_CANONNAME`).
    pub fn canonical(self) -> Self {
        Query { canonical: true, ..self }
    }
}

impl std::fmt::Display for Query<'_> {
    /// `host:service`, with an IPv6 address in brackets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = self.host.as_deref().unwrap_or_default();
        match &self.service {
            Some(service) if host.contains(':') => write!(f, "[{host}]:{service}"),
            Some(service) => write!(f, "{host}:{service}"),
            None => f.write_str(host),
        }
    }
}

impl NameFlags {
    /// Names where there are any, numbers elsewhere.
    pub const NONE: NameFlags = NameFlags(0);
    /// `NI_NAMEREQD`: fail with `EAI_NONAME` rather than give the host as a number.
    pub const NAME_REQUIRED: NameFlags = NameFlags(libc::NI_NAMEREQD);
    /// `NI_NUMERICHOST`: the host as a number; nobody is asked.
    pub const NUMERIC_HOST: NameFlags = NameFlags(libc::NI_NUMERICHOST);
    /// `NI_NUMERICSERV`: the port as a number.
    pub const NUMERIC_SERVICE: NameFlags = NameFlags(libc::NI_NUMERICSERV);
    /// `NI_DGRAM`: the service as UDP has it; a few ports differ (512 to 514).
    pub const DATAGRAM: NameFlags = NameFlags(libc::NI_DGRAM);
    /// `NI_NOFQDN`: the host alone for a name of this machine's own domain.
    pub const NO_DOMAIN: NameFlags = NameFlags(libc::NI_NOFQDN);
}

impl BitOr for NameFlags {
    type Output = NameFlags;
    fn bitor(self, other: NameFlags) -> NameFlags {
        NameFlags(self.0 | other.0)
    }
}

impl SocketType {
    const fn number(self) -> i32 {
        match self {
            SocketType::Stream => libc::SOCK_STREAM,
            SocketType::Datagram => libc::SOCK_DGRAM,
            SocketType::Raw => libc::SOCK_RAW,
        }
    }

    fn of(number: i32) -> Option<SocketType> {
        [SocketType::Stream, SocketType::Datagram, SocketType::Raw].into_iter().find(|kind| kind.number() == number)
    }
}

/// The longest host name: RFC 1035 section 2.3.4, without the root's dot.
const LONGEST: usize = 253;

fn look_up(query: &Query<'_>) -> Result<Vec<Resolved>> {
    let host = query.host.as_deref();
    if host.is_none() && !query.passive {
        return Err(Error::bad(Call::GetAddrInfo, Bad::EmptyHost));
    }
    let (host, zone) = match host {
        Some(host) => split_zone(checked_host(host)?)?,
        None => ("", None),
    };
    let host = if host.is_empty() { None } else { Some(c_string(Call::GetAddrInfo, host)?) };
    // Without host and service there is nothing to ask; port 0 is what no service means.
    let service = query.service.as_deref().or(if host.is_none() { Some("0") } else { None });
    let service = service.map(checked_service).transpose()?;
    let hints = Hints {
        flags: [
            (query.passive, libc::AI_PASSIVE),
            (query.canonical && host.is_some(), libc::AI_CANONNAME),
            (query.numeric, libc::AI_NUMERICHOST | libc::AI_NUMERICSERV),
        ]
        .into_iter()
        .fold(0, |flags, (on, flag)| if on { flags | flag } else { flags }),
        family: query.family.map_or(libc::AF_UNSPEC, Ip::domain),
        kind: query.kind.map_or(0, SocketType::number),
    };
    let entries = names::getaddrinfo(host.as_deref(), service.as_deref(), hints)?;
    let mut seen = HashSet::new();
    let mut found: Vec<Resolved> = entries
        .into_iter()
        .filter_map(|entry| {
            let address = in_zone(entry.address, zone);
            let kind = SocketType::of(entry.kind)?;
            let new = seen.insert((address, kind, entry.protocol));
            new.then_some(Resolved { address, kind, protocol: entry.protocol, canonical: entry.canonical })
        })
        .collect();
    if host.is_none() {
        // One dual-stack socket serves both families, so it is tried first.
        found.sort_by_key(|resolved| resolved.address.is_ipv4());
    }
    if found.is_empty() {
        return Err(Error::bad(Call::GetAddrInfo, Bad::NoAddress));
    }
    Ok(found)
}

fn checked_host(host: &str) -> Result<&str> {
    if host.strip_suffix('.').unwrap_or(host).len() > LONGEST {
        return Err(Error::bad(Call::GetAddrInfo, Bad::NameTooLong));
    }
    Ok(host)
}

/// A number up to 65535, or a name: glibc would cut 65616 down to 80, and take `-1` and `+80` for numbers.
fn checked_service(service: &str) -> Result<CString> {
    let number = !service.is_empty() && service.bytes().all(|b| b.is_ascii_digit());
    if number && service.parse::<u16>().is_err() {
        return Err(Error::bad(Call::GetAddrInfo, Bad::Value).hinted("ports go from 0 to 65535"));
    }
    let service_text = c_string(Call::GetAddrInfo, service)?;
    // RFC 6335 section 5.1: a service name has a letter.
    if !number && !service.bytes().any(|b| b.is_ascii_alphabetic()) {
        return Err(Error::new(Call::GetAddrInfo, Cause::Resolve(libc::EAI_SERVICE)));
    }
    Ok(service_text)
}

/// `fe80::1%eth0` into the address and the interface's index: RFC 4007 section 11. Any other `%` belongs to the name.
fn split_zone(host: &str) -> Result<(&str, Option<u32>)> {
    match host.split_once('%') {
        Some((address, zone)) if address.parse::<Ipv6Addr>().is_ok() => {
            let index = zone.parse::<u32>().or_else(|_| interface_index(zone))?;
            Ok((address, Some(index)))
        }
        _ => Ok((host, None)),
    }
}

fn in_zone(mut address: SocketAddr, zone: Option<u32>) -> SocketAddr {
    if let (SocketAddr::V6(v6), Some(zone)) = (&mut address, zone) {
        v6.set_scope_id(zone);
    }
    address
}

fn c_string(call: Call, text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::bad(call, Bad::Nul))
}

/// Both say `ENODEV` or `ENXIO` for an interface that does not exist.
fn no_interface(call: Call, error: Error) -> Error {
    match error.errno() {
        Some(libc::ENODEV | libc::ENXIO) => Error::bad(call, Bad::Interface),
        _ => error,
    }
}
