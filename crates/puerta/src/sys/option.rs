//! getsockopt, setsockopt and ioctl.

use super::call::{Args, once};
use super::symbols;
use crate::error::{Call, Result};
use crate::trace::{SHOWN, Value};
use libc::{c_int, c_void, socklen_t};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// An option as the headers know it: level, number, and the number's name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) level: c_int,
    pub(crate) name: c_int,
    pub(crate) shown: &'static str,
}

/// `key!(IPPROTO_TCP, TCP_NODELAY)`
macro_rules! key {
    ($level:ident, $name:ident) => {
        $crate::sys::option::Key { level: libc::$level, name: libc::$name, shown: stringify!($name) }
    };
}
pub(crate) use key;

/// A value of an option as the kernel lays it out.
///
/// # Safety
/// Plain data: every pattern of bits, all zeroes included, is a valid value.
// SAFETY: what an implementation promises, just above.
pub(crate) unsafe trait Plain: Copy {
    /// What a traced call shows.
    fn shown(&self) -> Value;
}

// SAFETY: an int is plain data.
unsafe impl Plain for c_int {
    fn shown(&self) -> Value {
        Value::Int(i64::from(*self))
    }
}

// SAFETY: two ints.
unsafe impl Plain for libc::linger {
    fn shown(&self) -> Value {
        Value::Symbol(format!("{{l_onoff={}, l_linger={}}}", self.l_onoff, self.l_linger))
    }
}

// SAFETY: two integers.
unsafe impl Plain for libc::timeval {
    fn shown(&self) -> Value {
        Value::Symbol(format!("{{tv_sec={}, tv_usec={}}}", self.tv_sec, self.tv_usec))
    }
}

// SAFETY: three integers.
unsafe impl Plain for libc::ucred {
    fn shown(&self) -> Value {
        Value::Symbol(format!("{{pid={}, uid={}, gid={}}}", self.pid, self.uid, self.gid))
    }
}

// SAFETY: two addresses and an int.
unsafe impl Plain for libc::ip_mreqn {
    fn shown(&self) -> Value {
        let [group, address] = [self.imr_multiaddr, self.imr_address].map(|a| Ipv4Addr::from(a.s_addr.to_ne_bytes()));
        let index = self.imr_ifindex;
        Value::Symbol(format!("{{imr_multiaddr={group}, imr_address={address}, imr_ifindex={index}}}"))
    }
}

// SAFETY: an address and an unsigned int.
unsafe impl Plain for libc::ipv6_mreq {
    fn shown(&self) -> Value {
        let group = Ipv6Addr::from(self.ipv6mr_multiaddr.s6_addr);
        Value::Symbol(format!("{{ipv6mr_multiaddr={group}, ipv6mr_interface={}}}", self.ipv6mr_interface))
    }
}

pub(crate) fn set<T: Plain>(fd: BorrowedFd<'_>, key: Key, value: &T) -> Result<()> {
    let at: *const T = value;
    // SAFETY: `at` points to a T, borrowed for the call.
    unsafe { set_raw(fd, key, at.cast(), size_of::<T>(), || value.shown()) }
}

pub(crate) fn set_bytes(fd: BorrowedFd<'_>, key: Key, bytes: &[u8]) -> Result<()> {
    // SAFETY: `bytes` is a slice, borrowed for the call.
    unsafe { set_raw(fd, key, bytes.as_ptr().cast(), bytes.len(), || show_bytes(bytes)) }
}

/// # Safety
/// `at` points to `len` initialised bytes.
unsafe fn set_raw(
    fd: BorrowedFd<'_>,
    key: Key,
    at: *const c_void,
    len: usize,
    shown: impl FnOnce() -> Value,
) -> Result<()> {
    let raw = fd.as_raw_fd();
    // SAFETY: the caller promises that `at` points to `len` initialised bytes.
    let run = || unsafe { libc::setsockopt(raw, key.level, key.name, at, len as socklen_t) };
    once(Call::SetSockOpt, run, || args(raw, key, shown())).map(drop)
}

pub(crate) fn get<T: Plain>(fd: BorrowedFd<'_>, key: Key) -> Result<T> {
    // SAFETY: all zeroes is a valid value of plain data.
    let mut value: T = unsafe { std::mem::zeroed() };
    let at = &raw mut value;
    // SAFETY: `at` has room for a T; what the kernel leaves out stays zero. The trace reads it after the call.
    unsafe { get_raw(fd, key, at.cast(), size_of::<T>(), |_| (*at).shown()) }?;
    Ok(value)
}

/// Fills `into` and tells how many bytes the kernel gave.
pub(crate) fn get_bytes(fd: BorrowedFd<'_>, key: Key, into: &mut [u8]) -> Result<usize> {
    let (at, room) = (into.as_mut_ptr(), into.len());
    // SAFETY: `at` has room for `room` bytes, all of them initialised, and outlives the call.
    let shown = |len: usize| show_bytes(unsafe { std::slice::from_raw_parts(at, len.min(room)) });
    // SAFETY: as above.
    unsafe { get_raw(fd, key, at.cast(), room, shown) }.map(|len| len.min(room))
}

/// # Safety
/// `at` has room for `len` bytes.
unsafe fn get_raw(
    fd: BorrowedFd<'_>,
    key: Key,
    at: *mut c_void,
    len: usize,
    shown: impl FnOnce(usize) -> Value,
) -> Result<usize> {
    let raw = fd.as_raw_fd();
    let mut len = len as socklen_t;
    let len_at = &raw mut len;
    // SAFETY: the caller promises that `at` has room for `len` bytes.
    let run = || unsafe { libc::getsockopt(raw, key.level, key.name, at, len_at) };
    // SAFETY: `len` outlives the closure, and the kernel is done with it when the closure runs.
    once(Call::GetSockOpt, run, || args(raw, key, shown(unsafe { *len_at } as usize)))?;
    Ok(len as usize)
}

fn args(fd: RawFd, key: Key, value: Value) -> Args {
    vec![
        ("sockfd", Value::Fd(fd)),
        ("level", Value::Symbol(level(key.level))),
        ("optname", Value::Symbol(key.shown.to_owned())),
        ("optval", value),
    ]
}

pub(crate) fn level(value: c_int) -> String {
    symbols::named(
        value,
        &[
            (libc::SOL_SOCKET, "SOL_SOCKET"),
            (libc::IPPROTO_IP, "IPPROTO_IP"),
            (libc::IPPROTO_IPV6, "IPPROTO_IPV6"),
            (libc::IPPROTO_TCP, "IPPROTO_TCP"),
        ],
    )
}

pub(crate) fn show_bytes(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.iter().copied().take(SHOWN).collect(), bytes.len())
}

/// An ioctl that gives an int: SIOCINQ, SIOCOUTQ.
pub(crate) fn ioctl_int(fd: BorrowedFd<'_>, request: libc::Ioctl, shown: &'static str) -> Result<c_int> {
    let raw = fd.as_raw_fd();
    let mut value: c_int = 0;
    let at = &raw mut value;
    let args = || {
        // SAFETY: `value` outlives the closure, and the kernel is done with it when the closure runs.
        let value = i64::from(unsafe { *at });
        vec![("fd", Value::Fd(raw)), ("op", Value::Symbol(shown.to_owned())), ("argp", Value::Int(value))]
    };
    // SAFETY: these requests write one int.
    once(Call::Ioctl, || unsafe { libc::ioctl(raw, request, at) }, args)?;
    Ok(value)
}
