//! The socket: one struct, with its protocol and its role in the type.

use crate::address::Endpoint;
use crate::error::{Bad, Call, Cause, Error, Result};
use crate::opt;
use crate::protocol::{Listens, Protocol, Tcp, Udp, UnixDatagram, UnixPacket, UnixStream};
use crate::role::{
    Adopts, Bound, CanAccept, CanBind, CanConnect, CanFinish, CanListen, CanName, CanShare, Connected, Connecting,
    Listening, Role, State, Unbound,
};
use crate::sys::call::Fd;
use crate::sys::sockaddr::{SockAddr, Storage};
use crate::sys::{socket, transfer};
use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

/// A socket of protocol `P` in role `R`.
///
/// It is closed when dropped; [`close`](Self::close) tells what close(2) said. It remembers its peer: after a reset the
/// kernel no longer tells. Every descriptor is CLOEXEC. A call that a signal interrupts (`EINTR`) is repeated, except
/// TCP's `connect`, which goes on in the kernel and is waited for, and `close`, which is never repeated.
pub struct Socket<P: Protocol, R: Role = Unbound> {
    pub(crate) fd: Fd,
    pub(crate) peer: Option<P::Addr>,
    role: PhantomData<fn() -> R>,
}

/// A TCP socket that takes connections.
pub type TcpListener = Socket<Tcp, Listening>;
/// A TCP connection.
pub type TcpStream = Socket<Tcp, Connected>;
/// A UDP socket with an address of its own.
pub type UdpSocket = Socket<Udp, Bound>;

/// What [`Socket::finish_connect`] found.
#[derive(Debug)]
pub enum Progress<P: Protocol> {
    /// The connection stands.
    Connected(Socket<P, Connected>),
    /// It is still under way: wait until the socket is writable, then ask again.
    Pending(Socket<P, Connecting>),
}

impl<P: Protocol> Socket<P> {
    /// socket(2).
    ///
    /// # Errors
    /// `EMFILE` or `ENFILE` at a limit of descriptors, `EAFNOSUPPORT` where the family is switched off, `EPERM` or
    /// `EACCES` for raw and ICMP sockets without the privilege.
    pub fn new(family: P::Family) -> Result<Self> {
        Ok(Socket::of(socket::socket(P::triple(family)).map_err(|e| e.at(P::name(None), None, None))?, None))
    }

    /// Takes over a descriptor from elsewhere, after asking the kernel for its family, type, protocol
    /// (SO_DOMAIN, SO_TYPE, SO_PROTOCOL) and role (SO_ACCEPTCONN, getsockname, getpeername). Its blocking mode stays as
    /// it is; it is made CLOEXEC. A raw socket that is bound to the unspecified address looks unbound, and one that is
    /// connected looks bound: the kernel does not tell.
    ///
    /// # Errors
    /// A mismatch hands the descriptor back, unchanged.
    pub fn adopt<R: Adopts>(fd: OwnedFd) -> Result<Socket<P, R>, (OwnedFd, Error)> {
        let fd = Fd::from(fd);
        match inspect::<P, R>(&fd) {
            Ok(peer) => Ok(Socket::of(fd, peer)),
            Err(error) => Err((fd.into_owned(), error)),
        }
    }
}

fn inspect<P: Protocol, R: Adopts>(fd: &Fd) -> Result<Option<P::Addr>> {
    let get = |name, shown| {
        transfer::get_int(fd.as_fd(), libc::SOL_SOCKET, name, shown).map_err(|e| match e.errno() {
            Some(libc::ENOTSOCK) => Error::bad(Call::Adopt, Bad::Descriptor),
            _ => e,
        })
    };
    let triple = socket::Triple {
        domain: get(libc::SO_DOMAIN, "SO_DOMAIN")?,
        kind: get(libc::SO_TYPE, "SO_TYPE")?,
        protocol: get(libc::SO_PROTOCOL, "SO_PROTOCOL")?,
    };
    let state = State::of(fd, triple.kind)?;
    if !P::admits(triple) || !R::fits(state) {
        return Err(Error::bad(Call::Adopt, Bad::Descriptor));
    }
    let peer = if state.connected { P::Addr::decode(&socket::getpeername(fd)?) } else { None };
    // Last, since what is handed back is unchanged.
    socket::set_cloexec(fd.as_fd())?;
    Ok(peer)
}

