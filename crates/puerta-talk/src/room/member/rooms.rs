//! What a member sees of a room: in order, without gaps, each record once.

use super::{Effect, From, Member, Pending, RESEND, folded};
use crate::room::event::Event;
use crate::room::frame::{MemberFacts, RoomFacts, ToHub};
use crate::room::ids::RoomNo;
use crate::room::record::Record;
use std::collections::BTreeMap;
use std::time::Duration;

/// Records that came before one that is missing, at most; what comes above is asked for again.
const EARLY: usize = 256;

/// A room as far as it was shown.
#[derive(Debug)]
pub(super) struct Place {
    /// Folded.
    name: Option<String>,
    /// Whether the hub has told of it on this connection.
    pub(super) open: bool,
    /// Shown through this place.
    have: u64,
    /// The hub has records through this place, as far as we know.
    head: u64,
    early: BTreeMap<u64, Record>,
    /// The place before the oldest that was shown.
    before: u64,
    /// Behind this place it wants each record; what it has from before is for the context only.
    owed: u64,
    /// What was missed and is not all shown.
    missed: Option<Missed>,
    /// When it was last asked for what follows, and not answered.
    asked: Option<Duration>,
    seen: u64,
    told: u64,
    feed: bool,
    /// Its members, those who are there, and who they are, as the screen was told.
    people: Option<(u32, u32, Vec<MemberFacts>)>,
}

/// What was said while we were not there.
#[derive(Debug, Clone, Copy)]
struct Missed {
    /// Behind this place,
    since: u64,
    /// through this one.
    through: u64,
    /// The screen was told.
    told: bool,
}

impl Place {
    pub(super) fn new(facts: &RoomFacts, from: From, feed: bool) -> Place {
        let have = match from {
            _ if !feed => facts.head,
            From::Seen { context } => facts.seen.min(facts.head).saturating_sub(context),
            From::Place(seq) if facts.name.is_some() => seq.min(facts.head),
            // Places of a room say nothing of the inbox.
            From::Place(_) => facts.seen.min(facts.head),
            From::Now => facts.head,
        };
        let missed = feed && matches!(from, From::Seen { .. }) && facts.seen > 0 && facts.seen < facts.head;
        Place {
            name: facts.name.as_deref().map(folded),
            open: true,
            have,
            head: facts.head,
            early: BTreeMap::new(),
            before: have,
            owed: if matches!(from, From::Seen { .. }) { have.max(facts.seen.min(facts.head)) } else { have },
            missed: missed.then_some(Missed { since: facts.seen, through: facts.head, told: false }),
            asked: None,
            seen: facts.seen,
            told: facts.seen,
            feed,
            people: None,
        }
    }

    pub(super) fn folded_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The place of the oldest that was shown.
    pub(super) fn oldest(&self) -> u64 {
        self.before + 1
    }

    pub(super) fn cut(&mut self) {
        self.open = false;
        self.asked = None;
    }

    /// The hub tells of the room: again, after a time offline, or when it was asked. Whether that is news for the screen.
    pub(super) fn opened(&mut self, facts: &RoomFacts, now: Duration, out: &mut Vec<Effect>) -> bool {
        self.told = self.told.min(facts.seen);
        self.head = self.head.max(facts.head);
        let was_open = std::mem::replace(&mut self.open, true);
        if !was_open && self.feed {
            // What was missed before and is not shown yet is missed still.
            let missed = Missed { since: self.have, through: facts.head, told: false };
            self.missed = match self.missed {
                Some(before) => Some(Missed { through: facts.head, ..before }),
                None => (self.have < facts.head).then_some(missed),
            };
        }
        if self.have < self.head {
            self.ask(facts.no, now, out);
        }
        let people = (facts.members, facts.online, facts.who.clone());
        let news = self.people.as_ref() != Some(&people);
        self.people = Some(people);
        news || !was_open
    }

    /// Asks for what follows.
    pub(super) fn ask(&mut self, no: RoomNo, now: Duration, out: &mut Vec<Effect>) {
        // Who does not want the feed is told of its own messages anyway.
        if self.open && self.feed {
            self.asked = (self.have < self.head).then_some(now);
            out.push(Effect::Send(ToHub::After { room: no, seq: self.have }));
        }
    }

    /// When to ask again.
    pub(super) fn due(&self) -> Option<Duration> {
        self.asked.map(|asked| asked + RESEND)
    }

    pub(super) fn was_seen(&mut self, through: u64) {
        self.seen = self.seen.max(through.min(self.have));
    }

    pub(super) fn tells_seen(&self) -> bool {
        self.open && self.seen > self.told
    }

    pub(super) fn seen_to_tell(&mut self) -> Option<u64> {
        self.tells_seen().then(|| {
            self.told = self.seen;
            self.seen
        })
    }
}

