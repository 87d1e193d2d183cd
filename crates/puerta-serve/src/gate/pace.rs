//! A rate for what all connections send together: a bucket of bytes that fills evenly, and a line in which those wait who find
//! too little in it.
//!
//! Who waits is served in turn, a portion each, so that no connection starves another. One task sleeps for all that wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// The most that one gets at once.
const PORTION: u64 = 64 * 1024;
/// The least that is worth a send, where more is wanted.
const LEAST: u64 = 512;
/// The bucket holds what comes in this time, so that what was not used is not made up for at once later.
const BURST: Duration = Duration::from_millis(100);
/// The task that serves those who wait sleeps at least so long.
const TICK: Duration = Duration::from_millis(10);

/// The rate, shared by all connections.
#[derive(Debug)]
pub struct Pace {
    state: Mutex<Bucket>,
    /// Somebody waits.
    called: Notify,
    started: Instant,
}

/// A connection's place in it. What it has and does not use goes back when it is dropped.
#[derive(Debug)]
pub struct Turn {
    pace: Arc<Pace>,
    place: Arc<Place>,
    waits: bool,
    /// Since somebody asked.
    waited: bool,
}

/// What one who waits is given.
#[derive(Debug, Default)]
struct Place(Mutex<Given>);

#[derive(Debug, Default)]
struct Given {
    bytes: u64,
    waker: Option<Waker>,
}

/// Bytes that may be sent. Times are since whenever.
#[derive(Debug)]
struct Bucket {
    /// Bytes a second.
    rate: u64,
    /// Billionths of bytes: nothing of a short time gets lost.
    level: u128,
    at: Duration,
    line: VecDeque<(Arc<Place>, u64)>,
}

impl Pace {
    /// So many bytes a second, at least 1. To begin with there is as much as comes in a tenth of a second.
    pub fn new(rate: u64) -> Arc<Self> {
        let state = Mutex::new(Bucket::new(rate));
        Arc::new(Pace { state, called: Notify::new(), started: Instant::now() })
    }

    /// A connection's place.
    pub fn turn(self: &Arc<Self>) -> Turn {
        Turn { pace: self.clone(), place: Arc::default(), waits: false, waited: false }
    }

