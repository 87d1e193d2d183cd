//! Connecting to the first of several addresses that answers.

mod backoff;
mod race;

pub use backoff::Backoff;
pub use race::{ATTEMPT_DELAY, Action, GaveUp, Race, interleave};

use crate::address::{Endpoint, UnixAddr};
use crate::error::{Bad, Call, Cause, Error, Result};
use crate::protocol::{
    AnyDatagram, AnyStream, Family, Ip, Protocol, Tcp, Udp, UnixDatagram, UnixPacket, UnixStream, sealed::Sealed,
};
use crate::role::{Connected, Connecting, Unbound};
use crate::socket::{Progress, Socket, milliseconds};
use crate::sys::socket;
use std::fmt::Write;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

/// A protocol whose sockets an address alone tells how to make.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be dialled",
    label = "an address does not tell how to make its socket",
    note = "make the socket with `Socket::new(…)`, then `connect`"
)]
pub trait Dials: Protocol {
    /// What [`Socket::new`] takes for a socket that is to reach the address.
    fn family_of(address: &Self::Addr) -> Self::Family;
}

/// How to [`dial`].
pub struct DialOptions<'a, P: Protocol> {
    /// The time limit for all attempts together. None by default: then the system's own limits hold (TCP: some 130 s).
    pub within: Option<Duration>,
    /// How long an attempt runs alone: [`ATTEMPT_DELAY`] by default, held between 10 ms and 2 s.
    pub delay: Duration,
    /// The addresses to come from: an attempt takes the first one of its family. None by default: then the system chooses. Where
    /// there are some, but none of an attempt's family, it fails with [`Bad::Family`]. A port other than 0 can be held by one attempt
    /// alone, unless `before` sets SO_REUSEADDR.
    pub sources: &'a [P::Addr],
    /// Is called with each new socket, before it is bound and connected: to set options. An error fails that attempt.
    pub before: Option<Before<'a, P>>,
    /// Whether the socket stays non-blocking. By default it is made blocking.
    pub nonblocking: bool,
}

/// What [`DialOptions::before`] is.
pub type Before<'a, P> = &'a dyn Fn(&Socket<P, Unbound>) -> Result<()>;

/// One thing that happened to one attempt of a [`dial`].
#[derive(Debug)]
pub struct Attempt<'a, A> {
    /// Where it goes.
    pub address: &'a A,
    /// What happened.
    pub outcome: Outcome<'a>,
    /// When, from the start of the dial on.
    pub after: Duration,
}

/// What happened to an attempt. Each one that starts has exactly one other outcome afterwards.
#[derive(Debug)]
pub enum Outcome<'a> {
    /// It started.
    Started,
    /// It stands, and is what [`dial`] gives back.
    Connected,
    /// It failed; [`Bad::Deadline`] where the time limit struck.
    Failed(&'a Error),
    /// Another one was faster; it was closed.
    Overtaken,
}

