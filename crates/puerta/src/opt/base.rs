//! Options at the level of the socket: socket(7), and credentials: unix(7).

use super::named::{Named, Phase};
use super::sealed::Readable;
use super::value::ValueKind;
use super::write::How;
use super::{
    ALL, Get, HasCredentials, HasIp, HasIpDatagrams, HasPorts, IP, IP_DATAGRAMS, PORTS, Set, SocketKind, UNIX, known,
};
use crate::credentials::Credentials;
use crate::error::Result;
use crate::protocol::Protocol;
use crate::role::{Connected, Role, Unbound};
use crate::sys::option::{get, key};
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// `SO_REUSEADDR`, socket(7): bind(2) takes a port whose last connections are still in TIME_WAIT (60 s after they
/// ended), where their listener had it set too. With TCP a port that someone listens on stays taken; with UDP, and for multicast, several sockets with this option
/// share the port: each gets multicast datagrams, the last one bound gets the others. Default: off.
#[derive(Debug, Clone, Copy)]
pub struct ReuseAddress;
known!(ReuseAddress: REUSE_ADDRESS, bool);
pub(super) const REUSE_ADDRESS: Named = Named {
    name: "reuse-address",
    phase: Phase::BeforeBind,
    summary: "bind although old connections of the port are still in TIME_WAIT",
    value: ValueKind::Flag,
    kinds: PORTS,
    how: How::Int(key!(SOL_SOCKET, SO_REUSEADDR)),
};
impl<P: HasPorts> Set<P, Unbound> for ReuseAddress {
    type Value = bool;
}
impl<P: HasPorts, R: Role> Get<P, R> for ReuseAddress {
    type Value = bool;
}

/// `SO_REUSEPORT`, socket(7): several sockets of the same user, all with this option, bind the same address and port; the
/// kernel spreads connections or datagrams over them by a hash of the addresses. A second server on the port is then no
/// error. Default: off.
#[derive(Debug, Clone, Copy)]
pub struct ReusePort;
known!(ReusePort: REUSE_PORT, bool);
pub(super) const REUSE_PORT: Named = Named {
    name: "reuse-port",
    phase: Phase::BeforeBind,
    summary: "share the port with other sockets of this user that set it too",
    value: ValueKind::Flag,
    kinds: PORTS,
    how: How::Int(key!(SOL_SOCKET, SO_REUSEPORT)),
};
impl<P: HasPorts> Set<P, Unbound> for ReusePort {
    type Value = bool;
}
impl<P: HasPorts, R: Role> Get<P, R> for ReusePort {
    type Value = bool;
}

/// `SO_BINDTODEVICE`, socket(7): only packets of the interface of that name (1 to 15 bytes) come in and go out. Without
/// CAP_NET_RAW it can be set once (since Linux 5.7); `ENODEV` where no interface has the name. Default: none, every interface.
#[derive(Debug, Clone, Copy)]
pub struct BindToDevice;
known!(BindToDevice: BIND_TO_DEVICE, String, Option<String>);
pub(super) const BIND_TO_DEVICE: Named = Named {
    name: "bind-to-device",
    phase: Phase::Any,
    summary: "use this network interface alone",
    value: ValueKind::Name { max: libc::IFNAMSIZ - 1 },
    kinds: IP,
    how: How::Name(key!(SOL_SOCKET, SO_BINDTODEVICE)),
};
impl<P: HasIp, R: Role> Set<P, R> for BindToDevice {
    type Value = String;
}
impl<P: HasIp, R: Role> Get<P, R> for BindToDevice {
    type Value = Option<String>;
}