    /// Serves those who wait, as long as it is awaited. While nobody does, it sleeps.
    pub async fn run(&self) {
        loop {
            let due = self.lock().serve(self.started.elapsed());
            match due {
                Some(due) => tokio::time::sleep(due.max(TICK)).await,
                None => self.called.notified().await,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Bucket> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// How many of the bytes that are `wanted`, which is at least one, may be sent now. What is not sent has to go back by
    /// [`put_back`](Self::put_back).
    pub fn poll(&mut self, cx: &Context<'_>, wanted: usize) -> Poll<usize> {
        let wanted = u64::try_from(wanted).unwrap_or(u64::MAX).clamp(1, PORTION);
        self.waited |= self.waits;
        if self.waits {
            let mut given = self.place.lock();
            if given.bytes == 0 {
                given.waker = Some(cx.waker().clone());
                return Poll::Pending;
            }
            // It was asked for by a send that is this one, or has grown.
            let bytes = given.bytes.min(wanted);
            let rest = std::mem::take(&mut given.bytes) - bytes;
            drop(given);
            self.waits = false;
            self.pace.lock().put_back(rest);
            return Poll::Ready(usize::try_from(bytes).unwrap_or(1));
        }
        let mut bucket = self.pace.lock();
        if let Some(bytes) = bucket.take(wanted, self.pace.started.elapsed()) {
            return Poll::Ready(usize::try_from(bytes).unwrap_or(1));
        }
        self.place.lock().waker = Some(cx.waker().clone());
        (self.waits, self.waited) = (true, true);
        bucket.line.push_back((self.place.clone(), wanted));
        drop(bucket);
        self.pace.called.notify_one();
        Poll::Pending
    }

    /// Whether it has waited for the rate since it was asked last.
    pub fn has_waited(&mut self) -> bool {
        std::mem::take(&mut self.waited)
    }

    /// Of what there was room for, so much was not sent.
    pub fn put_back(&self, unused: usize) {
        if unused > 0 {
            self.pace.lock().put_back(u64::try_from(unused).unwrap_or(0));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.waits {
            let mut bucket = self.pace.lock();
            bucket.line.retain(|(place, _)| !Arc::ptr_eq(place, &self.place));
            let given = std::mem::take(&mut self.place.lock().bytes);
            bucket.put_back(given);
        }
    }
}

impl Place {
    fn lock(&self) -> MutexGuard<'_, Given> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NANOS: u128 = 1_000_000_000;

impl Bucket {
    fn new(rate: u64) -> Self {
        let mut bucket = Bucket { rate: rate.max(1), level: 0, at: Duration::ZERO, line: VecDeque::new() };
        bucket.level = bucket.most();
        bucket
    }

    /// What it holds: at least one portion that is worth a send.
    fn most(&self) -> u128 {
        (u128::from(self.rate) * BURST.as_nanos()).max(u128::from(LEAST) * NANOS)
    }

    fn fill(&mut self, now: Duration) {
        let since = now.saturating_sub(self.at).as_nanos();
        self.level = (self.level + since * u128::from(self.rate)).min(self.most());
        self.at = self.at.max(now);
    }

    /// What there is, for who comes and finds nobody waiting.
    fn take(&mut self, wanted: u64, now: Duration) -> Option<u64> {
        self.fill(now);
        if self.line.is_empty() { self.draw(wanted) } else { None }
    }

    /// At least what is worth a send.
    fn draw(&mut self, wanted: u64) -> Option<u64> {
        let have = u64::try_from(self.level / NANOS).unwrap_or(u64::MAX);
        if have < wanted.min(LEAST) {
            return None;
        }
        let bytes = wanted.min(have);
        self.level -= u128::from(bytes) * NANOS;
        Some(bytes)
    }

    fn put_back(&mut self, bytes: u64) {
        self.level = (self.level + u128::from(bytes) * NANOS).min(self.most());
    }

    /// Gives to those who wait what there is, in turn. When there will be enough for the next; `None`: nobody waits.
    fn serve(&mut self, now: Duration) -> Option<Duration> {
        self.fill(now);
        while let Some((_, wanted)) = self.line.front() {
            let wanted = *wanted;
            let Some(bytes) = self.draw(wanted) else {
                let missing = (u128::from(wanted.min(LEAST)) * NANOS).saturating_sub(self.level);
                let nanos = missing.div_ceil(u128::from(self.rate));
                return Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
            };
            if let Some((place, _)) = self.line.pop_front() {
                let mut given = place.lock();
                given.bytes += bytes;
                if let Some(waker) = given.waker.take() {
                    drop(given);
                    waker.wake();
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken of a bucket by so many who always want more, each `step`, up to `end`.
    fn taken(rate: u64, who: usize, step: Duration, end: Duration) -> (u64, Vec<u64>) {
        let mut bucket = Bucket::new(rate);
        let places: Vec<Arc<Place>> = (0..who).map(|_| Arc::default()).collect();
        let mut each = vec![0; who];
        let mut waits = vec![false; who];
        let mut now = Duration::ZERO;
        while now < end {
            bucket.serve(now);
            for (at, place) in places.iter().enumerate() {
                let given = std::mem::take(&mut place.lock().bytes);
                each[at] += given;
                waits[at] &= given == 0;
                while !waits[at] {
                    match bucket.take(PORTION, now) {
                        Some(bytes) => each[at] += bytes,
                        None => {
                            bucket.line.push_back((place.clone(), PORTION));
                            waits[at] = true;
                        }
                    }
                }
            }
            now += step;
        }
        (each.iter().sum(), each)
    }

    #[test]
    fn in_any_time_no_more_goes_than_the_rate_and_what_the_bucket_holds() {
        for rate in [1, 100, 1000, 5_000_000, 10_000_000_000] {
            for (step, end) in [(1, 10), (10, 1000), (37, 5000), (3, 500)] {
                let (sum, _) = taken(rate, 3, Duration::from_millis(step), Duration::from_millis(end));
                let burst = (rate / 10).max(LEAST);
                assert!(sum <= burst + rate * end / 1000, "{rate} {step} {end}: {sum}");
                // And all of it is used, if there is somebody to use it.
                let idle = rate * step / 1000 + LEAST;
                assert!(step > 100 || sum + idle + burst >= burst + rate * end / 1000, "{rate} {step} {end}: {sum}");
            }
        }
    }

    #[test]
    fn those_who_wait_are_served_in_turn() {
        for (rate, who) in [(100_000, 7), (5_000_000, 40)] {
            let (_, each) = taken(rate, who, Duration::from_millis(10), Duration::from_secs(20));
            let (least, most) = (each.iter().min().unwrap(), each.iter().max().unwrap());
            // Who came first had what was there to begin with.
            assert!(most - least <= rate / 10 + 2 * PORTION, "{rate}: {least} to {most}");
        }
    }

    #[test]
    fn nobody_is_woken_before_there_is_something_for_it() {
        let mut bucket = Bucket::new(1000);
        assert_eq!(bucket.take(PORTION, Duration::ZERO), Some(LEAST));
        let place = Arc::<Place>::default();
        bucket.line.push_back((place.clone(), PORTION));
        let due = bucket.serve(Duration::ZERO).unwrap();
        assert_eq!(due, Duration::from_millis(512));
        assert!(bucket.serve(due - Duration::from_millis(2)).is_some_and(|left| left >= Duration::from_millis(2)));
        assert_eq!(place.lock().bytes, 0);
        assert_eq!(bucket.serve(due), None);
        assert_eq!(place.lock().bytes, LEAST);
    }

    #[test]
    fn what_is_not_used_is_there_for_others() {
        let pace = Pace::new(1);
        let cx = Context::from_waker(Waker::noop());
        let (mut first, mut second) = (pace.turn(), pace.turn());
        assert_eq!(first.poll(&cx, 10_000), Poll::Ready(512));
        assert_eq!(second.poll(&cx, 10_000), Poll::Pending);
        first.put_back(512);
        pace.lock().serve(Duration::ZERO);
        // Given to the second, who has gone: it is there again.
        drop(second);
        assert_eq!(first.poll(&cx, 10_000), Poll::Ready(512));
    }
}
