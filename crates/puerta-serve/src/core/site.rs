//! What the server was told about what it serves. Made once, shared by all.

use super::fields::{Name, Value};
use super::path::SitePath;
use super::response::Status;
use std::time::Duration;

/// What the server was told. [`Site::default`] is what `puerta serve DIR` does with no flags.
#[derive(Debug, Clone)]
pub struct Site {
    /// Whether names that begin with a dot are served and listed. Default: no, they are 404.
    pub hidden: bool,
    /// What stands for a folder, in this order. Default: `index.html`, `index.htm`.
    pub index: Vec<String>,
    /// Whether `/about` is answered with `about.html` where there is no `about`. Default: no.
    pub clean: bool,
    /// What is answered to a browser that asks for a page which is not there: for applications that route by themselves.
    /// Default: none; `--spa` says `index.html`.
    pub spa: Option<SitePath<'static>>,
    /// Whether a folder without an index is listed. Default: yes; else it is 404.
    pub listing: bool,
    /// Whether precompressed neighbours and variants made on the fly are sent to who takes them. Default: yes.
    pub compression: bool,
    /// What `Cache-Control` says of files. Default: [`Cache::Revalidate`].
    pub cache: Cache,
    /// Which pages of other origins may read what is served. Default: none.
    pub cors: Cors,
    /// Whether fields are sent that keep a page from being framed, from sending its address on, and from devices
    /// (`Content-Security-Policy`, `X-Frame-Options`, `Referrer-Policy`, `Permissions-Policy`, `Cross-Origin-Opener-Policy`). Default: no: they can break a page. (`X-Content-Type-Options: nosniff` is always sent.)
    pub security: bool,
    /// More fields, as `--header` gives them: on every response, in place of ours of the same name.
    pub header: Vec<(Name, Value)>,
    /// Files that are sent with an error of that status in place of our own page.
    pub error_pages: Vec<(Status, SitePath<'static>)>,
}

/// How long files may be used again without asking (RFC 9111 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// `no-cache`: kept, but asked for again each time; an unchanged file is a 304.
    Revalidate,
    /// `max-age=SECONDS`.
    Age(Duration),
    /// `max-age=31536000, immutable`: for names that change with their content.
    Immutable,
    /// `no-store`.
    Never,
}

/// Which origins may read responses (the Fetch standard, "CORS protocol").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cors {
    /// None but our own.
    Off,
    /// All: `Access-Control-Allow-Origin: *`.
    Any,
    /// These, compared as they are written: `https://example.com`.
    Origins(Vec<String>),
}

impl Default for Site {
    fn default() -> Self {
        Site {
            hidden: false,
            index: vec!["index.html".to_owned(), "index.htm".to_owned()],
            clean: false,
            spa: None,
            listing: true,
            compression: true,
            cache: Cache::Revalidate,
            cors: Cors::Off,
            security: false,
            header: Vec::new(),
            error_pages: Vec::new(),
        }
    }
}
