//! Raw IP and ICMP sockets. What needs a privilege runs in a network of its own, or as root.

#![allow(clippy::unwrap_used)]

use puerta::io::{Events, PollFd, poll};
use puerta::{Bound, Connected, Datagrams, Flags, Icmp, Ip, PacketInfo, RawIp, Received, Socket, Unbound, opt};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

const LOOPBACKS: [(Ip, u8, &str); 2] = [(Ip::V4, 1, "127.0.0.1:0"), (Ip::V6, 58, "[::1]:0")];

#[test]
fn a_raw_socket_is_bound_once_it_has_a_host() {
    in_a_network_of_its_own("a_raw_socket_is_bound_once_it_has_a_host", raw_roles);
}

#[test]
fn root_an_echo_by_a_raw_socket_is_answered_in_both_families() {
    raw_echo();
}

#[test]
fn an_echo_by_an_icmp_socket_needs_no_privilege_where_the_system_admits_it() {
    in_a_network_of_its_own("an_echo_by_an_icmp_socket_needs_no_privilege_where_the_system_admits_it", icmp_echo);
}

#[test]
fn in_a_network_of_ones_own_raw_sockets_need_no_root() {
    in_a_network_of_its_own("in_a_network_of_ones_own_raw_sockets_need_no_root", || {
        raw_echo();
        header_by_hand();
    });
}

#[test]
fn root_a_datagram_with_a_header_made_by_hand_arrives_from_the_source_it_names() {
    header_by_hand();
}

#[test]
fn root_a_raw_socket_tells_where_a_packet_was_sent_to() {
    let any = "0.0.0.0:0".parse().unwrap();
    let socket = Socket::<RawIp>::new((Ip::V4, 1)).unwrap().with(opt::PacketInfo, true).unwrap().bind(&any).unwrap();
    let message = echo_message(Ip::V4, *b"to");
    let (asked, source) = (IpAddr::from([127, 0, 0, 3]), PacketInfo::new(IpAddr::from([127, 0, 0, 4]), 0));
    socket.send_datagram(&message, &SocketAddr::new(asked, 0), Some(source), Flags::NONE).unwrap();
    let mut buffer = [0; 1500];
    let question = loop {
        let datagram = socket.recv_datagram(&mut buffer, Flags::NONE).unwrap();
        if buffer[20..datagram.received.len] == message {
            break datagram;
        }
    };
    assert_eq!((question.from.ip(), question.to.unwrap().address), (source.address, asked));
}

fn raw_echo() {
    for (ip, protocol, at) in LOOPBACKS {
        let to = at.parse().unwrap();
        let socket = Socket::<RawIp>::new((ip, protocol)).unwrap().connect(&to).unwrap();
        let request = echo_message(ip, *b"ra");
        assert_eq!(socket.send(&request, Flags::NONE).unwrap(), request.len());
        // Over IPv4 what arrives begins with the IP header.
        let header = if ip == Ip::V4 { 20 } else { 0 };
        let answer = answer(&socket, ip, header, |a| a[4..] == request[4..]);
        assert_eq!(answer.len(), request.len());
        if ip == Ip::V4 {
            assert_eq!(checksum(&answer), 0);
        }
    }
}

fn icmp_echo() {
    for (ip, _, at) in LOOPBACKS {
        let to: SocketAddr = at.parse().unwrap();
        let request = echo_message(ip, *b"ic");
        // Connected, and bound: the port is the echo identifier, which the kernel writes.
        let socket = Socket::<Icmp>::new(ip).unwrap().connect(&to).unwrap();
        socket.send(&request, Flags::NONE).unwrap();
        let identifier = socket.local_addr().unwrap().port().to_be_bytes();
        let answer = answer(&socket, ip, 0, |a| a[6..] == request[6..]);
        assert_eq!(answer[4..6], identifier);

        let own = SocketAddr::new(to.ip(), 4242);
        let bound: Socket<Icmp, Bound> = Socket::<Icmp>::new(ip).unwrap().bind(&own).unwrap();
        bound.send_to(&request, &to, Flags::NONE).unwrap();
        let mut buffer = [0; 8];
        let (received, from) = bound.recv_from(&mut buffer, Flags::NONE).unwrap();
        // The kernel tells that it was cut, not how long it was.
        assert_eq!(received, Received { len: 8, full_len: 9 });
        socket.send(&request, Flags::NONE).unwrap();
        assert!(socket.recv(&mut [0; 8], Flags::NONE).unwrap().truncated());
        bound.send_to(&request, &to, Flags::NONE).unwrap();
        let whole = bound.recv_datagram(&mut [0; 64], Flags::NONE).unwrap().received;
        assert_eq!(whole, Received { len: request.len(), full_len: request.len() });
        assert_eq!((from.ip(), &buffer[4..6]), (to.ip(), &4242u16.to_be_bytes()[..]));
    }
}

