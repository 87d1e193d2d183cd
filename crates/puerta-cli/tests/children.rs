//! `-- COMMAND`: a process for each client. Its output is never lost, its status is told, and it leaves no zombie.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::far::{all_of, client, reset, server, some_of};
use common::places::{Folder, noise};
use common::{peer, puerta, same};
use std::io::Write;
use std::net::{Shutdown, TcpStream};

/// Arguments of a listener whose clients get a shell script each.
fn scripted<'a>(mode: &[&'a str], script: &'a str) -> Vec<&'a str> {
    [&["listen", "127.0.0.1:0"], mode, &["--", "sh", "-c", script]].concat()
}

#[test]
fn what_a_child_prints_last_is_delivered_though_it_has_exited() {
    let folder = Folder::new("children");
    let content = noise(1, 1_000_000);
    let file = folder.file("file", &content);
    let script = format!("cat {}", file.display());
    let ours = puerta(scripted(&[], &script)).start();
    same(&all_of(client(ours.port())), &content);
    ours.finish().ends_with(0).said("sent 1000000 bytes");
}

#[test]
fn every_byte_through_a_child_comes_back() {
    let content = noise(2, 3_000_000);
    let ours = puerta(["listen", "127.0.0.1:0", "--", "cat"]).start();
    let port = ours.port().to_string();
    let theirs = peer("nc", ["-N", "127.0.0.1", &port]).input(content.clone()).finish();
    same(&theirs.ends_with(0).stdout, &content);
    ours.finish().ends_with(0).said("sent 3000000 bytes, received 3000000 bytes");
}

#[test]
fn a_childs_failure_is_8_and_named_and_its_output_still_arrives() {
    let ours = puerta(scripted(&[], "echo partial; exit 3")).start();
    assert_eq!(all_of(client(ours.port())), b"partial\n");
    ours.finish().ends_with(8).said("sh ended with exit status: 3").said("hint: ");
    let ours = puerta(scripted(&[], "echo partial; kill -9 $$")).start();
    assert_eq!(all_of(client(ours.port())), b"partial\n");
    ours.finish().ends_with(8).said("signal: 9");
}

#[test]
fn a_childs_failure_is_told_by_a_server_of_many_and_is_not_its_end() {
    let ours = puerta(scripted(&["--keep"], "read word; echo $word; exit ${#word}")).start();
    for (word, told) in [("abc", "exit status: 3"), ("abcdef", "exit status: 6")] {
        let mut stream = client(ours.port());
        stream.write_all(format!("{word}\n").as_bytes()).unwrap();
        assert_eq!(all_of(stream), format!("{word}\n").as_bytes());
        ours.says(told);
    }
    ours.signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn no_zombie_is_left_while_a_server_runs() {
    let ours = puerta(scripted(&["--keep"], "cat; exit 1")).start();
    for _ in 0..10 {
        let mut stream = client(ours.port());
        stream.write_all(b"x").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(all_of(stream), b"x");
    }
    let children = |id: u32| std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap();
    ours.until("end of the children", |id| children(id).trim().is_empty());
}

#[test]
fn a_child_that_closes_its_input_early_is_no_error() {
    let ours = puerta(scripted(&[], "exec <&-; echo enough; exit 0")).start();
    let mut stream = client(ours.port());
    assert_eq!(some_of(&stream, 7), b"enough\n");
    // More than its pipe and ours would hold.
    let _ = stream.write_all(&noise(3, 1_000_000));
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(all_of(stream), b"");
    ours.finish().ends_with(0).said("sent 7 bytes, received 1000000 bytes");
}

#[test]
fn a_child_that_exits_while_the_client_goes_on_does_not_cut_its_own_answer() {
    let answer = noise(4, 500_000);
    let folder = Folder::new("children");
    let file = folder.file("answer", &answer);
    let script = format!("head -c 10 >/dev/null; cat {}", file.display());
    let ours = puerta(scripted(&[], &script)).start();
    let theirs = peer("nc", ["-N", "127.0.0.1", &ours.port().to_string()]).input(noise(5, 2_000_000)).finish();
    same(&theirs.stdout, &answer);
    ours.finish().ends_with(0);
}

#[test]
fn the_end_of_a_childs_output_is_a_half_close() {
    let folder = Folder::new("children");
    let out = folder.path("out");
    let script = format!("echo done; exec >&-; cat >{}", out.display());
    let ours = puerta(scripted(&[], &script)).start();
    let mut stream = client(ours.port());
    assert_eq!(all_of(&stream), b"done\n");
    stream.write_all(b"still taken").unwrap();
    drop(stream);
    ours.finish().ends_with(0);
    assert_eq!(std::fs::read(out).unwrap(), b"still taken");
}

#[test]
fn a_command_that_does_not_exist_is_8_and_the_client_sees_an_end() {
    let ours = puerta(["listen", "127.0.0.1:0", "--", "no-such-command"]).start();
    assert_eq!(all_of(client(ours.port())), b"");
    ours.finish().ends_with(8).said("cannot start no-such-command").said("hint: check the program's name");
}

#[test]
fn a_command_that_does_not_exist_is_told_by_a_server_of_many() {
    let ours = puerta(["listen", "--keep", "127.0.0.1:0", "--", "no-such-command"]).start();
    for _ in 0..2 {
        assert_eq!(all_of(client(ours.port())), b"");
    }
    ours.says("cannot start no-such-command").signal("TERM");
    ours.finish().ends_with(0);
}

#[test]
fn a_reset_reaches_neither_the_others_nor_leaves_the_child_behind() {
    let ours = puerta(scripted(&["--keep"], "echo $$; cat >/dev/null; exec sleep 1000")).start();
    let stream = client(ours.port());
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        line.extend(some_of(&stream, 1));
    }
    let child: u32 = String::from_utf8(line).unwrap().trim().parse().unwrap();
    reset(stream);
    ours.says("has left");
    ours.until("end of the child", |_| !std::path::Path::new(&format!("/proc/{child}")).exists());
}

