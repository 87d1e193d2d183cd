//! Descriptors are few: who has a place is served all the same, and who has none is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;
mod serve;

use common::peer;
use common::places::{Folder, noise};
use serve::{Client, Serving};

/// `puerta serve` with a soft and a hard limit of descriptors.
fn serve_with(folder: &Folder, limits: &str, more: &[&str]) -> Serving {
    let (limits, site) = (format!("--nofile={limits}"), folder.name(""));
    let arguments = [&limits, env!("CARGO_BIN_EXE_puerta"), "serve", &site, "--json", "--listen", "127.0.0.1:0"];
    Serving::start(peer("prlimit", [&arguments, more].concat()))
}

fn site() -> Folder {
    let folder = Folder::new("serve-descriptors");
    folder.file("a.txt", "hola\n");
    folder
}

#[test]
fn with_few_descriptors_who_has_a_place_gets_files_and_who_has_none_gets_503() {
    let folder = site();
    let server = serve_with(&folder, "128:128", &["--threads", "2", "--max", "1000"]);
    let event = server.event("\"fewer-connections\"");
    assert_eq!((event["asked"].as_u64(), event["descriptors"].as_u64()), (Some(1000), Some(128)));
    assert!(event["hint"].as_str().unwrap().contains("LimitNOFILE="));
    let room = event["connections"].as_u64().unwrap();
    assert!((40..128).contains(&room), "{room}");
    // Each is answered, so that each has a place, and then idle.
    let mut clients: Vec<Client> = Vec::new();
    for _ in 0..room {
        let mut client = server.client();
        assert_eq!(client.get("/a.txt").status, 200);
        clients.push(client);
    }
    let refused = server.client().reply();
    assert_eq!((refused.status, refused.field("Retry-After")), (503, Some("5")));
    folder.file("new.bin", noise(1, 1 << 20));
    for (i, client) in clients.iter_mut().enumerate() {
        folder.file(&format!("new{i}.txt"), "new\n");
        assert_eq!(client.get(&format!("/new{i}.txt")).body, b"new\n", "{i}");
    }
    assert_eq!(clients[0].get("/new.bin").body, noise(1, 1 << 20));
    assert_eq!(clients[1].get("/").status, 200, "a listing");
    assert!(!server.run.stderr().contains("EMFILE"), "{}", server.run.stderr());
}

#[test]
fn the_limit_of_descriptors_is_raised_as_far_as_it_may_be_and_is_needed() {
    let folder = site();
    for (limits, more, soft, less) in [
        ("64:4096", &["--max", "500", "--threads", "2"][..], 1033, false),
        ("2000:4096", &["--max", "500", "--threads", "2"], 2000, false),
        ("64:300", &["--max", "500", "--threads", "2"], 300, true),
    ] {
        let server = serve_with(&folder, limits, more);
        assert_eq!(server.get("/a.txt").status, 200);
        let all = std::fs::read_to_string(format!("/proc/{}/limits", server.run.id())).unwrap();
        let line = all.lines().find(|line| line.starts_with("Max open files")).unwrap();
        assert_eq!(line.split_whitespace().nth(3).unwrap().parse(), Ok(soft), "{limits}");
        assert_eq!(server.run.stderr().contains("fewer-connections"), less, "{limits}");
    }
}
