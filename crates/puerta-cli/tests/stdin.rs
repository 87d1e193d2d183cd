//! Whatever stdin and stdout are: closed, empty, a pipe, a file, a terminal. What we share with others stays as it was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::far::{all_of, client, server, some_of};
use common::places::{Folder, noise};
use common::{contains, peer, puerta, same, shell};
use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

#[test]
fn a_closed_stdin_is_an_empty_one_and_takes_no_descriptor_of_the_socket() {
    let (at, peer) = server(|mut stream| {
        stream.write_all(b"answer").unwrap();
        all_of(stream)
    });
    let ours = shell(&format!("exec \"$PUERTA\" connect {at} <&-")).finish();
    ours.ends_with(0).wrote("answer");
    assert_eq!(peer.join().unwrap(), b"");
}

#[test]
fn with_all_three_closed_nothing_of_ours_reaches_the_peer_but_the_data() {
    let (at, peer) = server(|mut stream| {
        stream.write_all(b"answer").unwrap();
        all_of(stream)
    });
    // Were a descriptor of the three given to the socket, the trace or what arrived would go to the peer.
    let ours = shell(&format!("\"$PUERTA\" connect --trace {at} <&- >&- 2>&-; echo $?")).finish();
    ours.ends_with(0).wrote("0\n");
    assert_eq!(peer.join().unwrap(), b"");
}

#[test]
fn a_closed_stdout_is_no_output_and_takes_no_descriptor_of_the_socket() {
    let (at, peer) = server(|mut stream| {
        stream.write_all(b"answer").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        all_of(stream)
    });
    let ours = shell(&format!("echo hola | \"$PUERTA\" connect {at} >&-")).finish();
    ours.ends_with(0).said("sent 5 bytes, received 6 bytes").said("standard output is closed or /dev/null");
    assert_eq!(peer.join().unwrap(), b"hola\n");
}

#[test]
fn an_empty_stdin_ends_our_direction_at_once() {
    let ours = puerta(["listen", "127.0.0.1:0"]).start();
    let mut stream = client(ours.port());
    assert_eq!(all_of(&stream), b"");
    stream.write_all(b"still heard").unwrap();
    drop(stream);
    ours.finish().ends_with(0).wrote("still heard");
}

#[test]
fn a_pipe_a_file_and_a_socket_as_stdin_are_sent_whole() {
    let folder = Folder::new("stdin");
    let content = noise(1, 2_000_000);
    let file = folder.file("file", &content);
    for what in ["pipe", "file", "socket", "crlf"] {
        let (at, peer) = server(all_of);
        let mut args = vec!["connect".to_owned(), at.to_string()];
        if what == "crlf" {
            args.push("--crlf".to_owned());
        }
        let ours = puerta(&args);
        let ours = match what {
            "pipe" | "crlf" => ours.input(content.clone()).start(),
            "file" => ours.stdin_file(&file).start(),
            _ => {
                let (mut near, far) = UnixStream::pair().unwrap();
                let started = ours.stdin(std::os::fd::OwnedFd::from(far)).start();
                near.write_all(&content).unwrap();
                started
            }
        };
        ours.finish().ends_with(0);
        let got = peer.join().unwrap();
        if what == "crlf" {
            let lf = content.iter().filter(|&&b| b == b'\n').count();
            let crlf = content.windows(2).filter(|pair| pair == b"\r\n").count();
            assert_eq!(got.len(), content.len() + lf - crlf);
        } else {
            same(&got, &content);
        }
    }
}

#[test]
fn a_file_that_is_read_from_its_middle_is_sent_from_there() {
    let folder = Folder::new("offset");
    let path = folder.file("file", "skipped, sent");
    let (at, peer) = server(all_of);
    let mut file = File::open(path).unwrap();
    some_of(&mut file, 9);
    puerta(["connect", &at.to_string()]).stdin(file).finish().ends_with(0);
    assert_eq!(peer.join().unwrap(), b"sent");
}

#[test]
fn output_is_appended_where_the_file_is_open_for_that() {
    let folder = Folder::new("append");
    let path = folder.file("file", "before ");
    let (at, peer) = server(|mut stream| stream.write_all(b"after").unwrap());
    let file = File::options().append(true).open(&path).unwrap();
    puerta(["connect", &at.to_string()]).stdout(file).finish().ends_with(0);
    peer.join().unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"before after");
}

