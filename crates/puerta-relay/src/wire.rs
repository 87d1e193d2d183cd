//! A connected socket with readiness: a byte stream, or packets.

use crate::counters::CHUNK;
use puerta::{
    AnyStream, Async, Connected, Endpoint, Error, Flags, NotRegistered, Result, Shutdown, Socket, UnixAddr, UnixPacket,
};
use std::os::fd::{AsFd, BorrowedFd};
use tokio::io::Interest;

/// A connection.
#[derive(Debug)]
pub enum Wire {
    /// TCP or a Unix stream: bytes without boundaries.
    Stream(Async<Socket<AnyStream, Connected>>),
    /// Unix packets: messages with boundaries.
    Packet(Async<Socket<UnixPacket, Connected>>),
}

/// What a receive gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// So many bytes; on a packet socket a whole message, which may be empty.
    Bytes(usize),
    /// The peer has ended.
    End,
}

impl Wire {
    /// A stream with readiness; it is made non-blocking.
    ///
    /// # Errors
    /// What fcntl(2) and epoll(7) say.
    pub fn stream(socket: Socket<AnyStream, Connected>) -> Result<Self> {
        Ok(Wire::Stream(Async::new(socket)?))
    }

    /// A packet connection with readiness; it is made non-blocking, and asks for credentials (SO_PASSCRED), which tell
    /// an empty message from the end.
    ///
    /// # Errors
    /// What fcntl(2), setsockopt(2) and epoll(7) say.
    pub fn packet(socket: Socket<UnixPacket, Connected>) -> Result<Self> {
        socket.set(puerta::opt::PassCredentials, true)?;
        Ok(Wire::Packet(Async::new(socket)?))
    }

    /// An accepted stream, which is non-blocking already.
    ///
    /// # Errors
    /// What epoll(7) says; the socket is handed back.
    pub(crate) fn accepted_stream(
        socket: Socket<AnyStream, Connected>,
    ) -> Result<Self, NotRegistered<Socket<AnyStream, Connected>>> {
        Async::shared(socket).map(Wire::Stream)
    }

    /// An accepted packet connection, which is non-blocking already; see [`packet`](Self::packet).
    ///
    /// # Errors
    /// What setsockopt(2) and epoll(7) say; the socket is handed back.
    pub(crate) fn accepted_packet(
        socket: Socket<UnixPacket, Connected>,
    ) -> Result<Self, NotRegistered<Socket<UnixPacket, Connected>>> {
        match socket.set(puerta::opt::PassCredentials, true) {
            Ok(()) => Async::shared(socket).map(Wire::Packet),
            Err(error) => Err(NotRegistered { object: socket, error }),
        }
    }

    /// Whether it keeps message boundaries.
    pub fn is_packet(&self) -> bool {
        matches!(self, Wire::Packet(_))
    }

    /// Receives once, waiting for it. A packet that does not fit makes the buffer grow first.
    ///
    /// # Errors
    /// What recv(2) says.
    pub async fn recv(&self, into: &mut Vec<u8>) -> Result<Taken> {
        self.once_ready(Interest::READABLE, || self.try_recv(into)).await
    }

    /// Waits until something can be received. It may turn out to be nothing:
    /// [`recv_ready`](Self::recv_ready) finds out.
    ///
    /// # Errors
    /// What epoll(7) says.
    pub async fn wait_readable(&self) -> Result<()> {
        match self {
            Wire::Stream(socket) => socket.readable().await,
            Wire::Packet(socket) => socket.readable().await,
        }
    }

    /// Receives once within readiness; `None`: there was nothing, and the next wait is a real one.
    ///
    /// # Errors
    /// What recv(2) says.
    pub fn recv_ready(&self, into: &mut Vec<u8>) -> Result<Option<Taken>> {
        let taken = match self {
            Wire::Stream(socket) => socket.try_io(Interest::READABLE, |_| self.try_recv(into)),
            Wire::Packet(socket) => socket.try_io(Interest::READABLE, |_| self.try_recv(into)),
        };
        match taken {
            Err(e) if e.would_block() => Ok(None),
            taken => taken.map(Some),
        }
    }

    /// Receives once, or fails with EAGAIN. A buffer under 64 KiB grows first.
    ///
    /// # Errors
    /// What recv(2) says.
    pub fn try_recv(&self, into: &mut Vec<u8>) -> Result<Taken> {
        match self {
            Wire::Stream(socket) => {
                if into.len() < CHUNK {
                    into.resize(CHUNK, 0);
                }
                let received = socket.get_ref().recv(into, Flags::NONE)?;
                Ok(if received.len == 0 { Taken::End } else { Taken::Bytes(received.len) })
            }
            Wire::Packet(socket) => {
                let socket = socket.get_ref();
                let len = socket.next_len(Flags::DONTWAIT)?;
                if len > into.len() {
                    into.resize(len, 0);
                }
                Ok(match socket.recv_packet(into, Flags::NONE)? {
                    puerta::Packet::Message(received) => Taken::Bytes(received.len),
                    puerta::Packet::End => Taken::End,
                })
            }
        }
    }

