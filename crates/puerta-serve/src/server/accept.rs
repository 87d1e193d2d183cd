//! Accepting, and what to do when that fails.

use super::places::{AGAIN, NoPlace, Place, Places};
use super::worker::Workers;
use crate::event::{Event, Report};
use puerta::{AnyStream, Async, Connected, Endpoint, Error, Flags, Listening, Result, Shutdown, Socket, opt};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::Interest;

/// How long accepting pauses at a limit of the system before it is tried again, unless a connection ends before.
const PAUSE: Duration = Duration::from_millis(200);

/// How much may wait in the kernel that was never sent to a client, but for what one packet takes: 16 KiB. Who reads slowly is kept no more
/// for, and costs no more; who reads fast has room as soon as something was sent.
const UNSENT: usize = 16 << 10;

/// What a client gets for which there is no place; then it is disconnected. Over TLS it gets nothing: it could read none of this.
const NO_PLACE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Accepts from several sockets.
#[derive(Debug)]
pub(super) struct Acceptor {
    listeners: Vec<Async<Socket<AnyStream, Listening>>>,
    places: Arc<Places>,
    secure: bool,
    report: Arc<dyn Report>,
    pause: RefCell<Pause>,
    next: Cell<usize>,
}

/// Whether accepting pauses at a limit of the system. Who drives us in and out of it does not have that told again and again.
#[derive(Debug, Default)]
struct Pause {
    is_on: bool,
    /// When one was told of.
    told: Option<Instant>,
    /// This one was.
    is_told: bool,
}

impl Pause {
    /// Whether to tell that it begins.
    fn begins(&mut self, now: Instant) -> bool {
        // One that lasts is told of when its time has come.
        if std::mem::replace(&mut self.is_on, true) && self.is_told {
            return false;
        }
        self.is_told = self.told.is_none_or(|at| now.saturating_duration_since(at) >= AGAIN);
        if self.is_told {
            self.told = Some(now);
        }
        self.is_told
    }

    /// Whether to tell that it is over.
    fn ends(&mut self) -> bool {
        std::mem::take(&mut self.is_on) && self.is_told
    }
}

impl Acceptor {
    pub(super) fn new(
        listeners: Vec<Socket<AnyStream, Listening>>,
        places: Arc<Places>,
        secure: bool,
        report: Arc<dyn Report>,
    ) -> Result<Self> {
        for listener in &listeners {
            // Connections inherit it.
            if listener.local_addr().is_ok_and(|address| address.inet().is_some()) {
                listener.set(opt::UnsentLowWater, UNSENT)?;
            }
        }
        let listeners = listeners.into_iter().map(Async::new).collect::<Result<_>>()?;
        Ok(Acceptor { listeners, places, secure, report, pause: RefCell::default(), next: Cell::new(0) })
    }

    /// Accepts until a listener is broken, and says why it is.
    pub(super) async fn run(&self, workers: &Workers) -> Error {
        loop {
            match poll_fn(|cx| self.poll_accept(cx)).await {
                Ok((socket, peer)) => {
                    if let Some(place) = self.place(&socket, &peer) {
                        workers.serve(socket, place);
                    }
                }
                Err(e) if e.is_limit() => {
                    if self.pause.borrow_mut().begins(Instant::now()) {
                        self.report.event(&Event::Paused(&e));
                    }
                    let _ = tokio::time::timeout(PAUSE, self.places.freed()).await;
                }
                Err(e) if e.concerns_one_client() => tokio::task::yield_now().await,
                Err(e) => return e,
            }
        }
    }

    /// Turns around, so that no listener starves another. A limit is over when nobody waits any more, not with the first client
    /// that finds a place: otherwise it would be told again and again.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<(Socket<AnyStream, Connected>, Endpoint)>> {
        let count = self.listeners.len().max(1);
        for i in 0..count {
            let at = (self.next.get() + i) % count;
            let Some(listener) = self.listeners.get(at) else { continue };
            if let Poll::Ready(done) = poll_one(listener, cx) {
                self.next.set(at + 1);
                return Poll::Ready(done);
            }
        }
        if self.pause.borrow_mut().ends() {
            self.report.event(&Event::Resumed);
        }
        Poll::Pending
    }

    fn place(&self, socket: &Socket<AnyStream, Connected>, peer: &Endpoint) -> Option<Place> {
        let refused = match self.places.take(peer, Instant::now()) {
            Ok(place) => return Some(place),
            Err(refused) => refused,
        };
        match refused {
            NoPlace::Full { most, told: false } => self.report.event(&Event::Full(most)),
            NoPlace::Crowded { network, most, told: false } => {
                self.report.event(&Event::Crowded { network, max: most });
            }
            NoPlace::Full { .. } | NoPlace::Crowded { .. } => {}
        }
        if !self.secure {
            // As a favour: a fresh socket has room for it. Whoever has sent its request already may see a reset instead.
            let _ = socket.send(NO_PLACE, Flags::DONTWAIT).and_then(|_| socket.shutdown(Shutdown::Write));
        }
        None
    }
}

fn poll_one(
    listener: &Async<Socket<AnyStream, Listening>>,
    cx: &mut Context<'_>,
) -> Poll<Result<(Socket<AnyStream, Connected>, Endpoint)>> {
    loop {
        ready!(listener.poll_read_ready(cx))?;
        match listener.try_io(Interest::READABLE, Socket::accept_nonblocking) {
            Err(e) if e.would_block() => {}
            done => return Poll::Ready(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_that_come_again_and_again_are_told_once_a_minute_with_their_ends() {
        let start = Instant::now();
        let mut pause = Pause::default();
        let mut told = |at: Duration| {
            let notes = [pause.begins(start + at), pause.begins(start + at), pause.ends(), pause.ends()];
            notes.into_iter().filter(|told| *told).count()
        };
        let second = |n| told(Duration::from_secs(n));
        assert_eq!([0, 1, 30, 59, 60, 61, 119, 120].map(second), [2, 0, 0, 0, 2, 0, 0, 2]);
    }

    #[test]
    fn a_pause_that_lasts_is_told_of_though_another_one_was_just_before() {
        let start = Instant::now();
        let mut pause = Pause::default();
        assert!(pause.begins(start) && pause.ends());
        let tries = [30, 59, 60, 61, 3600].map(|second| pause.begins(start + Duration::from_secs(second)));
        assert_eq!((tries, pause.ends()), ([false, false, true, false, false], true));
    }
}