fn header_by_hand() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let to = receiver.local_addr().unwrap();
    let body = b"by hand";
    let length = (8 + body.len() as u16).to_be_bytes();
    let total = (28 + body.len() as u16).to_be_bytes();
    // RFC 791: version 4 and 5 words, service, length, identification, fragment, time to live, protocol 17, checksum (the
    // kernel's), source, destination.
    let mut packet = vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 9, 127, 0, 0, 1];
    // RFC 768: ports, length, and 0 for no checksum.
    packet.extend([4242u16.to_be_bytes(), to.port().to_be_bytes(), length, [0; 2]].concat());
    packet.extend(body);
    let socket = Socket::<RawIp>::new((Ip::V4, 255)).unwrap();
    socket.send_to(&packet, &SocketAddr::new(to.ip(), 0), Flags::NONE).unwrap();
    let mut buffer = [0; 64];
    let (len, from) = receiver.recv_from(&mut buffer).unwrap();
    assert_eq!((&buffer[..len], from), (&body[..], SocketAddr::from(([127, 0, 0, 9], 4242))));
}

/// The first echo reply behind `header` bytes that is ours. A raw socket on the loopback hears the request too.
fn answer<P: Datagrams>(socket: &Socket<P, Connected>, ip: Ip, header: usize, ours: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut buffer = [0; 1500];
    loop {
        assert_eq!(poll(&mut [PollFd::new(socket, Events::READ)], Some(Duration::from_secs(20))).unwrap(), 1);
        let received = socket.recv(&mut buffer, Flags::NONE).unwrap();
        let message = &buffer[header..received.len];
        if message[0] == (if ip == Ip::V4 { 0 } else { 129 }) && ours(message) {
            return message.to_vec();
        }
    }
}

/// An echo request: RFC 792, RFC 4443. The kernel writes ICMPv6's checksum.
fn echo_message(ip: Ip, identifier: [u8; 2]) -> Vec<u8> {
    let kind = if ip == Ip::V4 { 8 } else { 128 };
    let mut message = vec![kind, 0, 0, 0, identifier[0], identifier[1], 0, 1];
    message.extend(b"Hola, servidor!");
    let sum = checksum(&message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    message
}

/// RFC 1071. 0 for what has a right checksum in it.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|w| u32::from(w[0]) << 8 | w.get(1).map_or(0, |b| u32::from(*b)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

fn raw_roles() {
    for (ip, protocol, at) in LOOPBACKS {
        let at: SocketAddr = at.parse().unwrap();
        let new = || Socket::<RawIp>::new((ip, protocol)).unwrap();
        Socket::<RawIp>::adopt::<Unbound>(new().into()).unwrap();
        let bound = Socket::<RawIp>::adopt::<Bound>(new().bind(&at).unwrap().into()).unwrap();
        assert_eq!(bound.local_addr().unwrap(), SocketAddr::new(at.ip(), u16::from(protocol)));
        Socket::<RawIp>::adopt::<Unbound>(bound.into()).unwrap_err();
    }
}

/// Runs this test again as root of a user and network namespace of its own, where the group 0 may use ICMP sockets.
fn in_a_network_of_its_own(test: &str, body: fn()) {
    const INSIDE: &str = "PUERTA_TEST_OWN_NETWORK";
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let setup = "ip link set lo up && echo 0 0 >/proc/sys/net/ipv4/ping_group_range && exec \"$0\" \"$@\"";
    let output = Command::new("unshare")
        .args(["-Urn", "sh", "-c", setup])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
