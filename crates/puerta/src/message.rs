//! Messages with ancillary data: descriptors and credentials over Unix sockets, packet info of datagrams.

use crate::Endpoint;
use crate::ancillary::{PacketInfo, RawAncillary};
use crate::credentials::Credentials;
use crate::error::{Bad, Call, Error, Result};
use crate::exchange::{Flags, Received};
use crate::opt::{self, HasCredentials, HasIpDatagrams};
use crate::protocol::{AnyDatagram, AnyStream, Datagrams, Protocol, UnixDatagram, UnixPacket, UnixStream};
use crate::role::{CanExchange, CanReceiveFrom, CanSendTo, Role};
use crate::socket::Socket;
use crate::sys::ancillary::{self, CREDENTIALS_SPACE, Control, Incoming, Outgoing, PACKET_INFO_SPACE, Source};
use crate::sys::sockaddr::{SockAddr, Storage};
use std::io::{IoSlice, IoSliceMut};
use std::marker::PhantomData;
use std::net::IpAddr;
use std::os::fd::{BorrowedFd, OwnedFd};

/// How many descriptors one message carries at most: SCM_MAX_FD of unix(7).
pub const MAX_DESCRIPTORS: usize = 253;

/// What [`Socket::send_message`] sends: bytes, and ancillary data with them.
///
/// ```
/// use puerta::{AncillarySpace, Flags, Message, Socket, UnixStream};
/// use std::io::{IoSlice, IoSliceMut};
/// use std::os::fd::AsFd;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (here, there) = Socket::<UnixStream, _>::pair()?;
/// let file = std::fs::File::open("/dev/null")?;
/// here.send_message(&Message::new(&[IoSlice::new(b"null")]).descriptors(&[file.as_fd()]), Flags::NONE)?;
///
/// let mut buffer = [0; 16];
/// let mut space = AncillarySpace::new().descriptors(1);
/// let message = there.recv_message(&mut [IoSliceMut::new(&mut buffer)], &mut space, Flags::NONE)?;
/// assert_eq!(&buffer[..message.received.len], b"null");
/// assert_eq!(message.descriptors.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Message<'a, P: Protocol> {
    parts: &'a [IoSlice<'a>],
    descriptors: &'a [BorrowedFd<'a>],
    credentials: Option<Credentials>,
    source: Option<PacketInfo>,
    others: &'a [RawAncillary],
    protocol: PhantomData<fn() -> P>,
}

impl<'a, P: Protocol> Message<'a, P> {
    /// A message of the bytes of `parts` in order (1024 parts at most), without ancillary data.
    pub fn new(parts: &'a [IoSlice<'a>]) -> Self {
        Message { parts, descriptors: &[], credentials: None, source: None, others: &[], protocol: PhantomData }
    }

    /// `SCM_RIGHTS`: the peer gets descriptors of its own of the same open files, [`MAX_DESCRIPTORS`] at most.
    #[must_use]
    pub fn descriptors(self, descriptors: &'a [BorrowedFd<'a>]) -> Self
    where
        P: PassesDescriptors,
    {
        Message { descriptors, ..self }
    }

    /// `SCM_CREDENTIALS`: who sends. The kernel checks it: this process, and one of its real, effective or saved users and
    /// groups. (A peer that asks for credentials gets them of every message, whether the sender gives them or not.)
    #[must_use]
    pub fn credentials(self, credentials: Credentials) -> Self
    where
        P: PassesDescriptors,
    {
        Message { credentials: Some(credentials), ..self }
    }

    /// `IP_PKTINFO` or `IPV6_PKTINFO`: the address that it is sent from.
    #[must_use]
    pub fn source(self, source: PacketInfo) -> Self
    where
        P: HasIpDatagrams,
    {
        Message { source: Some(source), ..self }
    }

    /// Control messages of kinds that this library has no type for. The kernel ignores those of another protocol.
    #[must_use]
    pub fn others(self, others: &'a [RawAncillary]) -> Self {
        Message { others, ..self }
    }
}

