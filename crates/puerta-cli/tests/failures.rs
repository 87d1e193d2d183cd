//! Each failure has its exit status and a line that says what happened.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::far::{client, pour, reset, server, some_of};
use common::places::{Folder, free_port, noise};
use common::{peer, puerta, shell};
use std::io::Write;
use std::net::{Shutdown, TcpListener};

#[test]
fn a_reset_in_mid_stream_is_7_for_who_sends() {
    let (at, peer) = server(|stream| {
        some_of(&stream, 100_000);
        reset(stream);
    });
    let ours = puerta(["connect", &at.to_string()]).input(noise(1, 30_000_000)).finish();
    ours.ends_with(7).said("the peer broke the connection (reset)").said("hint: ");
    // A splice that was half done when the reset came tells how much it moved, and swallows the error: EPIPE is next.
    assert!(ours.stderr.contains("ECONNRESET") || ours.stderr.contains("EPIPE"), "{}", ours.stderr);
    ours.said(&at.to_string());
    peer.join().unwrap();
}

#[test]
fn a_reset_is_7_for_who_only_receives_and_what_came_before_is_kept() {
    let (at, peer) = server(|mut stream| {
        stream.write_all(b"so far").unwrap();
        stream
    });
    let ours = puerta(["connect", &at.to_string()]).open_input().start();
    ours.writes("so far");
    reset(peer.join().unwrap());
    ours.finish().ends_with(7).wrote("so far").said("ECONNRESET").said("received 6 bytes");
}

#[test]
fn a_reset_after_our_end_of_file_is_7() {
    let (at, peer) = server(|stream| {
        assert_eq!(common::far::all_of(&stream), b"all of it");
        reset(stream);
    });
    let ours = puerta(["connect", &at.to_string()]).input("all of it").finish();
    ours.ends_with(7).said("reset").never_said("both sides finished");
    peer.join().unwrap();
}

#[test]
fn a_reset_by_a_client_is_7_for_the_listener_both_ways() {
    for sending in [false, true] {
        let mut ours = puerta(["listen", "127.0.0.1:0"]);
        ours = if sending { ours.stdin(std::fs::File::open("/dev/zero").unwrap()) } else { ours.open_input() };
        let ours = ours.start();
        let mut stream = client(ours.port());
        stream.write_all(b"so far").unwrap();
        ours.writes("so far");
        reset(stream);
        ours.finish().ends_with(7).wrote("so far").said("ECONNRESET");
    }
}

#[test]
fn a_reset_over_a_unix_stream_is_7() {
    let folder = Folder::new("unix-reset");
    let ours = puerta(["listen", &folder.name("door")]).stdin(std::fs::File::open("/dev/zero").unwrap()).start();
    let stream = std::os::unix::net::UnixStream::connect(ours.address()).unwrap();
    some_of(&stream, 10);
    drop(stream);
    ours.finish().ends_with(7).said("the peer broke the connection (reset)");
}

#[test]
fn a_peer_that_closes_without_reading_is_never_a_success() {
    let (at, peer) = server(|stream| {
        // It has what it will never read: closing then is a reset.
        let mut one = [0];
        stream.peek(&mut one).unwrap();
    });
    let ours = puerta(["connect", &at.to_string()]).input("hello").finish();
    ours.ends_with(7).never_said("both sides finished");
    peer.join().unwrap();
}

#[test]
fn a_refused_connect_is_6_and_names_the_call_the_address_and_what_to_do() {
    let port = free_port();
    let ours = puerta(["connect", &format!("127.0.0.1:{port}")]).finish();
    ours.ends_with(6).said("connect tcp ");
    ours.said(&format!("127.0.0.1:{port}: connection refused (ECONNREFUSED)\nhint: nothing listens there"));
    let folder = Folder::new("refused");
    puerta(["connect", &folder.name("nobody")]).finish().ends_with(6).said("ENOENT").said("hint: no such path");
}

#[test]
fn an_address_in_use_is_5_and_named() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = holder.local_addr().unwrap().to_string();
    let ours = puerta(["listen", &at]).finish();
    ours.ends_with(5).said(&at).said("EADDRINUSE").said("hint: another socket has that port");
    let port = holder.local_addr().unwrap().port();
    puerta(["listen", &format!(":{port}")]).finish().ends_with(5).said(&format!(":{port}")).said("EADDRINUSE");
}

#[test]
fn an_address_that_is_not_ours_is_5() {
    puerta(["listen", "192.0.2.1:0"]).finish().ends_with(5).said("EADDRNOTAVAIL").said("hint: ");
}

