//! Opens what an endpoint names: resolves, makes sockets, sets options, binds, connects or listens.

use crate::background;
use crate::claim::Claim;
use crate::event::{Event, Report};
use crate::plan;
use crate::problem::Problem;
use puerta::opt::{self, Setting};
use puerta::{
    Address, AnyDatagram, AnyStream, Backoff, Bad, Bound, Cause, Connected, DialOptions, Endpoint, Family, Host, Ip,
    Listening, Outcome, Result, Socket, Target, Transport, Unbound, UnixAddr, UnixPacket, Use, dial, errno,
};
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The time limit for connecting, names and retries included: 30 s.
pub const WITHIN: Duration = Duration::from_secs(30);

/// How often the kernel is asked for another port where the one that it chose is taken at another address of the name.
const CHOICES: usize = 15;

/// What to connect to, and how.
#[derive(Debug, Clone)]
pub struct ConnectRequest {
    /// Where to.
    pub address: Address,
    /// Options for the socket, set before it is bound.
    pub settings: Vec<Setting>,
    /// One family alone.
    pub family: Option<Ip>,
    /// The time limit; by default [`WITHIN`], which with `retry` is for each try.
    pub within: Option<Duration>,
    /// How many tries; one by default.
    pub retry: Option<u32>,
    /// Our own address.
    pub source: Option<Address>,
}

/// A connected socket. What is claimed is given up when it is dropped.
#[derive(Debug)]
pub enum Connection {
    /// TCP or a Unix stream.
    Stream(Socket<AnyStream, Connected>),
    /// Unix packets.
    Packet(Socket<UnixPacket, Connected>),
    /// UDP or Unix datagrams, and where else the name leads to.
    Datagram(Socket<AnyDatagram, Connected>, Option<Claim>, Others),
}

/// The further addresses of a name. Whether somebody takes datagrams at the first shows when some were sent.
#[derive(Debug, Default)]
pub struct Others {
    addresses: VecDeque<Endpoint>,
    settings: Vec<Setting>,
    sources: Vec<Endpoint>,
}

impl Others {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// A socket for the first of them that there is a route to; `None`: there are no more.
    ///
    /// # Errors
    /// Why there is no socket for any.
    pub fn next(&mut self, report: &dyn Report) -> Result<Option<Socket<AnyDatagram, Connected>>, Problem> {
        let mut first = None;
        while let Some(to) = self.addresses.pop_front() {
            match self.open(&to) {
                Ok(socket) => return Ok(Some(socket)),
                Err(error) => {
                    report.event(&Event::Attempt { address: &to, error: &error });
                    first.get_or_insert(error);
                }
            }
        }
        first.map_or(Ok(None), |error| Err(error.into()))
    }

    fn open(&self, to: &Endpoint) -> Result<Socket<AnyDatagram, Connected>> {
        let socket = Socket::<AnyDatagram>::new(Family::of(to))?;
        apply(&socket, &self.settings)?;
        match self.sources.iter().find(|source| Family::of(source) == Family::of(to)) {
            Some(source) => socket.bind(source)?.connect(to),
            None => socket.connect(to),
        }
    }
}

/// What to listen on, and how.
#[derive(Debug, Clone)]
pub struct ListenRequest {
    /// Where.
    pub address: Address,
    /// Options for the sockets, set before they are bound.
    pub settings: Vec<Setting>,
    /// One family alone.
    pub family: Option<Ip>,
    /// How many clients may wait; by default what the system allows (net.core.somaxconn).
    pub backlog: Option<u32>,
}

/// Sockets that take connections or datagrams.
#[derive(Debug, Default)]
pub struct Opened {
    /// TCP or Unix streams.
    pub streams: Vec<Socket<AnyStream, Listening>>,
    /// Unix packets.
    pub packets: Vec<Socket<UnixPacket, Listening>>,
    /// UDP or Unix datagrams.
    pub datagrams: Vec<Socket<AnyDatagram, Bound>>,
    /// The path of a Unix socket.
    pub claim: Option<Claim>,
}

/// Connects, with retries, in a thread of its own, so that a name server or a silent host never stops the runtime.
///
/// # Errors
/// Why the last try failed, or [`Problem::Deadline`].
pub async fn connect(request: ConnectRequest, report: Arc<dyn Report>) -> Result<Connection, Problem> {
    let whole = match (request.within, request.retry) {
        (within @ Some(_), _) => within,
        (None, Some(_)) => None,
        (None, None) => Some(WITHIN),
    };
    let each = request.within.unwrap_or(WITHIN);
    let target = request.address.to_string();
    let resolved = Arc::new(AtomicBool::new(false));
    let attempts = try_and_retry(Arc::new(request), each, report, resolved.clone());
    let done = match whole {
        None => attempts.await,
        Some(within) => tokio::time::timeout(within, attempts).await.unwrap_or_else(|_| {
            let doing = if resolved.load(Ordering::Relaxed) { "connect" } else { "resolve" };
            Err(Problem::Deadline { doing, target: target.clone(), within })
        }),
    };
    // The last try has the same limit, and may notice first.
    done.map_err(|problem| match problem {
        Problem::Socket(error) if error.cause() == Cause::Bad(Bad::Deadline) => {
            Problem::Deadline { doing: "connect", target, within: each }
        }
        other => other,
    })
}

