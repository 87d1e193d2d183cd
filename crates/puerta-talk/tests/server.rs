//! A hub's connections without a socket of its own: what goes out at once, what strangers get, and who waits while many come.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod strangers;

use bytes::{Bytes, BytesMut};
use puerta_talk::identity::Key;
use puerta_talk::transport::{Dialer, Event, Expected, HANDSHAKES, HELLO, Peer, Server, Sink, member_socket};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{ClientConfig, ConnectionError, EndpointConfig, TransportErrorCode};
use quinn_proto::{Connection, ConnectionHandle, DatagramEvent, Dir};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use strangers::{client, with_key};
use tokio::net::UdpSocket;

const LIMIT: Duration = Duration::from_secs(30);
/// The longest payload of UDP over IPv4.
const LONGEST: usize = 65_507;
/// Bytes that are said to one member: more than one send can take many times over.
const MUCH: usize = 4 << 20;

/// Takes datagrams, cuts them as the kernel would, and looks at them.
struct Out {
    socket: UdpSocket,
    /// Datagrams that it can cut from one send.
    segments: usize,
    /// The longest send so far.
    longest: usize,
    /// The most datagrams of one.
    most: usize,
}

impl Sink for Out {
    fn segments(&self) -> usize {
        self.segments
    }

    fn send(&mut self, transmit: &Transmit<'_>) -> io::Result<()> {
        let (to, contents) = (transmit.destination, transmit.contents);
        let size = transmit.segment_size.unwrap_or(contents.len());
        self.longest = self.longest.max(contents.len());
        self.most = self.most.max(contents.len().div_ceil(size));
        for datagram in contents.chunks(size) {
            match self.socket.try_send_to(datagram, to) {
                // It is lost.
                Err(error) if error.kind() != ErrorKind::WouldBlock => {}
                sent => drop(sent?),
            }
        }
        Ok(())
    }
}

/// A hub whose datagrams are looked at.
struct Hub {
    server: Server,
    out: Out,
    at: SocketAddr,
    events: Vec<Event>,
}

impl Hub {
    async fn new(segments: usize) -> Hub {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        socket.writable().await.unwrap();
        let at = socket.local_addr().unwrap();
        let server = Server::new(&Key::generate().unwrap(), at.port(), true).unwrap();
        let out = Out { socket, segments, longest: 0, most: 0 };
        Hub { server, out, at, events: Vec::new() }
    }

    /// Takes in what came, and sends what is to be sent.
    fn turn(&mut self) {
        let mut buffer = vec![0; 65_536];
        while let Ok((len, addr)) = self.out.socket.try_recv_from(&mut buffer) {
            receive(&mut self.server, Instant::now(), addr, &buffer[..len], &mut self.out);
        }
        self.server.timeout(Instant::now());
        self.server.flush(Instant::now(), &mut self.out);
        self.events.extend(std::iter::from_fn(|| self.server.event()));
    }

    /// Until `what` is ready, or `over` says so.
    async fn serve<T>(&mut self, what: impl Future<Output = T>, mut over: impl FnMut(&mut Hub) -> bool) -> Option<T> {
        let mut what = std::pin::pin!(what);
        let end = Instant::now() + LIMIT;
        loop {
            self.turn();
            assert!(Instant::now() < end, "within 30 s: {:?}", self.server.counts());
            if over(self) {
                return None;
            }
            let due = self.server.due().unwrap_or(end).min(end);
            tokio::select! {
                done = &mut what => return Some(done),
                _ = tokio::time::timeout_at(due.into(), std::future::pending::<()>()), if !self.server.has_more() => {}
                _ = self.out.socket.readable(), if !self.server.has_more() => {}
                () = tokio::task::yield_now(), if self.server.has_more() => {}
            }
        }
    }
}

fn dialer() -> Dialer {
    Dialer::new(&Key::generate().unwrap(), member_socket().unwrap()).unwrap()
}

