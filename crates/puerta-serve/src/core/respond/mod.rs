//! From what was found to a response: its coding, then preconditions, then ranges (RFC 9110 section 13.2.2).

mod common;
mod parts;

use super::accept;
use super::conditions::{self, IfRange, Rule, Validators, Verdict};
use super::date::Date;
use super::encoding::Coding;
use super::fields::{Fields, Value};
use super::found::{Content, Failure, File, Found};
use super::head::{Head, Method};
use super::listing::{Asked, Writer};
use super::page::{self, Place};
use super::plan::{Answer, Lookup};
use super::range::{self, Range, Ranges, Whole};
use super::response::{Body, Form, Listing, Response, Status};
use super::site::{Cache, Site};
use super::target::Target;
use super::why::{Hear, Why};
use bytes::Bytes;
use common::{ACCEPT, ACCEPT_ENCODING, finish};
use std::time::SystemTime;

/// What can be done with files.
const ALLOW: &str = "GET, HEAD, OPTIONS";

/// The response to a request that was looked up. `now` is what the driver says in `Date`.
pub fn respond<F>(head: &Head<'_>, lookup: &Lookup<'_>, found: Found<F>, site: &Site, now: SystemTime) -> Response<F> {
    respond_telling(head, lookup, found, site, now, &mut ())
}

/// The same, and why.
pub fn respond_telling<F>(
    head: &Head<'_>,
    lookup: &Lookup<'_>,
    found: Found<F>,
    site: &Site,
    now: SystemTime,
    hear: &mut impl Hear<Why>,
) -> Response<F> {
    match found {
        Found::File(file) if lookup.codings.identity() || file.coding != Coding::Identity => {
            of_file(head, lookup, file, site, now, hear)
        }
        Found::File(_) => {
            hear.hear(|| Why::NotAcceptable);
            error_that_varies(head, Status::NOT_ACCEPTABLE, site, ACCEPT | ACCEPT_ENCODING)
        }
        Found::Folder(_) if !lookup.path.is_folder() || (site.listing && has_empty_segments(head)) => {
            hear.hear(|| if lookup.path.is_folder() { Why::Slashes } else { Why::Slash });
            moved(head, lookup, site)
        }
        Found::Folder(folder) if site.listing => of_folder(head, lookup, folder.folder, site, hear),
        Found::Folder(_) => {
            hear.hear(|| Why::NotListed);
            error(head, Status::NOT_FOUND, site)
        }
        Found::Missing => {
            hear.hear(|| Why::Missing);
            error(head, Status::NOT_FOUND, site)
        }
        Found::Failed(failure) => {
            hear.hear(|| Why::Failed(failure));
            failed(head, failure, site)
        }
    }
}

fn failed<F>(head: &Head<'_>, failure: Failure, site: &Site) -> Response<F> {
    match failure {
        Failure::Denied => error(head, Status::FORBIDDEN, site),
        Failure::Broken => error(head, Status::INTERNAL_SERVER_ERROR, site),
        Failure::Busy => busy(head, site),
    }
}

/// What had to be refused for now, and may be had a second later.
pub fn busy<F>(head: &Head<'_>, site: &Site) -> Response<F> {
    let mut response = error(head, Status::SERVICE_UNAVAILABLE, site);
    response.fields.push("Retry-After", "1");
    response
}

/// The response to a request that needs no file.
pub fn answer<F>(head: &Head<'_>, answer: Answer, site: &Site) -> Response<F> {
    match answer {
        Answer::Options => {
            let mut fields = Fields::new();
            fields.push("Allow", ALLOW);
            common::preflight(head, site, &mut fields);
            let response = Response { status: Status::NO_CONTENT, fields, length: None, body: Body::Empty };
            finish(Some(head), site, 0, response)
        }
        Answer::Refused(why) => error(head, why.status(), site),
    }
}

/// An error with a page of ours, or a line or two of text for what is no browser. Whoever sends it adds what the status
/// asks for beyond `Allow` (`WWW-Authenticate`).
pub fn error<F>(head: &Head<'_>, status: Status, site: &Site) -> Response<F> {
    error_that_varies(head, status, site, ACCEPT)
}

/// An error where no head could be read.
pub fn refuse<F>(status: Status, site: &Site) -> Response<F> {
    finish(None, site, 0, plain_error(status, None))
}

/// Puts a page of the site in place of ours: what [`Site::error_page`] led to.
pub fn put_page<F>(head: &Head<'_>, response: &mut Response<F>, page: File<F>, site: &Site) {
    common::unlock(&mut response.fields, site);
    response.fields.set("Content-Type", page.media);
    response.length = Some(page.content.size());
    response.body = if head.method == Method::Head { Body::Empty } else { whole(page.content) };
}

