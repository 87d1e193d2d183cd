//! The hub's end of QUIC, without I/O: datagrams and the time come in, datagrams and [events](Event) go out.
//!
//! quinn keeps a task, a channel and a buffer for each connection; a hub with thousands of members that writes to all of them at once
//! is better served by one loop over all that has changed.

mod arrivals;
mod happenings;
mod shares;

use super::config::{self, Acknowledgements, HANDSHAKE, HANDSHAKES, HELLO, INCOMING};
use super::timers::Timers;
use super::twice::Young;
use crate::identity::Key;
use crate::problem::Problem;
use crate::room::ids::Device;
use bytes::{Bytes, BytesMut};
use quinn::udp::{self, RecvMeta};
use quinn::{ConnectionStats, ServerConfig, TransportConfig, VarInt};
use quinn_proto::{
    Connection, ConnectionHandle, DatagramEvent, EcnCodepoint, Endpoint, Incoming, StreamId, Transmit, WriteError,
};
use shares::{Shares, Source, Waiting};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Bytes that are read at once, at most.
const CHUNK: usize = 16 * 1024;

/// Datagrams that the kernel may cut from one send (GSO), at most.
const SEGMENTS: usize = 10;

/// Bytes of one send, at most: the longest payload of UDP over IPv4. What is longer is refused even where it is cut.
const LONGEST: usize = 65_507;

/// Datagrams to one member in a turn, at most: then it is the next one's.
const TURN: usize = 20;

/// One connection; none is ever called as one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer(pub u64);

/// Bits of a [`Peer`] that are QUIC's handle; those above count.
const HANDLE: u32 = 24;

impl Peer {
    fn new(serial: u64, handle: ConnectionHandle) -> Peer {
        Peer(serial << HANDLE | handle.0 as u64)
    }

    fn handle(self) -> usize {
        (self.0 & ((1 << HANDLE) - 1)) as usize
    }
}

/// What came.
#[derive(Debug)]
pub enum Event {
    /// Somebody has shaken hands, and has proved to have this key.
    Joined(Peer, Device),
    /// Somebody has not.
    Failed(Problem),
    /// Bytes of the member's stream, in order.
    Read(Peer, Bytes),
    /// What was not taken by [`write`](Server::write) may be now.
    Writable(Peer),
    /// One that had joined is over, whoever ended it.
    Closed(Peer),
}

/// What there was so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections that QUIC keeps, those included that are about to end.
    pub open: usize,
    /// Those whose address is validated and who wait for a handshake of others to end.
    pub waiting: usize,
    /// Handshakes that were begun.
    pub accepted: u64,
}

/// All connections of a hub.
#[derive(Debug)]
pub struct Server {
    endpoint: Endpoint,
    config: ServerConfig,
    far: Arc<ServerConfig>,
    /// The same for members on this machine.
    near: Arc<ServerConfig>,
    limit: usize,
    links: Vec<Option<Box<Link>>>,
    serial: u64,
    shaking: Shares,
    accepted: u64,
    /// Whose address is validated, while no handshake is free.
    waiting: Waiting<Incoming>,
    /// Those with something to send, perhaps, in the order in which it was their turn.
    touched: VecDeque<ConnectionHandle>,
    timers: Timers,
    events: VecDeque<Event>,
    young: Young,
    /// A datagram, or several of one size.
    buffer: Vec<u8>,
    /// What the socket did not take; it is in the buffer.
    blocked: Option<Transmit>,
}

/// One connection.
#[derive(Debug)]
struct Link {
    peer: Peer,
    quic: Connection,
    from: SocketAddr,
    stream: Option<StreamId>,
    touched: bool,
    phase: Phase,
    /// When it is over unless it goes on to the next phase.
    limit: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Shaking,
    /// It was not [introduced](Server::introduced) yet.
    Silent,
    Talking,
    /// What is on its way is still to be read.
    Leaving,
    Over,
}

/// What takes datagrams: an error of the kind `WouldBlock` where there is no room.
pub trait Sink {
    /// How many datagrams it cuts from one send (GSO), at most; 1 where it cuts none.
    fn segments(&self) -> usize;