/// Room for the ancillary data that comes with a message. It can be used again for the next.
///
/// Too little is an error when the message comes, so reserve for all that was asked for by options, too. Room is rounded
/// up to 8 bytes, so that a descriptor more may fit.
#[derive(Debug, Clone, Default)]
pub struct AncillarySpace {
    room: Vec<u64>,
}

impl AncillarySpace {
    /// Room for nothing.
    pub fn new() -> Self {
        AncillarySpace::default()
    }

    /// And for so many descriptors; [`MAX_DESCRIPTORS`] always suffice.
    #[must_use]
    pub fn descriptors(self, count: usize) -> Self {
        self.bytes(count.min(MAX_DESCRIPTORS) * size_of::<i32>())
    }

    /// And for credentials: see [`PassCredentials`](opt::PassCredentials).
    #[must_use]
    pub fn credentials(self) -> Self {
        self.add(CREDENTIALS_SPACE)
    }

    /// And for packet info: see [`PacketInfo`](opt::PacketInfo).
    #[must_use]
    pub fn packet_info(self) -> Self {
        self.add(PACKET_INFO_SPACE)
    }

    /// And for one control message with `len` bytes of data, 1 MiB at most: the kernel's own are far shorter.
    #[must_use]
    pub fn bytes(self, len: usize) -> Self {
        self.add(ancillary::space(len.min(1 << 20)))
    }

    fn add(mut self, bytes: usize) -> Self {
        self.room.resize(self.room.len() + bytes.div_ceil(size_of::<u64>()), 0);
        self
    }
}

/// What [`Socket::recv_message`] received.
#[derive(Debug)]
pub struct ReceivedMessage {
    /// How many bytes are in the buffers, and how long the message was.
    pub received: Received,
    /// `SCM_RIGHTS`: descriptors that are ours now, CLOEXEC.
    pub descriptors: Vec<OwnedFd>,
    /// `SCM_PIDFD`: the process that sent it, where the option `SO_PASSPIDFD` asks for that.
    pub process: Option<OwnedFd>,
    /// `SCM_CREDENTIALS`: who sent it. pid 0 and user 65534 where the sender could not know that it was asked for.
    pub credentials: Option<Credentials>,
    /// `IP_PKTINFO` or `IPV6_PKTINFO`: where it was sent to.
    pub to: Option<PacketInfo>,
    /// Control messages that have no type here.
    pub others: Vec<RawAncillary>,
}

/// What a packet connection brings: see [`Socket::recv_packet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet {
    /// A packet, be it empty.
    Message(Received),
    /// The peer has ended.
    End,
}

/// A datagram that was received with where it went to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram<A> {
    /// How much of it is in the buffer, and how long it was.
    pub received: Received,
    /// Who sent it.
    pub from: A,
    /// Where it was sent to. `None` where packet info was not asked for, and on Unix sockets.
    pub to: Option<PacketInfo>,
}

/// What was said of a datagram that was sent: see [`Socket::queued_error`].
#[derive(Debug)]
pub struct QueuedError {
    /// What it was; its peer is where the datagram was sent to.
    pub error: Error,
    /// Who said it, by ICMP: a router, the peer, or this machine, where a neighbour does not answer. `None`: the call that sent the
    /// datagram failed with the same.
    pub from: Option<IpAddr>,
}

