//! Listening sockets with readiness, and what to do when accept fails.

use crate::event::{Event, Limit, Report};
use crate::problem::Problem;
use crate::wire::Wire;
use puerta::io::{self, Events, PollFd};
use puerta::{AnyStream, Async, Call, Connected, Endpoint, Error, Listening, Result, Socket, UnixPacket};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::Interest;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long accepting pauses at a limit of the system before it is tried again, unless a client leaves before.
const PAUSE: Duration = Duration::from_millis(200);

/// A listening socket, and a client of it that was accepted but could not be registered yet.
#[derive(Debug)]
pub enum Listener {
    /// TCP or a Unix stream.
    Stream(Async<Socket<AnyStream, Listening>>, RefCell<Option<Socket<AnyStream, Connected>>>),
    /// Unix packets.
    Packet(Async<Socket<UnixPacket, Listening>>, RefCell<Option<Socket<UnixPacket, Connected>>>),
}

impl Listener {
    /// With readiness; it is made non-blocking.
    ///
    /// # Errors
    /// What fcntl(2) and epoll(7) say.
    pub fn stream(socket: Socket<AnyStream, Listening>) -> Result<Self> {
        Ok(Listener::Stream(Async::new(socket)?, RefCell::default()))
    }

    /// With readiness; it is made non-blocking.
    ///
    /// # Errors
    /// What fcntl(2) and epoll(7) say.
    pub fn packet(socket: Socket<UnixPacket, Listening>) -> Result<Self> {
        Ok(Listener::Packet(Async::new(socket)?, RefCell::default()))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What getsockname(2) says.
    pub fn local(&self) -> Result<Endpoint> {
        match self {
            Listener::Stream(socket, _) => socket.get_ref().local_addr(),
            Listener::Packet(socket, _) => socket.get_ref().local_addr().map(Endpoint::Unix),
        }
    }

    /// As the address grammar names it.
    pub fn transport(&self) -> &'static str {
        match self {
            Listener::Packet(..) => "unix-packet",
            Listener::Stream(..) => match self.local() {
                Ok(Endpoint::Unix(_)) => "unix",
                _ => "tcp",
            },
        }
    }

    /// Whether a client waits to be accepted.
    fn is_awaited(&self) -> bool {
        let (asked, held) = match self {
            Listener::Stream(socket, held) => (PollFd::new(socket, Events::READ), held.borrow().is_some()),
            Listener::Packet(socket, held) => (PollFd::new(socket, Events::READ), held.borrow().is_some()),
        };
        held || io::poll(&mut [asked], Some(Duration::ZERO)).is_ok_and(|ready| ready > 0)
    }

    /// Ready once a client waits; a readiness of before is forgotten.
    fn poll_awaited(&self, cx: &mut std::task::Context<'_>) -> Poll<()> {
        let nobody = || Error::from_io(Call::Poll, &std::io::ErrorKind::WouldBlock.into());
        let look = || if self.is_awaited() { Ok(()) } else { Err(nobody()) };
        loop {
            let (ready, found) = match self {
                Listener::Stream(socket, _) => {
                    (ready!(socket.poll_read_ready(cx)), socket.try_io(Interest::READABLE, |_| look()))
                }
                Listener::Packet(socket, _) => {
                    (ready!(socket.poll_read_ready(cx)), socket.try_io(Interest::READABLE, |_| look()))
                }
            };
            if ready.is_err() || found.is_ok() {
                return Poll::Ready(());
            }
        }
    }

    fn poll_accept(&self, cx: &mut std::task::Context<'_>) -> Poll<Result<Wire>> {
        macro_rules! accept {
            ($socket:expr, $held:expr, $wire:expr) => {{
                let held = $held.borrow_mut().take();
                let client = match held {
                    Some(client) => client,
                    None => loop {
                        ready!($socket.poll_read_ready(cx))?;
                        match $socket.try_io(Interest::READABLE, |socket| socket.accept_nonblocking()) {
                            Err(e) if e.would_block() => {}
                            done => break done?.0,
                        }
                    },
                };
                Poll::Ready($wire(client).map_err(|refused| {
                    *$held.borrow_mut() = refused.error.is_limit().then_some(refused.object);
                    refused.error
                }))
            }};
        }
        match self {
            Listener::Stream(socket, held) => accept!(socket, held, Wire::accepted_stream),
            Listener::Packet(socket, held) => accept!(socket, held, Wire::accepted_packet),
        }
    }
}

/// How many clients there are, and may be.
#[derive(Debug)]
pub struct Places {
    taken: Cell<usize>,
    max: usize,
    freed: Notify,
    wanted: Notify,
}

/// A client's place; free again when dropped.
#[derive(Debug)]
pub struct Place(std::rc::Rc<Places>);

impl Places {
    /// At most `max` clients.
    pub fn new(max: usize) -> std::rc::Rc<Self> {
        std::rc::Rc::new(Places { taken: Cell::new(0), max, freed: Notify::new(), wanted: Notify::new() })
    }

    fn take(self: &std::rc::Rc<Self>) -> Place {
        self.taken.set(self.taken.get() + 1);
        Place(self.clone())
    }

