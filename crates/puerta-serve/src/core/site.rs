//! What the server was told about what it serves. Made once, shared by all.

use super::encoding::Accepted;
use super::fields::{Name, Value};
use super::path::SitePath;
use super::plan::Lookup;
use super::response::Status;
use std::time::Duration;

/// What the server was told. [`Site::default`] is what `puerta serve DIR` does with no flags.
#[derive(Debug, Clone)]
pub struct Site {
    /// What listings call the folder that is served, to whoever may see them; shown with control characters made visible. Default: none,
    /// it is `Home`.
    pub name: Option<String>,
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
    /// Whether fields are sent that keep a page from being framed, from telling others its address, and from the camera,
    /// the microphone and the place. Default: no, since they can break a page. `X-Content-Type-Options: nosniff` is always
    /// sent.
    pub security: bool,
    /// More fields, as [`header`] reads them: on every response, in place of ours of the same name.
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
    /// `max-age=31536000, immutable`: for names that change with their content. Pages (`text/html`) are revalidated, since
    /// they name the others.
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

/// Why `--header` is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadHeader {
    /// There is no colon, or what stands before it is no field name.
    Name,
    /// The value has control characters in it.
    Value,
    /// The server says this itself: how a message is framed, what is sent, or by what it is known.
    Ours,
}

/// Fields that would make a response false if others set them.
const OURS: [&str; 17] = [
    "Accept-Ranges",
    "Allow",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Range",
    "Date",
    "ETag",
    "Keep-Alive",
    "Last-Modified",
    "Location",
    "Proxy-Connection",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "WWW-Authenticate",
];

/// A field as it is given on the command line: `Name: value`.
///
/// # Errors
/// What [`BadHeader`] lists.
pub fn header(text: &str) -> Result<(Name, Value), BadHeader> {
    let (name, value) = text.split_once(':').ok_or(BadHeader::Name)?;
    if OURS.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
        return Err(BadHeader::Ours);
    }
    let name = Name::given(name).map_err(|_| BadHeader::Name)?;
    Ok((name, Value::given(value).map_err(|_| BadHeader::Value)?))
}

impl Site {
    /// What is to be looked up for the body of an error of that status; then [`super::respond::put_page`]. `None`: the page
    /// is ours.
    pub fn error_page(&self, status: Status) -> Option<Lookup<'static>> {
        let (_, path) = self.error_pages.iter().find(|(of, _)| *of == status)?;
        Some(Lookup { path: path.clone(), query: None, codings: Accepted::IDENTITY, page: false })
    }
}

impl Default for Site {
    fn default() -> Self {
        Site {
            name: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_one_field_that_is_not_ours() {
        let (name, value) = header("X-Robots-Tag:  noindex ").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("X-Robots-Tag", &b"noindex"[..]));
        assert!(header("X-Empty:").is_ok());
        for (text, why) in [
            ("", BadHeader::Name),
            ("X-Name", BadHeader::Name),
            (": value", BadHeader::Name),
            ("X Name: value", BadHeader::Name),
            ("X-Name : value", BadHeader::Name),
            ("X-\u{f1}: value", BadHeader::Name),
            ("X-Name: a\r\nSet-Cookie: b", BadHeader::Value),
            ("X-Name: a\nb", BadHeader::Value),
            ("X-Name: a\0b", BadHeader::Value),
            ("content-length: 5", BadHeader::Ours),
            ("Transfer-Encoding: chunked", BadHeader::Ours),
            ("ETag: \"x\"", BadHeader::Ours),
        ] {
            assert_eq!(header(text), Err(why), "{text:?}");
        }
    }
}
