//! What a member sees of a room: in order, without gaps, each record once.

use super::{Effect, From, Member, RESEND, folded};
use crate::room::event::Event;
use crate::room::frame::{RoomFacts, ToHub};
use crate::room::ids::RoomNo;
use crate::room::record::Record;
use std::collections::BTreeMap;
use std::time::Duration;

/// Records that came before one that is missing, at most; what comes above is asked for again.
const EARLY: usize = 256;

/// A room as far as it was shown.
#[derive(Debug)]
pub(super) struct Place {
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
    /// What follows this place was missed; until that was said.
    since: Option<u64>,
    /// When it was last asked for what follows, and not answered.
    asked: Option<Duration>,
    seen: u64,
    told: u64,
}

impl Place {
    pub(super) fn new(facts: &RoomFacts, from: From, feed: bool) -> Place {
        let have = match from {
            _ if !feed => facts.head,
            From::Seen { context } => facts.seen.min(facts.head).saturating_sub(context),
            From::Place(seq) => seq.min(facts.head),
            From::Now => facts.head,
        };
        let missed = matches!(from, From::Seen { .. }) && facts.seen > 0 && facts.seen < facts.head;
        Place {
            name: facts.name.clone(),
            open: false,
            have,
            head: facts.head,
            early: BTreeMap::new(),
            before: have,
            since: missed.then_some(facts.seen),
            asked: None,
            seen: facts.seen,
            told: facts.seen,
        }
    }

    pub(super) fn folded_name(&self) -> Option<String> {
        self.name.as_deref().map(folded)
    }

    /// The place of the oldest that was shown.
    pub(super) fn oldest(&self) -> u64 {
        self.before + 1
    }

    pub(super) fn cut(&mut self) {
        self.open = false;
        self.asked = None;
    }

    /// The hub tells of the room: again, after a time offline.
    pub(super) fn opened(&mut self, no: RoomNo, facts: &RoomFacts, now: Duration, out: &mut Vec<Effect>) {
        self.name.clone_from(&facts.name);
        self.told = self.told.min(facts.seen);
        if !self.open && self.have < facts.head && self.since.is_none() && self.have >= self.seen {
            self.since = Some(self.have);
        }
        self.open = true;
        self.head = self.head.max(facts.head);
        if self.have < self.head {
            self.ask(no, now, out);
        }
    }

    /// Asks for what follows.
    pub(super) fn ask(&mut self, no: RoomNo, now: Duration, out: &mut Vec<Effect>) {
        if self.open {
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
    pub(super) fn record(&mut self, now: Duration, record: Record, out: &mut Vec<Effect>) {
        let no = record.room;
        if self.is_ours(&record) {
            self.stored(now, record.id, no, record.seq, out);
        }
        let Some(place) = self.rooms.get_mut(&no) else { return };
        place.head = place.head.max(record.seq);
        if record.seq <= place.have {
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
        if place.since.is_some_and(|since| record.seq > since)
            && !own
            && let Some(seq) = place.since.take()
        {
            out.push(Effect::Show(Event::NewSince { room: record.room, seq }));
        }
        place.have = record.seq;
        out.push(Effect::Show(Event::Message { record: Box::new(record), own }));
    }

    /// Whether a record is a message of ours that was pending.
    fn is_ours(&self, record: &Record) -> bool {
        self.me == Some(record.from.no) && self.pending.iter().any(|o| o.message.id == record.id)
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
        if let Some(place) = self.rooms.remove(&room) {
            if let Some(name) = place.folded_name() {
                self.wanted.remove(&name);
            }
            out.push(Effect::Show(Event::Gone(room)));
        }
    }
}
