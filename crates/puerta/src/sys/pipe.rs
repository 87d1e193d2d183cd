//! Pipes and zero copy: pipe2, F_SETPIPE_SZ, FIONREAD, splice, sendfile.

use super::call::{Args, Fd, once, retried};
use super::symbols;
use crate::error::{Call, Result};
use crate::trace::Value;
use libc::{c_int, c_uint};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// Both ends, CLOEXEC and blocking: first the one to read from.
pub(crate) fn pipe() -> Result<(Fd, Fd)> {
    let mut ends: [RawFd; 2] = [-1; 2];
    let at = ends.as_mut_ptr();
    let seen = &raw const ends;
    let args = || {
        // SAFETY: `ends` outlives the closure, and the kernel is done with it when the closure runs.
        let [read, write] = unsafe { *seen };
        let ends = Value::Symbol(format!("[{read}, {write}]"));
        vec![("pipefd", ends), ("flags", Value::Symbol("O_CLOEXEC".to_owned()))]
    };
    // SAFETY: `at` points to two ints.
    once(Call::Pipe, || unsafe { libc::pipe2(at, libc::O_CLOEXEC) }, args)?;
    // SAFETY: the kernel has just made them, for us alone.
    Ok(unsafe { (Fd::own(ends[0]), Fd::own(ends[1])) })
}

pub(crate) fn pipe_size(fd: BorrowedFd<'_>) -> Result<usize> {
    let raw = fd.as_raw_fd();
    let args = || vec![("fd", Value::Fd(raw)), ("op", Value::Symbol("F_GETPIPE_SZ".to_owned()))];
    // SAFETY: F_GETPIPE_SZ takes no argument.
    once(Call::Fcntl, || unsafe { libc::fcntl(raw, libc::F_GETPIPE_SZ) }, args).map(|n| n as usize)
}

pub(crate) fn set_pipe_size(fd: BorrowedFd<'_>, bytes: usize) -> Result<usize> {
    let raw = fd.as_raw_fd();
    let bytes = c_int::try_from(bytes).unwrap_or(c_int::MAX);
    let args = || {
        let op = Value::Symbol("F_SETPIPE_SZ".to_owned());
        vec![("fd", Value::Fd(raw)), ("op", op), ("arg", Value::Int(i64::from(bytes)))]
    };
    // SAFETY: F_SETPIPE_SZ takes an int.
    once(Call::Fcntl, || unsafe { libc::fcntl(raw, libc::F_SETPIPE_SZ, bytes) }, args).map(|n| n as usize)
}

/// How many bytes wait to be read: FIONREAD.
pub(crate) fn unread(fd: BorrowedFd<'_>) -> Result<usize> {
    let raw = fd.as_raw_fd();
    let mut count: c_int = 0;
    let at = &raw mut count;
    let args = || {
        // SAFETY: `count` outlives the closure, and the kernel is done with it when the closure runs.
        let count = unsafe { *at };
        let op = Value::Symbol("FIONREAD".to_owned());
        vec![("fd", Value::Fd(raw)), ("op", op), ("arg", Value::Int(i64::from(count)))]
    };
    // SAFETY: `at` has room for an int.
    once(Call::Ioctl, || unsafe { libc::ioctl(raw, libc::FIONREAD, at) }, args)?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// splice(2) at the files' own positions.
pub(crate) fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, max: usize, flags: c_uint) -> Result<usize> {
    let (from, to) = (from.as_raw_fd(), to.as_raw_fd());
    let none = std::ptr::null_mut();
    let args = || {
        let mut args = ends("fd_in", from, "fd_out", to, max);
        args.push(("flags", Value::Symbol(symbols::splice_flags(flags))));
        args
    };
    // SAFETY: the offsets may be null: the files' positions are used and moved.
    let run = || unsafe { libc::splice(from, none, to, none, max, flags) } as i64;
    retried(Call::Splice, run, args).map(|n| n as usize)
}

/// sendfile(2), from `offset`, which is moved, or else from the file's own position.
pub(crate) fn sendfile(
    to: BorrowedFd<'_>,
    from: BorrowedFd<'_>,
    offset: Option<&mut libc::off_t>,
    max: usize,
) -> Result<usize> {
    let (to, from) = (to.as_raw_fd(), from.as_raw_fd());
    let at = offset.map_or(std::ptr::null_mut(), std::ptr::from_mut);
    // SAFETY: `at` is null or borrowed for the call.
    let run = || unsafe { libc::sendfile(to, from, at, max) } as i64;
    retried(Call::SendFile, run, || ends("out_fd", to, "in_fd", from, max)).map(|n| n as usize)
}

fn ends(first: &'static str, a: RawFd, second: &'static str, b: RawFd, max: usize) -> Args {
    vec![(first, Value::Fd(a)), (second, Value::Fd(b)), ("count", Value::Int(max as i64))]
}
