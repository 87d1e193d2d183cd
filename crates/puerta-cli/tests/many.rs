//! Servers of many clients: all at once, within limits, and none is mixed up with another.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::far::{all_of, client, reset, some_of};
use common::places::{Folder, noise};
use common::{contains, peer, puerta, shell};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

#[test]
fn a_listener_of_one_takes_one_client_and_refuses_the_next() {
    let ours = puerta(["listen", "127.0.0.1:0"]).open_input().start();
    let mut first = client(ours.port());
    first.write_all(b"first").unwrap();
    ours.writes("first");
    assert_eq!(
        TcpStream::connect(("127.0.0.1", ours.port())).unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    drop(first);
}

#[test]
fn clients_are_served_at_once_and_lines_of_one_are_never_torn_by_another() {
    let ours = puerta(["listen", "--keep", "--show-peer", "127.0.0.1:0"]).start();
    let mut clients: Vec<TcpStream> = (0..20).map(|_| client(ours.port())).collect();
    // Each writes half a line before any writes the rest.
    for stream in &mut clients {
        stream.write_all(b"half ").unwrap();
    }
    for stream in &mut clients {
        stream.write_all(b"whole\n").unwrap();
    }
    let expected: Vec<String> = clients.iter().map(|c| format!("[{}] half whole\n", c.local_addr().unwrap())).collect();
    for line in &expected {
        ours.writes(line);
    }
    drop(clients);
    ours.signal("TERM");
    let ours = ours.finish();
    assert_eq!(ours.ends_with(0).stdout.len(), expected.concat().len());
}

#[test]
fn show_peer_tells_whose_line_it_is_and_a_last_line_without_newline_gets_one() {
    let ours = puerta(["listen", "--keep", "--show-peer", ":0"]).start();
    let mut stream = client(ours.port());
    stream.write_all(b"one\ntwo").unwrap();
    let who = stream.local_addr().unwrap();
    drop(stream);
    ours.writes(format!("[{who}] one\n[{who}] two\n"));
}

#[test]
fn with_keep_the_input_is_not_read() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"mine").unwrap();
    drop(writer);
    let ours = puerta(["listen", "--keep", "127.0.0.1:0"]).stdin(reader.try_clone().unwrap()).start();
    let stream = client(ours.port());
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(all_of(stream), b"");
    ours.signal("TERM");
    ours.finish().ends_with(0);
    assert_eq!(all_of(reader), b"mine");
}

#[test]
fn a_client_that_breaks_off_is_told_and_the_others_go_on() {
    let ours = puerta(["listen", "--keep", "127.0.0.1:0"]).start();
    let mut other = client(ours.port());
    let mut broken = client(ours.port());
    broken.write_all(b"x").unwrap();
    ours.writes("x");
    let who = broken.local_addr().unwrap();
    reset(broken);
    ours.says(&format!("{who} has left")).says("ECONNRESET");
    other.write_all(b"here").unwrap();
    ours.writes("here").signal("INT");
    ours.finish().ends_with(0);
}

#[test]
fn what_one_sends_all_others_get_and_our_input_goes_to_all() {
    let mut ours = puerta(["listen", "--broadcast", "-v", "127.0.0.1:0"]).open_input().start();
    let mut clients: Vec<TcpStream> = (0..3).map(|_| client(ours.port())).collect();
    for stream in &clients {
        ours.says(&format!("{} is here", stream.local_addr().unwrap()));
    }
    clients[0].write_all(b"from zero\n").unwrap();
    assert_eq!(some_of(&clients[1], 10), b"from zero\n");
    assert_eq!(some_of(&clients[2], 10), b"from zero\n");
    ours.writes("from zero\n");
    ours.send("from us\n");
    for stream in &clients {
        assert_eq!(some_of(stream, 8), b"from us\n");
    }
    // The end of our input changes nothing.
    ours.end_input();
    clients[2].write_all(b"from two\n").unwrap();
    assert_eq!(some_of(&clients[0], 9), b"from two\n");
    assert_eq!(some_of(&clients[1], 9), b"from two\n");
    // A client that leaves does not take the room with it.
    drop(clients.remove(1));
    clients[0].write_all(b"bye\n").unwrap();
    assert_eq!(some_of(&clients[1], 4), b"bye\n");
    ours.says("has left").signal("INT");
    ours.finish().ends_with(0).never_said("EPIPE").wrote("from zero\nfrom two\nbye\n");
}

