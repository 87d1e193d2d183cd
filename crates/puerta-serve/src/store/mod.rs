//! The local store: what lies below one folder, looked up, opened, kept and compressed.
//!
//! ```text
//! Store ─ probe ─→ Inner ─ cache ─→ Entry          never waits: what is hot, or in the system's memory
//!       └ find  ─→ a thread of the pool ─→ Inner   waits: what is on the disk
//! Inner ─ folder::Root ─ openat2, statx ─→ handle::Handle ─ pread, getdents64
//! ```

pub mod cache;
pub mod compress;
pub mod entries;
pub mod entry;
pub mod folder;
pub mod handle;
mod look;
pub mod pool;
pub mod stat;
mod tried;
mod warm;

pub use look::Asked;
pub use tried::{Made, Neighbour, NotMade, Tried};

use crate::core::found::{Failure, Found};
use crate::core::plan::{Lookup, Step};
use crate::core::site::Site;
use crate::core::why::Hear;
use crate::problem::{Problem, Refusal};
use entries::{Entry, Listing};
use folder::{Fault, Wait};
use handle::Handle;
use look::Inner;
use pool::Pool;
use std::borrow::Cow;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// What a store may use.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of the cache: content, variants and tables. Default: 64 MiB. With 0 nothing is kept.
    pub cache: usize,
    /// Up to how many bytes the content of a file is kept. Default: 256 KiB.
    pub file: u64,
    /// Whether tags are of the content whatever the size of a file, so that several machines give the same. Default: no, up to 1 MiB.
    pub content_tags: bool,
    /// Threads for what waits for a disk. Default: 32; none is started before it is needed.
    pub threads: usize,
    /// How many look-ups and readings may wait for one of them; more are answered with 503. Default: 4,096.
    pub waiting: usize,
    /// Threads that compress. Default: half as many as there are cores, at least one. Up to 64 files wait; others are sent as they
    /// are, and tried again when they are asked for next.
    pub compressors: usize,
}

/// The time, twice: how long ago something was checked, and how old a file is.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Never goes back.
    pub instant: Instant,
    /// As the file system has it.
    pub wall: SystemTime,
}

/// The answer of a store.
#[derive(Debug)]
pub struct Looked {
    /// For the core.
    pub found: Found<Handle>,
    /// For the log: the last thing that was in the way.
    pub trouble: Option<Box<Trouble>>,
}

/// Something was not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Where, below the folder.
    pub path: Box<[u8]>,
    /// Why.
    pub refusal: Refusal,
}

/// What lies below one folder. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
    pool: Arc<Pool>,
}

impl Store {
    /// Opens the folder. No thread is started yet.
    ///
    /// # Errors
    /// It is not there, is no folder, may not be entered, or the system lacks openat2(2).
    pub fn open(folder: &Path, settings: &Settings) -> Result<Store, Problem> {
        let inner = Arc::new(Inner::open(folder, settings)?);
        Ok(Store { inner, pool: Arc::new(Pool::new("puerta-files", settings.threads, settings.waiting)) })
    }

    /// What can be told without waiting for a disk: for the thread of a runtime. `None`: ask [`Store::find`].
    ///
    /// A hot file costs no system call. A file whose last check is a second ago costs those of a check, and one that is only in the
    /// system's memory is read, up to 64 KiB.
    pub fn probe(&self, lookup: &Lookup<'_>, site: &Site, now: Now) -> Option<Looked> {
        self.inner.look(lookup.steps(site), &Asked::of(lookup, site, now, Wait::Never), &mut ())
    }

    /// The same, by a thread that may wait.
    pub async fn find(&self, lookup: &Lookup<'_>, site: &Site) -> Looked {
        let own = |step: Step<'_>| Step { path: Cow::Owned(step.path.into_owned()), fits: step.fits };
        let steps: Vec<Step<'static>> = lookup.steps(site).map(own).collect();
        let path = lookup.path.as_bytes().into();
        let asked = Asked::of(lookup, site, Now::read(), Wait::Allowed);
        let inner = Arc::clone(&self.inner);
        let done = self.pool.run(move || {
            // It may have waited for a thread.
            inner.look(steps.into_iter(), &Asked { now: Now::read(), ..asked }, &mut ())
        });
        match done.await {
            Ok(Some(looked)) => looked,
            // It never blocks where waiting is allowed.
            Ok(None) => Looked::refused(path, Refusal::Crowded),
            Err(refusal) => Looked::refused(path, refusal),
        }
    }

