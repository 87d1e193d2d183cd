//! Connect, listen and relay: endpoints, and what moves bytes between them.
//!
//! Pure parts (framing, transforms, peers, verdicts, plans) do no I/O; thin drivers move bytes on tokio, one thread, and
//! call the sockets library directly within readiness.

#![forbid(unsafe_code)]

pub mod accept;
pub mod background;
mod broadcast;
pub mod child;
pub mod claim;
pub mod counters;
pub mod datagram;
mod endpoint;
pub mod event;
pub mod framing;
pub mod hub;
pub mod listen;
pub mod local;
pub mod open;
pub mod outbox;
pub mod peers;
pub mod plan;
pub mod problem;
pub mod pump;
pub mod reach;
pub mod service;
pub mod session;
pub mod transform;
pub mod verdict;
pub mod wire;
pub mod words;

pub use endpoint::{Endpoint, Layer};
