//! From an option's value to the system call and back.

use super::multicast;
use super::named::{Named, SocketKind};
use super::value::{Value, ValueKind};
use crate::error::{Bad, Call, Error, Result};
use crate::sys::option::{Key, get, get_bytes, key, set, set_bytes};
use libc::c_int;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// How the kernel takes a value.
#[derive(Clone, Copy)]
pub(super) enum How {
    /// As an int; a time in the option's unit, with 0 for none.
    Int(Key),
    /// As an int, under one key on IPv4 and another on IPv6.
    ByFamily(Key, Key),
    /// As an int, under both keys on IPv6: the first is for the IPv4 traffic of a dual-stack socket.
    BothFamilies(Key, Key),
    /// As a `struct timeval`, with 0 for none.
    Timeval(Key),
    /// As a `struct linger`.
    Linger,
    /// As bytes without an end.
    Name(Key),
    /// A group joined or left.
    Membership { v4: Key, v6: Key },
    /// The interface of multicast datagrams.
    MulticastInterface,
}

pub(super) fn domain(fd: BorrowedFd<'_>) -> Result<c_int> {
    get(fd, key!(SOL_SOCKET, SO_DOMAIN))
}

impl Named {
    pub(super) fn write(&self, fd: BorrowedFd<'_>, value: &Value) -> Result<()> {
        if !self.value.admits(value) {
            return Err(self.out_of_bounds());
        }
        self.write_as_the_kernel_takes_it(fd, value).map_err(|e| self.explain(e))
    }

    fn write_as_the_kernel_takes_it(&self, fd: BorrowedFd<'_>, value: &Value) -> Result<()> {
        match (self.how, value) {
            (How::Int(key), value) => set(fd, key, &self.int(value)?),
            (How::ByFamily(v4, v6), value) => {
                let key = if domain(fd)? == libc::AF_INET6 { v6 } else { v4 };
                set(fd, key, &self.int(value)?)
            }
            (How::BothFamilies(v4, v6), value) => {
                let int = self.int(value)?;
                if domain(fd)? != libc::AF_INET6 {
                    return set(fd, v4, &int);
                }
                set(fd, v6, &int)?;
                on_dual_stack(set(fd, v4, &int))
            }
            (How::Timeval(key), Value::Time(time)) => set(fd, key, &timeval(time.unwrap_or_default())),
            (How::Linger, Value::Time(time)) => {
                let seconds = time.unwrap_or_default().as_secs();
                let l_linger = c_int::try_from(seconds).map_err(|_| self.out_of_bounds())?;
                set(fd, LINGER, &libc::linger { l_onoff: time.is_some().into(), l_linger })
            }
            (How::Name(key), Value::Name(name)) => set_bytes(fd, key, name.as_bytes()),
            (How::Membership { v4, v6 }, Value::Group(group)) => multicast::membership(fd, v4, v6, group),
            (How::MulticastInterface, Value::Interface(interface)) => multicast::set_interface(fd, interface),
            _ => Err(self.out_of_bounds()),
        }
    }

    pub(super) fn read(&self, fd: BorrowedFd<'_>) -> Result<Value> {
        match self.how {
            How::Int(key) => get(fd, key).map(|int| self.value_of(int)),
            How::ByFamily(v4, v6) | How::BothFamilies(v4, v6) => {
                let key = if domain(fd)? == libc::AF_INET6 { v6 } else { v4 };
                get(fd, key).map(|int| self.value_of(int))
            }
            How::Timeval(key) => get::<libc::timeval>(fd, key).map(|t| {
                let time = Duration::new(t.tv_sec.unsigned_abs(), (t.tv_usec.unsigned_abs() * 1000) as u32);
                Value::Time((!time.is_zero()).then_some(time))
            }),
            How::Linger => get::<libc::linger>(fd, LINGER).map(|linger| {
                let seconds = u64::try_from(linger.l_linger).unwrap_or(0);
                Value::Time((linger.l_onoff != 0).then_some(Duration::from_secs(seconds)))
            }),
            How::Name(key) => {
                let mut buffer = [0; 64];
                let len = get_bytes(fd, key, &mut buffer)?;
                let name = buffer.iter().take(len).take_while(|b| **b != 0).copied().collect::<Vec<u8>>();
                Ok(Value::Name(String::from_utf8_lossy(&name).into_owned()))
            }
            How::MulticastInterface => multicast::interface(fd).map(Value::Interface),
            How::Membership { .. } => Err(Error::bad(Call::GetSockOpt, Bad::Option)),
        }
    }

