//! What happens in plain mode, as values; their words stand in `words`.

use crate::wire::Flaw;
use puerta::Error;
use std::net::SocketAddr;
use std::time::SystemTime;

/// Who is on the other side. Plain mode checks neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Where the datagram, or the connection, came from.
    pub address: SocketAddr,
    /// What the frame says; empty where it says nothing.
    pub user: Vec<u8>,
}

/// Something that happened.
#[derive(Debug)]
pub enum Event {
    /// Somebody said something.
    Message {
        /// Who.
        who: Who,
        /// What, as it came.
        text: Vec<u8>,
        /// When, in the sender's words; empty where the wire has none.
        time: Vec<u8>,
        /// When it came here.
        at: SystemTime,
    },
    /// All that was said is on its way: more can be said.
    Sent,
    /// Somebody is here: a hub's new member, or a peer that says so.
    Joined(Who),
    /// Somebody is no longer here.
    Left {
        /// Who.
        who: Who,
        /// Why.
        why: Why,
    },
    /// The hub has taken us (`ull1106`).
    Connected(Who),
    /// No hub has answered our join (`ull1106`): messages are sent all the same.
    NoAnswer(SocketAddr),
    /// A frame was not as it should be. What could be read of it follows as a message.
    Flawed {
        /// Whose.
        who: Who,
        /// What is wrong.
        flaw: Flaw,
    },
    /// What is no frame came from somebody who is no member, and was dropped.
    Dropped {
        /// From where, for the last of them.
        address: SocketAddr,
        /// What is wrong with it.
        flaw: Flaw,
        /// How many more there were since it was told last.
        more: u64,
    },
    /// A command of the wire that makes no sense from there, and was dropped.
    Ignored {
        /// Whose.
        who: Who,
        /// What it was.
        text: &'static str,
    },
    /// Somebody sends too many messages; those above the quota are dropped.
    TooMany(Who),
    /// There are `max` members: others are not served.
    Full {
        /// Whose datagram or connection it was.
        address: SocketAddr,
        /// How many there may be.
        max: usize,
    },
    /// ICMP said that nobody is there; a message is lost, and the talk goes on.
    Refused(Error),
    /// A message could not be sent to somebody; the talk goes on.
    NotSent(Error),
    /// No connection can be accepted for now: a limit of this machine.
    AtLimit(Error),
}

/// Why somebody is no longer here.
#[derive(Debug)]
pub enum Why {
    /// They said so.
    Quit,
    /// Nothing came from there for a while.
    Idle,
    /// Their connection ended, or `Some` of it broke.
    Closed(Option<Error>),
    /// They took too little of what was sent to them.
    Behind,
}

impl Who {
    /// Somebody of whom only the address is known.
    pub fn at(address: SocketAddr) -> Self {
        Who { address, user: Vec::new() }
    }

    /// The name as it is shown: `~ana`, and where there is none the address. Bytes that are not UTF-8 become U+FFFD; the
    /// rest is as it came.
    pub fn name(&self) -> String {
        match self.user.is_empty() {
            true => format!("~{}", self.shown()),
            false => format!("~{}", String::from_utf8_lossy(&self.user)),
        }
    }

    /// The address, an IPv4 one of a dual-stack socket as IPv4.
    pub fn shown(&self) -> SocketAddr {
        SocketAddr::new(self.address.ip().to_canonical(), self.address.port())
    }
}
