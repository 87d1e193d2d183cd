//! UDP with one peer: whole datagrams, and what is told of a peer that is not there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::{Folder, free_port, noise};
use common::udp::{Client, close, limited, receive, server, udp};
use common::{peer, puerta, same};
use std::net::UdpSocket;

const LONGEST_V4: usize = 65_507;
const LONGEST_V6: usize = 65_527;

fn whole_both_ways(host: &str, len: usize) {
    let (there, back) = (noise(1, len), noise(2, len));
    let mut server = puerta(["listen", &format!("udp:{host}:0"), "--whole"]).open_input().start();
    let to = format!("udp:{}", server.address());
    let client = puerta(["connect", &to, "--whole", "--idle", "20s"]).input(there.clone()).start();
    server.writes_len(len);
    server.send(&back).end_input();
    client.writes_len(len).signal("TERM");
    client.finish().ends_with(0).wrote(&back);
    server.signal("TERM");
    server.finish().ends_with(0).wrote(&there).said(&format!("sent {len} bytes, received {len} bytes"));
}

#[test]
fn the_longest_datagram_over_ipv4_arrives_whole_both_ways() {
    whole_both_ways("127.0.0.1", LONGEST_V4);
}

#[test]
fn the_longest_datagram_over_ipv6_arrives_whole_both_ways() {
    whole_both_ways("[::1]", LONGEST_V6);
}

#[test]
fn the_longest_datagram_is_one_datagram_for_other_programs_too() {
    let (there, back) = (noise(3, LONGEST_V4), noise(4, LONGEST_V4));
    let other = server();
    let ours = puerta(["connect", &udp(&other), "--whole", "--idle", "20s"]).input(there.clone()).start();
    let (got, from) = receive(&other);
    same(&got, &there);
    other.send_to(&back, from).unwrap();
    ours.writes_len(LONGEST_V4).signal("INT");
    ours.finish().ends_with(0).wrote(&back);
}

#[test]
fn a_datagram_that_is_too_long_is_told_with_the_limit() {
    let other = server();
    let ours = puerta(["connect", &udp(&other), "--whole"]).input(vec![b'x'; LONGEST_V4 + 1]).finish();
    ours.ends_with(7).said("EMSGSIZE").said("hint: the datagram is too long: 65507 bytes over IPv4").wrote("");
}

#[test]
fn a_listener_goes_on_after_a_line_that_is_too_long() {
    let input = [vec![b'x'; LONGEST_V4 + 1], b"\nshort\n".to_vec()].concat();
    let mut ours = puerta(["listen", "udp:127.0.0.1:0"]).open_input().start();
    let client = Client::of(&ours);
    client.send("hola");
    ours.writes("hola");
    ours.send(input);
    client.gets("short\n");
    ours.says("EMSGSIZE").signal("TERM");
    ours.finish().ends_with(0).said("sent 6 bytes, received 4 bytes");
}

#[test]
fn an_empty_datagram_ends_nothing() {
    let mut listener = puerta(["listen", "udp:127.0.0.1:0"]).open_input().start();
    let client = Client::of(&listener);
    client.send("").send("one").send("").send("two");
    listener.writes("onetwo");
    listener.send("answer\n");
    client.gets("answer\n");
    listener.signal("TERM");
    listener.finish().ends_with(0).wrote("onetwo");

    let other = server();
    let mut ours = puerta(["connect", &udp(&other)]).open_input().start();
    ours.send("question\n");
    let (_, from) = receive(&other);
    for part in ["", "one", "", "two"] {
        other.send_to(part.as_bytes(), from).unwrap();
    }
    ours.writes("onetwo");
    ours.end_input();
    ours.finish().ends_with(0).wrote("onetwo").said("sent 9 bytes, received 6 bytes; no more answers came");
}

#[test]
fn an_empty_input_is_no_line_but_an_empty_whole() {
    let other = server();
    puerta(["connect", &udp(&other)]).finish().ends_with(0);
    puerta(["connect", &udp(&other), "--whole"]).finish().ends_with(0);
    puerta(["connect", &udp(&other)]).input("line").finish().ends_with(0);
    assert_eq!(receive(&other).0, b"");
    assert_eq!(receive(&other).0, b"line");
}

