//! From a head to what to look up, or to an answer at once.

use super::accept;
use super::encoding::Accepted;
use super::head::{Head, Method};
use super::path::{BadPath, SitePath};
use super::response::Status;
use super::site::Site;
use super::target::Target;
use std::borrow::Cow;

/// What is to be done about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan<'a> {
    /// Answered without looking: [`super::respond::answer`].
    Answer(Answer),
    /// To be looked up in a store, then [`super::respond::respond`].
    Lookup(Lookup<'a>),
}

/// An answer that needs no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// 204 with `Allow`; to a CORS preflight also with what it asks, if the site allows its origin.
    Options,
    /// An error.
    Refused(Why),
}

/// Why a request is refused without looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The method is none that is known: 501.
    UnknownMethod,
    /// Files do not answer this method: 405 with `Allow`.
    Method,
    /// The target is no path here: 400.
    Target(BadPath),
    /// `*`, which is for OPTIONS alone: 400.
    Server,
    /// A name in the path begins with a dot: 404.
    Hidden,
}

/// What a store is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup<'a> {
    /// The one normal path: authorisation goes by this too.
    pub path: SitePath<'a>,
    /// What stands behind the `?`, as it came.
    pub query: Option<Cow<'a, [u8]>>,
    /// The codings that the client takes; identity alone where the site does not compress.
    pub codings: Accepted,
    /// Whether a browser asks for a page to show, so that `--spa` may answer.
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

/// What is to be done about the request with that head.
///
/// An unknown method is 501, then a refused target 400, then a hidden path 404, then a method that files do not answer 405
/// (RFC 9110 sections 9.1, 15.5.6, 15.6.2). `*` is for OPTIONS alone (RFC 9112 section 3.2.4).
pub fn plan<'a>(head: &Head<'a>, site: &Site) -> Plan<'a> {
    let refused = |why| Plan::Answer(Answer::Refused(why));
    let serves = matches!(head.method, Method::Get | Method::Head);
    match head.method {
        Method::Unknown => return refused(Why::UnknownMethod),
        // Its target is an authority, which names nothing here.
        Method::Connect => return refused(Why::Method),
        _ => {}
    }
    let (path, query) = match Target::read(head.target) {
        Ok(Target::Path { path, query, .. }) => (path, query),
        Ok(Target::Server) if head.method == Method::Options => return Plan::Answer(Answer::Options),
        Ok(Target::Server) => return refused(Why::Server),
        Err(bad) => return refused(Why::Target(bad)),
    };
    let path = match SitePath::read(path) {
        Ok(path) => path,
        Err(bad) => return refused(Why::Target(bad)),
    };
    if path.is_hidden() && !site.hidden {
        return refused(Why::Hidden);
    }
    if head.method == Method::Options {
        return Plan::Answer(Answer::Options);
    }
    if !serves {
        return refused(Why::Method);
    }
    let codings = if site.compression { Accepted::read(head.all("Accept-Encoding")) } else { Accepted::IDENTITY };
    let page = site.spa.is_some() && accept::is_page(head);
    Plan::Lookup(Lookup { path, query: query.map(Cow::Borrowed), codings, page })
}

impl Why {
    /// The status that says so.
    pub const fn status(self) -> Status {
        match self {
            Why::UnknownMethod => Status::NOT_IMPLEMENTED,
            Why::Method => Status::METHOD_NOT_ALLOWED,
            Why::Target(_) | Why::Server => Status::BAD_REQUEST,
            Why::Hidden => Status::NOT_FOUND,
        }
    }
}

impl Lookup<'_> {
    /// What to try, in order: the path itself, or a folder's index files and then the folder; the path with `.html` where
    /// URLs are clean; the page of `--spa`. The first allocates nothing unless it is an index below a folder.
    pub fn steps<'s>(&'s self, site: &'s Site) -> impl Iterator<Item = Step<'s>> {
        let path = self.path.as_bytes();
        let folder = self.path.is_folder();
        let index = site.index.iter().filter(move |_| folder);
        let index = index.map(move |name| Step { path: below(path, name), fits: Fits::File });
        let fits = if folder { Fits::Folder } else { Fits::Any };
        let itself = Step { path: Cow::Borrowed(path), fits };
        let clean = std::iter::once(path).filter(move |_| site.clean && !folder);
        let clean = clean.map(|path| Step { path: [path, b".html"].concat().into(), fits: Fits::File });
        let spa = site.spa.iter().filter(|_| self.page);
        let spa = spa.map(|page| Step { path: Cow::Borrowed(page.as_bytes()), fits: Fits::File });
        index.chain([itself]).chain(clean).chain(spa)
    }

    /// The same, borrowing nothing: for a thread that may block.
    pub fn into_owned(self) -> Lookup<'static> {
        let Lookup { path, query, codings, page } = self;
        Lookup { path: path.into_owned(), query: query.map(|query| Cow::Owned(query.into_owned())), codings, page }
    }
}

fn below<'a>(folder: &'a [u8], name: &'a str) -> Cow<'a, [u8]> {
    if folder.is_empty() { Cow::Borrowed(name.as_bytes()) } else { [folder, b"/", name.as_bytes()].concat().into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::head::{Field, Version};

    fn steps(target: &str, site: &Site) -> Vec<(String, Fits)> {
        let fields = [Field { name: "Accept", value: b"text/html" }];
        let head = Head { method: Method::Get, target: target.as_bytes(), version: Version::Http11, fields: &fields };
        let Plan::Lookup(lookup) = plan(&head, site) else { panic!("{target}") };
        let owned = lookup.clone().into_owned();
        assert_eq!(lookup.steps(site).collect::<Vec<_>>(), owned.steps(site).collect::<Vec<_>>());
        owned.steps(site).map(|step| (String::from_utf8_lossy(&step.path).into_owned(), step.fits)).collect()
    }

    #[test]
    fn what_is_tried_depends_on_the_slash_and_on_what_the_site_was_told() {
        let (plain, all) =
            (Site::default(), Site { clean: true, spa: SitePath::given("app.html").ok(), ..Site::default() });
        let text =
            |all: &[(&str, Fits)]| all.iter().map(|(path, fits)| ((*path).to_owned(), *fits)).collect::<Vec<_>>();
        use Fits::{Any, File, Folder};
        assert_eq!(steps("/a", &plain), text(&[("a", Any)]));
        assert_eq!(steps("/", &plain), text(&[("index.html", File), ("index.htm", File), ("", Folder)]));
        assert_eq!(steps("/a/b/", &plain), text(&[("a/b/index.html", File), ("a/b/index.htm", File), ("a/b", Folder)]));
        assert_eq!(steps("/a", &all), text(&[("a", Any), ("a.html", File), ("app.html", File)]));
        let folder = [("a/index.html", File), ("a/index.htm", File), ("a", Folder), ("app.html", File)];
        assert_eq!(steps("/a/", &all), text(&folder));
    }
}
