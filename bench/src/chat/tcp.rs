//! The loader for servers that speak lines over TCP: one thread, epoll(7) by way of tokio, a read for each time that a member has
//! something, and no parsing but to count line ends.

use super::body::{SIZE, body, sender};
use super::flow::Flow;
use super::pace::beat;
use super::window::Window;
use super::{Done, Load, Work};
use crate::Result;
use crate::server::{Begun, Server};
use std::cell::{Cell, RefCell};
use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::timeout;

/// How long all members together may take to join: each of them is told of to all others.
const JOINING: Duration = Duration::from_secs(120);

/// How many connect at once: fewer than the shortest backlog, 10.
const CONNECTING: usize = 8;

/// How many enter the room at once.
const ENTERING: usize = 256;

/// How long the last messages may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much a member reads at once.
const BUFFER: usize = 64 << 10;

/// How much is kept of what was searched already: more than the longest text that is searched for.
const TAIL: usize = 2 * SIZE;

/// How many messages are under way while the bodies are compared.
const COMPARING: u64 = 8;

/// A protocol of lines.
pub(super) trait Wire: Sync {
    /// What a member sends when it is connected.
    fn hello(&self, member: usize) -> String;
    /// What it hears then.
    fn greeted(&self) -> &'static str;
    /// What it sends to enter the room, and what it hears when it is there; nothing where to connect is to enter.
    fn enter(&self) -> Option<(&'static str, &'static str)> {
        None
    }
    /// What it sends to say something.
    fn message(&self, body: &str) -> String;
    /// How many lines a message is when it arrives.
    fn lines(&self) -> u64 {
        1
    }
    /// The body in a line that a member heard, if there is one.
    fn body<'a>(&self, line: &'a str) -> Option<&'a str>;
}

/// As [`Chat::run`](super::Chat::run).
///
/// # Errors
/// As there.
pub(super) fn run(wire: &'static dyn Wire, server: &Server, work: &Work) -> Result<Done> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| format!("the loader: {e}"))?;
    LocalSet::new().block_on(&runtime, async {
        let room = Room::open(wire, server.port, work).await?;
        room.within(PATIENCE, room.settle()).await?;
        match work.load {
            Load::Bodies(messages) => room.compare(server.begin(), messages).await,
            Load::Busy { outstanding, time } => room.fill(server.begin(), outstanding, time).await,
            Load::Paced { every, time } => room.pace(server.begin(), every, time).await,
        }
    })
}

/// What to do with what is heard.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Look for a text.
    Search,
    /// Count it.
    Count,
    /// Count and keep it.
    Keep,
}

struct Room {
    wire: &'static dyn Wire,
    work: Work,
    streams: Vec<Rc<TcpStream>>,
    shared: Rc<Shared>,
}

/// What the readers of all members share.
struct Shared {
    wire: &'static dyn Wire,
    mode: Cell<Mode>,
    members: RefCell<Vec<Member>>,
    /// How many members still look for a text.
    searching: Cell<usize>,
    flow: Flow,
    buffer: RefCell<Vec<u8>>,
}

#[derive(Default)]
struct Member {
    searched: Vec<String>,
    heard: Vec<u8>,
    lines: u64,
}

impl Room {
    async fn open(wire: &'static dyn Wire, port: u16, work: &Work) -> Result<Room> {
        let shared = Rc::new(Shared {
            wire,
            mode: Cell::new(Mode::Search),
            members: RefCell::default(),
            searching: Cell::new(0),
            flow: Flow::new(work.members),
            buffer: RefCell::new(vec![0; BUFFER]),
        });
        let mut room = Room { wire, work: *work, streams: Vec::new(), shared };
        let begin = Instant::now();
        for member in 0..work.members {
            let tell = |e: io::Error| format!("member {member} cannot connect: {e}");
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.map_err(tell)?;
            stream.set_nodelay(true).map_err(tell)?;
            let stream = Rc::new(stream);
            room.streams.push(stream.clone());
            room.shared.members.borrow_mut().push(Member::default());
            room.shared.search(member, vec![wire.greeted().to_owned()]);
            tokio::task::spawn_local(listen(member, stream, room.shared.clone()));
            room.say(member, wire.hello(member).as_bytes()).await?;
            if (member + 1) % CONNECTING == 0 || member + 1 == work.members {
                room.within(JOINING.saturating_sub(begin.elapsed()), room.shared.found()).await?;
            }
        }
        room.within(JOINING.saturating_sub(begin.elapsed()), room.enter()).await?;
        Ok(room)
    }

