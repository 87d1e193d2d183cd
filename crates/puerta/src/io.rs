//! Plain descriptors: what they are, waiting for them, transfers that never wait, pipes, and zero copy.
//!
//! `O_NONBLOCK` belongs to the open file, which a descriptor from outside (standard input and output) shares with the
//! shell: setting it would break the shell after we exit. [`read_now`] and [`write_now`] do not wait, and leave it alone.

mod splicer;

pub use crate::sys::descriptor::PollFd;
pub use splicer::{Filled, Splicer};

use crate::error::{Bad, Call, Error, Result};
use crate::socket::milliseconds;
use crate::sys::{call::Fd, descriptor, pipe, transfer};
use std::ops::BitOr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// read(2), once; repeated only when a signal interrupted it. 0 is the end of file.
///
/// # Errors
/// `EAGAIN` where it would have to wait and must not, `EIO`, `EISDIR`, `ECONNRESET` from a socket.
pub fn read(fd: impl AsFd, into: &mut [u8]) -> Result<usize> {
    transfer::read(fd.as_fd(), into)
}

/// write(2), once; repeated only when a signal interrupted it. It may take fewer bytes than there are.
///
/// # Errors
/// `EAGAIN` where it would have to wait and must not, `EPIPE` where nobody reads any more (with SIGPIPE, which Rust
/// programs ignore), `ENOSPC`, `EIO`.
pub fn write(fd: impl AsFd, bytes: &[u8]) -> Result<usize> {
    transfer::write(fd.as_fd(), bytes)
}

/// What a descriptor refers to, as far as transfers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A pipe or FIFO: pipe(7).
    Pipe,
    /// A socket; `stream` for `SOCK_STREAM`, where a read of 0 bytes is the end. Elsewhere it may be an empty message.
    Socket {
        /// Whether it is a byte stream.
        stream: bool,
    },
    /// A regular file or block device: always ready, and epoll(7) refuses it with `EPERM`.
    File,
    /// A terminal: isatty(3).
    Terminal,
    /// Another character device, such as `/dev/null`.
    CharDevice,
    /// A folder, an eventfd and whatever else there is.
    Other,
}

/// Tells what a descriptor refers to: fstat(2), isatty(3), SO_TYPE.
///
/// # Errors
/// None are known for an open descriptor.
pub fn kind(fd: impl AsFd) -> Result<Kind> {
    let fd = fd.as_fd();
    Ok(match descriptor::file_type(fd)? {
        libc::S_IFIFO => Kind::Pipe,
        libc::S_IFSOCK => {
            let found = transfer::get_int(fd, libc::SOL_SOCKET, libc::SO_TYPE, "SO_TYPE")?;
            Kind::Socket { stream: found == libc::SOCK_STREAM }
        }
        libc::S_IFREG | libc::S_IFBLK => Kind::File,
        libc::S_IFCHR if descriptor::is_terminal(fd) => Kind::Terminal,
        libc::S_IFCHR => Kind::CharDevice,
        _ => Kind::Other,
    })
}

/// How a descriptor was opened, and its modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Access {
    /// It may be read: `O_RDONLY` or `O_RDWR`.
    pub read: bool,
    /// It may be written: `O_WRONLY` or `O_RDWR`.
    pub write: bool,
    /// `O_APPEND`: splice(2) into it is `EINVAL`.
    pub append: bool,
    /// `O_NONBLOCK`.
    pub nonblocking: bool,
}

/// Tells how a descriptor was opened: fcntl(2) with `F_GETFL`.
///
/// # Errors
/// None are known for an open descriptor.
pub fn access(fd: impl AsFd) -> Result<Access> {
    let flags = descriptor::status_flags(fd.as_fd())?;
    let mode = flags & libc::O_ACCMODE;
    Ok(Access {
        read: mode == libc::O_RDONLY || mode == libc::O_RDWR,
        write: mode == libc::O_WRONLY || mode == libc::O_RDWR,
        append: flags & libc::O_APPEND != 0,
        nonblocking: flags & libc::O_NONBLOCK != 0,
    })
}

/// Reads what is there and never waits, also on a blocking descriptor, whose mode is left alone. `kind` is that of
/// [`kind`]. 0 is the end of file (but an empty message on a socket that is no stream).
///
/// Sockets are read with `MSG_DONTWAIT`, pipes and devices with `RWF_NOWAIT` or, where the kernel has that not (terminals;
/// pipes before Linux 6.4), after a poll(2) that found something; there, another reader of the same pipe or terminal can
/// be faster, and the read waits for more. Regular files are read directly: that waits for the disk.
///
/// # Errors
/// `EAGAIN` ([`Error::would_block`]) where there is nothing to read yet; else as [`read`].
pub fn read_now(fd: impl AsFd, kind: Kind, into: &mut [u8]) -> Result<usize> {
    let fd = fd.as_fd();
    match kind {
        Kind::Socket { .. } => return descriptor::recv_now(fd, into, 0),
        Kind::File => return transfer::read(fd, into),
        Kind::Terminal => {}
        Kind::Pipe | Kind::CharDevice | Kind::Other => match descriptor::read_nowait(fd, into) {
            Err(e) if cannot_promise(&e) => {}
            done => return done,
        },
    }
    ready(fd, Events::READ, Call::Read)?;
    transfer::read(fd, into)
}

