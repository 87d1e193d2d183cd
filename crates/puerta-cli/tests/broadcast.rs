//! `--broadcast`: all hear what is said, byte by byte, for as long as they listen, and what they said is shown to its end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::Folder;
use common::{LIMIT, Running, puerta, same};
use std::os::unix::net::UnixStream;

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
