//! What a user may want to know while it happens, as values; their words stand in `words`.

use crate::problem::Problem;
use crate::verdict::Verdict;
use puerta::{Endpoint, Error};
use std::time::Duration;

/// Something that happened.
#[derive(Debug)]
pub enum Event<'a> {
    /// A socket takes connections or datagrams.
    Listening {
        /// As the address grammar names it: `tcp`, `udp`, `unix`.
        transport: &'static str,
        /// With the port that was chosen.
        address: &'a Endpoint,
        /// Whether `[::]` is of IPv6 alone.
        ipv6_alone: bool,
    },
    /// IPv6 is switched off here, so only IPv4 is listened on.
    Ipv6Off,
    /// A stale socket's path was taken over.
    TookOver(&'a str),
    /// A name was resolved.
    Resolved {
        /// The name.
        name: &'a str,
        /// In the order of the attempts.
        addresses: &'a [Endpoint],
    },
    /// One attempt to connect failed; another may go on.
    Attempt {
        /// Where to.
        address: &'a Endpoint,
        /// Why not.
        error: &'a Error,
    },
    /// Nobody there yet: another try after a pause.
    Retrying {
        /// Why the last one failed.
        problem: &'a Problem,
        /// The pause.
        after: Duration,
    },
    /// The connection stands, or a datagram socket has its peer.
    Connected {
        /// As the address grammar names it.
        transport: &'static str,
        /// Our own address.
        local: &'a Endpoint,
        /// The other one.
        peer: &'a Endpoint,
    },
    /// A client came to a server of many, or a datagram peer was heard for the first time.
    Joined(&'a Endpoint),
    /// A client left.
    Left {
        /// Which.
        peer: &'a Endpoint,
        /// How.
        verdict: &'a Verdict,
    },
    /// A datagram peer was idle for its time, or its child ended.
    Forgotten(&'a Endpoint),
    /// Accepting pauses: a limit of the system, or `--max`.
    AtLimit(Limit<'a>),
    /// Accepting goes on.
    BelowLimit,
    /// A client of a room that has ended its input, and may have gone, was parted with: somebody waits for a place.
    GaveWay(&'a Endpoint),
    /// A client took too little and was dropped.
    Behind(&'a Endpoint),
    /// How many datagrams were dropped for a peer that took too little: no more are now, or it is forgotten.
    Dropped {
        /// Which.
        peer: &'a Endpoint,
        /// How many.
        count: u64,
    },
    /// A datagram of a new peer was dropped: the table of peers is full.
    TooManyPeers {
        /// Whose.
        peer: &'a Endpoint,
        /// How many there may be.
        max: usize,
    },
    /// ICMP said that nobody listens at a peer's address.
    Refused(&'a Error),
    /// A datagram could not be sent; the server goes on.
    NotSent(&'a Error),
    /// ICMP said that a datagram was longer than the way takes: it is lost. The kernel sends the next ones in parts.
    TooLong(&'a Error),
    /// There is an answer for a Unix peer that has no name, so that it cannot be reached.
    Unnamed,
    /// A datagram arrived cut off.
    Truncated {
        /// How much of it there is.
        kept: usize,
        /// How long it was.
        full: usize,
    },
    /// Standard output was closed when we started, so what arrives is discarded.
    NoOutput,
    /// Our input has ended, the peer's has not, and nothing has come for a while.
    Waiting,
    /// Something failed for one client alone; the server goes on.
    Trouble(&'a Problem),
}

/// Why accepting pauses.
#[derive(Debug, Clone, Copy)]
pub enum Limit<'a> {
    /// EMFILE, ENFILE, ENOBUFS or ENOMEM.
    System(&'a Error),
    /// A client's program could not be started for want of descriptors, processes or memory.
    Program(&'a Problem),
    /// `--max`.
    Clients(usize),
}

/// Is told of events, on the thread where they happen.
pub trait Report: Send + Sync {
    /// One event.
    fn event(&self, event: &Event<'_>);
}
