//! Protocols: uninhabited types, what they can do as traits.

use crate::address::{Endpoint, UnixAddr};
use crate::sys::sockaddr::SockAddr;
use crate::sys::socket::Triple;
use std::net::SocketAddr;

pub(crate) mod sealed {
    use super::{SockAddr, Triple};

    /// What the library needs to know of a protocol, and nobody else.
    pub trait Sealed {
        type Address: SockAddr;
        type Made: Copy;
        /// Added to the flags of recv: MSG_TRUNC, so that datagram sockets tell the full length. On TCP it would discard.
        const LENGTH_FLAG: libc::c_int;
        /// Whether port 0 is nowhere to connect to.
        const PORTS: bool;
        fn triple(family: Self::Made) -> Triple;
        /// Whether a socket with these three (SO_DOMAIN, SO_TYPE, SO_PROTOCOL) is one of this protocol.
        fn admits(triple: Triple) -> bool;
        /// As the address grammar names it.
        fn name(address: Option<&Self::Address>) -> &'static str;
    }
}

/// A protocol: what `socket(2)` is asked for, and how its addresses look.
pub trait Protocol: sealed::Sealed<Address = Self::Addr, Made = Self::Family> + Send + Sync + 'static {
    /// What [`Socket::new`](crate::Socket::new) takes: the IP family, nothing for Unix, a protocol number for [`RawIp`].
    type Family: Copy;
    /// The type of its addresses.
    type Addr: SockAddr;
}

/// Connection-mode protocols: they listen and accept.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no connections to listen for",
    label = "not a connection-mode protocol",
    note = "datagram sockets are ready after `bind`: use `recv_from`"
)]
pub trait Listens: Protocol {}

/// A byte stream: a read of 0 bytes is the end. (A datagram of 0 bytes is a message, so datagram protocols are not `Bytes`.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a byte stream",
    label = "it keeps message boundaries",
    note = "it keeps message boundaries: use `send` and `recv`"
)]
pub trait Bytes: Protocol {}

/// Each message goes to an address of its own. ([`UnixPacket`] keeps boundaries too, but is a connection.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` sends no datagrams to an address",
    label = "it is a connection",
    note = "it is a connection: `connect`, then `send`"
)]
pub trait Datagrams: Protocol {}

/// The family of Internet addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ip {
    /// IPv4: ip(7).
    V4,
    /// IPv6: ipv6(7). Whether it takes IPv4 as well is the option `V6Only`; the system's default is sysctl net.ipv6.bindv6only.
    V6,
}

impl Ip {
    /// The family of an address.
    pub const fn of(address: &SocketAddr) -> Ip {
        match address {
            SocketAddr::V4(_) => Ip::V4,
            SocketAddr::V6(_) => Ip::V6,
        }
    }

    pub(crate) const fn domain(self) -> libc::c_int {
        match self {
            Ip::V4 => libc::AF_INET,
            Ip::V6 => libc::AF_INET6,
        }
    }
}

/// The family of a socket whose protocol is chosen at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// Unix.
    Unix,
}

impl Family {
    /// The family of an address.
    pub const fn of(endpoint: &Endpoint) -> Family {
        match endpoint {
            Endpoint::Inet(SocketAddr::V4(_)) => Family::V4,
            Endpoint::Inet(SocketAddr::V6(_)) => Family::V6,
            Endpoint::Unix(_) => Family::Unix,
        }
    }

    const fn domain(self) -> libc::c_int {
        match self {
            Family::V4 => libc::AF_INET,
            Family::V6 => libc::AF_INET6,
            Family::Unix => libc::AF_UNIX,
        }
    }
}

/// TCP: tcp(7), RFC 9293.
#[derive(Debug)]
pub enum Tcp {}
/// UDP: udp(7), RFC 768. A datagram holds at most 65,507 bytes over IPv4 and 65,527 over IPv6.
#[derive(Debug)]
pub enum Udp {}
/// Unix stream sockets: unix(7), `SOCK_STREAM`.
#[derive(Debug)]
pub enum UnixStream {}
/// Unix packet sockets: unix(7), `SOCK_SEQPACKET`: a connection that keeps message boundaries.
#[derive(Debug)]
pub enum UnixPacket {}
/// Unix datagram sockets: unix(7), `SOCK_DGRAM`. They keep order and lose nothing: a full receiver blocks the sender.
#[derive(Debug)]
pub enum UnixDatagram {}
/// Raw IP: raw(7). Made from the family and a protocol number (1 for ICMP, 58 for ICMPv6, 255 to write the header
/// oneself). The port of its addresses is 0, but that of its own is the protocol's number. Needs root or CAP_NET_RAW. Over IPv4 what arrives begins with the IP header.
#[derive(Debug)]
pub enum RawIp {}
/// ICMP echo without privileges: icmp(7), `SOCK_DGRAM` with `IPPROTO_ICMP` or `IPPROTO_ICMPV6`; the port of an address is
/// the echo identifier. Needs a group within sysctl net.ipv4.ping_group_range.
#[derive(Debug)]
pub enum Icmp {}
/// A byte stream chosen at run time: TCP or a Unix stream socket.
#[derive(Debug)]
pub enum AnyStream {}
/// A datagram protocol chosen at run time: UDP or a Unix datagram socket.
#[derive(Debug)]
pub enum AnyDatagram {}

