//! Deadlines and counts.

use crate::client::{Client, LIMIT, get};
use crate::common::{Folder, How, Served};
use puerta::{AnyStream, Connected, Socket, opt};
use puerta_serve::core::path::SitePath;
use puerta_serve::core::response::Status;
use puerta_serve::core::site::Site;
use puerta_serve::http1::{Limits, head};
use puerta_serve::server::Settings;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(50);

fn folder() -> Folder {
    Folder::new().with("a.txt", "alpha")
}

#[test]
fn an_idle_connection_is_closed_in_silence() {
    let limits = Limits { idle: SHORT, ..Limits::default() };
    let served = Served::new(folder(), How { limits, ..How::default() });
    served.client().assert_end();
    let folder = folder();
    let limits = Limits { idle: SHORT * 20, ..Limits::default() };
    let served = Served::new(folder, How { limits, ..How::default() });
    let mut client = served.client();
    assert_eq!(client.get("/a.txt").status, 200);
    client.assert_end();
}

#[test]
fn a_head_that_does_not_come_whole_is_408_however_it_drips() {
    let folder = folder();
    let limits = Limits { head_time: SHORT, ..Limits::default() };
    let served = Served::new(folder, How { limits, ..How::default() });
    let mut client = served.client();
    assert_eq!(client.get("/a.txt").status, 200);
    client.send("GET /a.txt HTTP/1.1\r\nHost: a\r\n");
    let answer = client.reply();
    assert_eq!((answer.status, answer.closes()), (408, true));
    client.assert_end();
    // Each byte in time, the whole not.
    let mut client = served.client();
    let dripping = client.stream.try_clone().unwrap();
    let drip = std::thread::spawn(move || {
        let mut stream = &dripping;
        let mut text = "GET /a.txt HTTP/1.1\r\n".to_owned();
        text.push_str(&"A: b\r\n".repeat(1 << 20));
        for byte in text.bytes() {
            if std::io::Write::write_all(&mut stream, &[byte]).is_err() {
                break;
            }
        }
    });
    let status = client.reply().status;
    assert!(matches!(status, 408 | 431), "{status}");
    drop(client);
    drip.join().unwrap();
}

#[test]
fn too_much_head_is_431_and_a_long_target_414() {
    let folder = folder();
    let limits = Limits { head: head::Limits { head: 1000, fields: 10, target: 100 }, ..Limits::default() };
    let served = Served::new(folder, How { limits, ..How::default() });
    let refused = |text: String| {
        let mut client = served.client();
        let answer = client.send(text).reply();
        assert!(answer.closes());
        client.assert_end();
        answer.status
    };
    assert_eq!(refused(format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "b".repeat(1000))), 431);
    assert_eq!(refused(format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}", "b".repeat(1000))), 431);
    assert_eq!(refused(format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(10))), 431);
    assert_eq!(refused(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(100))), 414);
    assert_eq!(refused(format!("GET /{}", "a".repeat(200))), 414);
    let mut client = served.client();
    assert_eq!(client.get("/a.txt").status, 200);
}

#[test]
fn the_last_response_of_a_connection_says_so() {
    let folder = folder();
    let limits = Limits { requests: 3, ..Limits::default() };
    let served = Served::new(folder, How { limits, ..How::default() });
    let mut client = served.client();
    client.send(get("/a.txt").repeat(5));
    let closes = [0, 1, 2].map(|_| client.reply().closes());
    assert_eq!(closes, [false, false, true]);
    client.assert_end();
}

#[test]
fn who_has_too_many_connections_gets_503_which_is_told_once() {
    let folder = folder();
    let settings = Settings { per_address: 2, ..Settings::default() };
    let served = Served::new(folder, How { settings, ..How::default() });
    let mut first = served.client();
    let mut second = served.client();
    assert_eq!((first.get("/a.txt").status, second.get("/a.txt").status), (200, 200));
    for _ in 0..3 {
        assert_eq!(served.client().reply().status, 503);
    }
    let event = served.event();
    assert!(event.contains("2 connections from 127.0.0.1"), "{event}");
    // A place is freed: the next one is served, however soon.
    drop(second);
    until_served(&served);
    assert_eq!(first.get("/a.txt").status, 200);
}

#[test]
fn with_as_many_connections_as_may_be_others_get_503() {
    let folder = folder();
    let settings = Settings { connections: 1, ..Settings::default() };
    let served = Served::new(folder, How { settings, ..How::default() });
    let mut first = served.client();
    assert_eq!(first.get("/a.txt").status, 200);
    assert_eq!(served.client().reply().status, 503);
    assert!(served.event().starts_with("1 connections: more are turned away"));
    drop(first);
    until_served(&served);
}

/// The end of a connection is noticed a moment after it.
fn until_served(served: &Served) {
    for _ in 0..10_000 {
        let mut client = served.client();
        // A connection that is refused may be reset before its request is sent.
        let sent = std::io::Write::write_all(&mut client.stream, get("/a.txt").as_bytes());
        if sent.is_ok() && answered(&mut client) {
            return;
        }
    }
    panic!("no place was freed");
}

fn answered(client: &mut Client) -> bool {
    let mut start = [0; 12];
    std::io::Read::read_exact(&mut client.stream, &mut start).is_ok() && start.ends_with(b"200")
}

