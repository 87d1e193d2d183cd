//! getifaddrs(3).

use super::call::{Args, once};
use super::sockaddr::{SockAddr, Storage};
use crate::error::{Call, Result};
use crate::interfaces::Interface;
use std::ffi::CStr;
use std::net::SocketAddr;

pub(crate) fn list() -> Result<Vec<Interface>> {
    let mut first: *mut libc::ifaddrs = std::ptr::null_mut();
    let out = &raw mut first;
    // SAFETY: `out` points to a pointer that getifaddrs fills.
    once(Call::GetIfAddrs, || unsafe { libc::getifaddrs(out) }, Args::new)?;
    let mut found = Vec::new();
    let mut at = first;
    while !at.is_null() {
        // SAFETY: the list is valid until freeifaddrs, and `at` is one of its entries.
        let entry = unsafe { &*at };
        found.extend(interface(entry));
        at = entry.ifa_next;
    }
    // SAFETY: `first` came from getifaddrs, and nothing borrows from the list any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

fn interface(entry: &libc::ifaddrs) -> Option<Interface> {
    let at = inet(entry.ifa_addr)?;
    let prefix = inet(entry.ifa_netmask).map_or(0, |mask| match mask {
        SocketAddr::V4(mask) => mask.ip().to_bits().count_ones(),
        SocketAddr::V6(mask) => mask.ip().to_bits().count_ones(),
    });
    // SAFETY: ifa_name is a NUL-terminated string of the list.
    let name = unsafe { CStr::from_ptr(entry.ifa_name) }.to_string_lossy().into_owned();
    let flag = |bit: libc::c_int| entry.ifa_flags & bit as libc::c_uint != 0;
    let zone = if let SocketAddr::V6(at) = at { at.scope_id() } else { 0 };
    let (up, loopback) = (flag(libc::IFF_UP), flag(libc::IFF_LOOPBACK));
    Some(Interface { name, address: at.ip(), prefix: prefix as u8, zone, up, loopback })
}

/// An IP address of the list; `None` for other families and for none.
fn inet(address: *const libc::sockaddr) -> Option<SocketAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: a sockaddr of the list begins with its family.
    let len = match i32::from(unsafe { (*address).sa_family }) {
        libc::AF_INET => size_of::<libc::sockaddr_in>(),
        libc::AF_INET6 => size_of::<libc::sockaddr_in6>(),
        _ => return None,
    };
    let mut storage = Storage::empty();
    // SAFETY: the family says that `len` bytes lie there; the storage has room for every address.
    unsafe { address.cast::<u8>().copy_to_nonoverlapping(storage.as_mut_ptr().cast(), len) };
    storage.set_len(len as libc::socklen_t);
    SocketAddr::decode(&storage)
}
