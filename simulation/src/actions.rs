//! What people do, and whether everyone has everything in the end.

use crate::plan::{MS, ROOMS, SECOND};
use crate::queue::What;
use crate::world::World;
use puerta_talk::room::event::Command;
use puerta_talk::room::frame::{Denial, Target};
use puerta_talk::room::ids::RoomNo;
use puerta_talk::room::record::Kind;
use puerta_talk::room::store::RoomKind;

impl World {
    /// Everything that is known to happen.
    pub(crate) fn begin(&mut self) {
        for hub in 0..self.hubs.len() {
            self.queue.at(0, What::StartHub { hub });
        }
        for slot in 0..self.slots.len() {
            let at =
                if self.random.chance(600) { self.random.below(SECOND) } else { self.random.below(self.plan.chaos) };
            self.queue.at(at, What::StartMember { slot });
        }
        for _ in 0..self.plan.acts {
            let (at, slot) = (self.random.below(self.plan.chaos), self.random.index(self.slots.len()));
            self.queue.at(at, What::Act { slot });
        }
        for _ in 0..self.plan.faults {
            let at = self.random.below(self.plan.chaos);
            self.queue.at(at, What::Fault);
        }
        if self.plan.hubs == 2 {
            self.queue.at(self.plan.yields_at, What::Yield);
        }
        if self.plan.rogue {
            self.begin_rogue();
        }
        self.queue.at(self.plan.chaos.max(self.plan.yields_at + SECOND), What::Heal);
    }

    pub(crate) fn act(&mut self, number: usize) {
        let Some(slot) = self.slots.get(number).filter(|s| s.core.is_some()) else { return };
        let run = slot.run;
        let command = match self.random.below(100) {
            0..=64 => self.say(),
            65..=70 => return self.flood(number, run),
            71..=76 => Command::Join(self.room_name()),
            77..=80 => Command::Leave(self.room_of(number)),
            81..=83 => Command::Rename(self.person_name()),
            84..=86 => Command::Invite {
                room: self.room_of(number),
                once: self.random.chance(500),
                lasts: self.random.below(100_000) as u32,
                renew: self.random.chance(300),
            },
            87..=93 => Command::Older(self.room_of(number)),
            94..=95 => Command::Rooms,
            96..=97 => Command::Who(self.room_of(number)),
            _ => Command::Seen { room: self.room_of(number), through: self.random.below(20) },
        };
        self.member_input_soon(number, run, command);
    }

    fn member_input_soon(&mut self, slot: usize, run: u64, command: Command) {
        self.queue.at(self.now, What::Command { slot, run, command });
    }

    fn say(&mut self) -> Command {
        let to =
            if self.random.chance(200) { Target::Member(self.person_name()) } else { Target::Room(self.room_name()) };
        self.texts += 1;
        let mut text = format!("message {}", self.texts);
        match self.random.below(60) {
            0 => text.clear(),
            1 => text = text.repeat(30),
            2 => text = text.repeat(400),
            _ => {}
        }
        let kind = if self.random.chance(100) { Kind::Action } else { Kind::Text };
        Command::Say { to, kind, text }
    }

    /// Much at once: above the quota, where there is one.
    fn flood(&mut self, slot: usize, run: u64) {
        for _ in 0..self.random.within(2, 25) {
            let command = self.say();
            self.member_input_soon(slot, run, command);
        }
    }

    fn room_name(&mut self) -> String {
        let names = if self.random.chance(600) { &ROOMS[..1] } else { &ROOMS[..] };
        let name = names.get(self.random.index(names.len())).copied().unwrap_or("main");
        match self.random.below(20) {
            0 => name.to_uppercase(),
            1 => "no room\u{7}".to_owned(),
            _ => name.to_owned(),
        }
    }

    fn person_name(&mut self) -> String {
        let names = ["ana", "bob", "ANA-2", "çağ", "עדה", "nobody", "ana-2", "Bob-2"];
        let name = names.get(self.random.index(names.len())).copied().unwrap_or("ana");
        if self.random.chance(20) { format!("{name} \u{202e}") } else { name.to_owned() }
    }

