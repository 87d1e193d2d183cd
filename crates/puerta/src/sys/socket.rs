//! socket, bind, listen, accept, connect, shutdown, names, dup, modes.

use super::call::{Args, Fd, once, retried};
use super::sockaddr::Storage;
use super::symbols;
use crate::error::{Call, Result};
use crate::trace::Value;
use libc::c_int;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// The three arguments of socket(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Triple {
    pub(crate) domain: c_int,
    pub(crate) kind: c_int,
    pub(crate) protocol: c_int,
}

pub(crate) fn socket(triple: Triple) -> Result<Fd> {
    let Triple { domain, kind, protocol } = triple;
    let kind = kind | libc::SOCK_CLOEXEC;
    // SAFETY: socket takes no pointers.
    let raw =
        once(Call::Socket, || unsafe { libc::socket(domain, kind, protocol) }, || triple_args(domain, kind, protocol))?;
    // SAFETY: the kernel has just made it, for us alone.
    Ok(unsafe { Fd::own(raw) })
}

pub(crate) fn socketpair(triple: Triple) -> Result<(Fd, Fd)> {
    let Triple { domain, kind, protocol } = triple;
    let kind = kind | libc::SOCK_CLOEXEC;
    let mut pair = [-1; 2];
    let out = pair.as_mut_ptr();
    // SAFETY: `out` points to two ints.
    let run = || unsafe { libc::socketpair(domain, kind, protocol, out) };
    once(Call::SocketPair, run, || triple_args(domain, kind, protocol))?;
    // SAFETY: the kernel has just made them, for us alone.
    Ok(unsafe { (Fd::own(pair[0]), Fd::own(pair[1])) })
}

fn triple_args(domain: c_int, kind: c_int, protocol: c_int) -> Args {
    vec![
        ("domain", Value::Symbol(symbols::domain(domain))),
        ("type", Value::Symbol(symbols::socket_type(kind))),
        ("protocol", Value::Symbol(symbols::protocol(protocol))),
    ]
}

fn with_address(fd: RawFd, name: &'static str, address: &Storage) -> Args {
    let mut args = vec![("sockfd", Value::Fd(fd))];
    args.extend(address.endpoint().map(|a| (name, Value::Address(a))));
    args.push(("addrlen", Value::Int(i64::from(address.len()))));
    args
}

pub(crate) fn bind(fd: &Fd, address: &Storage) -> Result<()> {
    let raw = fd.raw();
    // SAFETY: the storage holds an address of the length that it tells.
    once(
        Call::Bind,
        || unsafe { libc::bind(raw, address.as_ptr(), address.len()) },
        || with_address(raw, "addr", address),
    )
    .map(drop)
}

pub(crate) fn listen(fd: &Fd, backlog: u32) -> Result<()> {
    let backlog = c_int::try_from(backlog).unwrap_or(c_int::MAX);
    let raw = fd.raw();
    let args = || vec![("sockfd", Value::Fd(raw)), ("backlog", Value::Int(i64::from(backlog)))];
    // SAFETY: listen takes no pointers.
    once(Call::Listen, || unsafe { libc::listen(raw, backlog) }, args).map(drop)
}

/// Never repeated: after EINTR the attempt goes on in the kernel, and poll with SO_ERROR tells how it ended.
pub(crate) fn connect(fd: &Fd, address: &Storage) -> Result<()> {
    let raw = fd.raw();
    // SAFETY: the storage holds an address of the length that it tells.
    once(
        Call::Connect,
        || unsafe { libc::connect(raw, address.as_ptr(), address.len()) },
        || with_address(raw, "addr", address),
    )
    .map(drop)
}

pub(crate) fn accept(fd: &Fd, flags: c_int) -> Result<(Fd, Storage)> {
    let raw = fd.raw();
    let mut address = Storage::empty();
    let flags = flags | libc::SOCK_CLOEXEC;
    let (at, len, seen) = address.out();
    let args = || {
        // SAFETY: `address` outlives the closure, and the kernel is done with it when the closure runs.
        let mut args = with_address(raw, "addr", unsafe { &*seen });
        args.push(("flags", Value::Symbol(symbols::accept_flags(flags))));
        args
    };
    // SAFETY: `at` and `len` point into `address`, which has room for every address.
    let accepted = retried(Call::Accept, || unsafe { libc::accept4(raw, at, len, flags) }, args)?;
    // SAFETY: the kernel has just made it, for us alone.
    Ok((unsafe { Fd::own(accepted) }, address))
}

pub(crate) fn shutdown(fd: &Fd, how: c_int) -> Result<()> {
    let raw = fd.raw();
    let args = || vec![("sockfd", Value::Fd(raw)), ("how", Value::Symbol(symbols::shutdown(how)))];
    // SAFETY: shutdown takes no pointers.
    once(Call::Shutdown, || unsafe { libc::shutdown(raw, how) }, args).map(drop)
}