async fn try_and_retry(
    request: Arc<ConnectRequest>,
    each: Duration,
    report: Arc<dyn Report>,
    resolved: Arc<AtomicBool>,
) -> Result<Connection, Problem> {
    let mut pauses = request.retry.map(|tries| Backoff::new(tries, Duration::from_secs(1), Duration::from_secs(30)));
    loop {
        let (request, reporter, resolved) = (request.clone(), report.clone(), resolved.clone());
        let once = move || connect_once(&request, each, &*reporter, &resolved);
        let problem = match background::run(once).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(problem)) => problem,
            Err(error) => Problem::System(error),
        };
        match pauses.as_mut().and_then(Iterator::next) {
            Some(after) if matches!(problem.status(), 4 | 6) => {
                report.event(&Event::Retrying { problem: &problem, after });
                tokio::time::sleep(after).await;
            }
            _ => return Err(problem),
        }
    }
}

/// One try, blocking.
///
/// # Errors
/// Why it failed.
pub fn connect_once(
    request: &ConnectRequest,
    within: Duration,
    report: &dyn Report,
    resolved: &AtomicBool,
) -> Result<Connection, Problem> {
    let start = Instant::now();
    let addresses = request.address.resolve(request.family, Use::Connect)?;
    resolved.store(true, Ordering::Relaxed);
    if matches!(&request.address.target, Target::Inet { host: Host::Name(_), .. }) {
        report.event(&Event::Resolved { name: &request.address.to_string(), addresses: &addresses });
    }
    let left = within.saturating_sub(start.elapsed());
    match request.address.transport {
        Transport::Tcp => race(request, &addresses, left, report).map(Connection::Stream),
        Transport::Udp => datagrams(request, &addresses, report),
        Transport::Unix => unix_stream(request, &addresses, left).map(Connection::Stream),
        Transport::UnixPacket => unix_packet(request, &addresses, left).map(Connection::Packet),
        Transport::UnixDatagram => unix_datagram(request, &addresses),
        other => Err(unknown(other)),
    }
}

fn unknown(transport: Transport) -> Problem {
    Problem::Usage {
        what: format!("{} cannot be opened here", transport.name()),
        hint: "use tcp, udp or unix".to_owned(),
    }
}

fn race(
    request: &ConnectRequest,
    addresses: &[Endpoint],
    left: Duration,
    report: &dyn Report,
) -> Result<Socket<AnyStream, Connected>, Problem> {
    let (sources, fit) = from_sources(request, addresses)?;
    let fixed_port = sources.iter().filter_map(Endpoint::inet).any(|source| source.port() != 0);
    let before = |socket: &Socket<AnyStream, Unbound>| {
        if fixed_port {
            socket.set(opt::ReuseAddress, true)?;
        }
        apply(socket, &request.settings)
    };
    let options =
        DialOptions { within: Some(left), sources: &sources, before: Some(&before), ..DialOptions::default() };
    Ok(dial::<AnyStream>(&fit, &options, &mut |attempt| {
        if let Outcome::Failed(error) = attempt.outcome {
            report.event(&Event::Attempt { address: attempt.address, error });
        }
    })?)
}

/// The addresses to come from, where that was asked for, one for each family; and the peer's addresses of these families.
fn from_sources(request: &ConnectRequest, addresses: &[Endpoint]) -> Result<(Vec<Endpoint>, Vec<Endpoint>), Problem> {
    let Some(source) = &request.source else { return Ok((Vec::new(), addresses.to_vec())) };
    let (sources, fit) = paired(&source.resolve(None, Use::Bind)?, addresses);
    if sources.is_empty() {
        return Err(Problem::Usage {
            what: format!("{source} is no address of the peer's family"),
            hint: "give --source an address of the family (IPv4, IPv6, Unix) that you connect to".to_owned(),
        });
    }
    Ok((sources, fit))
}

