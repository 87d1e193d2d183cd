//! Messages with ancillary data: descriptors and credentials over Unix sockets, packet info of datagrams.

use crate::Endpoint;
use crate::ancillary::PacketInfo;
use crate::error::{Bad, Call, Error, Result};
use crate::exchange::{Flags, Received};
use crate::protocol::{AnyDatagram, Datagrams, Icmp, Protocol, RawIp, Udp};
use crate::role::{CanReceiveFrom, CanSendTo, Role};
use crate::socket::Socket;
use crate::sys::ancillary::{self, Outgoing, Source};
use crate::sys::sockaddr::SockAddr;
use std::io::{IoSlice, IoSliceMut};

/// How many descriptors one message carries at most: SCM_MAX_FD of unix(7).
pub const MAX_DESCRIPTORS: usize = 253;

/// A datagram that was received with where it went to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram<A> {
    /// How much of it is in the buffer, and how long it was.
    pub received: Received,
    /// Who sent it.
    pub from: A,
    /// Where it was sent to. `None` where packet info was not asked for, and on Unix sockets.
    pub to: Option<PacketInfo>,
}

impl<P: Protocol, R: Role> Socket<P, R> {
    /// Asks for packet info with each datagram, for [`recv_datagram`](Self::recv_datagram): the options `IP_PKTINFO` and,
    /// on an IPv6 socket, `IPV6_RECVPKTINFO`. Ask before `bind`: a datagram that was queued before does not know whether its
    /// address was a broadcast. On a Unix datagram socket, which has one address only, nothing happens.
    ///
    /// # Errors
    /// None are known for a socket.
    pub fn set_packet_info(&self, on: bool) -> Result<()>
    where
        P: TellsDestination,
    {
        ancillary::set_packet_info(&self.fd, on).map_err(|e| self.tell(e))
    }

    /// recvmsg(2): one datagram, who sent it, and where it was sent to
    /// (after [`set_packet_info`](Self::set_packet_info)). Descriptors that came with it are closed.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    pub fn recv_datagram(&self, into: &mut [u8], flags: Flags) -> Result<Datagram<P::Addr>>
    where
        P: Datagrams,
        R: CanReceiveFrom,
    {
        let room = into.len();
        let mut control = [0u64; 32];
        let mut parts = [IoSliceMut::new(into)];
        let flags = flags.0 | P::LENGTH_FLAG;
        let incoming = ancillary::recv(&self.fd, &mut parts, &mut control, flags, false).map_err(|e| self.tell(e))?;
        let from = self.decode(&incoming.from)?;
        Ok(Datagram { received: Received::of(incoming.len, room), from, to: incoming.control.to })
    }

    /// sendmsg(2): one datagram to one address, from `source` where it is given: for an answer, what
    /// [`PacketInfo::answer`] gives of the question.
    ///
    /// # Errors
    /// As [`send_to`](Self::send_to); `EINVAL` or `ENETUNREACH` for a source that is not this machine's; [`Bad::Family`] for
    /// a source of another family, [`Bad::Option`] for one on a Unix socket.
    pub fn send_datagram(&self, bytes: &[u8], to: &P::Addr, source: Option<PacketInfo>, flags: Flags) -> Result<usize>
    where
        P: Datagrams,
        R: CanSendTo,
    {
        let tell = |e| self.tell_about(e, Some(to.clone()));
        let storage = to.encode().map_err(tell)?;
        let source = source.map(|s| source_for(s, Some(to.clone().into()))).transpose().map_err(tell)?;
        let parts = [IoSlice::new(bytes)];
        let out = Outgoing { to: Some(&storage), source, ..Outgoing::plain(&parts) };
        ancillary::send(&self.fd, &out, flags.0).map_err(tell)
    }
}

/// Protocols whose datagrams tell which address of this machine they were sent to.
#[diagnostic::on_unimplemented(
    message = "messages of `{Self}` do not tell where they were sent to",
    label = "no packet info",
    note = "a connection has one address for its whole life: `local_addr`"
)]
pub trait TellsDestination: Protocol {}
impl TellsDestination for Udp {}
impl TellsDestination for RawIp {}
impl TellsDestination for Icmp {}
impl TellsDestination for AnyDatagram {}

/// A source makes sense for IP alone.
fn source_for(source: PacketInfo, to: Option<Endpoint>) -> Result<Source> {
    match to {
        Some(Endpoint::Inet(to)) => source.source(to),
        _ => Err(Error::bad(Call::SendMsg, Bad::Option)),
    }
}

