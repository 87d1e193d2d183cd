//! A running server: connections accepted in one place, and served by one thread a core.
//!
//! ```text
//! listeners ─ accept ─→ Places ─→ worker 0 ─ a task for each connection
//!                                 worker 1 …
//! ```

mod accept;
mod descriptors;
mod places;
mod worker;

use crate::event::{Event, Report};
use crate::gate::pace::Pace;
use crate::http1::Service;
use accept::Acceptor;
use descriptors::Room;
use places::Places;
use puerta::{AnyStream, Listening, Socket};
use rustls::ServerConfig;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use worker::Workers;

/// How many are served, and by whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Connections in all. Default: 10,000; fewer where there are too few descriptors.
    pub connections: usize,
    /// Connections from one address (of IPv6: one /64), but for Unix sockets. Default: 256.
    pub per_address: usize,
    /// Threads. Default: as many as there are cores.
    pub threads: usize,
    /// How long responses that are under way may take when the server stops. Default: 10 s.
    pub stop_time: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Settings { connections: 10_000, per_address: 256, threads, stop_time: Duration::from_secs(10) }
    }
}

/// A server whose threads run and that does not accept yet.
#[derive(Debug)]
pub struct Server {
    acceptor: Acceptor,
    workers: Workers,
    pace: Option<Arc<Pace>>,
    stop_time: Duration,
}

impl Server {
    /// Starts the threads; with `tls`, all connections are TLS. In a tokio runtime with I/O and time, since it is there that
    /// connections are accepted.
    ///
    /// This process's soft limit of descriptors is raised to what so many connections need, at most to the hard one; where that is too low, there
    /// are fewer connections, which is told: [`Event::Fewer`].
    ///
    /// # Errors
    /// What the system says of the threads, and of the listeners' readiness.
    pub fn start(
        listeners: Vec<Socket<AnyStream, Listening>>,
        service: Arc<Service>,
        tls: Option<Arc<ServerConfig>>,
        settings: &Settings,
    ) -> io::Result<Server> {
        let report: Arc<dyn Report> = service.report.clone();
        let room = descriptors::raise(settings.connections, settings.threads, listeners.len());
        let Room { connections, descriptors } = room;
        if connections < settings.connections {
            report.event(&Event::Fewer { asked: settings.connections, connections, descriptors });
        }
        let places = Places::new(connections, settings.per_address);
        let acceptor = Acceptor::new(listeners, places, tls.is_some(), report)?;
        let workers = Workers::start(settings.threads.max(1), &service, tls)?;
        Ok(Server { acceptor, workers, pace: service.gate.pace.clone(), stop_time: settings.stop_time })
    }

    /// Serves until `stop` is done; then no more connections are accepted, idle ones end, and the others get [`Settings::stop_time`]
    /// for the response that is under way; a request that is not whole has a second. (Connections that nobody has accepted yet are reset by the kernel.)
    ///
    /// # Errors
    /// What accept(2) says of a listener that is broken.
    pub async fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        self.run_until(stop, std::future::pending()).await
    }

    /// The same, but what is still under way is cut as soon as `cut` is done.
    ///
    /// # Errors
    /// As [`Server::run`].
    pub async fn run_until(self, stop: impl Future<Output = ()>, cut: impl Future<Output = ()>) -> io::Result<()> {
        let Server { acceptor, workers, pace, stop_time } = self;
        let mut pacing = pin!(async {
            match pace {
                Some(pace) => pace.run().await,
                None => std::future::pending().await,
            }
        });
        let accepted = tokio::select! {
            error = acceptor.run(&workers) => Err(error.into()),
            () = stop => Ok(()),
            () = &mut pacing => Ok(()),
        };
        drop(acceptor);
        tokio::select! {
            () = workers.stop(stop_time, cut) => {}
            () = &mut pacing => {}
        }
        accepted
    }
}