pub(crate) fn getsockname(fd: &Fd) -> Result<Storage> {
    name(Call::GetSockName, libc::getsockname, fd)
}

pub(crate) fn getpeername(fd: &Fd) -> Result<Storage> {
    name(Call::GetPeerName, libc::getpeername, fd)
}

type NameOf = unsafe extern "C" fn(c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> c_int;

fn name(call: Call, function: NameOf, fd: &Fd) -> Result<Storage> {
    let raw = fd.raw();
    let mut address = Storage::empty();
    let (at, len, seen) = address.out();
    // SAFETY: `at` and `len` point into `address`, which has room for every address.
    let run = || unsafe { function(raw, at, len) };
    // SAFETY: `address` outlives the closure, and the kernel is done with it when the closure runs.
    once(call, run, || with_address(raw, "addr", unsafe { &*seen }))?;
    Ok(address)
}

/// The local address without a line in the trace: for error messages.
pub(crate) fn quiet_local(fd: &Fd) -> Option<Storage> {
    let mut address = Storage::empty();
    let (at, len, _) = address.out();
    // SAFETY: `at` and `len` point into `address`, which has room for every address.
    (unsafe { libc::getsockname(fd.raw(), at, len) } == 0).then_some(address)
}

/// A second descriptor of the same socket, CLOEXEC.
pub(crate) fn dup(fd: BorrowedFd<'_>) -> Result<Fd> {
    dup_number(fd.as_raw_fd())
}

/// The same of a descriptor that is known by its number alone: of one that is not open, EBADF.
pub(crate) fn dup_number(raw: RawFd) -> Result<Fd> {
    let args = || fcntl_args(raw, "F_DUPFD_CLOEXEC", None);
    // SAFETY: fcntl with F_DUPFD_CLOEXEC takes an int.
    let copy = once(Call::Fcntl, || unsafe { libc::fcntl(raw, libc::F_DUPFD_CLOEXEC, 3) }, args)?;
    // SAFETY: the kernel has just made it, for us alone.
    Ok(unsafe { Fd::own(copy) })
}

pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, on: bool) -> Result<()> {
    let raw = fd.as_raw_fd();
    // SAFETY: F_GETFL takes no argument.
    let old = once(Call::Fcntl, || unsafe { libc::fcntl(raw, libc::F_GETFL) }, || fcntl_args(raw, "F_GETFL", None))?;
    let new = if on { old | libc::O_NONBLOCK } else { old & !libc::O_NONBLOCK };
    if new == old {
        return Ok(());
    }
    let shown = if on { "O_NONBLOCK" } else { "0" };
    // SAFETY: F_SETFL takes an int.
    once(Call::Fcntl, || unsafe { libc::fcntl(raw, libc::F_SETFL, new) }, || fcntl_args(raw, "F_SETFL", Some(shown)))
        .map(drop)
}

pub(crate) fn set_cloexec(fd: BorrowedFd<'_>) -> Result<()> {
    let raw = fd.as_raw_fd();
    let args = || fcntl_args(raw, "F_SETFD", Some("FD_CLOEXEC"));
    // SAFETY: F_SETFD takes an int.
    once(Call::Fcntl, || unsafe { libc::fcntl(raw, libc::F_SETFD, libc::FD_CLOEXEC) }, args).map(drop)
}

pub(super) fn fcntl_args(fd: RawFd, op: &str, argument: Option<&str>) -> Args {
    let mut args = vec![("fd", Value::Fd(fd)), ("op", Value::Symbol(op.to_owned()))];
    args.extend(argument.map(|a| ("arg", Value::Symbol(a.to_owned()))));
    args
}

/// Waits until one of `events` is there; `timeout` in milliseconds, -1 for ever. 0: none came in time.
pub(crate) fn poll(fds: &mut [libc::pollfd], timeout: c_int) -> Result<usize> {
    let (at, count) = (fds.as_mut_ptr(), fds.len());
    let args = || {
        // SAFETY: `at` points to `count` entries that outlive the closure.
        let fds = unsafe { std::slice::from_raw_parts(at.cast_const(), count) };
        let shown: Vec<String> = fds
            .iter()
            .map(|p| {
                let (asked, came) = (symbols::poll_events(p.events), symbols::poll_events(p.revents));
                format!("{{{}, {asked}, {came}}}", p.fd)
            })
            .collect();
        vec![("fds", Value::Symbol(format!("[{}]", shown.join(", ")))), ("timeout", Value::Int(i64::from(timeout)))]
    };
    // SAFETY: `at` points to `count` entries. EINTR is the caller's to see: its time limit goes on.
    once(Call::Poll, || unsafe { libc::poll(at, count as libc::nfds_t, timeout) }, args).map(|n| n as usize)
}
