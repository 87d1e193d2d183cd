//! What a member says, on its way to the hub.

use super::{Effect, Link, Member, Outgoing, Pending, RECONNECT_FIRST, RESEND, pending};
use crate::room::event::Event;
use crate::room::frame::{Refusal, Send, Target, ToHub};
use crate::room::ids::{Device, MessageId, RoomNo};
use crate::room::limits::PENDING;
use crate::room::record::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Messages that are on their way at once, at most.
const WINDOW: usize = 64;

impl Member {
    pub(super) fn say(&mut self, to: Target, kind: Kind, text: String, out: &mut Vec<Effect>) {
        let limit = self.limits.message;
        let why = if text.is_empty() {
            Some(Refusal::Empty)
        } else if text.len() > limit as usize {
            Some(Refusal::TooLong { limit })
        } else {
            // No hub has a name that is longer than its limit.
            match &to {
                Target::Room(name) | Target::Member(name) if name.len() <= self.limits.name as usize => None,
                Target::Room(room) => Some(Refusal::NotInRoom { room: room.clone() }),
                Target::Member(name) => Some(Refusal::NoSuchMember { name: name.clone() }),
            }
        };
        if let Some(why) = why {
            return out.push(Effect::Show(Event::NotTaken { id: None, text, why }));
        }
        if self.pending.len() + self.movable.len() >= PENDING {
            return out.push(Effect::Show(Event::OutboxFull { text, limit: PENDING }));
        }
        let id = MessageId { stream: self.setup.stream, number: self.next_number };
        self.next_number += 1;
        let message = Pending { id, to, kind, text };
        out.push(Effect::Keep(message.clone()));
        self.pending.push_back(Outgoing { message, kept: false, sent: None });
    }

    pub(super) fn kept(&mut self, id: MessageId, out: &mut Vec<Effect>) {
        if let Some(outgoing) = self.pending.iter_mut().find(|o| o.message.id == id && !o.kept) {
            outgoing.kept = true;
            // One that was renumbered stands there already.
            if self.shown.insert(id) {
                out.push(Effect::Show(pending(&outgoing.message, false)));
            }
        }
    }

    pub(super) fn not_kept(&mut self, id: MessageId, why: String, out: &mut Vec<Effect>) {
        if let Some(outgoing) = self.remove(id) {
            // A move to another hub may have kept it in between.
            out.push(Effect::Forget(id));
            let shown = self.shown.remove(&id).then_some(id);
            out.push(Effect::Show(Event::NotKept { id: shown, text: outgoing.message.text, why }));
        }
    }

    /// Sends what may be sent now.
    pub(super) fn send_pending(&mut self, now: Duration, out: &mut Vec<Effect>) {
        if self.link != Link::Up {
            return;
        }
        let mut again: BTreeSet<u64> = BTreeSet::new();
        for (at, after) in self.sendable() {
            let Some(outgoing) = self.pending.get(at) else { break };
            let stream = outgoing.message.id.stream;
            if outgoing.sent.is_some_and(|sent| now < sent + RESEND) && !again.contains(&stream) {
                continue;
            }
            if outgoing.sent.is_some() {
                // The hub takes nothing behind one that it lacks.
                again.insert(stream);
            }
            if !self.within_quota(now) {
                return;
            }
            if let Some(outgoing) = self.pending.get_mut(at) {
                outgoing.sent = Some(now);
                if stream == self.setup.stream {
                    self.sent = self.sent.max(outgoing.message.id.number);
                }
                let Pending { id, to, kind, text } = outgoing.message.clone();
                out.push(Effect::Send(ToHub::Send(Send { id, after, to, kind, text })));
            }
        }
    }

    /// When something can be sent that cannot be now.
    pub(super) fn sending_due(&self, now: Duration) -> Option<Duration> {
        let sent = self.sendable().into_iter().filter_map(|(at, _)| self.pending.get(at)).map(|o| o.sent);
        let due = sent.map(|sent| sent.map_or(now, |sent| sent + RESEND)).min()?;
        Some(due.max(self.quota_due()))
    }

