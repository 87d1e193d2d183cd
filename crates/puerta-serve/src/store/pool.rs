//! Threads for what may wait for a disk: few, started when they are needed, with a queue that has an end.

use crate::problem::Refusal;
use puerta::errno;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A bounded pool of threads. Dropped, it lets running jobs end and forgets those that wait.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    name: &'static str,
    threads: usize,
    waiting: usize,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
    ended: bool,
}

impl Pool {
    /// At most so many `threads`, and jobs `waiting` for one. None is started yet: threads inherit the sandbox of whoever starts them.
    pub fn new(name: &'static str, threads: usize, waiting: usize) -> Pool {
        let shared = Arc::new(Shared { state: Mutex::default(), work: Condvar::new() });
        Pool { shared, name, threads: threads.max(1), waiting }
    }

    /// Has a job done by and by.
    ///
    /// # Errors
    /// [`Refusal::Crowded`] when as many wait as may; `EAGAIN` when the system gives no thread at all.
    pub fn hand(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Refusal> {
        let mut state = self.shared.lock();
        if state.queue.len() >= self.waiting.saturating_add(state.idle) {
            return Err(Refusal::Crowded);
        }
        state.queue.push_back(Box::new(job));
        if state.idle >= state.queue.len() || state.threads >= self.threads {
            drop(state);
            self.shared.work.notify_one();
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        match thread::Builder::new().name(self.name.to_owned()).spawn(move || shared.work()) {
            Ok(_) => state.threads += 1,
            Err(_) if state.threads > 0 => {}
            Err(error) => {
                state.queue.pop_back();
                return Err(Refusal::Exhausted(error.raw_os_error().unwrap_or(errno::EAGAIN)));
            }
        }
        Ok(())
    }

    /// Has a job done and waits for what it gives. Dropped while it waits, the job is done all the same.
    ///
    /// # Errors
    /// As [`Pool::hand`].
    pub async fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
        let (tell, told) = oneshot::channel();
        self.hand(move || {
            let _ = tell.send(job());
        })?;
        told.await.map_err(|_| Refusal::Crowded)
    }

    /// How many threads there are: for tests.
    pub fn threads(&self) -> usize {
        self.shared.lock().threads
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended = true;
        let forgotten = std::mem::take(&mut state.queue);
        drop(state);
        drop(forgotten);
        self.shared.work.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        while !state.ended {
            let Some(job) = state.queue.pop_front() else {
                state.idle += 1;
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            };
            drop(state);
            // A job that fails takes its answer with it, not the thread.
            let _ = catch_unwind(AssertUnwindSafe(job));
            state = self.lock();
        }
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("threads", &self.threads)
            .field("queue", &self.queue.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    const LIMIT: Duration = Duration::from_secs(20);

    /// A job that says that it has begun, and waits until it is let go.
    fn held(pool: &Pool) -> Result<(mpsc::Receiver<()>, mpsc::Sender<()>), Refusal> {
        let ((tell, begun), (go, wait)) = (mpsc::channel(), mpsc::channel::<()>());
        pool.hand(move || {
            let _ = tell.send(());
            let _ = wait.recv();
        })?;
        Ok((begun, go))
    }

    #[test]
    fn threads_are_started_when_they_are_needed_and_no_more_than_may_be() {
        let pool = Pool::new("test", 3, 10);
        assert_eq!(pool.threads(), 0);
        let jobs: Vec<_> = (0..3).map(|_| held(&pool).unwrap()).collect();
        jobs.iter().for_each(|(begun, _)| begun.recv_timeout(LIMIT).unwrap());
        assert_eq!(pool.threads(), 3);
        let fourth = held(&pool).unwrap();
        assert_eq!(pool.threads(), 3);
        assert!(fourth.0.try_recv().is_err(), "it waits for a thread");
        drop(jobs);
        fourth.0.recv_timeout(LIMIT).unwrap();
    }

    #[test]
    fn a_queue_that_is_full_says_so_at_once() {
        let pool = Pool::new("test", 1, 2);
        let first = held(&pool).unwrap();
        first.0.recv_timeout(LIMIT).unwrap();
        let waiting = [held(&pool).unwrap(), held(&pool).unwrap()];
        assert_eq!(held(&pool).map(drop), Err(Refusal::Crowded));
        drop(first);
        waiting.into_iter().for_each(|(begun, _go)| begun.recv_timeout(LIMIT).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(pool.run(|| 7)), Ok(7));
    }

    #[test]
    fn a_job_that_panics_leaves_its_thread_to_the_next() {
        let pool = Pool::new("test", 1, 10);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let lost: Result<(), Refusal> = runtime.block_on(pool.run(|| panic!("on purpose")));
        assert_eq!(lost, Err(Refusal::Crowded));
        assert_eq!(runtime.block_on(pool.run(|| 7)), Ok(7));
        assert_eq!(pool.threads(), 1);
    }

    #[test]
    fn a_pool_that_is_dropped_forgets_what_waits() {
        let pool = Pool::new("test", 1, 10);
        let (begun, go) = held(&pool).unwrap();
        begun.recv_timeout(LIMIT).unwrap();
        let (waiting, _never) = held(&pool).unwrap();
        drop(pool);
        assert_eq!(waiting.recv_timeout(LIMIT), Err(mpsc::RecvTimeoutError::Disconnected));
        drop(go);
    }
}
