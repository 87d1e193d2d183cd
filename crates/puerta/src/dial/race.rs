//! Happy Eyeballs, version 2 (RFC 8305): which attempt starts when. No I/O: the time is an argument.

use crate::address::Endpoint;
use crate::protocol::Family;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long an attempt runs alone before the next one starts beside it: RFC 8305 section 5, "Connection Attempt Delay".
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// The bounds of that delay: section 5 forbids less than 10 ms, section 8 recommends at most 2 s.
const DELAYS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(2));

/// A race of connection attempts, known by their numbers from 0 on. The caller asks [`act`](Self::act) what to do, does
/// it, and tells how attempts ended.
///
/// ```
/// use puerta::{Action, Race, ATTEMPT_DELAY};
/// use std::time::Instant;
///
/// let start = Instant::now();
/// let mut race = Race::new(2, ATTEMPT_DELAY, None);
/// assert_eq!(race.act(start), Action::Start(0));
/// assert_eq!(race.act(start), Action::WaitUntil(Some(start + ATTEMPT_DELAY)));
/// race.failed(0, "refused");
/// assert_eq!(race.act(start), Action::Start(1));
/// race.connected(1);
/// assert_eq!(race.act(start), Action::Done(1));
/// ```
#[derive(Debug, Clone)]
pub struct Race<E> {
    attempts: Vec<State<E>>,
    started: usize,
    delay: Duration,
    next_start: Option<Instant>,
    deadline: Option<Instant>,
    winner: Option<usize>,
}

/// What a [`Race`] asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action<E> {
    /// Start this attempt, then ask again.
    Start(usize),
    /// Wait until an attempt ends, or up to this time; without one, for as long as it takes. Then ask again.
    WaitUntil(Option<Instant>),
    /// This attempt stands: close the others.
    Done(usize),
    /// None stands.
    GiveUp(GaveUp<E>),
}

/// How a race was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GaveUp<E> {
    /// The attempts that failed, in the order of their numbers.
    pub failed: Vec<(usize, E)>,
    /// The attempts that were under way when the deadline struck: close them.
    pub pending: Vec<usize>,
    /// Whether the deadline struck. Attempts that had not started then never do.
    pub late: bool,
}

#[derive(Debug, Clone)]
enum State<E> {
    Waiting,
    Running,
    Failed(E),
    /// Its error was handed out.
    Over,
}

impl<E> Race<E> {
    /// A race of `count` attempts, in the order of their numbers (see [`interleave`]). An attempt starts when the one
    /// before it failed, or `delay` after it started (held between 10 ms and 2 s). At `deadline` all is over.
    pub fn new(count: usize, delay: Duration, deadline: Option<Instant>) -> Self {
        let attempts = (0..count).map(|_| State::Waiting).collect();
        let delay = delay.clamp(DELAYS.0, DELAYS.1);
        Race { attempts, started: 0, delay, next_start: None, deadline, winner: None }
    }

    /// What to do at this moment. It always has an answer; after the end it stays the same, but that errors are given once.
    pub fn act(&mut self, now: Instant) -> Action<E> {
        if let Some(winner) = self.winner {
            return Action::Done(winner);
        }
        let late = self.deadline.is_some_and(|deadline| now >= deadline);
        let running = self.attempts.iter().any(|state| matches!(state, State::Running));
        let left = self.started < self.attempts.len();
        if late || !running && !left {
            return Action::GiveUp(self.give_up(late));
        }
        if left && (!running || self.next_start.is_none_or(|at| now >= at)) {
            let number = self.started;
            self.set(number, State::Running);
            self.started += 1;
            self.next_start = now.checked_add(self.delay);
            return Action::Start(number);
        }
        let next = if left { self.next_start } else { None };
        Action::WaitUntil(next.into_iter().chain(self.deadline).min())
    }

    /// That attempt failed; the next one may start at once. One that does not run is left as it is.
    pub fn failed(&mut self, number: usize, error: E) {
        if self.is_running(number) {
            self.set(number, State::Failed(error));
            // Section 5: the next attempt does not wait when one has failed.
            self.next_start = None;
        }
    }

    /// That attempt stands. The first one that does wins; one that does not run is left as it is.
    pub fn connected(&mut self, number: usize) {
        if self.winner.is_none() && self.is_running(number) {
            self.winner = Some(number);
        }
    }

    fn give_up(&mut self, late: bool) -> GaveUp<E> {
        let (mut failed, mut pending) = (Vec::new(), Vec::new());
        self.started = self.attempts.len();
        for (number, state) in self.attempts.iter_mut().enumerate() {
            match std::mem::replace(state, State::Over) {
                State::Failed(error) => failed.push((number, error)),
                State::Running => pending.push(number),
                State::Waiting | State::Over => {}
            }
        }
        GaveUp { failed, pending, late }
    }

    fn is_running(&self, number: usize) -> bool {
        matches!(self.attempts.get(number), Some(State::Running))
    }

    fn set(&mut self, number: usize, state: State<E>) {
        if let Some(slot) = self.attempts.get_mut(number) {
            *slot = state;
        }
    }
}

/// Addresses in the order in which to try them: the families take turns, the first address's family first, and within a family
/// the order stays (RFC 8305 section 4, with a First Address Family Count of 1).
pub fn interleave<A: Clone + Into<Endpoint>>(addresses: &[A]) -> Vec<A> {
    let mut families: Vec<(Family, VecDeque<A>)> = Vec::new();
    for address in addresses {
        let family = Family::of(&address.clone().into());
        match families.iter_mut().find(|(known, _)| *known == family) {
            Some((_, queue)) => queue.push_back(address.clone()),
            None => families.push((family, VecDeque::from([address.clone()]))),
        }
    }
    let mut ordered = Vec::with_capacity(addresses.len());
    while ordered.len() < addresses.len() {
        ordered.extend(families.iter_mut().filter_map(|(_, queue)| queue.pop_front()));
    }
    ordered
}
