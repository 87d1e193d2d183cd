//! The driver of a hub, its disk and its clock.

use crate::broken::Broken;
use crate::plan::{MS, SECOND};
use crate::queue::What;
use crate::world::World;
use bytes::Bytes;
use puerta_talk::room::Rooms;
use puerta_talk::room::limits::WAITING;
use puerta_talk::room::rooms::{Conn, Effect, Input, Setup};
use puerta_talk::room::store::{Answer, Ask, Batch, Log, Write};
use std::time::Duration;

/// A timer that fires so often without anything to do has a core that spins.
const SPINS: u32 = 8;

/// Messages that may be taken above the quota, for what the time is not exact about.
const SLACK: u64 = 2_000_000;

impl World {
    pub(crate) fn start_hub(&mut self, number: usize) {
        let base = Duration::from_secs(self.random.below(1_000_000));
        let Some(hub) = self.hubs.get_mut(number) else { return };
        if hub.core.is_some() {
            return;
        }
        hub.run += 1;
        hub.started = self.now;
        hub.base = base;
        hub.stopped = 0;
        (hub.closed, hub.fails_next, hub.flushing, hub.timer, hub.spins) = (false, false, false, None, 0);
        hub.waiting.clear();
        hub.taken.clear();
        hub.told_at = 0;
        let loaded = hub.disk.load().unwrap_or_default();
        let left = self.plan.may_move.saturating_sub(self.now);
        let setup = Setup {
            name: format!("hub {number}"),
            first: "main".to_owned(),
            invite_only: self.plan.invite_only,
            limits: self.plan.limits,
            may_move: if left == 0 { Duration::ZERO } else { base + Duration::from_micros(left) },
        };
        hub.core = Some(Rooms::new(setup, loaded));
        let run = hub.run;
        self.note(|| format!("hub {number} starts, run {run}"));
        self.invite_devices(number);
    }

    /// The host gives invites away: to some a good one, to some a bad one.
    fn invite_devices(&mut self, number: usize) {
        if !self.plan.invite_only || self.hubs.get(number).is_none_or(|h| h.run != 1) {
            return;
        }
        let wall = self.wall(number);
        for device in 0..self.devices.len() {
            let token = self.random.bytes();
            let (until, once) = (wall + self.random.within(1000, 90_000) as i64, self.random.chance(300));
            let renew = self.random.chance(100);
            if let Some(core) = self.hubs.get_mut(number).and_then(|h| h.core.as_mut()) {
                core.host_invite(token, until, once, renew);
            }
            let given = match self.random.below(10) {
                0 => None,
                1 => Some([7; 16]),
                _ => Some(token),
            };
            let shared = self.random.chance(200);
            if let Some(owner) = self.devices.get_mut(device)
                && owner.hub == number
            {
                owner.token = given;
            }
            if shared && let Some(next) = self.devices.get_mut(device + 1) {
                next.token = given;
            }
        }
        self.flush_soon(number);
    }

    pub(crate) fn hub_input(&mut self, number: usize, run: u64, input: Input) {
        let (now, wall) = (self.hub_now(number), self.wall(number));
        let Some(hub) = self.hubs.get_mut(number).filter(|h| h.run == run) else { return };
        if hub.stopped > self.now {
            let at = hub.stopped;
            return self.queue.at(at, What::Hub { hub: number, run, input });
        }
        let Some(mut core) = hub.core.take() else { return };
        match &input {
            Input::Closed(conn) => {
                if let Some(line) = self.lines.get_mut(conn.0 as usize) {
                    line.closed = true;
                }
            }
            Input::Frame { conn, .. } | Input::Malformed(conn) | Input::Drained(conn)
                if self.lines.get(conn.0 as usize).is_none_or(|l| l.closed) =>
            {
                hub.core = Some(core);
                return;
            }
            _ => {}
        }
        self.note(|| format!("hub {number} < {input:?}"));
        let mut effects = Vec::new();
        core.handle(now, wall, input, &mut effects);
        self.put_back(number, core);
        self.hub_effects(number, effects);
        self.flush_soon(number);
        self.set_hub_timer(number);
    }

    fn put_back(&mut self, number: usize, core: Rooms) {
        if let Some(hub) = self.hubs.get_mut(number) {
            hub.core = Some(core);
        }
    }

    fn flush_soon(&mut self, number: usize) {
        let wait = if self.random.chance(500) { 0 } else { self.random.below(3 * MS) };
        if let Some(hub) = self.hubs.get_mut(number)
            && !hub.flushing
        {
            hub.flushing = true;
            self.queue.at(self.now + wait, What::Flush { hub: number, run: hub.run });
        }
    }

    pub(crate) fn flush(&mut self, number: usize, run: u64) {
        let Some(hub) = self.hubs.get_mut(number).filter(|h| h.run == run) else { return };
        if hub.stopped > self.now {
            let at = hub.stopped;
            return self.queue.at(at, What::Flush { hub: number, run });
        }
        hub.flushing = false;
        let Some(mut core) = hub.core.take() else { return };
        let mut effects = Vec::new();
        core.flush(&mut effects);
        self.put_back(number, core);
        self.hub_effects(number, effects);
    }

