//! Options of IP: ip(7), ipv6(7).

use super::named::{Named, Phase};
use super::value::ValueKind;
use super::write::How;
use super::{Get, HasIp, HasIpDatagrams, HasPorts, IP, IP_DATAGRAMS, PORTS, Set, known};
use crate::role::{Role, Unbound};
use crate::sys::option::key;

/// `IPV6_V6ONLY`, ipv6(7): an IPv6 socket takes no IPv4. Without it, a socket bound to `[::]` also takes IPv4, whose addresses appear
/// as `::ffff:192.0.2.1`. An IPv4 socket answers [`Bad::Option`](crate::Bad::Option). Default: sysctl net.ipv6.bindv6only, off.
#[derive(Debug, Clone, Copy)]
pub struct V6Only;
known!(V6Only: V6_ONLY, bool);
pub(super) const V6_ONLY: Named = Named {
    name: "v6-only",
    phase: Phase::BeforeBind,
    summary: "IPv6 alone: do not take IPv4 on the same socket",
    value: ValueKind::Flag,
    kinds: PORTS,
    how: How::Int(key!(IPPROTO_IPV6, IPV6_V6ONLY)),
};
impl<P: HasPorts> Set<P, Unbound> for V6Only {
    type Value = bool;
}
impl<P: HasPorts, R: Role> Get<P, R> for V6Only {
    type Value = bool;
}

/// `IP_FREEBIND` and `IPV6_FREEBIND`, ip(7): bind(2) takes an address that this machine does not have, or not yet. Default: off,
/// sysctl net.ipv4.ip_nonlocal_bind.
#[derive(Debug, Clone, Copy)]
pub struct FreeBind;
known!(FreeBind: FREE_BIND, bool);
pub(super) const FREE_BIND: Named = Named {
    name: "free-bind",
    phase: Phase::BeforeBind,
    summary: "bind to an address that this machine does not have yet",
    value: ValueKind::Flag,
    kinds: IP,
    how: How::ByFamily(key!(IPPROTO_IP, IP_FREEBIND), key!(IPPROTO_IPV6, IPV6_FREEBIND)),
};
impl<P: HasIp> Set<P, Unbound> for FreeBind {
    type Value = bool;
}
impl<P: HasIp, R: Role> Get<P, R> for FreeBind {
    type Value = bool;
}

/// `IP_TRANSPARENT` and `IPV6_TRANSPARENT`, ip(7): a transparent proxy binds to addresses of others and takes what the firewall
/// redirects to it. Needs CAP_NET_ADMIN or CAP_NET_RAW (`EPERM`). Default: off.
#[derive(Debug, Clone, Copy)]
pub struct Transparent;
known!(Transparent: TRANSPARENT, bool);
pub(super) const TRANSPARENT: Named = Named {
    name: "transparent",
    phase: Phase::BeforeBind,
    summary: "bind to the addresses of others, as a transparent proxy",
    value: ValueKind::Flag,
    kinds: IP,
    how: How::ByFamily(key!(IPPROTO_IP, IP_TRANSPARENT), key!(IPPROTO_IPV6, IPV6_TRANSPARENT)),
};
impl<P: HasIp> Set<P, Unbound> for Transparent {
    type Value = bool;
}
impl<P: HasIp, R: Role> Get<P, R> for Transparent {
    type Value = bool;
}

/// `IP_TTL`, ip(7), and `IPV6_UNICAST_HOPS`, ipv6(7): how many routers a unicast packet passes at most, 1 to 255. On an IPv6 socket
/// both are set, for its IPv4 traffic too. Default: sysctl net.ipv4.ip_default_ttl and net.ipv6.conf.*.hop_limit, 64.
#[derive(Debug, Clone, Copy)]
#[doc(alias = "UnicastHops")]
pub struct Ttl;
known!(Ttl: TTL, u8);
pub(super) const TTL: Named = Named {
    name: "ttl",
    phase: Phase::Any,
    summary: "how many routers a packet passes at most (hop limit)",
    value: ValueKind::Number { min: 1, max: 255 },
    kinds: IP,
    how: How::BothFamilies(key!(IPPROTO_IP, IP_TTL), key!(IPPROTO_IPV6, IPV6_UNICAST_HOPS)),
};
impl<P: HasIp, R: Role> Set<P, R> for Ttl {
    type Value = u8;
}
impl<P: HasIp, R: Role> Get<P, R> for Ttl {
    type Value = u8;
}