#[test]
fn a_reset_is_7_though_the_child_is_well() {
    let ours = puerta(scripted(&[], "echo ready; cat >/dev/null")).start();
    let stream = client(ours.port());
    some_of(&stream, 6);
    reset(stream);
    ours.finish().ends_with(7).said("ECONNRESET");
}

#[test]
fn arguments_are_passed_as_they_are_and_addresses_stand_in_the_environment() {
    let words = "printf '%s|' \"$0\" \"$@\" \"$PUERTA_PEER\" \"$PUERTA_LOCAL\"";
    let ours = puerta(["listen", ":0", "--", "sh", "-c", words, "a b", "$HOME;", ""]).start();
    let stream = client(ours.port());
    let who = stream.local_addr().unwrap();
    let expected = format!("a b|$HOME;||{who}|127.0.0.1:{}|", ours.port());
    assert_eq!(String::from_utf8(all_of(stream)).unwrap(), expected);
    ours.finish().ends_with(0);
}

#[test]
fn children_inherit_no_descriptor_of_the_sockets() {
    let script = "ls /proc/self/fd";
    let ours = puerta(scripted(&["--keep"], script)).start();
    let _other = client(ours.port());
    // What whoever runs the tests has left open is there without us, too.
    same(&all_of(client(ours.port())), &peer("sh", ["-c", script]).finish().stdout);
}

#[test]
fn children_have_the_signals_of_a_fresh_process() {
    let ours = puerta(scripted(&[], "grep -e SigIgn -e SigBlk /proc/self/status")).start();
    let seen = String::from_utf8(all_of(client(ours.port()))).unwrap();
    let mask =
        |name| seen.lines().find_map(|l| l.strip_prefix(name)).map(|m| u64::from_str_radix(m.trim(), 16).unwrap());
    const SIGPIPE: u64 = 1 << 12;
    assert_eq!((mask("SigIgn:").map(|m| m & SIGPIPE), mask("SigBlk:")), (Some(0), Some(0)), "{seen}");
}

#[test]
fn many_clients_have_a_child_each_at_once() {
    let ours = puerta(["listen", "--keep", "127.0.0.1:0", "--", "cat"]).start();
    let mut clients: Vec<TcpStream> = (0..20).map(|_| client(ours.port())).collect();
    for (n, stream) in clients.iter_mut().enumerate() {
        stream.write_all(format!("{n:03}").as_bytes()).unwrap();
    }
    for (n, stream) in clients.iter().enumerate().rev() {
        assert_eq!(some_of(stream, 3), format!("{n:03}").as_bytes());
    }
    drop(clients);
    ours.signal("TERM");
    ours.finish().ends_with(0).said("sent 60 bytes, received 60 bytes");
}

#[test]
fn connect_runs_a_command_too() {
    let (at, far) = server(|mut stream| {
        stream.write_all(b"question\n").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        all_of(stream)
    });
    let ours = puerta(["connect", &at.to_string(), "--", "sed", "-u", "s/^/answer to /"]).finish();
    ours.ends_with(0).wrote("");
    assert_eq!(far.join().unwrap(), b"answer to question\n");
}
