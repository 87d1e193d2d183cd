//! The hub: the rooms' core, joined to QUIC, to the log and to the clock.
//!
//! Everything runs in one task; the log has threads of its own. What comes in one turn goes to the log as one batch, and what the log
//! has made durable is encoded once and written to every member.

mod history;
mod memory;
mod out;
mod run;

pub use history::History;
pub use memory::{KEPT, KEPT_BYTES};

use crate::identity::{Key, random};
use crate::log;
use crate::problem::Problem;
use crate::room::frame::ToHub;
use crate::room::ids::Device;
use crate::room::rooms::{Conn, Effect, Input, Rooms, Setup};
use crate::transport::{Acknowledgements, Door, Event, LOOK, Peer, Server, listen};
use bytes::Bytes;
use history::{Keeper, Told};
use out::Out;
use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Bytes that wait for one member beyond QUIC's own window, at most. What is for all is left out for who has more, and asked for
/// when it is read; who is sent more on request than twice as much is cut off.
pub const BACKLOG: usize = 256 * 1024;

/// What a hub is made of.
#[derive(Debug)]
pub struct Options {
    /// Names and limits.
    pub setup: Setup,
    /// Its key.
    pub key: Key,
    /// Its socket, such as [`hub_socket`](crate::transport::hub_socket) makes.
    pub socket: UdpSocket,
    /// Where what was said is kept.
    pub history: History,
    /// How often members acknowledge.
    pub acknowledgements: Acknowledgements,
}

/// A hub that runs.
#[derive(Debug)]
pub struct Hub {
    shared: Arc<Shared>,
    /// Closed when it ends, though there may be handles.
    door: Door,
}

/// Steers a hub while it runs.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// How many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Connections.
    pub connections: usize,
    /// Members that are there.
    pub online: usize,
    /// Members.
    pub members: usize,
}

impl Hub {
    /// A hub on its socket, with what its log has. It serves while [`run`](Self::run) is polled.
    ///
    /// # Errors
    ///
    /// [`Failure::Log`] where the log cannot be read, [`Problem::System`] where the runtime cannot take the socket.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn new(options: Options) -> Result<Hub, Failure> {
        let wake = Arc::new(Notify::new());
        let (keeper, loaded) = Keeper::start(options.history, Arc::clone(&wake))?;
        let (mut server, door) = listen(&options.key, options.socket)?;
        server.acknowledgements(options.acknowledgements);
        let rooms = Rooms::new(options.setup, loaded);
        let now = Instant::now();
        let (outs, effects) = (BTreeMap::new(), Vec::new());
        let inner = Inner { start: now, rooms, keeper, server, outs, effects, look: None, next: now, closing: false };
        Ok(Hub { shared: Arc::new(Shared { inner: Mutex::new(inner), wake }), door })
    }

    /// Where it is.
    ///
    /// # Errors
    ///
    /// As of getsockname(2): never of a socket that is open.
    pub fn address(&self) -> Result<SocketAddr, Problem> {
        self.door.address()
    }

    /// To steer it from elsewhere.
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }
}

impl Handle {
    /// Makes an invite to the hub's first room, good for `lasts`. What was made before is good for nothing any more if `renew`.
    ///
    /// # Errors
    ///
    /// [`Problem::Random`] where the system gives no random bytes.
    pub fn invite(&self, lasts: Duration, once: bool, renew: bool) -> Result<[u8; 16], Problem> {
        let token = random::<16>()?;
        let until = wall().saturating_add(i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX));
        self.shared.inner().rooms.host_invite(token, until, once, renew);
        self.shared.wake.notify_one();
        Ok(token)
    }

    /// Sends all members to another hub, and takes nothing more.
    pub fn make_way(&self, address: String, hub: Device) {
        let mut inner = self.shared.inner();
        inner.take(Input::Move { address, hub });
        inner.carry_out();
        drop(inner);
        self.shared.wake.notify_one();
    }

    /// How many there are.
    pub fn counts(&self) -> Counts {
        let (connections, online, members) = self.shared.inner().rooms.counts();
        Counts { connections, online, members }
    }

    /// Why the log takes nothing any more, when it does not.
    pub fn read_only(&self) -> Option<String> {
        self.shared.inner().rooms.read_only().map(str::to_owned)
    }
}

/// What a hub and its handles share.
#[derive(Debug)]
struct Shared {
    inner: Mutex<Inner>,
    /// There is something from the log, or a handle has done something.
    wake: Arc<Notify>,
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Inner {
    start: Instant,
    rooms: Rooms,
    keeper: Keeper,
    server: Server,
    outs: BTreeMap<Conn, Out>,
    effects: Vec<Effect>,
    /// When to look after who has not heard yet what was sent.
    look: Option<Instant>,
    /// When the next fan-out may be: see [`run`].
    next: Instant,
    closing: bool,
}

impl Inner {
    fn take(&mut self, input: Input) {
        self.rooms.handle(self.start.elapsed(), wall(), input, &mut self.effects);
    }

