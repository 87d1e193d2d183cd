//! Datagrams with many peers: answers go to whoever asked, from the address that was asked.

use crate::child::{self, Program};
use crate::counters::{CHUNK, Counters};
use crate::datagram::{make_room, report_truncation, show};
use crate::event::{Event, Report};
use crate::listen::Service;
use crate::local::Local;
use crate::peers::Peers;
use crate::problem::Problem;
use crate::pump::{Messages, Sink};
use puerta::{
    AnyDatagram, Async, Bound, Endpoint, Error, Flags, PacketInfo, Received, Result, Socket, UnixAddr, errno,
};
use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

/// How long a datagram peer is remembered without a datagram either way.
pub const PEER_IDLE: Duration = Duration::from_secs(60);
/// How many datagram peers there may be by default.
pub const PEERS_MAX: usize = 1024;
/// How many datagrams may wait for a child that reads slowly.
const CHILD_QUEUE: usize = 64;

/// A bound datagram socket with readiness.
pub type Door = Async<Socket<AnyDatagram, Bound>>;

/// Gives a bound datagram socket readiness; it is made non-blocking. The destination of each datagram was asked for before
/// (`set_packet_info`).
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
    child: Option<mpsc::Sender<Vec<u8>>>,
}

struct Server {
    doors: Vec<Rc<Door>>,
    peers: RefCell<Peers<Endpoint, Known>>,
    service: Rc<Service>,
    report: Arc<dyn Report>,
    counters: Rc<Counters>,
}

/// What a child's task tells at its end.
struct ChildEnd {
    peer: Endpoint,
    problem: Option<Problem>,
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
    let server = Server { doors, peers, service, report, counters };
    let sink = Mutex::new(Sink::output(Local::stdout().map_err(Problem::Output)?));
    let terminal = sink.lock().await.is_terminal();
    let input = match server.service.program {
        Some(_) => None,
        None => Some(Local::stdin().map_err(Problem::Input)?),
    };
    let mut messages = Messages::new(server.service.options.outgoing);
    let mut more_input = input.is_some();
    let mut children: JoinSet<ChildEnd> = JoinSet::new();
    let mut buffer = vec![0; CHUNK];
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let someone = server.peers.borrow().last().is_some();
        tokio::select! {
            got = server.recv(&mut buffer) => {
                let (way, received) = got?;
                report_truncation(received, &*server.report);
                server.counters.add_received(received.len);
                let bytes = buffer.get(..received.len).unwrap_or_default();
                let Some(child) = server.heard(&way, &mut children) else { continue };
                if let Some(child) = child {
                    if child.try_send(bytes.to_vec()).is_err() {
                        server.report.event(&Event::Behind(&way.peer));
                    }
                    continue;
                }
                if broadcast {
                    server.spread(Some(&way.peer), bytes).await;
                }
                let mut view = server.service.look.of(&way.peer, terminal);
                show(&buffer, received, &sink, &mut view).await?;
            }
            message = next(&mut messages, input.as_ref()), if more_input && (someone || broadcast) => match message? {
                Some(message) if broadcast => server.spread(None, &message).await,
                Some(message) => {
                    let way = server.peers.borrow().last().map(|(_, known)| known.way.clone());
                    if let Some(way) = way {
                        server.send(&way, &message).await;
                    }
                }
                None => more_input = false,
            },
            Some(Ok(end)) = children.join_next(), if !children.is_empty() => {
                if let Some(problem) = &end.problem {
                    server.report.event(&Event::Trouble(problem));
                }
                server.peers.borrow_mut().remove(&end.peer);
                server.report.event(&Event::Forgotten(&end.peer));
            }
            _ = tick.tick() => {
                let gone = server.peers.borrow_mut().expire(Instant::now());
                for (peer, _) in gone {
                    server.report.event(&Event::Forgotten(&peer));
                }
            }
        }
    }
}

