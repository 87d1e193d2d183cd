//! What is known of a file that was asked for: its content if it is small, its tag, and its variants.

use super::folder::{Fault, Wait};
use super::handle::Handle;
use super::stat;
use crate::core::date::Date;
use crate::core::encoding::Coding;
use crate::core::etag::{CONTENT_MAX, ETag, Identity};
use crate::core::fields::Value;
use crate::core::mime;
use crate::problem::Refusal;
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// Up to this many bytes (64 KiB) a file that is in the system's memory is read and hashed in the runtime's thread, which takes some
/// 30 µs; above, and what is on the disk, goes to the pool.
pub const INLINE: u64 = 64 << 10;

/// How often a file is read that is written at the same time, before it is sent without being kept.
const READINGS: usize = 3;

/// What is known of one state of a file.
#[derive(Debug)]
pub struct Entry {
    /// Which state.
    pub identity: Identity,
    /// Its bytes, if it is small.
    pub content: Option<Bytes>,
    /// The tag of its bytes.
    pub tag: ETag,
    /// When it was changed.
    pub modified: Option<Date>,
    /// `Content-Type`.
    pub media: Value,
    /// Whether its type is one that compression makes smaller.
    pub compressible: bool,
    /// Whether a later change would show in its times.
    settled: AtomicBool,
    /// Whether the cache has it.
    kept: AtomicBool,
    /// Which precompressed neighbours there are, one bit each.
    neighbours: AtomicU8,
    /// What was made of it on the fly. `None`: it would not be smaller.
    variants: [OnceLock<Option<Variant>>; 3],
    /// Which of them somebody has begun to make.
    begun: AtomicU8,
}

/// A file in another coding, made on the fly.
#[derive(Debug, Clone)]
pub struct Variant {
    /// Its bytes.
    pub content: Bytes,
    /// The tag of these bytes.
    pub tag: ETag,
}

/// A file as it was read.
#[derive(Debug)]
pub enum Reading {
    /// It stayed the same while it was read.
    Steady(Arc<Entry>),
    /// It was written at the same time: what it will be, nobody knows. With a tag that is never given again.
    Moving(ETag),
}

impl Entry {
    /// Reads an open file of at most 1 MiB (or any, for a tag of its content), and keeps its content up to `keep` bytes.
    ///
    /// # Errors
    /// [`Fault::Blocks`] where waiting is not allowed and the file is not in memory; what pread(2) says.
    pub fn read(handle: &Handle, keep: u64, wait: Wait, wall: SystemTime) -> Result<Reading, Fault> {
        let mut before = *handle.identity();
        for _ in 0..READINGS {
            let read = if before.size <= keep {
                whole(handle, before.size, wait)?.map(|content| (ETag::of_content(&content), Some(content)))
            } else {
                hash(handle, before.size, wait)?.map(|hash| (ETag::of_hash(&hash), None))
            };
            let after = handle.stat(wait).map_err(Fault::Refused)?.identity;
            if let Some((tag, content)) = read
                && after == before
            {
                return Ok(Reading::Steady(Arc::new(Entry::new(handle.path(), before, tag, content, wall))));
            }
            before = after;
        }
        Ok(Reading::Moving(never_again(handle.identity())))
    }

    /// A file that is too large to be read for its tag.
    pub fn large(path: &[u8], identity: Identity, wall: SystemTime) -> Entry {
        Entry::new(path, identity, ETag::of_identity(&identity), None, wall)
    }

    /// The same file with a tag that nobody has got before.
    pub fn moving(path: &[u8], identity: Identity, tag: ETag) -> Entry {
        Entry::new(path, identity, tag, None, SystemTime::UNIX_EPOCH)
    }

    fn new(path: &[u8], identity: Identity, tag: ETag, content: Option<Vec<u8>>, wall: SystemTime) -> Entry {
        let name = path.rsplit(|b| *b == b'/').next().unwrap_or(path);
        let compressible = mime::is_compressible(mime::essence(name, content.as_deref()));
        let media = mime::content_type(name, content.as_deref());
        Entry {
            identity,
            tag,
            modified: stat::time(identity.mtime).and_then(Date::of),
            compressible,
            media,
            content: content.map(Bytes::from),
            settled: AtomicBool::new(stat::is_settled(&identity, wall)),
            kept: AtomicBool::new(false),
            neighbours: AtomicU8::new(0),
            variants: [const { OnceLock::new() }; 3],
            begun: AtomicU8::new(0),
        }
    }

