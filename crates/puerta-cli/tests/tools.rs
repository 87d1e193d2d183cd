//! nc, ncat and socat on the other side, in both roles, over TCP and Unix streams: every byte, both ways.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::{Folder, free_port, noise};
use common::{Done, Run, Running, peer, puerta, same};
use std::path::Path;

const MUCH: usize = 3_000_000;

/// What a transport needs to be written for each tool.
enum Place<'a> {
    Tcp(u16),
    Unix(&'a Path),
}

impl Place<'_> {
    fn ours(&self) -> String {
        match self {
            Place::Tcp(port) => format!("127.0.0.1:{port}"),
            Place::Unix(path) => path.to_str().unwrap().to_owned(),
        }
    }

    /// The tool as a client that half-closes and reads on.
    fn client(&self, tool: &str) -> Run {
        let (port, path) = self.words();
        match (tool, self) {
            ("nc", Place::Tcp(_)) => peer("nc", ["-N", "127.0.0.1", &port]),
            ("nc", Place::Unix(_)) => peer("nc", ["-N", "-U", &path]),
            ("ncat", Place::Tcp(_)) => peer("ncat", ["127.0.0.1", &port]),
            ("ncat", Place::Unix(_)) => peer("ncat", ["-U", &path]),
            (_, Place::Tcp(_)) => peer("socat", ["-t9", "-", &format!("TCP:127.0.0.1:{port}")]),
            (_, Place::Unix(_)) => peer("socat", ["-t9", "-", &format!("UNIX-CONNECT:{path}")]),
        }
    }

    /// The tool as a server of one client.
    fn server(&self, tool: &str) -> Run {
        let (port, path) = self.words();
        match (tool, self) {
            ("nc", Place::Tcp(_)) => peer("nc", ["-N", "-l", "127.0.0.1", &port]),
            ("nc", Place::Unix(_)) => peer("nc", ["-N", "-lU", &path]),
            ("ncat", Place::Tcp(_)) => peer("ncat", ["-l", "127.0.0.1", &port]),
            ("ncat", Place::Unix(_)) => peer("ncat", ["-lU", &path]),
            (_, Place::Tcp(_)) => peer("socat", ["-t9", "-", &format!("TCP-LISTEN:{port},bind=127.0.0.1")]),
            (_, Place::Unix(_)) => peer("socat", ["-t9", "-", &format!("UNIX-LISTEN:{path}")]),
        }
    }

    fn words(&self) -> (String, String) {
        match self {
            Place::Tcp(port) => (port.to_string(), String::new()),
            Place::Unix(path) => (String::new(), path.to_str().unwrap().to_owned()),
        }
    }
}

fn both_ways(ours: &Done, theirs: &Done, from_us: &[u8], from_them: &[u8]) {
    ours.ends_with(0).said(&format!("sent {MUCH} bytes, received {MUCH} bytes"));
    same(&ours.stdout, from_them);
    same(&theirs.stdout, from_us);
    assert_eq!(theirs.status, 0, "{}", theirs.stderr);
}

/// Sends all of it, and ends once everything has come from the other side: nc and ncat as servers leave when they read our end,
/// whatever they have still to send.
fn told_all(mut ours: Running, from_us: &[u8]) -> Done {
    ours.send(from_us);
    ours.writes_len(MUCH);
    ours.end_input();
    ours.finish()
}

fn we_listen(tool: &str, unix: bool) {
    let folder = Folder::new("tools");
    let (from_us, from_them) = (noise(1, MUCH), noise(2, MUCH));
    let path = folder.path("door");
    let address = if unix { path.to_str().unwrap() } else { "127.0.0.1:0" };
    let ours = puerta(["listen", address]).open_input().start();
    let place = if unix { Place::Unix(&path) } else { Place::Tcp(ours.port()) };
    ours.address();
    let theirs = place.client(tool).input(from_them.clone()).start();
    let ours = told_all(ours, &from_us);
    both_ways(&ours, &theirs.finish(), &from_us, &from_them);
    assert!(!path.exists());
}

