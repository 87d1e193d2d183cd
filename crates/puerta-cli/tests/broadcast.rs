//! `--broadcast`: all hear what is said, byte by byte, for as long as they listen, and what they said is shown to its end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::far::{all_of, client, reset, some_of};
use common::places::{Folder, noise};
use common::{LIMIT, Running, puerta, same, shell, wait_until};
use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A room at a TCP port of its own.
fn room(options: &[&str]) -> Running {
    puerta(["listen", "127.0.0.1:0", "--broadcast", "-v"].iter().chain(options)).open_input().start()
}

/// A room at a path.
fn unix_room(folder: &Folder, options: &[&str]) -> Running {
    let door = folder.name("door");
    puerta(["listen", &door, "--broadcast", "-v"].iter().chain(options)).open_input().start()
}

fn unix_client(room: &Running) -> UnixStream {
    let stream = UnixStream::connect(room.address()).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    stream
}

#[test]
fn input_without_lines_reaches_a_client_and_ends_nobody() {
    let mut ours = room(&[]);
    let client = puerta(["connect", &ours.address()]).open_input().start();
    ours.says("is here");
    ours.send("name? ");
    client.writes("name? ");
    ours.send(vec![0; 2_000_000]).end_input();
    client.writes_len(2_000_006);
    same(&client.stdout()[6..], &vec![0; 2_000_000]);
    assert!(ours.is_alive());
    ours.signal("TERM");
    ours.finish().ends_with(0).said("sent 2000006 bytes");
}

#[test]
fn a_client_that_reads_gets_all_of_an_input_of_short_lines() {
    let folder = Folder::new("lines");
    let mut ours = unix_room(&folder, &[]);
    let client = puerta(["connect", &ours.address()]).open_input().start();
    ours.says("is here");
    let lines: String = (1..=1_000_000).map(|n| format!("{n}\n")).collect();
    ours.send(&lines).end_input();
    client.writes_len(lines.len());
    same(&client.stdout(), lines.as_bytes());
    ours.signal("TERM");
    ours.finish().ends_with(0).never_said("takes too little");
}

#[test]
fn packets_of_the_input_are_waited_for_too() {
    let folder = Folder::new("packets");
    let door = format!("unix-packet:{}", folder.name("door"));
    let mut ours = puerta(["listen", &door, "--broadcast", "-v"]).open_input().start();
    ours.address();
    let client = puerta(["connect", &door]).open_input().start();
    ours.says("is here");
    let lines: String = (1..=100_000).map(|n| format!("{n}\n")).collect();
    ours.send(&lines).end_input();
    client.writes_len(lines.len());
    same(&client.stdout(), lines.as_bytes());
}

#[test]
fn a_packet_that_is_too_long_is_told_of_and_parts_nobody() {
    let folder = Folder::new("too-long");
    let door = format!("unix-packet:{}", folder.name("door"));
    let mut ours = puerta(["listen", &door, "--broadcast", "-v"]).open_input().start();
    ours.address();
    let clients = [(); 2].map(|()| puerta(["connect", &door]).open_input().start());
    ours.line("is here", 1);
    let long = "x".repeat(300_000);
    for (n, text) in ["short\n", "last\n"].into_iter().enumerate() {
        ours.send(format!("{long}\n")).line("EMSGSIZE", n);
        ours.send(text);
        for client in &clients {
            client.writes(text);
        }
    }
    ours.signal("TERM");
    assert_eq!(ours.finish().ends_with(0).stderr.matches("EMSGSIZE").count(), 2);
}

#[test]
fn a_client_that_takes_nothing_holds_up_the_input_for_a_while_alone() {
    let folder = Folder::new("held-up");
    let mut ours = unix_room(&folder, &["--crlf"]);
    let (_slow, good) = (unix_client(&ours), puerta(["connect", &ours.address()]).open_input().start());
    ours.line("is here", 1);
    let lines = "\n".repeat(1 << 20);
    ours.send(&lines);
    good.writes_len(2 << 20);
    ours.says("takes too little").signal("TERM");
    assert_eq!(ours.finish().ends_with(0).stderr.matches("takes too little").count(), 1);
}

