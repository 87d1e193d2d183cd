//! What one client sends, all others get. A client that is 256 KiB behind is dropped; one that has ended its own direction still
//! hears.

use crate::accept::{Acceptor, Place, Places};
use crate::counters::{CHUNK, Counters};
use crate::event::{Event, Report};
use crate::local::Local;
use crate::problem::Problem;
use crate::pump::{Messages, Outgoing, Pieces, Sink, View, Viewing};
use crate::service::Service;
use crate::session::{after, failed, until, verdict};
use crate::verdict::{How, Side, Verdict};
use crate::wire::{Taken, Wire};
use puerta::io::{self, Events, PollFd};
use puerta::{Call, Error, errno, opt};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// How far a client may be behind: 256 KiB.
const BEHIND: usize = 256 << 10;
/// Our input waits for clients that are farther behind than this: one more read of 64 KiB, which CRLF may double, drops none.
const WAITED_FOR: usize = BEHIND - 2 * CHUNK;
/// How long it waits for one to take as much as was read last.
const PATIENCE: Duration = Duration::from_secs(5);
/// TCP does not tell whether a client that has ended its direction still listens. Where nobody speaks its system is asked, first
/// after a minute, when it has forgotten a connection that was closed.
const ASK_AFTER: Duration = Duration::from_secs(60);
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// All clients.
struct Hub {
    members: RefCell<HashMap<u64, Rc<Member>>>,
    buffer: RefCell<Vec<u8>>,
    sent: Rc<Counters>,
    report: Arc<dyn Report>,
    /// Somebody whom our input waited for has taken something, or has left.
    taken: Notify,
}

/// One client and what it has not taken yet.
struct Member {
    wire: Wire,
    waiting: RefCell<VecDeque<Rc<[u8]>>>,
    /// How much of the first one it has taken, and how much is waiting in all.
    taken: Cell<usize>,
    behind: Cell<usize>,
    /// Since when our input waits for it.
    slow: Cell<Option<Instant>>,
    /// Why the kernel takes nothing for it.
    broken: RefCell<Option<Error>>,
    ended: Cell<Option<Ended>>,
    /// Another gets its place.
    gives_way: Cell<bool>,
    more: Notify,
    counters: Counters,
}

/// A client has ended its direction.
#[derive(Clone, Copy)]
struct Ended {
    at: Instant,
    /// How much had been sent to it by then.
    sent: u64,
    /// Some of that its system had not acknowledged: it may have come after the end.
    under_way: bool,
}

/// Why a client left.
enum Gone {
    /// It ended, and is not there any more.
    Ended,
    /// It may have gone, and somebody waits for a place.
    GaveWay,
    Behind,
    Idle,
    Failed(Problem),
}

impl Hub {
    /// Gives the bytes to all but their sender. What a client's kernel does not take at once waits.
    fn spread(&self, from: Option<u64>, bytes: &[u8]) {
        let mut shared: Option<Rc<[u8]>> = None;
        let mut lost = None;
        for (_, member) in self.members.borrow().iter().filter(|(id, _)| Some(**id) != from) {
            if let Err(error) = member.offer(bytes, &mut shared, &self.sent) {
                lost.get_or_insert(error);
            }
        }
        // Once for all.
        if let Some(error) = lost {
            self.report.event(&Event::NotSent(&error));
        }
    }

    /// Waits for those who are far behind, for a while each.
    async fn caught_up(&self) {
        loop {
            let now = Instant::now();
            let slow = self.members.borrow().values().filter_map(|member| member.slow.get()).max();
            match slow.map(|since| since + PATIENCE).filter(|until| *until > now) {
                Some(until) => drop(timeout_at(until, self.taken.notified()).await),
                None => return,
            }
        }
    }

    /// While somebody waits for a place: the client that ended its direction first, and may have gone since, gives its own.
    async fn make_room(&self, places: &Places) -> Infallible {
        loop {
            places.wanted().await;
            let members = self.members.borrow();
            let doubtful = members.values().filter_map(|member| Some((member.doubtful()?, member)));
            if let Some((_, member)) = doubtful.min_by_key(|(since, _)| *since) {
                member.gives_way.set(true);
                member.more.notify_one();
            }
        }
    }
}

