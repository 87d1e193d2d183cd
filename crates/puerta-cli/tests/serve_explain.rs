//! What `puerta serve DIR --explain URL` says: status, file and each header, and why; without serving anything.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;
mod serve;

use common::{Done, places::Folder, puerta, shell};
use serde_json::Value;
use serve::Place;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, UNIX_EPOCH};

/// Sat, 18 Nov 2023 00:00:00 GMT, in seconds since 1970.
const CHANGED: u64 = 1_700_265_600;

fn site() -> Folder {
    let folder = Folder::new("serve-explain");
    fs::create_dir_all(folder.path(".git")).unwrap();
    fs::create_dir_all(folder.path("docs/deep")).unwrap();
    for (name, content) in [("a b.txt", "alpha"), (".git/config", "[core]"), ("docs/x.txt", "x"), ("page.html", "<p>")]
    {
        let path = folder.file(name, content);
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(UNIX_EPOCH + Duration::from_secs(CHANGED))
            .unwrap();
    }
    folder.file("page.html.gz", "page in gzip");
    folder
}

fn explain(folder: &Folder, url: &str, more: &[&str]) -> Done {
    puerta([&["serve", &folder.name(""), "--explain", url], more].concat()).finish()
}

fn data(folder: &Folder, url: &str, more: &[&str]) -> Value {
    let done = explain(folder, url, &[&["--json"], more].concat());
    done.ends_with(0).never_said("hint");
    let value: Value = serde_json::from_str(&done.text()).unwrap();
    let all = ["fields", "steps"].into_iter().flat_map(|key| value[key].as_array().unwrap());
    let silent = all.filter(|one| one.get("why").or(one.get("message")).is_none_or(|why| why == "")).count();
    assert_eq!(silent, 0, "{value}");
    value
}

/// Status and why.
fn answer(folder: &Folder, url: &str, more: &[&str]) -> (u64, String) {
    let data = data(folder, url, more);
    (data["status"].as_u64().unwrap(), data["because"].as_str().unwrap().to_owned())
}

/// What was said of one thing.
fn step(data: &Value, about: &str) -> String {
    let steps = data["steps"].as_array().unwrap();
    let found = steps.iter().find(|step| step["about"] == about).unwrap_or_else(|| panic!("no {about} in {data}"));
    found["message"].as_str().unwrap().to_owned()
}

fn field(data: &Value, name: &str) -> Option<String> {
    let found = data["fields"].as_array().unwrap().iter().find(|field| field["name"] == name)?;
    Some(found["value"].as_str().unwrap().to_owned())
}

fn assert_answers(folder: &Folder, cases: &[(&str, &[&str], u64, &str)]) {
    for (url, more, status, because) in cases {
        let (got, why) = answer(folder, url, more);
        assert!(got == *status && why.contains(because), "{url} {more:?}: {got}, {why}");
    }
}

