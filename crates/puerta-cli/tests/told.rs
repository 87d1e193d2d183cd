//! What the user is told: events, errors and verdicts as data, and the trace.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::far::{all_of, client, reset, server};
use common::places::{Folder, free_port};
use common::{Done, Running, peer, puerta};
use serde_json::{Value, json};
use std::io::Write;
use std::net::Shutdown;

/// The keys of an object, sorted.
fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn event<'a>(all: &'a [Value], name: &str) -> &'a Value {
    all.iter().find(|object| object["event"] == name).unwrap_or_else(|| panic!("no {name} in {all:?}"))
}

#[test]
fn the_verdict_as_json_has_its_fields() {
    let (at, far) = server(|mut stream| {
        stream.write_all(b"answer").unwrap();
        all_of(stream)
    });
    let ours = puerta(["connect", "--json", &at.to_string()]).input("hola").finish();
    far.join().unwrap();
    let told = ours.ends_with(0).json();
    let end = told.last().unwrap();
    assert_eq!(keys(end), ["closed_by", "event", "how", "received", "sent", "status"]);
    assert_eq!(end["event"], "end");
    assert_eq!((&end["sent"], &end["received"], &end["status"]), (&json!(4), &json!(6), &json!(0)));
    assert_eq!((&end["closed_by"], &end["how"]), (&json!("us"), &json!("fin")));
    let connected = event(&told, "connected");
    assert_eq!((&connected["transport"], &connected["peer"]), (&json!("tcp"), &json!(at.to_string())));
}

#[test]
fn progress_as_json_is_an_object_among_the_others_and_with_q_there_is_none() {
    let (quiet_at, quiet_far) = server(all_of);
    let (at, far) = server(all_of);
    let mut quiet = puerta(["connect", "-q", "--progress", &quiet_at.to_string()]).open_input().start();
    quiet.send("hola");
    let mut ours = puerta(["connect", "--json", "--progress", &at.to_string()]).open_input().start();
    // It is told after a second: one that began before has had its own.
    ours.send("hola").says("received");
    ours.end_input();
    let told = ours.finish().ends_with(0).json();
    assert_eq!(event(&told, "progress"), &json!({"event": "progress", "sent": 4, "received": 0}));
    assert_eq!(told.last().unwrap()["event"], "end");
    quiet.end_input();
    assert_eq!(quiet.finish().ends_with(0).stderr, "");
    assert_eq!((quiet_far.join().unwrap(), far.join().unwrap()), (b"hola".to_vec(), b"hola".to_vec()));
}

#[test]
fn the_rate_on_a_terminal_counts_from_the_start() {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let (at, far) = server(move |mut stream| {
        stream.write_all(&[b'x'; 3000]).unwrap();
        ended.recv().unwrap();
    });
    let line = format!("stty cols 100; exec \"$PUERTA\" connect {at} </dev/null >/dev/null");
    let ours = peer("script", ["-qec", &line, "/dev/null"]).env("PUERTA", env!("CARGO_BIN_EXE_puerta"));
    let ours = ours.env("SHELL", "/bin/sh").open_input().start();
    ours.writes("received 3000 bytes");
    end.send(()).unwrap();
    let done = ours.finish();
    assert!(!done.text().contains("MiB/s"), "{}", done.text());
    far.join().unwrap();
}

#[test]
fn an_error_as_json_has_its_fields() {
    let at = format!("127.0.0.1:{}", free_port());
    let told = puerta(["connect", "--json", &at]).finish().ends_with(6).json();
    let error = event(&told, "error");
    assert_eq!(keys(error), ["call", "errno", "event", "hint", "local", "message", "peer", "status"]);
    assert_eq!((&error["call"], &error["errno"]), (&json!("connect"), &json!("ECONNREFUSED")));
    assert_eq!((&error["peer"], &error["status"]), (&json!(at), &json!(6)));
    assert!(error["message"].as_str().unwrap().contains("connection refused"));
    assert!(error["hint"].as_str().unwrap().contains("nothing listens there"));
}

#[test]
fn a_wrong_command_line_as_json_says_what_is_missing() {
    let told = puerta(["connect", "--json"]).finish().ends_with(2).json();
    assert_eq!(event(&told, "error")["message"], "the following required arguments were not provided: <ADDR>");
}

