//! Bytes each way and their rate, on a terminal that nothing else uses.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use puerta_relay::counters::Counters;
use std::io::IsTerminal;
use std::rc::Rc;
use std::time::Duration;

/// Shows progress until it is dropped: after a second, and only on a terminal where neither stdin nor stdout is one, unless
/// it is asked for.
pub(crate) async fn show(counters: Rc<Counters>, asked: bool, size: Option<u64>) {
    let terminal = std::io::stderr().is_terminal();
    let free = !std::io::stdin().is_terminal() && !std::io::stdout().is_terminal();
    if !(asked || terminal && free) {
        return std::future::pending().await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut pace = tokio::time::interval(Duration::from_millis(if terminal { 200 } else { 1000 }));
    let bar = bar(size).filter(|_| terminal);
    let _clear = bar.clone().map(Clear);
    loop {
        pace.tick().await;
        let (sent, received) = (counters.sent(), counters.received());
        match &bar {
            Some(bar) => {
                bar.set_position(if size.is_some() { sent } else { sent + received });
                bar.set_message(format!("sent {sent}, received {received} bytes"));
            }
            None => crate::report::line(&format!("sent {sent}, received {received} bytes")),
        }
    }
}

struct Clear(ProgressBar);

impl Drop for Clear {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn bar(size: Option<u64>) -> Option<ProgressBar> {
    let (bar, template) = match size {
        Some(size) => (ProgressBar::new(size), "{bytes} of {total_bytes} {bar:20} {bytes_per_sec}, {eta} left; {msg}"),
        None => (ProgressBar::no_length(), "{bytes} {bytes_per_sec}, {elapsed}; {msg}"),
    };
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
    bar.set_style(ProgressStyle::with_template(template).ok()?);
    Some(bar)
}
