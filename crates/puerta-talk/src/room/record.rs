//! What was said, as the log keeps it and as members get it.

use super::frame::Target;
use super::ids::{MemberNo, MessageId, RoomNo};
use serde::{Deserialize, Serialize};

/// One message in the order of its room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Where.
    pub room: RoomNo,
    /// Its place in the room, from 1.
    pub seq: u64,
    /// The place of the one before it in the room, 0 for the first: so that a gap shows.
    pub prev: u64,
    /// When the hub took it: milliseconds since 1970 by the hub's clock.
    pub at: i64,
    /// Which message of its sender it is.
    pub id: MessageId,
    /// Who said it, and by which name.
    pub from: Person,
    /// To whom, when it is private.
    pub to: Option<Person>,
    /// How it is meant.
    pub kind: Kind,
    /// UTF-8, as it came: whoever shows it makes it harmless.
    pub text: String,
}

impl Record {
    /// Whether it says this, to the same: a room of the name `room`, if that is known, or some member. Members change their names.
    pub fn says(&self, room: Option<&str>, to: &Target, kind: Kind, text: &str) -> bool {
        let there = match to {
            Target::Room(name) => self.to.is_none() && room.is_none_or(|r| r.to_lowercase() == name.to_lowercase()),
            Target::Member(_) => self.to.is_some(),
        };
        there && self.kind == kind && self.text == text
    }
}

/// A member, with the name that it had at the time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub no: MemberNo,
    /// By which name.
    pub name: String,
}

/// How a message is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Said.
    Text,
    /// Done: `/me waves`.
    Action,
}