impl<P: Protocol, R: Role> Socket<P, R> {
    pub(crate) fn of(fd: Fd, peer: Option<P::Addr>) -> Self {
        Socket { fd, peer, role: PhantomData }
    }

    fn turn<Next: Role>(self, peer: Option<P::Addr>) -> Socket<P, Next> {
        Socket::of(self.fd, peer)
    }

    /// bind(2): gives the socket an address of its own. Port 0 is any free port; an unspecified host is every interface.
    /// Consumes the socket: when it fails, the socket is closed.
    ///
    /// # Errors
    /// `EADDRINUSE`, `EADDRNOTAVAIL` for an address that is not this machine's, `EACCES` for a port below 1024 or a folder
    /// without permission; a path that does not fit is refused before the call.
    pub fn bind(self, at: &P::Addr) -> Result<Socket<P, Bound>>
    where
        R: CanBind,
    {
        let tell = |e: Error| e.at(P::name(Some(at)), Some(at.clone().into()), None);
        let storage = at.encode().map_err(tell)?;
        socket::bind(&self.fd, &storage).map_err(tell)?;
        Ok(self.turn(None))
    }

    /// connect(2), blocking until the connection stands or failed. Consumes the socket: when it fails, the socket is
    /// closed, and a new attempt needs a new one. On a datagram socket it names the one peer; nothing is sent.
    ///
    /// # Errors
    /// `ECONNREFUSED`, `ETIMEDOUT` (after some 130 s by default), `ENETUNREACH`, `EHOSTUNREACH`; an empty host or port 0 is
    /// refused before the call.
    pub fn connect(self, to: &P::Addr) -> Result<Socket<P, Connected>>
    where
        R: CanConnect,
    {
        let storage = destination::<P>(to)?;
        loop {
            return match socket::connect(&self.fd, &storage) {
                Ok(()) => Ok(self.turn(Some(to.clone()))),
                // A Unix socket that waited for room in the backlog has left the queue.
                Err(e) if e.errno() == Some(libc::EINTR) && storage.family() == libc::AF_UNIX => continue,
                // TCP's attempt goes on in the kernel; a second connect would be EALREADY.
                Err(e) if e.errno() == Some(libc::EINTR) => {
                    self.turn::<Connecting>(Some(to.clone())).wait_connected(None)
                }
                Err(e) => Err(self.tell_about(e, Some(to))),
            };
        }
    }

    /// connect(2) with a time limit, also where the backlog of a Unix listener is full. The socket is blocking afterwards.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and [`Bad::Deadline`] when the limit struck.
    pub fn connect_timeout(self, to: &P::Addr, limit: Duration) -> Result<Socket<P, Connected>>
    where
        R: CanConnect,
    {
        if matches!(to.clone().into(), Endpoint::Unix(_)) {
            return self.connect_unix(to, limit);
        }
        // A limit beyond the clock's range is none.
        let deadline = Instant::now().checked_add(limit);
        let socket = match self.start_connect(to)? {
            Progress::Connected(socket) => socket,
            Progress::Pending(connecting) => connecting.wait_connected(deadline)?,
        };
        socket.set_nonblocking(false)?;
        Ok(socket)
    }