/// Connects to the first of the addresses that answers, by racing attempts (RFC 8305): the families take turns
/// ([`interleave`]), an attempt that failed starts the next at once, and one that is slow is joined by the next. The losers
/// are closed. `observe` is told of each attempt.
///
/// ```
/// use puerta::{DialOptions, Ip, Socket, Tcp, dial};
///
/// # fn main() -> Result<(), puerta::Error> {
/// let listener = Socket::<Tcp>::new(Ip::V4)?.bind(&"127.0.0.1:0".parse().unwrap())?.listen(1)?;
/// let socket = dial::<Tcp>(&[listener.local_addr()?], &DialOptions::default(), &mut |attempt| {
///     eprintln!("{}: {:?} after {:?}", attempt.address, attempt.outcome, attempt.after);
/// })?;
/// assert_eq!(socket.peer(), Some(&listener.local_addr()?));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Where all attempts failed, the error that tells most (a refusal rather than a missing route), with the others as
/// [`Error::others`] and in its hint. [`Bad::Deadline`] where the time limit struck, [`Bad::NoAddress`] without an address.
pub fn dial<P: Dials>(
    addresses: &[P::Addr],
    options: &DialOptions<'_, P>,
    observe: &mut dyn FnMut(&Attempt<'_, P::Addr>),
) -> Result<Socket<P, Connected>> {
    let start = Instant::now();
    // A limit that is past counting is none.
    let deadline = options.within.and_then(|within| start.checked_add(within));
    let addresses = interleave(addresses);
    let mut race = Race::new(addresses.len(), options.delay, deadline);
    let mut tell = |address: &P::Addr, outcome: Outcome<'_>| {
        observe(&Attempt { address, outcome, after: start.elapsed() });
    };
    let mut pending: Vec<Running<P>> = Vec::new();
    let mut standing = None;
    loop {
        let mut ended: Vec<(usize, Result<Socket<P, Connected>>)> = Vec::new();
        match race.act(Instant::now()) {
            Action::Start(number) => {
                let Some(address) = addresses.get(number) else { continue };
                tell(address, Outcome::Started);
                match begin(address, options) {
                    Ok(Progress::Connected(socket)) => ended.push((number, Ok(socket))),
                    Ok(Progress::Pending(socket)) => pending.push(Running { number, socket }),
                    Err(error) => ended.push((number, Err(error))),
                }
            }
            Action::WaitUntil(until) => (pending, ended) = wait(pending, until)?,
            Action::Done(_) => break,
            Action::GiveUp(lost) => return Err(surrender::<P>(&addresses, lost, &mut tell)),
        }
        for (number, result) in ended {
            let Some(address) = addresses.get(number) else { continue };
            match result.and_then(|socket| another(socket, options)) {
                Ok(socket) if standing.is_none() => {
                    race.connected(number);
                    tell(address, Outcome::Connected);
                    standing = Some(socket);
                }
                Ok(socket) => {
                    drop(socket);
                    tell(address, Outcome::Overtaken);
                }
                Err(error) => {
                    tell(address, Outcome::Failed(&error));
                    race.failed(number, error);
                }
            }
        }
    }
    for loser in pending {
        drop(loser.socket);
        if let Some(address) = addresses.get(loser.number) {
            tell(address, Outcome::Overtaken);
        }
    }
    let socket = standing.ok_or_else(|| Error::bad(Call::Connect, Bad::NoAddress))?;
    if !options.nonblocking {
        socket.set_nonblocking(false)?;
    }
    Ok(socket)
}

struct Running<P: Protocol> {
    number: usize,
    socket: Socket<P, Connecting>,
}

fn begin<P: Dials>(address: &P::Addr, options: &DialOptions<'_, P>) -> Result<Progress<P>> {
    let socket = Socket::<P>::new(P::family_of(address)).map_err(|e| going_to::<P>(e, address))?;
    if let Some(before) = options.before {
        before(&socket).map_err(|e| going_to::<P>(e, address))?;
    }
    let Some(first) = options.sources.first() else { return socket.start_connect(address) };
    let family = Family::of(&address.clone().into());
    match options.sources.iter().find(|source| Family::of(&P::Addr::clone(source).into()) == family) {
        Some(source) => socket.bind(source)?.start_connect(address),
        None => {
            let hint = format!("the source address {first} is of another family");
            Err(going_to::<P>(Error::bad(Call::Bind, Bad::Family).hinted(hint), address))
        }
    }
}

/// TCP to a free port of this machine can meet itself (RFC 9293 section 3.5, simultaneous open) when the kernel chooses that very
/// port as the source: nobody listens there.
fn another<P: Protocol>(socket: Socket<P, Connected>, options: &DialOptions<'_, P>) -> Result<Socket<P, Connected>> {
    let Some(peer) = socket.peer().cloned() else { return Ok(socket) };
    let is_tcp = P::name(Some(&peer)) == Tcp::name(None);
    if !options.sources.is_empty() || !is_tcp || socket.own_address() != Some(peer.clone().into()) {
        return Ok(socket);
    }
    let hint = "nothing listens there: the connection met itself";
    Err(going_to::<P>(Error::bare(Call::Connect, libc::ECONNREFUSED).hinted(hint), &peer))
}

fn going_to<P: Protocol>(error: Error, address: &P::Addr) -> Error {
    error.at(P::name(Some(address)), None, Some(address.clone().into()))
}

type Ended<P> = Vec<(usize, Result<Socket<P, Connected>>)>;

