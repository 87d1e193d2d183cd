//! Addresses between Rust and `struct sockaddr`.

use crate::address::{Endpoint, UnixAddr};
use crate::error::{Bad, Call, Error, Result};
use std::mem::{offset_of, zeroed};
use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;

/// A `sockaddr_storage` with its length.
#[derive(Clone, Copy)]
pub struct Storage {
    raw: libc::sockaddr_storage,
    len: libc::socklen_t,
}

/// Addresses that system calls take.
pub trait SockAddr: Clone + std::fmt::Debug + std::fmt::Display + Into<Endpoint> + Send + Sync + 'static {
    fn encode(&self) -> Result<Storage>;
    /// `None` when the family is another.
    fn decode(storage: &Storage) -> Option<Self>;
}

const PATH_AT: usize = offset_of!(libc::sockaddr_un, sun_path);

impl Storage {
    /// Room for the kernel to write an address.
    pub(crate) fn empty() -> Self {
        // SAFETY: sockaddr_storage is plain data, and all zeroes is a valid value of it (family AF_UNSPEC).
        Storage { raw: unsafe { zeroed() }, len: size_of::<libc::sockaddr_storage>() as libc::socklen_t }
    }

    fn of<T: Copy>(address: T) -> Self {
        const {
            assert!(
                size_of::<T>() <= size_of::<libc::sockaddr_storage>()
                    && align_of::<T>() <= align_of::<libc::sockaddr_storage>()
            )
        };
        let mut storage = Storage::empty();
        storage.len = size_of::<T>() as libc::socklen_t;
        // SAFETY: T is a sockaddr_* type, none larger or more strictly aligned than sockaddr_storage.
        unsafe { (&raw mut storage.raw).cast::<T>().write(address) };
        storage
    }

    pub(crate) fn family(&self) -> i32 {
        if (self.len as usize) < size_of::<libc::sa_family_t>() {
            libc::AF_UNSPEC
        } else {
            i32::from(self.raw.ss_family)
        }
    }

    pub(crate) fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.raw).cast()
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.raw).cast()
    }

    pub(crate) fn len(&self) -> libc::socklen_t {
        self.len
    }

    /// Where the kernel writes address and length, and where a trace reads them afterwards. All three come of one borrow, so that
    /// none of them ends another.
    pub(crate) fn out(&mut self) -> (*mut libc::sockaddr, *mut libc::socklen_t, *const Storage) {
        let this = &raw mut *self;
        // SAFETY: `this` points to a storage that is borrowed mutably; only the places of its fields are taken.
        unsafe { ((&raw mut (*this).raw).cast(), &raw mut (*this).len, this.cast_const()) }
    }

    pub(crate) fn set_len(&mut self, len: libc::socklen_t) {
        self.len = len;
    }

    /// Whether it is an address that `bind` or `connect` gave: a port or a host for IP, a name for Unix.
    pub(crate) fn is_bound(&self) -> bool {
        match self.endpoint() {
            Some(Endpoint::Inet(address)) => address.port() != 0 || !address.ip().is_unspecified(),
            Some(Endpoint::Unix(address)) => address != UnixAddr::Unnamed,
            None => false,
        }
    }

    /// The same of a raw socket, whose port is the number of its protocol from the beginning.
    pub(crate) fn is_bound_to_host(&self) -> bool {
        self.endpoint().and_then(|e| e.inet()).is_some_and(|address| !address.ip().is_unspecified())
    }

    /// What a traced call shows.
    pub(crate) fn endpoint(&self) -> Option<Endpoint> {
        Endpoint::decode(self)
    }
}

impl SockAddr for SocketAddr {
    fn encode(&self) -> Result<Storage> {
        Ok(match self {
            SocketAddr::V4(v4) => Storage::of(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(v6) => Storage::of(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo().to_be(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            }),
        })
    }

    fn decode(storage: &Storage) -> Option<Self> {
        let len = storage.len as usize;
        match storage.family() {
            libc::AF_INET if len >= size_of::<libc::sockaddr_in>() => {
                // SAFETY: the family and the length say that a sockaddr_in lies there; the storage is aligned for it.
                let v4 = unsafe { storage.as_ptr().cast::<libc::sockaddr_in>().read() };
                let ip = v4.sin_addr.s_addr.to_ne_bytes().into();
                Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
            }
            libc::AF_INET6 if len >= size_of::<libc::sockaddr_in6>() => {
                // SAFETY: the family and the length say that a sockaddr_in6 lies there; the storage is aligned for it.
                let v6 = unsafe { storage.as_ptr().cast::<libc::sockaddr_in6>().read() };
                let (ip, flow) = (v6.sin6_addr.s6_addr.into(), u32::from_be(v6.sin6_flowinfo));
                Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), flow, v6.sin6_scope_id).into())
            }
            _ => None,
        }
    }
}

