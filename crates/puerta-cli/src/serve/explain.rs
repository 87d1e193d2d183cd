//! `serve DIR --explain URL`: what a request would be answered, and why, on stdout.

use super::arguments::Arguments;
use super::trouble::Trouble;
use crate::columns::{columns, wrapped};
use crate::exchange::runtime;
use crate::printed::print;
use crate::report::Reporter;
use clap::Args;
use puerta_serve::event::{Event, Report};
use puerta_serve::explain::{Ask, Explanation, Line, explain};
use puerta_serve::gate::Gate;
use puerta_serve::http1::tell::Sent;
use puerta_serve::http1::{Service, Tally};
use puerta_serve::store::Store;
use puerta_text::visible;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::process::ExitCode;
use std::sync::Arc;

/// The longest subject of a step, and field, that has its text beside it.
const WIDEST: usize = 30;
const WIDEST_FIELD: usize = 44;

/// A request that is explained.
#[derive(Debug, Args)]
pub(crate) struct Explaining {
    /// Serve nothing: say what a request for this path (/a/b.txt) or URL would be answered with all the other options, and why,
    /// step by step: file, status, each header. Nothing is bound, logged or asked for over the network
    #[arg(long, value_name = "URL", conflicts_with = "audit")]
    pub(super) explain: Option<String>,
    /// A field of the request that is explained, 'Range: bytes=0-9'; repeatable [default: Host alone]
    #[arg(long, value_name = "FIELD", value_parser = field, requires = "explain")]
    request_header: Vec<(String, String)>,
    /// The method of the request that is explained [default: GET]
    #[arg(long, value_name = "METHOD", value_parser = method, requires = "explain")]
    request_method: Option<String>,
}

/// The status is 0 when it was explained, whatever would be answered.
pub(super) fn run(arguments: &Arguments, url: &str, reporter: Reporter) -> Result<ExitCode, Trouble> {
    let secure = arguments.sharing.is_secure();
    let given = &arguments.explaining;
    let place = Place::read(url)?;
    if place.secure == Some(true) && !secure {
        return Err(Trouble::usage(
            "with these options HTTP alone is served, and https:// gets no answer",
            "write http://, or add --tls",
        ));
    }
    let request = Request::of(&place, given.request_method.as_deref().unwrap_or("GET"), &given.request_header);
    let (door, _) = arguments.sharing.door(Arc::new(Silent))?;
    let (site, limits) = (arguments.site(), arguments.limits());
    let store = Store::open(&arguments.folder(), &arguments.store())?;
    let gate = Gate { door, pace: None };
    let service = Service { site, store, limits, gate, report: Arc::new(Silent), log: None, tally: Tally::default() };
    let bytes = request.bytes();
    let ask = Ask { bytes: &bytes, peer: None, in_the_clear: secure && place.secure == Some(false) };
    let explained = runtime().map_err(Trouble::system)?.block_on(explain(&service, &ask));
    let explained = explained.ok_or_else(|| {
        Trouble::usage("this is no whole request", "look at what --request-header and --request-method give")
    })?;
    let shown = Shown { request: &request, explained: &explained, service: &service };
    let text = if reporter.json() { format!("{}\n", shown.data()) } else { shown.text() };
    Ok(print(text.as_bytes(), reporter))
}

/// What goes wrong is in the explanation.
#[derive(Debug)]
struct Silent;

impl Report for Silent {
    fn event(&self, _: &Event<'_>) {}
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    target: String,
    host: Option<String>,
    /// Whether the URL says that it goes over TLS.
    secure: Option<bool>,
}

impl Place {
    fn read(url: &str) -> Result<Place, Trouble> {
        // What stands behind a # is not sent: RFC 9110, section 7.1.
        let url = url.split('#').next().unwrap_or_default();
        if url == "*" || url.starts_with('/') {
            return Ok(Place { target: escaped(url), host: None, secure: None });
        }
        let strip = |scheme: &str| {
            let (start, rest) = url.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        };
        let (secure, rest) = match (strip("http://"), strip("https://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => {
                let what = format!("{} is no URL that is served", visible(url));
                return Err(Trouble::usage(what, "write a path, /a.txt, or a whole URL, http://localhost:8000/a.txt"));
            }
        };
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if host.is_empty() || host.contains('@') {
            return Err(Trouble::usage(
                format!("there is no host alone in {}", visible(url)),
                "name and password go into --request-header 'Authorization: Basic …'",
            ));
        }
        let target = if path.starts_with('/') { escaped(path) } else { format!("/{}", escaped(path)) };
        Ok(Place { target, host: Some(host.to_owned()), secure: Some(secure) })
    }
}

/// As a browser sends it: what cannot stand in a request line is escaped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'!'..=b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// A request, as it is sent.
#[derive(Debug)]
struct Request {
    method: String,
    target: String,
    fields: Vec<(String, String)>,
}

impl Request {
    fn of(place: &Place, method: &str, given: &[(String, String)]) -> Self {
        let mut fields = given.to_vec();
        if !fields.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            fields.insert(0, ("Host".to_owned(), place.host.clone().unwrap_or_else(|| "localhost".to_owned())));
        }
        Request { method: method.to_owned(), target: place.target.clone(), fields }
    }

