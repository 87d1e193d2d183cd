//! The cases, asked of a server over its connections: the tests of the command have this, too.

use crate::cases::{self, Answer, Ask, Case, MODIFIED};
use crate::client::{Client, LIMIT};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// The cases of all tables, by what the server was told.
pub(crate) fn by_site() -> BTreeMap<String, Vec<Case>> {
    let mut sites: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in cases::all() {
        sites.entry(case.ask.site.clone()).or_default().push(case);
    }
    sites
}

/// Makes what is served in every case.
pub(crate) fn make_world(folder: &Path) {
    for entry in cases::world() {
        let path = folder.join(entry.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &entry.content).unwrap();
        let modified = UNIX_EPOCH + Duration::from_secs(MODIFIED);
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    }
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
    for coding in ["br", "zstd", "gzip"].into_iter().filter(|_| !words.contains("no-compression")) {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let long = Ask {
            site: words.to_owned(),
            method: "GET".to_owned(),
            target: "/long.txt".to_owned(),
            version: "HTTP/1.1".to_owned(),
            fields: vec![field("Host", "a"), field("Accept-Encoding", coding)],
            payload: String::new(),
        };
        let begin = Instant::now();
        while ask(&long).field("Content-Encoding").as_deref() != Some(coding) {
            assert!(begin.elapsed() < LIMIT, "no {coding}");
            std::thread::yield_now();
        }
    }
}