async fn next(messages: &mut Messages, input: Option<&Local>) -> Result<Option<Vec<u8>>, Problem> {
    match input {
        Some(input) => messages.next(input).await,
        None => Ok(None),
    }
}

impl Server {
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
                Err(error) if survives(&error) => self.report.event(&Event::Refused(&error)),
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

    /// A datagram came: its peer is known from now on. Gives its child's queue, or `None` in all where the table is full.
    fn heard(&self, way: &Way, children: &mut JoinSet<ChildEnd>) -> Option<Option<mpsc::Sender<Vec<u8>>>> {
        let mut peers = self.peers.borrow_mut();
        let mut is_new = false;
        let known = peers.heard(&way.peer, Instant::now(), || {
            is_new = true;
            Known { way: way.clone(), child: None }
        });
        let Some(known) = known else {
            self.report.event(&Event::TooManyPeers { peer: &way.peer, max: self.service.max });
            return None;
        };
        known.way = way.clone();
        if is_new {
            self.report.event(&Event::Joined(&way.peer));
            if let Some(program) = &self.service.program {
                let (sender, receiver) = mpsc::channel(CHILD_QUEUE);
                known.child = Some(sender);
                let task =
                    run_child(program.clone(), way.clone(), receiver, self.report.clone(), self.counters.clone());
                children.spawn_local(task);
            }
        }
        Some(known.child.clone())
    }

    async fn spread(&self, from: Option<&Endpoint>, bytes: &[u8]) {
        let ways: Vec<Way> = self
            .peers
            .borrow()
            .iter()
            .filter(|(peer, _)| Some(*peer) != from)
            .map(|(_, known)| known.way.clone())
            .collect();
        for way in ways {
            self.send(&way, bytes).await;
        }
    }

    async fn send(&self, way: &Way, bytes: &[u8]) {
        match way.send(bytes).await {
            Ok(n) => {
                self.counters.add_sent(n);
                self.peers.borrow_mut().told(&way.peer, Instant::now());
            }
            Err(error) => {
                if error.errno() == Some(errno::ECONNREFUSED) {
                    self.peers.borrow_mut().remove(&way.peer);
                }
                self.report.event(&Event::NotSent(&error));
            }
        }
    }
}

/// Errors that concern one peer.
fn survives(error: &Error) -> bool {
    matches!(
        error.errno(),
        Some(
            errno::ECONNREFUSED
                | errno::EHOSTUNREACH
                | errno::ENETUNREACH
                | errno::ECONNRESET
                | errno::EPROTO
                | errno::EMSGSIZE
        )
    )
}

impl Way {
    async fn send(&self, bytes: &[u8]) -> Result<usize> {
        let step =
            |socket: &Socket<AnyDatagram, Bound>| socket.send_datagram(bytes, &self.peer, self.source, Flags::NONE);
        self.door.io(Interest::WRITABLE, step).await
    }
}

/// One peer's child: datagrams to its input, each of its lines a datagram back.
async fn run_child(
    program: Program,
    way: Way,
    mut datagrams: mpsc::Receiver<Vec<u8>>,
    report: Arc<dyn Report>,
    counters: Rc<Counters>,
) -> ChildEnd {
    let peer = way.peer.clone();
    let local = way.door.get_ref().local_addr().unwrap_or(Endpoint::Unix(UnixAddr::Unnamed));
    let started = match program.start(&local, &peer) {
        Ok(started) => started,
        Err(problem) => return ChildEnd { peer, problem: Some(problem) },
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
        let mut messages = Messages::new(Default::default());
        loop {
            match messages.next(&output).await {
                Ok(Some(message)) => match way.send(&message).await {
                    Ok(n) => counters.add_sent(n),
                    Err(error) => report.event(&Event::NotSent(&error)),
                },
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
    let ended = child::end(&mut process, problem.is_some()).await;
    ChildEnd { peer, problem: problem.or_else(|| program.judge(ended)) }
}