/// `IP_TOS`, ip(7), and `IPV6_TCLASS`, ipv6(7): the byte with the class of service, 0 to 255: DSCP in the upper six bits (RFC 2474),
/// ECN in the lower two (RFC 3168). On TCP the kernel keeps the ECN bits to itself. On an IPv6 socket both are
/// set, for its IPv4 traffic too. Default: 0.
#[derive(Debug, Clone, Copy)]
#[doc(alias = "TrafficClass")]
pub struct Tos;
known!(Tos: TOS, u8);
pub(super) const TOS: Named = Named {
    name: "tos",
    phase: Phase::Any,
    summary: "type of service (traffic class): DSCP in the upper six bits",
    value: ValueKind::Number { min: 0, max: 255 },
    kinds: IP,
    how: How::BothFamilies(key!(IPPROTO_IP, IP_TOS), key!(IPPROTO_IPV6, IPV6_TCLASS)),
};
impl<P: HasIp, R: Role> Set<P, R> for Tos {
    type Value = u8;
}
impl<P: HasIp, R: Role> Get<P, R> for Tos {
    type Value = u8;
}

/// `IP_PKTINFO`, ip(7), and `IPV6_RECVPKTINFO`, ipv6(7): each datagram comes with the address that it was sent to and the
/// interface that it came in on, for [`recv_datagram`](crate::Socket::recv_datagram). On an IPv6 socket both are set: only the
/// first tells a broadcast address from one of this machine. Default: off.
#[derive(Debug, Clone, Copy)]
pub struct PacketInfo;
known!(PacketInfo: PACKET_INFO, bool);
pub(super) const PACKET_INFO: Named = Named {
    name: "packet-info",
    phase: Phase::Any,
    summary: "receive with each datagram the address and interface that it came to",
    value: ValueKind::Flag,
    kinds: IP_DATAGRAMS,
    how: How::BothFamilies(key!(IPPROTO_IP, IP_PKTINFO), key!(IPPROTO_IPV6, IPV6_RECVPKTINFO)),
};
impl<P: HasIpDatagrams, R: Role> Set<P, R> for PacketInfo {
    type Value = bool;
}
impl<P: HasIpDatagrams, R: Role> Get<P, R> for PacketInfo {
    type Value = bool;
}

/// `IP_RECVERR`, ip(7), and `IPV6_RECVERR`, ipv6(7): all that ICMP says of datagrams that were sent fails a later call, and is kept for
/// [`queued_error`](crate::Socket::queued_error). Without it a connected socket learns that the port is closed or the way
/// forbidden, but not that no way leads there. Who sets it has to take what is kept, which is counted as received data is
/// ([`ReceiveBuffer`](super::ReceiveBuffer)); so it is none of the [named](super::named) options. It also makes a send fail with
/// `ENOBUFS` where the interface's queue is full; without it the datagram is dropped in silence. On an IPv6 socket both are
/// set, for its IPv4 traffic too. Default: off.
#[derive(Debug, Clone, Copy)]
pub struct ReceiveErrors;
known!(ReceiveErrors: RECEIVE_ERRORS, bool);
pub(super) const RECEIVE_ERRORS: Named = Named {
    name: "receive-errors",
    phase: Phase::Any,
    summary: "hear all that ICMP says of what was sent",
    value: ValueKind::Flag,
    kinds: IP_DATAGRAMS,
    how: How::BothFamilies(key!(IPPROTO_IP, IP_RECVERR), key!(IPPROTO_IPV6, IPV6_RECVERR)),
};
impl<P: HasIpDatagrams, R: Role> Set<P, R> for ReceiveErrors {
    type Value = bool;
}
impl<P: HasIpDatagrams, R: Role> Get<P, R> for ReceiveErrors {
    type Value = bool;
}
