//! The head of a request: RFC 9112, read strictly. What two readers could understand in two ways is refused.
//!
//! Nothing is copied: a [`Head`] borrows the buffer that it was read from.

mod framing;
#[cfg(test)]
mod tests;

pub use framing::Framing;

use crate::core::head::{Field, Head, Method, Version};
use crate::core::response::Status;
use std::mem::MaybeUninit;

/// The most fields that [`Limits`] can allow.
pub const MOST_FIELDS: usize = 256;

/// In a request line, what there may be around the longest target: a method, two spaces and the version.
const AROUND: usize = 32;
/// Two spaces and the version.
const VERSION: usize = 10;

/// What a request may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the head, request line and empty line included. Default: 32 KiB. More is 431.
    pub head: usize,
    /// Fields, repeated ones included. Default: 100; at most [`MOST_FIELDS`]. More is 431.
    pub fields: usize,
    /// Bytes of the target. Default: 8 KiB (RFC 9112, section 3, asks for 8,000 at least). More is 414, and so is a line that a
    /// method makes longer than that by 32 bytes or more.
    pub target: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { head: 32 * 1024, fields: 100, target: 8 * 1024 }
    }
}

/// A request as it was sent, without its body.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What is asked for.
    pub head: Head<'a>,
    /// How many bytes the head took, empty lines in front of it included.
    pub length: usize,
    /// What follows it.
    pub framing: Framing,
    /// Whether the client can take another response on this connection: RFC 9112, section 9.3.
    pub keep_alive: bool,
    /// Whether it waits for `100 Continue` before it sends its body: RFC 9110, section 10.1.1.
    pub expects_continue: bool,
}

/// Room for the fields of one head. It costs nothing until it is used.
#[derive(Debug)]
pub struct Room<'a>([MaybeUninit<Field<'a>>; MOST_FIELDS]);

impl Room<'_> {
    /// Room for [`MOST_FIELDS`].
    pub const fn new() -> Self {
        Room([const { MaybeUninit::uninit() }; MOST_FIELDS])
    }
}

impl Default for Room<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// A head that is not answered but with its status; then the connection is closed, since nobody can tell where the next
/// request begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The status.
    pub status: Status,
    /// Why.
    pub why: Why,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The request line is none.
    RequestLine,
    /// The target has no form that the method allows, or holds a fragment.
    Target,
    /// The target is longer than [`Limits::target`], or its line is longer than that by 32 bytes or more.
    TargetTooLong,
    /// The version is no 1.0 or 1.1.
    Version,
    /// A line ends in LF alone, or CR stands alone.
    LineEnd,
    /// The name of a field is none, or is followed by a space, or a line is folded.
    FieldName,
    /// The value of a field holds a control character.
    FieldValue,
    /// The head is longer than [`Limits::head`].
    TooLong,
    /// There are more fields than [`Limits::fields`].
    TooManyFields,
    /// Version 1.1 without the field Host.
    NoHost,
    /// Host comes twice, or is no host.
    Host,
    /// Content-Length is no number, or comes twice.
    ContentLength,
    /// Transfer-Encoding does not end in one `chunked`, comes twice, or comes with Content-Length or in HTTP/1.0.
    TransferEncoding,
    /// A transfer coding besides `chunked`.
    TransferCoding,
    /// An expectation besides `100-continue`.
    Expectation,
}

impl Why {
    /// The status that says so.
    pub const fn status(self) -> Status {
        match self {
            Why::TargetTooLong => Status::URI_TOO_LONG,
            Why::Expectation => Status::EXPECTATION_FAILED,
            Why::TooLong | Why::TooManyFields => Status::FIELDS_TOO_LARGE,
            Why::TransferCoding => Status::NOT_IMPLEMENTED,
            Why::Version => Status::VERSION_NOT_SUPPORTED,
            _ => Status::BAD_REQUEST,
        }
    }
}

impl From<Why> for Refused {
    fn from(why: Why) -> Refused {
        Refused { status: why.status(), why }
    }
}

