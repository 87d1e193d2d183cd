//! Where questions go, and the sockets for them.

use super::Settings;
use crate::announcement::ADDRESSES;
use crate::rung::Rung;
use puerta::{Async, Flags, Interface, Ip, Result, Socket, Udp, UdpSocket, opt};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// To how many places one question goes at most; interfaces behind are left out.
pub const PLACES: usize = 64;

/// All nodes of a link: RFC 4291, 2.7.1. Nobody has to join it.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Networks of one or two addresses have no broadcast address: RFC 3021.
const POINT_TO_POINT: u8 = 31;

/// Where to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) rung: Rung,
    pub(super) interface: String,
    pub(super) to: SocketAddr,
}

/// Where to ask on these interfaces; `index` gives an interface's number. No I/O.
pub(super) fn places(interfaces: &[Interface], settings: &Settings, index: impl Fn(&str) -> Option<u32>) -> Vec<Place> {
    let mut seen = BTreeSet::new();
    let place = |interface: &Interface| {
        let (rung, to) = match interface.address {
            IpAddr::V4(address) if interface.prefix < POINT_TO_POINT => {
                let rung = if interface.loopback { Rung::Machine } else { Rung::Broadcast };
                (rung, SocketAddr::new(broadcast(address, interface.prefix).into(), settings.port))
            }
            IpAddr::V6(address) if address.is_unicast_link_local() && !interface.loopback => {
                let scope = index(&interface.name)?;
                (Rung::Multicast, SocketAddrV6::new(ALL_NODES, settings.port, 0, scope).into())
            }
            _ => return None,
        };
        settings.has(rung).then(|| Place { rung, interface: interface.name.clone(), to })
    };
    let up = interfaces.iter().filter(|i| i.up);
    up.filter_map(place).filter(|p| seen.insert(p.to)).take(PLACES).collect()
}

/// What a hub is reached at, the likeliest first: IPv4, then IPv6, and the loopback interface where there is nothing else.
/// Link-local IPv6 addresses mean nothing on another machine.
pub(super) fn own_addresses(interfaces: &[Interface]) -> Vec<IpAddr> {
    let of = |loopback: bool, v4: bool| {
        let told = move |i: &&Interface| i.up && i.loopback == loopback && i.address.is_ipv4() == v4;
        interfaces.iter().filter(told).map(|i| i.address).filter(|a| !is_link_local(a))
    };
    let outside: Vec<_> = of(false, true).chain(of(false, false)).take(ADDRESSES).collect();
    if outside.is_empty() { of(true, true).chain(of(true, false)).take(ADDRESSES).collect() } else { outside }
}

/// The socket that a hub is asked at.
pub(super) fn door(ip: Ip, port: u16) -> Result<Async<UdpSocket>> {
    let socket = only(ip)?.with(opt::ReuseAddress, true)?;
    Async::new(socket.bind(&SocketAddr::new(unspecified(ip), port))?)
}

/// The socket that asks.
pub(super) fn window(ip: Ip) -> Result<Async<UdpSocket>> {
    let socket = only(ip)?;
    let socket = if ip == Ip::V4 { socket.with(opt::Broadcast, true)? } else { socket };
    Async::new(socket.bind(&SocketAddr::new(unspecified(ip), 0))?)
}

/// Sends without waiting: where there is no room, it is lost as it could be on the way.
pub(super) fn send(socket: &Async<UdpSocket>, bytes: &[u8], to: &SocketAddr) -> Result<()> {
    match socket.get_ref().send_to(bytes, to, Flags::DONTWAIT) {
        Err(error) if !error.would_block() => Err(error),
        _ => Ok(()),
    }
}

fn only(ip: Ip) -> Result<Socket<Udp>> {
    let socket = Socket::<Udp>::new(ip)?;
    if ip == Ip::V6 { socket.with(opt::V6Only, true) } else { Ok(socket) }
}

fn unspecified(ip: Ip) -> IpAddr {
    match ip {
        Ip::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Ip::V6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn broadcast(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    let hosts = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() | hosts)
}

fn is_link_local(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, address: &str, prefix: u8) -> Interface {
        let (up, loopback) = (true, name == "lo");
        Interface { name: name.into(), address: address.parse().unwrap(), prefix, zone: 0, up, loopback }
    }

    fn machine() -> Vec<Interface> {
        vec![
            of("lo", "127.0.0.1", 8),
            of("lo", "::1", 128),
            of("eth0", "2001:db8::5", 64),
            of("eth0", "10.1.2.3", 22),
            of("eth0", "10.1.2.4", 22),
            of("eth0", "fe80::1", 64),
            of("tun0", "10.9.0.1", 31),
            of("tun1", "10.9.0.5", 32),
            Interface { up: false, ..of("eth1", "10.2.0.1", 24) },
        ]
    }

    fn asked(settings: &Settings) -> Vec<(Rung, String)> {
        let places = places(&machine(), settings, |_| Some(7));
        places.into_iter().map(|p| (p.rung, format!("{} {}", p.interface, p.to))).collect()
    }

    #[test]
    fn each_network_is_asked_once_on_the_interfaces_that_are_up() {
        let settings = Settings::default();
        let expected = [
            (Rung::Machine, "lo 127.255.255.255:7776".to_owned()),
            (Rung::Broadcast, "eth0 10.1.3.255:7776".to_owned()),
            (Rung::Multicast, "eth0 [ff02::1%7]:7776".to_owned()),
        ];
        assert_eq!(asked(&settings), expected);
        let settings = Settings { rungs: vec![Rung::Machine], port: 9, ..settings };
        assert_eq!(asked(&settings), [(Rung::Machine, "lo 127.255.255.255:9".to_owned())]);
    }

    #[test]
    fn a_hub_tells_addresses_that_mean_something_elsewhere() {
        let of_text = |list: &[&str]| list.iter().map(|a| a.parse().unwrap()).collect::<Vec<IpAddr>>();
        let all = of_text(&["10.1.2.3", "10.1.2.4", "10.9.0.1", "10.9.0.5", "2001:db8::5"]);
        assert_eq!(own_addresses(&machine()), all);
        assert_eq!(own_addresses(&machine()[..2]), of_text(&["127.0.0.1", "::1"]));
        assert_eq!(own_addresses(&[]), of_text(&[]));
    }

    #[test]
    fn more_interfaces_than_fit_are_left_out() {
        let many: Vec<_> = (0..200).map(|i| of(&format!("eth{i}"), &format!("10.0.{i}.1"), 24)).collect();
        assert_eq!(places(&many, &Settings::default(), |_| None).len(), PLACES);
        assert_eq!(own_addresses(&many).len(), ADDRESSES);
    }
}
