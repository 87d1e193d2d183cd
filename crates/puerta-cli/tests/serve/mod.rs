//! `puerta serve`, started, and what its clients get: from our own client, and from curl.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test program uses some of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../../../puerta-serve/tests/client/mod.rs"]
pub mod client;
mod place;

pub use client::{Client, Reply, connect};
pub use place::Place;

use crate::common::{LIMIT, Run, Running, peer, puerta};
use serde_json::Value;
use std::path::Path;

/// `puerta serve FOLDER --listen 127.0.0.1:0` with further arguments.
pub fn serve(folder: &Path, more: &[&str]) -> Serving {
    let arguments = ["serve", folder.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    Serving::start(puerta([&arguments, more].concat()))
}

/// A server that has said where it serves.
pub struct Serving {
    pub run: Running,
    /// `http://127.0.0.1:40123`, or with https
    pub url: String,
}

impl Serving {
    pub fn start(run: Run) -> Self {
        let run = run.start();
        let line = run.line("serving", 0);
        let url = match serde_json::from_str::<Value>(&line) {
            Ok(event) => event["url"].as_str().map(|url| url.trim_end_matches('/').to_owned()),
            Err(_) => {
                let there = line.split_once(" on http").and_then(|(_, rest)| rest.split_once("/;"));
                there.map(|(url, _)| format!("http{url}"))
            }
        };
        Serving { url: url.unwrap_or_else(|| panic!("no address in {line}")), run }
    }

    /// `127.0.0.1:40123`
    pub fn at(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    pub fn port(&self) -> u16 {
        self.at().rsplit(':').next().unwrap().parse().unwrap()
    }

    /// The first event with that in it, of a server that was started with --json.
    pub fn event(&self, text: &str) -> Value {
        serde_json::from_str(&self.run.line(text, 0)).unwrap()
    }

    pub fn client(&self) -> Client {
        Client::new(self.at())
    }

    /// GET, over a connection of its own.
    pub fn get(&self, path: &str) -> Reply {
        self.client().get(path)
    }

    /// What curl gets for a path.
    pub fn curl(&self, path: &str, arguments: &[&str]) -> Reply {
        curl(&format!("{}/{}", self.url, path.trim_start_matches('/')), arguments)
    }
}

/// What curl gets: the first response; status 0, where nothing came.
pub fn curl(url: &str, arguments: &[&str]) -> Reply {
    let always = ["-s", "-k", "-i", "--noproxy", "*", "--max-time", "30", "--path-as-is"];
    let done = peer("curl", [&always, arguments, &[url]].concat()).limit(2 * LIMIT).finish();
    let end = done.stdout.windows(4).position(|w| w == b"\r\n\r\n").map_or(done.stdout.len(), |at| at + 4);
    let (head, body) = done.stdout.split_at(end);
    let head = String::from_utf8_lossy(head).into_owned();
    let reply = Reply::new(head).unwrap_or(Reply { status: 0, head: String::new(), body: Vec::new() });
    Reply { body: body.to_owned(), ..reply }
}
