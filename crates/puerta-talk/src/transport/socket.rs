//! The UDP sockets of hubs and members, made with the library and handed to QUIC.

use puerta::{Ip, Result, Socket, Udp, Unbound, errno, opt};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Bytes that are asked for as a hub's SO_RCVBUF and SO_SNDBUF: 4 MiB. The kernel gives what sysctl net.core.rmem_max and
/// wmem_max allow, in silence.
pub const BUFFER: usize = 4 << 20;

/// A hub's socket.
#[derive(Debug)]
pub struct HubSocket {
    /// The socket, blocking; QUIC makes it non-blocking.
    pub socket: UdpSocket,
    /// IPv6 is switched off on this machine: it is for IPv4 alone.
    pub ipv6_off: bool,
}

/// Binds a hub's socket. `[::]` takes both families, or IPv4 alone where IPv6 is switched off. Port 0 is any free one.
///
/// # Errors
/// `EADDRINUSE` where the port is taken (it is never shared: SO_REUSEADDR stays off), `EADDRNOTAVAIL` where the address is not
/// this machine's, `EACCES` for ports below sysctl net.ipv4.ip_unprivileged_port_start.
pub fn hub_socket(at: SocketAddr) -> Result<HubSocket> {
    let (socket, ipv6_off) = bind(at, |socket| {
        socket.set(opt::ReceiveBuffer, BUFFER)?;
        socket.set(opt::SendBuffer, BUFFER)
    })?;
    Ok(HubSocket { socket, ipv6_off })
}

/// A member's socket: any free port of both families, or of IPv4 alone where IPv6 is switched off.
///
/// # Errors
/// As of socket(2) and bind(2): hardly ever, `EMFILE` at the limit of descriptors.
pub fn member_socket() -> Result<UdpSocket> {
    Ok(bind((Ipv6Addr::UNSPECIFIED, 0).into(), |_| Ok(()))?.0)
}

fn bind(at: SocketAddr, set: impl Fn(&Socket<Udp, Unbound>) -> Result<()>) -> Result<(UdpSocket, bool)> {
    match bind_once(at, &set) {
        Err(error) if at.ip() == Ipv6Addr::UNSPECIFIED && no_ipv6(&error) => {
            Ok((bind_once((Ipv4Addr::UNSPECIFIED, at.port()).into(), &set)?, true))
        }
        done => Ok((done?, false)),
    }
}

fn bind_once(at: SocketAddr, set: impl Fn(&Socket<Udp, Unbound>) -> Result<()>) -> Result<UdpSocket> {
    let socket = Socket::<Udp>::new(Ip::of(&at))?;
    if at.is_ipv6() {
        socket.set(opt::V6Only, !at.ip().is_unspecified())?;
    }
    set(&socket)?;
    socket.bind(&at)?.try_into()
}

/// The family is switched off: no such sockets, or no such addresses.
fn no_ipv6(error: &puerta::Error) -> bool {
    matches!(error.errno(), Some(errno::EAFNOSUPPORT | errno::EADDRNOTAVAIL))
}
