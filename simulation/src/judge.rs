//! What a hub sends is held against what is durable.

use crate::network::read;
use crate::world::World;
use bytes::Bytes;
use puerta_talk::room::frame::{RoomFacts, ToMember};
use puerta_talk::room::ids::{MemberNo, RoomNo};
use puerta_talk::room::record::Record;
use puerta_talk::room::rooms::Conn;

impl World {
    pub(crate) fn judge(&mut self, hub: usize, to: &[Conn], bytes: &Bytes) {
        let Some(frames) = read::<ToMember>(bytes).filter(|f| !f.is_empty()) else {
            return self.fail("invariant 7: the hub sends what is no frame");
        };
        self.note(|| format!("hub {hub} > {to:?} {frames:?}"));
        for conn in to {
            for frame in &frames {
                if let Err(what) = self.judged(hub, *conn, frame) {
                    return self.fail(format!("{what}, in {frame:?} for {conn:?}"));
                }
            }
        }
    }

    fn judged(&self, hub: usize, conn: Conn, frame: &ToMember) -> Result<(), String> {
        let disk = self.hubs.get(hub).map(|h| &h.disk).ok_or("no hub")?;
        let line = self.lines.get(conn.0 as usize).ok_or("no connection")?;
        let device = self.key_of(line);
        let Some(member) = disk.devices.get(&device).copied() else {
            return match frame {
                ToMember::Denied(_) | ToMember::Move { .. } => Ok(()),
                _ => Err("invariant 7: one who is no member is told something".to_owned()),
            };
        };
        match frame {
            ToMember::Record(record) | ToMember::Older(record) => self.is_durable(hub, record, member),
            ToMember::Stored { id, room, seq } => {
                let record = disk.rooms.get(room).and_then(|r| r.at(*seq));
                match record {
                    Some(record) if record.id == *id && record.from.no == member => Ok(()),
                    _ => Err("invariant 6: a receipt for what is not in the log".to_owned()),
                }
            }
            ToMember::Room(RoomFacts { no, head, .. }) | ToMember::Head { room: no, seq: head } => {
                self.is_member(hub, *no, member)?;
                let durable = disk.rooms.get(no).map_or(0, crate::disk::Kept::head);
                if *head > durable { Err(format!("invariant 6: the log has {durable} places")) } else { Ok(()) }
            }
            ToMember::Joined { room, .. }
            | ToMember::Left { room, .. }
            | ToMember::Presence { room, .. }
            | ToMember::Count { room, .. }
            | ToMember::Seen { room, .. }
            | ToMember::SeenBy { room, .. }
            | ToMember::Oldest { room, .. }
            | ToMember::Members { room, .. } => self.is_member(hub, *room, member),
            ToMember::Welcome(welcome) if welcome.you.no != member => {
                Err("invariant 6: a welcome for another".to_owned())
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn key_of(&self, line: &crate::network::Line) -> puerta_talk::room::ids::Device {
        self.devices.get(line.device).map_or(crate::rogue::KEY, |d| d.key)
    }

    fn is_durable(&self, hub: usize, record: &Record, member: MemberNo) -> Result<(), String> {
        let kept = self.hubs.get(hub).and_then(|h| h.disk.rooms.get(&record.room)).and_then(|r| r.at(record.seq));
        if kept != Some(record) {
            return Err("invariant 6: a record that the log has not".to_owned());
        }
        self.is_member(hub, record.room, member)
    }

    fn is_member(&self, hub: usize, room: RoomNo, member: MemberNo) -> Result<(), String> {
        let is_in = self.hubs.get(hub).is_some_and(|h| h.disk.is_in(room, member));
        if is_in { Ok(()) } else { Err(format!("invariant 7: {member:?} is not in {room:?}")) }
    }
}
