//! A connection with something on our side: both directions, the half-closes, the limits, and the verdict.

use crate::counters::Counters;
use crate::event::{Event, Report};
use crate::local::Local;
use crate::problem::Problem;
use crate::pump::{self, Outgoing, Sink, View, Viewing};
use crate::verdict::{How, Side, Verdict};
use crate::wire::Wire;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, sleep_until};

/// How long the peer's kernel may take to acknowledge the last byte.
const ACKNOWLEDGE: Duration = Duration::from_secs(10);

/// How long nothing comes after the end of our input until it is told that we wait.
const QUIET: Duration = Duration::from_secs(2);

/// What limits and changes a session.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What is done to the bytes that we send.
    pub outgoing: Outgoing,
    /// Ends the session after so long without a byte either way.
    pub idle: Option<Duration>,
    /// Ends it so long after our end of file when the peer's has not come.
    pub drain: Option<Duration>,
}

/// Exchanges bytes until both directions have ended, something broke or a limit struck. Local end of file half-closes;
/// the peer's answer is read to its end however long it takes, unless `drain` limits it. What the view holds back is shown
/// whatever ends it. `report` is told once of a wait for a silent peer that nothing limits.
pub async fn exchange(
    wire: &Wire,
    input: &Local,
    sink: &Mutex<Sink>,
    view: &mut View,
    options: &Options,
    counters: &Counters,
    report: Option<&dyn Report>,
) -> Verdict {
    let viewing = Viewing::new(sink, view);
    let verdict = to_both_ends(wire, input, sink, viewing.view, options, counters, report).await;
    finished(viewing, verdict).await
}

/// Receives until the peer ends, then ends our direction too: a client that is only listened to. What the view holds back is
/// shown whatever ends it.
pub async fn receive(
    wire: &Wire,
    sink: &Mutex<Sink>,
    view: &mut View,
    idle: Option<Duration>,
    counters: &Counters,
) -> Verdict {
    let viewing = Viewing::new(sink, view);
    let verdict = to_its_end(wire, sink, viewing.view, idle, counters).await;
    finished(viewing, verdict).await
}

/// Waits for the output as long as it takes, but not after `--drain`: that limits this wait, too.
async fn finished(viewing: Viewing<'_>, mut verdict: Verdict) -> Verdict {
    match (verdict.how, &verdict.problem) {
        (_, Some(Problem::Output(_))) => viewing.give_up(),
        (How::Drain, _) => drop(viewing),
        (_, problem) => {
            let is_first = problem.is_none();
            if let (Err(problem), true) = (viewing.finish().await, is_first) {
                (verdict.closed_by, verdict.how, verdict.problem) = (Side::Us, How::Local, Some(problem));
            }
        }
    }
    verdict
}

async fn to_both_ends(
    wire: &Wire,
    input: &Local,
    sink: &Mutex<Sink>,
    view: &mut View,
    options: &Options,
    counters: &Counters,
    report: Option<&dyn Report>,
) -> Verdict {
    counters.begin();
    let mut up = pin!(pump::up(input, wire, options.outgoing, counters));
    let mut down = pin!(pump::down(wire, sink, view, true, counters));
    let mut unsent = pin!(pump::discard(input));
    let mut idle = pin!(silence(counters, options.idle));
    let (mut sent, mut received, mut discarded) = (None, None, false);
    let mut first = None;
    let report = report.filter(|_| options.drain.is_none() && options.idle.is_none());
    let (mut drain_at, mut tell_at) = (None, None);
    let ended = |first: Option<Side>, how, problem| verdict(counters, first.unwrap_or(Side::Us), how, problem);
    while sent.is_none() || received.is_none() {
        tokio::select! {
            biased;
            done = &mut down, if received.is_none() => match done {
                Ok(()) => {
                    first.get_or_insert(Side::Peer);
                    if sent.is_none() && input.is_terminal() {
                        let _ = wire.end();
                        let mut verdict = acknowledged(wire, Side::Peer, counters).await;
                        if verdict.how == How::Fin {
                            verdict.how = How::Left;
                        }
                        return verdict;
                    }
                    received = Some(());
                }
                Err(problem) => return ended(Some(blame(&problem)), how(&problem), Some(problem)),
            },
            done = &mut up, if sent.is_none() => match done {
                Ok(()) => {
                    first.get_or_insert(Side::Us);
                    drain_at = after(Instant::now(), options.drain);
                    tell_at = report.map(|_| Instant::now() + QUIET);
                    sent = Some(None);
                }
                // It takes no more, but what it sends is read to its end: it may wait for ours before it ends.
                Err(Problem::Broken(error)) if error.is_reset() => {
                    let _ = wire.end();
                    drain_at = after(Instant::now(), options.drain);
                    sent = Some(Some(Problem::Broken(error)));
                }
                Err(problem) => return ended(Some(blame(&problem)), how(&problem), Some(problem)),
            },
            // A child that nobody listens to must not wait for us: then it would read no more either.
            () = &mut unsent, if input.is_ours() && !discarded && matches!(sent, Some(Some(_))) => discarded = true,
            Some(error) = wire.broken(), if received.is_some() => {
                return ended(Some(Side::Peer), How::Reset, Some(Problem::Broken(error)));
            }
            () = &mut idle => return ended(Some(Side::Us), How::Idle, None),
            () = until(drain_at) => return ended(Some(Side::Us), How::Drain, None),
            () = until(tell_at) => {
                let quiet_at = Instant::from_std(counters.last()) + QUIET;
                tell_at = (quiet_at > Instant::now()).then_some(quiet_at);
                if let (None, Some(report)) = (tell_at, report) {
                    report.event(&Event::Waiting);
                }
            }
        }
    }
    // The peer took no more, but what it had sent was read to the end.
    if let Some(Some(problem)) = sent {
        return ended(Some(Side::Peer), how(&problem), Some(problem));
    }
    acknowledged(wire, first.unwrap_or(Side::Us), counters).await
}

