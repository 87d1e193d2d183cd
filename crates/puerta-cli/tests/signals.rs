//! SIGINT and SIGTERM unwind: paths are unlinked, the verdict is given, the status tells which it was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::far::{client, server, some_of};
use common::places::Folder;
use common::{puerta, shell};
use std::io::Write;
use std::os::unix::net::UnixListener;

#[test]
fn a_signal_in_mid_session_is_130_or_143_and_the_verdict_is_given() {
    for (name, status, word) in [("INT", 130, "interrupted"), ("TERM", 143, "terminated"), ("HUP", 143, "terminated")] {
        let (at, peer) = server(|mut stream| {
            stream.write_all(b"word").unwrap();
            stream
        });
        let ours = puerta(["connect", &at.to_string()]).open_input().start();
        let _held = peer.join().unwrap();
        ours.writes("word").signal(name);
        ours.finish().ends_with(status).said(&format!("sent 0 bytes, received 4 bytes; {word}"));
    }
}

#[test]
fn a_listener_of_one_that_is_stopped_before_its_client_came_is_130_or_143() {
    let folder = Folder::new("signals");
    for (name, status) in [("INT", 130), ("TERM", 143)] {
        let ours = puerta(["listen", &folder.name("door")]).open_input().start();
        ours.address();
        ours.signal(name);
        ours.finish().ends_with(status);
        assert!(folder.names().is_empty(), "{:?}", folder.names());
    }
}

#[test]
fn a_listener_that_keeps_on_is_stopped_with_0_and_its_path_is_gone() {
    let folder = Folder::new("signals");
    for (name, mode) in [("INT", "--keep"), ("TERM", "--keep"), ("INT", "--broadcast"), ("TERM", "--broadcast")] {
        let ours = puerta(["listen", &folder.name("door"), mode]).open_input().start();
        let mut stream = std::os::unix::net::UnixStream::connect(ours.address()).unwrap();
        stream.write_all(b"word").unwrap();
        ours.writes("word").signal(name);
        ours.finish().ends_with(0).said("received 4 bytes; stopped");
        assert!(folder.names().is_empty(), "{:?}", folder.names());
    }
}

#[test]
fn a_signal_while_the_connect_is_retried_ends_it_at_once() {
    let folder = Folder::new("signals");
    let ours = puerta(["connect", &folder.name("nobody"), "--retry"]).start();
    ours.says("again in").signal("INT");
    ours.finish().ends_with(130);
}

#[test]
fn a_signal_ends_the_connect_to_a_host_that_does_not_answer() {
    // Its backlog is full: the kernel drops what asks further.
    let socket = puerta::Socket::<puerta::Tcp>::new(puerta::Ip::V4).unwrap();
    let listener = socket.bind(&"127.0.0.1:0".parse().unwrap()).unwrap().listen(0).unwrap();
    let at = listener.local_addr().unwrap();
    let _fills = client(at.port());
    let ours = puerta(["connect", &at.to_string()]).start();
    ours.until("SYN of ours", |id| common::places::tcp_is_connecting(id, at.port()));
    ours.signal("TERM");
    ours.finish().ends_with(143);
}

#[test]
fn an_interrupt_that_was_ignored_stays_ignored() {
    let (at, peer) = server(|mut stream| {
        stream.write_all(b"one ").unwrap();
        let mut go = [0];
        std::io::Read::read_exact(&mut stream, &mut go).unwrap();
        stream.write_all(b"two").unwrap();
    });
    let line = format!("trap '' INT HUP; exec \"$PUERTA\" connect {at}");
    let mut ours = shell(&line).open_input().start();
    ours.writes("one ").signal("INT").signal("HUP");
    ours.send("g").end_input();
    ours.finish().ends_with(0).wrote("one two");
    peer.join().unwrap();
}

#[test]
fn under_nohup_the_hang_up_is_ignored_and_the_termination_is_not() {
    let folder = Folder::new("nohup");
    let line = format!("exec nohup \"$PUERTA\" listen {} --keep", folder.name("door"));
    let ours = shell(&line).start();
    ours.says("listening on");
    ours.signal("HUP");
    let mut stream = std::os::unix::net::UnixStream::connect(folder.path("door")).unwrap();
    stream.write_all(b"still here").unwrap();
    ours.writes("still here").signal("TERM");
    ours.finish().ends_with(0);
    assert!(!folder.path("door").exists());
}

#[test]
fn the_socket_of_another_that_took_our_path_is_left_to_it() {
    let folder = Folder::new("signals");
    let ours = puerta(["listen", &folder.name("door")]).open_input().start();
    ours.address();
    std::fs::remove_file(folder.path("door")).unwrap();
    let _another = UnixListener::bind(folder.path("door")).unwrap();
    ours.signal("TERM");
    ours.finish().ends_with(143);
    assert_eq!(folder.names(), ["door"]);
}

#[test]
fn a_child_of_a_stopped_server_sees_the_end_of_its_input() {
    let folder = Folder::new("signals");
    let done = folder.name("done");
    let script = format!("echo ready; cat >/dev/null; echo over >{done}");
    let ours = puerta(["listen", "127.0.0.1:0", "--keep", "--", "sh", "-c", &script]).start();
    let stream = client(ours.port());
    some_of(&stream, 6);
    ours.signal("TERM");
    ours.until("end of the child", |_| std::fs::read(&done).is_ok_and(|text| text == b"over\n"));
    ours.finish().ends_with(0);
}
