//! Sockets and other descriptors in tokio: readiness, the verbs to await, AsyncRead and AsyncWrite, conversions.

mod convert;
mod verbs;

use crate::error::{Call, Error, Result};
use crate::sys::readiness::{Held, register};
use crate::sys::socket::set_nonblocking;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::{Context, Poll, ready};
use std::{fmt, io};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::coop::cooperative;

/// A socket, or another descriptor that epoll(7) knows, registered with the tokio runtime in which it is made.
///
/// The verbs of sockets stand here to be awaited ([`recv`](Async::recv), [`accept`](Async::accept), …); byte streams are
/// `AsyncRead` and `AsyncWrite`. Any other call is made directly, within readiness: [`io`](Self::io) waits and calls,
/// [`try_io`](Self::try_io) calls where readiness is known. There, `EAGAIN` clears the readiness, which is edge-triggered: return
/// it only where the call on this descriptor gave it, and always try before you wait.
///
/// Whatever waits can be dropped without loss (cancelled): the call itself is made in one go. Only one task a direction
/// can wait with a `poll_…` function or through `AsyncRead` and `AsyncWrite`; with the async functions, any number.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), puerta::Error> {
/// use puerta::{Async, Flags, Ip, Socket, Tcp};
///
/// let listener = Socket::<Tcp>::new(Ip::V4)?.bind(&"127.0.0.1:0".parse().unwrap())?.listen(16)?;
/// let (address, listener) = (listener.local_addr()?, Async::new(listener)?);
/// let client = Async::connect(Socket::<Tcp>::new(Ip::V4)?, &address).await?;
/// let (server, _peer) = listener.accept().await?;
/// client.send(b"Hola, servidor!", Flags::NONE).await?;
/// let mut buffer = [0; 64];
/// let received = server.recv(&mut buffer, Flags::NONE).await?;
/// assert_eq!(&buffer[..received.len], b"Hola, servidor!");
/// # Ok(())
/// # }
/// ```
pub struct Async<T: AsFd> {
    fd: AsyncFd<Held<T>>,
}

/// The reactor refused a descriptor; here it is again, with the reason.
#[derive(Debug)]
pub struct NotRegistered<T> {
    /// What was to be registered.
    pub object: T,
    /// Why not.
    pub error: Error,
}

impl<T> NotRegistered<T> {
    /// Whether the descriptor needs no readiness: a regular file, a folder, `/dev/null` (`EPERM` of epoll_ctl(2)). Reads and
    /// writes on it never give `EAGAIN`.
    pub fn is_always_ready(&self) -> bool {
        self.error.errno() == Some(libc::EPERM)
    }
}

impl<T> From<NotRegistered<T>> for Error {
    fn from(refused: NotRegistered<T>) -> Error {
        refused.error
    }
}

impl<T> fmt::Display for NotRegistered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T: fmt::Debug> std::error::Error for NotRegistered<T> {}

impl<T: AsFd> Async<T> {
    /// Makes the descriptor non-blocking (`O_NONBLOCK`) and registers it. It is closed when that fails.
    ///
    /// # Errors
    /// `ENOSPC` at sysctl fs.epoll.max_user_watches, `ENOMEM`, `EPERM` for a regular file.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O.
    #[track_caller]
    pub fn new(object: T) -> Result<Self> {
        set_nonblocking(object.as_fd(), true)?;
        Ok(Async::shared(object)?)
    }

    /// Registers the descriptor and leaves its blocking mode as it is: for descriptors that others share, such as standard
    /// input and output. Call what never waits on them: [`read_now`](crate::io::read_now), [`write_now`](crate::io::write_now).
    ///
    /// # Errors
    /// Hands the descriptor back: one that is [always ready](NotRegistered::is_always_ready) needs no registration; one
    /// descriptor cannot be registered twice (`EEXIST`), but a copy of it can (dup(2)); `ENOSPC` and `ENOMEM` as for
    /// [`new`](Self::new).
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O.
    #[track_caller]
    pub fn shared(object: T) -> Result<Self, NotRegistered<T>> {
        match register(object) {
            Ok(fd) => Ok(Async { fd }),
            Err((object, error)) => Err(NotRegistered { object, error: os_error(Call::EpollCtl, &error) }),
        }
    }

    /// What is registered.
    pub fn get_ref(&self) -> &T {
        &self.fd.get_ref().object
    }

    /// Ends the registration and gives back what was registered. Its blocking mode stays as it is: non-blocking, after
    /// [`new`](Self::new).
    pub fn into_inner(self) -> T {
        self.fd.into_inner().object
    }

    /// Waits until there may be something to read: data, a connection, the end of file or an error. Readiness stays until
    /// a call within [`try_io`](Self::try_io) or [`io`](Self::io) gave `EAGAIN`.
    ///
    /// # Errors
    /// `ECANCELED` when the runtime shuts down.
    pub async fn readable(&self) -> Result<()> {
        self.ready(Interest::READABLE).await
    }

    /// Waits until there may be room to write, or an error; as [`readable`](Self::readable).
    ///
    /// # Errors
    /// `ECANCELED` when the runtime shuts down.
    pub async fn writable(&self) -> Result<()> {
        self.ready(Interest::WRITABLE).await
    }

