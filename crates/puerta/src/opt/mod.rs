//! Options: getsockopt(2), setsockopt(2), and two that ioctl(2) tells.
//!
//! Each option is a type. [`Socket::with`] sets it on the way, [`Socket::set`] on a socket that stands,
//! [`Socket::get`] asks the kernel. An option knows its phase: one that bind(2) reads is only there on a socket that is
//! `Unbound`, and its protocol: TCP's are not there on UDP.
//!
//! ```
//! use puerta::{Ip, Socket, Tcp, opt};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), puerta::Error> {
//! let listener = Socket::<Tcp>::new(Ip::V4)?
//!     .with(opt::ReuseAddress, true)?
//!     .bind(&"127.0.0.1:0".parse().unwrap())?
//!     .listen(16)?;
//! let client = Socket::<Tcp>::new(Ip::V4)?.connect(&listener.local_addr()?)?;
//! client.set(opt::NoDelay, true)?;
//! client.set(opt::Linger, Some(Duration::from_secs(5)))?;
//! assert!(client.get(opt::NoDelay)?);
//! println!("round trip: {:?}", client.get(opt::Info)?.rtt);
//! # Ok(())
//! # }
//! ```
//!
//! Too late is a compile error that says so:
//!
//! ```compile_fail
//! # use puerta::{Ip, Socket, Tcp, opt};
//! let bound = Socket::<Tcp>::new(Ip::V4)?.bind(&"127.0.0.1:0".parse().unwrap())?;
//! bound.set(opt::ReuseAddress, true)?; // `ReuseAddress` cannot be set on a `Tcp` socket that is `Bound`
//! # Ok::<(), puerta::Error>(())
//! ```
//!
//! What is only known at run time, such as the options of an address, goes by name: [`named`], [`Named::parse`],
//! [`Socket::apply`]. A connection that a listener accepts inherits the listener's options.
//!
//! On `AnyStream` and `AnyDatagram`, options of all their protocols are there; one that the socket at hand does not have is
//! [`Bad::Option`] at run time.

mod base;
mod ip;
mod multicast;
mod named;
mod queue;
mod shown;
mod tcp;
mod tcp_info;
mod value;
mod write;

pub use base::{
    BindToDevice, Broadcast, BusyPoll, PassCredentials, PeerCredentials, ReceiveBuffer, ReceiveTimeout, ReuseAddress,
    ReusePort, SendBuffer, SendTimeout,
};
pub use ip::{FreeBind, PacketInfo, ReceiveErrors, Tos, Transparent, Ttl, V6Only};
pub use multicast::{Group, Interface, MulticastInterface, MulticastJoin, MulticastLeave, MulticastLoop, MulticastTtl};
pub use named::{NAMED, Named, Phase, Setting, SocketKind, named};
pub use queue::{ReceiveQueue, SendQueue, UnsentQueue};
pub use shown::SetCall;
pub use tcp::{
    CongestionControl, Cork, DeferAccept, FastOpen, FastOpenConnect, KeepAlive, KeepAliveCount, KeepAliveIdle,
    KeepAliveInterval, Linger, NoDelay, UnsentLowWater, UserTimeout,
};
pub use tcp_info::{Info, TcpInfo, TcpOptions, TcpState};
pub use value::{Value, ValueKind};

use crate::error::{Bad, Call, Error, Result};
use crate::protocol::{AnyDatagram, AnyStream, Icmp, Protocol, RawIp, Tcp, Udp, UnixDatagram, UnixPacket, UnixStream};
use crate::role::{Bound, Listening, Role, Unbound};
use crate::socket::Socket;
use crate::sys::call::Fd;
use sealed::{Known, Readable};
use std::any::TypeId;
use std::os::fd::AsFd;

/// An option that can be set on a socket of protocol `P` in role `R`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be set on a `{P}` socket that is `{R}`",
    label = "not an option that this socket takes now",
    note = "options that `bind` reads, such as `ReuseAddress`, are set before it: `Socket::new(…)?.with(opt::ReuseAddress, true)?.bind(…)?`",
    note = "options of listeners, such as `DeferAccept`, are set until they listen or while they do, `FastOpenConnect` before `connect`; `Info` and its like are only read"
)]
pub trait Set<P: Protocol, R: Role>: Known<Takes = <Self as Set<P, R>>::Value> {
    /// What it is set to.
    type Value;
}

/// An option that a socket of protocol `P` in role `R` tells.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be read from a `{P}` socket that is `{R}`",
    label = "not an option that this socket tells",
    note = "what tells of the peer, such as `PeerCredentials`, is there once the socket is `Connected`"
)]
pub trait Get<P: Protocol, R: Role>: Readable<Gives = <Self as Get<P, R>>::Value> {
    /// What it tells.
    type Value;
}

