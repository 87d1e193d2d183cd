//! What comes with requests, and what goes with responses.

use crate::client::{LIMIT, get};
use crate::common::{Folder, How, Served, pattern};
use puerta_serve::http1::Limits;
use std::fs::OpenOptions;
use std::io::Read;
use std::time::Duration;

#[test]
fn a_small_body_is_passed_over_and_the_connection_goes_on() {
    let served = Served::plain(Folder::new().with("a.txt", "alpha"));
    let mut client = served.client();
    for length in [1, 1000, 64 * 1024] {
        let body = "x".repeat(length);
        client.send(format!("POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}"));
        assert_eq!(client.reply().status, 405, "{length}");
        // What looks like a request within a body is none.
        let hidden = get("/none");
        let length = hidden.len();
        client.send(format!("GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{hidden}"));
        assert_eq!(client.reply().body, b"alpha");
        assert_eq!(client.get("/a.txt").body, b"alpha");
    }
}

#[test]
fn after_a_body_that_is_not_read_the_connection_is_closed() {
    let served = Served::plain(Folder::new().with("a.txt", "alpha"));
    for (fields, body) in [
        ("Content-Length: 70000", "x".repeat(70_000)),
        ("Content-Length: 5000000000", "x".repeat(100_000)),
        ("Transfer-Encoding: chunked", format!("5\r\nhello\r\n0\r\n\r\n{}", get("/a.txt"))),
        ("Content-Length: 40\r\nExpect: 100-continue", get("/a.txt")),
    ] {
        let mut client = served.client();
        client.send(format!("GET /a.txt HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{body}"));
        let answer = client.reply();
        assert_eq!((answer.status, answer.closes()), (200, true), "{fields}");
        client.assert_end();
    }
}

#[test]
fn a_body_that_stalls_gets_no_second_response() {
    let short = Duration::from_millis(50);
    let limits = Limits { head_time: short, linger: short, ..Limits::default() };
    let served = Served::new(Folder::new().with("a.txt", "alpha"), How { limits, ..How::default() });
    for (method, status) in [("POST", 405), ("GET", 200), ("HEAD", 200)] {
        // Before its first byte, within it, and before its last.
        for came in [0, 2, 99] {
            let mut client = served.client();
            let body = "x".repeat(came);
            client.send(format!("{method} /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{body}"));
            assert_eq!(client.reply_to(method).status, status);
            client.assert_end();
        }
    }
    // An empty line behind the last request, as old clients send one, begins none.
    let mut client = served.client();
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx\r\n");
    assert_eq!(client.reply().status, 200);
    client.assert_end();
}

#[test]
fn a_body_that_stalls_while_the_server_stops_gets_no_second_response() {
    let mut served = Served::plain(Folder::new().with("a.txt", "alpha"));
    let mut client = served.client();
    client.send("POST /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nab");
    assert_eq!(client.reply().status, 405);
    served.stop();
    client.assert_end();
    served.join();
}

#[test]
fn a_large_file_comes_whole_to_who_sends_a_body_that_is_not_read() {
    let size = 16 << 20;
    let served = Served::plain(Folder::new().with("big", vec![b'x'; size]));
    let mut client = served.client();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let head = client.head();
    assert_eq!((head.status, head.closes()), (200, true));
    client.send("5\r\nhello\r\n0\r\n\r\n");
    assert_eq!(client.take(size).len(), size);
    client.assert_end();
}

#[test]
fn the_client_of_a_refused_request_reads_why_although_it_is_sending_still() {
    let served = Served::plain(Folder::new());
    let mut client = served.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n");
    client.send("x".repeat(300_000));
    let answer = client.reply();
    assert_eq!((answer.status, answer.closes()), (400, true));
    client.assert_end();
}

