//! The driver of a member: its process, its outbox, its clock, and how it connects.

use crate::broken::Broken;
use crate::network::{IDLE, Line};
use crate::outbox::Outboxes;
use crate::plan::{MS, SECOND};
use crate::queue::What;
use crate::screen::Screen;
use crate::world::{Dialling, Said, World};
use puerta_talk::room::Member;
use puerta_talk::room::codec;
use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::frame::ToHub;
use puerta_talk::room::ids::MessageId;
use puerta_talk::room::limits::PENDING;
use puerta_talk::room::member::{Effect, Input, Pending, Setup};
use puerta_talk::room::rooms::{self, Conn};
use std::time::Duration;

/// A timer that fires so often without anything to do has a core that spins.
const SPINS: u32 = 8;

/// The pause between two attempts to connect.
const ATTEMPT: u64 = 500 * MS;

/// After this time without a connection the member is told.
const TOLD: u64 = 3 * SECOND;

impl World {
    pub(crate) fn start_member(&mut self, number: usize) {
        let base = Duration::from_secs(self.random.below(1_000_000));
        let (fresh, same) = (self.random.next(), self.random.chance(500));
        let broken = self.broken;
        self.back_up(number);
        let Some(slot) = self.slots.get_mut(number).filter(|s| s.core.is_none()) else { return };
        let Some(owner) = self.devices.get_mut(slot.seat.device) else { return };
        let adopted = owner.outboxes.streams.get(&slot.stream).is_some_and(|o| o.owner.is_some());
        if !same || slot.stream == 0 || adopted {
            slot.stream = fresh;
        }
        let (last, pending) = owner.outboxes.adopt(number, slot.stream);
        slot.run += 1;
        slot.started = self.now;
        slot.base = base;
        (slot.stopped, slot.conn, slot.dial, slot.timer, slot.spins) = (0, None, None, None, 0);
        slot.hub = owner.hub;
        slot.denied = None;
        slot.screen = Screen::new(slot.seat.feed, slot.seat.from);
        let setup = Setup {
            name: slot.seat.name.to_owned(),
            token: owner.token,
            feed: slot.seat.feed,
            rooms: slot.seat.rooms.clone(),
            only: slot.seat.only,
            from: slot.seat.from,
            stream: slot.stream,
            last: if broken == Some(Broken::NumbersReused) { 0 } else { last },
            spare: !fresh,
            pending,
        };
        let run = slot.run;
        slot.core = Some(Member::new(setup.clone()));
        self.note(|| format!("member {number} starts, run {run}: {setup:?}"));
        self.member_input(number, run, Input::Start);
    }

    /// A process starts, and no other of its device runs: its outboxes may be put back from a backup, or copied to one.
    fn back_up(&mut self, number: usize) {
        let Some(device) = self.slots.get(number).map(|s| s.seat.device) else { return };
        let (Some(random), Some(owner)) = (&mut self.backups, self.devices.get_mut(device)) else { return };
        if owner.outboxes.in_use() || self.healed.is_some() {
            return;
        }
        match owner.backup.as_ref().map(Outboxes::copy).filter(|_| random.chance(500)) {
            None => owner.backup = Some(owner.outboxes.copy()),
            Some(copy) => {
                owner.outboxes = copy;
                let Some(hub) = self.hubs.get(owner.hub) else { return };
                // What was said since and is nowhere else is lost with what was overwritten; so is what a hub has that may yield.
                let stays = self.plan.hubs == 1;
                let stored = |id: &MessageId| stays && hub.disk.place(owner.key, *id).is_some();
                let here = |id: &MessageId| owner.outboxes.has(*id) || stored(id);
                for (_, said) in self.said.iter_mut().filter(|((of, id), _)| *of == device && !here(id)) {
                    said.refused = true;
                }
                self.note(|| format!("the outboxes of device {device} are put back from a backup"));
            }
        }
    }

    pub(crate) fn member_frame(&mut self, number: usize, run: u64, conn: usize, input: Input) {
        if self.slots.get(number).is_some_and(|s| s.conn == Some(conn)) {
            self.member_input(number, run, input);
        }
    }

    pub(crate) fn member_input(&mut self, number: usize, run: u64, input: Input) {
        let now = self.member_now(number);
        let Some(slot) = self.slots.get_mut(number).filter(|s| s.run == run) else { return };
        if slot.stopped > self.now {
            let at = slot.stopped;
            return self.queue.at(at, What::Member { slot: number, run, input });
        }
        let Some(mut core) = slot.core.take() else { return };
        self.note(|| format!("member {number} < {input:?}"));
        let mut effects = Vec::new();
        let asks = !core.is_online() && is_question(&input);
        core.handle(now, input, &mut effects);
        if asks && !effects.iter().any(|e| matches!(e, Effect::Show(Event::Unanswered(_) | Event::Sorry(_)))) {
            self.fail(format!("invariant 8: member {number} drops a question in silence"));
        }
        if let Some(slot) = self.slots.get_mut(number) {
            slot.core = Some(core);
        }
        for effect in effects {
            self.member_effect(number, effect);
        }
        self.check_member(number);
        self.set_member_timer(number);
    }