#[test]
fn each_line_is_a_datagram_and_so_is_a_last_one_without_an_end() {
    let other = server();
    puerta(["connect", &udp(&other)]).input("one\n\ntwo\nrest").finish().ends_with(0);
    for expected in ["one\n", "\n", "two\n", "rest"] {
        assert_eq!(receive(&other).0, expected.as_bytes());
    }
    let crlf = puerta(["connect", &udp(&other), "--crlf"]).input("one\ntwo").finish();
    crlf.ends_with(0).said("sent 8 bytes");
    assert_eq!((receive(&other).0, receive(&other).0), (b"one\r\n".to_vec(), b"two".to_vec()));
}

#[test]
fn a_port_that_nobody_listens_on_is_told_by_name() {
    let port = free_port();
    let to = format!("udp:127.0.0.1:{port}");
    let ours = puerta(["connect", &to]).input("hola\n").finish();
    ours.ends_with(6).said(&format!("127.0.0.1:{port}")).said("ECONNREFUSED").said("hint: nothing listens there");
    let mut held = puerta(["connect", &to]).open_input().start();
    held.send("hola\n");
    held.finish().ends_with(6);
    let json = puerta(["connect", &to, "--json"]).input("hola\n").finish();
    let lines = json.ends_with(6).json();
    let error = lines.iter().find(|l| l["event"] == "error").expect("an error");
    assert_eq!((&error["errno"], &error["status"]), (&"ECONNREFUSED".into(), &6.into()));
    assert_eq!(error["peer"], format!("127.0.0.1:{port}"));
}

#[test]
fn a_peer_that_has_gone_is_told_and_one_that_comes_back_is_heard() {
    let other = server();
    let at = other.local_addr().unwrap();
    let mut ours = puerta(["connect", &udp(&other)]).open_input().start();
    ours.send("one\n");
    let (_, from) = receive(&other);
    other.send_to(b"1\n", from).unwrap();
    ours.writes("1\n");
    close(other);
    ours.send("two\n").says("ECONNREFUSED");
    let other = limited(UdpSocket::bind(at).unwrap());
    ours.send("three\n");
    assert_eq!(receive(&other).0, b"three\n");
    other.send_to(b"3\n", from).unwrap();
    ours.writes("3\n");
    ours.end_input();
    ours.finish().ends_with(0).wrote("1\n3\n");

    let mut ours = puerta(["connect", &udp(&other)]).open_input().start();
    ours.send("one\n");
    other.send_to(b"1\n", receive(&other).1).unwrap();
    ours.writes("1\n");
    close(other);
    ours.send("two\n").end_input();
    ours.finish().ends_with(6).said("ECONNREFUSED").said("nobody listens there");
}

#[test]
fn connect_waits_for_answers_after_the_end_of_its_input() {
    let other = server();
    let ours = puerta(["connect", &udp(&other)]).input("question\n").start();
    let (_, from) = receive(&other);
    other.send_to(b"answer\n", from).unwrap();
    ours.finish().ends_with(0).wrote("answer\n").said("no more answers came");
}

#[test]
fn silence_before_the_end_of_the_input_is_broken_in_transit() {
    let other = server();
    let ours = puerta(["connect", &udp(&other), "--idle", "100ms"]).open_input().start();
    ours.finish().ends_with(7).said("nothing came or went for the time of --idle");
}

#[test]
fn a_broadcast_address_needs_its_option() {
    let port = free_port();
    let ours = puerta(["listen", &format!("udp:0.0.0.0:{port}")]).start();
    ours.address();
    let to = format!("udp:127.255.255.255:{port}");
    let refused = puerta(["connect", &to]).input("hola\n").finish();
    refused.ends_with(6).said("EACCES").said("hint: a broadcast address needs the option broadcast");
    let sent = puerta(["connect", &format!("{to},broadcast")]).input("hola\n").finish();
    sent.ends_with(0);
    ours.writes("hola\n");
}

#[test]
fn a_datagram_socket_is_not_probed() {
    puerta(["connect", "udp:127.0.0.1:9", "--probe"]).finish().ends_with(2).said("--probe is for streams");
    puerta(["listen", "udp:127.0.0.1:0", "--probe"]).finish().ends_with(2).said("--probe is for streams");
}

