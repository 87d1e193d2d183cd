//! The path of a Unix socket: taken over from the dead, never from the living, and left clean.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::{Folder, wait_until_dead};
use common::{Run, Running, peer, puerta};
use puerta::{Socket, UnixAddr, UnixDatagram, UnixPacket, UnixStream};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::Path;

const KINDS: [&str; 3] = ["unix", "unix-dgram", "unix-packet"];

fn listen(kind: &str, path: &Path) -> Run {
    puerta(["listen", &format!("{kind}:{}", path.display())])
}

/// Leaves a socket's path behind, as a server does that was killed.
fn dead(kind: &str, path: &Path) {
    leave(kind, path);
    wait_until_dead(path);
}

fn leave(kind: &str, path: &Path) {
    let at = UnixAddr::path(path);
    match kind {
        "unix" => drop(Socket::<UnixStream>::new(()).unwrap().bind(&at).unwrap().listen(1).unwrap()),
        "unix-dgram" => drop(Socket::<UnixDatagram>::new(()).unwrap().bind(&at).unwrap()),
        _ => drop(Socket::<UnixPacket>::new(()).unwrap().bind(&at).unwrap().listen(1).unwrap()),
    }
}

fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).unwrap().ino()
}

#[test]
fn a_dead_sockets_path_is_taken_over_whatever_its_type() {
    let folder = Folder::new("dead");
    let path = folder.path("door");
    for left in KINDS {
        for kind in KINDS {
            dead(left, &path);
            let ours = listen(kind, &path).start();
            ours.says("took over").address();
            assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket());
            ours.signal("TERM");
            ours.finish().ends_with(if kind == "unix-dgram" { 0 } else { 143 });
            assert_eq!(folder.names(), [""; 0], "{kind} after {left}");
        }
    }
}

#[test]
fn a_server_of_ours_that_was_killed_stands_in_nobodys_way() {
    let folder = Folder::new("killed");
    let path = folder.path("door");
    for kind in KINDS {
        let killed = listen(kind, &path).start();
        killed.address();
        killed.signal("KILL");
        killed.finish().ends_with(137);
        assert_eq!(folder.names(), ["door", "door.lock"]);
        let ours = listen(kind, &path).start();
        ours.says("took over").address();
        ours.signal("INT");
        ours.finish().ends_with(if kind == "unix-dgram" { 0 } else { 130 });
        assert_eq!(folder.names(), [""; 0]);
    }
}

#[test]
fn a_live_servers_path_is_refused_and_the_server_serves_on() {
    let folder = Folder::new("live");
    let path = folder.path("door");
    let name = folder.name("door");
    let servers: [(&str, Run); 8] = [
        ("unix", peer("nc", ["-l", "-U", &name])),
        ("unix", peer("ncat", ["-l", "-U", &name])),
        ("unix", peer("socat", [&format!("UNIX-LISTEN:{name}"), "-"])),
        ("unix-packet", peer("socat", [&format!("UNIX-LISTEN:{name},socktype=5"), "-"])),
        ("unix-dgram", peer("socat", ["-u", &format!("UNIX-RECV:{name}"), "-"])),
        ("unix", listen("unix", &path)),
        ("unix-dgram", listen("unix-dgram", &path)),
        ("unix-packet", listen("unix-packet", &path)),
    ];
    for (kind, server) in servers {
        let _ = fs::remove_file(&path);
        let server = server.start().listens_at(&path);
        let before = inode(&path);
        for ours in KINDS {
            listen(ours, &path).finish().ends_with(5).said(&name).said("EADDRINUSE").said("hint: ");
        }
        assert_eq!(inode(&path), before);
        puerta(["connect", &format!("{kind}:{name}")]).input("still here?\n").finish().ends_with(0);
        server.writes("still here?\n").signal("TERM");
    }
}

#[test]
fn a_full_backlog_is_no_dead_server() {
    let folder = Folder::new("backlog");
    let door = folder.path("real/door");
    fs::create_dir(folder.path("real")).unwrap();
    symlink("real", folder.path("other-name")).unwrap();
    let server = Socket::<UnixStream>::new(()).unwrap().bind(&UnixAddr::path(&door)).unwrap().listen(0).unwrap();
    let mut waiting = Vec::new();
    while let Ok(client) = Socket::<UnixStream>::new(()).unwrap().start_connect(&UnixAddr::path(&door)) {
        waiting.push(client);
    }
    // The kernel lists the first name alone; behind the second one it has to be asked.
    for path in [door.clone(), folder.path("other-name/door")] {
        for kind in KINDS {
            listen(kind, &path).finish().ends_with(5).said("EADDRINUSE");
        }
    }
    assert!(door.exists());
    drop(server);
}

#[test]
fn what_is_no_socket_stays_untouched() {
    let folder = Folder::new("untouched");
    folder.file("file", "precious");
    folder.file("empty", "");
    fs::create_dir(folder.path("folder")).unwrap();
    peer("mkfifo", [folder.name("fifo")]).finish().ends_with(0);
    symlink("file", folder.path("to-file")).unwrap();
    symlink("nowhere", folder.path("to-nothing")).unwrap();
    dead("unix", &folder.path("dead"));
    symlink("dead", folder.path("to-dead")).unwrap();
    let names = folder.names();
    for name in ["file", "empty", "folder", "fifo", "to-file", "to-nothing", "to-dead"] {
        let before = inode(&folder.path(name));
        for kind in KINDS {
            let refused = listen(kind, &folder.path(name)).finish();
            refused.ends_with(5).said(&folder.name(name)).said("that is no socket, so it stays untouched");
        }
        assert_eq!(inode(&folder.path(name)), before);
        assert_eq!(folder.names(), names);
    }
    assert_eq!(fs::read(folder.path("file")).unwrap(), b"precious");
}

