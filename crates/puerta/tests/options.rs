//! Typed options: each is set on a real socket and read back; what it does is seen where it can be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use puerta::opt::{self, Group, Interface, TcpState};
use puerta::opt::{Get, Set};
use puerta::{
    AnyDatagram, AnyStream, Bad, Cause, Connected, Family, Flags, Ip, Protocol, Role, Shutdown, Socket, Tcp,
    TcpListener, TcpStream, Udp, UnixDatagram, UnixPacket, UnixStream,
};
use std::net::SocketAddr;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn any(ip: Ip) -> SocketAddr {
    match ip {
        Ip::V4 => "127.0.0.1:0".parse().unwrap(),
        Ip::V6 => "[::1]:0".parse().unwrap(),
    }
}

fn listener(ip: Ip) -> TcpListener {
    Socket::<Tcp>::new(ip).unwrap().bind(&any(ip)).unwrap().listen(8).unwrap()
}

fn pair(ip: Ip) -> (TcpStream, TcpStream) {
    let listener = listener(ip);
    let client = Socket::<Tcp>::new(ip).unwrap().connect(&listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// Sets each value in turn and reads it back.
#[track_caller]
fn reads_back<P, R, O, V>(socket: &Socket<P, R>, option: O, values: &[V])
where
    P: Protocol,
    R: Role,
    O: Set<P, R, Value = V> + Get<P, R, Value = V> + Copy,
    V: Clone + PartialEq + std::fmt::Debug,
{
    for value in values {
        socket.set(option, value.clone()).unwrap();
        assert_eq!(&socket.get(option).unwrap(), value);
    }
}

#[test]
fn flags_read_back_as_they_were_set() {
    let both = [true, false, true];
    for ip in [Ip::V4, Ip::V6] {
        let fresh = Socket::<Tcp>::new(ip).unwrap();
        reads_back(&fresh, opt::ReuseAddress, &both);
        reads_back(&fresh, opt::ReusePort, &both);
        reads_back(&fresh, opt::FreeBind, &both);
        reads_back(&fresh, opt::NoDelay, &both);
        reads_back(&fresh, opt::Cork, &both);
        reads_back(&fresh, opt::KeepAlive, &both);
        let udp = Socket::<Udp>::new(ip).unwrap();
        reads_back(&udp, opt::Broadcast, &both);
        reads_back(&udp, opt::PacketInfo, &both);
        reads_back(&udp, opt::MulticastLoop, &both);
    }
    reads_back(&Socket::<Tcp>::new(Ip::V6).unwrap(), opt::V6Only, &both);
    reads_back(&Socket::<UnixStream>::new(()).unwrap(), opt::PassCredentials, &both);
}

#[test]
fn numbers_and_names_read_back_as_they_were_set() {
    for ip in [Ip::V4, Ip::V6] {
        let (client, _server) = pair(ip);
        reads_back(&client, opt::Ttl, &[1, 64, 255]);
        reads_back(&client, opt::Tos, &[0, 0x10, 0xb8]);
        reads_back(&client, opt::KeepAliveCount, &[1, 127]);
        reads_back(&client, opt::UnsentLowWater, &[0, 1, 16 << 10, i32::MAX as usize]);
        reads_back(&client, opt::CongestionControl, &["reno".to_owned()]);
        let udp = Socket::<Udp>::new(ip).unwrap();
        reads_back(&udp, opt::MulticastTtl, &[0, 1, 255]);
        // ECN is the program's own on datagrams.
        reads_back(&udp, opt::Tos, &[0x03, 0xff]);
        assert_eq!(udp.get(opt::BindToDevice).unwrap(), None);
        udp.set(opt::BindToDevice, "lo".to_owned()).unwrap();
        assert_eq!(udp.get(opt::BindToDevice).unwrap().as_deref(), Some("lo"));
    }
}

#[test]
fn tcp_keeps_the_ecn_bits_of_tos_to_itself() {
    let (client, _server) = pair(Ip::V4);
    client.set(opt::Tos, 0xff).unwrap();
    assert_eq!(client.get(opt::Tos).unwrap(), 0xfc);
}

#[test]
fn times_read_back_as_they_were_set() {
    let (client, _server) = pair(Ip::V4);
    reads_back(&client, opt::KeepAliveIdle, &[SECOND, 30 * SECOND, 32_767 * SECOND]);
    reads_back(&client, opt::KeepAliveInterval, &[SECOND, 32_767 * SECOND]);
    reads_back(&client, opt::Linger, &[None, Some(Duration::ZERO), Some(5 * SECOND), None]);
    reads_back(&client, opt::UserTimeout, &[None, Some(Duration::from_millis(1)), Some(90 * SECOND), None]);
    let timeouts = [None, Some(SECOND), Some(Duration::from_millis(500)), None];
    reads_back(&client, opt::SendTimeout, &timeouts);
    reads_back(&client, opt::ReceiveTimeout, &timeouts);
}

#[test]
fn the_kernel_turns_defer_accept_into_retransmissions() {
    let listener = listener(Ip::V4);
    for (set, told) in [(None, None), (Some(1), Some(1)), (Some(2), Some(3)), (Some(5), Some(7)), (Some(30), Some(31))]
    {
        listener.set(opt::DeferAccept, set.map(Duration::from_secs)).unwrap();
        assert_eq!(listener.get(opt::DeferAccept).unwrap(), told.map(Duration::from_secs));
    }
}

#[test]
fn a_listener_that_defers_gives_no_connection_before_its_data() {
    let listener = listener(Ip::V4);
    listener.set(opt::DeferAccept, Some(30 * SECOND)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let client = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&listener.local_addr().unwrap()).unwrap();
    assert!(listener.accept().unwrap_err().would_block());
    client.send(b"now", Flags::NONE).unwrap();
    listener.set_nonblocking(false).unwrap();
    let (server, _) = listener.accept().unwrap();
    assert_eq!(server.get(opt::ReceiveQueue).unwrap(), 3);
}

#[test]
fn the_kernel_doubles_buffers_raises_small_ones_and_caps_large_ones() {
    let cap = |name: &str| -> usize {
        std::fs::read_to_string(format!("/proc/sys/net/core/{name}")).unwrap().trim().parse().unwrap()
    };
    let udp = Socket::<Udp>::new(Ip::V4).unwrap();
    udp.set(opt::ReceiveBuffer, 65_536).unwrap();
    assert_eq!(udp.get(opt::ReceiveBuffer).unwrap(), 131_072);
    udp.set(opt::SendBuffer, 65_536).unwrap();
    assert_eq!(udp.get(opt::SendBuffer).unwrap(), 131_072);
    udp.set(opt::ReceiveBuffer, 1).unwrap();
    assert!(udp.get(opt::ReceiveBuffer).unwrap() >= 2048);
    udp.set(opt::ReceiveBuffer, i32::MAX as usize).unwrap();
    assert_eq!(udp.get(opt::ReceiveBuffer).unwrap(), 2 * cap("rmem_max"));
    udp.set(opt::SendBuffer, i32::MAX as usize).unwrap();
    assert_eq!(udp.get(opt::SendBuffer).unwrap(), 2 * cap("wmem_max"));
}

#[test]
fn fast_open_is_a_queue_of_the_listener_and_a_flag_of_the_client() {
    let fresh = Socket::<Tcp>::new(Ip::V4).unwrap().with(opt::FastOpen, 5).unwrap();
    let listener = fresh.bind(&any(Ip::V4)).unwrap().listen(8).unwrap();
    assert_eq!(listener.get(opt::FastOpen).unwrap(), 5);
    listener.set(opt::FastOpen, 3).unwrap();
    assert_eq!(listener.get(opt::FastOpen).unwrap(), 3);
    let client = Socket::<Tcp>::new(Ip::V4).unwrap();
    match client.set(opt::FastOpenConnect, true) {
        Ok(()) => assert!(client.get(opt::FastOpenConnect).unwrap()),
        // The client side is switched off on this machine.
        Err(e) => assert!(e.hint().unwrap().contains("tcp_fastopen"), "{e:?}"),
    }
}

#[test]
fn what_needs_a_privilege_reads_back_or_is_eperm() {
    fn both<O: Set<Tcp, puerta::Unbound> + Get<Tcp, puerta::Unbound> + Copy>(
        option: O,
        value: <O as Set<Tcp, puerta::Unbound>>::Value,
        expected: <O as Get<Tcp, puerta::Unbound>>::Value,
    ) where
        <O as Get<Tcp, puerta::Unbound>>::Value: PartialEq + std::fmt::Debug,
    {
        let socket = Socket::<Tcp>::new(Ip::V4).unwrap();
        match socket.set(option, value) {
            Ok(()) => assert_eq!(socket.get(option).unwrap(), expected),
            Err(e) => assert_eq!(e.name(), "EPERM", "{e:?}"),
        }
    }
    both(opt::Transparent, true, true);
    both(opt::BusyPoll, Duration::from_micros(50), Duration::from_micros(50));
    both(opt::BusyPoll, Duration::ZERO, Duration::ZERO);
}

#[test]
fn a_value_out_of_bounds_makes_no_call_and_names_the_bounds() {
    let (client, _server) = pair(Ip::V4);
    let udp = Socket::<Udp>::new(Ip::V4).unwrap();
    let errors = [
        client.set(opt::Ttl, 0),
        client.set(opt::KeepAliveCount, 128),
        client.set(opt::KeepAliveIdle, Duration::from_millis(1500)),
        client.set(opt::KeepAliveInterval, Duration::ZERO),
        client.set(opt::Linger, Some(Duration::from_millis(1))),
        client.set(opt::ReceiveTimeout, Some(Duration::ZERO)),
        client.set(opt::SendTimeout, Some(Duration::from_nanos(1))),
        client.set(opt::UserTimeout, Some(Duration::MAX)),
        client.set(opt::SendBuffer, usize::MAX),
        client.set(opt::CongestionControl, String::new()),
        client.set(opt::BindToDevice, "x".repeat(16)),
        client.set(opt::BindToDevice, "a\0b".to_owned()),
        udp.set(opt::MulticastInterface, Interface::Name("a\0b".to_owned())),
        udp.set(opt::MulticastInterface, Interface::Index(0)),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!(error.cause(), Cause::Bad(Bad::Value), "{error:?}");
        let hint = error.hint().unwrap();
        assert!(hint.contains(" takes "), "{hint}");
    }
    let error = client.set(opt::KeepAliveCount, 128).unwrap_err();
    assert_eq!(error.hint().unwrap(), "keep-alive-count takes a number from 1 to 127");
    assert!(error.to_string().starts_with("setsockopt keep-alive-count"), "{error}");
    assert!(error.to_string().ends_with(": the value is out of bounds"), "{error}");
}

#[test]
fn what_the_kernel_refuses_has_a_hint_of_its_own() {
    let (client, _server) = pair(Ip::V4);
    let unknown = client.set(opt::CongestionControl, "nonesuch".to_owned()).unwrap_err();
    assert_eq!(unknown.name(), "ENOENT");
    assert!(unknown.hint().unwrap().contains("tcp_available_congestion_control"));
    let device = client.set(opt::BindToDevice, "nonesuch0".to_owned()).unwrap_err();
    assert_eq!(device.name(), "ENODEV");
    assert!(device.hint().unwrap().contains("ip link"));
    let udp = Socket::<Udp>::new(Ip::V4).unwrap();
    let group = "239.1.2.3%nonesuch0".parse().unwrap();
    let interface = udp.set(opt::MulticastJoin, group).unwrap_err();
    assert_eq!(interface.cause(), Cause::Bad(Bad::Interface), "{interface:?}");
    let absent = udp.set(opt::MulticastLeave, "239.1.2.3%lo".parse().unwrap()).unwrap_err();
    assert_eq!(
        (absent.name().as_ref(), absent.hint().unwrap().as_ref()),
        ("EADDRNOTAVAIL", "the group is not joined on that interface")
    );
}

#[test]
fn a_socket_chosen_at_run_time_has_the_options_of_what_it_is_and_no_others() {
    let unix = Socket::<AnyStream>::new(Family::Unix).unwrap();
    for error in [
        unix.set(opt::NoDelay, true).unwrap_err(),
        unix.set(opt::Ttl, 9).unwrap_err(),
        unix.set(opt::ReuseAddress, true).unwrap_err(),
        unix.get(opt::NoDelay).unwrap_err(),
        unix.get(opt::Info).unwrap_err(),
    ] {
        assert_eq!(error.cause(), Cause::Bad(Bad::Option), "{error:?}");
    }
    reads_back(&unix, opt::PassCredentials, &[true]);
    let tcp = Socket::<AnyStream>::new(Family::V4).unwrap();
    reads_back(&tcp, opt::NoDelay, &[true]);
    assert_eq!(tcp.set(opt::PassCredentials, true).unwrap_err().cause(), Cause::Bad(Bad::Option));
    let udp = Socket::<AnyDatagram>::new(Family::V6).unwrap();
    reads_back(&udp, opt::MulticastTtl, &[3]);
    let unix = Socket::<AnyDatagram>::new(Family::Unix).unwrap();
    assert_eq!(unix.set(opt::MulticastTtl, 3).unwrap_err().cause(), Cause::Bad(Bad::Option));
    unix.set(opt::ReceiveBuffer, 8192).unwrap();
}

#[test]
fn a_port_in_time_wait_binds_again_only_with_reuse_address() {
    let reuse = || Socket::<Tcp>::new(Ip::V4).unwrap().with(opt::ReuseAddress, true).unwrap();
    let listener = reuse().bind(&any(Ip::V4)).unwrap().listen(8).unwrap();
    let at = listener.local_addr().unwrap();
    let client = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&at).unwrap();
    let (server, _) = listener.accept().unwrap();
    // The side that ends first goes to TIME_WAIT: the server's, whose port it is.
    server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.recv(&mut [0; 1], Flags::NONE).unwrap().len, 0);
    drop((listener, client));
    assert_eq!(server.recv(&mut [0; 1], Flags::NONE).unwrap().len, 0);
    drop(server);
    assert_eq!(Socket::<Tcp>::new(Ip::V4).unwrap().bind(&at).unwrap_err().name(), "EADDRINUSE");
    reuse().bind(&at).unwrap().listen(1).unwrap();
}

