//! `talk --plain` as text: with `nc -u`, with socat, with another puerta, and as a hub.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::{Folder, free_port};
use common::udp::{Client, close, limited, receive, server};
use common::{Running, contains, peer, puerta, wait_until};
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

const UNPROTECTED: &str = "plain: nothing is encrypted and names are not checked";

/// A hub of the text wire on a port of its own.
fn hub(more: &[&str]) -> Running {
    puerta([&["talk", "--plain", "--listen", "127.0.0.1:0"], more].concat()).open_input().start()
}

#[test]
fn nc_and_puerta_exchange_lines_both_ways() {
    let port = free_port();
    let mut nc = peer("nc", ["-u", "-l", "127.0.0.1", &port.to_string()]).open_input().start().takes_datagrams_on(port);
    let mut ours = puerta(["talk", "--plain", &format!("127.0.0.1:{port}")]).open_input().start();
    ours.send("hola, nc\n");
    nc.writes("hola, nc\n");
    nc.send("hola, puerta\n");
    ours.writes(format!("~127.0.0.1:{port}: hola, puerta\n"));
    ours.send("adiós\n");
    nc.writes("hola, nc\nadiós\n");
    ours.end_input();
    let done = ours.finish();
    done.ends_with(0).said("no more answers came");
    assert!(done.stderr.starts_with(UNPROTECTED), "{}", done.stderr);
}

#[test]
fn socat_and_puerta_exchange_lines_both_ways() {
    let port = free_port();
    let address = format!("UDP4-LISTEN:{port},bind=127.0.0.1");
    let mut socat = peer("socat", ["-", &address]).open_input().start().takes_datagrams_on(port);
    let mut ours = puerta(["talk", "--plain", &format!("127.0.0.1:{port}")]).open_input().start();
    ours.send("hola, socat\n");
    socat.writes("hola, socat\n");
    socat.send("hola, puerta\n");
    ours.writes(": hola, puerta\n");
    ours.end_input();
    ours.finish().ends_with(0);
}

#[test]
fn nc_and_socat_talk_through_our_hub_and_so_do_we() {
    let mut ours = hub(&[]);
    let port = ours.port().to_string();
    let mut nc = peer("nc", ["-u", "127.0.0.1", &port]).open_input().start();
    nc.send("soy nc\n");
    ours.writes(": soy nc\n");
    let mut socat = peer("socat", ["-", &format!("UDP4:127.0.0.1:{port}")]).open_input().start();
    socat.send("soy socat\n");
    nc.writes("soy socat\n");
    ours.send("soy puerta\n");
    nc.writes("soy socat\nsoy puerta\n");
    nc.send("hola a todos\n");
    socat.writes("soy puerta\nhola a todos\n");
    ours.signal("TERM");
    let done = ours.finish();
    done.ends_with(0).said("listening on 127.0.0.1:").said("only this machine can reach this");
    done.said(&format!("from this machine: puerta talk --plain 127.0.0.1:{port}, or nc -u 127.0.0.1 {port}"));
}

#[test]
fn two_puertas_with_fixed_ports_talk_like_the_classic() {
    let (here, there) = (free_port(), free_port());
    let start = |own: u16, other: u16| {
        puerta(["talk", "--plain", &format!("127.0.0.1:{other}"), "--source", &format!(":{own}")]).open_input().start()
    };
    let mut first = start(here, there).takes_datagrams_on(here);
    first.send("is anybody there?\n");
    first.says("the talk goes on");
    let mut second = start(there, here).takes_datagrams_on(there);
    first.send("hola\n");
    second.writes(format!("~127.0.0.1:{here}: hola\n"));
    second.send("qué tal\n");
    first.writes(format!("~127.0.0.1:{there}: qué tal\n"));
    first.send("/quit\n");
    second.signal("INT");
    first.finish().ends_with(0);
    second.finish().ends_with(130);
}

#[test]
fn each_is_answered_from_the_address_that_it_asked() {
    let mut ours = puerta(["talk", "--plain", "--listen", ":0"]).open_input().start();
    let port = ours.port();
    let hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"];
    // Each takes datagrams from the address alone that it asked.
    let clients: Vec<Client> = hosts.iter().map(|h| Client::to(SocketAddr::new(h.parse().unwrap(), port))).collect();
    for client in &clients {
        client.send("here\n");
        ours.writes(format!("~{}: here\n", client.address()));
    }
    ours.send("to all\n");
    for (n, client) in clients.iter().enumerate() {
        for _ in n + 1..clients.len() {
            client.gets("here\n");
        }
        client.gets("to all\n");
    }
}