#[test]
fn an_unknown_name_is_4() {
    // Where no name server answers, that is known soon.
    let puerta = |words: [&str; 2]| puerta(words).env("RES_OPTIONS", "timeout:1 attempts:1");
    let ours = puerta(["connect", "no-such-host.invalid:80"]).finish();
    ours.ends_with(4).said("no-such-host.invalid").said("hint: ");
    puerta(["listen", "no-such-host.invalid:80"]).finish().ends_with(4).said("no-such-host.invalid");
    puerta(["connect", "127.0.0.1:no-such-service"]).finish().ends_with(4).said("no-such-service");
}

#[test]
fn a_full_disk_is_8_for_who_connects() {
    let (at, peer) = server(pour);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ours = puerta(["connect", &at.to_string()]).open_input().stdout(full).start().finish();
    ours.ends_with(8).said("ENOSPC").said("hint: the disk is full");
    peer.join().unwrap();
}

#[test]
fn a_full_disk_is_8_for_who_listens() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ours = puerta(["listen", "127.0.0.1:0"]).open_input().stdout(full).start();
    pour(client(ours.port()));
    ours.finish().ends_with(8).said("ENOSPC");
}

#[test]
fn a_full_disk_is_8_for_a_listener_of_many() {
    for mode in ["--keep", "--broadcast"] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ours = puerta(["listen", mode, "127.0.0.1:0"]).open_input().stdout(full).start();
        pour(client(ours.port()));
        ours.finish().ends_with(8).said("ENOSPC");
    }
}

#[test]
fn a_listener_of_many_that_fails_gives_its_verdict_as_well() {
    for words in ["127.0.0.1:0 --keep", "127.0.0.1:0 --broadcast", "udp:127.0.0.1:0"] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ours = puerta([&["listen"], &*words.split(' ').collect::<Vec<_>>()].concat());
        let ours = ours.open_input().stdout(full).start();
        let _stream = if words.starts_with("udp") {
            common::udp::Client::of(&ours).send("hola\n");
            None
        } else {
            let mut stream = client(ours.port());
            stream.write_all(b"hola\n").unwrap();
            Some(stream)
        };
        ours.finish().ends_with(8).said("ENOSPC").said("sent 0 bytes, received 5 bytes; it failed on this side");
    }
}

#[test]
fn what_only_prints_is_8_where_it_cannot_be_written() {
    let home = Folder::new("home");
    let home = home.name("");
    for words in [
        "--help",
        "--version",
        "connect --help",
        "resolve localhost",
        "resolve localhost --json",
        "explain 127.0.0.1:80",
        "man",
        "completions zsh",
        "serve . --audit",
        "serve . --explain /",
        "talk doctor",
    ] {
        let ours = |to: &str| shell(&format!("cd {home} && exec \"$PUERTA\" {words} {to}")).env("HOME", &home).finish();
        ours(">/dev/full")
            .ends_with(8)
            .said("writing the output failed: write: ")
            .said("ENOSPC")
            .said("the disk is full");
        // As Python's DEVNULL is, of a program that wants none of it.
        ours("1<>/dev/null").ends_with(0);
    }
}

#[test]
fn root_a_disk_that_fills_up_is_8_and_keeps_what_fitted() {
    let folder = Folder::new("tmpfs");
    let line = format!(
        "mount -t tmpfs -o size=64k none {0} && \"$PUERTA\" listen 127.0.0.1:0 <&- >{0}/out; s=$?; wc -c <{0}/out; exit $s",
        folder.name("")
    );
    let ours = peer("unshare", ["-m", "sh", "-c", &line]).env("PUERTA", env!("CARGO_BIN_EXE_puerta")).start();
    pour(client(ours.port()));
    ours.finish().ends_with(8).said("ENOSPC").wrote("65536\n");
}

#[test]
fn a_broken_pipe_of_stdout_is_8_and_ends_at_once() {
    let (at, peer) = server(pour);
    let line = format!("{{ \"$PUERTA\" connect {at} </dev/null; echo \"status $?\" >&2; }} | head -c 1");
    let ours = shell(&line).finish();
    ours.ends_with(0)
        .said("status 8")
        .said("EPIPE")
        .said("hint: the program that reads our output has ended")
        .wrote("x");
    peer.join().unwrap();
}

