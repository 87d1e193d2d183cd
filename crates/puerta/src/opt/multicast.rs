//! Multicast: ip(7), ipv6(7).

use super::named::{Named, Phase};
use super::value::ValueKind;
use super::write::{How, domain, on_dual_stack};
use super::{Get, HasIpDatagrams, IP_DATAGRAMS, Set, known};
use crate::error::{Bad, Call, Error, Result};
use crate::role::Role;
use crate::sys::names::if_nametoindex;
use crate::sys::option::{Key, get, key, set};
use libc::c_int;
use std::ffi::CString;
use std::fmt;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::str::FromStr;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Interface {
    /// The one that the routes choose.
    #[default]
    Any,
    /// By its number, from 1: the first column of `ip link`.
    Index(u32),
    /// By its name, 1 to 15 bytes. It is looked up when the option is set.
    Name(String),
}

/// A multicast group on an interface: `239.1.2.3`, `239.1.2.3%lo`, `ff02::1%2`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Group {
    address: IpAddr,
    interface: Interface,
}

/// `IP_ADD_MEMBERSHIP`, ip(7), and `IPV6_ADD_MEMBERSHIP`, ipv6(7): datagrams to the group come in. The membership ends with the
/// socket. Bind to the group's port, and to its address or the unspecified one. `EADDRINUSE` where it is joined already, `ENODEV`
/// where no route leads to the group and no interface is named, `ENOBUFS` beyond sysctl net.ipv4.igmp_max_memberships (20).
#[derive(Debug, Clone, Copy)]
pub struct MulticastJoin;
known!(MulticastJoin: MULTICAST_JOIN, Group);
pub(super) const MULTICAST_JOIN: Named = Named {
    name: "multicast-join",
    phase: Phase::Any,
    summary: "receive what is sent to this group",
    value: ValueKind::Group,
    kinds: IP_DATAGRAMS,
    how: How::Membership { v4: key!(IPPROTO_IP, IP_ADD_MEMBERSHIP), v6: key!(IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP) },
};
impl<P: HasIpDatagrams, R: Role> Set<P, R> for MulticastJoin {
    type Value = Group;
}

/// `IP_DROP_MEMBERSHIP`, ip(7), and `IPV6_DROP_MEMBERSHIP`, ipv6(7): ends a membership. `EADDRNOTAVAIL` where there is none.
#[derive(Debug, Clone, Copy)]
pub struct MulticastLeave;
known!(MulticastLeave: MULTICAST_LEAVE, Group);
pub(super) const MULTICAST_LEAVE: Named = Named {
    name: "multicast-leave",
    phase: Phase::Any,
    summary: "no longer receive what is sent to this group",
    value: ValueKind::Group,
    kinds: IP_DATAGRAMS,
    how: How::Membership { v4: key!(IPPROTO_IP, IP_DROP_MEMBERSHIP), v6: key!(IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP) },
};
impl<P: HasIpDatagrams, R: Role> Set<P, R> for MulticastLeave {
    type Value = Group;
}

/// `IP_MULTICAST_LOOP`, ip(7), and `IPV6_MULTICAST_LOOP`, ipv6(7): members on this machine receive what it sends. On an IPv6 socket both
/// are set. Default: on.
#[derive(Debug, Clone, Copy)]
pub struct MulticastLoop;
known!(MulticastLoop: MULTICAST_LOOP, bool);
pub(super) const MULTICAST_LOOP: Named = Named {
    name: "multicast-loop",
    phase: Phase::Any,
    summary: "members on this machine receive what it sends",
    value: ValueKind::Flag,
    kinds: IP_DATAGRAMS,
    how: How::BothFamilies(key!(IPPROTO_IP, IP_MULTICAST_LOOP), key!(IPPROTO_IPV6, IPV6_MULTICAST_LOOP)),
};
impl<P: HasIpDatagrams, R: Role> Set<P, R> for MulticastLoop {
    type Value = bool;
}
impl<P: HasIpDatagrams, R: Role> Get<P, R> for MulticastLoop {
    type Value = bool;
}

