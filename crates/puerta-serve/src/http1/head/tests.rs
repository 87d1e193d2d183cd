//! What is read, what is waited for, and what is refused.

use super::*;

/// Its length, what follows it, and whether the connection goes on.
type Read = (usize, Framing, bool);

/// What becomes of a head; a refusal with its status.
fn read_one(bytes: &[u8]) -> Result<Option<Read>, (u16, Why)> {
    let mut room = Room::new();
    match read(bytes, &mut room, &Limits::default()) {
        Ok(request) => Ok(request.map(|r| (r.length, r.framing, r.keep_alive))),
        Err(refused) => Err((refused.status.0, refused.why)),
    }
}

fn refused(text: &str) -> Why {
    let (status, why) = read_one(text.as_bytes()).expect_err(text);
    assert_eq!(status, why.status().0);
    why
}

/// Fields behind a request line and a Host.
fn framing(fields: &str) -> Result<Framing, Why> {
    let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let read = read_one(text.as_bytes());
    read.map(|whole| whole.expect("whole").1).map_err(|(_, why)| why)
}

#[test]
fn a_head_is_read_and_what_follows_it_is_left() {
    let bytes = b"\r\nGET /a?b HTTP/1.1\r\nHost:  a:80 \t\r\nRange: bytes=0-1\r\nEmpty:\r\n\r\nGET";
    let mut room = Room::new();
    let request = read(bytes, &mut room, &Limits::default()).unwrap().unwrap();
    assert_eq!(request.length, bytes.len() - 3);
    assert_eq!((request.head.method, request.head.target), (Method::Get, &b"/a?b"[..]));
    assert_eq!(request.head.first("host"), Some(&b"a:80"[..]));
    assert_eq!(request.head.first("RANGE"), Some(&b"bytes=0-1"[..]));
    assert_eq!(request.head.first("empty"), Some(&b""[..]));
    assert!(request.keep_alive && !request.expects_continue);
}

#[test]
fn each_piece_of_a_head_is_waited_for() {
    let whole = b"GET / HTTP/1.1\r\nHost: a\r\nAccept: x\r\n\r\n";
    for length in 0..whole.len() {
        assert_eq!(read_one(&whole[..length]), Ok(None), "{length}");
    }
    assert_eq!(read_one(whole), Ok(Some((whole.len(), Framing::Empty, true))));
}

#[test]
fn lines_that_two_readers_could_end_elsewhere_are_refused() {
    for text in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\nEmpty:\n\r\n",
        "GET / HTTP/1.0\n\n",
        "GET / HTTP/1.0\n\r\n",
        "GET / HTTP/1.0\r\n\n",
        "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\nHo",
    ] {
        assert_eq!(refused(text), Why::LineEnd, "{text:?}");
    }
    for text in [
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \u{b}b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: b\u{7f}\r\n\r\n",
    ] {
        assert_eq!(refused(text), Why::FieldValue, "{text:?}");
    }
}

#[test]
fn a_name_is_a_token_at_the_start_of_its_line_with_the_colon_behind_it() {
    for field in ["X : b", "X\t: b", " X: b", "\tX: b", ": b", "X", "X b: c", "X(: b", "X\0: b", "Xé: b"] {
        assert_eq!(refused(&format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n")), Why::FieldName, "{field:?}");
    }
    // The same as the first field, and as a folded line.
    assert_eq!(refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), Why::FieldName);
    assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"), Why::FieldName);
}

#[test]
fn a_request_line_has_three_words_with_one_space_between() {
    for line in [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET\t/ HTTP/1.1",
        " GET / HTTP/1.1",
        "GET /",
        "GET / ",
        "GET / HTTP/1.1 ",
        "GET / a HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1.",
        "GET / HTTP/11",
        "GET / HTTP/1.10",
        "GET / HTTP",
        "GET /\u{1} HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "GET",
        "/ HTTP/1.1",
    ] {
        assert_eq!(refused(&format!("{line}\r\nHost: a\r\n\r\n")).status(), Status::BAD_REQUEST, "{line:?}");
    }
    for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.0"] {
        assert_eq!(refused(&format!("GET / {version}\r\nHost: a\r\n\r\n")), Why::Version, "{version}");
    }
}

