//! `puerta serve` in a real browser, plain and over TLS: folders, media, pages with their parts, and the bytes of files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::indexing_slicing, reason = "what is missing fails the test")]

mod bytes;
mod chromium;
#[path = "../common/mod.rs"]
mod common;
mod folders;
mod media;
mod page;
mod served;
