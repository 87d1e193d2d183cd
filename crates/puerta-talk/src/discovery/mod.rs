//! How a hub on the network is found, and how it lets itself be found: broadcast on each interface, all nodes of each link
//! over IPv6, mDNS. Remembered hubs and invites are rungs of the same ladder that need no network to be asked.
//!
//! [`Finder`] asks on every rung at once, and [`Announcer`] answers. A rung that does not work is a [`Trouble`](crate::rung::Trouble),
//! which is kept to be told; it never ends the others.

mod announcer;
mod budget;
mod finder;
mod mdns;
mod places;
mod troubles;

pub use announcer::Announcer;
pub use budget::ANSWERS_PER_SECOND;
pub use finder::{Finder, Found, HUBS};
pub use mdns::{SERVICE, TOLD_AT};
pub use places::PLACES;

use crate::announcement::Process;
use crate::rung::Rung;
use ring::rand::{SecureRandom, SystemRandom};

/// The UDP port at which hubs are asked: one below that of the rooms. Every hub of a machine has it, shared
/// (`SO_REUSEADDR`), and each gets what is broadcast.
pub const PORT: u16 = 7776;

/// How to look, and how to be found.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The UDP port at which hubs are asked. Default: [`PORT`].
    pub port: u16,
    /// The rungs that are tried. Default: all.
    pub rungs: Vec<Rung>,
    /// The process of our own hub, which is not found. Default: none.
    pub itself: Option<Process>,
}

impl Default for Settings {
    fn default() -> Self {
        let rungs = vec![Rung::Machine, Rung::Broadcast, Rung::Multicast, Rung::Mdns];
        Settings { port: PORT, rungs, itself: None }
    }
}

impl Settings {
    fn has(&self, rung: Rung) -> bool {
        self.rungs.contains(&rung)
    }

    fn has_ipv4(&self) -> bool {
        self.has(Rung::Machine) || self.has(Rung::Broadcast)
    }
}

/// A new number for a process; `None` where the system has no random numbers.
pub fn process() -> Option<Process> {
    let mut number = [0; 8];
    SystemRandom::new().fill(&mut number).ok()?;
    Some(Process(number))
}
