//! What will happen, in the order of virtual time.

use bytes::Bytes;
use puerta_talk::room::event::Command;
use puerta_talk::room::ids::MessageId;
use puerta_talk::room::{member, rooms};
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum What {
    /// Bytes come to the end of a connection.
    Arrive { conn: usize, down: bool, frames: Bytes, intact: bool },
    /// A hub's process gets this.
    Hub { hub: usize, run: u64, input: rooms::Input },
    /// A hub has nothing else to do for the moment.
    Flush { hub: usize, run: u64 },
    /// A hub's timer.
    HubTimer { hub: usize, run: u64 },
    /// A hub's disk has done what it was doing.
    Disk { hub: usize, run: u64 },
    /// A hub's log answers.
    Answer { hub: usize, run: u64, ticket: u64, ask: puerta_talk::room::store::Ask },
    /// A member's process gets this.
    Member { slot: usize, run: u64, input: member::Input },
    /// A member's process gets this, if it still has the connection.
    Linked { slot: usize, run: u64, conn: usize, up: bool },
    /// A member's timer.
    MemberTimer { slot: usize, run: u64 },
    /// A member's driver tries to connect.
    Dial { slot: usize, run: u64, dial: u64 },
    /// A member's disk has a message.
    Synced { slot: usize, run: u64, id: MessageId },
    /// Someone does something.
    Act { slot: usize },
    /// Someone gives a command.
    Command { slot: usize, run: u64, command: Command },
    /// Something goes wrong.
    Fault,
    /// The hub notices that a connection is gone.
    Break { conn: usize, member_in: u64, hub_in: u64 },
    /// A connection is not slow any more.
    Drained { conn: usize },
    /// A process starts.
    StartHub { hub: usize },
    /// A process starts.
    StartMember { slot: usize },
    /// A hub whose log is closed is started again.
    Mend { hub: usize, run: u64 },
    /// The rogue does something.
    Rogue,
    /// The first hub makes way for the other.
    Yield,
    /// All is well from now on.
    Heal,
    /// Is everybody there?
    Look,
}

#[derive(Debug)]
struct Due {
    at: u64,
    order: u64,
    what: What,
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> Ordering {
        // The heap gives the largest first.
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.order == other.order
    }
}

impl Eq for Due {}

/// What will happen. What is due at the same time happens in the order in which it was put here.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Due>,
    order: u64,
}

impl Queue {
    pub(crate) fn at(&mut self, at: u64, what: What) {
        self.order += 1;
        self.heap.push(Due { at, order: self.order, what });
    }

    pub(crate) fn next(&mut self) -> Option<(u64, What)> {
        self.heap.pop().map(|due| (due.at, due.what))
    }
}
