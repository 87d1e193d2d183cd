//! What the options and the options of an address promise, for streams.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::far::{all_of, client, server, some_of};
use common::places::{Folder, free_port};
use common::{peer, puerta};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

#[test]
fn within_limits_the_connect_to_a_host_that_does_not_answer_and_it_is_6() {
    let socket = puerta::Socket::<puerta::Tcp>::new(puerta::Ip::V4).unwrap();
    let listener = socket.bind(&"127.0.0.1:0".parse().unwrap()).unwrap().listen(0).unwrap();
    let at = listener.local_addr().unwrap();
    let _fills = client(at.port());
    let start = Instant::now();
    let ours = puerta(["connect", "--within", "400ms", &at.to_string()]).finish();
    ours.ends_with(6).said(&at.to_string()).said("400ms").said("--within");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn within_limits_the_wait_at_a_unix_socket_whose_backlog_is_full() {
    let folder = Folder::new("within");
    let door = folder.path("door");
    let socket = puerta::Socket::<puerta::UnixStream>::new(()).unwrap();
    let listener = socket.bind(&puerta::UnixAddr::path(&door)).unwrap().listen(0).unwrap();
    let _fills = std::os::unix::net::UnixStream::connect(&door).unwrap();
    let ours = puerta(["connect", "--within", "400ms", door.to_str().unwrap()]).finish();
    ours.ends_with(6).said(door.to_str().unwrap());
    drop(listener);
}

#[test]
fn within_limits_all_tries_together() {
    let folder = Folder::new("within");
    let ours = puerta(["connect", "--retry=50", "--within", "1300ms", &folder.name("nobody")]).finish();
    ours.ends_with(6).said("again in 1s");
}

#[test]
fn retry_finds_a_server_that_starts_later() {
    let port = free_port();
    let ours = puerta(["connect", "--retry", &format!("127.0.0.1:{port}")]).input("patience").start();
    ours.says("again in 1s");
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    assert_eq!(all_of(listener.accept().unwrap().0), b"patience");
    ours.finish().ends_with(0);
}

#[test]
fn retry_gives_up_after_its_tries_with_the_last_reason() {
    let ours = puerta(["connect", "--retry=2", &format!("127.0.0.1:{}", free_port())]).finish();
    let ours = ours.ends_with(6).said("ECONNREFUSED").said("hint: ");
    assert_eq!(ours.stderr.matches("again in").count(), 1, "{}", ours.stderr);
}

#[test]
fn a_wrong_command_line_is_not_retried() {
    puerta(["connect", "--retry", "127.0.0.1:0"]).finish().ends_with(2).never_said("again in");
}

#[test]
fn probe_connects_exchanges_nothing_and_ends() {
    let (at, far) = server(all_of);
    let ours = puerta(["connect", "--probe", "-v", &at.to_string()]).input("never sent").finish();
    ours.ends_with(0).wrote("").said("connected").said("probed only");
    assert_eq!(far.join().unwrap(), b"");
    puerta(["connect", "--probe", &format!("127.0.0.1:{}", free_port())]).finish().ends_with(6).said("ECONNREFUSED");
}

#[test]
fn probe_listens_tells_where_and_ends() {
    let folder = Folder::new("probe");
    puerta(["listen", "--probe", "127.0.0.1:0"]).finish().ends_with(0).said("listening on 127.0.0.1:");
    puerta(["listen", "--probe", &folder.name("door")]).finish().ends_with(0);
    assert!(folder.names().is_empty());
}

#[test]
fn the_source_is_where_we_come_from() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let port = free_port();
    for (source, host, exact) in [
        ("127.0.0.9:0".to_owned(), "127.0.0.9", false),
        (format!("127.0.0.9:{port}"), "127.0.0.9", true),
        (format!(":{port}"), "127.0.0.1", true),
    ] {
        let ours = puerta(["connect", "--source", &source, &at]).start();
        let (stream, from) = listener.accept().unwrap();
        assert_eq!(from.ip().to_string(), host);
        assert!(!exact || from.port() == port, "{from}");
        drop(stream);
        ours.finish().ends_with(0);
    }
}

#[test]
fn a_source_that_is_not_ours_is_told_with_a_hint() {
    let (at, _far) = server(all_of);
    let ours = puerta(["connect", "--source", "192.0.2.1:0", &at.to_string()]).finish();
    ours.said("192.0.2.1").said("EADDRNOTAVAIL").said("hint: ").ends_with(5);
    drop(client(at.port()));
}