    /// Sends all of it: bytes of a stream, or one packet.
    ///
    /// # Errors
    /// What send(2) says.
    pub async fn send_all(&self, mut bytes: &[u8], mut sent: impl FnMut(usize)) -> Result<()> {
        if self.is_packet() {
            sent(self.once_ready(Interest::WRITABLE, || self.try_send(bytes)).await?);
            return Ok(());
        }
        while !bytes.is_empty() {
            let n = self.once_ready(Interest::WRITABLE, || self.try_send(bytes)).await?;
            sent(n);
            bytes = bytes.get(n..).unwrap_or_default();
        }
        Ok(())
    }

    /// Sends once, or fails with EAGAIN.
    ///
    /// # Errors
    /// What send(2) says.
    pub fn try_send(&self, bytes: &[u8]) -> Result<usize> {
        match self {
            Wire::Stream(socket) => socket.get_ref().send(bytes, Flags::NONE),
            Wire::Packet(socket) => socket.get_ref().send(bytes, Flags::NONE),
        }
    }

    /// Runs `step` until it does not fail with EAGAIN.
    pub(crate) async fn once_ready<T>(&self, interest: Interest, mut step: impl FnMut() -> Result<T>) -> Result<T> {
        match self {
            Wire::Stream(socket) => socket.io(interest, |_| step()).await,
            Wire::Packet(socket) => socket.io(interest, |_| step()).await,
        }
    }

    /// Waits until the kernel reports an error or a hang-up on the connection; gives the error, if one waits.
    pub async fn broken(&self) -> Option<Error> {
        let waited = match self {
            Wire::Stream(socket) => socket.error().await.is_ok(),
            Wire::Packet(socket) => socket.error().await.is_ok(),
        };
        match self.take_error() {
            Ok(None) if waited => std::future::pending().await,
            Ok(error) => error,
            Err(error) => Some(error),
        }
    }

    /// Ends our direction; the peer reads the end of file. A connection that is gone already is no error here: reading
    /// tells how it went.
    ///
    /// # Errors
    /// What shutdown(2) says, but for ENOTCONN.
    pub fn end(&self) -> Result<()> {
        let done = match self {
            Wire::Stream(socket) => socket.get_ref().shutdown(Shutdown::Write),
            Wire::Packet(socket) => socket.get_ref().shutdown(Shutdown::Write),
        };
        done.or_else(|e| if e.errno() == Some(puerta::errno::ENOTCONN) { Ok(()) } else { Err(e) })
    }

    /// The error that waits on the socket, if any.
    ///
    /// # Errors
    /// None are known.
    pub fn take_error(&self) -> Result<Option<Error>> {
        match self {
            Wire::Stream(socket) => socket.get_ref().take_error(),
            Wire::Packet(socket) => socket.get_ref().take_error(),
        }
    }

    /// How many bytes the peer's kernel has not acknowledged. 0 where nothing is acknowledged (Unix).
    ///
    /// # Errors
    /// None are known.
    pub fn unacknowledged(&self) -> Result<usize> {
        match self {
            Wire::Stream(socket) if !matches!(socket.get_ref().peer(), Some(Endpoint::Unix(_))) => {
                socket.get_ref().get(puerta::opt::SendQueue)
            }
            _ => Ok(0),
        }
    }

    /// The peer's address.
    pub fn peer(&self) -> Endpoint {
        match self {
            Wire::Stream(socket) => socket.get_ref().peer().cloned(),
            Wire::Packet(socket) => socket.get_ref().peer().cloned().map(Endpoint::Unix),
        }
        .unwrap_or(Endpoint::Unix(UnixAddr::Unnamed))
    }

    /// Our own address.
    pub fn local(&self) -> Endpoint {
        match self {
            Wire::Stream(socket) => socket.get_ref().local_addr().ok(),
            Wire::Packet(socket) => socket.get_ref().local_addr().ok().map(Endpoint::Unix),
        }
        .unwrap_or(Endpoint::Unix(UnixAddr::Unnamed))
    }

    /// The name of the transport as the address grammar has it.
    pub fn transport(&self) -> &'static str {
        match (self, self.peer()) {
            (Wire::Packet(_), _) => "unix-packet",
            (_, Endpoint::Unix(_)) => "unix",
            _ => "tcp",
        }
    }

    /// Adds both addresses to an error of a call on the descriptor.
    pub fn explain(&self, error: Error) -> Error {
        match self {
            Wire::Stream(socket) => socket.get_ref().explain(error),
            Wire::Packet(socket) => socket.get_ref().explain(error),
        }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Wire::Stream(socket) => socket.get_ref().as_fd(),
            Wire::Packet(socket) => socket.get_ref().as_fd(),
        }
    }
}
