//! The verbs that move data: send, recv, sendto, recvfrom, vectored, shutdown.

use crate::error::{Call, Result};
use crate::protocol::{Bytes, Datagrams, Icmp, Protocol};
use crate::role::{CanExchange, CanReceiveFrom, CanSendTo, Connected, Role};
use crate::socket::Socket;
use crate::sys::sockaddr::SockAddr;
use crate::sys::{socket, transfer};
use std::any::TypeId;
use std::io::{self, IoSlice, IoSliceMut};
use std::ops::BitOr;

/// Flags of the transfer calls: send(2), recv(2). `MSG_NOSIGNAL` is always added to what sends, so that a closed peer is
/// an error (`EPIPE`) and never a signal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(pub(crate) i32);

impl Flags {
    /// No flags.
    pub const NONE: Flags = Flags(0);
    /// `MSG_PEEK`: leave what is received in the queue.
    pub const PEEK: Flags = Flags(libc::MSG_PEEK);
    /// `MSG_WAITALL`: wait until the buffer is full, the peer ends, or an error or signal comes. Streams only.
    pub const WAITALL: Flags = Flags(libc::MSG_WAITALL);
    /// `MSG_DONTWAIT`: fail with `EAGAIN` rather than wait, for this call alone.
    pub const DONTWAIT: Flags = Flags(libc::MSG_DONTWAIT);
    /// `MSG_MORE`: more follows: TCP holds back a partial segment for up to 200 ms, UDP joins the parts of a datagram.
    pub const MORE: Flags = Flags(libc::MSG_MORE);
    /// `MSG_OOB`: the one byte of urgent data. TCP, and Unix streams since Linux 5.15.
    pub const OOB: Flags = Flags(libc::MSG_OOB);

    /// Whether all of `other` is set.
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Flags {
    type Output = Flags;
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// What was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// How many bytes are in the buffer. 0 is the end on a byte stream, and an empty message elsewhere.
    pub len: usize,
    /// How long the message was. More than `len` when the buffer was too small: the rest is gone.
    /// (`recv_vectored`, and ICMP sockets, learn only that there was more, and give `len + 1`.)
    pub full_len: usize,
}

impl Received {
    /// Whether the message was longer than the buffer.
    pub fn truncated(&self) -> bool {
        self.full_len > self.len
    }

    #[inline(always)]
    pub(crate) fn of(full_len: usize, room: usize) -> Received {
        Received { len: full_len.min(room), full_len }
    }
}

/// Which direction [`Socket::shutdown`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// `SHUT_RD`: nothing more is received. On TCP the peer learns nothing of it.
    Read,
    /// `SHUT_WR`: nothing more is sent; the peer reads the end of file (half-close) and can still answer.
    Write,
    /// `SHUT_RDWR`: both.
    Both,
}

impl<P: Protocol, R: Role> Socket<P, R> {
    /// send(2): gives the kernel bytes for the peer and tells how many it took. A stream may take fewer than there
    /// are; a message is taken whole or not at all. That it was taken does not mean that the peer has read it.
    ///
    /// # Errors
    /// `EAGAIN` where it would have to wait and must not (or the send timeout struck), `EPIPE` and `ECONNRESET` where the
    /// peer takes no more, `EMSGSIZE` for a message too long, `ECONNREFUSED` where ICMP said so of an earlier datagram.
    #[inline(always)]
    pub fn send(&self, bytes: &[u8], flags: Flags) -> Result<usize>
    where
        R: CanExchange,
    {
        match transfer::send(&self.fd, bytes, flags.0) {
            Ok(n) => Ok(n),
            Err(error) => Err(self.tell(error)),
        }
    }

    /// recv(2): takes what the peer sent, up to the length of the buffer.
    ///
    /// # Errors
    /// `EAGAIN` where it would have to wait and must not (or the receive timeout struck), `ECONNRESET` where the peer
    /// broke the connection, `ECONNREFUSED` where ICMP said so of a datagram that was sent.
    #[inline(always)]
    pub fn recv(&self, into: &mut [u8], flags: Flags) -> Result<Received>
    where
        R: CanExchange,
    {
        if cuts_in_silence::<P>() {
            return self.recv_vectored(&mut [IoSliceMut::new(into)], flags);
        }
        match transfer::recv(&self.fd, into, flags.0 | P::LENGTH_FLAG) {
            Ok(n) if P::LENGTH_FLAG == 0 => Ok(Received { len: n, full_len: n }),
            Ok(n) => Ok(Received::of(n, into.len())),
            Err(error) => Err(self.tell(error)),
        }
    }

    /// sendmsg(2) with several buffers (1024 at most; those behind are left for the next call), gathered in order.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_vectored(&self, parts: &[IoSlice<'_>], flags: Flags) -> Result<usize>
    where
        R: CanExchange,
    {
        transfer::send_vectored(&self.fd, parts, flags.0).map_err(|e| self.tell(e))
    }

