//! The entries of a folder as a page or as JSON, written as they come.
//!
//! A [`Writer`] is handed entries in portions and writes what it can: the start at once, before any entry is known. Up to
//! [`SORTED`] entries (those that the filter lets through) are held back until the last has come, and stand in the order that
//! is asked for. A folder with more is written in its own order from there on, so that memory stays bounded; the page says so,
//! and its script sorts once everything has arrived.
//!
//! As JSON (`Accept: application/json`; the same query):
//!
//! ```json
//! {"path":"/music/","sorted":true,"entries":[
//! {"name":"live","kind":"folder","size":null,"mtime":"2026-11-20T21:39:45Z","href":"./live/"},
//! {"name":"one.flac","kind":"file","size":31457280,"mtime":"2026-11-20T21:39:45Z","href":"./one.flac"}
//! ],"complete":true}
//! ```
//!
//! | member | what it is |
//! | --- | --- |
//! | `path` | the folder below the one that is served, from `/` to `/`, decoded |
//! | `sorted` | whether the entries are in the order that is asked for; if not, they are in the folder's own |
//! | `name` | the name, not made visible; bytes that are not UTF-8 are U+FFFD here, so go by `href` |
//! | `kind` | `folder` or `file` |
//! | `size` | bytes; `null` for a folder |
//! | `mtime` | when it was changed: RFC 3339, UTC, whole seconds; `null` where the file system does not say |
//! | `href` | relative to the folder's URL, percent-encoded from the very bytes of the name |
//! | `complete` | `false` if the folder could not be read to its end; it comes last, so a cut-off answer has none |

mod html;
mod json;
mod order;
mod time;

pub use order::{Asked, By, FILTER};

use super::path::SitePath;
use super::response::Form;
use super::words;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::SystemTime;

/// How many entries are sorted; a folder with more is listed in its own order. With the longest names that is some 8 MiB.
pub const SORTED: usize = 10_000;

/// About how many bytes one call of [`Writer::write`] adds: at most one entry more.
pub const PORTION: usize = 32 * 1024;

/// All that RFC 3986 does not call unreserved is escaped in a link.
const SAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One entry of a folder: what a link leads to, not the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name: any bytes but `/` and NUL.
    pub name: Box<[u8]>,
    /// What it is.
    pub kind: Kind,
    /// Bytes; of a file only.
    pub size: u64,
    /// When it was changed.
    pub modified: Option<SystemTime>,
}

/// What an entry is. Nothing else is served, so nothing else is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A regular file.
    File,
}

/// How the entries of a folder ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All of them were handed over.
    Whole,
    /// Reading failed: some are missing, and the listing says so.
    Broken,
}

/// Writes one listing.
///
/// ```
/// use puerta_serve::core::listing::{Asked, End, Entry, Kind, Writer};
/// use puerta_serve::core::{path::SitePath, response::Form};
///
/// let mut writer = Writer::new(&SitePath::ROOT, Asked::read(Some(b"sort=size")), Form::Json);
/// let mut out = Vec::new();
/// while writer.write(&mut out) {}
/// assert!(!out.is_empty(), "the start goes out before any entry is known");
///
/// writer.take([Entry { name: (*b"a.txt").into(), kind: Kind::File, size: 1, modified: None }]);
/// writer.end(End::Whole);
/// while writer.write(&mut out) {}
/// assert!(out.ends_with(b"],\"complete\":true}\n"));
/// ```
#[derive(Debug)]
pub struct Writer {
    place: Place,
    top: Cow<'static, str>,
    asked: Asked,
    form: Form,
    stage: Stage,
    waiting: VecDeque<Entry>,
    end: Option<End>,
    /// How many entries there are, with those that the filter keeps out.
    offered: u64,
    count: Count,
}

/// Where the folder is: its segments from the root down.
#[derive(Debug)]
struct Place(Vec<Box<[u8]>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    /// Entries are held back to be sorted.
    Gathering,
    /// Entries are written as they come.
    Flowing,
    Done,
}

