//! What all responses have: what keeps browsers from guessing, CORS, what the site was told to add, and `Vary`.

use super::parts;
use crate::core::fields::{Fields, Name, Value};
use crate::core::head::Head;
use crate::core::page;
use crate::core::response::{Response, Status};
use crate::core::site::{Cors, Site};

/// The response depends on `Accept-Encoding`.
pub(super) const ACCEPT_ENCODING: u8 = 1;
/// The response depends on `Accept`.
pub(super) const ACCEPT: u8 = 2;
/// The response depends on `Origin`.
const ORIGIN: u8 = 4;

/// Fields of `--security`; a field of the same name that is there already stays.
const SECURITY: [(&str, &str); 5] = [
    ("Content-Security-Policy", "frame-ancestors 'self'; object-src 'none'; base-uri 'self'"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
];

/// Adds what all responses have. `vary`: what else this one depends on.
pub(super) fn finish<F>(head: Option<&Head<'_>>, site: &Site, vary: u8, mut response: Response<F>) -> Response<F> {
    let fields = &mut response.fields;
    fields.push("X-Content-Type-Options", "nosniff");
    let vary = vary | cors(head, site, fields);
    if let Some(names) = varies(vary) {
        fields.push("Vary", names);
    }
    secure(site, fields);
    given(site, &mut response);
    response
}

/// Takes the policy of our own pages away, which would keep another page from showing.
pub(super) fn unlock(fields: &mut Fields, site: &Site) {
    if fields.get("Content-Security-Policy") == Some(page::POLICY.as_bytes()) {
        fields.remove("Content-Security-Policy");
        secure(site, fields);
    }
}

/// What a CORS preflight asks (the Fetch standard, "CORS-preflight fetch").
pub(super) fn preflight(head: &Head<'_>, site: &Site, fields: &mut Fields) {
    if head.first("Access-Control-Request-Method").is_none() || allowed(head, site).is_none() {
        return;
    }
    fields.push("Access-Control-Allow-Methods", "GET, HEAD");
    // By the Fetch standard, `*` means all but this one.
    fields.push("Access-Control-Allow-Headers", "*, Authorization");
    fields.push("Access-Control-Max-Age", "86400");
}

fn secure(site: &Site, fields: &mut Fields) {
    for (name, value) in SECURITY.iter().filter(|_| site.security) {
        if fields.get(name).is_none() {
            fields.push(*name, *value);
        }
    }
}

/// Lets the origin read the response, and tells whether that depends on the origin.
fn cors(head: Option<&Head<'_>>, site: &Site, fields: &mut Fields) -> u8 {
    let origin = head.and_then(|head| allowed(head, site));
    if let Some(origin) = origin {
        fields.push("Access-Control-Allow-Origin", origin);
        fields.push("Access-Control-Expose-Headers", "*");
    }
    if matches!(site.cors, Cors::Origins(_)) { ORIGIN } else { 0 }
}

fn allowed(head: &Head<'_>, site: &Site) -> Option<Value> {
    match &site.cors {
        Cors::Off => None,
        Cors::Any => Some("*".into()),
        Cors::Origins(origins) => {
            let origin = head.only("Origin")?;
            origins.iter().any(|allowed| allowed.as_bytes() == origin).then(|| Value::of(origin))
        }
    }
}

/// What `--header` gave: in place of ours, but behind each other where one name was given twice.
fn given<F>(site: &Site, response: &mut Response<F>) {
    let bodyless = response.length.is_none() && matches!(response.status, Status::NO_CONTENT | Status::NOT_MODIFIED);
    let partial = response.status == Status::PARTIAL_CONTENT;
    let in_parts = |fields: &Fields| partial && fields.get("Content-Type").is_some_and(parts::is_media);
    for (at, (name, value)) in site.header.iter().enumerate() {
        let is = |other: &str| name.as_str().eq_ignore_ascii_case(other);
        // It would be false of no body, of an error's, and of several parts: there each has it.
        if is("Content-Type") && (bodyless || response.status.is_error() || in_parts(&response.fields)) {
            continue;
        }
        let again = site.header.iter().take(at).any(|(other, _)| other == name);
        if !again && !is("Vary") {
            response.fields.remove(name.as_str());
        }
        response.fields.push(name.clone(), value.clone());
    }
}

/// What `--header` says that files are.
pub(super) fn given_media(site: &Site) -> Option<&Value> {
    let is = |name: &Name| name.as_str().eq_ignore_ascii_case("Content-Type");
    site.header.iter().find(|(name, _)| is(name)).map(|(_, value)| value)
}

fn varies(vary: u8) -> Option<&'static str> {
    const ALL: u8 = ACCEPT_ENCODING | ACCEPT | ORIGIN;
    const ENCODING_ORIGIN: u8 = ACCEPT_ENCODING | ORIGIN;
    const ACCEPT_ORIGIN: u8 = ACCEPT | ORIGIN;
    const BOTH: u8 = ACCEPT_ENCODING | ACCEPT;
    match vary {
        ACCEPT_ENCODING => Some("Accept-Encoding"),
        ACCEPT => Some("Accept"),
        ORIGIN => Some("Origin"),
        BOTH => Some("Accept-Encoding, Accept"),
        ENCODING_ORIGIN => Some("Accept-Encoding, Origin"),
        ACCEPT_ORIGIN => Some("Accept, Origin"),
        ALL => Some("Accept-Encoding, Accept, Origin"),
        _ => None,
    }
}