impl<P: Protocol, R: Role> Socket<P, R> {
    /// recvmsg(2) with `MSG_ERRQUEUE`: the oldest of what was said of datagrams that were sent, where the option
    /// [`ReceiveErrors`](opt::ReceiveErrors) is set; `None` where there is no more. It never waits. What is taken no longer fails
    /// another call. Take all of it when a call has failed; until then readiness tells of an error (`EPOLLERR`).
    ///
    /// # Errors
    /// [`Bad::Option`] on a Unix socket.
    pub fn queued_error(&self) -> Result<Option<QueuedError>>
    where
        P: Datagrams + HasIpDatagrams,
    {
        // A Unix socket would take the flag for none, and give a message.
        if !self.get(opt::ReceiveErrors)? {
            return Ok(None);
        }
        let mut control = [0u64; 32];
        let flags = libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT;
        let incoming = match ancillary::recv(&self.fd, &mut [], &mut control, flags, false) {
            Err(error) if error.would_block() => return Ok(None),
            done => done.map_err(|e| self.tell(e))?,
        };
        let Some((errno, from)) = incoming.control.others.iter().find_map(RawAncillary::said) else { return Ok(None) };
        let to = self.decode(&incoming.from)?;
        Ok(Some(QueuedError { error: self.tell_about(Error::bare(Call::RecvMsg, errno), Some(&to)), from }))
    }

    /// recvmsg(2): one datagram, who sent it, and where it was sent to
    /// (where the option [`PacketInfo`](opt::PacketInfo) is set: set it before `bind`, since a datagram that was queued before
    /// does not know whether its address was a broadcast). Descriptors that came with it are closed.
    ///
    /// # Errors
    /// As [`recv_from`](Self::recv_from).
    pub fn recv_datagram(&self, into: &mut [u8], flags: Flags) -> Result<Datagram<P::Addr>>
    where
        P: Datagrams,
        R: CanReceiveFrom,
    {
        let room = into.len();
        let mut control = [0u64; 32];
        let mut parts = [IoSliceMut::new(into)];
        let flags = flags.0 | P::LENGTH_FLAG;
        let incoming = ancillary::recv(&self.fd, &mut parts, &mut control, flags, false).map_err(|e| self.tell(e))?;
        let from = self.decode(&incoming.from)?;
        Ok(Datagram { received: Received::of(incoming.len, room), from, to: incoming.control.to })
    }

    /// sendmsg(2): one datagram to one address, from `source` where it is given: for an answer, what
    /// [`PacketInfo::answer`] gives of the question.
    ///
    /// # Errors
    /// As [`send_to`](Self::send_to); `EINVAL` or `ENETUNREACH` for a source that is not this machine's; [`Bad::Family`] for
    /// a source of another family, [`Bad::Option`] for one on a Unix socket.
    pub fn send_datagram(&self, bytes: &[u8], to: &P::Addr, source: Option<PacketInfo>, flags: Flags) -> Result<usize>
    where
        P: Datagrams,
        R: CanSendTo,
    {
        let tell = |e| self.tell_about(e, Some(to));
        let storage = to.encode().map_err(|e| tell(e.during(Call::SendMsg)))?;
        let source = source.map(|s| source_for(s, Some(to.clone().into()))).transpose().map_err(tell)?;
        let parts = [IoSlice::new(bytes)];
        let out = Outgoing { to: Some(&storage), source, ..Outgoing::plain(&parts) };
        ancillary::send(&self.fd, &out, flags.0).map_err(|e| tell(if source.is_some() { not_ours(e) } else { e }))
    }

