//! Messages on their way into the log.

use super::state::{Room, State};
use super::{Asked, Conn, Effect, Rooms, folded, send};
use crate::room::frame::{Refusal, Send, Target, ToMember};
use crate::room::ids::{MemberNo, RoomNo};
use crate::room::record::{Person, Record};
use crate::room::store::{Ask, Write};
use std::time::Duration;

/// Questions for history of one connection that may wait for the log; what comes above is not taken, and comes again.
const ASKED: u32 = 8;

/// Repeated messages of one connection that may be looked up at a time: as many as a member sends at once.
const FINDING: u32 = 64;

/// How often a connection is told why nothing is taken.
const TOLD: Duration = Duration::from_secs(1);

impl Rooms {
    pub(super) fn say(
        &mut self,
        now: Duration,
        wall: i64,
        conn: Conn,
        member: MemberNo,
        message: Send,
        out: &mut Vec<Effect>,
    ) {
        // What is not taken here stays pending with its sender, who sends it again, or to the hub that takes over.
        if let Some(why) = self.read_only.clone() {
            return self.tell_at_times(now, conn, &ToMember::ReadOnly { why }, out);
        }
        if self.full() {
            return;
        }
        let Some(State::Open { streams, .. }) = self.sessions.get(&conn).map(|s| &s.state) else { return };
        if !streams.contains(&message.id.stream) {
            return;
        }
        let Some(stream) = self.members.get(&member).and_then(|m| m.streams.get(&message.id.stream)) else { return };
        let id = message.id;
        if id.number <= stream.last {
            if let Some(why) = stream.refusal(id.number) {
                send(out, conn, &ToMember::Refused { id, why: why.clone() });
            } else if id.number <= stream.durable {
                self.find(conn, member, message, out);
            } else if stream.batch <= self.written {
                // What was taken is durable: this one was refused so long ago that nobody knows why.
                send(out, conn, &ToMember::Refused { id, why: Refusal::Overtaken });
            }
            return;
        }
        if message.after > stream.last {
            return;
        }
        let limits = self.setup.limits;
        let places = match self.places(member, &message) {
            Ok(places) => places,
            Err(why) => {
                self.refuse(conn, member, &message, why, out);
                return;
            }
        };
        if !self.members.get_mut(&member).is_some_and(|m| m.within_quota(now, &limits)) {
            let rate = limits.rate;
            return self.tell_at_times(now, conn, &ToMember::Slow { rate }, out);
        }
        self.take(wall, member, message, places);
    }

    /// The rooms that a message goes to, and to whom when it is private.
    fn places(&self, member: MemberNo, message: &Send) -> Result<(Vec<RoomNo>, Option<Person>), Refusal> {
        let limits = &self.setup.limits;
        if message.text.len() > limits.message as usize {
            return Err(Refusal::TooLong { limit: limits.message });
        }
        if message.text.is_empty() {
            return Err(Refusal::Empty);
        }
        match &message.to {
            Target::Room(name) => match self.room_names.get(&folded(name)) {
                Some(room) if self.is_in(*room, member) => Ok((vec![*room], None)),
                _ => Err(Refusal::NotInRoom { room: name.clone() }),
            },
            Target::Member(name) => {
                let to = self.names.get(&folded(name)).copied();
                let nobody = || Refusal::NoSuchMember { name: name.clone() };
                let to = to.ok_or_else(nobody)?;
                let theirs = self.members.get(&to).ok_or_else(nobody)?;
                let inboxes = [self.members.get(&member).and_then(|m| m.inbox), theirs.inbox];
                let mut rooms: Vec<RoomNo> = inboxes.into_iter().flatten().collect();
                rooms.dedup();
                Ok((rooms, Some(theirs.person(to))))
            }
        }
    }

    fn take(&mut self, wall: i64, member: MemberNo, message: Send, places: (Vec<RoomNo>, Option<Person>)) {
        let Some(known) = self.members.get(&member) else { return };
        let from = known.person(member);
        let (rooms, to) = places;
        let Send { id, kind, text, .. } = message;
        for room in rooms {
            let Some(state) = self.rooms.get_mut(&room) else { continue };
            let prev = state.given;
            state.given += 1;
            let record = Record {
                room,
                seq: state.given,
                prev,
                at: wall,
                id,
                from: from.clone(),
                to: to.clone(),
                kind,
                text: text.clone(),
            };
            self.write(Write::Record(record));
        }
        let batch = self.next_batch;
        if let Some(stream) = self.members.get_mut(&member).and_then(|m| m.streams.get_mut(&id.stream)) {
            stream.last = id.number;
            stream.batch = batch;
        }
    }

    fn refuse(&mut self, conn: Conn, member: MemberNo, message: &Send, why: Refusal, out: &mut Vec<Effect>) {
        let id = message.id;
        send(out, conn, &ToMember::Refused { id, why: why.clone() });
        if let Some(stream) = self.members.get_mut(&member).and_then(|m| m.streams.get_mut(&id.stream)) {
            stream.refuse(id.number, why);
        }
    }

    /// A repeated message: where it was put.
    fn find(&mut self, conn: Conn, member: MemberNo, message: Send, out: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        if session.finding < FINDING {
            session.finding += 1;
            let ask = Ask::Find { from: member, id: message.id };
            self.ask(Asked::Find(conn, Box::new(message)), ask, out);
        }
    }

    /// What the log has under the id of a repeated message: that one, or another of a copy of the outbox.
    pub(super) fn found(&self, conn: Conn, message: &Send, record: Option<Box<Record>>, out: &mut Vec<Effect>) {
        let id = message.id;
        let refused = |why| ToMember::Refused { id, why };
        let frame = record.map_or_else(
            || refused(Refusal::Overtaken),
            |record| {
                let Record { room, seq, .. } = *record;
                let name = self.rooms.get(&room).and_then(Room::name);
                let same = record.says(name, &message.to, message.kind, &message.text);
                if same { ToMember::Stored { id, room, seq } } else { refused(Refusal::NumberTaken) }
            },
        );
        send(out, conn, &frame);
    }

    /// Whether a connection may have another question on its way; if so it is counted.
    pub(super) fn may_ask(&mut self, conn: Conn) -> bool {
        let Some(session) = self.sessions.get_mut(&conn) else { return false };
        if session.asked >= ASKED {
            return false;
        }
        session.asked += 1;
        true
    }

    /// Whether a member may change something that goes to the log: such wishes count as messages.
    pub(super) fn may_write(&mut self, now: Duration, conn: Conn, member: MemberNo, out: &mut Vec<Effect>) -> bool {
        let limits = self.setup.limits;
        if let Some(why) = &self.read_only {
            send(out, conn, &ToMember::Sorry(Refusal::ReadOnly { why: why.clone() }));
            return false;
        }
        if self.full() || !self.members.get_mut(&member).is_some_and(|m| m.within_quota(now, &limits)) {
            self.tell_at_times(now, conn, &ToMember::Slow { rate: limits.rate }, out);
            return false;
        }
        true
    }

    /// Why nothing is taken: once a second is enough.
    fn tell_at_times(&mut self, now: Duration, conn: Conn, frame: &ToMember, out: &mut Vec<Effect>) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        if session.told.is_none_or(|then| now >= then + TOLD) {
            session.told = Some(now);
            send(out, conn, frame);
        }
    }
}