async fn to_its_end(
    wire: &Wire,
    sink: &Mutex<Sink>,
    view: &mut View,
    idle: Option<Duration>,
    counters: &Counters,
) -> Verdict {
    tokio::select! {
        biased;
        done = pump::down(wire, sink, view, false, counters) => {
            match done.and_then(|()| wire.end().map_err(Problem::Broken)) {
                Ok(()) => verdict(counters, Side::Peer, How::Fin, None),
                Err(problem) => failed(problem, counters),
            }
        }
        () = silence(counters, idle) => verdict(counters, Side::Us, How::Idle, None),
    }
}

/// Waits until nothing came or went for so long.
async fn silence(counters: &Counters, limit: Option<Duration>) {
    loop {
        until(after(Instant::from_std(counters.last()), limit)).await;
        if limit.is_some_and(|limit| counters.last().elapsed() >= limit) {
            return;
        }
    }
}

/// Waits until the peer's kernel has acknowledged everything; a reset that comes instead is told.
async fn acknowledged(wire: &Wire, first: Side, counters: &Counters) -> Verdict {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let left = match wire.take_error() {
            Ok(None) => wire.unacknowledged(),
            Ok(Some(error)) | Err(error) => Err(error),
        };
        match left {
            Ok(0) => return verdict(counters, first, How::Fin, None),
            Ok(_) if start.elapsed() >= ACKNOWLEDGE => return verdict(counters, first, How::Unacknowledged, None),
            Ok(_) => sleep(pause).await,
            Err(error) => return failed(Problem::Broken(error), counters),
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// The verdict of what a problem ended.
pub fn failed(problem: Problem, counters: &Counters) -> Verdict {
    verdict(counters, blame(&problem), how(&problem), Some(problem))
}

pub(crate) fn verdict(counters: &Counters, closed_by: Side, how: How, problem: Option<Problem>) -> Verdict {
    Verdict { sent: counters.sent(), received: counters.received(), closed_by, how, problem }
}

/// How a problem ends a session.
pub(crate) fn how(problem: &Problem) -> How {
    match problem {
        Problem::Broken(error) if error.is_reset() => How::Reset,
        Problem::Broken(_) | Problem::Socket(_) => How::Error,
        _ => How::Local,
    }
}

pub(crate) fn blame(problem: &Problem) -> Side {
    match problem {
        Problem::Broken(_) | Problem::Socket(_) => Side::Peer,
        _ => Side::Us,
    }
}

/// When a limit strikes that begins at `start`. One beyond what the clock can tell never does.
pub(crate) fn after(start: Instant, limit: Option<Duration>) -> Option<Instant> {
    let at = start.checked_add(limit?)?;
    // The timer rounds up, and that has to fit as well.
    at.checked_add(Duration::from_secs(1)).map(|_| at)
}

/// Waits until then; for ever where there is no such time.
pub(crate) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_beyond_the_clock_is_none_and_one_within_it_is_kept() {
        let start = Instant::now();
        assert_eq!(after(start, None), None);
        assert_eq!(after(start, Some(Duration::MAX)), None);
        assert_eq!(after(start, Some(Duration::from_secs(u64::MAX))), None);
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        assert_eq!(after(start, Some(century)), Some(start + century));
    }
}
