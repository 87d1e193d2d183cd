//! A response, before a driver puts it on a wire.

use super::fields::Fields;
use super::listing::Writer;
use bytes::Bytes;
use std::fmt;

/// What to answer. A driver adds `Date`, frames the body by `length`, and does with the connection what it must.
#[derive(Debug)]
pub struct Response<F> {
    /// The status.
    pub status: Status,
    /// All fields but those of framing, the connection and the clock.
    pub fields: Fields,
    /// What `Content-Length` says, to HEAD too. `None`: nothing, because there can be no body (204, 304), or because its
    /// length is not known before its end (a listing).
    pub length: Option<u64>,
    /// The body; empty to HEAD.
    pub body: Body<F>,
}

/// The bytes of a response.
#[derive(Debug)]
pub enum Body<F> {
    /// None.
    Empty,
    /// From memory.
    Bytes(Bytes),
    /// A part of an open file, or all of it.
    File {
        /// The store's handle.
        file: F,
        /// Bytes before the first that is sent.
        from: u64,
        /// How many are sent: never more than the file had.
        length: u64,
    },
    /// Several ranges of one file (`multipart/byteranges`, RFC 9110 section 14.6).
    Parts(Box<Parts<F>>),
    /// The entries of a folder, of a length that is not known before.
    Listing(Box<Listing<F>>),
}

/// Ranges of an open file, each behind a head of its own.
#[derive(Debug)]
pub struct Parts<F> {
    /// The store's handle.
    pub file: F,
    /// At most 16, in the order in which they are sent.
    pub parts: Vec<Part>,
    /// What stands behind the last.
    pub end: Bytes,
}

/// One range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The boundary and the part's own fields, to be sent before the bytes.
    pub head: Bytes,
    /// Bytes before the first that is sent.
    pub from: u64,
    /// How many are sent.
    pub length: u64,
}

/// A folder to be listed.
#[derive(Debug)]
pub struct Listing<F> {
    /// The store's handle.
    pub folder: F,
    /// What writes it, from the entries that are read of the folder.
    pub writer: Writer,
    /// Whether what it writes is to be sent compressed by gzip (RFC 1952).
    pub gzip: bool,
}

/// How a listing is written, as the client's `Accept` prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A page.
    Html,
    /// Data.
    Json,
}

/// A status code (RFC 9110 section 15).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(pub u16);

impl Status {
    /// 200
    pub const OK: Status = Status(200);
    /// 204
    pub const NO_CONTENT: Status = Status(204);
    /// 206
    pub const PARTIAL_CONTENT: Status = Status(206);
    /// 301
    pub const MOVED_PERMANENTLY: Status = Status(301);
    /// 303
    pub const SEE_OTHER: Status = Status(303);
    /// 304
    pub const NOT_MODIFIED: Status = Status(304);
    /// 307
    pub const TEMPORARY_REDIRECT: Status = Status(307);
    /// 400
    pub const BAD_REQUEST: Status = Status(400);
    /// 401
    pub const UNAUTHORIZED: Status = Status(401);
    /// 403
    pub const FORBIDDEN: Status = Status(403);
    /// 404
    pub const NOT_FOUND: Status = Status(404);
    /// 405
    pub const METHOD_NOT_ALLOWED: Status = Status(405);
    /// 406
    pub const NOT_ACCEPTABLE: Status = Status(406);
    /// 408
    pub const REQUEST_TIMEOUT: Status = Status(408);
    /// 410
    pub const GONE: Status = Status(410);
    /// 412
    pub const PRECONDITION_FAILED: Status = Status(412);
    /// 414
    pub const URI_TOO_LONG: Status = Status(414);
    /// 416
    pub const RANGE_NOT_SATISFIABLE: Status = Status(416);
    /// 417
    pub const EXPECTATION_FAILED: Status = Status(417);
    /// 429
    pub const TOO_MANY_REQUESTS: Status = Status(429);
    /// 431 (RFC 6585)
    pub const FIELDS_TOO_LARGE: Status = Status(431);
    /// 500
    pub const INTERNAL_SERVER_ERROR: Status = Status(500);
    /// 501
    pub const NOT_IMPLEMENTED: Status = Status(501);
    /// 503
    pub const SERVICE_UNAVAILABLE: Status = Status(503);
    /// 505
    pub const VERSION_NOT_SUPPORTED: Status = Status(505);

    /// The phrase that RFC 9110 gives it; empty for one that is not listed here.
    pub const fn reason(self) -> &'static str {
        match self.0 {
            100 => "Continue",
            200 => "OK",
            204 => "No Content",
            206 => "Partial Content",
            301 => "Moved Permanently",
            303 => "See Other",
            304 => "Not Modified",
            307 => "Temporary Redirect",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            406 => "Not Acceptable",
            408 => "Request Timeout",
            410 => "Gone",
            412 => "Precondition Failed",
            414 => "URI Too Long",
            416 => "Range Not Satisfiable",
            417 => "Expectation Failed",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            500 => "Internal Server Error",
            501 => "Not Implemented",
            503 => "Service Unavailable",
            505 => "HTTP Version Not Supported",
            _ => "",
        }
    }

    /// 4xx or 5xx.
    pub const fn is_error(self) -> bool {
        self.0 >= 400
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.reason())
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
