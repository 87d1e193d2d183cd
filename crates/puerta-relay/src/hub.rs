//! Datagrams with many peers: answers go to whoever asked, from the address that was asked.

use crate::child::{self, Program};
use crate::counters::{CHUNK, Counters};
use crate::datagram::{make_room, report_truncation, show, survives};
use crate::event::{Event, Report};
use crate::local::Local;
use crate::peers::Peers;
use crate::problem::Problem;
use crate::pump::{Messages, Sink, View};
use crate::service::Service;
use puerta::{AnyDatagram, Async, Bound, Endpoint, Flags, PacketInfo, Received, Result, Socket, UnixAddr, errno};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// How long a datagram peer is remembered without a datagram either way.
pub const PEER_IDLE: Duration = Duration::from_secs(60);
/// How many datagram peers there may be by default.
pub const PEERS_MAX: usize = 1024;
/// How many datagrams may wait for a child that reads slowly.
const CHILD_QUEUE: usize = 64;
/// How long until a Unix peer whose queue is full is tried again, at first and at most.
const FULL_PAUSE: Duration = Duration::from_millis(1);
const FULL_PAUSE_MAX: Duration = Duration::from_millis(50);

/// A bound datagram socket with readiness.
pub type Door = Async<Socket<AnyDatagram, Bound>>;

/// Gives a bound datagram socket readiness; it is made non-blocking. The destination of each datagram was asked for before
/// ([`opt::PacketInfo`](puerta::opt::PacketInfo)).
///
/// # Errors
/// What fcntl(2) and epoll(7) say.
pub fn door(socket: Socket<AnyDatagram, Bound>) -> Result<Door> {
    Async::new(socket)
}

/// The way back to a peer.
#[derive(Clone)]
struct Way {
    door: Rc<Door>,
    peer: Endpoint,
    source: Option<PacketInfo>,
}

/// What is kept of a peer.
struct Known {
    way: Way,
    child: Option<Child>,
    dropped: Dropped,
}

/// How many datagrams were too much for a peer and are not told of, and whether that goes on.
#[derive(Default)]
struct Dropped {
    count: Cell<u64>,
    lately: Cell<bool>,
}

impl Dropped {
    /// One more. True: it is the first.
    fn add(&self) -> bool {
        self.lately.set(true);
        self.count.replace(self.count.get() + 1) == 0
    }

    /// All of them, where it was asked before since the last: then that is over.
    fn over(&self) -> u64 {
        if self.lately.replace(false) { 0 } else { self.count.take() }
    }
}

/// A peer's child: its number, and its queue of datagrams.
#[derive(Clone)]
struct Child {
    number: u64,
    queue: mpsc::Sender<Vec<u8>>,
}

struct Server {
    doors: Vec<Rc<Door>>,
    peers: RefCell<Peers<Endpoint, Known>>,
    service: Rc<Service>,
    report: Arc<dyn Report>,
    counters: Rc<Counters>,
    /// Wakes what waits for somebody to send our input to.
    heard: Notify,
    /// That the table of peers is full was told.
    full: Cell<bool>,
    children: Cell<u64>,
}

