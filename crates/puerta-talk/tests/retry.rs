//! A stranger's datagram never gets more bytes back than it had.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use puerta_talk::identity::Key;
use puerta_talk::transport::{Dialer, Expected, Server, Wait, hub_socket, listen, member_socket};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

const LIMIT: Duration = Duration::from_secs(20);
/// The smallest datagram of a first packet (RFC 9000, section 14.1).
const INITIAL: usize = 1200;
/// A version that is reserved so that everybody must refuse it (RFC 9000, section 15).
const UNKNOWN: [u8; 4] = [0x1a, 0x2a, 0x3a, 0x4a];

/// A hub that serves, until it is dropped with the test's runtime.
struct Hub(Arc<Mutex<Server>>);

impl Hub {
    fn open_connections(&self) -> usize {
        self.0.lock().unwrap().counts().open
    }

    fn accepted_handshakes(&self) -> u64 {
        self.0.lock().unwrap().counts().accepted
    }
}

fn hub() -> (Hub, SocketAddr) {
    let socket = hub_socket((Ipv4Addr::LOCALHOST, 0).into()).unwrap().socket;
    let (server, mut door) = listen(&Key::generate().unwrap(), socket).unwrap();
    let at = door.address().unwrap();
    let server = Arc::new(Mutex::new(server));
    let hub = Hub(Arc::clone(&server));
    tokio::spawn(async move {
        loop {
            let wait = {
                let mut server = server.lock().unwrap();
                door.receive(&mut server, Instant::now());
                door.flush(&mut server, Instant::now());
                while server.event().is_some() {}
                Wait::of(&server)
            };
            door.wait(wait).await;
        }
    });
    (hub, at)
}

async fn stranger(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.connect(to).await.unwrap();
    socket
}

/// A long header (RFC 8999): the first byte, the version, two connection IDs of 8 bytes; then `rest`.
fn long(first: u8, version: [u8; 4], id: u64, rest: &[u8], len: usize) -> Vec<u8> {
    let mut datagram = vec![first];
    datagram.extend(version);
    datagram.push(8);
    datagram.extend(id.to_be_bytes());
    datagram.push(8);
    datagram.extend((!id).to_be_bytes());
    datagram.extend(rest);
    datagram.resize(len, 0xa5);
    datagram
}

/// The first packet of a member who comes to a hub that says nothing.
async fn first_packet() -> Vec<u8> {
    let trap = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let to = trap.local_addr().unwrap();
    let dialer = Dialer::new(&Key::generate().unwrap(), member_socket().unwrap()).unwrap();
    let mut first = vec![0; 65_536];
    let n = tokio::select! {
        done = dialer.connect(to, Expected::Any) => panic!("{done:?}"),
        n = trap.recv(&mut first) => n.unwrap(),
    };
    assert!(n >= INITIAL);
    first.truncate(n);
    first
}

/// The connection ID that the answer is for (RFC 8999, section 5.1).
fn source_id(packet: &[u8]) -> &[u8] {
    let source = 6 + usize::from(packet[5]);
    &packet[source + 1..][..usize::from(packet[source])]
}

/// Sends, then a member's first packet, whose Retry comes last: every answer that came before, by its length and first byte.
async fn answers(socket: &UdpSocket, datagrams: &[Vec<u8>]) -> Vec<(usize, u8)> {
    let fence = first_packet().await;
    for datagram in datagrams {
        socket.send(datagram).await.unwrap();
    }
    socket.send(&fence).await.unwrap();
    let mut came = Vec::new();
    let mut buffer = vec![0; 65_536];
    let longest = datagrams.iter().map(Vec::len).max().unwrap_or_default().max(INITIAL);
    loop {
        let n = tokio::time::timeout(LIMIT, socket.recv(&mut buffer)).await.expect("an answer to the fence").unwrap();
        assert!(n <= longest);
        if buffer[0] & 0xf0 == 0xf0 && buffer[6..n].starts_with(source_id(&fence)) {
            return came;
        }
        came.push((n, buffer[0]));
    }
}

/// What waits in front of the payload of a first packet: no token, and the length of the rest as a varint of two bytes.
const NO_TOKEN: [u8; 3] = [0x00, 0x44, 0x82];

#[tokio::test]
async fn a_forged_first_packet_gets_a_retry_shorter_than_itself_or_nothing() {
    let (hub, at) = hub();
    let mut retries = 0;
    for id in 0..64 {
        let socket = stranger(at).await;
        let came = answers(&socket, &[long(0xc3, [0, 0, 0, 1], id, &NO_TOKEN, INITIAL)]).await;
        assert!(came.len() <= 1, "{came:?}");
        for (length, first) in came {
            // A Retry (RFC 9000, section 17.2.5).
            assert_eq!(first & 0xf0, 0xf0);
            assert!(length < 200, "{length}");
            retries += 1;
        }
    }
    // Two protected bits of each must happen to be 0 (RFC 9001, section 5.4.1).
    assert!(retries > 0, "not one of 64");
    assert_eq!(hub.open_connections(), 0);
}

