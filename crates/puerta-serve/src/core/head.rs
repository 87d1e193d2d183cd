//! The head of a request, as RFC 9110 sees it: method, target, fields.

/// What came before a request's body. Borrows the buffer that it was read into.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The method.
    pub method: Method,
    /// The request target as it came: `/path?query`, `http://host/path`, `*` (RFC 9112 section 3.2).
    pub target: &'a [u8],
    /// The version of the message.
    pub version: Version,
    /// The fields in the order in which they came.
    pub fields: &'a [Field<'a>],
}

/// One field line: `name` as it came (case means nothing: RFC 9110 section 5.1), and `value`, any bytes but CR, LF and NUL,
/// without white space around it. The parser's own type, so that nothing is copied.
pub use httparse::Header as Field;

/// The methods of RFC 9110 section 9.3 and PATCH (RFC 5789). Case matters: `get` is [`Method::Unknown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Send the file.
    Get,
    /// As GET, without the body.
    Head,
    /// What can be done here.
    Options,
    /// Known, and nothing that files answer to.
    Post,
    /// As POST.
    Put,
    /// As POST.
    Delete,
    /// As POST.
    Patch,
    /// As POST.
    Trace,
    /// As POST.
    Connect,
    /// Any other token.
    Unknown,
}

/// The versions of a message that differ for what is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

impl<'a> Head<'a> {
    /// The first field of that name.
    pub fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The field of that name where it came exactly once: for fields that are no lists.
    pub fn only(&self, name: &str) -> Option<&'a [u8]> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }

    /// Each value of the fields of that name, in order (RFC 9110 section 5.3).
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }
}

impl Method {
    /// Its name; of one that is not known, a dash.
    pub const fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Options => "OPTIONS",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Patch => "PATCH",
            Method::Trace => "TRACE",
            Method::Connect => "CONNECT",
            Method::Unknown => "-",
        }
    }

    /// The method of that name.
    pub fn of(name: &[u8]) -> Self {
        match name {
            b"GET" => Method::Get,
            b"HEAD" => Method::Head,
            b"OPTIONS" => Method::Options,
            b"POST" => Method::Post,
            b"PUT" => Method::Put,
            b"DELETE" => Method::Delete,
            b"PATCH" => Method::Patch,
            b"TRACE" => Method::Trace,
            b"CONNECT" => Method::Connect,
            _ => Method::Unknown,
        }
    }
}
