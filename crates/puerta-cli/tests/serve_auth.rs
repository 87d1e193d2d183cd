//! `puerta serve --auth`: names and passwords.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod serve;

use serve::{Place, Serving};

/// Of `password`, as the reference implementation's tests have it, and cheap: a test is not to wait for what is slow by intention.
const HASH: &[u8] = b"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4\n";

fn with(served: &Serving, path: &str, credentials: &str) -> u16 {
    served.curl(path, &["-u", credentials]).status
}

#[test]
fn who_knows_the_password_is_let_in_and_others_are_asked_for_it() {
    let place = Place::new();
    let log = place.path("log");
    let auth = format!("ana:{}", place.file("password", "señal secreta\n".as_bytes(), 0o600));
    let served = place.serve(&["--auth", &auth, "--log", &log]);
    let asked = served.curl("a.txt", &[]);
    assert_eq!(
        (asked.status, asked.field("www-authenticate")),
        (401, Some("Basic realm=\"puerta\", charset=\"UTF-8\""))
    );
    // Of what is not there nothing more is said.
    for path in ["missing", ".git/config", "folder/"] {
        assert_eq!(served.curl(path, &[]).status, 401, "{path}");
    }
    for wrong in ["ana:", "ana:señal", "eva:señal secreta", ":"] {
        assert_eq!(with(&served, "a.txt", wrong), 401, "{wrong}");
    }
    assert_eq!(served.curl("a.txt", &["-H", "Authorization: Bearer x"]).status, 401);
    for _ in 0..3 {
        let right = served.curl("a.txt", &["-u", "ana:señal secreta"]);
        assert_eq!((right.status, right.text().as_str()), (200, "alpha\n"));
        assert_eq!(right.field("cache-control"), Some("private, no-cache"));
    }
    assert_eq!(with(&served, "missing", "ana:señal secreta"), 404);
    assert_eq!(served.curl("a.txt", &["-X", "OPTIONS", "-u", "ana:wrong"]).status, 204);
    served.run.signal("TERM");
    let done = served.run.finish();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("secreta") && !log.contains("YW5h"), "{log}");
    done.never_said("secreta");
    // Who was let in has a name there, and nobody else has: it could be any.
    for line in log.lines() {
        let let_in = ["\" 200 ", "\" 404 "].iter().any(|status| line.contains(status));
        assert!(line.starts_with(if let_in { "127.0.0.1 - ana [" } else { "127.0.0.1 - - [" }), "{log}");
    }
    assert_eq!(log.lines().filter(|line| line.contains(" - ana [")).count(), 4, "{log}");
}

#[test]
fn who_is_wrong_too_often_is_not_even_looked_at() {
    let place = Place::new();
    let auth = format!("ana:{}", place.file("hash", HASH, 0o600));
    let served = place.serve(&["--auth", &auth]);
    let statuses: Vec<u16> = (0..10).map(|_| with(&served, "a.txt", "ana:x")).collect();
    assert_eq!(statuses, [401; 10]);
    // After those, not even the right one. A machine that is held for seconds lets one through, so more than one try may be needed.
    let refused = (0..50).any(|_| {
        with(&served, "a.txt", "ana:x") == 429 && {
            let late = served.curl("a.txt", &["-u", "ana:password"]);
            late.status == 429 && (1..=6).contains(&late.field("retry-after").unwrap().parse().unwrap())
        }
    });
    assert!(refused);
}

#[test]
fn a_hash_lets_in_who_knows_its_password() {
    let place = Place::new();
    let served = place.serve(&["--auth", &format!("ana:{}", place.file("hash", HASH, 0o600))]);
    let right = served.curl("a.txt", &["-u", "ana:password"]);
    assert_eq!((right.status, right.text().as_str()), (200, "alpha\n"));
    let hash = String::from_utf8_lossy(HASH);
    assert_eq!(with(&served, "a.txt", &format!("ana:{}", hash.trim_end())), 401, "the hash is no password");
}

#[test]
fn passwords_are_taken_in_the_clear_from_this_machine_alone_unless_that_is_wanted() {
    let place = Place::new();
    let auth = format!("ana:{}", place.file("password", b"geheim", 0o600));
    place.refused(&["--listen", ":0", "--auth", &auth]).ends_with(2).said("in the clear").said("--tls");
    let served = place.serve(&["--listen", ":0", "--auth", &auth, "--auth-in-clear"]);
    assert_eq!(with(&served, "a.txt", "ana:geheim"), 200);
    let served = place.serve(&["--share", "--auth", &auth]);
    assert!(served.url.starts_with("https:"));
    assert_eq!((with(&served, "a.txt", "ana:geheim"), served.curl("a.txt", &[]).status), (200, 401));
}

#[test]
fn a_password_comes_from_a_terminal_or_a_closed_file_and_nowhere_else() {
    let place = Place::new();
    let open = place.file("open", b"geheim", 0o640);
    let empty = place.file("empty", b"\n", 0o600);
    let bad = place.file("bad", b"$argon2id$nonsense", 0o600);
    for (auth, told, status) in [
        (format!("ana:{open}"), "others can get at it", 8),
        (format!("ana:{empty}"), "empty: this cannot be a password", 8),
        (format!("ana:{bad}"), "bad: this is no hash of argon2", 8),
        ("ana".to_owned(), "cannot be asked for: there is no terminal (ENXIO)", 8),
        (format!(":{open}"), "lacks the name", 2),
        ("ana:".to_owned(), "lacks a file", 2),
    ] {
        place.refused(&["--auth", &auth]).ends_with(status).said(told).said("\nhint: ").never_said("geheim");
    }
    // It may have been meant as a password.
    let missing = place.refused(&["--auth", &format!("ana:{}", place.path("missing"))]);
    missing.ends_with(8).said("cannot read").said("stands a file").said("--auth ana asks for the password");
}

#[test]
fn one_name_has_one_password() {
    let place = Place::new();
    let [ana, eva] = ["ana", "eva"].map(|name| format!("{name}:{}", place.file(name, b"geheim", 0o600)));
    for second in ["ana", ana.as_str()] {
        let refused = place.refused(&["--auth", &ana, "--auth", &eva, "--auth", second]);
        refused.ends_with(2).said("twice for ana").said("\nhint: ");
    }
}
