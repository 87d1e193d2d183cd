//! What travels beside the bytes of a message, as values.

use crate::error::{Bad, Call, Error, Result};
use crate::sys::ancillary::Source;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The address and the interface of a datagram on this machine: `IP_PKTINFO` of ip(7), `IPV6_PKTINFO` of ipv6(7), RFC 3542.
///
/// Received, it tells where the datagram was sent to; given to what sends, it chooses the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PacketInfo {
    /// The address. One that came in over IPv4 is an IPv4 address, also on a dual-stack socket.
    pub address: IpAddr,
    /// The index of the interface, as `ip link` numbers them. 0 for sending: the routing tables choose.
    pub interface: u32,
    /// False for an address of many machines: broadcast, multicast.
    own: bool,
}

impl PacketInfo {
    /// The source of datagrams to send: an address of this machine, or the unspecified address for any, and an interface to
    /// leave by, or 0 for the one that the routing tables choose.
    pub fn new(address: IpAddr, interface: u32) -> Self {
        PacketInfo { address, interface, own: true }
    }

    /// The source of an answer to a datagram that was sent here: the address that was asked. `None` for a broadcast or
    /// multicast address, which is no source: then the system chooses. The interface is left to the routing tables, but
    /// for a link-local address, which means nothing without it.
    pub fn answer(self) -> Option<PacketInfo> {
        let bound_to_link = matches!(self.address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        let interface = if bound_to_link { self.interface } else { 0 };
        self.own.then_some(PacketInfo { interface, ..self })
    }

    pub(crate) fn received(address: IpAddr, interface: u32, own: bool) -> Self {
        let shared = address.is_multicast() || matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
        PacketInfo { address, interface, own: own && !shared }
    }

    /// As the family of the socket wants it, which is that of the destination. IPv4 goes over IPv6 sockets as mapped addresses.
    pub(crate) fn source(self, to: SocketAddr) -> Result<Source> {
        let over = to.ip().to_canonical();
        let from = match (self.address.to_canonical(), over) {
            (from, IpAddr::V4(_)) if from.is_unspecified() => Ipv4Addr::UNSPECIFIED.into(),
            (from, IpAddr::V6(_)) if from.is_unspecified() => Ipv6Addr::UNSPECIFIED.into(),
            (from, _) => from,
        };
        match (to, over, from) {
            (SocketAddr::V4(_), _, IpAddr::V4(v4)) => Ok(Source::V4(v4, self.interface)),
            (SocketAddr::V6(_), IpAddr::V4(_), IpAddr::V4(v4)) => Ok(Source::V6(v4.to_ipv6_mapped(), self.interface)),
            (SocketAddr::V6(_), IpAddr::V6(_), IpAddr::V6(v6)) => Ok(Source::V6(v6, self.interface)),
            _ => Err(Error::bad(Call::SendMsg, Bad::Family)),
        }
    }
}

/// A control message that the library does not decode, as it is on the wire between process and kernel: cmsg(3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RawAncillary {
    /// `cmsg_level`: `SOL_SOCKET`, `IPPROTO_IP`, …
    pub level: i32,
    /// `cmsg_type`, of that level.
    pub kind: i32,
    /// `cmsg_data`, in the layout that level and type ask for.
    pub bytes: Vec<u8>,
}

impl RawAncillary {
    /// `IP_RECVERR` and `IPV6_RECVERR`: a `struct sock_extended_err` of linux/errqueue.h, and the address of who said it, but for what
    /// this machine says of itself. The errno, and that address.
    pub(crate) fn said(&self) -> Option<(i32, Option<IpAddr>)> {
        let ours = [(libc::IPPROTO_IP, libc::IP_RECVERR), (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)];
        let (errno, from) = (self.bytes.first_chunk()?, self.bytes.get(size_of::<libc::sock_extended_err>()..)?);
        let family = from.first_chunk().map_or(libc::AF_UNSPEC, |family| i32::from(u16::from_ne_bytes(*family)));
        let v4 = || from.get(4..)?.first_chunk().map(|&bytes: &[u8; 4]| IpAddr::from(bytes));
        let v6 = || from.get(8..)?.first_chunk().map(|&bytes: &[u8; 16]| IpAddr::from(bytes).to_canonical());
        let from = match family {
            libc::AF_INET => v4(),
            libc::AF_INET6 => v6(),
            _ => None,
        };
        ours.contains(&(self.level, self.kind)).then_some((i32::from_ne_bytes(*errno), from))
    }
}