fn of_file<F>(
    head: &Head<'_>,
    lookup: &Lookup<'_>,
    file: File<F>,
    site: &Site,
    now: SystemTime,
    hear: &mut impl Hear<Why>,
) -> Response<F> {
    let File { content, coding, varies, etag, modified, media } = file;
    hear.hear(|| Why::File { coding, size: content.size() });
    let modified = modified.map(|modified| not_later(modified, now));
    let validators = Validators { etag: Some(&etag), modified: modified.as_ref() };
    let vary = if varies { ACCEPT_ENCODING } else { 0 } | if lookup.page { ACCEPT } else { 0 };
    let verdict = check(head, validators, hear);
    if verdict == Verdict::Failed {
        return error_that_varies(head, Status::PRECONDITION_FAILED, site, vary | ACCEPT);
    }
    let mut fields = Fields::new();
    let cache = cache(site.cache, &media);
    if verdict == Verdict::NotModified {
        // RFC 9110 section 15.4.5: what guides caches, and nothing else about the bytes.
        fields.push("ETag", &etag);
        fields.push("Cache-Control", cache);
        let response = Response { status: Status::NOT_MODIFIED, fields, length: None, body: Body::Empty };
        return finish(Some(head), site, vary, response);
    }
    let size = content.size();
    let ranges = ranges(head, validators, size, now);
    hear.hear(|| {
        let asked = head.only("Range").map_or(0, range::count);
        Why::Ranges { ranges: ranges.clone(), size, asked }
    });
    if ranges == Ranges::Unsatisfiable {
        let mut response = error_that_varies(head, Status::RANGE_NOT_SATISFIABLE, site, vary | ACCEPT);
        response.fields.push("Content-Range", Value::of(format!("bytes */{size}").as_bytes()));
        return response;
    }
    let media_of_parts = matches!(ranges, Ranges::Many(_)).then(|| parts::media(&etag));
    fields.push("Content-Type", media_of_parts.unwrap_or_else(|| media.clone()));
    if coding != Coding::Identity {
        fields.push("Content-Encoding", coding.name());
    }
    fields.push("ETag", &etag);
    if let Some(modified) = &modified {
        fields.push("Last-Modified", modified);
    }
    fields.push("Cache-Control", cache);
    fields.push("Accept-Ranges", "bytes");
    let (status, length, body) = match ranges {
        Ranges::One(range) => {
            fields.push("Content-Range", Value::of(range.content_range(size).as_bytes()));
            (Status::PARTIAL_CONTENT, range.length, part(content, range))
        }
        Ranges::Many(ranges) => {
            let (length, body) = parts::body(content, &ranges, &etag, common::given_media(site).unwrap_or(&media));
            (Status::PARTIAL_CONTENT, length, body)
        }
        _ if head.method == Method::Head => (Status::OK, size, Body::Empty),
        _ => (Status::OK, size, whole(content)),
    };
    finish(Some(head), site, vary, Response { status, fields, length: Some(length), body })
}

/// A listing has no validators: it changes with the times and sizes of its entries, which are not known before it is sent.
fn of_folder<F>(
    head: &Head<'_>,
    lookup: &Lookup<'_>,
    folder: F,
    site: &Site,
    hear: &mut impl Hear<Why>,
) -> Response<F> {
    let form = accept::form(head);
    let vary = ACCEPT | if site.compression { ACCEPT_ENCODING } else { 0 };
    // It is compressed while it is written, for each client anew: by what is quick and takes little memory.
    let gzip = lookup.codings.codings().any(|coding| coding == Coding::Gzip);
    if !gzip && !lookup.codings.identity() {
        hear.hear(|| Why::NotAcceptable);
        return error_that_varies(head, Status::NOT_ACCEPTABLE, site, vary);
    }
    hear.hear(|| Why::Listed(form));
    match check(head, Validators { etag: None, modified: None }, hear) {
        Verdict::Failed => return error(head, Status::PRECONDITION_FAILED, site),
        Verdict::NotModified => {
            let mut fields = Fields::new();
            fields.push("Cache-Control", "no-cache");
            let response = Response { status: Status::NOT_MODIFIED, fields, length: None, body: Body::Empty };
            return finish(Some(head), site, vary, response);
        }
        Verdict::Proceed => {}
    }
    let mut fields = Fields::new();
    match form {
        Form::Html => {
            fields.push("Content-Type", page::HTML);
            fields.push("Content-Security-Policy", page::POLICY);
        }
        Form::Json => fields.push("Content-Type", "application/json"),
    }
    if gzip {
        fields.push("Content-Encoding", Coding::Gzip.name());
    }
    fields.push("Cache-Control", "no-cache");
    let body = if head.method == Method::Head {
        Body::Empty
    } else {
        let writer = Writer::new(&lookup.path, Asked::read(lookup.query.as_deref()), form).called(site.name.as_deref());
        Body::Listing(Box::new(Listing { folder, writer, gzip }))
    };
    finish(Some(head), site, vary, Response { status: Status::OK, fields, length: None, body })
}

