//! The entries of a folder, portion by portion: however many there are, one portion is in memory.

use super::folder::{Fault, Root, Wait, refusal};
use super::stat::{self, Kind, Stat};
use crate::core::listing;
use crate::problem::{Absence, Refusal};
use rustix::fs::RawDir;
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::SystemTime;

/// The room for what getdents64(2) says at once: some 300 to 1,000 names.
pub const PORTION: usize = 32 << 10;

/// An entry that may be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As the file system has it: any bytes but `/` and NUL.
    pub name: Box<[u8]>,
    /// Whether it is a folder; otherwise it is a regular file. Of a link, what it leads to.
    pub folder: bool,
    /// Bytes; of a folder 0.
    pub size: u64,
    /// When its content changed, if that can be told.
    pub modified: Option<SystemTime>,
}

/// A folder that is being read. Each call may wait for the disk, so it belongs on a thread that may.
#[derive(Debug)]
pub struct Listing {
    fd: OwnedFd,
    root: Arc<Root>,
    path: Box<[u8]>,
    hidden: bool,
    buffer: Vec<u8>,
    ended: bool,
}

impl Listing {
    /// Begins with the first entry. `hidden`: whether names with a dot in front are wanted.
    pub(super) fn open(root: &Arc<Root>, path: &[u8], hidden: bool) -> Result<Listing, Refusal> {
        // A descriptor of its own: the place within a folder is the descriptor's.
        let seen = root.inspect(path, Wait::Allowed).map_err(refused)?;
        let (fd, stat) = root.read(path, Wait::Allowed).map_err(refused)?;
        if seen.kind != Kind::Folder || stat.kind != Kind::Folder {
            return Err(Refusal::Missing(Absence::Nothing));
        }
        let buffer = Vec::with_capacity(PORTION);
        Ok(Listing { fd, root: Arc::clone(root), path: path.into(), hidden, buffer, ended: false })
    }

    /// The next entries, in the order of the file system; it may be none of them. `None`: that was all.
    ///
    /// Left out is what cannot be served: links that are broken, lead out or in a circle, FIFOs, sockets, devices, and what is
    /// gone or cannot be looked at.
    ///
    /// # Errors
    /// `EIO` and what else getdents64(2) says. A folder that was removed meanwhile ends.
    pub fn portion(&mut self) -> Result<Option<Vec<Entry>>, Refusal> {
        if self.ended {
            return Ok(None);
        }
        let mut names = RawDir::new(&self.fd, self.buffer.spare_capacity_mut());
        let mut entries = Vec::new();
        loop {
            match names.next() {
                None | Some(Err(Errno::NOENT)) => {
                    self.ended = true;
                    break;
                }
                Some(Err(errno)) => return Err(refusal(errno)),
                Some(Ok(found)) => {
                    let name = found.file_name();
                    let bytes = name.to_bytes();
                    let wanted = bytes != b"." && bytes != b".." && (self.hidden || !bytes.starts_with(b"."));
                    if let Some(stat) = wanted.then(|| look(&self.fd, &self.root, &self.path, name)).flatten() {
                        entries.push(entry(bytes, &stat));
                    }
                }
            }
            // The next step would read the next portion.
            if names.is_buffer_empty() {
                break;
            }
        }
        Ok(if self.ended && entries.is_empty() { None } else { Some(entries) })
    }
}

impl From<Entry> for listing::Entry {
    fn from(entry: Entry) -> Self {
        let kind = if entry.folder { listing::Kind::Folder } else { listing::Kind::File };
        listing::Entry { name: entry.name, kind, size: entry.size, modified: entry.modified }
    }
}

fn look(fd: &OwnedFd, root: &Root, folder: &[u8], name: &std::ffi::CStr) -> Option<Stat> {
    let stat = Stat::of_name(fd, name).ok()?;
    match stat.kind {
        Kind::File | Kind::Folder => Some(stat),
        Kind::Special => None,
        // Where a link leads to is judged from the root, as for a request.
        Kind::Link => {
            let name = name.to_bytes();
            let path = if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() };
            root.inspect(&path, Wait::Allowed).ok()
        }
    }
}

fn entry(name: &[u8], stat: &Stat) -> Entry {
    let folder = stat.kind == Kind::Folder;
    let size = if folder { 0 } else { stat.identity.size };
    Entry { name: name.into(), folder, size, modified: stat::time(stat.identity.mtime) }
}

fn refused(fault: Fault) -> Refusal {
    match fault {
        Fault::Refused(refusal) => refusal,
        // It does not where waiting is allowed.
        Fault::Blocks => Refusal::Crowded,
    }
}
