//! A model of a device's outboxes: what was written, what is durable, and what a crash leaves of it.

use crate::random::Random;
use puerta_talk::room::ids::MessageId;
use puerta_talk::room::member::Pending;
use std::collections::BTreeMap;

/// The outboxes of one device.
#[derive(Debug, Default)]
pub(crate) struct Outboxes {
    pub(crate) streams: BTreeMap<u64, Outbox>,
}

/// One outbox: a stream of numbered messages.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// The process that writes to it.
    pub(crate) owner: Option<usize>,
    /// The last number that is known on the disk.
    pub(crate) last: u64,
    pub(crate) entries: BTreeMap<u64, Entry>,
}

/// A message in it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) message: Pending,
    /// That it is there is durable.
    pub(crate) synced: bool,
    /// It was taken out, which a crash may undo.
    pub(crate) forgotten: bool,
}

impl Outboxes {
    pub(crate) fn write(&mut self, message: Pending) {
        let outbox = self.streams.entry(message.id.stream).or_default();
        outbox.entries.insert(message.id.number, Entry { message, synced: false, forgotten: false });
    }

    /// Makes a message durable; false when it is not there.
    pub(crate) fn sync(&mut self, id: MessageId) -> bool {
        let Some(outbox) = self.streams.get_mut(&id.stream) else { return false };
        outbox.last = outbox.last.max(id.number);
        let entry = outbox.entries.get_mut(&id.number);
        entry.map(|entry| entry.synced = true).is_some()
    }

    pub(crate) fn remove(&mut self, id: MessageId) {
        if let Some(outbox) = self.streams.get_mut(&id.stream) {
            outbox.entries.remove(&id.number);
        }
    }

    pub(crate) fn forget(&mut self, id: MessageId) {
        if let Some(entry) = self.entry(id) {
            entry.forgotten = true;
        }
    }

    pub(crate) fn entry(&mut self, id: MessageId) -> Option<&mut Entry> {
        self.streams.get_mut(&id.stream)?.entries.get_mut(&id.number)
    }

    /// Whether a crash would leave this message here.
    pub(crate) fn has(&self, id: MessageId) -> bool {
        let entry = self.streams.get(&id.stream).and_then(|o| o.entries.get(&id.number));
        entry.is_some_and(|entry| entry.synced && !entry.forgotten)
    }

    /// How many messages are here.
    pub(crate) fn waiting(&self) -> usize {
        self.streams.values().flat_map(|o| o.entries.values()).filter(|e| !e.forgotten).count()
    }

    /// A process is gone; all at once, if it did not end of itself.
    pub(crate) fn release(&mut self, owner: usize, crashed: bool, random: &mut Random) {
        for outbox in self.streams.values_mut().filter(|o| o.owner == Some(owner)) {
            outbox.owner = None;
            // What was written in order is lost from some point on.
            let (mut keeps, mut forgets) = (true, true);
            outbox.entries.retain(|_, entry| {
                keeps = keeps && (!crashed || random.chance(500));
                forgets = forgets && (!crashed || random.chance(500));
                if entry.forgotten && forgets {
                    return false;
                }
                entry.forgotten = false;
                entry.synced || keeps
            });
            for (number, entry) in &mut outbox.entries {
                entry.synced = true;
                outbox.last = outbox.last.max(*number);
            }
        }
    }

    /// A copy, as a backup makes it of what nobody writes to.
    pub(crate) fn copy(&self) -> Outboxes {
        let entry = |e: &Entry| Entry { message: e.message.clone(), synced: true, forgotten: false };
        let copy = |(stream, o): (&u64, &Outbox)| {
            let entries = o.entries.iter().map(|(number, e)| (*number, entry(e))).collect();
            (*stream, Outbox { owner: None, last: o.last, entries })
        };
        Outboxes { streams: self.streams.iter().map(copy).collect() }
    }

    /// Whether a process writes to any of them.
    pub(crate) fn in_use(&self) -> bool {
        self.streams.values().any(|o| o.owner.is_some())
    }

    /// What a new process finds: its own outbox and those that nobody writes to.
    pub(crate) fn adopt(&mut self, owner: usize, stream: u64) -> (u64, Vec<Pending>) {
        self.streams.entry(stream).or_default();
        let mut pending = Vec::new();
        for outbox in self.streams.values_mut().filter(|o| o.owner.is_none()) {
            outbox.owner = Some(owner);
            pending.extend(outbox.entries.values().map(|e| e.message.clone()));
        }
        (self.streams.get(&stream).map_or(0, |o| o.last), pending)
    }
}
