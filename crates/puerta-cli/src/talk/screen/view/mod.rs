//! What is to be seen: events and wishes in, a picture of rooms and commands out. It does no I/O and takes the time as an
//! argument. All text in it is clean but for the names that go back to the hub.

mod attention;
mod events;
mod place;
mod receipts;
mod wishes;

#[cfg(test)]
mod tests;

pub(crate) use attention::Call;
pub(crate) use events::same;
pub(crate) use place::{History, ITEMS, Item, Key, Member, Message, Note, Pending, Place, What};
pub(crate) use wishes::Done;

use super::{Facts, MakeLink, clean, words};
use attention::Attention;
use puerta_talk::room::event::Command;
use puerta_talk::room::ids::{MemberNo, MessageId, RoomNo};
use puerta_talk::room::limits::Limits;
use puerta_talk::room::record::{Kind, Person};
use receipts::Receipts;
use std::collections::VecDeque;
use std::time::Instant;
use tokio::sync::watch;

/// Places at a time: the rooms of a hub, and as many conversations. The oldest empty conversation goes first.
const PLACES: usize = 1024;
/// Bytes of text in all places together.
const BYTES: usize = 64 << 20;
/// Commands that the core has not taken yet: above, nothing more is said.
const COMMANDS: usize = 10_000;

/// Messages that the last words list.
const LISTED: usize = 5;

/// Whether the hub is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// Not yet.
    Connecting,
    Online,
    Offline,
    /// It has ended, and said so.
    Closed,
}

/// An invite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invited {
    /// Clean.
    pub(crate) link: String,
    /// Until when it is good: milliseconds since 1970 by the hub's clock.
    pub(crate) until: i64,
}

/// All that a screen shows.
pub(crate) struct View {
    /// Clean.
    pub(crate) hub: String,
    pub(crate) fingerprint: String,
    pub(crate) verified: bool,
    pub(crate) hosting: bool,
    pub(crate) link: Link,
    /// Why the hub takes nothing any more; clean.
    pub(crate) read_only: Option<String>,
    pub(crate) me: Option<Person>,
    pub(crate) limits: Limits,
    /// The hub's own place first, then rooms and conversations as they came.
    pub(crate) places: Vec<Place>,
    /// Which of them is shown.
    pub(crate) at: usize,
    /// Whether the terminal has the focus, as far as it tells.
    pub(crate) focus: bool,
    /// What the core is to do.
    pub(crate) out: VecDeque<Command>,
    /// Set when the hub has turned us away.
    pub(crate) denied: Option<puerta_talk::room::frame::Denial>,
    /// Lines of our own since this was last taken, with the place that they are for: for screens that only append.
    pub(crate) told: Vec<(usize, Note)>,
    /// The answer to /invite, when it was asked for here.
    pub(crate) invited: Option<Invited>,
    invites: usize,
    /// Items that a place keeps.
    most: usize,
    make_link: MakeLink,
    go: Option<tokio::sync::mpsc::Sender<String>>,
    /// The name that was asked for, until the hub has said how it calls us.
    asked_name: Option<String>,
    inbox: Option<RoomNo>,
    /// The last place of the inbox that is here.
    inbox_last: u64,
    /// Whether the next room that comes is to be shown: its name, or any.
    wanted: Option<String>,
    /// Where we were before something was said elsewhere.
    came_from: Option<Key>,
    /// While we are offline: whether the hub was closed, and said so.
    closed: watch::Receiver<bool>,
    /// /quit was said once though others would be cut off.
    asked_to_quit: bool,
    attention: Attention,
    receipts: Receipts,
    next_id: i64,
    first_id: i64,
}

impl View {
    pub(crate) fn new(facts: Facts, most: usize) -> Self {
        let hub = clean::name(&facts.hub);
        let mut view = View {
            places: vec![Place::new(Key::Hub, hub.clone(), most)],
            most,
            told: Vec::new(),
            invited: None,
            invites: 0,
            hub,
            fingerprint: clean::name(&facts.fingerprint),
            verified: facts.verified,
            hosting: facts.hosting,
            link: Link::Connecting,
            read_only: None,
            me: None,
            limits: Limits::default(),
            at: 0,
            focus: true,
            out: VecDeque::new(),
            denied: None,
            make_link: facts.link,
            go: facts.go,
            asked_name: facts.name,
            inbox: None,
            inbox_last: 0,
            wanted: facts.room,
            came_from: None,
            closed: facts.closed,
            asked_to_quit: false,
            attention: Attention::default(),
            receipts: Receipts::default(),
            next_id: 0,
            first_id: 0,
        };
        if let Some(room) = view.wanted.clone() {
            // What is written before the hub is there goes to where it was meant.
            view.at = view.open(Key::Room(room));
        }
        for line in &facts.greeting {
            view.note_here(clean::name(line), false);
        }
        view
    }

