//! Unix datagrams: whole, answered to whoever has a name, and never stuck on a peer that takes nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::{Folder, noise, wait_until_dead};
use common::udp::datagram;
use common::{LIMIT, Running, peer, puerta, same};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

/// Twice as much in the kernel's count, and within what every system allows (net.core.wmem_max is 208 KiB by default).
const ROOM: &str = "send-buffer=208k";

fn address(path: &Path) -> String {
    format!("unix-dgram:{}", path.display())
}

fn bound(path: &Path) -> UnixDatagram {
    limited(UnixDatagram::bind(path).unwrap())
}

fn limited(socket: UnixDatagram) -> UnixDatagram {
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    socket
}

/// A client with a path of its own.
fn client(folder: &Folder, name: &str) -> UnixDatagram {
    let socket = bound(&folder.path(name));
    socket.connect(folder.path("door")).unwrap();
    socket
}

fn receive(socket: &UnixDatagram) -> (Vec<u8>, SocketAddr) {
    datagram(500_000, |buffer| socket.recv_from(buffer))
}

#[track_caller]
fn gets(socket: &UnixDatagram, expected: impl AsRef<[u8]>) {
    same(&receive(socket).0, expected.as_ref());
}

fn listen(folder: &Folder, options: &[&str]) -> Running {
    let path = folder.path("door");
    let ours = puerta(["listen", &address(&path)].iter().chain(options)).open_input().start();
    ours.listens_at(&path)
}

#[test]
fn a_datagram_of_400_000_bytes_arrives_whole_both_ways() {
    let folder = Folder::new("long");
    let path = folder.path("door");
    let (there, back) = (noise(1, 400_000), noise(2, 400_000));
    let at = format!("{},{ROOM}", address(&path));
    let mut server = puerta(["listen", &at, "--whole"]).open_input().start().listens_at(&path);
    let client = puerta(["connect", &at, "--whole", "--idle", "20s"]).input(there.clone()).start();
    server.writes_len(there.len());
    server.send(&back).end_input();
    client.writes_len(back.len()).signal("TERM");
    client.finish().ends_with(0).wrote(&back);
    server.signal("TERM");
    server.finish().ends_with(0).wrote(&there);
}

#[test]
fn a_datagram_that_is_too_long_is_told_with_the_limit() {
    let folder = Folder::new("too-long");
    let ours = listen(&folder, &[]);
    let to = format!("{},send-buffer=64k", address(&folder.path("door")));
    let refused = puerta(["connect", &to, "--whole"]).input(noise(1, 200_000)).finish();
    refused.ends_with(7).said("EMSGSIZE").said("net.core.wmem_max over Unix sockets");
    ours.signal("TERM");
    ours.finish().ends_with(0).wrote("");
}

