//! What is durable goes to those who must hear of it; history to those who ask.

use super::state::{Known, State};
use super::{Asked, Conn, Effect, Held, Rooms, send};
use crate::room::codec;
use crate::room::frame::ToMember;
use crate::room::ids::{MemberNo, RoomNo};
use crate::room::limits::PAGE;
use crate::room::record::Record;
use crate::room::store::{Ask, Batch, RoomKind, Write};
use bytes::BytesMut;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What is sent to many at once is cut here, between frames: a slow member misses a part, not all.
const CHUNK: usize = 32 * 1024;

impl Rooms {
    pub(super) fn written(&mut self, now: Duration, batches: Vec<Batch>, out: &mut Vec<Effect>) {
        let mut fans: BTreeMap<RoomNo, BytesMut> = BTreeMap::new();
        for batch in batches {
            self.waiting = self.waiting.saturating_sub(batch.writes.len());
            for write in batch.writes {
                let Write::Record(record) = write else { continue };
                self.durable(record, &mut fans, out);
            }
            self.written = self.written.max(batch.number);
        }
        for (room, frames) in fans {
            self.fan(room, frames, out);
        }
        while let Some(entry) = self.held.first_entry()
            && *entry.key() <= self.written
        {
            for held in entry.remove() {
                self.release(now, held, out);
            }
        }
    }

    /// One record is in the log.
    fn durable(&mut self, record: Record, fans: &mut BTreeMap<RoomNo, BytesMut>, out: &mut Vec<Effect>) {
        let Some(room) = self.rooms.get_mut(&record.room) else { return };
        room.head = record.seq;
        let senders = match room.kind {
            RoomKind::Inbox(owner) => owner == record.from.no,
            RoomKind::Public(_) => true,
        };
        let (id, room, seq) = (record.id, record.room, record.seq);
        if let Some(member) = self.members.get_mut(&record.from.no) {
            if let Some(stream) = member.streams.get_mut(&id.stream) {
                stream.durable = stream.durable.max(id.number);
            }
            if senders {
                // Who has the feed knows its own message when it comes.
                for conn in &member.sessions {
                    let waits = self.sessions.get(conn).is_some_and(
                        |s| matches!(&s.state, State::Open { feed: false, streams, .. } if streams.contains(&id.stream)),
                    );
                    if waits {
                        send(out, *conn, &ToMember::Stored { id, room, seq });
                    }
                }
            }
        }
        let frames = fans.entry(room).or_default();
        if codec::encode(&ToMember::Record(record), frames).is_ok() && frames.len() >= CHUNK {
            let full = std::mem::take(frames);
            self.fan(room, full, out);
        }
    }

    fn fan(&mut self, room: RoomNo, frames: BytesMut, out: &mut Vec<Effect>) {
        let to = self.audience(room);
        if !to.is_empty() && !frames.is_empty() {
            out.push(Effect::Fan { to, frames: frames.freeze() });
        }
    }

    /// The connections that get a room's records.
    pub(super) fn audience(&mut self, no: RoomNo) -> Arc<[Conn]> {
        let Some(room) = self.rooms.get_mut(&no) else { return Arc::default() };
        if let Some(audience) = &room.audience {
            return Arc::clone(audience);
        }
        let members = room.members.keys().filter_map(|m| self.members.get(m));
        let sessions = members.flat_map(|m: &Known| m.sessions.iter().copied());
        let audience: Arc<[Conn]> =
            sessions.filter(|conn| self.sessions.get(conn).is_some_and(super::state::Session::feed)).collect();
        room.audience = Some(Arc::clone(&audience));
        audience
    }

    fn release(&mut self, now: Duration, held: Held, out: &mut Vec<Effect>) {
        match held {
            Held::Enter(conn) => self.open(now, conn, out),
            Held::Joined(room, member) => self.joined(now, room, member, out),
            Held::Left(room, member) => self.tell_left(now, room, member, out),
            Held::Renamed(member, before) => self.tell_renamed(member, before, out),
            Held::Invited { conn, room, token, until } => send(out, conn, &ToMember::Invite { room, token, until }),
        }
    }

    pub(super) fn after(&mut self, conn: Conn, member: MemberNo, room: RoomNo, seq: u64, out: &mut Vec<Effect>) {
        if !self.is_in(room, member) {
            return send(out, conn, &ToMember::Gone { room });
        }
        let head = self.rooms.get(&room).map_or(0, |r| r.head);
        if seq >= head {
            return send(out, conn, &ToMember::Head { room, seq: head });
        }
        if !self.catching_up.contains(&(conn, room)) && self.may_ask(conn) {
            self.catching_up.insert((conn, room));
            self.ask(Asked::After(conn, room), Ask::After { room, seq, limit: PAGE }, out);
        }
    }

    pub(super) fn before(&mut self, conn: Conn, member: MemberNo, room: RoomNo, seq: u64, out: &mut Vec<Effect>) {
        if !self.is_in(room, member) {
            return send(out, conn, &ToMember::Gone { room });
        }
        if self.may_ask(conn) {
            self.ask(Asked::Before(conn, room, seq), Ask::Before { room, seq, limit: PAGE }, out);
        }
    }

    pub(super) fn page(&mut self, conn: Conn, room: RoomNo, records: Vec<Record>, out: &mut Vec<Effect>) {
        if !self.reads(conn, room) {
            return;
        }
        let mut frames = BytesMut::new();
        for record in records {
            // What is in the log was a frame before.
            let _ = codec::encode(&ToMember::Record(record), &mut frames);
        }
        let head = self.rooms.get(&room).map_or(0, |r| r.head);
        let _ = codec::encode(&ToMember::Head { room, seq: head }, &mut frames);
        out.push(Effect::Send { conn, frames: frames.freeze() });
    }

    pub(super) fn older(&mut self, conn: Conn, room: RoomNo, seq: u64, records: Vec<Record>, out: &mut Vec<Effect>) {
        if !self.reads(conn, room) {
            return;
        }
        let mut frames = BytesMut::new();
        let first = records.last().map_or(seq, |r| r.seq);
        for record in records {
            let _ = codec::encode(&ToMember::Older(record), &mut frames);
        }
        // Nothing is before the first place, or where there is nothing.
        if first <= 1 || frames.is_empty() {
            let _ = codec::encode(&ToMember::Oldest { room, seq: first }, &mut frames);
        }
        out.push(Effect::Send { conn, frames: frames.freeze() });
    }

    /// Whether a connection may still read a room, by the time that the log has answered.
    fn reads(&self, conn: Conn, room: RoomNo) -> bool {
        self.sessions.get(&conn).and_then(super::state::Session::member).is_some_and(|member| self.is_in(room, member))
    }

    /// A connection that was too slow is told all again: what it missed may have been anything.
    pub(super) fn drained(&mut self, now: Duration, conn: Conn, out: &mut Vec<Effect>) {
        if let Some(member) = self.sessions.get(&conn).and_then(super::state::Session::member) {
            self.welcome(now, conn, member, out);
        }
    }
}
