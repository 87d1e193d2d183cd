//! An open file or folder: what a store hands to the core, and the core to a driver.

use super::entries::Listing;
use super::folder::{Fault, Root, Wait, refusal};
use super::stat::{Kind, Stat};
use crate::core::etag::Identity;
use crate::problem::{Absence, Refusal};
use rustix::fs::{Advice, fadvise};
use rustix::io::{Errno, ReadWriteFlags, pread, preadv2};
use std::io::IoSliceMut;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

/// How far apart the bytes are that are asked for to see whether a part of a file is in memory: what the kernel reads ahead.
const STRIDE: u64 = 128 << 10;

/// The most that one call of [`Handle::fetch`] reads.
pub const FETCH: u64 = 1 << 20;

/// An open file or folder. Cheap to clone; the last clone closes it.
#[derive(Debug, Clone)]
pub struct Handle(Arc<Open>);

#[derive(Debug)]
struct Open {
    fd: OwnedFd,
    stat: Stat,
    path: Box<[u8]>,
    root: Arc<Root>,
}

impl Handle {
    /// Opens what was seen to be a file or a folder.
    ///
    /// # Errors
    /// As [`Root::read`]; it is missing, too, when it is of another kind by now.
    pub fn open(root: &Arc<Root>, path: &[u8], kind: Kind, wait: Wait) -> Result<Handle, Fault> {
        let (fd, stat) = root.read(path, wait)?;
        if stat.kind != kind {
            return Err(Fault::Refused(Refusal::Missing(Absence::Nothing)));
        }
        Ok(Handle(Arc::new(Open { fd, stat, path: path.into(), root: Arc::clone(root) })))
    }

    /// File or folder.
    pub fn kind(&self) -> Kind {
        self.0.stat.kind
    }

    /// What it was when it was opened.
    pub fn identity(&self) -> &Identity {
        &self.0.stat.identity
    }

    /// Where it lay then: for the log.
    pub fn path(&self) -> &[u8] {
        &self.0.path
    }

    /// Reads from a place of the file: how many bytes, at least one. Where waiting is not allowed, only what is in memory is read,
    /// which may be less than there is room for.
    ///
    /// # Errors
    /// [`Fault::Blocks`]; [`Refusal::Truncated`] where the file ends before `from`, however long it was when it was opened; `EIO`.
    pub fn read_at(&self, from: u64, room: &mut [u8], wait: Wait) -> Result<usize, Fault> {
        if room.is_empty() {
            return Ok(0);
        }
        let read = match wait {
            Wait::Allowed => repeat(|| pread(&self.0.fd, &mut *room, from)),
            // tmpfs does not know RWF_NOWAIT, and never waits.
            Wait::Never if self.0.root.is_in_memory(self.identity().device) => {
                repeat(|| pread(&self.0.fd, &mut *room, from))
            }
            Wait::Never => repeat(|| preadv2(&self.0.fd, &mut [IoSliceMut::new(room)], from, ReadWriteFlags::NOWAIT)),
        };
        match (read, wait) {
            (Ok(0), _) => Err(Fault::Refused(Refusal::Truncated)),
            (Ok(n), _) => Ok(n),
            // Not in memory, or a file system that cannot tell.
            (Err(Errno::AGAIN | Errno::OPNOTSUPP), Wait::Never) => Err(Fault::Blocks),
            (Err(errno), _) => Err(Fault::Refused(refusal(errno))),
        }
    }

    /// Whether a part of the file seems to be in memory, so that sendfile(2) would hardly wait. It asks for one byte in 128 KiB, which
    /// is what the kernel reads at once, and for the last. Never waits; a file system that cannot tell says no.
    pub fn is_warm(&self, from: u64, length: u64) -> bool {
        let last = from.saturating_add(length.saturating_sub(1));
        let mut at = from;
        loop {
            match self.read_at(at, &mut [0], Wait::Never) {
                // At the end of a truncated file there is nothing to wait for.
                Ok(_) | Err(Fault::Refused(Refusal::Truncated)) if at < last => {
                    at = at.saturating_add(STRIDE).min(last)
                }
                Ok(_) | Err(Fault::Refused(Refusal::Truncated)) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Whether all of it was in memory a moment ago: within a second of [`keep_warm`](Self::keep_warm), for any handle of this file.
    pub fn was_warm(&self, now: Instant) -> bool {
        self.0.root.warm.has(self.identity(), now)
    }

    /// All of it [is](Self::is_warm).
    pub fn keep_warm(&self, now: Instant) {
        self.0.root.warm.saw(self.identity(), now);
    }

    /// Brings a part of the file into memory, at most [`FETCH`] bytes of it, and asks the kernel to go on with as much: for a thread that
    /// may wait.
    ///
    /// # Errors
    /// `EIO`, and what else pread(2) says. A part behind the end is no error.
    pub fn fetch(&self, from: u64, length: u64) -> Result<(), Refusal> {
        let end = from.saturating_add(length.min(FETCH));
        // Without it, too, all is read: it only saves waiting.
        let _ = fadvise(&self.0.fd, from, NonZeroU64::new(2 * FETCH), Advice::WillNeed);
        let mut room = vec![0; 64 << 10];
        let mut at = from;
        while at < end {
            match self.read_at(at, &mut room, Wait::Allowed) {
                Ok(n) => at = at.saturating_add(n as u64),
                Err(Fault::Refused(Refusal::Truncated) | Fault::Blocks) => break,
                Err(Fault::Refused(refusal)) => return Err(refusal),
            }
        }
        Ok(())
    }

    /// The entries of a folder, from the first. May wait.
    ///
    /// # Errors
    /// It is no folder, or not any more, or there are too few descriptors.
    pub fn entries(&self, hidden: bool) -> Result<Listing, Refusal> {
        Listing::open(&self.0.root, &self.0.path, hidden)
    }

    /// What it is now.
    pub(super) fn stat(&self, wait: Wait) -> Result<Stat, Refusal> {
        Stat::of(&self.0.fd, wait == Wait::Allowed).map_err(refusal)
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }
}

fn repeat<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            done => return done,
        }
    }
}
