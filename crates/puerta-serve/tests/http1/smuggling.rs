//! Requests that two readers could end elsewhere: one refusal, and the connection is closed.

use crate::client::get;
use crate::common::{Folder, Served};

#[test]
fn an_ambiguous_request_is_refused_and_what_follows_it_is_no_request() {
    let served = Served::plain(Folder::new().with("a.txt", "alpha"));
    let hidden = get("/a.txt");
    let length = hidden.len();
    for (fields, status) in [
        (format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"), 400),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0".to_owned(), 400),
        ("Content-Length: 0\r\nContent-Length: 5".to_owned(), 400),
        ("Content-Length: 0, 0".to_owned(), 400),
        ("Content-Length: +0".to_owned(), 400),
        ("Content-Length: -1".to_owned(), 400),
        ("Content-Length: 0x0".to_owned(), 400),
        ("Content-Length : 0".to_owned(), 400),
        ("Content-Length\t: 0".to_owned(), 400),
        ("Content-Length: 0\rX: y".to_owned(), 400),
        ("Content-Length: 0\nX: y".to_owned(), 400),
        ("X: y\r\n Content-Length: 5".to_owned(), 400),
        ("X: y\0z".to_owned(), 400),
        ("Transfer-Encoding: xchunked".to_owned(), 400),
        ("Transfer-Encoding: chunked, identity".to_owned(), 400),
        ("Transfer-Encoding: identity".to_owned(), 400),
        ("Transfer-Encoding: gzip, chunked".to_owned(), 501),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked".to_owned(), 400),
        ("Transfer-Encoding\u{b}: chunked".to_owned(), 400),
        ("Host: b".to_owned(), 400),
        (" X: y".to_owned(), 400),
    ] {
        let mut client = served.client();
        client.send(format!("GET /a.txt HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n{hidden}{hidden}"));
        let answer = client.reply();
        assert_eq!((answer.status, answer.closes()), (status, true), "{fields:?}");
        client.assert_end();
    }
}
