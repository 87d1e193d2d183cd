//! SIGINT, SIGTERM and SIGHUP end the work by unwinding: paths are unlinked, the verdict is given.

use puerta_relay::verdict::How;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that stop us, but for those that whoever started us has set to be ignored (nohup, a background job).
pub(crate) struct Stop {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
    hang_up: Option<Signal>,
}

/// Comes when we go on after we were stopped: SIGCONT.
///
/// # Errors
/// What sigaction(2) says.
pub(crate) fn continued() -> std::io::Result<Signal> {
    signal(SignalKind::from_raw(SIGCONT))
}

const SIGCONT: i32 = 18;
const SIGHUP: u32 = 1;
const SIGINT: u32 = 2;
const SIGTERM: u32 = 15;

impl Stop {
    /// Watches from now on.
    ///
    /// # Errors
    /// What sigaction(2) says.
    pub(crate) fn watch() -> std::io::Result<Self> {
        let ignored = ignored();
        let watch = |number: u32, kind| (ignored & (1 << (number - 1)) == 0).then(|| signal(kind)).transpose();
        Ok(Stop {
            interrupt: watch(SIGINT, SignalKind::interrupt())?,
            terminate: watch(SIGTERM, SignalKind::terminate())?,
            hang_up: watch(SIGHUP, SignalKind::hangup())?,
        })
    }

    /// Waits for the first of them.
    pub(crate) async fn wait(&mut self) -> How {
        tokio::select! {
            () = next(&mut self.interrupt) => How::Interrupted,
            () = next(&mut self.terminate) => How::Terminated,
            () = next(&mut self.hang_up) => How::Terminated,
        }
    }

    /// The same, but SIGHUP is `None`: some work goes on after it.
    pub(crate) async fn wait_or_hang_up(&mut self) -> Option<How> {
        tokio::select! {
            () = next(&mut self.interrupt) => Some(How::Interrupted),
            () = next(&mut self.terminate) => Some(How::Terminated),
            () = next(&mut self.hang_up) => None,
        }
    }
}

async fn next(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending().await
}

/// The set of ignored signals: proc_pid_status(5), SigIgn. Empty where /proc is not there.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
