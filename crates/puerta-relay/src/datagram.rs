//! Datagrams with one peer: each line is one, or all of the input is.

use crate::counters::{CHUNK, Counters};
use crate::event::{Event, Report};
use crate::local::Local;
use crate::open::Others;
use crate::outbox::Outbox;
use crate::problem::Problem;
use crate::pump::{Messages, Sink, View};
use crate::session::{Options, after, blame, how, until, verdict};
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

/// How often a datagram is tried again after what may be said of an earlier one: of several, where several were too long for the way.
const TRIES: u32 = 8;

/// How long it is waited before a datagram is tried again that the full queue of an interface took no more; longer each time, 180 ms in
/// all, then it is lost. The kernel says so on a socket that asks for what ICMP says, and drops it in silence on others.
const ROOM: Duration = Duration::from_millis(5);

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
                Some(end) => after(last.max(end), Some(options.idle.unwrap_or(ANSWERS))),
                None => after(last, options.idle),
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
    error.errno() == Some(errno::ECONNREFUSED) || unreachable(error.errno())
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

/// What an error of the socket means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Nobody is there.
    Nobody,
    /// Nobody is there now. One who was may come back.
    Away,
    /// A datagram is lost, and that is all.
    Lost,
    /// The queue of an interface took no more of them: told of none but the one that is sent.
    Full,
    /// The end.
    Broken,
}

impl State<'_> {
    fn meaning(&self, error: &Error) -> Meaning {
        meaning(error.errno(), self.unix, self.heard.get())
    }

    /// An error that an earlier datagram caused.
    fn told(&self, error: Error) -> Result<(), Problem> {
        match self.meaning(&error) {
            Meaning::Nobody => return Err(Problem::Socket(error)),
            Meaning::Broken | Meaning::Full => return Err(Problem::Broken(error)),
            Meaning::Away if self.refused.replace(true) => {}
            Meaning::Away => self.report.event(&Event::Refused(&error)),
            Meaning::Lost => self.lost(&error),
        }
        Ok(())
    }

    /// What ICMP said of earlier datagrams; false where nothing is queued.
    fn told_queued(&self, link: &Link) -> Result<bool, Problem> {
        let mut any = false;
        while !self.unix
            && let Some(said) = link.get_ref().queued_error().map_err(Problem::Broken)?
        {
            // What this machine said itself, the call failed with.
            if said.from.is_some() {
                any = true;
                self.told(said.error)?;
            }
        }
        Ok(any)
    }

    fn lost(&self, error: &Error) {
        self.report.event(&if error.errno() == Some(errno::EMSGSIZE) {
            Event::TooLong(error)
        } else {
            Event::NotSent(error)
        });
    }
}

/// A peer that was never heard is not there where ICMP says so; one that was may come back, but not to a Unix socket, whose peer is
/// another socket then.
fn meaning(errno: Option<i32>, unix: bool, heard: bool) -> Meaning {
    match errno {
        Some(errno::ECONNREFUSED) if heard && !unix => Meaning::Away,
        Some(errno::ECONNREFUSED) => Meaning::Nobody,
        _ if unreachable(errno) && (unix || !heard) => Meaning::Nobody,
        _ if !unix && survives(errno) => Meaning::Lost,
        Some(errno::ENOBUFS) if !unix => Meaning::Full,
        _ => Meaning::Broken,
    }
}

/// No way leads there, or it is forbidden, which ICMP for IPv6 tells apart.
fn unreachable(errno: Option<i32>) -> bool {
    matches!(errno, Some(errno::EHOSTUNREACH | errno::ENETUNREACH | errno::EACCES))
}

/// What ICMP can say of a datagram that was sent: it concerns that one, or its peer, and no other.
pub(crate) fn survives(errno: Option<i32>) -> bool {
    let of_the_peer = matches!(errno, Some(errno::ECONNREFUSED | errno::ECONNRESET)) || unreachable(errno);
    of_the_peer || matches!(errno, Some(errno::EPROTO | errno::EMSGSIZE))
}

