//! What a hub wants of its log: batches to be made durable, and questions.

use super::ids::{Device, MemberNo, MessageId, RoomNo};
use super::record::Record;

/// A join token of an invite.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token(pub [u8; 16]);

impl Token {
    /// What the hub keeps of it.
    pub fn hash(&self) -> TokenHash {
        let hash = ring::digest::digest(&ring::digest::SHA256, &self.0);
        TokenHash(hash.as_ref().try_into().unwrap_or([0; 32]))
    }
}

/// A token lets in: it is in no output.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// SHA-256 of a token (FIPS 180-4): a hub and its log keep no more, so that a copied log lets nobody in. A token is 128
/// random bits, so that no salt is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash(pub [u8; 32]);

/// What a room is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomKind {
    /// A room that members join by its name, without the `#`.
    Public(String),
    /// What is private to a member: what it was told and what it told others.
    Inbox(MemberNo),
}

/// One thing to be written, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// A member came for the first time, or has another name now.
    Member {
        /// Who.
        no: MemberNo,
        /// Its key.
        device: Device,
        /// Its name, unique among the members of the hub.
        name: String,
    },
    /// A room was opened.
    Room {
        /// Which.
        no: RoomNo,
        /// What it is.
        kind: RoomKind,
    },
    /// A member joined a room.
    Join {
        /// Where.
        room: RoomNo,
        /// Who.
        member: MemberNo,
    },
    /// A member left a room.
    Leave {
        /// Where.
        room: RoomNo,
        /// Who.
        member: MemberNo,
    },
    /// A member has seen all through a place.
    Seen {
        /// Where.
        room: RoomNo,
        /// Who.
        member: MemberNo,
        /// Through which place.
        through: u64,
    },
    /// An invite was made, or renewed.
    Invite(Invite),
    /// An invite is good for nothing any more: used up or revoked.
    Spent(TokenHash),
    /// A message. Its place was chosen by the hub: a log refuses a place that is taken, and a number that is not above the last
    /// one of its stream, but for that of a private message in its second inbox.
    Record(Record),
}

/// An invite that the hub has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// What is kept of what the link carries.
    pub token: TokenHash,
    /// Where it leads.
    pub room: RoomNo,
    /// Until when it is good: milliseconds since 1970 by the hub's clock.
    pub until: i64,
    /// Whether it is good for one device only.
    pub once: bool,
}

/// Writes that become durable together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Counts up by one.
    pub number: u64,
    /// What, in order.
    pub writes: Vec<Write>,
}

/// A question to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// The records that follow a place, oldest first.
    After {
        /// Where.
        room: RoomNo,
        /// Behind which place.
        seq: u64,
        /// At most so many, and [`PAGE_BYTES`](super::limits::PAGE_BYTES).
        limit: usize,
    },
    /// The records before a place, newest first.
    Before {
        /// Where.
        room: RoomNo,
        /// Before which place.
        seq: u64,
        /// At most so many, and [`PAGE_BYTES`](super::limits::PAGE_BYTES).
        limit: usize,
    },
    /// A message of a member.
    Find {
        /// Whose.
        from: MemberNo,
        /// Which.
        id: MessageId,
    },
    /// The last number that is in the log from each of a member's streams.
    Last {
        /// Whose.
        from: MemberNo,
        /// Which streams.
        streams: Vec<u64>,
    },
}

/// An answer of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To `After` and `Before`.
    Records(Vec<Record>),
    /// To `Find`. Of a private message, that in its sender's inbox.
    Found(Option<Box<Record>>),
    /// To `Last`: stream and number, 0 where there is none.
    Last(Vec<(u64, u64)>),
    /// The log could not be read, and why.
    Unreadable(String),
}

/// What a hub keeps in memory, as the log has it when it is opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Members with key and name.
    pub members: Vec<(MemberNo, Device, String)>,
    /// Rooms with the place of their last record, 0 where there is none.
    pub rooms: Vec<(RoomNo, RoomKind, u64)>,
    /// Who is in which room, and has seen it through which place.
    pub joined: Vec<(RoomNo, MemberNo, u64)>,
    /// Invites that are not spent.
    pub invites: Vec<Invite>,
}

/// A log: SQLite behind a thread, or the simulation's model of one.
pub trait Log {
    /// Everything that a hub starts with.
    ///
    /// # Errors
    ///
    /// Why it could not be read, for the user.
    fn load(&mut self) -> Result<Loaded, String>;

    /// Makes batches durable, all of them or none. Returns after the fsync.
    ///
    /// # Errors
    ///
    /// Why not, for the user. The log is closed to writing from then on: a failed fsync is never tried again.
    fn write(&mut self, batches: &[Batch]) -> Result<(), String>;

    /// Answers a question with what is durable.
    fn answer(&self, ask: &Ask) -> Answer;
}
