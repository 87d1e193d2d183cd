use crate::{udp, v4};
use puerta::io::{self, Events, PollFd};
use puerta::{
    AnyDatagram, Bad, Cause, Datagrams, Endpoint, Family, Flags, Ip, Received, Socket, Udp, UnixAddr, UnixDatagram,
    UnixPacket, opt,
};
use std::io::{IoSlice, IoSliceMut};
use std::time::Duration;

/// The longest datagram that UDP carries over IPv4.
const LONGEST: usize = 65_507;

#[test]
fn a_datagram_tells_where_it_came_from_and_is_answered_there() {
    let (ana, eva) = (udp(), udp());
    ana.send_to(b"hola", &eva.local_addr().unwrap(), Flags::NONE).unwrap();
    let mut buffer = [0; 16];
    let (got, from) = eva.recv_from(&mut buffer, Flags::NONE).unwrap();
    assert_eq!((&buffer[..got.len], from), (&b"hola"[..], ana.local_addr().unwrap()));
    eva.send_to(b"y tu", &from, Flags::NONE).unwrap();
    assert_eq!(ana.recv_from(&mut buffer, Flags::NONE).unwrap().1, eva.local_addr().unwrap());
}

#[test]
fn an_unbound_socket_sends_and_gets_an_address_with_it() {
    let eva = udp();
    let ana = Socket::<Udp>::new(Ip::V4).unwrap();
    ana.send_to(b"hola", &eva.local_addr().unwrap(), Flags::NONE).unwrap();
    let (_, from) = eva.recv_from(&mut [0; 16], Flags::NONE).unwrap();
    assert!(from.ip().is_loopback() && from.port() != 0);
}

#[test]
fn what_is_cut_is_reported_with_the_full_length() {
    fn check(got: Received) {
        assert_eq!((got.len, got.full_len, got.truncated()), (4, 10, true));
    }
    let (ana, eva) = (udp(), udp());
    ana.send_to(&[1; 10], &eva.local_addr().unwrap(), Flags::NONE).unwrap();
    check(eva.recv_from(&mut [0; 4], Flags::NONE).unwrap().0);
    let (a, b) = Socket::<UnixDatagram, _>::pair().unwrap();
    a.send(&[1; 10], Flags::NONE).unwrap();
    check(b.recv(&mut [0; 4], Flags::NONE).unwrap());
    let (a, b) = Socket::<UnixPacket, _>::pair().unwrap();
    a.send(&[1; 10], Flags::NONE).unwrap();
    check(b.recv(&mut [0; 4], Flags::NONE).unwrap());
    // The rest is gone: the next message comes next.
    a.send(b"next", Flags::NONE).unwrap();
    let mut buffer = [0; 4];
    assert!(!b.recv(&mut buffer, Flags::NONE).unwrap().truncated());
    assert_eq!(&buffer, b"next");
}

#[test]
fn vectored_truncation_is_reported_too() {
    let (a, b) = Socket::<UnixDatagram, _>::pair().unwrap();
    a.send_vectored(&[IoSlice::new(b"01234"), IoSlice::new(b"56789")], Flags::NONE).unwrap();
    let (mut first, mut second) = ([0; 2], [0; 2]);
    let got = b.recv_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)], Flags::NONE).unwrap();
    assert_eq!((got.len, got.truncated()), (4, true));
    assert_eq!((&first, &second), (b"01", b"23"));
}

#[test]
fn an_empty_datagram_is_a_message_like_any_other() {
    let (ana, eva) = (udp(), udp());
    let to = eva.local_addr().unwrap();
    for message in [&b"one"[..], b"", b"three"] {
        assert_eq!(ana.send_to(message, &to, Flags::NONE).unwrap(), message.len());
    }
    let mut buffer = [0; 16];
    for message in [&b"one"[..], b"", b"three"] {
        let (got, from) = eva.recv_from(&mut buffer, Flags::NONE).unwrap();
        assert_eq!((&buffer[..got.len], got.full_len, from), (message, message.len(), ana.local_addr().unwrap()));
    }
}

#[test]
fn the_longest_datagram_arrives_whole_and_a_longer_one_is_refused() {
    let (ana, eva) = (udp(), udp());
    let to = eva.local_addr().unwrap();
    let message: Vec<u8> = (0..=255).cycle().take(LONGEST).collect();
    assert_eq!(ana.send_to(&message, &to, Flags::NONE).unwrap(), LONGEST);
    let mut buffer = vec![0; LONGEST + 1];
    let (got, _) = eva.recv_from(&mut buffer, Flags::NONE).unwrap();
    assert!(!got.truncated() && buffer[..got.len] == message);
    let error = ana.send_to(&vec![0; LONGEST + 1], &to, Flags::NONE).unwrap_err();
    assert_eq!((error.name().as_ref(), error.peer()), ("EMSGSIZE", Some(&Endpoint::Inet(to))));
    assert!(error.hint().unwrap().contains("65507"));
}