/// Has TCP's options.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no options of TCP",
    label = "this option is TCP's",
    note = "`NoDelay`, `Cork`, `KeepAlive`, `Linger`, `Info` and their like are for `Tcp` and `AnyStream`"
)]
pub trait HasTcp: Protocol {}
impl HasTcp for Tcp {}
impl HasTcp for AnyStream {}

/// Has ports, and the options that bind(2) reads for them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no ports",
    label = "this option is about ports",
    note = "`ReuseAddress`, `ReusePort` and `V6Only` are for `Tcp`, `Udp`, `AnyStream` and `AnyDatagram`"
)]
pub trait HasPorts: Protocol {}
impl HasPorts for Tcp {}
impl HasPorts for Udp {}
impl HasPorts for AnyStream {}
impl HasPorts for AnyDatagram {}

/// Has the options of IPv4 and IPv6.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no options of IP",
    label = "this option is IP's",
    note = "Unix sockets send no packets: they have buffers, timeouts and credentials"
)]
pub trait HasIp: Protocol {}
impl HasIp for Tcp {}
impl HasIp for Udp {}
impl HasIp for RawIp {}
impl HasIp for Icmp {}
impl HasIp for AnyStream {}
impl HasIp for AnyDatagram {}

/// Has the options of IP datagrams: broadcast, multicast, packet info.
#[diagnostic::on_unimplemented(
    message = "`{Self}` sends no IP datagrams",
    label = "this option is about IP datagrams",
    note = "`Broadcast`, `PacketInfo` and multicast are for `Udp`, `RawIp`, `Icmp` and `AnyDatagram`"
)]
pub trait HasIpDatagrams: HasIp {}
impl HasIpDatagrams for Udp {}
impl HasIpDatagrams for RawIp {}
impl HasIpDatagrams for Icmp {}
impl HasIpDatagrams for AnyDatagram {}

/// Has the options of Unix sockets.
#[diagnostic::on_unimplemented(
    message = "`{Self}` tells nothing of the process at the other end",
    label = "this option is a Unix socket's",
    note = "credentials are for `UnixStream`, `UnixPacket`, `UnixDatagram`, `AnyStream` and `AnyDatagram`"
)]
pub trait HasCredentials: Protocol {}
impl HasCredentials for UnixStream {}
impl HasCredentials for UnixPacket {}
impl HasCredentials for UnixDatagram {}
impl HasCredentials for AnyStream {}
impl HasCredentials for AnyDatagram {}

impl<P: Protocol, R: Role> Socket<P, R> {
    /// setsockopt(2).
    ///
    /// # Errors
    /// [`Bad::Value`] where the value is out of the option's bounds, [`Bad::Option`] where a socket chosen at run time has no
    /// such option, `EPERM` for what needs a privilege, and what the option's documentation names.
    pub fn set<O: Set<P, R>>(&self, _option: O, value: <O as Set<P, R>>::Value) -> Result<()> {
        self.check(O::NAMED).and_then(|()| O::NAMED.write(self.fd.as_fd(), &O::encode(value))).map_err(|e| self.tell(e))
    }

    /// As [`set`](Self::set), and gives the socket back, so that calls can be chained. When it fails, the socket is closed.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn with<O: Set<P, R>>(self, option: O, value: <O as Set<P, R>>::Value) -> Result<Self> {
        self.set(option, value)?;
        Ok(self)
    }

    /// getsockopt(2), or the ioctl(2) that tells. What the kernel gives may differ from what was set: it doubles
    /// buffers, and rounds times.
    ///
    /// # Errors
    /// [`Bad::Option`] where a socket chosen at run time has no such option; `ENOPROTOOPT` where the kernel does not
    /// know it.
    pub fn get<O: Get<P, R>>(&self, _option: O) -> Result<<O as Get<P, R>>::Value> {
        self.check_kind(O::KINDS, || not_told(O::KINDS))
            .and_then(|()| O::read(self.fd.as_fd()))
            .map_err(|e| self.tell(e))
    }

    /// Sets an option that is known by its name, on any socket: what types cannot check here is checked at run time.
    ///
    /// # Errors
    /// [`Bad::Option`] where this kind of socket has no such option, or its [`Phase`] is over; else as [`set`](Self::set).
    pub fn apply(&self, setting: &Setting) -> Result<()> {
        let named = setting.named();
        let open = match named.phase {
            Phase::BeforeBind => is::<R, Unbound>(),
            Phase::BeforeConnect => is::<R, Unbound>() || is::<R, Bound>(),
            Phase::BeforeListen => is::<R, Unbound>() || is::<R, Bound>() || is::<R, Listening>(),
            Phase::Any => true,
        };
        let apply = || {
            let kind = kind::<P>(&self.fd)?;
            if !named.applies_to(kind) {
                return Err(named.not_for(kind));
            }
            if !open {
                return Err(too_late(named));
            }
            named.write(self.fd.as_fd(), setting.value())
        };
        apply().map_err(|e| self.tell(e))
    }

    fn check(&self, named: Named) -> Result<()> {
        self.check_kind(named.kinds, || named.not_for("a socket of this family"))
    }

    /// Types have checked all but the protocols that are chosen at run time.
    fn check_kind(&self, kinds: &[SocketKind], otherwise: impl FnOnce() -> Error) -> Result<()> {
        if !is::<P, AnyStream>() && !is::<P, AnyDatagram>() || kinds.len() == SocketKind::ALL.len() {
            return Ok(());
        }
        if kinds.contains(&kind::<P>(&self.fd)?) { Ok(()) } else { Err(otherwise()) }
    }
}

