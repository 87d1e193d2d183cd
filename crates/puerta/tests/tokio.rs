//! Sockets and shared descriptors in tokio, through the public API.

#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::panic)]

use puerta::io::{self, Kind};
use puerta::{
    Async, Bound, Call, CanReceiveFrom, CanSendTo, Connected, Datagrams, Error, Flags, Icmp, Ip, Listening, Protocol,
    RawIp, Socket, Tcp, TcpListener, TcpStream, Udp, UdpSocket, UnixAddr, UnixDatagram, UnixStream, trace,
};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::task::yield_now;
use tokio::time::timeout;

/// No test waits longer than this.
const LONG: Duration = Duration::from_secs(20);

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&loopback()).unwrap().listen(16).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn udp() -> (Async<UdpSocket>, SocketAddr) {
    let socket = Socket::<Udp>::new(Ip::V4).unwrap().bind(&loopback()).unwrap();
    let address = socket.local_addr().unwrap();
    (Async::new(socket).unwrap(), address)
}

async fn tcp_pair() -> (Async<TcpStream>, Async<TcpStream>) {
    let (listener, address) = listener();
    let listener = Async::new(listener).unwrap();
    let client = Async::connect(Socket::<Tcp>::new(Ip::V4).unwrap(), &address).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

fn nonblocking(fd: impl AsFd) -> bool {
    io::access(fd).unwrap().nonblocking
}

#[tokio::test]
async fn a_stream_echoes_mebibytes_byte_for_byte_and_ends_with_a_half_close() {
    let (listener, address) = listener();
    let listener = Async::new(listener).unwrap();
    let server = tokio::spawn(async move {
        let (server, peer) = listener.accept().await.unwrap();
        let (mut from, mut to) = tokio::io::split(server);
        assert_eq!(tokio::io::copy(&mut from, &mut to).await.unwrap(), 3 << 20);
        to.shutdown().await.unwrap();
        peer
    });
    let client = Async::connect(Socket::<Tcp>::new(Ip::V4).unwrap(), &address).await.unwrap();
    let local = client.get_ref().local_addr().unwrap();
    let sent: Vec<u8> = (0..3 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut got = Vec::new();
    let (mut from, mut to) = tokio::io::split(client);
    let write = async {
        to.write_all(&sent).await.unwrap();
        to.shutdown().await.unwrap();
    };
    timeout(LONG, async { tokio::join!(write, async { from.read_to_end(&mut got).await.unwrap() }) }).await.unwrap();
    assert!(got == sent);
    assert_eq!(server.await.unwrap(), local);
}

#[tokio::test]
async fn a_listener_accepts_clients_that_come_while_it_waits() {
    let (listener, address) = listener();
    let listener = Async::new(listener).unwrap();
    let accepting = tokio::spawn(async move {
        let mut peers = Vec::new();
        for _ in 0..20 {
            peers.push(listener.accept().await.unwrap().1);
        }
        peers
    });
    let mut clients = Vec::new();
    for _ in 0..20 {
        yield_now().await;
        clients.push(Async::connect(Socket::<Tcp>::new(Ip::V4).unwrap(), &address).await.unwrap());
    }
    let mut peers = timeout(LONG, accepting).await.unwrap().unwrap();
    let mut locals: Vec<_> = clients.iter().map(|c| c.get_ref().local_addr().unwrap()).collect();
    peers.sort();
    locals.sort();
    assert_eq!(peers, locals);
    assert!(clients.iter().all(nonblocking));
}

#[tokio::test]
async fn datagrams_go_to_and_come_from_addresses_and_empty_ones_arrive() {
    let ((a, at_a), (b, at_b)) = (udp(), udp());
    let mut buffer = [0; 8];
    for message in [&b"hola"[..], b"", b"0123456789"] {
        a.send_to(message, &at_b, Flags::NONE).await.unwrap();
        let (received, from) = timeout(LONG, b.recv_from(&mut buffer, Flags::NONE)).await.unwrap().unwrap();
        assert_eq!((received.full_len, from), (message.len(), at_a));
        assert_eq!(buffer[..received.len], message[..received.len]);
    }
    let c = Async::connect(Socket::<Udp>::new(Ip::V4).unwrap(), &at_b).await.unwrap();
    c.send(b"x", Flags::NONE).await.unwrap();
    let (_, at_c) = b.recv_from(&mut buffer, Flags::NONE).await.unwrap();
    b.send_to(b"y", &at_c, Flags::NONE).await.unwrap();
    assert_eq!(timeout(LONG, c.recv(&mut buffer, Flags::NONE)).await.unwrap().unwrap().len, 1);
}

#[tokio::test]
async fn a_recv_that_is_cancelled_loses_nothing() {
    let (client, server) = tcp_pair().await;
    let sent: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let to_send = sent.clone();
    let sender = tokio::spawn(async move {
        let mut left = &to_send[..];
        while !left.is_empty() {
            let n = client.send(&left[..left.len().min(97)], Flags::NONE).await.unwrap();
            left = &left[n..];
            yield_now().await;
        }
    });
    let (mut got, mut buffer, mut cancelled) = (Vec::new(), [0; 64], 0);
    loop {
        tokio::select! {
            biased;
            received = server.recv(&mut buffer, Flags::NONE) => match received.unwrap().len {
                0 => break,
                n => got.extend_from_slice(&buffer[..n]),
            },
            () = yield_now() => cancelled += 1,
        }
    }
    sender.await.unwrap();
    assert!(got == sent && cancelled > 0);
}

#[tokio::test]
async fn data_after_a_short_read_is_noticed_at_once_also_behind_urgent_data() {
    let (client, server) = tcp_pair().await;
    let mut buffer = [0; 64];
    for round in 0..200_u8 {
        client.send(&[round; 3], Flags::NONE).await.unwrap();
        let received = timeout(LONG, server.recv(&mut buffer, Flags::NONE)).await.unwrap().unwrap();
        assert_eq!(buffer[..received.len], [round; 3]);
    }
    client.send(b"abc", Flags::NONE).await.unwrap();
    client.send(b"!", Flags::OOB).await.unwrap();
    client.send(b"efg", Flags::NONE).await.unwrap();
    // All of it is there before the first read, in one event.
    while io::pipe_len(&server).unwrap() < 3 {
        yield_now().await;
    }
    yield_now().await;
    let mut got = Vec::new();
    while got.len() < 6 {
        let n = timeout(LONG, server.recv(&mut buffer, Flags::NONE)).await.unwrap().unwrap().len;
        got.extend_from_slice(&buffer[..n]);
    }
    assert_eq!(got, b"abcefg");
}

#[tokio::test]
async fn a_refused_connection_names_the_address() {
    let taken = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&loopback()).unwrap();
    let address = taken.local_addr().unwrap();
    let error = Async::connect(Socket::<Tcp>::new(Ip::V4).unwrap(), &address).await.unwrap_err();
    assert_eq!(error.name(), "ECONNREFUSED");
    assert_eq!(error.peer().unwrap().inet(), Some(address));
}

#[tokio::test]
async fn a_reset_reaches_the_reader_as_an_error() {
    let (client, mut server) = tcp_pair().await;
    // Closing with unread data sends a reset.
    server.write_all(b"never read").await.unwrap();
    timeout(LONG, client.readable()).await.unwrap().unwrap();
    drop(client);
    let error = timeout(LONG, server.recv(&mut [0; 8], Flags::NONE)).await.unwrap().unwrap_err();
    assert!(error.is_reset());
}

/// Counts the calls of sendto on one descriptor.
#[derive(Debug)]
struct Tries {
    fd: i32,
    count: AtomicUsize,
}

impl trace::Observer for Tries {
    fn observe(&self, event: &trace::Event) {
        if event.call == Call::SendTo && matches!(event.args[0].1, trace::Value::Fd(fd) if fd == self.fd) {
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn a_unix_datagram_waits_for_a_full_receiver_without_spinning() {
    let name = UnixAddr::abstract_name(format!("puerta-tokio-{}", std::process::id()));
    let receiver = Async::new(Socket::<UnixDatagram>::new(()).unwrap().bind(&name).unwrap()).unwrap();
    let other = Socket::<UnixDatagram>::new(()).unwrap();
    let mut filled = 0;
    while other.send_to(b"other", &name, Flags::DONTWAIT).is_ok() {
        filled += 1;
    }
    let sender = Async::new(Socket::<UnixDatagram>::new(()).unwrap()).unwrap();
    sender.writable().await.unwrap();
    let mut sending = pin!(sender.send_to(b"mine", &name, Flags::NONE));
    // Every attempt that fails makes the kernel say that there is room again: tokio alone would try without pause.
    let tries = Arc::new(Tries { fd: sender.as_fd().as_raw_fd(), count: AtomicUsize::new(0) });
    trace::install(Some(tries.clone()));
    assert!(timeout(Duration::from_millis(50), &mut sending).await.is_err());
    trace::install(None);
    assert!((1..=20).contains(&tries.count.load(Ordering::Relaxed)), "{tries:?}");
    let mut buffer = [0; 8];
    for _ in 0..filled {
        receiver.recv_from(&mut buffer, Flags::NONE).await.unwrap();
        assert_eq!(&buffer[..5], b"other");
    }
    assert_eq!(timeout(LONG, sending).await.unwrap().unwrap(), 4);
    receiver.recv_from(&mut buffer, Flags::NONE).await.unwrap();
    assert_eq!(&buffer[..4], b"mine");
}

#[tokio::test]
async fn a_shared_pipe_is_awaited_without_o_nonblock() {
    let pipe = io::pipe().unwrap();
    let (read, write) = (Async::shared(&pipe.read).unwrap(), Async::shared(&pipe.write).unwrap());
    let writing = async {
        let mut left = &[7; 500_000][..];
        while !left.is_empty() {
            let n = write.io(Interest::WRITABLE, |fd| io::write_now(fd, Kind::Pipe, left)).await.unwrap();
            left = &left[n..];
        }
    };
    let reading = async {
        let (mut total, mut buffer) = (0, [0; 3000]);
        while total < 500_000 {
            total += read.io(Interest::READABLE, |fd| io::read_now(fd, Kind::Pipe, &mut buffer)).await.unwrap();
        }
    };
    timeout(LONG, async { tokio::join!(writing, reading) }).await.unwrap();
    assert!(!nonblocking(&pipe.read) && !nonblocking(&pipe.write));
}

#[tokio::test]
async fn try_io_calls_only_where_ready_and_clears_on_would_block() {
    let (client, server) = tcp_pair().await;
    let read = |socket: &TcpStream| socket.recv(&mut [0; 8], Flags::NONE);
    let mut called = false;
    let early = server.try_io(Interest::READABLE, |_| -> Result<(), Error> {
        called = true;
        Ok(())
    });
    assert!(early.unwrap_err().would_block() && !called);
    client.send(b"x", Flags::NONE).await.unwrap();
    timeout(LONG, server.readable()).await.unwrap().unwrap();
    assert_eq!(server.try_io(Interest::READABLE, read).unwrap().len, 1);
    assert!(server.try_io(Interest::READABLE, read).unwrap_err().would_block());
    assert!(timeout(Duration::from_millis(20), server.readable()).await.is_err());
}

#[tokio::test]
async fn a_regular_file_is_handed_back_as_always_ready() {
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let refused = Async::shared(file).unwrap_err();
    assert!(refused.is_always_ready());
    assert_eq!(refused.to_string(), "epoll_ctl: operation not permitted (EPERM)");
    assert_eq!(io::read(&refused.object, &mut [0; 4]).unwrap(), 4);
    let pipe = io::pipe().unwrap();
    let _first = Async::shared(pipe.read.as_fd()).unwrap();
    assert!(!Async::shared(pipe.read.as_fd()).unwrap_err().is_always_ready());
}

#[tokio::test]
async fn conversions_into_std_and_back_keep_the_data_and_block() {
    let (client, server) = tcp_pair().await;
    client.send(b"kept", Flags::NONE).await.unwrap();
    let peer = server.get_ref().peer().copied();
    let theirs = std::net::TcpStream::try_from(server.into_inner()).unwrap();
    assert!(!nonblocking(&theirs));
    theirs.set_nonblocking(true).unwrap();
    let ours = TcpStream::try_from(theirs).unwrap();
    assert!(!nonblocking(&ours) && ours.peer().copied() == peer);
    assert_eq!(ours.recv(&mut [0; 8], Flags::NONE).unwrap().len, 4);

    let (mine, address) = listener();
    let theirs = std::net::TcpListener::try_from(mine).unwrap();
    assert_eq!(theirs.local_addr().unwrap(), address);
    assert_eq!(TcpListener::try_from(theirs).unwrap().local_addr().unwrap(), address);

    // A socket in another role is refused, not believed.
    let bound = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(Socket::<Udp, Connected>::try_from(bound).is_err());
    let (a, _b) = std::os::unix::net::UnixStream::pair().unwrap();
    let no_listener = std::os::unix::net::UnixListener::from(OwnedFd::from(a.try_clone().unwrap()));
    assert!(Socket::<UnixStream, Listening>::try_from(no_listener).is_err());
    assert!(Socket::<UnixStream, Connected>::try_from(a).is_ok());
    let datagram = std::os::unix::net::UnixDatagram::unbound().unwrap();
    assert!(Socket::<UnixDatagram>::try_from(datagram).is_ok());
}

#[tokio::test]
async fn conversions_into_tokio_and_back_keep_the_data_and_set_the_mode() {
    let (client, server) = tcp_pair().await;
    client.send(b"kept", Flags::NONE).await.unwrap();
    let blocking: TcpStream = server.into_inner();
    blocking.set_nonblocking(false).unwrap();
    let mut theirs = tokio::net::TcpStream::try_from(blocking).unwrap();
    assert!(nonblocking(&theirs));
    let mut first = [0; 2];
    theirs.read_exact(&mut first).await.unwrap();
    let ours = TcpStream::try_from(theirs).unwrap();
    assert!(!nonblocking(&ours));
    let mut rest = [0; 8];
    assert_eq!(ours.recv(&mut rest, Flags::NONE).unwrap().len, 2);
    assert_eq!((&first, &rest[..2]), (b"ke", &b"pt"[..]));

    let (udp, address) = udp();
    let theirs = tokio::net::UdpSocket::try_from(udp.into_inner()).unwrap();
    theirs.send_to(b"self", address).await.unwrap();
    let ours = Socket::<Udp, Bound>::try_from(theirs).unwrap();
    assert_eq!(ours.recv_from(&mut rest, Flags::NONE).unwrap().1, address);
}

/// An echo request with this identifier: RFC 792. The checksum is that of RFC 1071.
fn echo_request(identifier: u16) -> Vec<u8> {
    let mut packet = vec![8, 0, 0, 0];
    packet.extend(identifier.to_be_bytes());
    packet.extend(*b"\0\x01puerta");
    let mut sum: u32 = packet.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
    sum = (sum & 0xffff) + (sum >> 16);
    packet[2..4].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    packet
}

/// Sends an echo request to this machine and waits for the reply, whose ICMP part `icmp` finds.
async fn ping<P, R>(socket: &Async<Socket<P, R>>, icmp: impl Fn(&[u8]) -> Vec<u8>, same_identifier: bool)
where
    P: Datagrams + Protocol<Addr = SocketAddr>,
    R: CanSendTo + CanReceiveFrom,
{
    let request = echo_request(0x7075);
    socket.send_to(&request, &loopback(), Flags::NONE).await.unwrap();
    let mut buffer = [0; 128];
    loop {
        let (received, from) = timeout(LONG, socket.recv_from(&mut buffer, Flags::NONE)).await.unwrap().unwrap();
        let reply = icmp(&buffer[..received.len]);
        // A raw socket sees the request too, and what others send.
        if reply.first() == Some(&0) && reply.ends_with(b"puerta") && (!same_identifier || reply[4..6] == request[4..6])
        {
            assert!(from.ip().is_loopback());
            return;
        }
    }
}

#[tokio::test]
async fn root_a_raw_icmp_socket_is_used_from_tokio() {
    let raw = Socket::<RawIp>::new((Ip::V4, 1)).and_then(|s| s.bind(&loopback()));
    if let Ok(raw) = raw {
        let header = |packet: &[u8]| usize::from(packet[0] & 0xf) * 4;
        ping(&Async::new(raw).unwrap(), |packet| packet[header(packet)..].to_vec(), true).await;
        return;
    }
    match Socket::<Icmp>::new(Ip::V4).and_then(|s| s.bind(&loopback())) {
        // The kernel chooses the identifier.
        Ok(icmp) => ping(&Async::new(icmp).unwrap(), <[u8]>::to_vec, false).await,
        Err(error) => println!("needs root: {error}"),
    }
}

#[tokio::test]
async fn a_call_that_has_drained_the_socket_is_not_made_again_before_the_next_event() {
    let (ours, theirs) = tcp_pair().await;
    let recv = |room: usize| {
        let mut buffer = vec![0; room];
        ours.try_io_until(Interest::READABLE, |s| s.recv(&mut buffer, Flags::NONE), |got| got.len < room)
    };
    theirs.send(b"four", Flags::NONE).await.unwrap();
    ours.readable().await.unwrap();
    assert_eq!(recv(2).unwrap().len, 2);
    assert_eq!(recv(4).unwrap().len, 2);
    // Nothing is called, so the error names the readiness and not recv(2).
    let refused = recv(4).unwrap_err();
    assert!(refused.would_block() && refused.call() == Call::Poll, "{refused}");
    theirs.send(b"more", Flags::NONE).await.unwrap();
    ours.readable().await.unwrap();
    assert_eq!(recv(8).unwrap().len, 4);
}
