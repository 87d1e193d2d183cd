//! send, recv and their relatives; read and write.

use super::call::{Args, Fd, hot, retried};
use super::sockaddr::Storage;
use super::symbols;
use crate::error::{Call, Result};
use crate::trace::{SHOWN, Value};
use libc::{c_int, c_void};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// What a transfer shows: the descriptor, the first bytes, the length that was asked for, the flags.
pub(super) fn transfer_args(fd: RawFd, bytes: *const u8, filled: usize, asked: usize, flags: Option<c_int>) -> Args {
    // SAFETY: the callers pass a buffer that outlives the call, with at least `filled` bytes initialised.
    let shown = unsafe { std::slice::from_raw_parts(bytes, filled.min(SHOWN)) }.to_vec();
    // As the man pages name them: send(sockfd, buf, len, flags), but write(fd, buf, count).
    let (of, length) = if flags.is_some() { ("sockfd", "len") } else { ("fd", "count") };
    let mut args = vec![(of, Value::Fd(fd)), ("buf", Value::Bytes(shown, filled)), (length, Value::Int(asked as i64))];
    args.extend(flags.map(|f| ("flags", Value::Symbol(symbols::message_flags(f)))));
    args
}

fn push_address(args: &mut Args, name: &'static str, address: &Storage) {
    args.extend(address.endpoint().map(|a| (name, Value::Address(a))));
}

#[inline(always)]
pub(crate) fn send(fd: &Fd, bytes: &[u8], flags: c_int) -> Result<usize> {
    let arguments = (fd.raw(), bytes.as_ptr().cast_mut(), bytes.len(), flags | libc::MSG_NOSIGNAL);
    hot(
        Call::Send,
        arguments,
        // SAFETY: `at` points to `len` initialised bytes, which the kernel only reads.
        |raw, at, len, flags| unsafe { libc::send(raw, at.cast(), len, flags) },
        |raw, at, len, flags, _| transfer_args(raw, at, len, len, Some(flags)),
    )
}

#[inline(always)]
pub(crate) fn recv(fd: &Fd, into: &mut [u8], flags: c_int) -> Result<usize> {
    hot(
        Call::Recv,
        (fd.raw(), into.as_mut_ptr(), into.len(), flags),
        // SAFETY: `at` points to `len` bytes that the kernel may write.
        |raw, at, len, flags| unsafe { libc::recv(raw, at.cast(), len, flags) },
        |raw, at, len, flags, n| transfer_args(raw, at, usize::try_from(n).unwrap_or(0).min(len), len, Some(flags)),
    )
}

pub(crate) fn send_to(fd: &Fd, bytes: &[u8], to: &Storage, flags: c_int) -> Result<usize> {
    let (raw, at, len) = (fd.raw(), bytes.as_ptr(), bytes.len());
    let flags = flags | libc::MSG_NOSIGNAL;
    let args = || {
        let mut args = transfer_args(raw, at, len, len, Some(flags));
        push_address(&mut args, "dest_addr", to);
        args
    };
    // SAFETY: `at` points to `len` initialised bytes; the storage holds an address of the length that it tells.
    retried64(Call::SendTo, || unsafe { libc::sendto(raw, at.cast(), len, flags, to.as_ptr(), to.len()) }, args)
}

pub(crate) fn recv_from(fd: &Fd, into: &mut [u8], flags: c_int) -> Result<(usize, Storage)> {
    let (raw, at, len) = (fd.raw(), into.as_mut_ptr(), into.len());
    let mut from = Storage::empty();
    let (address, address_len, seen) = from.out();
    let result = std::cell::Cell::new(0);
    let run = || {
        // SAFETY: `at` points to `len` bytes that the kernel may write; address and length point into `from`.
        let n = unsafe { libc::recvfrom(raw, at.cast(), len, flags, address, address_len) };
        result.set(n);
        n
    };
    let args = || {
        let filled = usize::try_from(result.get()).unwrap_or(0).min(len);
        let mut args = transfer_args(raw, at, filled, len, Some(flags));
        // SAFETY: `from` outlives the closure, and the kernel is done with it when the closure runs.
        push_address(&mut args, "src_addr", unsafe { &*seen });
        args
    };
    let n = retried64(Call::RecvFrom, run, args)?;
    Ok((n, from))
}

