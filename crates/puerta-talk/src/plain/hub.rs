//! A hub's decisions: who is a member, what goes to whom. No I/O; the time is an argument.

use crate::plain::event::{Event, Who, Why};
use crate::plain::quota::Quota;
use crate::plain::words::slow_down;
use crate::plain::{BURST, RATE, Settings};
use crate::wire::{Control, Flaw, Frame, Misfit};
use bytes::Bytes;
use puerta::Error;
use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

/// A member that was silent for so long is forgotten, though others were heard: what a forged join can bring upon its victim
/// has an end.
pub const SILENT_MAX: Duration = Duration::from_secs(600);
/// How often the same complaint is told, at most.
const COMPLAINT: Duration = Duration::from_secs(1);

/// What a hub knows.
#[derive(Debug)]
pub struct Hub {
    settings: Settings,
    members: HashMap<SocketAddr, Member>,
    /// Of hosts whose members have left: at most as many as there may be members.
    left: HashMap<IpAddr, Bucket>,
    outgoing: VecDeque<(SocketAddr, Bytes)>,
    events: VecDeque<Event>,
    /// That there is no room for more was told.
    full: bool,
    /// That no connection can be accepted was told.
    at_limit: bool,
    /// Something of our own is in `outgoing`.
    said: bool,
    strangers: Strangers,
    /// When silent members are looked for again.
    look_at: Option<Instant>,
}

#[derive(Debug)]
struct Member {
    user: Vec<u8>,
    /// Something came from there, or went there.
    used: Instant,
    heard: Instant,
    bucket: Bucket,
    /// How many bytes came from there that no answer has used up.
    credit: usize,
}

/// What somebody may send. It outlives a membership, so that nobody gets a new one by leaving.
#[derive(Debug, Clone)]
struct Bucket {
    quota: Quota,
    /// When it was last told that it sends too much.
    slowed: Option<Instant>,
}

impl Bucket {
    fn new(now: Instant) -> Self {
        Bucket { quota: Quota::new(RATE, BURST, now), slowed: None }
    }

    /// Whether it is to be told now that this is too much.
    fn slows(&mut self, now: Instant) -> bool {
        let told = self.slowed.is_some_and(|told| now.saturating_duration_since(told) < COMPLAINT);
        if !told {
            self.slowed = Some(now);
        }
        !told
    }
}

/// What is no frame, from those who are no members: told at most once a second, however much it is.
#[derive(Debug, Default)]
struct Strangers {
    told: Option<Instant>,
    last: Option<(SocketAddr, Flaw)>,
    count: u64,
}

impl Hub {
    /// Without members.
    pub fn new(settings: Settings) -> Self {
        Hub {
            settings,
            members: HashMap::new(),
            left: HashMap::new(),
            outgoing: VecDeque::new(),
            events: VecDeque::new(),
            full: false,
            at_limit: false,
            said: false,
            strangers: Strangers::default(),
            look_at: None,
        }
    }

    /// A datagram came, or a frame over a connection that was [`accepted`](Self::accepted). It makes its sender a member, unless
    /// it is no frame.
    pub fn heard(&mut self, from: SocketAddr, bytes: &[u8], now: Instant, at: SystemTime) {
        let wire = self.settings.wire;
        let decoded = wire.decode(bytes);
        let control = wire.control(&decoded.frame);
        if !self.members.contains_key(&from) {
            let length = decoded.flaws.iter().find(|flaw| matches!(flaw, Flaw::Length { .. }));
            if let Some(flaw) = length {
                return self.strangers(from, *flaw, now);
            }
            if control == Some(Control::Quit)
                || !self.has_room(from)
                || !self.join(from, decoded.frame.user.clone(), now)
            {
                return;
            }
        }
        let Some(member) = self.members.get_mut(&from) else { return };
        (member.used, member.heard) = (now, now);
        member.credit = member.credit.saturating_add(bytes.len());
        if !decoded.frame.user.is_empty() {
            member.user.clone_from(&decoded.frame.user);
        }
        let within = member.bucket.quota.take(now);
        // Only the source itself ends its membership, whatever name the frame gives.
        if control == Some(Control::Quit) {
            return self.remove(&from, Why::Quit);
        }
        let who = Who { address: from, user: member.user.clone() };
        if !within {
            return self.slow_down(who, now, at);
        }
        self.events.extend(decoded.flaws.iter().map(|flaw| Event::Flawed { who: who.clone(), flaw: *flaw }));
        match control {
            Some(Control::Join) => self.answer(from, Control::Connected, at),
            Some(_) => self.events.push_back(Event::Ignored { who, text: "/talk_connected" }),
            None => {
                let forwarded = Bytes::from(wire.forward(bytes, &decoded.frame));
                self.spread(Some(from), &forwarded, now);
                let Frame { text, time, .. } = decoded.frame;
                self.events.push_back(Event::Message { who, text, time, at });
            }
        }
    }