#[tokio::test]
async fn what_goes_out_at_once_is_never_more_than_the_kernel_takes_and_cuts() {
    for segments in [1, 3, 64] {
        let mut hub = Hub::new(segments).await;
        let dialer = dialer();
        let (connection, _) = hub.serve(dialer.connect(hub.at, Expected::Any), |_| false).await.unwrap().unwrap();
        let (mut to_hub, mut from_hub) = hub.serve(connection.open_bi(), |_| false).await.unwrap().unwrap();
        hub.serve(to_hub.write_all(b"?"), |_| false).await.unwrap().unwrap();
        let asked = |hub: &mut Hub| hub.events.iter().any(|event| matches!(event, Event::Read(..)));
        hub.serve(std::future::pending::<()>(), asked).await;
        let peer = joined(&hub.events)[0];
        let mut left = Bytes::from(vec![7; MUCH]);
        let mut got = vec![0; MUCH];
        let write = |hub: &mut Hub| {
            let _ = hub.server.write(peer, &mut left);
            hub.server.flush(Instant::now(), &mut hub.out);
            false
        };
        hub.serve(from_hub.read_exact(&mut got), write).await.unwrap().unwrap();
        assert!(hub.out.longest <= LONGEST, "{} bytes", hub.out.longest);
        assert!(hub.out.most <= segments, "{} datagrams, {segments} can be cut", hub.out.most);
        assert!(segments == 1 || hub.out.most > 1, "nothing was cut");
    }
}

fn joined(events: &[Event]) -> Vec<Peer> {
    let joined = events.iter().filter_map(|event| match event {
        Event::Joined(peer, _) => Some(*peer),
        _ => None,
    });
    joined.collect()
}

#[tokio::test]
async fn who_has_not_shown_that_his_address_is_his_is_answered_once() {
    let mut hub = Hub::new(64).await;
    let victim = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let from = victim.local_addr().unwrap();
    // A first packet whose connection ID is too short (RFC 9000, section 7.2), and one of a connection that the hub does not have.
    let mut first = vec![0xc3, 0, 0, 0, 1, 4, 1, 2, 3, 4, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0x44, 0x82];
    first.resize(1200, 0xa5);
    let unknown = vec![0x5a; 1000];
    for datagram in [first, unknown] {
        receive(&mut hub.server, Instant::now(), from, &datagram, &mut hub.out);
        hub.turn();
        let (mut back, mut buffer) = (0, [0; 2048]);
        tokio::time::timeout(LIMIT, victim.readable()).await.expect("an answer").unwrap();
        while let Ok(len) = victim.try_recv(&mut buffer) {
            back += 1;
            assert!(len < datagram.len());
        }
        assert_eq!(back, 1, "answers to {} bytes", datagram.len());
    }
}

#[test]
fn what_cannot_be_answered_is_not() {
    let now = Instant::now();
    let mut server = Server::new(&Key::generate().unwrap(), HUB.1, true).unwrap();
    let mut member = Member::new(now, 0, &client(with_key()));
    let mut first = Vec::new();
    assert!(member.connection.poll_transmit(now, 1, &mut first).is_some());
    let (from, to) = (member.at, HUB.0.into());
    let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into();
    for (from, to, answers) in [
        (SocketAddr::new(from.ip(), 0), to, 0),
        (from, all_nodes, 0),
        (from, Ipv4Addr::BROADCAST.to_ipv6_mapped().into(), 0),
        (from, to, 1),
    ] {
        let (mut meta, mut out) = (RecvMeta::default(), Kept::default());
        (meta.addr, meta.len, meta.stride, meta.dst_ip) = (from, first.len(), first.len(), Some(to));
        server.receive(now, &meta, first[..].into(), &mut out);
        assert_eq!(out.0.len(), answers, "from {from} to {to}");
    }
}

/// A member in memory, at an address of its own.
struct Member {
    endpoint: quinn_proto::Endpoint,
    handle: ConnectionHandle,
    connection: Connection,
    at: SocketAddr,
    /// What the hub has sent and it has not looked at.
    came: Vec<Vec<u8>>,
}