macro_rules! sealed {
    ($protocol:ident, $family:ty, $addr:ty, flag $flag:expr, ports $ports:expr, triple |$of:ident| $triple:expr, admits |$seen:ident| $admits:expr,
     name |$address:ident| $name:expr) => {
        impl sealed::Sealed for $protocol {
            type Address = $addr;
            type Made = $family;
            const LENGTH_FLAG: libc::c_int = $flag;
            const PORTS: bool = $ports;
            fn triple($of: $family) -> Triple {
                let (domain, kind, protocol) = $triple;
                Triple { domain, kind, protocol }
            }
            fn admits($seen: Triple) -> bool {
                $admits
            }
            fn name($address: Option<&$addr>) -> &'static str {
                $name
            }
        }
        impl Protocol for $protocol {
            type Family = $family;
            type Addr = $addr;
        }
    };
}

fn inet(triple: Triple) -> bool {
    matches!(triple.domain, libc::AF_INET | libc::AF_INET6)
}

const TRUNC: libc::c_int = libc::MSG_TRUNC;

sealed!(Tcp, Ip, SocketAddr, flag 0, ports true,
    triple |ip| (ip.domain(), libc::SOCK_STREAM, libc::IPPROTO_TCP),
    admits |t| inet(t) && t.kind == libc::SOCK_STREAM && t.protocol == libc::IPPROTO_TCP,
    name |_address| "tcp");
sealed!(Udp, Ip, SocketAddr, flag TRUNC, ports true,
    triple |ip| (ip.domain(), libc::SOCK_DGRAM, libc::IPPROTO_UDP),
    admits |t| inet(t) && t.kind == libc::SOCK_DGRAM && t.protocol == libc::IPPROTO_UDP,
    name |_address| "udp");
sealed!(UnixStream, (), UnixAddr, flag 0, ports true,
    triple |_unit| (libc::AF_UNIX, libc::SOCK_STREAM, 0),
    admits |t| t.domain == libc::AF_UNIX && t.kind == libc::SOCK_STREAM,
    name |_address| "unix");
sealed!(UnixPacket, (), UnixAddr, flag TRUNC, ports true,
    triple |_unit| (libc::AF_UNIX, libc::SOCK_SEQPACKET, 0),
    admits |t| t.domain == libc::AF_UNIX && t.kind == libc::SOCK_SEQPACKET,
    name |_address| "unix-packet");
sealed!(UnixDatagram, (), UnixAddr, flag TRUNC, ports true,
    triple |_unit| (libc::AF_UNIX, libc::SOCK_DGRAM, 0),
    admits |t| t.domain == libc::AF_UNIX && t.kind == libc::SOCK_DGRAM,
    name |_address| "unix-dgram");
sealed!(RawIp, (Ip, u8), SocketAddr, flag TRUNC, ports false,
    triple |of| (of.0.domain(), libc::SOCK_RAW, libc::c_int::from(of.1)),
    admits |t| inet(t) && t.kind == libc::SOCK_RAW,
    name |_address| "raw");
sealed!(Icmp, Ip, SocketAddr, flag TRUNC, ports false,
    triple |ip| (ip.domain(), libc::SOCK_DGRAM, match ip { Ip::V4 => libc::IPPROTO_ICMP, Ip::V6 => libc::IPPROTO_ICMPV6 }),
    admits |t| inet(t) && t.kind == libc::SOCK_DGRAM && matches!(t.protocol, libc::IPPROTO_ICMP | libc::IPPROTO_ICMPV6),
    name |_address| "icmp");
sealed!(AnyStream, Family, Endpoint, flag 0, ports true,
    triple |family| (family.domain(), libc::SOCK_STREAM, if matches!(family, Family::Unix) { 0 } else { libc::IPPROTO_TCP }),
    admits |t| <Tcp as sealed::Sealed>::admits(t) || <UnixStream as sealed::Sealed>::admits(t),
    name |address| if matches!(address, Some(Endpoint::Unix(_))) { "unix" } else { "tcp" });
sealed!(AnyDatagram, Family, Endpoint, flag TRUNC, ports true,
    triple |family| (family.domain(), libc::SOCK_DGRAM, if matches!(family, Family::Unix) { 0 } else { libc::IPPROTO_UDP }),
    admits |t| <Udp as sealed::Sealed>::admits(t) || <UnixDatagram as sealed::Sealed>::admits(t),
    name |address| if matches!(address, Some(Endpoint::Unix(_))) { "unix-dgram" } else { "udp" });

impl Listens for Tcp {}
impl Listens for UnixStream {}
impl Listens for UnixPacket {}
impl Listens for AnyStream {}

impl Bytes for Tcp {}
impl Bytes for UnixStream {}
impl Bytes for AnyStream {}

impl Datagrams for Udp {}
impl Datagrams for UnixDatagram {}
impl Datagrams for RawIp {}
impl Datagrams for Icmp {}
impl Datagrams for AnyDatagram {}
