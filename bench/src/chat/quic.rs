//! A member's end of QUIC, on quinn-proto: quinn itself has two tasks and two channels for each, more work than what is measured.

use puerta_talk::identity::Key;
use puerta_talk::transport::{Expected, NAME, member_config};
use quinn::udp::{self, RecvMeta, UdpSocketState};
use quinn_proto::{Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, Event, ReadError, StreamId, WriteError};
use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// How exact QUIC's timers are.
const TICK: Duration = Duration::from_millis(1);

/// Datagrams, each perhaps several that the kernel joined (GRO), that are read at once.
const READ: usize = 4;

/// The most bytes of one of these.
const JOINED: usize = 65_535;

/// Datagrams that the kernel cuts from one send (GSO), at most.
const SEGMENTS: usize = 10;

/// A member's connection and its stream.
pub(super) struct Link {
    socket: UdpSocket,
    state: UdpSocketState,
    quic: RefCell<Quic>,
    due: Cell<Option<Instant>>,
    /// Whether something was written since the last sending.
    written: Cell<bool>,
}

struct Quic {
    endpoint: Endpoint,
    handle: ConnectionHandle,
    connection: Connection,
    stream: Option<StreamId>,
    /// What the stream did not take yet.
    unsent: Vec<u8>,
    lost: Option<String>,
    out: Vec<u8>,
}

/// Memory to read into, for all members.
pub(super) struct Buffer(RefCell<Vec<u8>>);

impl Buffer {
    pub(super) fn new() -> Buffer {
        Buffer(RefCell::new(vec![0; READ * JOINED]))
    }
}

impl Link {
    /// Connects and opens the stream. [`tick`] is to run meanwhile.
    pub(super) async fn open(key: &Key, port: u16, links: &Links) -> Result<Rc<Link>, String> {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|e| e.to_string())?;
        let state = UdpSocketState::new((&socket).into()).map_err(|e| e.to_string())?;
        let (endpoint, client) = member_config(key, at, Expected::Any).map_err(|e| e.to_string())?;
        let mut endpoint = Endpoint::new(Arc::new(endpoint), None, !state.may_fragment(), None);
        let connecting = endpoint.connect(Instant::now(), client, at, NAME);
        let (handle, connection) = connecting.map_err(|e| e.to_string())?;
        let quic = Quic { endpoint, handle, connection, stream: None, unsent: Vec::new(), lost: None, out: Vec::new() };
        let link =
            Rc::new(Link { socket, state, quic: RefCell::new(quic), due: Cell::new(None), written: Cell::new(false) });
        links.all.borrow_mut().push(link.clone());
        link.flush();
        loop {
            link.receive(&links.buffer).await?;
            link.flush();
            let mut quic = link.quic.borrow_mut();
            if !quic.connection.is_handshaking() {
                quic.stream = quic.connection.streams().open(Dir::Bi);
                drop(quic);
                return Ok(link);
            }
        }
    }

    /// Writes a frame, which goes out with [`send`](Self::send); what is not taken yet with what comes next.
    pub(super) fn write(&self, frame: &[u8]) {
        let mut quic = self.quic.borrow_mut();
        quic.unsent.extend_from_slice(frame);
        quic.write();
        self.written.set(true);
    }

    /// Sends what was written.
    pub(super) fn send(&self) {
        if self.written.take() {
            self.flush();
        }
    }

    /// Waits for datagrams; what they bring of the stream is given to `hear`, in order.
    pub(super) async fn hear(&self, buffer: &Buffer, mut hear: impl FnMut(&[u8])) -> Result<(), String> {
        self.receive(buffer).await?;
        let mut quic = self.quic.borrow_mut();
        let ended = quic.read(&mut hear);
        quic.write();
        drop(quic);
        self.flush();
        ended
    }

    /// Waits for datagrams and takes them.
    async fn receive(&self, buffer: &Buffer) -> Result<(), String> {
        self.socket.readable().await.map_err(|e| e.to_string())?;
        let mut buffer = buffer.0.borrow_mut();
        let mut metas = [RecvMeta::default(); READ];
        let mut parts = buffer.chunks_mut(JOINED);
        let mut slices: [IoSliceMut<'_>; READ] =
            std::array::from_fn(|_| IoSliceMut::new(parts.next().unwrap_or_default()));
        let read = || self.state.recv((&self.socket).into(), &mut slices, &mut metas);
        let count = match self.socket.try_io(Interest::READABLE, read) {
            Ok(count) => count,
            // Answers of ICMP: QUIC finds out by itself.
            Err(_) => return self.quic.borrow().alive(),
        };
        if count < READ {
            // That was all; what comes from now on makes the socket readable anew, so nothing is asked of the kernel to know it.
            let _ = self.socket.try_io(Interest::READABLE, || Err::<(), _>(io::Error::from(ErrorKind::WouldBlock)));
        }
        let mut quic = self.quic.borrow_mut();
        let now = Instant::now();
        for (meta, part) in metas.iter().zip(&slices).take(count) {
            quic.take(now, meta, part.get(..meta.len).unwrap_or_default());
        }
        quic.alive()
    }

    /// Sends what there is to be sent.
    fn flush(&self) {
        self.written.set(false);
        let mut quic = self.quic.borrow_mut();
        let Quic { endpoint, handle, connection, out, .. } = &mut *quic;
        let (now, segments) = (Instant::now(), self.state.max_gso_segments().min(SEGMENTS));
        loop {
            out.clear();
            let Some(transmit) = connection.poll_transmit(now, segments, out) else { break };
            let transmit = udp::Transmit {
                destination: transmit.destination,
                ecn: None,
                contents: out.get(..transmit.size).unwrap_or_default(),
                segment_size: transmit.segment_size,
                src_ip: transmit.src_ip,
            };
            // What there is no room for got lost, and QUIC sends it again.
            let _ = self.socket.try_io(Interest::WRITABLE, || self.state.send((&self.socket).into(), &transmit));
        }
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
        self.due.set(connection.poll_timeout());
    }
}

