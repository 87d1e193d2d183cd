//! An explanation is true: its status and fields are those that a server sends, whatever is asked.

use crate::cases::{self, site};
use crate::client::Client;
use crate::common::{Folder, How, Served};
use crate::driver::{answer, by_site, until_compressed};
use crate::semantics::world;
use crate::vectors::list;
use data_encoding::BASE64;
use puerta_serve::core::access::ticket::Ticket;
use puerta_serve::core::site::Site;
use puerta_serve::event::{Event, Report};
use puerta_serve::explain::{Ask, Explanation, explain};
use puerta_serve::gate::password::{Passwords, User};
use puerta_serve::gate::{Door, Entry, Gate};
use puerta_serve::http1::tell::Sent;
use puerta_serve::http1::{Limits, Service, Tally};
use puerta_serve::store::{self, Store};
use std::path::Path;
use std::sync::Arc;

#[derive(Debug)]
struct Deaf;

impl Report for Deaf {
    fn event(&self, _: &Event<'_>) {}
}

/// What explains: it never hears of the server.
fn service(folder: &Path, site: Site, gate: Gate) -> Service {
    let store = Store::open(folder, &store::Settings::default()).unwrap();
    let (limits, tally, report) = (Limits::default(), Tally::default(), Arc::new(Deaf));
    Service { site, store, limits, gate, report, log: None, tally }
}

fn explained(service: &Service, bytes: &[u8], in_the_clear: bool) -> Option<Explanation> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(explain(service, &Ask { bytes, peer: None, in_the_clear }))
}

/// Status and fields, without the time.
fn head(explained: &Explanation) -> (u16, Vec<String>) {
    let lines = explained.fields.iter().map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)));
    (explained.status.0, lines.filter(|line| !line.starts_with("Date: ")).collect())
}

/// The same of what a server sent, and the length of the body where that is sent whole.
fn sent(mut client: Client, method: &str, bytes: &[u8]) -> ((u16, Vec<String>), u64) {
    client.send(bytes);
    let mut answer = client.reply_to(method);
    if answer.closes() {
        answer.body.append(&mut client.rest());
    }
    let lines = answer.head.lines().skip(1).filter(|line| !line.is_empty() && !line.starts_with("Date: "));
    ((answer.status, lines.map(str::to_owned).collect()), answer.body.len() as u64)
}

/// Nothing is left without a reason.
fn complaint(explained: &Explanation, service: &Service) -> Option<String> {
    let silent = explained.fields.iter().find(|(name, value)| explained.why_field(service, name, value).is_none());
    match silent {
        Some((name, _)) => Some(format!("why {name}?")),
        None if explained.because(service).is_empty() => Some(format!("why {}?", explained.status)),
        None => None,
    }
}

#[test]
fn every_case_of_the_tables_is_explained_as_it_is_answered() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (words, cases) in by_site() {
        let served = Served::new(world(), How { site: site(&words), ..How::default() });
        let ask = |ask: &cases::Ask| answer(served.client(), ask);
        until_compressed(&words, &ask);
        for case in cases {
            let case = case.resolve(ask);
            let bytes = case.ask.bytes();
            // Each by a process of its own, as it were: nothing is known from the one before.
            let service = service(&served.folder.0, site(&words), Gate::default());
            let (expected, length) = sent(served.client(), &case.ask.method, &bytes);
            let explained = explained(&service, &bytes, false).unwrap_or_else(|| panic!("{}: half a head", case.place));
            let body = match explained.sent {
                Sent::Nothing => 0,
                Sent::Bytes(bytes) => bytes,
                Sent::Listing => length,
            };
            if (head(&explained), body) != (expected.clone(), length) {
                wrong.push(format!("{}: {}\n  {expected:?}\n  {:?}", case.place, case.text, head(&explained)));
            }
            wrong.extend(complaint(&explained, &service).map(|what| format!("{}: {}: {what}", case.place, case.text)));
            seen += 1;
        }
    }
    assert!(wrong.is_empty(), "{} of {seen} are explained wrongly:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen >= 300, "{seen}");
}

