//! From a head to what to look up, or to an answer at once.

use super::encoding::Accepted;
use super::head::Head;
use super::path::SitePath;
use super::response::Status;
use super::site::Site;
use std::borrow::Cow;

/// What is to be done about a request.
#[derive(Debug, Clone)]
pub enum Plan<'a> {
    /// Answered without looking: `respond::answer`.
    Answer(Answer),
    /// To be looked up in a store, then `respond::respond`.
    Lookup(Lookup<'a>),
}

/// An answer that needs no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 204 with `Allow`; `preflight`: with what CORS wants to know, if the site allows that origin.
    Options {
        /// Whether the request is a CORS preflight.
        preflight: bool,
    },
    /// An error: 400 for a refused path, 404 for a hidden one, 405 with `Allow`, 501.
    Refused(Status),
}

/// What a store is asked for, and what of the head the answer depends on.
#[derive(Debug, Clone)]
pub struct Lookup<'a> {
    /// The head that asks.
    pub head: &'a Head<'a>,
    /// The one normal path: authorisation goes by this too.
    pub path: SitePath<'a>,
    /// What stands behind the `?`, as it came.
    pub query: Option<&'a [u8]>,
    /// The codings that the client takes; identity alone where the site does not compress.
    pub codings: Accepted,
    /// Whether a browser asks for a page to show (`Accept` names `text/html`), so that `--spa` may answer.
    pub page: bool,
}

/// One thing to try. A store takes the first step that fits; where none does, it has [`super::found::Found::Missing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'a> {
    /// Where: as [`SitePath::as_bytes`].
    pub path: Cow<'a, [u8]>,
    /// What fits.
    pub fits: Fits,
}

/// What a step may find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fits {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// Either.
    Any,
}

impl<'a> Lookup<'a> {
    /// What to try, in order: the path itself, or a folder's index files and then the folder; the path with `.html` where URLs are clean; the page of `--spa`.
    /// The first costs no allocation unless it is an index below a folder.
    pub fn steps<'s>(&'s self, site: &'s Site) -> impl Iterator<Item = Step<'s>> {
        let path = self.path.as_bytes();
        let folder = self.path.is_folder();
        let index = site
            .index
            .iter()
            .filter(move |_| folder)
            .map(move |name| Step { path: below(path, name), fits: Fits::File });
        let itself = Step { path: Cow::Borrowed(path), fits: if folder { Fits::Folder } else { Fits::Any } };
        let clean = (site.clean && !folder).then(|| Step { path: [path, b".html"].concat().into(), fits: Fits::File });
        let spa = site.spa.as_ref().filter(|_| self.page);
        let spa = spa.map(|page| Step { path: Cow::Borrowed(page.as_bytes()), fits: Fits::File });
        index.chain([itself]).chain(clean).chain(spa)
    }
}

fn below<'a>(folder: &'a [u8], name: &'a str) -> Cow<'a, [u8]> {
    if folder.is_empty() { Cow::Borrowed(name.as_bytes()) } else { [folder, b"/", name.as_bytes()].concat().into() }
}
