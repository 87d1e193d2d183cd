//! The same bytes are given to hyper: both see the same requests, with the same fields, framing and keep-alive, but for the
//! differences that [`Difference`] names. docs/decisions/http-heads.md tells of each.
#![no_main]

use hyper::body::{Body, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use puerta_serve::core::head::Version;
use puerta_serve::http1::head::{Framing, Limits, Room, Why, read};
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Where we and hyper read the same bytes in two ways. Nothing else is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    /// We are stricter: a line ends in LF alone, which RFC 9112, section 2.2, lets a server take, and hyper does.
    BareLineFeed,
    /// We are stricter: a fragment (hyper cuts it off), or a form that the method does not have: RFC 9112, section 3.2.
    TargetForm,
    /// We are stricter: no Host, two, or one that is none: RFC 9112, section 3.2, asks for 400. hyper leaves it to its user.
    Host,
    /// We are stricter: Content-Length comes twice with one value, which RFC 9112, section 6.3 (5), lets a server take.
    LengthTwice,
    /// We are stricter: Content-Length with Transfer-Encoding. RFC 9112, section 6.3 (3): hyper reads chunks and closes.
    LengthAndCoding,
    /// We are stricter: codings in front of `chunked`, or in several fields. RFC 9112, section 6.1: 501 is for what is not known;
    /// hyper looks at the last one only.
    CodingBeforeChunked,
    /// We are stricter: an expectation that nobody can meet is 417 (RFC 9110, section 10.1.1). hyper passes it over.
    Expectation,
    /// We are stricter: more than our limits, which are lower than hyper's.
    Limits,
    /// We are earlier: hyper looks at a head that came in pieces when its end has come, we at each piece.
    BeforeItIsWhole,
    /// We are looser: the target is none of `http::Uri`: characters that RFC 3986 does not have. They cannot move the end of
    /// a head; `core::path` decides on them.
    TargetCharacters,
    /// We are looser: hyper keeps the two highest lengths for itself. We close behind what is longer than 64 KiB.
    HighestLength,
    /// A line of Connection holds bytes beyond ASCII: hyper passes the whole line over, we read the options beside them.
    ConnectionBytes,
}

/// One request, as either saw it.
#[derive(Debug, PartialEq)]
struct Seen {
    method: String,
    target: Vec<u8>,
    minor: u8,
    /// Names in lower case, in order; the values of each in the order in which they came.
    fields: Vec<(String, Vec<Vec<u8>>)>,
    framing: Framing,
    /// Bytes of its body that came, and whether it came whole. Of chunks we know nothing.
    body: Option<(u64, bool)>,
}

/// What was seen last.
#[derive(Debug, PartialEq)]
enum End<R> {
    Refused(R),
    Closed,
    /// For more bytes.
    Waits,
    /// In front of chunks, which we do not read.
    Chunks,
}

libfuzzer_sys::fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let (ours, rests, our_end, expects) = we(bytes);
    let (theirs, continued, their_end) = hyper(bytes, usize::from(piece));
    for at in 0.. {
        match (ours.get(at), theirs.get(at)) {
            (Some(ours), Some(theirs)) => same(ours, theirs),
            (Some(ours), None) => {
                let known = match their_end {
                    End::Refused(_) => looser(ours),
                    End::Closed => connection_bytes(rests[at - 1]),
                    _ => None,
                };
                assert!(known.is_some(), "we see {ours:?}, hyper {their_end:?}");
                return;
            }
            (None, Some(theirs)) => {
                let known = match our_end {
                    End::Refused(why) => stricter(why, rests[at], theirs),
                    End::Closed => connection_bytes(rests[at - 1]),
                    End::Chunks => return,
                    End::Waits => None,
                };
                assert!(known.is_some(), "hyper sees {theirs:?}, we {our_end:?}");
                return;
            }
            (None, None) => break,
        }
    }
    assert_eq!(expects, continued, "100-continue");
    let rest = *rests.last().unwrap();
    let same = match (&our_end, &their_end) {
        (End::Refused(_), End::Refused(_)) | (End::Waits, End::Waits) | (End::Closed, End::Closed) => true,
        (End::Refused(_), End::Waits) => earlier(rest).is_some(),
        (End::Chunks, _) => true,
        // One of us closed behind the last request that both saw.
        (End::Closed | End::Waits, _) | (_, End::Closed) if !ours.is_empty() => {
            connection_bytes(rests[ours.len() - 1]).is_some()
        }
        _ => false,
    };
    assert!(same, "we {our_end:?}, hyper {their_end:?}");
});