#[test]
fn our_own_address_can_be_chosen_and_the_port_left_to_the_kernel() {
    let other = server();
    for source in ["127.0.0.7", "127.0.0.8:0"] {
        puerta(["connect", &udp(&other), "--source", source]).input("hola").finish().ends_with(0);
        assert_eq!(receive(&other).1.ip().to_string(), source.trim_end_matches(":0"));
    }
    let wrong = puerta(["connect", &udp(&other), "--source", "no-address"]).input("hola").finish();
    wrong.ends_with(2).said("port is missing");
    let (at, far) = common::far::server(|stream| stream.peer_addr().unwrap());
    puerta(["connect", &at.to_string(), "--source", "127.0.0.9"]).finish().ends_with(0);
    assert_eq!(far.join().unwrap().ip().to_string(), "127.0.0.9");
}

#[test]
fn our_own_port_can_be_chosen() {
    let (other, port) = (server(), free_port());
    let source = format!("127.0.0.1:{port}");
    puerta(["connect", &udp(&other), "--source", &source]).input("hola").finish().ends_with(0);
    assert_eq!(receive(&other).1, source.parse().unwrap());
    let taken = puerta(["listen", &udp(&other)]).finish();
    taken.ends_with(5).said("EADDRINUSE").said(&other.local_addr().unwrap().to_string());
}

/// Each other program as a client of our listener: a line each way.
#[test]
fn clients_of_other_makes_talk_to_our_listener() {
    for client in ["nc", "ncat", "socat"] {
        let mut ours = puerta(["listen", "udp:127.0.0.1:0"]).open_input().start();
        let port = ours.port().to_string();
        let other = match client {
            "socat" => peer(client, ["-".to_owned(), format!("UDP4:127.0.0.1:{port}")]),
            _ => peer(client, ["-u", "127.0.0.1", &port]),
        };
        let mut other = other.open_input().start();
        other.greets(&mut ours);
        ours.signal("TERM");
        ours.finish().ends_with(0).wrote("hola, servidor\n");
    }
}

/// And as a server of our client.
#[test]
fn servers_of_other_makes_talk_to_our_client() {
    for server in ["nc", "ncat", "socat"] {
        let port = free_port();
        let address = port.to_string();
        let other = match server {
            "nc" => peer(server, ["-u", "-l", "127.0.0.1", &address]),
            "ncat" => peer(server, ["-4", "-u", "-l", "127.0.0.1", &address]),
            _ => peer(server, ["-".to_owned(), format!("UDP4-LISTEN:{port},bind=127.0.0.1")]),
        };
        let mut other = other.open_input().start().takes_datagrams_on(port);
        let mut ours = puerta(["connect", &format!("udp:127.0.0.1:{port}")]).open_input().start();
        ours.greets(&mut other);
        ours.end_input();
        ours.finish().ends_with(0).wrote("hola, cliente\n").said("sent 15 bytes, received 14 bytes");
    }
}

#[test]
fn socat_gets_and_gives_the_longest_datagram_whole() {
    let folder = Folder::new("socat-longest");
    let bytes = noise(5, LONGEST_V6);
    let (file, room) = (folder.file("bytes", &bytes), LONGEST_V6.to_string());
    let ours = puerta(["listen", "udp:[::1]:0"]).start();
    let to = format!("UDP6:[::1]:{}", ours.port());
    peer("socat", ["-u", "-b", &room, &format!("OPEN:{}", file.display()), &to]).finish().ends_with(0);
    ours.writes_len(LONGEST_V6).signal("TERM");
    ours.finish().ends_with(0).wrote(&bytes);

    let port = free_port();
    let from = format!("UDP6-RECV:{port},bind=[::1]");
    let other = peer("socat", ["-u", "-b", &room, &from, "-"]).start().takes_datagrams_on(port);
    let to = format!("udp:[::1]:{port}");
    puerta(["connect", &to, "--whole"]).stdin_file(&file).finish().ends_with(0);
    other.writes_len(LONGEST_V6);
    same(&other.stdout(), &bytes);
}

#[test]
fn many_short_lines_are_as_many_datagrams() {
    let other = server();
    let ours = puerta(["connect", &udp(&other)]).input("\n".repeat(20_000)).finish();
    ours.ends_with(0).said("sent 20000 bytes");
    assert_eq!(receive(&other).0, b"\n");
}
