//! Bytes each way and their rate, on a terminal that nothing else uses.

use crate::report::{Reporter, line, object};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use puerta_relay::counters::Counters;
use serde_json::json;
use std::io::IsTerminal;
use std::rc::Rc;
use std::time::Duration;

/// Shows progress until it is dropped: after a second, and only on a terminal where neither stdin nor stdout is one, unless
/// it is asked for. As JSON only where it is asked for; never where nothing but errors is to be said.
pub(crate) async fn show(counters: Rc<Counters>, reporter: Reporter, asked: bool, size: Option<u64>) {
    let terminal = std::io::stderr().is_terminal() && !reporter.json();
    let free = !std::io::stdin().is_terminal() && !std::io::stdout().is_terminal();
    if reporter.quiet() || !(asked || terminal && free) {
        return std::future::pending().await;
    }
    // Its rate counts from here.
    let bar = bar(size).filter(|_| terminal);
    let _clear = bar.clone().map(Clear);
    tokio::time::sleep(Duration::from_secs(1)).await;
    if let Some(bar) = &bar {
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
    }
    let mut pace = tokio::time::interval(Duration::from_millis(if terminal { 200 } else { 1000 }));
    loop {
        pace.tick().await;
        let (sent, received) = (counters.sent(), counters.received());
        match &bar {
            Some(bar) => {
                bar.set_position(if size.is_some() { sent } else { sent + received });
                bar.set_message(format!("sent {sent}, received {received} bytes"));
            }
            None if reporter.json() => object(json!({"event": "progress", "sent": sent, "received": received})),
            None => line(&format!("sent {sent}, received {received} bytes")),
        }
    }
}

struct Clear(ProgressBar);

impl Drop for Clear {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Not drawn yet.
fn bar(size: Option<u64>) -> Option<ProgressBar> {
    let template = match size {
        Some(_) => "{bytes} of {total_bytes} {bar:20} {bytes_per_sec}, {eta} left; {msg}",
        None => "{bytes} {bytes_per_sec}, {elapsed}; {msg}",
    };
    let bar = ProgressBar::with_draw_target(size, ProgressDrawTarget::hidden());
    bar.set_style(ProgressStyle::with_template(template).ok()?);
    Some(bar)
}
