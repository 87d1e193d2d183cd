//! A model of the hub's log on its disk: what is durable, and what a crash may lose.

use puerta_talk::room::ids::{Device, MemberNo, MessageId, RoomNo};
use puerta_talk::room::limits::PAGE_BYTES;
use puerta_talk::room::record::Record;
use puerta_talk::room::store::{Answer, Ask, Batch, Invite, Loaded, Log, RoomKind, TokenHash, Write};
use std::collections::BTreeMap;

/// What is durable.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) members: BTreeMap<MemberNo, (Device, String)>,
    pub(crate) devices: BTreeMap<Device, MemberNo>,
    pub(crate) rooms: BTreeMap<RoomNo, Kept>,
    pub(crate) invites: BTreeMap<[u8; 32], Invite>,
    /// The rooms and places of each message.
    pub(crate) places: BTreeMap<(MemberNo, MessageId), Vec<(RoomNo, u64)>>,
    /// The last number of each stream.
    last: BTreeMap<(MemberNo, u64), u64>,
}

/// A room on the disk.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) kind: RoomKind,
    /// Who is in it, and has seen it through which place.
    pub(crate) members: BTreeMap<MemberNo, u64>,
    pub(crate) records: Vec<Record>,
}

impl Kept {
    pub(crate) fn head(&self) -> u64 {
        self.records.len() as u64
    }

    /// The record at a place, from 1.
    pub(crate) fn at(&self, seq: u64) -> Option<&Record> {
        self.records.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }
}

impl Disk {
    pub(crate) fn is_in(&self, room: RoomNo, member: MemberNo) -> bool {
        self.rooms.get(&room).is_some_and(|r| r.members.contains_key(&member))
    }

    /// Where a message of a device lies: in its sender's inbox, if it is private.
    pub(crate) fn place(&self, device: Device, id: MessageId) -> Option<(RoomNo, u64)> {
        let member = *self.devices.get(&device)?;
        let places = self.places.get(&(member, id))?;
        let theirs = |room: &RoomNo| match self.rooms.get(room).map(|r| &r.kind) {
            Some(RoomKind::Inbox(owner)) => *owner == member,
            _ => true,
        };
        places.iter().find(|(room, _)| theirs(room)).copied()
    }

    /// Whether a batch could be written, and if not, what is wrong with it.
    fn apply(&mut self, write: Write) -> Result<(), String> {
        match write {
            Write::Member { no, device, name } => {
                if self.members.iter().any(|(other, (d, n))| *other != no && (*d == device || *n == name)) {
                    return Err(format!("{no:?} has the key or the name of another: {name}"));
                }
                self.devices.insert(device, no);
                self.members.insert(no, (device, name));
            }
            Write::Room { no, kind } => {
                if self.rooms.contains_key(&no) {
                    return Err(format!("{no:?} is opened twice"));
                }
                self.rooms.insert(no, Kept { kind, members: BTreeMap::new(), records: Vec::new() });
            }
            Write::Join { room, member } => {
                self.room(room)?.members.entry(member).or_insert(0);
            }
            Write::Leave { room, member } => {
                self.room(room)?.members.remove(&member);
            }
            Write::Seen { room, member, through } => {
                if let Some(seen) = self.room(room)?.members.get_mut(&member) {
                    *seen = through;
                }
            }
            Write::Invite(invite) => {
                self.invites.insert(invite.token.0, invite);
            }
            Write::Spent(TokenHash(token)) => {
                self.invites.remove(&token);
            }
            Write::Record(record) => self.add(record)?,
        }
        Ok(())
    }

    fn add(&mut self, record: Record) -> Result<(), String> {
        let member = record.from.no;
        let places = self.places.entry((member, record.id)).or_default();
        let first = places.is_empty();
        if places.iter().any(|(room, _)| *room == record.room) || (!first && record.to.is_none()) || places.len() > 1 {
            return Err(format!("invariant 2: {} of {member:?} is in the log twice", record.id));
        }
        places.push((record.room, record.seq));
        let last = self.last.entry((member, record.id.stream)).or_insert(0);
        if first && record.id.number <= *last {
            return Err(format!("invariant 3: {} of {member:?} comes after {last}", record.id));
        }
        *last = record.id.number;
        let room = self.room(record.room)?;
        let head = room.head();
        if record.seq != head + 1 || record.prev != head {
            return Err(format!("invariant 3: place {} behind {head} of {:?}", record.seq, record.room));
        }
        room.records.push(record);
        Ok(())
    }

    fn room(&mut self, room: RoomNo) -> Result<&mut Kept, String> {
        self.rooms.get_mut(&room).ok_or_else(|| format!("{room:?} is written to, and was never opened"))
    }
}

impl Log for Disk {
    fn load(&mut self) -> Result<Loaded, String> {
        let mut loaded = Loaded::default();
        loaded.members.extend(self.members.iter().map(|(no, (device, name))| (*no, *device, name.clone())));
        for (no, room) in &self.rooms {
            loaded.rooms.push((*no, room.kind.clone(), room.head()));
            loaded.joined.extend(room.members.iter().map(|(member, seen)| (*no, *member, *seen)));
        }
        loaded.invites.extend(self.invites.values().cloned());
        Ok(loaded)
    }

    fn write(&mut self, batches: &[Batch]) -> Result<(), String> {
        for write in batches.iter().flat_map(|b| b.writes.iter().cloned()) {
            self.apply(write)?;
        }
        Ok(())
    }

    fn answer(&self, ask: &Ask) -> Answer {
        match ask {
            Ask::After { room, seq, limit } => {
                let records = self.rooms.get(room).map(|r| r.records.as_slice()).unwrap_or_default();
                let from = usize::try_from(*seq).unwrap_or(usize::MAX).min(records.len());
                Answer::Records(page(records.iter().skip(from), *limit))
            }
            Ask::Before { room, seq, limit } => {
                let records = self.rooms.get(room).map(|r| r.records.as_slice()).unwrap_or_default();
                let to = usize::try_from(seq.saturating_sub(1)).unwrap_or(usize::MAX).min(records.len());
                Answer::Records(page(records.iter().take(to).rev(), *limit))
            }
            Ask::Find { from, id } => {
                let device = self.members.get(from).map(|(device, _)| *device);
                let place = device.and_then(|device| self.place(device, *id));
                let record = place.and_then(|(room, seq)| self.rooms.get(&room)?.at(seq));
                Answer::Found(record.cloned().map(Box::new))
            }
            Ask::Last { from, streams } => {
                let last = |s: &u64| (*s, self.last.get(&(*from, *s)).copied().unwrap_or(0));
                Answer::Last(streams.iter().map(last).collect())
            }
        }
    }
}

fn page<'a>(records: impl Iterator<Item = &'a Record>, limit: usize) -> Vec<Record> {
    let mut bytes = 0;
    let mut page = Vec::new();
    for record in records.take(limit) {
        bytes += record.text.len() + 64;
        if bytes > PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(record.clone());
    }
    page
}
