//! Datagrams with one peer: each line is one, or all of the input is.

use crate::counters::{CHUNK, Counters};
use crate::event::{Event, Report};
use crate::local::Local;
use crate::problem::Problem;
use crate::pump::{Messages, Sink, View};
use crate::session::{Options, blame, how, until, verdict};
use crate::verdict::{How, Side, Verdict};
use puerta::{
    AnyDatagram, Async, CanReceiveFrom, Connected, Endpoint, Error, Flags, Received, Result, Role, Socket, errno,
};
use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;
use tokio::io::Interest;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long answers are waited for after the end of our input.
pub const ANSWERS: Duration = Duration::from_secs(1);

/// A datagram socket with one peer, and readiness.
pub type Link = Async<Socket<AnyDatagram, Connected>>;

/// Gives a connected datagram socket readiness; it is made non-blocking.
///
/// # Errors
/// What fcntl(2) and epoll(7) say.
pub fn link(socket: Socket<AnyDatagram, Connected>) -> Result<Link> {
    Async::new(socket)
}

/// Sends each message of the input and shows what comes. After the end of the input, answers are waited for while they
/// come at most `idle` (1 s) apart.
pub async fn exchange(
    link: &Link,
    input: &Local,
    sink: &Mutex<Sink>,
    view: &mut View,
    options: &Options,
    counters: &Counters,
    report: &dyn Report,
) -> Verdict {
    let state = State { refused: Cell::new(false), heard: Cell::new(false), report };
    let mut up = pin!(up(link, input, options, counters, &state));
    let mut down = pin!(down(link, sink, view, counters, &state));
    let mut ended: Option<Instant> = None;
    let fail = |problem: Problem| {
        let refused = matches!(&problem, Problem::Socket(e) if e.errno() == Some(errno::ECONNREFUSED));
        let how = if refused { How::Refused } else { how(&problem) };
        verdict(counters, blame(&problem), how, Some(problem))
    };
    loop {
        let last = Instant::from_std(counters.last());
        let quiet_at = match ended {
            Some(end) => Some(last.max(end) + options.idle.unwrap_or(ANSWERS)),
            None => options.idle.map(|limit| last + limit),
        };
        tokio::select! {
            biased;
            problem = &mut down => return fail(problem),
            done = &mut up, if ended.is_none() => match done {
                Ok(()) => ended = Some(Instant::now()),
                Err(problem) => return fail(problem),
            },
            () = until(quiet_at) => {
                if Instant::from_std(counters.last()) > last {
                    continue;
                }
                let how = match (ended, state.refused.get()) {
                    (Some(_), true) => How::Refused,
                    (Some(_), false) => How::Done,
                    (None, _) => How::Idle,
                };
                return verdict(counters, Side::Us, how, None);
            }
        }
    }
}

/// What is known of the peer.
struct State<'a> {
    /// ICMP said that nobody listens, and nothing came since.
    refused: Cell<bool>,
    /// Something came at some time.
    heard: Cell<bool>,
    report: &'a dyn Report,
}

impl State<'_> {
    /// A peer that was never heard is not there; one that was may come back.
    fn refused(&self, error: Error) -> Result<(), Problem> {
        if error.errno() != Some(errno::ECONNREFUSED) {
            return Err(if unreachable(&error) { Problem::Socket(error) } else { Problem::Broken(error) });
        }
        if !self.heard.get() {
            return Err(Problem::Socket(error));
        }
        if !self.refused.replace(true) {
            self.report.event(&Event::Refused(&error));
        }
        Ok(())
    }
}

fn unreachable(error: &Error) -> bool {
    matches!(error.errno(), Some(errno::EHOSTUNREACH | errno::ENETUNREACH))
}

async fn up(
    link: &Link,
    input: &Local,
    options: &Options,
    counters: &Counters,
    state: &State<'_>,
) -> Result<(), Problem> {
    let mut messages = Messages::new(options.outgoing);
    while let Some(message) = messages.next(input).await? {
        loop {
            // An error here belongs to an earlier datagram; this one was not sent.
            match link.io(Interest::WRITABLE, |socket| socket.send(&message, Flags::NONE)).await {
                Ok(n) => {
                    counters.add_sent(n);
                    break;
                }
                Err(error) => state.refused(error)?,
            }
        }
    }
    Ok(())
}

async fn down(link: &Link, sink: &Mutex<Sink>, view: &mut View, counters: &Counters, state: &State<'_>) -> Problem {
    let mut buffer = vec![0; CHUNK];
    loop {
        let step = |socket: &Socket<AnyDatagram, Connected>| {
            make_room(socket, socket.peer(), &mut buffer)?;
            socket.recv(&mut buffer, Flags::NONE)
        };
        // What ICMP said makes a socket an error to be told, not readable.
        let received = match link.io(Interest::READABLE | Interest::ERROR, step).await {
            Ok(received) => received,
            Err(error) => match state.refused(error) {
                Ok(()) => continue,
                Err(problem) => return problem,
            },
        };
        state.heard.set(true);
        state.refused.set(false);
        counters.add_received(received.len);
        report_truncation(received, state.report);
        if let Err(problem) = show(&buffer, received, sink, view).await {
            return problem;
        }
    }
}

/// One datagram on the output; with its peer's name it is a line of its own.
pub(crate) async fn show(
    buffer: &[u8],
    received: Received,
    sink: &Mutex<Sink>,
    view: &mut View,
) -> Result<(), Problem> {
    let mut sink = sink.lock().await;
    sink.put(buffer.get(..received.len).unwrap_or_default(), view).await?;
    if view.tag.is_some() { sink.finish(view).await } else { Ok(()) }
}

pub(crate) fn report_truncation(received: Received, report: &dyn Report) {
    if received.truncated() {
        report.event(&Event::Truncated { kept: received.len, full: received.full_len });
    }
}

/// Asks for the length first where a datagram can be longer than 64 KiB: on Unix sockets.
pub(crate) fn make_room<R: Role + CanReceiveFrom>(
    socket: &Socket<AnyDatagram, R>,
    address: Option<&Endpoint>,
    buffer: &mut Vec<u8>,
) -> Result<()> {
    if matches!(address, Some(Endpoint::Unix(_))) {
        let len = socket.next_len(Flags::DONTWAIT)?;
        if len > buffer.len() {
            buffer.resize(len, 0);
        }
    }
    Ok(())
}