    /// A connection came. False: there is no room for it, or too many came from there.
    pub fn accepted(&mut self, from: SocketAddr, now: Instant) -> bool {
        let joined = self.has_room(from) && self.join(from, Vec::new(), now);
        if let Some(member) = self.members.get_mut(&from) {
            member.bucket.quota.take(now);
        }
        joined
    }

    /// A member's connection has ended. A frame that was cut off is in `rest`: it is shown, and goes to nobody.
    pub fn closed(&mut self, from: SocketAddr, rest: Option<&[u8]>, why: Why, at: SystemTime) {
        if let (Some(rest), Some(member)) = (rest, self.members.get(&from)) {
            let decoded = self.settings.wire.decode(rest);
            let who = Who { address: from, user: member.user.clone() };
            self.events.extend(decoded.flaws.iter().map(|flaw| Event::Flawed { who: who.clone(), flaw: *flaw }));
            let Frame { text, time, .. } = decoded.frame;
            self.events.push_back(Event::Message { who, text, time, at });
        }
        self.remove(&from, why);
    }

    /// What the hub itself says, to all members. Gives how many there are.
    ///
    /// # Errors
    /// It does not fit the wire, and nobody gets it.
    pub fn say(&mut self, text: &[u8], now: Instant, at: SystemTime) -> Result<usize, Misfit> {
        let frame = self.settings.message(text, at)?;
        self.spread(None, &frame, now);
        self.said = !self.members.is_empty();
        Ok(self.members.len())
    }

    /// The hub ends: where the wire has a word for that, all members are told.
    pub fn quit(&mut self, now: Instant, at: SystemTime) {
        if let Some(frame) = self.settings.server_control(Control::Quit, at) {
            self.spread(None, &frame, now);
        }
    }

    /// Time has passed: see [`wake_at`](Self::wake_at).
    pub fn tick(&mut self, now: Instant) {
        self.tell_strangers(now);
        if self.look_at.is_none_or(|at| at > now) {
            return;
        }
        let gone: Vec<SocketAddr> = self
            .members
            .iter()
            .filter(|(_, m)| self.expiry(m).is_some_and(|at| at <= now))
            .map(|(address, _)| *address)
            .collect();
        for address in gone {
            self.remove(&address, Why::Idle);
        }
        self.look_at = self.members.values().filter_map(|member| self.expiry(member)).min();
    }

    /// When [`tick`](Self::tick) is wanted; `None`: not because of the time.
    pub fn wake_at(&self) -> Option<Instant> {
        let strangers = self.strangers.told.filter(|_| self.strangers.count > 0).map(|told| told + COMPLAINT);
        self.look_at.into_iter().chain(strangers).min()
    }

    /// The next frame to be sent; stays until [`sent`](Self::sent).
    pub fn outgoing(&self) -> Option<(SocketAddr, Bytes)> {
        self.outgoing.front().cloned()
    }

    /// The kernel has taken the next frame, or refused it.
    pub fn sent(&mut self) {
        self.outgoing.pop_front();
        if self.outgoing.is_empty() && std::mem::take(&mut self.said) {
            self.events.push_back(Event::Sent);
        }
    }

    /// What happened next.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Something happened that only the driver can know.
    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Connections cannot be accepted for now. Told once.
    pub fn at_limit(&mut self, error: Error) {
        if !std::mem::replace(&mut self.at_limit, true) {
            self.events.push_back(Event::AtLimit(error));
        }
    }

    /// One was accepted.
    pub fn below_limit(&mut self) {
        self.at_limit = false;
    }

    /// Whether somebody is a member.
    pub fn has(&self, address: &SocketAddr) -> bool {
        self.members.contains_key(address)
    }

