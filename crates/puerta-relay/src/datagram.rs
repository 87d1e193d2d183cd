//! Datagrams with one peer: each line is one, or all of the input is.

use crate::counters::{CHUNK, Counters};
use crate::event::{Event, Report};
use crate::local::Local;
use crate::open::Others;
use crate::outbox::Outbox;
use crate::problem::Problem;
use crate::pump::{Messages, Sink, View};
use crate::session::{Options, blame, how, until, verdict};
use crate::verdict::{How, Side, Verdict};
use puerta::{
    AnyDatagram, Async, CanReceiveFrom, Connected, Endpoint, Error, Flags, Received, Result, Role, Socket, errno,
};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::time::Duration;
use tokio::io::Interest;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long answers are waited for after the end of our input.
pub const ANSWERS: Duration = Duration::from_secs(1);

/// A datagram socket with one peer, and readiness.
type Link = Async<Socket<AnyDatagram, Connected>>;

/// A talk with one peer: what stays the same whatever its address.
pub struct Talk<'a> {
    /// What is sent.
    pub input: &'a Local,
    /// Where to what comes goes.
    pub sink: &'a Mutex<Sink>,
    /// What limits and changes it.
    pub options: &'a Options,
    /// What has been moved.
    pub counters: &'a Counters,
    /// Is told what happens.
    pub report: &'a dyn Report,
}

impl Talk<'_> {
    /// Sends each message of the input and shows what comes. After the end of the input, answers are waited for while they
    /// come at most `idle` (1 s) apart. Where nobody is at the peer's address, and nobody was heard, the next one that its name
    /// leads to gets what was sent so far.
    pub async fn exchange(
        &self,
        mut socket: Socket<AnyDatagram, Connected>,
        mut others: Others,
        view: &mut View,
    ) -> Verdict {
        let mut messages = Messages::new(self.options.outgoing);
        let outbox = RefCell::new(Outbox::new(!others.is_empty()));
        loop {
            let problem = match self.one(socket, &mut messages, &outbox, view).await {
                Ok(verdict) => return verdict,
                Err(problem) => problem,
            };
            socket = match self.elsewhere(&problem, &outbox, &mut others) {
                Some(socket) => socket,
                None => return failed(problem, self.counters),
            };
        }
    }

    /// The next address, where nobody is at this one and nothing of what was sent is gone.
    fn elsewhere(
        &self,
        problem: &Problem,
        outbox: &RefCell<Outbox>,
        others: &mut Others,
    ) -> Option<Socket<AnyDatagram, Connected>> {
        let Problem::Socket(error) = problem else { return None };
        if !is_nobody(error) || others.is_empty() {
            return None;
        }
        let sent = outbox.borrow_mut().again()?;
        if let Some(address) = error.peer() {
            self.report.event(&Event::Attempt { address, error });
        }
        let next = others.next(self.report).ok().flatten()?;
        self.counters.take_back(sent);
        Some(next)
    }

    /// With one address, to the end.
    async fn one(
        &self,
        socket: Socket<AnyDatagram, Connected>,
        messages: &mut Messages,
        outbox: &RefCell<Outbox>,
        view: &mut View,
    ) -> Result<Verdict, Problem> {
        let unix = matches!(socket.peer(), Some(Endpoint::Unix(_)));
        if let (Ok(local), Some(peer)) = (socket.local_addr(), socket.peer()) {
            let transport = if unix { "unix-dgram" } else { "udp" };
            self.report.event(&Event::Connected { transport, local: &local, peer });
        }
        let link = Async::new(socket)?;
        self.counters.begin();
        let (counters, options) = (self.counters, self.options);
        let state = State { unix, refused: Cell::new(false), heard: Cell::new(false), report: self.report };
        let mut up = pin!(up(&link, self.input, messages, outbox, counters, &state));
        let mut down = pin!(down(&link, self.sink, view, outbox, counters, &state));
        let mut ended: Option<Instant> = None;
        loop {
            let last = Instant::from_std(counters.last());
            let quiet_at = match ended {
                Some(end) => Some(last.max(end) + options.idle.unwrap_or(ANSWERS)),
                None => options.idle.map(|limit| last + limit),
            };
            tokio::select! {
                biased;
                problem = &mut down => return Err(problem),
                done = &mut up, if ended.is_none() => {
                    done?;
                    ended = Some(Instant::now());
                }
                () = until(quiet_at) => {
                    if Instant::from_std(counters.last()) > last {
                        continue;
                    }
                    let how = match (ended, state.refused.get()) {
                        (Some(_), true) => How::Refused,
                        (Some(_), false) => How::Done,
                        (None, _) => How::Idle,
                    };
                    return Ok(verdict(counters, Side::Us, how, None));
                }
            }
        }
    }
}

fn failed(problem: Problem, counters: &Counters) -> Verdict {
    let refused = matches!(&problem, Problem::Socket(e) if e.errno() == Some(errno::ECONNREFUSED));
    let how = if refused { How::Refused } else { how(&problem) };
    verdict(counters, blame(&problem), how, Some(problem))
}

/// Nobody is there, or no way leads there.
fn is_nobody(error: &Error) -> bool {
    error.errno() == Some(errno::ECONNREFUSED) || unreachable(error)
}

/// What is known of the peer.
struct State<'a> {
    unix: bool,
    /// ICMP said that nobody listens, and nothing came since.
    refused: Cell<bool>,
    /// Something came at some time.
    heard: Cell<bool>,
    report: &'a dyn Report,
}

impl State<'_> {
    /// A peer that was never heard is not there; one that was may come back, but not to a Unix socket, whose peer is another
    /// socket then.
    fn refused(&self, error: Error) -> Result<(), Problem> {
        if error.errno() != Some(errno::ECONNREFUSED) {
            return Err(if unreachable(&error) { Problem::Socket(error) } else { Problem::Broken(error) });
        }
        if self.unix || !self.heard.get() {
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
    messages: &mut Messages,
    outbox: &RefCell<Outbox>,
    counters: &Counters,
    state: &State<'_>,
) -> Result<(), Problem> {
    loop {
        let next = outbox.borrow().next();
        if let Some(message) = next {
            match link.io(Interest::WRITABLE, |socket| socket.send(&message, Flags::NONE)).await {
                Ok(n) => {
                    counters.add_sent(n);
                    outbox.borrow_mut().sent();
                }
                // The error belongs to an earlier datagram; this one was not sent.
                Err(error) => state.refused(error)?,
            }
            continue;
        }
        match messages.next(input).await? {
            Some(message) => outbox.borrow_mut().push(message),
            None => return Ok(()),
        }
    }
}

async fn down(
    link: &Link,
    sink: &Mutex<Sink>,
    view: &mut View,
    outbox: &RefCell<Outbox>,
    counters: &Counters,
    state: &State<'_>,
) -> Problem {
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
        outbox.borrow_mut().settle();
        state.refused.set(false);
        counters.add_received(received.len);
        report_truncation(received, state.report);
        let _waiting = counters.wait_for_output();
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
