//! Every vector of `tests/cases/smuggling.txt`, over a real connection.

#[path = "../smuggling/vectors.rs"]
pub(crate) mod list;

use crate::client::Client;
use crate::common::{Folder, How, Served};
use list::{Vector, Verdict};
use puerta_serve::http1::Limits;
use puerta_serve::http1::head::{self, Framing, Room, read};
use puerta_serve::server::Settings;
use std::io::Write;
use std::time::Duration;

fn folder() -> Folder {
    Folder::new().with("a", "a\n").with("b", "b\n").with("smuggled", "smuggled\n")
}

#[test]
fn no_request_gets_two_responses_and_an_ambiguous_one_ends_the_connection() {
    let served = Served::plain(folder());
    let check = |vector: &Vector| {
        let mut client = sent(&served, vector);
        let _ = client.stream.shutdown(std::net::Shutdown::Write);
        complaint(vector, &client.rest(), &vector.verdicts)
    };
    hold(&list::all().iter().filter_map(check).collect::<Vec<_>>());
}

#[test]
fn who_stalls_in_place_of_ending_gets_one_more_response_only_where_a_head_has_begun() {
    let limit = Duration::from_secs(1);
    let limits = Limits { head_time: limit, idle: limit, linger: limit, ..Limits::default() };
    let settings = Settings { per_address: 10_000, ..Settings::default() };
    let served = Served::new(folder(), How { limits, settings, ..How::default() });
    let vectors = list::all();
    let clients: Vec<_> = vectors.iter().map(|vector| sent(&served, vector)).collect();
    let stalled = |(vector, mut client): (&Vector, Client)| {
        let mut verdicts = vector.verdicts.clone();
        for verdict in verdicts.iter_mut().filter(|verdict| !verdict.closes && ends_within_a_head(&vector.bytes)) {
            verdict.statuses.push(408);
            verdict.bodiless.push(false);
            verdict.closes = true;
        }
        complaint(vector, &client.rest(), &verdicts)
    };
    hold(&vectors.iter().zip(clients).filter_map(stalled).collect::<Vec<_>>());
}

fn sent(served: &Served, vector: &Vector) -> Client {
    let mut client = served.client();
    // Who refuses early need not read all of it.
    let _ = client.stream.write_all(&vector.bytes);
    client
}

fn hold(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} vectors:\n{}", wrong.len(), wrong.join("\n"));
}

fn complaint(vector: &Vector, text: &[u8], verdicts: &[Verdict]) -> Option<String> {
    let found = verdicts.iter().find(|verdict| shown(text, verdict).as_ref() == Some(*verdict));
    found.is_none().then(|| {
        let text = String::from_utf8_lossy(text).into_owned();
        format!("{} ({}): not {verdicts:?}: {text:?}", vector.name, vector.source)
    })
}

/// Whether what is left behind whole requests, whose bodies are passed over, is more than empty lines.
fn ends_within_a_head(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        let mut room = Room::new();
        let Ok(Some(request)) = read(rest, &mut room, &head::Limits::default()) else { break };
        let body = if let Framing::Length(length) = request.framing { usize::try_from(length).unwrap() } else { 0 };
        let Some(behind) = rest.get(request.length + body..) else { return false };
        rest = behind;
    }
    rest.iter().any(|byte| !b"\r\n".contains(byte))
}

/// What came, read as one who expects the verdict reads it: where HEAD asked, there is no body. The connection is open where nothing
/// but our own end ends it: the last response does not say `close`.
fn shown(text: &[u8], expected: &Verdict) -> Option<Verdict> {
    let mut shown = Verdict { statuses: Vec::new(), bodiless: expected.bodiless.clone(), closes: false };
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&rest[..end]).ok()?.to_ascii_lowercase();
        let status: u16 = head.strip_prefix("http/1.1 ")?.get(..3)?.parse().ok()?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let bodiless = status < 200 || status == 204 || expected.bodiless.get(shown.statuses.len()) == Some(&true);
        let body = if bodiless { 0 } else { length?.parse().ok()? };
        shown.statuses.push(status);
        shown.closes = head.lines().any(|line| line == "connection: close");
        rest = rest.get(end + body..)?;
    }
    Some(shown)
}
