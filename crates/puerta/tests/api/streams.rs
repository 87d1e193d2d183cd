use crate::{refusing, tcp_listener, tcp_pair, v4};
use puerta::{AnyStream, Bad, Cause, Endpoint, Family, Flags, Ip, Progress, Shutdown, Socket, Tcp, UnixStream};
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn the_classic_greeting_goes_both_ways() {
    let (client, server) = tcp_pair();
    client.send(b"Hola, servidor!", Flags::NONE).unwrap();
    let mut buffer = [0; 64];
    let got = server.recv(&mut buffer, Flags::NONE).unwrap();
    assert_eq!(&buffer[..got.len], b"Hola, servidor!");
    server.send(b"Hola, cliente!", Flags::NONE).unwrap();
    let got = client.recv(&mut buffer, Flags::NONE).unwrap();
    assert_eq!(&buffer[..got.len], b"Hola, cliente!");
}

#[test]
fn a_half_close_is_an_end_of_file_that_can_still_be_answered() {
    let (mut client, mut server) = tcp_pair();
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut heard = String::new();
    server.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "question");
    server.write_all(&vec![b'a'; 1_000_000]).unwrap();
    drop(server);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert_eq!(answer.len(), 1_000_000);
    let error = client.send(b"more", Flags::NONE).unwrap_err();
    assert_eq!(error.name(), "EPIPE");
}

#[test]
fn a_reset_is_never_reported_as_end_of_file() {
    let (client, server) = tcp_pair();
    let (own, peer) = (client.local_addr().unwrap(), server.local_addr().unwrap());
    client.send(b"unread", Flags::NONE).unwrap();
    server.recv(&mut [0], Flags::PEEK).unwrap();
    // Closing with unread data breaks the connection.
    drop(server);
    let error = client.recv(&mut [0; 8], Flags::NONE).unwrap_err();
    assert!(error.is_reset(), "{error}");
    // The kernel no longer knows the peer; the error still does.
    assert_eq!(error.peer(), Some(&Endpoint::Inet(peer)));
    assert_eq!(error.to_string(), format!("recv tcp {own} -> {peer}: connection reset by peer (ECONNRESET)"));
    assert_eq!(client.peer_addr().unwrap_err().name(), "ENOTCONN");
    assert_eq!(client.peer(), Some(&peer));
}

#[test]
fn an_end_of_file_is_never_reported_as_an_error() {
    let (client, server) = tcp_pair();
    drop(server);
    let got = client.recv(&mut [0; 8], Flags::NONE).unwrap();
    assert_eq!((got.len, got.full_len), (0, 0));
}

#[test]
fn the_connection_ends_when_its_last_descriptor_is_closed() {
    let (client, server) = tcp_pair();
    let second = client.try_clone().unwrap();
    drop(client);
    let waiting = server.recv(&mut [0; 8], Flags::DONTWAIT).unwrap_err();
    assert!(waiting.would_block(), "{waiting}");
    second.send(b"still here", Flags::NONE).unwrap();
    let mut buffer = [0; 16];
    assert_eq!(server.recv(&mut buffer, Flags::NONE).unwrap().len, 10);
    drop(second);
    assert_eq!(server.recv(&mut buffer, Flags::NONE).unwrap().len, 0);
}

#[test]
fn close_tells_that_it_went_well() {
    let (client, server) = tcp_pair();
    client.close().unwrap();
    assert_eq!(server.recv(&mut [0], Flags::NONE).unwrap().len, 0);
}

#[test]
fn what_is_peeked_at_stays() {
    let (client, server) = tcp_pair();
    client.send(b"abc", Flags::NONE).unwrap();
    let mut buffer = [0; 3];
    for flags in [Flags::PEEK, Flags::PEEK, Flags::NONE] {
        buffer = [0; 3];
        assert_eq!(server.recv(&mut buffer, flags).unwrap().len, 3);
        assert_eq!(&buffer, b"abc");
    }
    assert!(server.recv(&mut buffer, Flags::DONTWAIT).unwrap_err().would_block());
}

#[test]
fn a_peek_into_a_small_buffer_discards_nothing() {
    let (client, server) = tcp_pair();
    client.send(b"abcdef", Flags::NONE).unwrap();
    let mut buffer = [0; 6];
    let peeked = server.recv(&mut buffer[..2], Flags::PEEK).unwrap();
    assert!(peeked.len == 2 && !peeked.truncated());
    assert_eq!(server.recv(&mut buffer, Flags::WAITALL).unwrap().len, 6);
    assert_eq!(&buffer, b"abcdef");
}

#[test]
fn waitall_waits_until_the_buffer_is_full() {
    let (client, server) = tcp_pair();
    let reader = thread::spawn(move || {
        let mut buffer = [0; 1000];
        server.recv(&mut buffer, Flags::WAITALL).unwrap().len
    });
    for _ in 0..10 {
        client.send(&[1; 100], Flags::NONE).unwrap();
    }
    assert_eq!(reader.join().unwrap(), 1000);
}

