//! What a descriptor is, waiting for several, and transfers that never wait on one that is blocking.

use super::call::{once, retried};
use super::socket::{fcntl_args, poll};
use super::transfer::transfer_args;
use crate::error::{Call, Result};
use crate::trace::Value;
use libc::c_int;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// One descriptor of [`poll`](crate::io::poll): what is waited for, and what came.
#[repr(transparent)]
#[derive(Clone)]
pub struct PollFd<'fd> {
    raw: libc::pollfd,
    fd: PhantomData<BorrowedFd<'fd>>,
}

impl<'fd> PollFd<'fd> {
    /// `events` are bits of poll(2).
    pub(crate) fn of(fd: &'fd impl AsFd, events: i16) -> Self {
        PollFd { raw: libc::pollfd { fd: fd.as_fd().as_raw_fd(), events, revents: 0 }, fd: PhantomData }
    }

    pub(crate) fn came(&self, events: i16) -> bool {
        self.raw.revents & events != 0
    }
}

/// poll(2) once; `timeout` in milliseconds, -1 for ever.
pub(crate) fn poll_all(fds: &mut [PollFd<'_>], timeout: c_int) -> Result<usize> {
    let (at, count) = (fds.as_mut_ptr().cast::<libc::pollfd>(), fds.len());
    // SAFETY: PollFd is a transparent wrapper of pollfd, and `at` points to `count` of them.
    poll(unsafe { std::slice::from_raw_parts_mut(at, count) }, timeout)
}

/// The file type bits of fstat(2).
pub(crate) fn file_type(fd: BorrowedFd<'_>) -> Result<libc::mode_t> {
    let raw = fd.as_raw_fd();
    // SAFETY: stat is plain data, and all zeroes is a valid value of it.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    let at = &raw mut stat;
    // SAFETY: `at` has room for a stat.
    once(Call::Fstat, || unsafe { libc::fstat(raw, at) }, || vec![("fd", Value::Fd(raw))])?;
    Ok(stat.st_mode & libc::S_IFMT)
}

/// isatty(3).
pub(crate) fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    let raw = fd.as_raw_fd();
    // SAFETY: isatty takes no pointers. It gives 1 or 0; the choke point wants -1 for no.
    once(Call::IsATty, || unsafe { libc::isatty(raw) } - 1, || vec![("fd", Value::Fd(raw))]).is_ok()
}

/// The flags of the open file: F_GETFL.
pub(crate) fn status_flags(fd: BorrowedFd<'_>) -> Result<c_int> {
    let raw = fd.as_raw_fd();
    // SAFETY: F_GETFL takes no argument.
    once(Call::Fcntl, || unsafe { libc::fcntl(raw, libc::F_GETFL) }, || fcntl_args(raw, "F_GETFL", None))
}

/// recv(2) that never waits, on a descriptor of any kind of socket.
pub(crate) fn recv_now(fd: BorrowedFd<'_>, into: &mut [u8], flags: c_int) -> Result<usize> {
    let (raw, at, len) = (fd.as_raw_fd(), into.as_mut_ptr(), into.len());
    let flags = flags | libc::MSG_DONTWAIT;
    let result = std::cell::Cell::new(0);
    let run = || {
        // SAFETY: `at` points to `len` bytes that the kernel may write.
        let n = unsafe { libc::recv(raw, at.cast(), len, flags) };
        result.set(n);
        n as i64
    };
    let args = || transfer_args(raw, at, filled(result.get()), len, Some(flags));
    retried(Call::Recv, run, args).map(|n| n as usize)
}

/// send(2) that never waits, on a descriptor of any kind of socket.
pub(crate) fn send_now(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    let (raw, at, len) = (fd.as_raw_fd(), bytes.as_ptr(), bytes.len());
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: `at` points to `len` initialised bytes.
    let run = || unsafe { libc::send(raw, at.cast(), len, flags) } as i64;
    retried(Call::Send, run, || transfer_args(raw, at, len, len, Some(flags))).map(|n| n as usize)
}

/// preadv2(2) with `RWF_NOWAIT` at the file's own position: `EOPNOTSUPP` where the kernel cannot promise not to wait.
pub(crate) fn read_nowait(fd: BorrowedFd<'_>, into: &mut [u8]) -> Result<usize> {
    let (raw, at, len) = (fd.as_raw_fd(), into.as_mut_ptr(), into.len());
    let part = libc::iovec { iov_base: at.cast(), iov_len: len };
    let part_at = &raw const part;
    let result = std::cell::Cell::new(0);
    let run = || {
        // SAFETY: `part_at` points to one entry, whose `len` bytes the kernel may write.
        let n = unsafe { libc::preadv2(raw, part_at, 1, -1, libc::RWF_NOWAIT) };
        result.set(n);
        n as i64
    };
    let args = || {
        let mut args = transfer_args(raw, at, filled(result.get()), len, None);
        args.push(("flags", Value::Symbol("RWF_NOWAIT".to_owned())));
        args
    };
    retried(Call::PReadV2, run, args).map(|n| n as usize)
}

/// pwritev2(2) with `RWF_NOWAIT` at the file's own position: `EOPNOTSUPP` where the kernel cannot promise not to wait.
pub(crate) fn write_nowait(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    let (raw, at, len) = (fd.as_raw_fd(), bytes.as_ptr(), bytes.len());
    let part = libc::iovec { iov_base: at.cast_mut().cast(), iov_len: len };
    let part_at = &raw const part;
    // SAFETY: `part_at` points to one entry of `len` initialised bytes, which the kernel only reads.
    let run = || unsafe { libc::pwritev2(raw, part_at, 1, -1, libc::RWF_NOWAIT) } as i64;
    let args = || {
        let mut args = transfer_args(raw, at, len, len, None);
        args.push(("flags", Value::Symbol("RWF_NOWAIT".to_owned())));
        args
    };
    retried(Call::PWriteV2, run, args).map(|n| n as usize)
}

fn filled(result: isize) -> usize {
    usize::try_from(result).unwrap_or(0)
}
