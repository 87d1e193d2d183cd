//! Why each field of an answer is sent, in words.

use super::{Explanation, Step};
use crate::core::encoding::Coding;
use crate::core::etag::CONTENT_MAX;
use crate::core::head::Method;
use crate::core::response::Status;
use crate::core::site::{Cache, Cors};
use crate::core::why::Why;
use crate::gate::{Door, Passed};
use crate::http1::Service;
use crate::http1::head::Framing;
use crate::http1::tell::{Sent, Told};
use crate::store::Tried;
use std::borrow::Cow;

/// What the fields depend on.
struct About<'a> {
    service: &'a Service,
    status: Status,
    sent: Sent,
    /// The file, in the coding in which it is sent.
    file: Option<(Coding, u64)>,
    /// A page of the site is sent with the error.
    page: bool,
    /// Nothing was looked up for who is not let in.
    denied: bool,
    listed: bool,
    in_the_clear: bool,
    /// Why no other request can follow.
    last: Option<&'static str>,
}

impl Explanation {
    /// Why a field is sent. `None`: nobody knows, which is a fault of ours.
    pub fn why_field(&self, service: &Service, name: &str, value: &[u8]) -> Option<Cow<'static, str>> {
        About::of(self, service).why(name, value)
    }
}

impl<'a> About<'a> {
    fn of(explanation: &Explanation, service: &'a Service) -> Self {
        let Explanation { steps, status, sent, .. } = explanation;
        let mut about = About {
            service,
            status: *status,
            sent: *sent,
            file: None,
            page: false,
            denied: false,
            listed: false,
            in_the_clear: false,
            last: (service.limits.requests <= 1).then_some("--requests allows no more on a connection"),
        };
        let mut looking = false;
        for step in steps {
            match step {
                Step::Why(Why::File { coding, size }) => about.file = Some((*coding, *size)),
                Step::Why(Why::Listed(_)) => about.listed = true,
                Step::Told(Told::ErrorPage(_)) => looking = true,
                Step::Tried(Tried::File { fits: true, .. }) if looking => about.page = true,
                Step::Tried(Tried::Refused { .. }) if looking => about.page = false,
                Step::Told(Told::InTheClear) => {
                    about.in_the_clear = true;
                    about.last = Some("what comes next must be TLS");
                }
                Step::Told(Told::Passed { passed, .. }) => {
                    about.denied = matches!(passed, Passed::Denied(_) | Passed::To(..));
                }
                Step::Told(Told::Unread(_)) => about.last = Some("nobody can tell where the next request begins"),
                Step::Told(Told::Read { method, keep_alive, framing }) => {
                    about.last = about.last.or(last(*method, *keep_alive, *framing));
                }
                _ => {}
            }
        }
        about
    }