    /// A Unix listener whose backlog is full lets connect(2) wait, for as long as SO_SNDTIMEO says: unix(7).
    fn connect_unix(self, to: &P::Addr, limit: Duration) -> Result<Socket<P, Connected>>
    where
        R: CanConnect,
    {
        let storage = destination::<P>(to)?;
        self.set_nonblocking(false)?;
        let before = self.get(opt::SendTimeout)?;
        let deadline = Instant::now().checked_add(limit);
        let mut left = limit;
        loop {
            // Whole microseconds, some 68 years at most; none at all would be no limit.
            let micros = u64::try_from(left.as_micros()).unwrap_or(u64::MAX).clamp(1, i32::MAX as u64 * 1_000_000);
            self.set(opt::SendTimeout, Some(Duration::from_micros(micros)))?;
            let error = match socket::connect(&self.fd, &storage) {
                Ok(()) => break,
                Err(error) => error,
            };
            left = deadline.map_or(limit, |d| d.saturating_duration_since(Instant::now()));
            // A signal does not begin the limit anew.
            let interrupted = error.errno() == Some(libc::EINTR);
            if error.would_block() || interrupted && left.is_zero() {
                return Err(self.tell_about(Error::bad(Call::Connect, Bad::Deadline), Some(to)));
            }
            if !interrupted {
                return Err(self.tell_about(error, Some(to)));
            }
        }
        self.set(opt::SendTimeout, before)?;
        Ok(self.turn(Some(to.clone())))
    }

    /// connect(2) on a socket that is made non-blocking: gives back at once a connection that stands already (Unix, datagrams)
    /// or one that is under way. The socket stays non-blocking.
    ///
    /// # Errors
    /// As [`connect`](Self::connect); a Unix listener whose backlog is full answers `EAGAIN`.
    pub fn start_connect(self, to: &P::Addr) -> Result<Progress<P>>
    where
        R: CanConnect,
    {
        let storage = destination::<P>(to)?;
        self.set_nonblocking(true)?;
        match socket::connect(&self.fd, &storage) {
            Ok(()) => Ok(Progress::Connected(self.turn(Some(to.clone())))),
            Err(e) if matches!(e.errno(), Some(libc::EINPROGRESS | libc::EINTR)) => {
                Ok(Progress::Pending(self.turn(Some(to.clone()))))
            }
            Err(e) if e.would_block() => Err(Error::new(Call::Connect, Cause::Os(libc::EAGAIN)).at(
                P::name(Some(to)),
                None,
                Some(to.clone().into()),
            )),
            Err(e) => Err(self.tell_about(e, Some(to))),
        }
    }

    /// Asks how the connect that is under way goes: poll(2), then SO_ERROR. Gives the socket back while it is pending.
    ///
    /// # Errors
    /// As [`connect`](Self::connect): the socket is closed then.
    pub fn finish_connect(self) -> Result<Progress<P>>
    where
        R: CanFinish,
    {
        let (fd, peer) = (self.fd, self.peer);
        let connecting: Socket<P, Connecting> = Socket::of(fd, peer);
        if !connecting.writable(0)? {
            return Ok(Progress::Pending(connecting));
        }
        match transfer::pending_error(connecting.fd.as_fd())? {
            0 => {
                let peer = connecting.peer.clone();
                Ok(Progress::Connected(connecting.turn(peer)))
            }
            errno => Err(connecting.tell(Error::bare(Call::Connect, errno))),
        }
    }

    /// listen(2): takes connections from now on. `backlog` is how many may wait to be accepted; the kernel caps it to sysctl
    /// net.core.somaxconn (4096 by default) in silence. When it is full, new TCP clients wait and Unix clients are
    /// refused with `EAGAIN`.
    ///
    /// # Errors
    /// `EADDRINUSE` where another socket listens at the same address.
    pub fn listen(self, backlog: u32) -> Result<Socket<P, Listening>>
    where
        R: CanListen,
        P: Listens,
    {
        socket::listen(&self.fd, backlog).map_err(|e| self.tell(e))?;
        Ok(self.turn(None))
    }

    /// accept(2): takes the next connection; gives it and its peer's address. The new socket is blocking.
    ///
    /// # Errors
    /// `EAGAIN` where it would have to wait and must not; `ECONNABORTED` where the client has already gone; `EMFILE`,
    /// `ENFILE`, `ENOBUFS`, `ENOMEM` at a limit: the client stays in the backlog.
    pub fn accept(&self) -> Result<(Socket<P, Connected>, P::Addr)>
    where
        R: CanAccept,
        P: Listens,
    {
        self.accept_with(0)
    }

