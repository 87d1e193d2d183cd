//! Deadlines in coarse ticks: one task for each runtime looks at all its connections, so that a request costs no timer.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// No deadline.
const NEVER: u64 = u64::MAX;

/// How long a request may still take to come whole when it is time to stop: 1 s.
pub const MOMENT: Duration = Duration::from_secs(1);

/// The clock of a runtime's connections, and all of them. A deadline strikes at most two ticks late, and never early.
#[derive(Debug)]
pub struct Watchman {
    /// Milliseconds since it was made, as of the last tick.
    now: AtomicU64,
    started: Instant,
    tick: Duration,
    watched: Mutex<Vec<Arc<Watch>>>,
    /// There is somebody to look at, or it is time to stop.
    called: Notify,
    /// Since when it is time to stop, in milliseconds since it was made.
    stopping: AtomicU64,
}

/// One connection's deadline.
#[derive(Debug)]
pub struct Watch {
    man: Arc<Watchman>,
    /// On the clock of the watchman.
    deadline: AtomicU64,
    waker: Mutex<Option<Waker>>,
}

impl Watchman {
    /// Looks once a tick: an eighth of the shortest limit, but 5 ms at least and 1 s at most.
    pub fn new(shortest: Duration) -> Arc<Self> {
        Arc::new(Watchman {
            now: AtomicU64::new(0),
            started: Instant::now(),
            tick: (shortest / 8).clamp(Duration::from_millis(5), Duration::from_secs(1)),
            watched: Mutex::default(),
            called: Notify::new(),
            stopping: AtomicU64::new(NEVER),
        })
    }

    /// Watches one more connection, until its watch is dropped.
    pub fn watch(self: &Arc<Self>) -> Arc<Watch> {
        let watch = Arc::new(Watch { man: self.clone(), deadline: AtomicU64::new(NEVER), waker: Mutex::default() });
        let mut watched = lock(&self.watched);
        watched.push(watch.clone());
        if watched.len() == 1 {
            self.called.notify_one();
        }
        watch
    }

    /// Wakes who is late, as long as it is awaited; `each` is called each time. Without connections it sleeps.
    pub async fn run(&self, each: impl Fn()) {
        loop {
            while lock(&self.watched).is_empty() {
                self.called.notified().await;
            }
            self.look();
            each();
            // What is new at the end of a pause waits for the next look.
            let _ = tokio::time::timeout(self.tick, self.called.notified()).await;
        }
    }

    /// Idle connections end, and others after the response that is under way; a request that is not whole has [`MOMENT`].
    pub fn stop(&self) {
        self.stopping.store(self.millis(), Ordering::Relaxed);
        for watch in lock(&self.watched).iter() {
            watch.wake();
        }
        self.called.notify_one();
    }

    /// Whether it is time to stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed) != NEVER
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(NEVER)
    }

    fn look(&self) {
        let now = self.millis();
        self.now.store(now, Ordering::Relaxed);
        // Who began to wait just when it became time to stop has not seen that.
        let stopping = self.is_stopping();
        lock(&self.watched).retain(|watch| {
            if stopping || watch.deadline.load(Ordering::Relaxed) <= now {
                watch.wake();
            }
            Arc::strong_count(watch) > 1
        });
    }
}

impl Watch {
    /// From now on it is late after `limit`.
    pub fn within(&self, limit: Duration) {
        // The clock may be a tick behind.
        let limit = u64::try_from(limit.saturating_add(self.man.tick).as_millis()).unwrap_or(NEVER);
        let deadline = self.man.now.load(Ordering::Relaxed).saturating_add(limit);
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    /// From now on it is never late.
    pub fn forever(&self) {
        self.deadline.store(NEVER, Ordering::Relaxed);
    }

    /// Whether it is late.
    pub fn is_late(&self) -> bool {
        self.deadline.load(Ordering::Relaxed) <= self.man.now.load(Ordering::Relaxed)
    }

    /// The same, for who waits for a request: [`MOMENT`] after it was time to stop it is late, too.
    pub fn is_over(&self) -> bool {
        let moment = u64::try_from(MOMENT.as_millis()).unwrap_or(NEVER);
        let end = self.man.stopping.load(Ordering::Relaxed).saturating_add(moment);
        self.is_late() || end <= self.man.now.load(Ordering::Relaxed)
    }

    /// Whether it is time to stop.
    pub fn is_stopping(&self) -> bool {
        self.man.is_stopping()
    }

    /// The task that is polled is woken when it is late, and when it is time to stop.
    pub fn wake_me(&self, cx: &Context<'_>) {
        let mut waker = lock(&self.waker);
        if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    /// Waits for what `poll` waits for, but not longer than until the deadline.
    pub async fn or_late<R>(&self, poll: impl FnMut(&mut Context<'_>) -> Poll<R>) -> Option<R> {
        self.unless(Watch::is_late, poll).await
    }

    /// The same, for who waits for a request: not longer than until it [is over](Self::is_over).
    pub async fn or_over<R>(&self, poll: impl FnMut(&mut Context<'_>) -> Poll<R>) -> Option<R> {
        self.unless(Watch::is_over, poll).await
    }

    async fn unless<R>(
        &self,
        ends: impl Fn(&Watch) -> bool,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Option<R> {
        poll_fn(|cx| {
            if let Poll::Ready(done) = poll(cx) {
                return Poll::Ready(Some(done));
            }
            self.wake_me(cx);
            if ends(self) { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }

    fn wake(&self) {
        if let Some(waker) = lock(&self.waker).as_ref() {
            waker.wake_by_ref();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
