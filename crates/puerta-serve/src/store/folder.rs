//! The folder that is served: one descriptor, below which paths are opened and which nothing leads out of.

use super::stat::{Kind, Stat};
use super::warm::Warm;
use crate::problem::{Absence, Problem, Refusal};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags, fstatfs, openat, openat2, statx};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// How often a path is tried again that was moved while it was walked (`EAGAIN` of openat2(2)), before the client gets a 503.
pub const TRIES: usize = 64;

/// Whether a call may wait for a disk or a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// Only what the kernel has in memory (`RESOLVE_CACHED`), on file systems of this machine.
    Never,
    /// As long as it takes.
    Allowed,
}

/// Why a path was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It would have to wait: ask again where that is allowed.
    Blocks,
    /// The answer.
    Refused(Refusal),
}

/// The folder that is served.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    local: Locals,
    /// Files below it that are in memory.
    pub(super) warm: Warm,
}

impl Root {
    /// Opens a folder, following links: who starts the server says which one.
    ///
    /// # Errors
    /// It is not there, is no folder or may not be entered, or the system lacks openat2(2).
    pub fn open(path: &Path) -> Result<Root, Problem> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, path, flags, Mode::empty()).map_err(|errno| {
            let path = path.to_string_lossy().into_owned();
            match errno {
                Errno::NOTDIR => Problem::NotAFolder { path },
                errno => Problem::Root { path, error: errno.into() },
            }
        })?;
        let root = Root { fd, local: Locals::default(), warm: Warm::default() };
        match open_below(&root.fd, b"", OFlags::PATH, ResolveFlags::empty()) {
            Err(Errno::NOSYS) => Err(Problem::NoOpenat2),
            Err(errno) => Err(Problem::Root { path: path.to_string_lossy().into_owned(), error: errno.into() }),
            Ok(_) => Ok(root),
        }
    }

    /// The folder itself, open with `O_PATH`: for a rule of the sandbox.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// What lies at a path, without opening it: no device, FIFO or lease takes notice. `path` is relative, without `.` and `..`;
    /// the empty one is the folder itself.
    ///
    /// # Errors
    /// It would wait, or there is no file or folder that may be served.
    pub fn inspect(&self, path: &[u8], wait: Wait) -> Result<Stat, Fault> {
        if path.is_empty() && self.is_gone() {
            return Err(Fault::Refused(Refusal::Missing(Absence::Gone)));
        }
        let fd = self.walk(path, OFlags::PATH, wait)?;
        self.stat(&fd, wait)
    }

    /// Whether the folder itself was removed, as far as the system knows without asking anybody: all below it is gone for good.
    pub(super) fn is_gone(&self) -> bool {
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        statx(&self.fd, c"", flags, StatxFlags::NLINK).is_ok_and(|s| s.stx_nlink == 0)
    }

    /// Opens what [`Root::inspect`] has said is a file or a folder: opening a FIFO wakes its writer, and opening a device may do
    /// anything, so the first look is from outside. Whatever came into its place since is refused all the same.
    ///
    /// # Errors
    /// As [`Root::inspect`], and when it may not be read.
    pub fn read(&self, path: &[u8], wait: Wait) -> Result<(OwnedFd, Stat), Fault> {
        let fd = self.walk(path, OFlags::RDONLY, wait)?;
        let stat = self.stat(&fd, wait)?;
        Ok((fd, stat))
    }

    /// Whether files of this device are in memory and nowhere else.
    pub(super) fn is_in_memory(&self, device: u64) -> bool {
        self.local.memory.has(device)
    }

    fn walk(&self, path: &[u8], how: OFlags, wait: Wait) -> Result<OwnedFd, Fault> {
        match wait {
            Wait::Never => open_below(&self.fd, path, how, ResolveFlags::CACHED).map_err(|errno| match errno {
                Errno::AGAIN => Fault::Blocks,
                errno => refused(errno),
            }),
            Wait::Allowed => {
                let mut tries = 0;
                loop {
                    tries += 1;
                    match open_below(&self.fd, path, how, ResolveFlags::empty()) {
                        Err(Errno::AGAIN | Errno::INTR) if tries < TRIES => {}
                        done => return done.map_err(refused),
                    }
                }
            }
        }
    }

    fn stat(&self, fd: &OwnedFd, wait: Wait) -> Result<Stat, Fault> {
        let stat = Stat::of(fd, wait == Wait::Allowed).map_err(refused)?;
        let device = stat.identity.device;
        if !self.local.all.has(device) {
            match wait {
                // A network's file could make every call wait.
                Wait::Never => return Err(Fault::Blocks),
                Wait::Allowed => self.local.learn(device, fd),
            }
        }
        match stat.kind {
            Kind::File | Kind::Folder => Ok(stat),
            Kind::Link | Kind::Special => Err(Fault::Refused(Refusal::Missing(Absence::Special))),
        }
    }
}