#[test]
fn a_client_that_takes_nothing_is_dropped_with_a_line_and_the_others_get_every_byte() {
    const MUCH: usize = 16 << 20;
    let ours = puerta(["listen", "--broadcast", "-v", "127.0.0.1:0"]).stdout(std::process::Stdio::null()).start();
    let (slow, good, mut sender) = (client(ours.port()), client(ours.port()), client(ours.port()));
    for stream in [&slow, &good, &sender] {
        ours.says(&format!("{} is here", stream.local_addr().unwrap()));
    }
    let who = slow.local_addr().unwrap();
    // Each piece is read before the next is sent, so that only one is ever behind.
    for piece in noise(1, MUCH).chunks(64 << 10) {
        sender.write_all(piece).unwrap();
        common::same(&some_of(&good, piece.len()), piece);
    }
    ours.says(&format!("{who} takes too little"));
    // What its kernel had taken, then the end: it is not left hanging.
    let mut slow = slow;
    let got = slow.read_to_end(&mut Vec::new());
    assert!(got.map_or(true, |len| len < MUCH));
}

#[test]
fn beyond_max_clients_wait_and_are_served_when_a_place_is_free() {
    let ours = puerta(["listen", "--keep", "--max", "2", "127.0.0.1:0"]).start();
    let first = client(ours.port());
    let mut second = client(ours.port());
    let mut third = client(ours.port());
    third.write_all(b"third").unwrap();
    ours.says("no more clients for now: 2 are here (--max)");
    second.write_all(b"second").unwrap();
    ours.writes("second");
    assert!(!contains(&ours.stdout(), b"third"));
    drop(first);
    ours.writes("third").signal("TERM");
    let ours = ours.finish();
    assert_eq!(ours.ends_with(0).stderr.matches("no more clients").count(), 1);
}

#[test]
fn at_the_limit_of_descriptors_it_says_so_once_and_serves_again_after_release() {
    let ours = shell("ulimit -n 24; exec \"$PUERTA\" listen --keep 127.0.0.1:0").start();
    let mut clients: Vec<TcpStream> = (0..40).map(|_| client(ours.port())).collect();
    ours.says("no more clients for now").says("EMFILE");
    let mut last = clients.pop().unwrap();
    last.write_all(b"the last").unwrap();
    drop(clients);
    ours.writes("the last").says("taking clients again").signal("TERM");
    let ours = ours.finish();
    assert_eq!(ours.ends_with(0).stderr.matches("no more clients").count(), 1, "{}", ours.stderr);
}

#[test]
fn at_the_limit_of_descriptors_clients_of_commands_wait() {
    let ours = shell("ulimit -n 24; exec \"$PUERTA\" listen --keep 127.0.0.1:0 -- cat").start();
    let clients: Vec<TcpStream> = (0..30).map(|_| client(ours.port())).collect();
    ours.says("no more clients for now");
    drop(clients);
    let port = ours.port().to_string();
    peer("nc", ["-N", "127.0.0.1", &port]).input("echo").finish().wrote("echo");
    ours.signal("TERM");
    ours.finish().ends_with(0).never_said("has left");
}

#[test]
fn a_live_servers_path_is_refused_also_with_its_backlog_full_and_it_notices_nothing() {
    let folder = Folder::new("backlog");
    let door = folder.name("door");
    let ours = puerta(["listen", &door, "--backlog", "0"]).open_input().start();
    ours.address();
    puerta(["listen", &door]).finish().ends_with(5).said(&door).said("a server is listening there");
    // nc knows nothing of our lock: its listener is found by asking the kernel, and its one client is not used up.
    let path = folder.path("nc");
    let nc = peer("nc", ["-lU", path.to_str().unwrap()]).start().listens_at(&path);
    puerta(["listen", path.to_str().unwrap()]).finish().ends_with(5).said("EADDRINUSE");
    puerta(["connect", path.to_str().unwrap()]).input("its one client").finish().ends_with(0);
    nc.finish().ends_with(0).wrote("its one client");
    let client = puerta(["connect", &door]).input("hola").start();
    ours.writes("hola");
    drop(client);
}

#[test]
fn a_dead_servers_path_is_taken_over_with_a_line_and_a_file_is_untouched() {
    let folder = Folder::new("dead");
    drop(std::os::unix::net::UnixListener::bind(folder.path("door")).unwrap());
    let ours = puerta(["listen", &folder.name("door")]).open_input().start();
    ours.says("took over").says("listening on");
    let _client = puerta(["connect", &folder.name("door")]).input("hola").start();
    ours.writes("hola");
    let file = folder.file("file", "precious");
    puerta(["listen", file.to_str().unwrap()]).finish().ends_with(5).said("no socket").said("EADDRINUSE");
    assert_eq!(std::fs::read(file).unwrap(), b"precious");
}