/// Reads the head at the start of `bytes`; `None`: it has not come whole yet. Empty lines in front of it are passed over (RFC 9112,
/// section 2.2).
///
/// # Errors
/// [`Refused`]: the connection is closed after the answer.
pub fn read<'a>(bytes: &'a [u8], room: &'a mut Room<'a>, limits: &Limits) -> Result<Option<Request<'a>>, Refused> {
    let mut start = 0;
    while bytes.get(start..start + 2) == Some(b"\r\n") {
        start += 2;
    }
    let text = bytes.get(start..).unwrap_or_default();
    match text {
        [] | [b'\r'] => return within(bytes.len() + 1, limits).map(|()| None),
        [b'\r' | b'\n', ..] => return Err(Why::LineEnd.into()),
        _ => {}
    }
    let room = room.0.get_mut(..limits.fields.min(MOST_FIELDS)).unwrap_or_default();
    let mut request = httparse::Request::new(&mut []);
    let length = match request.parse_with_uninit_headers(text, room) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return incomplete(text, start, limits),
        Err(error) => return Err(refusal(error, text, limits).into()),
    };
    within(start + length, limits)?;
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Err(Why::RequestLine.into());
    };
    // As in pieces, where the line is too long before its end has come.
    if target.len() > limits.target || method.len() + target.len() + VERSION >= limits.target + AROUND {
        return Err(Why::TargetTooLong.into());
    }
    let fields: &[Field<'_>] = request.headers;
    lines_end(text.get(..length).unwrap_or_default(), fields)?;
    let (method, target) = (Method::of(method.as_bytes()), target.as_bytes());
    if !has_form(method, target) {
        return Err(Why::Target.into());
    }
    let version = if version == 0 { Version::Http10 } else { Version::Http11 };
    let head = Head { method, target, version, fields };
    let control = Control::of(fields)?;
    control.check_host(version)?;
    let framing = framing::read(&control, version)?;
    let expects_continue = control.expects && version == Version::Http11;
    if expects_continue && !head.all("expect").all(|value| value.eq_ignore_ascii_case(b"100-continue")) {
        return Err(Why::Expectation.into());
    }
    let keep_alive = if control.connection { framing::keeps_alive(&head) } else { version == Version::Http11 };
    Ok(Some(Request { head, length: start + length, framing, keep_alive, expects_continue }))
}

/// The fields that say where a message ends and what becomes of the connection, found in one look.
#[derive(Debug, Default)]
struct Control<'a> {
    host: Option<&'a [u8]>,
    length: Option<&'a [u8]>,
    coding: Option<&'a [u8]>,
    connection: bool,
    expects: bool,
}

