//! A talk over sockets: one thing with the same verbs for one peer and for a hub, over UDP and over TCP.

use crate::plain::over_tcp::{TcpHub, TcpPeer};
use crate::plain::over_udp::{UdpHub, UdpPeer};
use crate::plain::{Event, Settings};
use crate::wire::Misfit;
use puerta::{AnyDatagram, AnyStream, Bound, Connected, Listening, Result, Socket};
use std::time::{Duration, Instant};

/// How long what was said may take to leave when a talk ends.
const LEAVE: Duration = Duration::from_secs(1);

/// A talk in plain mode. It is driven by [`next`](Self::next), which may be dropped while it waits: nothing is lost.
#[derive(Debug)]
pub struct Talk(Kind);

#[derive(Debug)]
enum Kind {
    Peer(UdpPeer),
    Hub(UdpHub),
    StreamPeer(TcpPeer),
    StreamHub(TcpHub),
}

/// How much went each way, and when something did last.
#[derive(Debug, Clone, Copy)]
pub struct Moved {
    /// Bytes that the kernel took.
    pub sent: u64,
    /// Bytes that came.
    pub received: u64,
    /// When something was sent or came; at first, when the talk began.
    pub last: Instant,
}

macro_rules! each {
    ($talk:expr, $it:ident => $do:expr) => {
        match &mut $talk.0 {
            Kind::Peer($it) => $do,
            Kind::Hub($it) => $do,
            Kind::StreamPeer($it) => $do,
            Kind::StreamHub($it) => $do,
        }
    };
}

impl Talk {
    /// With one peer, over UDP. `keeps`: its name has other addresses, to which what is said can go [elsewhere](Self::elsewhere).
    ///
    /// # Errors
    /// What fcntl(2) and epoll(7) say.
    pub fn with(socket: Socket<AnyDatagram, Connected>, settings: Settings, keeps: bool) -> Result<Self> {
        UdpPeer::new(socket, settings, keeps).map(Kind::Peer).map(Talk)
    }

    /// With one peer, over TCP.
    ///
    /// # Errors
    /// What fcntl(2) and epoll(7) say.
    pub fn over_stream(socket: Socket<AnyStream, Connected>, settings: Settings) -> Result<Self> {
        TcpPeer::new(socket, settings).map(Kind::StreamPeer).map(Talk)
    }

    /// A hub over UDP. So that it answers from the address that was asked, the sockets have packet info.
    ///
    /// # Errors
    /// What fcntl(2) and epoll(7) say.
    pub fn hub(sockets: Vec<Socket<AnyDatagram, Bound>>, settings: Settings) -> Result<Self> {
        UdpHub::new(sockets, settings).map(Kind::Hub).map(Talk)
    }

    /// A hub over TCP.
    ///
    /// # Errors
    /// What fcntl(2) and epoll(7) say.
    pub fn stream_hub(listeners: Vec<Socket<AnyStream, Listening>>, settings: Settings) -> Result<Self> {
        TcpHub::new(listeners, settings).map(Kind::StreamHub).map(Talk)
    }

    /// Sends what waits, takes what comes, and gives what happened.
    ///
    /// # Errors
    /// The socket is broken. What ICMP says of one datagram is an event.
    pub async fn next(&mut self) -> Result<Event> {
        each!(self, talk => talk.next().await)
    }

    /// Says something, in a frame of its own; it goes out with [`next`](Self::next). Gives how many it goes to.
    ///
    /// # Errors
    /// It does not fit the wire, and is not sent at all.
    pub fn say(&mut self, text: &[u8]) -> Result<usize, Misfit> {
        each!(self, talk => talk.say(text))
    }

    /// Says goodbye where the wire has a word for that, and sends what still waits, for at most 1 s.
    pub async fn leave(&mut self) {
        let leaving = async { each!(self, talk => talk.leave().await) };
        // Whoever does not take it in that time does not get it: UDP promises no more.
        let _ = tokio::time::timeout(LEAVE, leaving).await;
    }

    /// Nobody is there, and nobody was heard: what was said goes to another address of the same name. `keeps`: there are more.
    ///
    /// # Errors
    /// What fcntl(2) and epoll(7) say.
    pub fn elsewhere(&mut self, socket: Socket<AnyDatagram, Connected>, keeps: bool) -> Result<()> {
        match &mut self.0 {
            Kind::Peer(peer) => peer.elsewhere(socket, keeps),
            _ => Ok(()),
        }
    }

    /// Whether nobody was heard yet, and what was said is kept for another address.
    pub fn is_unheard(&self) -> bool {
        matches!(&self.0, Kind::Peer(peer) if peer.is_unheard())
    }

    /// Whether nobody is there, as ICMP said, and nothing came since.
    pub fn is_refused(&self) -> bool {
        matches!(&self.0, Kind::Peer(peer) if peer.is_refused())
    }

    /// Whether what is said next would have to wait: then it is better said later.
    pub fn is_busy(&mut self) -> bool {
        each!(self, talk => talk.is_busy())
    }

    /// How many members a hub has; 1 for a talk with one peer.
    pub fn members(&self) -> usize {
        match &self.0 {
            Kind::Hub(hub) => hub.members(),
            Kind::StreamHub(hub) => hub.members(),
            Kind::Peer(_) | Kind::StreamPeer(_) => 1,
        }
    }

    /// Over TCP with one peer: ends our direction, so that the peer reads the end of file. What it still says comes.
    pub fn finish(&mut self) -> Result<()> {
        match &mut self.0 {
            Kind::StreamPeer(peer) => peer.finish(),
            _ => Ok(()),
        }
    }

    /// Over TCP with one peer: how many bytes its kernel has not acknowledged.
    pub fn unacknowledged(&self) -> usize {
        match &self.0 {
            Kind::StreamPeer(peer) => peer.unacknowledged(),
            _ => 0,
        }
    }

    /// What has been moved.
    pub fn moved(&mut self) -> Moved {
        each!(self, talk => talk.moved)
    }
}

impl Moved {
    pub(super) fn new() -> Self {
        Moved { sent: 0, received: 0, last: Instant::now() }
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.last = Instant::now();
    }

    pub(super) fn received(&mut self, bytes: usize) {
        self.received += bytes as u64;
        self.last = Instant::now();
    }
}

/// Waits until then; for ever where there is no such time.
pub(super) async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