    fn set_member_timer(&mut self, number: usize) {
        let late = if self.random.chance(100) { self.random.below(200 * MS) } else { self.random.below(MS) };
        let now = self.member_now(number);
        let Some(slot) = self.slots.get_mut(number) else { return };
        let Some(due) = slot.core.as_ref().and_then(|c| c.due(now)) else { return };
        let at = self.now + due.saturating_sub(now).as_micros() as u64 + 1;
        if slot.timer.is_none_or(|timer| at < timer) {
            slot.timer = Some(at);
            self.queue.at(at + late, What::MemberTimer { slot: number, run: slot.run });
        }
    }

    pub(crate) fn member_timer(&mut self, number: usize, run: u64) {
        let now = self.member_now(number);
        let Some(slot) = self.slots.get_mut(number).filter(|s| s.run == run) else { return };
        if slot.stopped > self.now {
            let at = slot.stopped;
            return self.queue.at(at, What::MemberTimer { slot: number, run });
        }
        slot.timer = None;
        if slot.core.as_ref().and_then(|c| c.due(now)).is_none_or(|due| due > now) {
            return self.set_member_timer(number);
        }
        self.member_input(number, run, Input::Tick);
        let Some(slot) = self.slots.get_mut(number) else { return };
        let due = slot.core.as_ref().and_then(|c| c.due(now));
        slot.spins = if due.is_some_and(|due| due <= now) { slot.spins + 1 } else { 0 };
        if slot.spins > SPINS {
            self.fail(format!("invariant 7: the timer of member {number} is always due"));
        }
    }

    fn member_effect(&mut self, number: usize, effect: Effect) {
        let Some(slot) = self.slots.get_mut(number) else { return };
        let device = slot.seat.device;
        match effect {
            Effect::Connect => {
                if slot.dial.is_none() && slot.conn.is_none() {
                    self.redial(number);
                }
            }
            Effect::Disconnect => {
                if let Some(conn) = slot.conn.take() {
                    let hub_in = self.delay();
                    self.cut_line(conn, 0, hub_in);
                }
            }
            Effect::Send(frame) => self.member_sends(number, &frame),
            Effect::Keep(message) => self.keep(number, message),
            Effect::Forget(id) => {
                if let Some(owner) = self.devices.get_mut(device) {
                    owner.outboxes.forget(id);
                }
            }
            Effect::Renumber { stream, messages } => {
                slot.stream = stream;
                let run = slot.run;
                let Some(owner) = self.devices.get_mut(device) else { return };
                owner.outboxes.streams.entry(stream).or_default().owner = Some(number);
                for (before, message) in messages {
                    let id = message.id;
                    owner.outboxes.remove(before);
                    owner.outboxes.write(message);
                    owner.outboxes.sync(id);
                    self.queue.at(self.now, What::Synced { slot: number, run, id });
                }
            }
            Effect::Show(event) => self.show(number, &event),
            Effect::Move { hub, pending, .. } => {
                let Some(to) = self.hubs.iter().position(|h| h.key == hub) else { return };
                slot.hub = to;
                slot.dial = None;
                let Some(owner) = self.devices.get_mut(device) else { return };
                owner.hub = to;
                for outbox in owner.outboxes.streams.values_mut().filter(|o| o.owner == Some(number)) {
                    outbox.entries.retain(|_, e| pending.iter().any(|p| p.id == e.message.id));
                }
                for message in pending {
                    let id = message.id;
                    if owner.outboxes.entry(id).is_none() {
                        owner.outboxes.write(message);
                        owner.outboxes.sync(id);
                    } else if let Some(entry) = owner.outboxes.entry(id) {
                        entry.forgotten = false;
                    }
                }
            }
        }
    }