impl Member {
    fn new(wire: Wire) -> Self {
        Member {
            wire,
            waiting: RefCell::default(),
            taken: Cell::new(0),
            behind: Cell::new(0),
            slow: Cell::new(None),
            broken: RefCell::new(None),
            ended: Cell::new(None),
            gives_way: Cell::new(false),
            more: Notify::new(),
            counters: Counters::new(),
        }
    }

    /// The error of a packet that is longer than its socket takes: that is no reason to part.
    fn offer(&self, bytes: &[u8], shared: &mut Option<Rc<[u8]>>, total: &Counters) -> Result<(), Error> {
        let mut taken = 0;
        if self.waiting.borrow().is_empty() {
            match self.wire.try_send(bytes) {
                Ok(sent) => {
                    taken = sent;
                    self.counters.add_sent(taken);
                    total.add_sent(taken);
                    if taken == bytes.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.would_block() => {}
                Err(error) if is_too_long(&error) => return Err(error),
                // That it has gone altogether is noticed elsewhere.
                Err(error) if error.is_reset() && self.ended.get().is_some() => return Ok(()),
                Err(error) => {
                    self.broken.borrow_mut().get_or_insert(error);
                    self.more.notify_one();
                    return Ok(());
                }
            }
            self.taken.set(taken);
        }
        self.set_behind(self.behind.get() + cost(bytes.len() - taken));
        self.waiting.borrow_mut().push_back(shared.get_or_insert_with(|| bytes.into()).clone());
        self.more.notify_one();
        Ok(())
    }

    fn set_behind(&self, behind: usize) {
        self.behind.set(behind);
        let since = if behind > WAITED_FOR { self.slow.get().or_else(|| Some(Instant::now())) } else { None };
        self.slow.set(since);
    }

    /// Sends what is waiting, as the client takes it, until it is too far behind, broken, or gone after its end.
    async fn flush(&self, hub: &Hub) -> Gone {
        loop {
            if let Some(error) = self.broken.borrow_mut().take() {
                return Gone::Failed(Problem::Broken(error));
            }
            // What was sent to it since it was chosen asks it, too.
            if self.gives_way.replace(false) && self.doubtful().is_some() {
                return Gone::GaveWay;
            }
            let Some(first) = self.waiting.borrow().front().cloned() else {
                tokio::select! {
                    () = self.more.notified() => {}
                    gone = self.hang_up(), if self.ended.get().is_some() => return gone,
                }
                continue;
            };
            let rest = first.get(self.taken.get()..).unwrap_or_default();
            let step = self.wire.once_ready(Interest::WRITABLE, || self.wire.try_send(rest));
            let sent = tokio::select! {
                sent = step => match sent {
                    Ok(sent) => {
                        self.counters.add_sent(sent);
                        hub.sent.add_sent(sent);
                        sent
                    }
                    Err(error) if is_too_long(&error) => {
                        hub.report.event(&Event::NotSent(&error));
                        rest.len()
                    }
                    Err(error) => return Gone::Failed(Problem::Broken(error)),
                },
                () = self.more.notified() => {
                    if self.behind.get() > BEHIND {
                        return Gone::Behind;
                    }
                    continue;
                }
            };
            self.taken.set(self.taken.get() + sent);
            if self.taken.get() >= first.len() {
                self.waiting.borrow_mut().pop_front();
                self.taken.set(0);
            }
            let was_slow = self.slow.get().is_some();
            self.set_behind(self.behind.get().saturating_sub(cost(sent)));
            if was_slow && self.slow.get().is_none() {
                hub.taken.notify_one();
            }
        }
    }

    /// It sends no more, but may hear.
    fn end(&self) {
        let under_way = match &self.wire {
            Wire::Stream(socket) => socket.get_ref().get(opt::SendQueue).is_ok_and(|bytes| bytes > 0),
            Wire::Packet(_) => false,
        };
        self.ended.set(Some(Ended { at: Instant::now(), sent: self.counters.sent(), under_way }));
        self.more.notify_one();
        if let Wire::Stream(socket) = &self.wire
            && matches!(socket.get_ref().get(opt::KeepAlive), Ok(false))
        {
            // A Unix socket has no such options, and needs none.
            let socket = socket.get_ref();
            let _ = socket
                .set(opt::KeepAliveIdle, ASK_AFTER)
                .and_then(|()| socket.set(opt::KeepAliveInterval, ASK_AGAIN))
                .and_then(|()| socket.set(opt::KeepAlive, true));
        }
    }

    /// Since when it has ended its direction, where nothing tells whether it still listens: of a Unix socket the kernel tells, and over
    /// TCP the answer to what was sent.
    fn doubtful(&self) -> Option<Instant> {
        let Ended { at, sent, under_way } = self.ended.get()?;
        let asked = under_way || self.counters.sent() > sent || self.behind.get() > 0;
        (!asked && self.wire.peer().inet().is_some() && !self.gives_way.get()).then_some(at)
    }

    /// Something came to it after its end, if only a probe: a reset is the answer of a client that was closed in good order. At another
    /// time it means that there was something that the client had not read.
    fn was_asked(&self) -> bool {
        self.ended.get().is_some_and(|Ended { at, sent, under_way }| {
            under_way || self.counters.sent() > sent || at.elapsed() >= ASK_AFTER
        })
    }

    /// Waits until a client that has ended its direction is gone; nothing is waiting for it. Of a Unix socket the kernel tells
    /// that, over TCP the answer to what is sent.
    async fn hang_up(&self) -> Gone {
        let gone = || {
            let mut asked = [PollFd::new(&self.wire, Events::NONE)];
            match io::poll(&mut asked, Some(Duration::ZERO))? {
                0 => Err(Error::from_io(Call::Poll, &std::io::ErrorKind::WouldBlock.into())),
                _ => Ok(()),
            }
        };
        // A hang-up makes it writable anew. That it counts as not writable now does no harm: what is offered is always tried first.
        let waited = self.wire.once_ready(Interest::WRITABLE, gone).await;
        match waited.and_then(|()| self.wire.take_error()) {
            Ok(None) => Gone::Ended,
            Ok(Some(error)) if error.errno() == Some(errno::EPIPE) && self.was_asked() => Gone::Ended,
            Ok(Some(error)) | Err(error) => Gone::Failed(Problem::Broken(error)),
        }
    }
}

/// A packet, for the socket's send buffer: a stream takes any length.
fn is_too_long(error: &Error) -> bool {
    error.errno() == Some(errno::EMSGSIZE)
}

/// An empty packet that waits takes room, too.
fn cost(len: usize) -> usize {
    len.max(1)
}

/// Serves until it is dropped. With `packets` a line of our input is a message, or all of it is.
pub(crate) async fn run(
    acceptor: Acceptor,
    packets: bool,
    service: Rc<Service>,
    report: Arc<dyn Report>,
    total: Rc<Counters>,
) -> Result<(), Problem> {
    let (members, buffer) = (RefCell::default(), RefCell::new(vec![0; CHUNK]));
    let hub = Rc::new(Hub { members, buffer, sent: total, report: report.clone(), taken: Notify::new() });
    let output = Local::stdout().map_err(Problem::Output)?;
    let terminal = output.is_terminal();
    let sink = Rc::new(Mutex::new(Sink::output(output, &hub.sent)));
    let mut tasks: JoinSet<Option<Problem>> = JoinSet::new();
    tasks.spawn_local(from_input(hub.clone(), service.options.outgoing, packets));
    let mut next = 0;
    let places = acceptor.places();
    let joined = |wire: Wire, place, ()| {
        next += 1;
        let shown = (sink.clone(), service.look.of(&wire.peer(), terminal));
        let member = Rc::new(Member::new(wire));
        hub.members.borrow_mut().insert(next, member.clone());
        let idle = service.options.idle;
        client(next, member, hub.clone(), shown, idle, report.clone(), place)
    };
    tokio::select! {
        served = acceptor.each(&*report, &mut tasks, async |_| (), joined) => served,
        never = hub.make_room(&places) => match never {},
    }
}

/// Our own input goes to all; its end changes nothing.
async fn from_input(hub: Rc<Hub>, how: Outgoing, packets: bool) -> Option<Problem> {
    let input = match Local::stdin() {
        Ok(input) => input,
        Err(error) => return Some(Problem::Input(error)),
    };
    let done = if packets { spread_messages(&hub, &input, how).await } else { spread_bytes(&hub, &input, how).await };
    done.err()
}

async fn spread_messages(hub: &Hub, input: &Local, how: Outgoing) -> Result<(), Problem> {
    let mut messages = Messages::new(how);
    while let Some(message) = messages.next(input).await? {
        hub.spread(None, &message);
        hub.caught_up().await;
    }
    Ok(())
}

/// As it comes: a stream has no messages.
async fn spread_bytes(hub: &Hub, input: &Local, how: Outgoing) -> Result<(), Problem> {
    let mut pieces = Pieces::new(how);
    while let Some(bytes) = pieces.next(input).await? {
        hub.spread(None, bytes);
        hub.caught_up().await;
    }
    Ok(())
}

async fn client(
    id: u64,
    member: Rc<Member>,
    hub: Rc<Hub>,
    (sink, mut view): (Rc<Mutex<Sink>>, View),
    idle: Option<Duration>,
    report: Arc<dyn Report>,
    place: Place,
) -> Option<Problem> {
    let viewing = Viewing::new(&sink, &mut view);
    let gone = exchange(id, &member, &hub, &sink, viewing.view, idle).await;
    hub.members.borrow_mut().remove(&id);
    hub.taken.notify_one();
    let counters = &member.counters;
    let verdict: Verdict = match gone {
        Gone::Ended => verdict(counters, Side::Peer, How::Fin, None),
        Gone::GaveWay => {
            report.event(&Event::GaveWay(&member.wire.peer()));
            verdict(counters, Side::Peer, How::Fin, None)
        }
        Gone::Behind => {
            report.event(&Event::Behind(&member.wire.peer()));
            verdict(counters, Side::Us, How::Error, None)
        }
        Gone::Idle => verdict(counters, Side::Us, How::Idle, None),
        Gone::Failed(problem) => failed(problem, counters),
    };
    report.event(&Event::Left { peer: &member.wire.peer(), verdict: &verdict });
    // Nobody waits for our output any more.
    drop((member, place));
    match verdict.problem {
        Some(problem @ Problem::Output(_)) => {
            viewing.give_up();
            Some(problem)
        }
        _ => viewing.finish().await.err(),
    }
}

/// Both directions. A client that has ended its own still hears, until it is gone.
async fn exchange(
    id: u64,
    member: &Member,
    hub: &Hub,
    sink: &Mutex<Sink>,
    view: &mut View,
    idle: Option<Duration>,
) -> Gone {
    let mut hearing = pin!(receive(id, member, hub, sink, view));
    let mut telling = pin!(member.flush(hub));
    loop {
        let last = member.counters.last();
        tokio::select! {
            biased;
            gone = &mut telling => return gone,
            heard = &mut hearing, if member.ended.get().is_none() => match heard {
                Ok(()) => member.end(),
                Err(problem) => return Gone::Failed(problem),
            },
            () = until(after(Instant::from_std(last), idle)) => {
                if member.counters.last() == last {
                    return Gone::Idle;
                }
            }
        }
    }
}

/// Until the client has ended its direction.
async fn receive(id: u64, member: &Member, hub: &Hub, sink: &Mutex<Sink>, view: &mut View) -> Result<(), Problem> {
    loop {
        member.wire.wait_readable().await.map_err(Problem::Broken)?;
        // The others' lines wait in the kernel while our own output does.
        let _waiting = member.counters.wait_for_output();
        let mut sink = sink.lock().await;
        let mut buffer = std::mem::take(&mut *hub.buffer.borrow_mut());
        let taken = member.wire.recv_ready(&mut buffer);
        let done = match taken {
            Ok(Some(Taken::Bytes(n))) => {
                member.counters.add_received(n);
                hub.sent.add_received(n);
                let bytes = buffer.get(..n).unwrap_or_default();
                hub.spread(Some(id), bytes);
                sink.put(bytes, view).await.map(|()| false)
            }
            Ok(Some(Taken::End)) => sink.finish(view).await.map(|()| true),
            Ok(None) => Ok(false),
            Err(error) => Err(Problem::Broken(error)),
        };
        *hub.buffer.borrow_mut() = buffer;
        if done? {
            return Ok(());
        }
    }
}
