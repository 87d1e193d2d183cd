//! What a trace shows of options.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use puerta::opt::{self, Interface, SocketKind, ValueKind};
use puerta::trace::{self, Event, Observer};
use puerta::{Family, Flags, Ip, Socket, Tcp, Udp, UnixStream};
use std::cell::RefCell;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the calls of each thread, that is of each test, apart.
struct Keep;

impl Observer for Keep {
    fn observe(&self, event: &Event) {
        LINES.with_borrow_mut(|lines| lines.push(event.to_string()));
    }
}

/// The calls that `run` makes, with the descriptor as `FD`.
fn traced(socket: &impl AsRawFd, run: impl FnOnce()) -> Vec<String> {
    trace::install(Some(Arc::new(Keep)));
    LINES.take();
    run();
    let fd = format!("({}, ", socket.as_raw_fd());
    LINES.take().into_iter().map(|line| line.replace(&fd, "(FD, ")).collect()
}

#[test]
fn each_call_shows_level_option_and_value_by_name() {
    let tcp = Socket::<Tcp>::new(Ip::V4).unwrap();
    let lines = traced(&tcp, || {
        tcp.set(opt::NoDelay, true).unwrap();
        tcp.set(opt::Linger, Some(Duration::from_secs(5))).unwrap();
        tcp.set(opt::ReceiveTimeout, Some(Duration::from_millis(1500))).unwrap();
        tcp.set(opt::ReceiveBuffer, 65_536).unwrap();
        tcp.get(opt::ReceiveBuffer).unwrap();
        tcp.set(opt::CongestionControl, "reno".to_owned()).unwrap();
        tcp.set(opt::CongestionControl, "nonesuch".to_owned()).unwrap_err();
        tcp.set(opt::Ttl, 9).unwrap();
        tcp.get(opt::ReceiveQueue).unwrap();
    });
    assert_eq!(
        lines,
        [
            "setsockopt(FD, IPPROTO_TCP, TCP_NODELAY, 1) = 0",
            "setsockopt(FD, SOL_SOCKET, SO_LINGER, {l_onoff=1, l_linger=5}) = 0",
            "setsockopt(FD, SOL_SOCKET, SO_RCVTIMEO, {tv_sec=1, tv_usec=500000}) = 0",
            "setsockopt(FD, SOL_SOCKET, SO_RCVBUF, 65536) = 0",
            "getsockopt(FD, SOL_SOCKET, SO_RCVBUF, 131072) = 0",
            "setsockopt(FD, IPPROTO_TCP, TCP_CONGESTION, \"reno\") = 0",
            "setsockopt(FD, IPPROTO_TCP, TCP_CONGESTION, \"nonesuch\") = -1 ENOENT",
            "getsockopt(FD, SOL_SOCKET, SO_DOMAIN, 2) = 0",
            "setsockopt(FD, IPPROTO_IP, IP_TTL, 9) = 0",
            "ioctl(FD, SIOCINQ, 0) = 0",
        ]
    );
}

