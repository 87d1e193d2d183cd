//! A line of the access log. Nothing of it can end the line or reach a terminal raw: what is no printable ASCII is escaped.

use crate::core::date::Date;
use puerta::Endpoint;
use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// The Common Log Format: `HOST - USER [20/Nov/2026:22:11:23 +0000] "GET /a.txt HTTP/1.1" 200 5`. What is no printable ASCII is `\xHH`, and so
    /// is a space in a name.
    #[default]
    Common,
    /// That of Apache and nginx: the same, then `"REFERER" "USER-AGENT"`.
    Combined,
    /// JSON, an object a line: `time` (UTC), `peer`, `user`, `method`, `target`, `version`, `status`, `referer`, `agent`, `bytes`, `duration_us`; null
    /// for what was not said or not understood.
    Json,
}

/// A response, but for how much of its body was sent.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Whose request it was; `None`: a Unix socket's without a name.
    pub peer: Option<&'a Endpoint>,
    /// Who was let in by a password.
    pub user: Option<&'a str>,
    /// When: see [`stamp`].
    pub stamp: &'a [u8],
    /// Method, target and version; `None` where the head was none.
    pub request: Option<(&'a str, &'a [u8], &'a str)>,
    /// The status code.
    pub status: u16,
    /// The field Referer.
    pub referer: Option<&'a [u8]>,
    /// The field User-Agent.
    pub agent: Option<&'a [u8]>,
}

/// Where the number goes that is known last. Nothing else of a line is this: all of it is printable.
const GAP: u8 = 0;

impl Form {
    /// Writes all that is known before the body is sent.
    pub fn start(self, out: &mut Vec<u8>, entry: &Entry<'_>) {
        match self {
            Form::Common => common(out, entry),
            Form::Combined => {
                common(out, entry);
                out.extend_from_slice(&[GAP, b'"']);
                escaped(out, entry.referer.unwrap_or(b"-"));
                out.extend_from_slice(b"\" \"");
                escaped(out, entry.agent.unwrap_or(b"-"));
                out.push(b'"');
            }
            Form::Json => json(out, entry),
        }
    }

    /// Ends the line: so many bytes of body were sent. How long that `took` is asked where the line says it.
    pub fn end(self, out: &mut Vec<u8>, bytes: u64, took: impl FnOnce() -> Duration) {
        let known = out.len();
        decimal(out, bytes);
        match self {
            Form::Common => {}
            Form::Combined => {
                let digits = out.len() - known;
                let gap = out.iter().rposition(|byte| *byte == GAP).unwrap_or(known);
                if let Some(rest) = out.get_mut(gap..) {
                    rest.rotate_right(digits);
                    rest.iter_mut().skip(digits).take(1).for_each(|gap| *gap = b' ');
                }
            }
            Form::Json => {
                out.extend_from_slice(b",\"duration_us\":");
                decimal(out, u64::try_from(took().as_micros()).unwrap_or(u64::MAX));
                out.push(b'}');
            }
        }
        out.push(b'\n');
    }
}

/// A date as lines of the common formats have it, with what stands around it; lines of JSON have it otherwise.
pub fn stamp(form: Form, date: &Date) -> Vec<u8> {
    const MONTHS: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    // Sun, 06 Nov 1994 08:49:37 GMT
    let date = date.text();
    let (Some(day), Some(month), Some(year), Some(time)) =
        (date.get(5..7), date.get(8..11), date.get(12..16), date.get(17..25))
    else {
        return Vec::new();
    };
    match form {
        Form::Common | Form::Combined => [b" [", day, b"/", month, b"/", year, b":", time, b" +0000] \""].concat(),
        Form::Json => {
            let month = MONTHS.iter().position(|name| *name == month).map_or(1, |at| at + 1);
            [year, format!("-{month:02}-").as_bytes(), day, b"T", time, b"Z"].concat()
        }
    }
}

fn common(out: &mut Vec<u8>, entry: &Entry<'_>) {
    host(out, entry.peer);
    out.extend_from_slice(b" - ");
    // It is one of the words of its line.
    for (place, word) in entry.user.unwrap_or("-").as_bytes().split(|byte| *byte == b' ').enumerate() {
        if place > 0 {
            out.extend_from_slice(b"\\x20");
        }
        escaped(out, word);
    }
    out.extend_from_slice(entry.stamp);
    match entry.request {
        Some((method, target, version)) => {
            out.extend_from_slice(method.as_bytes());
            out.push(b' ');
            escaped(out, target);
            out.push(b' ');
            out.extend_from_slice(version.as_bytes());
        }
        None => out.push(b'-'),
    }
    out.extend_from_slice(b"\" ");
    decimal(out, entry.status.into());
    out.push(b' ');
}

fn json(out: &mut Vec<u8>, entry: &Entry<'_>) {
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(entry.stamp);
    out.extend_from_slice(b"\",\"peer\":\"");
    host(out, entry.peer);
    out.push(b'"');
    text(out, "user", entry.user.map(str::as_bytes));
    let (method, target, version) = match entry.request {
        Some((method, target, version)) => (Some(method.as_bytes()), Some(target), Some(version.as_bytes())),
        None => (None, None, None),
    };
    for (name, value) in [("method", method), ("target", target), ("version", version)] {
        text(out, name, value);
    }
    let _ = write!(out, ",\"status\":{}", entry.status);
    text(out, "referer", entry.referer);
    text(out, "agent", entry.agent);
    out.extend_from_slice(b",\"bytes\":");
}

