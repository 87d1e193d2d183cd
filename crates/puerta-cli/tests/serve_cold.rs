//! A disk that is slow is waited for by who wants what is on it, and by nobody else: `puerta serve` with one thread, below a file system whose
//! device the kernel lets give 1 MiB a second (the block controller of control groups, version 1 or 2).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;
mod serve;

use common::places::{Folder, noise};
use common::shell;
use serve::Serving;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What the cold file has, and how much of it the disk gives in a second.
const SIZE: usize = 4 << 20;
const RATE: usize = 1 << 20;
/// The longest that another request may take: the disk would hold it for seconds.
const LONGEST: Duration = Duration::from_millis(1500);

/// What it says.
fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// ext4 on a file, mounted anew so that nothing of it is in memory, and a control group that may read it slowly.
struct Disk {
    folder: Folder,
    group: PathBuf,
}

impl Disk {
    fn new(files: &[(&str, Vec<u8>)]) -> Disk {
        let (v1, v2) = (Path::new("/sys/fs/cgroup/blkio"), Path::new("/sys/fs/cgroup"));
        let group = if v1.is_dir() { v1 } else { v2 }.join(format!("puerta-cold-{}", std::process::id()));
        let disk = Disk { folder: Folder::new("serve-cold"), group };
        run("truncate", &["-s", "32M", &disk.folder.name("image")]);
        run("mkfs.ext4", &["-q", "-F", &disk.folder.name("image")]);
        fs::create_dir(disk.root()).unwrap();
        disk.mount();
        for (name, content) in files {
            fs::write(disk.root().join(name), content).unwrap();
        }
        run("umount", &[&disk.folder.name("root")]);
        disk.mount();
        let device = run("mountpoint", &["-d", &disk.folder.name("root")]);
        if v1.is_dir() {
            fs::create_dir(&disk.group).unwrap();
            fs::write(disk.group.join("blkio.throttle.read_bps_device"), format!("{device} {RATE}")).unwrap();
        } else {
            fs::write(v2.join("cgroup.subtree_control"), "+io").unwrap();
            fs::create_dir(&disk.group).unwrap();
            fs::write(disk.group.join("io.max"), format!("{device} rbps={RATE}")).unwrap();
        }
        disk
    }

    fn root(&self) -> PathBuf {
        self.folder.path("root")
    }

    fn mount(&self) {
        run("mount", &["-o", "loop", &self.folder.name("image"), &self.folder.name("root")]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.root()).status();
        let _ = fs::remove_dir(&self.group);
    }
}

#[test]
fn root_a_cold_file_on_a_slow_disk_stalls_nobody_else() {
    let (small, large) = (noise(1, 1024), noise(2, SIZE));
    let disk = Disk::new(&[("a.txt", small.clone()), ("cold.bin", large.clone())]);
    let line = format!(
        "echo $$ > {}/cgroup.procs; exec \"$PUERTA\" serve {} --listen 127.0.0.1:0 --threads 1",
        disk.group.display(),
        disk.root().display()
    );
    let server = Serving::start(shell(&line));
    assert_eq!(server.get("/a.txt").body, small);
    let began = Instant::now();
    let (cold, times) = std::thread::scope(|scope| {
        let waits = scope.spawn(|| (server.get("/cold.bin").body, began.elapsed()));
        let mut times = Vec::new();
        while !waits.is_finished() {
            let asked = Instant::now();
            assert_eq!(server.get("/a.txt").body, small);
            times.push(asked.elapsed());
        }
        (waits.join().unwrap(), times)
    });
    let longest = times.iter().max().unwrap();
    println!("the cold file took {:?}; {} others meanwhile, the longest {longest:?}", cold.1, times.len());
    assert!(cold.0 == large);
    assert!(cold.1 > Duration::from_secs((SIZE / RATE / 2) as u64), "the disk is slow: {:?}", cold.1);
    assert!(*longest < LONGEST, "{longest:?}");
    drop(server);
}