    /// sendmsg(2): bytes and ancillary data to the peer; tells how many bytes the kernel took. A stream may take fewer than
    /// there are: the ancillary data has gone with the first, so send the rest without.
    ///
    /// # Errors
    /// As [`send`](Self::send). [`Bad::TooManyDescriptors`]; [`Bad::Value`] for a stream without a byte, since
    /// nothing would go, and for ancillary data beyond 2 GiB; [`Bad::Option`] for what the peer's family does not carry. `EPERM` for credentials of others,
    /// `ETOOMANYREFS` where too many descriptors are on their way.
    pub fn send_message(&self, message: &Message<'_, P>, flags: Flags) -> Result<usize>
    where
        R: CanExchange,
    {
        self.send_out(message, None, flags)
    }

    /// sendmsg(2): one datagram with ancillary data to one address.
    ///
    /// # Errors
    /// As [`send_message`](Self::send_message) and [`send_to`](Self::send_to).
    pub fn send_message_to(&self, message: &Message<'_, P>, to: &P::Addr, flags: Flags) -> Result<usize>
    where
        P: Datagrams,
        R: CanSendTo,
    {
        self.send_out(message, Some(to), flags)
    }

    /// recvmsg(2): bytes into `parts` in order (1024 parts at most), ancillary data as far as `space` goes. Bytes of a
    /// stream that were sent with descriptors never come together with those of an earlier message.
    ///
    /// # Errors
    /// As [`recv`](Self::recv). [`Bad::ControlTruncated`] where the space was too small, or this process at its limit of
    /// descriptors: the descriptors that did arrive are closed, and the message is gone.
    pub fn recv_message(
        &self,
        parts: &mut [IoSliceMut<'_>],
        space: &mut AncillarySpace,
        flags: Flags,
    ) -> Result<ReceivedMessage>
    where
        R: CanExchange,
    {
        self.recv_in(parts, space, flags).map(|(message, _)| message)
    }

    /// recvmsg(2): one datagram with ancillary data, and where it came from.
    ///
    /// # Errors
    /// As [`recv_message`](Self::recv_message).
    pub fn recv_message_from(
        &self,
        parts: &mut [IoSliceMut<'_>],
        space: &mut AncillarySpace,
        flags: Flags,
    ) -> Result<(ReceivedMessage, P::Addr)>
    where
        P: Datagrams,
        R: CanReceiveFrom,
    {
        let (message, from) = self.recv_in(parts, space, flags)?;
        Ok((message, self.decode(&from)?))
    }

    /// recvmsg(2): the next packet, or the end. An empty packet and the end look alike to `recv`; with the option
    /// [`PassCredentials`](opt::PassCredentials) a packet brings credentials and the end does not.
    /// Descriptors that came with it do not arrive.
    ///
    /// # Errors
    /// As [`recv`](Self::recv), and [`Bad::Option`] where nothing tells an empty packet from the end, because the
    /// option is not set.
    pub fn recv_packet(&self, into: &mut [u8], flags: Flags) -> Result<Packet>
    where
        P: PacketConnection,
        R: CanExchange,
    {
        let room = into.len();
        // The credentials come first. There is no room behind them, so that no descriptor is installed.
        let mut control = [0u64; CREDENTIALS_SPACE / size_of::<u64>()];
        let mut parts = [IoSliceMut::new(into)];
        let incoming = ancillary::recv(&self.fd, &mut parts, &mut control, flags.0 | libc::MSG_TRUNC, false)
            .map_err(|e| self.tell(e))?;
        if incoming.len > 0 || incoming.control.credentials.is_some() {
            return Ok(Packet::Message(Received::of(incoming.len, room)));
        }
        if self.get(opt::PassCredentials)? {
            return Ok(Packet::End);
        }
        let error = Error::bad(Call::RecvMsg, Bad::Option);
        Err(self.tell(error.hinted("set PassCredentials first: without it an empty packet looks like the end")))
    }

    fn send_out(&self, message: &Message<'_, P>, to: Option<&P::Addr>, flags: Flags) -> Result<usize> {
        let peer = to.or(self.peer.as_ref());
        let tell = |e| self.tell_about(e, peer);
        let mut out = message.outgoing(peer, P::LENGTH_FLAG == 0).map_err(tell)?;
        let storage = to.map(SockAddr::encode).transpose().map_err(|e| tell(e.during(Call::SendMsg)))?;
        out.to = storage.as_ref();
        ancillary::send(&self.fd, &out, flags.0).map_err(|e| tell(message.explain(e)))
    }

    fn recv_in(
        &self,
        parts: &mut [IoSliceMut<'_>],
        space: &mut AncillarySpace,
        flags: Flags,
    ) -> Result<(ReceivedMessage, Storage)> {
        let room = parts.iter().map(|p| p.len()).sum();
        let Incoming { len, from, control } =
            ancillary::recv(&self.fd, parts, &mut space.room, flags.0 | P::LENGTH_FLAG, true)
                .map_err(|e| self.tell(e))?;
        let Control { descriptors, process, credentials, to, others } = control;
        let received = Received::of(len, room);
        Ok((ReceivedMessage { received, descriptors, process, credentials, to, others }, from))
    }
}

/// A connection that keeps message boundaries, so that an empty packet looks like the end.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no connection of packets",
    label = "no packets",
    note = "only on `UnixPacket` does an empty packet look like the end: use `recv`"
)]
pub trait PacketConnection: HasCredentials {}
impl PacketConnection for UnixPacket {}

/// Protocols that carry descriptors and credentials.
#[diagnostic::on_unimplemented(
    message = "`{Self}` carries neither descriptors nor credentials",
    label = "not a Unix socket",
    note = "only Unix sockets do: `UnixStream`, `UnixPacket`, `UnixDatagram`"
)]
pub trait PassesDescriptors: Protocol {}
impl PassesDescriptors for UnixStream {}
impl PassesDescriptors for UnixPacket {}
impl PassesDescriptors for UnixDatagram {}
impl PassesDescriptors for AnyStream {}
impl PassesDescriptors for AnyDatagram {}

/// A source makes sense for IP alone.
fn source_for(source: PacketInfo, to: Option<Endpoint>) -> Result<Source> {
    match to {
        Some(Endpoint::Inet(to)) => source.source(to),
        _ => Err(Error::bad(Call::SendMsg, Bad::Option)),
    }
}

impl<'a> Outgoing<'a> {
    fn plain(parts: &'a [IoSlice<'a>]) -> Self {
        Outgoing { parts, to: None, descriptors: &[], credentials: None, source: None, others: &[] }
    }
}