/// `SO_SNDBUF`, socket(7): how many bytes may wait to be sent, 1 to 2147483647. The kernel caps it to sysctl net.core.wmem_max in
/// silence, doubles it (its own bookkeeping is counted), raises it to at least 4608, and tells the doubled value. Setting it ends
/// TCP's own tuning (sysctl net.ipv4.tcp_wmem). Default: sysctl net.core.wmem_default.
#[derive(Debug, Clone, Copy)]
pub struct SendBuffer;
known!(SendBuffer: SEND_BUFFER, usize);
pub(super) const SEND_BUFFER: Named = Named {
    name: "send-buffer",
    phase: Phase::Any,
    summary: "bytes that may wait to be sent (the kernel doubles it; cap: net.core.wmem_max)",
    value: ValueKind::Size { min: 1, max: i32::MAX as u32 },
    kinds: ALL,
    how: How::Int(key!(SOL_SOCKET, SO_SNDBUF)),
};
impl<P: Protocol, R: Role> Set<P, R> for SendBuffer {
    type Value = usize;
}
impl<P: Protocol, R: Role> Get<P, R> for SendBuffer {
    type Value = usize;
}

/// `SO_RCVBUF`, socket(7): how many bytes may wait to be received, 1 to 2147483647. The kernel caps it to sysctl net.core.rmem_max in
/// silence, doubles it (its own bookkeeping is counted), raises it to at least 2304, and tells the doubled value. Datagrams that
/// find it full are lost. TCP offers a window scale at connect(2) and listen(2), so set it before; setting it ends TCP's own
/// tuning (sysctl net.ipv4.tcp_rmem). Default: sysctl net.core.rmem_default.
#[derive(Debug, Clone, Copy)]
pub struct ReceiveBuffer;
known!(ReceiveBuffer: RECEIVE_BUFFER, usize);
pub(super) const RECEIVE_BUFFER: Named = Named {
    name: "receive-buffer",
    phase: Phase::Any,
    summary: "bytes that may wait to be received (the kernel doubles it; cap: net.core.rmem_max)",
    value: ValueKind::Size { min: 1, max: i32::MAX as u32 },
    kinds: ALL,
    how: How::Int(key!(SOL_SOCKET, SO_RCVBUF)),
};
impl<P: Protocol, R: Role> Set<P, R> for ReceiveBuffer {
    type Value = usize;
}
impl<P: Protocol, R: Role> Get<P, R> for ReceiveBuffer {
    type Value = usize;
}

const TIMEOUT: ValueKind = ValueKind::Time {
    unit: Duration::from_micros(1),
    min: Duration::from_micros(1),
    max: Duration::from_secs(i32::MAX as u64),
    none: Some("wait for ever"),
};

/// `SO_SNDTIMEO`, socket(7): how long a send that has to wait may take, in whole microseconds from 1 µs; then it fails with
/// `EAGAIN`, or tells how much was taken. It limits connect(2) too (`EINPROGRESS`). The kernel rounds up to its tick (1 to
/// 10 ms). No effect on non-blocking sockets. Default: `None`, no limit.
#[derive(Debug, Clone, Copy)]
pub struct SendTimeout;
known!(SendTimeout: SEND_TIMEOUT, Option<Duration>);
pub(super) const SEND_TIMEOUT: Named = Named {
    name: "send-timeout",
    phase: Phase::Any,
    summary: "how long a send may wait",
    value: TIMEOUT,
    kinds: ALL,
    how: How::Timeval(key!(SOL_SOCKET, SO_SNDTIMEO)),
};
impl<P: Protocol, R: Role> Set<P, R> for SendTimeout {
    type Value = Option<Duration>;
}
impl<P: Protocol, R: Role> Get<P, R> for SendTimeout {
    type Value = Option<Duration>;
}

/// `SO_RCVTIMEO`, socket(7): how long a receive or accept may wait, in whole microseconds from 1 µs; then it fails with
/// `EAGAIN`. The kernel rounds up to its tick (1 to 10 ms). No effect on non-blocking sockets. Default: `None`, no limit.
#[derive(Debug, Clone, Copy)]
pub struct ReceiveTimeout;
known!(ReceiveTimeout: RECEIVE_TIMEOUT, Option<Duration>);
pub(super) const RECEIVE_TIMEOUT: Named = Named {
    name: "receive-timeout",
    phase: Phase::Any,
    summary: "how long a receive or accept may wait",
    value: TIMEOUT,
    kinds: ALL,
    how: How::Timeval(key!(SOL_SOCKET, SO_RCVTIMEO)),
};
impl<P: Protocol, R: Role> Set<P, R> for ReceiveTimeout {
    type Value = Option<Duration>;
}
impl<P: Protocol, R: Role> Get<P, R> for ReceiveTimeout {
    type Value = Option<Duration>;
}

