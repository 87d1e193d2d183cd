//! The local store against a real file system: what may be served, what may not, and what happens to files that change under our
//! hands. A sample of the race by default; a million tries with PUERTA_FULL=1.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod change;
mod coding;
mod common;
mod fail;
mod list;
mod path;
mod race;
mod wait;
