//! Ancillary data through the public API: packet info, descriptors, credentials.

#![allow(clippy::unwrap_used)]

use puerta::{
    AncillarySpace, AnyDatagram, Bad, Call, Cause, Credentials, Endpoint, Family, Flags, Ip, Message, Packet,
    PacketInfo, Received, Socket, Udp, UdpSocket, UnixAddr, UnixDatagram, UnixPacket, UnixStream, opt,
};
use std::io::{IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;
use std::{fs, process};

fn udp(ip: Ip, at: &str) -> UdpSocket {
    let socket = Socket::<Udp>::new(ip).unwrap();
    socket.set(opt::PacketInfo, true).unwrap();
    socket.bind(&at.parse().unwrap()).unwrap()
}

/// A client asks at `asked`; a server on all addresses answers. Gives where the server was asked and who answered.
fn ask_and_answer(server: &UdpSocket, client: Ip, asked: &str) -> (PacketInfo, SocketAddr) {
    let any = if client == Ip::V4 { "0.0.0.0:0" } else { "[::]:0" };
    let client = Socket::<Udp>::new(client).unwrap().bind(&any.parse().unwrap()).unwrap();
    let port = server.local_addr().unwrap().port();
    client.send_to(b"Hola, servidor!", &SocketAddr::new(asked.parse().unwrap(), port), Flags::NONE).unwrap();
    let mut buffer = [0; 64];
    let question = server.recv_datagram(&mut buffer, Flags::NONE).unwrap();
    assert_eq!(&buffer[..question.received.len], b"Hola, servidor!");
    let to = question.to.unwrap();
    server.send_datagram(b"Hola, cliente!", &question.from, to.answer(), Flags::NONE).unwrap();
    let (answer, from) = client.recv_from(&mut buffer, Flags::NONE).unwrap();
    assert_eq!(&buffer[..answer.len], b"Hola, cliente!");
    (to, from)
}

#[test]
fn an_answer_leaves_from_the_address_that_was_asked() {
    let server = udp(Ip::V4, "0.0.0.0:0");
    for asked in ["127.0.0.1", "127.0.0.2", "127.1.2.3"] {
        let (to, from) = ask_and_answer(&server, Ip::V4, asked);
        assert_eq!((to.address, from.ip()), (asked.parse().unwrap(), asked.parse().unwrap()));
        assert_eq!(to.interface, 1, "the loopback is the first interface");
    }
}

#[test]
fn a_dual_stack_socket_answers_from_the_address_that_was_asked_in_both_families() {
    let server = udp(Ip::V6, "[::]:0");
    for asked in ["127.0.0.1", "127.0.0.2"] {
        let (to, from) = ask_and_answer(&server, Ip::V4, asked);
        assert_eq!((to.address, from.ip()), (asked.parse().unwrap(), asked.parse().unwrap()));
    }
    let (to, from) = ask_and_answer(&server, Ip::V6, "::1");
    assert_eq!((to.address, from.ip()), ("::1".parse().unwrap(), "::1".parse().unwrap()));
}

#[test]
fn what_was_sent_to_a_broadcast_address_is_answered_without_a_source() {
    for (ip, any) in [(Ip::V4, "0.0.0.0:0"), (Ip::V6, "[::]:0")] {
        let server = udp(ip, any);
        let client = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        client.set_broadcast(true).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        client.send_to(b"?", ("127.255.255.255", server.local_addr().unwrap().port())).unwrap();
        let mut buffer = [0; 16];
        let question = server.recv_datagram(&mut buffer, Flags::NONE).unwrap();
        let to = question.to.unwrap();
        assert_eq!(to.address, IpAddr::from([127, 255, 255, 255]));
        assert_eq!(to.answer(), None);
        server.send_datagram(b"!", &question.from, to.answer(), Flags::NONE).unwrap();
        assert_eq!(client.recv(&mut buffer).unwrap(), 1);
    }
}

#[test]
fn a_datagram_that_is_cut_tells_its_full_length() {
    let server = udp(Ip::V4, "127.0.0.1:0");
    let client = udp(Ip::V4, "127.0.0.1:0");
    let to = server.local_addr().unwrap();
    client.send_datagram(&[7; 1000], &to, None, Flags::NONE).unwrap();
    client.send_datagram(b"", &to, None, Flags::NONE).unwrap();
    let cut = server.recv_datagram(&mut [0; 10], Flags::NONE).unwrap();
    assert_eq!((cut.received.len, cut.received.full_len, cut.from), (10, 1000, client.local_addr().unwrap()));
    let empty = server.recv_datagram(&mut [0; 10], Flags::NONE).unwrap();
    assert_eq!(empty.received, Received { len: 0, full_len: 0 });
}

#[test]
fn a_source_that_cannot_be_is_refused() {
    let socket = udp(Ip::V4, "0.0.0.0:0");
    let to = "127.0.0.1:9".parse().unwrap();
    let v6 = PacketInfo::new("::1".parse().unwrap(), 0);
    let error = socket.send_datagram(b"", &to, Some(v6), Flags::NONE).unwrap_err();
    assert_eq!(error.cause(), Cause::Bad(Bad::Family));
    let foreign = PacketInfo::new("192.0.2.1".parse().unwrap(), 0);
    let error = socket.send_datagram(b"", &to, Some(foreign), Flags::NONE).unwrap_err();
    assert!(matches!(error.errno(), Some(libc::EINVAL | libc::ENETUNREACH)), "{error}");
}

fn this_process() -> Credentials {
    let own = fs::metadata("/proc/self").unwrap();
    Credentials { pid: process::id() as i32, uid: own.uid(), gid: own.gid() }
}

#[test]
fn credentials_come_with_every_message_once_they_are_asked_for() {
    let (here, there) = Socket::<UnixStream, _>::pair().unwrap();
    there.set(opt::PassCredentials, true).unwrap();
    let parts = [IoSlice::new(b"it is "), IoSlice::new(b"me")];
    let given = Message::new(&parts).credentials(this_process());
    for message in [Message::new(&parts), given] {
        assert_eq!(here.send_message(&message, Flags::NONE).unwrap(), 8);
        let (mut first, mut second) = ([0; 2], [0; 16]);
        let mut into = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        let mut space = AncillarySpace::new().credentials();
        let message = there.recv_message(&mut into, &mut space, Flags::NONE).unwrap();
        assert_eq!((message.received.len, message.credentials), (8, Some(this_process())));
        assert_eq!((&first, &second[..6]), (b"it", &b" is me"[..]));
    }
}

#[test]
fn an_empty_packet_is_told_from_the_end() {
    let (here, there) = Socket::<UnixPacket, _>::pair().unwrap();
    // Also one that was sent before the option was set.
    here.send(b"", Flags::NONE).unwrap();
    there.set(opt::PassCredentials, true).unwrap();
    for packet in [&b""[..], b"12345", b"", b""] {
        here.send(packet, Flags::NONE).unwrap();
    }
    drop(here);
    let mut buffer = [0; 3];
    for (len, full_len) in [(0, 0), (0, 0), (3, 5), (0, 0), (0, 0)] {
        let packet = there.recv_packet(&mut buffer, Flags::NONE).unwrap();
        assert_eq!(packet, Packet::Message(Received { len, full_len }));
    }
    for _ in 0..2 {
        assert_eq!(there.recv_packet(&mut buffer, Flags::NONE).unwrap(), Packet::End);
    }
}

#[test]
fn without_credentials_no_packet_is_taken_for_the_end() {
    let (here, there) = Socket::<UnixPacket, _>::pair().unwrap();
    here.send(b"1", Flags::NONE).unwrap();
    here.send(b"", Flags::NONE).unwrap();
    assert!(matches!(there.recv_packet(&mut [0; 3], Flags::NONE), Ok(Packet::Message(r)) if r.len == 1));
    let error = there.recv_packet(&mut [0; 3], Flags::NONE).unwrap_err();
    assert_eq!(error.cause(), Cause::Bad(Bad::Option));
}

#[test]
fn a_datagram_from_an_unnamed_socket_has_a_sender_without_a_name() {
    let folder = std::env::temp_dir().join(format!("puerta-message-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let at = Endpoint::Unix(UnixAddr::path(folder.join("door")));
    let server = Socket::<AnyDatagram>::new(Family::Unix).unwrap().bind(&at).unwrap();
    let client = Socket::<AnyDatagram>::new(Family::Unix).unwrap();
    assert_eq!(client.send_datagram(b"1", &at, None, Flags::NONE).unwrap(), 1);
    let datagram = server.recv_datagram(&mut [0; 8], Flags::NONE).unwrap();
    assert_eq!((datagram.from, datagram.to), (Endpoint::Unix(UnixAddr::Unnamed), None));
    client.send_datagram(b"2", &at, None, Flags::NONE).unwrap();
    let (received, from) = server.recv_from(&mut [0; 8], Flags::NONE).unwrap();
    assert_eq!((received.len, from), (1, Endpoint::Unix(UnixAddr::Unnamed)));
    let source = PacketInfo::new(IpAddr::from([127, 0, 0, 1]), 0);
    let error = client.send_datagram(b"3", &at, Some(source), Flags::NONE).unwrap_err();
    assert_eq!(error.cause(), Cause::Bad(Bad::Option));
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_trace_shows_ancillary_data_decoded() {
    static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());
    struct Keep(ThreadId);
    impl puerta::trace::Observer for Keep {
        fn observe(&self, event: &puerta::trace::Event) {
            if thread::current().id() == self.0 {
                SEEN.lock().unwrap().push(event.to_string());
            }
        }
    }
    let (here, there) = Socket::<UnixPacket, _>::pair().unwrap();
    there.set(opt::PassCredentials, true).unwrap();
    let udp = udp(Ip::V4, "127.0.0.1:0");
    let null = fs::File::open("/dev/null").unwrap();
    puerta::trace::install(Some(Arc::new(Keep(thread::current().id()))));
    let (descriptors, parts) = ([null.as_fd()], [IoSlice::new(b"door")]);
    here.send_message(&Message::new(&parts).descriptors(&descriptors), Flags::NONE).unwrap();
    let mut buffer = [0; 8];
    let mut space = AncillarySpace::new().credentials().descriptors(1);
    let message = there.recv_message(&mut [IoSliceMut::new(&mut buffer)], &mut space, Flags::NONE).unwrap();
    let to = udp.local_addr().unwrap();
    udp.send_datagram(b"?", &to, Some(PacketInfo::new(to.ip(), 0)), Flags::NONE).unwrap();
    udp.recv_datagram(&mut buffer, Flags::NONE).unwrap();
    udp.recv_datagram(&mut buffer, Flags::DONTWAIT).unwrap_err();
    puerta::trace::install(None);
    let seen = std::mem::take(&mut *SEEN.lock().unwrap());
    let [h, t, u] = [here.as_raw_fd(), there.as_raw_fd(), udp.as_raw_fd()];
    let (lent, arrived, Credentials { pid, uid, gid }) =
        (null.as_raw_fd(), message.descriptors[0].as_raw_fd(), this_process());
    let sockets: Vec<&str> = seen.iter().filter(|s| s.contains("msg(")).map(String::as_str).collect();
    assert_eq!(
        sockets,
        [
            format!("sendmsg({h}, \"door\", [{{SOL_SOCKET, SCM_RIGHTS, [{lent}]}}], MSG_NOSIGNAL) = 4"),
            format!(
                "recvmsg({t}, \"door\", [{{SOL_SOCKET, SCM_CREDENTIALS, {{pid={pid}, uid={uid}, \
                 gid={gid}}}}}, {{SOL_SOCKET, SCM_RIGHTS, [{arrived}]}}], MSG_CMSG_CLOEXEC, MSG_TRUNC|MSG_CMSG_CLOEXEC) = 4"
            ),
            format!(
                "sendmsg({u}, {{AF_INET, {to}}}, \"?\", [{{IPPROTO_IP, IP_PKTINFO, {{ipi_ifindex=0, \
                 ipi_spec_dst=127.0.0.1, ipi_addr=0.0.0.0}}}}], MSG_NOSIGNAL) = 1"
            ),
            format!(
                "recvmsg({u}, {{AF_INET, {to}}}, \"?\", [{{IPPROTO_IP, IP_PKTINFO, {{ipi_ifindex=1, \
                 ipi_spec_dst=127.0.0.1, ipi_addr=127.0.0.1}}}}], MSG_CMSG_CLOEXEC, MSG_TRUNC|MSG_CMSG_CLOEXEC) = 1"
            ),
            format!("recvmsg({u}, \"\", [], 0, MSG_DONTWAIT|MSG_TRUNC|MSG_CMSG_CLOEXEC) = -1 EAGAIN"),
        ]
    );
}

#[test]
fn a_source_of_another_family_than_the_way_is_refused_and_an_unspecified_one_is_of_any() {
    let server = udp(Ip::V6, "[::]:0");
    let port = server.local_addr().unwrap().port();
    let to = |ip: &str| SocketAddr::new(ip.parse().unwrap(), port);
    let send = |ip: &str, source: &str| {
        let source = PacketInfo::new(source.parse().unwrap(), 0);
        server.send_datagram(b"x", &to(ip), Some(source), Flags::NONE).map_err(|e| e.cause())
    };
    for (ip, source) in [("::1", "127.0.0.1"), ("::1", "::ffff:127.0.0.1"), ("::ffff:127.0.0.1", "::1")] {
        assert_eq!(send(ip, source), Err(Cause::Bad(Bad::Family)), "{source} to {ip}");
    }
    for (ip, source) in [
        ("::1", "::1"),
        ("::1", "::"),
        ("::1", "0.0.0.0"),
        ("::ffff:127.0.0.1", "127.0.0.2"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.2"),
        ("::ffff:127.0.0.1", "0.0.0.0"),
        ("::ffff:127.0.0.1", "::"),
    ] {
        assert_eq!(send(ip, source), Ok(1), "{source} to {ip}");
    }
}

#[test]
fn a_refused_path_names_the_call_that_it_was_for() {
    let socket = Socket::<UnixDatagram>::new(()).unwrap();
    let to = UnixAddr::path("x".repeat(200));
    let parts = [IoSlice::new(b"x")];
    let errors = [
        socket.send_to(b"x", &to, Flags::NONE).unwrap_err(),
        socket.send_datagram(b"x", &to, None, Flags::NONE).unwrap_err(),
        socket.send_message_to(&Message::new(&parts), &to, Flags::NONE).unwrap_err(),
    ];
    assert_eq!(errors.map(|e| e.call()), [Call::SendTo, Call::SendMsg, Call::SendMsg]);
}