    fn member_sends(&mut self, number: usize, frame: &ToHub) {
        self.note(|| format!("member {number} > {frame:?}"));
        let Some(slot) = self.slots.get(number) else { return };
        let (device, conn) = (slot.seat.device, slot.conn);
        if self.broken == Some(Broken::GapNotAskedFor) && matches!(frame, ToHub::After { .. }) {
            return;
        }
        if let ToHub::Send(message) = frame {
            let Some(owner) = self.devices.get_mut(device) else { return };
            if owner.outboxes.entry(message.id).is_none_or(|e| !e.synced || e.forgotten) {
                return self.fail(format!("invariant 6: {} is sent before the outbox has it", message.id));
            }
            if self.broken == Some(Broken::ForgottenWhenSent) {
                owner.outboxes.remove(message.id);
            }
        }
        let bytes = codec::bytes(frame);
        if bytes.is_empty() {
            return self.fail("invariant 7: a member sends a frame that is too long");
        }
        if let Some(conn) = conn {
            self.carry(conn, false, &bytes);
        }
    }

    fn keep(&mut self, number: usize, message: Pending) {
        let wait = if self.random.chance(100) { self.random.below(300 * MS) } else { self.random.below(5 * MS) };
        let full = self.plan.bad_disks && self.healed.is_none() && self.random.chance(50);
        let Some(slot) = self.slots.get_mut(number) else { return };
        let run = slot.run;
        let id = message.id;
        let Some(owner) = self.devices.get_mut(slot.seat.device) else { return };
        if full {
            let input = Input::NotKept(id, "no space left on device (ENOSPC)".to_owned());
            return self.queue.at(self.now, What::Member { slot: number, run, input });
        }
        owner.outboxes.write(message);
        let at = (self.now + wait).max(slot.synced_at);
        slot.synced_at = at;
        self.queue.at(at, What::Synced { slot: number, run, id });
        if self.broken == Some(Broken::SentBeforeKept) {
            self.queue.at(self.now, What::Member { slot: number, run, input: Input::Kept(id) });
        }
    }

    pub(crate) fn synced(&mut self, number: usize, run: u64, id: MessageId) {
        let Some(slot) = self.slots.get(number).filter(|s| s.run == run && s.core.is_some()) else { return };
        let Some(owner) = self.devices.get_mut(slot.seat.device) else { return };
        if owner.outboxes.sync(id) {
            self.member_input(number, run, Input::Kept(id));
        }
    }

    fn show(&mut self, number: usize, event: &Event) {
        self.note(|| format!("member {number} shows {event:?}"));
        let Some(slot) = self.slots.get_mut(number) else { return };
        let (device, run) = (slot.seat.device, slot.run);
        let Some(hub) = self.hubs.get(slot.hub) else { return };
        let Some(owner) = self.devices.get(device) else { return };
        let shown = slot.screen.show(event, &hub.disk, owner.key);
        match event {
            Event::Denied(denial) => slot.denied = Some(denial.clone()),
            Event::Pending { id, text, .. } => {
                if !owner.outboxes.has(*id) {
                    self.fail(format!("invariant 6: {id} is shown as pending before the outbox has it"));
                }
                self.said.entry((device, *id)).or_insert_with(|| Said { text: text.clone(), refused: false });
            }
            Event::NotTaken { id: Some(id), .. } => {
                if let Some(said) = self.said.get_mut(&(device, *id)) {
                    said.refused = true;
                }
            }
            Event::Renumbered { id, now } => {
                let text = slot.screen.pending.get(now).map(|(_, text)| text.clone()).unwrap_or_default();
                if hub.disk.place(owner.key, *id).is_none() {
                    self.said.remove(&(device, *id));
                }
                self.said.insert((device, *now), Said { text, refused: false });
            }
            Event::Message { record, .. } if self.random.chance(200) => {
                let command = Command::Seen { room: record.room, through: record.seq };
                self.queue.at(self.now, What::Command { slot: number, run, command });
            }
            _ => {}
        }
        if let Err(what) = shown {
            self.fail(format!("{what} (member {number})"));
        }
    }

    /// What is pending is on the screen and in the outbox.
    fn check_member(&mut self, number: usize) {
        let Some(slot) = self.slots.get(number) else { return };
        let (Some(core), Some(owner)) = (&slot.core, self.devices.get(slot.seat.device)) else { return };
        let mut wrong = None;
        let mut count = 0;
        for message in core.pending() {
            count += 1;
            if !owner.outboxes.has(message.id) && slot.screen.pending.contains_key(&message.id) {
                wrong = Some(format!("invariant 6: {} is pending, and the outbox has it not", message.id));
            }
        }
        if let Some(id) = slot.screen.pending.keys().find(|id| !core.pending().any(|p| p.id == **id)) {
            wrong = Some(format!("invariant 6: {id} was pending, and nobody said what became of it"));
        }
        if count > PENDING {
            wrong = Some(format!("invariant 7: {count} messages are pending"));
        }
        if let Some(what) = wrong {
            self.fail(format!("{what} (member {number})"));
        }
    }