impl Member {
    pub(super) fn room(&mut self, now: Duration, facts: RoomFacts, out: &mut Vec<Effect>) {
        if self.leaving.contains(&facts.no) {
            // It did not arrive, or there was no connection.
            self.expected.remove(&facts.no);
            return out.push(Effect::Send(ToHub::Leave { room: facts.no }));
        }
        // Who wants one room only wants nothing that is private, either.
        let wanted = facts.name.as_deref().is_some_and(|name| self.wanted.contains(&folded(name)));
        if self.setup.only && !wanted {
            self.expected.remove(&facts.no);
            return;
        }
        if let Some(name) = &facts.name {
            self.wanted.insert(folded(name));
        }
        // After a move, all of the other hub's room is to be seen.
        let from = if self.moved { From::Seen { context: u64::MAX } } else { self.setup.from };
        self.expected.remove(&facts.no);
        let new = || self.left.remove(&facts.no).unwrap_or_else(|| Place::new(&facts, from, self.setup.feed));
        let place = self.rooms.entry(facts.no).or_insert_with(new);
        if place.opened(&facts, now, out) {
            out.push(Effect::Show(Event::Room(Box::new(facts))));
        }
    }

    pub(super) fn record(&mut self, now: Duration, record: Record, out: &mut Vec<Effect>) {
        let no = record.room;
        match self.ours(&record) {
            Some(true) => self.stored(record.id, no, record.seq, out),
            Some(false) => self.number_taken(now, record.id, out),
            None => {}
        }
        let Some(place) = self.rooms.get_mut(&no) else { return };
        place.head = place.head.max(record.seq);
        // What comes before the room was told of is asked for then.
        if record.seq <= place.have || !place.open {
            return;
        }
        // A page is on its way.
        place.asked = place.asked.map(|_| now);
        if record.prev > place.have {
            if place.early.len() < EARLY {
                place.early.insert(record.seq, record);
            }
            if place.asked.is_none() {
                place.ask(no, now, out);
            }
            return;
        }
        self.show(record, out);
        loop {
            let Some(place) = self.rooms.get_mut(&no) else { return };
            let have = place.have;
            place.early.retain(|seq, _| *seq > have);
            match place.early.first_entry() {
                Some(first) if first.get().prev <= have => {
                    let record = first.remove();
                    self.show(record, out);
                }
                _ => break,
            }
        }
        if let Some(place) = self.rooms.get_mut(&no)
            && place.have >= place.head
        {
            place.asked = None;
        }
    }

    /// The next record of its room.
    fn show(&mut self, record: Record, out: &mut Vec<Effect>) {
        let own = self.shown.remove(&record.id);
        let Some(place) = self.rooms.get_mut(&record.room) else { return };
        if let Some(missed) = &mut place.missed {
            if record.seq > missed.since && record.seq <= missed.through && !own && !missed.told {
                missed.told = true;
                out.push(Effect::Show(Event::NewSince { room: record.room, seq: missed.since }));
            }
            if record.seq >= missed.through {
                place.missed = None;
            }
        }
        // Who is here for the first time, or asks for all that there is, misses nothing.
        let last = place.have.max(place.owed);
        let forgotten = record.seq.saturating_sub(last).saturating_sub(1);
        if place.feed && last > 0 && forgotten > 0 {
            out.push(Effect::Show(Event::Forgotten { room: record.room, messages: forgotten }));
        }
        place.have = record.seq;
        out.push(Effect::Show(Event::Message { record: Box::new(record), own }));
    }

    /// Whether a record is a message of ours that is pending, or another one under its id; none where there is none.
    fn ours(&self, record: &Record) -> Option<bool> {
        let all = self.pending.iter().filter(|_| self.me == Some(record.from.no)).map(|o| &o.message);
        let Pending { to, kind, text, .. } = all.into_iter().find(|message| message.id == record.id)?;
        let room = self.rooms.get(&record.room).and_then(Place::folded_name);
        Some(record.says(room, to, *kind, text))
    }

    pub(super) fn head(&mut self, now: Duration, room: RoomNo, seq: u64, out: &mut Vec<Effect>) {
        let Some(place) = self.rooms.get_mut(&room) else { return };
        place.head = place.head.max(seq);
        place.asked = None;
        if place.have < place.head {
            place.ask(room, now, out);
        }
    }

    pub(super) fn older(&mut self, record: Record, out: &mut Vec<Effect>) {
        let Some(place) = self.rooms.get_mut(&record.room) else { return };
        if record.seq == place.before {
            place.before = record.prev;
            out.push(Effect::Show(Event::Older(Box::new(record))));
        }
    }

    pub(super) fn left(&mut self, room: RoomNo, out: &mut Vec<Effect>) {
        self.expected.remove(&room);
        self.leaving.remove(&room);
        if let Some(mut place) = self.rooms.remove(&room) {
            if let Some(name) = place.folded_name() {
                self.wanted.remove(name);
            }
            place.cut();
            // Who comes back goes on where it left.
            self.left.insert(room, place);
            out.push(Effect::Show(Event::Gone(room)));
        }
    }
}
