//! What lies in a folder and should hardly be served: found by walking it, once, before anything is served.

mod words;

use crate::core::audit::{Entry, FIRST, Kind, SMALL, Why, judge};
use crate::problem::{Absence, Problem, Refusal};
use crate::store::folder::{Fault, Root, Wait};
use crate::store::stat;
use rustix::fs::{Mode, OFlags, open};
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How far it goes.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Entries. Default: 1,000,000.
    pub entries: u64,
    /// Time. Default: 60 s.
    pub time: Duration,
    /// Findings of one kind that are told; of the others only how many. Default: 100.
    pub told: u64,
    /// Whether names that begin with a dot will be served. Default: no.
    pub hidden: bool,
}

/// Something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where, below the folder.
    pub path: Vec<u8>,
    /// What is wrong with it.
    pub why: Why,
    /// Whether a client would get it.
    pub served: bool,
}

/// What it came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Entries that were looked at.
    pub entries: u64,
    /// Findings.
    pub found: u64,
    /// Those of them that would be served.
    pub served: u64,
    /// Findings of kinds of which enough had been told.
    pub untold: u64,
    /// Whether a bound ended it before all was seen.
    pub cut: bool,
}

/// Hears of what is found, and of how far it is.
pub trait Hear {
    /// Found.
    fn found(&mut self, finding: &Finding);
    /// That many entries were looked at.
    fn progress(&mut self, entries: u64);
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds { entries: 1_000_000, time: Duration::from_secs(60), told: 100, hidden: false }
    }
}

/// Walks the folder. Links are looked at and not followed. What is below a folder that is a finding by itself is passed over.
///
/// # Errors
/// The folder cannot be opened.
pub fn audit(folder: &Path, bounds: &Bounds, hear: &mut dyn Hear) -> Result<Summary, Problem> {
    let root = Root::open(folder)?;
    let real = folder.canonicalize().map_err(Problem::System)?;
    let mut walk = Walk { root, real, bounds, hear, summary: Summary::default(), told: [0; Why::ALL.len()] };
    walk.run(Instant::now());
    Ok(walk.summary)
}

struct Walk<'a> {
    root: Root,
    real: PathBuf,
    bounds: &'a Bounds,
    hear: &'a mut dyn Hear,
    summary: Summary,
    told: [u64; Why::ALL.len()],
}

impl Walk<'_> {
    fn run(&mut self, began: Instant) {
        // Of the folders that are still to be read there are never more than entries.
        let mut folders = vec![PathBuf::new()];
        if let Ok(meta) = self.real.metadata() {
            self.judge(Path::new("."), Kind::Folder, &meta);
        }
        while let Some(folder) = folders.pop() {
            // One that may not be read was told of when it was met.
            let Ok(entries) = fs::read_dir(self.real.join(&folder)) else { continue };
            for entry in entries.flatten() {
                if self.summary.entries >= self.bounds.entries || began.elapsed() >= self.bounds.time {
                    self.summary.cut = true;
                    return;
                }
                self.summary.entries += 1;
                if self.summary.entries.is_multiple_of(256) {
                    self.hear.progress(self.summary.entries);
                }
                let path = folder.join(entry.file_name());
                // What is gone already is no matter.
                let Ok(meta) = entry.metadata() else { continue };
                let kind = self.kind(&path, &meta);
                let covered = self.judge(&path, kind, &meta);
                if meta.is_dir() && !covered {
                    folders.push(path);
                }
            }
        }
    }

    fn kind(&self, path: &Path, meta: &Metadata) -> Kind {
        let seen = self.root.inspect(path.as_os_str().as_bytes(), Wait::Allowed);
        match seen {
            Err(Fault::Refused(Refusal::Missing(Absence::Outside))) => Kind::LeadsOut,
            Err(Fault::Refused(Refusal::Missing(Absence::Special))) => Kind::Special,
            Err(Fault::Refused(Refusal::Forbidden(_))) => Kind::Unreadable,
            Ok(_) if meta.is_symlink() && self.leads_to_hidden(path) => Kind::LeadsToHidden,
            Ok(_) if self.root.read(path.as_os_str().as_bytes(), Wait::Allowed).is_err() => Kind::Unreadable,
            Ok(seen) if seen.kind == stat::Kind::Folder => Kind::Folder,
            _ => Kind::File,
        }
    }

    fn leads_to_hidden(&self, path: &Path) -> bool {
        let target = self.real.join(path).canonicalize();
        let below = target.as_deref().ok().and_then(|target| target.strip_prefix(&self.real).ok());
        !is_hidden(path) && below.is_some_and(is_hidden)
    }

    /// Whether the finding stands for all that is below.
    fn judge(&mut self, path: &Path, kind: Kind, meta: &Metadata) -> bool {
        let mut room = [0; FIRST];
        let first = match kind {
            Kind::File if meta.is_file() && meta.len() <= SMALL => first(&self.real.join(path), &mut room),
            _ => &[],
        };
        let name = path.file_name().unwrap_or_default().as_bytes();
        // The permissions of a link are its target's, which is looked at where it lies.
        let mode = if meta.is_symlink() { 0 } else { meta.permissions().mode() };
        let mut covered = false;
        for why in judge(&Entry { name, kind, mode, first }) {
            covered |= why.covers_what_is_below();
            let served = !why.is_never_served() && kind != Kind::Unreadable && (self.bounds.hidden || !is_hidden(path));
            self.summary.found += 1;
            self.summary.served += u64::from(served);
            let told = Why::ALL.iter().position(|one| *one == why).and_then(|at| self.told.get_mut(at));
            match told {
                Some(told) if *told < self.bounds.told => {
                    *told += 1;
                    self.hear.found(&Finding { path: path.as_os_str().as_bytes().to_vec(), why, served });
                }
                _ => self.summary.untold += 1,
            }
        }
        covered
    }
}

fn is_hidden(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().as_bytes().starts_with(b".") && part.as_os_str() != ".")
}

/// The first bytes of a regular file. Should a FIFO have come into its place, nothing waits.
fn first<'a>(path: &Path, room: &'a mut [u8; FIRST]) -> &'a [u8] {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
    let read = open(path, flags, Mode::empty()).map(|fd| File::from(fd).read(room));
    room.get(..read.ok().and_then(Result::ok).unwrap_or(0)).unwrap_or_default()
}