#[test]
fn with_v6_only_both_families_share_a_port_number() {
    let v6 = |only| Socket::<Tcp>::new(Ip::V6).unwrap().with(opt::V6Only, only).unwrap();
    let dual = v6(false).bind(&"[::]:0".parse().unwrap()).unwrap();
    let v4 = SocketAddr::from(([0, 0, 0, 0], dual.local_addr().unwrap().port()));
    assert_eq!(Socket::<Tcp>::new(Ip::V4).unwrap().bind(&v4).unwrap_err().name(), "EADDRINUSE");
    // Somebody else may have the port over IPv4: then another one shows it.
    let shared = (0..50).any(|_| {
        let only = v6(true).bind(&"[::]:0".parse().unwrap()).unwrap();
        let v4 = SocketAddr::from(([0, 0, 0, 0], only.local_addr().unwrap().port()));
        Socket::<Tcp>::new(Ip::V4).unwrap().bind(&v4).is_ok()
    });
    assert!(shared);
}

#[test]
fn a_receive_timeout_ends_a_receive() {
    let (client, _server) = pair(Ip::V4);
    client.set(opt::ReceiveTimeout, Some(Duration::from_millis(5))).unwrap();
    assert!(client.recv(&mut [0; 1], Flags::NONE).unwrap_err().would_block());
}

