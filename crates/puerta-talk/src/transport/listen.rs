//! A hub's socket, and QUIC on it.

use super::server::{Server, Sink};
use crate::identity::Key;
use crate::problem::Problem;
use bytes::BytesMut;
use puerta::errno;
use quinn::udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};
use tokio::io::Interest;

/// The longest UDP payload, and the longest that the kernel joins of several, in bytes.
const JOINED: usize = 65_535;

/// A socket's state that was misled is made anew so often at most: 10 s.
const ANEW: Duration = Duration::from_secs(10);

/// How often the socket is read in a turn, at most, some 32 datagrams each time.
const READS: usize = 16;

/// The socket of a [`Server`].
#[derive(Debug)]
pub struct Door {
    socket: tokio::net::UdpSocket,
    state: UdpSocketState,
    /// The state may know wrong things: see [`Out::misled`].
    misled: bool,
    /// When it was made.
    made: Instant,
    /// For what is read at once: of this memory only what is filled is taken.
    buffer: Box<[u8]>,
}

/// A hub's end of QUIC, and the door through which it takes members: a socket, such as [`hub_socket`](super::hub_socket) makes. It is
/// made non-blocking.
///
/// # Errors
/// [`Problem::System`] where the runtime cannot register it.
///
/// # Panics
/// Outside of a tokio runtime, or in one without I/O.
pub fn listen(key: &Key, socket: UdpSocket) -> Result<(Server, Door), Problem> {
    let state = UdpSocketState::new((&socket).into()).map_err(Problem::System)?;
    socket.set_nonblocking(true).map_err(Problem::System)?;
    let port = socket.local_addr().map_err(Problem::System)?.port();
    let server = Server::new(key, port, !state.may_fragment())?;
    let socket = tokio::net::UdpSocket::from_std(socket).map_err(Problem::System)?;
    let buffer = vec![0; JOINED * BATCH_SIZE].into();
    Ok((server, Door { socket, state, misled: false, made: Instant::now(), buffer }))
}

/// What a turn is followed by.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    blocked: bool,
    more: bool,
    due: Option<Instant>,
}

impl Wait {
    /// What is left to be done for a server.
    pub fn of(server: &Server) -> Wait {
        Wait { blocked: server.is_blocked(), more: server.has_more(), due: server.due() }
    }

    /// No longer than that.
    pub fn until(&mut self, latest: Instant) {
        self.due = Some(self.due.map_or(latest, |due| due.min(latest)));
    }
}

impl Door {
    /// Where it is.
    ///
    /// # Errors
    /// As of getsockname(2): never of a socket that is open.
    pub fn address(&self) -> Result<SocketAddr, Problem> {
        self.socket.local_addr().map_err(Problem::System)
    }

    /// Reads what has come, and does what is due: see [`Server::event`]. Nothing of members is answered before
    /// [`flush`](Self::flush).
    pub fn receive(&mut self, server: &mut Server, now: Instant) {
        let Door { socket, state, misled, buffer, .. } = self;
        let mut out = Out { socket, state, misled };
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        for _ in 0..READS {
            let mut parts = buffer.chunks_mut(JOINED);
            let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
            let read = || state.recv((&*socket).into(), &mut slices, &mut metas);
            match socket.try_io(Interest::READABLE, read) {
                Ok(count) => {
                    for (meta, part) in metas.iter().zip(&slices).take(count) {
                        let data = BytesMut::from(part.get(..meta.len).unwrap_or_default());
                        server.receive(now, meta, data, &mut out);
                    }
                    if count < BATCH_SIZE {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // An answer of ICMP to something that was sent: QUIC finds out by itself.
                Err(_) => {}
            }
        }
        server.timeout(now);
    }

    /// Sends what there is for the members, for a turn.
    pub fn flush(&mut self, server: &mut Server, now: Instant) {
        server.flush(now, &mut Out { socket: &self.socket, state: &self.state, misled: &mut self.misled });
        self.renew(now);
    }

    /// Makes the state anew where it was misled.
    fn renew(&mut self, now: Instant) {
        if !self.misled || now.saturating_duration_since(self.made) < ANEW {
            return;
        }
        (self.misled, self.made) = (false, now);
        if let Ok(state) = UdpSocketState::new((&self.socket).into()) {
            self.state = state;
        }
    }

    /// Waits until something has come, or there is room again for what it did not take, or until it is time. It does not wait where
    /// there is more to do and room for it.
    pub async fn wait(&self, wait: Wait) {
        let Wait { blocked, more, due } = wait;
        if more && !blocked {
            return tokio::task::yield_now().await;
        }
        let interest = if blocked { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        // An error of a socket that is open is an answer of ICMP: reading takes it away.
        match due {
            None => drop(self.socket.ready(interest).await),
            Some(due) => drop(tokio::time::timeout_at(due.into(), self.socket.ready(interest)).await),
        }
    }
}

/// Where datagrams go out.
struct Out<'a> {
    socket: &'a tokio::net::UdpSocket,
    state: &'a UdpSocketState,
    /// EINVAL makes the state give up GSO, and ECN over IPv4. One datagram alone got it for its addresses, such as an address of
    /// ours that is gone: that says nothing of either.
    misled: &'a mut bool,
}

impl Sink for Out<'_> {
    fn segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn send(&mut self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.socket.try_io(Interest::WRITABLE, || self.state.try_send(self.socket.into(), transmit)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err(error),
            Err(error) => {
                let single = transmit.segment_size.is_none_or(|size| size >= transmit.contents.len());
                *self.misled |= single && error.raw_os_error() == Some(errno::EINVAL);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hub_socket;
    use super::*;
    use std::net::Ipv4Addr;

    #[tokio::test]
    async fn what_cannot_be_sent_anywhere_takes_no_segmentation_away_for_long() {
        let socket = hub_socket((Ipv4Addr::LOCALHOST, 0).into()).unwrap().socket;
        let mut door = listen(&Key::generate().unwrap(), socket).unwrap().1;
        let (start, most) = (door.made, door.state.max_gso_segments());
        let destination = (Ipv4Addr::LOCALHOST, 0).into();
        let nowhere = Transmit { destination, ecn: None, contents: b"?", segment_size: None, src_ip: None };
        for renewed in [start + ANEW, start + ANEW * 2] {
            door.socket.writable().await.unwrap();
            let Door { socket, state, misled, .. } = &mut door;
            Out { socket, state, misled }.send(&nowhere).unwrap();
            assert_eq!((door.state.max_gso_segments(), door.misled), (1, true));
            door.renew(renewed - ANEW / 2);
            assert!(door.misled, "not before its time");
            door.renew(renewed);
            assert_eq!((door.state.max_gso_segments(), door.misled), (most, false));
        }
    }
}
