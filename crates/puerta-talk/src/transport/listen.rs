//! A hub's socket, and QUIC on it.

use super::server::{Event, Server, Sink};
use crate::identity::Key;
use crate::problem::Problem;
use bytes::BytesMut;
use quinn::udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;
use tokio::io::Interest;

/// The longest UDP payload, and the longest that the kernel joins of several, in bytes.
const JOINED: usize = 65_535;

/// How often the socket is read in a turn, at most, some 32 datagrams each time.
const READS: usize = 16;

/// Takes members on one UDP socket.
#[derive(Debug)]
pub struct Listener {
    /// Its connections.
    pub server: Server,
    /// Its socket.
    pub door: Door,
}

/// The socket of a [`Server`].
#[derive(Debug)]
pub struct Door {
    socket: tokio::net::UdpSocket,
    state: UdpSocketState,
    /// For what is read at once: of this memory only what is filled is taken.
    buffer: Box<[u8]>,
}

impl Listener {
    /// Takes a socket, such as [`hub_socket`](super::hub_socket) makes. It is made non-blocking.
    ///
    /// # Errors
    /// [`Problem::System`] where the runtime cannot register it.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O.
    pub fn new(key: &Key, socket: UdpSocket) -> Result<Self, Problem> {
        let state = UdpSocketState::new((&socket).into()).map_err(Problem::System)?;
        socket.set_nonblocking(true).map_err(Problem::System)?;
        let port = socket.local_addr().map_err(Problem::System)?.port();
        let server = Server::new(key, port, !state.may_fragment())?;
        let socket = tokio::net::UdpSocket::from_std(socket).map_err(Problem::System)?;
        Ok(Listener { server, door: Door { socket, state, buffer: vec![0; JOINED * BATCH_SIZE].into() } })
    }

    /// The next thing that happens, with all that QUIC has to send meanwhile. Dropped while it waits, it loses nothing.
    pub async fn next(&mut self) -> Event {
        loop {
            self.door.receive(&mut self.server, Instant::now());
            self.door.flush(&mut self.server, Instant::now());
            if let Some(event) = self.server.event() {
                return event;
            }
            self.door.wait(Wait::of(&self.server)).await;
        }
    }
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
        let Door { socket, state, buffer } = self;
        let mut out = Out { socket, state };
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
        server.flush(now, &mut Out { socket: &self.socket, state: &self.state });
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
}

impl Sink for Out<'_> {
    fn segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn send(&mut self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_io(Interest::WRITABLE, || self.state.send(self.socket.into(), transmit))
    }
}
