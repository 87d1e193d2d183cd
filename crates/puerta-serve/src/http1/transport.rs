//! What a connection runs over: a stream socket as it is, or TLS on one.

use puerta::{AnyStream, Async, Connected, Flags, Result, Shutdown, Socket};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio_rustls::server::TlsStream;

/// A connected stream: TCP or Unix.
pub type Stream = Async<Socket<AnyStream, Connected>>;

/// Moves bytes without waiting.
pub trait Transport: Send + Unpin + 'static {
    /// Whether bytes go through our own memory on their way, so that sendfile(2) is no help and what was taken is flushed.
    const BUFFERS: bool;

    /// The socket below.
    fn socket(&self) -> &Stream;

    /// Takes what the peer sent; 0 is its end.
    fn poll_recv(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Gives what there is room for, of the first part and then of the second. `more`: something follows at once.
    fn poll_send(&mut self, cx: &mut Context<'_>, parts: [&[u8]; 2], more: bool) -> Poll<io::Result<usize>>;

    /// Hands on what was taken.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Tells the peer that nothing more comes.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// Nothing between us and the socket.
#[derive(Debug)]
pub struct Plain(pub Stream);

impl Transport for Plain {
    const BUFFERS: bool = false;

    fn socket(&self) -> &Stream {
        &self.0
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            // A read of less than there is room for has drained the socket, which saves the read that would say so. Behind urgent
            // data it has not; who sends that waits for the deadline, or for what it sends next.
            let full = room.len();
            let got = self.0.try_io_until(Interest::READABLE, |s| s.recv(room, Flags::NONE), |got| got.len < full);
            match got {
                Err(e) if e.would_block() => {}
                done => return Poll::Ready(done.map(|got| got.len).map_err(Into::into)),
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, parts: [&[u8]; 2], more: bool) -> Poll<io::Result<usize>> {
        let flags = if more { Flags::MORE } else { Flags::NONE };
        poll_write(&self.0, cx, |socket| match parts {
            [bytes, []] | [[], bytes] => socket.send(bytes, flags),
            [first, second] => socket.send_vectored(&[IoSlice::new(first), IoSlice::new(second)], flags),
        })
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_end(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.get_ref().shutdown(Shutdown::Write).map_err(Into::into))
    }
}

/// Makes a call that writes as soon as there is room.
pub(super) fn poll_write<R>(
    stream: &Stream,
    cx: &mut Context<'_>,
    mut call: impl FnMut(&Socket<AnyStream, Connected>) -> Result<R>,
) -> Poll<io::Result<R>> {
    loop {
        // There mostly is room, so that is tried first.
        match stream.try_io(Interest::WRITABLE, &mut call) {
            Err(e) if e.would_block() => ready!(stream.poll_write_ready(cx))?,
            done => return Poll::Ready(done.map_err(Into::into)),
        }
    }
}

/// The first byte that comes, which stays where it is; `None`: the end came.
pub(crate) fn poll_first(stream: &Stream, cx: &mut Context<'_>) -> Poll<io::Result<Option<u8>>> {
    loop {
        ready!(stream.poll_read_ready(cx))?;
        let mut first = [0];
        match stream.try_io(Interest::READABLE, |socket| socket.recv(&mut first, Flags::PEEK)) {
            Err(e) if e.would_block() => {}
            Err(e) => return Poll::Ready(Err(e.into())),
            Ok(got) => return Poll::Ready(Ok(first.first().copied().filter(|_| got.len > 0))),
        }
    }
}

impl Transport for TlsStream<Stream> {
    const BUFFERS: bool = true;

    fn socket(&self) -> &Stream {
        self.get_ref().0
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(room);
        match ready!(Pin::new(self).poll_read(cx, &mut room)) {
            Ok(()) => Poll::Ready(Ok(room.filled().len())),
            // The end without close_notify: the requests that came were whole, or are not answered.
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(0)),
            Err(e) => Poll::Ready(Err(e)),
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, parts: [&[u8]; 2], _: bool) -> Poll<io::Result<usize>> {
        let [first, second] = parts;
        Pin::new(self).poll_write_vectored(cx, &[IoSlice::new(first), IoSlice::new(second)])
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(self), cx)
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(self), cx)
    }
}
