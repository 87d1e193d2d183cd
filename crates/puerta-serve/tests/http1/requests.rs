//! Requests of one connection: in order, one after another, until somebody ends it.

use crate::client::get;
use crate::common::{Folder, Served};

fn folder() -> Folder {
    Folder::new().with("a.txt", "alpha").with("b.txt", "beta")
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (folder, big) = (folder(), crate::common::pattern(700_000));
    std::fs::write(folder.path("big"), &big).unwrap();
    let served = Served::plain(folder);
    let mut client = served.client();
    let order = ["/a.txt", "/big", "/b.txt", "/none", "/a.txt", "/big", "/"];
    // Twice: once with everything cold, and once from memory.
    for _ in 0..2 {
        client.send(order.map(get).concat());
        let bodies = order.map(|_| client.reply());
        assert_eq!(bodies[0].body, b"alpha");
        assert!(bodies[1].body == big, "the file came changed");
        assert_eq!(bodies[2].body, b"beta");
        assert_eq!(bodies[3].status, 404);
        assert_eq!(bodies[4].body, b"alpha");
        assert!(bodies[5].body == big, "the file came changed");
        assert_eq!(bodies[6].field("transfer-encoding"), Some("chunked"));
    }
}

#[test]
fn a_thousand_requests_in_one_go_get_a_thousand_answers() {
    let served = Served::plain(folder());
    let mut client = served.client();
    let mut writer = client.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || {
        std::io::Write::write_all(&mut writer, get("/a.txt").repeat(10_000).as_bytes()).unwrap();
    });
    for _ in 0..10_000 {
        assert_eq!(client.reply().body, b"alpha");
    }
    sending.join().unwrap();
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let served = Served::plain(folder());
    let mut client = served.client();
    for _ in 0..2 {
        for byte in get("/a.txt").bytes() {
            client.send([byte]);
        }
        assert_eq!(client.reply().body, b"alpha");
    }
}

#[test]
fn a_client_that_has_ended_its_direction_gets_all_answers_and_then_our_end() {
    let folder = folder().with("big", crate::common::pattern(3_000_000));
    let served = Served::plain(folder);
    let mut client = served.client();
    client.send([get("/a.txt"), get("/big"), get("/b.txt")].concat()).end();
    assert_eq!(client.reply().body, b"alpha");
    assert_eq!(client.reply().body.len(), 3_000_000);
    assert_eq!(client.reply().body, b"beta");
    client.assert_end();
}

#[test]
fn a_connection_goes_on_or_ends_as_version_and_client_say() {
    let served = Served::plain(folder());
    for (version, field, said, goes_on) in [
        ("1.1", "", None, true),
        ("1.1", "Connection: close\r\n", Some("close"), false),
        ("1.0", "", Some("close"), false),
        ("1.0", "Connection: keep-alive\r\n", Some("keep-alive"), true),
    ] {
        let mut client = served.client();
        client.send(format!("GET /a.txt HTTP/{version}\r\nHost: a\r\n{field}\r\n"));
        let answer = client.reply();
        assert_eq!((answer.status, &answer.body[..]), (200, &b"alpha"[..]), "{version} {field}");
        assert_eq!(answer.field("connection"), said, "{version} {field}");
        assert!(answer.head.starts_with("HTTP/1.1 200 OK\r\n"));
        if goes_on {
            assert_eq!(client.get("/b.txt").body, b"beta", "{version} {field}");
        } else {
            client.assert_end();
        }
    }
}

#[test]
fn head_is_get_without_the_body() {
    let folder = folder().with("big", crate::common::pattern(600_000));
    let served = Served::plain(folder);
    let mut client = served.client();
    for path in ["/a.txt", "/big", "/none", "/"] {
        let head = client.send(get(path).replace("GET", "HEAD")).reply_to("HEAD");
        let whole = client.get(path);
        let strip = |head: &str| {
            let without = |l: &&str| !l.starts_with("Date:") && !l.starts_with("Transfer-Encoding:");
            head.lines().filter(without).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(strip(&head.head), strip(&whole.head), "{path}");
    }
}

#[test]
fn options_and_other_methods_are_answered_and_the_connection_goes_on() {
    let served = Served::plain(folder());
    let mut client = served.client();
    let mut ask = |line: &str| client.send(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n")).reply();
    assert_eq!(ask("OPTIONS *").status, 204);
    assert!(ask("OPTIONS /a.txt").field("allow").unwrap().contains("GET"));
    assert!(ask("DELETE /a.txt").field("allow").unwrap().contains("HEAD"));
    assert_eq!(ask("GET http://b/a.txt").body, b"alpha");
    assert_eq!(ask("GET /%2e%2e/etc/passwd").status, 400);
    assert_eq!(ask("GET /a.txt").body, b"alpha");
    let unknown = ask("BREW /a.txt");
    assert_eq!((unknown.status, unknown.closes()), (501, true));
}

#[test]
fn each_answer_has_a_date() {
    let served = Served::plain(folder());
    let mut client = served.client();
    for path in ["/a.txt", "/none", "/"] {
        let answer = client.get(path);
        let date = httpdate(answer.field("date").unwrap());
        assert!(date, "{}", answer.head);
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn httpdate(text: &str) -> bool {
    text.len() == 29 && text.ends_with(" GMT") && text.get(3..5) == Some(", ")
}
