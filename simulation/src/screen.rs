//! What one run of a member's process was shown, held against what a screen is promised.

use crate::disk::Disk;
use puerta_talk::room::event::Event;
use puerta_talk::room::frame::{RoomFacts, Target};
use puerta_talk::room::ids::{Device, MemberNo, MessageId, RoomNo};
use puerta_talk::room::member::From;
use puerta_talk::room::record::Record;
use std::collections::{BTreeMap, BTreeSet};

/// A screen.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) feed: bool,
    pub(crate) from: From,
    pub(crate) online: bool,
    pub(crate) pending: BTreeMap<MessageId, (Target, String)>,
    pub(crate) rooms: BTreeMap<RoomNo, View>,
    /// Shown as pending at any time, and not yet at its place.
    own: BTreeSet<MessageId>,
    me: Option<MemberNo>,
}

/// A room on a screen.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) open: bool,
    /// The member is not in it any more.
    pub(crate) left: bool,
    /// Shown through this place.
    pub(crate) last: u64,
    /// Shown from behind this place.
    oldest: u64,
    /// What was missed: from behind a place, through one, and whether the line was shown.
    missed: Option<(u64, u64, bool)>,
}

impl Default for Screen {
    fn default() -> Screen {
        Screen::new(true, From::Now)
    }
}

impl Screen {
    pub(crate) fn new(feed: bool, from: From) -> Screen {
        Screen {
            feed,
            from,
            online: false,
            pending: BTreeMap::new(),
            rooms: BTreeMap::new(),
            own: BTreeSet::new(),
            me: None,
        }
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, event: &Event, disk: &Disk, device: Device) -> Result<(), String> {
        match event {
            Event::Online(welcome) => {
                self.online = true;
                self.me = Some(welcome.you.no);
                self.close();
            }
            Event::Offline => {
                self.online = false;
                self.close();
            }
            Event::Moving { .. } => {
                self.online = false;
                self.from = From::Seen { context: u64::MAX };
                self.rooms.clear();
            }
            Event::Gone(room) => {
                if let Some(view) = self.rooms.get_mut(room) {
                    view.open = false;
                    view.left = true;
                }
            }
            Event::Room(facts) => self.open(facts),
            Event::NewSince { room, seq } => {
                let view = self.rooms.get_mut(room).ok_or("invariant 4: a line in a room that is not open")?;
                match &mut view.missed {
                    Some((from, _, told)) if !*told && from == seq => *told = true,
                    missed => return Err(format!("invariant 4: a new-since line behind {seq}, missed {missed:?}")),
                }
            }
            Event::Message { record, own } => self.message(record, *own, disk)?,
            Event::Older(record) => self.older(record, disk)?,
            Event::Pending { id, to, text, .. } => {
                self.pending.insert(*id, (to.clone(), text.clone()));
                self.own.insert(*id);
            }
            Event::Stored { id, room, seq } => {
                let said = self.pending.remove(id).ok_or("invariant 6: stored, and was not pending")?;
                if disk.place(device, *id) != Some((*room, *seq)) {
                    return Err(format!("invariant 1: {id} is shown as stored and is not there in the log"));
                }
                let text = disk.rooms.get(room).and_then(|r| r.at(*seq)).map(|r| &r.text);
                if text != Some(&said.1) {
                    return Err(format!("invariant 2: {id} is in the log with the text of another message"));
                }
            }
            Event::Renumbered { id, now } => {
                let said = self.pending.remove(id).ok_or("invariant 6: renumbered, and was not pending")?;
                self.pending.insert(*now, said);
                self.own.remove(id);
                self.own.insert(*now);
            }
            Event::NotTaken { id: Some(id), .. } => {
                self.pending.remove(id).ok_or("invariant 6: not taken, and was not pending")?;
            }
            _ => {}
        }
        Ok(())
    }

    fn close(&mut self) {
        for view in self.rooms.values_mut() {
            view.open = false;
        }
    }

    fn open(&mut self, facts: &RoomFacts) {
        let (from, feed) = (self.from, self.feed);
        let (seen, head) = (facts.seen.min(facts.head), facts.head);
        let view = self.rooms.entry(facts.no).or_insert_with(|| {
            let last = match from {
                _ if !feed => head,
                From::Seen { context } => seen.saturating_sub(context),
                From::Place(seq) if facts.name.is_some() => seq.min(head),
                // Places of a room say nothing of the inbox.
                From::Place(_) => facts.seen.min(head),
                From::Now => head,
            };
            let new = matches!(from, From::Seen { .. }) && seen > 0 && seen < head && feed;
            let missed = new.then_some((seen, head, false));
            View { open: true, left: false, last, oldest: last, missed }
        });
        view.left = false;
        if !view.open {
            view.open = true;
            view.missed = match view.missed {
                Some((from, _, told)) => Some((from, head, told)),
                None => (view.last < head && feed).then_some((view.last, head, false)),
            };
        }
    }

    fn message(&mut self, record: &Record, own: bool, disk: &Disk) -> Result<(), String> {
        same(record, disk)?;
        let seq = record.seq;
        let mine = self.own.remove(&record.id) && self.me == Some(record.from.no);
        if mine != own {
            return Err(format!("invariant 4: {} of this screen: {mine}, shown as own: {own}", record.id));
        }
        if own && self.pending.contains_key(&record.id) {
            return Err(format!("invariant 6: {} is at its place and still pending", record.id));
        }
        let view = self.rooms.get_mut(&record.room).filter(|v| v.open);
        let view = view.ok_or_else(|| format!("invariant 3: a message in {:?}, which is not open", record.room))?;
        if seq != view.last + 1 {
            return Err(format!("invariant 3: place {seq} of {:?} is shown behind {}", record.room, view.last));
        }
        view.last = seq;
        if let Some((from, through, told)) = view.missed {
            if seq > from && seq <= through && !own && !told {
                return Err(format!("invariant 4: place {seq} of {:?} was missed, without a line", record.room));
            }
            if seq >= through {
                view.missed = None;
            }
        }
        Ok(())
    }

    fn older(&mut self, record: &Record, disk: &Disk) -> Result<(), String> {
        same(record, disk)?;
        let view = self.rooms.get_mut(&record.room).ok_or("invariant 3: an older message of an unknown room")?;
        if record.seq != view.oldest {
            return Err(format!("invariant 3: place {} is shown before {}", record.seq, view.oldest + 1));
        }
        view.oldest -= 1;
        Ok(())
    }
}

fn same(record: &Record, disk: &Disk) -> Result<(), String> {
    match disk.rooms.get(&record.room).and_then(|r| r.at(record.seq)) {
        Some(kept) if kept == record => Ok(()),
        _ => Err(format!("invariant 3: place {} of {:?} is shown otherwise than it is", record.seq, record.room)),
    }
}