async fn up(
    link: &Link,
    input: &Local,
    messages: &mut Messages,
    outbox: &RefCell<Outbox>,
    counters: &Counters,
    state: &State<'_>,
) -> Result<(), Problem> {
    let (mut tries, mut lost) = (0, None);
    loop {
        let next = outbox.borrow().next();
        if let Some(message) = next {
            match with_room(link, |socket| socket.send(&message, Flags::NONE)).await {
                Ok(n) => {
                    counters.add_sent(n);
                    outbox.borrow_mut().sent();
                    tries = 0;
                    if let Some(error) = lost.take() {
                        state.lost(&error);
                    }
                }
                Err(error) if state.meaning(&error) == Meaning::Full && tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(ROOM * tries).await;
                }
                Err(error) if state.meaning(&error) == Meaning::Full => {
                    state.lost(&error);
                    outbox.borrow_mut().lose();
                    tries = 0;
                }
                // A firewall of this machine: no ICMP message means that, though it may have sent one, too.
                Err(error) if error.errno() == Some(errno::EPERM) => return Err(Problem::Broken(error)),
                // The error belongs to an earlier datagram; this one was not sent.
                Err(_) if tries < TRIES && state.told_queued(link)? => {
                    if tries > 0 {
                        tokio::time::sleep(ROOM * tries).await;
                    }
                    tries += 1;
                }
                Err(error) if state.meaning(&error) != Meaning::Lost => state.told(error)?,
                Err(error) if tries < TRIES => {
                    tries += 1;
                    lost = Some(error);
                }
                // It belongs to this one.
                Err(error) if unreachable(error.errno()) => return Err(Problem::Socket(error)),
                Err(error) => return Err(Problem::Broken(error)),
            }
            continue;
        }
        match messages.next(input).await? {
            Some(message) => outbox.borrow_mut().push(message),
            None => return Ok(()),
        }
    }
}

/// Makes the call where the socket has room. An error makes the socket writable once and for all to the runtime, so that it is waited
/// where it had no room after all.
async fn with_room<R>(link: &Link, mut call: impl FnMut(&Socket<AnyDatagram, Connected>) -> Result<R>) -> Result<R> {
    let mut full = false;
    loop {
        link.writable().await?;
        match link.try_io(Interest::WRITABLE, &mut call) {
            Err(error) if error.would_block() => {
                if std::mem::replace(&mut full, true) {
                    tokio::time::sleep(ROOM).await;
                }
            }
            done => return done,
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
            Err(error) => match state.told_queued(link).and_then(|any| if any { Ok(()) } else { state.told(error) }) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use puerta::{Call, Family, Ip, Udp, opt};

    #[test]
    fn what_concerns_one_datagram_ends_nothing() {
        for heard in [false, true] {
            assert_eq!(meaning(Some(errno::EMSGSIZE), false, heard), Meaning::Lost);
            assert_eq!(meaning(Some(errno::EPROTO), false, heard), Meaning::Lost);
            assert_eq!(meaning(Some(errno::ENOBUFS), false, heard), Meaning::Full);
            assert_eq!(meaning(Some(errno::EPERM), false, heard), Meaning::Broken);
            assert_eq!(meaning(None, false, heard), Meaning::Broken);
        }
    }

    #[test]
    fn a_socket_without_room_that_icmp_told_something_is_not_asked_without_pause() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let free = Socket::<Udp>::new(Ip::V4).unwrap().bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
            let nobody = Endpoint::Inet(free.local_addr().unwrap());
            drop(free);
            let socket = Socket::<AnyDatagram>::new(Family::V4).unwrap().with(opt::ReceiveErrors, true).unwrap();
            let link = Async::new(socket.connect(&nobody).unwrap()).unwrap();
            with_room(&link, |socket| socket.send(b"hola", Flags::NONE)).await.unwrap();
            link.error().await.unwrap();
            let asked = Cell::new(0);
            let full = || Error::from_io(Call::Send, &std::io::ErrorKind::WouldBlock.into());
            let never = with_room(&link, |_| -> Result<()> {
                asked.set(asked.get() + 1);
                Err(full())
            });
            tokio::time::timeout(ROOM * 20, never).await.unwrap_err();
            assert!((2..=22).contains(&asked.get()), "{}", asked.get());
        });
    }

    #[test]
    fn a_peer_that_was_heard_may_come_back_and_one_that_was_not_is_not_there() {
        let answers = |errno| [false, true].map(|heard| meaning(Some(errno), false, heard));
        assert_eq!(answers(errno::ECONNREFUSED), [Meaning::Nobody, Meaning::Away]);
        assert_eq!(answers(errno::EHOSTUNREACH), [Meaning::Nobody, Meaning::Lost]);
        assert_eq!(answers(errno::ENETUNREACH), [Meaning::Nobody, Meaning::Lost]);
        // What a router says over IPv6 where it forbids the way; over IPv4 it is EHOSTUNREACH.
        assert_eq!(answers(errno::EACCES), [Meaning::Nobody, Meaning::Lost]);
    }

    #[test]
    fn the_socket_at_a_unix_path_never_comes_back_and_nothing_makes_its_way_shorter() {
        for heard in [false, true] {
            assert_eq!(meaning(Some(errno::ECONNREFUSED), true, heard), Meaning::Nobody);
            assert_eq!(meaning(Some(errno::ECONNRESET), true, heard), Meaning::Broken);
            assert_eq!(meaning(Some(errno::EMSGSIZE), true, heard), Meaning::Broken);
        }
    }
}