impl Member {
    fn new(now: Instant, number: usize, config: &ClientConfig) -> Member {
        let mut endpoint = quinn_proto::Endpoint::new(Arc::new(EndpointConfig::default()), None, true, None);
        let (handle, connection) = endpoint.connect(now, config.clone(), HUB.into(), "hub").unwrap();
        let at = (Ipv4Addr::new(127, 0, 1, (number / 200) as u8), 1000 + number as u16).into();
        Member { endpoint, handle, connection, at, came: Vec::new() }
    }

    /// Looks at what came, and answers.
    fn go(&mut self, now: Instant, server: &mut Server, out: &mut Kept) {
        for datagram in std::mem::take(&mut self.came) {
            let event = self.endpoint.handle(now, HUB.into(), None, None, datagram[..].into(), &mut Vec::new());
            if let Some(DatagramEvent::ConnectionEvent(_, event)) = event {
                self.connection.handle_event(event);
            }
        }
        while let Some(event) = self.connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(self.handle, event) {
                self.connection.handle_event(event);
            }
        }
        let mut buffer = Vec::new();
        while self.connection.poll_transmit(now, 1, &mut buffer).is_some() {
            receive(server, now, self.at, &std::mem::take(&mut buffer), out);
        }
    }

    fn ended(&mut self) -> Option<ConnectionError> {
        std::iter::from_fn(|| self.connection.poll()).find_map(|event| match event {
            quinn_proto::Event::ConnectionLost { reason } => Some(reason),
            _ => None,
        })
    }
}

/// Where the hub in memory is.
const HUB: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7777);

/// What was sent, to whom.
#[derive(Default)]
struct Kept(Vec<(SocketAddr, Vec<u8>)>);

impl Sink for Kept {
    fn segments(&self) -> usize {
        1
    }

    fn send(&mut self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.0.push((transmit.destination, transmit.contents.to_vec()));
        Ok(())
    }
}

fn receive(server: &mut Server, now: Instant, addr: SocketAddr, data: &[u8], out: &mut impl Sink) {
    let mut meta = RecvMeta::default();
    (meta.addr, meta.len, meta.stride) = (addr, data.len(), data.len());
    server.receive(now, &meta, BytesMut::from(data), out);
}

#[test]
fn who_waited_while_too_many_came_is_let_in_as_far_as_there_is_room_and_the_others_are_told() {
    const MORE: usize = 10;
    const ROOM: usize = 2;
    // No time passes.
    let now = Instant::now();
    let mut server = Server::new(&Key::generate().unwrap(), HUB.1, true).unwrap();
    server.limit(HANDSHAKES + ROOM);
    let (mut out, config) = (Kept::default(), client(with_key()));
    let mut members: Vec<Member> = (0..HANDSHAKES + MORE).map(|n| Member::new(now, n, &config)).collect();
    // First packets, and the same after Retry; then nobody says anything.
    for _ in 0..2 {
        for member in &mut members {
            member.go(now, &mut server, &mut out);
        }
        server.timeout(now);
        server.flush(now, &mut out);
        deliver(&mut out, &mut members);
    }
    let counts = server.counts();
    assert_eq!((counts.open, counts.waiting), (HANDSHAKES, MORE));
    // All go on.
    for _ in 0..20 {
        for member in &mut members {
            member.go(now, &mut server, &mut out);
        }
        server.timeout(now);
        server.flush(now, &mut out);
        deliver(&mut out, &mut members);
        assert!(server.counts().open <= HANDSHAKES + ROOM, "{:?}", server.counts());
    }
    let joined = std::iter::from_fn(|| server.event()).filter(|event| matches!(event, Event::Joined(..))).count();
    assert_eq!((joined, server.counts().waiting), (HANDSHAKES + ROOM, 0));
    let refused = |error: &ConnectionError| matches!(error, ConnectionError::ConnectionClosed(why) if why.error_code == TransportErrorCode::CONNECTION_REFUSED);
    assert_eq!(members.iter_mut().filter_map(Member::ended).filter(refused).count(), MORE - ROOM);
}

