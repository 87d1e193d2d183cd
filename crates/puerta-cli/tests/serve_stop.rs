//! `puerta serve` at work: its log, what it says as data, and how it stops.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;
mod serve;

use common::places::{Folder, noise};
use common::{peer, puerta, same, wait_until};
use serde_json::Value;
use serve::serve;
use std::fs;
use std::net::TcpStream;
use std::os::unix::net::UnixListener;

/// More than the buffers of a connection hold.
const LARGE: usize = 40 << 20;

fn site() -> Folder {
    let folder = Folder::new("serve");
    folder.file("a.txt", "hola\n");
    folder
}

#[test]
fn the_log_has_a_line_for_each_response_behind_what_was_there() {
    let (folder, logs) = (site(), Folder::new("serve-log"));
    let log = logs.file("access.log", "old\n");
    let server = serve(&folder.path(""), &["--log", log.to_str().unwrap()]);
    let mut client = server.client();
    client.get("/a.txt");
    client.get("/none\u{1b}[2J".replace('\u{1b}', "%1b").as_str());
    client.send("HEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\n").reply_to("HEAD");
    client.send("nonsense\r\n\r\n").reply();
    drop(client);
    server.run.signal("TERM");
    server.run.finish().ends_with(0).said("stopped; 4 requests answered, ");
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert_eq!(lines[0], "old");
    for (line, end) in lines[1..].iter().zip([
        "\"GET /a.txt HTTP/1.1\" 200 5",
        "\"GET /none%1b[2J HTTP/1.1\" 404 ",
        "\"HEAD /a.txt HTTP/1.1\" 200 0",
        "\"-\" 400 ",
    ]) {
        assert!(line.starts_with("127.0.0.1 - - [") && line.contains(&format!("] {end}")), "{line}");
    }
}

#[test]
fn the_log_can_be_in_the_combined_format_and_says_what_was_sent_of_a_large_file() {
    let folder = site();
    folder.file("large", vec![b'x'; LARGE]);
    let server = serve(&folder.path(""), &["--log", "-", "--log-format", "combined"]);
    let mut client = server.client();
    for path in ["/a.txt", "/large"] {
        let fields = "Host: a\r\nReferer: http://a/?q=\"1\"\r\nUser-Agent: curl/8";
        client.send(format!("GET {path} HTTP/1.1\r\n{fields}\r\n\r\n")).reply();
    }
    client.get("/");
    drop(client);
    server.run.signal("TERM");
    let text = server.run.finish().ends_with(0).text();
    let ends = [
        "] \"GET /a.txt HTTP/1.1\" 200 5 \"http://a/?q=\\x221\\x22\" \"curl/8\"".to_owned(),
        format!("] \"GET /large HTTP/1.1\" 200 {LARGE} \"http://a/?q=\\x221\\x22\" \"curl/8\""),
    ];
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    for (line, end) in lines.iter().zip(ends) {
        assert!(line.starts_with("127.0.0.1 - - [") && line.ends_with(&end), "{line}");
    }
    assert!(lines[2].contains("] \"GET / HTTP/1.1\" 200 ") && lines[2].ends_with(" \"-\" \"-\""), "{text}");
}

#[test]
fn the_log_is_data_too_and_goes_to_stdout() {
    let folder = site();
    let server = serve(&folder.path(""), &["--log", "-", "--log-format", "json"]);
    server.client().send("GET /a.txt HTTP/1.1\r\nHost: a\r\nUser-Agent: \"x\"\r\n\r\n").reply();
    server.run.writes("}\n").signal("INT");
    let done = server.run.finish();
    let line: Value = serde_json::from_str(&done.ends_with(0).text()).unwrap();
    assert_eq!((&line["target"], &line["status"], &line["bytes"]), (&"/a.txt".into(), &200.into(), &5.into()));
    assert_eq!((&line["agent"], &line["user"]), (&"\"x\"".into(), &Value::Null));
    assert!(line["duration_us"].is_u64(), "{line}");
}

#[test]
fn the_log_is_opened_anew_when_it_was_moved_away_and_we_are_told() {
    let (folder, logs) = (site(), Folder::new("serve-log"));
    let log = logs.path("access.log");
    let server = serve(&folder.path(""), &["--log", log.to_str().unwrap()]);
    let lines = |name: &str| fs::read_to_string(logs.path(name)).unwrap_or_default().lines().count();
    server.get("/a.txt");
    wait_until("line", || lines("access.log") == 1);
    fs::rename(&log, logs.path("access.log.1")).unwrap();
    server.get("/a.txt");
    wait_until("line in the old file", || lines("access.log.1") == 2);
    server.run.signal("HUP");
    // The signal is on its way: some lines may still go to the old file.
    wait_until("line in the new file", || server.get("/a.txt").status == 200 && lines("access.log") > 0);
    server.run.signal("TERM");
    server.run.finish().ends_with(0);
}

#[test]
fn a_full_disk_under_the_log_is_said_once_and_serving_goes_on() {
    let folder = site();
    let server = serve(&folder.path(""), &["--log", "/dev/full"]);
    for _ in 0..3 {
        assert_eq!(server.get("/a.txt").body, b"hola\n");
        server.run.says("no space left on device (ENOSPC)");
    }
    server.run.signal("TERM");
    let done = server.run.finish();
    assert_eq!(done.ends_with(0).stderr.matches("no space left").count(), 1, "{}", done.stderr);
    done.said("3 lines of the access log are missing\n");
    puerta(["serve", &folder.name(""), "--log", "/nowhere/access.log"])
        .finish()
        .ends_with(8)
        .said("hint: make its folder");
}