    /// The members enter the room, many at once: each entering is told to all who are there.
    async fn enter(&self) -> Result<()> {
        let Some((text, answer)) = self.wire.enter() else { return Ok(()) };
        for member in 0..self.work.members {
            self.shared.search(member, vec![answer.to_owned()]);
            self.say(member, text.as_bytes()).await?;
            if (member + 1) % ENTERING == 0 {
                self.shared.found().await?;
            }
        }
        self.shared.found().await
    }

    /// Waits until what the joining caused has passed: two members say something, and each member waits for what the others said.
    async fn settle(&self) -> Result<()> {
        // The line's end is searched for, too: a late one would count as a message.
        let end = if self.wire.message("").ends_with("\r\n") { "\r\n" } else { "\n" };
        let last =
            [u64::MAX >> 25, (u64::MAX >> 25) - 1].map(|number| String::from_utf8_lossy(&body(number)).into_owned());
        for member in 0..self.work.members {
            let others = last.iter().enumerate().filter(|(by, _)| *by != member);
            self.shared.search(member, others.map(|(_, text)| format!("{text}{end}")).collect());
        }
        for (by, text) in last.iter().enumerate() {
            self.say(by, self.wire.message(text).as_bytes()).await?;
        }
        self.shared.found().await
    }

    async fn compare(&self, begun: Begun<'_>, messages: u64) -> Result<Done> {
        self.start(Mode::Keep, COMPARING);
        let limit = PATIENCE;
        self.within(limit, async {
            for number in 0..messages {
                self.shared.flow.wait(|window| window.free() > 0).await?;
                let by = sender(number, self.work.speakers);
                self.shared.flow.window.borrow_mut().send(by);
                let text = self.wire.message(&String::from_utf8_lossy(&body(number)));
                self.say(by, text.as_bytes()).await?;
            }
            self.shared.flow.wait(Window::is_empty).await
        })
        .await?;
        Ok(self.done(begun))
    }

    async fn fill(&self, begun: Begun<'_>, outstanding: u64, time: Duration) -> Result<Done> {
        self.start(Mode::Count, outstanding);
        let message = self.wire.message(&String::from_utf8_lossy(&body(0)));
        let (end, mut number) = (begun.at + time, 0);
        self.within(time + PATIENCE, async {
            while Instant::now() < end {
                let free = self.shared.flow.window.borrow().free();
                for _ in 0..free {
                    let by = sender(number, self.work.speakers);
                    number += 1;
                    self.shared.flow.window.borrow_mut().send(by);
                    self.say(by, message.as_bytes()).await?;
                }
                self.shared.flow.wait(|window| window.free() > 0).await?;
            }
            self.shared.flow.wait(Window::is_empty).await
        })
        .await?;
        Ok(self.done(begun))
    }

    async fn pace(&self, begun: Begun<'_>, every: Duration, time: Duration) -> Result<Done> {
        self.start(Mode::Count, u64::MAX);
        let message = self.wire.message(&String::from_utf8_lossy(&body(0)));
        let mut beat = beat(every, time);
        self.within(time + PATIENCE, async {
            while beat.recv().await.is_some() {
                self.shared.flow.stamp();
                self.shared.flow.window.borrow_mut().send(0);
                self.say(0, message.as_bytes()).await?;
            }
            self.shared.flow.wait(Window::is_empty).await
        })
        .await?;
        Ok(self.done(begun))
    }