/// What it does not read finds no room here, nor where it is sent from.
fn unread(client: &Client) {
    let socket = Socket::<AnyStream>::adopt::<Connected>(client.stream.try_clone().unwrap().into()).unwrap();
    socket.set(opt::ReceiveBuffer, 4096).unwrap();
}

#[test]
fn with_as_many_listings_as_may_be_a_browser_gets_the_page_of_the_site_and_comes_again() {
    let mut folder = folder().with("busy.html", "<p>Soon.</p>");
    for number in 0..1000 {
        folder = folder.with(&format!("{number:0200}"), "");
    }
    let site = Site {
        error_pages: vec![(Status::SERVICE_UNAVAILABLE, SitePath::given("busy.html").unwrap())],
        ..Site::default()
    };
    let settings = Settings { threads: 1, ..Settings::default() };
    let served = Served::new(folder, How { site, settings, ..How::default() });
    // What comes before the first is accepted has buffers of another size.
    assert_eq!(served.client().get("/none").status, 404);
    // They read the head, and no more.
    let mut readers: Vec<_> = (0..32).map(|_| served.client()).collect();
    for reader in &mut readers {
        unread(reader);
        assert_eq!(reader.send("GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n").head().status, 200);
    }
    let mut client = served.client();
    let answer = client.send("GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\n\r\n").reply();
    assert_eq!((answer.status, answer.field("retry-after"), answer.field("vary")), (503, Some("1"), Some("Accept")));
    assert_eq!(answer.text(), "<p>Soon.</p>");
    assert_eq!(client.get("/a.txt").body, b"alpha", "the connection goes on");
}

#[test]
fn a_server_that_stops_ends_what_is_idle_and_finishes_what_is_under_way() {
    let size = 32 << 20;
    let folder = folder().with("big", vec![b'x'; size]);
    let mut served = Served::plain(folder);
    let mut idle = served.client();
    assert_eq!(idle.get("/a.txt").status, 200);
    let mut busy = served.client();
    busy.send(get("/big"));
    let mut start = [0; 1000];
    std::io::Read::read_exact(&mut busy.stream, &mut start).unwrap();
    served.stop();
    idle.assert_end();
    let rest = busy.rest();
    let head = String::from_utf8_lossy(&start);
    let head = head.find("\r\n\r\n").unwrap() + 4;
    assert_eq!(start.len() - head + rest.len(), size);
    served.join();
    assert!(std::net::TcpStream::connect(served.at).is_err());
}

#[test]
fn a_server_that_stops_does_not_wait_for_ever() {
    let folder = folder().with("big", vec![b'x'; 64 << 20]);
    let settings = Settings { stop_time: SHORT, ..Settings::default() };
    let mut served = Served::new(folder, How { settings, ..How::default() });
    let mut stuck = served.client();
    stuck.send(get("/big"));
    let mut start = [0; 1000];
    std::io::Read::read_exact(&mut stuck.stream, &mut start).unwrap();
    served.join();
    stuck.until_reset();
}

#[test]
fn a_listing_that_only_the_end_of_the_connection_ends_is_reset_where_it_is_cut() {
    let mut folder = Folder::new();
    for number in 0..2000 {
        folder = folder.with(&format!("{number:0200}"), "");
    }
    let settings = Settings { stop_time: SHORT, ..Settings::default() };
    let mut served = Served::new(folder, How { settings, ..How::default() });
    // What comes before the first is accepted has buffers of another size.
    assert_eq!(served.client().get("/none").status, 404);
    let mut client = served.client();
    unread(&client);
    client.send("GET / HTTP/1.0\r\nAccept: application/json\r\n\r\n");
    let head = client.head();
    assert_eq!((head.status, head.field("content-length")), (200, None));
    client.take(100_000);
    served.join();
    let came = client.until_reset();
    assert!(!came.ends_with(b"}\n"), "it came whole: {} bytes", came.len());
}

#[test]
fn a_server_that_stops_waits_only_a_moment_for_a_request_or_a_handshake_that_does_not_come_whole() {
    let never = Duration::from_secs(3600);
    let limits = Limits { head_time: never, idle: never, linger: never, ..Limits::default() };
    for (tls, starts) in [(false, &["G", "GET /a.txt HTTP/1.1\r\n"][..]), (true, &["", "G", "\x16\x03"])] {
        let secure = tls.then(|| crate::secure::certificate().0);
        let settings = Settings { stop_time: LIMIT * 2, threads: 1, ..Settings::default() };
        let mut served = Served::new(folder(), How { limits: limits.clone(), settings, tls: secure, ..How::default() });
        let mut clients: Vec<_> = starts.iter().map(|_| served.client()).collect();
        for (client, start) in clients.iter_mut().zip(starts) {
            client.send(start);
        }
        // Who came later is answered: the others are known, with what they have sent.
        assert_eq!(served.client().get("/a.txt").status, if tls { 307 } else { 200 });
        let began = Instant::now();
        // They do not close, whatever they get.
        served.join();
        assert!(began.elapsed() < LIMIT, "{starts:?}");
        for client in &mut clients {
            client.until_cut();
        }
    }
}