/// Writes what there is room for and never waits, also on a blocking descriptor, whose mode is left alone. `kind` is that
/// of [`kind`].
///
/// Sockets are written with `MSG_DONTWAIT` and `MSG_NOSIGNAL`, pipes and devices with `RWF_NOWAIT` or, where the kernel has
/// that not (terminals; pipes before Linux 6.4), at most 4096 bytes (`PIPE_BUF`) after a poll(2) that found room. A
/// terminal with room for less than that makes the write wait until its other side has read. Regular files are
/// written directly.
///
/// # Errors
/// `EAGAIN` ([`Error::would_block`]) where there is no room yet; else as [`write`](write()).
pub fn write_now(fd: impl AsFd, kind: Kind, bytes: &[u8]) -> Result<usize> {
    let fd = fd.as_fd();
    match kind {
        Kind::Socket { .. } => return descriptor::send_now(fd, bytes),
        Kind::File => return transfer::write(fd, bytes),
        Kind::Terminal => {}
        Kind::Pipe | Kind::CharDevice | Kind::Other => match descriptor::write_nowait(fd, bytes) {
            Err(e) if cannot_promise(&e) => {}
            done => return done,
        },
    }
    ready(fd, Events::WRITE, Call::Write)?;
    transfer::write(fd, bytes.get(..libc::PIPE_BUF).unwrap_or(bytes))
}

/// What [`poll`] waits for. A hang-up and an error are always told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Events(i16);

impl Events {
    /// Nothing but a hang-up or an error.
    pub const NONE: Events = Events(0);
    /// `POLLIN`: something to read, or the end of file.
    pub const READ: Events = Events(libc::POLLIN);
    /// `POLLOUT`: room to write.
    pub const WRITE: Events = Events(libc::POLLOUT);
    /// `POLLRDHUP`: the peer of a stream has ended its direction.
    pub const PEER_END: Events = Events(libc::POLLRDHUP);
}

impl BitOr for Events {
    type Output = Events;
    fn bitor(self, other: Events) -> Events {
        Events(self.0 | other.0)
    }
}

impl<'fd> PollFd<'fd> {
    /// A descriptor and what to wait for.
    pub fn new(fd: &'fd impl AsFd, events: Events) -> Self {
        PollFd::of(fd, events.0)
    }

    /// Whether there is something to read, or the end of file.
    pub fn readable(&self) -> bool {
        self.came(libc::POLLIN)
    }

    /// Whether there is room to write.
    pub fn writable(&self) -> bool {
        self.came(libc::POLLOUT)
    }

    /// Whether the other side is gone; there may still be something to read.
    pub fn hung_up(&self) -> bool {
        self.came(libc::POLLHUP)
    }

    /// Whether the peer has ended its direction; told only where [`Events::PEER_END`] was asked for.
    pub fn peer_ended(&self) -> bool {
        self.came(libc::POLLRDHUP)
    }

    /// Whether an error waits: SO_ERROR of a socket, or nobody who reads a pipe.
    pub fn error(&self) -> bool {
        self.came(libc::POLLERR | libc::POLLNVAL)
    }
}

