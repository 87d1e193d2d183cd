//! What a program says, gathered while it says it.

use std::io::Read;
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a stream has brought so far.
#[derive(Default)]
pub(super) struct Said {
    text: Mutex<SoFar>,
    more: Condvar,
}

#[derive(Default)]
pub(super) struct SoFar {
    pub(super) bytes: Vec<u8>,
    pub(super) ended: bool,
}

impl Said {
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.text.lock().unwrap().bytes.clone()
    }

    /// Waits until `enough`. False: the stream has ended, or the time is over.
    pub(super) fn wait(&self, limit: Duration, mut enough: impl FnMut(&SoFar) -> bool) -> bool {
        let start = Instant::now();
        let mut so_far = self.text.lock().unwrap();
        while !enough(&so_far) {
            let left = limit.saturating_sub(start.elapsed());
            if so_far.ended || left.is_zero() {
                return false;
            }
            so_far = self.more.wait_timeout(so_far, left).unwrap().0;
        }
        true
    }

    pub(super) fn end(&self) {
        self.text.lock().unwrap().ended = true;
        self.more.notify_all();
    }
}

pub(super) fn gather(mut from: impl Read + Send + 'static, into: &Arc<Said>) -> JoinHandle<()> {
    let into = into.clone();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(n @ 1..) = from.read(&mut buffer) {
            into.text.lock().unwrap().bytes.extend_from_slice(&buffer[..n]);
            into.more.notify_all();
        }
        into.end();
    })
}