    fn set_hub_timer(&mut self, number: usize) {
        let late = if self.random.chance(100) { self.random.below(200 * MS) } else { self.random.below(MS) };
        let now = self.hub_now(number);
        let Some(hub) = self.hubs.get_mut(number) else { return };
        let Some(due) = hub.core.as_ref().and_then(Rooms::due) else { return };
        let at = self.now + due.saturating_sub(now).as_micros() as u64 + 1;
        if hub.timer.is_none_or(|timer| at < timer) {
            hub.timer = Some(at);
            self.queue.at(at + late, What::HubTimer { hub: number, run: hub.run });
        }
    }

    pub(crate) fn hub_timer(&mut self, number: usize, run: u64) {
        let now = self.hub_now(number);
        let Some(hub) = self.hubs.get_mut(number).filter(|h| h.run == run) else { return };
        if hub.stopped > self.now {
            let at = hub.stopped;
            return self.queue.at(at, What::HubTimer { hub: number, run });
        }
        hub.timer = None;
        let due = hub.core.as_ref().and_then(Rooms::due);
        if due.is_none_or(|due| due > now) {
            return self.set_hub_timer(number);
        }
        self.hub_input(number, run, Input::Tick);
        let Some(hub) = self.hubs.get_mut(number) else { return };
        let due = hub.core.as_ref().and_then(Rooms::due);
        hub.spins = if due.is_some_and(|due| due <= now) { hub.spins + 1 } else { 0 };
        if hub.spins > SPINS {
            self.fail("invariant 7: the hub's timer is always due");
        }
    }

