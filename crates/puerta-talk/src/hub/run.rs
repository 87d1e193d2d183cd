//! A hub's turns: what came is taken in, what the log has is told, what is to be sent goes out; then it waits.

use super::{Hub, Inner, Shared};
use crate::transport::{CLOSED, Door, Wait};
use std::time::{Duration, Instant};

/// When a fan-out of [`BUSY`] messages or more took longer, there is none for as long again: more messages share the next, and half
/// of the time is for what comes in. A message that comes alone never waits.
const QUICK: Duration = Duration::from_micros(300);

/// The longest such wait.
const HELD: Duration = Duration::from_millis(20);

/// See [`QUICK`].
const BUSY: usize = 4;

/// How long a hub that ends waits for its members to hear of it.
const GOODBYE: Duration = Duration::from_millis(500);

impl Hub {
    /// Serves until `stop` is ready; then what came is made durable, and the members hear that the hub is gone.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        loop {
            let wait = self.shared.inner().turn(&mut self.door);
            tokio::select! {
                biased;
                () = &mut stop => break,
                () = self.shared.wake.notified() => {}
                () = self.door.wait(wait) => {}
            }
        }
        self.shared.finish(&mut self.door).await;
    }
}

impl Shared {
    /// Nothing is taken any more; what was taken is made durable, and told; and so is the end.
    async fn finish(&self, door: &mut Door) {
        self.inner().closing = true;
        let patience = Instant::now() + GOODBYE;
        loop {
            let mut wait = self.inner().turn(door);
            if !self.inner().keeper.is_busy() || Instant::now() >= patience {
                break;
            }
            wait.until(patience);
            tokio::select! {
                () = self.wake.notified() => {}
                () = door.wait(wait) => {}
            }
        }
        let patience = Instant::now() + GOODBYE;
        self.inner().server.close_all(Instant::now(), CLOSED);
        loop {
            let mut wait = self.inner().turn(door);
            if self.inner().server.counts().open == 0 || Instant::now() >= patience {
                return;
            }
            wait.until(patience);
            door.wait(wait).await;
        }
    }
}

impl Inner {
    /// One turn.
    fn turn(&mut self, door: &mut Door) -> Wait {
        let start = Instant::now();
        door.receive(&mut self.server, start);
        self.happened();
        self.flush();
        // What comes in the pause is made durable, and goes out with the rest.
        let held = start < self.next && !self.closing;
        let messages = if held { 0 } else { self.tell() };
        self.look_after(start);
        door.flush(&mut self.server, Instant::now());
        // Who was cut off just now is gone for the others, too.
        self.happened();
        self.flush();
        if messages >= BUSY {
            let took = start.elapsed();
            if took > QUICK {
                self.next = Instant::now() + took.min(HELD);
            }
        }
        let mut wait = Wait::of(&self.server);
        // What is due in the pause is due at its end.
        let due = self.rooms.due().map(|due| (self.start + due).max(self.next));
        for due in [self.look, due].into_iter().flatten() {
            wait.until(due);
        }
        if self.next > start {
            wait.until(self.next);
        }
        wait
    }
}