/// Each request, what of the bytes began with it (at the end: what is left), the end, and whether the first wants `100 Continue`.
fn we(bytes: &[u8]) -> (Vec<Seen>, Vec<&[u8]>, End<Why>, bool) {
    let (mut all, mut rests, mut expects, mut rest) = (Vec::new(), Vec::new(), false, bytes);
    let end = loop {
        rests.push(rest);
        let mut room = Room::new();
        let request = match read(rest, &mut room, &Limits::default()) {
            Ok(None) => break End::Waits,
            Err(refused) => break End::Refused(refused.why),
            Ok(Some(request)) => request,
        };
        let head = request.head;
        let start = rest.iter().position(|b| !b"\r\n".contains(b)).unwrap();
        let method = rest[start..].split(|b| *b == b' ').next().unwrap();
        rest = &rest[request.length..];
        let body = match request.framing {
            Framing::Empty => Some((0, true)),
            Framing::Length(length) => Some((length.min(rest.len() as u64), length <= rest.len() as u64)),
            Framing::Chunked => None,
        };
        if all.is_empty() {
            expects = request.expects_continue && request.framing != Framing::Empty;
        }
        all.push(Seen {
            method: String::from_utf8_lossy(method).into_owned(),
            target: head.target.to_vec(),
            minor: u8::from(head.version == Version::Http11),
            fields: grouped(head.fields.iter().map(|field| (field.name, field.value))),
            framing: request.framing,
            body,
        });
        let Some((came, whole)) = body else { break End::Chunks };
        rest = &rest[came as usize..];
        if !whole {
            rests.push(rest);
            break End::Waits;
        }
        if !request.keep_alive {
            rests.push(rest);
            break End::Closed;
        }
    };
    (all, rests, end, expects)
}

fn grouped<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<(String, Vec<Vec<u8>>)> {
    let mut all: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
    for (name, value) in fields {
        let name = name.to_ascii_lowercase();
        match all.iter_mut().find(|(other, _)| *other == name) {
            Some((_, values)) => values.push(value.to_vec()),
            None => all.push((name, vec![value.to_vec()])),
        }
    }
    all.sort();
    all
}

fn same(ours: &Seen, theirs: &Seen) {
    assert_eq!((&ours.method, ours.minor), (&theirs.method, theirs.minor));
    assert_eq!(ours.fields, theirs.fields);
    assert_eq!(ours.framing, theirs.framing);
    let uri = Uri::try_from(&ours.target[..]).unwrap();
    assert_eq!(uri.to_string().as_bytes(), theirs.target);
    if ours.target.starts_with(b"/") {
        assert_eq!(ours.target, theirs.target);
    }
    if ours.body.is_some() {
        assert_eq!(ours.body, theirs.body);
    }
}

/// Why we take what hyper refuses.
fn looser(ours: &Seen) -> Option<Difference> {
    match ours.framing {
        _ if Uri::try_from(&ours.target[..]).is_err() => Some(Difference::TargetCharacters),
        Framing::Length(u64::MAX | 0xffff_ffff_ffff_fffe) => Some(Difference::HighestLength),
        _ => None,
    }
}

/// Why we refuse what hyper takes: by what is in the bytes, not only by what we say.
fn stricter(why: Why, bytes: &[u8], theirs: &Seen) -> Option<Difference> {
    let named =
        |name: &str| theirs.fields.iter().find(|(other, _)| other == name).map_or(&[][..], |(_, values)| values);
    let lines = |name: &[u8]| {
        let is = |line: &&[u8]| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        bytes.split(|b| *b == b'\n').filter(is).count()
    };
    let (lengths, codings) = (lines(b"content-length:"), lines(b"transfer-encoding:"));
    let target = bytes.split(|b| *b == b' ').nth(1).unwrap_or_default();
    let (difference, fits) = match why {
        Why::LineEnd => (Difference::BareLineFeed, bare_line_feed(bytes)),
        Why::Target => {
            let other = !target.starts_with(b"/") || theirs.method == "CONNECT";
            (Difference::TargetForm, target.contains(&b'#') || other)
        }
        Why::NoHost => (Difference::Host, theirs.minor == 1 && named("host").is_empty()),
        Why::Host => (Difference::Host, !matches!(named("host"), [host] if is_plain(host))),
        Why::ContentLength => (Difference::LengthTwice, lengths > 1),
        Why::TransferEncoding if lengths > 0 => (Difference::LengthAndCoding, codings > 0),
        Why::TransferEncoding | Why::TransferCoding => {
            let several = named("transfer-encoding").iter().any(|value| value.contains(&b','));
            (Difference::CodingBeforeChunked, theirs.framing == Framing::Chunked && (codings > 1 || several))
        }
        Why::Expectation => {
            (Difference::Expectation, named("expect").iter().any(|value| !value.eq_ignore_ascii_case(b"100-continue")))
        }
        Why::TargetTooLong => (Difference::Limits, bytes.len() > Limits::default().target),
        Why::TooLong => (Difference::Limits, bytes.len() > Limits::default().head),
        // The same limit as hyper's, and the same tokenizer: there is no difference.
        Why::TooManyFields | Why::RequestLine | Why::Version | Why::FieldName | Why::FieldValue => return None,
    };
    fits.then_some(difference)
}

