//! What a session has moved so far, for the verdict, `--idle` and progress.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

/// How many bytes one read takes: 64 KiB.
pub const CHUNK: usize = 64 << 10;

/// Bytes each way, and when the last of them moved. Shared within one thread.
#[derive(Debug)]
pub struct Counters {
    sent: Cell<u64>,
    received: Cell<u64>,
    last: Cell<Instant>,
    /// How many wait for our own output.
    waiting: Cell<usize>,
    /// How many bytes were given to our own output and are not written yet.
    unwritten: Rc<Cell<usize>>,
    /// What all sessions of a server have moved.
    total: Option<Rc<Counters>>,
}

impl Counters {
    /// Nothing yet.
    pub fn new() -> Self {
        let (sent, received, waiting) = (Cell::new(0), Cell::new(0), Cell::new(0));
        Counters { sent, received, last: Cell::new(Instant::now()), waiting, unwritten: Rc::default(), total: None }
    }

    /// Nothing yet; what comes counts for the total as well.
    pub fn part_of(total: Rc<Counters>) -> Self {
        Counters { total: Some(total), ..Counters::new() }
    }

    /// The kernel took `n` bytes for the peer.
    pub fn add_sent(&self, n: usize) {
        self.sent.set(self.sent.get() + n as u64);
        self.last.set(Instant::now());
        if let Some(total) = &self.total {
            total.add_sent(n);
        }
    }

    /// `n` of the bytes that were sent went to where nobody was; they are sent again.
    pub fn take_back(&self, n: usize) {
        self.sent.set(self.sent.get().saturating_sub(n as u64));
    }

    /// `n` bytes came from the peer.
    pub fn add_received(&self, n: usize) {
        self.received.set(self.received.get() + n as u64);
        self.last.set(Instant::now());
        if let Some(total) = &self.total {
            total.add_received(n);
        }
    }

    /// Bytes that the kernel took for the peer.
    pub fn sent(&self) -> u64 {
        self.sent.get()
    }

    /// Bytes that came from the peer.
    pub fn received(&self) -> u64 {
        self.received.get()
    }

    /// How much of what came our own output has not taken yet, as it is shown there.
    pub fn unwritten(&self) -> usize {
        self.unwritten.get()
    }

    /// The same, for whoever writes.
    pub(crate) fn unwritten_count(&self) -> Rc<Cell<usize>> {
        self.unwritten.clone()
    }

    /// Somebody is there: the silence before does not count.
    pub fn begin(&self) {
        self.last.set(Instant::now());
    }

    /// When the last byte moved; at first, when the session began. While it is our own output that is waited for: now.
    pub fn last(&self) -> Instant {
        if self.waiting.get() > 0 { Instant::now() } else { self.last.get() }
    }

    /// Until it is dropped, what came waits for our own output: that is no silence, however long it takes.
    pub(crate) fn wait_for_output(&self) -> Waiting<'_> {
        self.waiting.set(self.waiting.get() + 1);
        Waiting(self)
    }
}

/// The clock of `--idle` stands still; it begins anew when this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Waiting<'a>(&'a Counters);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get().saturating_sub(1));
        self.0.last.set(Instant::now());
    }
}

impl Default for Counters {
    fn default() -> Self {
        Counters::new()
    }
}
