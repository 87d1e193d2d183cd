//! A beat: the runtime's timers are a millisecond coarse, a thread's sleep is not.

use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A tick every so often for so long, the first at once. Late ticks are made up for, none is left out.
pub(crate) fn beat(every: Duration, time: Duration) -> UnboundedReceiver<()> {
    let (ticks, beat) = unbounded_channel();
    thread::spawn(move || {
        let begin = Instant::now();
        let mut due = Duration::ZERO;
        while due < time {
            thread::sleep(due.saturating_sub(begin.elapsed()));
            if ticks.send(()).is_err() {
                break;
            }
            due += every;
        }
    });
    beat
}