#[test]
fn a_broken_pipe_is_noticed_though_our_input_stays_open() {
    let ours = puerta(["listen", "127.0.0.1:0"]).open_input();
    let (reader, writer) = std::io::pipe().unwrap();
    let ours = ours.stdout(writer).start();
    let mut stream = client(ours.port());
    stream.write_all(b"x").unwrap();
    some_of(&reader, 1);
    drop(reader);
    // A child that another test is just starting may hold a copy of the reader until it calls execve(2): more than one byte is sent.
    stream.set_write_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    while stream.write_all(b"y").is_ok() {}
    ours.finish().ends_with(8).said("EPIPE");
}

#[test]
fn wrong_grammar_is_2_and_names_the_nearest_right_word() {
    for (args, near) in [
        (vec!["connect", "tpc://h:80"], "tcp"),
        (vec!["connect", "127.0.0.1:80,no-dealy"], "no-delay"),
        (vec!["connect", "unxi:/tmp/x"], "unix"),
        (vec!["listen", ":0", "--kepe"], "--keep"),
        (vec!["listne", ":0"], "listen"),
    ] {
        let ours = puerta(&args).finish();
        ours.ends_with(2).said(near);
        assert!(ours.stdout.is_empty());
    }
}

#[test]
fn what_makes_no_sense_is_2_before_anything_happens() {
    for (args, word) in [
        (vec!["connect", ":80"], "host"),
        (vec!["connect", "localhost:0"], "port"),
        (vec!["connect", "127.0.0.1:70000"], "70000"),
        (vec!["connect", "tcp-listen::80"], "listen"),
        (vec!["connect", "127.0.0.1:80", "--whole"], "--whole"),
        (vec!["listen", ":0", "--idle", "soon"], "soon"),
        (vec!["listen", ":0", "--max", "0"], "--max"),
        (vec!["listen", ":0", "--broadcast", "--", "cat"], "--broadcast"),
        (vec!["connect", "127.0.0.1:80", "--source", "[::1]:0"], "--source"),
        (vec!["connect", "/tmp/x", "--source", "/tmp/y"], "--source"),
        (vec!["connect", "127.0.0.1:80,v6-only"], "v6-only"),
        (vec!["connect", "127.0.0.1:80,ttl=900"], "ttl"),
    ] {
        let ours = puerta(&args).finish();
        ours.ends_with(2).said(word).said("\n");
    }
}

#[test]
fn an_option_that_would_do_nothing_is_2_and_says_why() {
    for line in [
        ":0 --broadcast --drain 1s",
        ":0 --keep --drain 1s",
        ":0 --keep --crlf",
        "unix-packet:@puerta-nothing --keep --whole",
        ":0 --max 2",
        ":0 --keep --show-peer -- cat",
        "udp::0 --backlog 7",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let option = words.iter().find(|w| w.starts_with("--") && !["--keep", "--broadcast"].contains(w)).unwrap();
        puerta([&["listen"], &words[..]].concat()).finish().ends_with(2).said(option).said("hint: ");
    }
    for line in [
        ":0 --keep --broadcast --crlf --max 2",
        ":0 --keep --max 2 --drain 1s -- cat",
        ":0 --show-peer --drain 1s --crlf",
        "udp::0 --keep --max 2 --crlf --whole",
    ] {
        let ours = puerta([&["listen"], &line.split(' ').collect::<Vec<_>>()[..]].concat()).open_input().start();
        ours.address();
        ours.signal("TERM");
        ours.finish();
    }
}

#[test]
fn a_hostile_path_is_an_error_with_a_hint_and_no_panic() {
    let long = format!("/tmp/{}", "x".repeat(200));
    for (args, status) in
        [(vec!["listen", &long], 2), (vec!["connect", &long], 2), (vec!["listen", "/no/such/folder/x"], 5)]
    {
        puerta(&args).finish().ends_with(status).said("hint: ").never_said("panicked");
    }
}

#[test]
fn an_input_that_cannot_be_read_is_8() {
    let (at, peer) = server(common::far::all_of);
    let ours = puerta(["connect", &at.to_string()]).stdin_file(std::path::Path::new("/")).finish();
    ours.ends_with(8).said("EISDIR");
    peer.join().unwrap();
}

#[test]
fn half_closed_then_reset_is_still_a_reset() {
    let (at, peer) = server(|mut stream| {
        stream.write_all(b"answer").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream
    });
    let ours = puerta(["connect", &at.to_string()]).open_input().start();
    ours.writes("answer");
    reset(peer.join().unwrap());
    ours.finish().ends_with(7).said("reset");
}
