//! The hub: the rooms' core, joined to QUIC, to the log and to the clock.
//!
//! Everything runs on one tokio runtime of the current thread; the log has threads of its own. What comes in one turn of the
//! runtime goes to the log as one batch, and what the log has made durable is encoded once and written to every member.

mod connection;
mod history;
mod out;

pub use history::{History, KEPT};

use crate::identity::{Key, random};
use crate::log;
use crate::problem::Problem;
use crate::room::ids::Device;
use crate::room::rooms::{Conn, Effect, Input, Rooms, Setup};
use crate::transport::{Acknowledgements, CLOSED, LOOK, Listener};
use connection::serve;
use history::{Keeper, Told};
use out::Out;
use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// Bytes that wait for one member beyond QUIC's own window, at most. What is for all is left out for who has more, and asked for
/// when it is read; who is sent more on request than twice as much is cut off.
pub const BACKLOG: usize = 256 * 1024;

/// When a fan-out of [`BUSY`] messages or more took longer, there is none for as long again: more messages share the next, and half
/// of the time is for what comes in. A message that comes alone never waits.
const QUICK: Duration = Duration::from_micros(300);

/// How often, at most, more is waited for that comes in at the same time.
const ROUNDS: u32 = 8;

/// The longest such wait.
const HELD: Duration = Duration::from_millis(20);

/// See [`QUICK`].
const BUSY: usize = 4;

/// How long a hub that ends waits for its members to hear of it.
const GOODBYE: Duration = Duration::from_millis(500);

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
    listener: Listener,
    shared: Arc<Shared>,
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
        let mut listener = Listener::new(&options.key, options.socket)?;
        listener.acknowledgements(options.acknowledgements);
        let rooms = Rooms::new(options.setup, loaded);
        let inner = Inner { rooms, keeper, outs: BTreeMap::new(), effects: Vec::new(), next: 1, closing: false };
        let shared = Shared {
            start: Instant::now(),
            inner: Mutex::new(inner),
            wake,
            unheard: Notify::new(),
            came: AtomicU64::new(0),
        };
        Ok(Hub { listener, shared: Arc::new(shared) })
    }

    /// Where it is.
    ///
    /// # Errors
    ///
    /// As of getsockname(2): never of a socket that is open.
    pub fn address(&self) -> Result<SocketAddr, Problem> {
        self.listener.endpoint().local_addr().map_err(Problem::System)
    }

    /// To steer it from elsewhere.
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }

    /// Serves until `stop` is ready; then what came is made durable, and the members hear that the hub is gone.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let turns = tokio::spawn(turns(Arc::clone(&self.shared)));
        let looks = tokio::spawn(looks(Arc::clone(&self.shared)));
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                arrival = self.listener.next() => match arrival {
                    Some(arrival) => drop(tokio::spawn(serve(Arc::clone(&self.shared), arrival))),
                    None => break,
                },
            }
        }
        self.shared.finish().await;
        turns.abort();
        looks.abort();
        let endpoint = self.listener.endpoint();
        endpoint.close(0_u32.into(), CLOSED);
        let _ = tokio::time::timeout(GOODBYE, endpoint.wait_idle()).await;
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
        self.shared.handle(Input::Move { address, hub });
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

/// What all tasks of a hub share.
#[derive(Debug)]
struct Shared {
    start: Instant,
    inner: Mutex<Inner>,
    /// There is something for the log, or from it.
    wake: Arc<Notify>,
    /// Something was sent to someone to whom nothing was on its way.
    unheard: Notify,
    /// How often something was read from a member.
    came: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    rooms: Rooms,
    keeper: Keeper,
    outs: BTreeMap<Conn, Out>,
    effects: Vec<Effect>,
    next: u64,
    closing: bool,
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// One thing that happened.
    fn handle(self: &Arc<Self>, input: Input) {
        let mut inner = self.inner();
        inner.take(self, input);
        inner.carry_out(self);
        drop(inner);
        self.wake.notify_one();
    }