#[test]
fn an_expectation_is_answered_at_once_and_another_one_is_417() {
    let served = Served::plain(Folder::new().with("a.txt", "alpha"));
    let mut client = served.client();
    client.send("PUT /a.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    let answer = client.reply();
    assert_eq!((answer.status, answer.closes()), (405, true));
    client.assert_end();
    let mut client = served.client();
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\nExpect: something\r\n\r\n");
    assert_eq!(client.reply().status, 417);
    client.assert_end();
}

#[test]
fn a_large_file_comes_byte_for_byte_whole_and_in_ranges() {
    let content = pattern(5_000_001);
    let served = Served::plain(Folder::new().with("big", &content));
    let mut client = served.client();
    assert!(client.get("/big").body == content, "the file came changed");
    let mut range =
        |ranges: &str| client.send(format!("GET /big HTTP/1.1\r\nHost: a\r\nRange: bytes={ranges}\r\n\r\n")).reply();
    for (ranges, part) in [
        ("0-0", 0..1),
        ("1000000-4999999", 1_000_000..5_000_000),
        ("-1", 5_000_000..5_000_001),
        ("4999999-", 4_999_999..5_000_001),
    ] {
        let answer = range(ranges);
        assert_eq!(answer.status, 206, "{ranges}");
        assert!(answer.body == content[part], "{ranges} came changed");
    }
    let answer = range("0-99999,2000000-2999999,-5");
    assert_eq!(answer.status, 206);
    for part in [&content[..100_000], &content[2_000_000..3_000_000], &content[4_999_996..]] {
        assert!(answer.body.windows(part.len()).any(|w| w == part), "a part is missing");
    }
}

#[test]
fn a_listing_is_chunked_and_in_1_0_it_ends_with_the_connection() {
    let mut folder = Folder::new();
    for number in 0..3000 {
        folder = folder.with(&format!("file-{number:05}.txt"), "x");
    }
    let served = Served::plain(folder);
    let json = "Accept: application/json\r\n\r\n";
    let mut client = served.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{json}"));
    let chunked = client.reply();
    assert_eq!(chunked.field("content-length"), None);
    assert_eq!(client.get("/file-00000.txt").body, b"x", "the connection goes on");
    let mut client = served.client();
    client.send(format!("GET / HTTP/1.0\r\nConnection: keep-alive\r\n{json}"));
    let plain = client.reply();
    assert!(plain.closes() && plain.field("transfer-encoding").is_none());
    assert!(plain.body == chunked.body, "two listings of one folder differ");
    let text = String::from_utf8(plain.body).unwrap();
    assert_eq!(text.matches("\"file-").count(), 3000);
    assert!(text.ends_with("\"complete\":true}\n"));
}

#[test]
fn a_listing_is_compressed_for_who_takes_gzip_and_each_portion_can_be_read_when_it_comes() {
    let mut folder = Folder::new();
    for number in 0..3000 {
        folder = folder.with(&format!("file-{number:05}.txt"), "x");
    }
    let served = Served::plain(folder);
    for accept in ["application/json", "text/html"] {
        let get = |line: &str, more: &str| {
            let mut client = served.client();
            client.send(format!("GET / {line}\r\nHost: a\r\nAccept: {accept}\r\n{more}\r\n"));
            client.reply()
        };
        let plain = get("HTTP/1.1", "");
        for line in ["HTTP/1.1", "HTTP/1.0"] {
            let small = get(line, "Accept-Encoding: gzip, br\r\n");
            assert_eq!((small.status, small.field("content-encoding")), (200, Some("gzip")));
            assert!(small.body.len() < plain.body.len() / 4);
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(&small.body[..]).read_to_end(&mut text).unwrap();
            assert!(text == plain.body, "{accept}, {line}: it does not unpack to the same");
            // What each portion ends with, so that it can be unpacked before the next is there (RFC 1951, section 3.2.4).
            assert!(small.body.windows(4).filter(|bytes| *bytes == [0, 0, 0xff, 0xff]).count() > 1);
        }
    }
}

#[test]
fn a_file_that_is_cut_while_it_is_sent_resets_the_connection_and_the_log_names_it() {
    let size = 64 << 20;
    let folder = Folder::new().with("film.mp4", vec![b'x'; size]);
    let served = Served::plain(folder);
    let mut client = served.client();
    client.send([get("/film.mp4"), get("/film.mp4")].concat());
    let mut first = vec![0; 100_000];
    client.stream.read_exact(&mut first).unwrap();
    // The kernel's buffers hold some MiB, so that most of it is still to come.
    OpenOptions::new().write(true).open(served.folder.path("film.mp4")).unwrap().set_len(1000).unwrap();
    let came = client.until_reset().len();
    assert!(came < size - 100_000, "{came} bytes came");
    let event = served.event();
    assert!(event.contains("film.mp4") && event.contains("shorter"), "{event}");
}

#[test]
fn a_client_that_takes_too_little_is_reset() {
    let limits = Limits { rate_time: Duration::from_millis(50), rate: 1 << 20, ..Limits::default() };
    let folder = Folder::new().with("big", vec![b'x'; 64 << 20]);
    let served = Served::new(folder, How { limits, ..How::default() });
    let client = served.client();
    std::io::Write::write_all(&mut &client.stream, get("/big").as_bytes()).unwrap();
    let mut waits = [puerta::io::PollFd::new(&client.stream, puerta::io::Events::NONE)];
    assert_eq!(puerta::io::poll(&mut waits, Some(LIMIT)).unwrap(), 1, "nothing came");
    assert!(waits[0].error());
}

#[test]
fn a_client_that_reads_slowly_but_steadily_gets_all() {
    let limits = Limits { rate_time: Duration::from_millis(250), rate: 1, ..Limits::default() };
    let folder = Folder::new().with("big", vec![b'x'; 64 << 20]);
    let served = Served::new(folder, How { limits, ..How::default() });
    let mut client = served.client();
    let mut came = 0;
    client.send(get("/big").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
    let mut buffer = vec![0; 8192];
    loop {
        match client.stream.read(&mut buffer).unwrap() {
            0 => break,
            n => came += n,
        }
    }
    assert!(came > 64 << 20);
}