/// `SO_BUSY_POLL`, socket(7): how long a receive that finds nothing spins on the device's queue before it sleeps, in whole
/// microseconds, 0 to 2147483647 µs. It trades CPU for latency, and does something only where the driver supports it. More than
/// sysctl net.core.busy_read needs CAP_NET_ADMIN (`EPERM`). Default: sysctl net.core.busy_read, 0.
#[derive(Debug, Clone, Copy)]
pub struct BusyPoll;
known!(BusyPoll: BUSY_POLL, Duration);
pub(super) const BUSY_POLL: Named = Named {
    name: "busy-poll",
    phase: Phase::Any,
    summary: "how long a receive spins on the device before it sleeps",
    value: ValueKind::Time {
        unit: Duration::from_micros(1),
        min: Duration::ZERO,
        max: Duration::from_micros(i32::MAX as u64),
        none: None,
    },
    kinds: IP,
    how: How::Int(key!(SOL_SOCKET, SO_BUSY_POLL)),
};
impl<P: HasIp, R: Role> Set<P, R> for BusyPoll {
    type Value = Duration;
}
impl<P: HasIp, R: Role> Get<P, R> for BusyPoll {
    type Value = Duration;
}

/// `SO_BROADCAST`, socket(7): datagrams may go to a broadcast address; without it, sending there is `EACCES`. IPv4 only: IPv6 has
/// multicast instead. Default: off.
#[derive(Debug, Clone, Copy)]
pub struct Broadcast;
known!(Broadcast: BROADCAST, bool);
pub(super) const BROADCAST: Named = Named {
    name: "broadcast",
    phase: Phase::Any,
    summary: "allow datagrams to a broadcast address",
    value: ValueKind::Flag,
    kinds: IP_DATAGRAMS,
    how: How::Int(key!(SOL_SOCKET, SO_BROADCAST)),
};
impl<P: HasIpDatagrams, R: Role> Set<P, R> for Broadcast {
    type Value = bool;
}
impl<P: HasIpDatagrams, R: Role> Get<P, R> for Broadcast {
    type Value = bool;
}

/// `SO_PASSCRED`, unix(7): what is received comes with the credentials of its sender (`SCM_CREDENTIALS`). It also tells an empty
/// packet from the end on a packet socket. An unbound socket that has it gets an abstract name when it connects or sends.
/// Default: off.
#[derive(Debug, Clone, Copy)]
pub struct PassCredentials;
known!(PassCredentials: PASS_CREDENTIALS, bool);
pub(super) const PASS_CREDENTIALS: Named = Named {
    name: "pass-credentials",
    phase: Phase::Any,
    summary: "receive the sender's pid, uid and gid with each message",
    value: ValueKind::Flag,
    kinds: UNIX,
    how: How::Int(key!(SOL_SOCKET, SO_PASSCRED)),
};
impl<P: HasCredentials, R: Role> Set<P, R> for PassCredentials {
    type Value = bool;
}
impl<P: HasCredentials, R: Role> Get<P, R> for PassCredentials {
    type Value = bool;
}

/// `SO_PEERCRED`, unix(7): who made the other end, as it was when it called connect(2), listen(2) or socketpair(2); it may have
/// changed its ids, or ended, since. Streams, packets, and pairs; a datagram socket that connected to a path tells pid 0
/// and -1 for the others.
#[derive(Debug, Clone, Copy)]
pub struct PeerCredentials;
impl Readable for PeerCredentials {
    type Gives = Credentials;
    const KINDS: &'static [SocketKind] = UNIX;
    fn read(fd: BorrowedFd<'_>) -> Result<Credentials> {
        let raw: libc::ucred = get(fd, key!(SOL_SOCKET, SO_PEERCRED))?;
        Ok(Credentials { pid: raw.pid, uid: raw.uid, gid: raw.gid })
    }
}
impl<P: HasCredentials> Get<P, Connected> for PeerCredentials {
    type Value = Credentials;
}