/// What was written so far.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    folders: u64,
    files: u64,
    bytes: u64,
}

impl Writer {
    /// A listing of the folder at this path.
    pub fn new(path: &SitePath<'_>, asked: Asked, form: Form) -> Writer {
        Writer {
            place: Place(path.segments().map(Box::from).collect()),
            top: Cow::Borrowed(words::TOP),
            asked,
            form,
            stage: Stage::Start,
            waiting: VecDeque::new(),
            end: None,
            offered: 0,
            count: Count::default(),
        }
    }

    /// What the page calls the folder at the root; without a name, `Home`.
    #[must_use]
    pub fn called(mut self, name: Option<&str>) -> Writer {
        if let Some(name) = name {
            self.top = Cow::Owned(order::visible(name.as_bytes()));
        }
        self
    }

    /// Hands over the next entries, in any order. Dropped here are those that the filter keeps out, and names with a `\` in
    /// them, which no [`SitePath`] can name. What is handed over is held until it is written: hand over some hundreds, then
    /// [`write`](Self::write).
    pub fn take(&mut self, entries: impl IntoIterator<Item = Entry>) {
        let (lets, offered) = (self.asked.lets(), &mut self.offered);
        let named = entries.into_iter().filter(|e| !e.name.contains(&b'\\')).inspect(|_| *offered += 1);
        self.waiting.extend(named.filter(lets));
    }

    /// No more entries come.
    pub fn end(&mut self, end: End) {
        self.end = Some(end);
    }

    /// Whether all was written.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Appends what can be written now, about [`PORTION`] bytes at most. `true`: there is more already, so send this and call
    /// again. `false`: hand over more entries, or it [is done](Self::is_done).
    pub fn write(&mut self, out: &mut Vec<u8>) -> bool {
        match self.stage {
            Stage::Start => {
                match self.form {
                    Form::Html => html::start(&self.place, &self.top, &self.asked, out),
                    Form::Json => json::start(&self.place, out),
                }
                self.stage = Stage::Gathering;
                self.end.is_some() || self.waiting.len() > SORTED
            }
            Stage::Gathering => {
                let sorted = self.waiting.len() <= SORTED;
                if sorted && self.end.is_none() {
                    return false;
                }
                if sorted {
                    self.asked.sort(self.waiting.make_contiguous());
                }
                match self.form {
                    Form::Html => html::table(&self.place, &self.asked, sorted, out),
                    Form::Json => json::table(sorted, out),
                }
                self.stage = Stage::Flowing;
                true
            }
            Stage::Flowing => self.flow(out),
            Stage::Done => false,
        }
    }

    fn flow(&mut self, out: &mut Vec<u8>) -> bool {
        let order = self.asked.order_query();
        let full = out.len() + PORTION;
        while out.len() < full {
            let Some(entry) = self.waiting.pop_front() else {
                let Some(end) = self.end else { return false };
                match self.form {
                    Form::Html => html::end(&self.asked, end, self.count, self.offered, out),
                    Form::Json => json::end(end, out),
                }
                self.stage = Stage::Done;
                return false;
            };
            match self.form {
                Form::Html => html::row(&entry, self.count, &order, out),
                Form::Json => json::row(&entry, self.count, out),
            }
            self.count.add(&entry);
        }
        true
    }
}

impl Count {
    fn entries(self) -> u64 {
        self.folders + self.files
    }

    fn add(&mut self, entry: &Entry) {
        match entry.kind {
            Kind::Folder => self.folders += 1,
            Kind::File => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(entry.size);
            }
        }
    }
}

/// The link to an entry, from its folder. `./` in front: no name can be a scheme or a host.
fn href(entry: &Entry) -> String {
    let slash = if entry.kind == Kind::Folder { "/" } else { "" };
    format!("./{}{slash}", percent_encode(&entry.name, SAFE))
}

#[cfg(test)]
pub(super) mod tests;
