//! `puerta serve --share`: a link with a secret, and a rate.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod serve;

use common::{LIMIT, puerta};
use serve::{Place, Serving, curl};
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const PAGE: &str = "Accept: text/html";

/// Serves on all interfaces of loopback's network alone, and gives the ticket: `ticket=…`.
fn shared(place: &Place, arguments: &[&str]) -> (Serving, String) {
    let served = place.serve(&[&["--share"], arguments].concat());
    // On a machine without a network the line that others type is this machine's.
    let event = served.event("\"serving\"");
    let ticket = event["elsewhere"].as_str().unwrap().split_once("/?").unwrap().1.to_owned();
    served.run.says("\"sharing\"");
    (served, ticket)
}

#[test]
fn the_link_leads_in_by_a_cookie_and_without_it_nobody_comes_in() {
    let place = Place::new();
    let log = place.path("log");
    let (served, ticket) = shared(&place, &["--log", &log, "--log-format", "json"]);
    for path in ["", "a.txt", "missing", ".hidden", "?ticket=", "?ticket=AAAAAAAAAAAAAAAAAAAAAA"] {
        let answer = served.curl(path, &[]);
        assert_eq!((answer.status, answer.field("set-cookie")), (403, None), "{path}");
    }
    let entered = served.curl(&format!("?{ticket}&sort=size"), &["-H", PAGE]);
    assert_eq!((entered.status, entered.field("location")), (303, Some("/?sort=size")));
    let set = entered.field("set-cookie").unwrap().to_owned();
    for part in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(set.contains(part), "{set}");
    }
    let cookie = format!("Cookie: {}", set.split(';').next().unwrap());
    assert_eq!(served.curl("a.txt", &["-H", &cookie]).body, b"alpha\n");
    assert_eq!(served.curl("a.txt", &["-H", &cookie]).field("cache-control"), Some("private, no-cache"));
    assert_eq!(served.curl("a.txt", &["-H", &cookie, "-H", "Range: bytes=1-2"]).body, b"lp");
    // What is no browser gets the file at once.
    let direct = served.curl(&format!("a.txt?{ticket}"), &[]);
    assert_eq!((direct.status, direct.text().as_str()), (200, "alpha\n"));
    served.curl("a.txt", &["-H", &cookie, "-H", &format!("Referer: {}/?{ticket}", served.url)]);
    served.run.signal("TERM");
    let done = served.run.finish();
    // Neither secret is in the log, nor in what the system shows of the process.
    let secret = ticket.trim_start_matches("ticket=");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("\"target\":\"/?ticket=-&sort=size\"") && !log.contains(secret), "{log}");
    assert!(log.contains("\"referer\":\"https://") && log.contains("/?ticket=-\""), "{log}");
    assert!(!log.contains(cookie.rsplit('=').next().unwrap()), "{log}");
    assert!(done.stderr.lines().filter(|line| line.contains(secret)).all(|line| line.contains("ing\"")));
}

#[test]
fn a_quiet_share_says_its_link_and_nothing_else() {
    let place = Place::new();
    let words = ["serve", &place.path("site"), "--share", "-q", "--listen", "127.0.0.1:0"];
    let shared = puerta(words).env("XDG_CONFIG_HOME", place.path("config")).limit(2 * LIMIT).start();
    let link = shared.line("https://", 0);
    assert!(link.starts_with("https://127.0.0.1:") && link.contains("/?ticket="), "{link}");
    assert_eq!(curl(&link.replace("/?", "/a.txt?"), &[]).body, b"alpha\n");
    shared.signal("TERM");
    let done = shared.finish();
    assert_eq!(done.stderr.lines().collect::<Vec<_>>(), [link]);
}

#[test]
fn a_shared_folder_has_its_own_name_for_those_who_are_let_in_alone() {
    let place = Place::new();
    let (served, ticket) = shared(&place, &[]);
    let page = served.curl(&format!("?{ticket}"), &["-L", "-b", "", "-H", PAGE]).text();
    assert!(page.contains("<title>site</title>") && page.contains("<bdi>site</bdi></h1>"), "{page}");
    let denied = served.curl("", &["-H", PAGE]).text();
    assert!(!denied.contains("site</"), "{denied}");
    let usual = place.serve(&[]).curl("", &["-H", PAGE]).text();
    assert!(usual.contains("<title>Home</title>"), "{usual}");
}

#[test]
fn a_secret_is_in_no_argument_and_no_variable() {
    let place = Place::new();
    let password = place.file("password", b"geheimnis\n", 0o600);
    let (served, ticket) = shared(&place, &[]);
    let auth = place.serve(&["--auth", &format!("ana:{password}")]);
    for (pid, secret) in [(served.run.id(), ticket.trim_start_matches("ticket=")), (auth.run.id(), "geheimnis")] {
        for file in ["cmdline", "environ"] {
            let text = std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
            assert!(!String::from_utf8_lossy(&text).contains(secret), "{file}");
        }
    }
}

