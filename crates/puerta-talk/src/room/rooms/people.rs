//! Who is in which room, who is there, who has seen what.

use super::state::Room;
use super::{Conn, Effect, GATHER, Held, Rooms, folded, may_be_called, send};
use crate::room::codec;
use crate::room::frame::{MemberFacts, Refusal, RoomFacts, ToMember};
use crate::room::ids::{MemberNo, RoomNo};
use crate::room::record::Person;
use crate::room::store::{RoomKind, Write};
use bytes::{Bytes, BytesMut};
use std::collections::BTreeSet;
use std::time::Duration;

/// Members or rooms in one frame of a list: well below a frame's limit with the longest names.
const LISTED: usize = 100;

impl Rooms {
    pub(super) fn is_in(&self, room: RoomNo, member: MemberNo) -> bool {
        self.rooms.get(&room).is_some_and(|r| r.members.contains_key(&member))
    }

    pub(super) fn rooms_of(&self, member: MemberNo) -> BTreeSet<RoomNo> {
        self.members.get(&member).map(|m| m.rooms.clone()).unwrap_or_default()
    }

    pub(super) fn open_room(&mut self, no: RoomNo, kind: RoomKind, head: u64) {
        match &kind {
            RoomKind::Public(name) => {
                self.room_names.insert(folded(name), no);
            }
            RoomKind::Inbox(owner) => {
                if let Some(owner) = self.members.get_mut(owner) {
                    owner.inbox = Some(no);
                }
            }
        }
        self.rooms.insert(no, Room::new(kind, head));
    }

    pub(super) fn make_room(&mut self, kind: RoomKind) -> RoomNo {
        let no = RoomNo(self.rooms.last_key_value().map_or(0, |(no, _)| no.0) + 1);
        self.write(Write::Room { no, kind: kind.clone() });
        self.open_room(no, kind, 0);
        no
    }

    pub(super) fn enter_room(&mut self, no: RoomNo, member: MemberNo, seen: u64) {
        if let (Some(room), Some(known)) = (self.rooms.get_mut(&no), self.members.get_mut(&member)) {
            room.members.insert(member, seen);
            room.audience = None;
            known.rooms.insert(no);
        }
    }

    pub(super) fn join(&mut self, now: Duration, conn: Conn, member: MemberNo, name: String, out: &mut Vec<Effect>) {
        let limits = self.setup.limits;
        let known = self.room_names.get(&folded(&name)).copied();
        if let Some(room) = known.filter(|room| self.is_in(*room, member)) {
            return self.tell_room(conn, member, room, out);
        }
        if known.is_some_and(|room| self.joining.contains_key(&(room, member))) {
            return;
        }
        let why = match &self.read_only {
            Some(why) => Some(Refusal::ReadOnly { why: why.clone() }),
            None if known.is_some() => None,
            None if !may_be_called(&name, limits.name) => Some(Refusal::BadName),
            None if self.room_names.len() >= limits.rooms as usize => {
                Some(Refusal::TooManyRooms { rooms: limits.rooms })
            }
            None => None,
        };
        if let Some(why) = why {
            return send(out, conn, &ToMember::NotJoined { room: name, why });
        }
        if !self.may_write(now, conn, member, out) {
            return;
        }
        let room = known.unwrap_or_else(|| self.make_room(RoomKind::Public(name)));
        // Who comes for the first time has missed nothing.
        let head = self.rooms.get(&room).map_or(0, |r| r.head);
        self.write(Write::Join { room, member });
        if head > 0 {
            self.write(Write::Seen { room, member, through: head });
        }
        let batch = self.hold(Held::Joined(room, member));
        self.joining.insert((room, member), batch);
    }

    /// That a member joined is durable.
    pub(super) fn joined(&mut self, now: Duration, no: RoomNo, member: MemberNo, out: &mut Vec<Effect>) {
        // It may have left in between, and come again.
        if self.joining.get(&(no, member)).is_none_or(|batch| *batch > self.written) {
            return;
        }
        self.joining.remove(&(no, member));
        let head = self.rooms.get(&no).map_or(0, |r| r.head);
        self.enter_room(no, member, head);
        self.unwritten.insert((no, member), head);
        self.tell_joined(now, no, member, out);
    }

