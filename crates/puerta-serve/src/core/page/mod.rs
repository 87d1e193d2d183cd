//! What every page of ours has: its shell, its style and script, the policy that allows these alone; and the pages of errors.
//!
//! Style and script stand in the page, so that nothing else is asked for. Together they are below [`WEIGHT`].

use super::response::Status;
use super::words;
use bytes::Bytes;
use maud::{PreEscaped, html};

/// How many bytes style and script may have together.
pub const WEIGHT: usize = 12 * 1024;

/// `Content-Security-Policy` of every page of ours: its own style and script by their hashes, its icon, its form, nothing else
/// (CSP Level 3, section 2.3.1). A page that is not ours is not to get it.
pub const POLICY: &str = "default-src 'none'; \
    style-src 'sha256-OpVVDbjgYKK+RpP00Cn2gOoE31AZ3bhniSFafFM/LZY='; \
    script-src 'sha256-YSzXQLWe+zdLvetH7g4LZQ+YWugk4MKn6yUFsLKmnPY='; \
    img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// `Content-Type` of a page.
pub const HTML: &str = "text/html; charset=utf-8";

/// `Content-Type` of an error for what is no browser.
pub const PLAIN: &str = "text/plain; charset=utf-8";

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// An open door; `data:` so that nobody asks for `/favicon.ico`.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Cpath fill='%232f7dd1' d='M3 1h10v14H3z'/%3E%3Cpath fill='%23fff' d='M5 3l5 2v10H5z'/%3E%3C/svg%3E";

/// To how many folders below the top a page of an error has a link to it.
const DEEPEST: usize = 64;

/// The body of an error and its `Content-Type`: for a browser that asks for one a page, `depth` folders below the top, else a line or
/// two of text. Short, and it says what to do. Nothing of the request stands in it.
pub fn error(status: Status, depth: Option<usize>) -> (&'static str, Bytes) {
    let (title, advice) = words::error(status.0);
    let Some(depth) = depth else {
        return (PLAIN, format!("{status} {title}\n{advice}\n").into());
    };
    // Relative: a proxy may have a prefix before what is the top here.
    let top = (matches!(status.0, 404 | 410) && depth <= DEEPEST).then(|| format!("./{}", "../".repeat(depth)));
    let mut out = Vec::with_capacity(STYLE.len() + 1024);
    begin(title, &mut out);
    let body = html! {
        main.error {
            h1 { b { (status) } " " (title) }
            p { (advice) }
            @if let Some(top) = top { p { a href=(top) { (words::TOP) } } }
        }
    };
    out.extend_from_slice(body.into_string().as_bytes());
    end(false, &mut out);
    (HTML, out.into())
}

/// The body of the answer to who speaks HTTP where TLS is spoken.
pub fn insecure() -> Bytes {
    Bytes::from_static(words::INSECURE.as_bytes())
}

/// The start of a page, up to its body.
pub(super) fn begin(title: &str, out: &mut Vec<u8>) {
    let head = html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) }
            link rel="icon" href=(ICON);
            style { (PreEscaped(STYLE)) }
        }
    };
    out.extend_from_slice(format!("<!DOCTYPE html>\n<html lang=\"{}\">", words::LANGUAGE).as_bytes());
    out.extend_from_slice(head.into_string().as_bytes());
    out.extend_from_slice(b"<body>");
}

/// The end of a page, with the script of the listing or without.
pub(super) fn end(script: bool, out: &mut Vec<u8>) {
    if script {
        out.extend_from_slice(html! { script { (PreEscaped(SCRIPT)) } }.into_string().as_bytes());
    }
    out.extend_from_slice(b"</body></html>\n");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::core::listing::tests::{attributes, balanced};
    use data_encoding::BASE64;
    use ring::digest::{SHA256, digest};

    #[test]
    fn the_policy_allows_the_style_and_the_script_of_the_pages_and_nothing_else() {
        for (directive, asset) in [("style-src", STYLE), ("script-src", SCRIPT)] {
            let hash = BASE64.encode(digest(&SHA256, asset.as_bytes()).as_ref());
            let expected = format!("{directive} 'sha256-{hash}';");
            assert!(POLICY.contains(&expected), "the policy needs {expected}");
        }
        assert!(POLICY.starts_with("default-src 'none'; ") && !POLICY.contains("unsafe"));
    }

    #[test]
    fn style_and_script_are_light_and_ask_for_nothing() {
        assert!(STYLE.len() + SCRIPT.len() <= WEIGHT, "{} + {}", STYLE.len(), SCRIPT.len());
        for asset in [STYLE, SCRIPT] {
            for outside in ["url(", "@import", "http:", "https:", "</", "<!--", "fetch(", "innerHTML", "eval("] {
                assert!(!asset.contains(outside), "{outside}");
            }
        }
    }

    #[test]
    fn the_edge_of_a_field_can_be_told_from_what_is_around_it_and_in_it() {
        let luminance = |colour: &str| {
            let colour =
                if colour.len() == 3 { colour.chars().flat_map(|c| [c, c]).collect() } else { colour.to_owned() };
            let part = |at: usize| f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            let linear = |c: f64| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
            0.2126 * linear(part(0)) + 0.7152 * linear(part(2)) + 0.0722 * linear(part(4)) + 0.05
        };
        // Light, and dark.
        for colours in STYLE.lines().take(2) {
            let of = |name: &str| {
                let (_, behind) = colours.split_once(&format!("--{name}:#")).unwrap();
                luminance(behind.split(|c: char| !c.is_ascii_hexdigit()).next().unwrap())
            };
            for other in ["bg", "soft"] {
                let (edge, other) = (of("edge"), of(other));
                // WCAG 2.2, 1.4.11.
                assert!(edge.max(other) / edge.min(other) >= 3.0, "{colours}");
            }
        }
        assert!(STYLE.contains("input,button{") && STYLE.contains("border:1px solid var(--edge)"));
    }

    #[test]
    fn an_error_is_a_page_for_a_browser_and_text_for_others() {
        for status in 400..600 {
            let (media, body) = error(Status(status), Some(0));
            let body = String::from_utf8(body.to_vec()).unwrap();
            assert_eq!(media, HTML);
            balanced(&body);
            assert!(attributes(&body).all(|(name, _)| !name.starts_with("on") && name != "style"), "{status}");
            assert!(body.contains(&status.to_string()) && !body.contains("<script"), "{status}");

            let (media, body) = error(Status(status), None);
            let body = String::from_utf8(body.to_vec()).unwrap();
            assert_eq!(media, PLAIN);
            assert!(body.starts_with(&status.to_string()) && body.ends_with(".\n") && !body.contains('<'), "{body}");
            assert_eq!(body.lines().count(), 2, "{body}");
        }
    }

    #[test]
    fn the_link_to_the_top_is_relative_and_left_out_where_it_would_be_long() {
        let page = |depth| String::from_utf8(error(Status(404), Some(depth)).1.to_vec()).unwrap();
        let links = |page: &str| {
            attributes(page).filter(|(name, _)| *name == "href").map(|(_, to)| to.to_owned()).collect::<Vec<_>>()
        };
        for (depth, link) in [(0, "./"), (1, "./../"), (3, "./../../../")] {
            assert_eq!(links(&page(depth)).last().unwrap(), link);
        }
        assert_eq!(links(&page(DEEPEST)).len(), 2, "the icon, and the top");
        assert_eq!(links(&page(DEEPEST + 1)).len(), 1);
    }
}