    /// recvmsg(2) into several buffers (1024 at most), filled in order.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_vectored(&self, parts: &mut [IoSliceMut<'_>], flags: Flags) -> Result<Received>
    where
        R: CanExchange,
    {
        let (len, out) = transfer::recv_vectored(&self.fd, parts, flags.0).map_err(|e| self.tell(e))?;
        let more = usize::from(out & libc::MSG_TRUNC != 0);
        Ok(Received { len, full_len: len + more })
    }

    /// sendto(2): one datagram to one address. The kernel takes it whole or not at all; it can still get lost.
    /// A socket that was not bound gets an address of its own with the first.
    ///
    /// # Errors
    /// `EMSGSIZE` for a datagram too long, `EACCES` for a broadcast address without the option, `ENETUNREACH`,
    /// `EAGAIN` where it would have to wait and must not.
    pub fn send_to(&self, bytes: &[u8], to: &P::Addr, flags: Flags) -> Result<usize>
    where
        P: Datagrams,
        R: CanSendTo,
    {
        let tell = |e| self.tell_about(e, Some(to));
        let storage = to.encode().map_err(|e| tell(e.during(Call::SendTo)))?;
        transfer::send_to(&self.fd, bytes, &storage, flags.0).map_err(tell)
    }

    /// recvfrom(2): one datagram and where it came from. A Unix datagram may come from an unnamed socket.
    ///
    /// # Errors
    /// `EAGAIN` where it would have to wait and must not (or the receive timeout struck).
    pub fn recv_from(&self, into: &mut [u8], flags: Flags) -> Result<(Received, P::Addr)>
    where
        P: Datagrams,
        R: CanReceiveFrom,
    {
        if cuts_in_silence::<P>() {
            return self.recv_datagram(into, flags).map(|d| (d.received, d.from));
        }
        let (n, from) = transfer::recv_from(&self.fd, into, flags.0 | P::LENGTH_FLAG).map_err(|e| self.tell(e))?;
        Ok((Received::of(n, into.len()), self.decode(&from)?))
    }

    /// The length of the datagram or packet at the head of the queue, which stays there: recv(2) with
    /// `MSG_PEEK | MSG_TRUNC`. Waits for one as `recv` does, unless `flags` holds [`Flags::DONTWAIT`].
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn next_len(&self, flags: Flags) -> Result<usize>
    where
        P: Messages,
        R: CanReceiveFrom,
    {
        transfer::recv(&self.fd, &mut [], flags.0 | libc::MSG_PEEK | libc::MSG_TRUNC).map_err(|e| self.tell(e))
    }

    /// shutdown(2): ends one or both directions, for every descriptor of the socket.
    ///
    /// # Errors
    /// `ENOTCONN` where the peer has already broken the connection.
    pub fn shutdown(&self, how: Shutdown) -> Result<()>
    where
        R: CanExchange,
    {
        let how = match how {
            Shutdown::Read => libc::SHUT_RD,
            Shutdown::Write => libc::SHUT_WR,
            Shutdown::Both => libc::SHUT_RDWR,
        };
        socket::shutdown(&self.fd, how).map_err(|e| self.tell(e))
    }
}

/// An ICMP socket does not know `MSG_TRUNC`: recv(2) gives what fits, and only recvmsg(2) tells that there was more.
#[inline(always)]
fn cuts_in_silence<P: Protocol>() -> bool {
    TypeId::of::<P>() == TypeId::of::<Icmp>()
}

/// Protocols that keep message boundaries, and tell how long a message is. (ICMP sockets do not.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not tell how long the next message is",
    label = "no message whose length could be asked",
    note = "a byte stream has no messages, and an ICMP socket keeps their length to itself: use `recv` with `Flags::PEEK`"
)]
pub trait Messages: Protocol {}
impl Messages for crate::protocol::Udp {}
impl Messages for crate::protocol::UnixPacket {}
impl Messages for crate::protocol::UnixDatagram {}
impl Messages for crate::protocol::RawIp {}
impl Messages for crate::protocol::AnyDatagram {}

impl<P: Bytes> io::Read for &Socket<P, Connected> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv(into, Flags::NONE)?.len)
    }

    fn read_vectored(&mut self, parts: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        Ok(self.recv_vectored(parts, Flags::NONE)?.len)
    }
}

impl<P: Bytes> io::Write for &Socket<P, Connected> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(self.send(bytes, Flags::NONE)?)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(self.send_vectored(parts, Flags::NONE)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<P: Bytes> io::Read for Socket<P, Connected> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (&*self).read(into)
    }

    fn read_vectored(&mut self, parts: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(parts)
    }
}

impl<P: Bytes> io::Write for Socket<P, Connected> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