#[test]
fn a_client_that_ends_its_direction_gets_what_waits_for_it() {
    let folder = Folder::new("waits");
    let mut ours = unix_room(&folder, &[]);
    let (first, mut second) = (unix_client(&ours), unix_client(&ours));
    ours.line("is here", 1);
    let bytes = noise(1, 356_000);
    second.write_all(&bytes).unwrap();
    ours.writes_len(bytes.len());
    first.shutdown(Shutdown::Write).unwrap();
    ours.send("!");
    same(&some_of(&first, bytes.len() + 1), &[&bytes[..], b"!"].concat());
    // Over Unix its end is seen without a word to it.
    drop(first);
    ours.says("has left: sent 356001 bytes, received 0 bytes").signal("TERM");
    ours.finish().ends_with(0).never_said("EPIPE");
}

#[test]
fn what_crosses_the_end_of_a_client_is_no_reset() {
    let ours = room(&[]);
    let (mut says, ends) = (client(ours.port()), client(ours.port()));
    ours.line("is here", 1);
    // It sees what is said first, and then an end that was there before.
    ours.signal("STOP");
    ours.until("it is stopped", |id| fs::read_to_string(format!("/proc/{id}/stat")).unwrap().contains(") T "));
    says.write_all(b"bye\n").unwrap();
    drop(ends);
    ours.signal("CONT");
    ours.says("has left").signal("TERM");
    ours.finish().ends_with(0).never_said("EPIPE").wrote("bye\n");
}

#[test]
fn a_client_with_an_empty_input_hears_the_others() {
    let folder = Folder::new("hears");
    for ours in [room(&[]), unix_room(&folder, &[])] {
        let heard = puerta(["connect", &ours.address()]).start();
        ours.says("is here");
        let mut other = puerta(["connect", &ours.address()]).open_input().start();
        ours.line("is here", 1);
        other.send("hola\n");
        heard.writes("hola\n");
        drop(heard);
        // Over TCP it is seen with the answer to what is sent.
        other.send("still here?\n");
        ours.says("has left: sent ").signal("TERM");
        ours.finish().ends_with(0).never_said("EPIPE");
    }
}

#[test]
fn over_tcp_the_system_of_a_client_that_has_ended_is_asked_now_and_then() {
    let ours = room(&["--trace"]);
    let stream = client(ours.port());
    ours.says("is here");
    stream.shutdown(Shutdown::Write).unwrap();
    ours.says("SO_KEEPALIVE, 1").says("TCP_KEEPIDLE, 60");
    ours.signal("TERM");
    ours.finish().ends_with(0);
    assert_eq!(all_of(stream), b"");
}