#[test]
fn a_line_for_a_hub_waits_for_the_first_member() {
    let ours = puerta(["talk", "--plain", "--listen", "127.0.0.1:0"]).input("hola\nadiós\n").start();
    Client::of(&ours).send("?\n").gets("hola\n").gets("adiós\n");
    ours.signal("INT");
    ours.finish().ends_with(0);
}

#[test]
fn a_flood_is_told_to_its_sender_and_to_the_hub_and_the_others_talk_on() {
    let ours = hub(&[]);
    let (quiet, flood) = (Client::of(&ours), Client::of(&ours));
    quiet.send("here\n");
    ours.writes(": here\n");
    let began = Instant::now();
    for n in 0..200 {
        flood.send(format!("flood {n}\n"));
    }
    flood.gets("Too many messages; slow down (20/s).\n");
    ours.says("Too many messages; slow down (20/s).");
    quiet.send("still here\n");
    ours.writes(": still here\n");
    // The quota grows by 20 a second.
    let most = 60 + 20 * began.elapsed().as_secs() as usize;
    ours.signal("TERM");
    let done = ours.finish();
    let shown = String::from_utf8_lossy(&done.stdout).matches(": flood ").count();
    assert!((40..most).contains(&shown), "{shown} of 200 were shown, where {most} may be");
}

#[test]
fn a_pipe_that_is_faster_than_the_quota_loses_nothing_to_the_hub() {
    let ours = hub(&[]);
    let lines: String = (0..70).map(|n| format!("line {n}\n")).collect();
    let done = puerta(["talk", "--plain", &ours.address()]).input(lines).finish();
    done.ends_with(0);
    ours.writes(": line 69\n").signal("TERM");
    let done = ours.finish();
    assert_eq!(String::from_utf8_lossy(&done.stdout).matches(": line ").count(), 70);
    done.never_said("Too many");
}

#[test]
fn nobody_there_is_a_message_and_a_pipe_that_reached_nobody_is_status_6() {
    let socket = server();
    let address = socket.local_addr().unwrap();
    close(socket);
    let done = puerta(["talk", "--plain", &address.to_string()]).input("hola\n").finish();
    done.ends_with(6).said("connection refused (ECONNREFUSED); the talk goes on").said("nobody listens there");
}

#[test]
fn a_name_of_two_addresses_reaches_the_one_that_listens() {
    let server = server();
    let port = server.local_addr().unwrap().port();
    let mut ours = puerta(["talk", "--plain", &format!("localhost:{port}")]).open_input().start();
    ours.send("hola\n");
    let (bytes, from) = receive(&server);
    assert_eq!(bytes, b"hola\n");
    server.send_to(b"hola tambien", from).unwrap();
    ours.writes(": hola tambien\n");
    ours.end_input();
    ours.finish().ends_with(0);
}

#[test]
fn an_address_that_a_firewall_forbids_is_not_the_end_and_the_next_one_is_tried() {
    if std::process::Command::new("nft").arg("--version").output().is_err() {
        return eprintln!("not tried: nft is missing: apt-get install nftables");
    }
    let folder = Folder::new("forbidden");
    folder.file("hosts", "::1 two-doors\n127.0.0.1 two-doors\n");
    let rule = "udp dport 7778 ip6 daddr ::1 reject with icmpv6 type admin-prohibited";
    for (to, refused) in [("two-doors:7778", "127.0.0.1:7778: connection refused"), ("[::1]:7778", "the talk goes on")]
    {
        let line = format!(
            "set -e; ip link set lo up; nft 'add table inet t; add chain inet t i {{ type filter hook input priority 0; }};
            add rule inet t i {rule}'; mount --bind '{}' /etc/hosts; exec '{}' talk --plain -v {to}",
            folder.name("hosts"),
            env!("CARGO_BIN_EXE_puerta")
        );
        let done = peer("unshare", ["-r", "-m", "-n", "sh", "-c", &line]).input("hola\n").finish();
        done.ends_with(6).said("[::1]:7778").said("EACCES").said(refused);
    }
}

