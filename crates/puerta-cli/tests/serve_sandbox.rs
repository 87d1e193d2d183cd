//! The sandbox of the command that runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;
mod serve;

use common::places::Folder;
use common::{peer, wait_until};
use puerta_serve::sandbox::{Allowed, Sandbox, restrict};
use serve::{Client, connect, serve};
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;

/// A thread of this test tells whether the kernel has it.
fn has_landlock() -> bool {
    std::thread::spawn(|| restrict(&Allowed::default()).unwrap() != Sandbox::Nothing).join().unwrap()
}

fn site() -> Folder {
    let folder = Folder::new("serve-sandbox");
    folder.file("a.txt", "hola\n".repeat(1000));
    folder.file("page.html", "<p>hola".repeat(1000));
    fs::create_dir(folder.path("below")).unwrap();
    folder.file("below/b.txt", "hola\n");
    folder.file("large.bin", vec![7; 3 << 20]);
    folder
}

#[test]
fn all_threads_of_a_server_are_without_new_privileges_and_one_without_a_sandbox_says_what_that_means() {
    let folder = site();
    for (more, bit) in [(&[][..], "1"), (&["--no-sandbox"][..], "0")] {
        let server = serve(&folder.path(""), more);
        assert_eq!(server.get("/below/").status, 200);
        let tasks = fs::read_dir(format!("/proc/{}/task", server.run.id())).unwrap();
        let mut seen = 0;
        for task in tasks {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let line = status.lines().find(|line| line.starts_with("NoNewPrivs:")).unwrap();
            assert_eq!(line.split_whitespace().nth(1), Some(bit), "{more:?}");
            seen += 1;
        }
        assert!(seen > 1);
        let told = server.run.stderr().contains("could read and change whatever its user may");
        assert_eq!(told, bit == "0" || !has_landlock());
    }
}

/// The log's path is exchanged for a link that leads out of the log's folder: what opens it anew is the running server itself.
#[test]
fn a_running_server_cannot_open_what_lies_outside() {
    let folder = site();
    for (more, free) in [(&[][..], false), (&["--no-sandbox"][..], true)] {
        let places = Folder::new("serve-sandbox-log");
        for name in ["outside", "log"] {
            fs::create_dir(places.path(name)).unwrap();
        }
        let victim = places.file("outside/victim", "");
        let log = places.file("log/access.log", "");
        let server = serve(&folder.path(""), &[&["--log", log.to_str().unwrap()], more].concat());
        let mut client = server.client();
        client.get("/a.txt");
        wait_until("the log has a line", || fs::read_to_string(&log).unwrap().lines().count() == 1);
        fs::rename(&log, places.path("log/old.log")).unwrap();
        symlink("../outside/victim", &log).unwrap();
        server.run.signal("HUP");
        let held = !free && has_landlock();
        wait_until("the log goes on elsewhere, or that is refused", || {
            client.get("/a.txt");
            let written = fs::metadata(&victim).unwrap().len() > 0;
            assert!(!(held && written), "it wrote to a file outside");
            written || server.run.stderr().contains("the access log cannot be written: permission denied (EACCES)")
        });
    }
}

/// What lies beside the log is not to be had by a running server where much else does: it goes on in the file that it has.
#[test]
fn a_log_above_the_folder_that_is_served_leaves_what_lies_beside_it_closed() {
    if !has_landlock() {
        return;
    }
    let places = Folder::new("serve-sandbox-above");
    fs::create_dir_all(places.path("site")).unwrap();
    places.file("site/a.txt", "hola\n");
    let (log, socket, victim) = (places.path("access.log"), places.path("socket"), places.file("victim", ""));
    let more = ["--log", log.to_str().unwrap(), "--listen", socket.to_str().unwrap()];
    let server = serve(&places.path("site"), &more);
    server.run.says("the log is not opened anew on SIGHUP").says("is not removed at the end");
    let mut client = server.client();
    client.get("/a.txt");
    wait_until("the log has a line", || fs::read_to_string(&log).unwrap().lines().count() == 1);
    fs::rename(&log, places.path("old.log")).unwrap();
    symlink("victim", &log).unwrap();
    server.run.signal("HUP");
    server.run.says("goes on in the file that it has").line("give it a folder of its own", 2);
    client.get("/a.txt");
    wait_until("the log goes on", || fs::read_to_string(places.path("old.log")).unwrap().lines().count() == 2);
    assert_eq!(fs::metadata(&victim).unwrap().len(), 0);
    server.run.signal("TERM");
    let done = server.run.finish();
    done.ends_with(0).never_said("cannot be written");
    assert_eq!(places.names(), ["access.log", "old.log", "site", "socket", "socket.lock", "victim"]);
    // Who comes next takes it over.
    let next = serve(&places.path("site"), &["--listen", socket.to_str().unwrap()]);
    assert_eq!(Client::over(UnixStream::connect(&socket).unwrap()).get("/a.txt").body, b"hola\n");
    drop(next);
}

#[test]
fn on_a_terminal_nothing_is_said_of_what_only_logrotate_minds() {
    if !has_landlock() {
        return;
    }
    let places = Folder::new("serve-sandbox-terminal");
    fs::create_dir(places.path("site")).unwrap();
    let line = "exec \"$PUERTA\" serve site --listen 127.0.0.1:0 --log access.log";
    let run = peer("script", ["-qec", line, "/dev/null"]).env("PUERTA", env!("CARGO_BIN_EXE_puerta"));
    let run = run.env("SHELL", "/bin/sh").current_dir(&places.path("")).open_input().start();
    run.writes("serving site on ");
    assert!(!String::from_utf8_lossy(&run.stdout()).contains("opened anew"), "{}", run.all());
}

#[test]
fn within_the_sandbox_everything_works_to_the_end() {
    let (folder, places) = (site(), Folder::new("serve-sandbox-work"));
    let (log, socket) = (places.path("access.log"), places.path("run/socket"));
    fs::create_dir(places.path("run")).unwrap();
    let more = ["--log", log.to_str().unwrap(), "--listen", socket.to_str().unwrap(), "--error-page", "below/b.txt"];
    let server = serve(&folder.path(""), &more);
    let mut client = server.client();
    assert_eq!(client.get("/a.txt").body.len(), 5000);
    assert_eq!(client.get("/large.bin").body.len(), 3 << 20);
    assert!(String::from_utf8(client.get("/").body).unwrap().contains("large.bin"));
    assert_eq!(client.get("/none").body, b"hola\n", "the site's own page");
    wait_until("a variant is made", || {
        client
            .send("GET /page.html HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
            .reply()
            .field("Content-Encoding")
            == Some("gzip")
    });
    // A file that is made later is found.
    folder.file("new.txt", "new\n");
    assert_eq!(client.get("/new.txt").body, b"new\n");
    assert_eq!(Client::over(UnixStream::connect(&socket).unwrap()).get("/below/b.txt").body, b"hola\n");
    fs::rename(&log, places.path("old.log")).unwrap();
    server.run.signal("HUP");
    wait_until("the log is opened anew", || {
        client.get("/a.txt");
        log.exists() && fs::read_to_string(&log).unwrap().contains("/a.txt")
    });
    assert_eq!(Client::over(connect(server.at())).get("/a.txt").status, 200);
    server.run.signal("TERM");
    server.run.finish().ends_with(0);
    assert_eq!(fs::read_dir(places.path("run")).unwrap().count(), 0, "socket and lock file are gone");
}