#[test]
fn one_address_keeps_nobody_else_from_a_handshake() {
    let now = Instant::now();
    let mut server = Server::new(&Key::generate().unwrap(), HUB.1, true).unwrap();
    let (mut out, config) = (Kept::default(), client(with_key()));
    let mut members: Vec<Member> = (0..=600).map(|n| Member::new(now, n, &config)).collect();
    for (n, member) in members.iter_mut().enumerate() {
        let host = if n < 600 { Ipv4Addr::new(10, 0, 0, 1) } else { Ipv4Addr::new(10, 0, 0, 2) };
        member.at.set_ip(host.to_ipv6_mapped().into());
    }
    let (many, one) = members.split_at_mut(600);
    // First packets, and the same after Retry; then nobody of them says anything.
    for round in 0..3 {
        if round < 2 {
            many.iter_mut().for_each(|member| member.go(now, &mut server, &mut out));
        }
        server.timeout(now);
        server.flush(now, &mut out);
        deliver(&mut out, many);
    }
    let before = server.counts();
    assert_eq!((before.open, before.waiting), (HANDSHAKES / 2, 600 - HANDSHAKES / 2));
    let newcomer = one[0].at;
    for round in 0..12 {
        one[0].go(now, &mut server, &mut out);
        assert_eq!(server.counts().accepted, before.accepted + u64::from(round > 0), "after Retry at once");
        server.timeout(now);
        server.flush(now, &mut out);
        one[0].came.extend(out.0.drain(..).filter(|(to, _)| *to == newcomer).map(|(_, datagram)| datagram));
    }
    let events: Vec<Event> = std::iter::from_fn(|| server.event()).collect();
    assert_eq!(joined(&events).len(), 1);
    // As many as go on make room for those who wait.
    for _ in 0..10 {
        many[..10].iter_mut().for_each(|member| member.go(now, &mut server, &mut out));
        server.timeout(now);
        server.flush(now, &mut out);
        deliver(&mut out, many);
    }
    let events: Vec<Event> = std::iter::from_fn(|| server.event()).collect();
    assert_eq!((joined(&events).len(), server.counts().waiting), (10, before.waiting - 10));
}

#[test]
fn who_was_not_introduced_in_time_is_cut_off_whatever_came_of_it() {
    let start = Instant::now();
    let mut server = Server::new(&Key::generate().unwrap(), HUB.1, true).unwrap();
    let (mut out, config) = (Kept::default(), client(with_key()));
    let mut members: Vec<Member> = (0..2).map(|n| Member::new(start, n, &config)).collect();
    rounds(start, &mut server, &mut out, &mut members);
    for member in &mut members {
        let stream = member.connection.streams().open(Dir::Bi).unwrap();
        assert_eq!(member.connection.send_stream(stream).write(&[0x10]), Ok(1));
    }
    rounds(start, &mut server, &mut out, &mut members);
    let events: Vec<Event> = std::iter::from_fn(|| server.event()).collect();
    let peers = joined(&events);
    assert_eq!((peers.len(), events.iter().filter(|event| matches!(event, Event::Read(..))).count()), (2, 2));
    server.introduced(peers[1]);
    for wait in [HELLO / 2, HELLO * 9 / 10, HELLO] {
        assert!(server.event().is_none());
        for member in &mut members {
            member.connection.ping();
        }
        rounds(start + wait, &mut server, &mut out, &mut members);
    }
    let left: Vec<Event> = std::iter::from_fn(|| server.event()).collect();
    assert!(matches!(left[..], [Event::Closed(peer)] if peer == peers[0]), "{left:?}");
    let ended: Vec<_> = members.iter_mut().map(Member::ended).collect();
    let [Some(ConnectionError::ApplicationClosed(why)), None] = &ended[..] else { panic!("{ended:?}") };
    assert_eq!(why.error_code, 3_u32.into());
}

/// All that is to be said at that time.
fn rounds(now: Instant, server: &mut Server, out: &mut Kept, members: &mut [Member]) {
    for _ in 0..10 {
        for member in &mut *members {
            member.go(now, server, out);
        }
        server.timeout(now);
        server.flush(now, out);
        deliver(out, members);
    }
}

fn deliver(out: &mut Kept, members: &mut [Member]) {
    for (to, datagram) in out.0.drain(..) {
        let member = usize::from(to.port() - 1000);
        members[member].came.push(datagram);
    }
}
