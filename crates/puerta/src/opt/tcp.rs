//! Options of TCP: tcp(7).

use super::named::{Named, Phase};
use super::value::ValueKind;
use super::write::How;
use super::{Get, HasTcp, Set, TCP, known};
use crate::role::{Bound, Listening, Role, Unbound};
use crate::sys::option::key;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// `TCP_NODELAY`, tcp(7): small segments are sent at once, without waiting for the acknowledgement of the last one (it switches
/// Nagle's algorithm off, RFC 896). Default: off.
#[derive(Debug, Clone, Copy)]
pub struct NoDelay;
known!(NoDelay: NO_DELAY, bool);
pub(super) const NO_DELAY: Named = Named {
    name: "no-delay",
    phase: Phase::Any,
    summary: "send small segments at once (no Nagle)",
    value: ValueKind::Flag,
    kinds: TCP,
    how: How::Int(key!(IPPROTO_TCP, TCP_NODELAY)),
};
impl<P: HasTcp, R: Role> Set<P, R> for NoDelay {
    type Value = bool;
}
impl<P: HasTcp, R: Role> Get<P, R> for NoDelay {
    type Value = bool;
}

/// `TCP_CORK`, tcp(7): only full segments are sent until it is switched off again, or for 200 ms at most. Default: off.
#[derive(Debug, Clone, Copy)]
pub struct Cork;
known!(Cork: CORK, bool);
pub(super) const CORK: Named = Named {
    name: "cork",
    phase: Phase::Any,
    summary: "send full segments only, for up to 200 ms",
    value: ValueKind::Flag,
    kinds: TCP,
    how: How::Int(key!(IPPROTO_TCP, TCP_CORK)),
};
impl<P: HasTcp, R: Role> Set<P, R> for Cork {
    type Value = bool;
}
impl<P: HasTcp, R: Role> Get<P, R> for Cork {
    type Value = bool;
}

/// `SO_KEEPALIVE`, socket(7): a connection that is silent for [`KeepAliveIdle`] is probed every [`KeepAliveInterval`]; after
/// [`KeepAliveCount`] probes without an answer it fails with `ETIMEDOUT`. Default: off.
#[derive(Debug, Clone, Copy)]
pub struct KeepAlive;
known!(KeepAlive: KEEP_ALIVE, bool);
pub(super) const KEEP_ALIVE: Named = Named {
    name: "keep-alive",
    phase: Phase::Any,
    summary: "probe a silent connection, and fail when nobody answers",
    value: ValueKind::Flag,
    kinds: TCP,
    how: How::Int(key!(SOL_SOCKET, SO_KEEPALIVE)),
};
impl<P: HasTcp, R: Role> Set<P, R> for KeepAlive {
    type Value = bool;
}
impl<P: HasTcp, R: Role> Get<P, R> for KeepAlive {
    type Value = bool;
}

const KEEP_ALIVE_TIME: ValueKind =
    ValueKind::Time { unit: SECOND, min: SECOND, max: Duration::from_secs(32_767), none: None };

/// `TCP_KEEPIDLE`, tcp(7): silence before the first probe, in whole seconds, 1 s to 32767 s. Only with [`KeepAlive`]. Default: sysctl
/// net.ipv4.tcp_keepalive_time, 2 hours.
#[derive(Debug, Clone, Copy)]
pub struct KeepAliveIdle;
known!(KeepAliveIdle: KEEP_ALIVE_IDLE, Duration);
pub(super) const KEEP_ALIVE_IDLE: Named = Named {
    name: "keep-alive-idle",
    phase: Phase::Any,
    summary: "silence before the first keep-alive probe",
    value: KEEP_ALIVE_TIME,
    kinds: TCP,
    how: How::Int(key!(IPPROTO_TCP, TCP_KEEPIDLE)),
};
impl<P: HasTcp, R: Role> Set<P, R> for KeepAliveIdle {
    type Value = Duration;
}
impl<P: HasTcp, R: Role> Get<P, R> for KeepAliveIdle {
    type Value = Duration;
}

/// `TCP_KEEPINTVL`, tcp(7): time between probes, in whole seconds, 1 s to 32767 s. Only with [`KeepAlive`]. Default: sysctl
/// net.ipv4.tcp_keepalive_intvl, 75 s.
#[derive(Debug, Clone, Copy)]
pub struct KeepAliveInterval;
known!(KeepAliveInterval: KEEP_ALIVE_INTERVAL, Duration);
pub(super) const KEEP_ALIVE_INTERVAL: Named = Named {
    name: "keep-alive-interval",
    phase: Phase::Any,
    summary: "time between keep-alive probes",
    value: KEEP_ALIVE_TIME,
    kinds: TCP,
    how: How::Int(key!(IPPROTO_TCP, TCP_KEEPINTVL)),
};
impl<P: HasTcp, R: Role> Set<P, R> for KeepAliveInterval {
    type Value = Duration;
}
impl<P: HasTcp, R: Role> Get<P, R> for KeepAliveInterval {
    type Value = Duration;
}