    /// As [`accept`](Self::accept); the new socket is non-blocking (`SOCK_NONBLOCK`).
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn accept_nonblocking(&self) -> Result<(Socket<P, Connected>, P::Addr)>
    where
        R: CanAccept,
        P: Listens,
    {
        self.accept_with(libc::SOCK_NONBLOCK)
    }

    fn accept_with(&self, flags: i32) -> Result<(Socket<P, Connected>, P::Addr)> {
        let (fd, storage) = socket::accept(&self.fd, flags).map_err(|e| self.tell(e))?;
        let peer = self.decode(&storage)?;
        Ok((Socket::of(fd, Some(peer.clone())), peer))
    }

    /// getsockname(2): the socket's own address, with the port that was chosen.
    ///
    /// # Errors
    /// `ENOBUFS`; nothing else is known to happen.
    pub fn local_addr(&self) -> Result<P::Addr>
    where
        R: CanName,
    {
        self.decode(&socket::getsockname(&self.fd).map_err(|e| self.tell(e))?)
    }

    /// getpeername(2): the peer's address, as the kernel knows it now. [`peer`](Self::peer) remembers it for longer.
    ///
    /// # Errors
    /// `ENOTCONN` where the connection is gone.
    pub fn peer_addr(&self) -> Result<P::Addr>
    where
        R: crate::role::CanExchange,
    {
        self.decode(&socket::getpeername(&self.fd).map_err(|e| self.tell(e))?)
    }

    /// The peer's address as it was when the connection was made, without a system call.
    pub fn peer(&self) -> Option<&P::Addr> {
        self.peer.as_ref()
    }

    /// A second descriptor of the same socket, by fcntl(2) with `F_DUPFD_CLOEXEC`. The connection ends when the last
    /// descriptor is closed; mode and options are shared.
    ///
    /// # Errors
    /// `EMFILE` at the limit of descriptors.
    pub fn try_clone(&self) -> Result<Self>
    where
        R: CanShare,
    {
        Ok(Socket::of(socket::dup(self.fd.as_fd()).map_err(|e| self.tell(e))?, self.peer.clone()))
    }

    /// Makes calls that would wait fail with `EAGAIN` (true) or wait (false): `O_NONBLOCK`, which every descriptor of the
    /// socket shares.
    ///
    /// # Errors
    /// None are known for a socket.
    pub fn set_nonblocking(&self, on: bool) -> Result<()> {
        socket::set_nonblocking(self.fd.as_fd(), on).map_err(|e| self.tell(e))
    }

    /// The error that waits on the socket (SO_ERROR), which asking clears: a reset that came in, ICMP's refusal of a datagram.
    ///
    /// # Errors
    /// None are known for a socket.
    pub fn take_error(&self) -> Result<Option<Error>> {
        Ok(match transfer::pending_error(self.fd.as_fd())? {
            0 => None,
            errno => Some(self.tell(Error::bare(Call::GetSockOpt, errno))),
        })
    }

    /// Adds this socket's addresses to an error of a call on its descriptor, such as splice(2).
    pub fn explain(&self, error: Error) -> Error {
        self.tell(error)
    }

    /// close(2), with what it says. The descriptor is gone whatever it says.
    ///
    /// # Errors
    /// `EIO` and its like; over a socket hardly ever.
    pub fn close(self) -> Result<()> {
        self.fd.close()
    }

    /// Waits until the socket can be written to, for `timeout` milliseconds (-1: for ever). False: not in time, or interrupted.
    fn writable(&self, timeout: i32) -> Result<bool> {
        let mut fds = [libc::pollfd { fd: self.fd.raw(), events: libc::POLLOUT, revents: 0 }];
        match socket::poll(&mut fds, timeout) {
            Ok(n) => Ok(n > 0),
            Err(e) if e.errno() == Some(libc::EINTR) => Ok(false),
            Err(e) => Err(self.tell(e)),
        }
    }

