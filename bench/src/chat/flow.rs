//! What the sender and the readers of all members share: how many messages are under way, how late they came, and what went wrong.

use super::window::Window;
use crate::Result;
use std::cell::RefCell;
use std::time::Instant;
use tokio::sync::Notify;

pub(super) struct Flow {
    members: usize,
    pub(super) window: RefCell<Window>,
    /// When each message was sent, where that is asked for.
    sent: RefCell<Vec<Instant>>,
    latencies: RefCell<Vec<f64>>,
    failure: RefCell<Option<String>>,
    /// Something changed that the sender may wait for.
    progress: Notify,
}

impl Flow {
    /// For so many members, none of whom may be sent anything yet.
    pub(super) fn new(members: usize) -> Self {
        Flow {
            members,
            window: RefCell::new(Window::new(members, 0)),
            sent: RefCell::default(),
            latencies: RefCell::default(),
            failure: RefCell::default(),
            progress: Notify::new(),
        }
    }

    /// From now on no member lacks more than so many.
    pub(super) fn start(&self, outstanding: u64) {
        *self.window.borrow_mut() = Window::new(self.members, outstanding);
    }

    /// One is sent now, and it is asked how late it will be.
    pub(super) fn stamp(&self) {
        self.sent.borrow_mut().push(Instant::now());
    }

    /// Of each message that was stamped, in microseconds.
    pub(super) fn latencies(&self) -> Vec<f64> {
        self.latencies.take()
    }

    /// Waits until the window is so.
    ///
    /// # Errors
    /// What went wrong meanwhile.
    pub(super) async fn wait(&self, until: impl Fn(&Window) -> bool) -> Result<()> {
        self.until(|| until(&self.window.borrow())).await
    }

    /// Waits until something is so that readers change.
    ///
    /// # Errors
    /// What went wrong meanwhile.
    pub(super) async fn until(&self, is_so: impl Fn() -> bool) -> Result<()> {
        loop {
            if let Some(failure) = self.failure.borrow_mut().take() {
                return Err(failure);
            }
            if is_so() {
                return Ok(());
            }
            self.progress.notified().await;
        }
    }

    /// The sender looks again.
    pub(super) fn notify(&self) {
        self.progress.notify_one();
    }

    /// It goes wrong: the first reason is kept.
    pub(super) fn fail(&self, message: String) {
        self.failure.borrow_mut().get_or_insert(message);
        self.notify();
    }

    /// A member that had so many messages has got so many more.
    pub(super) fn receive(&self, member: usize, had: u64, more: u64) {
        self.late(had, had + more);
        let mut window = self.window.borrow_mut();
        if let Err(message) = window.receive(member, more) {
            drop(window);
            self.fail(message);
        } else if window.free() > 0 || window.is_empty() {
            self.notify();
        }
    }

    /// How late the messages from one to the other number are now.
    fn late(&self, from: u64, to: u64) {
        let sent = self.sent.borrow();
        if sent.is_empty() {
            return;
        }
        let now = Instant::now();
        let range = usize::try_from(from).unwrap_or_default()..usize::try_from(to).unwrap_or_default();
        let late = |at: &Instant| now.duration_since(*at).as_secs_f64() * 1e6;
        self.latencies.borrow_mut().extend(sent.get(range).unwrap_or_default().iter().map(late));
    }
}