    /// How many there are.
    pub fn taken(&self) -> usize {
        self.taken.get()
    }

    /// Waits until somebody is not accepted for want of a place. It is told again while that is so.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.set(self.0.taken.get().saturating_sub(1));
        self.0.freed.notify_one();
    }
}

/// Accepts from several sockets; pauses at limits, says so once, and goes on when there is room again.
#[derive(Debug)]
pub struct Acceptor {
    listeners: Vec<Listener>,
    places: std::rc::Rc<Places>,
    limited: Cell<bool>,
    next: Cell<usize>,
}

impl Acceptor {
    /// From these sockets, at most so many clients at once.
    pub fn new(listeners: Vec<Listener>, places: std::rc::Rc<Places>) -> Self {
        Acceptor { listeners, places, limited: Cell::new(false), next: Cell::new(0) }
    }

    /// The next client.
    ///
    /// # Errors
    /// What accept(2) says when the listener itself is broken; a client that has gone, and the limits of the system,
    /// are not such.
    pub async fn accept(&self, report: &dyn Report) -> Result<(Wire, Place), Problem> {
        loop {
            if self.places.taken() >= self.places.max {
                self.limit(report, Limit::Clients(self.places.max));
                self.left().await;
                continue;
            }
            match self.accept_once(report).await {
                Ok(wire) => return Ok((wire, self.places.take())),
                Err(e) if e.is_limit() => self.pause(report, Limit::System(&e)).await,
                Err(e) if e.concerns_one_client() => tokio::task::yield_now().await,
                Err(e) => return Err(Problem::Socket(e)),
            }
        }
    }

    /// Accepts for as long as it is awaited, and gives each client a task of its own. The next one is accepted when `prepared` is done
    /// with this one.
    ///
    /// # Errors
    /// As [`accept`](Self::accept), and the problem that a task ended with: one that concerns the whole server.
    pub async fn each<X, F: Future<Output = Option<Problem>> + 'static>(
        &self,
        report: &dyn Report,
        tasks: &mut JoinSet<Option<Problem>>,
        prepared: impl AsyncFn(&Wire) -> X,
        mut client: impl FnMut(Wire, Place, X) -> F,
    ) -> Result<(), Problem> {
        loop {
            let (wire, place) = tokio::select! {
                accepted = self.accept(report) => accepted?,
                Some(ended) = tasks.join_next(), if !tasks.is_empty() => match ended {
                    Ok(Some(problem)) => return Err(problem),
                    _ => continue,
                },
            };
            report.event(&Event::Joined(&wire.peer()));
            let ready = prepared(&wire).await;
            tasks.spawn_local(client(wire, place, ready));
        }
    }

    /// Turns around, so that no listener starves another. A limit is over when nobody waits any more, not with the first client
    /// that finds a place: otherwise it would be told again and again.
    async fn accept_once(&self, report: &dyn Report) -> Result<Wire> {
        let count = self.listeners.len().max(1);
        poll_fn(|cx| {
            for i in 0..count {
                let at = (self.next.get() + i) % count;
                let Some(listener) = self.listeners.get(at) else { continue };
                if let Poll::Ready(done) = listener.poll_accept(cx) {
                    self.next.set(at + 1);
                    return Poll::Ready(done);
                }
            }
            if self.limited.get() && !self.listeners.iter().any(Listener::is_awaited) {
                self.limited.set(false);
                report.event(&Event::BelowLimit);
            }
            Poll::Pending
        })
        .await
    }

    /// A limit of the system: it is told once. Waits until a client has left, or a moment.
    pub(crate) async fn pause(&self, report: &dyn Report, limit: Limit<'_>) {
        self.limit(report, limit);
        if self.listeners.iter().any(Listener::is_awaited) {
            self.places.wanted.notify_one();
        }
        let _ = timeout(PAUSE, self.places.freed.notified()).await;
    }

    /// Waits until a client has left.
    async fn left(&self) {
        let mut left = pin!(self.places.freed.notified());
        loop {
            tokio::select! {
                () = &mut left => return,
                () = self.awaited() => {}
            }
            // Who hung up at the same time has not been parted with yet: nobody else has to go for that.
            if timeout(PAUSE, &mut left).await.is_ok() {
                return;
            }
            if self.listeners.iter().any(Listener::is_awaited) {
                self.places.wanted.notify_one();
            }
        }
    }

    /// Waits until a client waits to be accepted.
    async fn awaited(&self) {
        poll_fn(|cx| {
            let ready = self.listeners.iter().any(|listener| listener.poll_awaited(cx).is_ready());
            if ready { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    pub(crate) fn places(&self) -> std::rc::Rc<Places> {
        self.places.clone()
    }

    /// Whether there are clients besides the one that came last.
    pub(crate) fn has_others(&self) -> bool {
        self.places.taken() > 1
    }

    fn limit(&self, report: &dyn Report, limit: Limit<'_>) {
        if !self.limited.replace(true) {
            report.event(&Event::AtLimit(limit));
        }
    }
}
