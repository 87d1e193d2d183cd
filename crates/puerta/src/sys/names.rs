//! getaddrinfo, getnameinfo, if_nametoindex, if_indextoname.

use super::call;
use super::sockaddr::{SockAddr, Storage};
use super::symbols;
use crate::error::{Call, Cause, Result};
use crate::trace::{SHOWN, Value};
use libc::{c_char, c_int};
use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::net::SocketAddr;
use std::ptr;

/// glibc's code for a numeric address of another family than the one asked for; the libc crate lacks it.
pub(crate) const EAI_ADDRFAMILY: c_int = -9;

/// The lengths that getnameinfo(3) names `NI_MAXHOST` and `NI_MAXSERV`.
const HOST_ROOM: usize = 1025;
const SERVICE_ROOM: usize = 32;

/// What getaddrinfo(3) is asked for: the fields of `struct addrinfo` that hints may set. 0 is any.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hints {
    pub(crate) flags: c_int,
    pub(crate) family: c_int,
    pub(crate) kind: c_int,
}

/// One entry of the list that getaddrinfo(3) gives.
pub(crate) struct Entry {
    pub(crate) address: SocketAddr,
    pub(crate) kind: c_int,
    pub(crate) protocol: c_int,
    pub(crate) canonical: Option<String>,
}

/// The list in the system's own order. Entries that are no Internet address are left out.
pub(crate) fn getaddrinfo(host: Option<&CStr>, service: Option<&CStr>, hints: Hints) -> Result<Vec<Entry>> {
    let asked = libc::addrinfo {
        ai_flags: hints.flags,
        ai_family: hints.family,
        ai_socktype: hints.kind,
        ai_protocol: 0,
        ai_addrlen: 0,
        ai_addr: ptr::null_mut(),
        ai_canonname: ptr::null_mut(),
        ai_next: ptr::null_mut(),
    };
    let mut list: *mut libc::addrinfo = ptr::null_mut();
    let (node, name) = (host.map_or(ptr::null(), CStr::as_ptr), service.map_or(ptr::null(), CStr::as_ptr));
    let out = &raw mut list;
    let code = Cell::new(0);
    let run = || {
        // SAFETY: both strings end in NUL or are null, `asked` is a whole addrinfo, and `out` points to a pointer.
        code.set(unsafe { libc::getaddrinfo(node, name, &raw const asked, out) });
        code.get()
    };
    let args = || {
        // What `list` holds after a failure is not specified.
        // SAFETY: `out` points to `list`, which outlives the closure.
        let made = if code.get() == 0 { unsafe { *out } } else { ptr::null_mut() };
        // SAFETY: the call succeeded, so `made` is a list that getaddrinfo made, or it is null.
        let found: Vec<String> = unsafe { entries(made) }.map(|e| e.address.to_string()).collect();
        vec![
            ("node", text(host)),
            ("service", text(service)),
            ("hints", Value::Symbol(shown(hints))),
            ("res", Value::Symbol(format!("[{}]", found.join(", ")))),
        ]
    };
    call::judged(Call::GetAddrInfo, run, eai, args)?;
    // SAFETY: the call succeeded, so `list` is a list that getaddrinfo made.
    let found = unsafe { entries(list) }.collect();
    // SAFETY: as above; `found` owns copies, and nobody uses the list from here on.
    unsafe { libc::freeaddrinfo(list) };
    Ok(found)
}

/// The entries of a list.
///
/// # Safety
/// `at` is null or what getaddrinfo made, and it is not freed before the iterator ends.
unsafe fn entries(mut at: *mut libc::addrinfo) -> impl Iterator<Item = Entry> {
    std::iter::from_fn(move || {
        loop {
            // SAFETY: the caller promises a live list, whose last entry points to null.
            let entry = unsafe { at.as_ref() }?;
            at = entry.ai_next;
            // SAFETY: ai_addr points to ai_addrlen bytes, or is null.
            let address = unsafe { copied(entry.ai_addr, entry.ai_addrlen) };
            let Some(address) = address else { continue };
            let canonical = (!entry.ai_canonname.is_null())
                // SAFETY: it is not null, so it is a string that lives as long as the list.
                .then(|| unsafe { CStr::from_ptr(entry.ai_canonname) }.to_string_lossy().into_owned());
            return Some(Entry { address, kind: entry.ai_socktype, protocol: entry.ai_protocol, canonical });
        }
    })
}

/// # Safety
/// `at` points to `len` readable bytes, or is null.
unsafe fn copied(at: *const libc::sockaddr, len: libc::socklen_t) -> Option<SocketAddr> {
    let mut storage = Storage::empty();
    if at.is_null() || len > storage.len() {
        return None;
    }
    // SAFETY: the source has `len` bytes, and the storage has room for them.
    unsafe { ptr::copy_nonoverlapping(at.cast::<u8>(), storage.as_mut_ptr().cast::<u8>(), len as usize) };
    storage.set_len(len);
    SocketAddr::decode(&storage)
}

