//! What a hub keeps in memory of rooms, members and connections.

use super::Conn;
use crate::room::frame::{Hello, MemberFacts, Refusal};
use crate::room::ids::{Device, MemberNo, RoomNo};
use crate::room::limits::Limits;
use crate::room::record::Person;
use crate::room::store::RoomKind;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Refusals of a stream that are remembered, in case the frame that said so is lost.
const REFUSALS: usize = 16;

/// A room.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) kind: RoomKind,
    /// The place of the last record that is durable.
    pub(super) head: u64,
    /// The place of the last record that was given.
    pub(super) given: u64,
    /// Who is in it, and has seen it through which place.
    pub(super) members: BTreeMap<MemberNo, u64>,
    /// The connections that get its records; none when it must be made anew.
    pub(super) audience: Option<Arc<[Conn]>>,
    /// Whose "seen" changed since it was told.
    pub(super) seen: BTreeSet<MemberNo>,
    /// Whether its numbers changed since they were told.
    pub(super) count: bool,
}

impl Room {
    pub(super) fn new(kind: RoomKind, head: u64) -> Room {
        Room { kind, head, given: head, members: BTreeMap::new(), audience: None, seen: BTreeSet::new(), count: false }
    }

    pub(super) fn name(&self) -> Option<&str> {
        match &self.kind {
            RoomKind::Public(name) => Some(name),
            RoomKind::Inbox(_) => None,
        }
    }
}

/// A member of the hub, there or not.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) device: Device,
    pub(super) name: String,
    /// The batch that made it a member; 0 when that was before the hub started.
    pub(super) since: u64,
    pub(super) inbox: Option<RoomNo>,
    pub(super) rooms: BTreeSet<RoomNo>,
    pub(super) sessions: Vec<Conn>,
    pub(super) streams: BTreeMap<u64, Stream>,
    /// When its quota is whole again (GCRA).
    pub(super) quota: Duration,
}

impl Known {
    pub(super) fn new(device: Device, name: String) -> Known {
        Known {
            device,
            name,
            since: 0,
            inbox: None,
            rooms: BTreeSet::new(),
            sessions: Vec::new(),
            streams: BTreeMap::new(),
            quota: Duration::ZERO,
        }
    }

    pub(super) fn person(&self, no: MemberNo) -> Person {
        Person { no, name: self.name.clone() }
    }

    pub(super) fn online(&self) -> bool {
        !self.sessions.is_empty()
    }

    pub(super) fn facts(&self, no: MemberNo, seen: u64) -> MemberFacts {
        MemberFacts { who: self.person(no), device: self.device, online: self.online(), seen }
    }

    /// Whether another message may be taken now; if so it is counted.
    pub(super) fn within_quota(&mut self, now: Duration, limits: &Limits) -> bool {
        if limits.rate == 0 {
            return true;
        }
        let interval = Duration::from_secs(1) / limits.rate;
        let due = self.quota.max(now);
        if due - now > interval * limits.burst.saturating_sub(1) {
            return false;
        }
        self.quota = due + interval;
        true
    }
}

/// What was taken of one outbox.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The last number that was taken or refused.
    pub(super) last: u64,
    /// The last number that is durable.
    pub(super) durable: u64,
    /// The batch of the last one that was taken.
    pub(super) batch: u64,
    pub(super) refused: VecDeque<(u64, Refusal)>,
}

impl Stream {
    pub(super) fn refuse(&mut self, number: u64, why: Refusal) {
        self.last = self.last.max(number);
        if self.refused.len() == REFUSALS {
            self.refused.pop_front();
        }
        self.refused.push_back((number, why));
    }

    pub(super) fn refusal(&self, number: u64) -> Option<&Refusal> {
        self.refused.iter().find(|(n, _)| *n == number).map(|(_, why)| why)
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) device: Device,
    pub(super) state: State,
    /// Questions for history that are not answered.
    pub(super) asked: u32,
    /// Repeated messages that are looked up.
    pub(super) finding: u32,
    /// When it was last told why nothing is taken.
    pub(super) told: Option<Duration>,
}

/// How far a connection has come.
#[derive(Debug)]
pub(super) enum State {
    /// Nothing was said.
    New,
    /// Its membership is being written, or its streams looked up.
    Entering { hello: Box<Hello>, member: MemberNo, first: Option<RoomNo> },
    /// It is in.
    Open { member: MemberNo, feed: bool, streams: Vec<u64>, first: Option<RoomNo> },
    /// It was not let in.
    Closed,
}

impl Session {
    pub(super) fn new(device: Device) -> Session {
        Session { device, state: State::New, asked: 0, finding: 0, told: None }
    }

    pub(super) fn member(&self) -> Option<MemberNo> {
        match self.state {
            State::Open { member, .. } => Some(member),
            _ => None,
        }
    }

    /// Who it is and which streams it speaks for, as soon as that is known.
    pub(super) fn streams(&self) -> Option<(MemberNo, &[u64])> {
        match &self.state {
            State::Open { member, streams, .. } => Some((*member, streams)),
            State::Entering { member, hello, .. } => Some((*member, &hello.streams)),
            State::New | State::Closed => None,
        }
    }

    pub(super) fn feed(&self) -> bool {
        matches!(self.state, State::Open { feed: true, .. })
    }
}