#[test]
fn linger_of_zero_resets_the_connection() {
    let (client, server) = pair(Ip::V4);
    client.with(opt::Linger, Some(Duration::ZERO)).unwrap().close().unwrap();
    assert_eq!(server.recv(&mut [0; 1], Flags::NONE).unwrap_err().name(), "ECONNRESET");
}

#[test]
fn a_group_that_is_joined_over_lo_receives_until_it_is_left() {
    let group: Group = "239.1.2.3%lo".parse().unwrap();
    let receiver = Socket::<Udp>::new(Ip::V4).unwrap().with(opt::MulticastJoin, group.clone()).unwrap();
    let receiver = receiver.bind(&"0.0.0.0:0".parse().unwrap()).unwrap();
    receiver.set(opt::ReceiveTimeout, Some(5 * SECOND)).unwrap();
    let sender = Socket::<Udp>::new(Ip::V4).unwrap().bind(&any(Ip::V4)).unwrap();
    sender.set(opt::MulticastInterface, "lo".parse().unwrap()).unwrap();
    sender.set(opt::MulticastTtl, 0).unwrap();
    let to = SocketAddr::new(group.address(), receiver.local_addr().unwrap().port());
    sender.send_to(b"one", &to, Flags::NONE).unwrap();
    let mut buffer = [0; 16];
    let (received, from) = receiver.recv_from(&mut buffer, Flags::NONE).unwrap();
    assert_eq!((received.len, from), (3, sender.local_addr().unwrap()));
    assert_eq!(receiver.set(opt::MulticastJoin, group.clone()).unwrap_err().name(), "EADDRINUSE");
    receiver.set(opt::MulticastLeave, group).unwrap();
    // Over lo a datagram is there, or dropped, when send_to returns.
    sender.send_to(b"two", &to, Flags::NONE).unwrap();
    assert!(receiver.recv_from(&mut buffer, Flags::DONTWAIT).unwrap_err().would_block());
}

