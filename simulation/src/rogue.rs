//! A stranger with a key of its own that sends whatever it likes.

use crate::plan::{MS, ROOMS};
use crate::queue::What;
use crate::world::World;
use puerta_talk::room::codec;
use puerta_talk::room::frame::{Hello, Send, Target, ToHub, VERSION};
use puerta_talk::room::ids::{Device, MessageId, RoomNo};
use puerta_talk::room::record::Kind;

/// Its key.
pub(crate) const KEY: Device = Device([99; 32]);

/// No device of the others has this number.
const DEVICE: usize = usize::MAX;

impl World {
    pub(crate) fn begin_rogue(&mut self) {
        for _ in 0..40 {
            let at = self.random.below(self.plan.chaos);
            self.queue.at(at, What::Rogue);
        }
    }

    pub(crate) fn rogue(&mut self) {
        let hub = self.random.index(self.hubs.len());
        let run = self.hubs.get(hub).map_or(0, |h| h.run);
        if self.healed.is_some() || self.hubs.get(hub).is_none_or(|h| h.core.is_none() || h.stopped > self.now) {
            return;
        }
        let line = self.living(|l| l.device == DEVICE && l.hub == hub && l.hub_run == run);
        let conn = match line.first() {
            Some(conn) if !self.random.chance(50) => *conn,
            _ => {
                let conn = self.connect(hub, None, DEVICE);
                if !self.random.chance(200) {
                    let streams = (0..self.random.below(18)).collect();
                    let hello = Hello {
                        version: if self.random.chance(100) { 9 } else { VERSION },
                        name: if self.random.chance(100) { "\u{1b}[2J".to_owned() } else { "mallory".to_owned() },
                        token: None,
                        streams,
                        feed: true,
                    };
                    self.carry(conn, false, &codec::bytes(&ToHub::Hello(hello)));
                }
                conn
            }
        };
        for _ in 0..self.random.within(1, 30) {
            let frame = self.any_frame();
            self.carry(conn, false, &codec::bytes(&frame));
        }
        if self.random.chance(100) {
            let garbage: [u8; 24] = self.random.bytes();
            self.carry(conn, false, &garbage.to_vec().into());
        }
        if self.random.chance(100) {
            let hub_in = self.random.below(MS);
            self.cut_line(conn, 0, hub_in);
        }
    }

    fn any_frame(&mut self) -> ToHub {
        let room = RoomNo(self.random.below(9) as u32);
        let number = if self.random.chance(50) { u64::MAX } else { self.random.below(60) };
        let name = ROOMS.get(self.random.index(5)).map_or_else(|| "a\u{0}".repeat(40), |r| (*r).to_owned());
        match self.random.below(12) {
            0 => ToHub::Join { room: name },
            1 => ToHub::Leave { room },
            2 => ToHub::After { room, seq: number },
            3 => ToHub::Before { room, seq: number },
            4 => ToHub::Seen { room, through: number },
            5 => ToHub::Rename { name: "ana".to_owned() },
            6 => ToHub::Invite { room, once: true, lasts: u32::MAX, renew: true },
            7 => ToHub::Who { room },
            8 => ToHub::Rooms,
            _ => ToHub::Send(Send {
                id: MessageId { stream: self.random.below(20), number },
                after: self.random.below(3),
                to: if self.random.chance(500) { Target::Room(name) } else { Target::Member("ana".to_owned()) },
                kind: Kind::Text,
                text: "x".repeat(self.random.index(6000)),
            }),
        }
    }
}