impl<'a> Outgoing<'a> {
    fn plain(parts: &'a [IoSlice<'a>]) -> Self {
        Outgoing { parts, to: None, descriptors: &[], credentials: None, source: None, others: &[] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ip, UdpSocket};
    use std::net::{IpAddr, SocketAddr};
    use std::time::Duration;

    fn udp(ip: Ip, at: &str) -> UdpSocket {
        let socket = Socket::<Udp>::new(ip).unwrap();
        socket.set_packet_info(true).unwrap();
        socket.bind(&at.parse().unwrap()).unwrap()
    }

    /// A client asks at `asked`; a server on all addresses answers. Gives where the server was asked and who answered.
    fn ask_and_answer(server: &UdpSocket, client: Ip, asked: &str) -> (PacketInfo, SocketAddr) {
        let any = if client == Ip::V4 { "0.0.0.0:0" } else { "[::]:0" };
        let client = Socket::<Udp>::new(client).unwrap().bind(&any.parse().unwrap()).unwrap();
        let port = server.local_addr().unwrap().port();
        client.send_to(b"Hola, servidor!", &SocketAddr::new(asked.parse().unwrap(), port), Flags::NONE).unwrap();
        let mut buffer = [0; 64];
        let question = server.recv_datagram(&mut buffer, Flags::NONE).unwrap();
        assert_eq!(&buffer[..question.received.len], b"Hola, servidor!");
        let to = question.to.unwrap();
        server.send_datagram(b"Hola, cliente!", &question.from, to.answer(), Flags::NONE).unwrap();
        let (answer, from) = client.recv_from(&mut buffer, Flags::NONE).unwrap();
        assert_eq!(&buffer[..answer.len], b"Hola, cliente!");
        (to, from)
    }

    #[test]
    fn an_answer_leaves_from_the_address_that_was_asked() {
        let server = udp(Ip::V4, "0.0.0.0:0");
        for asked in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] {
            let (to, from) = ask_and_answer(&server, Ip::V4, asked);
            assert_eq!((to.address, from.ip()), (asked.parse().unwrap(), asked.parse().unwrap()));
            assert_eq!(to.interface, 1, "the loopback is the first interface");
        }
    }

    #[test]
    fn a_dual_stack_socket_answers_from_the_address_that_was_asked_in_both_families() {
        let server = udp(Ip::V6, "[::]:0");
        for asked in ["127.0.0.1", "127.0.0.2"] {
            let (to, from) = ask_and_answer(&server, Ip::V4, asked);
            assert_eq!((to.address, from.ip()), (asked.parse().unwrap(), asked.parse().unwrap()));
        }
        let (to, from) = ask_and_answer(&server, Ip::V6, "::1");
        assert_eq!((to.address, from.ip()), ("::1".parse().unwrap(), "::1".parse().unwrap()));
    }

    #[test]
    fn what_was_sent_to_a_broadcast_address_is_answered_without_a_source() {
        for (ip, any) in [(Ip::V4, "0.0.0.0:0"), (Ip::V6, "[::]:0")] {
            let server = udp(ip, any);
            let client = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
            client.set_broadcast(true).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            client.send_to(b"?", ("127.255.255.255", server.local_addr().unwrap().port())).unwrap();
            let mut buffer = [0; 16];
            let question = server.recv_datagram(&mut buffer, Flags::NONE).unwrap();
            let to = question.to.unwrap();
            assert_eq!(to.address, IpAddr::from([127, 255, 255, 255]));
            assert_eq!(to.answer(), None);
            server.send_datagram(b"!", &question.from, to.answer(), Flags::NONE).unwrap();
            assert_eq!(client.recv(&mut buffer).unwrap(), 1);
        }
    }

    #[test]
    fn a_datagram_that_is_cut_tells_its_full_length() {
        let server = udp(Ip::V4, "127.0.0.1:0");
        let client = udp(Ip::V4, "127.0.0.1:0");
        let to = server.local_addr().unwrap();
        client.send_datagram(&[7; 1000], &to, None, Flags::NONE).unwrap();
        client.send_datagram(b"", &to, None, Flags::NONE).unwrap();
        let cut = server.recv_datagram(&mut [0; 10], Flags::NONE).unwrap();
        assert_eq!((cut.received.len, cut.received.full_len, cut.from), (10, 1000, client.local_addr().unwrap()));
        let empty = server.recv_datagram(&mut [0; 10], Flags::NONE).unwrap();
        assert_eq!(empty.received, Received { len: 0, full_len: 0 });
    }

    #[test]
    fn a_source_that_cannot_be_is_refused() {
        let socket = udp(Ip::V4, "0.0.0.0:0");
        let to = "127.0.0.1:9".parse().unwrap();
        let v6 = PacketInfo::new("::1".parse().unwrap(), 0);
        let error = socket.send_datagram(b"", &to, Some(v6), Flags::NONE).unwrap_err();
        assert_eq!(error.cause(), crate::Cause::Bad(Bad::Family));
        let foreign = PacketInfo::new("192.0.2.1".parse().unwrap(), 0);
        let error = socket.send_datagram(b"", &to, Some(foreign), Flags::NONE).unwrap_err();
        assert!(matches!(error.errno(), Some(libc::EINVAL | libc::ENETUNREACH)), "{error}");
    }
}
