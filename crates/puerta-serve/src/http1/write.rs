//! The head of a response, as bytes: RFC 9112, sections 4 to 7.

use crate::core::date::Date;
use crate::core::head::Version;
use crate::core::response::{Body, Response};
use crate::log::{Form, decimal, stamp};
use std::time::SystemTime;

/// How a body is delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delimited {
    /// There is none.
    None,
    /// By its length.
    Length(u64),
    /// In chunks: HTTP/1.1.
    Chunked,
    /// By the end of the connection: HTTP/1.0.
    Close,
}

impl Delimited {
    /// How the body of a response to a request of that version is.
    pub(super) fn of<F>(response: &Response<F>, version: Version) -> Self {
        match (response.length, &response.body) {
            (Some(length), _) => Delimited::Length(length),
            (None, Body::Bytes(bytes)) => Delimited::Length(bytes.len() as u64),
            (None, Body::Empty) => Delimited::None,
            (None, _) if version == Version::Http10 => Delimited::Close,
            (None, _) => Delimited::Chunked,
        }
    }
}

/// Writes status line and fields. `persists`: whether the connection goes on, which is said where the version would mean the other.
pub(super) fn head<F>(
    out: &mut Vec<u8>,
    response: &Response<F>,
    delimited: Delimited,
    version: Version,
    persists: bool,
    clock: &Clock,
) {
    out.extend_from_slice(b"HTTP/1.1 ");
    decimal(out, response.status.0.into());
    out.push(b' ');
    out.extend_from_slice(response.status.reason().as_bytes());
    if let Some(date) = &clock.date {
        out.extend_from_slice(b"\r\nDate: ");
        out.extend_from_slice(date.text());
    }
    out.extend_from_slice(b"\r\n");
    response.fields.write_to(out);
    match delimited {
        // 204 and 304 have no body and say nothing of its length (RFC 9110, section 8.6); nor does HEAD of what is not known.
        Delimited::None | Delimited::Close => {}
        Delimited::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Delimited::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    match (persists, version) {
        (false, _) => out.extend_from_slice(b"Connection: close\r\n"),
        (true, Version::Http10) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        (true, _) => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// The time, whose texts are written once a second.
#[derive(Debug, Default)]
pub(super) struct Clock {
    second: u64,
    date: Option<Date>,
    /// For the access log: of the common forms, and of JSON.
    stamps: [Vec<u8>; 2],
}

impl Clock {
    /// The second that is now, for the access log.
    pub(super) fn stamp(&self, form: Form) -> &[u8] {
        let [common, json] = &self.stamps;
        match form {
            Form::Common | Form::Combined => common,
            Form::Json => json,
        }
    }

    /// From now on it is `now`.
    pub(super) fn set(&mut self, now: SystemTime) {
        let second = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        if second != self.second || self.date.is_none() {
            self.second = second;
            self.date = Date::of(now);
            if let Some(date) = &self.date {
                self.stamps = [Form::Common, Form::Json].map(|form| stamp(form, date));
            }
        }
    }
}

/// One chunk: RFC 9112, section 7.1. An empty one would be the last.
pub(super) fn chunk(out: &mut Vec<u8>, bytes: &[u8]) {
    if !bytes.is_empty() {
        out.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
    }
}

/// Writes a whole response to what is no request, and tells the length of its body. The connection ends with it.
pub(super) fn short<F>(out: &mut Vec<u8>, response: Response<F>, clock: &Clock) -> u64 {
    head(out, &response, Delimited::of(&response, Version::Http11), Version::Http11, false, clock);
    let Body::Bytes(bytes) = response.body else { return 0 };
    out.extend_from_slice(&bytes);
    bytes.len() as u64
}
