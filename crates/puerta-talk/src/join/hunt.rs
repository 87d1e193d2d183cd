//! A connection to the hub is tried for, again and again, until one stands.
//!
//! A packet that gets lost is sent again by QUIC after a third of a second, then twice that, and so on. Attempts that overlap find a hub that comes back, or a
//! network that heals, sooner than that.

use super::link::Link;
use crate::problem::Problem;
use crate::room::ids::Device;
use crate::transport::{Dialer, Expected};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Addresses that are tried at a time, at most.
pub(super) const ADDRESSES: usize = 8;

/// The pause between two attempts, at first and when nobody answered for [`PATIENCE`].
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];

/// For how long there are as many attempts as at first.
const PATIENCE: Duration = Duration::from_secs(300);

/// Attempts that are under way at a time, at most.
const ATTEMPTS: usize = 40;

/// After this time without a connection the user should know.
const TOLD: Duration = Duration::from_secs(3);

/// The attempts. Dropped, they end.
pub(super) struct Hunt {
    dialer: Dialer,
    at: Vec<SocketAddr>,
    hub: Device,
    attempts: JoinSet<Result<Link, Problem>>,
    next: usize,
    begun: Instant,
    again: Instant,
    told: bool,
    why: Option<Problem>,
}

impl Hunt {
    pub(super) fn start(dialer: Dialer, mut at: Vec<SocketAddr>, hub: Device) -> Hunt {
        at.truncate(ADDRESSES);
        let now = Instant::now();
        let attempts = JoinSet::new();
        Hunt { dialer, at, hub, attempts, next: 0, begun: now, again: now, told: false, why: None }
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
            if Instant::now() >= self.again {
                self.attempt();
            }
            let until = if self.told { self.again } else { self.again.min(self.begun + TOLD) };
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
        let [often, seldom] = PAUSES;
        self.again = Instant::now() + if self.begun.elapsed() < PATIENCE { often } else { seldom };
        if self.attempts.len() >= ATTEMPTS || self.at.is_empty() {
            return;
        }
        // All at once at first, then one after the other.
        let count = if self.next == 0 { self.at.len() } else { 1 };
        for _ in 0..count {
            let Some(at) = self.at.get(self.next % self.at.len()).copied() else { return };
            self.next += 1;
            let (dialer, hub) = (self.dialer.clone(), self.hub);
            self.attempts.spawn(async move {
                let (connection, _) = dialer.connect(at, Expected::Key(hub)).await?;
                Link::open(connection, at).await
            });
        }
    }
}