/// Host and service of an address, as `flags` (`NI_…`) say.
pub(crate) fn getnameinfo(address: &SocketAddr, flags: c_int) -> Result<(String, String)> {
    let storage = address.encode()?;
    let mut host = [0 as c_char; HOST_ROOM];
    let mut service = [0 as c_char; SERVICE_ROOM];
    let (host_at, service_at) = (host.as_mut_ptr(), service.as_mut_ptr());
    let run = || {
        let (host_len, service_len) = (HOST_ROOM as libc::socklen_t, SERVICE_ROOM as libc::socklen_t);
        // SAFETY: the storage holds an address of the length that it tells, and both buffers have the lengths that are told.
        unsafe { libc::getnameinfo(storage.as_ptr(), storage.len(), host_at, host_len, service_at, service_len, flags) }
    };
    let args = || {
        // SAFETY: both buffers outlive the closure and hold a NUL: they began as zeroes and the resolver ends what it writes.
        let (host, service) = unsafe { (CStr::from_ptr(host_at), CStr::from_ptr(service_at)) };
        vec![
            ("addr", Value::Address((*address).into())),
            ("addrlen", Value::Int(i64::from(storage.len()))),
            ("host", text(Some(host))),
            ("hostlen", Value::Int(HOST_ROOM as i64)),
            ("serv", text(Some(service))),
            ("servlen", Value::Int(SERVICE_ROOM as i64)),
            ("flags", Value::Symbol(symbols::name_info_flags(flags))),
        ]
    };
    call::judged(Call::GetNameInfo, run, eai, args)?;
    // SAFETY: both buffers hold a string that the resolver ended with NUL.
    let (host, service) = unsafe { (CStr::from_ptr(host_at), CStr::from_ptr(service_at)) };
    Ok((host.to_string_lossy().into_owned(), service.to_string_lossy().into_owned()))
}

/// The index of a network interface.
pub(crate) fn if_nametoindex(name: &CStr) -> Result<u32> {
    // SAFETY: the name ends in NUL.
    let run = || unsafe { libc::if_nametoindex(name.as_ptr()) };
    let judge = |index: &u32| (i64::from(*index), (*index == 0).then(|| Cause::Os(call::errno())));
    call::judged(Call::IfNameToIndex, run, judge, || vec![("ifname", text(Some(name)))])
}

/// The name of the network interface with that index.
pub(crate) fn if_indextoname(index: u32) -> Result<CString> {
    let mut name = [0 as c_char; libc::IF_NAMESIZE];
    let at = name.as_mut_ptr();
    // SAFETY: `at` has room for IF_NAMESIZE bytes, which is what the function asks for.
    let run = || unsafe { !libc::if_indextoname(index, at).is_null() };
    let judge = |found: &bool| (i64::from(*found), (!*found).then(|| Cause::Os(call::errno())));
    let args = || {
        // SAFETY: `name` outlives the closure and holds a NUL: it began as zeroes and the function ends what it writes.
        let name = unsafe { CStr::from_ptr(at) };
        vec![("ifindex", Value::Int(i64::from(index))), ("ifname", text(Some(name)))]
    };
    call::judged(Call::IfIndexToName, run, judge, args)?;
    // SAFETY: the call succeeded, so the buffer holds a string that ends in NUL.
    Ok(unsafe { CStr::from_ptr(at) }.to_owned())
}

/// The resolver returns 0 or an EAI code; `EAI_SYSTEM` says that errno knows more.
fn eai(code: &c_int) -> (i64, Option<Cause>) {
    let cause = match *code {
        0 => None,
        libc::EAI_SYSTEM => Some(Cause::Os(call::errno())),
        code => Some(Cause::Resolve(code)),
    };
    (i64::from(*code), cause)
}

fn text(value: Option<&CStr>) -> Value {
    match value.map(CStr::to_bytes) {
        None => Value::Symbol("NULL".to_owned()),
        // A name is shown whole where that is short of a line: half a host name misleads.
        Some(bytes) => Value::Bytes(bytes.get(..SHOWN * 4).unwrap_or(bytes).to_vec(), bytes.len()),
    }
}

fn shown(hints: Hints) -> String {
    let mut parts = Vec::new();
    if hints.flags != 0 {
        parts.push(symbols::address_info_flags(hints.flags));
    }
    parts.push(symbols::domain(hints.family));
    if hints.kind != 0 {
        parts.push(symbols::socket_type(hints.kind));
    }
    format!("{{{}}}", parts.join(", "))
}