    /// How many members there are.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    fn has_room(&mut self, from: SocketAddr) -> bool {
        let room = self.members.len() < self.settings.max;
        if !room && !std::mem::replace(&mut self.full, true) {
            self.events.push_back(Event::Full { address: from, max: self.settings.max });
        }
        room
    }

    /// False: who left there has sent too much.
    fn join(&mut self, address: SocketAddr, user: Vec<u8>, now: Instant) -> bool {
        let bucket = match self.left.get_mut(&host(address)) {
            Some(left) if !left.quota.has(now) => {
                if left.slows(now) {
                    self.events.push_back(Event::TooMany(Who { address, user }));
                }
                return false;
            }
            left => left.map_or_else(|| Bucket::new(now), |left| left.clone()),
        };
        let member = Member { user: user.clone(), used: now, heard: now, bucket, credit: 0 };
        // A connection tells itself when it ends.
        if !self.settings.wire.is_stream() {
            self.look_at = self.look_at.into_iter().chain(self.expiry(&member)).min();
        }
        self.members.insert(address, member);
        self.events.push_back(Event::Joined(Who { address, user }));
        true
    }

    /// A time beyond what the clock can tell never comes.
    fn expiry(&self, member: &Member) -> Option<Instant> {
        let silent = SILENT_MAX.max(self.settings.idle);
        Some(member.used.checked_add(self.settings.idle)?.min(member.heard.checked_add(silent)?))
    }

    fn remove(&mut self, address: &SocketAddr, why: Why) {
        if let Some(member) = self.members.remove(address) {
            self.full = false;
            self.keep(host(*address), member.bucket);
            self.events.push_back(Event::Left { who: Who { address: *address, user: member.user }, why });
        }
    }

    /// The emptiest bucket of those who left a host is kept. Above the limit, the one that is full first goes.
    fn keep(&mut self, host: IpAddr, bucket: Bucket) {
        let full_at = bucket.quota.full_at();
        if self.left.get(&host).is_some_and(|left| left.quota.full_at() >= full_at) {
            return;
        }
        self.left.insert(host, bucket);
        if self.left.len() > self.settings.max
            && let Some(first) = self.left.iter().min_by_key(|(_, left)| left.quota.full_at()).map(|(host, _)| *host)
        {
            self.left.remove(&first);
        }
    }

    /// To all but one.
    fn spread(&mut self, from: Option<SocketAddr>, frame: &Bytes, now: Instant) {
        for (address, member) in self.members.iter_mut().filter(|(address, _)| Some(**address) != from) {
            member.used = now;
            self.outgoing.push_back((*address, frame.clone()));
        }
    }

    fn slow_down(&mut self, who: Who, now: Instant, at: SystemTime) {
        let Some(member) = self.members.get_mut(&who.address) else { return };
        if !member.bucket.slows(now) {
            return;
        }
        let address = who.address;
        self.events.push_back(Event::TooMany(who));
        if let Ok(frame) = self.settings.announcement(slow_down().as_bytes(), at) {
            self.give(address, frame);
        }
    }

    fn answer(&mut self, to: SocketAddr, control: Control, at: SystemTime) {
        if let Some(frame) = self.settings.server_control(control, at) {
            self.give(to, frame);
        }
    }

    /// An answer, if it has no more bytes than came from there: whoever forges a source wins nothing.
    fn give(&mut self, to: SocketAddr, frame: Bytes) {
        let Some(member) = self.members.get_mut(&to) else { return };
        if let Some(left) = member.credit.checked_sub(frame.len()) {
            member.credit = left;
            self.outgoing.push_back((to, frame));
        }
    }

    fn strangers(&mut self, from: SocketAddr, flaw: Flaw, now: Instant) {
        self.strangers.count += 1;
        self.strangers.last = Some((from, flaw));
        self.tell_strangers(now);
    }

    fn tell_strangers(&mut self, now: Instant) {
        let Strangers { told, last, count } = self.strangers;
        let may = told.is_none_or(|told| now.saturating_duration_since(told) >= COMPLAINT);
        if let (Some((address, flaw)), true) = (last, may && count > 0) {
            self.events.push_back(Event::Dropped { address, flaw, more: count - 1 });
            self.strangers = Strangers { told: Some(now), last: None, count: 0 };
        }
    }
}

/// Where somebody is. The port is another one at each connection.
fn host(address: SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}
