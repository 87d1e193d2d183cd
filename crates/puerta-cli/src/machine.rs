//! What the system says of this machine's networks, for [`reach`](puerta_relay::reach).

use puerta::{Endpoint, interfaces};
use puerta_relay::reach::{Machine, addresses};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Where the default routes lead: addresses of examples (RFC 5737, RFC 3849), which nobody has.
const FAR: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// A port of which it does not matter what it is for: discard.
const PORT: u16 = 9;

/// What has to be known of the machine to tell who reaches these addresses. The default routes are asked for only where there is a choice.
pub(crate) fn of(listening: &[Endpoint]) -> Machine {
    let machine = Machine { interfaces: interfaces().ok(), ..Machine::default() };
    let choice = listening.iter().filter_map(Endpoint::inet).any(|at| addresses(&at, &machine).len() > 1);
    let default = if choice { FAR.into_iter().filter_map(source).collect() } else { Vec::new() };
    Machine { default, ..machine }
}

/// Our address of what is sent there: connect(2) of a UDP socket asks for the route and sends nothing. By std: a trace tells the calls of
/// what was asked for.
fn source(to: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(to, PORT)).ok()?;
    socket.local_addr().ok().map(|at| at.ip())
}