#[test]
fn waitall_ends_with_the_stream() {
    let (client, server) = tcp_pair();
    client.send(b"abc", Flags::NONE).unwrap();
    drop(client);
    assert_eq!(server.recv(&mut [0; 1000], Flags::WAITALL).unwrap().len, 3);
}

#[test]
fn dontwait_fails_rather_than_waits_and_the_next_call_waits_again() {
    let (client, server) = tcp_pair();
    let error = server.recv(&mut [0], Flags::DONTWAIT).unwrap_err();
    assert!(error.would_block());
    assert_eq!(error.to_string(), "recv: resource temporarily unavailable (EAGAIN)");
    let reader = thread::spawn(move || server.recv(&mut [0], Flags::NONE).unwrap().len);
    client.send(b"x", Flags::NONE).unwrap();
    assert_eq!(reader.join().unwrap(), 1);
}

#[test]
fn a_full_send_buffer_takes_a_part_and_then_nothing() {
    let (client, server) = tcp_pair();
    let mut taken = 0;
    loop {
        match client.send(&[7; 1 << 20], Flags::DONTWAIT) {
            Ok(n) => taken += n,
            Err(error) => break assert!(error.would_block(), "{error}"),
        }
    }
    drop(client);
    let mut all = Vec::new();
    (&server).read_to_end(&mut all).unwrap();
    assert!(all.len() == taken && all.iter().all(|b| *b == 7));
}

#[test]
fn the_urgent_byte_comes_beside_the_stream() {
    let (client, server) = tcp_pair();
    client.send(b"calm", Flags::NONE).unwrap();
    client.send(b"!", Flags::OOB).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(server.recv(&mut buffer, Flags::NONE).unwrap().len, 4);
    let urgent = loop {
        let mut byte = [0];
        match server.recv(&mut byte, Flags::OOB) {
            Ok(got) => break (got.len, byte),
            // The segment is still on its way.
            Err(error) => assert!(matches!(&*error.name(), "EINVAL" | "EAGAIN"), "{error}"),
        }
        thread::yield_now();
    };
    assert_eq!(urgent, (1, *b"!"));
}

#[test]
fn several_buffers_are_gathered_and_filled_in_order() {
    let (client, server) = tcp_pair();
    let parts = [IoSlice::new(b"Ho"), IoSlice::new(b""), IoSlice::new(b"la, mundo")];
    assert_eq!(client.send_vectored(&parts, Flags::NONE).unwrap(), 11);
    let (mut a, mut b) = ([0; 4], [0; 7]);
    let got = server.recv_vectored(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)], Flags::WAITALL).unwrap();
    assert_eq!((got.len, got.truncated()), (11, false));
    assert_eq!((&a, &b), (b"Hola", b", mundo"));
}

#[test]
fn more_buffers_than_the_kernel_takes_are_sent_in_part() {
    let (client, mut server) = tcp_pair();
    let parts = vec![IoSlice::new(b"x"); 1025];
    assert_eq!(client.send_vectored(&parts, Flags::NONE).unwrap(), 1024);
    drop(client);
    let mut all = Vec::new();
    server.read_to_end(&mut all).unwrap();
    assert_eq!(all.len(), 1024);
}

#[test]
fn no_buffers_at_all_are_no_error() {
    let (client, server) = tcp_pair();
    assert_eq!(client.send_vectored(&[], Flags::NONE).unwrap(), 0);
    assert_eq!(client.send(&[], Flags::NONE).unwrap(), 0);
    client.send(b"x", Flags::NONE).unwrap();
    assert_eq!(server.recv_vectored(&mut [], Flags::NONE).unwrap().len, 0);
    assert_eq!(server.recv(&mut [0], Flags::NONE).unwrap().len, 1);
}

#[test]
fn a_refused_connect_names_the_peer_and_says_what_to_do() {
    let (_socket, address) = refusing();
    let error = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&address).unwrap_err();
    assert!(error.to_string().ends_with(&format!("{address}: connection refused (ECONNREFUSED)")), "{error}");
    assert_eq!(error.peer(), Some(&Endpoint::Inet(address)));
    assert!(error.hint().unwrap().contains("nothing listens there"));
}

#[test]
fn a_connect_that_was_started_is_finished() {
    let listener = tcp_listener();
    let to = listener.local_addr().unwrap();
    let mut progress = Socket::<Tcp>::new(Ip::V4).unwrap().start_connect(&to).unwrap();
    let client = loop {
        progress = match progress {
            Progress::Connected(socket) => break socket,
            Progress::Pending(socket) => socket.finish_connect().unwrap(),
        };
        thread::yield_now();
    };
    assert_eq!(client.peer_addr().unwrap(), to);
    // It stays non-blocking.
    assert!(client.recv(&mut [0], Flags::NONE).unwrap_err().would_block());
    let (server, _) = listener.accept().unwrap();
    server.send(b"x", Flags::NONE).unwrap();
    client.set_nonblocking(false).unwrap();
    assert_eq!(client.recv(&mut [0], Flags::NONE).unwrap().len, 1);
}