    /// What members have sent, and who has come or gone.
    fn happened(&mut self) {
        while let Some(event) = self.server.event() {
            match event {
                Event::Joined(peer, _) if self.closing => self.server.close(Instant::now(), peer, 0, b""),
                Event::Joined(peer, device) => drop(self.outs.insert(Conn(peer.0), Out::new(peer, device))),
                // Who does not come to the end of the handshake is nobody yet.
                Event::Failed(_) => {}
                Event::Read(peer, bytes) => self.read(Conn(peer.0), &bytes),
                Event::Writable(peer) => {
                    let Inner { outs, server, .. } = self;
                    if outs.get_mut(&Conn(peer.0)).is_some_and(|out| out.drain(server)) {
                        self.take(Input::Drained(Conn(peer.0)));
                    }
                }
                Event::Closed(peer) => {
                    if self.outs.remove(&Conn(peer.0)).is_some_and(|out| out.new.is_none()) {
                        self.take(Input::Closed(Conn(peer.0)));
                    }
                }
            }
            self.carry_out();
        }
    }

    fn read(&mut self, conn: Conn, bytes: &Bytes) {
        let Some(out) = self.outs.get_mut(&conn).filter(|out| !out.is_closing()) else { return };
        out.frames.push(bytes);
        loop {
            let Some(out) = self.outs.get_mut(&conn) else { return };
            let frame = match out.frames.take::<ToHub>() {
                Ok(None) => return,
                came => came,
            };
            // A part of a frame makes nobody of a stranger.
            if let Some(device) = out.new.take() {
                self.server.introduced(Peer(conn.0));
                self.take(Input::Connected { conn, device });
            }
            match frame {
                Ok(Some(frame)) => self.take(Input::Frame { conn, frame }),
                _ => return self.take(Input::Malformed(conn)),
            }
        }
    }

    /// What was gathered goes to the log, and all that is to be done is done.
    fn flush(&mut self) {
        self.rooms.flush(&mut self.effects);
        self.carry_out();
    }

    /// What the log says, and what is due; how many messages went out.
    fn tell(&mut self) -> usize {
        let mut messages = 0;
        for told in self.keeper.told() {
            let input = match told {
                Told::Written(batches) => {
                    messages += batches.iter().map(|batch| batch.writes.len()).sum::<usize>();
                    Input::Written(batches)
                }
                Told::Failed(why) => Input::Failed(why),
                Told::Answer(ticket, answer) => Input::Answer { ticket, answer },
            };
            self.take(input);
        }
        if self.rooms.due().is_some_and(|due| due <= self.start.elapsed()) {
            self.take(Input::Tick);
        }
        self.flush();
        messages
    }

    /// Looks after who has not heard yet what was sent.
    fn look_after(&mut self, now: Instant) {
        if self.look.is_some_and(|look| look <= now) {
            let Inner { outs, server, .. } = self;
            let again = outs.values_mut().fold(false, |again, out| out.look(server) | again);
            self.look = again.then(|| now + LOOK);
        }
    }

    fn carry_out(&mut self) {
        for effect in std::mem::take(&mut self.effects) {
            let Inner { outs, server, .. } = self;
            let mut unheard = false;
            match effect {
                Effect::Send { conn, frames } => {
                    if let Some(out) = outs.get_mut(&conn) {
                        unheard = out.send(server, frames);
                    }
                }
                Effect::Fan { to, frames } => {
                    for conn in to.iter() {
                        if let Some(out) = outs.get_mut(conn) {
                            unheard |= out.fan(server, &frames);
                        }
                    }
                }
                Effect::Write(batch) => self.keeper.write(batch),
                Effect::Ask { ticket, ask } => self.keeper.ask(ticket, ask),
                Effect::NeedToken { ticket } => {
                    // Without random bytes there is no invite, and who asked may ask again.
                    if let Ok(token) = random::<16>() {
                        self.take(Input::Token { ticket, token });
                    }
                }
                Effect::Close(conn) => {
                    if let Some(out) = outs.get_mut(&conn) {
                        out.close(server);
                    }
                }
            }
            if unheard && self.look.is_none() {
                self.look = Some(Instant::now() + LOOK);
            }
        }
    }
}

/// Milliseconds since 1970.
fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Why a hub could not start.
#[derive(Debug)]
pub enum Failure {
    /// The log.
    Log(log::Problem),
    /// Anything else.
    Problem(Problem),
}

impl Failure {
    /// The exit status: the table of all commands.
    pub fn status(&self) -> u8 {
        match self {
            Failure::Log(problem) => problem.status(),
            Failure::Problem(problem) => problem.status(),
        }
    }
}

impl From<log::Problem> for Failure {
    fn from(problem: log::Problem) -> Self {
        Failure::Log(problem)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Failure::Problem(problem)
    }
}