#[test]
fn what_the_system_says_of_a_path_or_a_program_has_its_errno_by_name() {
    let folder = Folder::new("told-errno");
    let (gone, file) = (folder.name("gone/socket"), folder.file("file", "x"));
    let told = puerta(["listen", "--json", &gone]).finish().ends_with(5).json();
    let error = event(&told, "error");
    assert_eq!((&error["call"], &error["errno"], &error["local"]), (&json!("bind"), &json!("ENOENT"), &json!(gone)));
    assert_eq!(error["message"], format!("bind unix {gone}: no such file or directory (ENOENT)"));
    let told = puerta(["listen", "--json", file.to_str().unwrap()]).finish().ends_with(5).json();
    assert_eq!(
        (&event(&told, "error")["call"], &event(&told, "error")["errno"]),
        (&json!("bind"), &json!("EADDRINUSE"))
    );
    let (at, far) = server(all_of);
    let told = puerta(["connect", "--json", &at.to_string(), "--", "no-such-program"]).finish().ends_with(8).json();
    let error = event(&told, "error");
    assert_eq!(error["errno"], "ENOENT");
    assert_eq!(error["message"], "cannot start no-such-program: no such file or directory (ENOENT)");
    far.join().unwrap();
}

#[test]
fn every_kind_of_error_is_one_object_with_the_same_fields() {
    let folder = Folder::new("told");
    let file = folder.file("file", "x");
    for (args, status) in [
        (vec!["connect", "--json", "tpc://h:80"], 2),
        (vec!["connect", "--json", "--no-such-option", "h:80"], 2),
        (vec!["connect", "--trace=json", "h:80", "--idle", "soon"], 2),
        (vec!["connect", "--json", "no-such-host.invalid:80"], 4),
        (vec!["listen", "--json", file.to_str().unwrap()], 5),
        (vec!["listen", "--json", "192.0.2.1:0"], 5),
        (vec!["connect", "--json", "127.0.0.1:80", "--whole"], 2),
    ] {
        let told = puerta(&args).env("RES_OPTIONS", "timeout:1 attempts:1").finish().ends_with(status).json();
        let error = event(&told, "error");
        assert_eq!(keys(error), ["call", "errno", "event", "hint", "local", "message", "peer", "status"], "{args:?}");
        assert_eq!(error["status"], status, "{args:?}");
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn a_time_limit_that_strikes_is_an_error_as_json_that_names_the_peer() {
    let folder = Folder::new("told");
    let at = folder.name("nobody");
    let told = puerta(["connect", "--json", "--retry", "--within", "200ms", &at]).finish().ends_with(6).json();
    let error = event(&told, "error");
    assert_eq!((&error["call"], &error["peer"]), (&json!("connect"), &json!(format!("unix:{at}"))));
}

#[test]
fn a_reset_as_json_is_an_error_and_a_verdict_that_agree() {
    let (at, far) = server(|mut stream| {
        stream.write_all(b"word").unwrap();
        stream
    });
    let ours = puerta(["connect", "--json", &at.to_string()]).open_input().start();
    ours.writes("word");
    reset(far.join().unwrap());
    let told = ours.finish().ends_with(7).json();
    assert_eq!(event(&told, "error")["errno"], "ECONNRESET");
    assert_eq!(event(&told, "error")["status"], 7);
    let end = told.last().unwrap();
    assert_eq!((&end["how"], &end["closed_by"], &end["status"]), (&json!("reset"), &json!("peer"), &json!(7)));
}

#[test]
fn the_life_of_a_server_as_json() {
    let ours = puerta(["listen", "--keep", "--json", "--max", "1", ":0"]).start();
    let port = port_in_json(&ours);
    let told: Value = serde_json::from_str(ours.stderr().lines().next().unwrap()).unwrap();
    assert_eq!(told["transport"], "tcp");
    assert_eq!(told["address"], format!("[::]:{port}"));
    assert!(told["reached_from"].is_array());
    let mut stream = client(port);
    stream.write_all(b"hola").unwrap();
    ours.writes("hola").says("at-limit");
    let who = stream.local_addr().unwrap().to_string();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(all_of(&stream), b"");
    ours.says("below-limit").says("\"left\"").signal("TERM");
    let told = ours.finish().ends_with(0).json();
    assert_eq!(event(&told, "joined")["peer"], who);
    let left = event(&told, "left");
    let fields = ["closed_by", "event", "how", "message", "peer", "received", "sent", "status"];
    assert_eq!(keys(left), fields);
    assert_eq!((&left["peer"], &left["received"], &left["how"]), (&json!(who), &json!(4), &json!("fin")));
    assert_eq!(event(&told, "at-limit")["max"], 1);
    assert_eq!((&told.last().unwrap()["event"], &told.last().unwrap()["how"]), (&json!("end"), &json!("stopped")));
}

#[test]
fn a_retry_as_json_says_when() {
    let told = puerta(["connect", "--json", "--retry=2", &format!("127.0.0.1:{}", free_port())]).finish().json();
    assert_eq!(event(&told, "retrying")["after_ms"], 1000);
    assert!(event(&told, "retrying")["message"].as_str().unwrap().contains("ECONNREFUSED"));
}

fn port_in_json(server: &Running) -> u16 {
    server.says("\"transport\":\"tcp\"}\n");
    let text = server.stderr();
    let told =
        text.lines().map_while(|line| serde_json::from_str(line).ok()).find(|o: &Value| o["event"] == "listening");
    told.unwrap()["port"].as_u64().unwrap().try_into().unwrap()
}

/// The greeting between two of ours, both traced.
fn greeting(form: &str) -> (Done, Done) {
    let trace = format!("--trace{form}");
    let server = puerta(["listen", &trace, "127.0.0.1:0"]).input("Hola, cliente!").start();
    let port = if form.is_empty() { server.port() } else { port_in_json(&server) };
    let client = puerta(["connect", &trace, &format!("127.0.0.1:{port}")]).input("Hola, servidor!").finish();
    client.ends_with(0).wrote("Hola, cliente!");
    let server = server.finish();
    server.ends_with(0).wrote("Hola, servidor!");
    (server, client)
}

/// Checks that these lines come in this order, with others in between.
fn in_order(text: &str, expected: &[&str]) {
    let mut lines = text.lines();
    for start in expected {
        assert!(lines.any(|line| line.starts_with(start)), "no {start:?}, or not in its place:\n{text}");
    }
}

#[test]
fn the_trace_of_the_greeting_reads_like_the_man_pages_closes_included() {
    let (server, client) = greeting("");
    in_order(
        &server.stderr,
        &[
            "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = ",
            "setsockopt(",
            "bind(",
            "listen(",
            "getsockname(",
            "accept(",
            "close(",
            "shutdown(",
            "close(",
            "sent 14 bytes, received 15 bytes",
        ],
    );
    in_order(
        &client.stderr,
        &[
            "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = ",
            "connect(",
            "shutdown(",
            "close(",
            "sent 15 bytes",
        ],
    );
    server.said(", SHUT_WR) = 0").said("SO_REUSEADDR, 1) = 0").said("{AF_INET, 127.0.0.1:");
    client.said("= -1 EINPROGRESS").said("SIOCOUTQ, 0) = 0");
    for text in [&server.stderr, &client.stderr] {
        let count = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(count("socket(") + count("accept("), count("close("), "{text}");
    }
}

#[test]
fn the_trace_shows_what_fails_with_its_errno() {
    let at = format!("127.0.0.1:{}", free_port());
    puerta(["connect", "--trace", &at]).finish().ends_with(6).said("ECONNREFUSED");
    let ours = puerta(["listen", "--trace", "192.0.2.1:0"]).finish();
    ours.ends_with(5).said("{AF_INET, 192.0.2.1:0}, 16) = -1 EADDRNOTAVAIL");
    in_order(&ours.stderr, &["socket(", "bind(", "close(", "bind tcp 192.0.2.1:0: ", "hint: "]);
}

#[test]
fn every_line_of_the_trace_as_json_parses_and_has_call_args_result_errno_and_us() {
    let (server, client) = greeting("=json");
    for done in [&server, &client] {
        let all = done.json();
        let calls: Vec<_> = all.iter().filter(|object| object.get("event").is_none()).collect();
        assert!(calls.len() > 8, "{calls:?}");
        for call in calls {
            assert_eq!(keys(call), ["args", "call", "errno", "result", "us"]);
            assert!(call["call"].is_string() && call["args"].is_object() && call["result"].is_i64(), "{call}");
            assert!(call["us"].is_u64() && (call["errno"].is_string() || call["errno"].is_null()), "{call}");
            assert_eq!(call["errno"].is_string(), call["result"] == -1, "{call}");
        }
        assert_eq!(event(&all, "end")["how"], "fin");
    }
    let accepted = server.json().into_iter().find(|call| call["call"] == "accept").unwrap();
    assert!(accepted["args"]["addr"].as_str().unwrap().starts_with("127.0.0.1:"), "{accepted}");
}

#[test]
fn what_a_hostile_name_has_in_it_does_not_reach_the_terminal_raw() {
    let folder = Folder::new("hostile");
    let path = folder.name("a\x1b[31mb");
    let ours = puerta(["listen", &path]).finish();
    assert!(!ours.stderr.contains('\x1b'), "{:?}", ours.stderr);
    let ours = puerta(["listen", "127.0.0.1:0", "--", "no\x1b[31mcommand"]).start();
    assert_eq!(all_of(client(ours.port())), b"");
    let ours = ours.finish();
    ours.ends_with(8);
    assert!(!ours.stderr.contains('\x1b'), "{:?}", ours.stderr);
}