#[test]
fn the_length_of_the_next_message_is_known_before_it_is_taken() {
    let (ana, eva) = (udp(), udp());
    assert!(eva.next_len(Flags::DONTWAIT).unwrap_err().would_block());
    for len in [3000, 0, 7] {
        ana.send_to(&vec![1; len], &eva.local_addr().unwrap(), Flags::NONE).unwrap();
    }
    for len in [3000, 0, 7] {
        assert_eq!(eva.next_len(Flags::NONE).unwrap(), len);
        assert_eq!(eva.next_len(Flags::NONE).unwrap(), len);
        assert_eq!(eva.recv_from(&mut vec![0; len], Flags::NONE).unwrap().0, Received { len, full_len: len });
    }
    let (a, b) = Socket::<UnixPacket, _>::pair().unwrap();
    a.send(&[1; 400], Flags::NONE).unwrap();
    assert_eq!(b.next_len(Flags::NONE).unwrap(), 400);
}

#[test]
fn parts_that_more_joins_are_one_datagram() {
    let (ana, eva) = (udp(), udp());
    let to = eva.local_addr().unwrap();
    ana.send_to(b"Hola, ", &to, Flags::MORE).unwrap();
    assert!(eva.recv_from(&mut [0; 64], Flags::DONTWAIT).unwrap_err().would_block());
    ana.send_to(b"Eva", &to, Flags::NONE).unwrap();
    let mut buffer = [0; 64];
    let (got, _) = eva.recv_from(&mut buffer, Flags::NONE).unwrap();
    assert_eq!(&buffer[..got.len], b"Hola, Eva");
}

#[test]
fn a_connected_socket_takes_datagrams_from_its_peer_alone() {
    let (eva, stranger) = (udp(), udp());
    let ana = udp().connect(&eva.local_addr().unwrap()).unwrap();
    stranger.send_to(b"spam", &ana.local_addr().unwrap(), Flags::NONE).unwrap();
    eva.send_to(b"hola", &ana.local_addr().unwrap(), Flags::NONE).unwrap();
    let mut buffer = [0; 16];
    let (got, from) = ana.recv_from(&mut buffer, Flags::NONE).unwrap();
    assert_eq!((&buffer[..got.len], from), (&b"hola"[..], eva.local_addr().unwrap()));
    assert!(ana.recv(&mut buffer, Flags::DONTWAIT).unwrap_err().would_block());
}

#[test]
fn a_port_that_nobody_listens_on_is_reported_with_the_peer() {
    let eva = udp();
    let to = eva.local_addr().unwrap();
    let ana = udp().connect(&to).unwrap();
    drop(eva);
    ana.send(b"hola", Flags::NONE).unwrap();
    let error = ana.recv(&mut [0; 16], Flags::NONE).unwrap_err();
    assert_eq!((error.name().as_ref(), error.peer()), ("ECONNREFUSED", Some(&Endpoint::Inet(to))));
    assert_eq!(
        error.to_string(),
        format!("recv udp {} -> {to}: connection refused (ECONNREFUSED)", ana.local_addr().unwrap())
    );
    assert!(error.hint().unwrap().contains("ICMP"));
}

#[test]
fn what_icmp_said_of_each_datagram_is_queued_where_that_is_asked_for_and_then_waits_no_more() {
    for (family, at, said_by) in [
        (Ip::V4, "127.0.0.1:0", "127.0.0.1"),
        (Ip::V6, "[::1]:0", "::1"),
        (Ip::V6, "[::ffff:127.0.0.1]:0", "127.0.0.1"),
    ] {
        let nobody = Socket::<Udp>::new(family).unwrap().bind(&at.parse().unwrap()).unwrap().local_addr().unwrap();
        let ana = Socket::<Udp>::new(family).unwrap().with(opt::ReceiveErrors, true).unwrap().connect(&nobody).unwrap();
        assert!(ana.queued_error().unwrap().is_none());
        for _ in 0..2 {
            ana.send(b"hola", Flags::NONE).unwrap();
            // Errors are always asked for.
            assert_eq!(io::poll(&mut [PollFd::new(&ana, Events::NONE)], Some(Duration::from_secs(20))).unwrap(), 1);
            let said = ana.queued_error().unwrap().unwrap();
            assert_eq!((said.error.name().as_ref(), said.from), ("ECONNREFUSED", Some(said_by.parse().unwrap())));
            assert_eq!(said.error.peer(), Some(&Endpoint::Inet(nobody)));
            assert!(ana.queued_error().unwrap().is_none());
        }
        assert!(ana.recv(&mut [0; 16], Flags::DONTWAIT).unwrap_err().would_block());
    }
}

