//! Lets a hub be found.

use super::Settings;
use super::budget::Budget;
use super::mdns::{End, Service, has_network};
use super::places::{door, own_addresses, send};
use super::troubles::Troubles;
use crate::announcement::{Announcement, Process, QUESTION, answer, asker};
use crate::problem::Problem;
use crate::rung::{Rung, Trouble, Why};
use puerta::{Async, Flags, Ip, UdpSocket, interfaces};
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// How often interfaces are looked at anew, and what did not work is tried again.
const LOOK: Duration = Duration::from_secs(1);

/// A hub that is found until this is dropped. It answers at [`PORT`](super::PORT), on the interfaces that there are then, and
/// announces itself by mDNS.
pub struct Announcer {
    hub: Arc<Mutex<Hub>>,
    troubles: Troubles,
    task: JoinHandle<()>,
}

/// What is told, with what changes.
struct Hub {
    announcement: Announcement,
    opened: Instant,
    own_addresses: Vec<IpAddr>,
    mdns: Option<End>,
}

impl Announcer {
    /// Announces on all rungs, with the usual port. Without addresses in the announcement, those of the interfaces are told, as
    /// they are when someone asks; its age is that of now, and grows.
    ///
    /// # Errors
    /// [`Problem::Announcement`]: a name that is too long, or port 0. Rungs that do not work are [`troubles`](Self::troubles).
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O and time.
    pub fn start(announcement: Announcement) -> Result<Announcer, Problem> {
        Announcer::with(announcement, Settings::default())
    }

    /// Announces as the settings say.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    ///
    /// # Panics
    /// As [`start`](Self::start).
    pub fn with(announcement: Announcement, settings: Settings) -> Result<Announcer, Problem> {
        announcement.check().map_err(Problem::Announcement)?;
        let now = Instant::now();
        let opened = now.checked_sub(announcement.age).unwrap_or(now);
        let hub = Arc::new(Mutex::new(Hub { announcement, opened, own_addresses: Vec::new(), mdns: None }));
        let troubles = Troubles::default();
        let mut server =
            Server { hub: hub.clone(), troubles: troubles.clone(), settings, v4: None, v6: None, mdns: None };
        // At once, so that whoever asks from now on is heard.
        server.look();
        let task = tokio::spawn(server.serve());
        Ok(Announcer { hub, troubles, task })
    }

    /// What would be told now.
    pub fn announcement(&self) -> Announcement {
        lock(&self.hub).told()
    }

    /// The rungs that do not work now.
    pub fn troubles(&self) -> Vec<Arc<Trouble>> {
        self.troubles.all()
    }

    /// Stops, and waits until mDNS has said goodbye, half a second at most. Dropping it does not wait.
    pub async fn stop(self) {
        self.task.abort();
        let end = lock(&self.hub).mdns.take();
        if let Some(end) = end {
            end.wait().await;
        }
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(end) = lock(&self.hub).mdns.take() {
            end.begin();
        }
    }
}

impl Hub {
    fn told(&self) -> Announcement {
        let mut told = self.announcement.clone();
        told.age = self.opened.elapsed();
        if told.addresses.is_empty() {
            told.addresses.clone_from(&self.own_addresses);
        }
        told
    }
}

fn lock(hub: &Mutex<Hub>) -> MutexGuard<'_, Hub> {
    hub.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What answers.
struct Server {
    hub: Arc<Mutex<Hub>>,
    troubles: Troubles,
    settings: Settings,
    v4: Option<Async<UdpSocket>>,
    v6: Option<Async<UdpSocket>>,
    mdns: Option<Service>,
}

impl Server {
    async fn serve(mut self) {
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut budget = Budget::new(Instant::now());
        let itself = lock(&self.hub).announcement.process;
        loop {
            tokio::select! {
                asked = asked(self.v4.as_ref()) => match asked {
                    Ok((asker, from)) => self.answer(Ip::V4, asker, from, itself, &mut budget),
                    Err(error) => {
                        self.v4 = None;
                        self.troubles.note(Rung::Broadcast, None, Err(Why::Socket(error)));
                    }
                },
                asked = asked(self.v6.as_ref()) => match asked {
                    Ok((asker, from)) => self.answer(Ip::V6, asker, from, itself, &mut budget),
                    Err(error) => {
                        self.v6 = None;
                        self.troubles.note(Rung::Multicast, None, Err(Why::Socket(error)));
                    }
                },
                _ = tick.tick() => self.look(),
            }
        }
    }

    fn answer(&self, ip: Ip, asker: Process, from: SocketAddr, itself: Process, budget: &mut Budget) {
        if asker == itself || !budget.take(Instant::now()) {
            return;
        }
        let (socket, rung) = match ip {
            Ip::V4 => (&self.v4, Rung::Broadcast),
            Ip::V6 => (&self.v6, Rung::Multicast),
        };
        let datagram = answer(asker, &lock(&self.hub).told());
        if let Some(socket) = socket {
            // Where it cannot be sent, it is told until the next one is: a firewall, a source that was forged.
            self.troubles.note(rung, None, send(socket, &datagram, &from).map_err(Why::Socket));
        }
    }

    /// Looks at the interfaces anew, opens what is not open, and lets mDNS tell the age.
    fn look(&mut self) {
        let doors = [
            (self.settings.has_ipv4(), Ip::V4, Rung::Broadcast, &mut self.v4),
            (self.settings.has(Rung::Multicast), Ip::V6, Rung::Multicast, &mut self.v6),
        ];
        for (wanted, ip, rung, socket) in doors {
            if wanted && socket.is_none() {
                *socket = self.troubles.keep(rung, None, door(ip, self.settings.port).map_err(Why::Socket));
            }
        }
        let interfaces = interfaces().unwrap_or_default();
        lock(&self.hub).own_addresses = own_addresses(&interfaces);
        if self.settings.has(Rung::Mdns) {
            let kept = self.keep_mdns();
            let kept = kept.and_then(|()| if has_network(&interfaces) { Ok(()) } else { Err(Why::NoNetwork) });
            self.troubles.note(Rung::Mdns, None, kept);
        }
    }

    fn keep_mdns(&mut self) -> Result<(), Why> {
        let mut hub = lock(&self.hub);
        // Without addresses of its own mdns-sd follows the interfaces.
        let told = Announcement { age: hub.opened.elapsed(), ..hub.announcement.clone() };
        match &mut self.mdns {
            Some(service) => service.keep(&told),
            None => {
                let service = Service::start(&told)?;
                hub.mdns = Some(service.end());
                self.mdns = Some(service);
                Ok(())
            }
        }
    }
}

/// The next question, and where it came from; what is none is passed by.
async fn asked(socket: Option<&Async<UdpSocket>>) -> puerta::Result<(Process, SocketAddr)> {
    let Some(socket) = socket else { return pending().await };
    let mut buffer = [0; QUESTION];
    loop {
        let (received, from) = socket.recv_from(&mut buffer, Flags::NONE).await?;
        let datagram = buffer.get(..received.len).unwrap_or_default();
        if let Some(asker) = asker(datagram)
            && !received.truncated()
        {
            return Ok((asker, from));
        }
    }
}