#[test]
fn an_ipv6_group_is_on_the_interface_until_it_is_left() {
    // lo has no route to IPv6 groups, so that the kernel's list has to do: "1 lo ff02…7075 users …".
    let joined = || {
        let list = std::fs::read_to_string("/proc/thread-self/net/igmp6").unwrap();
        list.lines().any(|line| line.starts_with("1 ") && line.contains("ff0200000000000000000000000a7075"))
    };
    let group: Group = "ff02::a:7075%lo".parse().unwrap();
    let socket = Socket::<Udp>::new(Ip::V6).unwrap();
    assert!(!joined());
    socket.set(opt::MulticastJoin, group.clone()).unwrap();
    assert!(joined());
    socket.set(opt::MulticastLeave, group).unwrap();
    assert!(!joined());
}

#[test]
fn the_interface_of_multicast_reads_back_where_the_kernel_tells_it() {
    let socket = Socket::<Udp>::new(Ip::V6).unwrap();
    assert_eq!(socket.get(opt::MulticastInterface).unwrap(), Interface::Any);
    socket.set(opt::MulticastInterface, "lo".parse().unwrap()).unwrap();
    assert_eq!(socket.get(opt::MulticastInterface).unwrap(), Interface::Index(1));
    reads_back(&socket, opt::MulticastInterface, &[Interface::Index(1), Interface::Any]);
    let error = Socket::<Udp>::new(Ip::V4).unwrap().get(opt::MulticastInterface).unwrap_err();
    assert_eq!(error.cause(), Cause::Bad(Bad::Option), "{error:?}");
}

