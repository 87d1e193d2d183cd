//! What a trace shows of options.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use puerta::opt::{self, Interface};
use puerta::trace::{self, Event, Observer};
use puerta::{Flags, Ip, Socket, Tcp, Udp, UnixStream};
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
