//! A room or a private conversation, as far as it is on the screen.

use puerta_talk::room::frame::Target;
use puerta_talk::room::ids::{MemberNo, MessageId, RoomNo};
use puerta_talk::room::record::Kind;
use std::collections::{BTreeMap, VecDeque};

/// Messages and notes that a place keeps.
pub(crate) const ITEMS: usize = 10_000;
/// Bytes of text that a place keeps: many long messages are fewer than [`ITEMS`].
pub(crate) const BYTES: usize = 4 << 20;

/// What a place is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// What concerns no room: the hub.
    Hub,
    /// A room, by its name without the `#`, as it came.
    Room(String),
    /// What is private between us and one member: number, once it is known, and name as it came.
    Member(Option<MemberNo>, String),
}

/// One place.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) key: Key,
    /// Its number; of a private conversation, that of our inbox.
    pub(crate) no: Option<RoomNo>,
    /// Clean: `#main`, `@ana`.
    pub(crate) title: String,
    pub(crate) items: VecDeque<Item>,
    /// Ours that have no place yet, oldest first.
    pub(crate) pending: VecDeque<Pending>,
    pub(crate) members: BTreeMap<MemberNo, Member>,
    pub(crate) member_count: u32,
    pub(crate) online_count: u32,
    /// Messages of others behind `seen`.
    pub(crate) unread: u32,
    /// Whether one of them is private or names us.
    pub(crate) called: bool,
    /// Through which place it was on the screen.
    pub(crate) seen: u64,
    /// What is behind this place was said while we were away.
    pub(crate) new_since: Option<u64>,
    /// How many of a large room have seen all through a place.
    pub(crate) seen_by: Option<(u64, u32)>,
    pub(crate) history: History,
    /// Whether we are no longer in it.
    pub(crate) gone: bool,
    /// Items up to this one are another hub's: their places mean nothing here.
    pub(crate) moved: i64,
    /// Items that are kept.
    most: usize,
    bytes: usize,
}

/// What is before the first item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum History {
    /// Perhaps more.
    Unknown,
    /// It was asked for.
    Asked,
    /// Nothing.
    Oldest,
    /// Items that were dropped: [`ITEMS`].
    Trimmed,
}

/// Something on the screen. Identities grow downwards the screen.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) id: i64,
    pub(crate) what: What,
}

/// What it is.
#[derive(Debug)]
pub(crate) enum What {
    Message(Message),
    Note(Note),
}

/// A message that has its place. All text is clean.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) seq: u64,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// Whether it is ours.
    pub(crate) own: bool,
    /// Whether it names us, or is private.
    pub(crate) calls: bool,
}

/// A line of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) text: String,
    pub(crate) trouble: bool,
}

/// A message of ours that is not durable yet, as far as we know. Its text is clean.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) id: MessageId,
    pub(crate) kind: Kind,
    pub(crate) text: String,
    /// Durable, but its turn in the order of the room has not come.
    pub(crate) stored: bool,
}

/// Someone of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Clean.
    pub(crate) name: String,
    /// As it came.
    pub(crate) raw: String,
    pub(crate) online: bool,
    pub(crate) seen: u64,
}

impl Place {
    pub(crate) fn new(key: Key, title: String, most: usize) -> Self {
        Place {
            key,
            no: None,
            title,
            items: VecDeque::new(),
            pending: VecDeque::new(),
            members: BTreeMap::new(),
            member_count: 0,
            online_count: 0,
            unread: 0,
            called: false,
            seen: 0,
            new_since: None,
            seen_by: None,
            history: History::Unknown,
            gone: false,
            moved: i64::MIN,
            most,
            bytes: 0,
        }
    }

    /// Where a message that is written here goes; nowhere from the hub's own place.
    pub(crate) fn target(&self) -> Option<Target> {
        match &self.key {
            Key::Hub => None,
            Key::Room(name) => Some(Target::Room(name.clone())),
            Key::Member(_, name) => Some(Target::Member(name.clone())),
        }
    }