    /// What the log says and what it is to get; how many messages went out.
    fn turn(self: &Arc<Self>) -> usize {
        let mut inner = self.inner();
        let mut messages = 0;
        for told in inner.keeper.told() {
            let input = match told {
                Told::Written(batches) => {
                    messages += batches.iter().map(|batch| batch.writes.len()).sum::<usize>();
                    Input::Written(batches)
                }
                Told::Failed(why) => Input::Failed(why),
                Told::Answer(ticket, answer) => Input::Answer { ticket, answer },
            };
            inner.take(self, input);
        }
        if inner.rooms.due().is_some_and(|due| due <= self.now()) {
            inner.take(self, Input::Tick);
        }
        inner.flush(self);
        messages
    }

    /// Nothing is taken any more; what was taken is made durable, and told.
    async fn finish(self: &Arc<Self>) {
        self.inner().closing = true;
        let patience = Instant::now() + GOODBYE;
        while self.inner().keeper.is_busy() && Instant::now() < patience {
            self.turn();
            let _ = tokio::time::timeout(GOODBYE / 10, self.wake.notified()).await;
        }
        self.turn();
    }
}

impl Inner {
    fn take(&mut self, shared: &Shared, input: Input) {
        let Inner { rooms, effects, .. } = self;
        rooms.handle(shared.now(), wall(), input, effects);
    }

    /// What was gathered goes to the log, and all that is to be done is done.
    fn flush(&mut self, shared: &Arc<Shared>) {
        self.rooms.flush(&mut self.effects);
        self.carry_out(shared);
    }

    fn carry_out(&mut self, shared: &Arc<Shared>) {
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Send { conn, frames } => {
                    if let Some(out) = self.outs.get_mut(&conn) {
                        out.send(shared, conn, frames);
                    }
                }
                Effect::Fan { to, frames } => {
                    for conn in to.iter() {
                        if let Some(out) = self.outs.get_mut(conn) {
                            out.fan(shared, *conn, &frames);
                        }
                    }
                }
                Effect::Write(batch) => self.keeper.write(batch),
                Effect::Ask { ticket, ask } => self.keeper.ask(ticket, ask),
                Effect::NeedToken { ticket } => {
                    // Without random bytes there is no invite, and who asked may ask again.
                    if let Ok(token) = random::<16>() {
                        self.take(shared, Input::Token { ticket, token });
                    }
                }
                Effect::Close(conn) => {
                    if let Some(out) = self.outs.get_mut(&conn) {
                        out.close(shared, conn);
                    }
                }
            }
        }
    }
}

/// One turn after the other, as the log and the members make them necessary.
async fn turns(shared: Arc<Shared>) {
    let mut next = Instant::now();
    loop {
        let due = shared.inner().rooms.due();
        let tick = async {
            match due {
                Some(due) => tokio::time::sleep(due.saturating_sub(shared.now())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = shared.wake.notified() => {}
            () = tick => {}
        }
        gather(&shared).await;
        // What comes in meanwhile is made durable, and goes out with the rest.
        while Instant::now() < next {
            tokio::select! {
                () = shared.wake.notified() => gather(&shared).await,
                () = tokio::time::sleep_until(next.into()) => {}
            }
        }
        let start = Instant::now();
        if shared.turn() >= BUSY {
            // The members' own tasks have sent it when this goes on.
            tokio::task::yield_now().await;
            let took = start.elapsed();
            if took > QUICK {
                next = Instant::now() + took.min(HELD);
            }
        }
    }
}

/// Waits while more comes in, and hands it to the log: the socket is read 32 datagrams at a time, and what many said at once should
/// go out at once.
async fn gather(shared: &Arc<Shared>) {
    let mut seen = shared.came.load(Ordering::Relaxed);
    for _ in 0..ROUNDS {
        tokio::task::yield_now().await;
        let now = shared.came.load(Ordering::Relaxed);
        if now == seen {
            break;
        }
        seen = now;
    }
    shared.inner().flush(shared);
}

/// Looks after who has not heard yet what was sent.
async fn looks(shared: Arc<Shared>) {
    loop {
        shared.unheard.notified().await;
        let mut again = true;
        while again {
            tokio::time::sleep(LOOK).await;
            again = false;
            for out in shared.inner().outs.values_mut() {
                again |= out.look();
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
