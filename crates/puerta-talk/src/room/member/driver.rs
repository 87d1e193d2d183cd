//! What a member's driver gives to the core, and what it has to do for it.

use crate::room::event::{Command, Event};
use crate::room::frame::{Target, ToHub, ToMember};
use crate::room::ids::{Device, MessageId};
use crate::room::record::Kind;

/// How a member was set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// By which name it would like to go.
    pub name: String,
    /// The join token of an invite.
    pub token: Option<[u8; 16]>,
    /// Whether it wants the records of its rooms.
    pub feed: bool,
    /// Rooms to join, without the `#`; when there are none, the hub's first.
    pub rooms: Vec<String>,
    /// Only the rooms named above: not those that the hub knows of from before, nor what is private.
    pub only: bool,
    /// Which records are shown first.
    pub from: From,
    /// The outbox that it writes to.
    pub stream: u64,
    /// The last number that was given there.
    pub last: u64,
    /// A stream that no outbox has, should the hub have more of `stream` than `last`: 64 random bits.
    pub spare: u64,
    /// What was pending when the program started, from this and from other outboxes.
    pub pending: Vec<Pending>,
}

/// Which records of a room are shown first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Those that were not seen, and so many before them.
    Seen {
        /// How many.
        context: u64,
    },
    /// Those behind a place.
    Place(u64),
    /// Those that come from now on.
    Now,
}

/// A message that is not durable at the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Which.
    pub id: MessageId,
    /// Where to.
    pub to: Target,
    /// How it is meant.
    pub kind: Kind,
    /// What.
    pub text: String,
}

/// What happens to a member.
#[derive(Debug)]
pub enum Input {
    /// It begins.
    Start,
    /// Someone at the screen wants something.
    Command(Command),
    /// The outbox has this message.
    Kept(MessageId),
    /// The outbox could not keep this message, and why.
    NotKept(MessageId, String),
    /// A connection stands; there is no other, or it was `Cut`.
    Linked,
    /// There is no connection any more, or none could be made.
    Cut,
    /// A frame came.
    Frame(ToMember),
    /// Time has passed: [`Member::due`](super::Member::due) has come.
    Tick,
}

/// What the driver has to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Try to connect. Answered by `Linked` or `Cut`.
    Connect,
    /// Close the connection.
    Disconnect,
    /// A frame for the hub.
    Send(ToHub),
    /// For the outbox. Answered by `Kept` or `NotKept`, in order.
    Keep(Pending),
    /// The outbox need not keep this any more.
    Forget(MessageId),
    /// The outbox goes on as this stream, and these messages have other ids there, all of them or none. Answered by `Kept` or
    /// `NotKept` for each new id.
    Renumber {
        /// The stream.
        stream: u64,
        /// The id before, and the message.
        messages: Vec<(MessageId, Pending)>,
    },
    /// For the screen.
    Show(Event),
    /// Connect to this hub from now on; what is pending now is all that the outbox should have for it.
    Move {
        /// Where: `host:port`.
        address: String,
        /// Its key.
        hub: Device,
        /// All that is pending.
        pending: Vec<Pending>,
    },
}
