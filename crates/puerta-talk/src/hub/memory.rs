//! What a hub without a log keeps of what was said.

use crate::room::ids::{MemberNo, MessageId, RoomNo};
use crate::room::limits::PAGE_BYTES;
use crate::room::record::Record;
use crate::room::store::{Answer, Ask, Batch, RoomKind, Write};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Records of a room that a hub without a log keeps.
pub const KEPT: usize = 10_000;

/// Bytes that it keeps of all rooms and inboxes, where each record counts 256 more than its text: 64 MiB. Above, the oldest
/// records of the largest room go, but never the last one of a room.
pub const KEPT_BYTES: usize = 64 << 20;

/// What a record has besides its text, in bytes: its numbers and names, and where it is found.
const AROUND: usize = 256;

/// The last records of each room.
#[derive(Debug, Default)]
pub(super) struct Memory {
    rooms: BTreeMap<RoomNo, Kept>,
    bytes: usize,
    /// The rooms that have more than one record, by their bytes.
    sizes: BTreeSet<(usize, RoomNo)>,
    /// Where each message of a member is; a private one in the inbox of its sender.
    places: BTreeMap<(MemberNo, MessageId), (RoomNo, u64)>,
    inboxes: HashMap<RoomNo, MemberNo>,
}

/// One room's.
#[derive(Debug, Default)]
struct Kept {
    records: VecDeque<Record>,
    bytes: usize,
}

impl Memory {
    pub(super) fn write(&mut self, batch: &Batch) {
        for write in &batch.writes {
            match write {
                Write::Room { no, kind: RoomKind::Inbox(of) } => drop(self.inboxes.insert(*no, *of)),
                Write::Record(record) => self.keep(record.clone()),
                _ => {}
            }
        }
    }

    pub(super) fn answer(&self, ask: &Ask) -> Answer {
        match ask {
            Ask::After { room, seq, limit } => {
                let records = self.rooms.get(room).map(|kept| kept.records.range(kept.at(seq.saturating_add(1))..));
                Answer::Records(page(records.into_iter().flatten(), *limit))
            }
            Ask::Before { room, seq, limit } => {
                let records = self.rooms.get(room).map(|kept| kept.records.range(..kept.at(*seq)).rev());
                Answer::Records(page(records.into_iter().flatten(), *limit))
            }
            Ask::Find { from, id } => Answer::Found(self.find(*from, *id)),
            Ask::Last { from, streams } => Answer::Last(streams.iter().map(|s| (*s, self.last(*from, *s))).collect()),
        }
    }

    fn last(&self, from: MemberNo, stream: u64) -> u64 {
        let of = |number| (from, MessageId { stream, number });
        self.places.range(of(0)..=of(u64::MAX)).next_back().map_or(0, |((_, id), _)| id.number)
    }

    fn find(&self, from: MemberNo, id: MessageId) -> Option<Box<Record>> {
        let (room, seq) = self.places.get(&(from, id))?;
        let kept = self.rooms.get(room)?;
        kept.records.get(kept.at(*seq)).cloned().map(Box::new)
    }

    fn keep(&mut self, record: Record) {
        let (no, weight) = (record.room, weight(&record));
        if self.inboxes.get(&no).is_none_or(|of| *of == record.from.no) {
            self.places.insert((record.from.no, record.id), (no, record.seq));
        }
        self.bytes += weight;
        let kept = self.change(no, |kept| {
            kept.bytes += weight;
            kept.records.push_back(record);
            kept.records.len()
        });
        if kept > KEPT {
            self.forget(no);
        }
        while self.bytes > KEPT_BYTES
            && let Some((_, largest)) = self.sizes.last().copied()
        {
            self.forget(largest);
        }
    }

    /// The oldest record of a room goes.
    fn forget(&mut self, no: RoomNo) {
        let gone = self.change(no, |kept| {
            let gone = kept.records.pop_front()?;
            kept.bytes -= weight(&gone);
            // Nothing is before the first: who asks for more is told so, and waits for nothing.
            if let Some(first) = kept.records.front_mut() {
                first.prev = 0;
            }
            Some(gone)
        });
        let Some(gone) = gone else { return };
        self.bytes -= weight(&gone);
        let message = (gone.from.no, gone.id);
        if self.places.get(&message) == Some(&(no, gone.seq)) {
            self.places.remove(&message);
        }
    }

    fn change<T>(&mut self, no: RoomNo, what: impl FnOnce(&mut Kept) -> T) -> T {
        let kept = self.rooms.entry(no).or_default();
        self.sizes.remove(&(kept.bytes, no));
        let done = what(kept);
        if kept.records.len() > 1 {
            self.sizes.insert((kept.bytes, no));
        }
        done
    }
}

impl Kept {
    /// Where the first record is that has this place or a later one.
    fn at(&self, seq: u64) -> usize {
        self.records.partition_point(|record| record.seq < seq)
    }
}

