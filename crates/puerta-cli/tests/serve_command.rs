//! `puerta serve` as it is started: folders, addresses, options, and what it says of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;
mod serve;

use common::places::{Folder, free_port};
use common::{peer, puerta, shell};
use serve::{Client, Serving, serve};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};

fn site() -> Folder {
    let folder = Folder::new("serve");
    folder.file("a.txt", "hola\n");
    folder
}

#[test]
fn the_first_line_says_what_is_served_where_and_who_can_reach_it() {
    let folder = site();
    let server = serve(&folder.path(""), &[]);
    let line = format!("serving {} on {}/; only this machine can reach this\n", folder.name(""), server.url);
    assert_eq!(server.run.stderr(), line);
    assert_eq!(server.get("/a.txt").body, b"hola\n");
    let all = puerta(["serve", &folder.name(""), "--listen", ":0"]).start();
    all.says("this\nfrom ").says("/\n");
    assert!(all.stderr().contains(" on http://[::]:") || all.stderr().contains(" on http://0.0.0.0:"), "{}", all.all());
}

#[test]
fn without_arguments_the_current_folder_is_served_on_the_first_free_port_from_8000() {
    let folder = site();
    // Where it fails, somebody else has the port, and that is as good.
    let taken = TcpListener::bind("127.0.0.1:8000");
    let server = Serving::start(puerta(["serve"]).current_dir(&folder.path("")));
    server.run.says("taken by others; --listen chooses another");
    let port: u16 = server.at().strip_prefix("127.0.0.1:").unwrap().parse().unwrap();
    assert!((8001..8100).contains(&port), "{port}");
    assert!(server.run.stderr().starts_with("serving . on http://127.0.0.1:"), "{}", server.run.all());
    assert_eq!(server.get("/a.txt").body, b"hola\n");
    drop(taken);
}

#[test]
fn what_is_no_folder_is_status_8_with_what_to_do() {
    let folder = site();
    let done = puerta(["serve", &folder.name("none")]).finish();
    done.ends_with(8).said("none: no such file or directory (ENOENT)").said("hint: check the folder's name");
    let done = puerta(["serve", &folder.name("a.txt")]).finish();
    done.ends_with(8).said("a.txt is no folder").said("hint: serve the folder that the file lies in: puerta serve /");
    puerta(["serve", "a.txt"]).current_dir(&folder.path("")).finish().ends_with(8).said("puerta serve .");
}

#[test]
fn an_address_that_is_taken_is_status_5() {
    let folder = site();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let done = puerta(["serve", &folder.name(""), "--listen", &at]).finish();
    done.ends_with(5).said(&format!("{at}: address already in use (EADDRINUSE)")).said("hint: ");
    let done = puerta(["serve", &folder.name(""), "--listen", &at, "--json"]).finish();
    let error = &done.ends_with(5).json()[0];
    assert_eq!(
        (&error["event"], &error["status"], &error["errno"]),
        (&"error".into(), &5.into(), &"EADDRINUSE".into())
    );
}

#[test]
fn options_that_make_no_sense_are_status_2_and_say_what_would() {
    let folder = site();
    for (options, said) in [
        (&["--header", "Content-Length: 5"][..], "how a response is to be read"),
        (&["--header", "X-Name"], "X-Robots-Tag: noindex"),
        (&["--header", "X-Name: a\r\nSet-Cookie: b"], "control characters"),
        (&["--cache", "soon"], "neither immutable nor never"),
        (&["--cors=example.com"], "https://example.com"),
        (&["--cors=https://example.com/"], "https://example.com"),
        (&["--error-page", "200=ok.html"], "400 to 599"),
        (&["--error-page", "../secret"], "below DIR"),
        (&["--spa=/"], "below DIR"),
        (&["--index", "a/b.html"], "without a folder"),
        (&["--head-size", "100"], "1k to 60k"),
        (&["--fields", "0"], "from 1 to 256"),
        (&["--fields", "257"], "from 1 to 256"),
        (&["--within", "0"], "more than nothing"),
        (&["--idle", "soon"], "not a time"),
        (&["--max", "0"], "1 or more"),
        (&["--log-format", "json"], "--log"),
        (&["--listen", "udp::9000"], "is no stream"),
        (&["--listen", "fd:three"], "give its number: fd:3"),
        (&["--listen", "localhost"], "localhost: bad address"),
        (&["a", "b"], "unexpected argument"),
    ] {
        let name = folder.name("");
        let done = puerta(["serve", &name].iter().chain(options)).finish();
        assert_eq!(done.status, 2, "{options:?}: {}", done.stderr);
        done.said(said);
    }
}

#[test]
fn a_log_that_goes_to_a_stdout_that_is_closed_is_told_of() {
    let folder = site();
    let server = shell(&format!("exec \"$PUERTA\" serve {} --listen 127.0.0.1:0 --log - >&-", folder.name(""))).start();
    server.says("standard output is closed or /dev/null: the log is discarded");
    server.says("serving ");
    server.signal("TERM");
    server.finish().ends_with(0);
}

