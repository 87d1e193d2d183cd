//! The verbs of sockets, to be awaited.

use super::Async;
use crate::error::Result;
use crate::exchange::{Flags, Received, Shutdown};
use crate::io::{Events, PollFd, poll};
use crate::protocol::{Bytes, Datagrams, Listens, Protocol};
use crate::role::{CanConnect, CanExchange, CanReceiveFrom, CanSendTo, Connected, Listening, Role};
use crate::socket::{Progress, Socket};
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

impl<P: Listens> Async<Socket<P, Listening>> {
    /// accept(2): waits for the next connection; gives it, registered with the runtime of the caller, and its peer's address.
    /// To serve it in another runtime, take it with [`io`](Self::io) and
    /// [`accept_nonblocking`](Socket::accept_nonblocking), and register it there.
    ///
    /// # Errors
    /// As [`Socket::accept`]. At a limit of descriptors (`EMFILE`) the client stays in the backlog and the listener stays
    /// ready: wait before the next try.
    pub async fn accept(&self) -> Result<(Async<Socket<P, Connected>>, P::Addr)> {
        let (socket, peer) = self.io(Interest::READABLE, Socket::accept_nonblocking).await?;
        Ok((Async::shared(socket)?, peer))
    }
}

impl<P: Protocol> Async<Socket<P, Connected>> {
    /// connect(2): waits until the connection stands or failed, without a time limit but the kernel's (some 130 s over TCP).
    /// Dropped while it waits, it has closed the socket.
    ///
    /// # Errors
    /// As [`Socket::connect`]; a Unix listener whose backlog is full answers `EAGAIN`.
    pub async fn connect<R: CanConnect>(socket: Socket<P, R>, to: &P::Addr) -> Result<Self> {
        let mut progress = socket.start_connect(to)?;
        loop {
            progress = match progress {
                Progress::Connected(socket) => return Ok(Async::shared(socket)?),
                Progress::Pending(socket) => {
                    let waiting = Async::shared(socket)?;
                    waiting.writable().await?;
                    waiting.into_inner().finish_connect()?
                }
            };
        }
    }
}

impl<P: Protocol, R: CanExchange> Async<Socket<P, R>> {
    /// send(2): waits for room and gives the kernel what it takes at once; see [`Socket::send`]. On a stream that may be less
    /// than all: `AsyncWriteExt::write_all` repeats it.
    ///
    /// # Errors
    /// As [`Socket::send`], but `EAGAIN`.
    pub async fn send(&self, bytes: &[u8], flags: Flags) -> Result<usize> {
        self.io(Interest::WRITABLE, |socket| socket.send(bytes, flags)).await
    }

    /// sendmsg(2) with several buffers: [`Socket::send_vectored`].
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_vectored(&self, parts: &[IoSlice<'_>], flags: Flags) -> Result<usize> {
        self.io(Interest::WRITABLE, |socket| socket.send_vectored(parts, flags)).await
    }

    /// recv(2): waits for what the peer sends and takes what there is; see [`Socket::recv`]. `WAITALL` waits for no more than the
    /// first of it.
    ///
    /// # Errors
    /// As [`Socket::recv`], but `EAGAIN`.
    pub async fn recv(&self, into: &mut [u8], flags: Flags) -> Result<Received> {
        self.io(Interest::READABLE, |socket| socket.recv(into, flags)).await
    }

    /// recvmsg(2) into several buffers: [`Socket::recv_vectored`].
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub async fn recv_vectored(&self, parts: &mut [IoSliceMut<'_>], flags: Flags) -> Result<Received> {
        self.io(Interest::READABLE, |socket| socket.recv_vectored(parts, flags)).await
    }
}

impl<P: Datagrams, R: Role> Async<Socket<P, R>> {
    /// sendto(2): waits for room and sends one datagram; see [`Socket::send_to`]. A Unix receiver whose queue is full
    /// tells nobody when it has room again: it is tried after 1 ms, then at growing intervals, up to 50 ms.
    ///
    /// # Errors
    /// As [`Socket::send_to`], but `EAGAIN`.
    ///
    /// # Panics
    /// When a Unix receiver is full and the runtime has no timers (`enable_time`).
    pub async fn send_to(&self, bytes: &[u8], to: &P::Addr, flags: Flags) -> Result<usize>
    where
        R: CanSendTo,
    {
        let mut pause = Duration::from_millis(1);
        loop {
            let sent = self.io(Interest::WRITABLE, |socket| match socket.send_to(bytes, to, flags) {
                // The socket has room, so it is the receiver who has not; events would only tell of the socket.
                Err(e) if e.would_block() && has_room(socket)? => Ok(None),
                done => done.map(Some),
            });
            if let Some(sent) = sent.await? {
                return Ok(sent);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// recvfrom(2): waits for one datagram; gives it and where it came from; see [`Socket::recv_from`].
    ///
    /// # Errors
    /// As [`Socket::recv_from`], but `EAGAIN`.
    pub async fn recv_from(&self, into: &mut [u8], flags: Flags) -> Result<(Received, P::Addr)>
    where
        R: CanReceiveFrom,
    {
        self.io(Interest::READABLE, |socket| socket.recv_from(into, flags)).await
    }
}

fn has_room<P: Protocol, R: Role>(socket: &Socket<P, R>) -> Result<bool> {
    Ok(poll(&mut [PollFd::new(socket, Events::WRITE)], Some(Duration::ZERO))? > 0)
}

impl<P: Bytes> AsyncRead for Async<Socket<P, Connected>> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let space = into.initialize_unfilled();
        let got = self.poll_io(cx, Interest::READABLE, |socket| socket.recv(space, Flags::NONE));
        got.map_ok(|got| into.advance(got.len))
    }
}

/// Shutting down ends our direction with `SHUT_WR`; the peer can still answer.
impl<P: Bytes> AsyncWrite for Async<Socket<P, Connected>> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_io(cx, Interest::WRITABLE, |socket| socket.send(bytes, Flags::NONE))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_io(cx, Interest::WRITABLE, |socket| socket.send_vectored(parts, Flags::NONE))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.get_ref().shutdown(Shutdown::Write).map_err(Into::into))
    }
}