/// Of what was found to come from the first of each family that the peer has, and the peer's addresses that can be reached so.
fn paired(found: &[Endpoint], addresses: &[Endpoint]) -> (Vec<Endpoint>, Vec<Endpoint>) {
    let mut sources: Vec<Endpoint> = Vec::new();
    let of = |all: &[Endpoint], one: &Endpoint| all.iter().any(|a| Family::of(a) == Family::of(one));
    for candidate in found {
        if of(addresses, candidate) && !of(&sources, candidate) {
            sources.push(candidate.clone());
        }
    }
    let fit = addresses.iter().filter(|address| of(&sources, address)).cloned().collect();
    (sources, fit)
}

fn apply<P: puerta::Protocol>(socket: &Socket<P, Unbound>, settings: &[Setting]) -> Result<()> {
    settings.iter().try_for_each(|setting| socket.apply(setting))
}

fn no_source(request: &ConnectRequest) -> Result<(), Problem> {
    match &request.source {
        None => Ok(()),
        Some(source) => Err(Problem::Usage {
            what: format!("--source {source} makes no sense here: the peer of a Unix stream does not see it"),
            hint: "leave it out, or use unix-dgram:".to_owned(),
        }),
    }
}

/// A Unix listener whose backlog is full lets us wait in connect(2), for as long as SO_SNDTIMEO says.
fn unix_stream(
    request: &ConnectRequest,
    addresses: &[Endpoint],
    left: Duration,
) -> Result<Socket<AnyStream, Connected>, Problem> {
    no_source(request)?;
    let to = first(addresses)?;
    let socket = Socket::<AnyStream>::new(Family::Unix)?;
    apply(&socket, &request.settings)?;
    Ok(socket.connect_timeout(&to, left)?)
}

fn unix_packet(
    request: &ConnectRequest,
    addresses: &[Endpoint],
    left: Duration,
) -> Result<Socket<UnixPacket, Connected>, Problem> {
    no_source(request)?;
    let to = unix(&first(addresses)?);
    let socket = Socket::<UnixPacket>::new(())?;
    apply(&socket, &request.settings)?;
    Ok(socket.connect_timeout(&to, left)?)
}

/// Bound to a name of its own, so that the peer can answer: the source, or an abstract name that the kernel chooses.
fn unix_datagram(request: &ConnectRequest, addresses: &[Endpoint]) -> Result<Connection, Problem> {
    let to = first(addresses)?;
    let at = match &request.source {
        None => UnixAddr::Unnamed,
        Some(Address { target: Target::Unix(at), .. }) => at.clone(),
        Some(other) => {
            return Err(Problem::Usage {
                what: format!("--source {other} is no Unix address"),
                hint: "give --source a path".to_owned(),
            });
        }
    };
    let mut claim = at.as_path().map(Claim::take).transpose()?;
    let socket = Socket::<AnyDatagram>::new(Family::Unix)?;
    apply(&socket, &request.settings)?;
    let socket = socket.bind(&Endpoint::Unix(at))?;
    claim.as_mut().map(Claim::bound).transpose()?;
    Ok(Connection::Datagram(socket.connect(&to)?, claim, Others::default()))
}

/// UDP: the first address that there is a route to. Whether somebody listens shows later.
fn datagrams(request: &ConnectRequest, addresses: &[Endpoint], report: &dyn Report) -> Result<Connection, Problem> {
    let (sources, fit) = from_sources(request, addresses)?;
    let settings = plan::connecting(Transport::Udp, &request.settings);
    let mut others = Others { addresses: fit.into(), settings, sources };
    match others.next(report)? {
        Some(socket) => Ok(Connection::Datagram(socket, None, others)),
        None => Err(Problem::Usage { what: "no address".to_owned(), hint: "name a host".to_owned() }),
    }
}

fn first(addresses: &[Endpoint]) -> Result<Endpoint, Problem> {
    addresses
        .first()
        .cloned()
        .ok_or_else(|| Problem::Usage { what: "no address".to_owned(), hint: "name a path".to_owned() })
}

fn unix(endpoint: &Endpoint) -> UnixAddr {
    endpoint.unix().cloned().unwrap_or(UnixAddr::Unnamed)
}

/// Opens sockets that listen, or that take datagrams. Blocks while a name is resolved.
///
/// # Errors
/// Why not; nothing is left open then.
pub fn listen(request: &ListenRequest, report: &dyn Report) -> Result<Opened, Problem> {
    match &request.address.target {
        Target::Unix(address) => listen_unix(request, address, report),
        Target::Inet { host, .. } => listen_inet(request, host, report),
    }
}

