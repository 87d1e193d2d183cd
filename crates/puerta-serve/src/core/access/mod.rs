//! Whether a request is let in: read from its head alone, decided without I/O; the time and what was counted are arguments.
//!
//! ```text
//! Head ─plan─→ Lookup (one normal path) ─access─→ Leave ─→ look up, or an answer at once
//! ```

pub mod basic;
pub mod failures;
pub mod ticket;

use super::fields::Value;
use super::head::Head;
use super::plan::{Answer, Plan};
use super::respond;
use super::response::{Body, Response, Status};
use super::site::Site;

/// What is asked for when a password is: RFC 7617 section 2; names and passwords are UTF-8 (section 2.1).
const CHALLENGE: &str = "Basic realm=\"puerta\", charset=\"UTF-8\"";

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It shows no name and password, or wrong ones: 401.
    Password,
    /// Too many wrong ones came from its address: 429, to be tried again after so many seconds.
    TooMany(u64),
    /// Too many others are being looked at, or another who came by the same link: 503.
    Busy,
    /// It shows no ticket, or a wrong one: 403.
    Ticket,
    /// Its ticket has expired, or works once and was used: 410.
    Gone,
}

impl Plan<'_> {
    /// Whether it says nothing of what is served, so that everybody may hear it: what is no request for a file, and what
    /// OPTIONS is answered with (a CORS preflight shows no credentials, by the Fetch standard).
    pub fn is_for_all(&self) -> bool {
        match self {
            Plan::Answer(Answer::Options) => true,
            Plan::Answer(Answer::Refused(why)) => why.status() != Status::NOT_FOUND,
            Plan::Lookup(_) => false,
        }
    }
}

/// The response to a request that is not let in.
pub fn deny<F>(head: &Head<'_>, denied: Denied, site: &Site) -> Response<F> {
    let status = match denied {
        Denied::Password => Status::UNAUTHORIZED,
        Denied::TooMany(_) => Status::TOO_MANY_REQUESTS,
        Denied::Busy => Status::SERVICE_UNAVAILABLE,
        Denied::Ticket => Status::FORBIDDEN,
        Denied::Gone => Status::GONE,
    };
    let mut response = respond::error(head, status, site);
    match denied {
        Denied::Password => response.fields.push("WWW-Authenticate", CHALLENGE),
        Denied::TooMany(seconds) => {
            response.fields.push("Retry-After", Value::of(seconds.max(1).to_string().as_bytes()));
        }
        Denied::Busy => response.fields.push("Retry-After", "1"),
        Denied::Ticket | Denied::Gone => {}
    }
    // A page that was refused is not to be shown again from a cache once there is a password or a ticket.
    response.fields.set("Cache-Control", "no-store");
    response
}

/// Sends a browser from the link to the same without the ticket in it, which it has as a cookie from now on.
pub fn enter<F>(to: &[u8], cookie: Value, site: &Site) -> Response<F> {
    let mut response = respond::refuse(Status::SEE_OTHER, site);
    for name in ["Content-Type", "Cache-Control"] {
        response.fields.remove(name);
    }
    response.fields.push("Location", Value::of(to));
    response.fields.push("Set-Cookie", cookie);
    response.fields.push("Cache-Control", "no-store");
    response.fields.push("Referrer-Policy", "no-referrer");
    Response { length: Some(0), body: Body::Empty, ..response }
}

/// A cookie that may go along with some responses alone.
pub trait Brought {
    /// The cookie for a response of that status, which is the one that is sent.
    fn with(self, status: Status) -> Option<Value>;
}

/// Adds the cookie to a response that is sent at once.
pub fn bring<F>(response: &mut Response<F>, cookie: impl Brought) {
    if let Some(cookie) = cookie.with(response.status) {
        response.fields.push("Set-Cookie", cookie);
    }
    response.fields.set("Cache-Control", "no-store");
    response.fields.set("Referrer-Policy", "no-referrer");
}

/// Keeps what was not for all from caches that others use (RFC 9111 section 5.2.2.7), whatever `--header` says of them.
pub fn keep_private<F>(response: &mut Response<F>) {
    let Some(cache) = response.fields.get("Cache-Control") else { return };
    if cache.starts_with(b"no-store") {
        return;
    }
    let mut private = b"private".to_vec();
    // What has quotes in it is not taken apart.
    let own = if cache.contains(&b'"') { &[] } else { cache };
    for directive in own.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
        if !directive.is_empty() && !is_of_shared_caches(directive) {
            private.extend_from_slice(b", ");
            private.extend_from_slice(directive);
        }
    }
    response.fields.set("Cache-Control", Value::of(&private));
}

fn is_of_shared_caches(directive: &[u8]) -> bool {
    let name = directive.split(|b| *b == b'=').next().unwrap_or_default().trim_ascii();
    ["public", "private", "s-maxage"].iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fields::Fields;

    #[test]
    fn what_is_not_for_all_is_private_whatever_else_is_said_of_caches() {
        for (given, sent) in [
            ("no-cache", "private, no-cache"),
            ("max-age=31536000, immutable", "private, max-age=31536000, immutable"),
            ("public, max-age=60", "private, max-age=60"),
            ("max-age=60,S-MaxAge=600 , Public", "private, max-age=60"),
            ("private", "private"),
            ("private=\"a, public\", public", "private"),
            ("no-store", "no-store"),
        ] {
            let mut fields = Fields::new();
            fields.push("Cache-Control", given);
            let mut response = Response::<()> { status: Status::OK, fields, length: None, body: Body::Empty };
            keep_private(&mut response);
            assert_eq!(response.fields.get("Cache-Control"), Some(sent.as_bytes()), "{given}");
        }
    }
}