fn we_connect(tool: &str, unix: bool) {
    let folder = Folder::new("tools");
    let (from_us, from_them) = (noise(3, MUCH), noise(4, MUCH));
    let path = folder.path("door");
    let port = free_port();
    let place = if unix { Place::Unix(&path) } else { Place::Tcp(port) };
    let server = place.server(tool).input(from_them.clone()).start();
    let server = if unix { server.listens_at(&path) } else { server.listens_on(port) };
    let ours = told_all(puerta(["connect", &place.ours()]).open_input().start(), &from_us);
    both_ways(&ours, &server.finish(), &from_us, &from_them);
}

#[test]
fn nc_as_a_tcp_client_gets_and_gives_every_byte() {
    we_listen("nc", false);
}

#[test]
fn nc_as_a_tcp_server_gets_and_gives_every_byte() {
    we_connect("nc", false);
}

#[test]
fn nc_as_a_unix_client_gets_and_gives_every_byte() {
    we_listen("nc", true);
}

#[test]
fn nc_as_a_unix_server_gets_and_gives_every_byte() {
    we_connect("nc", true);
}

#[test]
fn ncat_as_a_tcp_client_gets_and_gives_every_byte() {
    we_listen("ncat", false);
}

#[test]
fn ncat_as_a_tcp_server_gets_and_gives_every_byte() {
    we_connect("ncat", false);
}

#[test]
fn ncat_as_a_unix_client_gets_and_gives_every_byte() {
    we_listen("ncat", true);
}

#[test]
fn ncat_as_a_unix_server_gets_and_gives_every_byte() {
    we_connect("ncat", true);
}

#[test]
fn socat_as_a_tcp_client_gets_and_gives_every_byte() {
    we_listen("socat", false);
}

#[test]
fn socat_as_a_tcp_server_gets_and_gives_every_byte() {
    we_connect("socat", false);
}

#[test]
fn socat_as_a_unix_client_gets_and_gives_every_byte() {
    we_listen("socat", true);
}

#[test]
fn socat_as_a_unix_server_gets_and_gives_every_byte() {
    we_connect("socat", true);
}

#[test]
fn our_two_commands_give_each_other_every_byte() {
    for address in ["127.0.0.1:0", "[::1]:0", "@puerta-tools-test"] {
        let (from_us, from_them) = (noise(5, MUCH), noise(6, MUCH));
        let listener = puerta(["listen", address]).input(from_us.clone()).start();
        let client = puerta(["connect", &listener.address()]).input(from_them.clone()).finish();
        both_ways(&listener.finish(), &client, &from_us, &from_them);
    }
}

#[test]
fn curl_is_served_by_a_listener_that_speaks_http_by_hand() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhola\n";
    let ours = puerta(["listen", "127.0.0.1:0"]).input(answer).start();
    let url = format!("http://127.0.0.1:{}/", ours.port());
    peer("curl", ["-s", "--max-time", "10", &url]).finish().ends_with(0).wrote("hola\n");
    let ours = ours.finish();
    ours.ends_with(0);
    assert!(ours.text().starts_with("GET / HTTP/1.1\r\n"), "{}", ours.text());
}

#[test]
fn curl_is_served_over_a_unix_socket_by_a_command() {
    let folder = Folder::new("curl");
    let script = r#"read -r line; printf 'HTTP/1.0 200 OK\r\n\r\n%s\n' "$line""#;
    let ours = puerta(["listen", &folder.name("door"), "--keep", "--", "sh", "-c", script]).start();
    let args = ["-s", "--max-time", "10", "--unix-socket", &ours.address(), "http://door/x"];
    for _ in 0..2 {
        assert!(peer("curl", args).finish().ends_with(0).text().contains("GET /x HTTP/1.1"));
    }
    ours.signal("INT");
    ours.finish().ends_with(0);
    assert!(folder.names().is_empty(), "{:?}", folder.names());
}