impl<'a> Control<'a> {
    fn of(fields: &[Field<'a>]) -> Result<Self, Why> {
        fn once<'a>(slot: &mut Option<&'a [u8]>, value: &'a [u8], why: Why) -> Result<(), Why> {
            if slot.replace(value).is_some() { Err(why) } else { Ok(()) }
        }
        let mut found = Control::default();
        for Field { name, value } in fields {
            // The length is compared first, so that most names cost one comparison.
            match name.len() {
                4 if name.eq_ignore_ascii_case("host") => once(&mut found.host, value, Why::Host)?,
                6 if name.eq_ignore_ascii_case("expect") => found.expects = true,
                10 if name.eq_ignore_ascii_case("connection") => found.connection = true,
                14 if name.eq_ignore_ascii_case("content-length") => {
                    once(&mut found.length, value, Why::ContentLength)?;
                }
                17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                    once(&mut found.coding, value, Why::TransferEncoding)?;
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// RFC 9112, section 3.2: one Host, and a valid one; in HTTP/1.0 there may be none.
    fn check_host(&self, version: Version) -> Result<(), Why> {
        match self.host {
            Some(host) if is_host(host) => Ok(()),
            Some(_) => Err(Why::Host),
            None if version == Version::Http10 => Ok(()),
            None => Err(Why::NoHost),
        }
    }
}

/// Each line ends in CRLF: the parser takes LF alone.
fn lines_end(head: &[u8], fields: &[Field<'_>]) -> Result<(), Why> {
    let at = |part: &[u8]| (part.as_ptr() as usize).wrapping_sub(head.as_ptr() as usize);
    let mut next = fields.first().map_or(head.len().saturating_sub(2), |first| at(first.name.as_bytes()));
    let request_line = head.get(..next).unwrap_or_default();
    for field in fields {
        let rest = head.get(at(field.value) + field.value.len()..).unwrap_or_default();
        let blank = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        if !rest.get(blank..).is_some_and(|rest| rest.starts_with(b"\r\n")) {
            return Err(Why::LineEnd);
        }
        next = head.len() - rest.len() + blank + 2;
    }
    if request_line.ends_with(b"\r\n") && head.get(next..) == Some(b"\r\n") { Ok(()) } else { Err(Why::LineEnd) }
}

/// Nothing follows the limit, whether it is whole or not.
fn within(length: usize, limits: &Limits) -> Result<(), Refused> {
    if length > limits.head { Err(Why::TooLong.into()) } else { Ok(()) }
}

fn incomplete<'a>(head: &[u8], start: usize, limits: &Limits) -> Result<Option<Request<'a>>, Refused> {
    let line = head.iter().position(|b| *b == b'\n').unwrap_or(head.len());
    if line > limits.target + AROUND {
        return Err(Why::TargetTooLong.into());
    }
    // A line that ends in LF alone would let us wait for the rest of a head that its sender holds for whole.
    if head.iter().zip([&b' '].into_iter().chain(head)).any(|(byte, before)| *byte == b'\n' && *before != b'\r') {
        return Err(Why::LineEnd.into());
    }
    within(start + head.len() + 1, limits)?;
    Ok(None)
}

/// What the parser did not take; it says little of the request line.
fn refusal(error: httparse::Error, head: &[u8], limits: &Limits) -> Why {
    use httparse::Error;
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    match error {
        Error::HeaderName => Why::FieldName,
        Error::HeaderValue => Why::FieldValue,
        Error::NewLine => Why::LineEnd,
        Error::TooManyHeaders => Why::TooManyFields,
        _ if line.len() > limits.target + AROUND => Why::TargetTooLong,
        Error::Version if is_other_version(line) => Why::Version,
        _ => Why::RequestLine,
    }
}

/// `HTTP/2.0`: one digit, a dot, one digit (RFC 9112, section 2.3), as the third word.
fn is_other_version(line: &[u8]) -> bool {
    let mut words = line.strip_suffix(b"\r").unwrap_or(line).split(|b| *b == b' ').skip(2);
    let version = words.next().unwrap_or_default();
    words.next().is_none() && matches!(version, [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'])
}

/// The four forms of RFC 9112, section 3.2.
fn has_form(method: Method, target: &[u8]) -> bool {
    match target {
        _ if target.contains(&b'#') => false,
        _ if method == Method::Connect => is_host(target),
        [b'/', ..] => true,
        b"*" => method == Method::Options,
        _ => {
            let strip = |scheme: &[u8]| {
                let (start, rest) = target.split_at_checked(scheme.len())?;
                start.eq_ignore_ascii_case(scheme).then_some(rest)
            };
            let Some(rest) = strip(b"http://").or_else(|| strip(b"https://")) else { return false };
            is_host(rest.split(|b| matches!(b, b'/' | b'?')).next().unwrap_or_default())
        }
    }
}

/// `uri-host [ ":" port ]`: a name, an IPv4 address, or an IPv6 address in brackets (RFC 3986, section 3.2.2). Not empty, since no
/// `http` URI has an empty host (RFC 9110, section 4.2.1), and without user information (section 4.2.4).
fn is_host(value: &[u8]) -> bool {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(b);
    let is_literal = |b: &u8| b.is_ascii_alphanumeric() || b":.%-_~".contains(b);
    let is_port = |port: &[u8]| port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    match value {
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|b| *b == b']') else { return false };
            let (literal, port) = rest.split_at(end);
            let port_fits = match port {
                [_] => true,
                [_, b':', port @ ..] => is_port(port),
                _ => false,
            };
            port_fits && !literal.is_empty() && literal.iter().all(is_literal)
        }
        _ => {
            let mut parts = value.splitn(2, |b| *b == b':');
            let name = parts.next().unwrap_or_default();
            !name.is_empty() && name.iter().all(is_name) && parts.next().is_none_or(is_port)
        }
    }
}