    /// One datagram, or several of one size.
    ///
    /// # Errors
    ///
    /// `WouldBlock`; all else is a datagram that got lost.
    fn send(&mut self, transmit: &udp::Transmit<'_>) -> std::io::Result<()>;
}

impl Server {
    /// A hub on `port`; `whole` where its socket never sends a datagram in fragments, so that larger ones can be tried.
    ///
    /// # Errors
    /// [`Problem::Random`], [`Problem::System`]: never with the provider of this crate.
    pub fn new(key: &Key, port: u16, whole: bool) -> Result<Server, Problem> {
        let config = config::server(key)?;
        let shared = Arc::new(config.clone());
        let endpoint = Endpoint::new(Arc::new(config::hub_endpoint(key, port)?), Some(shared.clone()), whole, None);
        let mut made = Server {
            endpoint,
            config,
            far: shared.clone(),
            near: shared,
            limit: super::CONNECTIONS,
            links: Vec::new(),
            serial: 0,
            shaking: Shares::new(HANDSHAKES),
            accepted: 0,
            waiting: Waiting::new(INCOMING),
            touched: VecDeque::new(),
            timers: Timers::default(),
            events: VecDeque::new(),
            young: Young::default(),
            buffer: Vec::new(),
            blocked: None,
        };
        made.acknowledgements(Acknowledgements::default());
        Ok(made)
    }

    /// How many connections there may be.
    pub fn limit(&mut self, connections: usize) {
        self.limit = connections;
    }

    /// How often the members who come from now on acknowledge; for those who are here it stays as it was.
    pub fn acknowledgements(&mut self, how: Acknowledgements) {
        let with = |transport: TransportConfig| {
            let mut config = self.config.clone();
            config.transport_config(Arc::new(transport));
            Arc::new(config)
        };
        (self.near, self.far) = (with(config::hub(how, config::LOOPBACK)), with(config::hub(how, config::ETHERNET)));
        self.endpoint.set_server_config(Some(self.far.clone()));
    }

    /// What there was so far.
    pub fn counts(&self) -> Counts {
        Counts { open: self.endpoint.open_connections(), waiting: self.waiting.len(), accepted: self.accepted }
    }

    /// What came, the oldest first.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`timeout`](Self::timeout) is to be called.
    pub fn due(&self) -> Option<Instant> {
        self.timers.first()
    }

    /// Whether the socket has not taken everything.
    pub fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Whether something may be to be sent.
    pub fn has_more(&self) -> bool {
        !self.touched.is_empty()
    }

    /// Takes a datagram, or several of one size. What is to be answered to strangers goes out at once. What cannot be answered,
    /// from port 0 or to an address of many, is dropped.
    pub fn receive(&mut self, now: Instant, meta: &RecvMeta, mut data: BytesMut, sink: &mut impl Sink) {
        if !arrivals::is_answerable(meta) {
            return;
        }
        let ecn = meta.ecn.and_then(|ecn| EcnCodepoint::from_bits(ecn as u8));
        while !data.is_empty() {
            let one = data.split_to(meta.stride.clamp(1, data.len()));
            let mut answer = Vec::new();
            match self.endpoint.handle(now, meta.addr, meta.dst_ip, ecn, one, &mut answer) {
                Some(DatagramEvent::NewConnection(incoming)) => self.arrive(now, incoming, sink),
                Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                    if let Some(link) = link(&mut self.links, handle) {
                        link.quic.handle_event(event);
                    }
                    self.touch(handle);
                }
                Some(DatagramEvent::Response(transmit)) => self::answer(&transmit, &answer, sink),
                None => {}
            }
        }
    }

    /// What the last datagrams of members have brought.
    pub fn look(&mut self, now: Instant) {
        // What is touched meanwhile is looked at, too.
        let mut next = 0;
        while let Some(handle) = self.touched.get(next).copied() {
            next += 1;
            self.happened(now, handle);
        }
    }

