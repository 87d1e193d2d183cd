//! What a member's screen tells the core, and what it learns from it.

use super::frame::{Denial, MemberFacts, Refusal, RoomFacts, Target, Welcome};
use super::ids::{Device, MemberNo, MessageId, RoomNo};
use super::record::{Kind, Person, Record};

/// What a person or a program wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Say something.
    Say {
        /// Where to.
        to: Target,
        /// How it is meant.
        kind: Kind,
        /// What.
        text: String,
    },
    /// Into a room, by its name without the `#`.
    Join(String),
    /// Out of a room.
    Leave(RoomNo),
    /// Everything through this place was on the screen.
    Seen {
        /// Where.
        room: RoomNo,
        /// Through which place.
        through: u64,
    },
    /// What was before the oldest that is here.
    Older(RoomNo),
    /// Another name.
    Rename(String),
    /// An invite for a room.
    Invite {
        /// Which.
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
    Who(RoomNo),
}

/// What a screen shows. In order; each message once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The hub has let us in; also after a time offline.
    Online(Box<Welcome>),
    /// The connection is gone; the member goes on trying.
    Offline,
    /// The hub does not let us in. The member has stopped trying.
    Denied(Denial),
    /// We are in this room. Comes again after a time offline, with the numbers as they are then.
    Room(Box<RoomFacts>),
    /// We are not in this room any more.
    Gone(RoomNo),
    /// What follows in this room was said while we were not there. Only when there is such.
    NewSince {
        /// Where.
        room: RoomNo,
        /// Behind which place.
        seq: u64,
    },
    /// What was said here before what follows, and was not shown, the hub does not have any more.
    Forgotten {
        /// Where.
        room: RoomNo,
        /// How many messages.
        messages: u64,
    },
    /// A message, in the order of its room; ours too, when it has its place.
    Message {
        /// The message.
        record: Box<Record>,
        /// Whether it was sent from this very program, and so was shown as pending before.
        own: bool,
    },
    /// A message that was asked for with `Older`: one place before the oldest that was here.
    Older(Box<Record>),
    /// There is nothing older in this room.
    Oldest(RoomNo),
    /// Our message is in the outbox and not yet durable at the hub.
    Pending {
        /// Which.
        id: MessageId,
        /// Where to.
        to: Target,
        /// How it is meant.
        kind: Kind,
        /// What.
        text: String,
        /// It was said by a program before, and is pending since.
        old: bool,
    },
    /// Our message is durable at the hub.
    Stored {
        /// Which.
        id: MessageId,
        /// Where it lies.
        room: RoomNo,
        /// At which place.
        seq: u64,
    },
    /// Our message was not taken, and will not be sent again.
    NotTaken {
        /// Which; none when it did not even come into the outbox.
        id: Option<MessageId>,
        /// What it said.
        text: String,
        /// Why.
        why: Refusal,
    },
    /// There are as many pending messages as may be: this one was not kept.
    OutboxFull {
        /// What it said.
        text: String,
        /// How many may wait.
        limit: usize,
    },
    /// The hub wants us to slow down; what it did not take is sent again.
    Slow {
        /// How many a second are allowed.
        rate: u32,
    },
    /// The hub's log takes nothing any more.
    ReadOnly(String),
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
    /// A large room's numbers.
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
    /// A member has another name; ours too.
    Renamed {
        /// Who, by the name before.
        who: Person,
        /// The name now.
        name: String,
    },
    /// The rooms of the hub: name without the `#`, and members.
    Rooms(Vec<(String, u32)>),
    /// Who is in a room.
    Members {
        /// Where.
        room: RoomNo,
        /// Who.
        members: Vec<MemberFacts>,
    },
    /// An invite, as asked for. The caller knows the hub's key and addresses, and makes the link.
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
    /// A question that has no answer: there is no connection, it broke, or the hub said nothing for
    /// [`ANSWER`](super::member::ANSWER). It is not asked again.
    Unanswered(Command),
    /// Where the hub was somebody shows another key, and nobody else answers for now: why we are not there, in words. It is tried on.
    OtherKey(String),
    /// Our message has another id: the hub has another message of ours under the one before, as when an outbox was put
    /// back from a copy. It stays pending.
    Renumbered {
        /// Which it was.
        id: MessageId,
        /// Which it is.
        now: MessageId,
    },
    /// The hub has closed for another one; the member goes there, with its messages.
    Moving {
        /// Where: `host:port`.
        address: String,
        /// The other hub's key.
        hub: Device,
    },
    /// Messages of programs that have ended are kept, and this one does not send them: the next one does.
    Waiting {
        /// How many.
        messages: usize,
    },
    /// The outbox did not move to the other hub with us: messages are sent there, and kept for the hub before.
    NotMoved {
        /// How many.
        messages: usize,
        /// Why.
        why: String,
    },
    /// Our own disk could not keep a message before it was sent: it was not sent.
    NotKept {
        /// Which; none when it was not shown as pending.
        id: Option<MessageId>,
        /// What it said.
        text: String,
        /// Why.
        why: String,
    },
}