#[test]
fn a_file_is_explained_from_the_request_to_its_last_header() {
    let folder = site();
    let text = explain(&folder, "/a b.txt", &[]).ends_with(0).said("").text();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("GET /a%20b.txt HTTP/1.1"));
    assert_eq!(lines.next(), Some("Host: localhost"));
    let headings: Vec<&str> = lines.clone().filter(|line| !line.is_empty() && !line.starts_with(' ')).collect();
    let expected = [
        "how it is read",
        "what is looked up in the folder",
        "what decides",
        "200 OK: it is there, 5 bytes, and is sent as it is",
        "body: 5 bytes",
    ];
    assert_eq!(headings, expected, "{text}");
    for line in ["  path     a b.txt", "  a b.txt      a file of 5 bytes", "  Content-Length: 5  "] {
        assert!(lines.clone().any(|one| one.starts_with(line)), "{line}: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100 && line.trim_end() == line), "{text}");

    let data = data(&folder, "http://example.org/a%20b.txt?x#part", &["--request-method", "HEAD"]);
    let request = &data["request"];
    assert_eq!((&request["method"], &request["target"]), (&"HEAD".into(), &"/a%20b.txt?x".into()));
    assert_eq!(request["fields"][0], serde_json::json!({"name": "Host", "value": "example.org"}));
    assert_eq!(
        (&data["status"], &data["bytes"], field(&data, "Content-Length")),
        (&200.into(), &0.into(), Some("5".into()))
    );
}

#[test]
fn what_is_refused_hidden_or_not_there_says_which() {
    let folder = site();
    symlink("/etc/passwd", folder.path("out")).unwrap();
    symlink("round", folder.path("round")).unwrap();
    shell(&format!("mkfifo {}", folder.name("fifo"))).finish().ends_with(0);
    let closed = folder.file("closed.txt", "x");
    fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    assert_answers(
        &folder,
        &[
            ("/missing", &[], 404, "there is nothing that may be served"),
            ("/.git/config", &[], 404, ".git begins with a dot; --hidden"),
            ("/.git/config", &["--hidden"], 200, "it is there"),
            ("/a/%2e%2e/b", &[], 400, "a name in it is . or .."),
            ("/a%zz", &[], 400, "two hexadecimal digits"),
            ("/out", &[], 404, "out: a symbolic link leads out of the folder"),
            ("/round", &[], 404, "round: symbolic links lead in a circle"),
            ("/fifo", &[], 404, "fifo: it is neither a regular file nor a folder"),
            ("/a b.txt/", &[], 404, "there is nothing that may be served"),
            ("/a b.txt", &["--request-method", "POST"], 405, "GET, HEAD and OPTIONS alone"),
            ("/a b.txt", &["--request-method", "get"], 501, "none that is known"),
            ("/a b.txt", &["--request-method", "OPTIONS"], 204, "OPTIONS"),
            ("*", &["--request-method", "OPTIONS"], 204, "OPTIONS"),
            ("/a b.txt", &["--request-header", "Content-Length: x"], 400, "Content-Length is no number"),
            ("/a b.txt", &["--request-header", "X-A: \u{b}"], 400, "a control character in it"),
            ("/a b.txt", &["--request-header", "Host: a/b"], 400, "Host comes twice, or is no host"),
        ],
    );
    let (status, why) = answer(&folder, "/closed.txt", &[]);
    // Who is root may read everything.
    assert!((status, why.contains("may not read it")) == (403, true) || status == 200, "{status} {why}");
    let slash = data(&folder, "/a b.txt/", &[]);
    assert_eq!(step(&slash, "a b.txt/index.html"), "there is nothing of that name");
    assert_eq!(step(&slash, "a b.txt"), "a file, where the slash at the end asks for a folder");
}

#[test]
fn folders_are_sent_to_their_slash_and_listed_and_sites_find_their_pages() {
    let folder = site();
    assert_answers(
        &folder,
        &[
            ("/docs", &[], 301, "ends in a slash"),
            ("/docs//deep/", &[], 301, "slashes follow each other"),
            ("/docs/", &[], 200, "listed, as a page"),
            ("/docs/", &["--request-header", "Accept: application/json"], 200, "as JSON"),
            ("/docs/", &["--no-listing"], 404, "--no-listing"),
            ("/page", &["--clean-urls"], 200, "it is there"),
            ("/route", &["--spa=page.html", "--request-header", "Accept: text/html"], 200, "it is there"),
            ("/route", &["--spa=page.html"], 404, "nothing that may be served"),
        ],
    );
    let moved = data(&folder, "/docs?sort=size", &[]);
    assert_eq!(field(&moved, "Location").as_deref(), Some("./docs/?sort=size"));
    let listed = data(&folder, "/docs/", &[]);
    assert_eq!(step(&listed, "docs/index.html"), "there is nothing of that name");
    assert_eq!((step(&listed, "docs"), &listed["body"]), ("a folder".into(), &"list".into()));
    let page = data(&folder, "/missing", &["--error-page", "page.html"]);
    assert_eq!((&page["status"], &page["bytes"]), (&404.into(), &3.into()));
    assert!(
        page["steps"].as_array().unwrap().iter().any(|step| step["part"] == "page" && step["about"] == "page.html")
    );
}

#[test]
fn what_is_compressed_says_from_where_and_what_is_not_says_why() {
    let folder = site();
    let text: String = (0..500).map(|n| format!("line {n}\n")).collect();
    folder.file("long.txt", &text);
    folder.file("photo.jpg", &text);
    let coded = |url: &str, codings: &str, more: &[&str]| {
        data(&folder, url, &[&["--request-header", &format!("Accept-Encoding: {codings}")], more].concat())
    };
    let page = coded("/page.html", "gzip, br", &[]);
    assert_eq!(step(&page, "page.html.gz"), "a compressed neighbour");
    assert_eq!(step(&page, "page.html.br"), "no compressed neighbour");
    assert_eq!(step(&page, "gzip"), "sent from the neighbour");
    assert_eq!(step(&page, "br"), "not compressed on the fly: files are compressed from 512 bytes on");
    assert_eq!((field(&page, "Content-Encoding"), &page["bytes"]), (Some("gzip".into()), &12.into()));
    // What is older than the file is of what it was.
    let old = File::options().write(true).open(folder.path("page.html.gz")).unwrap();
    old.set_modified(UNIX_EPOCH).unwrap();
    let page = coded("/page.html", "gzip", &[]);
    assert_eq!(
        (step(&page, "page.html.gz"), field(&page, "Content-Encoding")),
        ("older than the file itself, so that it is not used".into(), None)
    );
    let long = coded("/long.txt", "br;q=0.5, zstd", &[]);
    assert_eq!(step(&long, "codings"), "Accept-Encoding takes zstd, br, in this order, else files as they are");
    assert!(step(&long, "zstd").starts_with("compressed on the fly, once"), "{long}");
    assert_eq!(field(&long, "Content-Encoding").as_deref(), Some("zstd"));
    assert!(step(&coded("/long.txt", "br", &["--cache-size", "0"]), "br").contains("--cache-size"));
    assert!(step(&coded("/photo.jpg", "br", &[]), "br").contains("of this type would not be smaller"));
    assert_eq!(
        step(&coded("/long.txt", "br", &["--no-compression"]), "codings"),
        "files are sent as they are: --no-compression"
    );
    assert_eq!(coded("/photo.jpg", "identity;q=0", &[])["status"], 406);
}

#[test]
fn conditions_and_ranges_name_the_rule_that_decided() {
    let folder = site();
    let tag = field(&data(&folder, "/a b.txt", &[]), "ETag").unwrap();
    let with = |fields: &[&str]| {
        let more: Vec<&str> = fields.iter().flat_map(|field| ["--request-header", field]).collect();
        data(&folder, "/a b.txt", &more)
    };
    let same = with(&[&format!("If-None-Match: {tag}"), "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"]);
    assert_eq!((&same["status"], &same["body"]), (&304.into(), &"none".into()));
    assert_eq!(
        same["because"],
        "If-None-Match names what would be sent, so that the client has it (RFC 9110 13.2.2, step 3)"
    );
    assert!(step(&same, "If-Modified-Since").starts_with("not weighed any more"));
    let date = with(&["If-Modified-Since: Sat, 18 Nov 2023 00:00:00 GMT"]);
    assert_eq!(
        (&date["status"], step(&date, "If-Modified-Since").ends_with("(RFC 9110 13.2.2, step 4)")),
        (&304.into(), true)
    );
    let other = with(&["If-Match: \"x\""]);
    assert_eq!((&other["status"], step(&other, "If-Match").contains("step 1")), (&412.into(), true));
    let outweighed = with(&["If-None-Match: \"x\"", "If-Modified-Since: Sat, 18 Nov 2023 00:00:00 GMT"]);
    assert_eq!(outweighed["status"], 200);
    assert!(step(&outweighed, "If-None-Match").starts_with("names another state"));
    assert!(step(&outweighed, "If-Modified-Since").starts_with("passed over: a tag says more"));

    for (range, status, says) in [
        ("bytes=0-1", 206, "bytes 0-1 of 5 are asked for"),
        (
            "bytes=0-0,1-1,4-,9-",
            206,
            "bytes 0-1, 4-4 of 5, in parts; of 4 that are asked for, those that touch are one",
        ),
        ("bytes=5-", 416, "none of it lies in the 5 bytes"),
        ("bytes=0-,0-", 200, "more bytes, in all, than there are"),
        ("bytes=1-0", 200, "it is not valid"),
        ("lines=1-2", 200, "its unit is not bytes"),
    ] {
        let data = with(&[&format!("Range: {range}")]);
        assert_eq!(data["status"], status, "{range}: {data}");
        assert!(step(&data, "Range").contains(says), "{range}: {}", step(&data, "Range"));
    }
    let changed = with(&["Range: bytes=0-1", "If-Range: \"x\""]);
    assert_eq!(
        (&changed["status"], step(&changed, "Range").ends_with("If-Range names another state of it")),
        (&200.into(), true)
    );
    let part = with(&["Range: bytes=1-3", &format!("If-Range: {tag}")]);
    assert_eq!((field(&part, "Content-Range"), &part["bytes"]), (Some("bytes 1-3/5".into()), &3.into()));
}

#[test]
fn who_is_not_let_in_is_told_why_and_nothing_is_looked_up() {
    let folder = site();
    let file = folder.file("password", "geheim\n");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let auth = format!("ana:{}", file.to_str().unwrap());
    let with = |fields: &[&str]| data(&folder, "/a b.txt", &[&["--auth", &auth], fields].concat());
    let none = with(&[]);
    assert_eq!(
        (&none["status"], &none["because"]),
        (&401.into(), &"no name and password are shown (Authorization: Basic)".into())
    );
    assert!(none["steps"].as_array().unwrap().iter().all(|step| step["part"] != "look"), "{none}");
    assert!(field(&none, "WWW-Authenticate").is_some());
    // `ana:geheim`, `ana:x`.
    let right = with(&["--request-header", "Authorization: Basic YW5hOmdlaGVpbQ=="]);
    assert_eq!((&right["status"], field(&right, "Cache-Control")), (&200.into(), Some("private, no-cache".into())));
    let wrong = with(&["--request-header", "Authorization: Basic YW5hOng="]);
    assert_eq!((&wrong["status"], &wrong["because"]), (&401.into(), &"the name or the password is wrong".into()));
    // No certificate is made for it.
    let place = folder.name("config");
    let done = puerta(["serve", &folder.name(""), "--share", "--explain", "http://a/", "--json"])
        .env("XDG_CONFIG_HOME", &place)
        .finish();
    let data: Value = serde_json::from_str(&done.ends_with(0).text()).unwrap();
    assert_eq!((&data["status"], field(&data, "Location")), (&307.into(), Some("https://a/".into())));
    assert_eq!(answer(&folder, "/", &["--share"]).0, 403);
    assert!(!folder.path("config").exists());
}

#[test]
fn the_served_answer_is_the_explained_one() {
    let place = Place::new();
    symlink("/etc/passwd", place.path("site/out")).unwrap();
    let options =
        ["--cache", "1h", "--cors", "--security-headers", "--header", "X-Robots-Tag: noindex", "--requests", "1"];
    let served = place.serve(&options);
    for (path, method, fields) in [
        ("/a.txt", "GET", &[][..]),
        ("/a.txt", "GET", &["Range: bytes=1-2"]),
        ("/a.txt", "HEAD", &[]),
        ("/a.txt", "DELETE", &[]),
        ("/out", "GET", &["Accept: text/html"]),
        ("/", "GET", &[]),
    ] {
        let sent: Vec<&str> = fields.iter().flat_map(|field| ["-H", field]).collect();
        let head: &[&str] = if method == "HEAD" { &["--head"] } else { &["-X", method] };
        let answer = served.curl(path, &[head, &sent].concat());
        let given: Vec<&str> = fields.iter().flat_map(|field| ["--request-header", field]).collect();
        // The same command line, with the explanation behind it.
        let folder = place.path("site");
        let asked =
            ["serve", &folder, "--listen", "127.0.0.1:0", "--json", "--explain", path, "--request-method", method];
        let done = puerta([&asked, &options[..], &given].concat()).finish();
        let data: Value = serde_json::from_str(&done.ends_with(0).text()).unwrap();
        let explained = data["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| format!("{}: {}", field["name"].as_str().unwrap(), field["value"].as_str().unwrap()));
        let without_date = |line: &String| !line.starts_with("Date: ");
        let explained: Vec<String> = explained.filter(without_date).collect();
        let lines: Vec<String> = answer
            .head
            .lines()
            .skip(1)
            .map(|line| line.trim_end().to_owned())
            .filter(|line| !line.is_empty())
            .filter(without_date)
            .collect();
        assert_eq!((u64::from(answer.status), lines), (data["status"].as_u64().unwrap(), explained), "{method} {path}");
    }
}

#[test]
fn nothing_is_bound_or_written_while_it_is_explained() {
    let folder = site();
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap().to_string();
    let log = folder.name("access.log");
    let done = explain(&folder, "/a b.txt", &["--listen", &taken, "--log", &log, "--listen", &folder.name("www.sock")]);
    done.ends_with(0);
    assert!(!folder.path("access.log").exists() && !folder.path("www.sock").exists());
}

#[test]
fn a_command_line_that_explains_nothing_is_status_2() {
    let folder = site();
    for (url, more, told) in [
        ("a.txt", &[][..], "write a path"),
        ("localhost:8000/a", &[], "write a path"),
        ("https://localhost/", &[], "--tls"),
        ("http://ana:geheim@localhost/", &[], "Authorization"),
        ("/", &["--audit"], "--audit"),
        ("/", &["--request-header", "Range"], "colon"),
        ("/", &["--request-header", "A: b\r\nC: d"], "line break"),
        ("/", &["--request-method", "GET /"], "one word"),
    ] {
        explain(&folder, url, more).ends_with(2).said(told).wrote("");
    }
    puerta(["serve", &folder.name(""), "--request-method", "HEAD"]).finish().ends_with(2).said("--explain");
    puerta(["serve", &folder.name("nowhere"), "--explain", "/"]).finish().ends_with(8).said("cannot open the folder");
}

#[test]
fn nobody_can_write_to_the_terminal_through_a_url_or_a_name() {
    let folder = site();
    let name = "\u{1b}[31m\u{202e}\nx.txt";
    folder.file(name, "x");
    let shown = |field: &str| {
        let text = explain(&folder, &format!("/{name}"), &["--request-header", field]).ends_with(0).text();
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
        text
    };
    assert!(shown("X-A: \u{1b}[32m").contains("400 Bad Request"));
    let text = shown("X-A: \u{202e}");
    assert!(text.contains("^[[31m\\u{202e}^Jx.txt"), "{text}");
    let data = data(&folder, &format!("/{name}"), &[]);
    assert_eq!((&data["status"], step(&data, "path")), (&200.into(), name.to_owned()));
    let done = explain(&folder, "/%1b%5B31m", &["--error-page", "\u{1b}.html"]);
    assert!(!done.ends_with(0).text().contains('\u{1b}'));
}