    fn why(&self, name: &str, value: &[u8]) -> Option<Cow<'static, str>> {
        let site = &self.service.site;
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let given = site.header.iter().any(|(other, given)| is(other.as_str()) && given.as_bytes() == value);
        let changed = !self.denied && self.service.gate.is_private() && value.starts_with(b"private");
        if given || (changed && is("Cache-Control") && site.header.iter().any(|(other, _)| is(other.as_str()))) {
            return Some(
                if changed { "--header says so, but for private: not all are let in" } else { "--header says so" }
                    .into(),
            );
        }
        Some(match name.to_ascii_lowercase().as_str() {
            "date" => "the time of the answer".into(),
            "content-type" => self.media(value).into(),
            "content-encoding" => "the coding in which it is sent, of those that the client takes".into(),
            "etag" => self.tag().into(),
            "last-modified" => "when the file was changed, but not later than Date".into(),
            "cache-control" => self.cache(value),
            "accept-ranges" => "parts of it can be asked for".into(),
            "content-range" if self.status == Status::RANGE_NOT_SATISFIABLE => "how many bytes there are".into(),
            "content-range" => "which bytes of how many are sent".into(),
            "content-length" if self.sent == Sent::Nothing && value != b"0" => {
                "the bytes of the body that GET is answered with".into()
            }
            "content-length" => "the bytes of the body".into(),
            "transfer-encoding" => "how long a list is shows at its end".into(),
            "connection" if value == b"close" => self.last.unwrap_or("the end of the connection ends the body").into(),
            "connection" => "HTTP/1.0 is told that the connection goes on".into(),
            "x-content-type-options" => "browsers go by Content-Type, and do not guess".into(),
            "vary" => "another client may be answered otherwise, by these fields of its request".into(),
            "access-control-allow-origin" | "access-control-expose-headers" => match site.cors {
                Cors::Any => "--cors: pages of all origins may read it".into(),
                _ => "--cors names this origin".into(),
            },
            "access-control-allow-methods" | "access-control-allow-headers" | "access-control-max-age" => {
                "what a browser asks before a page of another origin may ask (CORS preflight)".into()
            }
            "content-security-policy" if !site.security || value.starts_with(b"default-src 'none'") => {
                "on pages of ours nothing runs but their own script".into()
            }
            "content-security-policy" | "x-frame-options" | "permissions-policy" | "cross-origin-opener-policy" => {
                "--security-headers".into()
            }
            "referrer-policy" if site.security && value.starts_with(b"strict") => "--security-headers".into(),
            "referrer-policy" => "the link's ticket is told nobody".into(),
            "location" if self.in_the_clear => "the same over TLS".into(),
            "location" if self.status == Status::SEE_OTHER => "the same address without the ticket".into(),
            "location" => "the same address as it should be".into(),
            "allow" => "what can be done with files".into(),
            "retry-after" => "seconds, after which it may work".into(),
            "www-authenticate" => "a browser asks for a name and a password".into(),
            "set-cookie" => "in place of the link's ticket from now on".into(),
            _ => return None,
        })
    }

    fn media(&self, value: &[u8]) -> &'static str {
        match self.status {
            status if status.is_error() && self.page => "by the name of the file of --error-page",
            status if status.is_error() && value.starts_with(b"text/html") => "a page of ours: a browser asks for one",
            status if status.is_error() => "a line or two of ours: no page is asked for (Accept)",
            Status::PARTIAL_CONTENT if value.starts_with(b"multipart/") => "several ranges, one behind the other",
            _ if self.listed => "the form of the list, by Accept",
            _ => "by the file's name, else by its first bytes; text has its charset",
        }
    }

    fn tag(&self) -> &'static str {
        match self.file {
            Some((_, size)) if size > CONTENT_MAX => {
                "of device, inode, size and times, since the file is larger than 1 MiB"
            }
            Some((coding, _)) if coding != Coding::Identity => "of these bytes in this coding, and of no others",
            _ => "of the content: the same bytes have the same tag",
        }
    }

    fn cache(&self, value: &[u8]) -> Cow<'static, str> {
        let private = value.strip_prefix(b"private, ");
        let text = match private.unwrap_or(value) {
            b"no-store" if self.denied => {
                "nobody keeps this: it would be shown again when there is a password or a ticket"
            }
            b"no-store" if self.in_the_clear => "nobody keeps this",
            b"no-store" if self.service.site.cache == Cache::Never && self.file.is_some() => {
                "--cache never: nobody keeps it"
            }
            b"no-store" => "nobody keeps this: it brings a cookie",
            b"no-cache" if self.status.is_error() => "browsers ask again each time: it may be there by then",
            b"no-cache" if self.listed => "browsers ask again each time: a list has no tag",
            b"no-cache" if self.file.is_some() && self.service.site.cache == Cache::Immutable => {
                "pages are asked for even with --cache immutable: they name the others"
            }
            b"no-cache" if self.file.is_some() => "browsers keep it and ask each time whether it is still so",
            b"no-cache" => "browsers ask again each time",
            _ => "browsers need not ask for so many seconds: --cache",
        };
        match (private, &self.service.gate.door) {
            (Some(_), Door::Ticket(_) | Door::Password(_)) => {
                format!("{text}; private, since not all are let in").into()
            }
            _ => text.into(),
        }
    }
}

fn last(method: Method, keep_alive: bool, framing: Framing) -> Option<&'static str> {
    match framing {
        _ if !keep_alive => Some("the client wants no more, or is of HTTP/1.0"),
        _ if method == Method::Unknown => Some("of a method that nobody knows, nobody knows what follows"),
        Framing::Empty => None,
        Framing::Length(_) | Framing::Chunked => Some("the body that came along is not read"),
    }
}