#[test]
fn a_family_that_is_asked_for_is_the_only_one_that_is_used() {
    for (flag, reached, refused, host) in [("-4", "127.0.0.1", "::1", "localhost"), ("-6", "::1", "127.0.0.1", "[::1]")]
    {
        let ours = puerta(["listen", flag, "--keep", ":0"]).start();
        let port = ours.port();
        TcpStream::connect((refused, port)).unwrap_err();
        let mut stream = TcpStream::connect((reached, port)).unwrap();
        stream.write_all(b"hola").unwrap();
        ours.writes("hola");
        puerta(["connect", flag, &format!("{host}:{port}")]).input("again").finish().ends_with(0);
        ours.writes("again");
    }
    puerta(["connect", "-6", "127.0.0.1:80"]).finish().ends_with(4).said("hint: ");
    puerta(["connect", "-4", "-6", "localhost:80"]).finish().ends_with(2);
}

#[test]
fn an_empty_host_takes_both_families_in_one_socket() {
    let ours = puerta(["listen", "--keep", ":0"]).start();
    assert!(ours.address().starts_with("[::]:"), "{}", ours.address());
    for host in ["127.0.0.1", "::1"] {
        let mut stream = TcpStream::connect((host, ours.port())).unwrap();
        stream.write_all(host.as_bytes()).unwrap();
        ours.writes(host);
    }
    ours.says("from another machine: puerta connect");
}

#[test]
fn hex_shows_what_arrives_as_hexdump_does() {
    let (at, far) = server(|mut stream| stream.write_all(b"Hola, servidor!\n\x1b").unwrap());
    let ours = puerta(["connect", "--hex", &at.to_string()]).finish();
    far.join().unwrap();
    ours.ends_with(0).said("received 17 bytes").wrote(
        "00000000  48 6f 6c 61 2c 20 73 65  72 76 69 64 6f 72 21 0a  |Hola, servidor!.|\n\
         00000010  1b                                                |.|\n",
    );
}

#[test]
fn crlf_gives_each_line_its_crlf_and_counts_what_was_sent() {
    let (at, far) = server(all_of);
    let ours = puerta(["connect", "--crlf", &at.to_string()]).input("GET /\nHost: x\r\n\n").finish();
    ours.ends_with(0).said("sent 18 bytes");
    assert_eq!(far.join().unwrap(), b"GET /\r\nHost: x\r\n\r\n");
}

#[test]
fn quiet_says_nothing_but_errors_and_verbose_says_more() {
    let (at, far) = server(all_of);
    let ours = puerta(["connect", "-q", &at.to_string()]).input("x").finish();
    assert_eq!(ours.ends_with(0).stderr, "");
    far.join().unwrap();
    let port = free_port();
    puerta(["connect", "-q", &format!("127.0.0.1:{port}")]).finish().ends_with(6).said("ECONNREFUSED");
    let ours = puerta(["connect", "-v", &format!("localhost:{port}")]).finish();
    ours.ends_with(6).said(&format!("localhost:{port} is ")).said(&format!("127.0.0.1:{port}: connection refused"));
}

#[test]
fn every_address_of_a_name_is_tried_until_one_answers() {
    // localhost is ::1 and 127.0.0.1; only the second is listened on.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = puerta(["connect", &format!("localhost:{}", listener.local_addr().unwrap().port())]).input("x").start();
    assert_eq!(all_of(listener.accept().unwrap().0), b"x");
    ours.finish().ends_with(0);
}

/// The lines of the trace that set an option.
fn set(stderr: &str) -> Vec<&str> {
    stderr.lines().filter(|line| line.starts_with("setsockopt(")).collect()
}

#[test]
fn every_option_of_an_address_reaches_its_socket() {
    let options = [
        ("no-delay", "TCP_NODELAY"),
        ("cork", "TCP_CORK"),
        ("keep-alive", "SO_KEEPALIVE"),
        ("keep-alive-idle=30s", "TCP_KEEPIDLE"),
        ("keep-alive-interval=5s", "TCP_KEEPINTVL"),
        ("keep-alive-count=3", "TCP_KEEPCNT"),
        ("user-timeout=10s", "TCP_USER_TIMEOUT"),
        ("linger=1s", "SO_LINGER"),
        ("fast-open-connect", "TCP_FASTOPEN_CONNECT"),
        ("congestion-control=reno", "TCP_CONGESTION"),
        ("send-buffer=64k", "SO_SNDBUF"),
        ("receive-buffer=64k", "SO_RCVBUF"),
        ("send-timeout=9s", "SO_SNDTIMEO"),
        ("receive-timeout=9s", "SO_RCVTIMEO"),
        ("ttl=5", "IP_TTL"),
        ("tos=16", "IP_TOS"),
        ("reuse-address", "SO_REUSEADDR"),
        ("reuse-port", "SO_REUSEPORT"),
        ("free-bind", "IP_FREEBIND"),
    ];
    for (option, name) in options {
        let (at, far) = server(all_of);
        let ours = puerta(["connect", "--trace", &format!("{at},{option}")]).input("x").finish();
        let ours = ours.ends_with(0);
        assert!(set(&ours.stderr).iter().any(|line| line.contains(name)), "{option}: {}", ours.stderr);
        far.join().unwrap();
    }
}