#[test]
fn what_could_be_understood_in_two_ways_is_explained_as_it_is_refused() {
    let folder = Folder::new().with("a", "a\n").with("b", "b\n").with("smuggled", "smuggled\n");
    let service = service(&folder.0, Site::default(), Gate::default());
    let mut wrong = Vec::new();
    for vector in list::all() {
        // 100 Continue is no answer.
        let first = |verdict: &list::Verdict| verdict.statuses.iter().copied().find(|status| *status >= 200);
        let explained = explained(&service, &vector.bytes, false);
        let status = explained.as_ref().map(|explained| explained.status.0);
        if !vector.verdicts.iter().any(|verdict| first(verdict) == status) {
            wrong.push(format!("{}: {status:?}, not {:?}", vector.name, vector.verdicts));
        }
        let complaint = explained.and_then(|explained| complaint(&explained, &service));
        wrong.extend(complaint.map(|what| format!("{}: {what}", vector.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn who_is_let_in_is_explained_as_it_is_answered() {
    let password = || {
        let user = User::new("ana", b"geheim").unwrap();
        Gate { door: Door::Password(Passwords::new(vec![user]).unwrap()), pace: None }
    };
    let ticket = || Ticket::new([7; 32], false, None);
    let entry = || Gate { door: Door::Ticket(Entry::new(ticket(), Arc::new(Deaf))), pace: None };
    let link = ticket().query();
    let cookie = ticket().set_cookie(std::time::SystemTime::now());
    let cookie = String::from_utf8(cookie.as_bytes().to_vec()).unwrap();
    let cookie = format!("Cookie: {}", cookie.split(';').next().unwrap());
    let basic = |text: &str| format!("Authorization: Basic {}", BASE64.encode(text.as_bytes()));
    let page = "Accept: text/html".to_owned();
    for (door, gate) in [("password", &password as &dyn Fn() -> Gate), ("ticket", &entry)] {
        let folder = Folder::new().with("a.txt", "alpha");
        let served = Served::new(folder, How { gate: gate(), ..How::default() });
        for (method, target, fields, status) in [
            ("GET", "/a.txt", vec![], [401, 403]),
            ("GET", "/missing", vec![], [401, 403]),
            ("GET", "/.git/config", vec![], [401, 403]),
            ("GET", "/../", vec![], [400, 400]),
            ("POST", "/a.txt", vec![], [405, 405]),
            ("OPTIONS", "/a.txt", vec![], [204, 204]),
            ("GET", "/a.txt", vec![basic("ana:geheim")], [200, 403]),
            ("GET", "/missing", vec![basic("ana:geheim"), page.clone()], [404, 403]),
            ("GET", "/a.txt", vec![basic("ana:wrong")], [401, 403]),
            ("GET", "/a.txt", vec![basic("eva:geheim"), page.clone()], [401, 403]),
            ("GET", &format!("/a.txt{link}"), vec![], [401, 200]),
            ("HEAD", &format!("/a.txt{link}"), vec![], [401, 200]),
            ("GET", &format!("/a.txt{link}"), vec![page.clone()], [401, 303]),
            ("GET", "/a.txt", vec![cookie.clone()], [401, 200]),
            ("GET", "/a.txt", vec![format!("{cookie}x")], [401, 403]),
        ] {
            let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
            let bytes = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes();
            let service = service(&served.folder.0, Site::default(), gate());
            let (expected, _) = sent(served.client(), method, &bytes);
            let explained = explained(&service, &bytes, false).unwrap();
            assert_eq!(head(&explained), expected, "{door}: {method} {target} {fields}");
            assert_eq!(expected.0, status[usize::from(door == "ticket")], "{door}: {method} {target} {fields}");
            assert_eq!(complaint(&explained, &service), None, "{door}: {method} {target} {fields}");
        }
    }
}

#[test]
fn what_comes_in_the_clear_to_a_server_of_https_is_explained_as_it_is_answered() {
    let folder = Folder::new().with("a.txt", "alpha");
    let (server, _) = crate::secure::certificate();
    let served = Served::new(folder, How { tls: Some(server), ..How::default() });
    let service = service(&served.folder.0, Site::default(), Gate::default());
    for (request, status) in [
        ("GET /a.txt?b HTTP/1.1\r\nHost: example.com:8000\r\n\r\n", 307),
        ("POST /a.txt HTTP/1.1\r\nHost: example.com\r\n\r\n", 400),
        ("GET /a.txt HTTP/1.1\r\n\r\n", 400),
    ] {
        let (expected, _) = sent(served.client(), "GET", request.as_bytes());
        let explained = explained(&service, request.as_bytes(), true).unwrap();
        assert_eq!((head(&explained), expected.0), (expected, status), "{request}");
        assert_eq!(complaint(&explained, &service), None, "{request}");
    }
}
