//! What each event changes.

use super::place::{History, Item, Key, Member, Message, Pending, Place, What};
use super::{Invited, Link, Receipts, View, attention};
use crate::talk::screen::{clean, words};
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::frame::{MemberFacts, Refusal, RoomFacts, Target, Welcome};
use puerta_talk::room::ids::{MemberNo, MessageId, RoomNo};
use puerta_talk::room::limits::PENDING;
use puerta_talk::room::record::{Person, Record};
use std::time::Instant;

/// Members of a room that are kept by name.
const NAMED: usize = 3200;
/// Names or rooms that one answer shows.
const LISTED: usize = 200;

impl View {
    /// Takes in what happened.
    pub(crate) fn apply(&mut self, event: Event, now: Instant) {
        match event {
            Event::Online(welcome) => self.online(*welcome),
            Event::Offline => {
                self.link = if *self.closed.borrow() { Link::Closed } else { Link::Offline };
                self.places.iter_mut().for_each(Place::waits_no_more);
            }
            Event::Denied(why) => {
                self.link = Link::Offline;
                self.note_here(words::denial(&why), true);
                self.denied = Some(why);
            }
            Event::Room(facts) => self.room(*facts),
            Event::Gone(room) => self.gone(room),
            Event::NewSince { room, seq } => self.places_of(room).for_each(|place| place.new_since = Some(seq)),
            Event::Forgotten { room, messages } => match self.place_of(room) {
                Some(at) => self.note(at, words::forgotten(messages), true),
                None => self.note_here(format!("private: {}", words::forgotten(messages)), true),
            },
            Event::Message { record, own } => self.message(&record, own, now),
            Event::Older(record) => self.older_message(&record),
            Event::Oldest(room) => self.places_of(room).for_each(|place| place.history = History::Oldest),
            Event::Pending { id, to, kind, text, .. } => {
                self.add_pending(&to, Pending { id, kind, text: clean::text(&text), stored: false });
            }
            Event::Stored { id, .. } => self.pending_of(id).for_each(|pending| pending.stored = true),
            Event::NotTaken { id, text, why } => {
                let mut at = id.and_then(|id| self.settle(id)).unwrap_or(self.at);
                if matches!(why, Refusal::NoSuchMember { .. }) {
                    at = self.nobody(at);
                }
                self.note(at, words::not_taken(&clean::name(&text), &words::refusal(&why)), true);
            }
            Event::OutboxFull { text, limit } => {
                let why = words::outbox_full(limit);
                self.note_here(words::not_taken(&clean::name(&text), &why), true);
            }
            Event::NotKept { id, text, why } => {
                let at = id.and_then(|id| self.settle(id)).unwrap_or(self.at);
                self.note(at, words::not_taken(&clean::name(&text), &words::not_kept(&why)), true);
            }
            Event::Slow { rate } => self.note_here(words::slow(rate), true),
            Event::ReadOnly(why) => self.read_only = Some(clean::name(&why)),
            Event::Joined { room, who } => self.joined(room, &who),
            Event::Left { room, who } => self.left(room, &who),
            Event::Presence { room, who, online } => self.presence(room, &who, online),
            Event::Count { room, members, online } => {
                for place in self.places_of(room) {
                    (place.member_count, place.online_count) = (members, online);
                    // Above the limit nobody tells any more who comes and goes.
                    place.members.clear();
                }
            }
            Event::Seen { room, who, through } => {
                for member in self.places_of(room).filter_map(|place| place.members.get_mut(&who)) {
                    member.seen = member.seen.max(through);
                }
            }
            Event::SeenBy { room, through, members } => {
                self.places_of(room).for_each(|place| place.seen_by = Some((through, members)));
            }
            Event::Renamed { who, name } => self.renamed(&who, &name),
            Event::Rooms(rooms) => self.list_rooms(&rooms),
            Event::Members { room, members } => self.list_members(room, members),
            Event::Invite { room, token, until } => self.invite(room, token.as_ref(), until),
            Event::Sorry(why) => self.sorry(&why),
            Event::OtherKey(why) => self.note_here(why, true),
            Event::Unanswered(question) => {
                if let Command::Older(room) = question {
                    self.places_of(room).for_each(Place::waits_no_more);
                }
                self.note_here(words::unanswered(&question), true);
            }
            Event::Renumbered { id, now } => self.pending_of(id).for_each(|pending| pending.id = now),
            Event::Waiting { messages } => self.note_here(words::waiting(messages), true),
            Event::NotMoved { messages, why } => self.note_here(words::not_moved(messages, &why), true),
            Event::Moving { address, hub } => {
                self.note_here(words::moving(&address), false);
                self.fingerprint = Fingerprint::of(hub).to_string();
                self.move_on();
            }
        }
    }