#[test]
fn everything_arrives_through_an_output_pipe_that_is_slow() {
    let content = noise(2, 3_000_000);
    let sent = content.clone();
    let (at, peer) = server(move |mut stream| stream.write_all(&sent).unwrap());
    let (mut reader, writer) = std::io::pipe().unwrap();
    let ours = puerta(["connect", &at.to_string()]).stdout(writer).start();
    let mut got = Vec::new();
    let mut buffer = [0; 3000];
    while let Ok(n @ 1..) = reader.read(&mut buffer) {
        got.extend_from_slice(&buffer[..n]);
    }
    same(&got, &content);
    ours.finish().ends_with(0);
    peer.join().unwrap();
}

/// The flags of an open file description: proc_pid_fdinfo(5).
fn flags(fd: &impl AsRawFd) -> String {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).unwrap();
    info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim().to_owned()
}

#[test]
fn the_blocking_mode_of_what_we_share_is_never_changed_not_even_while_we_run() {
    let (at, peer) = server(|mut stream| {
        stream.write_all(b"hello").unwrap();
        all_of(stream)
    });
    let (input, writer) = std::io::pipe().unwrap();
    let (reader, output) = std::io::pipe().unwrap();
    let before = (flags(&input), flags(&output));
    let ours = puerta(["connect", "-v", &at.to_string()])
        .stdin(input.try_clone().unwrap())
        .stdout(output.try_clone().unwrap())
        .start();
    some_of(&reader, 5);
    assert_eq!((flags(&input), flags(&output)), before);
    drop(writer);
    ours.finish().ends_with(0);
    assert_eq!((flags(&input), flags(&output)), before);
    peer.join().unwrap();
}

#[test]
fn a_shared_unix_socket_as_stdin_and_stdout_stays_blocking() {
    let (at, peer) = server(|mut stream| {
        stream.write_all(b"hello").unwrap();
        all_of(stream)
    });
    let (mut near, far) = UnixStream::pair().unwrap();
    let before = flags(&far);
    let ours = puerta(["connect", &at.to_string()])
        .stdin(std::os::fd::OwnedFd::from(far.try_clone().unwrap()))
        .stdout(std::os::fd::OwnedFd::from(far.try_clone().unwrap()))
        .start();
    assert_eq!(some_of(&near, 5), b"hello");
    assert_eq!(flags(&far), before);
    near.write_all(b"typed").unwrap();
    near.shutdown(Shutdown::Write).unwrap();
    ours.finish().ends_with(0);
    assert_eq!(peer.join().unwrap(), b"typed");
    assert_eq!(flags(&far), before);
}

/// Runs a line under a terminal of its own; what the terminal shows is stdout.
fn on_a_terminal(line: &str) -> common::Run {
    peer("script", ["-qec", line, "/dev/null"]).env("PUERTA", env!("CARGO_BIN_EXE_puerta")).env("SHELL", "/bin/sh")
}

const ESCAPES: &[u8] = b"\x1b[31mred\x1b[0m\x07 ok\n";

#[test]
fn escape_sequences_are_shown_visibly_on_a_terminal() {
    let (at, peer) = server(|mut stream| stream.write_all(ESCAPES).unwrap());
    let ours = on_a_terminal(&format!("\"$PUERTA\" connect {at} </dev/null")).finish();
    ours.ends_with(0);
    assert!(contains(&ours.stdout, b"^[[31mred^[[0m^G ok"), "{}", ours.stdout.escape_ascii());
    assert!(!ours.stdout.contains(&0x1b));
    peer.join().unwrap();
}

#[test]
fn raw_passes_escape_sequences_to_a_terminal_and_a_pipe_gets_them_always() {
    let (at, peer) = server(|mut stream| stream.write_all(ESCAPES).unwrap());
    let ours = on_a_terminal(&format!("\"$PUERTA\" connect --raw {at} </dev/null")).finish();
    assert!(contains(&ours.stdout, b"\x1b[31mred"), "{}", ours.stdout.escape_ascii());
    peer.join().unwrap();
    let (at, peer) = server(|mut stream| stream.write_all(ESCAPES).unwrap());
    puerta(["connect", &at.to_string()]).finish().ends_with(0).wrote(ESCAPES);
    peer.join().unwrap();
}