fn listen_unix(request: &ListenRequest, at: &UnixAddr, report: &dyn Report) -> Result<Opened, Problem> {
    let claim = at.as_path().map(Claim::take).transpose()?;
    if let (Some(path), true) = (at.as_path(), claim.as_ref().is_some_and(Claim::took_over)) {
        report.event(&Event::TookOver(&path.to_string_lossy()));
    }
    let backlog = request.backlog.unwrap_or(plan::BACKLOG);
    let mut opened = Opened { claim, ..Opened::default() };
    let endpoint = Endpoint::Unix(at.clone());
    match request.address.transport {
        Transport::UnixPacket => {
            let socket = Socket::<UnixPacket>::new(())?;
            apply(&socket, &request.settings)?;
            let socket = socket.bind(at)?;
            opened.own()?;
            opened.packets.push(socket.listen(backlog)?);
        }
        Transport::UnixDatagram => {
            let socket = Socket::<AnyDatagram>::new(Family::Unix)?;
            apply(&socket, &request.settings)?;
            opened.datagrams.push(socket.bind(&endpoint)?);
            opened.own()?;
        }
        _ => {
            let socket = Socket::<AnyStream>::new(Family::Unix)?;
            apply(&socket, &request.settings)?;
            let socket = socket.bind(&endpoint)?;
            opened.own()?;
            opened.streams.push(socket.listen(backlog)?);
        }
    }
    Ok(opened)
}

impl Opened {
    /// The path is bound: from now on it is unlinked, whatever happens.
    fn own(&mut self) -> Result<(), Problem> {
        self.claim.as_mut().map_or(Ok(()), Claim::bound)
    }
}

fn listen_inet(request: &ListenRequest, host: &Host, report: &dyn Report) -> Result<Opened, Problem> {
    let found = request.address.resolve(request.family, Use::Bind)?;
    let addresses = plan::to_bind(host, found.iter().filter_map(Endpoint::inet).collect());
    // One dual-stack socket serves both families; a second one for IPv4 is only for a machine without IPv6.
    let dual = *host == Host::Any && request.family.is_none();
    let (mut opened, without_v6) = open_all(request, &addresses)?;
    if let Some(error) = without_v6 {
        if dual {
            let asked = request.address.resolve(Some(Ip::V4), Use::Bind)?;
            let at = asked.iter().find_map(Endpoint::inet).unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into());
            open_inet(request, at, &mut opened)?;
        }
        if opened.streams.is_empty() && opened.datagrams.is_empty() {
            return Err(error.into());
        }
        report.event(&Event::Ipv6Off);
    }
    Ok(opened)
}

/// All of the addresses, and why there is no IPv6 where that is so. The port that the kernel chooses for the first may be taken at the
/// next; then it chooses another, while what it chose before is held.
fn open_all(request: &ListenRequest, addresses: &[SocketAddr]) -> Result<(Opened, Option<puerta::Error>)> {
    let mut held = Vec::new();
    loop {
        let (mut opened, mut without_v6, mut port) = (Opened::default(), None, 0);
        let mut failed = None;
        for &address in addresses {
            let chosen = address.port() == 0 && port != 0;
            let address = if chosen { SocketAddr::new(address.ip(), port) } else { address };
            match open_inet(request, address, &mut opened) {
                Ok(chosen) => port = chosen,
                Err(error) if address.is_ipv6() && no_ipv6(&error) => without_v6 = Some(error),
                Err(error) => {
                    failed = Some((error, chosen));
                    break;
                }
            }
        }
        match failed {
            None => return Ok((opened, without_v6)),
            Some((error, true)) if error.errno() == Some(errno::EADDRINUSE) && held.len() < CHOICES => {
                held.push(opened);
            }
            Some((error, _)) => return Err(error),
        }
    }
}

/// The family is switched off: no such sockets, or no such addresses.
fn no_ipv6(error: &puerta::Error) -> bool {
    matches!(error.errno(), Some(errno::EAFNOSUPPORT | errno::EADDRNOTAVAIL))
}

fn open_inet(request: &ListenRequest, at: SocketAddr, opened: &mut Opened) -> Result<u16> {
    let endpoint = Endpoint::Inet(at);
    let family = Family::of(&endpoint);
    let transport = request.address.transport;
    let settings = plan::listening(transport, at, request.family, &request.settings);
    let local = if transport == Transport::Udp {
        let socket = Socket::<AnyDatagram>::new(family)?;
        apply(&socket, &settings)?;
        let socket = socket.bind(&endpoint)?;
        let local = socket.local_addr()?;
        opened.datagrams.push(socket);
        local
    } else {
        let socket = Socket::<AnyStream>::new(family)?;
        apply(&socket, &settings)?;
        let socket = socket.bind(&endpoint)?.listen(request.backlog.unwrap_or(plan::BACKLOG))?;
        let local = socket.local_addr()?;
        opened.streams.push(socket);
        local
    };
    Ok(local.inet().map_or(0, |a| a.port()))
}