#[test]
fn every_option_goes_under_its_own_name() {
    let keys = [
        ("reuse-address", "SOL_SOCKET, SO_REUSEADDR"),
        ("reuse-port", "SOL_SOCKET, SO_REUSEPORT"),
        ("v6-only", "IPPROTO_IPV6, IPV6_V6ONLY"),
        ("free-bind", "IPPROTO_IPV6, IPV6_FREEBIND"),
        ("transparent", "IPPROTO_IPV6, IPV6_TRANSPARENT"),
        ("bind-to-device", "SOL_SOCKET, SO_BINDTODEVICE"),
        ("no-delay", "IPPROTO_TCP, TCP_NODELAY"),
        ("cork", "IPPROTO_TCP, TCP_CORK"),
        ("keep-alive", "SOL_SOCKET, SO_KEEPALIVE"),
        ("keep-alive-idle", "IPPROTO_TCP, TCP_KEEPIDLE"),
        ("keep-alive-interval", "IPPROTO_TCP, TCP_KEEPINTVL"),
        ("keep-alive-count", "IPPROTO_TCP, TCP_KEEPCNT"),
        ("user-timeout", "IPPROTO_TCP, TCP_USER_TIMEOUT"),
        ("unsent-low-water", "IPPROTO_TCP, TCP_NOTSENT_LOWAT"),
        ("linger", "SOL_SOCKET, SO_LINGER"),
        ("fast-open", "IPPROTO_TCP, TCP_FASTOPEN"),
        ("fast-open-connect", "IPPROTO_TCP, TCP_FASTOPEN_CONNECT"),
        ("defer-accept", "IPPROTO_TCP, TCP_DEFER_ACCEPT"),
        ("congestion-control", "IPPROTO_TCP, TCP_CONGESTION"),
        ("send-buffer", "SOL_SOCKET, SO_SNDBUF"),
        ("receive-buffer", "SOL_SOCKET, SO_RCVBUF"),
        ("send-timeout", "SOL_SOCKET, SO_SNDTIMEO"),
        ("receive-timeout", "SOL_SOCKET, SO_RCVTIMEO"),
        ("busy-poll", "SOL_SOCKET, SO_BUSY_POLL"),
        ("broadcast", "SOL_SOCKET, SO_BROADCAST"),
        ("ttl", "IPPROTO_IPV6, IPV6_UNICAST_HOPS; IPPROTO_IP, IP_TTL"),
        ("tos", "IPPROTO_IPV6, IPV6_TCLASS; IPPROTO_IP, IP_TOS"),
        ("packet-info", "IPPROTO_IPV6, IPV6_RECVPKTINFO; IPPROTO_IP, IP_PKTINFO"),
        ("multicast-join", "IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP"),
        ("multicast-leave", "IPPROTO_IPV6, IPV6_DROP_MEMBERSHIP"),
        ("multicast-loop", "IPPROTO_IPV6, IPV6_MULTICAST_LOOP; IPPROTO_IP, IP_MULTICAST_LOOP"),
        ("multicast-interface", "IPPROTO_IPV6, IPV6_MULTICAST_IF; IPPROTO_IP, IP_MULTICAST_IF"),
        ("multicast-ttl", "IPPROTO_IPV6, IPV6_MULTICAST_HOPS; IPPROTO_IP, IP_MULTICAST_TTL"),
        ("pass-credentials", "SOL_SOCKET, SO_PASSCRED"),
    ];
    assert_eq!(keys.map(|(name, _)| name).to_vec(), opt::NAMED.iter().map(|n| n.name).collect::<Vec<_>>());
    for (name, key) in keys {
        let named = opt::named(name).unwrap();
        let value = match named.value {
            ValueKind::Flag => "true",
            ValueKind::Name { .. } if name == "bind-to-device" => "lo",
            ValueKind::Name { .. } => "reno",
            ValueKind::Group => "ff02::7075%1",
            _ => "1",
        };
        // Some are refused for want of a privilege or of a group that was joined: the trace shows the call all the same.
        let setting = named.parse(Some(value)).unwrap();
        let lines = if named.applies_to(SocketKind::Tcp) {
            let tcp = Socket::<Tcp>::new(Ip::V6).unwrap();
            traced(&tcp, || drop(tcp.apply(&setting)))
        } else if named.applies_to(SocketKind::Udp) {
            let udp = Socket::<Udp>::new(Ip::V6).unwrap();
            traced(&udp, || drop(udp.apply(&setting)))
        } else {
            let unix = Socket::<UnixStream>::new(()).unwrap();
            traced(&unix, || drop(unix.apply(&setting)))
        };
        let made = lines.iter().filter_map(|line| line.strip_prefix("setsockopt(FD, "));
        let made: Vec<String> = made.map(|line| line.split(", ").take(2).collect::<Vec<_>>().join(", ")).collect();
        assert_eq!(made.join("; "), key, "{setting}: {lines:?}");
    }
}