impl Quic {
    fn take(&mut self, now: Instant, meta: &RecvMeta, mut data: &[u8]) {
        while !data.is_empty() {
            let (one, rest) = data.split_at(meta.stride.clamp(1, data.len()));
            data = rest;
            let mut answer = Vec::new();
            let event = self.endpoint.handle(now, meta.addr, meta.dst_ip, None, one.into(), &mut answer);
            if let Some(DatagramEvent::ConnectionEvent(_, event)) = event {
                self.connection.handle_event(event);
            }
        }
        while let Some(event) = self.connection.poll() {
            if let Event::ConnectionLost { reason } = event {
                self.lost = Some(reason.to_string());
            }
        }
    }

    fn read(&mut self, hear: &mut impl FnMut(&[u8])) -> Result<(), String> {
        let Some(stream) = self.stream else { return Ok(()) };
        let mut receive = self.connection.recv_stream(stream);
        let mut chunks = receive.read(true).map_err(|e| e.to_string())?;
        let ended = loop {
            match chunks.next(usize::MAX) {
                Ok(Some(chunk)) => hear(&chunk.bytes),
                Ok(None) => break Err("the hub closed the stream".to_owned()),
                Err(ReadError::Blocked) => break Ok(()),
                Err(error) => break Err(error.to_string()),
            }
        };
        let _ = chunks.finalize();
        ended
    }

    fn write(&mut self) {
        let Some(stream) = self.stream.filter(|_| !self.unsent.is_empty()) else { return };
        match self.connection.send_stream(stream).write(&self.unsent) {
            Ok(written) => drop(self.unsent.drain(..written)),
            Err(WriteError::Blocked) => {}
            Err(error) => self.lost = Some(error.to_string()),
        }
    }

    fn alive(&self) -> Result<(), String> {
        match &self.lost {
            None => Ok(()),
            Some(why) => Err(why.clone()),
        }
    }
}

/// All members' links, for what is due.
pub(super) struct Links {
    all: RefCell<Vec<Rc<Link>>>,
    pub(super) buffer: Buffer,
}

impl Links {
    pub(super) fn new() -> Rc<Links> {
        Rc::new(Links { all: RefCell::default(), buffer: Buffer::new() })
    }
}

/// Does for all links what is due.
pub(super) async fn tick(links: Rc<Links>) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        let now = ticks.tick().await.into_std();
        for link in links.all.borrow().iter().filter(|link| link.due.get().is_some_and(|due| due <= now)) {
            link.quic.borrow_mut().connection.handle_timeout(now);
            link.flush();
        }
    }
}