    pub(crate) fn decode(&self, storage: &Storage) -> Result<P::Addr> {
        P::Addr::decode(storage).ok_or_else(|| self.tell(Error::bad(Call::GetSockName, Bad::Family)))
    }

    /// The socket's own address, without a line in the trace.
    pub(crate) fn own_address(&self) -> Option<Endpoint> {
        socket::quiet_local(&self.fd).filter(Storage::is_bound).and_then(|s| P::Addr::decode(&s)).map(Into::into)
    }

    /// Adds both addresses to an error.
    #[cold]
    #[inline(never)]
    pub(crate) fn tell(&self, error: Error) -> Error {
        self.tell_about(error, self.peer.as_ref())
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn tell_about(&self, error: Error, peer: Option<&P::Addr>) -> Error {
        if error.would_block() {
            return error;
        }
        let local = socket::quiet_local(&self.fd).filter(Storage::is_bound).and_then(|s| P::Addr::decode(&s));
        let name = P::name(peer.or(local.as_ref()));
        error.at(name, local.map(Into::into), peer.cloned().map(Into::into))
    }
}

impl<P: Protocol> Socket<P, Connecting> {
    /// Waits until the connection stands, up to the deadline.
    fn wait_connected(mut self, deadline: Option<Instant>) -> Result<Socket<P, Connected>> {
        loop {
            let timeout = deadline.map_or(-1, |d| milliseconds(d.saturating_duration_since(Instant::now())));
            self.writable(timeout)?;
            self = match self.finish_connect()? {
                Progress::Connected(socket) => return Ok(socket),
                Progress::Pending(socket) => socket,
            };
            if deadline.is_some_and(|d| Instant::now() >= d) {
                return Err(self.tell(Error::bad(Call::Connect, Bad::Deadline)));
            }
        }
    }
}

/// For poll(2): rounded up, so that a wait never ends before its time.
pub(crate) fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
}

/// Where to connect to: an empty host or port 0 leads nowhere.
fn destination<P: Protocol>(to: &P::Addr) -> Result<Storage> {
    let refuse = |e: Error| e.at(P::name(Some(to)), None, Some(to.clone().into()));
    if let Endpoint::Inet(address) = to.clone().into() {
        if address.ip().to_canonical().is_unspecified() {
            return Err(refuse(Error::bad(Call::Connect, Bad::EmptyHost)));
        }
        if address.port() == 0 && P::PORTS {
            return Err(refuse(Error::bad(Call::Connect, Bad::PortZero)));
        }
    }
    to.encode().map_err(|e| refuse(e.during(Call::Connect)))
}

macro_rules! pairs {
    ($($protocol:ident)*) => {$(
        impl Socket<$protocol, Connected> {
            /// socketpair(2): two sockets that are each other's peer.
            ///
            /// # Errors
            /// `EMFILE` at the limit of descriptors.
            pub fn pair() -> Result<(Self, Self)> {
                let triple = <$protocol as crate::protocol::sealed::Sealed>::triple(());
                let (a, b) = socket::socketpair(triple)?;
                let unnamed = Some(crate::UnixAddr::Unnamed);
                Ok((Socket::of(a, unnamed.clone()), Socket::of(b, unnamed)))
            }
        }
    )*};
}
pairs! { UnixStream UnixPacket UnixDatagram }

impl<P: Protocol, R: Role> AsFd for Socket<P, R> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl<P: Protocol, R: Role> AsRawFd for Socket<P, R> {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

impl<P: Protocol, R: Role> From<Socket<P, R>> for OwnedFd {
    fn from(socket: Socket<P, R>) -> OwnedFd {
        socket.fd.into_owned()
    }
}

impl<P: Protocol, R: Role> fmt::Debug for Socket<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = std::any::type_name::<R>().rsplit("::").next().unwrap_or_default();
        let mut out = f.debug_struct("Socket");
        out.field("fd", &self.fd.raw()).field("protocol", &P::name(self.peer.as_ref())).field("role", &role);
        if let Some(peer) = &self.peer {
            out.field("peer", &format_args!("{peer}"));
        }
        out.finish()
    }
}
