//! A room on a server and its members: what the jobs of talk ask of every contender, each of which does it in its own way.
//!
//! A new contender is a file here that implements [`Chat`], and a line in [`all`]. One that speaks lines over TCP implements
//! [`Wire`](tcp::Wire), and [`tcp::run`] is its loader. Another brings a loader of its own, on one thread, which keeps to what [`Work`]
//! and [`Load`] say: [`Flow`](flow::Flow) tells when it may send, [`Server::begin`] holds the clock and the server's processor time.

mod body;
mod flow;
mod nats;
mod ncat;
mod ngircd;
mod pace;
mod quic;
mod rooms;
mod tcp;
mod window;

pub(crate) use body::{SPEAKERS, body, number, sender};

use crate::Result;
use crate::contender::Contender;
use crate::server::{Server, Taken};
use std::time::Duration;

/// A server that hosts a room, and how its members speak with it.
pub(crate) trait Chat {
    fn contender(&self) -> Contender;

    /// The most members that it can have.
    fn most(&self) -> usize {
        usize::MAX
    }

    /// Starts it on core 0 with nobody in the room, and waits until members can join.
    ///
    /// # Errors
    /// It does not start; in its own words.
    fn start(&self, program: &str) -> Result<Server>;

    /// Lets the members join, each over a connection of its own, and puts the load on them. The clock runs from when all are in the
    /// room and nothing is under way until every member has every message that another one sent.
    ///
    /// # Errors
    /// A member was refused or dropped, or messages did not arrive.
    fn run(&self, server: &Server, work: &Work) -> Result<Done>;
}

/// What is to be done.
#[derive(Clone, Copy)]
pub(crate) struct Work {
    /// How many are in the room, at least two. Nobody gets what it sent itself: a message is delivered to all others.
    pub(crate) members: usize,
    /// How many of them speak, in turn.
    pub(crate) speakers: usize,
    pub(crate) load: Load,
}

/// Messages of [`body::SIZE`] bytes.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    /// So many with [`body()`] of each number, by [`sender()`] of it; what each member gets is kept. Not timed.
    Bodies(u64),
    /// As many as go in this time; no member ever lacks more than `outstanding` of them. They are sent by [`sender()`] of each number.
    Busy { outstanding: u64, time: Duration },
    /// One every so often for so long, all from member 0, whether or not the last has arrived. The time from before each is sent until each
    /// member has it is kept.
    Paced { every: Duration, time: Duration },
}

/// What came of it.
pub(crate) struct Done {
    /// How many messages reached a member, each member counted.
    pub(crate) deliveries: u64,
    pub(crate) taken: Taken,
    /// In microseconds, of a paced load.
    pub(crate) latencies: Vec<f64>,
    /// What each member got, in its order, of a load of bodies.
    pub(crate) bodies: Vec<Vec<Vec<u8>>>,
}

/// Every contender, ours first when its hub is there.
pub(crate) fn all() -> Vec<Box<dyn Chat>> {
    vec![
        Box::new(rooms::Rooms::Log),
        Box::new(rooms::Rooms::NoLog),
        Box::new(ngircd::Ngircd),
        Box::new(nats::Nats),
        Box::new(ncat::Ncat),
    ]
}