#[test]
fn several_options_of_an_address_hold_together_for_clients_and_listeners() {
    let ours = puerta(["listen", "--trace", "127.0.0.1:0,keep-alive-idle=30s,defer-accept=2s,fast-open=5"])
        .open_input()
        .start();
    let stream = client(ours.port());
    (&stream).write_all(b"x").unwrap();
    ours.writes("x");
    let text = ours.stderr();
    for name in ["TCP_KEEPIDLE", "TCP_DEFER_ACCEPT", "TCP_FASTOPEN"] {
        assert!(set(&text).iter().any(|line| line.contains(name)), "{name}: {text}");
    }
    drop(stream);
    let (at, far) = server(all_of);
    let spelled = format!("tcp://{at},no-delay,keep-alive-idle=30s");
    puerta(["connect", &spelled]).input("x").finish().ends_with(0);
    assert_eq!(far.join().unwrap(), b"x");
}

#[test]
fn options_work_on_unix_streams_and_abstract_names() {
    let ours = puerta(["listen", "@puerta-options-test,receive-buffer=32k"]).start();
    let at = ours.address();
    assert_eq!(at, "@puerta-options-test");
    puerta(["connect", &format!("{at},send-buffer=32k")]).input("x").finish().ends_with(0);
    ours.finish().ends_with(0).wrote("x");
}

#[test]
fn the_spelled_out_addresses_mean_the_same_as_the_short_ones() {
    let folder = Folder::new("spelled");
    let door = folder.path("door");
    for (listen, connect) in [
        (format!("unix:{}", door.display()), format!("unix://{}", door.display())),
        (format!("unix-listen:{}", door.display()), door.display().to_string()),
    ] {
        let ours = puerta(["listen", &listen]).start();
        ours.address();
        puerta(["connect", &connect]).input("x").finish().ends_with(0);
        ours.finish().ends_with(0).wrote("x");
    }
    let ours = puerta(["listen", "./door"]).current_dir(&std::env::temp_dir()).start();
    assert_eq!(ours.address(), "./door");
    puerta(["connect", "./door"]).current_dir(&std::env::temp_dir()).input("x").finish().ends_with(0);
    ours.finish().ends_with(0).wrote("x");
}

#[test]
fn a_backlog_that_is_asked_for_reaches_the_kernel_and_the_default_is_the_systems_most() {
    let most: u32 = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
    for (args, backlog) in [(vec!["--backlog", "7"], "7".to_owned()), (vec![], most.to_string())] {
        let ours = puerta([vec!["listen", "127.0.0.1:0"], args].concat()).start();
        let table = peer("ss", ["-Hltn", &format!("sport = :{}", ours.port())]).finish().text();
        assert_eq!(table.split_whitespace().nth(2), Some(backlog.as_str()), "{table}");
    }
}

#[test]
fn packets_keep_their_boundaries_over_a_connection() {
    let ours = puerta(["listen", "unix-packet:@puerta-packets-test", "--show-peer"]).open_input().start();
    let at = format!("unix-packet:{}", ours.address());
    let mut theirs = puerta(["connect", &at]).open_input().start();
    theirs.send("one\n");
    ours.writes("one\n");
    theirs.end_input();
    drop(ours);
    theirs.finish();
}

#[test]
fn a_listener_is_closed_once_its_client_is_there() {
    let ours = puerta(["listen", "127.0.0.1:0"]).open_input().start();
    let port = ours.port();
    let stream = client(port);
    (&stream).write_all(b"x").unwrap();
    ours.writes("x");
    ours.until("end of the listener", |id| !common::places::tcp_listens(id, port));
    puerta(["listen", "--probe", &format!("127.0.0.1:{port}")]).finish().ends_with(0);
    assert_eq!(some_of(&stream, 0), b"");
}