    /// Which pending messages may be on their way, each with the number before it in its stream. One that may not go yet holds
    /// back those behind it in its stream.
    fn sendable(&self) -> Vec<(usize, u64)> {
        let mut stuck: BTreeSet<u64> = BTreeSet::new();
        let mut before: BTreeMap<u64, u64> = BTreeMap::new();
        let mut sendable = Vec::new();
        for (at, outgoing) in self.pending.iter().enumerate().take(WINDOW) {
            let id = outgoing.message.id;
            let after = before.insert(id.stream, id.number).unwrap_or(0);
            if stuck.contains(&id.stream) || !outgoing.kept || !self.may_go(&outgoing.message.to) {
                stuck.insert(id.stream);
            } else {
                sendable.push((at, after));
            }
        }
        sendable
    }

    /// A message to a room that we are about to enter waits until we are in it.
    fn may_go(&self, to: &Target) -> bool {
        match to {
            Target::Member(_) => true,
            Target::Room(name) => {
                let name = super::folded(name);
                self.is_open(&name) || !self.wanted.contains(&name)
            }
        }
    }

    /// The hub's own rule (GCRA), so that it need not refuse.
    fn within_quota(&mut self, now: Duration) -> bool {
        if self.limits.rate == 0 {
            return true;
        }
        if now < self.quota_due() {
            return false;
        }
        self.quota = self.quota.max(now) + self.interval();
        true
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(1) / self.limits.rate.max(1)
    }

    fn quota_due(&self) -> Duration {
        if self.limits.rate == 0 {
            return Duration::ZERO;
        }
        // Half of the burst: what is late and arrives together is still within the hub's.
        self.quota.saturating_sub(self.interval() * (self.limits.burst / 2).saturating_sub(1))
    }

    /// The hub counts others of our device, too.
    pub(super) fn slowed(&mut self, now: Duration, rate: u32) {
        self.limits.rate = rate;
        self.quota = self.quota.max(now + self.interval() * self.limits.burst);
    }

    pub(super) fn stored(&mut self, id: MessageId, room: RoomNo, seq: u64, out: &mut Vec<Effect>) {
        let Some(outgoing) = self.remove(id) else { return };
        if !self.setup.feed {
            // It will not come as a record.
            self.shown.remove(&id);
        }
        if self.may_move.is_some() {
            self.movable.push(outgoing.message);
        } else {
            out.push(Effect::Forget(id));
        }
        out.push(Effect::Show(Event::Stored { id, room, seq }));
    }

    pub(super) fn refused(&mut self, now: Duration, id: MessageId, why: Refusal, out: &mut Vec<Effect>) {
        if why == Refusal::NumberTaken {
            return self.number_taken(now, id, out);
        }
        let Some(outgoing) = self.remove(id) else { return };
        self.shown.remove(&id);
        out.push(Effect::Forget(id));
        out.push(Effect::Show(Event::NotTaken { id: Some(id), text: outgoing.message.text, why }));
    }

    /// The hub yields to another one: everything that was said here goes there.
    pub(super) fn make_way(&mut self, address: String, hub: Device, out: &mut Vec<Effect>) {
        for message in std::mem::take(&mut self.movable) {
            out.push(Effect::Show(pending(&message, false)));
            self.shown.insert(message.id);
            self.pending.push_back(Outgoing { message, kept: true, sent: None });
        }
        self.pending.make_contiguous().sort_by_key(|o| (o.message.id.stream, o.message.id.number));
        self.expected.clear();
        self.leaving.clear();
        self.left.clear();
        self.may_move = None;
        let names = self.rooms.values().filter_map(|p| p.folded_name().map(str::to_owned));
        self.wanted.extend(names);
        for room in std::mem::take(&mut self.rooms).into_keys() {
            out.push(Effect::Show(Event::Gone(room)));
        }
        for outgoing in &mut self.pending {
            outgoing.sent = None;
        }
        self.moved = true;
        self.pause = RECONNECT_FIRST;
        self.link = Link::Connecting;
        self.unanswered(out);
        out.push(Effect::Show(Event::Moving { address: address.clone(), hub }));
        let pending = self.pending.iter().map(|o| o.message.clone()).collect();
        out.push(Effect::Disconnect);
        out.push(Effect::Move { address, hub, pending });
        out.push(Effect::Connect);
    }

    pub(super) fn remove(&mut self, id: MessageId) -> Option<Outgoing> {
        let at = self.pending.iter().position(|o| o.message.id == id)?;
        self.pending.remove(at)
    }
}