    pub(super) fn leave(&mut self, now: Duration, conn: Conn, member: MemberNo, no: RoomNo, out: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get(&no) else { return send(out, conn, &ToMember::Gone { room: no }) };
        // An inbox is for good.
        let inbox = room.name().is_none();
        if inbox || !self.may_write(now, conn, member, out) {
            return;
        }
        let Some(room) = self.rooms.get_mut(&no) else { return };
        let joining = self.joining.remove(&(no, member)).is_some();
        if room.members.remove(&member).is_none() && !joining {
            return send(out, conn, &ToMember::Gone { room: no });
        }
        room.audience = None;
        if let Some(known) = self.members.get_mut(&member) {
            known.rooms.remove(&no);
        }
        self.unwritten.remove(&(no, member));
        self.write(Write::Leave { room: no, member });
        self.hold(Held::Left(no, member));
    }

    /// What a member should know of a room that it is in.
    pub(super) fn tell_room(&mut self, conn: Conn, member: MemberNo, no: RoomNo, out: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get(&no) else { return };
        let Some(seen) = room.members.get(&member) else { return };
        let few = room.members.len() <= self.setup.limits.shown as usize;
        let facts = RoomFacts {
            no,
            name: room.name().map(str::to_owned),
            head: room.head,
            seen: *seen,
            members: count(room.members.len()),
            online: self.online(room),
            who: if few { self.facts(room) } else { Vec::new() },
        };
        send(out, conn, &ToMember::Room(facts));
    }

    pub(super) fn tell_joined(&mut self, now: Duration, no: RoomNo, member: MemberNo, out: &mut Vec<Effect>) {
        let sessions = self.members.get(&member).map(|m| m.sessions.clone()).unwrap_or_default();
        for conn in sessions {
            self.tell_room(conn, member, no, out);
        }
        self.tell_others(now, no, member, out, |room, who| ToMember::Joined { room, who });
    }

    pub(super) fn tell_left(&mut self, now: Duration, no: RoomNo, member: MemberNo, out: &mut Vec<Effect>) {
        // It may be back by now.
        if !self.is_in(no, member) {
            let sessions = self.members.get(&member).map(|m| m.sessions.clone()).unwrap_or_default();
            for conn in sessions {
                send(out, conn, &ToMember::Gone { room: no });
            }
        }
        self.tell_others(now, no, member, out, |room, who| ToMember::Left { room, who });
    }

    pub(super) fn presence(&mut self, now: Duration, member: MemberNo, online: bool, out: &mut Vec<Effect>) {
        for room in self.rooms_of(member) {
            self.tell_others(now, room, member, out, |room, who| ToMember::Presence { room, who, online });
        }
    }

    /// A connection of a member is gone.
    pub(super) fn gone(&mut self, now: Duration, member: MemberNo, conn: Conn) {
        let Some(known) = self.members.get_mut(&member) else { return };
        known.sessions.retain(|c| *c != conn);
        let online = known.online();
        for room in self.rooms_of(member) {
            if let Some(room) = self.rooms.get_mut(&room) {
                room.audience = None;
            }
        }
        if !online {
            self.departed.push(member);
            self.due_within(now, Duration::ZERO);
        }
    }

    /// Tells the others in a room of a member, or counts when they are many.
    fn tell_others(
        &mut self,
        now: Duration,
        no: RoomNo,
        member: MemberNo,
        out: &mut Vec<Effect>,
        frame: impl Fn(RoomNo, Person) -> ToMember,
    ) {
        let Some(room) = self.rooms.get_mut(&no) else { return };
        if room.name().is_none() {
            return;
        }
        if room.members.len() > self.setup.limits.shown as usize {
            room.count = true;
            return self.due_within(now, GATHER);
        }
        let Some(who) = self.members.get(&member).map(|m| m.person(member)) else { return };
        self.fan_frames(no, codec::bytes(&frame(no, who)), out);
    }

    fn fan_frames(&mut self, room: RoomNo, frames: Bytes, out: &mut Vec<Effect>) {
        let to = self.audience(room);
        if !to.is_empty() {
            out.push(Effect::Fan { to, frames });
        }
    }

    pub(super) fn seen(&mut self, now: Duration, member: MemberNo, no: RoomNo, through: u64) {
        let Some(room) = self.rooms.get_mut(&no) else { return };
        let through = through.min(room.head);
        let Some(before) = room.members.get_mut(&member).filter(|before| **before < through) else { return };
        *before = through;
        room.seen.insert(member);
        if self.read_only.is_none() {
            self.unwritten.insert((no, member), through);
        }
        self.due_within(now, GATHER);
    }

    /// What was seen goes to the log with the next batch, whatever made that.
    pub(super) fn write_seen(&mut self) {
        for ((room, member), through) in std::mem::take(&mut self.unwritten) {
            self.write(Write::Seen { room, member, through });
        }
    }

