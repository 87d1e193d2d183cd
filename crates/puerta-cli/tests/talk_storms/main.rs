//! Rooms on bad days: a network that loses and parts, a hub that is killed, a disk that is full or fails, floods of garbage, and
//! processes that stand still. A sample by default; all of it with PUERTA_FULL=1.
//! PUERTA_SEED, PUERTA_TIMES and PUERTA_APART give the network that parts another seed, so many times, and so many seconds.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../common/mod.rs"]
mod common;
mod disk;
mod flood;
mod kills;
mod network;
mod power;
mod stopped;
mod world;

fn full() -> bool {
    std::env::var_os("PUERTA_FULL").is_some()
}