    /// The first step that fits, looked up by this thread. `None`: it would have to wait, and may not.
    pub fn look<'s>(&self, steps: impl Iterator<Item = Step<'s>>, asked: &Asked) -> Option<Looked> {
        self.inner.look(steps, asked, &mut ())
    }

    /// The same as [`Store::find`] by this thread, with each thing that is tried on the way. What is compressed on the fly is made
    /// at once: it is found as who asks later finds it.
    pub fn look_telling(&self, lookup: &Lookup<'_>, site: &Site, now: Now, hear: &mut impl Hear<Tried>) -> Looked {
        let asked = Asked { make_now: true, ..Asked::of(lookup, site, now, Wait::Allowed) };
        let looked = self.inner.look(lookup.steps(site), &asked, hear);
        looked.unwrap_or_else(|| Looked::refused(lookup.path.as_bytes().into(), Refusal::Crowded))
    }

    /// Brings a part of a file into the system's memory, at most [`handle::FETCH`] bytes, so that sending it does not wait.
    ///
    /// # Errors
    /// `EIO`, and [`Refusal::Crowded`].
    pub async fn fetch(&self, file: &Handle, from: u64, length: u64) -> Result<(), Refusal> {
        let file = file.clone();
        self.pool.run(move || file.fetch(from, length)).await?
    }

    /// Reads from a place of a file, by a thread that may wait: at least a byte, at most as many as `room` has, which comes back cut to
    /// what was read.
    ///
    /// # Errors
    /// As [`Handle::read_at`], and [`Refusal::Crowded`].
    pub async fn read(&self, file: &Handle, from: u64, mut room: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        let file = file.clone();
        let read = self.pool.run(move || {
            let read = file.read_at(from, &mut room, Wait::Allowed);
            read.map(|n| room.truncate(n)).map(|()| room)
        });
        read.await?.map_err(|fault| match fault {
            Fault::Refused(refusal) => refusal,
            // It does not where waiting is allowed.
            Fault::Blocks => Refusal::Crowded,
        })
    }

    /// The entries of a folder, from the first; `hidden`: those with a dot in front, too.
    ///
    /// # Errors
    /// It is gone, there are too few descriptors, and [`Refusal::Crowded`].
    pub async fn entries(&self, folder: &Handle, hidden: bool) -> Result<Listing, Refusal> {
        let folder = folder.clone();
        self.pool.run(move || folder.entries(hidden)).await?
    }

    /// The next portion of a listing, and the listing for the one after.
    ///
    /// # Errors
    /// As [`Listing::portion`], and [`Refusal::Crowded`].
    pub async fn portion(&self, mut listing: Listing) -> Result<Option<(Vec<Entry>, Listing)>, Refusal> {
        self.pool.run(move || Ok(listing.portion()?.map(|entries| (entries, listing)))).await?
    }

    /// The folder itself, open with `O_PATH`: for the sandbox.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.inner.root()
    }

    /// The threads that may wait.
    #[cfg(test)]
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Bytes in the cache.
    pub fn cached(&self) -> usize {
        self.inner.cached()
    }
}

impl Now {
    /// The clocks.
    pub fn read() -> Now {
        Now { instant: Instant::now(), wall: SystemTime::now() }
    }
}

impl Looked {
    fn refused(path: Box<[u8]>, refusal: Refusal) -> Looked {
        let found = match refusal {
            Refusal::Missing(_) => Found::Missing,
            Refusal::Forbidden(_) => Found::Failed(Failure::Denied),
            Refusal::Exhausted(_) | Refusal::Crowded | Refusal::Busy => Found::Failed(Failure::Busy),
            Refusal::Failed(_) | Refusal::Truncated => Found::Failed(Failure::Broken),
        };
        Looked { found, trouble: Some(Box::new(Trouble { path, refusal })) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Settings {
            cache: 64 << 20,
            file: 256 << 10,
            content_tags: false,
            threads: 32,
            waiting: 4096,
            compressors: cores.div_ceil(2),
        }
    }
}
