//! One side of a talk with one peer: what is sent when. No I/O; the time is an argument.

use crate::plain::event::{Event, Who, Why};
use crate::plain::quota::Quota;
use crate::plain::{RATE, Settings};
use crate::wire::{Control, Frame, Misfit};
use bytes::Bytes;
use puerta::Error;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

/// How much of what nobody answered is kept for another address of the peer's name: 64 KiB.
pub const KEPT_MAX: usize = 64 << 10;
/// How often a join is sent, and how long each waits for its answer.
const JOINS: u32 = 3;
const JOIN_PAUSE: Duration = Duration::from_secs(1);
/// Below a hub's quota, so that a network that delays a message does not make two of them one too many.
const PACE: u32 = RATE - 1;
const PACE_BURST: u32 = 20;

/// What is known of a talk with one peer.
#[derive(Debug)]
pub struct Peer {
    settings: Settings,
    who: Who,
    /// Commands of the wire: they wait for nothing.
    commands: VecDeque<Bytes>,
    messages: VecDeque<Bytes>,
    pace: Quota,
    /// Sent while nobody was heard; `None`: not kept.
    kept: Option<VecDeque<Bytes>>,
    events: VecDeque<Event>,
    joining: Option<Joining>,
    heard: bool,
    refused: bool,
}

#[derive(Debug)]
struct Joining {
    left: u32,
    again_at: Instant,
}

impl Peer {
    /// A talk with `address`. Where its name has others, what is sent is kept until somebody was heard (`keeps`).
    pub fn new(settings: Settings, address: SocketAddr, keeps: bool, now: Instant) -> Self {
        let joining = settings.wire.has_join().then_some(Joining { left: JOINS, again_at: now });
        Peer {
            settings,
            who: Who::at(address),
            commands: VecDeque::new(),
            messages: VecDeque::new(),
            pace: Quota::new(PACE, PACE_BURST, now),
            kept: keeps.then(VecDeque::new),
            events: VecDeque::new(),
            joining,
            heard: false,
            refused: false,
        }
    }

    /// A frame came from the peer.
    pub fn heard(&mut self, bytes: &[u8], at: SystemTime) {
        (self.heard, self.refused, self.kept) = (true, false, None);
        let wire = self.settings.wire;
        let decoded = wire.decode(bytes);
        let control = wire.control(&decoded.frame);
        let Frame { user, text, time } = decoded.frame;
        let who = Who { user, ..self.who.clone() };
        self.events.extend(decoded.flaws.iter().map(|flaw| Event::Flawed { who: who.clone(), flaw: *flaw }));
        match control {
            None => self.events.push_back(Event::Message { who, text, time, at }),
            Some(Control::Join) => {
                self.joining = None;
                let answer = self.settings.server_control(Control::Connected, at);
                self.commands.extend(answer.filter(|answer| answer.len() <= bytes.len()));
                self.events.push_back(Event::Joined(who));
            }
            Some(Control::Connected) => {
                if self.joining.take().is_some() {
                    self.events.push_back(Event::Connected(who));
                }
            }
            Some(Control::Quit) => self.events.push_back(Event::Left { who, why: Why::Quit }),
        }
    }

    /// The connection has ended, with a frame that was cut off in `rest`.
    pub fn closed(&mut self, rest: Option<&[u8]>, error: Option<Error>, at: SystemTime) {
        if let Some(rest) = rest {
            self.heard(rest, at);
        }
        self.events.push_back(Event::Left { who: self.who.clone(), why: Why::Closed(error) });
    }

    /// Says something: it is queued.
    ///
    /// # Errors
    /// It does not fit the wire, and is not sent.
    pub fn say(&mut self, text: &[u8], at: SystemTime) -> Result<(), Misfit> {
        self.messages.push_back(self.settings.message(text, at)?);
        Ok(())
    }

    /// We end: where the wire has a word for that, the peer is told.
    pub fn quit(&mut self, at: SystemTime) {
        self.commands.extend(self.settings.control(Control::Quit, at));
    }

    /// ICMP said that nobody is there. Told once, until somebody is heard.
    pub fn refused(&mut self, error: Error) {
        if !std::mem::replace(&mut self.refused, true) {
            self.events.push_back(Event::Refused(error));
        }
    }

    /// Nobody is at that address: all that was sent goes to another one of the name. `keeps`: there are more of them.
    pub fn elsewhere(&mut self, address: SocketAddr, keeps: bool, now: Instant) {
        let mut messages = std::mem::replace(&mut self.kept, keeps.then(VecDeque::new)).unwrap_or_default();
        messages.append(&mut self.messages);
        (self.messages, self.who, self.refused) = (messages, Who::at(address), false);
        if self.settings.wire.has_join() {
            self.commands.clear();
            self.joining = Some(Joining { left: JOINS, again_at: now });
        }
    }

    /// Time has passed: see [`wake_at`](Self::wake_at).
    pub fn tick(&mut self, now: Instant, at: SystemTime) {
        let Some(joining) = self.joining.as_mut().filter(|joining| joining.again_at <= now) else { return };
        if joining.left == 0 {
            self.joining = None;
            return self.events.push_back(Event::NoAnswer(self.who.address));
        }
        *joining = Joining { left: joining.left - 1, again_at: now + JOIN_PAUSE };
        self.commands.extend(self.settings.control(Control::Join, at));
    }

    /// When [`tick`](Self::tick), or another look at what is to be [sent](Self::outgoing), is wanted.
    pub fn wake_at(&self, now: Instant) -> Option<Instant> {
        match &self.joining {
            Some(joining) => Some(joining.again_at),
            None => self.messages.front().and_then(|_| self.pace.next_at()).filter(|at| *at > now),
        }
    }

    /// The next frame to be sent; stays until [`sent`](Self::sent). Messages wait for the answer to a join, and go at a pace
    /// that no hub refuses.
    pub fn outgoing(&self, now: Instant) -> Option<Bytes> {
        let paced = || self.joining.is_none() && self.pace.next_at().is_none_or(|at| at <= now);
        self.commands.front().or_else(|| self.messages.front().filter(|_| paced())).cloned()
    }

    /// The kernel has taken the next frame.
    pub fn sent(&mut self, now: Instant) {
        if self.commands.pop_front().is_some() {
            return;
        }
        let Some(message) = self.messages.pop_front() else { return };
        self.pace.take(now);
        if self.messages.is_empty() {
            self.events.push_back(Event::Sent);
        }
        if let Some(kept) = &mut self.kept {
            kept.push_back(message);
            if kept.iter().map(Bytes::len).sum::<usize>() > KEPT_MAX {
                self.kept = None;
            }
        }
    }

    /// Whether what is said would have to wait: say it later.
    pub fn is_busy(&self) -> bool {
        !self.messages.is_empty()
    }

    /// Whether something came from there.
    pub fn was_heard(&self) -> bool {
        self.heard
    }

    /// Whether nobody was heard, and all that was sent could go to another address.
    pub fn is_unheard(&self) -> bool {
        !self.heard && self.kept.is_some()
    }

    /// Whether ICMP said that nobody is there, and nothing came since.
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// Something happened that only the driver can know.
    pub(crate) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// What happened next.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}