#[test]
fn an_answer_reaches_a_peer_with_a_path_and_one_with_a_name_that_the_kernel_chose() {
    let folder = Folder::new("answers");
    let to = address(&folder.path("door"));
    let mut ours = listen(&folder, &[]);
    for source in [None, Some(folder.name("own"))] {
        let source = source.iter().flat_map(|path| ["--source", path]);
        let args: Vec<&str> = ["connect", to.as_str()].into_iter().chain(source).collect();
        let mut other = puerta(&args).open_input().start();
        let question = format!("from {}\n", args.last().unwrap());
        other.send(&question);
        ours.writes(&question);
        ours.send("answer\n");
        other.writes("answer\n");
        other.end_input();
        other.finish().ends_with(0).wrote("answer\n").said("received 7 bytes; no more answers came");
    }
    ours.signal("TERM");
    ours.finish().ends_with(0);
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_peer_without_a_name_is_heard_and_our_input_waits_for_one_with_a_name() {
    let folder = Folder::new("unnamed");
    let mut ours = listen(&folder, &["-v"]);
    let unnamed = UnixDatagram::unbound().unwrap();
    unnamed.connect(folder.path("door")).unwrap();
    unnamed.send(b"who am I?\n").unwrap();
    ours.writes("who am I?\n");
    ours.send("you are\n");
    let named = client(&folder, "named");
    named.send(b"and I?\n").unwrap();
    gets(&named, "you are\n");
    ours.signal("TERM");
    ours.finish().ends_with(0).never_said("not sent");
}

#[test]
fn an_answer_of_a_command_to_a_peer_without_a_name_is_told() {
    let folder = Folder::new("no-way-back");
    let ours = listen(&folder, &["--", "cat"]);
    let unnamed = UnixDatagram::unbound().unwrap();
    unnamed.send_to(b"hola\n", folder.path("door")).unwrap();
    ours.says("an answer was not sent: the peer's socket has no name");
    let named = client(&folder, "named");
    named.send(b"hola\n").unwrap();
    gets(&named, "hola\n");
}

#[test]
fn three_peers_at_once_get_their_own_answers() {
    let folder = Folder::new("three");
    let script = "while read -r line; do echo \"$PUERTA_PEER $line\"; done";
    let ours = listen(&folder, &["--", "sh", "-c", script]);
    let names = ["a", "b", "c"];
    let clients = names.map(|name| client(&folder, name));
    for word in ["uno", "dos"] {
        for client in &clients {
            client.send(format!("{word}\n").as_bytes()).unwrap();
        }
        for (name, client) in names.iter().zip(&clients) {
            gets(client, format!("{} {word}\n", folder.name(name)));
        }
    }
    ours.signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn an_empty_datagram_ends_nothing() {
    let folder = Folder::new("empty");
    let ours = listen(&folder, &[]);
    let other = client(&folder, "other");
    for part in ["", "one", "", "two"] {
        other.send(part.as_bytes()).unwrap();
    }
    ours.writes("onetwo").signal("TERM");
    ours.finish().ends_with(0).wrote("onetwo");

    let server = bound(&folder.path("server"));
    let ours = puerta(["connect", &address(&folder.path("server")), "--whole", "--idle", "20s"]).start();
    let (bytes, from) = receive(&server);
    assert_eq!(bytes, b"");
    for part in ["", "one", "", "two"] {
        server.send_to_addr(part.as_bytes(), &from).unwrap();
    }
    ours.writes("onetwo").signal("TERM");
    ours.finish().ends_with(0).wrote("onetwo");
}

#[test]
fn a_peer_that_takes_nothing_stops_nobody_else_and_loses_nothing() {
    let folder = Folder::new("stuck");
    let mut ours = listen(&folder, &[]);
    // The kernel limits the queue of a socket that is not connected to us.
    let stuck = bound(&folder.path("stuck"));
    stuck.send_to(b"I am here\n", folder.path("door")).unwrap();
    ours.writes("I am here\n");
    let lines: Vec<String> = (0..200).map(|n| format!("line {n}\n")).collect();
    ours.send(lines.concat());
    let other = client(&folder, "other");
    other.send(b"and I\n").unwrap();
    ours.writes("and I\n");
    // What waited for the first goes there, and the rest to whoever was heard last.
    let mut got = Vec::new();
    stuck.set_nonblocking(true).unwrap();
    other.set_nonblocking(true).unwrap();
    let mut buffer = [0; 100];
    ours.until("all lines at one of both", |_| {
        for socket in [&stuck, &other] {
            while let Ok(n) = socket.recv(&mut buffer) {
                got.push(String::from_utf8_lossy(&buffer[..n]).into_owned());
            }
        }
        got.len() >= lines.len()
    });
    got.sort();
    let mut expected = lines;
    expected.sort();
    assert_eq!(got, expected);
    ours.signal("TERM");
    ours.finish().ends_with(0).never_said("takes too little");
}

#[test]
fn a_member_that_takes_nothing_is_told_and_the_others_get_everything() {
    let folder = Folder::new("behind");
    let ours = listen(&folder, &["--broadcast"]);
    let stuck = bound(&folder.path("stuck"));
    let others = ["a", "b"].map(|name| client(&folder, name));
    for (n, socket) in [&stuck, &others[1], &others[0]].iter().enumerate() {
        socket.send_to(format!("{n} is here\n").as_bytes(), folder.path("door")).unwrap();
        ours.writes(format!("{n} is here\n"));
    }
    gets(&others[1], "2 is here\n");
    for n in 0..50 {
        others[0].send(format!("{n}\n").as_bytes()).unwrap();
        gets(&others[1], format!("{n}\n"));
    }
    ours.says(&format!("{} takes too little", folder.name("stuck")));
}

#[test]
fn a_peer_that_has_gone_is_told_and_forgotten() {
    let folder = Folder::new("gone");
    let mut ours = listen(&folder, &["-v"]);
    for leaves_its_path in [true, false] {
        let other = client(&folder, "other");
        other.send(b"hola\n").unwrap();
        ours.writes("hola\n");
        drop(other);
        wait_until_dead(&folder.path("other"));
        if !leaves_its_path {
            std::fs::remove_file(folder.path("other")).unwrap();
        }
        ours.send("where are you?\n");
        ours.says(if leaves_its_path { "ECONNREFUSED" } else { "ENOENT" });
        let _ = std::fs::remove_file(folder.path("other"));
    }
    let next = client(&folder, "next");
    next.send(b"here\n").unwrap();
    ours.writes("here\n");
    ours.send("hola\n");
    gets(&next, "hola\n");
    ours.signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn a_server_that_is_not_there_or_has_gone_is_told_by_name() {
    let folder = Folder::new("nobody");
    let path = folder.path("door");
    let connect = || puerta(["connect", &address(&path)]);
    connect().finish().ends_with(6).said(&folder.name("door")).said("ENOENT").said("hint: no such path");
    drop(bound(&path));
    wait_until_dead(&path);
    connect().finish().ends_with(6).said("ECONNREFUSED").said("hint: nothing listens on that path");
    std::fs::remove_file(&path).unwrap();
    let server = bound(&path);
    let mut ours = connect().open_input().start();
    ours.send("one\n");
    let (_, from) = receive(&server);
    server.send_to_addr(b"1\n", &from).unwrap();
    ours.writes("1\n");
    drop(server);
    wait_until_dead(&path);
    ours.send("two\n");
    ours.finish().ends_with(6).said(&folder.name("door")).said("ECONNREFUSED");
    let stream = std::os::unix::net::UnixListener::bind(folder.path("stream")).unwrap();
    let wrong = puerta(["connect", &address(&folder.path("stream"))]).finish();
    wrong.ends_with(6).said("EPROTOTYPE").said("hint: a socket of another type has that path");
    drop(stream);
}

#[test]
fn an_abstract_name_is_listened_on_and_answered_from() {
    let name = format!("unix-dgram:@puerta-datagrams-{}", std::process::id());
    let mut ours = puerta(["listen", &name]).open_input().start();
    ours.address();
    let mut other = puerta(["connect", &name]).open_input().start();
    other.send("hola\n");
    ours.writes("hola\n");
    ours.send("hola tu\n");
    other.writes("hola tu\n");
    puerta(["listen", &name]).finish().ends_with(5).said("EADDRINUSE");
}

#[test]
fn clients_of_other_makes_talk_to_our_listener() {
    let folder = Folder::new("clients");
    let door = folder.name("door");
    let clients = [
        peer("nc", ["-u", "-U", &door]),
        peer("socat", ["-", &format!("UNIX-SENDTO:{door},bind={}", folder.name("socat"))]),
        peer("socat", ["-", &format!("UNIX-CLIENT:{door},bind={},socktype=2", folder.name("socat-2"))]),
    ];
    for client in clients {
        let mut ours = listen(&folder, &[]);
        let mut other = client.open_input().start();
        other.greets(&mut ours);
        ours.signal("TERM");
        ours.finish().ends_with(0).wrote("hola, servidor\n");
    }
    let ours = listen(&folder, &[]);
    peer("ncat", ["-u", "-U", &door])
        .input("hola, servidor\n")
        .start()
        .until("datagram", |_| ours.stdout().len() == 15);
    ours.signal("TERM");
    ours.finish().ends_with(0).wrote("hola, servidor\n");
}

#[test]
fn servers_of_other_makes_talk_to_our_client() {
    let folder = Folder::new("servers");
    let path = folder.path("door");
    let door = folder.name("door");
    let servers = [peer("socat", ["-", &format!("UNIX-RECVFROM:{door}")]), peer("nc", ["-l", "-u", "-U", &door])];
    for server in servers {
        let _ = std::fs::remove_file(&path);
        let mut other = server.open_input().start().listens_at(&path);
        let mut ours = puerta(["connect", &address(&path)]).open_input().start();
        ours.greets(&mut other);
        ours.end_input();
        ours.finish().ends_with(0).wrote("hola, cliente\n");
    }
    for (n, server) in
        [peer("socat", ["-u", &format!("UNIX-RECV:{door}"), "-"]), peer("ncat", ["-l", "-u", "-U", &door])]
            .into_iter()
            .enumerate()
    {
        let _ = std::fs::remove_file(&path);
        let other = server.open_input().start().listens_at(&path);
        puerta(["connect", &address(&path)]).input(format!("hola {n}\n")).finish().ends_with(0);
        other.writes(format!("hola {n}\n"));
    }
}

#[test]
fn what_a_peer_of_a_room_takes_no_more_is_told_once_and_counted() {
    let folder = Folder::new("counted");
    let mut ours = listen(&folder, &["--broadcast", "-v"]);
    let peer = client(&folder, "peer");
    peer.send(b"hola\n").unwrap();
    ours.writes("hola\n");
    ours.send("x\n".repeat(5000));
    let line = ours.line("datagrams were dropped", 0);
    ours.signal("TERM");
    ours.finish().ends_with(0);
    peer.set_nonblocking(true).unwrap();
    let taken = std::iter::from_fn(|| peer.recv(&mut [0; 8]).ok()).count();
    assert!(line.contains(&format!(": {} datagrams were dropped", 5000 - taken)), "{taken}, {line}");
}
