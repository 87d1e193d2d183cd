//! Looks for hubs.

use super::mdns::{Browser, has_network};
use super::places::{places, send, window};
use super::troubles::Troubles;
use super::{Settings, process};
use crate::announcement::{Announcement, Process, QUESTION, announced, question};
use crate::room::ids::Device;
use crate::rung::{Rung, Trouble, Why};
use puerta::{Async, Flags, Interface, Ip, UdpSocket, interface_index, interfaces};
use std::collections::BTreeSet;
use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How many hubs, and places of them, a [`Finder`] tells of at most: those behind are left out, and that is a [`Trouble`].
pub const HUBS: usize = 256;

/// When it is asked after the first time, in ms; then at its pace.
const AGAIN: [u64; 3] = [100, 300, 700];
/// The pace, unless told otherwise, and how often interfaces are looked at.
const STEADY: Duration = Duration::from_secs(1);

/// A hub that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it says of itself; its age is that of the moment when this was received.
    pub announcement: Announcement,
    /// Where it is reached, as far as the network tells: the address that the answer came from, or the likeliest that mDNS
    /// has, and the port that was announced.
    pub source: SocketAddr,
    /// How it was found first.
    pub by: Rung,
}

impl Found {
    /// Where to connect, in this order: where the answer came from, then what it says of itself, 9 at most. A link-local address
    /// comes last: QUIC's Retry knows addresses without their zone, and who comes from there is not let in.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let told = self.announcement.addresses.iter().map(|ip| SocketAddr::new(*ip, self.announcement.port));
        let others = told.filter(|a| a.ip() != self.source.ip());
        let mut all: Vec<SocketAddr> = std::iter::once(self.source).chain(others).collect();
        all.sort_by_key(|a| matches!(a.ip(), IpAddr::V6(ip) if ip.is_unicast_link_local()));
        all
    }
}

/// Looks for hubs, as long as [`next`](Self::next) is awaited: it asks at once, after 100, 300 and 700 ms, then each second (or
/// at another [`pace`](Self::pace)), on the interfaces that there are then. When they change it begins anew.
pub struct Finder {
    settings: Settings,
    asks: Option<Process>,
    v4: Option<Async<UdpSocket>>,
    v6: Option<Async<UdpSocket>>,
    mdns: Option<Browser>,
    began: Option<Instant>,
    due: Option<Instant>,
    rounds: usize,
    pace: Duration,
    /// When it was asked last, and on which interfaces.
    asked: Option<(Instant, Vec<Interface>)>,
    /// What was told: anyone may announce the key and the process of another, but from a place of their own.
    known: BTreeSet<(Device, Process, SocketAddr)>,
    crowded: bool,
    troubles: Troubles,
}

impl Finder {
    /// Looks on all rungs, with the usual port.
    pub fn start() -> Finder {
        Finder::with(Settings::default())
    }

    /// Looks as the settings say.
    pub fn with(settings: Settings) -> Finder {
        Finder {
            asks: settings.itself.or_else(process),
            settings,
            v4: None,
            v6: None,
            mdns: None,
            began: None,
            due: None,
            rounds: 0,
            pace: STEADY,
            asked: None,
            known: BTreeSet::new(),
            crowded: false,
            troubles: Troubles::default(),
        }
    }

    /// From now on it is asked so often, once a second at most, but for the first second and when interfaces change.
    pub fn pace(&mut self, pace: Duration) {
        self.pace = pace.max(STEADY);
    }

    /// The next hub that was not told yet; each process of a hub is told once for each place that it answers from. It never ends: set a limit to the time.
    /// Dropped while it waits, it has lost nothing.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without I/O and time.
    pub async fn next(&mut self) -> Found {
        loop {
            let due = *self.due.get_or_insert_with(Instant::now);
            let (found, by) = tokio::select! {
                heard = hear(self.v4.as_ref(), self.asks) => match heard {
                    Ok(heard) => heard,
                    Err(error) => {
                        self.v4 = None;
                        self.troubles.note(Rung::Broadcast, None, Err(Why::Socket(error)));
                        continue;
                    }
                },
                heard = hear(self.v6.as_ref(), self.asks) => match heard {
                    Ok(heard) => heard,
                    Err(error) => {
                        self.v6 = None;
                        self.troubles.note(Rung::Multicast, None, Err(Why::Socket(error)));
                        continue;
                    }
                },
                heard = browse(self.mdns.as_mut()) => match heard {
                    Some(heard) => heard,
                    None => {
                        self.mdns = None;
                        self.troubles.note(Rung::Mdns, None, Err(Why::Mdns("its thread has ended".to_owned())));
                        continue;
                    }
                },
                () = sleep_until(due) => {
                    self.ask();
                    continue;
                }
            };
            let (announcement, source) = found;
            if self.is_new(&announcement, source) {
                return Found { announcement, source, by };
            }
        }
    }

    /// The rungs that do not work now.
    pub fn troubles(&self) -> Vec<Arc<Trouble>> {
        let crowd = Trouble { rung: Rung::Broadcast, interface: None, why: Why::TooMany(HUBS) };
        let crowd = self.crowded.then(|| Arc::new(crowd));
        self.troubles.all().into_iter().chain(crowd).collect()
    }