/// Waits until an attempt ends, or up to the time; gives those that still run, and those that ended.
fn wait<P: Protocol>(pending: Vec<Running<P>>, until: Option<Instant>) -> Result<(Vec<Running<P>>, Ended<P>)> {
    let fd = |running: &Running<P>| libc::pollfd { fd: running.socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    let mut fds: Vec<libc::pollfd> = pending.iter().map(fd).collect();
    let timeout = until.map_or(-1, |until| milliseconds(until.saturating_duration_since(Instant::now())));
    match socket::poll(&mut fds, timeout) {
        Err(e) if e.errno() == Some(libc::EINTR) => return Ok((pending, Vec::new())),
        done => done?,
    };
    let (mut still, mut ended) = (Vec::new(), Vec::new());
    for (running, fd) in pending.into_iter().zip(fds) {
        let number = running.number;
        if fd.revents == 0 {
            still.push(running);
            continue;
        }
        match running.socket.finish_connect() {
            Ok(Progress::Pending(socket)) => still.push(Running { number, socket }),
            Ok(Progress::Connected(socket)) => ended.push((number, Ok(socket))),
            Err(error) => ended.push((number, Err(error))),
        }
    }
    Ok((still, ended))
}

/// The one error of a race that was lost.
fn surrender<P: Protocol>(
    addresses: &[P::Addr],
    lost: GaveUp<Error>,
    tell: &mut dyn FnMut(&P::Addr, Outcome<'_>),
) -> Error {
    let late = |address: &P::Addr| going_to::<P>(Error::bad(Call::Connect, Bad::Deadline), address);
    let mut errors: Vec<Error> = Vec::new();
    for address in lost.pending.iter().filter_map(|number| addresses.get(*number)) {
        let error = late(address);
        tell(address, Outcome::Failed(&error));
        errors.push(error);
    }
    if lost.late && errors.is_empty() {
        // Nothing was under way: the time was over before an attempt could start.
        errors.extend(addresses.get(lost.failed.len()).or(addresses.first()).map(late));
    }
    errors.extend(lost.failed.into_iter().map(|(_, error)| error));
    most_telling(errors).unwrap_or_else(|| Error::bad(Call::Connect, Bad::NoAddress).hinted("no address was given"))
}

/// How many of the other attempts a hint names.
const NAMED: usize = 3;

fn most_telling(mut errors: Vec<Error>) -> Option<Error> {
    // Of equals the first: it is the address that the system prefers.
    let best = (0..errors.len()).min_by_key(|&number| errors.get(number).map(rank))?;
    let error = errors.remove(best);
    if errors.is_empty() {
        return Some(error);
    }
    let mut hint = error.hint().map(|hint| format!("{hint}; ")).unwrap_or_default();
    hint.push_str("also tried: ");
    for (i, other) in errors.iter().take(NAMED).enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        let _ = match other.peer() {
            Some(peer) => write!(hint, "{comma}{peer} ({})", other.reason()),
            None => write!(hint, "{comma}{other}"),
        };
    }
    if errors.len() > NAMED {
        let _ = write!(hint, " and {} more", errors.len() - NAMED);
    }
    Some(error.hinted(hint).beside(errors))
}

/// The lower, the more it tells: what ended all, then an answer of the host, then trouble of our own, then of the way.
fn rank(error: &Error) -> u8 {
    match error.cause() {
        Cause::Bad(Bad::Deadline) => 0,
        Cause::Os(libc::ECONNREFUSED) => 1,
        Cause::Os(libc::ECONNRESET | libc::ECONNABORTED | libc::EAGAIN) => 2,
        Cause::Os(libc::ETIMEDOUT) => 4,
        Cause::Os(libc::EHOSTUNREACH) => 5,
        Cause::Os(libc::ENETUNREACH | libc::ENETDOWN) => 6,
        Cause::Os(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT) => 7,
        Cause::Bad(Bad::Family) => 8,
        _ => 3,
    }
}

impl<P: Protocol> Default for DialOptions<'_, P> {
    fn default() -> Self {
        DialOptions { within: None, delay: ATTEMPT_DELAY, sources: &[], before: None, nonblocking: false }
    }
}

impl<P: Protocol> Copy for DialOptions<'_, P> {}

impl<P: Protocol> Clone for DialOptions<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Protocol> std::fmt::Debug for DialOptions<'_, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DialOptions")
            .field("within", &self.within)
            .field("delay", &self.delay)
            .field("sources", &self.sources)
            .field("before", &self.before.is_some())
            .field("nonblocking", &self.nonblocking)
            .finish()
    }
}

macro_rules! dials {
    ($($protocol:ident $addr:ty, |$address:ident| $family:expr;)*) => {$(
        impl Dials for $protocol {
            fn family_of($address: &$addr) -> <$protocol as Sealed>::Made {
                $family
            }
        }
    )*};
}

dials! {
    Tcp SocketAddr, |address| Ip::of(address);
    Udp SocketAddr, |address| Ip::of(address);
    AnyStream Endpoint, |address| Family::of(address);
    AnyDatagram Endpoint, |address| Family::of(address);
    UnixStream UnixAddr, |_address| ();
    UnixPacket UnixAddr, |_address| ();
    UnixDatagram UnixAddr, |_address| ();
}
