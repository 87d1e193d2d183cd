//! The driver of HTTP/1.0 and 1.1 (RFC 9112): bytes to heads, responses to bytes.
//!
//! ```text
//! recv ─→ head::read ─→ plan ─→ Store::probe ─→ respond ─→ write ─→ send        a hot small file: two system calls
//!                                   └ None ─→ Store::find, in the store's pool
//!                                                            └─→ body: sendfile, or portions over TLS; ranges; listings
//! ```
//!
//! While a connection is idle it keeps no buffer: what is received goes through one of the thread's, and only what is not whole
//! yet, or finds no room in the socket, is kept.

mod answer;
mod body;
mod connection;
pub mod head;
pub(crate) mod insecure;
mod push;
mod tally;
pub mod tell;
pub mod transport;
pub mod watch;
mod write;

pub use connection::{Connection, End, hand_log};

pub use tally::Tally;

use crate::core::site::Site;
use crate::event::Report;
use crate::gate::Gate;
use crate::log::Log;
use crate::store::Store;
use std::sync::Arc;
use std::time::Duration;

/// What a connection may take, and for how long.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Of a head.
    pub head: head::Limits,
    /// For a head to come whole, from its first byte. Default: 10 s; then 408. When the server stops it is 1 s from then.
    pub head_time: Duration,
    /// For a connection on which no request is under way. Default: 60 s; then it is closed.
    pub idle: Duration,
    /// Bytes a second that a client takes at least, as long as there is something for it. Default: 1 KiB; then the connection is reset.
    pub rate: u32,
    /// The time over which that is reckoned. Default: 10 s.
    pub rate_time: Duration,
    /// Requests on one connection. Default: 100,000; the last response says `Connection: close`.
    pub requests: u32,
    /// For what a client still sends behind a refused request, before its connection is closed; up to 1 MiB is passed over. Default: 2 s.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            head: head::Limits::default(),
            head_time: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            rate: 1024,
            rate_time: Duration::from_secs(10),
            requests: 100_000,
            linger: Duration::from_secs(2),
        }
    }
}

impl Limits {
    /// The shortest of the times: what a [`Watchman`](watch::Watchman) has to keep.
    pub fn shortest(&self) -> Duration {
        self.head_time.min(self.idle).min(self.rate_time).min(self.linger)
    }
}

/// What all connections share.
#[derive(Debug)]
pub struct Service {
    /// What is served.
    pub site: Site,
    /// Where it lies.
    pub store: Store,
    /// What a connection may take.
    pub limits: Limits,
    /// Who is let in, and how fast all of it may go.
    pub gate: Gate,
    /// Who hears of what goes wrong.
    pub report: Arc<dyn Report>,
    /// Where each response is noted.
    pub log: Option<Log>,
    /// What was done. A connection adds to it when it ends.
    pub tally: Tally,
}
