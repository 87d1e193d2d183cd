//! What a request is answered with, as text, so that one table serves the pure core and each driver, over plain and TLS.
//!
//! A line is a case: `GET /ten | Range: bytes=0-0 => 206 | Content-Range: bytes 0-0/10 | body 0`.
//!
//! - Before the arrow: the request line, its fields, and `payload TEXT` for what follows the head. Where the line names no
//!   version, it is HTTP/1.1, and `Host` is added.
//! - Behind it: the status; `Field: value` (exactly that), `Field: ~text` (somewhere in it), `-Field` (is not there);
//!   `body TEXT`, `body @/file`, `body ~text`, `body !@/file` (is not that file), `empty`; `parts /file 0-1 5-9` (several ranges);
//!   `closed` (no other request can follow).
//! - `\r`, `\n`, `\t`, `\0`, `\\` and `\x7f` are escapes. `{etag /file}` is the tag of a file as it is sent to `GET`,
//!   `{etag /file gzip}` as it is sent to who accepts that coding, `{date /file}` its `Last-Modified`.
//! - `@site WORDS` says what the server of the cases below was told; `#` begins a comment.

mod reader;
mod site;
mod world;

pub(crate) use reader::{Ask, Case, all};
pub(crate) use site::site;
pub(crate) use world::{MODIFIED, world};

use std::collections::HashMap;

/// An answer, as it was read from a driver or made of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    /// Without chunks.
    pub(crate) body: Vec<u8>,
    /// Whether the connection ended behind it; `None` where there is no connection.
    pub(crate) closed: Option<bool>,
}

/// Asks each case of `answer`, and tells what is wrong, a line for each.
pub(crate) fn check(cases: &[Case], mut answer: impl FnMut(&Ask) -> Answer) -> Vec<String> {
    let files: HashMap<&str, Vec<u8>> = world().into_iter().map(|entry| (entry.path, entry.content)).collect();
    let mut wrong = Vec::new();
    for case in cases {
        let case = case.resolve(|ask| answer(ask));
        let got = answer(&case.ask);
        let mut say =
            |what: String| wrong.push(format!("{}: {what}\n    {}\n    {}", case.place, case.text, got.shown()));
        for expected in &case.expected {
            if let Err(what) = meets(expected, &got, &files) {
                say(what);
            }
        }
        if let Err(what) = is_sound(&case.ask, &got) {
            say(what);
        }
        // What was refused before its method was known is answered with a body, and then nothing follows.
        let refused = got.status >= 400 && got.closed == Some(true);
        if case.ask.method == "GET"
            && !refused
            && !case.ask.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("range"))
        {
            let head = answer(&Ask { method: "HEAD".into(), ..case.ask.clone() });
            let same = (head.status, sorted(&head.fields)) == (got.status, sorted(&got.fields));
            if !same || !head.body.is_empty() {
                say(format!("to HEAD it is {}", head.shown()));
            }
        }
    }
    wrong
}

impl Answer {
    /// The value of a field; those of several lines joined.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let all: Vec<&str> =
            self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }

    fn shown(&self) -> String {
        let start = String::from_utf8_lossy(self.body.get(..80).unwrap_or(&self.body)).into_owned();
        format!("{} {:?} {start:?}", self.status, self.fields)
    }
}

fn meets(expected: &str, got: &Answer, files: &HashMap<&str, Vec<u8>>) -> Result<(), String> {
    let need = |holds: bool| if holds { Ok(()) } else { Err(format!("not {expected}")) };
    let file = |path: &str| files.get(path.trim_start_matches('/')).unwrap_or_else(|| panic!("no file {path}"));
    if expected == "empty" {
        return need(got.body.is_empty());
    }
    if expected == "closed" {
        return need(got.closed != Some(false));
    }
    if let Some(what) = expected.strip_prefix("body ") {
        return match what.as_bytes() {
            [b'!', b'@', ..] => need(got.body != *file(what.trim_start_matches("!@"))),
            [b'@', ..] => need(got.body == *file(what.trim_start_matches('@'))),
            [b'~', rest @ ..] => need(got.body.windows(rest.len()).any(|window| window == rest)),
            text => need(got.body == text),
        };
    }
    if let Some(what) = expected.strip_prefix("parts ") {
        let (path, ranges) = what.split_once(' ').unwrap();
        return parts(got, file(path), ranges);
    }
    if let Some(name) = expected.strip_prefix('-') {
        return need(got.field(name).is_none());
    }
    if let Some((name, value)) = expected.split_once(": ") {
        let field = got.field(name);
        return match value.strip_prefix('~') {
            Some(part) => need(field.is_some_and(|field| field.contains(part))),
            None => need(field.as_deref() == Some(value)),
        };
    }
    need(expected.parse() == Ok(got.status))
}

/// What holds of every answer.
fn is_sound(ask: &Ask, got: &Answer) -> Result<(), String> {
    let refused = got.status >= 400 && got.closed == Some(true);
    let bodyless = (ask.method == "HEAD" && !refused) || matches!(got.status, 204 | 304);
    if bodyless && !got.body.is_empty() {
        return Err("a body where none may be".into());
    }
    let length = got.field("Content-Length");
    if matches!(got.status, 204 | 304) && length.is_some() {
        return Err("a length without a body".into());
    }
    if !bodyless && length.is_some_and(|length| length != got.body.len().to_string()) {
        return Err(format!("{} bytes", got.body.len()));
    }
    if got.field("X-Content-Type-Options").as_deref() != Some("nosniff") {
        return Err("no nosniff".into());
    }
    if got.status == 405 && got.field("Allow").is_none() {
        return Err("no Allow".into());
    }
    if !got.body.is_empty() && got.field("Content-Type").is_none() {
        return Err("no type".into());
    }
    let mut names: Vec<String> = got.fields.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1] && !["vary", "link"].contains(&pair[0].as_str())) {
        Some(twice) => Err(format!("{} comes twice", twice[0])),
        None => Ok(()),
    }
}

/// `multipart/byteranges` (RFC 9110 section 14.6), read by its boundary.
fn parts(got: &Answer, file: &[u8], ranges: &str) -> Result<(), String> {
    let media = got.field("Content-Type").unwrap_or_default();
    let boundary = media.strip_prefix("multipart/byteranges; boundary=").ok_or("not in parts")?;
    let mut expected = Vec::new();
    for (at, range) in ranges.split(' ').enumerate() {
        let (first, last) = range.split_once('-').unwrap();
        let (from, to): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let before = if at == 0 { "" } else { "\r\n" };
        let place = format!("Content-Range: bytes {range}/{}\r\n\r\n", file.len());
        let head = format!("{before}--{boundary}\r\nContent-Type: ");
        if !got.body.get(expected.len()..).is_some_and(|rest| rest.starts_with(head.as_bytes())) {
            return Err(format!("no part {range}"));
        }
        expected.extend_from_slice(head.as_bytes());
        let rest = got.body.get(expected.len()..).unwrap_or_default();
        let line = rest.windows(2).position(|end| end == b"\r\n").ok_or("no line")? + 2;
        expected.extend_from_slice(&rest[..line]);
        expected.extend_from_slice(place.as_bytes());
        expected.extend_from_slice(&file[from..=to]);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    if got.body == expected { Ok(()) } else { Err(format!("not the parts {ranges}")) }
}

/// Without what differs from one answer to the next, and where only the framing of a body tells its length.
fn sorted(fields: &[(String, String)]) -> Vec<(String, String)> {
    let mut fields: Vec<_> = fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
    fields.retain(|(name, _)| !["date", "transfer-encoding"].contains(&name.as_str()));
    fields.sort();
    fields
}
