//! What a member and its hub send each other.

use super::ids::{Device, MemberNo, MessageId, RoomNo};
use super::limits::Limits;
use super::record::{Kind, Person, Record};
use serde::{Deserialize, Serialize};

/// The version of these frames; ALPN carries it too.
pub const VERSION: u16 = 1;

/// The ALPN protocol name (RFC 7301).
pub const ALPN: &[u8] = b"puerta-talk/1";

/// From a member to its hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToHub {
    /// The first frame of a connection.
    Hello(Hello),
    /// Into a room, which is opened if it is not there.
    Join {
        /// Without the `#`.
        room: String,
    },
    /// Out of a room.
    Leave {
        /// Which.
        room: RoomNo,
    },
    /// A message.
    Send(Send),
    /// What follows a place, please: at most a page. It is also how a member says where it is.
    After {
        /// Where.
        room: RoomNo,
        /// Behind which place.
        seq: u64,
    },
    /// What was before a place, please: at most a page.
    Before {
        /// Where.
        room: RoomNo,
        /// Before which place.
        seq: u64,
    },
    /// Seen all through a place; at most once a second.
    Seen {
        /// Where.
        room: RoomNo,
        /// Through which place.
        through: u64,
    },
    /// Another name.
    Rename {
        /// Which.
        name: String,
    },
    /// An invite, please.
    Invite {
        /// Where it leads.
        room: RoomNo,
        /// Good for one device only.
        once: bool,
        /// For how many seconds.
        lasts: u32,
        /// Those that were made for this room before are good for nothing any more.
        renew: bool,
    },
    /// Which rooms are there?
    Rooms,
    /// Who is in a room?
    Who {
        /// Which.
        room: RoomNo,
    },
    /// Are you there? Answered by `Pong`.
    Ping,
}

/// Who comes, and what for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`].
    pub version: u16,
    /// By which name it would like to go.
    pub name: String,
    /// The join token of an invite.
    pub token: Option<[u8; 16]>,
    /// The streams that it sends from, at most [`STREAMS`](super::limits::STREAMS).
    pub streams: Vec<u64>,
    /// Whether it wants the records of its rooms as they come. A program that only sends does not.
    pub feed: bool,
}

/// A message on its way to the hub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Send {
    /// Which.
    pub id: MessageId,
    /// The number in the same stream that must be taken before this one; 0 when there is none.
    pub after: u64,
    /// Where to.
    pub to: Target,
    /// How it is meant.
    pub kind: Kind,
    /// What is said.
    pub text: String,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Target {
    /// To a room, by its name without the `#`: a message may be written before the room's number is known.
    Room(String),
    /// To one member, by name.
    Member(String),
}

/// From a hub to a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToMember {
    /// The answer to a Hello that lets in.
    Welcome(Welcome),
    /// The answer to a Hello that does not.
    Denied(Denial),
    /// The member is in this room; also when it was before.
    Room(RoomFacts),
    /// The member is no longer in this room.
    Gone {
        /// Which.
        room: RoomNo,
    },
    /// The member does not come into a room that it asked for.
    NotJoined {
        /// Which, by the name that it asked for.
        room: String,
        /// Why.
        why: Refusal,
    },
    /// A message.
    Record(Record),
    /// One that was asked for with Before.
    Older(Record),
    /// A request for history was answered to its end, or to the end of a page.
    Head {
        /// Where.
        room: RoomNo,
        /// The last place that there is.
        seq: u64,
    },
    /// There is nothing older than this place.
    Oldest {
        /// Where.
        room: RoomNo,
        /// The first place.
        seq: u64,
    },
    /// A message is durable; sent to members that do not want the feed, and for repeated sends.
    Stored {
        /// Which.
        id: MessageId,
        /// Where.
        room: RoomNo,
        /// At which place.
        seq: u64,
    },
    /// A message will not be taken.
    Refused {
        /// Which.
        id: MessageId,
        /// Why.
        why: Refusal,
    },
    /// Messages came faster than allowed, and were left out: they stay pending and are sent again.
    Slow {
        /// How many a second are allowed.
        rate: u32,
    },
    /// The log takes nothing any more.
    ReadOnly {
        /// Why.
        why: String,
    },
    /// Someone came into a room.
    Joined {
        /// Where.
        room: RoomNo,
        /// Who.
        who: Person,
    },
    /// Someone left a room for good.
    Left {
        /// Where.
        room: RoomNo,
        /// Who.
        who: Person,
    },
    /// Someone of a room is there now, or is not.
    Presence {
        /// Where.
        room: RoomNo,
        /// Who.
        who: Person,
        /// Whether there.
        online: bool,
    },
    /// A large room's numbers, in place of Joined, Left and Presence.
    Count {
        /// Where.
        room: RoomNo,
        /// Its members.
        members: u32,
        /// Those who are there.
        online: u32,
    },
    /// Someone has seen all through a place.
    Seen {
        /// Where.
        room: RoomNo,
        /// Who.
        who: MemberNo,
        /// Through which place.
        through: u64,
    },
    /// How many of a large room have seen all through its last place.
    SeenBy {
        /// Where.
        room: RoomNo,
        /// Which place.
        through: u64,
        /// How many.
        members: u32,
    },
    /// A member has another name.
    Renamed {
        /// Who, by the name before.
        who: Person,
        /// The name now.
        name: String,
    },
    /// The rooms of the hub with their numbers of members, in pages; `more` says that another follows.
    Rooms {
        /// Name without the `#`, and members.
        rooms: Vec<(String, u32)>,
        /// Another follows.
        more: bool,
    },
    /// Who is in a room, in pages.
    Members {
        /// Where.
        room: RoomNo,
        /// Who.
        members: Vec<MemberFacts>,
        /// Another follows.
        more: bool,
    },
    /// An invite, as asked for.
    Invite {
        /// Where it leads.
        room: RoomNo,
        /// What the link carries.
        token: [u8; 16],
        /// Until when it is good: milliseconds since 1970 by the hub's clock.
        until: i64,
    },
    /// A wish that was not granted.
    Sorry(Refusal),
    /// This hub closes for another one: connect there, with the messages that were sent here.
    Move {
        /// Where it is: `host:port`.
        address: String,
        /// Its key.
        hub: Device,
    },
    /// The answer to Ping.
    Pong,
}