fn is_plain(host: &[u8]) -> bool {
    !host.is_empty() && host.iter().all(u8::is_ascii_alphanumeric)
}

fn bare_line_feed(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\n") || bytes.windows(2).any(|two| two[1] == b'\n' && two[0] != b'\r')
}

/// Why we refuse what hyper waits for.
fn earlier(bytes: &[u8]) -> Option<Difference> {
    let start = bytes.iter().position(|b| !b"\r\n".contains(b)).unwrap_or(bytes.len());
    let ends = |end: &[u8]| bytes[start..].windows(end.len()).any(|window| window == end);
    (!ends(b"\n\r\n") && !ends(b"\n\n")).then_some(Difference::BeforeItIsWhole)
}

/// Why one of us closes behind a request that the other goes on from.
fn connection_bytes(bytes: &[u8]) -> Option<Difference> {
    let name = b"connection:";
    let is = |line: &&[u8]| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    let beyond = bytes.split(|b| *b == b'\n').filter(is).any(|line| !line.is_ascii());
    beyond.then_some(Difference::ConnectionBytes)
}

/// What came and went, with an end of file when we want it.
struct Wire {
    bytes: Vec<u8>,
    at: usize,
    piece: usize,
    ended: bool,
    sent: Vec<u8>,
}

struct Io(Rc<RefCell<Wire>>);

impl Read for Io {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.0.borrow_mut();
        let (left, piece) = (wire.bytes.len() - wire.at, if wire.piece == 0 { usize::MAX } else { wire.piece });
        if left == 0 && !wire.ended {
            return Poll::Pending;
        }
        let count = left.min(piece).min(into.remaining());
        into.put_slice(&wire.bytes[wire.at..wire.at + count]);
        wire.at += count;
        Poll::Ready(Ok(()))
    }
}

impl Write for Io {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().sent.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What hyper makes of the bytes: each request, whether it sent `100 Continue` to the first, and the end.
fn hyper(bytes: &[u8], piece: usize) -> (Vec<Seen>, bool, End<String>) {
    let wire = Rc::new(RefCell::new(Wire { bytes: bytes.to_vec(), at: 0, piece, ended: false, sent: Vec::new() }));
    let seen: Rc<RefCell<Vec<Seen>>> = Rc::default();
    let service = service_fn(|request: Request<Incoming>| {
        let seen = seen.clone();
        async move {
            let (head, mut body) = request.into_parts();
            let framing = match body.size_hint().exact() {
                Some(0) => Framing::Empty,
                Some(length) => Framing::Length(length),
                None => Framing::Chunked,
            };
            let at = seen.borrow().len();
            seen.borrow_mut().push(Seen {
                method: head.method.to_string(),
                target: head.uri.to_string().into_bytes(),
                minor: u8::from(head.version == hyper::Version::HTTP_11),
                fields: grouped(head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))),
                framing,
                body: None,
            });
            let (mut came, mut whole) = (0, true);
            while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                match frame {
                    Ok(frame) => came += frame.data_ref().map_or(0, |data| data.len() as u64),
                    Err(_) => {
                        whole = false;
                        break;
                    }
                }
                seen.borrow_mut()[at].body = Some((came, false));
            }
            seen.borrow_mut()[at].body = Some((came, whole));
            Ok::<_, Infallible>(Response::builder().status(404).body(String::new()).unwrap())
        }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.half_close(true).auto_date_header(false);
    let mut connection = pin!(builder.serve_connection(Io(wire.clone()), service));
    let mut cx = Context::from_waker(Waker::noop());
    let (mut before, mut still) = (None, 0);
    let end = loop {
        match connection.as_mut().poll(&mut cx) {
            Poll::Ready(Ok(())) => break End::Closed,
            Poll::Ready(Err(error)) => break End::Refused(format!("{error:?}")),
            Poll::Pending => {}
        }
        let now = (wire.borrow().at, wire.borrow().sent.len(), seen.borrow().len());
        still = if before.replace(now) == Some(now) { still + 1 } else { 0 };
        if still == 3 {
            break End::Waits;
        }
    };
    if end == End::Waits {
        wire.borrow_mut().ended = true;
        let ends = (0..64).any(|_| connection.as_mut().poll(&mut cx).is_ready());
        assert!(ends, "hyper does not end");
    }
    let continued = wire.borrow().sent.starts_with(b"HTTP/1.1 100 ");
    (seen.take(), continued, end)
}
