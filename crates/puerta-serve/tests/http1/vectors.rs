//! Every vector of `tests/cases/smuggling.txt`, over a real connection.

#[path = "../smuggling/vectors.rs"]
pub(crate) mod list;

use crate::common::{Folder, Served};
use list::{Vector, Verdict};
use std::io::Write;

#[test]
fn no_request_gets_two_responses_and_an_ambiguous_one_ends_the_connection() {
    let folder = Folder::new().with("a", "a\n").with("b", "b\n").with("smuggled", "smuggled\n");
    let served = Served::plain(folder);
    let vectors = list::all();
    let wrong: Vec<String> = vectors.iter().filter_map(|vector| complaint(&served, vector)).collect();
    assert!(wrong.is_empty(), "{} of {} vectors:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
}

fn complaint(served: &Served, vector: &Vector) -> Option<String> {
    let mut client = served.client();
    // Who refuses early need not read all of it.
    let _ = client.stream.write_all(&vector.bytes);
    let _ = client.stream.shutdown(std::net::Shutdown::Write);
    let text = client.rest();
    let fits = |verdict: &&Verdict| shown(&text, verdict).as_ref() == Some(*verdict);
    let found = vector.verdicts.iter().find(fits);
    found.is_none().then(|| {
        let text = String::from_utf8_lossy(&text).into_owned();
        format!("{} ({}): not {:?}: {text:?}", vector.name, vector.source, vector.verdicts)
    })
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