    /// What is due.
    pub fn timeout(&mut self, now: Instant) {
        while let Some(handle) = self.timers.take(now) {
            let Some(link) = link(&mut self.links, ConnectionHandle(handle)) else { continue };
            if link.limit.is_some_and(|limit| limit <= now) {
                link.limit = None;
                let (peer, phase) = (link.peer, link.phase);
                match phase {
                    Phase::Shaking => {
                        let problem = Problem::NoAnswer { at: link.from, within: HANDSHAKE };
                        link.phase = Phase::Over;
                        link.quic.close(now, 0_u32.into(), Bytes::new());
                        self.shaking.give(Source::of(link.from));
                        self.events.push_back(Event::Failed(problem));
                    }
                    Phase::Silent => self.close(now, peer, 3, b"nothing whole was said"),
                    _ => self.close(now, peer, 2, b"not let in"),
                }
            }
            if let Some(link) = self::link(&mut self.links, ConnectionHandle(handle)) {
                if link.quic.poll_timeout().is_some_and(|due| due <= now) {
                    link.quic.handle_timeout(now);
                }
                self.touch(ConnectionHandle(handle));
            }
        }
        self.look(now);
    }

    /// Writes what QUIC takes now. Ready(true) when it was all, Ready(false) when the connection is over; else
    /// [`Event::Writable`] comes.
    pub fn write(&mut self, peer: Peer, frames: &mut Bytes) -> Poll<bool> {
        let Some((handle, link)) = self.find(peer) else { return Poll::Ready(false) };
        let Some(stream) = link.stream else { return Poll::Ready(false) };
        let written = loop {
            if frames.is_empty() {
                break Poll::Ready(true);
            }
            match link.quic.send_stream(stream).write_chunks(std::slice::from_mut(frames)) {
                Ok(_) => {}
                Err(WriteError::Blocked) => break Poll::Pending,
                Err(_) => break Poll::Ready(false),
            }
        };
        self.touch(handle);
        written
    }

    /// It has said something whole, and may stay. Until then it has [`HELLO`], however often it sends a byte.
    pub fn introduced(&mut self, peer: Peer) {
        if let Some((_, link)) = self.find(peer)
            && link.phase == Phase::Silent
        {
            (link.phase, link.limit) = (Phase::Talking, None);
        }
    }

    /// The other end is to go: when it has not after `patience`, it is closed. What is written until then is sent.
    pub fn leave(&mut self, now: Instant, peer: Peer, patience: Duration) {
        let Some((handle, link)) = self.find(peer) else { return };
        if link.phase != Phase::Leaving {
            (link.phase, link.limit) = (Phase::Leaving, Some(now + patience));
            self.touch(handle);
        }
    }

    /// Nothing more is written.
    pub fn finish(&mut self, peer: Peer) {
        let Some((handle, link)) = self.find(peer) else { return };
        if let Some(stream) = link.stream {
            // One that was stopped by the other end is finished.
            let _ = link.quic.send_stream(stream).finish();
        }
        self.touch(handle);
    }

    /// Ends a connection, and says why.
    pub fn close(&mut self, now: Instant, peer: Peer, code: u32, why: &'static [u8]) {
        let Some((handle, link)) = self.find(peer) else { return };
        link.quic.close(now, VarInt::from_u32(code), Bytes::from_static(why));
        (link.phase, link.limit) = (Phase::Over, None);
        self.events.push_back(Event::Closed(peer));
        self.touch(handle);
    }

    /// Ends all connections.
    pub fn close_all(&mut self, now: Instant, why: &'static [u8]) {
        self.limit = 0;
        for incoming in self.waiting.drain() {
            self.endpoint.ignore(incoming);
        }
        for at in 0..self.links.len() {
            let Some(link) = link(&mut self.links, ConnectionHandle(at)) else { continue };
            if link.phase != Phase::Over {
                link.quic.close(now, VarInt::from_u32(0), Bytes::from_static(why));
                if link.phase == Phase::Shaking {
                    self.shaking.give(Source::of(link.from));
                }
                (link.phase, link.limit) = (Phase::Over, None);
                self.touch(ConnectionHandle(at));
            }
        }
    }

    /// What QUIC knows of a connection.
    pub fn stats(&mut self, peer: Peer) -> Option<ConnectionStats> {
        Some(self.find(peer)?.1.quic.stats())
    }

