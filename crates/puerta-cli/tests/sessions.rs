//! What a session owes whatever happens: every byte that came is shown, and a limit strikes for what it is a limit of.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::far::{all_of, client, reset, server, some_of};
use common::places::{Folder, noise};
use common::udp::{self, udp};
use common::{puerta, same, shell, wait_until};
use puerta::{Flags, Ip, Shutdown, Socket, Tcp, io};
use std::io::Write;

/// More than all the buffers on the way to a reader who does not read.
const MUCH: usize = 16 << 20;

#[test]
fn what_follows_an_urgent_byte_is_received_into_a_pipe_as_anywhere() {
    for ended in [true, false] {
        let ours = puerta(["listen", "127.0.0.1:0"]).start();
        let socket = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&ours.address().parse().unwrap()).unwrap();
        socket.send(b"abc\n", Flags::NONE).unwrap();
        socket.send(b"d", Flags::OOB).unwrap();
        socket.send(b"efghijk\n", Flags::NONE).unwrap();
        if !ended {
            ours.writes("abc\nefghijk\n");
        }
        socket.shutdown(Shutdown::Write).unwrap();
        ours.finish().ends_with(0).wrote("abc\nefghijk\n").said("received 12 bytes");
    }
}

#[test]
fn idle_does_not_strike_while_the_reader_of_our_output_is_the_slow_one() {
    let (reader, writer) = std::io::pipe().unwrap();
    let ours = puerta(["listen", "127.0.0.1:0", "--idle", "700ms"]).stdout(writer).start();
    let sent = noise(1, MUCH);
    pushed(ours.port(), sent.clone());
    nobody_reads_for_longer_than_that(&reader);
    same(&some_of(&reader, MUCH), &sent);
    ours.finish().ends_with(0).said(&format!("received {MUCH} bytes"));
}

#[test]
fn idle_does_not_strike_clients_who_wait_for_each_others_lines_to_be_read() {
    let (reader, writer) = std::io::pipe().unwrap();
    let ours = puerta(["listen", "--keep", "127.0.0.1:0", "--idle", "700ms"]).stdout(writer).start();
    for seed in [1, 2] {
        pushed(ours.port(), noise(seed, MUCH));
    }
    nobody_reads_for_longer_than_that(&reader);
    assert!(!ours.stderr().contains("has left"), "{}", ours.stderr());
    some_of(&reader, 2 * MUCH);
    ours.signal("TERM");
    ours.finish().ends_with(0).never_said("--idle");
}

/// A client that sends without a pause, then ends.
fn pushed(port: u16, bytes: Vec<u8>) {
    let mut stream = client(port);
    std::thread::spawn(move || stream.write_all(&bytes));
}

/// Waits until there is something to read, and then for as long as a session that is really idle takes to find out.
fn nobody_reads_for_longer_than_that(reader: &std::io::PipeReader) {
    wait_until("byte in the pipe", || io::pipe_len(reader).unwrap() > 0);
    let silent = udp::server();
    puerta(["connect", &udp(&silent), "--idle", "1500ms"]).open_input().finish().ends_with(7);
}

#[test]
fn a_last_line_without_its_newline_is_shown_however_its_peer_goes() {
    for (options, ends_by, status) in [
        (&["-v"][..], "reset", 7),
        (&["--idle", "200ms"], "limit", 7),
        (&["--drain", "200ms"], "limit", 7),
        (&["-v"], "INT", 130),
        (&["--keep"], "reset", 0),
        (&["--keep", "--idle", "200ms"], "limit", 0),
        (&["--keep"], "INT", 0),
    ] {
        let (keep, draining) = (options.contains(&"--keep"), options.contains(&"--drain"));
        let ours = puerta([&["listen", "--show-peer", "127.0.0.1:0"], options].concat());
        let ours = if draining { ours.start() } else { ours.open_input().start() };
        let mut stream = client(ours.port());
        let who = stream.local_addr().unwrap();
        // One segment: whoever has shown its first line has received the rest, too.
        stream.write_all(b"one\nno newline here").unwrap();
        let expected = format!("[{who}] one\n[{who}] no newline here\n");
        ours.writes("one\n");
        let _held = match ends_by {
            "reset" => {
                reset(stream);
                None
            }
            _ => Some(stream),
        };
        if ends_by == "INT" {
            ours.signal("INT");
        } else if keep {
            ours.writes(&expected).signal("TERM");
        }
        eprintln!("{options:?}, {ends_by}");
        ours.finish().ends_with(status).wrote(&expected);
    }
}

#[test]
fn a_limit_beyond_the_end_of_the_clock_is_none() {
    let ages = u64::MAX.to_string();
    for limit in ["--idle", "--drain"] {
        let ours = puerta(["listen", "127.0.0.1:0", limit, &ages]).start();
        let (at, far) = (ours.address(), noise(3, 1000));
        puerta(["connect", &at, limit, &ages]).input(far.clone()).finish().ends_with(0);
        ours.finish().ends_with(0).wrote(&far);
    }
    let ours = puerta(["listen", "--keep", "127.0.0.1:0", "--idle", &ages]).start();
    client(ours.port()).write_all(b"kept").unwrap();
    ours.writes("kept").signal("TERM");
    ours.finish().ends_with(0);

    let ours = puerta(["listen", "udp:127.0.0.1:0", "--idle", &ages]).start();
    let to = format!("udp:{}", ours.address());
    let theirs = puerta(["connect", &to, "--idle", &ages]).input("datagram").start();
    ours.writes("datagram");
    for running in [ours, theirs] {
        running.signal("TERM");
        running.finish().ends_with(0);
    }
}

#[test]
fn a_file_that_may_only_be_written_is_an_input_that_cannot_be_read() {
    let folder = Folder::new("write-only");
    let file = folder.file("file", "precious");
    for options in ["", "--crlf"] {
        let (at, far) = server(all_of);
        let ours = shell(&format!("exec \"$PUERTA\" connect {at} {options} 0>>{}", file.display())).finish();
        ours.ends_with(8).said("reading the input failed").said("EBADF").said("it failed on this side");
        assert_eq!(far.join().unwrap(), b"");
    }
}

#[test]
fn what_came_and_was_not_written_when_a_signal_came_is_counted_and_8() {
    let folder = Folder::new("unwritten");
    let door = format!("unix-dgram:{}", folder.name("door"));
    for words in ["127.0.0.1:0 --keep", "127.0.0.1:0 --broadcast", &door] {
        let (reader, writer) = std::io::pipe().unwrap();
        let size = io::set_pipe_size(&writer, 4096).unwrap();
        if size != 4096 {
            return eprintln!("not tried: a pipe has {size} bytes at least here, as much as is read in one piece");
        }
        let ours = puerta([&["listen"], &*words.split(' ').collect::<Vec<_>>()].concat());
        let ours = ours.open_input().stdout(writer.try_clone().unwrap()).start();
        // One piece: whoever has filled the pipe has received the rest, too.
        let sent = noise(1, 16_384);
        let datagrams = std::os::unix::net::UnixDatagram::unbound().unwrap();
        let stream = if words == door {
            datagrams.send_to(&sent, ours.address()).unwrap();
            None
        } else {
            let mut stream = client(ours.port());
            stream.write_all(&sent).unwrap();
            Some(stream)
        };
        wait_until("full pipe", || io::pipe_len(&reader).unwrap() == 4096);
        ours.signal("TERM");
        let done = ours.finish();
        done.ends_with(8).said("12288 bytes that had come were not written").said("received 16384 bytes; stopped");
        drop((stream, writer));
        same(&all_of(reader), &sent[..4096]);
    }
}