/// What a member that was let in should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The hub's name.
    pub hub: String,
    /// Who the member is here, with the name that it got: a taken one has a number behind it.
    pub you: Person,
    /// What is allowed.
    pub limits: Limits,
    /// For each stream of the Hello, the last number that the hub has taken.
    pub streams: Vec<(u64, u64)>,
    /// The rooms that the member is in: a `Room` follows for each.
    pub rooms: Vec<RoomNo>,
    /// Why the log takes nothing, when it does not.
    pub read_only: Option<String>,
    /// The room to join first: that of the invite, or the hub's own.
    pub first: String,
    /// For how many milliseconds from now the hub may still yield to another one that was opened at the same time.
    pub may_move: u32,
}

/// A room as a member of it sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomFacts {
    /// Which.
    pub no: RoomNo,
    /// Its name without the `#`; none for the member's own inbox.
    pub name: Option<String>,
    /// The place of its last record.
    pub head: u64,
    /// Through which place the member has seen it.
    pub seen: u64,
    /// How many members it has.
    pub members: u32,
    /// How many of them are there.
    pub online: u32,
    /// Who they are, if they are few enough to be shown.
    pub who: Vec<MemberFacts>,
}

/// A member as others see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberFacts {
    /// Who.
    pub who: Person,
    /// Its key.
    pub device: Device,
    /// Whether it is there.
    pub online: bool,
    /// Through which place it has seen the room.
    pub seen: u64,
}

/// Why a member is not let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Denial {
    /// The hub speaks another version.
    Version {
        /// Which.
        hub: u16,
    },
    /// Only those with an invite come in.
    InviteOnly,
    /// The invite is over.
    Expired,
    /// The invite was good for one device, which came.
    UsedUp,
    /// The hub does not know the invite, or it was revoked.
    UnknownInvite,
    /// The name is empty, too long, or has characters that cannot be seen.
    BadName,
    /// There are as many members as may be.
    Full {
        /// How many.
        members: u32,
    },
    /// The device has as many connections as it may have.
    TooManySessions {
        /// How many.
        sessions: u32,
    },
    /// The log takes nothing, and the device is no member yet.
    ReadOnly {
        /// Why.
        why: String,
    },
    /// The first frame was none that can be the first, or one that cannot be read.
    Malformed,
}

/// Why a message or a wish is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The message is longer than it may be.
    TooLong {
        /// How long it may be, in bytes.
        limit: u32,
    },
    /// An empty message.
    Empty,
    /// The sender is not in this room.
    NotInRoom {
        /// Which.
        room: String,
    },
    /// There is no member of this name.
    NoSuchMember {
        /// Which.
        name: String,
    },
    /// A name that cannot be: empty, too long, or with characters that cannot be seen.
    BadName,
    /// The name belongs to another member.
    NameTaken {
        /// Which.
        name: String,
    },
    /// There are as many rooms as may be.
    TooManyRooms {
        /// How many.
        rooms: u32,
    },
    /// It was refused before, or left out by its sender; later ones were taken.
    Overtaken,
    /// The log takes nothing.
    ReadOnly {
        /// Why.
        why: String,
    },
    /// The log could not be read.
    Unreadable {
        /// Why.
        why: String,
    },
    /// Another message of the sender has this id: the message should come under another one.
    NumberTaken,
}