#[test]
fn a_file_that_only_has_the_name_of_our_lock_stays_untouched() {
    let folder = Folder::new("lock");
    folder.file("door.lock", "precious");
    listen("unix", &folder.path("door")).finish().ends_with(5).said("door.lock").said("hint: choose another path");
    assert_eq!(folder.names(), ["door.lock"]);
    peer("mkfifo", [folder.name("other.lock")]).finish().ends_with(0);
    listen("unix", &folder.path("other")).finish().ends_with(5).said("other.lock");
    assert_eq!(folder.names(), ["door.lock", "other.lock"]);
}

#[test]
fn the_path_is_gone_at_the_end_however_it_comes() {
    let folder = Folder::new("gone");
    let path = folder.path("door");
    for (signal, status) in [("TERM", 143), ("INT", 130), ("HUP", 143)] {
        for kind in KINDS {
            let ours = listen(kind, &path).start();
            ours.address();
            assert_eq!(folder.names(), ["door", "door.lock"]);
            ours.signal(signal);
            ours.finish().ends_with(if kind == "unix-dgram" { 0 } else { status });
            assert_eq!(folder.names(), [""; 0], "{kind} after {signal}");
        }
    }
    for kind in ["unix", "unix-packet"] {
        let ours = listen(kind, &path).start().listens_at(&path);
        puerta(["connect", &format!("{kind}:{}", path.display())]).input("last words").finish().ends_with(0);
        ours.finish().ends_with(0).wrote("last words");
        assert_eq!(folder.names(), [""; 0], "{kind} after its client");
    }
}

#[test]
fn a_signal_at_the_start_leaves_nothing_behind() {
    let folder = Folder::new("early");
    let path = folder.path("door");
    for round in 0..12 {
        let ours = listen(KINDS[round % KINDS.len()], &path).start();
        ours.until("lock", |_| !folder.names().is_empty());
        ours.signal("TERM");
        ours.finish();
        assert_eq!(folder.names(), [""; 0]);
    }
}

#[test]
fn a_socket_that_another_put_there_stays() {
    let folder = Folder::new("replaced");
    let path = folder.path("door");
    for kind in KINDS {
        let ours = listen(kind, &path).start();
        ours.address();
        fs::remove_file(&path).unwrap();
        leave(kind, &path);
        let theirs = inode(&path);
        ours.signal("TERM");
        ours.finish();
        assert_eq!(inode(&path), theirs);
        assert_eq!(folder.names(), ["door"]);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn of_two_that_start_at_once_exactly_one_wins() {
    let folder = Folder::new("race");
    let path = folder.path("door");
    for round in 0..12 {
        if round % 2 == 0 {
            dead("unix", &path);
        }
        let (first, second) = (listen("unix", &path).start(), listen("unix", &path).start());
        let lost = |one: &Running| one.stderr().contains("EADDRINUSE");
        first.until("refusal of one of them", |_| lost(&first) || lost(&second));
        let (loser, winner) = if lost(&first) { (first, second) } else { (second, first) };
        loser.finish().ends_with(5).said("EADDRINUSE");
        winner.address();
        puerta(["connect", &folder.name("door")]).input("hola").finish().ends_with(0);
        winner.finish().ends_with(0).wrote("hola");
        assert_eq!(folder.names(), [""; 0], "round {round}");
    }
}

#[test]
fn a_clients_own_path_is_kept_by_the_same_rules() {
    let folder = Folder::new("source");
    let server = listen("unix-dgram", &folder.path("server")).start();
    server.address();
    let to = format!("unix-dgram:{}", folder.name("server"));
    let connect = |source: &str| puerta(["connect", &to, "--source", source]);
    let own = folder.path("own");
    dead("unix-dgram", &own);
    let names = |own: &[&str]| {
        let mut all = own.to_vec();
        all.extend(["server", "server.lock"]);
        assert_eq!(folder.names(), all);
    };
    let ours = connect(&folder.name("own")).open_input().start().listens_at(&own);
    names(&["own", "own.lock"]);
    connect(&folder.name("own")).finish().ends_with(5).said(&folder.name("own"));
    connect(&folder.name("server")).finish().ends_with(5).said(&folder.name("server"));
    ours.signal("INT");
    ours.finish().ends_with(0);
    names(&[]);
    connect(&folder.name("own")).input("hola").finish().ends_with(0);
    names(&[]);
}

#[test]
fn a_path_that_cannot_be_is_told_and_leaves_nothing() {
    let folder = Folder::new("cannot");
    let long = folder.path(&"x".repeat(120));
    listen("unix", &long).finish().ends_with(2).said("hint: use a shorter one");
    listen("unix", &folder.path("no/such/door")).finish().ends_with(5).said("hint: check that the folder exists");
    folder.file("file", "");
    listen("unix", &folder.path("file/door")).finish().ends_with(5).said("file/door");
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn an_abstract_name_needs_no_path() {
    let name = format!("@puerta-test-{}", std::process::id());
    let ours = puerta(["listen", &name]).start();
    ours.address();
    puerta(["listen", &name]).finish().ends_with(5).said(&name).said("EADDRINUSE");
    puerta(["connect", &name]).input("hola").finish().ends_with(0);
    ours.finish().ends_with(0).wrote("hola");
}
