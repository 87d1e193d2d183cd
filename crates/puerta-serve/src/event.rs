//! What a server tells while it runs, as values; the words stand in `words`.

use crate::problem::Refusal;
use puerta::{Endpoint, Error};
use std::io;
use std::net::IpAddr;

/// Something that the owner of the folder may want to know.
#[derive(Debug)]
pub enum Event<'a> {
    /// As many connections as there may be in all: those that come get 503. Told once until there are fewer, and once
    /// a minute at most.
    Full(usize),
    /// As many connections as there may be from this address: those that come get 503. Told once for each address until it has
    /// fewer, and once a minute at most; of 64 addresses a minute at most.
    Crowded {
        /// Whose: of IPv6 the first address of a /64.
        network: IpAddr,
        /// How many.
        max: usize,
    },
    /// There are too few descriptors for as many connections as there might be. Told at the start.
    Fewer {
        /// As many there might be.
        asked: usize,
        /// As many there may be.
        connections: usize,
        /// As many descriptors there are.
        descriptors: u64,
    },
    /// The system gives no more descriptors or memory for connections: accepting pauses. Told once a minute at most.
    Paused(&'a Error),
    /// There is room again.
    Resumed,
    /// A connection could not be given to a thread.
    Lost(&'a Error),
    /// A file could not be sent to its end, so that the connection was reset.
    Cut {
        /// Where it lies, below the folder.
        path: &'a [u8],
        /// Why.
        refusal: Refusal,
    },
    /// The access log could not be written, or not as fast as there was something to write: so many lines are missing.
    LogBehind(u64),
    /// The access log cannot be written. Told once, until it can be again.
    LogFailed(&'a io::Error),
    /// The link that works once was used, by this client.
    TicketUsed(Option<&'a Endpoint>),
    /// The link has expired. Told once.
    TicketExpired,
    /// The certificate ends within two weeks, or is over. Each told once of each certificate.
    Certificate {
        /// When, as HTTP writes it.
        date: &'a str,
        /// It is over.
        over: bool,
        /// It was made here, and is made anew at a start.
        made: bool,
    },
    /// Something was not served, for a reason that its owner should hear of.
    NotServed {
        /// Where it lies, below the folder.
        path: &'a [u8],
        /// Why.
        refusal: Refusal,
    },
}

/// Hears of events. It is called by the threads that serve, so it must not wait.
pub trait Report: Send + Sync + std::fmt::Debug {
    /// Something happened.
    fn event(&self, event: &Event<'_>);
}