#[test]
fn a_target_has_a_form_that_its_method_allows() {
    for (line, fits) in [
        ("GET /", true),
        ("GET //a", true),
        ("GET /a?b?c", true),
        ("GET /año", true),
        ("GET http://a", true),
        ("GET HTTPS://a:80/b", true),
        ("GET http://[::1]:80/b", true),
        ("OPTIONS *", true),
        ("CONNECT a:80", true),
        ("CONNECT /a", false),
        ("GET *", false),
        ("GET a", false),
        ("GET a:80", false),
        ("GET ?a", false),
        ("GET /a#b", false),
        ("GET ftp://a/b", false),
        ("GET http:///b", false),
        ("GET http://u@a/b", false),
        ("GET http://a:b/c", false),
    ] {
        let read = read_one(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert_eq!(read.is_ok(), fits, "{line}: {read:?}");
    }
}

#[test]
fn there_is_one_valid_host_and_in_1_0_none_will_do() {
    for (host, fits) in [
        ("a", true),
        ("a:80", true),
        ("a:", true),
        ("a.b-c_d", true),
        ("1.2.3.4:80", true),
        ("[::1]", true),
        ("[::1]:8", true),
        ("", false),
        ("a b", false),
        ("a/b", false),
        ("a@b", false),
        ("a:b", false),
        ("a:80:80", false),
        ("::1", false),
        ("[::1", false),
        ("[]", false),
        ("[::1]80", false),
        ("a:123456", false),
        ("a,b c", false),
        ("a?b", false),
        ("é", false),
    ] {
        let read = read_one(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes());
        assert_eq!(read.is_ok(), fits, "{host}");
    }
    assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), Why::NoHost);
    assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\nhOST: a\r\n\r\n"), Why::Host);
    assert_eq!(refused("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), Why::Host);
    assert!(read_one(b"GET / HTTP/1.0\r\n\r\n").is_ok());
}

#[test]
fn a_body_has_one_length_that_all_readers_see() {
    assert_eq!(framing(""), Ok(Framing::Empty));
    assert_eq!(framing("Content-Length: 0\r\n"), Ok(Framing::Empty));
    assert_eq!(framing("Content-Length: 00012\r\n"), Ok(Framing::Length(12)));
    assert_eq!(framing("Content-Length: 18446744073709551615\r\n"), Ok(Framing::Length(u64::MAX)));
    assert_eq!(framing("Transfer-Encoding: chunked\r\n"), Ok(Framing::Chunked));
    assert_eq!(framing("transfer-encoding:\t CHUNKED \r\n"), Ok(Framing::Chunked));
    for length in ["", "+1", "-1", "1,1", "1, 2", "0x10", "1 1", "1a", "1.0", "\"1\"", "18446744073709551616", "٣"] {
        assert_eq!(framing(&format!("Content-Length: {length}\r\n")), Err(Why::ContentLength), "{length}");
    }
    for twice in ["Content-Length: 1\r\nContent-Length: 2\r\n", "Content-Length: 1\r\ncontent-length: 1\r\n"] {
        assert_eq!(framing(twice), Err(Why::ContentLength), "{twice}");
    }
}

#[test]
fn a_transfer_coding_is_chunked_alone_and_never_with_a_length() {
    for coding in [
        "identity",
        "xchunked",
        "chunked, chunked",
        "chunked, identity",
        "chunked,",
        ", chunked",
        "gzip",
        "",
        "chunked;q=1",
        "chunked chunked",
        "\"chunked\"",
        "gz ip, chunked",
        "chunke",
        "gzip, chunked, chunked",
    ] {
        assert_eq!(framing(&format!("Transfer-Encoding: {coding}\r\n")), Err(Why::TransferEncoding), "{coding}");
    }
    assert_eq!(framing("Transfer-Encoding: gzip, chunked\r\n"), Err(Why::TransferCoding));
    for both in [
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 1\r\n",
    ] {
        assert_eq!(framing(both), Err(Why::TransferEncoding), "{both}");
    }
    assert_eq!(refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), Why::TransferEncoding);
}