/// `IP_MULTICAST_IF`, ip(7), and `IPV6_MULTICAST_IF`, ipv6(7): the interface through which multicast datagrams go out. On an IPv6
/// socket both are set, and the IPv6 one is told. Linux does not tell it of an IPv4 socket: [`Bad::Option`]. Default: `Any`.
#[derive(Debug, Clone, Copy)]
pub struct MulticastInterface;
known!(MulticastInterface: MULTICAST_INTERFACE, Interface);
pub(super) const MULTICAST_INTERFACE: Named = Named {
    name: "multicast-interface",
    phase: Phase::Any,
    summary: "the interface through which multicast datagrams go out",
    value: ValueKind::Interface,
    kinds: IP_DATAGRAMS,
    how: How::MulticastInterface,
};
impl<P: HasIpDatagrams, R: Role> Set<P, R> for MulticastInterface {
    type Value = Interface;
}
impl<P: HasIpDatagrams, R: Role> Get<P, R> for MulticastInterface {
    type Value = Interface;
}

/// `IP_MULTICAST_TTL`, ip(7), and `IPV6_MULTICAST_HOPS`, ipv6(7): how many routers a multicast datagram passes at most, 0 (it stays on
/// this machine) to 255. On an IPv6 socket both are set. Default: 1, the local network.
#[derive(Debug, Clone, Copy)]
#[doc(alias = "MulticastHops")]
pub struct MulticastTtl;
known!(MulticastTtl: MULTICAST_TTL, u8);
pub(super) const MULTICAST_TTL: Named = Named {
    name: "multicast-ttl",
    phase: Phase::Any,
    summary: "how many routers a multicast datagram passes at most",
    value: ValueKind::Number { min: 0, max: 255 },
    kinds: IP_DATAGRAMS,
    how: How::BothFamilies(key!(IPPROTO_IP, IP_MULTICAST_TTL), key!(IPPROTO_IPV6, IPV6_MULTICAST_HOPS)),
};
impl<P: HasIpDatagrams, R: Role> Set<P, R> for MulticastTtl {
    type Value = u8;
}
impl<P: HasIpDatagrams, R: Role> Get<P, R> for MulticastTtl {
    type Value = u8;
}

impl Group {
    /// The group of that address, on that interface.
    ///
    /// # Errors
    /// [`Bad::Value`] where the address is no multicast address: 224.0.0.0 to 239.255.255.255, or ff00::/8.
    pub fn new(address: IpAddr, interface: Interface) -> Result<Group> {
        if address.is_multicast() {
            Ok(Group { address, interface })
        } else {
            let hint = "multicast addresses are 224.0.0.0 to 239.255.255.255, and those that begin with ff";
            Err(Error::bad(Call::SetSockOpt, Bad::Value).hinted(hint))
        }
    }

    /// Its address.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Its interface.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }
}

impl FromStr for Group {
    type Err = Error;

    /// `ADDRESS` or `ADDRESS%INTERFACE`.
    fn from_str(text: &str) -> Result<Group> {
        let bad =
            || Error::bad(Call::SetSockOpt, Bad::Value).hinted("write a multicast address, such as 239.1.2.3%eth0");
        let (address, interface) = match text.split_once('%') {
            Some((address, interface)) => (address, interface.parse()?),
            None => (text, Interface::Any),
        };
        Group::new(address.parse().map_err(|_| bad())?, interface)
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.interface {
            Interface::Any => self.address.fmt(f),
            interface => write!(f, "{}%{interface}", self.address),
        }
    }
}

impl Interface {
    /// Whether the text that it prints means it again.
    pub(super) fn is_sound(&self) -> bool {
        match self {
            Interface::Any => true,
            Interface::Index(index) => *index > 0 && *index <= i32::MAX as u32,
            Interface::Name(name) => matches!(name.parse(), Ok(Interface::Name(_))),
        }
    }