#[test]
fn both_ends_of_a_unix_pair_tell_this_process() {
    fn me<P: opt::HasCredentials>((a, b): (Socket<P, Connected>, Socket<P, Connected>)) {
        for socket in [a, b] {
            let credentials = socket.get(opt::PeerCredentials).unwrap();
            assert_eq!(credentials.pid.unsigned_abs(), std::process::id());
            let mine = std::fs::metadata("/proc/self").unwrap();
            use std::os::unix::fs::MetadataExt;
            assert_eq!((credentials.uid, credentials.gid), (mine.uid(), mine.gid()));
        }
    }
    me(Socket::<UnixStream, Connected>::pair().unwrap());
    me(Socket::<UnixPacket, Connected>::pair().unwrap());
    me(Socket::<UnixDatagram, Connected>::pair().unwrap());
}

#[test]
fn the_send_queue_is_empty_once_the_peers_kernel_has_everything() {
    let (client, server) = pair(Ip::V4);
    // More than the peer's window takes: some must wait.
    client.set(opt::SendBuffer, 4 << 20).unwrap();
    client.set_nonblocking(true).unwrap();
    let sent = client.send(&vec![7; 4 << 20], Flags::NONE).unwrap();
    let waiting = client.get(opt::SendQueue).unwrap();
    let unsent = client.get(opt::UnsentQueue).unwrap();
    assert!(waiting > 0 && waiting <= sent && unsent <= waiting, "{unsent} of {waiting} of {sent}");
    assert!(server.get(opt::ReceiveQueue).unwrap() > 0);
    let mut buffer = vec![0; 1 << 20];
    let mut received = 0;
    while received < sent {
        received += server.recv(&mut buffer, Flags::NONE).unwrap().len;
    }
    // The last acknowledgement is on its way: over lo it comes at once, delayed by 40 ms at most.
    let deadline = std::time::Instant::now() + 10 * SECOND;
    while client.get(opt::SendQueue).unwrap() > 0 {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
    assert_eq!(server.get(opt::ReceiveQueue).unwrap(), 0);
}

#[test]
fn the_receive_queue_of_datagrams_is_the_length_of_the_next() {
    let receiver = Socket::<Udp>::new(Ip::V4).unwrap().bind(&any(Ip::V4)).unwrap();
    let sender = Socket::<Udp>::new(Ip::V4).unwrap();
    for len in [100, 7] {
        sender.send_to(&vec![0; len], &receiver.local_addr().unwrap(), Flags::NONE).unwrap();
    }
    assert_eq!(receiver.get(opt::ReceiveQueue).unwrap(), 100);
    receiver.recv_from(&mut [0; 200], Flags::NONE).unwrap();
    assert_eq!(receiver.get(opt::ReceiveQueue).unwrap(), 7);
}

#[test]
fn tcp_info_follows_the_connection() {
    let listener = listener(Ip::V4);
    let fresh = Socket::<Tcp>::new(Ip::V4).unwrap();
    assert_eq!(fresh.get(opt::Info).unwrap().state, TcpState::Closed);
    let info = listener.get(opt::Info).unwrap();
    assert_eq!((info.state, info.unacknowledged, info.sacked), (TcpState::Listen, 0, 8));
    let client = fresh.connect(&listener.local_addr().unwrap()).unwrap();
    assert_eq!(listener.get(opt::Info).unwrap().unacknowledged, 1);
    let (server, _) = listener.accept().unwrap();
    client.send(&[7; 1000], Flags::NONE).unwrap();
    let mut buffer = [0; 1000];
    assert_eq!(server.recv(&mut buffer, Flags::WAITALL).unwrap().len, 1000);
    server.send(&[7; 10], Flags::NONE).unwrap();
    client.recv(&mut buffer, Flags::NONE).unwrap();
    let info = client.get(opt::Info).unwrap();
    assert_eq!(info.state, TcpState::Established);
    assert!(info.rtt > Duration::ZERO && info.rtt < 10 * SECOND && info.rto >= Duration::from_millis(1), "{info:?}");
    assert!(info.send_mss >= 500 && info.congestion_window > 0 && info.path_mtu > info.send_mss, "{info:?}");
    assert!(info.options.timestamps || info.options.sack || info.options.window_scale, "{info:?}");
    assert_eq!((info.total_retransmitted, info.lost), (0, 0));
    assert_eq!(info.bytes_received, Some(10));
    assert!(info.bytes_sent == Some(1000) && info.bytes_acknowledged == Some(1001), "{info:?}");
    assert!(info.min_rtt.unwrap() <= info.rtt * 8 && info.segments_sent.unwrap() >= 3, "{info:?}");
    client.shutdown(Shutdown::Write).unwrap();
    server.recv(&mut buffer, Flags::NONE).unwrap();
    assert_eq!(server.get(opt::Info).unwrap().state, TcpState::CloseWait);
    // The acknowledgement of our end may be delayed.
    assert!(matches!(client.get(opt::Info).unwrap().state, TcpState::FinWait1 | TcpState::FinWait2));
    assert_eq!(TcpState::FinWait2.to_string(), "FIN-WAIT-2");
}