    /// A room that the member is in, or was, or any.
    fn room_of(&mut self, slot: usize) -> RoomNo {
        let rooms: Vec<RoomNo> =
            self.slots.get(slot).map(|s| s.screen.rooms.keys().copied().collect()).unwrap_or_default();
        let any = RoomNo(self.random.below(8) as u32);
        rooms.get(self.random.index(rooms.len())).copied().filter(|_| !self.random.chance(100)).unwrap_or(any)
    }

    /// Is everybody there, with everything?
    pub(crate) fn look(&mut self) {
        let missing = self.missing();
        match missing {
            None => self.converged = Some(self.now),
            Some(what) if self.now > self.deadline => {
                self.fail(format!("invariant 5: {what}"));
            }
            Some(what) => {
                self.note(|| format!("not yet: {what}"));
                self.start_again();
                self.queue.at(self.now + 500 * MS, What::Look);
            }
        }
    }

    /// Who was not let in for a reason that is over tries again.
    fn start_again(&mut self) {
        for slot in 0..self.slots.len() {
            let again = self.slots.get(slot).is_some_and(|s| match s.denied {
                Some(Denial::ReadOnly { .. } | Denial::TooManySessions { .. }) => true,
                _ => s.core.is_none(),
            });
            if again {
                self.end_member(slot, false);
                self.queue.at(self.now + SECOND, What::StartMember { slot });
            }
        }
    }

    /// What is missing before all is well.
    fn missing(&self) -> Option<String> {
        for (number, slot) in self.slots.iter().enumerate() {
            let Some(core) = &slot.core else { return Some(format!("member {number} does not run")) };
            if slot.denied.is_some() {
                let for_good = self.plan.invite_only
                    && !matches!(slot.denied, Some(Denial::ReadOnly { .. } | Denial::TooManySessions { .. }));
                if for_good {
                    continue;
                }
                return Some(format!("member {number} is denied: {:?}", slot.denied));
            }
            if !core.is_online() {
                return Some(format!("member {number} is offline"));
            }
            if let Some(message) = core.pending().next() {
                return Some(format!("{} of member {number} is pending", message.id));
            }
            if let Some(what) = self.missing_on_screen(slot) {
                return Some(format!("member {number} {what}"));
            }
        }
        for (device, owner) in self.devices.iter().enumerate() {
            let denied = self.slots.iter().any(|s| s.seat.device == device && s.denied.is_some());
            if owner.outboxes.waiting() > 0 && !denied {
                return Some(format!("the outbox of device {device} is not empty"));
            }
        }
        self.missing_message()
    }

    fn missing_on_screen(&self, slot: &crate::world::Slot) -> Option<String> {
        let hub = self.hubs.get(slot.hub)?;
        let device = self.devices.get(slot.seat.device)?;
        let Some(member) = hub.disk.devices.get(&device.key) else { return Some("is no member".to_owned()) };
        for (no, room) in hub.disk.rooms.iter().filter(|(_, r)| r.members.contains_key(member)) {
            let view = slot.screen.rooms.get(no);
            if slot.seat.only && !matches!(room.kind, RoomKind::Public(_)) && view.is_some_and(|v| v.open) {
                return Some(format!("is shown what is private, in {no:?}"));
            }
            if slot.seat.only && view.is_none_or(|v| !v.open) {
                continue;
            }
            // Where frames overtake each other a Join may come after a Leave: the screen has the room as left. QUIC keeps the order.
            if !self.plan.network.in_order && view.is_some_and(|v| v.left) {
                continue;
            }
            let Some(view) = view.filter(|v| v.open) else { return Some(format!("does not see {no:?}")) };
            if view.last < room.head() && slot.seat.feed {
                return Some(format!("has {no:?} through {} of {}", view.last, room.head()));
            }
        }
        None
    }

    /// Each message that was pending is in the log of the hub where all are, or was refused.
    fn missing_message(&self) -> Option<String> {
        for ((device, id), said) in self.said.iter().filter(|(_, s)| !s.refused) {
            let owner = self.devices.get(*device)?;
            let hub = self.hubs.get(owner.hub)?;
            if hub.disk.place(owner.key, *id).is_none() && owner.outboxes.waiting() == 0 {
                return Some(format!("{id} of device {device} is nowhere: {:?}", said.text));
            }
        }
        None
    }
}
