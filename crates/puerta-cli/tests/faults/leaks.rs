//! Descriptors of a server of many come back to what they were.

use crate::common::pause;
use crate::common::places::{Folder, noise};
use crate::run::{Input, Output, Running, Tool, start};
use crate::transfers::{endpoint, talk};
use puerta::{AnyStream, Connected, Endpoint, Family, Flags, Shutdown, Socket, UnixAddr, opt};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long the server may take to have closed what it does not need.
const LIMIT: Duration = Duration::from_secs(20);

fn server(arguments: &[&str]) -> (Running, Endpoint) {
    let all: Vec<&str> = ["listen", "--keep", "127.0.0.1:0"].iter().chain(arguments).copied().collect();
    let running = start(&Tool::Nothing, &all, Input::Nothing, Output::Pipe);
    let to = endpoint(&running.address().unwrap());
    (running, to)
}

fn connect(to: &Endpoint) -> Socket<AnyStream, Connected> {
    Socket::<AnyStream>::new(Family::of(to)).unwrap().connect_timeout(to, LIMIT).unwrap()
}

fn descriptors(running: &Running) -> usize {
    fs::read_dir(format!("/proc/{}/fd", running.id())).unwrap().count()
}

/// Waits until the server has as many descriptors as before.
fn come_back(running: &Running, before: usize) {
    let start = Instant::now();
    while descriptors(running) != before {
        assert!(start.elapsed() < LIMIT, "{} descriptors were {before}", descriptors(running));
        pause(Duration::from_millis(5));
    }
}

/// Sessions of every kind, several at a time.
fn visits(running: &Running, to: &Endpoint, before: usize) {
    let bytes = noise(7, 100_000);
    for _ in 0..20 {
        talk(&connect(to), &bytes, false);
    }
    for _ in 0..20 {
        let socket = connect(to);
        let _ = socket.send(b"half a line", Flags::NONE);
        socket.set(opt::Linger, Some(Duration::ZERO)).unwrap();
    }
    come_back(running, before);
    let storm: Vec<_> = (0..200).map(|_| connect(to)).collect();
    drop(storm);
    for _ in 0..200 {
        drop(connect(to));
    }
    come_back(running, before);
}

/// The count once a first client has been and gone: what is made once is there then.
fn settled(running: &Running, to: &Endpoint) -> usize {
    let before = descriptors(running);
    talk(&connect(to), b"hola\n", false);
    come_back(running, before);
    before
}

#[test]
fn a_server_of_many_keeps_no_descriptor_of_a_client_that_has_left() {
    for arguments in [&[][..], &["--", "cat"], &["--", "false"], &["--", "/nonexistent/program"]] {
        let (mut running, to) = server(arguments);
        let before = settled(&running, &to);
        visits(&running, &to, before);
        running.stop();
        assert_eq!(running.wait().status.and_then(|s| s.code()), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_room_keeps_no_descriptor_of_clients_that_are_gone_once_somebody_speaks() {
    let (mut running, to) = server(&["--broadcast"]);
    let first = descriptors(&running);
    let speaker = connect(&to);
    come_back(&running, first + 1);
    let before = descriptors(&running);
    for round in 0..3 {
        let clients: Vec<_> = (0..200).map(|_| connect(&to)).collect();
        come_back(&running, before + clients.len());
        for (n, client) in clients.iter().enumerate() {
            match n % 4 {
                0 => drop(client.send(b"half a line", Flags::NONE)),
                1 => client.shutdown(Shutdown::Write).unwrap(),
                2 => client.set(opt::Linger, Some(Duration::ZERO)).unwrap(),
                _ => {}
            }
        }
        drop(clients);
        speaker.send(format!("is anybody there? {round}\n").as_bytes(), Flags::NONE).unwrap();
        come_back(&running, before);
    }
    running.stop();
    assert_eq!(running.wait().status.and_then(|s| s.code()), Some(0));
}

#[test]
fn a_child_that_answers_more_than_pipes_hold_is_no_deadlock() {
    let (mut running, to) = server(&["--", "cat"]);
    let bytes = noise(99, 16 << 20);
    assert!(talk(&connect(&to), &bytes, false) == bytes);
    running.stop();
    running.wait();
}

#[test]
fn too_few_descriptors_to_begin_with_are_an_error_with_a_hint() {
    for limit in 4..14 {
        let line = format!("ulimit -n {limit} && exec \"$0\" connect 127.0.0.1:1");
        let mut command = Command::new("sh");
        command.args(["-c", &line, env!("CARGO_BIN_EXE_puerta")]).stdin(Stdio::null());
        let output = command.output().unwrap();
        let (status, said) = (output.status.code(), String::from_utf8(output.stderr).unwrap());
        assert!(matches!(status, Some(1 | 3 | 4 | 6)) && said.contains("hint: "), "{limit}: {status:?} {said}");
    }
}

#[test]
fn a_client_that_reads_no_answer_is_read_to_its_end() {
    let folder = Folder::new("faults");
    let at = Endpoint::Unix(UnixAddr::path(folder.path("door")));
    let arguments = ["listen", "--keep", folder.path("door").to_str().unwrap(), "--", "cat"].map(str::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut running = start(&Tool::Nothing, &arguments, Input::Nothing, Output::Pipe);
    running.address().unwrap();
    let before = descriptors(&running);
    let client = connect(&at);
    client.shutdown(Shutdown::Read).unwrap();
    talk(&client, &noise(5, 4 << 20), false);
    // The client is still there: only its end can have let the child go.
    come_back(&running, before);
    running.stop();
    assert!(running.wait().stderr.contains("has left: "));
    drop(client);
}
