//! A hub with all that belongs to it: socket, store, announcements.

use crate::announcement::{ADDRESSES, Announcement, NAME, Process};
use crate::discovery::{Announcer, process};
use crate::hub::{Failure, Handle, History, Hub, Options};
use crate::identity::Key;
use crate::log::Place;
use crate::problem::Problem;
use crate::room::limits::Limits;
use crate::room::rooms::Setup;
use crate::transport::{Acknowledgements, HubSocket, hub_socket};
use puerta::errno;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The UDP port of rooms.
pub const PORT: u16 = 7777;

/// When it is taken, so many that follow are tried.
const NEXT: u16 = 32;

/// How a hub is to be.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Its key: that of the device.
    pub key: Key,
    /// Its name, as others see it.
    pub name: String,
    /// The room that it begins with, without the `#`.
    pub room: String,
    /// Its store; none: memory.
    pub store: Option<PathBuf>,
    /// Where it listens; none: all addresses, at [`PORT`] or the next that is free.
    pub listen: Option<SocketAddr>,
    /// Only who has an invite comes in.
    pub invite_only: bool,
    /// What is allowed.
    pub limits: Limits,
    /// Whether it is announced on the network.
    pub announced: bool,
    /// Whether it was opened because no other was found: then it may yield to another that was, at the same time.
    pub without_arguments: bool,
}

/// A hub that is open. It serves while [`run`](Self::run) is polled.
pub struct Host {
    hub: Hub,
    announcer: Option<Announcer>,
    announcement: Announcement,
    address: SocketAddr,
    ipv6_off: bool,
}

impl Host {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// The socket cannot be bound ([`Problem::Socket`]), the store is not ours, is in use, or damaged ([`Failure::Log`]), a name is
    /// too long ([`Problem::Announcement`]).
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn open(wish: Wish) -> Result<Host, Failure> {
        let place = wish.store.as_deref().map(Place::open).transpose()?;
        let HubSocket { socket, ipv6_off } = bind(wish.listen).map_err(Problem::Socket)?;
        let address = socket.local_addr().map_err(Problem::System)?;
        let history = match place {
            None => History::Memory,
            Some(mut place) => {
                // Who does not find it so finds it by other ways.
                let _ = place.announce(&local(address).to_string());
                History::File(Box::new(place))
            }
        };
        let may_move = if wish.without_arguments { crate::announcement::UNSETTLED } else { Duration::ZERO };
        let setup = Setup {
            name: wish.name.clone(),
            first: wish.room.clone(),
            invite_only: wish.invite_only,
            limits: wish.limits,
            may_move,
        };
        let announcement = Announcement {
            hub: wish.key.device(),
            process: process().unwrap_or(Process([0; 8])),
            name: wish.name,
            room: wish.room,
            port: address.port(),
            addresses: own_address(address).into_iter().take(ADDRESSES).collect(),
            age: Duration::ZERO,
            without_arguments: wish.without_arguments,
        };
        announcement.check().map_err(Problem::Announcement)?;
        // An acknowledgement costs the hub about as much as what it acknowledges.
        let acknowledgements = Acknowledgements::Sparse;
        let hub = Hub::new(Options { setup, key: wish.key, socket, history, acknowledgements })?;
        let announcer = wish.announced.then(|| Announcer::start(announcement.clone())).transpose()?;
        Ok(Host { hub, announcer, announcement, address, ipv6_off })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is reached from this machine.
    pub fn local(&self) -> SocketAddr {
        local(self.address)
    }

    /// IPv6 is switched off here, so it listens on IPv4 alone.
    pub fn ipv6_off(&self) -> bool {
        self.ipv6_off
    }

    /// What it says of itself now.
    pub fn announcement(&self) -> Announcement {
        self.announcer.as_ref().map_or_else(|| self.announcement.clone(), Announcer::announcement)
    }

    /// To steer it.
    pub fn handle(&self) -> Handle {
        self.hub.handle()
    }

    /// Serves until `stop` is ready. It is announced until then.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Host { hub, announcer, .. } = self;
        hub.run(stop).await;
        if let Some(announcer) = announcer {
            announcer.stop().await;
        }
    }
}

/// A name that can be announced: cut at the limit, between characters.
pub fn short_name(name: &str) -> String {
    let mut end = name.len().min(NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or_default().to_owned()
}

fn bind(listen: Option<SocketAddr>) -> puerta::Result<HubSocket> {
    if let Some(at) = listen {
        return hub_socket(at);
    }
    let at = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    for port in PORT..PORT + NEXT {
        match hub_socket(at(port)) {
            Err(error) if error.errno() == Some(errno::EADDRINUSE) => {}
            other => return other,
        }
    }
    hub_socket(at(0))
}

/// Where this machine reaches what listens there.
fn local(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        _ => address,
    }
}

/// The one address that is listened on; none where it is all of them.
fn own_address(address: SocketAddr) -> Option<IpAddr> {
    Some(address.ip()).filter(|ip| !ip.is_unspecified())
}
