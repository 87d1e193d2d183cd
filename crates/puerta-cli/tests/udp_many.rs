//! UDP with many peers at once, and with a program for each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::Folder;
use common::udp::{Client, limited, receive};
use common::{puerta, shell};
use puerta::io::{self, Events, PollFd};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

#[test]
fn three_peers_at_once_get_their_own_answers_from_the_address_that_they_asked() {
    let ours = puerta(["listen", "udp::0", "--", "cat"]).start();
    let port = ours.port();
    let hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"];
    let clients: Vec<Client> = hosts.iter().map(|h| Client::to(SocketAddr::new(h.parse().unwrap(), port))).collect();
    for round in 0..3 {
        for (host, client) in hosts.iter().zip(&clients) {
            client.send(format!("{host} {round}\n"));
        }
    }
    for round in 0..3 {
        for (host, client) in hosts.iter().zip(&clients) {
            client.gets(format!("{host} {round}\n"));
        }
    }
    ours.signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn our_input_goes_to_the_last_peer_from_the_address_that_it_asked() {
    let mut ours = puerta(["listen", "udp::0"]).open_input().start();
    let port = ours.port();
    for host in ["127.0.0.3", "127.0.0.1", "127.0.0.2", "::1"] {
        let client = Client::to(SocketAddr::new(host.parse().unwrap(), port));
        client.send(format!("I am at {host}\n"));
        ours.writes(format!("I am at {host}\n"));
        ours.send(format!("hola {host}\n"));
        client.gets(format!("hola {host}\n"));
    }
    ours.signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn input_waits_for_the_first_peer() {
    let ours = puerta(["listen", "udp:127.0.0.1:0"]).input("hola\n").start();
    Client::of(&ours).send("?").gets("hola\n");
    ours.signal("INT");
    ours.finish().ends_with(0);
}

#[test]
fn a_listener_survives_peers_that_have_gone() {
    let mut ours = puerta(["listen", "udp:127.0.0.1:0"]).open_input().start();
    for _ in 0..3 {
        let client = Client::of(&ours);
        client.send("I go\n");
        ours.writes("I go\n");
        drop(client);
        ours.send("where are you?\n");
    }
    let client = Client::of(&ours);
    client.send("here");
    ours.writes("here");
    ours.send("hola\n");
    loop {
        // What was sent to those who have gone may come late, and then to this one.
        if client.text() == "hola\n" {
            break;
        }
    }
    ours.signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn a_listener_serves_on_after_the_end_of_its_input_and_without_one() {
    let with_end = puerta(["listen", "udp:127.0.0.1:0"]).start();
    let line = "\"$PUERTA\" listen udp:127.0.0.1:0 <&-";
    let without = shell(line).start();
    for ours in [with_end, without] {
        Client::of(&ours).send("one\n");
        ours.writes("one\n");
        Client::of(&ours).send("two\n");
        ours.writes("two\n").signal("TERM");
    }
}

#[test]
fn what_one_peer_sends_all_others_get() {
    let mut ours = puerta(["listen", "udp:127.0.0.1:0", "--broadcast"]).open_input().start();
    let clients = [Client::of(&ours), Client::of(&ours), Client::of(&ours)];
    for (n, client) in clients.iter().enumerate() {
        client.send(format!("{n} is here\n"));
        ours.writes(format!("{n} is here\n"));
    }
    clients[0].gets("1 is here\n").gets("2 is here\n").send("hola\n");
    clients[1].gets("2 is here\n").gets("hola\n");
    clients[2].gets("hola\n");
    ours.send("to all\n").end_input();
    for client in &clients {
        client.gets("to all\n");
    }
    clients[1].send("still\n");
    clients[0].gets("still\n");
    ours.writes("still\n").signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn an_output_that_nobody_reads_stops_no_input() {
    let (_reader, writer) = std::io::pipe().unwrap();
    let full = writer.try_clone().unwrap();
    let mut ours = puerta(["listen", "udp:127.0.0.1:0"]).stdout(writer).open_input().start();
    let client = Client::of(&ours);
    ours.until("full pipe", |_| {
        client.send([b'x'; 60_000]);
        io::poll(&mut [PollFd::new(&full, Events::WRITE)], Some(Duration::ZERO)).unwrap() == 0
    });
    ours.send("hola\n");
    client.gets("hola\n");
    ours.signal("TERM");
    ours.finish().ends_with(8).said("were not written");
}

#[test]
fn each_line_shows_its_peer() {
    let ours = puerta(["listen", "udp::0", "--show-peer"]).start();
    let client = Client::to(SocketAddr::from(([127, 0, 0, 1], ours.port())));
    client.send("one\ntwo");
    let at = client.address();
    ours.writes(format!("[{at}] one\n[{at}] two\n")).signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn more_peers_than_max_are_told_once_and_served_when_others_are_forgotten() {
    let ours = puerta(["listen", "udp:127.0.0.1:0", "--max", "2", "--idle", "3s", "-v"]).start();
    let clients = [Client::of(&ours), Client::of(&ours), Client::of(&ours)];
    for (n, client) in clients.iter().take(2).enumerate() {
        client.send(format!("{n}\n"));
        ours.writes(format!("{n}\n"));
    }
    clients[2].send("not now\n");
    ours.says(&format!("{} and others are not served: 2 peers are here (--max)", clients[2].address()));
    clients[2].send("nor now\n");
    ours.says(&format!("{} is forgotten", clients[0].address()));
    clients[2].send("now\n");
    ours.writes("now\n").signal("TERM");
    let done = ours.finish();
    done.ends_with(0).wrote("0\n1\nnow\n");
    assert_eq!(done.stderr.matches("are not served").count(), 1);
}

#[test]
fn input_waits_while_the_only_peer_is_forgotten() {
    let mut ours = puerta(["listen", "udp:127.0.0.1:0", "--idle", "1s", "-v"]).open_input().start();
    Client::of(&ours).send("one\n");
    ours.says("is forgotten");
    ours.send("hola\n");
    Client::of(&ours).send("two\n").gets("hola\n");
}

#[test]
fn each_peer_has_a_child_of_its_own() {
    let script = "n=0; while read -r line; do n=$((n+1)); echo \"$PUERTA_PEER $n $line\"; done";
    let ours = puerta(["listen", "udp::0", "--", "sh", "-c", script]).start();
    let at = SocketAddr::from(([127, 0, 0, 1], ours.port()));
    let clients = [Client::to(at), Client::to(at), Client::to(at)];
    for (n, word) in [(1, "uno"), (2, "dos")] {
        for client in &clients {
            client.send(format!("{word}\n"));
        }
        for client in &clients {
            client.gets(format!("{} {n} {word}\n", client.address()));
        }
    }
}

#[test]
fn a_child_that_ends_is_followed_by_another() {
    let ours = puerta(["listen", "udp:127.0.0.1:0", "-v", "--", "sh", "-c", "read -r line; echo $$"]).start();
    let client = Client::of(&ours);
    let first = client.send("one\n").text();
    ours.says("is forgotten");
    assert_ne!(first, client.send("two\n").text());
    let failing = puerta(["listen", "udp:127.0.0.1:0", "--", "sh", "-c", "read -r line; exit 3"]).start();
    Client::of(&failing).send("one\n");
    failing.says("sh ended with exit status: 3").signal("TERM");
    failing.finish().ends_with(0);
}

#[test]
fn a_child_that_outlives_its_peer_takes_nothing_from_the_next() {
    let folder = Folder::new("outlives");
    let script =
        format!("while read -r line; do echo $$; done; until [ -e {} ]; do sleep 0.02; done", folder.name("go"));
    let ours = puerta(["listen", "udp:127.0.0.1:0", "--idle", "1s", "-v", "--", "sh", "-c", &script]).start();
    let client = Client::of(&ours);
    let first = client.send("one\n").text();
    ours.says("is forgotten");
    let second = client.send("two\n").text();
    assert_ne!(first, second);
    folder.file("go", "");
    let gone = format!("/proc/{}", first.trim());
    ours.until("end of the first child", |_| {
        // Heard now and then, the peer stays known.
        assert_eq!(client.send("still there?\n").text(), second);
        !std::path::Path::new(&gone).exists()
    });
    assert_eq!(client.send("three\n").text(), second);
}

#[test]
fn what_a_child_takes_no_more_is_told_once_and_counted() {
    let folder = Folder::new("takes-no-more");
    let (go, out) = (folder.name("go"), folder.path("out"));
    let script = format!("until [ -e {go} ]; do sleep 0.02; done; cat >{}", out.display());
    let ours = puerta(["listen", "udp:127.0.0.1:0", "--", "sh", "-c", &script]).start();
    let client = Client::of(&ours);
    for _ in 0..1000 {
        client.send([b'x'; 1000]);
    }
    // Told when no more are dropped, though nothing was taken since.
    ours.says("datagrams were dropped");
    let said = ours.stderr();
    assert_eq!(said.matches("takes too little").count(), 1, "{said}");
    folder.file("go", "");
    let mut last = None::<Instant>;
    ours.until("end of what was taken", |_| {
        // Now and then: what is too much is dropped, too.
        if last.is_none_or(|last| last.elapsed() > Duration::from_millis(50)) {
            client.send("end");
            last = Some(Instant::now());
        }
        std::fs::read(&out).is_ok_and(|taken| taken.ends_with(b"end"))
    });
    ours.signal("TERM");
    let done = ours.finish();
    let number = |text: &str, before: &str, after: &str| -> usize {
        text.split(after).next().unwrap().rsplit(before).next().unwrap().parse().unwrap()
    };
    let told = said.lines().filter(|line| line.ends_with("dropped") && !line.contains("takes too little"));
    let dropped: usize = told.map(|line| number(line, ": ", " datagram")).sum();
    let taken = std::fs::read(&out).unwrap().iter().filter(|byte| **byte == b'x').count();
    let received = number(&done.ends_with(0).stderr, "received ", " bytes; stopped");
    assert_eq!(received / 1000, taken / 1000 + dropped, "{said}");
}

#[test]
fn a_child_that_only_prints_keeps_its_peer() {
    let script = "read -r line; for n in 1 2 3 4 5 6; do echo $n; sleep 0.4; done; read -r line; echo $line";
    let ours = puerta(["listen", "udp:127.0.0.1:0", "--idle", "1s", "--", "sh", "-c", script]).start();
    let client = Client::of(&ours);
    client.send("start\n");
    for n in 1..=6 {
        client.gets(format!("{n}\n"));
    }
    client.send("the same child\n").gets("the same child\n");
}

#[test]
fn an_answer_to_a_broadcast_comes_from_an_address_of_ours() {
    let mut ours = puerta(["listen", "udp:0.0.0.0:0"]).open_input().start();
    let client = limited(UdpSocket::bind("127.0.0.1:0").unwrap());
    client.set_broadcast(true).unwrap();
    client.send_to(b"anyone?\n", ("127.255.255.255", ours.port())).unwrap();
    ours.writes("anyone?\n");
    ours.send("me\n");
    let (bytes, from) = receive(&client);
    assert_eq!((bytes.as_slice(), from), (&b"me\n"[..], SocketAddr::from(([127, 0, 0, 1], ours.port()))));
}
