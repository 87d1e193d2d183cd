//! Options by name, for what is chosen at run time: the comma options of an address.

use super::value::{Value, ValueKind};
use super::write::How;
use super::{base, ip, multicast, tcp};
use crate::error::{Bad, Call, Error, Result};
use std::fmt;

/// An option by its name.
///
/// ```
/// use puerta::opt::{self, SocketKind};
///
/// let option = opt::named("keep-alive-idle").unwrap();
/// assert!(option.applies_to(SocketKind::Tcp) && !option.applies_to(SocketKind::Udp));
/// assert_eq!(option.parse(Some("90s")).unwrap().to_string(), "keep-alive-idle=90s");
/// let error = option.parse(Some("500ms")).unwrap_err();
/// assert_eq!(error.hint().unwrap(), "keep-alive-idle takes a time from 1s to 32767s, in whole seconds");
/// ```
#[derive(Clone, Copy)]
pub struct Named {
    /// As the address grammar writes it: `no-delay`.
    pub name: &'static str,
    /// Until when it can be set.
    pub phase: Phase,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What it takes, with its bounds.
    pub value: ValueKind,
    pub(super) kinds: &'static [SocketKind],
    pub(super) how: How,
}

/// Until when an option can be set. Every option can be set on a fresh socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// bind(2) reads it: only on a socket that is `Unbound`.
    BeforeBind,
    /// For listeners, whose connections it holds for: `Unbound`, `Bound`, or `Listening` already. A connection is too late.
    BeforeListen,
    /// connect(2) reads it: `Unbound` or `Bound`.
    BeforeConnect,
    /// At any time.
    Any,
}

/// What a socket is, as far as options care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketKind {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Unix stream sockets.
    Unix,
    /// Unix packet sockets.
    UnixPacket,
    /// Unix datagram sockets.
    UnixDatagram,
    /// Raw IP.
    Raw,
    /// ICMP echo without privileges.
    Icmp,
}

/// An option with its value, ready for [`Socket::apply`](crate::Socket::apply).
#[derive(Clone)]
pub struct Setting {
    named: &'static Named,
    value: Value,
}

/// Every option that can be set, by name, but [`ReceiveErrors`](super::ReceiveErrors): that asks for calls of its own.
pub static NAMED: &[Named] = &[
    base::REUSE_ADDRESS,
    base::REUSE_PORT,
    ip::V6_ONLY,
    ip::FREE_BIND,
    ip::TRANSPARENT,
    base::BIND_TO_DEVICE,
    tcp::NO_DELAY,
    tcp::CORK,
    tcp::KEEP_ALIVE,
    tcp::KEEP_ALIVE_IDLE,
    tcp::KEEP_ALIVE_INTERVAL,
    tcp::KEEP_ALIVE_COUNT,
    tcp::USER_TIMEOUT,
    tcp::UNSENT_LOW_WATER,
    tcp::LINGER,
    tcp::FAST_OPEN,
    tcp::FAST_OPEN_CONNECT,
    tcp::DEFER_ACCEPT,
    tcp::CONGESTION_CONTROL,
    base::SEND_BUFFER,
    base::RECEIVE_BUFFER,
    base::SEND_TIMEOUT,
    base::RECEIVE_TIMEOUT,
    base::BUSY_POLL,
    base::BROADCAST,
    ip::TTL,
    ip::TOS,
    ip::PACKET_INFO,
    multicast::MULTICAST_JOIN,
    multicast::MULTICAST_LEAVE,
    multicast::MULTICAST_LOOP,
    multicast::MULTICAST_INTERFACE,
    multicast::MULTICAST_TTL,
    base::PASS_CREDENTIALS,
];

/// The option of that name.
pub fn named(name: &str) -> Option<&'static Named> {
    NAMED.iter().find(|named| named.name == name)
}

impl Named {
    /// Whether sockets of this kind have it.
    pub fn applies_to(&self, kind: SocketKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Reads a value; `None` is the bare name, which is true for a flag and an error for every other.
    ///
    /// # Errors
    /// [`Bad::Value`] for text that is no value of this option or out of its bounds; the hint names them.
    pub fn parse(&'static self, value: Option<&str>) -> Result<Setting> {
        let value = self.value.parse(value).ok_or_else(|| self.out_of_bounds())?;
        Ok(Setting { named: self, value })
    }

    #[cold]
    pub(super) fn out_of_bounds(&self) -> Error {
        let hint = format!("{} takes {}", self.name, self.value);
        Error::bad(Call::SetSockOpt, Bad::Value).about(self.name).hinted(hint)
    }
}

impl Setting {
    pub(super) const fn new(named: &'static Named, value: Value) -> Setting {
        Setting { named, value }
    }

    /// Which option.
    pub fn named(&self) -> &'static Named {
        self.named
    }

    /// Its value.
    pub fn value(&self) -> &Value {
        &self.value
    }
}

impl SocketKind {
    /// Every kind.
    pub const ALL: [SocketKind; 7] = [
        SocketKind::Tcp,
        SocketKind::Udp,
        SocketKind::Unix,
        SocketKind::UnixPacket,
        SocketKind::UnixDatagram,
        SocketKind::Raw,
        SocketKind::Icmp,
    ];

    /// As the address grammar names it: `unix-dgram`.
    pub const fn name(self) -> &'static str {
        match self {
            SocketKind::Tcp => "tcp",
            SocketKind::Udp => "udp",
            SocketKind::Unix => "unix",
            SocketKind::UnixPacket => "unix-packet",
            SocketKind::UnixDatagram => "unix-dgram",
            SocketKind::Raw => "raw",
            SocketKind::Icmp => "icmp",
        }
    }

    /// The kind that the address grammar names so.
    pub fn of_name(name: &str) -> Option<SocketKind> {
        SocketKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for SocketKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Setting {
    /// `key=value`, and the bare key for a flag that is set. [`Named::parse`] reads the same from it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.named.name)?;
        match &self.value {
            Value::Flag(true) => Ok(()),
            value => write!(f, "={value}"),
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setting({self})")
    }
}

impl PartialEq for Setting {
    fn eq(&self, other: &Setting) -> bool {
        self.named == other.named && self.value == other.value
    }
}

impl Eq for Setting {}

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Named")
            .field("name", &self.name)
            .field("phase", &self.phase)
            .field("value", &self.value)
            .finish()
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Named) -> bool {
        self.name == other.name
    }
}

impl Eq for Named {}