fn check(head: &Head<'_>, validators: Validators<'_>, hear: &mut impl Hear<Why>) -> Verdict {
    hear.hear(|| Why::Conditions(Rule::ALL.map(|rule| (rule, conditions::weigh(rule, head, validators)))));
    conditions::check(head, validators)
}

fn ranges(head: &Head<'_>, validators: Validators<'_>, size: u64, now: SystemTime) -> Ranges {
    let mut all = head.all("Range");
    match (all.next(), all.next()) {
        (None, _) => Ranges::Whole(Whole::NotAsked),
        // RFC 9110 section 14.2: ranges are for GET alone.
        _ if head.method != Method::Get => Ranges::Whole(Whole::Method),
        (Some(_), Some(_)) => Ranges::Whole(Whole::Twice),
        (Some(value), None) => match conditions::if_range(head, validators, now) {
            IfRange::Same => range::read(value, size),
            changed => Ranges::Whole(Whole::Changed(changed)),
        },
    }
}

/// Whether slashes follow each other in the path: from there, the links of a listing to the folders above would lead to others.
fn has_empty_segments(head: &Head<'_>) -> bool {
    matches!(Target::read(head.target), Ok(Target::Path { path, .. }) if path.windows(2).any(|pair| pair == b"//"))
}

/// To the same with a slash, so that relative links work.
fn moved<F>(head: &Head<'_>, lookup: &Lookup<'_>, site: &Site) -> Response<F> {
    let mut fields = Fields::new();
    let query = lookup.query.as_deref();
    let to = match has_empty_segments(head) {
        // Below `//evil` what stands beside it would still have the two slashes.
        true => lookup.path.folder_target(query),
        false => lookup.path.folder_beside(query),
    };
    fields.push("Location", Value::of(&to));
    fields.push("Cache-Control", "no-cache");
    let response = Response { status: Status::MOVED_PERMANENTLY, fields, length: Some(0), body: Body::Empty };
    finish(Some(head), site, if lookup.page { ACCEPT } else { 0 }, response)
}

fn error_that_varies<F>(head: &Head<'_>, status: Status, site: &Site, vary: u8) -> Response<F> {
    let mut response = plain_error(status, accept::is_page(head).then(|| place(head)));
    if status == Status::METHOD_NOT_ALLOWED {
        response.fields.push("Allow", ALLOW);
    }
    if head.method == Method::Head {
        response.body = Body::Empty;
    }
    finish(Some(head), site, vary, response)
}

/// Where a browser takes this to be.
fn place(head: &Head<'_>) -> Place {
    match Target::read(head.target) {
        Ok(Target::Path { path, .. }) => {
            let depth = path.iter().filter(|&&b| b == b'/').count().saturating_sub(1);
            Place { depth, is_folder: path.ends_with(b"/") }
        }
        _ => Place { depth: 0, is_folder: false },
    }
}

fn plain_error<F>(status: Status, place: Option<Place>) -> Response<F> {
    let (media, body) = page::error(status, place);
    let mut fields = Fields::new();
    fields.push("Content-Type", media);
    if place.is_some() {
        fields.push("Content-Security-Policy", page::POLICY);
    }
    fields.push("Cache-Control", "no-cache");
    Response { status, fields, length: Some(body.len() as u64), body: Body::Bytes(body) }
}

fn whole<F>(content: Content<F>) -> Body<F> {
    match content {
        Content::Memory(bytes) if bytes.is_empty() => Body::Empty,
        Content::Open { size: 0, .. } => Body::Empty,
        Content::Memory(bytes) => Body::Bytes(bytes),
        Content::Open { file, size } => Body::File { file, from: 0, length: size },
    }
}

fn part<F>(content: Content<F>, range: Range) -> Body<F> {
    match content {
        Content::Memory(bytes) => Body::Bytes(slice(&bytes, range)),
        Content::Open { file, .. } => Body::File { file, from: range.from, length: range.length },
    }
}

/// Bytes of memory; shared, not copied.
fn slice(bytes: &Bytes, range: Range) -> Bytes {
    let place = |at: u64| usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
    bytes.slice(place(range.from)..place(range.end()).max(place(range.from)))
}

/// RFC 9110 section 8.8.2.1: no `Last-Modified` is later than `Date`.
fn not_later(modified: Date, now: SystemTime) -> Date {
    let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    if modified.seconds() <= seconds { modified } else { Date::at(seconds).unwrap_or(modified) }
}

fn cache(cache: Cache, media: &Value) -> Value {
    match cache {
        Cache::Never => "no-store".into(),
        Cache::Age(age) => Value::of(format!("max-age={}", age.as_secs()).as_bytes()),
        Cache::Immutable if !media.as_bytes().starts_with(b"text/html") => "max-age=31536000, immutable".into(),
        Cache::Immutable | Cache::Revalidate => "no-cache".into(),
    }
}