#[tokio::test]
async fn a_replayed_first_packet_of_a_member_gets_nothing_but_retries() {
    let (hub, at) = hub();
    let first = first_packet().await;
    for _ in 0..8 {
        let socket = stranger(at).await;
        let came = answers(&socket, &vec![first.clone(); 4]).await;
        // Those that come while one of them waits are one attempt.
        assert!((1..=4).contains(&came.len()), "{came:?}");
        assert!(came.iter().all(|(length, first)| first & 0xf0 == 0xf0 && *length < 200), "{came:?}");
    }
    assert_eq!(hub.open_connections(), 0, "no state for an address that was not validated");
    assert_eq!(hub.accepted_handshakes(), 0);
}

#[tokio::test]
async fn a_token_that_is_not_ours_gets_less_than_it_sent_and_no_connection() {
    let (hub, at) = hub();
    for length in [1, 16, 60] {
        let mut rest = vec![length];
        rest.extend(vec![0x5a; usize::from(length)]);
        rest.extend([0x44, 0x40]);
        let datagrams: Vec<_> = (0..16).map(|id| long(0xc3, [0, 0, 0, 1], id, &rest, INITIAL)).collect();
        let came = answers(&stranger(at).await, &datagrams).await;
        assert!(came.len() <= datagrams.len(), "{came:?}");
        assert!(came.iter().all(|(length, _)| *length < 200), "{came:?}");
    }
    assert_eq!(hub.open_connections(), 0);
}

#[tokio::test]
async fn an_unknown_version_gets_an_answer_no_longer_than_itself_and_a_short_one_none() {
    let (_hub, at) = hub();
    for version in [UNKNOWN, [0xff, 0, 0, 29], [0x6b, 0x33, 0x43, 0xcf], [0xff; 4]] {
        for length in [INITIAL, 1452, 8000] {
            let came = answers(&stranger(at).await, &[long(0xc0, version, 7, &[], length)]).await;
            // Version negotiation (RFC 9000, section 17.2.1): two versions.
            assert!(matches!(came[..], [(31, _)]), "{version:x?} {length}: {came:?}");
        }
        for length in [24, 100, 600, INITIAL - 1] {
            let came = answers(&stranger(at).await, &[long(0xc0, version, 7, &[], length)]).await;
            assert_eq!(came, [], "{version:x?} {length}");
        }
    }
}

#[tokio::test]
async fn garbage_gets_no_answer_or_a_reset_that_is_shorter() {
    let (hub, at) = hub();
    let socket = stranger(at).await;
    let mut datagrams = vec![Vec::new()];
    for length in [1, 2, 5, 20, 21, 60, 599, INITIAL - 1, INITIAL, 1452, 9000] {
        for first in [0x00, 0x40, 0x7f, 0x80, 0xc3, 0xd0, 0xe0, 0xf0, 0xff] {
            let mut datagram = vec![first];
            datagram.extend((1..length).map(|i: usize| (i * 151 % 251) as u8));
            datagrams.push(datagram);
        }
    }
    // First packets that are too short for one (RFC 9000, section 14.1).
    datagrams.extend([40, 600, INITIAL - 1].map(|length| long(0xc3, [0, 0, 0, 1], 1, &NO_TOKEN, length)));
    let sent: usize = datagrams.iter().map(Vec::len).sum();
    let mut back = 0;
    for few in datagrams.chunks(16) {
        let came = answers(&socket, few).await;
        // A short header (RFC 9000, section 17.3) may be of a connection to the hub that was here before.
        let resets = few.iter().filter(|d| d.first().is_some_and(|f| f & 0xc0 == 0x40)).map(Vec::len);
        let long_enough = few.iter().filter(|d| d.len() >= INITIAL).map(Vec::len);
        let most: Vec<usize> = resets.chain(long_enough).collect();
        assert!(came.len() <= most.len() && came.iter().all(|(length, _)| most.iter().any(|m| length < m)), "{came:?}");
        back += came.iter().map(|(length, _)| length).sum::<usize>();
    }
    assert!(back * 2 < sent, "{back} bytes for {sent}");
    assert_eq!(hub.open_connections(), 0);
}

#[tokio::test]
async fn a_member_comes_in_after_a_retry() {
    let (hub, at) = hub();
    let dialer = Dialer::new(&Key::generate().unwrap(), member_socket().unwrap()).unwrap();
    let joined = tokio::time::timeout(LIMIT, dialer.connect(at, Expected::Any)).await.unwrap();
    let (connection, _) = joined.unwrap();
    assert_eq!(connection.remote_address().ip().to_canonical(), at.ip());
    assert_eq!(hub.accepted_handshakes(), 1);
}
