//! What `puerta serve DIR --audit` finds, and its status.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;

use common::places::Folder;
use common::{puerta, shell};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

fn mode(path: &std::path::Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn site() -> Folder {
    let folder = Folder::new("serve-audit");
    mode(&folder.path(""), 0o755);
    mode(&folder.file("index.html", "<p>"), 0o644);
    folder
}

#[test]
fn a_folder_with_nothing_wrong_in_it_is_status_0() {
    let folder = site();
    let done = puerta(["serve", &folder.name(""), "--audit"]).finish();
    done.ends_with(0).wrote("1 entry looked at, nothing found\n");
}

#[test]
fn what_should_hardly_be_served_has_a_line_each_and_is_status_1_where_clients_get_it() {
    let folder = site();
    for name in [".git", "below"] {
        fs::create_dir(folder.path(name)).unwrap();
        mode(&folder.path(name), 0o755);
    }
    for (name, content) in [
        (".git/config", "[core]"),
        (".env", "A=1"),
        ("below/key.txt", "-----BEGIN PRIVATE KEY-----\nMII\n"),
        ("below/shop.sql", ""),
        ("index.html~", ""),
        ("open.txt", ""),
    ] {
        mode(&folder.file(name, content), 0o644);
    }
    mode(&folder.path("open.txt"), 0o666);
    symlink("/etc/passwd", folder.path("out")).unwrap();
    symlink(".env", folder.path("settings")).unwrap();
    symlink("index.html", folder.path("start")).unwrap();
    shell(&format!("mkfifo {}", folder.name("fifo\u{1b}"))).finish().ends_with(0);

    let done = puerta(["serve", &folder.name(""), "--audit"]).finish();
    let mut lines: Vec<String> = done.ends_with(1).text().lines().map(str::to_owned).collect();
    assert_eq!(lines.pop().unwrap(), "12 entries looked at, 9 found, 5 of them served");
    lines.sort();
    let begins = [
        ".env: passwords or keys (hidden, not served); ",
        ".git: a repository, with all that was ever committed (hidden, not served); ",
        "below/key.txt: a private key; ",
        "below/shop.sql: a database, ",
        "fifo^[: neither a file nor a folder (not served); ",
        "index.html~: a copy ",
        "open.txt: everybody on this machine can change it; chmod o-w",
        "out: a link that leads out of the folder, or is absolute (not served); ",
        "settings: a link to something hidden, ",
    ];
    assert_eq!(lines.len(), begins.len(), "{lines:#?}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}");
    }

    let done = puerta(["serve", &folder.name(""), "--audit", "--json", "--hidden"]).finish();
    let objects: Vec<serde_json::Value> =
        done.ends_with(1).text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let git = objects.iter().find(|object| object["path"] == ".git").unwrap();
    assert_eq!((&git["event"], &git["what"], &git["served"]), (&"found".into(), &"repository".into(), &true.into()));
    let end = objects.last().unwrap();
    assert_eq!((&end["found"], &end["served"], &end["whole"]), (&9.into(), &7.into(), &true.into()));
}

#[test]
fn what_no_client_gets_is_listed_and_the_status_is_0_all_the_same() {
    let folder = site();
    fs::create_dir(folder.path(".git")).unwrap();
    mode(&folder.path(".git"), 0o755);
    symlink("/etc/passwd", folder.path("out")).unwrap();
    let audit = |more: &[&str]| puerta(["serve", &folder.name(""), "--audit"].iter().chain(more)).finish();
    let done = audit(&[]);
    assert!(done.ends_with(0).text().contains(".git: a repository"), "{}", done.text());
    assert!(done.text().ends_with("3 entries looked at, 2 found, 0 of them served\n"), "{}", done.text());
    let end =
        |done: &common::Done| serde_json::from_str::<serde_json::Value>(done.text().lines().last().unwrap()).unwrap();
    assert_eq!(end(audit(&["--json"]).ends_with(0))["status"], 0);
    assert_eq!(end(audit(&["--json", "--hidden"]).ends_with(1))["status"], 1);
}

#[test]
fn a_hundred_findings_of_a_kind_are_named_and_the_others_counted() {
    let folder = site();
    for n in 0..103 {
        mode(&folder.file(&format!("{n}.bak"), ""), 0o644);
    }
    let done = puerta(["serve", &folder.name(""), "--audit"]).finish();
    let text = done.ends_with(1).text();
    assert_eq!(text.lines().count(), 101);
    assert!(text.ends_with("104 entries looked at, 103 found, 103 of them served; 3 like those above are not named\n"));
}

#[test]
fn an_audit_that_has_no_time_says_that_not_all_was_seen() {
    let folder = site();
    let done = puerta(["serve", &folder.name(""), "--audit=0s"]).finish();
    done.ends_with(1).wrote("0 entries looked at, nothing found; it took too long, so that not all was seen\n");
}