#[test]
fn a_unix_socket_queues_no_errors_and_gives_no_message_as_one() {
    let folder = crate::Folder::new("no-queue");
    let at = Endpoint::Unix(UnixAddr::path(folder.0.join("door")));
    let ana = Socket::<AnyDatagram>::new(Family::Unix).unwrap().bind(&at).unwrap();
    Socket::<AnyDatagram>::new(Family::Unix).unwrap().connect(&at).unwrap().send(b"hola", Flags::NONE).unwrap();
    assert_eq!(ana.queued_error().unwrap_err().cause(), Cause::Bad(Bad::Option));
    assert_eq!(ana.recv_from(&mut [0; 16], Flags::DONTWAIT).unwrap().0.len, 4);
}

#[test]
fn a_listener_survives_a_peer_that_is_gone() {
    let (ana, eva, bob) = (udp(), udp(), udp());
    let gone = eva.local_addr().unwrap();
    drop(eva);
    ana.send_to(b"hola", &gone, Flags::NONE).unwrap();
    bob.send_to(b"here", &ana.local_addr().unwrap(), Flags::NONE).unwrap();
    let (got, from) = ana.recv_from(&mut [0; 16], Flags::NONE).unwrap();
    assert_eq!((got.len, from), (4, bob.local_addr().unwrap()));
}

#[test]
fn a_datagram_protocol_chosen_at_run_time_speaks_both() {
    let folder = crate::Folder::new("any-datagram");
    for (family, at, other) in [
        (Family::V4, Endpoint::Inet(v4()), Endpoint::Inet(v4())),
        (
            Family::Unix,
            Endpoint::Unix(UnixAddr::path(folder.0.join("a"))),
            Endpoint::Unix(UnixAddr::path(folder.0.join("b"))),
        ),
    ] {
        let ana = Socket::<AnyDatagram>::new(family).unwrap().bind(&at).unwrap();
        let eva = Socket::<AnyDatagram>::new(family).unwrap().bind(&other).unwrap();
        greets(&ana, &eva);
    }
}

fn greets<P: Datagrams>(ana: &Socket<P, puerta::Bound>, eva: &Socket<P, puerta::Bound>)
where
    P::Addr: PartialEq,
{
    ana.send_to(b"hola", &eva.local_addr().unwrap(), Flags::NONE).unwrap();
    let mut buffer = [0; 16];
    let (got, from) = eva.recv_from(&mut buffer, Flags::NONE).unwrap();
    assert_eq!(&buffer[..got.len], b"hola");
    assert!(from == ana.local_addr().unwrap());
}

#[test]
fn a_datagram_from_an_unnamed_socket_is_not_lost() {
    let folder = crate::Folder::new("unnamed");
    let at = UnixAddr::path(folder.0.join("door"));
    let eva = Socket::<AnyDatagram>::new(Family::Unix).unwrap().bind(&Endpoint::Unix(at.clone())).unwrap();
    let ana = Socket::<UnixDatagram>::new(()).unwrap();
    ana.send_to(b"hola", &at, Flags::NONE).unwrap();
    let (got, from) = eva.recv_from(&mut [0; 16], Flags::NONE).unwrap();
    assert_eq!((got.len, from), (4, Endpoint::Unix(UnixAddr::Unnamed)));
}

#[test]
fn a_unix_datagram_socket_loses_nothing_when_its_receiver_is_full() {
    let (a, b) = Socket::<UnixDatagram, _>::pair().unwrap();
    let mut sent = 0_u32;
    while a.send(&sent.to_be_bytes(), Flags::DONTWAIT).is_ok() {
        sent += 1;
    }
    for number in 0..sent {
        let mut buffer = [0; 4];
        b.recv(&mut buffer, Flags::NONE).unwrap();
        assert_eq!(u32::from_be_bytes(buffer), number);
    }
    assert!(b.recv(&mut [0; 4], Flags::DONTWAIT).unwrap_err().would_block());
}
