//! The machine loses power.

use crate::folder::Folder;
use crate::{check_log, check_outbox, full, session};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

/// How often the power goes.
const CUTS: u32 = 6;
const CUTS_FULL: u32 = 200;

/// ext4 on a file, in a mount that goes with this.
struct Disk {
    folder: Folder,
    mount: PathBuf,
    shutdown: PathBuf,
}

impl Disk {
    fn new() -> Self {
        let folder = Folder::made();
        let [image, mount, shutdown] = ["image", "mount", "shutdown"].map(|name| folder.path().join(name));
        std::fs::create_dir(&mount).unwrap();
        run("cc", &["-o", text(&shutdown), concat!(env!("CARGO_MANIFEST_DIR"), "/tests/log_faults/shutdown.c")]);
        run("truncate", &["-s", "64M", text(&image)]);
        run("mkfs.ext4", &["-q", "-F", text(&image)]);
        let disk = Disk { folder, mount, shutdown };
        disk.mount();
        disk
    }

    fn mount(&self) {
        run("mount", &["-o", "loop", text(&self.folder.path().join("image")), text(&self.mount)]);
    }

    /// What was not flushed is gone. Gives what was acknowledged before: of an fsync that is under way when ext4 is shut
    /// down the kernel may say that it is done, which a machine without power does not live to tell.
    fn cut<const N: usize>(&self, sessions: [Session; N]) -> [u64; N] {
        let acknowledged = sessions.each_ref().map(|session| session.acknowledged.load(Ordering::SeqCst));
        run(text(&self.shutdown), &[text(&self.mount)]);
        drop(sessions);
        run("umount", &[text(&self.mount)]);
        self.mount();
        acknowledged
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.mount).status();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

/// A session on the disk that goes on until the power goes, and the last number that it has acknowledged.
struct Session {
    child: Child,
    acknowledged: Arc<AtomicU64>,
    reader: Option<JoinHandle<()>>,
    /// Told once, when so many more came.
    enough: mpsc::Receiver<()>,
}

impl Session {
    fn begin(kind: &str, folder: &Path, outstanding: &str, more: u32) -> Session {
        let mut command = Command::new(session());
        command.arg(kind).arg(folder).args(["1000000", outstanding]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let acknowledged = Arc::new(AtomicU64::new(0));
        let (count, (tell, enough)) = (Arc::clone(&acknowledged), mpsc::channel());
        let reader = thread::spawn(move || {
            let number = |line: &str| line.strip_prefix("stored ").or(line.strip_prefix("kept "))?.parse().ok();
            for (at, number) in (1..).zip(lines.filter_map(|line| number(&line))) {
                count.store(number, Ordering::SeqCst);
                if at == more {
                    tell.send(()).unwrap();
                }
            }
        });
        Session { child, acknowledged, reader: Some(reader), enough }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

#[test]
fn root_power_cuts_lose_nothing_that_was_acknowledged() {
    let disk = Disk::new();
    let folder = disk.mount.join("data");
    let cuts = if full() { CUTS_FULL } else { CUTS };
    let (mut last, mut more) = ([0, 0], 0);
    for cut in 0..cuts {
        let outstanding = ["1", "7", "64"][cut as usize % 3];
        // Another place in the checkpoint's cycle each time.
        let hub = Session::begin("log", &folder, outstanding, 1 + (cut * 37) % 211);
        let member = Session::begin("outbox", &folder, "1", 1 + (cut * 5) % 17);
        hub.enough.recv().unwrap();
        member.enough.recv().unwrap();
        last = disk.cut([hub, member]);
        let head = check_log(&folder, last[0]).unwrap_or_else(|why| panic!("cut {cut}: {why}"));
        check_outbox(&folder, last[1]).unwrap_or_else(|why| panic!("cut {cut}: {why}"));
        more += u32::from(head > last[0]);
    }
    println!("power: {cuts} cuts, {} messages and {} kept; {more} times more than was acknowledged", last[0], last[1]);
}