/// `TCP_KEEPCNT`, tcp(7): probes without an answer before the connection fails, 1 to 127. Only with [`KeepAlive`]; [`UserTimeout`]
/// overrides it. Default: sysctl net.ipv4.tcp_keepalive_probes, 9.
#[derive(Debug, Clone, Copy)]
pub struct KeepAliveCount;
known!(KeepAliveCount: KEEP_ALIVE_COUNT, u32);
pub(super) const KEEP_ALIVE_COUNT: Named = Named {
    name: "keep-alive-count",
    phase: Phase::Any,
    summary: "keep-alive probes without an answer before the connection fails",
    value: ValueKind::Number { min: 1, max: 127 },
    kinds: TCP,
    how: How::Int(key!(IPPROTO_TCP, TCP_KEEPCNT)),
};
impl<P: HasTcp, R: Role> Set<P, R> for KeepAliveCount {
    type Value = u32;
}
impl<P: HasTcp, R: Role> Get<P, R> for KeepAliveCount {
    type Value = u32;
}

/// `TCP_USER_TIMEOUT`, tcp(7), RFC 5482: how long sent bytes may stay unacknowledged before the connection fails with
/// `ETIMEDOUT`, in whole milliseconds, 1 ms to 2147483647 ms. With [`KeepAlive`] it also ends a silent connection, in place of
/// [`KeepAliveCount`]. Default: `None`, which leaves it to sysctl net.ipv4.tcp_retries2 (13 to 30 minutes).
#[derive(Debug, Clone, Copy)]
pub struct UserTimeout;
known!(UserTimeout: USER_TIMEOUT, Option<Duration>);
pub(super) const USER_TIMEOUT: Named = Named {
    name: "user-timeout",
    phase: Phase::Any,
    summary: "how long sent bytes may stay unacknowledged before the connection fails",
    value: ValueKind::Time {
        unit: MILLISECOND,
        min: MILLISECOND,
        max: Duration::from_millis(i32::MAX as u64),
        none: Some("the system's default"),
    },
    kinds: TCP,
    how: How::Int(key!(IPPROTO_TCP, TCP_USER_TIMEOUT)),
};
impl<P: HasTcp, R: Role> Set<P, R> for UserTimeout {
    type Value = Option<Duration>;
}
impl<P: HasTcp, R: Role> Get<P, R> for UserTimeout {
    type Value = Option<Duration>;
}

/// `TCP_NOTSENT_LOWAT`, tcp(7): a send takes no more, and the socket is not writable, while so many bytes wait that were never sent,
/// 0 to 2147483647; it is writable again when less than half of them wait. What was sent and is not acknowledged does not count, so that the
/// speed hardly suffers, but a peer that does not read is kept little for. Accepted connections inherit it from the listener. Default: 0,
/// which leaves it to sysctl net.ipv4.tcp_notsent_lowat (no limit but the [`SendBuffer`](super::SendBuffer)).
#[derive(Debug, Clone, Copy)]
pub struct UnsentLowWater;
known!(UnsentLowWater: UNSENT_LOW_WATER, usize);
pub(super) const UNSENT_LOW_WATER: Named = Named {
    name: "unsent-low-water",
    phase: Phase::Any,
    summary: "take no more to send while so much waits that was never sent",
    value: ValueKind::Size { min: 0, max: i32::MAX as u32 },
    kinds: TCP,
    how: How::Int(key!(IPPROTO_TCP, TCP_NOTSENT_LOWAT)),
};
impl<P: HasTcp, R: Role> Set<P, R> for UnsentLowWater {
    type Value = usize;
}
impl<P: HasTcp, R: Role> Get<P, R> for UnsentLowWater {
    type Value = usize;
}

/// `SO_LINGER`, socket(7): how long close(2) waits until what was sent is acknowledged, in whole seconds, 0 s to 2147483647 s. With 0 s
/// close resets the connection and what was not sent is lost. Default: `None`: close returns at once, and the kernel goes on
/// sending.
#[derive(Debug, Clone, Copy)]
pub struct Linger;
known!(Linger: LINGER, Option<Duration>);
pub(super) const LINGER: Named = Named {
    name: "linger",
    phase: Phase::Any,
    summary: "how long close waits for acknowledgement; 0s resets the connection",
    value: ValueKind::Time {
        unit: SECOND,
        min: Duration::ZERO,
        max: Duration::from_secs(i32::MAX as u64),
        none: Some("close returns at once, the kernel goes on sending"),
    },
    kinds: TCP,
    how: How::Linger,
};
impl<P: HasTcp, R: Role> Set<P, R> for Linger {
    type Value = Option<Duration>;
}
impl<P: HasTcp, R: Role> Get<P, R> for Linger {
    type Value = Option<Duration>;
}