    fn online(&mut self, welcome: Welcome) {
        self.link = Link::Online;
        self.hub = clean::name(&welcome.hub);
        self.places[0].title.clone_from(&self.hub);
        self.limits = welcome.limits;
        self.read_only = welcome.read_only.map(|why| clean::name(&why));
        if let Some(asked) = self.asked_name.take().filter(|asked| *asked != welcome.you.name) {
            self.note_here(words::known_as(&clean::name(&welcome.you.name), &clean::name(&asked)), false);
        }
        self.me = Some(welcome.you);
        if self.wanted.is_none() && self.at == 0 && self.places.len() == 1 {
            self.wanted = Some(welcome.first);
        }
    }

    /// A conversation with nobody goes, if nothing was ever said there, and we with it to where we came from.
    fn nobody(&mut self, at: usize) -> usize {
        let empty = |p: &Place| p.pending.is_empty() && p.newest().next().is_none();
        let Some(Key::Member(None, _)) = self.places.get(at).filter(|p| empty(p)).map(|p| &p.key) else { return at };
        self.places.remove(at);
        let before = self.places.iter().position(|p| Some(&p.key) == self.came_from.as_ref());
        if self.at == at {
            self.go(before.unwrap_or(at.saturating_sub(1)));
        } else if self.at > at {
            self.at -= 1;
        }
        self.at
    }

    fn room(&mut self, facts: RoomFacts) {
        let Some(name) = facts.name else {
            self.inbox = Some(facts.no);
            self.receipts.known(facts.no, facts.seen);
            for place in self.places.iter_mut().filter(|p| p.is_private()) {
                place.no = Some(facts.no);
                place.seen = place.seen.max(facts.seen);
            }
            return;
        };
        let known = self.place_of(facts.no);
        let named = || self.places.iter().position(|p| matches!(&p.key, Key::Room(n) if same(n, &name)));
        let known = known.or_else(named);
        let at = known.unwrap_or_else(|| self.open(Key::Room(name.clone())));
        let Some(place) = self.places.get_mut(at) else { return };
        let alone = self.hosting && facts.online <= 1 && place.no.is_none() && place.items.is_empty();
        place.no = Some(facts.no);
        place.gone = false;
        place.seen = place.seen.max(facts.seen);
        place.members = members(facts.who);
        (place.member_count, place.online_count) = (facts.members, facts.online);
        place.count_unread();
        let seen = place.seen;
        self.receipts.known(facts.no, facts.seen);
        self.receipts.seen(facts.no, seen);
        let first = known.is_none() && self.at == 0 && self.places.len() == 2;
        if first || self.wanted.as_deref().is_some_and(|wanted| same(wanted, &name)) {
            self.wanted = None;
            self.go(at);
        }
        if alone {
            self.note(at, words::ALONE.to_owned(), false);
        }
    }

    /// Another hub's numbers begin anew.
    fn move_on(&mut self) {
        let last = self.new_id();
        self.places.iter_mut().for_each(|place| place.move_on(last));
        (self.inbox, self.inbox_last) = (None, 0);
        self.receipts = Receipts::default();
        (self.verified, self.hosting) = (false, false);
    }

    fn gone(&mut self, room: RoomNo) {
        self.receipts.forget(room);
        let Some(at) = self.place_of(room) else { return };
        let waiting = self.places.get(at).is_some_and(|place| !place.pending.is_empty());
        if waiting {
            if let Some(place) = self.places.get_mut(at) {
                place.gone = true;
            }
            return;
        }
        self.places.remove(at);
        if self.at >= at {
            self.at -= 1;
        }
        // Into a room rather than to the hub's own place, where there is one.
        if self.at == 0 && self.places.len() > 1 {
            self.at = 1;
        }
    }

    fn message(&mut self, record: &Record, own: bool, now: Instant) {
        let at = self.place_for(record);
        if own {
            self.settle(record.id);
        }
        let message = self.made(record);
        let id = self.new_id();
        let here = at == self.at && self.focus;
        let private = record.to.is_some();
        if private {
            self.inbox_last = self.inbox_last.max(record.seq);
        }
        let Some(place) = self.places.get_mut(at) else { return };
        if message.seq <= place.last() {
            return;
        }
        let unread = !message.own && message.seq > place.seen;
        let ring = unread && (!here || message.calls);
        if unread {
            place.unread += 1;
            place.called |= message.calls;
        }
        if ring {
            let name = clean::isolated(&message.name);
            let title = if private { format!("{name} (private)") } else { format!("{name} in {}", place.title) };
            self.attention.call(title, &message.text, now);
        }
        let own = message.own;
        place.push(Item { id, what: What::Message(message) });
        if own && place.unread == 0 {
            // What we say is no news to us.
            place.seen = place.seen.max(record.seq);
        }
        self.trim();
    }

