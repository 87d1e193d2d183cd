//! The arguments of `serve`.

use super::share::Sharing;
use crate::arguments::{Output, number, time};
use clap::{Args, ValueEnum};
use puerta::units;
use puerta_serve::core::fields::{Name, Value};
use puerta_serve::core::path::SitePath;
use puerta_serve::core::response::Status;
use puerta_serve::core::site::{BadHeader, Cache, Cors, Site, header};
use puerta_serve::http1::{self, head};
use puerta_serve::{server, store};
use std::path::PathBuf;
use std::time::Duration;

/// Arguments of serve.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder to serve [default: the current one]
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
    /// Where to listen: :port (all interfaces), host:port, /path or @name (Unix sockets), fd:N (a listening socket that we were
    /// started with); repeatable [default: the sockets of systemd's LISTEN_FDS, else 127.0.0.1:8000 or the next free port]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Vec<String>,
    #[command(flatten)]
    pub(crate) sharing: Sharing,
    #[command(flatten)]
    pub(crate) pages: Pages,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
    /// Write a line for each response to this file, behind what is there; - is stdout. SIGHUP opens it anew
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// How the lines of the log are written
    #[arg(long, value_name = "FORM", default_value = "common", requires = "log")]
    pub(crate) log_format: LogForm,
    #[command(flatten)]
    pub(crate) guard: super::guard::Guard,
    #[command(flatten)]
    pub(crate) explaining: super::explain::Explaining,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// What is sent.
#[derive(Debug, Args)]
pub(crate) struct Pages {
    /// Serve and list names that begin with a dot, too [default: they are 404]
    #[arg(long)]
    hidden: bool,
    /// Do not list folders that have no index: they are 404
    #[arg(long)]
    no_listing: bool,
    /// The file that stands for its folder; repeatable, the first that is there [default: index.html, index.htm]
    #[arg(long, value_name = "NAME", value_parser = file_name)]
    index: Vec<String>,
    /// Answer /about with about.html
    #[arg(long)]
    clean_urls: bool,
    /// Answer a browser that asks for a page which is not there with this file: for applications that route by themselves
    /// [default without =FILE: index.html]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "index.html", value_parser = site_path)]
    spa: Option<SitePath<'static>>,
    /// Send this file of the folder with an error in place of our own page: 404.html, or 403=denied.html for another status;
    /// repeatable; where no request could be read (408, 414, 431, some 400) it is ours
    #[arg(long, value_name = "[STATUS=]FILE", value_parser = error_page)]
    error_page: Vec<(Status, SitePath<'static>)>,
    /// How long browsers keep a file without asking again: a TIME, immutable (a year, but for pages) or never [default: they keep
    /// it and ask each time]
    #[arg(long, value_name = "TIME", value_parser = cache)]
    cache: Option<Cache>,
    /// Let pages of this origin (https://example.com) read what is served; repeatable; without =ORIGIN: of all
    #[arg(long, value_name = "ORIGIN", num_args = 0..=1, require_equals = true, default_missing_value = "*", value_parser = origin)]
    cors: Vec<String>,
    /// Forbid pages to be framed, to tell others their address, to use camera, microphone and place
    #[arg(long)]
    security_headers: bool,
    /// Send this field, 'Name: value', with every response; repeatable
    #[arg(long, value_name = "FIELD", value_parser = field)]
    header: Vec<(Name, Value)>,
    /// Send files as they are: no compressed neighbours (.br .zst .gz), nothing compressed on the fly
    #[arg(long)]
    no_compression: bool,
}

/// What clients, and we, may take.
#[derive(Debug, Args)]
pub(crate) struct Bounds {
    /// Connections at once; more get 503, over TLS nothing [default: 10000, as far as there are descriptors]
    #[arg(long, alias = "max-connections", value_name = "N", value_parser = number::<u32>(1..))]
    max: Option<u32>,
    /// Connections at once from one address (IPv6: from one /64); more get 503, over TLS nothing [default: 256]
    #[arg(long, value_name = "N", value_parser = number::<u32>(1..))]
    max_per_address: Option<u32>,
    /// Bytes of a request's head; more is 431 [default: 32k; 1k to 60k]
    #[arg(long, value_name = "SIZE", value_parser = head_size)]
    head_size: Option<usize>,
    /// Fields of a request's head; more is 431 [default: 100; at most 256]
    #[arg(long, value_name = "N", value_parser = number::<u16>(1..=256))]
    fields: Option<u16>,
    /// Time for a head to come whole; then 408 [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    within: Option<Duration>,
    /// Close a connection on which nothing was asked for so long [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    idle: Option<Duration>,
    /// Bytes a second that a client takes at least, over 10 s, of what is sent to it; else its connection is reset; 0 is without
    /// a limit [default: 1k]
    #[arg(long, value_name = "SIZE", value_parser = rate)]
    min_rate: Option<u32>,
    /// Requests on one connection [default: 100000]
    #[arg(long, value_name = "N", value_parser = number::<u32>(1..))]
    requests: Option<u32>,
    /// Time for responses under way when we are stopped; a second signal ends them at once [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    stop_time: Option<Duration>,
    /// Threads that serve [default: one for each core; at most 1024]
    #[arg(long, value_name = "N", value_parser = number::<u16>(1..=1024))]
    threads: Option<u16>,
    /// Memory for hot files and compressed ones; 0 is none [default: 64m]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    cache_size: Option<u64>,
    /// The largest file that is kept in that memory [default: 256k]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    cache_file: Option<u64>,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    /// The Common Log Format
    Common,
    /// The combined format of Apache and nginx: the same with Referer and User-Agent
    Combined,
    /// One object a line
    Json,
}

impl Arguments {
    /// The folder to serve.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.clone().unwrap_or_else(|| PathBuf::from("."))
    }