/// `TCP_FASTOPEN`, tcp(7), RFC 7413: a listener takes data with the first packet; how many such connections may be pending,
/// 0 (off) to 2147483647, capped to sysctl net.core.somaxconn. Sysctl net.ipv4.tcp_fastopen must have the server side on
/// (bit 2, value 3), else it does nothing. Default: 0.
#[derive(Debug, Clone, Copy)]
pub struct FastOpen;
known!(FastOpen: FAST_OPEN, u32);
pub(super) const FAST_OPEN: Named = Named {
    name: "fast-open",
    phase: Phase::BeforeListen,
    summary: "connections that may bring data with their first packet, pending at once",
    value: ValueKind::Number { min: 0, max: i32::MAX as u32 },
    kinds: TCP,
    how: How::Int(key!(IPPROTO_TCP, TCP_FASTOPEN)),
};
impl<P: HasTcp> Set<P, Unbound> for FastOpen {
    type Value = u32;
}
impl<P: HasTcp> Set<P, Bound> for FastOpen {
    type Value = u32;
}
impl<P: HasTcp> Set<P, Listening> for FastOpen {
    type Value = u32;
}
impl<P: HasTcp, R: Role> Get<P, R> for FastOpen {
    type Value = u32;
}

/// `TCP_FASTOPEN_CONNECT`, tcp(7), RFC 7413: connect(2) returns at once where a cookie of that server is known, and the first send
/// goes out with the first packet. A refusal then shows at the send. `EOPNOTSUPP` where sysctl net.ipv4.tcp_fastopen has the
/// client side off. Default: off.
#[derive(Debug, Clone, Copy)]
pub struct FastOpenConnect;
known!(FastOpenConnect: FAST_OPEN_CONNECT, bool);
pub(super) const FAST_OPEN_CONNECT: Named = Named {
    name: "fast-open-connect",
    phase: Phase::BeforeConnect,
    summary: "send the first data with the first packet of the connection",
    value: ValueKind::Flag,
    kinds: TCP,
    how: How::Int(key!(IPPROTO_TCP, TCP_FASTOPEN_CONNECT)),
};
impl<P: HasTcp> Set<P, Unbound> for FastOpenConnect {
    type Value = bool;
}
impl<P: HasTcp> Set<P, Bound> for FastOpenConnect {
    type Value = bool;
}
impl<P: HasTcp, R: Role> Get<P, R> for FastOpenConnect {
    type Value = bool;
}

/// `TCP_DEFER_ACCEPT`, tcp(7): accept(2) gives a connection once its first data has come; how long a client without data is kept,
/// in whole seconds, 1 s to 2147483647 s. The kernel turns it into a number of retransmissions (255 at most), so that it reads back
/// rounded up to 1, 3, 7, 15, 31, 63, … s, 29887 s at most. Default: `None`, accept at once.
#[derive(Debug, Clone, Copy)]
pub struct DeferAccept;
known!(DeferAccept: DEFER_ACCEPT, Option<Duration>);
pub(super) const DEFER_ACCEPT: Named = Named {
    name: "defer-accept",
    phase: Phase::BeforeListen,
    summary: "accept a connection once its first data has come, and wait so long for it",
    value: ValueKind::Time {
        unit: SECOND,
        min: SECOND,
        max: Duration::from_secs(i32::MAX as u64),
        none: Some("accept at once"),
    },
    kinds: TCP,
    how: How::Int(key!(IPPROTO_TCP, TCP_DEFER_ACCEPT)),
};
impl<P: HasTcp> Set<P, Unbound> for DeferAccept {
    type Value = Option<Duration>;
}
impl<P: HasTcp> Set<P, Bound> for DeferAccept {
    type Value = Option<Duration>;
}
impl<P: HasTcp> Set<P, Listening> for DeferAccept {
    type Value = Option<Duration>;
}
impl<P: HasTcp, R: Role> Get<P, R> for DeferAccept {
    type Value = Option<Duration>;
}

/// `TCP_CONGESTION`, tcp(7): the algorithm, by name (1 to 15 bytes): `reno`, `cubic`, `bbr`. `ENOENT` where the kernel has none of that
/// name; `EPERM` for one outside sysctl net.ipv4.tcp_allowed_congestion_control without CAP_NET_ADMIN. Default: sysctl
/// net.ipv4.tcp_congestion_control.
#[derive(Debug, Clone, Copy)]
pub struct CongestionControl;
known!(CongestionControl: CONGESTION_CONTROL, String);
pub(super) const CONGESTION_CONTROL: Named = Named {
    name: "congestion-control",
    phase: Phase::Any,
    summary: "the algorithm of congestion control, such as reno, cubic or bbr",
    value: ValueKind::Name { max: 15 },
    kinds: TCP,
    how: How::Name(key!(IPPROTO_TCP, TCP_CONGESTION)),
};
impl<P: HasTcp, R: Role> Set<P, R> for CongestionControl {
    type Value = String;
}
impl<P: HasTcp, R: Role> Get<P, R> for CongestionControl {
    type Value = String;
}
