//! What is served, by the built command: curl, wget and a raw socket read the same bytes, and each case of the tables is
//! answered as it says there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[allow(dead_code, unused_imports, reason = "a command is told by its options")]
#[path = "../../puerta-serve/tests/cases/mod.rs"]
mod cases;
mod common;
mod serve;

use cases::{Answer, Ask, Case, MODIFIED};
use common::places::{Folder, noise};
use common::{peer, same};
use serve::{Client, serve};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

#[test]
fn curl_wget_and_a_raw_socket_read_the_same_bytes() {
    let folder = Folder::new("serve");
    let files = [
        ("a.txt", "a.txt", b"hola\n".to_vec()),
        ("empty", "empty", Vec::new()),
        ("a b#?%\u{f1}.bin", "a%20b%23%3F%25%C3%B1.bin", noise(1, 300_000)),
        ("large.bin", "large.bin", noise(2, 5_000_000)),
    ];
    for (name, _, content) in &files {
        folder.file(name, content);
    }
    let server = serve(&folder.path(""), &[]);
    for (_, path, content) in &files {
        let url = format!("{}/{path}", server.url);
        let curl = peer("curl", ["-sS", "--fail", &url]).finish();
        same(&curl.ends_with(0).stdout, content);
        same(&peer("curl", ["-sS", "--fail", "--compressed", "--http1.0", &url]).finish().ends_with(0).stdout, content);
        same(&peer("wget", ["-q", "-O", "-", &url]).finish().ends_with(0).stdout, content);
        same(&server.get(&format!("/{path}")).body, content);
    }
    // A download that goes on where another has ended.
    let half = folder.file("half", &files[3].2[..2_000_000]);
    let url = format!("{}/large.bin", server.url);
    peer("curl", ["-sS", "--fail", "-C", "-", "-o", half.to_str().unwrap(), &url]).finish().ends_with(0);
    same(&fs::read(&half).unwrap(), &files[3].2);
}

#[test]
fn wget_mirrors_a_folder_by_its_listings() {
    let (folder, copy) = (Folder::new("serve"), Folder::new("serve-copy"));
    fs::create_dir_all(folder.path("sub folder/deep")).unwrap();
    for name in ["one.txt", "sub folder/two.txt", "sub folder/deep/three.txt", ".secret"] {
        folder.file(name, name);
    }
    let server = serve(&folder.path(""), &[]);
    let into = copy.name("");
    peer("wget", ["-q", "-r", "-np", "-nH", "-e", "robots=off", "-P", &into, &server.url]).finish().ends_with(0);
    for name in ["one.txt", "sub folder/two.txt", "sub folder/deep/three.txt"] {
        assert_eq!(fs::read_to_string(copy.path(name)).unwrap(), name);
    }
    assert!(!copy.path(".secret").exists());
}

#[test]
fn each_case_of_the_tables_is_answered_over_plain_connections() {
    let mut sites: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in cases::all() {
        sites.entry(case.ask.site.clone()).or_default().push(case);
    }
    let folder = Folder::new("serve-cases");
    make_world(&folder.path(""));
    let mut wrong = Vec::new();
    for (words, cases) in sites {
        let told: Vec<String> = words.split_whitespace().map(option).collect();
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        let server = serve(&folder.path(""), &told);
        let ask = |ask: &Ask| answer(server.client(), ask);
        until_compressed(&words, &ask);
        wrong.extend(cases::check(&cases, ask));
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The option that says what a word of `@site` says.
fn option(word: &str) -> String {
    match word.split_once('=').unwrap_or((word, "")) {
        ("clean", _) => "--clean-urls".to_owned(),
        ("security", _) => "--security-headers".to_owned(),
        ("error-page", _) => "--error-page=errors/404.html".to_owned(),
        _ => format!("--{word}"),
    }
}

/// One request on a connection of its own; where that goes on, it is seen to.
fn answer(mut client: Client, ask: &Ask) -> Answer {
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
fn until_compressed(words: &str, ask: &impl Fn(&Ask) -> Answer) {
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
        common::wait_until(coding, || ask(&long).field("Content-Encoding").as_deref() == Some(coding));
    }
}

fn make_world(folder: &Path) {
    for entry in cases::world() {
        let path = folder.join(entry.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &entry.content).unwrap();
        let modified = UNIX_EPOCH + Duration::from_secs(MODIFIED);
        File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    }
}