    fn older_message(&mut self, record: &Record) {
        let at = self.place_for(record);
        let message = self.made(record);
        let id = self.new_first_id();
        let Some(place) = self.places.get_mut(at) else { return };
        if place.first().is_none_or(|first| message.seq < first) {
            place.push_front(Item { id, what: What::Message(message) });
        }
        // An inbox is one room: the answer may have been for another conversation.
        let no = place.no;
        self.places.iter_mut().filter(|p| p.no == no).for_each(Place::waits_no_more);
        self.trim();
    }

    fn made(&self, record: &Record) -> Message {
        let name = clean::name(&record.from.name);
        let text = clean::text(&record.text);
        let own = Some(record.from.no) == self.my_no();
        let calls = !own && (record.to.is_some() || attention::names(&text, &self.my_name()));
        Message { seq: record.seq, at: record.at, name, kind: record.kind, text, own, calls }
    }

    fn add_pending(&mut self, to: &Target, message: Pending) {
        let at = self.place_to(to);
        if let Some(place) = self.places.get_mut(at)
            && place.pending.len() <= PENDING
        {
            place.pending.push_back(message);
        }
    }

    /// A message of ours is no longer pending; tells where it was.
    fn settle(&mut self, id: MessageId) -> Option<usize> {
        for (at, place) in self.places.iter_mut().enumerate() {
            if let Some(i) = place.pending.iter().position(|p| p.id == id) {
                place.pending.remove(i);
                return Some(at);
            }
        }
        None
    }

    fn joined(&mut self, room: RoomNo, who: &Person) {
        let Some(at) = self.place_of(room) else { return };
        let name = clean::name(&who.name);
        let text = words::joined(&name);
        if let Some(place) = self.places.get_mut(at) {
            let before = if place.members.len() < NAMED {
                let raw = who.name.clone();
                place.members.insert(who.no, Member { name, raw, online: true, seen: 0 })
            } else {
                None
            };
            place.member_count += u32::from(before.is_none());
            place.online_count += u32::from(before.is_none_or(|m| !m.online));
        }
        self.note(at, text, false);
    }

    fn left(&mut self, room: RoomNo, who: &Person) {
        let Some(at) = self.place_of(room) else { return };
        if let Some(place) = self.places.get_mut(at) {
            let before = place.members.remove(&who.no);
            place.member_count = place.member_count.saturating_sub(1);
            place.online_count = place.online_count.saturating_sub(u32::from(before.is_some_and(|m| m.online)));
        }
        self.note(at, words::left(&clean::name(&who.name)), false);
    }

    fn presence(&mut self, room: RoomNo, who: &Person, online: bool) {
        let Some(at) = self.place_of(room) else { return };
        let Some(place) = self.places.get_mut(at) else { return };
        let Some(member) = place.members.get_mut(&who.no) else { return };
        if member.online != online {
            member.online = online;
            let count = place.online_count;
            place.online_count = if online { count + 1 } else { count.saturating_sub(1) };
        }
    }

    fn renamed(&mut self, who: &Person, name: &str) {
        let shown = clean::name(name);
        let text = words::renamed(&clean::name(&who.name), &shown);
        if let Some(me) = self.me.as_mut().filter(|me| me.no == who.no) {
            name.clone_into(&mut me.name);
        }
        let mut told = false;
        for at in 0..self.places.len() {
            let Some(place) = self.places.get_mut(at) else { continue };
            let mut here = false;
            if let Some(member) = place.members.get_mut(&who.no) {
                member.name.clone_from(&shown);
                name.clone_into(&mut member.raw);
                here = true;
            }
            if let Key::Member(Some(no), known) = &mut place.key
                && *no == who.no
            {
                name.clone_into(known);
                place.title = format!("@{shown}");
                here = true;
            }
            if here {
                told = true;
                self.note(at, text.clone(), false);
            }
        }
        if !told {
            self.note_here(text, false);
        }
    }

    fn sorry(&mut self, why: &Refusal) {
        if matches!(why, Refusal::TooManyRooms { .. } | Refusal::BadName | Refusal::ReadOnly { .. }) {
            // The room that was asked for does not come.
            self.wanted = None;
        }
        self.note_here(words::refusal(why), true);
    }

    fn list_rooms(&mut self, rooms: &[(String, u32)]) {
        self.note_here(format!("{} rooms:", rooms.len()), false);
        for (name, members) in rooms.iter().take(LISTED) {
            let plural = if *members == 1 { "member" } else { "members" };
            self.note_here(format!("  {}, {members} {plural}", clean::isolated(&clean::room(name))), false);
        }
        self.listed(rooms.len());
    }