    fn start(&self, mode: Mode, outstanding: u64) {
        for member in self.shared.members.borrow_mut().iter_mut() {
            *member = Member::default();
        }
        self.shared.flow.start(outstanding);
        self.shared.mode.set(mode);
    }

    fn done(&self, begun: Begun<'_>) -> Done {
        let taken = begun.end();
        let members = self.shared.members.borrow();
        let bodies = members.iter().map(|member| {
            let heard = String::from_utf8_lossy(&member.heard);
            heard.lines().filter_map(|line| self.wire.body(line)).map(|body| body.as_bytes().to_vec()).collect()
        });
        let bodies = bodies.collect();
        let deliveries = self.shared.flow.window.borrow().deliveries();
        Done { deliveries, taken, latencies: self.shared.flow.latencies(), bodies }
    }

    async fn say(&self, member: usize, text: &[u8]) -> Result<()> {
        let Some(stream) = self.streams.get(member) else { return Ok(()) };
        let mut left = text;
        while !left.is_empty() {
            match stream.try_write(left) {
                Ok(written) => left = left.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stream.writable().await.map_err(|e| e.to_string())?;
                }
                Err(error) => return Err(format!("member {member} cannot send: {error}")),
            }
        }
        Ok(())
    }

    async fn within(&self, limit: Duration, work: impl Future<Output = Result<()>>) -> Result<()> {
        match timeout(limit, work).await {
            Ok(result) => result,
            Err(_) if self.shared.mode.get() == Mode::Search => {
                let (joined, all) = (self.streams.len(), self.work.members);
                Err(format!("the members took too long to join: {joined} of {all} are connected"))
            }
            Err(_) => Err(format!("messages did not arrive: {}", self.shared.flow.window.borrow().lack())),
        }
    }
}

impl Shared {
    /// A member looks for these texts.
    fn search(&self, member: usize, texts: Vec<String>) {
        if let Some(member) = self.members.borrow_mut().get_mut(member) {
            member.searched = texts;
            member.heard.clear();
            self.searching.set(self.searching.get() + 1);
        }
    }

    /// Waits until nobody looks for a text any longer.
    async fn found(&self) -> Result<()> {
        self.flow.until(|| self.searching.get() == 0).await
    }

    fn hear(&self, member: usize, bytes: &[u8]) {
        let mut members = self.members.borrow_mut();
        let Some(state) = members.get_mut(member) else { return };
        if self.mode.get() == Mode::Search {
            if state.look(bytes) {
                self.searching.set(self.searching.get() - 1);
                self.flow.notify();
            }
            return;
        }
        if self.mode.get() == Mode::Keep {
            state.heard.extend_from_slice(bytes);
        }
        let had = state.lines / self.wire.lines();
        state.lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let has = state.lines / self.wire.lines();
        drop(members);
        self.flow.receive(member, had, has - had);
    }
}

impl Member {
    /// Whether the last of the texts that it looks for is there now.
    fn look(&mut self, bytes: &[u8]) -> bool {
        if self.searched.is_empty() {
            return false;
        }
        self.heard.extend_from_slice(bytes);
        let heard = &self.heard;
        self.searched.retain(|text| !heard.windows(text.len()).any(|part| part == text.as_bytes()));
        self.heard.drain(..self.heard.len().saturating_sub(TAIL));
        self.searched.is_empty()
    }
}

/// Reads for a member until its connection ends.
async fn listen(member: usize, stream: Rc<TcpStream>, shared: Rc<Shared>) {
    loop {
        if let Err(error) = stream.readable().await {
            return shared.flow.fail(format!("member {member}: {error}"));
        }
        let mut buffer = shared.buffer.borrow_mut();
        match stream.try_read(&mut buffer) {
            Ok(0) => return shared.flow.fail(format!("the server closed the connection of member {member}")),
            Ok(length) => shared.hear(member, buffer.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return shared.flow.fail(format!("member {member} cannot receive: {error}")),
        }
    }
}