    fn lines(&self) -> Vec<String> {
        let first = format!("{} {} HTTP/1.1", self.method, self.target);
        let fields = self.fields.iter().map(|(name, value)| format!("{name}: {value}"));
        std::iter::once(first).chain(fields).collect()
    }

    fn bytes(&self) -> Vec<u8> {
        format!("{}\r\n\r\n", self.lines().join("\r\n")).into_bytes()
    }
}

struct Shown<'a> {
    request: &'a Request,
    explained: &'a Explanation,
    service: &'a Service,
}

impl Shown<'_> {
    fn text(&self) -> String {
        let mut text: String = self.request.lines().iter().map(|line| format!("{}\n", visible(line))).collect();
        let lines = self.explained.lines(self.service);
        for part in lines.chunk_by(|one, next| one.part == next.part) {
            let heading = part.first().map_or("", |line| line.part.heading());
            let cells: Vec<(Cow<'_, str>, Cow<'_, str>)> =
                part.iter().map(|line| (visible(&line.about), visible(&line.text))).collect();
            text += &format!("\n{heading}\n{}", in_columns(&cells, WIDEST));
        }
        let status = self.explained.status;
        let because = self.explained.because(self.service);
        let summary = format!("{status} {}: {}", status.reason(), visible(&because));
        text += &format!("\n{}", wrapped(&summary, 0));
        let fields: Vec<(String, Cow<'_, str>)> =
            self.fields().map(|(name, value, why)| (format!("{name}: {value}"), why)).collect();
        let cells: Vec<(Cow<'_, str>, Cow<'_, str>)> =
            fields.iter().map(|(field, why)| (visible(field), Cow::Borrowed(why.as_ref()))).collect();
        text += &in_columns(&cells, WIDEST_FIELD);
        text + &format!("\nbody: {}\n", self.explained.body())
    }

    /// The same as data.
    fn data(&self) -> Value {
        let Request { method, target, fields } = self.request;
        let pairs = |(name, value): &(String, String)| json!({"name": name, "value": value});
        let step =
            |Line { part, about, text, .. }: &Line| json!({"part": part.word(), "about": about, "message": text});
        let steps: Vec<Value> = self.explained.lines(self.service).iter().map(step).collect();
        let sent: Vec<Value> =
            self.fields().map(|(name, value, why)| json!({"name": name, "value": value, "why": why})).collect();
        let status = self.explained.status;
        let (body, bytes) = match self.explained.sent {
            Sent::Nothing => ("none", Some(0)),
            Sent::Bytes(bytes) => ("bytes", Some(bytes)),
            Sent::Listing => ("list", None),
        };
        json!({"event": "explained",
            "request": {"method": method, "target": target, "fields": fields.iter().map(pairs).collect::<Vec<_>>()},
            "steps": steps, "status": status.0, "reason": status.reason(),
            "because": self.explained.because(self.service), "fields": sent, "body": body, "bytes": bytes})
    }

    fn fields(&self) -> impl Iterator<Item = (&str, Cow<'_, str>, Cow<'static, str>)> {
        self.explained.fields.iter().map(|(name, value)| {
            let why = self.explained.why_field(self.service, name, value).unwrap_or_default();
            (name.as_str(), String::from_utf8_lossy(value), why)
        })
    }
}

fn in_columns(cells: &[(Cow<'_, str>, Cow<'_, str>)], widest: usize) -> String {
    let rows: Vec<(&str, &str)> = cells.iter().map(|(left, right)| (left.as_ref(), right.as_ref())).collect();
    columns(&rows, widest)
}

fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("it is a name, a colon and a value: 'Range: bytes=0-9'")?;
    if text.contains(['\r', '\n']) {
        return Err("a line break ends a field: give two".to_owned());
    }
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

fn method(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err("it is one word: HEAD".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Place, escaped};

    #[test]
    fn a_url_is_sent_as_a_browser_sends_it() {
        for (url, target, host, secure) in [
            ("/a.txt", "/a.txt", None, None),
            ("/a b\u{1b}ñ?q=1 2#part", "/a%20b%1B%C3%B1?q=1%202", None, None),
            ("*", "*", None, None),
            ("http://localhost:8000", "/", Some("localhost:8000"), Some(false)),
            ("HTTPS://[::1]:8000/a?b", "/a?b", Some("[::1]:8000"), Some(true)),
            ("http://a?b", "/?b", Some("a"), Some(false)),
            ("/../%2e", "/../%2e", None, None),
        ] {
            let expected = Place { target: target.to_owned(), host: host.map(str::to_owned), secure };
            assert_eq!(Place::read(url).ok(), Some(expected), "{url}");
        }
        for url in ["", "a.txt", "localhost:8000/a", "ftp://a/", "http://", "http:///a", "http://u:p@a/"] {
            assert!(Place::read(url).is_err(), "{url}");
        }
        assert_eq!(escaped("!~%41"), "!~%41");
    }
}
