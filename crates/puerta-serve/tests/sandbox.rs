//! What the sandbox refuses and what it leaves. It binds a thread and what that starts, so that each test closes one of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use puerta_serve::sandbox::{Allowed, Sandbox, restrict};
use puerta_serve::store::{Settings, Store};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// A folder that goes when it is dropped, with `site/a.txt` and `outside/secret` in it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("puerta-sandbox-{name}-{}", std::process::id()));
        for folder in ["site/below", "outside", "log", "run"] {
            fs::create_dir_all(path.join(folder)).unwrap();
        }
        fs::write(path.join("site/a.txt"), "hola\n").unwrap();
        fs::write(path.join("site/below/b.txt"), "hola\n").unwrap();
        fs::write(path.join("outside/secret"), "secret\n").unwrap();
        symlink("../outside/secret", path.join("site/link")).unwrap();
        Place(path)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.join(below)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs it in a thread with a closed sandbox. Where the kernel has no landlock there is nothing to see, and the test says so.
fn within(allowed: &Allowed<'_>, test: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let inside = scope.spawn(|| match restrict(allowed).unwrap() {
            Sandbox::Nothing => eprintln!("this kernel has no landlock: not tested"),
            _ => test(),
        });
        inside.join().unwrap();
    });
}

fn is_refused<T>(done: io::Result<T>) -> bool {
    done.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[test]
fn within_the_sandbox_the_folder_is_read_and_nothing_else_is_reached() {
    let place = Place::new("files");
    let store = Store::open(&place.path("site"), &Settings::default()).unwrap();
    let mut opened_before = File::open(place.path("outside/secret")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let before = TcpStream::connect(at).unwrap();
    within(&Allowed { root: Some(store.root()), ..Allowed::default() }, || {
        assert_eq!(fs::read(place.path("site/below/b.txt")).unwrap(), b"hola\n");
        assert_eq!(fs::read_dir(place.path("site")).unwrap().count(), 3);
        for outside in [Path::new("/etc/passwd"), Path::new("/proc/self/environ"), &place.path("outside/secret")] {
            assert!(is_refused(fs::read(outside)), "{outside:?}");
        }
        assert!(is_refused(fs::read(place.path("site/link"))), "a link leads out");
        assert!(is_refused(fs::read_dir(place.path("outside"))));
        assert!(is_refused(fs::write(place.path("site/new"), "x")));
        assert!(is_refused(File::options().append(true).open(place.path("site/a.txt"))));
        assert!(is_refused(fs::remove_file(place.path("site/a.txt"))));
        assert!(is_refused(fs::rename(place.path("site/a.txt"), place.path("site/c.txt"))));
        assert!(is_refused(fs::create_dir(place.path("site/folder"))));
        assert!(is_refused(Command::new("/bin/true").spawn()), "a program is started");
        assert!(is_refused(TcpStream::connect(at)), "a connection leads out");
        assert!(is_refused(TcpListener::bind("127.0.0.1:0")), "a port is bound");
        // What was open stays what it was.
        let mut text = String::new();
        opened_before.read_to_string(&mut text).unwrap();
        assert_eq!(text, "secret\n");
        assert!(listener.accept().is_ok());
        (&before).write_all(b"x").unwrap();
        let status = fs::read_to_string(place.path("site/a.txt")).unwrap();
        assert_eq!(status, "hola\n");
        // It binds what this thread starts, too.
        let secret = place.path("outside/secret");
        assert!(thread::spawn(move || is_refused(fs::read(secret))).join().unwrap());
    });
    assert_eq!(fs::read(place.path("outside/secret")).unwrap(), b"secret\n", "another thread is as free as before");
}

#[test]
fn a_log_is_opened_anew_and_a_socket_unlinked_and_nothing_more() {
    let place = Place::new("log");
    let (log, socket, key) = (place.path("log/access"), place.path("run/socket"), place.path("outside/secret"));
    for file in [&log, &socket, &place.path("run/socket.lock"), &place.path("log/other")] {
        fs::write(file, "x").unwrap();
    }
    let allowed = Allowed {
        read: vec![key.clone()],
        log: Some(log.clone()),
        sockets: vec![socket.clone()],
        ..Allowed::default()
    };
    within(&allowed, || {
        let append = |path: &Path| File::options().create(true).append(true).open(path);
        append(&log).unwrap().write_all(b"y").unwrap();
        append(&place.path("log/made")).unwrap();
        assert!(is_refused(fs::read(&log)), "a log is not read");
        assert!(is_refused(fs::remove_file(&log)));
        assert!(is_refused(append(&place.path("run/made"))));
        fs::remove_file(&socket).unwrap();
        fs::remove_file(place.path("run/socket.lock")).unwrap();
        assert_eq!(fs::read(&key).unwrap(), b"secret\n");
        assert!(is_refused(append(&key)));
        assert!(is_refused(fs::read(place.path("site/a.txt"))), "nothing is served");
    });
    assert_eq!(fs::read(&log).unwrap(), b"xy");
}

/// Rights hold for all that lies below a folder.
#[test]
fn a_log_or_a_socket_in_a_folder_with_more_in_it_leaves_that_closed() {
    let place = Place::new("wide");
    let (log, socket, link) = (place.path("access"), place.path("socket"), place.path("log/link"));
    for file in [&log, &socket, &place.path("log/own"), &place.path("site/log")] {
        fs::write(file, "x").unwrap();
    }
    symlink("../access", &link).unwrap();
    let append = |path: &Path| File::options().create(true).append(true).open(path);
    let wide = vec![place.path("site"), place.path("nowhere")];
    for log in [&log, &link, &place.path("site/log")] {
        let allowed =
            Allowed { log: Some(log.clone()), sockets: vec![socket.clone()], wide: wide.clone(), ..Allowed::default() };
        assert!(allowed.keeps_log() && allowed.keeps_socket(&socket), "{log:?}");
        let mut opened_before = append(log).unwrap();
        within(&allowed, || {
            for file in ["access", "site/a.txt", "outside/secret", "log/new", "site/new", "site/below/new"] {
                assert!(is_refused(append(&place.path(file))), "{file}");
            }
            assert!(is_refused(fs::remove_file(&socket)) && is_refused(fs::remove_file(place.path("site/a.txt"))));
            opened_before.write_all(b"y").unwrap();
        });
    }
    let allowed = Allowed { log: Some(place.path("log/own")), wide, ..Allowed::default() };
    assert!(!allowed.keeps_log());
    within(&allowed, || assert!(append(&place.path("log/new")).is_ok() && is_refused(append(&log))));
    assert!(!Allowed { log: Some("/dev/null".into()), wide: vec!["/dev".into()], ..Allowed::default() }.keeps_log());
}

#[test]
fn a_log_that_is_a_device_leaves_its_folder_alone() {
    let allowed = Allowed { log: Some(PathBuf::from("/dev/null")), ..Allowed::default() };
    within(&allowed, || {
        File::options().append(true).open("/dev/null").unwrap();
        assert!(is_refused(File::options().append(true).open("/dev/full")));
    });
}

#[test]
fn a_path_that_is_not_there_is_an_error_and_nothing_is_restricted() {
    let allowed = Allowed { read: vec![PathBuf::from("/nowhere/key")], ..Allowed::default() };
    thread::spawn(move || {
        assert_eq!(restrict(&allowed).unwrap_err().kind(), ErrorKind::NotFound);
        fs::read("/etc/passwd").unwrap();
    })
    .join()
    .unwrap();
}