/// poll(2): waits until something came to one of the descriptors, and tells to how many. 0: the time is over. `None` waits
/// for ever. A signal does not end the wait.
///
/// # Errors
/// `EINVAL` for more descriptors than the limit of open files, `ENOMEM`.
pub fn poll(fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> Result<usize> {
    let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
    let mut left = timeout;
    loop {
        let looked = match descriptor::poll_all(fds, left.map_or(-1, milliseconds)) {
            Ok(0) => true,
            // It says nothing about the descriptors: where the time is over now, they are looked at once more.
            Err(e) if e.errno() == Some(libc::EINTR) => false,
            done => return done,
        };
        left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
        if looked && left.is_some_and(|l| l.is_zero()) {
            return Ok(0);
        }
    }
}

/// Both ends of a pipe: pipe(7).
#[derive(Debug)]
pub struct Pipe {
    /// Where it is read.
    pub read: OwnedFd,
    /// Where it is written.
    pub write: OwnedFd,
}

impl Pipe {
    /// How many bytes it holds when it is filled page by page; 65,536 by default. What is spliced from a socket takes a
    /// whole page for each part, so that it can be full with far fewer.
    ///
    /// # Errors
    /// None are known.
    pub fn size(&self) -> Result<usize> {
        pipe_size(&self.write)
    }

    /// Sets how many bytes it holds and tells how many it is then: [`set_pipe_size`].
    ///
    /// # Errors
    /// As [`set_pipe_size`].
    pub fn set_size(&self, bytes: usize) -> Result<usize> {
        set_pipe_size(&self.write, bytes)
    }
}

/// pipe2(2): a pipe, blocking, CLOEXEC.
///
/// # Errors
/// `EMFILE` or `ENFILE` at a limit of descriptors.
pub fn pipe() -> Result<Pipe> {
    let (read, write) = pipe::pipe()?;
    Ok(Pipe { read: Fd::into_owned(read), write: Fd::into_owned(write) })
}

/// How many bytes a pipe holds: `F_GETPIPE_SZ`.
///
/// # Errors
/// `EBADF` for what is no pipe.
pub fn pipe_size(fd: impl AsFd) -> Result<usize> {
    pipe::pipe_size(fd.as_fd())
}

/// Sets how many bytes a pipe holds (`F_SETPIPE_SZ`) and tells how many it is then. The kernel rounds up to a power of two
/// pages. It falls short, in silence, where the kernel refuses: an unprivileged user gets at most sysctl fs.pipe-max-size
/// (1 MiB by default) a pipe, and 64 MiB in all pipes together (fs.pipe-user-pages-soft); a pipe never gets smaller
/// than what it holds.
///
/// # Errors
/// `EBADF` for what is no pipe.
pub fn set_pipe_size(fd: impl AsFd, bytes: usize) -> Result<usize> {
    let fd = fd.as_fd();
    let now = pipe::pipe_size(fd)?;
    let mut wanted = bytes;
    loop {
        match pipe::set_pipe_size(fd, wanted) {
            Err(e) if matches!(e.errno(), Some(libc::EPERM | libc::EBUSY | libc::ENOMEM | libc::EINVAL)) => wanted /= 2,
            done => return done,
        }
        if wanted <= now {
            return Ok(now);
        }
    }
}

/// How many bytes of a pipe wait to be read: ioctl(2) with `FIONREAD`.
///
/// # Errors
/// `ENOTTY` for what has no such count.
pub fn pipe_len(fd: impl AsFd) -> Result<usize> {
    pipe::unread(fd.as_fd())
}

/// Flags of [`splice`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct SpliceFlags(u32);

impl SpliceFlags {
    /// No flags.
    pub const NONE: SpliceFlags = SpliceFlags(0);
    /// `SPLICE_F_MOVE`: move pages rather than copy them. A hint that Linux ignores since 2.6.21.
    pub const MOVE: SpliceFlags = SpliceFlags(libc::SPLICE_F_MOVE);
    /// `SPLICE_F_NONBLOCK`: do not wait for the pipe. A socket or terminal that is blocking still waits.
    pub const NONBLOCK: SpliceFlags = SpliceFlags(libc::SPLICE_F_NONBLOCK);
    /// `SPLICE_F_MORE`: more follows, as `MSG_MORE` says it of send(2).
    pub const MORE: SpliceFlags = SpliceFlags(libc::SPLICE_F_MORE);
}

impl BitOr for SpliceFlags {
    type Output = SpliceFlags;
    fn bitor(self, other: SpliceFlags) -> SpliceFlags {
        SpliceFlags(self.0 | other.0)
    }
}

/// splice(2), once: moves up to `max` bytes without copying them to us, and tells how many it moved, which may be fewer. One
/// of both ends must be a pipe. 0 is the end of file of `from`. [`Splicer`] does a whole way.
///
/// # Errors
/// `EAGAIN` where nothing is there to move, or no room for it: it does not tell which. `EINVAL` where one end cannot
/// (no pipe, a terminal to read, `O_APPEND`); `EPIPE` and `ECONNRESET` as for [`write`](write()).
pub fn splice(from: impl AsFd, to: impl AsFd, max: usize, flags: SpliceFlags) -> Result<usize> {
    pipe::splice(from.as_fd(), to.as_fd(), max, flags.0)
}

/// sendfile(2), once: moves up to `max` bytes (2,147,479,552 at most) of the file `from`, and tells how many it moved, which
/// may be fewer. 0 is the end of the file. With an offset it reads from there and moves the offset on, and the file's own
/// position stays; without one it reads from there.
///
/// # Errors
/// `EAGAIN` where there is no room, `EINVAL` where `from` is no file that can be mapped or `to` has `O_APPEND`, `EPIPE` and
/// `ECONNRESET` as for [`write`](write()); [`Bad::Value`] for an offset beyond 2⁶³ − 1.
pub fn sendfile(to: impl AsFd, from: impl AsFd, offset: Option<&mut u64>, max: usize) -> Result<usize> {
    let Some(offset) = offset else { return pipe::sendfile(to.as_fd(), from.as_fd(), None, max) };
    let mut at = libc::off_t::try_from(*offset).map_err(|_| Error::bad(Call::SendFile, Bad::Value))?;
    let sent = pipe::sendfile(to.as_fd(), from.as_fd(), Some(&mut at), max)?;
    *offset += sent as u64;
    Ok(sent)
}

/// Whether the kernel says that it cannot tell if this would wait.
fn cannot_promise(error: &Error) -> bool {
    matches!(error.errno(), Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL))
}

/// poll(2) with no time: `EAGAIN` of `call` where nothing came.
fn ready(fd: BorrowedFd<'_>, events: Events, call: Call) -> Result<()> {
    match poll(&mut [PollFd::new(&fd, events)], Some(Duration::ZERO))? {
        0 => Err(Error::bare(call, libc::EAGAIN)),
        _ => Ok(()),
    }
}