/// sendmsg without ancillary data.
pub(crate) fn send_vectored(fd: &Fd, parts: &[IoSlice<'_>], flags: c_int) -> Result<usize> {
    let raw = fd.raw();
    let flags = flags | libc::MSG_NOSIGNAL;
    // SAFETY: msghdr is plain data, and all zeroes is a valid value of it.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    // IoSlice has the layout of iovec, and the kernel only reads through it.
    message.msg_iov = parts.as_ptr().cast::<libc::iovec>().cast_mut();
    message.msg_iovlen = parts.len().min(libc::UIO_MAXIOV as usize);
    let total: usize = parts.iter().map(|p| p.len()).sum();
    let first = parts.first().map_or(&[][..], |p| p);
    let args = || transfer_args(raw, first.as_ptr(), first.len(), total, Some(flags));
    // SAFETY: `message` points to slices that are borrowed for the call.
    retried64(Call::SendMsg, || unsafe { libc::sendmsg(raw, &raw const message, flags) }, args)
}

/// recvmsg without ancillary data. Gives the length and msg_flags.
pub(crate) fn recv_vectored(fd: &Fd, parts: &mut [IoSliceMut<'_>], flags: c_int) -> Result<(usize, c_int)> {
    let raw = fd.raw();
    let total: usize = parts.iter().map(|p| p.len()).sum();
    // IoSliceMut has the layout of iovec.
    let iov = parts.as_mut_ptr().cast::<libc::iovec>();
    let some = !parts.is_empty();
    // SAFETY: msghdr is plain data, and all zeroes is a valid value of it.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = iov;
    message.msg_iovlen = parts.len().min(libc::UIO_MAXIOV as usize);
    let at = &raw mut message;
    let result = std::cell::Cell::new(0);
    let run = || {
        // SAFETY: `message` points to slices that are borrowed mutably for the call.
        let n = unsafe { libc::recvmsg(raw, at, flags) };
        result.set(n);
        n
    };
    let args = || {
        // SAFETY: there is a first slice, borrowed mutably for the call, and the kernel is done with it when the closure runs.
        let first = some.then(|| unsafe { iov.read() });
        let (at, room) = first.map_or((std::ptr::NonNull::dangling().as_ptr(), 0), |p| (p.iov_base.cast(), p.iov_len));
        let filled = usize::try_from(result.get()).unwrap_or(0).min(room);
        transfer_args(raw, at, filled, total, Some(flags))
    };
    let n = retried64(Call::RecvMsg, run, args)?;
    Ok((n, message.msg_flags))
}

/// read(2) on any descriptor.
pub(crate) fn read(fd: BorrowedFd<'_>, into: &mut [u8]) -> Result<usize> {
    let (raw, at, len) = (fd.as_raw_fd(), into.as_mut_ptr(), into.len());
    let result = std::cell::Cell::new(0);
    let run = || {
        // SAFETY: `at` points to `len` bytes that the kernel may write.
        let n = unsafe { libc::read(raw, at.cast(), len) };
        result.set(n);
        n
    };
    retried64(Call::Read, run, || transfer_args(raw, at, usize::try_from(result.get()).unwrap_or(0), len, None))
}

/// write(2) on any descriptor.
pub(crate) fn write(fd: BorrowedFd<'_>, bytes: &[u8]) -> Result<usize> {
    let (raw, at, len) = (fd.as_raw_fd(), bytes.as_ptr(), bytes.len());
    // SAFETY: `at` points to `len` initialised bytes.
    retried64(
        Call::Write,
        || unsafe { libc::write(raw, at.cast::<c_void>(), len) },
        || transfer_args(raw, at, len, len, None),
    )
}

#[inline(always)]
fn retried64(name: Call, mut run: impl FnMut() -> isize, args: impl Fn() -> Args) -> Result<usize> {
    // isize is i64 here; the choke point wants a type that converts without loss.
    retried(name, || run() as i64, args).map(|n| n as usize)
}

/// The error that is waiting on the socket (SO_ERROR), which reading clears. 0: none.
pub(crate) fn pending_error(fd: BorrowedFd<'_>) -> Result<i32> {
    get_int(fd, libc::SOL_SOCKET, libc::SO_ERROR, "SO_ERROR")
}

/// One integer option at the level of the socket.
pub(crate) fn get_int(fd: BorrowedFd<'_>, level: c_int, name: c_int, shown: &'static str) -> Result<i32> {
    super::option::get(fd, super::option::Key { level, name, shown })
}
