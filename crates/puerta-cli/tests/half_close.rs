//! The end of one direction is not the end of the other, and nothing that was sent is cut off.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::far::{all_of, client, server};
use common::places::{Folder, free_port, noise};
use common::{peer, puerta, same, shell};
use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

/// A sleep in the peer is the promise here: the answer comes long after our end.
const LATE: &str = "cat >/dev/null; sleep 1.5; head -c 1000000 /dev/zero";
const MILLION: &[u8] = &[0; 1_000_000];

#[test]
fn an_answer_that_comes_long_after_our_end_of_file_arrives_whole() {
    let port = free_port();
    let listen = format!("TCP-LISTEN:{port},bind=127.0.0.1");
    let answering = peer("socat", ["-t9", &listen, &format!("SYSTEM:{LATE}")]).start().listens_on(port);
    let ours = puerta(["connect", &format!("127.0.0.1:{port}")]).input("question").finish();
    ours.ends_with(0).wrote(MILLION).said("sent 8 bytes, received 1000000 bytes; we ended first, both sides finished");
    answering.finish().ends_with(0);
}

#[test]
fn a_command_that_answers_long_after_the_clients_end_is_heard_by_nc() {
    let ours = puerta(["listen", "127.0.0.1:0", "--", "sh", "-c", LATE]).start();
    let port = ours.port().to_string();
    peer("nc", ["-N", "127.0.0.1", &port]).input("question").finish().ends_with(0).wrote(MILLION);
    ours.finish().ends_with(0).said("sent 1000000 bytes, received 8 bytes; the peer ended first");
}

#[test]
fn a_command_that_answers_long_after_the_clients_end_is_heard_by_socat() {
    let ours = puerta(["listen", "127.0.0.1:0", "--", "sh", "-c", LATE]).start();
    let target = format!("TCP:127.0.0.1:{}", ours.port());
    peer("socat", ["-t9", "-", &target]).input("question").finish().ends_with(0).wrote(MILLION);
    ours.finish().ends_with(0);
}

#[test]
fn a_command_that_answers_long_after_the_clients_end_is_heard_by_us() {
    let folder = Folder::new("late");
    let ours = puerta(["listen", &folder.name("door"), "--", "sh", "-c", LATE]).start();
    let client = puerta(["connect", &ours.address()]).input("question").finish();
    client.ends_with(0).wrote(MILLION);
    ours.finish().ends_with(0);
}

