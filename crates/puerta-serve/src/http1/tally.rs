//! What a server has done, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of all connections that have ended.
#[derive(Debug, Default)]
pub struct Tally {
    requests: AtomicU64,
    sent: AtomicU64,
    cut: AtomicU64,
}

impl Tally {
    /// Requests that were answered, refused ones included.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes that the kernel took, heads included, without what TLS adds.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Responses that were not sent to their end: by the client's wish or its slowness, for a file that could not be read, or because
    /// the server stopped.
    pub fn cut(&self) -> u64 {
        self.cut.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, requests: u32, sent: u64, cut: bool) {
        self.requests.fetch_add(requests.into(), Ordering::Relaxed);
        self.sent.fetch_add(sent, Ordering::Relaxed);
        self.cut.fetch_add(cut.into(), Ordering::Relaxed);
    }
}
