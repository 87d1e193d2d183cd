//! What the words of `@site` mean.

use puerta_serve::core::path::SitePath;
use puerta_serve::core::response::Status;
use puerta_serve::core::site::{Cache, Cors, Site, header};
use std::time::Duration;

/// What the server was told.
pub(crate) fn site(words: &str) -> Site {
    let mut site = Site::default();
    for word in words.split_whitespace() {
        let (word, value) = word.split_once('=').unwrap_or((word, ""));
        match (word, value) {
            ("hidden", _) => site.hidden = true,
            ("clean", _) => site.clean = true,
            ("spa", _) => site.spa = SitePath::given("index.html").ok(),
            ("no-listing", _) => site.listing = false,
            ("no-compression", _) => site.compression = false,
            ("security", _) => site.security = true,
            ("error-page", _) => {
                site.error_pages = vec![(Status::NOT_FOUND, SitePath::given("errors/404.html").unwrap())];
            }
            ("cache", "immutable") => site.cache = Cache::Immutable,
            ("cache", "never") => site.cache = Cache::Never,
            ("cache", age) => site.cache = Cache::Age(Duration::from_secs(age.parse().unwrap())),
            ("cors", "") => site.cors = Cors::Any,
            ("cors", origin) => site.cors = Cors::Origins(vec![origin.to_owned()]),
            ("header", field) => site.header.push(header(field).unwrap()),
            _ => panic!("{word}"),
        }
    }
    site
}