    fn list_members(&mut self, room: RoomNo, facts: Vec<MemberFacts>) {
        let Some(at) = self.place_of(room) else { return };
        let title = self.places.get(at).map(|place| place.title.clone()).unwrap_or_default();
        let online = facts.iter().filter(|m| m.online).count();
        let many = u32::try_from(facts.len()).unwrap_or(u32::MAX);
        self.note_here(format!("{title}: {}", words::count(many, u32::try_from(online).unwrap_or(many))), false);
        for member in facts.iter().take(LISTED) {
            let away = if member.online { "" } else { " (away)" };
            self.note_here(format!("  {}{away}", clean::isolated(&clean::name(&member.who.name))), false);
        }
        self.listed(facts.len());
        if let Some(place) = self.places.get_mut(at)
            && facts.len() <= self.limits.shown as usize
        {
            place.members = members(facts);
        }
    }

    fn listed(&mut self, all: usize) {
        if all > LISTED {
            self.note_here(format!("  and {} more", all - LISTED), false);
        }
    }

    fn invite(&mut self, room: RoomNo, token: &[u8], until: i64) {
        let Some(at) = self.place_of(room) else { return };
        let Some(Key::Room(name)) = self.places.get(at).map(|place| &place.key) else { return };
        let link = clean::name(&self.invite_link(name, token));
        self.note_here("whoever has this link can come in; from another terminal:".to_owned(), false);
        self.note_here(format!("  puerta talk '{link}'"), false);
        // One that nobody asked for opens nothing.
        if self.invites > 0 {
            self.invites -= 1;
            self.invited = Some(Invited { link, until });
        }
    }

    /// The room of a number.
    pub(crate) fn place_of(&self, room: RoomNo) -> Option<usize> {
        self.places.iter().position(|p| p.no == Some(room) && !p.is_private())
    }

    /// All places of a number: an inbox has one for each conversation.
    fn places_of(&mut self, room: RoomNo) -> impl Iterator<Item = &mut Place> {
        self.places.iter_mut().filter(move |p| p.no == Some(room))
    }

    fn pending_of(&mut self, id: MessageId) -> impl Iterator<Item = &mut Pending> {
        self.places.iter_mut().flat_map(|p| &mut p.pending).filter(move |p| p.id == id)
    }

    /// Where a message belongs; a new place where it is the first.
    fn place_for(&mut self, record: &Record) -> usize {
        let Some(to) = &record.to else {
            return self.place_of(record.room).unwrap_or_else(|| {
                let at = self.open(Key::Room(format!("room {}", record.room.0)));
                if let Some(place) = self.places.get_mut(at) {
                    place.no = Some(record.room);
                }
                at
            });
        };
        let from_us = Some(record.from.no) == self.my_no();
        let other = if from_us { to } else { &record.from };
        self.inbox = Some(record.room);
        let at = self.conversation(Some(other.no), &other.name);
        if let Some(place) = self.places.get_mut(at) {
            place.no = Some(record.room);
        }
        at
    }

    /// Where a message of ours will belong.
    pub(super) fn place_to(&mut self, to: &Target) -> usize {
        match to {
            Target::Room(name) => {
                let known = self.places.iter().position(|p| matches!(&p.key, Key::Room(n) if same(n, name)));
                known.unwrap_or_else(|| self.open(Key::Room(name.clone())))
            }
            Target::Member(name) => self.conversation(None, name),
        }
    }

    /// The conversation with a member: by number, else by name.
    fn conversation(&mut self, no: Option<MemberNo>, name: &str) -> usize {
        let numbered = |key: &Key| matches!(key, Key::Member(known, _) if known.is_some() && *known == no);
        let named =
            |key: &Key| matches!(key, Key::Member(known, n) if same(n, name) && (no.is_none() || known.is_none()));
        let found = self.places.iter().position(|p| numbered(&p.key));
        let found = found.or_else(|| self.places.iter().position(|p| named(&p.key)));
        let Some(at) = found else { return self.open(Key::Member(no, name.to_owned())) };
        if let Some(Key::Member(known, _)) = self.places.get_mut(at).map(|p| &mut p.key) {
            *known = known.or(no);
        }
        at
    }
}

/// Names differ by more than capitals.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a == b || a.to_lowercase() == b.to_lowercase()
}

fn members(facts: Vec<MemberFacts>) -> std::collections::BTreeMap<MemberNo, Member> {
    let member = |m: MemberFacts| {
        let name = clean::name(&m.who.name);
        (m.who.no, Member { name, raw: m.who.name, online: m.online, seen: m.seen })
    };
    facts.into_iter().take(NAMED).map(member).collect()
}
