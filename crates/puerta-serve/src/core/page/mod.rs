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
    style-src 'sha256-OOOrZ1fna8RjvyUHW19WRM2/Tv24Hh8/Tul2eB231lM='; \
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

/// Where a browser takes the page of an error to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// How many folders below the top.
    pub depth: usize,
    /// The address ends with a slash, and is itself the lowest of these.
    pub is_folder: bool,
}

/// The body of an error and its `Content-Type`: for a browser that asks for one a page at that place, else a line or two of text. Short, and
/// it says what to do. Nothing of the request stands in it. What is not found has links to the folder above, which may not be there either,
/// and to the top: by the address alone, so that they tell nothing of what is there.
pub fn error(status: Status, place: Option<Place>) -> (&'static str, Bytes) {
    let (title, advice) = words::error(status.0);
    let Some(place) = place else {
        return (PLAIN, format!("{status} {title}\n{advice}\n").into());
    };
    // Who gets another error would meet it there again.
    let links = if status == Status::NOT_FOUND { place.links() } else { Vec::new() };
    let mut out = Vec::with_capacity(STYLE.len() + 1024);
    begin(title, &mut out);
    let body = html! {
        main.error {
            h1 { b { (status) } " " (title) }
            p { (advice) }
            @if !links.is_empty() { p { @for (to, name) in links { a href=(to) { (name) } } } }
        }
    };
    out.extend_from_slice(body.into_string().as_bytes());
    end(false, &mut out);
    (HTML, out.into())
}

impl Place {
    /// Relative: a proxy may have a prefix before what is the top here.
    fn links(self) -> Vec<(String, &'static str)> {
        let up = usize::from(self.is_folder);
        let above = (self.depth > up).then(|| (climb(up), words::ABOVE));
        let is_top = self.depth == 0 && self.is_folder;
        let top = (self.depth <= DEEPEST && !is_top).then(|| (climb(self.depth), words::TOP));
        above.into_iter().chain(top).collect()
    }
}

fn climb(folders: usize) -> String {
    format!("./{}", "../".repeat(folders))
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
            let (media, body) = error(Status(status), Some(Place { depth: 2, is_folder: false }));
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
    fn what_is_not_found_leads_to_the_folder_above_and_to_the_top() {
        // By the address as a browser has it: `/`, `/x`, `/a/x`, `/a/`, `/a/b/x`, `/a/b/`, `/a/b/c/`.
        let cases: &[(usize, bool, &[&str])] = &[
            (0, true, &[]),
            (0, false, &["./"]),
            (1, false, &["./", "./../"]),
            (1, true, &["./../"]),
            (2, false, &["./", "./../../"]),
            (2, true, &["./../", "./../../"]),
            (3, true, &["./../", "./../../../"]),
        ];
        for &(depth, is_folder, expected) in cases {
            assert_eq!(links(404, Place { depth, is_folder }), expected, "{depth} {is_folder}");
        }
        // The link to the top is left out where it would be long.
        assert_eq!(links(404, Place { depth: DEEPEST, is_folder: false }).len(), 2);
        assert_eq!(links(404, Place { depth: DEEPEST + 1, is_folder: false }), ["./"]);
    }

    #[test]
    fn no_other_error_has_a_link_that_would_be_refused_too() {
        for status in (400..600).filter(|status| *status != 404) {
            assert!(links(status, Place { depth: 1, is_folder: false }).is_empty(), "{status}");
        }
    }

    /// Where the links of an error's page lead, but for its icon.
    fn links(status: u16, place: Place) -> Vec<String> {
        let page = String::from_utf8(error(Status(status), Some(place)).1.to_vec()).unwrap();
        let links = attributes(&page).filter(|(name, to)| *name == "href" && !to.starts_with("data:"));
        links.map(|(_, to)| to.to_owned()).collect()
    }
}
