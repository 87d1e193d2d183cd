//! The driver of HTTP/1 over real sockets: a server on a port of its own, and clients that say what they like.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that fails says why")]

mod bodies;
#[path = "../cases/mod.rs"]
mod cases;
#[path = "../client/mod.rs"]
mod client;
mod common;
#[path = "../cases/driver.rs"]
mod driver;
mod explain;
mod limits;
mod requests;
mod secure;
mod semantics;
mod smuggling;
mod vectors;