/// Asks the kernel only where the type does not tell.
fn kind<P: Protocol>(fd: &Fd) -> Result<SocketKind> {
    let unix = || Ok::<bool, Error>(write::domain(fd.as_fd())? == libc::AF_UNIX);
    if is::<P, AnyStream>() {
        return Ok(if unix()? { SocketKind::Unix } else { SocketKind::Tcp });
    }
    if is::<P, AnyDatagram>() {
        return Ok(if unix()? { SocketKind::UnixDatagram } else { SocketKind::Udp });
    }
    SocketKind::of_name(P::name(None)).ok_or_else(|| Error::bad(Call::SetSockOpt, Bad::Option))
}

fn is<A: 'static, B: 'static>() -> bool {
    TypeId::of::<A>() == TypeId::of::<B>()
}

#[cold]
fn not_told(kinds: &[SocketKind]) -> Error {
    let kinds: Vec<&str> = kinds.iter().copied().map(SocketKind::name).collect();
    Error::bad(Call::GetSockOpt, Bad::Option).hinted(format!("only {} sockets tell it", kinds.join(", ")))
}

#[cold]
fn too_late(named: &Named) -> Error {
    let name = named.name;
    let hint = match named.phase {
        Phase::BeforeBind => format!("bind reads {name}: set it before"),
        Phase::BeforeConnect => format!("connect reads {name}: set it before"),
        Phase::BeforeListen => format!("{name} is for listeners: set it before listen, or while it listens"),
        Phase::Any => format!("{name} can be set at any time"),
    };
    Error::bad(Call::SetSockOpt, Bad::Option).about(name).hinted(hint)
}

mod sealed {
    use super::named::{Named, SocketKind};
    use super::value::Codec;
    use crate::error::{Bad, Call, Error, Result};
    use std::os::fd::BorrowedFd;

    /// An option that is in the registry.
    pub trait Known {
        type Takes: Codec;
        type Tells: Codec;
        const NAMED: Named;
        fn encode(value: Self::Takes) -> super::Value {
            value.encode()
        }
    }

    /// An option that can be read.
    pub trait Readable {
        type Gives;
        const KINDS: &'static [SocketKind];
        fn read(fd: BorrowedFd<'_>) -> Result<Self::Gives>;
    }

    impl<O: Known> Readable for O {
        type Gives = O::Tells;
        const KINDS: &'static [SocketKind] = O::NAMED.kinds;
        fn read(fd: BorrowedFd<'_>) -> Result<Self::Gives> {
            let value = O::NAMED.read(fd)?;
            Self::Gives::decode(value).ok_or_else(|| Error::bad(Call::GetSockOpt, Bad::Value))
        }
    }
}

/// `known!(NoDelay: NO_DELAY, bool)`: ties an option's type to its row of the registry; a second type is what it tells.
macro_rules! known {
    ($option:ident: $row:ident, $takes:ty) => {
        $crate::opt::known!($option: $row, $takes, $takes);
    };
    ($option:ident: $row:ident, $takes:ty, $tells:ty) => {
        impl $crate::opt::sealed::Known for $option {
            type Takes = $takes;
            type Tells = $tells;
            const NAMED: $crate::opt::named::Named = $row;
        }
    };
}
use known;

const TCP: &[SocketKind] = &[SocketKind::Tcp];
const PORTS: &[SocketKind] = &[SocketKind::Tcp, SocketKind::Udp];
const IP: &[SocketKind] = &[SocketKind::Tcp, SocketKind::Udp, SocketKind::Raw, SocketKind::Icmp];
const IP_DATAGRAMS: &[SocketKind] = &[SocketKind::Udp, SocketKind::Raw, SocketKind::Icmp];
const UNIX: &[SocketKind] = &[SocketKind::Unix, SocketKind::UnixPacket, SocketKind::UnixDatagram];
const ALL: &[SocketKind] = &SocketKind::ALL;