#[test]
fn a_pipe_with_a_name_is_a_log_for_who_reads_it_and_else_nothing_is_waited_for() {
    let (folder, logs) = (site(), Folder::new("serve-pipe"));
    let pipe = logs.name("access");
    peer("mkfifo", [&pipe]).finish().ends_with(0);
    let nobody = puerta(["serve", &folder.name(""), "--log", &pipe]).finish();
    nobody.ends_with(8).said("(ENXIO)").said("hint: nobody reads this pipe: start its reader first");
    let socket = logs.path("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let no_pipe = puerta(["serve", &folder.name(""), "--log", socket.to_str().unwrap()]).finish();
    no_pipe.ends_with(8).said("hint: that is a socket; for standard output write --log -").never_said("pipe: ");
    // Both directions, so that opening it waits for nobody.
    let both = fs::File::options().read(true).write(true).open(&pipe).unwrap();
    let reader = peer("cat", ["-u"]).stdin(both).start();
    let server = serve(&folder.path(""), &["--log", &pipe]);
    server.get("/a.txt");
    reader.writes("\"GET /a.txt HTTP/1.1\" 200 5");
    server.run.signal("TERM");
    server.run.finish().ends_with(0);
}

#[test]
fn without_a_log_a_hang_up_ends_it() {
    let server = serve(&site().path(""), &[]);
    server.run.signal("HUP");
    server.run.finish().ends_with(0).said("stopped; 0 requests answered, 0 bytes sent, none was cut\n");
}

#[test]
fn idle_connections_do_not_hold_up_a_stop() {
    let folder = site();
    let server = serve(&folder.path(""), &[]);
    let (mut idle, _silent) = (server.client(), server.client());
    assert_eq!(idle.get("/a.txt").status, 200);
    server.run.signal("TERM");
    server.run.finish().ends_with(0).said("stopped; 1 request answered, ").said(", none was cut\n");
    assert!(idle.rest().is_empty());
}

#[test]
fn a_download_under_way_is_finished_before_a_stop_and_nobody_new_is_served() {
    let (folder, content) = (site(), noise(3, LARGE));
    folder.file("large.bin", &content);
    let server = serve(&folder.path(""), &[]);
    let mut client = server.client();
    client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status, 200);
    server.run.signal("TERM").says("stopping: what is under way has 10s; a second signal cuts it\n");
    assert!(TcpStream::connect(server.at()).is_err());
    same(&client.take(LARGE), &content);
    server.run.finish().ends_with(0).said("stopped; 1 request answered, ").said(", none was cut\n");
}

#[test]
fn a_second_signal_or_the_end_of_the_time_cuts_what_is_under_way_and_that_is_said() {
    let folder = site();
    folder.file("large.bin", vec![0; LARGE]);
    for (time, signals) in [("1h", 2), ("1ms", 1)] {
        let server = serve(&folder.path(""), &["--stop-time", time]);
        let mut client = server.client();
        client.send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.head().status, 200);
        server.run.signal("INT");
        if signals == 2 {
            server.run.says("a second signal cuts it").signal("INT");
        }
        server.run.finish().ends_with(0).said(", 1 response was cut\n");
        assert!(client.until_cut().len() < LARGE, "{time}");
    }
}

#[test]
fn responses_that_are_cut_have_their_lines_in_the_log() {
    let (folder, logs) = (site(), Folder::new("serve-log"));
    folder.file("large.bin", vec![0; LARGE]);
    let log = logs.path("access.log");
    let server = serve(&folder.path(""), &["--log", log.to_str().unwrap(), "--stop-time", "1ms"]);
    for _ in 0..100 {
        // It closes with something unread, or before it comes: either is a reset.
        server.client().send("GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let mut client = server.client();
    client.send("GET /large.bin?last HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status, 200);
    client.take(100_000);
    server.run.signal("TERM");
    let done = server.run.finish();
    let text = fs::read_to_string(&log).unwrap();
    done.ends_with(0).said(&format!("stopped; {} requests answered, ", text.lines().count()));
    let line = text.lines().find(|line| line.contains("?last")).unwrap();
    let sent: usize = line.rsplit_once(" 200 ").unwrap().1.parse().unwrap();
    assert!((100_000..LARGE).contains(&sent), "{line}");
}

#[test]
fn all_that_is_said_is_data_with_json() {
    let folder = site();
    std::os::unix::fs::symlink("/etc/passwd", folder.path("out")).unwrap();
    let server = puerta(["serve", &folder.name(""), "--listen", "127.0.0.1:0", "--json"]).start();
    server.says("}\n");
    let first: Value = serde_json::from_str(server.stderr().lines().next().unwrap()).unwrap();
    assert_eq!(first["event"], "serving");
    assert_eq!(first["folder"], Value::from(folder.name("")));
    assert_eq!(first["reached_from"], Value::Array(Vec::new()));
    let url = first["url"].as_str().unwrap();
    assert_eq!(url, format!("http://127.0.0.1:{}/", first["port"]));
    let at = url.trim_start_matches("http://").trim_end_matches('/');
    for _ in 0..2 {
        assert_eq!(serve::Client::over(serve::connect(at)).get("/out").status, 404);
    }
    server.says("not-served").signal("TERM");
    let done = server.finish();
    let said = done.ends_with(0).json();
    let events: Vec<&str> = said.iter().map(|event| event["event"].as_str().unwrap()).collect();
    // What a client can make happen as often as it likes is said once.
    assert_eq!(events, ["serving", "not-served", "end"]);
    assert_eq!(said[1]["path"], "out");
    assert_eq!((&said[2]["requests"], &said[2]["cut"], &said[2]["status"]), (&2.into(), &0.into(), &0.into()));
}
