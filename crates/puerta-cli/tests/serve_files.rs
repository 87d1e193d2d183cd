//! What is served, by the built command: curl, wget and a raw socket read the same bytes, and each case of the tables is
//! answered as it says there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[allow(dead_code, unused_imports, reason = "a command is told by its options")]
#[path = "../../puerta-serve/tests/cases/mod.rs"]
mod cases;
mod common;
#[path = "../../puerta-serve/tests/cases/driver.rs"]
mod driver;
mod serve;

use cases::Ask;
use common::places::{Folder, noise};
use common::{peer, same};
use driver::{answer, by_site, make_world, until_compressed};
use serve::{client, serve};
use std::fs;

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
    let folder = Folder::new("serve-cases");
    make_world(&folder.path(""));
    let mut wrong = Vec::new();
    for (words, cases) in by_site() {
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