#[test]
fn a_connection_goes_on_as_version_and_client_say() {
    for (version, field, stays) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: Keep-Alive, CLOSE\r\n", false),
        ("1.1", "Connection: upgrade\r\nConnection: close\r\n", false),
        ("1.1", "Connection: upgrade\r\n", true),
        ("1.1", "Connection: closed\r\n", true),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
        ("1.0", "Connection: Keep-Alive , x\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
        ("1.0", "Connection: x\r\n", false),
    ] {
        let text = format!("GET / HTTP/{version}\r\nHost: a\r\n{field}\r\n");
        let kept = read_one(text.as_bytes()).unwrap().unwrap().2;
        assert_eq!(kept, stays, "{version} {field}");
    }
}

#[test]
fn an_expectation_is_100_continue_or_417_and_in_1_0_nothing() {
    let expects = |version: &str, value: &str| {
        let text = format!("PUT / HTTP/{version}\r\nHost: a\r\nExpect: {value}\r\n\r\n");
        let mut room = Room::new();
        read(text.as_bytes(), &mut room, &Limits::default()).map(|r| r.unwrap().expects_continue).map_err(|r| r.why)
    };
    assert_eq!(expects("1.1", "100-Continue"), Ok(true));
    assert_eq!(expects("1.1", "200-ok"), Err(Why::Expectation));
    assert_eq!(expects("1.1", "100-continue, x"), Err(Why::Expectation));
    assert_eq!(expects("1.0", "100-continue"), Ok(false));
    assert_eq!(expects("1.0", "x"), Ok(false));
}

#[test]
fn too_much_of_anything_is_refused_before_it_has_come_whole() {
    let limits = Limits::default();
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(limits.target + 40));
    assert_eq!(refused(&long), Why::TargetTooLong);
    assert_eq!(refused(&long[..limits.target + 40]), Why::TargetTooLong);
    let just = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(limits.target - 1));
    assert!(read_one(just.as_bytes()).is_ok());
    // A method that makes the line too long, whole and before its end has come.
    let line = |length: usize| format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(length - 11));
    assert!(read_one(line(limits.target + 31).as_bytes()).is_ok());
    assert_eq!(read_one(&line(limits.target + 31).as_bytes()[..limits.target + 32]), Ok(None));
    assert_eq!(refused(&line(limits.target + 32)), Why::TargetTooLong);
    assert_eq!(refused(&line(limits.target + 32)[..limits.target + 33]), Why::TargetTooLong);
    let end = line(limits.target + 32).len();
    assert_eq!(refused(&line(limits.target + 32)[..end - 2]), Why::TargetTooLong);
    let fields = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(count - 1));
    assert!(read_one(fields(limits.fields).as_bytes()).is_ok());
    assert_eq!(refused(&fields(limits.fields + 1)), Why::TooManyFields);
    let head = |length: usize| {
        let start = "GET / HTTP/1.1\r\nHost: a\r\nA: ";
        format!("{start}{}\r\n\r\n", "b".repeat(length - start.len() - 4))
    };
    assert!(read_one(head(limits.head).as_bytes()).is_ok());
    assert_eq!(refused(&head(limits.head + 1)), Why::TooLong);
    assert_eq!(refused(&head(limits.head + 1)[..limits.head]), Why::TooLong);
    assert_eq!(refused(&"\r\n".repeat(limits.head)), Why::TooLong);
}

#[test]
fn empty_lines_are_waited_behind_only_as_long_as_a_head_may_be() {
    let limits = Limits { head: 64, ..Limits::default() };
    let waits = |length: usize| {
        let bytes: Vec<u8> = b"\r\n".iter().copied().cycle().take(length).collect();
        match read(&bytes, &mut Room::new(), &limits) {
            Ok(request) => request.is_none(),
            Err(refused) => {
                assert_eq!(refused.why, Why::TooLong, "{length}");
                false
            }
        }
    };
    assert_eq!([62, 63, 64, 65, 66].map(waits), [true, true, false, false, false]);
}