    /// The place that is shown.
    pub(crate) fn current(&self) -> &Place {
        // There is always the hub's own, and `at` is kept within.
        self.places.get(self.at).unwrap_or(&self.places[0])
    }

    pub(crate) fn my_no(&self) -> Option<MemberNo> {
        self.me.as_ref().map(|me| me.no)
    }

    /// Our name, clean.
    pub(crate) fn my_name(&self) -> String {
        self.me.as_ref().map(|me| clean::name(&me.name)).unwrap_or_default()
    }

    /// What may be said at a time, in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.limits.message as usize
    }

    /// Shows another place.
    pub(crate) fn go(&mut self, at: usize) {
        if at < self.places.len() {
            self.at = at;
            self.asked_to_quit = false;
        }
    }

    /// Shows the place before or behind, around the ends.
    pub(crate) fn step(&mut self, forwards: bool) {
        let all = self.places.len();
        self.go((self.at + if forwards { 1 } else { all - 1 }) % all);
    }

    /// The messages of the place that is shown, from the one item to the other, were on the screen. What others learn of it
    /// is only what was shown without a gap. Whether there is less that was not seen now.
    pub(crate) fn shown(&mut self, top: i64, bottom: i64) -> bool {
        if !self.focus {
            return false;
        }
        let Some(place) = self.places.get_mut(self.at) else { return false };
        let before = place.newest().find(|(id, m)| *id < top && !m.own).map_or(0, |(_, m)| m.seq);
        let last = place.newest().find(|(id, _)| *id <= bottom).map_or(0, |(_, m)| m.seq);
        let more = before <= place.seen && last > place.seen;
        if more {
            place.seen = last;
            place.count_unread();
            self.report(self.at);
        }
        more
    }

    /// Everything of the place that is shown counts as seen: the user went to its end.
    pub(crate) fn went_to_end(&mut self) {
        self.saw_all(self.at);
    }

    /// Everything of a place was shown.
    pub(crate) fn saw_all(&mut self, at: usize) {
        let Some(place) = self.places.get_mut(at) else { return };
        let last = place.last();
        if last > place.seen {
            place.seen = last;
            place.count_unread();
            self.report(at);
        }
    }

    /// What is due by now goes to the core.
    pub(crate) fn tick(&mut self, now: Instant) {
        if self.link == Link::Online {
            let reports = self.receipts.take(now);
            self.out.extend(reports);
        }
    }

    /// When `tick` has something to do.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        if self.link == Link::Online { self.receipts.due(now) } else { None }
    }

    /// What to ring for.
    pub(crate) fn call(&mut self) -> Option<Call> {
        self.attention.take()
    }

    /// Whether a line can be taken in: there is a room to speak in, or there will be none until one is asked for.
    pub(crate) fn takes_lines(&self) -> bool {
        self.at > 0 || (self.link == Link::Online && self.wanted.is_none())
    }

    /// What was before the first message here is asked for, once at a time.
    pub(crate) fn older(&mut self) {
        if self.link != Link::Online {
            return;
        }
        let Some(place) = self.places.get_mut(self.at) else { return };
        if place.is_full() {
            place.history = History::Trimmed;
        }
        if let (History::Unknown, Some(no)) = (place.history, place.no) {
            place.history = History::Asked;
            self.out.push_back(Command::Older(no));
        }
    }

    /// A line of our own in a place.
    pub(crate) fn note(&mut self, at: usize, text: String, trouble: bool) {
        let note = Note { text, trouble };
        if self.told.len() < COMMANDS {
            self.told.push((at, note.clone()));
        }
        let item = Item { id: self.new_id(), what: What::Note(note) };
        if let Some(place) = self.places.get_mut(at) {
            place.push(item);
        }
    }

    /// A line of our own where we are.
    pub(crate) fn note_here(&mut self, text: String, trouble: bool) {
        self.note(self.at, text, trouble);
    }

    /// The link of an invite.
    pub(crate) fn invite_link(&self, room: &str, token: &[u8]) -> String {
        (self.make_link)(room, token)
    }

    /// Others who are there, by name and number: who would be cut off if this hub ended.
    pub(crate) fn others(&self) -> (Vec<String>, usize) {
        let me = self.my_no();
        let mut names: Vec<String> = Vec::new();
        for place in &self.places {
            for (_, member) in place.members.iter().filter(|(no, m)| m.online && Some(**no) != me) {
                if !names.contains(&member.name) {
                    names.push(member.name.clone());
                }
            }
        }
        let counted = self.places.iter().map(|p| p.online_count.saturating_sub(1) as usize).max().unwrap_or(0);
        let most = counted.max(names.len());
        names.truncate(10);
        let more = most - names.len();
        (names, more)
    }

    /// How many of ours are not durable yet.
    pub(crate) fn pending(&self) -> usize {
        self.places.iter().map(|place| place.pending.iter().filter(|p| !p.stored).count()).sum()
    }

    /// Whom a pending message of ours is for alone, by the name as it came.
    pub(crate) fn pending_private(&self, id: MessageId) -> Option<&str> {
        let private = self.places.iter().filter(|place| place.is_private());
        private.into_iter().find(|place| place.pending.iter().any(|p| p.id == id)).map(Place::raw_name)
    }

    /// What is typed to say one of ours that is pending again, wherever we are.
    pub(crate) fn line_of(&self, id: MessageId) -> Option<String> {
        let of = |place: &Place| {
            place.pending.iter().find(|p| p.id == id).map(|p| (place.key.clone(), p.kind, p.text.clone()))
        };
        let (key, kind, text) = self.places.iter().find_map(of)?;
        Some(match (key, kind) {
            (Key::Member(_, name), _) => format!("/msg {name} {text}"),
            (_, Kind::Action) => format!("/me {text}"),
            (_, Kind::Text) if text.starts_with('/') => format!("/{text}"),
            (_, Kind::Text) => text,
        })
    }

    /// What is to be known once the screen is gone: whom our hub's end cuts off, and what is not stored.
    pub(crate) fn last_words(&self, stays: bool) -> Vec<String> {
        let (names, more) = self.others();
        let ends = self.hosting && !stays && names.len() + more > 0;
        let mut lines: Vec<String> = ends.then(|| words::was_cut_off(&names, more)).into_iter().collect();
        let waiting = self.places.iter().flat_map(|place| place.pending.iter().map(move |p| (&place.title, p)));
        let waiting = waiting.filter(|(_, p)| !p.stored);
        lines.extend(waiting.take(LISTED).map(|(title, p)| words::not_stored_yet(title, &p.text)));
        lines.extend(self.pending().checked_sub(LISTED + 1).map(|more| words::and_more(more + 1)));
        lines
    }

    fn new_id(&mut self) -> i64 {
        self.next_id += 1;
        self.next_id
    }

    fn new_first_id(&mut self) -> i64 {
        self.first_id -= 1;
        self.first_id
    }

    /// Others may learn how far a place was seen.
    fn report(&mut self, at: usize) {
        let Some(place) = self.places.get(at) else { return };
        let Some(no) = place.no else { return };
        let through = if place.is_private() {
            let private = self.places.iter().filter(|p| p.is_private());
            private.filter_map(Place::first_unseen).min().map_or(self.inbox_last, |first| first - 1)
        } else {
            place.seen
        };
        self.receipts.seen(no, through);
    }

    /// A place for a key that has none yet.
    fn open(&mut self, key: Key) -> usize {
        let title = match &key {
            Key::Hub => self.hub.clone(),
            Key::Room(name) => clean::room(name),
            Key::Member(_, name) => format!("@{}", clean::name(name)),
        };
        if self.places.len() >= PLACES {
            let idle = |(i, p): &(usize, &Place)| *i > 0 && *i != self.at && p.pending.is_empty() && p.unread == 0;
            if let Some((i, _)) = self.places.iter().enumerate().find(idle) {
                self.places.remove(i);
                self.at -= usize::from(i < self.at);
            }
        }
        let mut place = Place::new(key, title, self.most);
        if place.is_private() {
            place.no = self.inbox;
        }
        self.places.push(place);
        self.places.len() - 1
    }

    /// Memory stays bounded: the place with most text gives up its oldest.
    fn trim(&mut self) {
        let mut total: usize = self.places.iter().map(Place::bytes).sum();
        while total > BYTES {
            let Some(place) = self.places.iter_mut().max_by_key(|place| place.bytes()) else { return };
            let before = place.bytes();
            place.drop_first();
            total -= before - place.bytes();
            if place.bytes() == before {
                return;
            }
        }
    }

    /// The banner above the messages, when there is something that everybody must know.
    pub(crate) fn banner(&self) -> Option<String> {
        match (self.link, &self.read_only) {
            (Link::Connecting, _) => Some(words::CONNECTING.to_owned()),
            (Link::Offline | Link::Closed, _) => self.away(),
            (Link::Online, Some(why)) => Some(words::read_only(why)),
            (Link::Online, None) => None,
        }
    }

    /// Why the hub is not there, when it was.
    pub(crate) fn away(&self) -> Option<String> {
        match self.link {
            Link::Offline => Some(words::OFFLINE.to_owned()),
            Link::Closed => Some(words::closed(&self.hub)),
            Link::Connecting | Link::Online => None,
        }
    }
}
