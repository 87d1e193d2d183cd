//! How a path becomes what is found there.

use super::cache::{Cache, Hit};
use super::compress::{self, compress};
use super::entry::{Entry, INLINE, Reading, Variant, is_tagged_by_content};
use super::folder::{Fault, Root, Wait};
use super::handle::Handle;
use super::pool::Pool;
use super::stat::{Kind, Stat};
use super::tried::{Made, Neighbour, NotMade, Tried};
use super::{Looked, Now, Settings, Trouble};
use crate::core::encoding::{Accepted, Coding};
use crate::core::etag::ETag;
use crate::core::found::{Content, File, Folder, Found};
use crate::core::plan::{Fits, Lookup, Step};
use crate::core::site::Site;
use crate::core::why::Hear;
use crate::problem::{Absence, Problem, Refusal};
use bytes::Bytes;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, TryLockError};

/// How many files may wait to be compressed.
const TO_COMPRESS: usize = 64;

/// How often a file that changes under our hands is looked at again.
const LOOKS: usize = 3;

/// What does not depend on the path.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Which codings will do.
    pub codings: Accepted,
    /// Whether other codings than identity are served at all.
    pub compression: bool,
    /// When.
    pub now: Now,
    /// Whether this thread may wait.
    pub wait: Wait,
    /// Whether what is compressed on the fly is made by this thread, before the look ends; else by another, for who asks later.
    pub make_now: bool,
}

impl Asked {
    pub(super) fn of(lookup: &Lookup<'_>, site: &Site, now: Now, wait: Wait) -> Asked {
        Asked { codings: lookup.codings, compression: site.compression, now, wait, make_now: false }
    }
}

#[derive(Debug)]
pub(super) struct Inner {
    root: Arc<Root>,
    cache: Cache<Entry>,
    compressors: Pool,
    /// Held by who compresses for a client that waits for it.
    at_once: Mutex<()>,
    /// Up to how many bytes content is kept.
    keep: u64,
    content_tags: bool,
}

/// An entry, and the file that it was read from, if it has just been opened.
struct Known {
    entry: Arc<Entry>,
    handle: Option<Handle>,
}

impl Inner {
    pub(super) fn open(folder: &Path, settings: &Settings) -> Result<Inner, Problem> {
        Ok(Inner {
            root: Arc::new(Root::open(folder)?),
            cache: Cache::new(settings.cache),
            compressors: Pool::new("puerta-compress", settings.compressors, TO_COMPRESS),
            at_once: Mutex::new(()),
            keep: settings.file,
            content_tags: settings.content_tags,
        })
    }

