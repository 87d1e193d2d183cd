//! Addresses: where a socket is, and where it goes.

mod nearly;
mod parse;
mod print;
mod refused;
mod unix;

pub use parse::{Address, Host, LATER_LAYERS, Service, Target, Transport};
pub use print::{escape, unescape};
pub use refused::{ParseError, ParseErrorKind, nearest};
pub use unix::UnixAddr;

use crate::error::Result;
use crate::sys::sockaddr::{SockAddr, Storage};
use std::fmt;
use std::net::SocketAddr;

/// The address of a socket whose protocol is chosen at run time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// IPv4 or IPv6 address and port.
    Inet(SocketAddr),
    /// Unix address: unnamed, a path, or an abstract name.
    Unix(UnixAddr),
}

impl Endpoint {
    /// The IP address and port, if it is one.
    pub fn inet(&self) -> Option<SocketAddr> {
        match self {
            Endpoint::Inet(address) => Some(*address),
            Endpoint::Unix(_) => None,
        }
    }

    /// The Unix address, if it is one.
    pub fn unix(&self) -> Option<&UnixAddr> {
        match self {
            Endpoint::Inet(_) => None,
            Endpoint::Unix(address) => Some(address),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Inet(address) => address.fmt(f),
            Endpoint::Unix(address) => address.fmt(f),
        }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Endpoint::Inet(address)
    }
}

impl From<UnixAddr> for Endpoint {
    fn from(address: UnixAddr) -> Self {
        Endpoint::Unix(address)
    }
}

impl SockAddr for Endpoint {
    fn encode(&self) -> Result<Storage> {
        match self {
            Endpoint::Inet(address) => address.encode(),
            Endpoint::Unix(address) => address.encode(),
        }
    }

    fn decode(storage: &Storage) -> Option<Self> {
        match storage.family() {
            // An unnamed Unix socket sends without an address.
            libc::AF_UNIX | libc::AF_UNSPEC => UnixAddr::decode(storage).map(Endpoint::Unix),
            _ => SocketAddr::decode(storage).map(Endpoint::Inet),
        }
    }
}