    fn redial(&mut self, number: usize) {
        let Some(slot) = self.slots.get_mut(number) else { return };
        slot.dials += 1;
        slot.dial = Some(Dialling { number: slot.dials, begun: self.now, told: false, conn: None });
        self.queue.at(self.now, What::Dial { slot: number, run: slot.run, dial: slot.dials });
    }

    pub(crate) fn dial(&mut self, number: usize, run: u64, dial: u64) {
        let delay = self.delay();
        let Some(slot) = self.slots.get_mut(number).filter(|s| s.run == run && s.core.is_some()) else { return };
        if slot.stopped > self.now {
            let at = slot.stopped;
            return self.queue.at(at, What::Dial { slot: number, run, dial });
        }
        let Some(dialling) = slot.dial.as_mut().filter(|d| d.number == dial) else { return };
        let (hub, device) = (slot.hub, slot.seat.device);
        let tell = !dialling.told && self.now - dialling.begun >= TOLD;
        dialling.told |= tell;
        let there = self.hubs.get(hub).is_some_and(|h| h.core.is_some() && h.stopped <= self.now);
        if !there || self.apart_until(hub, device) > self.now {
            if tell {
                self.member_input(number, run, Input::Cut);
            }
            return self.queue.at(self.now + ATTEMPT, What::Dial { slot: number, run, dial });
        }
        let conn = self.connect(hub, Some((number, run)), device);
        if let Some(dialling) = self.slots.get_mut(number).and_then(|s| s.dial.as_mut()) {
            dialling.conn = Some(conn);
        }
        self.queue.at(self.now + delay, What::Linked { slot: number, run, conn, up: true });
    }

    /// A connection stands, for the hub first.
    pub(crate) fn connect(&mut self, hub: usize, slot: Option<(usize, u64)>, device: usize) -> usize {
        let conn = self.lines.len();
        let hub_run = self.hubs.get(hub).map_or(0, |h| h.run);
        let slot_run = slot.map_or(0, |(_, run)| run);
        let line = Line {
            hub,
            hub_run,
            slot: slot.map(|(slot, _)| slot),
            slot_run,
            device,
            dead: false,
            closed: false,
            slow: 0,
            skipped: false,
            last: [self.now; 2],
        };
        let key = self.key_of(&line);
        self.lines.push(line);
        self.hub_input(hub, hub_run, rooms::Input::Connected { conn: Conn(conn as u64), device: key });
        conn
    }

    /// A connection stands for a member, or is gone for it.
    pub(crate) fn linked(&mut self, number: usize, run: u64, conn: usize, up: bool) {
        let Some(slot) = self.slots.get_mut(number).filter(|s| s.run == run && s.core.is_some()) else { return };
        if slot.stopped > self.now {
            let at = slot.stopped;
            return self.queue.at(at, What::Linked { slot: number, run, conn, up });
        }
        if up {
            // As in the real driver: while one is on its way to the member no other is made, and one that was given up is dropped.
            if slot.dial.as_ref().and_then(|dial| dial.conn) != Some(conn) {
                let hub_in = self.delay();
                return self.cut_line(conn, 0, hub_in);
            }
            slot.dial = None;
            slot.conn = Some(conn);
            self.member_input(number, run, Input::Linked);
            if self.lines.get(conn).is_some_and(|l| l.dead) {
                let wait = self.random.below(IDLE);
                self.queue.at(self.now + wait, What::Linked { slot: number, run, conn, up: false });
            }
        } else if slot.conn == Some(conn) {
            slot.conn = None;
            self.member_input(number, run, Input::Cut);
        }
    }

    /// The process of a member is gone: at once, or of itself.
    pub(crate) fn end_member(&mut self, number: usize, crashed: bool) {
        let Some(slot) = self.slots.get_mut(number) else { return };
        if slot.core.take().is_none() {
            return;
        }
        let (run, device) = (slot.run, slot.seat.device);
        slot.conn = None;
        slot.dial = None;
        if let Some(owner) = self.devices.get_mut(device) {
            owner.outboxes.release(number, crashed, &mut self.random);
        }
        self.note(|| format!("member {number} {}", if crashed { "crashes" } else { "ends" }));
        for conn in self.living(|l| l.slot == Some(number) && l.slot_run == run) {
            let hub_in = if crashed { self.random.below(IDLE) } else { self.delay() };
            self.cut_line(conn, 0, hub_in);
        }
    }

    pub(crate) fn command(&mut self, number: usize, run: u64, command: Command) {
        self.member_input(number, run, Input::Command(command));
    }
}

/// What only the hub can answer.
fn is_question(input: &Input) -> bool {
    let Input::Command(command) = input else { return false };
    matches!(command, Command::Older(_) | Command::Invite { .. } | Command::Rooms | Command::Who(_))
}