    /// The name as it came, without `#` or `@`.
    pub(crate) fn raw_name(&self) -> &str {
        match &self.key {
            Key::Hub => "",
            Key::Room(name) | Key::Member(_, name) => name,
        }
    }

    pub(crate) fn is_private(&self) -> bool {
        matches!(self.key, Key::Member(..))
    }

    /// The messages, newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = (i64, &Message)> {
        let ours = self.items.iter().rev().take_while(|item| item.id > self.moved);
        ours.filter_map(|item| match &item.what {
            What::Message(message) => Some((item.id, message)),
            What::Note(_) => None,
        })
    }

    /// The place of the last message, 0 without any.
    pub(crate) fn last(&self) -> u64 {
        self.newest().next().map_or(0, |(_, message)| message.seq)
    }

    /// The place of the first message that is here.
    pub(crate) fn first(&self) -> Option<u64> {
        self.items.iter().find_map(|item| match &item.what {
            What::Message(message) if item.id > self.moved => Some(message.seq),
            _ => None,
        })
    }

    pub(crate) fn push(&mut self, item: Item) {
        self.bytes += size(&item);
        self.items.push_back(item);
        while self.items.len() > self.most || (self.bytes > BYTES && self.items.len() > 1) {
            self.drop_first();
        }
    }

    /// False: there is no more room, and it was not taken.
    pub(crate) fn push_front(&mut self, item: Item) -> bool {
        if self.is_full() {
            self.history = History::Trimmed;
            return false;
        }
        self.bytes += size(&item);
        self.items.push_front(item);
        true
    }

    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= self.most || self.bytes > BYTES
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops the oldest item; its bytes are free.
    pub(crate) fn drop_first(&mut self) {
        if let Some(item) = self.items.pop_front() {
            self.bytes = self.bytes.saturating_sub(size(&item));
            if matches!(item.what, What::Message(_)) {
                self.history = History::Trimmed;
            }
        }
    }

    /// What comes from now on is from another hub: numbers begin anew.
    pub(crate) fn move_on(&mut self, last: i64) {
        self.no = None;
        self.moved = last;
        self.members.clear();
        (self.member_count, self.online_count) = (0, 0);
        (self.unread, self.called, self.seen) = (0, false, 0);
        (self.new_since, self.seen_by) = (None, None);
        self.history = History::Oldest;
        if let Key::Member(no, _) = &mut self.key {
            *no = None;
        }
    }

    /// The older messages that were asked for have come, or will not.
    pub(crate) fn waits_no_more(&mut self) {
        if self.history == History::Asked {
            self.history = History::Unknown;
        }
    }

    /// Counts what is behind `seen` anew.
    pub(crate) fn count_unread(&mut self) {
        let seen = self.seen;
        let unread = self.newest().take_while(|(_, m)| m.seq > seen).filter(|(_, m)| !m.own);
        let (count, called) = unread.fold((0, false), |(n, called), (_, m)| (n + 1, called || m.calls));
        (self.unread, self.called) = (count, called);
    }

    /// The names of those whose newest seen message of ours is the one at `seq`; the next of ours has its place at `next`.
    pub(crate) fn seen_here(&self, seq: u64, next: Option<u64>, me: Option<MemberNo>) -> Vec<&str> {
        let here = |member: &Member| member.seen >= seq && next.is_none_or(|next| member.seen < next);
        let others = self.members.iter().filter(|(no, member)| Some(**no) != me && here(member));
        others.map(|(_, member)| member.name.as_str()).collect()
    }

    /// The first message of another that was not on the screen.
    pub(crate) fn first_unseen(&self) -> Option<u64> {
        let unseen = self.newest().take_while(|(_, m)| m.seq > self.seen).filter(|(_, m)| !m.own);
        unseen.last().map(|(_, m)| m.seq)
    }
}

fn size(item: &Item) -> usize {
    let text = match &item.what {
        What::Message(message) => message.name.len() + message.text.len(),
        What::Note(note) => note.text.len(),
    };
    size_of::<Item>() + text
}