#[test]
fn with_v_and_without_a_log_each_response_is_a_line_on_stderr() {
    let (folder, logs) = (site(), Folder::new("serve-verbose"));
    let server = serve(&folder.path(""), &["-v"]);
    assert_eq!(server.get("/a.txt").status, 200);
    server.run.says("127.0.0.1 - - [").says("\"GET /a.txt HTTP/1.1\" 200 5\n");
    assert_eq!(server.run.stdout(), b"");
    // As data, each line is an event.
    let server = serve(&folder.path(""), &["-v", "--json"]);
    assert_eq!(server.get("/none").status, 404);
    let event = server.event("\"target\"");
    assert_eq!(
        (&event["event"], &event["target"], &event["status"]),
        (&"response".into(), &"/none".into(), &404.into())
    );
    // A log that was asked for has the lines alone.
    let log = logs.name("access.log");
    let server = serve(&folder.path(""), &["-v", "--log", &log]);
    assert_eq!(server.get("/a.txt").status, 200);
    server.run.signal("TERM");
    server.run.finish().ends_with(0).never_said("GET /a.txt");
    assert_eq!(std::fs::read_to_string(log).unwrap().lines().count(), 1);
}

#[test]
fn a_unix_socket_is_served_and_its_path_left_clean() {
    let (folder, sockets) = (site(), Folder::new("serve-sockets"));
    let path = sockets.path("door");
    drop(UnixListener::bind(&path).unwrap());
    let server = puerta(["serve", &folder.name(""), "--listen", path.to_str().unwrap()]).start();
    server.says(&format!("from this machine: curl --unix-socket {} http://localhost/\n", path.display()));
    let curl = peer("curl", ["-sS", "--unix-socket", path.to_str().unwrap(), "http://localhost/a.txt"]).finish();
    curl.ends_with(0).wrote("hola\n");
    assert_eq!(Client::over(UnixStream::connect(&path).unwrap()).get("/a.txt").body, b"hola\n");
    let second = puerta(["serve", &folder.name(""), "--listen", path.to_str().unwrap()]).finish();
    second.ends_with(5).said("a server is listening there (EADDRINUSE)");
    server.signal("TERM");
    server.finish().ends_with(0);
    assert!(sockets.names().is_empty(), "{:?}", sockets.names());
}

#[test]
fn a_share_at_a_unix_socket_says_what_to_type() {
    let (folder, sockets) = (site(), Folder::new("serve-sockets"));
    for (options, way) in [(&["--share"][..], "curl -k"), (&["--share", "-q"], "curl -k"), (&["--tls"], "curl -k")] {
        let door = sockets.name("door");
        let server = puerta(["serve", &folder.name(""), "--listen", &door].iter().chain(options)).start();
        server.says("https://localhost/");
        let said = server.stderr();
        let typed =
            said.lines().find_map(|line| line.find(way).map(|at| line[at..].to_owned())).expect("a line to type");
        let done = shell(&format!("{} -sS -L", typed.replace("localhost/", "localhost/a.txt"))).finish();
        done.ends_with(0).wrote("hola\n");
        server.signal("TERM");
        server.finish().ends_with(0);
    }
}

#[test]
fn the_line_for_a_unix_socket_works_in_a_shell_whatever_the_socket_is_called() {
    let (folder, sockets) = (site(), Folder::new("serve-sockets"));
    let name = format!("@it's of {}", std::process::id());
    for listen in [sockets.name("a b"), sockets.name("it's"), name] {
        let server = puerta(["serve", &folder.name(""), "--listen", &listen]).start();
        let said = server.line("from this machine: ", 0);
        let typed = said.split_once("from this machine: ").unwrap().1.replace("localhost/", "localhost/a.txt");
        shell(&format!("{typed} -sS")).finish().ends_with(0).wrote("hola\n");
        server.signal("TERM");
        server.finish().ends_with(0);
    }
}

#[test]
fn several_addresses_are_served_at_once() {
    let (folder, sockets) = (site(), Folder::new("serve-sockets"));
    let server = serve(&folder.path(""), &["--listen", &sockets.name("door"), "--listen", "127.0.0.2:0"]);
    server.run.says("on http://127.0.0.2:");
    let said = server.run.stderr();
    let other = said.split_once("http://127.0.0.2:").and_then(|(_, rest)| rest.split_once('/')).unwrap().0;
    assert_eq!(Client::over(serve::connect(format!("127.0.0.2:{other}"))).get("/a.txt").body, b"hola\n");
    assert_eq!(Client::over(UnixStream::connect(sockets.path("door")).unwrap()).get("/a.txt").body, b"hola\n");
    assert_eq!(server.get("/a.txt").body, b"hola\n");
}