#[test]
fn a_connect_that_was_started_and_is_refused_says_so() {
    let (_socket, address) = refusing();
    let mut progress = match Socket::<Tcp>::new(Ip::V4).unwrap().start_connect(&address) {
        Ok(progress) => progress,
        Err(error) => return assert_eq!(error.name(), "ECONNREFUSED"),
    };
    let error = loop {
        progress = match progress {
            Progress::Connected(socket) => panic!("connected: {socket:?}"),
            Progress::Pending(socket) => match socket.finish_connect() {
                Ok(progress) => progress,
                Err(error) => break error,
            },
        };
        thread::yield_now();
    };
    assert_eq!((error.name().as_ref(), error.peer()), ("ECONNREFUSED", Some(&Endpoint::Inet(address))));
}

/// A listener whose queue is full, so that the next connect waits, and what fills it.
fn full_listener() -> (Socket<Tcp, puerta::Listening>, Vec<Progress<Tcp>>) {
    let listener = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&v4()).unwrap().listen(0).unwrap();
    let to = listener.local_addr().unwrap();
    let fill = (0..3).map(|_| Socket::<Tcp>::new(Ip::V4).unwrap().start_connect(&to).unwrap()).collect();
    (listener, fill)
}

#[test]
fn a_connect_with_a_limit_ends_when_the_limit_strikes_and_not_before() {
    let (listener, _fill) = full_listener();
    let to = listener.local_addr().unwrap();
    let limit = Duration::from_millis(100);
    let start = Instant::now();
    let error = Socket::<Tcp>::new(Ip::V4).unwrap().connect_timeout(&to, limit).unwrap_err();
    assert_eq!(error.cause(), Cause::Bad(Bad::Deadline));
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!(start.elapsed() >= limit);
}

#[test]
fn a_connect_with_a_limit_gives_a_blocking_socket_and_takes_any_limit() {
    let listener = tcp_listener();
    let to = listener.local_addr().unwrap();
    for limit in [Duration::from_secs(60), Duration::MAX] {
        let client = Socket::<Tcp>::new(Ip::V4).unwrap().connect_timeout(&to, limit).unwrap();
        let (server, _) = listener.accept().unwrap();
        let reader = thread::spawn(move || client.recv(&mut [0], Flags::NONE).unwrap().len);
        server.send(b"x", Flags::NONE).unwrap();
        assert_eq!(reader.join().unwrap(), 1);
    }
}

#[test]
fn a_bound_socket_connects_from_its_own_address() {
    let listener = tcp_listener();
    let source = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&"127.0.0.2:0".parse().unwrap()).unwrap();
    let own = source.local_addr().unwrap();
    let _client = source.connect(&listener.local_addr().unwrap()).unwrap();
    assert_eq!(listener.accept().unwrap().1, own);
}

#[test]
fn a_nonblocking_listener_without_clients_would_block() {
    let listener = tcp_listener();
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().unwrap_err().would_block());
    let _client = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept_nonblocking().unwrap();
    assert!(server.recv(&mut [0], Flags::NONE).unwrap_err().would_block());
}

#[test]
fn a_listener_and_its_clone_take_clients_from_one_queue() {
    let first = tcp_listener();
    let second = first.try_clone().unwrap();
    let to = first.local_addr().unwrap();
    drop(first);
    let client = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&to).unwrap();
    assert_eq!(second.accept().unwrap().1, client.local_addr().unwrap());
}

#[test]
fn a_refusal_that_waits_on_the_socket_is_taken_once() {
    let (client, server) = tcp_pair();
    assert!(client.take_error().unwrap().is_none());
    client.send(b"unread", Flags::NONE).unwrap();
    server.recv(&mut [0], Flags::PEEK).unwrap();
    drop(server);
    let error = loop {
        if let Some(error) = client.take_error().unwrap() {
            break error;
        }
        thread::yield_now();
    };
    assert!(error.is_reset());
    assert!(client.take_error().unwrap().is_none());
}

#[test]
fn a_stream_whose_protocol_is_chosen_at_run_time_speaks_both() {
    let folder = crate::Folder::new("any-stream");
    for (family, at) in [
        (Family::V4, Endpoint::Inet(v4())),
        (Family::V6, Endpoint::Inet("[::1]:0".parse().unwrap())),
        (Family::Unix, Endpoint::Unix(puerta::UnixAddr::path(folder.0.join("door")))),
    ] {
        let listener = Socket::<AnyStream>::new(family).unwrap().bind(&at).unwrap().listen(1).unwrap();
        let to = listener.local_addr().unwrap();
        let mut client = Socket::<AnyStream>::new(Family::of(&to)).unwrap().connect(&to).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        client.write_all(b"hola").unwrap();
        drop(client);
        let mut heard = String::new();
        server.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hola", "{to}");
    }
}

#[test]
fn a_pair_is_connected_to_itself() {
    let (mut a, mut b) = Socket::<UnixStream, _>::pair().unwrap();
    a.write_all(b"hola").unwrap();
    drop(a);
    let mut heard = String::new();
    b.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "hola");
}