    /// The folder's own name; the root has none.
    fn name(&self) -> Option<String> {
        let folder = self.folder();
        // `.` and `..` are no names.
        let folder = if folder.file_name().is_some() { folder } else { folder.canonicalize().unwrap_or(folder) };
        folder.file_name().map(|name| name.to_string_lossy().into_owned())
    }

    /// What is sent of it.
    pub(crate) fn site(&self) -> Site {
        let pages = &self.pages;
        let usual = Site::default();
        Site {
            name: self.sharing.share.then(|| self.name()).flatten(),
            hidden: pages.hidden,
            index: if pages.index.is_empty() { usual.index } else { pages.index.clone() },
            clean: pages.clean_urls,
            spa: pages.spa.clone(),
            listing: !pages.no_listing,
            compression: !pages.no_compression,
            cache: pages.cache.unwrap_or(usual.cache),
            cors: match pages.cors.as_slice() {
                [] => Cors::Off,
                all if all.iter().any(|origin| origin == "*") => Cors::Any,
                all => Cors::Origins(all.to_vec()),
            },
            security: pages.security_headers,
            header: pages.header.clone(),
            error_pages: pages.error_page.clone(),
        }
    }

    /// What a connection may take.
    pub(crate) fn limits(&self) -> http1::Limits {
        let (given, usual) = (&self.bounds, http1::Limits::default());
        let head = given.head_size.unwrap_or(usual.head.head);
        http1::Limits {
            head: head::Limits {
                head,
                fields: given.fields.map_or(usual.head.fields, usize::from),
                target: usual.head.target.min(head),
            },
            head_time: given.within.unwrap_or(usual.head_time),
            idle: given.idle.unwrap_or(usual.idle),
            rate: given.min_rate.unwrap_or(usual.rate),
            requests: given.requests.unwrap_or(usual.requests),
            ..usual
        }
    }

    /// How many are served, and by whom.
    pub(crate) fn settings(&self) -> server::Settings {
        let (given, usual) = (&self.bounds, server::Settings::default());
        server::Settings {
            connections: given.max.map_or(usual.connections, |n| n as usize),
            per_address: given.max_per_address.map_or(usual.per_address, |n| n as usize),
            threads: given.threads.map_or(usual.threads, usize::from),
            stop_time: given.stop_time.unwrap_or(usual.stop_time),
        }
    }

    /// What the store may keep.
    pub(crate) fn store(&self) -> store::Settings {
        let (given, usual) = (&self.bounds, store::Settings::default());
        let cache = given.cache_size.map_or(usual.cache, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        store::Settings { cache, file: given.cache_file.unwrap_or(usual.file), ..usual }
    }
}

fn some_time(text: &str) -> Result<Duration, String> {
    time(text).and_then(|time| if time.is_zero() { Err("it must be more than nothing".to_owned()) } else { Ok(time) })
}

fn size(text: &str) -> Result<u64, String> {
    units::parse_size(text).map_err(|error| error.to_string())
}

fn head_size(text: &str) -> Result<usize, String> {
    let bytes = usize::try_from(size(text)?).unwrap_or(usize::MAX);
    if (1024..=60 * 1024).contains(&bytes) { Ok(bytes) } else { Err("it is 1k to 60k".to_owned()) }
}

fn rate(text: &str) -> Result<u32, String> {
    u32::try_from(size(text)?).map_err(|_| "it is less than 4g".to_owned())
}

fn file_name(text: &str) -> Result<String, String> {
    match site_path(text) {
        Ok(path) if path.segments().count() == 1 => Ok(text.to_owned()),
        _ => Err("it is the name of a file, without a folder: index.html".to_owned()),
    }
}

fn site_path(text: &str) -> Result<SitePath<'static>, String> {
    match SitePath::given(text) {
        Ok(path) if !path.is_folder() => Ok(path.into_owned()),
        _ => Err("it is the path of a file below DIR, without . and ..: errors/404.html".to_owned()),
    }
}

fn error_page(text: &str) -> Result<(Status, SitePath<'static>), String> {
    let (status, file) = match text.split_once('=') {
        Some((status, file)) if status.bytes().all(|b| b.is_ascii_digit()) => (status, file),
        _ => ("404", text),
    };
    let status = status.parse().ok().filter(|status| (400..600).contains(status));
    Ok((Status(status.ok_or("the status of an error is 400 to 599")?), site_path(file)?))
}

fn cache(text: &str) -> Result<Cache, String> {
    match text {
        "immutable" => Ok(Cache::Immutable),
        "never" => Ok(Cache::Never),
        text => time(text).map(Cache::Age).map_err(|error| format!("neither immutable nor never, and {error}")),
    }
}

/// As browsers write it: scheme, host and port alone.
fn origin(text: &str) -> Result<String, String> {
    let host = text.split_once("://").map_or("", |(_, host)| host);
    let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase());
    if text == "*" || (plain && !host.is_empty() && !host.contains(['/', '?', '#', '@', ','])) {
        return Ok(text.to_owned());
    }
    Err("an origin is a scheme, a host and perhaps a port, in small letters: https://example.com".to_owned())
}

fn field(text: &str) -> Result<(Name, Value), String> {
    header(text).map_err(|why| {
        let why = match why {
            BadHeader::Name => "it begins with a name and a colon: 'X-Robots-Tag: noindex'",
            BadHeader::Value => "there are control characters in it",
            BadHeader::Ours => "this field says how a response is to be read, which is ours to say",
        };
        why.to_owned()
    })
}