    /// Whether an equal identity means equal bytes. Where it does not yet, the file is read again.
    pub fn is_settled(&self) -> bool {
        self.settled.load(Relaxed)
    }

    /// It was read again at `wall`, and was the same.
    pub fn settle(&self, wall: SystemTime) {
        self.settled.store(stat::is_settled(&self.identity, wall), Relaxed);
    }

    /// Whether it was taken into the cache, so that what is made of it can be used again.
    pub fn is_kept(&self) -> bool {
        self.kept.load(Relaxed)
    }

    /// The cache has taken it.
    pub fn set_kept(&self) {
        self.kept.store(true, Relaxed);
    }

    /// Whether there was a precompressed neighbour when the file was checked.
    pub fn has_neighbour(&self, coding: Coding) -> bool {
        self.neighbours.load(Relaxed) & bit(coding) != 0
    }

    /// Whether there was any.
    pub fn has_neighbours(&self) -> bool {
        self.neighbours.load(Relaxed) != 0
    }

    /// What neighbours there are now.
    pub fn set_neighbours(&self, there: impl Iterator<Item = Coding>) {
        self.neighbours.store(there.fold(0, |bits, coding| bits | bit(coding)), Relaxed);
    }

    /// What was made on the fly. `Some(None)`: it would not be smaller.
    pub fn variant(&self, coding: Coding) -> Option<&Option<Variant>> {
        self.variants.get(place(coding)?)?.get()
    }

    /// Keeps what was made.
    pub fn set_variant(&self, coding: Coding, variant: Option<Variant>) {
        if let Some(cell) = place(coding).and_then(|place| self.variants.get(place)) {
            let _ = cell.set(variant);
        }
    }

    /// Whether it falls to the caller to have a variant made: true once.
    pub fn begin(&self, coding: Coding) -> bool {
        // A look first: most who ask come later.
        self.begun.load(Relaxed) & bit(coding) == 0 && self.begun.fetch_or(bit(coding), Relaxed) & bit(coding) == 0
    }

    /// It could not even be begun: somebody else may try.
    pub fn give_up(&self, coding: Coding) {
        self.begun.fetch_and(!bit(coding), Relaxed);
    }
}

/// Whether a tag is of the content, for a file of this size.
pub(super) fn is_tagged_by_content(size: u64, always: bool) -> bool {
    always || size <= CONTENT_MAX
}

fn place(coding: Coding) -> Option<usize> {
    Coding::ALL.iter().position(|c| *c == coding)
}

fn bit(coding: Coding) -> u8 {
    place(coding).map_or(0, |place| 1 << place)
}

/// All bytes of a file. `None`: it was shorter.
fn whole(handle: &Handle, size: u64, wait: Wait) -> Result<Option<Vec<u8>>, Fault> {
    let mut content = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    let mut at = 0;
    while let Some(room) = content.get_mut(at..).filter(|room| !room.is_empty()) {
        match handle.read_at(at as u64, room, wait) {
            Ok(n) => at += n,
            Err(Fault::Refused(Refusal::Truncated)) => return Ok(None),
            Err(fault) => return Err(fault),
        }
    }
    Ok(Some(content))
}

/// The hash of a file of any size. `None`: it was shorter.
fn hash(handle: &Handle, size: u64, wait: Wait) -> Result<Option<blake3::Hash>, Fault> {
    let mut hasher = blake3::Hasher::new();
    let mut room = vec![0; 128 << 10];
    let mut at = 0;
    while at < size {
        match handle.read_at(at, &mut room, wait) {
            Ok(n) => {
                let n = n.min(usize::try_from(size - at).unwrap_or(n));
                hasher.update(room.get(..n).unwrap_or_default());
                at += n as u64;
            }
            Err(Fault::Refused(Refusal::Truncated)) => return Ok(None),
            Err(fault) => return Err(fault),
        }
    }
    Ok(Some(hasher.finalize()))
}

/// A strong tag means equal bytes. One that is given once fits nothing but what it came with.
fn never_again(identity: &Identity) -> ETag {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Relaxed);
    let start = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mut hasher = blake3::Hasher::new_derive_key("puerta serve 1: entity tag of a file that is being written");
    hasher.update(ETag::of_identity(identity).text()).update(&count.to_le_bytes()).update(&start.to_le_bytes());
    ETag::of_hash(&hasher.finalize())
}
