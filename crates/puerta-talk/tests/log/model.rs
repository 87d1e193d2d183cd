//! A log in memory that is right by being simple.

use puerta_talk::room::ids::{Device, MemberNo, RoomNo};
use puerta_talk::room::limits::PAGE;
use puerta_talk::room::record::Record;
use puerta_talk::room::store::{Answer, Ask, Batch, Invite, Loaded, RoomKind, TokenHash, Write};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    members: BTreeMap<MemberNo, (Device, String)>,
    rooms: BTreeMap<RoomNo, RoomKind>,
    joined: BTreeMap<(RoomNo, MemberNo), u64>,
    invites: Vec<Invite>,
    records: Vec<Record>,
    /// How many there were before this write.
    before: usize,
}

impl Model {
    /// Whether it takes them.
    pub(crate) fn write(&mut self, batches: &[Batch]) -> bool {
        let mut next = Model { before: self.records.len(), ..self.clone() };
        let taken = batches.iter().flat_map(|batch| &batch.writes).all(|write| next.one(write));
        if taken {
            *self = next;
        }
        taken
    }

    fn one(&mut self, write: &Write) -> bool {
        match write {
            Write::Member { no, device, name } => {
                if self.members.iter().any(|(other, (d, n))| other != no && (d == device || n == name)) {
                    return false;
                }
                self.members.insert(*no, (*device, name.clone()));
            }
            Write::Room { no, kind } => {
                let owned = !matches!(kind, RoomKind::Inbox(owner) if !self.members.contains_key(owner));
                if !owned || self.rooms.contains_key(no) || self.rooms.values().any(|other| other == kind) {
                    return false;
                }
                self.rooms.insert(*no, kind.clone());
            }
            Write::Join { room, member } => {
                if !self.rooms.contains_key(room) || !self.members.contains_key(member) {
                    return false;
                }
                self.joined.entry((*room, *member)).or_insert(0);
            }
            Write::Leave { room, member } => drop(self.joined.remove(&(*room, *member))),
            Write::Seen { room, member, through } => {
                if let Some(seen) = self.joined.get_mut(&(*room, *member)) {
                    *seen = (*seen).max(*through);
                }
            }
            Write::Invite(invite) => {
                if !self.rooms.contains_key(&invite.room) {
                    return false;
                }
                self.spend(invite.token);
                self.invites.push(invite.clone());
            }
            Write::Spent(token) => self.spend(*token),
            Write::Record(record) => return self.record(record),
        }
        true
    }

    fn spend(&mut self, token: TokenHash) {
        self.invites.retain(|invite| invite.token != token);
    }

    fn record(&mut self, record: &Record) -> bool {
        let people = [Some(&record.from), record.to.as_ref()];
        let known = people.into_iter().flatten().all(|who| self.members.contains_key(&who.no));
        let head = self.head(record.room);
        if !known || !self.rooms.contains_key(&record.room) || record.prev != head || record.seq <= head {
            return false;
        }
        // A number is higher than those before, or the same in another room and the same write.
        let last = self.last(record.from.no, record.id.stream);
        let same = |r: &&Record| r.from.no == record.from.no && r.id == record.id;
        let (old, new) = self.records.split_at(self.before);
        let twice = last > 0
            && !old.iter().any(|r| same(&r))
            && new.iter().any(|r| same(&r))
            && !new.iter().filter(same).any(|r| r.room == record.room);
        if record.id.number < last || (record.id.number == last && !twice) {
            return false;
        }
        self.records.push(record.clone());
        true
    }

    fn in_room(&self, room: RoomNo) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.iter().filter(move |r| r.room == room)
    }

    pub(crate) fn last(&self, from: MemberNo, stream: u64) -> u64 {
        let numbers = self.records.iter().filter(|r| r.from.no == from && r.id.stream == stream);
        numbers.map(|r| r.id.number).max().unwrap_or(0)
    }

    pub(crate) fn head(&self, room: RoomNo) -> u64 {
        self.in_room(room).next_back().map_or(0, |r| r.seq)
    }

    pub(crate) fn load(&self) -> Loaded {
        let mut invites = self.invites.clone();
        invites.sort_by_key(|i| (i.room, i.until, i.token.0));
        Loaded {
            members: self.members.iter().map(|(no, (device, name))| (*no, *device, name.clone())).collect(),
            rooms: self.rooms.iter().map(|(no, kind)| (*no, kind.clone(), self.head(*no))).collect(),
            joined: self.joined.iter().map(|((room, member), seen)| (*room, *member, *seen)).collect(),
            invites,
        }
    }

    pub(crate) fn answer(&self, ask: &Ask) -> Answer {
        match ask {
            Ask::After { room, seq, limit } => {
                let all = self.in_room(*room).filter(|r| r.seq > *seq);
                Answer::Records(all.take((*limit).min(PAGE)).cloned().collect())
            }
            Ask::Before { room, seq, limit } => {
                let all = self.in_room(*room).rev().filter(|r| r.seq < *seq);
                Answer::Records(all.take((*limit).min(PAGE)).cloned().collect())
            }
            Ask::Find { from, id } => {
                let own = |r: &&Record| {
                    matches!(&self.rooms[&r.room], RoomKind::Public(_)) || self.rooms[&r.room] == RoomKind::Inbox(*from)
                };
                let all = self.records.iter().filter(|r| r.from.no == *from && r.id == *id).filter(own);
                Answer::Found(all.min_by_key(|r| r.room).cloned().map(Box::new))
            }
            Ask::Last { from, streams } => {
                let of = |stream: &u64| (*stream, self.last(*from, *stream));
                Answer::Last(streams.iter().map(of).collect())
            }
        }
    }
}