    /// Waits until the kernel reports an error on the descriptor (`EPOLLERR`): a reset, ICMP's refusal of a datagram. Take it
    /// with [`Socket::take_error`](crate::Socket::take_error) or with the next call.
    ///
    /// # Errors
    /// `ECANCELED` when the runtime shuts down.
    pub async fn error(&self) -> Result<()> {
        self.ready(Interest::ERROR).await
    }

    async fn ready(&self, interest: Interest) -> Result<()> {
        cooperative(self.fd.ready(interest)).await.map(|mut guard| guard.retain_ready()).map_err(gone)
    }

    /// As [`readable`](Self::readable), for code that polls. Only the last task that asked is woken.
    ///
    /// # Errors
    /// `ECANCELED` when the runtime shuts down.
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.fd.poll_read_ready(cx).map_ok(|mut guard| guard.retain_ready()).map_err(gone)
    }

    /// As [`writable`](Self::writable), for code that polls. Only the last task that asked is woken.
    ///
    /// # Errors
    /// `ECANCELED` when the runtime shuts down.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.fd.poll_write_ready(cx).map_ok(|mut guard| guard.retain_ready()).map_err(gone)
    }

    /// Makes a call where the descriptor is known to be ready, without waiting. `EAGAIN` from it clears the readiness.
    /// `interest` is one direction.
    ///
    /// # Errors
    /// `EAGAIN` where it is not ready (then nothing is called), and whatever the call gives.
    pub fn try_io<R>(&self, interest: Interest, call: impl FnOnce(&T) -> Result<R>) -> Result<R> {
        self.try_io_until(interest, call, |_| false)
    }

    /// As [`try_io`](Self::try_io); where `drained` says so of a success, the readiness is cleared as after `EAGAIN`, with the
    /// care that [`io_until`](Self::io_until) asks for.
    ///
    /// # Errors
    /// As [`try_io`](Self::try_io).
    pub fn try_io_until<R>(
        &self,
        interest: Interest,
        call: impl FnOnce(&T) -> Result<R>,
        drained: impl FnOnce(&R) -> bool,
    ) -> Result<R> {
        let mut last = None;
        let done = self.fd.try_io(interest, |held| match call(&held.object) {
            Err(e) if e.would_block() => Err(io::ErrorKind::WouldBlock.into()),
            Ok(result) if drained(&result) => {
                last = Some(result);
                Err(io::ErrorKind::WouldBlock.into())
            }
            done => Ok(done),
        });
        match (last, done) {
            (Some(result), _) => Ok(result),
            (None, Ok(done)) => done,
            (None, Err(_)) => Err(Error::bare(Call::Poll, libc::EAGAIN)),
        }
    }

    /// Waits until the descriptor is ready and makes a call; again, until it does not give `EAGAIN`. `interest` is one
    /// direction. Dropped while it waits, it has called nothing that took effect.
    ///
    /// # Errors
    /// Whatever the call gives but `EAGAIN`; `ECANCELED` when the runtime shuts down.
    pub async fn io<R>(&self, interest: Interest, call: impl FnMut(&T) -> Result<R>) -> Result<R> {
        self.io_until(interest, call, |_| false).await
    }

    /// As [`io`](Self::io); where `drained` says so of a success, the readiness is cleared as after `EAGAIN`, which saves the call
    /// that would give it. On TCP, a read of fewer bytes than were asked for has drained the socket (epoll(7)), but not where
    /// urgent data stopped it, nor where something below shortens reads: one that is wrong waits for the next event.
    /// [`recv`](Self::recv) and `AsyncRead` therefore never do so.
    ///
    /// # Errors
    /// As [`io`](Self::io).
    pub async fn io_until<R>(
        &self,
        interest: Interest,
        mut call: impl FnMut(&T) -> Result<R>,
        drained: impl Fn(&R) -> bool,
    ) -> Result<R> {
        loop {
            // Counted against the task's budget, so that a descriptor that is always ready starves no other task.
            let mut guard = cooperative(self.fd.ready(interest)).await.map_err(gone)?;
            match call(self.get_ref()) {
                Err(e) if e.would_block() => guard.clear_ready(),
                Ok(result) => {
                    if drained(&result) {
                        guard.clear_ready();
                    }
                    return Ok(result);
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// As [`io`](Self::io), for one direction of code that polls.
    fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        interest: Interest,
        mut call: impl FnMut(&T) -> Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let readable = interest.is_readable();
            let guard = if readable { self.fd.poll_read_ready(cx) } else { self.fd.poll_write_ready(cx) };
            let mut guard = ready!(guard).map_err(gone)?;
            match call(self.get_ref()) {
                Err(e) if e.would_block() => guard.clear_ready(),
                done => return Poll::Ready(done.map_err(Into::into)),
            }
        }
    }
}

impl<T: AsFd> AsFd for Async<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Async<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Async").field(self.get_ref()).finish()
    }
}

/// The reactor ends with its runtime, and what waits for it with it.
fn gone(_: io::Error) -> Error {
    Error::bare(Call::Poll, libc::ECANCELED)
}

fn os_error(call: Call, error: &io::Error) -> Error {
    Error::bare(call, error.raw_os_error().unwrap_or(libc::EIO))
}