/// Serves every peer until it is dropped, also after our input's end. Our input goes to the peer that was heard last, or
/// with `broadcast` to all; with a program each peer has a child of its own.
///
/// # Errors
/// Our own input or output failed, or a socket is broken.
pub async fn serve(
    doors: Vec<Door>,
    service: Rc<Service>,
    broadcast: bool,
    report: Arc<dyn Report>,
    counters: Rc<Counters>,
) -> Result<(), Problem> {
    let peers = RefCell::new(Peers::new(service.max, service.options.idle.unwrap_or(PEER_IDLE)));
    let doors = doors.into_iter().map(Rc::new).collect();
    let (heard, full, children) = (Notify::new(), Cell::new(false), Cell::new(0));
    let server = Rc::new(Server { doors, peers, service, report, counters, heard, full, children });
    let output = Local::stdout().map_err(Problem::Output)?;
    let terminal = output.is_terminal();
    let sink = Mutex::new(Sink::output(output, &server.counters));
    let mut feeding = server.service.program.is_none();
    let mut feed = pin!(server.feed(broadcast));
    let mut running = JoinSet::new();
    let mut buffer = vec![0; CHUNK];
    // While a datagram waits for our output no other is received, but all else goes on.
    let mut relaying = pin!(None);
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            got = server.recv(&mut buffer), if relaying.is_none() => {
                let (way, received) = got?;
                report_truncation(received, &*server.report);
                server.counters.add_received(received.len);
                let bytes = buffer.get(..received.len).unwrap_or_default();
                match server.meet(&way, &mut running) {
                    None => continue,
                    Some(Some(child)) => {
                        if child.queue.try_send(bytes.to_vec()).is_err() {
                            server.too_much(&way.peer);
                        }
                        continue;
                    }
                    Some(None) => {}
                }
                let view = server.service.look.of(&way.peer, terminal);
                relaying.set(Some(server.relay(way.peer, std::mem::take(&mut buffer), received, broadcast, &sink, view)));
            }
            (given_back, done) = pending(relaying.as_mut()) => {
                done?;
                buffer = given_back;
                relaying.set(None);
            }
            done = &mut feed, if feeding => {
                done?;
                feeding = false;
            }
            Some(ended) = running.join_next(), if !running.is_empty() => {
                if let Ok(Some(problem)) = &ended {
                    server.report.event(&Event::Trouble(problem));
                }
            }
            _ = tick.tick() => {
                server.expire();
                server.tell_dropped(Dropped::over);
            }
        }
    }
}

