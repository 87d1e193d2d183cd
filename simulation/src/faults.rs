//! What goes wrong, and when it is well again.

use crate::network::IDLE;
use crate::plan::{MS, SECOND};
use crate::queue::What;
use crate::world::World;
use puerta_talk::room::rooms::Input;

impl World {
    pub(crate) fn fault(&mut self) {
        if self.healed.is_some() {
            return;
        }
        let hub = self.random.index(self.hubs.len());
        let slot = self.random.index(self.slots.len());
        match self.random.below(100) {
            0..=16 => self.crash_and_restart_hub(hub),
            17..=36 => self.end_and_restart_member(slot, true),
            37..=41 => self.end_and_restart_member(slot, false),
            42..=56 => self.break_some(),
            57..=66 => self.part(hub),
            67..=78 => self.slow_some(),
            79..=85 => self.stop_member(slot),
            86..=89 => self.stop_hub(hub),
            90..=93 => self.turn_clock(hub),
            _ => self.fail_disk(hub),
        }
    }

    fn crash_and_restart_hub(&mut self, hub: usize) {
        // A hub that has yielded stays until all have gone.
        if self.hubs.get(hub).is_some_and(|h| h.moved) {
            return;
        }
        self.crash_hub(hub);
        let wait = self.random.within(10 * MS, 8 * SECOND);
        self.queue.at(self.now + wait, What::StartHub { hub });
    }

    fn end_and_restart_member(&mut self, slot: usize, crashed: bool) {
        self.end_member(slot, crashed);
        let wait = self.random.within(10 * MS, 8 * SECOND);
        self.queue.at(self.now + wait, What::StartMember { slot });
    }

    fn break_some(&mut self) {
        let living = self.living(|_| true);
        for conn in living {
            if self.random.chance(400) {
                let (member_in, hub_in) = (self.random.below(IDLE), self.random.below(IDLE));
                self.cut_line(conn, member_in, hub_in);
            }
        }
    }

    /// A hub and a device do not reach each other for a while.
    fn part(&mut self, hub: usize) {
        let device = self.random.index(self.devices.len());
        let lasts = self.random.within(100 * MS, 70 * SECOND);
        self.apart.push((hub, device, self.now + lasts));
        self.note(|| format!("hub {hub} and device {device} are apart for {} s", lasts / SECOND));
        if lasts > IDLE {
            for conn in self.living(|l| l.hub == hub && l.device == device) {
                let (member_in, hub_in) = (self.random.below(SECOND), self.random.below(SECOND));
                self.queue.at(self.now + IDLE, What::Break { conn, member_in, hub_in });
            }
        }
    }

    fn slow_some(&mut self) {
        for conn in self.living(|_| true) {
            if self.random.chance(500) {
                let until = self.now + self.random.within(10 * MS, 10 * SECOND);
                if let Some(line) = self.lines.get_mut(conn) {
                    line.slow = until;
                }
                self.queue.at(until, What::Drained { conn });
            }
        }
    }

    fn how_long(&mut self) -> u64 {
        if self.random.chance(300) { 300 * SECOND } else { self.random.within(10 * MS, 20 * SECOND) }
    }

    fn stop_member(&mut self, number: usize) {
        let lasts = self.how_long();
        let Some(slot) = self.slots.get_mut(number) else { return };
        slot.stopped = slot.stopped.max(self.now + lasts);
        let (run, until) = (slot.run, slot.stopped);
        self.note(|| format!("member {number} is stopped for {} s", lasts / SECOND));
        if until - self.now > IDLE {
            for conn in self.living(|l| l.slot == Some(number) && l.slot_run == run) {
                self.queue.at(self.now + IDLE, What::Break { conn, member_in: 0, hub_in: 0 });
            }
        }
    }

    fn stop_hub(&mut self, number: usize) {
        let lasts = self.how_long();
        let Some(hub) = self.hubs.get_mut(number) else { return };
        if self.plan.hubs == 2 {
            // It would miss the time at which it yields.
            return;
        }
        hub.stopped = hub.stopped.max(self.now + lasts);
        let (run, until) = (hub.run, hub.stopped);
        self.note(|| format!("hub {number} is stopped for {} s", lasts / SECOND));
        if until - self.now > IDLE {
            for conn in self.living(|l| l.hub == number && l.hub_run == run) {
                self.queue.at(self.now + IDLE, What::Break { conn, member_in: 0, hub_in: 0 });
            }
        }
    }

    fn turn_clock(&mut self, number: usize) {
        let skew = self.random.within(0, 20 * 86_400_000) as i64 - 10 * 86_400_000;
        if let Some(hub) = self.hubs.get_mut(number) {
            hub.skew = skew;
        }
    }

    fn fail_disk(&mut self, number: usize) {
        if let Some(hub) = self.hubs.get_mut(number).filter(|h| !h.closed && !h.moved) {
            hub.fails_next = true;
        }
        // Someone looks at it, in the end, and starts it again.
        let wait = self.random.within(SECOND, 20 * SECOND);
        let run = self.hubs.get(number).map_or(0, |h| h.run);
        self.queue.at(self.now + wait, What::Mend { hub: number, run });
    }

    /// A hub whose log is closed is started again.
    pub(crate) fn mend(&mut self, number: usize, run: u64) {
        if self.hubs.get(number).is_some_and(|h| h.run == run && h.closed && !h.moved) {
            self.crash_hub(number);
            self.queue.at(self.now + 100 * MS, What::StartHub { hub: number });
        }
    }

    /// The first hub makes way for the second.
    pub(crate) fn yield_hub(&mut self) {
        let Some(to) = self.hubs.get(1).map(|h| h.key) else { return };
        let Some(hub) = self.hubs.first_mut() else { return };
        if hub.core.is_none() || hub.stopped > self.now {
            // It did not hear of the other one in time: two hubs remain.
            return;
        }
        hub.moved = true;
        let run = hub.run;
        self.hub_input(0, run, Input::Move { address: "127.0.0.1:2".to_owned(), hub: to });
    }

    /// From now on nothing goes wrong.
    pub(crate) fn heal(&mut self) {
        self.note(|| "all is well".to_owned());
        let until = self.slots.iter().map(|s| s.stopped).chain(self.hubs.iter().map(|h| h.stopped)).max();
        if let Some(until) = until.filter(|until| *until > self.now) {
            // Who was stopped goes on first.
            return self.queue.at(until + 1, What::Heal);
        }
        self.healed = Some(self.now);
        self.set_deadline();
        self.network = self.network.well();
        self.apart.clear();
        for conn in 0..self.lines.len() {
            if let Some(line) = self.lines.get_mut(conn) {
                line.slow = 0;
            }
            self.drained(conn);
        }
        for number in 0..self.hubs.len() {
            if let Some(hub) = self.hubs.get_mut(number) {
                hub.fails_next = false;
                let run = hub.run;
                self.mend(number, run);
            }
            self.queue.at(self.now + 200 * MS, What::StartHub { hub: number });
        }
        for slot in 0..self.slots.len() {
            // Outboxes of processes that crashed are found by those that start.
            if self.random.chance(500) {
                self.end_member(slot, false);
            }
            self.queue.at(self.now + SECOND, What::StartMember { slot });
        }
        self.queue.at(self.now + 1500 * MS, What::Look);
    }
}