#[test]
fn a_file_is_delivered_whole_though_what_the_client_sends_is_read_by_nobody() {
    let folder = Folder::new("unread");
    let content = noise(1, 3_000_000);
    let file = folder.file("file", &content);
    let ours = puerta(["listen", "127.0.0.1:0"]).stdin_file(&file).stdout_file(&folder.path("out")).start();
    let mut stream = client(ours.port());
    stream.write_all(&[b'u'; 100_000]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    same(&all_of(stream), &content);
    ours.finish().ends_with(0).said("sent 3000000 bytes, received 100000 bytes");
}

#[test]
fn a_file_is_delivered_whole_to_a_client_that_never_ends_its_own_direction_before() {
    let folder = Folder::new("unread");
    let content = noise(2, 3_000_000);
    let file = folder.file("file", &content);
    let ours = puerta(["listen", "127.0.0.1:0"]).stdin_file(&file).start();
    let mut stream = client(ours.port());
    stream.write_all(&[b'u'; 100_000]).unwrap();
    same(&all_of(&stream), &content);
    drop(stream);
    ours.finish().ends_with(0).said("we ended first");
}

#[test]
fn what_a_client_has_sent_before_it_left_reaches_a_command_that_reads_late() {
    let folder = Folder::new("late-reader");
    let (go, out) = (folder.name("go"), folder.path("out"));
    assert!(peer("mkfifo", [&go]).finish().status == 0);
    let script = format!("read word <{go}; cat >{}", out.display());
    let ours = puerta(["listen", "127.0.0.1:0", "--", "sh", "-c", &script]).start();
    let content = noise(3, 40_000);
    let mut stream = client(ours.port());
    stream.write_all(&content).unwrap();
    drop(stream);
    std::fs::write(&go, "go\n").unwrap();
    ours.finish().ends_with(0);
    same(&std::fs::read(out).unwrap(), &content);
}

#[test]
fn our_input_goes_on_to_its_end_after_the_peers_end() {
    let (at, peer) = server(|stream| {
        stream.shutdown(Shutdown::Write).unwrap();
        all_of(stream)
    });
    let mut ours = puerta(["connect", "--hex", "--trace", &at.to_string()]).open_input().start();
    ours.says("\"\", 65536, 0) = 0");
    ours.send("before ").send("after").end_input();
    assert_eq!(peer.join().unwrap(), b"before after");
    ours.finish().ends_with(0).said("the peer ended first, both sides finished");
}

#[test]
fn the_peers_end_is_waited_for_however_long_unless_drain_limits_it() {
    let (at, peer) = server(|mut stream| {
        stream.write_all(b"partial").unwrap();
        let got = all_of(&stream);
        (got, stream)
    });
    let ours = puerta(["connect", "--drain", "300ms", &at.to_string()]).input("all").finish();
    ours.ends_with(7).wrote("partial").said("the peer did not end within the time of --drain");
    let (got, _held) = peer.join().unwrap();
    assert_eq!(got, b"all");
}

#[test]
fn a_peer_that_answers_within_drain_is_heard_to_its_end() {
    let (at, peer) = server(|mut stream| {
        let got = all_of(&stream);
        stream.write_all(b"answer").unwrap();
        got
    });
    let ours = puerta(["connect", "--drain", "10s", &at.to_string()]).input("all").finish();
    ours.ends_with(0).wrote("answer");
    assert_eq!(peer.join().unwrap(), b"all");
}

#[test]
fn idle_ends_a_silent_session_with_7() {
    let (at, peer) = server(all_of);
    let mut ours = puerta(["connect", "--idle", "2s", &at.to_string()]).open_input().start();
    ours.send("word");
    ours.finish().ends_with(7).said("nothing came or went for the time of --idle").said("sent 4 bytes");
    assert_eq!(peer.join().unwrap(), b"word");
}

#[test]
fn idle_does_not_end_a_session_in_which_bytes_flow() {
    let script = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.5; done";
    let ours = puerta(["listen", "127.0.0.1:0", "--idle", "3s", "--", "sh", "-c", script]).start();
    let client = puerta(["connect", &ours.address()]).finish();
    client.ends_with(0).wrote("1\n2\n3\n4\n5\n6\n7\n8\n");
    ours.finish().ends_with(0);
}

#[test]
fn the_time_before_a_client_came_is_no_silence() {
    let ours = puerta(["listen", "127.0.0.1:0", "--idle", "1s"]).start();
    let late = format!("sleep 1.5; echo late | \"$PUERTA\" connect {}", ours.address());
    shell(&late).finish().ends_with(0);
    ours.finish().ends_with(0).wrote("late\n");
}

#[test]
fn a_listener_that_keeps_on_serves_after_a_client_was_idle_too_long() {
    let ours = puerta(["listen", "127.0.0.1:0", "--keep", "--idle", "2s"]).start();
    let silent = client(ours.port());
    assert_eq!(all_of(silent), b"");
    ours.says("--idle");
    peer("nc", ["-N", "127.0.0.1", &ours.port().to_string()]).input("still here").finish().ends_with(0);
    ours.writes("still here").signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn a_short_limit_of_time_is_no_limit_of_bytes() {
    let content = noise(4, 3_000_000);
    let expected = content.clone();
    let (at, peer) = server(all_of);
    let ours = puerta(["connect", "--within", "2s", "--drain", "5s", "--idle", "5s", &at.to_string()])
        .input(content)
        .limit(Duration::from_secs(30))
        .finish();
    ours.ends_with(0);
    same(&peer.join().unwrap(), &expected);
}