    /// Asks everywhere, and opens what is not open yet.
    fn ask(&mut self) {
        let now = Instant::now();
        let interfaces = interfaces();
        let same = self.asked.as_ref().filter(|(_, on)| interfaces.as_ref().is_ok_and(|now| now == on));
        if let Some((asked, _)) = same {
            if self.rounds > AGAIN.len() && now < *asked + self.pace {
                self.due = Some(now + STEADY);
                return;
            }
        } else {
            // Another network: what was asked before did not reach it.
            (self.began, self.rounds) = (None, 0);
        }
        let began = *self.began.get_or_insert(now);
        let next = AGAIN.get(self.rounds).map_or(now + STEADY, |ms| began + Duration::from_millis(*ms));
        // A late round is not caught up with.
        self.due = Some(next.max(now + Duration::from_millis(50)));
        self.rounds += 1;
        self.open();
        let Some(asks) = self.asks else { return self.troubles.note(Rung::Broadcast, None, Err(Why::Random)) };
        let interfaces = match interfaces {
            Ok(interfaces) => interfaces,
            Err(error) => return self.troubles.note(Rung::Broadcast, None, Err(Why::Socket(error))),
        };
        let (question, places) =
            (question(asks), places(&interfaces, &self.settings, |name| interface_index(name).ok()));
        for rung in [Rung::Machine, Rung::Broadcast, Rung::Multicast] {
            let nowhere = self.settings.has(rung) && !places.iter().any(|p| p.rung == rung);
            if nowhere {
                self.troubles.note(rung, None, Err(Why::NoNetwork));
            }
        }
        if self.mdns.is_some() {
            let network = if has_network(&interfaces) { Ok(()) } else { Err(Why::NoNetwork) };
            self.troubles.note(Rung::Mdns, None, network);
        }
        for place in &places {
            let socket = if place.to.is_ipv4() { &self.v4 } else { &self.v6 };
            let Some(socket) = socket else { continue };
            self.troubles.note(place.rung, None, Ok(()));
            let sent = send(socket, &question, &place.to).map_err(Why::Socket);
            self.troubles.note(place.rung, Some(&place.interface), sent);
        }
        self.asked = Some((now, interfaces));
    }

    fn open(&mut self) {
        if self.settings.has(Rung::Mdns) && self.mdns.is_none() {
            self.mdns = self.troubles.keep(Rung::Mdns, None, Browser::start());
        }
        let wanted = [
            (self.settings.has_ipv4(), Ip::V4, Rung::Broadcast, &mut self.v4),
            (self.settings.has(Rung::Multicast), Ip::V6, Rung::Multicast, &mut self.v6),
        ];
        for (wanted, ip, rung, socket) in wanted {
            if wanted && socket.is_none() {
                *socket = self.troubles.keep(rung, None, window(ip).map_err(Why::Socket));
            }
        }
    }

    fn is_new(&mut self, hub: &Announcement, source: SocketAddr) -> bool {
        let told = (hub.hub, hub.process, source);
        if self.settings.itself == Some(hub.process) || self.known.contains(&told) {
            return false;
        }
        if self.known.len() >= HUBS {
            self.crowded = true;
            return false;
        }
        self.known.insert(told)
    }
}

type Heard = ((Announcement, SocketAddr), Rung);

/// The next answer to a question of ours; what is none is passed by.
async fn hear(socket: Option<&Async<UdpSocket>>, asks: Option<Process>) -> puerta::Result<Heard> {
    let (Some(socket), Some(asks)) = (socket, asks) else { return pending().await };
    let mut buffer = [0; QUESTION];
    loop {
        let (received, from) = socket.recv_from(&mut buffer, Flags::NONE).await?;
        let datagram = buffer.get(..received.len).unwrap_or_default();
        match announced(datagram) {
            Some((asker, announcement)) if asker == asks && !received.truncated() => {
                let rung = match from {
                    SocketAddr::V6(_) => Rung::Multicast,
                    SocketAddr::V4(v4) if v4.ip().is_loopback() => Rung::Machine,
                    SocketAddr::V4(_) => Rung::Broadcast,
                };
                let mut source = from;
                source.set_port(announcement.port);
                return Ok(((announcement, source), rung));
            }
            _ => {}
        }
    }
}

async fn browse(browser: Option<&mut Browser>) -> Option<Heard> {
    match browser {
        Some(browser) => browser.next().await.map(|found| (found, Rung::Mdns)),
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_address_is_tried_after_all_others() {
        let announcement = Announcement {
            hub: Device([1; 32]),
            process: Process([1; 8]),
            name: "casa".into(),
            room: "main".into(),
            port: 7777,
            addresses: vec!["10.0.0.5".parse().unwrap(), "2001:db8::5".parse().unwrap()],
            age: Duration::ZERO,
            without_arguments: true,
        };
        let found = |source: &str| Found {
            announcement: announcement.clone(),
            source: source.parse().unwrap(),
            by: Rung::Multicast,
        };
        let at = |source: &str| found(source).addresses().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(at("[fe80::5%2]:7777"), ["10.0.0.5:7777", "[2001:db8::5]:7777", "[fe80::5%2]:7777"]);
        assert_eq!(at("[2001:db8::5]:7777"), ["[2001:db8::5]:7777", "10.0.0.5:7777"]);
    }
}