impl SockAddr for UnixAddr {
    fn encode(&self) -> Result<Storage> {
        // SAFETY: sockaddr_un is plain data, and all zeroes is a valid value of it.
        let mut raw: libc::sockaddr_un = unsafe { zeroed() };
        raw.sun_family = libc::AF_UNIX as libc::sa_family_t;
        let room = raw.sun_path.len();
        let (skip, bytes, nul_after): (usize, &[u8], usize) = match self {
            UnixAddr::Unnamed => (0, &[], 0),
            UnixAddr::Path(path) => (0, path.as_os_str().as_bytes(), 1),
            UnixAddr::Abstract(name) => (1, name, 0),
        };
        if let UnixAddr::Path(_) = self {
            if bytes.is_empty() {
                return Err(Error::bad(Call::Bind, Bad::PathEmpty));
            }
            if bytes.contains(&0) {
                return Err(Error::bad(Call::Bind, Bad::Nul));
            }
        }
        if skip + bytes.len() + nul_after > room {
            return Err(Error::bad(Call::Bind, Bad::PathTooLong));
        }
        for (to, from) in raw.sun_path[skip..].iter_mut().zip(bytes) {
            *to = *from as libc::c_char;
        }
        let mut storage = Storage::of(raw);
        storage.len = (PATH_AT + skip + bytes.len() + nul_after) as libc::socklen_t;
        Ok(storage)
    }

    fn decode(storage: &Storage) -> Option<Self> {
        let len = (storage.len as usize).min(size_of::<libc::sockaddr_un>());
        if len <= PATH_AT {
            // A recvfrom without an address (an unnamed sender) leaves the length 0.
            let unnamed = len == 0 || storage.family() == libc::AF_UNIX;
            return unnamed.then_some(UnixAddr::Unnamed);
        }
        if storage.family() != libc::AF_UNIX {
            return None;
        }
        // SAFETY: the storage is larger than sockaddr_un, aligned for it, and initialised.
        let raw = unsafe { storage.as_ptr().cast::<libc::sockaddr_un>().read() };
        let path: Vec<u8> = raw.sun_path[..len - PATH_AT].iter().map(|&c| c as u8).collect();
        Some(match path.split_first() {
            Some((0, name)) => UnixAddr::Abstract(name.to_vec()),
            _ => UnixAddr::from_path_bytes(path.split(|&b| b == 0).next().unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<A: SockAddr + PartialEq>(address: A) {
        let back = A::decode(&address.encode().unwrap()).unwrap();
        assert_eq!(address, back);
    }

    #[test]
    fn addresses_survive_the_way_to_the_kernel_and_back() {
        round_trip("127.0.0.1:80".parse::<SocketAddr>().unwrap());
        round_trip("[fe80::1%3]:80".parse::<SocketAddr>().unwrap());
        round_trip(UnixAddr::Unnamed);
        round_trip(UnixAddr::path("/tmp/door"));
        round_trip(UnixAddr::path("x".repeat(107)));
        round_trip(UnixAddr::Abstract(vec![]));
        round_trip(UnixAddr::Abstract(b"a\0b".to_vec()));
        round_trip(UnixAddr::Abstract(vec![7; 107]));
        round_trip(Endpoint::Unix(UnixAddr::path("./door")));
    }

    #[test]
    fn a_path_that_does_not_fit_is_refused_before_any_call() {
        for (address, bad) in [
            (UnixAddr::path("x".repeat(108)), Bad::PathTooLong),
            (UnixAddr::Abstract(vec![7; 108]), Bad::PathTooLong),
            (UnixAddr::path("a\0b"), Bad::Nul),
            (UnixAddr::path(""), Bad::PathEmpty),
        ] {
            assert_eq!(address.encode().err().map(|e| e.cause()), Some(crate::Cause::Bad(bad)), "{address}");
        }
    }
}