#[test]
fn long_empty_and_broken_datagrams_are_messages_like_any_other() {
    let server = server();
    let mut ours = puerta(["talk", "--plain", &server.local_addr().unwrap().to_string()]).open_input().start();
    ours.send("hola\n");
    let from = receive(&server).1;
    let long = "x".repeat(60_000);
    for bytes in [long.as_bytes(), b"", b"two\nlines\n", b"caf\xe9\n"] {
        server.send_to(bytes, from).unwrap();
    }
    let name = format!("~{}", server.local_addr().unwrap());
    ours.writes(format!("{name}: {long}\n{name}: \n{name}: two\n{name}: lines\n"));
    ours.writes([name.as_bytes(), b": caf\xe9\n"].concat()).says("sent a frame that is not UTF-8");
    ours.send("/quit\n");
    ours.finish().ends_with(0);
}

#[test]
fn what_is_too_long_or_not_utf8_is_told_and_not_sent_at_all() {
    let server = server();
    let mut input = "x".repeat(65_507).into_bytes();
    input.extend_from_slice(b"\n\xff\nfits\n");
    let done = puerta(["talk", "--plain", &server.local_addr().unwrap().to_string()]).input(input).finish();
    assert_eq!(receive(&server).0, b"fits\n");
    done.ends_with(8).said("not sent: the text has 65507 bytes, and this wire carries 65506 at most");
    done.said("not sent: the text is not UTF-8");
}

#[test]
fn json_has_each_event_on_a_line_of_stdout() {
    let mut ours = hub(&["--json"]);
    ours.says("\"event\":\"listening\"");
    let stderr = ours.stderr();
    let port =
        stderr.split("\"port\":").nth(1).and_then(|rest| rest.split(',').next()).unwrap().parse::<u16>().unwrap();
    let client = Client::to(SocketAddr::from(([127, 0, 0, 1], port)));
    client.send("h\u{1b}ola\n");
    ours.writes("\"text\":\"h\\u001bola\"");
    ours.send("hola\n");
    client.gets("hola\n");
    ours.signal("TERM");
    let done = ours.finish();
    let lines = String::from_utf8(done.stdout.clone()).unwrap();
    let events: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["joined", "message"], "{lines}");
    let address = client.address().to_string();
    assert_eq!((&events[1]["address"], &events[1]["from"]), (&address.as_str().into(), &format!("~{address}").into()));
    assert!(events[1]["at"].as_str().unwrap().ends_with('Z'), "{lines}");
    done.ends_with(0).said("\"event\":\"plain\"");
}

#[test]
fn a_hub_forgets_who_was_silent_and_goes_on() {
    let ours = hub(&["--idle", "1s"]);
    let client = Client::of(&ours);
    client.send("one\n");
    ours.says(&format!("~{} is here", client.address())).says("has left: nothing came from there for a while");
    client.send("two\n");
    ours.writes(": two\n");
}

#[test]
fn signals_end_a_talk_with_their_status_and_a_hub_with_0() {
    let server = server();
    let address = server.local_addr().unwrap().to_string();
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let mut ours = puerta(["talk", "--plain", &address]).open_input().start();
        ours.send("hola\n");
        receive(&server);
        ours.signal(signal);
        ours.finish().ends_with(status);
        let hub = hub(&[]);
        hub.address();
        hub.signal(signal);
        hub.finish().ends_with(0);
    }
}

#[test]
fn one_to_one_takes_datagrams_from_its_peer_alone() {
    let server = server();
    let mut ours = puerta(["talk", "--plain", &server.local_addr().unwrap().to_string()]).open_input().start();
    ours.send("hola\n");
    let from = receive(&server).1;
    let stranger = limited(UdpSocket::bind("127.0.0.1:0").unwrap());
    let _ = stranger.send_to(b"forged\n", from);
    server.send_to(b"genuine\n", from).unwrap();
    ours.writes(": genuine\n");
    ours.end_input();
    let done = ours.finish();
    assert!(!contains(&done.stdout, b"forged"));
}

#[test]
fn a_hub_says_that_it_is_full_only_by_its_limit_and_ends_clean() {
    let ours = hub(&[]);
    let clients: Vec<Client> = (0..50).map(|_| Client::of(&ours)).collect();
    for client in &clients {
        client.send("hola\n");
    }
    wait_until("50 members", || ours.stderr().matches(" is here").count() == 50);
    ours.signal("TERM");
    ours.finish().ends_with(0).never_said("not served");
}