    pub(super) fn int(&self, value: &Value) -> Result<c_int> {
        let number = match (value, self.value) {
            (Value::Flag(on), _) => u128::from(*on),
            (Value::Number(n), _) => u128::from(*n),
            (Value::Size(n), _) => u128::from(*n),
            (Value::Time(time), ValueKind::Time { unit, .. }) => {
                time.unwrap_or_default().as_nanos() / unit.as_nanos().max(1)
            }
            _ => return Err(self.out_of_bounds()),
        };
        c_int::try_from(number).map_err(|_| self.out_of_bounds())
    }

    fn value_of(&self, int: c_int) -> Value {
        let number = u32::try_from(int).unwrap_or(0);
        match self.value {
            ValueKind::Flag => Value::Flag(int != 0),
            ValueKind::Size { .. } => Value::Size(u64::from(number)),
            ValueKind::Time { unit, none, .. } => {
                let time = unit * number;
                Value::Time((none.is_none() || !time.is_zero()).then_some(time))
            }
            _ => Value::Number(number),
        }
    }

    /// What the kernel's errno means for this very option.
    #[cold]
    fn explain(&self, error: Error) -> Error {
        let name = self.name;
        let error = if error.subject().is_none() { error.about(name) } else { error };
        match (error.errno(), self.value) {
            // The family of a socket that types call `Ip` is only known to the kernel.
            (Some(libc::ENOPROTOOPT), _) if name == "v6-only" => self.not_for("an IPv4 socket"),
            (Some(libc::ENOENT), ValueKind::Name { .. }) => {
                error.hinted("no such algorithm: sysctl net.ipv4.tcp_available_congestion_control lists them")
            }
            (Some(libc::EPERM), ValueKind::Name { .. }) if name == "congestion-control" => {
                error.hinted("sysctl net.ipv4.tcp_allowed_congestion_control lists what needs no CAP_NET_ADMIN")
            }
            (Some(libc::EOPNOTSUPP), _) if name == "fast-open-connect" => {
                error.hinted("sysctl net.ipv4.tcp_fastopen has the client side switched off (bit 1)")
            }
            (Some(libc::EADDRINUSE), ValueKind::Group) => error.hinted("the group is joined on that interface already"),
            (Some(libc::EADDRNOTAVAIL), ValueKind::Group) => error.hinted("the group is not joined on that interface"),
            (Some(libc::ENODEV), ValueKind::Group) => {
                error.hinted("no route leads to that group: name the interface, GROUP%INTERFACE")
            }
            _ => error,
        }
    }

    #[cold]
    pub(super) fn not_for(&self, what: impl std::fmt::Display) -> Error {
        let kinds: Vec<&str> = self.kinds.iter().copied().map(SocketKind::name).collect();
        let has = if self.name == "v6-only" { "IPv6 sockets".to_owned() } else { kinds.join(", ") };
        let hint = format!("{} is not for {what}: {has} have it", self.name);
        Error::bad(Call::SetSockOpt, Bad::Option).about(self.name).hinted(hint)
    }
}

pub(super) const LINGER: Key = key!(SOL_SOCKET, SO_LINGER);

/// IPv6 sockets take IPv4 options for their IPv4-mapped traffic, but raw ones have none.
pub(super) fn on_dual_stack(result: Result<()>) -> Result<()> {
    result.or_else(|e| if e.errno() == Some(libc::ENOPROTOOPT) { Ok(()) } else { Err(e) })
}

pub(super) fn timeval(time: Duration) -> libc::timeval {
    libc::timeval {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_usec: libc::suseconds_t::from(time.subsec_micros() as i32),
    }
}