/// What an errno of open(2) and its kin says to a client.
pub(super) fn refusal(errno: Errno) -> Refusal {
    let number = errno.raw_os_error();
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::INVAL | Errno::ILSEQ => Refusal::Missing(Absence::Nothing),
        Errno::XDEV => Refusal::Missing(Absence::Outside),
        Errno::LOOP => Refusal::Missing(Absence::Loop),
        Errno::NAMETOOLONG => Refusal::Missing(Absence::TooLong),
        // What open(2) says of sockets, and of devices without a driver.
        Errno::NXIO | Errno::NODEV => Refusal::Missing(Absence::Special),
        Errno::ACCESS | Errno::PERM => Refusal::Forbidden(number),
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN | Errno::INTR => Refusal::Exhausted(number),
        _ => Refusal::Failed(number),
    }
}

fn refused(errno: Errno) -> Fault {
    Fault::Refused(refusal(errno))
}

fn open_below(root: &OwnedFd, path: &[u8], how: OFlags, more: ResolveFlags) -> Result<OwnedFd, Errno> {
    // openat2(2) refuses flags that O_PATH would have ignored.
    let reading = if how.contains(OFlags::PATH) { OFlags::empty() } else { OFlags::NONBLOCK | OFlags::NOCTTY };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | more;
    let path: &[u8] = if path.is_empty() { b"." } else { path };
    openat2(root, path, how | reading | OFlags::CLOEXEC, Mode::empty(), resolve)
}

/// How many devices are remembered as local; files of further ones are always read where waiting is allowed.
const LOCALS: usize = 8;

/// The devices whose file systems ask nobody else: there, what is in memory is answered without waiting.
#[derive(Debug, Default)]
struct Locals {
    all: Devices,
    /// Of these, those on which nothing is anywhere else than in memory.
    memory: Devices,
}

impl Locals {
    fn learn(&self, device: u64, fd: impl AsFd) {
        let Ok(system) = fstatfs(fd).map(|s| s.f_type as u64 & 0xffff_ffff) else { return };
        if MEMORY_FILE_SYSTEMS.contains(&system) {
            self.memory.add(device);
            self.all.add(device);
        } else if LOCAL_FILE_SYSTEMS.contains(&system) {
            self.all.add(device);
        }
    }
}

#[derive(Debug, Default)]
struct Devices([AtomicU64; LOCALS]);

impl Devices {
    fn has(&self, device: u64) -> bool {
        // 0 is no device, so an empty place fits none.
        self.0.iter().any(|d| d.load(Relaxed) == device) && device != 0
    }

    fn add(&self, device: u64) {
        if !self.has(device) {
            let _ = self.0.iter().find(|d| d.compare_exchange(0, device, Relaxed, Relaxed).is_ok());
        }
    }
}

/// Their numbers, from statfs(2).
const LOCAL_FILE_SYSTEMS: [u64; 15] = [
    0xef53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683e, // btrfs
    0xca45_1a4e, // bcachefs
    0xf2f5_2010, // f2fs
    0x2fc1_2fc1, // zfs
    0x794c_7630, // overlayfs
    0x7371_7368, // squashfs
    0xe0f5_e1e2, // erofs
    0x4d44,      // vfat
    0x2011_bab0, // exfat
    0x7366_746e, // ntfs3
    0x9660,      // isofs
    0x1501_3346, // udf
    0x5265_4973, // reiserfs
];

/// Those that have no disk (but for what is swapped out).
const MEMORY_FILE_SYSTEMS: [u64; 2] = [
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
];