impl<P: Protocol> Message<'_, P> {
    /// What goes to the kernel, once nothing in it would be lost in silence.
    fn outgoing(&self, peer: Option<&P::Addr>, stream: bool) -> Result<Outgoing<'_>> {
        let refuse = |bad| Err(Error::bad(Call::SendMsg, bad));
        let Message { parts, descriptors, credentials, others, .. } = *self;
        if descriptors.len() > MAX_DESCRIPTORS {
            return refuse(Bad::TooManyDescriptors);
        }
        let unix = !descriptors.is_empty() || credentials.is_some();
        let peer = (unix || self.source.is_some()).then(|| peer.cloned().map(Into::into)).flatten();
        if unix && matches!(peer, Some(Endpoint::Inet(_))) {
            return refuse(Bad::Option);
        }
        if others.iter().any(|o| (o.level, o.kind) == (libc::SOL_SOCKET, libc::SCM_RIGHTS)) {
            // Numbers in raw bytes would be descriptors that nobody has lent.
            return Err(Error::bad(Call::SendMsg, Bad::Option).hinted("pass descriptors with `descriptors`"));
        }
        if stream && (unix || !others.is_empty()) && parts.iter().all(|p| p.is_empty()) {
            let error = Error::bad(Call::SendMsg, Bad::Value);
            return Err(error.hinted("ancillary data travels with data: send at least one byte"));
        }
        let source = self.source.map(|s| source_for(s, peer)).transpose()?;
        Ok(Outgoing { parts, to: None, descriptors, credentials, source, others })
    }

    /// A hint that knows what was sent.
    fn explain(&self, error: Error) -> Error {
        match error.errno() {
            Some(libc::EPERM) if self.credentials.is_some() => {
                error.hinted("only root may send credentials that are not the process's own")
            }
            _ if self.source.is_some() => not_ours(error),
            _ => error,
        }
    }
}

/// What a source that is not this machine's leads to.
fn not_ours(error: Error) -> Error {
    match error.errno() {
        Some(libc::EINVAL | libc::EADDRNOTAVAIL) => {
            error.hinted("the source is no address of this machine: `ip address` lists those it has")
        }
        _ => error,
    }
}
