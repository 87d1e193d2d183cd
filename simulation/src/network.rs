//! Connections, and what becomes of frames on their way.

use crate::plan::{MS, SECOND};
use crate::queue::What;
use crate::world::World;
use bytes::Bytes;
use puerta_talk::room::codec::Frames;
use puerta_talk::room::frame::{ToHub, ToMember};
use puerta_talk::room::rooms::Conn;
use puerta_talk::room::{member, rooms};

/// After so long without a sign a connection is dead: as in the transport.
pub(crate) const IDLE: u64 = 10 * SECOND;

/// A connection.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) hub: usize,
    pub(crate) hub_run: u64,
    /// The process at the other end; none is the rogue.
    pub(crate) slot: Option<usize>,
    pub(crate) slot_run: u64,
    pub(crate) device: usize,
    /// Nothing arrives any more.
    pub(crate) dead: bool,
    /// The hub knows that it is gone.
    pub(crate) closed: bool,
    /// Until when what is for many is left out.
    pub(crate) slow: u64,
    pub(crate) skipped: bool,
    /// When the last frame arrives, up and down.
    pub(crate) last: [u64; 2],
}

impl World {
    /// Sends frames over a connection.
    pub(crate) fn carry(&mut self, conn: usize, down: bool, frames: &Bytes) {
        let Some(line) = self.lines.get(conn) else { return };
        if line.dead {
            return;
        }
        let apart = self.apart_until(line.hub, line.device);
        if apart > self.now && (!self.network.in_order || apart - self.now > IDLE) {
            return;
        }
        let from = apart.max(self.now);
        if self.network.in_order {
            let mut at = from + self.delay();
            if self.random.chance(self.network.loss) {
                // Lost and sent again: all that follows waits for it.
                at += self.random.within(50 * MS, SECOND);
            }
            let Some(line) = self.lines.get_mut(conn) else { return };
            let last = line.last.get_mut(usize::from(down));
            let at = last.map_or(at, |last| {
                *last = at.max(*last);
                *last
            });
            self.queue.at(at, What::Arrive { conn, down, frames: frames.clone(), intact: true });
            return;
        }
        for frame in split(frames) {
            if self.random.chance(self.network.loss) {
                continue;
            }
            let copies = if self.random.chance(self.network.twice) { 2 } else { 1 };
            for _ in 0..copies {
                let at = from + self.delay();
                let intact = !self.random.chance(self.network.corrupt);
                let frames = if intact { frame.clone() } else { self.corrupted(&frame) };
                self.queue.at(at, What::Arrive { conn, down, frames, intact });
            }
        }
    }

    pub(crate) fn delay(&mut self) -> u64 {
        let (low, high) = self.network.delay;
        self.random.within(low, high)
    }

    fn corrupted(&mut self, frame: &[u8]) -> Bytes {
        let mut bytes = frame.to_vec();
        for _ in 0..self.random.within(1, 4) {
            let at = self.random.index(bytes.len());
            let flip = self.random.within(1, 255) as u8;
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= flip;
            }
        }
        bytes.into()
    }

    /// Until when two do not reach each other.
    pub(crate) fn apart_until(&self, hub: usize, device: usize) -> u64 {
        let apart = self.apart.iter().filter(|(h, d, _)| (*h, *d) == (hub, device));
        apart.map(|(.., until)| *until).max().unwrap_or(0)
    }

    pub(crate) fn arrive(&mut self, conn: usize, down: bool, frames: &Bytes, intact: bool) {
        let Some(line) = self.lines.get(conn) else { return };
        if line.dead {
            return;
        }
        let (hub, hub_run, slot, slot_run) = (line.hub, line.hub_run, line.slot, line.slot_run);
        self.mark(1, conn, frames);
        if !intact {
            // The seal of a packet (RFC 9001, 5.3) would not fit: it is read, to see that nothing falls over, and thrown away.
            let _ = read::<ToHub>(frames);
            let _ = read::<ToMember>(frames);
            return;
        }
        if down {
            let Some(slot) = slot else { return };
            for frame in read::<ToMember>(frames).unwrap_or_default() {
                let input = member::Input::Frame(frame);
                self.member_frame(slot, slot_run, conn, input);
            }
        } else {
            let conn = Conn(conn as u64);
            match read::<ToHub>(frames) {
                Some(read) => {
                    for frame in read {
                        self.hub_input(hub, hub_run, rooms::Input::Frame { conn, frame });
                    }
                }
                None => self.hub_input(hub, hub_run, rooms::Input::Malformed(conn)),
            }
        }
    }

    /// From now on nothing arrives; both ends learn of it later.
    pub(crate) fn cut_line(&mut self, conn: usize, member_in: u64, hub_in: u64) {
        let Some(line) = self.lines.get_mut(conn) else { return };
        if line.dead {
            return;
        }
        line.dead = true;
        let (hub, hub_run, slot, run) = (line.hub, line.hub_run, line.slot, line.slot_run);
        self.note(|| format!("connection {conn} breaks"));
        if let Some(slot) = slot {
            self.queue.at(self.now + member_in, What::Linked { slot, run, conn, up: false });
        }
        let input = rooms::Input::Closed(Conn(conn as u64));
        self.queue.at(self.now + hub_in, What::Hub { hub, run: hub_run, input });
    }

    /// Connections of a hub or of a process that are not dead.
    pub(crate) fn living(&self, of: impl Fn(&Line) -> bool) -> Vec<usize> {
        self.lines.iter().enumerate().filter(|(_, l)| !l.dead && of(l)).map(|(conn, _)| conn).collect()
    }

    pub(crate) fn drained(&mut self, conn: usize) {
        let Some(line) = self.lines.get_mut(conn) else { return };
        if line.slow > self.now {
            return;
        }
        if std::mem::take(&mut line.skipped) {
            let (hub, run) = (line.hub, line.hub_run);
            self.hub_input(hub, run, rooms::Input::Drained(Conn(conn as u64)));
        }
    }
}

/// Each frame of several, with its length before it.
fn split(frames: &Bytes) -> Vec<Bytes> {
    let mut rest = frames.clone();
    let mut all = Vec::new();
    while let Some(prefix) = rest.first_chunk::<2>() {
        let length = (2 + usize::from(u16::from_le_bytes(*prefix))).min(rest.len());
        all.push(rest.split_to(length));
    }
    all
}

/// All frames, or none when there is one that cannot be read.
pub(crate) fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<Vec<T>> {
    let mut frames = Frames::default();
    frames.push(bytes);
    let mut all = Vec::new();
    while let Some(frame) = frames.take::<T>().ok()? {
        all.push(frame);
    }
    frames.is_empty().then_some(all)
}