    /// 0 for `Any`.
    fn index(&self) -> Result<u32> {
        match self {
            Interface::Any => Ok(0),
            Interface::Index(index) => Ok(*index),
            Interface::Name(name) => by_name(name).map_err(|e| e.about(name.as_str())),
        }
    }
}

impl FromStr for Interface {
    type Err = Error;

    /// A name, a number from 1, or `any`.
    fn from_str(text: &str) -> Result<Interface> {
        let refused = || Err(Error::bad(Call::IfNameToIndex, Bad::Interface));
        if text == "any" {
            return Ok(Interface::Any);
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return match text.parse::<i32>() {
                Ok(index @ 1..) => Ok(Interface::Index(index.unsigned_abs())),
                _ => refused(),
            };
        }
        // The kernel's own rule for names: dev_valid_name.
        if text.len() >= libc::IFNAMSIZ || text.contains(['\0', '/', ':', '%']) || text.contains(char::is_whitespace) {
            return refused();
        }
        Ok(Interface::Name(text.to_owned()))
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Interface::Any => f.write_str("any"),
            Interface::Index(index) => index.fmt(f),
            Interface::Name(name) => f.write_str(name),
        }
    }
}

fn by_name(name: &str) -> Result<u32> {
    let text = CString::new(name).map_err(|_| Error::bad(Call::IfNameToIndex, Bad::Nul))?;
    if_nametoindex(&text).map_err(|e| match e.errno() {
        Some(libc::ENODEV | libc::ENXIO) => Error::bad(Call::IfNameToIndex, Bad::Interface),
        _ => e,
    })
}

pub(super) fn membership(fd: BorrowedFd<'_>, v4: Key, v6: Key, group: &Group) -> Result<()> {
    let index = group.interface.index()?;
    match group.address {
        IpAddr::V4(address) => {
            let imr_multiaddr = libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) };
            set(fd, v4, &mreqn(imr_multiaddr, index)?)
        }
        IpAddr::V6(address) => {
            let ipv6mr_multiaddr = libc::in6_addr { s6_addr: address.octets() };
            set(fd, v6, &libc::ipv6_mreq { ipv6mr_multiaddr, ipv6mr_interface: index })
        }
    }
}

const INTERFACE_V4: Key = key!(IPPROTO_IP, IP_MULTICAST_IF);
const INTERFACE_V6: Key = key!(IPPROTO_IPV6, IPV6_MULTICAST_IF);
/// On IPv4, and on IPv6.
pub(super) const INTERFACE: [Key; 2] = [INTERFACE_V4, INTERFACE_V6];

pub(super) fn set_interface(fd: BorrowedFd<'_>, interface: &Interface) -> Result<()> {
    let index = interface.index()?;
    let v4 = mreqn(libc::in_addr { s_addr: 0 }, index)?;
    if domain(fd)? != libc::AF_INET6 {
        return set(fd, INTERFACE_V4, &v4);
    }
    set(fd, INTERFACE_V6, &v4.imr_ifindex)?;
    on_dual_stack(set(fd, INTERFACE_V4, &v4))
}

pub(super) fn interface(fd: BorrowedFd<'_>) -> Result<Interface> {
    if domain(fd)? != libc::AF_INET6 {
        let hint = "Linux tells the interface of multicast of an IPv6 socket only";
        return Err(Error::bad(Call::GetSockOpt, Bad::Option).about(MULTICAST_INTERFACE.name).hinted(hint));
    }
    Ok(match u32::try_from(get::<c_int>(fd, INTERFACE_V6)?) {
        Ok(index @ 1..) => Interface::Index(index),
        _ => Interface::Any,
    })
}

fn mreqn(imr_multiaddr: libc::in_addr, index: u32) -> Result<libc::ip_mreqn> {
    let imr_ifindex = c_int::try_from(index).map_err(|_| Error::bad(Call::SetSockOpt, Bad::Interface))?;
    Ok(libc::ip_mreqn { imr_multiaddr, imr_address: libc::in_addr { s_addr: 0 }, imr_ifindex })
}