    pub(super) fn root(&self) -> BorrowedFd<'_> {
        self.root.fd()
    }

    pub(super) fn cached(&self) -> usize {
        self.cache.used()
    }

    /// The first step that fits. `None`: it would have to wait.
    pub(super) fn look<'s>(
        self: &Arc<Self>,
        steps: impl Iterator<Item = Step<'s>>,
        asked: &Asked,
        hear: &mut impl Hear<Tried>,
    ) -> Option<Looked> {
        let mut trouble = None;
        for step in steps {
            let done = self.step(&step.path, step.fits, asked, hear);
            if let Err(Fault::Refused(refusal)) = done {
                hear.hear(|| Tried::refused(&step.path, refusal));
            }
            match done {
                Ok(Some(found)) => return Some(Looked { found, trouble }),
                Ok(None) => {}
                Err(Fault::Blocks) => return None,
                Err(Fault::Refused(refusal @ Refusal::Missing(_))) => {
                    if refusal != Refusal::Missing(Absence::Nothing) {
                        trouble = Some(Box::new(Trouble { path: step.path.as_ref().into(), refusal }));
                    }
                }
                Err(Fault::Refused(refusal)) => return Some(Looked::refused(step.path.as_ref().into(), refusal)),
            }
        }
        if trouble.is_none() && self.root.is_gone() {
            trouble = Some(Box::new(Trouble { path: Box::default(), refusal: Refusal::Missing(Absence::Gone) }));
        }
        Some(Looked { found: Found::Missing, trouble })
    }

    fn step(
        self: &Arc<Self>,
        path: &[u8],
        fits: Fits,
        asked: &Asked,
        hear: &mut impl Hear<Tried>,
    ) -> Result<Option<Found<Handle>>, Fault> {
        if fits != Fits::Folder
            && let Some(entry) = self.checked(path, asked, hear)?
        {
            hear.hear(|| Tried::seen(path, fits, &Stat { kind: Kind::File, identity: entry.identity }));
            return self.file(path, Known { entry, handle: None }, asked, hear).map(|f| Some(Found::File(f)));
        }
        let seen = self.root.inspect(path, asked.wait)?;
        hear.hear(|| Tried::seen(path, fits, &seen));
        match (seen.kind, fits) {
            (Kind::File, Fits::File | Fits::Any) => {
                let known = self.load(path, asked, hear)?;
                self.file(path, known, asked, hear).map(|f| Some(Found::File(f)))
            }
            (Kind::Folder, Fits::Folder | Fits::Any) => {
                let folder = Handle::open(&self.root, path, Kind::Folder, asked.wait)?;
                Ok(Some(Found::Folder(Folder { folder })))
            }
            _ => Ok(None),
        }
    }

    /// What is kept of a path, if that is still so.
    fn checked(&self, path: &[u8], asked: &Asked, hear: &mut impl Hear<Tried>) -> Result<Option<Arc<Entry>>, Fault> {
        let entry = match self.cache.get(path, asked.now.instant) {
            None => return Ok(None),
            Some(Hit::Fresh(entry)) => return Ok(Some(entry)),
            Some(Hit::Stale(entry)) => entry,
        };
        let same = match self.root.inspect(path, asked.wait) {
            Ok(seen) => {
                seen.kind == Kind::File && seen.identity == entry.identity && self.is_unchanged(path, &entry, asked)?
            }
            Err(Fault::Blocks) => return Err(Fault::Blocks),
            Err(fault) => {
                self.cache.forget(path, &entry);
                return Err(fault);
            }
        };
        if !same {
            self.cache.forget(path, &entry);
            return Ok(None);
        }
        self.look_for_neighbours(path, &entry, asked, hear)?;
        self.cache.confirm(path, &entry, asked.now.instant);
        Ok(Some(entry))
    }

    /// Whether a file of the same identity has the same bytes: when it had just been written as it was read, only reading it again tells.
    fn is_unchanged(&self, path: &[u8], entry: &Entry, asked: &Asked) -> Result<bool, Fault> {
        if entry.is_settled() {
            return Ok(true);
        }
        let handle = Handle::open(&self.root, path, Kind::File, asked.wait)?;
        let Reading::Steady(again) = self.read(&handle, asked)? else { return Ok(false) };
        let same = again.identity == entry.identity && again.tag == entry.tag;
        if same {
            entry.settle(asked.now.wall);
        }
        Ok(same)
    }

    /// Opens a file and learns what there is to know of it.
    fn load(&self, path: &[u8], asked: &Asked, hear: &mut impl Hear<Tried>) -> Result<Known, Fault> {
        let handle = Handle::open(&self.root, path, Kind::File, asked.wait)?;
        let identity = *handle.identity();
        if !is_tagged_by_content(identity.size, self.content_tags) {
            let entry = Arc::new(Entry::large(path, identity, asked.now.wall));
            self.look_for_neighbours(path, &entry, asked, hear)?;
            return Ok(Known { entry, handle: Some(handle) });
        }
        let entry = match self.read(&handle, asked)? {
            Reading::Moving(tag) => {
                // What it was when it was opened is no longer what it is.
                let handle = Handle::open(&self.root, path, Kind::File, asked.wait)?;
                let entry = Arc::new(Entry::moving(path, *handle.identity(), tag));
                return Ok(Known { entry, handle: Some(handle) });
            }
            Reading::Steady(entry) => entry,
        };
        self.look_for_neighbours(path, &entry, asked, hear)?;
        let size = entry.content.as_ref().map_or(0, Bytes::len);
        if self.cache.insert(path, &entry, size, asked.now.instant) {
            entry.set_kept();
        }
        let same = *handle.identity() == entry.identity;
        Ok(Known { entry, handle: same.then_some(handle) })
    }

    fn read(&self, handle: &Handle, asked: &Asked) -> Result<Reading, Fault> {
        if asked.wait == Wait::Never && handle.identity().size > INLINE.min(self.keep) {
            return Err(Fault::Blocks);
        }
        Entry::read(handle, self.keep, asked.wait, asked.now.wall)
    }

    /// Precompressed neighbours, unless they are older than the file: then they are of what it was.
    fn look_for_neighbours(
        &self,
        path: &[u8],
        entry: &Entry,
        asked: &Asked,
        hear: &mut impl Hear<Tried>,
    ) -> Result<(), Fault> {
        if !asked.compression || !entry.compressible {
            return Ok(());
        }
        let mut there = Vec::new();
        for coding in Coding::ALL {
            let path = neighbour(path, coding);
            let seen = match self.root.inspect(&path, asked.wait) {
                Err(Fault::Blocks) => return Err(Fault::Blocks),
                Err(Fault::Refused(refusal)) => Neighbour::Refused(refusal),
                Ok(seen) if seen.kind != Kind::File => Neighbour::Folder,
                Ok(seen) if seen.identity.mtime < entry.identity.mtime => Neighbour::Older,
                Ok(_) => Neighbour::There,
            };
            if seen == Neighbour::There {
                there.push(coding);
            }
            hear.hear(|| Tried::Neighbour { path: path.into(), coding, seen });
        }
        entry.set_neighbours(there.into_iter());
        Ok(())
    }

    /// The file in the first coding that is at hand. What is not yet is begun, once, and sent to who asks later; who would not take the
    /// file as it is waits for it.
    fn file(
        self: &Arc<Self>,
        path: &[u8],
        mut known: Known,
        asked: &Asked,
        hear: &mut impl Hear<Tried>,
    ) -> Result<File<Handle>, Fault> {
        if asked.compression
            && let Some(coded) = self.coded(path, &known.entry, asked, hear)?
        {
            return Ok(coded);
        }
        for _ in 0..LOOKS {
            let entry = &known.entry;
            let size = entry.identity.size;
            let content = match (&entry.content, known.handle.take()) {
                (Some(content), _) => Some(Content::Memory(content.clone())),
                (None, Some(file)) => Some(Content::Open { file, size }),
                (None, None) => {
                    let file = Handle::open(&self.root, path, Kind::File, asked.wait)?;
                    (*file.identity() == entry.identity).then_some(Content::Open { file, size })
                }
            };
            if let Some(content) = content {
                return Ok(self.with(entry, content, Coding::Identity, entry.tag, asked));
            }
            // It has changed since it was checked, which is no reason to serve what is known to be old.
            self.cache.forget(path, entry);
            known = self.load(path, asked, hear)?;
        }
        Err(Fault::Refused(Refusal::Exhausted(puerta::errno::EAGAIN)))
    }

    fn coded(
        self: &Arc<Self>,
        path: &[u8],
        entry: &Arc<Entry>,
        asked: &Asked,
        hear: &mut impl Hear<Tried>,
    ) -> Result<Option<File<Handle>>, Fault> {
        for coding in asked.codings.codings() {
            if entry.has_neighbour(coding)
                && let Some((content, tag)) = self.precompressed(path, coding, asked, hear)?
            {
                hear.hear(|| Tried::Coded { coding, made: Made::Before });
                return Ok(Some(self.with(entry, content, coding, tag, asked)));
            }
            if asked.make_now && is_to_be_made(entry, coding) {
                self.make(path, entry, coding);
            }
            match entry.variant(coding) {
                Some(Some(Variant { content, tag })) => {
                    hear.hear(|| Tried::Coded { coding, made: Made::OnTheFly });
                    return Ok(Some(self.with(entry, Content::Memory(content.clone()), coding, *tag, asked)));
                }
                Some(None) => hear.hear(|| Tried::NotMade { coding, why: NotMade::NotSmaller }),
                None if asked.codings.identity() && is_to_be_made(entry, coding) => {
                    let (inner, path, making) = (Arc::clone(self), Box::<[u8]>::from(path), Arc::clone(entry));
                    if self.compressors.hand(move || drop(inner.make(&path, &making, coding))).is_err() {
                        entry.give_up(coding);
                    }
                }
                None => hear.hear(|| Tried::NotMade { coding, why: not_made(entry) }),
            }
        }
        if asked.codings.identity() || !entry.is_kept() || !is_worth_compressing(entry) {
            return Ok(None);
        }
        for coding in asked.codings.codings() {
            if let Some(Variant { content, tag }) = self.make_for_one(path, entry, coding, asked.wait)? {
                hear.hear(|| Tried::Coded { coding, made: Made::OnTheFly });
                return Ok(Some(self.with(entry, Content::Memory(content), coding, tag, asked)));
            }
        }
        Ok(None)
    }

    fn precompressed(
        &self,
        path: &[u8],
        coding: Coding,
        asked: &Asked,
        hear: &mut impl Hear<Tried>,
    ) -> Result<Option<(Content<Handle>, ETag)>, Fault> {
        let path = neighbour(path, coding);
        let known = match self.checked(&path, asked, hear) {
            Ok(Some(entry)) if entry.content.is_some() => Ok(Known { entry, handle: None }),
            Ok(_) => self.load(&path, asked, hear),
            Err(fault) => Err(fault),
        };
        match known {
            Err(Fault::Blocks) => Err(Fault::Blocks),
            // The file itself is there.
            Err(Fault::Refused(refusal)) => {
                hear.hear(|| Tried::refused(&path, refusal));
                Ok(None)
            }
            Ok(Known { entry, handle }) => {
                let content = match (&entry.content, handle) {
                    (Some(content), _) => Content::Memory(content.clone()),
                    (None, Some(file)) => Content::Open { size: entry.identity.size, file },
                    (None, None) => return Ok(None),
                };
                Ok(Some((content, entry.tag.coded(coding))))
            }
        }
    }

    fn with(&self, entry: &Entry, content: Content<Handle>, coding: Coding, etag: ETag, asked: &Asked) -> File<Handle> {
        let varies = asked.compression && (entry.has_neighbours() || is_worth_compressing(entry));
        File { content, coding, varies, etag, modified: entry.modified, media: entry.media.clone() }
    }

    /// A variant for who waits for it. Where somebody else makes the same, or there is no room to keep it, it is made for this one alone.
    fn make_for_one(
        &self,
        path: &[u8],
        entry: &Arc<Entry>,
        coding: Coding,
        wait: Wait,
    ) -> Result<Option<Variant>, Fault> {
        if let Some(made) = entry.variant(coding) {
            return Ok(made.clone());
        }
        if wait == Wait::Never {
            return Err(Fault::Blocks);
        }
        // One at a time: it takes long, and these threads are there for others.
        let _held = match self.at_once.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) => return Err(Fault::Refused(Refusal::Busy)),
        };
        if entry.begin(coding) {
            return Ok(self.make(path, entry, coding));
        }
        match entry.variant(coding) {
            Some(made) => Ok(made.clone()),
            None => Ok(self.made(path, entry, coding).flatten()),
        }
    }

    /// Makes a variant, and keeps it if the file is still kept and there is room. None where it would not be smaller, or the file is
    /// another by now.
    fn make(&self, path: &[u8], entry: &Arc<Entry>, coding: Coding) -> Option<Variant> {
        let made = self.made(path, entry, coding)?;
        if made.as_ref().is_none_or(|made| self.cache.grow(path, entry, made.content.len())) {
            entry.set_variant(coding, made.clone());
        }
        made
    }

    /// A variant; within, `None` where it would not be smaller; around, where the file is another by now.
    fn made(&self, path: &[u8], entry: &Entry, coding: Coding) -> Option<Option<Variant>> {
        let content = match &entry.content {
            Some(content) => content.clone(),
            None => self.content(path, entry)?,
        };
        Some(compress(&content, coding).map(|made| {
            let content = Bytes::from(made);
            Variant { tag: ETag::of_content(&content), content }
        }))
    }

    /// The content of a file that is known but not kept.
    fn content(&self, path: &[u8], entry: &Entry) -> Option<Bytes> {
        let handle = Handle::open(&self.root, path, Kind::File, Wait::Allowed).ok()?;
        let read = Entry::read(&handle, compress::UP_TO, Wait::Allowed, std::time::SystemTime::UNIX_EPOCH).ok()?;
        let Reading::Steady(read) = read else { return None };
        read.content.clone().filter(|_| read.tag == entry.tag)
    }
}

/// Whether it falls to the caller to have a variant made: true once.
fn is_to_be_made(entry: &Entry, coding: Coding) -> bool {
    entry.is_kept() && is_worth_compressing(entry) && entry.begin(coding)
}

fn not_made(entry: &Entry) -> NotMade {
    match entry.identity.size {
        _ if !entry.compressible => NotMade::Incompressible,
        ..compress::FROM => NotMade::Small,
        size if size > compress::UP_TO => NotMade::Large,
        _ if !entry.is_kept() => NotMade::NotKept,
        _ => NotMade::UnderWay,
    }
}

fn is_worth_compressing(entry: &Entry) -> bool {
    entry.compressible && (compress::FROM..=compress::UP_TO).contains(&entry.identity.size)
}

fn neighbour(path: &[u8], coding: Coding) -> Vec<u8> {
    [path, coding.suffix().as_bytes()].concat()
}