#[test]
fn groups_and_interfaces_are_decoded() {
    let v4 = Socket::<Udp>::new(Ip::V4).unwrap();
    let lines = traced(&v4, || v4.set(opt::MulticastJoin, "239.1.2.3%lo".parse().unwrap()).unwrap());
    let join = "setsockopt(FD, IPPROTO_IP, IP_ADD_MEMBERSHIP, {imr_multiaddr=239.1.2.3, imr_address=0.0.0.0, imr_ifindex=1}) = 0";
    assert_eq!(lines.last().unwrap(), join);
    assert!(lines[0].starts_with("if_nametoindex("), "{}", lines[0]);
    let v6 = Socket::<Udp>::new(Ip::V6).unwrap();
    let lines = traced(&v6, || {
        v6.set(opt::MulticastJoin, "ff02::7075%1".parse().unwrap()).unwrap();
        v6.set(opt::MulticastInterface, Interface::Index(1)).unwrap();
    });
    assert_eq!(
        lines,
        [
            "setsockopt(FD, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, {ipv6mr_multiaddr=ff02::7075, ipv6mr_interface=1}) = 0",
            "getsockopt(FD, SOL_SOCKET, SO_DOMAIN, 10) = 0",
            "setsockopt(FD, IPPROTO_IPV6, IPV6_MULTICAST_IF, 1) = 0",
            "setsockopt(FD, IPPROTO_IP, IP_MULTICAST_IF, {imr_multiaddr=0.0.0.0, imr_address=0.0.0.0, imr_ifindex=1}) = 0",
        ]
    );
}

#[test]
fn a_refused_value_makes_no_call_and_a_plain_option_makes_one() {
    let (a, b) = Socket::<UnixStream, _>::pair().unwrap();
    b.send(b"four", Flags::NONE).unwrap();
    let lines = traced(&a, || {
        a.set(opt::SendBuffer, usize::MAX).unwrap_err();
        a.apply(&opt::named("no-delay").unwrap().parse(None).unwrap()).unwrap_err();
        a.apply(&opt::named("send-buffer").unwrap().parse(Some("64k")).unwrap()).unwrap();
        a.get(opt::ReceiveQueue).unwrap();
    });
    // getsockname and getpeername tell an error where it happened; they are not part of the program.
    assert_eq!(lines, ["setsockopt(FD, SOL_SOCKET, SO_SNDBUF, 65536) = 0", "ioctl(FD, SIOCINQ, 4) = 0"]);
}

#[test]
fn the_calls_that_a_setting_tells_are_those_that_it_makes() {
    let values = |kind: ValueKind| match kind {
        ValueKind::Flag => vec!["true", "false"],
        ValueKind::Size { .. } => vec!["64k"],
        ValueKind::Time { none: Some(_), .. } => vec!["7s", "none"],
        ValueKind::Name { .. } => vec!["reno"],
        ValueKind::Group => vec!["239.1.2.3%1", "ff02::7075"],
        ValueKind::Interface => vec!["any", "1"],
        _ => vec!["7"],
    };
    for named in opt::NAMED {
        for setting in values(named.value).iter().filter_map(|value| named.parse(Some(value)).ok()) {
            for (ip, family) in [(Ip::V4, Family::V4), (Ip::V6, Family::V6)] {
                let lines = if named.applies_to(SocketKind::Tcp) {
                    let tcp = Socket::<Tcp>::new(ip).unwrap();
                    traced(&tcp, || drop(tcp.apply(&setting)))
                } else if named.applies_to(SocketKind::Udp) {
                    let udp = Socket::<Udp>::new(ip).unwrap();
                    traced(&udp, || drop(udp.apply(&setting)))
                } else {
                    let unix = Socket::<UnixStream>::new(()).unwrap();
                    traced(&unix, || drop(unix.apply(&setting)))
                };
                let made = lines.iter().filter_map(|line| line.strip_prefix("setsockopt(FD, ")?.split(") = ").next());
                let told: Vec<String> = setting.calls(family).iter().map(ToString::to_string).collect();
                // A first call that is refused is the last.
                let failed = lines.last().is_some_and(|line| line.contains("= -1"));
                let made: Vec<&str> = made.collect();
                assert_eq!(made, told[..if failed { made.len() } else { told.len() }], "{setting}: {lines:?}");
                assert!(!made.is_empty(), "{setting}: {lines:?}");
            }
        }
    }
}