    /// Sends what is to be sent, for a turn. It is to be called again while there [is more](Self::has_more), unless the socket
    /// [is full](Self::is_blocked).
    pub fn flush(&mut self, now: Instant, sink: &mut impl Sink) {
        if let Some(transmit) = self.blocked.take()
            && !self.send(now, transmit, sink)
        {
            return;
        }
        self.admit(now, sink);
        let cut = sink.segments().min(SEGMENTS);
        let mut later = VecDeque::new();
        while let Some(handle) = self.touched.pop_front() {
            let mut sent = 0;
            while let Some(link) = link(&mut self.links, handle) {
                self.buffer.clear();
                let segments = cut.min(LONGEST / usize::from(link.quic.current_mtu())).max(1);
                let Some(transmit) = link.quic.poll_transmit(now, segments, &mut self.buffer) else {
                    link.touched = false;
                    break;
                };
                sent += transmit.segment_size.map_or(1, |size| transmit.size.div_ceil(size));
                if !self.send(now, transmit, sink) {
                    self.touched.push_front(handle);
                    self.touched.append(&mut later);
                    return;
                }
                if sent >= TURN {
                    later.push_back(handle);
                    break;
                }
            }
            self.settle(handle);
        }
        self.touched = later;
    }

    /// What a connection wants of the endpoint, and when it is to be woken.
    fn settle(&mut self, handle: ConnectionHandle) {
        let mut again = false;
        loop {
            let Some(link) = link(&mut self.links, handle) else { return };
            let Some(event) = link.quic.poll_endpoint_events() else { break };
            let drained = event.is_drained();
            if let Some(event) = self.endpoint.handle_event(handle, event) {
                link.quic.handle_event(event);
                again = true;
            }
            if drained {
                self.timers.set(handle.0, None);
                if let Some(place) = self.links.get_mut(handle.0) {
                    *place = None;
                }
                return;
            }
        }
        let Some(link) = link(&mut self.links, handle) else { return };
        let due = [link.quic.poll_timeout(), link.limit].into_iter().flatten().min();
        self.timers.set(handle.0, due);
        if again {
            self.touch(handle);
        }
    }

    fn touch(&mut self, handle: ConnectionHandle) {
        if let Some(link) = link(&mut self.links, handle)
            && !std::mem::replace(&mut link.touched, true)
        {
            self.touched.push_back(handle);
        }
    }

    fn find(&mut self, peer: Peer) -> Option<(ConnectionHandle, &mut Link)> {
        let handle = ConnectionHandle(peer.handle());
        let link = link(&mut self.links, handle)?;
        (link.peer == peer && link.phase != Phase::Over).then_some((handle, link))
    }

    /// Sends what is in the buffer. False when there is no room for it: it waits.
    fn send(&mut self, now: Instant, transmit: Transmit, sink: &mut impl Sink) -> bool {
        let Some(contents) = self.buffer.get(..transmit.size) else { return true };
        let out = outgoing(&transmit, contents);
        if sink.send(&out).is_err() {
            self.blocked = Some(transmit);
            return false;
        }
        if self.young.again(now, &out) {
            // Where there is no room for the copy, none is sent.
            let _ = sink.send(&out);
        }
        true
    }
}

/// An answer to who is no member, once, whoever he says he is; where there is no room for it, none is sent: he asks again.
fn answer(transmit: &Transmit, contents: &[u8], sink: &mut impl Sink) {
    if let Some(contents) = contents.get(..transmit.size) {
        let _ = sink.send(&outgoing(transmit, contents));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for incoming in self.waiting.drain() {
            self.endpoint.ignore(incoming);
        }
    }
}

fn link(links: &mut [Option<Box<Link>>], handle: ConnectionHandle) -> Option<&mut Link> {
    links.get_mut(handle.0)?.as_deref_mut()
}

fn outgoing<'a>(transmit: &Transmit, contents: &'a [u8]) -> udp::Transmit<'a> {
    udp::Transmit {
        destination: transmit.destination,
        ecn: transmit.ecn.and_then(|ecn| udp::EcnCodepoint::from_bits(ecn as u8)),
        contents,
        segment_size: transmit.segment_size,
        src_ip: transmit.src_ip,
    }
}