fn weight(record: &Record) -> usize {
    AROUND + record.text.len()
}

fn page<'a>(records: impl Iterator<Item = &'a Record>, limit: usize) -> Vec<Record> {
    let mut bytes = 0;
    let mut page = Vec::new();
    for record in records.take(limit) {
        bytes += record.text.len();
        if bytes > PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(record.clone());
    }
    page
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

    use super::*;
    use crate::room::record::{Kind, Person};

    const LONG: usize = 4096;

    fn record(room: u32, seq: u64, from: u32, text: &str) -> Record {
        Record {
            room: RoomNo(room),
            seq,
            prev: seq - 1,
            at: 0,
            id: MessageId { stream: u64::from(room), number: seq },
            from: Person { no: MemberNo(from), name: "ana".into() },
            to: None,
            kind: Kind::Text,
            text: text.into(),
        }
    }

    fn say(memory: &mut Memory, record: Record) {
        memory.write(&Batch { number: 1, writes: vec![Write::Record(record)] });
    }

    fn records(memory: &Memory, ask: &Ask) -> Vec<Record> {
        let Answer::Records(records) = memory.answer(ask) else { panic!("{ask:?}") };
        records
    }

    fn texts(memory: &Memory) -> usize {
        memory.rooms.values().flat_map(|kept| &kept.records).map(|record| record.text.len()).sum()
    }

    #[test]
    fn what_is_kept_of_all_rooms_is_bounded_and_each_begins_where_it_does() {
        let (mut memory, long) = (Memory::default(), "x".repeat(LONG));
        for (seq, room) in (1..=1000).flat_map(|seq| (1..=100).map(move |room| (seq, room))) {
            say(&mut memory, record(room, seq, 1, &long));
        }
        say(&mut memory, record(200, 1, 1, "alone"));
        let kept = texts(&memory);
        assert!(kept <= KEPT_BYTES && kept > KEPT_BYTES / 10 * 9, "{kept} bytes of texts");
        let all = 1..=100;
        let count: usize = all.clone().map(|room| memory.rooms[&RoomNo(room)].records.len()).sum();
        assert_eq!(memory.places.len(), count + 1);
        for room in all {
            let room = RoomNo(room);
            let first = records(&memory, &Ask::After { room, seq: 0, limit: 100 }).remove(0);
            assert!((first.seq > 800) && first.prev == 0, "{first:?}");
            let next = records(&memory, &Ask::After { room, seq: first.seq, limit: 1 }).remove(0);
            assert_eq!((next.seq, next.prev), (first.seq + 1, first.seq));
            assert_eq!(records(&memory, &Ask::Before { room, seq: first.seq, limit: 100 }), []);
            assert_eq!(
                records(&memory, &Ask::Before { room, seq: next.seq, limit: 100 }),
                std::slice::from_ref(&first)
            );
            assert_eq!(memory.find(MemberNo(1), first.id).map(|found| *found), Some(first.clone()));
            assert_eq!(memory.find(MemberNo(1), MessageId { number: first.id.number - 1, ..first.id }), None);
            assert_eq!(memory.last(MemberNo(1), first.id.stream), 1000);
        }
        assert_eq!(records(&memory, &Ask::After { room: RoomNo(200), seq: 0, limit: 9 })[0].text, "alone");
    }

    #[test]
    fn a_room_has_its_last_records_and_one_in_any_case() {
        let mut memory = Memory::default();
        for seq in 1..=KEPT as u64 + 5 {
            say(&mut memory, record(1, seq, 1, "x"));
        }
        let first = records(&memory, &Ask::After { room: RoomNo(1), seq: 0, limit: 1 }).remove(0);
        assert_eq!((first.seq, first.prev, memory.places.len()), (6, 0, KEPT));
        let long = "x".repeat(2 * LONG);
        let rooms = (KEPT_BYTES / LONG) as u32;
        for room in 2..rooms {
            say(&mut memory, record(room, 1, 1, &long));
        }
        assert_eq!(memory.rooms.len(), rooms as usize - 1);
        assert!(memory.rooms.values().all(|kept| kept.records.len() == 1));
    }

    #[test]
    fn a_private_message_is_found_in_the_inbox_of_its_sender() {
        let mut memory = Memory::default();
        for (no, of) in [(1, 8), (2, 9)] {
            let inbox = Write::Room { no: RoomNo(no), kind: RoomKind::Inbox(MemberNo(of)) };
            memory.write(&Batch { number: 1, writes: vec![inbox] });
        }
        for from in [8, 9] {
            let id = MessageId { stream: 7, number: 1 };
            for room in [1, 2] {
                say(&mut memory, Record { id, ..record(room, 1, from, "hush") });
            }
            let found = memory.find(MemberNo(from), id).unwrap();
            assert_eq!(found.room, RoomNo(from - 7));
        }
    }
}