#[test]
fn on_a_terminal_we_end_with_0_when_the_peer_ends() {
    let (at, peer) = server(|mut stream| stream.write_all(b"bye\n").unwrap());
    let mut ours = on_a_terminal(&format!("\"$PUERTA\" connect {at}; echo status $?; stty -a"));
    ours = ours.open_input();
    let mut ours = ours.start();
    ours.writes("status 0");
    ours.end_input();
    let ours = ours.finish();
    assert!(contains(&ours.stdout, b"bye") && contains(&ours.stdout, b"the peer ended"), "{}", ours.text());
    // The terminal is as it was: it echoes and reads lines.
    assert!(contains(&ours.stdout, b" icanon") && contains(&ours.stdout, b" echo "), "{}", ours.text());
    peer.join().unwrap();
}

#[test]
fn who_waits_for_the_end_of_a_silent_peer_is_told_on_a_terminal_or_as_json() {
    let (mut all, mut held) = (Vec::new(), Vec::new());
    let mut start = |ours: &dyn Fn(&str) -> common::Run| {
        let (at, peer) = server(|stream| {
            assert_eq!(all_of(&stream), b"hola\n");
            stream
        });
        all.push(ours(&at.to_string()).start());
        held.push(peer.join().unwrap());
    };
    start(&|at| puerta(["connect", at]).input("hola\n"));
    start(&|at| on_a_terminal(&format!("echo hola | \"$PUERTA\" connect {at} --quiet")));
    start(&|at| puerta(["connect", at, "--json"]).input("hola\n"));
    start(&|at| on_a_terminal(&format!("echo hola | \"$PUERTA\" connect {at}")));
    let [piped, quiet, json, terminal] = <[_; 4]>::try_from(all).ok().unwrap();
    json.says("\"waiting\"");
    terminal.writes("waiting for the peer's end");
    drop(held);
    piped.finish().ends_with(0).never_said("waiting");
    assert!(!quiet.finish().ends_with(0).text().contains("waiting"));
    assert_eq!(json.finish().ends_with(0).stderr.matches("waiting").count(), 1);
    assert_eq!(terminal.finish().ends_with(0).text().matches("waiting").count(), 1);
}

#[test]
fn a_terminals_blocking_mode_is_the_same_while_we_run_and_afterwards() {
    let (at, far) = server(|mut stream| {
        stream.write_all(b"hello\n").unwrap();
        all_of(stream)
    });
    let folder = Folder::new("terminal");
    let go = folder.name("go");
    let flags = "grep flags /proc/self/fdinfo/3";
    let meanwhile = format!("mkfifo {go}; {{ read word <{go}; {flags}; }} &");
    let line = format!("exec 3<&0; {meanwhile} {flags}; \"$PUERTA\" connect {at} 3<&-; {flags}; echo over");
    let mut ours = on_a_terminal(&line).open_input().start();
    ours.writes("hello");
    std::fs::write(&go, "go\n").unwrap();
    // The second look comes while we run: only then is the end typed.
    ours.until("two looks", |_| ours.stdout().windows(6).filter(|w| w == b"flags:").count() == 2);
    ours.send("\x04");
    ours.writes("over");
    let text = String::from_utf8_lossy(&ours.stdout()).into_owned();
    let seen: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix("flags:")).collect();
    let nonblocking = |flags: &str| u32::from_str_radix(flags.trim(), 8).unwrap() & 0o4000 != 0;
    assert!(seen.len() == 3 && !seen.iter().any(|flags| nonblocking(flags)), "{text}");
    far.join().unwrap();
}

#[test]
fn what_is_typed_on_a_terminal_is_sent_and_control_d_is_the_end() {
    let (at, peer) = server(|mut stream| {
        let got = all_of(&stream);
        stream.write_all(b"answer after your end\n").unwrap();
        got
    });
    let mut ours = on_a_terminal(&format!("\"$PUERTA\" connect -v {at}; echo status $?")).open_input().start();
    ours.writes("connected");
    ours.send("hola\n").send("\x04");
    ours.writes("answer after your end").writes("status 0");
    assert_eq!(peer.join().unwrap(), b"hola\n");
}

#[test]
fn control_c_on_a_terminal_is_130_and_the_shell_still_reads() {
    let (at, peer) = server(all_of);
    let line = format!("trap : INT; \"$PUERTA\" connect -v {at}; echo status $?; read word; echo read $word");
    let mut ours = on_a_terminal(&line).open_input().start();
    ours.writes("connected");
    ours.send("\x03").writes("status 130");
    ours.send("again\n").writes("read again");
    peer.join().unwrap();
}
