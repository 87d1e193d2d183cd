//! The threads that serve: each has a runtime, and each connection is a task in one of them.

use super::places::Place;
use crate::event::Event;
use crate::http1::insecure::is_plain;
use crate::http1::transport::{Plain, Stream, poll_first};
use crate::http1::watch::{Watch, Watchman};
use crate::http1::{self, Connection, Service};
use puerta::{AnyStream, Async, Connected, Socket};
use rustls::ServerConfig;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;
use std::{io, thread};
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;

/// How many threads each of them may have for sorting long listings.
const SORTERS: usize = 2;
/// How long connections that are cut may take to end.
const CUT: Duration = Duration::from_secs(1);

/// A connection on its way to a thread.
struct Given {
    socket: Socket<AnyStream, Connected>,
    place: Place,
}

/// All threads.
#[derive(Debug)]
pub(super) struct Workers {
    workers: Vec<Worker>,
    next: AtomicUsize,
}

#[derive(Debug)]
struct Worker {
    /// Without a bound of its own: no more wait in it than there are places.
    given: mpsc::UnboundedSender<Given>,
    watchman: Arc<Watchman>,
    /// Dropped, it ends the connections that are left.
    cut: oneshot::Sender<()>,
    /// Told when the last connection has ended and is noted.
    ended: oneshot::Receiver<()>,
}

impl Workers {
    pub(super) fn start(count: usize, service: &Arc<Service>, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let tls = tls.map(TlsAcceptor::from);
        let workers = (0..count).map(|number| Worker::start(number, service.clone(), tls.clone()));
        Ok(Workers { workers: workers.collect::<io::Result<_>>()?, next: AtomicUsize::new(0) })
    }

    /// Gives a connection to the next thread.
    pub(super) fn serve(&self, socket: Socket<AnyStream, Connected>, place: Place) {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.workers.len().max(1);
        if let Some(worker) = self.workers.get(next) {
            // A thread that is gone has panicked: the connection is closed.
            let _ = worker.given.send(Given { socket, place });
        }
    }

    /// Ends idle connections, waits for the others, and ends what is left after `limit`, or when `cut` is done.
    pub(super) async fn stop(self, limit: Duration, cut: impl Future<Output = ()>) {
        let (mut cuts, mut ends) = (Vec::new(), Vec::new());
        for Worker { given, watchman, cut, ended } in self.workers {
            watchman.stop();
            drop(given);
            cuts.push(cut);
            ends.push(ended);
        }
        let mut ended = pin!(async {
            for ended in ends {
                let _ = ended.await;
            }
        });
        tokio::select! {
            () = &mut ended => return,
            () = tokio::time::sleep(limit) => {}
            () = cut => {}
        }
        drop(cuts);
        // What is cut takes no time; what it was counted as is told by then.
        let _ = tokio::time::timeout(CUT, ended).await;
    }
}

impl Worker {
    fn start(number: usize, service: Arc<Service>, tls: Option<TlsAcceptor>) -> io::Result<Worker> {
        let runtime =
            runtime::Builder::new_current_thread().enable_io().enable_time().max_blocking_threads(SORTERS).build()?;
        let watchman = Watchman::new(service.limits.shortest());
        let (given, taken) = mpsc::unbounded_channel();
        let (cut, is_cut) = oneshot::channel();
        let (tell, ended) = oneshot::channel();
        let watched = watchman.clone();
        let name = format!("puerta-serve-{number}");
        thread::Builder::new().name(name).spawn(move || {
            runtime.block_on(run(taken, service.clone(), tls, watched, is_cut));
            runtime.shutdown_background();
            http1::hand_log(&service);
            drop(service);
            let _ = tell.send(());
        })?;
        Ok(Worker { given, watchman, cut, ended })
    }
}

async fn run(
    mut taken: mpsc::UnboundedReceiver<Given>,
    service: Arc<Service>,
    tls: Option<TlsAcceptor>,
    watchman: Arc<Watchman>,
    mut is_cut: oneshot::Receiver<()>,
) {
    let looking = watchman.clone();
    let logging = service.clone();
    let looking = tokio::spawn(async move { looking.run(|| http1::hand_log(&logging)).await });
    // Each task holds a sender; when all are gone, so are the connections.
    let (running, mut all_ended) = mpsc::channel::<()>(1);
    while let Some(Given { socket, place }) = taken.recv().await {
        let stream = match Async::shared(socket) {
            Ok(stream) => stream,
            Err(refused) => {
                service.report.event(&Event::Lost(&refused.error));
                continue;
            }
        };
        let (service, watch, running) = (service.clone(), watchman.watch(), running.clone());
        let held = (place, running);
        // Two kinds of tasks, so that one without TLS has no room for it.
        match tls.clone() {
            None => tokio::spawn(async move {
                let _held = held;
                Connection::new(Plain(stream), service, watch).run().await
            }),
            Some(tls) => tokio::spawn(async move {
                let _held = held;
                secure(stream, tls, service, watch).await
            }),
        };
    }
    drop(running);
    tokio::select! {
        _ = all_ended.recv() => {}
        _ = &mut is_cut => {}
    }
    looking.abort();
}

/// The handshake has the time of a head. Who has sent nothing is idle, and not waited for when it is time to stop.
async fn secure(stream: Stream, tls: TlsAcceptor, service: Arc<Service>, watch: Arc<Watch>) -> http1::End {
    watch.within(service.limits.head_time);
    let first = watch.or_late(|cx| match poll_first(&stream, cx) {
        Poll::Pending if watch.is_stopping() => Poll::Ready(Ok(None)),
        polled => polled,
    });
    match first.await {
        Some(Ok(Some(first))) if is_plain(first) => {
            return Box::pin(Connection::new(Plain(stream), service, watch).turn_away()).await;
        }
        Some(Ok(Some(_))) => {}
        Some(Ok(None)) => return http1::End::Done,
        Some(Err(_)) => return http1::End::Reset,
        None => return http1::End::Late,
    }
    let mut handshake = Box::pin(tls.accept(stream));
    match watch.or_over(|cx| handshake.as_mut().poll(cx)).await {
        Some(Ok(stream)) => Connection::new(stream, service, watch).run().await,
        Some(Err(_)) => http1::End::Reset,
        None => http1::End::Late,
    }
}
