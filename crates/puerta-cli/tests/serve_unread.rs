//! Nobody reads what `puerta serve` says: it serves and stops all the same, and tells what is missing to who reads later.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;
mod serve;

use common::places::Folder;
use common::{LIMIT, wait_until};
use serve::Client;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

/// What a pipe holds: pipe(7).
const PIPE: usize = 64 << 10;
/// More than there is room for in the queue, and in the list of paths that are named.
const LINKS: usize = 300;

/// A server on a Unix socket.
struct Unread(Child, Folder);

impl Unread {
    fn start(more: &[&str], stdout: impl Into<Stdio>, stderr: impl Into<Stdio>) -> Self {
        let folder = Folder::new("serve-unread");
        folder.file("a.txt", "hola\n");
        (0..LINKS).for_each(|i| symlink("/etc/passwd", folder.path(&format!("link{i}"))).unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_puerta"));
        command.args(["serve", &folder.name(""), "--threads", "1", "--listen", &folder.name("socket")]).args(more);
        let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
        Unread(child, folder)
    }

    fn client(&self) -> Client<UnixStream> {
        let mut stream = None;
        wait_until("it listens", || {
            stream = UnixStream::connect(self.1.path("socket")).ok();
            stream.is_some()
        });
        let stream = stream.unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        Client::over(stream)
    }

    fn stops(&mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap().success());
        let mut status = None;
        wait_until("it stops", || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        });
        assert_eq!(status.unwrap().code(), Some(0));
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A pipe without room.
fn full() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b'.'; PIPE]).unwrap();
    (reader, writer)
}

#[test]
fn a_stderr_that_nobody_reads_holds_no_request_and_not_the_end() {
    let (_reader, stderr) = full();
    let mut server = Unread::start(&[], Stdio::null(), stderr);
    let mut client = server.client();
    for i in 0..LINKS {
        assert_eq!(client.get(&format!("/link{i}")).status, 404);
    }
    assert_eq!(client.get("/a.txt").body, b"hola\n");
    drop(client);
    server.stops();
}

#[test]
fn who_reads_stderr_again_is_told_how_many_messages_are_missing() {
    let (mut reader, stderr) = full();
    let mut server = Unread::start(&[], Stdio::null(), stderr);
    let mut client = server.client();
    for i in 0..LINKS {
        assert_eq!(client.get(&format!("/link{i}")).status, 404);
    }
    let (mut said, mut room) = (Vec::new(), [0; 1 << 14]);
    while !String::from_utf8_lossy(&said).contains(" messages are missing here: nobody read them in time\n") {
        let n = reader.read(&mut room).unwrap();
        said.extend_from_slice(&room[..n]);
    }
    assert_eq!(client.get("/a.txt").status, 200);
    drop(client);
    server.stops();
    reader.read_to_end(&mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("stopped; 301 requests answered"), "{said}");
    let missing: usize =
        said.lines().filter_map(|l| l.split_once(" messages are missing")?.0.parse::<usize>().ok()).sum();
    let named = said.lines().filter(|line| line.contains("link") && line.contains("not served: ")).count();
    // Of 300 paths 256 are named, and then one line says that no more are.
    assert_eq!(named + missing, 257 - usize::from(said.contains("paths were named")), "{said}");
}

#[test]
fn a_log_that_nobody_reads_holds_no_request_and_not_the_end() {
    let (_reader, stdout) = full();
    let (mut reader, stderr) = std::io::pipe().unwrap();
    let mut server = Unread::start(&["--log", "-"], stdout, stderr);
    let mut client = server.client();
    for _ in 0..LINKS {
        assert_eq!(client.get("/a.txt").body, b"hola\n");
    }
    drop(client);
    server.stops();
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert!(said.contains("300 lines of the access log are missing\n"), "{said}");
}