/// Listens on loopback as descriptor 3, sets what systemd would, and becomes its arguments.
const PASS: &str = "import os, socket, sys
s = socket.create_server(('127.0.0.1', int(sys.argv[1])))
os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid() + int(sys.argv[2])), LISTEN_FDS='1')
os.execv(sys.argv[3], sys.argv[3:])";

#[test]
fn a_socket_that_it_was_started_with_is_served_by_number_and_as_systemd_passes_it() {
    let (folder, port) = (site(), free_port().to_string());
    let binary = env!("CARGO_BIN_EXE_puerta");
    for (off, options) in [("0", &[][..]), ("1", &["--listen", "fd:3"])] {
        let mut arguments = vec!["-c", PASS, &port, off, binary, "serve"];
        let name = folder.name("");
        arguments.push(&name);
        arguments.extend(options);
        let server = Serving::start(peer("python3", arguments));
        assert_eq!(server.at(), format!("127.0.0.1:{port}"));
        assert_eq!(server.get("/a.txt").body, b"hola\n");
        server.run.signal("TERM");
        server.run.finish().ends_with(0);
    }
    // What is passed to another process is not for us.
    let arguments = ["-c", PASS, &port, "1", binary, "serve", &folder.name("")];
    let server = Serving::start(peer("python3", arguments));
    assert_ne!(server.at(), format!("127.0.0.1:{port}"));
    puerta(["serve", &folder.name(""), "--listen", "fd:99"])
        .finish()
        .ends_with(5)
        .said("descriptor 99 is no listening");
    puerta(["serve", &folder.name(""), "--listen", "fd:0"]).finish().ends_with(5).said("descriptor 0 is no listening");
}

#[test]
fn more_connections_than_there_may_be_get_503_and_that_is_said() {
    let folder = site();
    for (option, said) in
        [("--max", "1 connections: more are turned away"), ("--max-per-address", "1 connections from 127.0.0.1")]
    {
        let server = serve(&folder.path(""), &[option, "1"]);
        let mut first = server.client();
        assert_eq!(first.get("/a.txt").status, 200);
        assert_eq!(server.client().reply().status, 503, "{option}");
        server.run.says(said).says(&format!("hint: {option} N allows more"));
        assert_eq!(first.get("/a.txt").status, 200);
    }
}

#[test]
fn limits_of_a_head_are_those_that_were_set() {
    let folder = site();
    let server =
        serve(&folder.path(""), &["--head-size", "1k", "--fields", "3", "--within", "100ms", "--requests", "2"]);
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(1024));
    assert_eq!(server.client().send(long).reply().status, 431);
    let many = "GET /a.txt HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
    assert_eq!(server.client().send(many).reply().status, 431);
    assert_eq!(server.client().send("GET / HT").reply().status, 408);
    let mut client = server.client();
    assert_eq!(client.get("/a.txt").field("Connection"), None);
    assert_eq!(client.get("/a.txt").field("Connection"), Some("close"));
}

#[test]
fn the_trace_shows_each_call_of_a_request() {
    let folder = site();
    let server = serve(&folder.path(""), &["--trace"]);
    assert_eq!(server.get("/a.txt").status, 200);
    server.run.says("listen(").says("accept(").says("send(");
}

#[test]
fn a_folder_that_is_removed_is_not_shown_as_empty_and_its_owner_is_told_once() {
    let folder = site();
    let server = serve(&folder.path(""), &[]);
    std::fs::remove_dir_all(folder.path("")).unwrap();
    std::fs::create_dir(folder.path("")).unwrap();
    folder.file("a.txt", "new\n");
    for path in ["/", "/a.txt", "/below/"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    server.run.says("the folder: not served: it was removed").says("hint: start this again").signal("TERM");
    let done = server.run.finish();
    assert_eq!(done.ends_with(0).stderr.matches("it was removed").count(), 1, "{}", done.stderr);
}

#[test]
fn a_file_that_an_option_names_and_that_is_not_there_is_said_at_the_start() {
    let folder = site();
    let options = ["--spa=app.html", "--error-page", "404.html"];
    let server = serve(&folder.path(""), &options);
    server.run.says("--spa: app.html is not in the folder").says("--error-page: 404.html is not in the folder");
    folder.file("app.html", "<p>");
    folder.file("404.html", "<p>");
    let server = serve(&folder.path(""), &options);
    server.run.signal("TERM");
    let done = server.run.finish();
    assert!(!done.ends_with(0).stderr.contains("is not in the folder"), "{}", done.stderr);
}

#[test]
fn a_limit_beyond_the_end_of_the_clock_is_none() {
    let (folder, ages) = (site(), format!("{}999ms", u64::MAX));
    let server = serve(&folder.path(""), &["--within", &ages, "--idle", &ages]);
    assert_eq!(server.get("/a.txt").body, b"hola\n");
}