#[test]
fn a_link_that_works_once_lets_in_the_first_alone() {
    let place = Place::new();
    let (served, ticket) = shared(&place, &["--once"]);
    let link = format!("?{ticket}");
    assert_eq!(served.curl(&link, &["-I"]).status, 200, "who only looks does not use it up");
    let first = served.curl(&link, &["-H", PAGE]);
    assert_eq!(first.status, 303);
    served.run.says("link-used");
    for second in
        [served.curl(&link, &["-H", PAGE]), served.curl(&link, &[]), served.curl(&format!("a.txt{link}"), &[])]
    {
        assert_eq!((second.status, second.field("set-cookie")), (410, None));
    }
    // Nor does it show what is there.
    for path in [link.clone(), format!("a.txt{link}"), format!("missing{link}")] {
        let looked = served.curl(&path, &["-I"]);
        assert_eq!((looked.status, looked.field("etag")), (410, None), "{path}");
    }
    let cookie = format!("Cookie: {}", first.field("set-cookie").unwrap().split(';').next().unwrap());
    assert_eq!(served.curl("a.txt", &["-H", &cookie]).status, 200);
    assert_eq!(served.curl(&link, &["-H", PAGE, "-H", &cookie]).status, 303);
    assert_eq!(served.curl("a.txt", &["-I", "-H", &cookie]).status, 200);
}

#[test]
fn a_link_that_works_once_is_used_by_what_is_sent_and_by_no_redirect_or_error() {
    let place = Place::new();
    std::fs::create_dir(place.path("site/folder")).unwrap();
    place.file("site/folder/b.txt", b"beta\n", 0o644);
    let (served, ticket) = shared(&place, &["--once"]);
    let missing = served.curl(&format!("missing?{ticket}"), &[]);
    assert_eq!((missing.status, missing.field("set-cookie")), (404, None));
    let lacks_its_slash = served.curl(&format!("folder?{ticket}"), &[]);
    assert_eq!((lacks_its_slash.status, lacks_its_slash.field("set-cookie")), (301, None));
    assert!(!served.run.stderr().contains("link-used"));
    let followed = served.curl(&format!("folder?{ticket}"), &["-L"]);
    assert!(followed.status == 301 && followed.text().starts_with("HTTP/1.1 200 "), "{followed:?}");
    served.run.says("link-used");
    assert_eq!(served.curl(&format!("folder/b.txt?{ticket}"), &[]).status, 410);
}

#[test]
fn an_expired_link_and_its_cookie_are_gone() {
    let place = Place::new();
    let (served, ticket) = shared(&place, &["--expires", "1ms"]);
    assert_eq!(served.curl(&format!("?{ticket}"), &["-H", PAGE]).status, 410);
    assert_eq!(served.curl("a.txt", &[]).status, 403);
    assert!(served.event("link-expired")["hint"].as_str().unwrap().contains("start this again"));
    // Who came in by it is let in as long as it works.
    let started = Instant::now();
    let (served, ticket) = shared(&place, &["--expires", "8s"]);
    let entered = served.curl(&format!("?{ticket}"), &["-H", PAGE]);
    let cookie = entered.field("set-cookie").map(|set| format!("Cookie: {}", set.split(';').next().unwrap()));
    let cookie = cookie.expect("in within 8 s");
    assert_eq!(served.curl("a.txt", &["-H", &cookie]).status, 200);
    while served.curl("a.txt", &["-H", &cookie]).status != 410 {
        assert!(started.elapsed() < LIMIT, "the cookie outlives the link");
    }
    assert!(started.elapsed() >= Duration::from_secs(4), "as long as it works");
}

#[test]
fn of_a_rate_no_more_comes_in_any_time_than_it_allows() {
    const RATE: u64 = 400 << 10;
    let place = Place::new();
    place.file("site/large", vec![7; 2 << 20], 0o644);
    place.file("site/small", vec![7; 100 << 10], 0o644);
    let served = place.serve(&["--limit", "400kB/s"]);
    let started = Instant::now();
    // Large files go by sendfile, small ones from memory: the rate is for both together.
    let mut streams: Vec<TcpStream> = ["large", "small", "large"]
        .map(|name| {
            let mut client = served.client();
            client.send(format!("GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n"));
            client.stream
        })
        .into();
    let mut came = 0;
    while came < 600 << 10 {
        for stream in &mut streams {
            stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            came += match stream.read(&mut [0; 16384]) {
                Ok(n) => n as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(error) => panic!("{error}"),
            };
            assert!(started.elapsed() < LIMIT, "{came} bytes came");
            // Slower it may always be.
            let most = RATE / 10 + (RATE as f64 * started.elapsed().as_secs_f64()) as u64;
            assert!(came <= most + 1, "{came} bytes where {most} may have come");
        }
    }
}
