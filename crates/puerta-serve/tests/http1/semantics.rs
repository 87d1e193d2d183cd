//! Every case of the tables, asked of a server over its connections: plain and TLS.

use crate::cases::{self, Answer, Ask, Case, MODIFIED, site};
use crate::client::{Client, get};
use crate::common::{Folder, How, Served};
use crate::secure;
use rustls::{ClientConfig, ServerConfig};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

#[test]
fn plain_connections_answer_as_the_tables_say() {
    holds(None);
}

#[test]
fn tls_connections_answer_as_the_tables_say() {
    holds(Some(secure::certificate()));
}

fn holds(tls: Option<(Arc<ServerConfig>, Arc<ClientConfig>)>) {
    let mut sites: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in cases::all() {
        sites.entry(case.ask.site.clone()).or_default().push(case);
    }
    let (server, client) = tls.unzip();
    let mut wrong = Vec::new();
    for (words, cases) in sites {
        let served = Served::new(world(), How { site: site(&words), tls: server.clone(), ..How::default() });
        let ask = |ask: &Ask| match &client {
            None => answer(served.client(), ask),
            Some(client) => answer(Client::over(secure::connect(&served, client)), ask),
        };
        until_compressed(&words, &ask);
        wrong.extend(cases::check(&cases, ask));
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// One request on a connection of its own; where that goes on, it is seen to.
pub(crate) fn answer<S: Read + Write>(mut client: Client<S>, ask: &Ask) -> Answer {
    let mut reply = client.send(ask.bytes()).reply_to(&ask.method);
    let closed = reply.closes();
    if closed {
        // What was refused before its method was known has a body, to HEAD too.
        reply.body.append(&mut client.rest());
    } else {
        assert_eq!(client.get("/ten").body, b"0123456789", "after {ask:?}");
    }
    // These are the driver's alone, and differ from time to time, or for HEAD.
    let ours = |name: &str| matches!(name, "Date" | "Connection" | "Transfer-Encoding");
    let fields = reply.fields().into_iter().filter(|(name, _)| !ours(name)).collect();
    Answer { status: reply.status, fields, body: reply.body, closed: Some(closed) }
}

/// What is compressed on the fly is sent as it is until that is done.
pub(crate) fn until_compressed(words: &str, ask: &impl Fn(&Ask) -> Answer) {
    if words.contains("no-compression") {
        return;
    }
    for coding in ["br", "zstd", "gzip"] {
        let fields = vec![("Host".to_owned(), "a".to_owned()), ("Accept-Encoding".to_owned(), coding.to_owned())];
        let long = Ask {
            site: words.to_owned(),
            method: "GET".to_owned(),
            target: "/long.txt".to_owned(),
            version: "HTTP/1.1".to_owned(),
            fields,
            payload: String::new(),
        };
        while ask(&long).field("Content-Encoding").as_deref() != Some(coding) {
            std::thread::yield_now();
        }
    }
}

pub(crate) fn world() -> Folder {
    let folder = Folder::new();
    for entry in cases::world() {
        let path = folder.path(entry.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &entry.content).unwrap();
        let modified = UNIX_EPOCH + Duration::from_secs(MODIFIED);
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    }
    assert!(!get("/").is_empty());
    folder
}