/// Waits for what is pending; where nothing is, for ever.
async fn pending<F: Future>(future: Pin<&mut Option<F>>) -> F::Output {
    match future.as_pin_mut() {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}

impl Server {
    /// A datagram to all others, where that is wanted, and to our output. Gives the buffer back.
    async fn relay(
        &self,
        peer: Endpoint,
        buffer: Vec<u8>,
        received: Received,
        broadcast: bool,
        sink: &Mutex<Sink>,
        mut view: View,
    ) -> (Vec<u8>, Result<(), Problem>) {
        if broadcast {
            self.spread(Some(&peer), buffer.get(..received.len).unwrap_or_default()).await;
        }
        let shown = show(&buffer, received, sink, &mut view).await;
        (buffer, shown)
    }

    /// The next datagram from any of the sockets. An error that an earlier datagram caused is told, and is no end.
    async fn recv(&self, buffer: &mut Vec<u8>) -> Result<(Way, Received), Problem> {
        loop {
            let door = self.any_readable().await?;
            let got = door.try_io(Interest::READABLE, |socket| {
                make_room(socket, socket.local_addr().ok().as_ref(), buffer)?;
                socket.recv_datagram(buffer, Flags::NONE)
            });
            match got {
                Ok(datagram) => {
                    let source = datagram.to.and_then(PacketInfo::answer);
                    return Ok((Way { door: door.clone(), peer: datagram.from, source }, datagram.received));
                }
                Err(error) if error.would_block() => {}
                Err(error) if survives(error.errno()) => self.report.event(&Event::Refused(&error)),
                Err(error) => return Err(Problem::Socket(error)),
            }
        }
    }

    async fn any_readable(&self) -> Result<Rc<Door>, Problem> {
        poll_fn(|cx| {
            for door in &self.doors {
                if let Poll::Ready(ready) = door.poll_read_ready(cx) {
                    return Poll::Ready(ready.map(|()| door.clone()).map_err(Problem::Socket));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// A datagram came: its peer is known from now on. Gives its child, or `None` in all where there is no place for it.
    fn meet(self: &Rc<Self>, way: &Way, running: &mut JoinSet<Option<Problem>>) -> Option<Option<Child>> {
        let program = self.service.program.as_ref();
        if way.is_unnamed() && program.is_none() {
            return Some(None);
        }
        let mut peers = self.peers.borrow_mut();
        // A child that outlives its peer has its place still.
        let places = running.len() < self.service.max || peers.get(&way.peer).is_some();
        let mut is_new = false;
        let new = || {
            is_new = true;
            Known { way: way.clone(), child: None, dropped: Dropped::default() }
        };
        let Some(known) = places.then(|| peers.heard(&way.peer, Instant::now(), new)).flatten() else {
            if !self.full.replace(true) {
                self.report.event(&Event::TooManyPeers { peer: &way.peer, max: self.service.max });
            }
            return None;
        };
        known.way = way.clone();
        if is_new {
            self.report.event(&Event::Joined(&way.peer));
            if let Some(program) = program {
                let (queue, datagrams) = mpsc::channel(CHILD_QUEUE);
                let number = self.children.get() + 1;
                self.children.set(number);
                known.child = Some(Child { number, queue });
                running.spawn_local(run_child(self.clone(), program.clone(), way.clone(), number, datagrams));
            }
        }
        let child = known.child.clone();
        self.heard.notify_one();
        Some(child)
    }

    fn forget(&self, peer: &Endpoint) {
        let known = self.peers.borrow_mut().remove(peer);
        if let Some(known) = known {
            self.forgotten(peer, &known);
        }
    }

    fn forgotten(&self, peer: &Endpoint, known: &Known) {
        self.full.set(false);
        self.told(peer, known.dropped.count.take());
        self.report.event(&Event::Forgotten(peer));
    }

    /// A datagram was too much for its peer and is dropped: told once until it is over, and then how many they were.
    fn too_much(&self, peer: &Endpoint) {
        if self.peers.borrow().get(peer).is_none_or(|known| known.dropped.add()) {
            self.report.event(&Event::Behind(peer));
        }
    }

    fn tell_dropped(&self, count: fn(&Dropped) -> u64) {
        for (peer, known) in self.peers.borrow().iter() {
            self.told(peer, count(&known.dropped));
        }
    }

    fn told(&self, peer: &Endpoint, count: u64) {
        if count > 0 {
            self.report.event(&Event::Dropped { peer, count });
        }
    }

    fn expire(&self) {
        let gone = self.peers.borrow_mut().expire(Instant::now());
        for (peer, known) in gone {
            self.forgotten(&peer, &known);
        }
    }

    /// Our input, to its end: each message to the peer that was heard last, or to all. Waits for the first peer.
    async fn feed(&self, broadcast: bool) -> Result<(), Problem> {
        let input = Local::stdin().map_err(Problem::Input)?;
        let mut messages = Messages::new(self.service.options.outgoing);
        loop {
            if !broadcast {
                self.last().await;
            }
            let Some(message) = messages.next(&input).await? else { return Ok(()) };
            if broadcast {
                self.spread(None, &message).await;
            } else {
                let way = self.last().await;
                self.send(&way, &message).await;
            }
        }
    }

    /// The way to the peer that was heard last, once there is one.
    async fn last(&self) -> Way {
        loop {
            let last = self.peers.borrow().last().map(|(_, known)| known.way.clone());
            match last {
                Some(way) => return way,
                None => self.heard.notified().await,
            }
        }
    }

    /// The way by which a peer asked last: it may have asked another of our addresses since.
    fn newest(&self, way: &Way) -> Way {
        self.peers.borrow().get(&way.peer).map_or_else(|| way.clone(), |known| known.way.clone())
    }

    /// To all but one. Nobody waits for a peer that takes nothing: what is too much for it is dropped, and told.
    async fn spread(&self, from: Option<&Endpoint>, bytes: &[u8]) {
        let ways: Vec<Way> = self
            .peers
            .borrow()
            .iter()
            .filter(|(peer, _)| Some(*peer) != from)
            .map(|(_, known)| known.way.clone())
            .collect();
        for way in ways {
            let sent = way.send(bytes, Duration::ZERO).await;
            self.sent(&way, sent);
        }
    }

    /// To one peer. One that takes nothing is waited for as long as it is remembered.
    async fn send(&self, way: &Way, bytes: &[u8]) {
        if way.is_unnamed() {
            return self.report.event(&Event::Unnamed);
        }
        let sent = way.send(bytes, self.service.options.idle.unwrap_or(PEER_IDLE)).await;
        self.sent(way, sent);
    }

    fn sent(&self, way: &Way, sent: Result<usize>) {
        match sent {
            Ok(n) => {
                self.counters.add_sent(n);
                self.peers.borrow_mut().told(&way.peer, Instant::now());
            }
            Err(error) if error.would_block() => self.too_much(&way.peer),
            Err(error) => {
                self.report.event(&Event::NotSent(&error));
                if matches!(error.errno(), Some(errno::ECONNREFUSED | errno::ENOENT)) {
                    self.forget(&way.peer);
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tell_dropped(|dropped| dropped.count.take());
    }
}

impl Way {
    fn is_unnamed(&self) -> bool {
        self.peer.unix() == Some(&UnixAddr::Unnamed)
    }

    /// Gives up with EAGAIN where a Unix peer takes nothing for so long. Over UDP the wait is for our own buffer alone.
    async fn send(&self, bytes: &[u8], patience: Duration) -> Result<usize> {
        let step =
            |socket: &Socket<AnyDatagram, Bound>| socket.send_datagram(bytes, &self.peer, self.source, Flags::NONE);
        if self.peer.unix().is_none() {
            return self.door.io(Interest::WRITABLE, step).await;
        }
        // The kernel does not tell a socket without a peer of its own when somebody's queue has room again.
        let (start, mut pause) = (Instant::now(), FULL_PAUSE);
        loop {
            match step(self.door.get_ref()) {
                Err(error) if error.would_block() && start.elapsed() < patience => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(FULL_PAUSE_MAX);
                }
                done => return done,
            }
        }
    }
}

/// One peer's child: datagrams to its input, each of its lines a datagram back.
async fn run_child(
    server: Rc<Server>,
    program: Program,
    way: Way,
    number: u64,
    mut datagrams: mpsc::Receiver<Vec<u8>>,
) -> Option<Problem> {
    let local = way.door.get_ref().local_addr().unwrap_or(Endpoint::Unix(UnixAddr::Unnamed));
    let started = match program.start(&local, &way.peer) {
        Ok(started) => started,
        Err(problem) => {
            server.forget(&way.peer);
            return Some(problem);
        }
    };
    let (mut process, input, output) = (started.process, started.input, started.output);
    let feed = async move {
        while let Some(bytes) = datagrams.recv().await {
            if input.write_all(&bytes).await.is_err() {
                break;
            }
        }
    };
    let answer = async {
        let mut messages = Messages::new(server.service.options.outgoing);
        loop {
            match messages.next(&output).await {
                Ok(Some(message)) => server.send(&server.newest(&way), &message).await,
                Ok(None) => return None,
                Err(problem) => return Some(problem),
            }
        }
    };
    let mut answer = std::pin::pin!(answer);
    // The input ends with the peer; the output, even of a child that wants no more input, is sent to its end.
    let problem = tokio::select! {
        problem = &mut answer => problem,
        () = feed => answer.await,
    };
    // The peer may have been forgotten meanwhile, and come again to another child.
    let own = |known: &Known| known.child.as_ref().is_some_and(|child| child.number == number);
    let own = server.peers.borrow().get(&way.peer).is_some_and(own);
    if own {
        server.forget(&way.peer);
    }
    let ended = child::end(&mut process, problem.is_some()).await;
    problem.or_else(|| program.judge(ended))
}
