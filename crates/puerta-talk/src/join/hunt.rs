//! A connection to the hub is tried for, again and again, until one stands.
//!
//! A packet that gets lost is sent again by QUIC after a third of a second, then twice that, and so on. Attempts that overlap find a hub that comes back, or a
//! network that heals, sooner than that. The [schedule](super::schedule) says when they begin, and bounds them.

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

/// The attempts. Dropped, they end.
pub(super) struct Hunt {
    dialer: Dialer,
    at: Vec<SocketAddr>,
    hub: Device,
    attempts: JoinSet<Result<Link, Problem>>,
    schedule: Schedule,
    begun: Instant,
    told: bool,
    why: Option<Problem>,
}

impl Hunt {
    pub(super) fn start(dialer: Dialer, mut at: Vec<SocketAddr>, hub: Device) -> Hunt {
        at.truncate(ADDRESSES);
        let now = Instant::now();
        let schedule = Schedule::new(now, at.len());
        Hunt { dialer, at, hub, attempts: JoinSet::new(), schedule, begun: now, told: false, why: None }
    }

    /// Why the last attempt failed.
    pub(super) fn why(&mut self) -> Option<Problem> {
        self.why.take()
    }

    /// A connection.
    pub(super) async fn first(&mut self) -> Result<Link, Problem> {
        loop {
            if let Some(link) = self.next().await? {
                return Ok(link);
            }
        }
    }

    /// A connection, or nothing, once, when it takes long. An error where trying again is of no use. May be dropped and called anew.
    pub(super) async fn next(&mut self) -> Result<Option<Link>, Problem> {
        loop {
            self.attempt();
            let due = self.schedule.due();
            let until = if self.told { due } else { due.min(self.begun + TOLD) };
            tokio::select! {
                Some(done) = self.attempts.join_next(), if !self.attempts.is_empty() => match done {
                    Ok(Ok(link)) => return Ok(Some(link)),
                    Ok(Err(problem @ Problem::WrongKey { .. })) => return Err(problem),
                    Ok(Err(problem)) => self.why = Some(problem),
                    Err(_) => {}
                },
                () = tokio::time::sleep_until(until.into()) => {}
            }
            if !self.told && self.begun.elapsed() >= TOLD {
                self.told = true;
                return Ok(None);
            }
        }
    }

    fn attempt(&mut self) {
        for attempt in self.schedule.take(Instant::now(), self.attempts.len()) {
            let Some(at) = self.at.get(attempt.at).copied() else { continue };
            let (dialer, hub) = (self.dialer.clone(), self.hub);
            self.attempts.spawn(async move {
                let expected = Expected::Key(hub);
                let (connection, _) = match attempt.answer {
                    Some(answer) => dialer.attempt(at, expected, answer).await?,
                    None => dialer.connect(at, expected).await?,
                };
                Link::open(connection, at).await
            });
        }
    }
}
