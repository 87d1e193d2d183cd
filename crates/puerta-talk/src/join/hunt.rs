//! A connection to the hub is tried for, again and again, until one stands.
//!
//! A packet that gets lost is sent again by QUIC after a third of a second, then twice that, and so on. Attempts that overlap find a hub that comes back, or a
//! network that heals, sooner than that. The [schedule](super::schedule) says when they begin, and bounds them.
//!
//! Addresses of private networks are others' in another network: one where another key is shown is a failed attempt, as long as the
//! hub may be at one of the others.

use super::link::Link;
use super::schedule::{ADDRESSES, Schedule};
use crate::problem::Problem;
use crate::room::ids::Device;
use crate::transport::{Dialer, Expected};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// After this time without a connection the user should know.
const TOLD: Duration = Duration::from_secs(3);

/// What has come of it.
pub(super) enum Hunted {
    /// A connection.
    Link(Box<Link>),
    /// It takes long. Told once.
    Silence,
    /// It takes long, and somebody shows another key. Told once.
    OtherKey(Problem),
}

/// The attempts. Dropped, they end.
pub(super) struct Hunt {
    dialer: Dialer,
    at: Vec<SocketAddr>,
    hub: Device,
    attempts: JoinSet<Result<Link, (SocketAddr, Problem)>>,
    schedule: Schedule,
    begun: Instant,
    told: bool,
    told_strange: bool,
    why: Option<Problem>,
    /// Where the last attempt that has ended found another key: not more than `at`.
    strange: Vec<SocketAddr>,
}

impl Hunt {
    pub(super) fn start(dialer: Dialer, mut at: Vec<SocketAddr>, hub: Device) -> Hunt {
        at.truncate(ADDRESSES);
        let now = Instant::now();
        let schedule = Schedule::new(now, at.len());
        Hunt {
            dialer,
            at,
            hub,
            attempts: JoinSet::new(),
            schedule,
            begun: now,
            told: false,
            told_strange: false,
            why: None,
            strange: Vec::new(),
        }
    }

    /// Why the last attempt failed; that another key was shown weighs more than any other reason.
    pub(super) fn why(&mut self) -> Option<Problem> {
        self.why.take()
    }

    /// A connection.
    pub(super) async fn first(&mut self) -> Result<Link, Problem> {
        loop {
            match self.next().await? {
                Hunted::Link(link) => return Ok(*link),
                Hunted::OtherKey(problem) => self.why = Some(problem),
                Hunted::Silence => {}
            }
        }
    }

    /// What comes next. An error where trying again is of no use: another key was shown everywhere. May be dropped and called anew.
    pub(super) async fn next(&mut self) -> Result<Hunted, Problem> {
        loop {
            self.attempt();
            let due = self.schedule.due();
            let until = if self.told { due } else { due.min(self.begun + TOLD) };
            tokio::select! {
                Some(done) = self.attempts.join_next(), if !self.attempts.is_empty() => match done {
                    Ok(Ok(link)) => return Ok(Hunted::Link(Box::new(link))),
                    Ok(Err((at, problem))) => self.failed(at, problem)?,
                    Err(_) => {}
                },
                () = tokio::time::sleep_until(until.into()) => {}
            }
            if !self.told && self.begun.elapsed() >= TOLD {
                self.told = true;
                return Ok(Hunted::Silence);
            }
            if self.told
                && !self.told_strange
                && let Some(problem) = self.why.take_if(|why| matches!(why, Problem::WrongKey { .. }))
            {
                self.told_strange = true;
                return Ok(Hunted::OtherKey(problem));
            }
        }
    }

    fn failed(&mut self, at: SocketAddr, problem: Problem) -> Result<(), Problem> {
        if !matches!(problem, Problem::WrongKey { .. }) {
            self.strange.retain(|strange| *strange != at);
            if !matches!(self.why, Some(Problem::WrongKey { .. })) {
                self.why = Some(problem);
            }
            return Ok(());
        }
        if !self.strange.contains(&at) {
            self.strange.push(at);
        }
        if self.at.iter().all(|at| self.strange.contains(at)) {
            return Err(problem);
        }
        self.why = Some(problem);
        Ok(())
    }

    fn attempt(&mut self) {
        for attempt in self.schedule.take(Instant::now(), self.attempts.len()) {
            let Some(at) = self.at.get(attempt.at).copied() else { continue };
            let (dialer, hub) = (self.dialer.clone(), self.hub);
            self.attempts.spawn(async move {
                let expected = Expected::Key(hub);
                let link = async {
                    let (connection, _) = match attempt.answer {
                        Some(answer) => dialer.attempt(at, expected, answer).await?,
                        None => dialer.connect(at, expected).await?,
                    };
                    Link::open(connection, at).await
                };
                link.await.map_err(|problem| (at, problem))
            });
        }
    }
}