#[test]
fn a_silent_client_of_a_room_leaves_by_idle_whether_it_has_ended_or_not() {
    let ours = room(&["--idle", "1s"]);
    let (silent, ended) = (client(ours.port()), client(ours.port()));
    ended.shutdown(Shutdown::Write).unwrap();
    for stream in [silent, ended] {
        ours.says(&format!("{} has left: sent 0 bytes, received 0 bytes; nothing came", stream.local_addr().unwrap()));
        assert_eq!(all_of(stream), b"");
    }
    ours.signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn a_last_line_without_newline_is_shown_whatever_ended_its_client() {
    let ours = room(&["--show-peer", "--idle", "2s"]);
    let (mut broken, mut silent, hears) = (client(ours.port()), client(ours.port()), client(ours.port()));
    ours.line("is here", 2);
    broken.write_all(b"half a line").unwrap();
    assert_eq!(some_of(&hears, 11), b"half a line");
    let who = broken.local_addr().unwrap();
    reset(broken);
    ours.writes(format!("[{who}] half a line\n"));
    silent.write_all(b"no more").unwrap();
    ours.writes(format!("[{}] no more\n", silent.local_addr().unwrap()));
    ours.says("--idle");
}

#[test]
fn a_last_line_without_newline_is_shown_when_a_signal_stops_the_room() {
    let folder = Folder::new("last-line");
    for file in [None, Some(folder.path("shown"))] {
        let ours = puerta(["listen", "127.0.0.1:0", "--broadcast", "--show-peer", "-v"]);
        let ours = file.iter().fold(ours, |ours, path| ours.stdout_file(path)).start();
        let (mut speaks, hears) = (client(ours.port()), client(ours.port()));
        ours.line("is here", 1);
        speaks.write_all(b"one\nhalf a line").unwrap();
        assert_eq!(some_of(&hears, 15), b"one\nhalf a line");
        ours.signal("TERM");
        let done = ours.finish();
        let shown = file.map_or_else(|| done.stdout.clone(), |path| fs::read(path).unwrap());
        let who = speaks.local_addr().unwrap();
        same(&shown, format!("[{who}] one\n[{who}] half a line\n").as_bytes());
        done.ends_with(0);
    }
}

#[test]
fn the_places_of_clients_that_have_gone_are_free_for_those_who_wait() {
    let few = |line: &str| shell(&format!("{line} exec \"$PUERTA\" listen 127.0.0.1:0 --broadcast -v"));
    for (ours, clients) in [(room(&["--max", "2"]), 2), (few("ulimit -n 20;").start(), 40)] {
        drop((0..clients).map(|_| client(ours.port())).collect::<Vec<_>>());
        let mut last = client(ours.port());
        last.write_all(b"here\n").unwrap();
        ours.writes("here\n").says("gives its place to one who waits").signal("TERM");
        ours.finish().ends_with(0);
    }
}

#[test]
fn who_surely_hears_keeps_the_place_though_others_wait() {
    let folder = Folder::new("keeps");
    let rooms =
        [(room(&["--max", "1", "--trace"]), "SO_KEEPALIVE, 1"), (unix_room(&folder, &["--max", "1"]), "is here")];
    for (mut ours, ended) in rooms {
        let hears = puerta(["connect", &ours.address()]).start();
        ours.says("no more clients").says(ended);
        // Over TCP the answer to what was sent has shown it; over Unix the kernel knows.
        ours.send("one\n");
        hears.writes("one\n");
        let waits = puerta(["connect", &ours.address()]).input("here\n").start();
        // Longer than it takes to look for a place.
        let start = Instant::now();
        waits.until("second", |_| start.elapsed() > Duration::from_secs(1));
        ours.send("two\n");
        hears.writes("two\n");
        drop(hears);
        // Over TCP it is seen with the answer to what is sent.
        ours.send("three\n").writes("here\n").signal("TERM");
        ours.finish().ends_with(0).never_said("gives its place");
    }
}

#[test]
fn who_may_hear_keeps_the_place_where_another_leaves_as_somebody_comes() {
    let mut ours = room(&["--max", "2", "--trace"]);
    let (hears, leaves) = (client(ours.port()), client(ours.port()));
    ours.says("no more clients");
    hears.shutdown(Shutdown::Write).unwrap();
    ours.says("SO_KEEPALIVE, 1").signal("STOP");
    let state = format!("/proc/{}/stat", ours.id());
    wait_until("stop", || fs::read_to_string(&state).unwrap().contains(") T "));
    reset(leaves);
    let mut comes = client(ours.port());
    comes.write_all(b"here\n").unwrap();
    ours.signal("CONT");
    ours.writes("here\n");
    assert_eq!(some_of(&hears, 5), b"here\n");
    ours.send("all\n");
    assert_eq!(some_of(&hears, 4), b"all\n");
    ours.signal("TERM");
    ours.finish().ends_with(0).never_said("gives its place");
}