    fn hub_effects(&mut self, number: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { conn, frames } => self.deliver(number, &[conn], &frames, false),
                Effect::Fan { to, frames } => {
                    if self.broken == Some(Broken::FanToAll) {
                        let all: Vec<Conn> = self.conns(number);
                        self.deliver(number, &all, &frames, true);
                    } else {
                        self.deliver(number, &to, &frames, true);
                    }
                }
                Effect::Write(batch) => self.write(number, batch),
                Effect::Ask { ticket, ask } => self.ask(number, ticket, ask),
                Effect::NeedToken { ticket } => {
                    let token = self.random.bytes();
                    let run = self.hubs.get(number).map_or(0, |h| h.run);
                    let input = Input::Token { ticket, token };
                    self.queue.at(self.now, What::Hub { hub: number, run, input });
                }
                Effect::Close(conn) => {
                    let conn = conn.0 as usize;
                    // What was sent before goes out first.
                    let out = self.lines.get(conn).map_or(0, |l| l.last[1].saturating_sub(self.now));
                    let wait = out + self.delay();
                    self.queue.at(self.now + wait, What::Break { conn, member_in: 0, hub_in: 0 });
                }
            }
        }
    }

    fn conns(&self, number: usize) -> Vec<Conn> {
        let run = self.hubs.get(number).map_or(0, |h| h.run);
        self.living(|l| l.hub == number && l.hub_run == run).into_iter().map(|c| Conn(c as u64)).collect()
    }

    fn deliver(&mut self, number: usize, to: &[Conn], frames: &Bytes, fan: bool) {
        self.judge(number, to, frames);
        let now = self.now;
        for conn in to {
            let conn = conn.0 as usize;
            let Some(line) = self.lines.get_mut(conn) else { continue };
            if fan && line.slow > now {
                line.skipped = true;
            } else {
                self.carry(conn, true, frames);
            }
        }
    }

    fn write(&mut self, number: usize, batch: Batch) {
        self.note(|| format!("hub {number} > {batch:?}"));
        self.count_quota(number, &batch);
        let run = self.hubs.get(number).map_or(0, |h| h.run);
        if self.broken == Some(Broken::AcknowledgedBeforeCommit) {
            let input = Input::Written(vec![batch.clone()]);
            self.queue.at(self.now, What::Hub { hub: number, run, input });
        }
        let Some(hub) = self.hubs.get_mut(number) else { return };
        if hub.closed {
            return self.fail("invariant 6: a batch for a log that is closed");
        }
        hub.waiting.push(batch);
        let waiting: usize = hub.waiting.iter().map(|b| b.writes.len()).sum();
        if waiting > WAITING * 3 {
            self.fail("invariant 7: more waits for the log than may");
        }
        self.disk_goes_on(number);
    }

    fn disk_goes_on(&mut self, number: usize) {
        let takes = self.random.within(50, self.plan.commit);
        let Some(hub) = self.hubs.get_mut(number) else { return };
        if hub.writing.is_none() && !hub.waiting.is_empty() && !hub.closed {
            hub.writing = Some(std::mem::take(&mut hub.waiting));
            self.queue.at(self.now + takes, What::Disk { hub: number, run: hub.run });
        }
    }

    pub(crate) fn disk_done(&mut self, number: usize, run: u64) {
        let on_disk = self.random.chance(500);
        let Some(hub) = self.hubs.get_mut(number).filter(|h| h.run == run) else { return };
        let Some(batches) = hub.writing.take() else { return };
        let fails = std::mem::take(&mut hub.fails_next);
        if fails && self.broken == Some(Broken::RetriedFsync) {
            // The kernel has dropped the pages: the second fsync has nothing to write, and says so.
            let input = Input::Written(batches);
            self.queue.at(self.now, What::Hub { hub: number, run, input });
            return self.disk_goes_on(number);
        }
        if fails {
            hub.closed = true;
            hub.waiting.clear();
            if on_disk {
                self.commit(number, &batches);
            }
            let input = Input::Failed("fsync: input/output error (EIO)".to_owned());
            self.queue.at(self.now, What::Hub { hub: number, run, input });
            return;
        }
        self.commit(number, &batches);
        if self.broken != Some(Broken::AcknowledgedBeforeCommit) {
            let wait = if self.random.chance(100) { self.random.below(100 * MS) } else { 0 };
            let at = self.random.below(MS) + wait;
            // In order, as one thread gives them.
            let Some(hub) = self.hubs.get_mut(number) else { return };
            let at = (self.now + at).max(hub.told_at);
            hub.told_at = at;
            self.queue.at(at, What::Hub { hub: number, run, input: Input::Written(batches) });
        }
        self.disk_goes_on(number);
    }

    /// What was being written is durable.
    pub(crate) fn commit(&mut self, number: usize, batches: &[Batch]) {
        let numbers: Vec<u8> = batches.iter().flat_map(|b| b.number.to_le_bytes()).collect();
        self.mark(2, number, &numbers);
        let Some(hub) = self.hubs.get_mut(number) else { return };
        if let Err(what) = hub.disk.write(batches) {
            self.fail(what);
        }
    }

    fn ask(&mut self, number: usize, ticket: u64, mut ask: Ask) {
        if self.broken == Some(Broken::CatchUpOffByOne)
            && let Ask::After { seq, .. } = &mut ask
        {
            *seq += 1;
        }
        let wait = if self.random.chance(50) { self.random.below(3 * SECOND) } else { self.random.within(50, 5 * MS) };
        let run = self.hubs.get(number).map_or(0, |h| h.run);
        self.queue.at(self.now + wait, What::Answer { hub: number, run, ticket, ask });
    }

    pub(crate) fn answer(&mut self, number: usize, run: u64, ticket: u64, ask: Ask) {
        let unreadable = self.plan.bad_disks && self.healed.is_none() && self.random.chance(20);
        let Some(hub) = self.hubs.get(number) else { return };
        let answer = match (&ask, self.broken) {
            _ if unreadable => Answer::Unreadable("read: input/output error (EIO)".to_owned()),
            (Ask::Last { streams, .. }, Some(Broken::NoMemoryOfStreams)) => {
                Answer::Last(streams.iter().map(|s| (*s, 0)).collect())
            }
            _ => hub.disk.answer(&ask),
        };
        self.hub_input(number, run, Input::Answer { ticket, answer });
    }

    /// No device may have more taken than its quota.
    fn count_quota(&mut self, number: usize, batch: &Batch) {
        let limits = self.plan.limits;
        if limits.rate == 0 {
            return;
        }
        let Some(hub) = self.hubs.get_mut(number) else { return };
        let mut over = None;
        let mut counted = Vec::new();
        for write in &batch.writes {
            let Write::Record(record) = write else { continue };
            if counted.contains(&(record.from.no, record.id)) {
                continue;
            }
            counted.push((record.from.no, record.id));
            let key = record.from.no;
            let burst = u64::from(limits.burst) * 1_000_000;
            let (left, since) = hub.taken.get(&key).copied().unwrap_or((burst + SLACK, self.now));
            let left = (left + (self.now - since) * u64::from(limits.rate)).min(burst + SLACK);
            match left.checked_sub(1_000_000) {
                Some(left) => drop(hub.taken.insert(key, (left, self.now))),
                None => over = Some(record.from.no),
            }
        }
        if let Some(member) = over {
            self.fail(format!("invariant 7: more than its quota was taken of {member:?}"));
        }
    }

    /// The process of a hub is gone, from one moment to the next.
    pub(crate) fn crash_hub(&mut self, number: usize) {
        let on_disk = self.random.chance(500);
        let Some(hub) = self.hubs.get_mut(number) else { return };
        if hub.core.take().is_none() {
            return;
        }
        let run = hub.run;
        let writing = hub.writing.take();
        hub.waiting.clear();
        self.note(|| format!("hub {number} crashes"));
        if let Some(batches) = writing
            && on_disk
        {
            // It was all there, but nobody was told.
            self.commit(number, &batches);
        }
        for conn in self.living(|l| l.hub == number && l.hub_run == run) {
            let member_in = self.random.below(10 * SECOND);
            self.cut_line(conn, member_in, 0);
        }
    }
}
