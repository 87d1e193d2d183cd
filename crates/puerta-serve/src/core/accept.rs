//! Which form of a listing or an error a client wants: `Accept` (RFC 9110 section 12.5.1).

use super::head::Head;
use super::list::{elements, weighted};
use super::response::Form;

/// How a listing is written: as JSON where that weighs more than a page, or as much while it is named more exactly. What
/// fits neither gets a page.
pub fn form(head: &Head<'_>) -> Form {
    let json = weigh(head, "application", "json");
    if json.0 > 0 && json > weigh(head, "text", "html") { Form::Json } else { Form::Html }
}

/// Whether a browser asks for a page to show: `text/html` or `application/xhtml+xml` are named, and not refused. Scripts,
/// images and tools ask for `*/*` or for what they need.
pub fn is_page(head: &Head<'_>) -> bool {
    let named = |kind, subtype| matches!(weigh(head, kind, subtype), (1.., 2));
    named("text", "html") || named("application", "xhtml+xml")
}

/// The weight of a media type, in thousandths, and how exactly it is named: 2 `text/html`, 1 `text/*`, 0 `*/*` or not at all.
fn weigh(head: &Head<'_>, kind: &str, subtype: &str) -> (u16, u8) {
    let mut best: Option<(u8, u16)> = None;
    for (range, weight) in head.all("Accept").flat_map(elements).filter_map(weighted) {
        let Some(slash) = range.iter().position(|&b| b == b'/') else { continue };
        let (first, second) = (range.get(..slash).unwrap_or_default(), range.get(slash + 1..).unwrap_or_default());
        let exact = match (first, second) {
            (b"*", b"*") => 0,
            (first, b"*") if first.eq_ignore_ascii_case(kind.as_bytes()) => 1,
            (first, second)
                if first.eq_ignore_ascii_case(kind.as_bytes()) && second.eq_ignore_ascii_case(subtype.as_bytes()) =>
            {
                2
            }
            _ => continue,
        };
        best = best.max(Some((exact, weight)));
    }
    best.map_or((0, 0), |(exact, weight)| (weight, exact))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::head::{Field, Method, Version};

    #[test]
    fn a_listing_is_data_for_who_would_rather_have_data() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
        for (accept, json, page) in [
            (None, false, false),
            (Some(""), false, false),
            (Some("*/*"), false, false),
            (Some("text/*"), false, false),
            (Some(browser), false, true),
            (Some("text/html"), false, true),
            (Some("TEXT/HTML"), false, true),
            (Some("text/html;q=0"), false, false),
            (Some("text/html;charset=utf-8;q=0.1"), false, true),
            (Some("application/xhtml+xml"), false, true),
            (Some("application/json"), true, false),
            (Some("Application/JSON"), true, false),
            (Some("application/*"), true, false),
            (Some("application/json, text/plain, */*"), true, false),
            (Some("application/json;q=0.9, */*;q=0.8"), true, false),
            (Some("application/json;q=0.5, text/html"), false, true),
            (Some("application/json, text/html;q=0.9"), true, true),
            (Some("application/json, text/html"), false, true),
            (Some("text/html, application/json"), false, true),
            (Some("application/json;q=0"), false, false),
            (Some("application/json;q=0, */*"), false, false),
            (Some("application/json;q=0.2, */*;q=0.8"), false, false),
            (Some("image/png"), false, false),
            (Some("json"), false, false),
            (Some("*/json"), false, false),
        ] {
            let field = accept.map(|accept| Field { name: "accept", value: accept.as_bytes() });
            let fields = field.as_slice();
            let head = Head { method: Method::Get, target: b"/", version: Version::Http11, fields };
            assert_eq!(form(&head) == Form::Json, json, "{accept:?}");
            assert_eq!(is_page(&head), page, "{accept:?}");
        }
    }
}