/// In decimal. What is written for each response does without the machinery of formatting.
pub(crate) fn decimal(out: &mut Vec<u8>, mut value: u64) {
    // As many as the largest has.
    let mut digits = [0; 20];
    let mut first = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        (value, first) = (value / 10, first - 1);
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

/// The address without its port, as the format has it.
fn host(out: &mut Vec<u8>, peer: Option<&Endpoint>) {
    let address = peer.and_then(|peer| peer.inet()).map(|peer| peer.ip().to_canonical());
    match address {
        Some(IpAddr::V4(address)) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    out.push(b'.');
                }
                decimal(out, octet.into());
            }
        }
        // Nothing fails that is written to memory.
        Some(IpAddr::V6(address)) => drop(write!(out, "{address}")),
        None => out.extend_from_slice(b"unix"),
    }
}

fn escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    let is_raw = |byte: &u8| !matches!(byte, b'"' | b'\\' | 0..0x20 | 0x7f..);
    if bytes.iter().all(is_raw) {
        return out.extend_from_slice(bytes);
    }
    for byte in bytes {
        if is_raw(byte) {
            out.push(*byte);
        } else {
            let _ = write!(out, "\\x{byte:02X}");
        }
    }
}

fn text(out: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    let _ = write!(out, ",\"{name}\":");
    let Some(value) = value else {
        out.extend_from_slice(b"null");
        return;
    };
    out.push(b'"');
    for unit in String::from_utf8_lossy(value).encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte @ (b'"' | b'\\')) => out.extend_from_slice(&[b'\\', byte]),
            Ok(byte @ 0x20..0x7f) => out.push(byte),
            _ => {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(form: Form, target: &[u8], agent: &[u8]) -> String {
        line_of(form, None, target, agent)
    }

    fn line_of(form: Form, user: Option<&str>, target: &[u8], agent: &[u8]) -> String {
        let peer: Endpoint = Endpoint::Inet("[::ffff:10.0.0.1]:80".parse().unwrap());
        let date = Date::at(784_111_777).unwrap();
        let entry = Entry {
            peer: Some(&peer),
            user,
            stamp: &stamp(form, &date),
            request: Some(("GET", target, "HTTP/1.1")),
            status: 200,
            referer: None,
            agent: Some(agent),
        };
        let mut out = b"before\n".to_vec();
        form.start(&mut out, &entry);
        form.end(&mut out, 1234, || Duration::from_nanos(56_789));
        String::from_utf8(out).unwrap().strip_prefix("before\n").unwrap().to_owned()
    }

    #[test]
    fn a_line_is_in_the_common_log_format() {
        let expected = "10.0.0.1 - - [06/Nov/1994:08:49:37 +0000] \"GET /a?b HTTP/1.1\" 200 1234\n";
        assert_eq!(line(Form::Common, b"/a?b", b""), expected);
    }

    #[test]
    fn the_combined_format_has_referer_and_agent_behind_the_bytes() {
        let expected =
            "10.0.0.1 - - [06/Nov/1994:08:49:37 +0000] \"GET /a HTTP/1.1\" 200 1234 \"-\" \"\\x22Mozilla\\x22/5\"\n";
        assert_eq!(line(Form::Combined, b"/a", b"\"Mozilla\"/5"), expected);
    }

    #[test]
    fn a_user_is_one_word_of_a_line_whatever_the_name() {
        for form in [Form::Common, Form::Combined] {
            let line = line_of(form, Some("Ana \"María\u{202e}"), b"/", b"");
            assert!(line.starts_with("10.0.0.1 - Ana\\x20\\x22Mar\\xC3\\xADa\\xE2\\x80\\xAE [06/Nov/1994:"), "{line}");
        }
        let value: serde_json::Value =
            serde_json::from_str(&line_of(Form::Json, Some("Ana \"María\u{202e}"), b"/", b"")).unwrap();
        assert_eq!(value["user"], "Ana \"María\u{202e}");
    }

    #[test]
    fn nothing_of_a_request_ends_a_line_or_reaches_a_terminal() {
        let hostile = "/\"\\\u{1b}[2J\n\u{7f}\u{202e}\u{9b}é".as_bytes();
        let common = line(Form::Common, hostile, b"");
        assert!(
            common.contains("\"GET /\\x22\\x5C\\x1B[2J\\x0A\\x7F\\xE2\\x80\\xAE\\xC2\\x9B\\xC3\\xA9 HTTP/1.1\""),
            "{common}"
        );
        for form in [Form::Common, Form::Combined, Form::Json] {
            let line = line(form, hostile, hostile);
            assert!(line.trim_end().bytes().all(|b| (0x20..0x7f).contains(&b)), "{line}");
        }
    }

    #[test]
    fn json_says_what_was_asked_byte_for_byte_where_it_is_text() {
        let hostile = "/\"\\\u{1b}[2J\n\u{7f}\u{202e}\u{9b}é😀";
        let value: serde_json::Value = serde_json::from_str(&line(Form::Json, hostile.as_bytes(), b"\xff")).unwrap();
        assert_eq!(value["target"], hostile);
        assert_eq!(value["agent"], "\u{fffd}");
        assert_eq!(value["time"], "1994-11-06T08:49:37Z");
        assert_eq!((&value["status"], &value["bytes"]), (&200.into(), &1234.into()));
        assert_eq!((&value["user"], &value["duration_us"]), (&serde_json::Value::Null, &56.into()));
        assert_eq!(value["referer"], serde_json::Value::Null);
    }
}