    pub(super) fn tick(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        self.due = None;
        for member in std::mem::take(&mut self.departed) {
            if self.members.get(&member).is_some_and(|m| !m.online()) {
                self.presence(now, member, false, out);
            }
        }
        self.write_seen();
        let changed: Vec<RoomNo> =
            self.rooms.iter().filter(|(_, r)| r.count || !r.seen.is_empty()).map(|(no, _)| *no).collect();
        for no in changed {
            let frames = self.gathered(no);
            self.fan_frames(no, frames, out);
        }
    }

    /// What changed in a room since it was told.
    fn gathered(&mut self, no: RoomNo) -> Bytes {
        let shown = self.setup.limits.shown as usize;
        let mut frames = BytesMut::new();
        let Some(room) = self.rooms.get_mut(&no) else { return Bytes::new() };
        let (count_changed, seen) = (std::mem::take(&mut room.count), std::mem::take(&mut room.seen));
        let Some(room) = self.rooms.get(&no) else { return Bytes::new() };
        if room.members.len() <= shown {
            for who in seen {
                let through = room.members.get(&who).copied().unwrap_or_default();
                let _ = codec::encode(&ToMember::Seen { room: no, who, through }, &mut frames);
            }
        } else if !seen.is_empty() {
            let members = count(room.members.values().filter(|through| **through >= room.head).count());
            let _ = codec::encode(&ToMember::SeenBy { room: no, through: room.head, members }, &mut frames);
        }
        if count_changed {
            let (members, online) = (count(room.members.len()), self.online(room));
            let _ = codec::encode(&ToMember::Count { room: no, members, online }, &mut frames);
        }
        frames.freeze()
    }

    pub(super) fn rename(&mut self, now: Duration, conn: Conn, member: MemberNo, name: String, out: &mut Vec<Effect>) {
        if !may_be_called(&name, self.setup.limits.name) {
            return send(out, conn, &ToMember::Sorry(Refusal::BadName));
        }
        if self.names.get(&folded(&name)).is_some_and(|other| *other != member) {
            return send(out, conn, &ToMember::Sorry(Refusal::NameTaken { name }));
        }
        if !self.may_write(now, conn, member, out) {
            return;
        }
        let Some(known) = self.members.get_mut(&member) else { return };
        let before = std::mem::replace(&mut known.name, name.clone());
        let device = known.device;
        self.names.remove(&folded(&before));
        self.names.insert(folded(&name), member);
        self.write(Write::Member { no: member, device, name });
        self.hold(Held::Renamed(member, before));
    }

    pub(super) fn tell_renamed(&mut self, member: MemberNo, before: String, out: &mut Vec<Effect>) {
        let Some(known) = self.members.get(&member) else { return };
        let who = Person { no: member, name: before };
        let frames = codec::bytes(&ToMember::Renamed { who, name: known.name.clone() });
        let mut to: BTreeSet<Conn> = known.sessions.iter().copied().collect();
        for room in self.rooms_of(member) {
            if self.rooms.get(&room).is_some_and(|r| r.members.len() <= self.setup.limits.shown as usize) {
                to.extend(self.audience(room).iter().copied());
            }
        }
        out.push(Effect::Fan { to: to.into_iter().collect(), frames });
    }

    pub(super) fn list_rooms(&mut self, conn: Conn, out: &mut Vec<Effect>) {
        let all: Vec<(String, u32)> =
            self.rooms.values().filter_map(|r| r.name().map(|n| (n.to_owned(), count(r.members.len())))).collect();
        let pages = all.chunks(LISTED).count().max(1);
        for page in 0..pages {
            let rooms = all.iter().skip(page * LISTED).take(LISTED).cloned().collect();
            send(out, conn, &ToMember::Rooms { rooms, more: page + 1 < pages });
        }
    }

    pub(super) fn who(&mut self, conn: Conn, member: MemberNo, no: RoomNo, out: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get(&no).filter(|r| r.members.contains_key(&member)) else {
            return send(out, conn, &ToMember::Gone { room: no });
        };
        let all = self.facts(room);
        let pages = all.chunks(LISTED).count().max(1);
        for page in 0..pages {
            let members = all.iter().skip(page * LISTED).take(LISTED).cloned().collect();
            send(out, conn, &ToMember::Members { room: no, members, more: page + 1 < pages });
        }
    }

    fn facts(&self, room: &Room) -> Vec<MemberFacts> {
        let facts = room.members.iter().filter_map(|(no, seen)| Some(self.members.get(no)?.facts(*no, *seen)));
        facts.collect()
    }

    fn online(&self, room: &Room) -> u32 {
        count(room.members.keys().filter(|m| self.members.get(m).is_some_and(|m| m.online())).count())
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
