//! What an endpoint leads to: the system calls in their order, each with the reason. Pure: nothing is looked up or opened.
//!
//! [`open`](crate::open) takes from here what it does by default, so that the two cannot drift apart.

use crate::endpoint::Endpoint;
use puerta::opt::{self, Setting};
use puerta::{Family, Host, Ip, Service, Target, Transport, UnixAddr};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;

/// Which of the two commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// `puerta connect`
    Connect,
    /// `puerta listen`
    Listen,
}

/// One system call that will be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name in the trace.
    pub call: &'static str,
    /// Its arguments as the trace shows them. The descriptors are `fd` and `client`; what only the system knows has a name in
    /// capitals, such as `ADDRESS`.
    pub args: Vec<String>,
    /// What it returns, where a later call takes that.
    pub gives: Option<&'static str>,
    /// Why, in a sentence.
    pub why: String,
}

/// The calls of a command, in their order.
///
/// Left out is what only helps them: fcntl (non-blocking mode), poll and epoll (waiting), getsockopt and getsockname
/// (asking), and the calls that move the bytes.
///
/// ```
/// use puerta_relay::plan::{Role, plan};
///
/// let steps = plan(&"udp:10.0.0.5:53".parse()?, Role::Connect, None);
/// let calls: Vec<String> = steps.iter().map(ToString::to_string).collect();
/// assert_eq!(calls[0], "socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, IPPROTO_UDP) = fd");
/// assert_eq!(calls[1], "setsockopt(fd, IPPROTO_IP, IP_RECVERR, 1)");
/// assert_eq!(calls[2], "connect(fd, {AF_INET, 10.0.0.5:53}, 16)");
/// # Ok::<(), puerta::ParseError>(())
/// ```
pub fn plan(endpoint: &Endpoint, role: Role, family: Option<Ip>) -> Vec<Step> {
    let mut plan = Planner { endpoint, family, transport: endpoint.address.transport, steps: Vec::new() };
    let place = match &endpoint.address.target {
        Target::Unix(at) => Place::unix(at),
        Target::Inet { host, service } => plan.find(host, service),
    };
    match role {
        Role::Connect => plan.connect(&place),
        Role::Listen => plan.listen(&place),
    }
    plan.steps
}

/// Whether connect can take it: an address without host or port is only for listening.
pub fn connects(endpoint: &Endpoint) -> bool {
    let Target::Inet { host, service } = &endpoint.address.target else { return true };
    let somewhere = match host {
        Host::Any => false,
        Host::V4(ip) => !ip.is_unspecified(),
        Host::V6 { ip, .. } => !ip.is_unspecified(),
        Host::Name(_) => true,
    };
    somewhere && *service != Service::Port(0)
}

/// Of the addresses found, those that a listener binds: without a host, `[::]` takes both families on one socket.
pub(crate) fn to_bind(host: &Host, mut found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    if *host == Host::Any {
        found.truncate(1);
    }
    found
}

/// What a connecting socket is set to before it is connected, in this order: the user's options, and what the relay itself needs.
pub fn connecting(transport: Transport, user: &[Setting]) -> Vec<Setting> {
    let errors = (transport == Transport::Udp).then(|| Setting::of(opt::ReceiveErrors, true));
    user.iter().cloned().chain(errors).collect()
}

/// What a listening socket is set to before it is bound, in this order: our defaults, the user's options, which so prevail,
/// and what the relay itself needs.
pub fn listening(transport: Transport, at: SocketAddr, family: Option<Ip>, user: &[Setting]) -> Vec<Setting> {
    let datagrams = transport.is_datagram();
    let reuse = (!datagrams).then(|| Setting::of(opt::ReuseAddress, true));
    // `[::]` is dual stack, written out or not, unless an option or -6 says otherwise.
    let only = at.ip() != Ipv6Addr::UNSPECIFIED || family == Some(Ip::V6);
    let v6_only = at.is_ipv6().then(|| Setting::of(opt::V6Only, only));
    let packet_info = datagrams.then(|| Setting::of(opt::PacketInfo, true));
    reuse.into_iter().chain(v6_only).chain(user.iter().cloned()).chain(packet_info).collect()
}

/// Whether a listener on `[::]` takes IPv6 alone: by `-6`, or by its option, which prevails.
pub fn ipv6_alone(family: Option<Ip>, user: &[Setting]) -> bool {
    let option = user.iter().rfind(|setting| setting.named().name == "v6-only");
    option.map_or(family == Some(Ip::V6), |option| *option == Setting::of(opt::V6Only, true))
}

/// How many clients may wait, unless told otherwise: as many as the kernel allows, which cuts it down to net.core.somaxconn.
pub(crate) const BACKLOG: u32 = i32::MAX.unsigned_abs();

/// Where a socket goes, as far as it is known before anybody is asked.
struct Place {
    /// `None`: the resolver will tell.
    family: Option<Family>,
    inet: Option<SocketAddr>,
    /// `{AF_INET, 127.0.0.1:80}`
    address: String,
    length: String,
}

struct Planner<'a> {
    endpoint: &'a Endpoint,
    family: Option<Ip>,
    transport: Transport,
    steps: Vec<Step>,
}

impl Planner<'_> {
    fn step(&mut self, call: &'static str, args: &[&str], gives: Option<&'static str>, why: impl Into<String>) {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        self.steps.push(Step { call, args, gives, why: why.into() });
    }

    /// Host and port; what has to be looked up is.
    fn find(&mut self, host: &Host, service: &Service) -> Place {
        let family = match self.family {
            None => "AF_UNSPEC",
            Some(Ip::V4) => "AF_INET",
            Some(Ip::V6) => "AF_INET6",
        };
        let kind = if self.transport.is_datagram() { "SOCK_DGRAM" } else { "SOCK_STREAM" };
        let quoted = format!("\"{service}\"");
        if let Host::Name(name) = host {
            let hints = format!("{{{family}, {kind}}}");
            let why = "asks the system for the addresses of the name (/etc/hosts, then DNS), best first";
            self.step("getaddrinfo", &[&format!("\"{name}\""), &quoted, &hints, "[ADDRESS, …]"], None, why);
            return Place::named(self.family, service);
        }
        if let Service::Name(_) = service {
            let hints = format!("{{AI_PASSIVE, {family}, {kind}}}");
            let why = "looks the service up in /etc/services: its port";
            self.step("getaddrinfo", &["NULL", &quoted, &hints, "[ADDRESS, …]"], None, why);
        }
        let zone = match host {
            Host::V6 { zone: Some(zone), .. } => Some(zone.as_str()),
            _ => None,
        };
        if let Some(zone) = zone.filter(|zone| zone.parse::<u32>().is_err()) {
            let why = "the kernel knows interfaces by their number";
            self.step("if_nametoindex", &[&format!("\"{zone}\"")], Some("index"), why);
        }
        let port = if let Service::Port(port) = service { *port } else { 0 };
        let mut place = Place::inet(number(host, port, self.family));
        if let Service::Name(name) = service {
            place.address = place.address.replace(":0}", &format!(":{name}}}"));
        }
        if let (Some(zone), Host::V6 { ip, .. }) = (zone, host) {
            place.address = format!("{{AF_INET6, [{ip}%{zone}]:{service}}}");
        }
        place
    }

    fn socket(&mut self, place: &Place) {
        let (kind, protocol, what) = match self.transport {
            Transport::Udp => ("SOCK_DGRAM|SOCK_CLOEXEC", "IPPROTO_UDP", "a socket for UDP"),
            Transport::Unix => ("SOCK_STREAM|SOCK_CLOEXEC", "0", "a Unix socket for a stream"),
            Transport::UnixDatagram => ("SOCK_DGRAM|SOCK_CLOEXEC", "0", "a Unix socket for datagrams"),
            Transport::UnixPacket => {
                ("SOCK_SEQPACKET|SOCK_CLOEXEC", "0", "a Unix socket for packets over a connection")
            }
            _ => ("SOCK_STREAM|SOCK_CLOEXEC", "IPPROTO_TCP", "a socket for TCP"),
        };
        let family = match place.family {
            None => "AF_INET6 or AF_INET",
            Some(Family::V4) => "AF_INET",
            Some(Family::V6) => "AF_INET6",
            Some(Family::Unix) => "AF_UNIX",
        };
        let each = if place.family.is_none() { "; one for each address that is tried" } else { "" };
        let why = format!("{what}{each}. SOCK_CLOEXEC: programs that we start do not get it");
        self.step("socket", &[family, kind, protocol], Some("fd"), why);
    }

    fn settings(&mut self, place: &Place, settings: &[Setting]) {
        let user = &self.endpoint.options;
        for setting in settings {
            let name = setting.named().name;
            let why = if user.contains(setting) {
                format!("{setting}: {}", setting.named().summary)
            } else {
                match name {
                    "reuse-address" => {
                        "so that a listener can start again at once: old connections of its port linger for a minute"
                            .to_owned()
                    }
                    "v6-only" if *setting == Setting::of(opt::V6Only, false) => {
                        "one socket takes IPv6 and IPv4 (as ::ffff:1.2.3.4)".to_owned()
                    }
                    "v6-only" => "IPv6 alone, whatever the system's default is".to_owned(),
                    "packet-info" => {
                        "each datagram tells which of our addresses it was sent to: the answer comes from there"
                            .to_owned()
                    }
                    "receive-errors" => {
                        "ICMP may say that no way leads to the peer: without this the kernel tells only that its port is closed"
                            .to_owned()
                    }
                    _ => setting.named().summary.to_owned(),
                }
            };
            self.setting(place, setting, "fd", &why);
        }
    }

    fn setting(&mut self, place: &Place, setting: &Setting, fd: &str, why: &str) {
        let family = place.family.unwrap_or(Family::V6);
        let other = setting.calls(Family::V4);
        let mut calls = setting.calls(family);
        let differs = place.family.is_none() && calls != other;
        if differs {
            calls.truncate(1);
        }
        for (at, call) in calls.iter().enumerate() {
            let over_v4 = other.first().filter(|_| differs).map(|v4| format!(" (over IPv4: {v4})")).unwrap_or_default();
            let why = if at == 0 { format!("{why}{over_v4}") } else { "the same for its IPv4 packets".to_owned() };
            self.step("setsockopt", &[fd, &call.level, call.name, &call.value], None, why);
        }
    }

    fn connect(&mut self, place: &Place) {
        self.socket(place);
        self.settings(place, &connecting(self.transport, &self.endpoint.options));
        let waits = matches!(self.transport, Transport::Unix | Transport::UnixPacket);
        let limit = |time| opt::named("send-timeout").and_then(|named| named.parse(Some(time)).ok());
        if let (true, Some(limit)) = (waits, limit("30s")) {
            let why =
                "a Unix connect waits while the listener's backlog is full, and this is its time limit (--within)";
            self.setting(place, &limit, "fd", why);
        }
        if self.transport == Transport::UnixDatagram {
            let why = "a name of our own, which the kernel chooses: without one the peer could not answer";
            self.step("bind", &["fd", "{AF_UNIX, (unnamed)}", "2"], None, why);
        }
        let named = if place.family.is_none() { " The first address that answers wins" } else { "" };
        let why = match self.transport {
            Transport::Udp => {
                "names the one peer; nothing is sent, so that this says nothing about whether somebody listens"
                    .to_owned()
            }
            Transport::UnixDatagram => {
                "names the one peer; nothing is sent, but somebody must have bound that address".to_owned()
            }
            Transport::Tcp => format!(
                "the handshake (SYN, SYN+ACK, ACK). The socket is non-blocking, so the trace shows EINPROGRESS, and poll waits for at most 30 s (--within).{named}"
            ),
            _ => "the listener's backlog takes us; nobody has to accept for that".to_owned(),
        };
        self.step("connect", &["fd", &place.address, &place.length], None, why);
        let before = self.endpoint.options.iter().rfind(|setting| setting.named().name == "send-timeout").cloned();
        if let (true, Some(before)) = (waits, before.or_else(|| limit("none"))) {
            self.setting(place, &before, "fd", "as it was: the time limit is for connecting alone");
        }
        self.packets(place, "fd");
        self.end("fd");
    }

    fn listen(&mut self, place: &Place) {
        self.socket(place);
        let user = &self.endpoint.options;
        let settings = match (&self.endpoint.address.target, place.inet) {
            (Target::Unix(_), _) => user.clone(),
            (_, Some(at)) => listening(self.transport, at, self.family, user),
            // An address that is still to be found; over IPv4 there is no V6ONLY.
            (_, None) => {
                let v4 = self.family == Some(Ip::V4);
                let ip: IpAddr = if v4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
                listening(self.transport, (ip, 0).into(), self.family, user)
            }
        };
        self.settings(place, &settings);
        let why = self.binding(place);
        self.step("bind", &["fd", &place.address, &place.length], None, why);
        if self.transport.is_datagram() {
            self.step(
                "close",
                &["fd"],
                None,
                "when it is stopped. Until then datagrams of any peer arrive, and are answered",
            );
            return;
        }
        let why = "clients can connect from now on. The kernel cuts the backlog down to net.core.somaxconn (--backlog)";
        self.step("listen", &["fd", &BACKLOG.to_string()], None, why);
        let (peer, length) = match place.family {
            Some(Family::Unix) => ("{AF_UNIX, (unnamed)}", "2"),
            Some(Family::V4) => ("{AF_INET, PEER}", "16"),
            Some(Family::V6) => ("{AF_INET6, PEER}", "28"),
            None => ("PEER", "LENGTH"),
        };
        let why = "takes the first client: a new socket, on the same port as the listener";
        self.step("accept", &["fd", peer, length, "SOCK_CLOEXEC|SOCK_NONBLOCK"], Some("client"), why);
        self.packets(place, "client");
        self.step("close", &["fd"], None, "one client is all that it serves; with --keep it goes on accepting");
        self.end("client");
    }

    fn binding(&self, place: &Place) -> String {
        match &self.endpoint.address.target {
            Target::Unix(UnixAddr::Path(path)) => {
                let path = path.display();
                format!(
                    "makes the socket file. Before, {path}.lock is locked: a dead server's file is taken over, a live one's never"
                )
            }
            Target::Unix(_) => "the name lives in the kernel, without a file, and goes with the socket".to_owned(),
            Target::Inet { service: Service::Port(0), .. } => {
                "port 0: the kernel chooses a free one; getsockname tells which".to_owned()
            }
            Target::Inet { host: Host::Name(_), .. } => {
                "each address that was found gets a socket of its own".to_owned()
            }
            Target::Inet { .. } if place.inet.is_some_and(|at| at.ip().is_unspecified()) => {
                "every interface of this machine".to_owned()
            }
            Target::Inet { .. } => "this address alone; it must be one of this machine's".to_owned(),
        }
    }

    /// An empty packet and the end look alike, but for the credentials that a packet brings.
    fn packets(&mut self, place: &Place, fd: &str) {
        if self.transport == Transport::UnixPacket {
            let why = "with it an empty packet differs from the end: it brings credentials";
            self.setting(place, &Setting::of(opt::PassCredentials, true), fd, why);
        }
    }

    fn end(&mut self, fd: &str) {
        if self.transport.is_datagram() {
            self.step("close", &[fd], None, "after stdin's end, when no answer has come for 1 s (--idle)");
            return;
        }
        let why = "when stdin ends: the peer reads the end of file, and can still answer (half-close)";
        self.step("shutdown", &[fd, "SHUT_WR"], None, why);
        self.step("close", &[fd], None, "when the peer has ended, too, and all that was sent is acknowledged");
    }
}

impl Place {
    fn inet(at: SocketAddr) -> Place {
        let (family, word, length) = match at {
            SocketAddr::V4(_) => (Family::V4, "AF_INET", "16"),
            SocketAddr::V6(_) => (Family::V6, "AF_INET6", "28"),
        };
        Place { family: Some(family), inet: Some(at), address: format!("{{{word}, {at}}}"), length: length.to_owned() }
    }

    fn unix(at: &UnixAddr) -> Place {
        // The family's two bytes; a path ends in NUL, an abstract name begins with it.
        let length = match at {
            UnixAddr::Unnamed => 2,
            UnixAddr::Path(path) => 2 + path.as_os_str().as_bytes().len() + 1,
            UnixAddr::Abstract(name) => 2 + 1 + name.len(),
        };
        let address = format!("{{AF_UNIX, {at}}}");
        Place { family: Some(Family::Unix), inet: None, address, length: length.to_string() }
    }

    fn named(family: Option<Ip>, service: &Service) -> Place {
        let (family, address, length) = match family {
            None => (None, format!("ADDRESS:{service}"), "LENGTH"),
            Some(Ip::V4) => (Some(Family::V4), format!("{{AF_INET, ADDRESS:{service}}}"), "16"),
            Some(Ip::V6) => (Some(Family::V6), format!("{{AF_INET6, [ADDRESS]:{service}}}"), "28"),
        };
        Place { family, inet: None, address, length: length.to_owned() }
    }
}

/// The address of a host that is no name. A zone known by its name is not looked up.
fn number(host: &Host, port: u16, family: Option<Ip>) -> SocketAddr {
    match host {
        Host::V4(ip) => (*ip, port).into(),
        Host::V6 { ip, zone } => {
            let zone = zone.as_deref().and_then(|zone| zone.parse().ok()).unwrap_or(0);
            SocketAddrV6::new(*ip, port, 0, zone).into()
        }
        _ if family == Some(Ip::V4) => (Ipv4Addr::UNSPECIFIED, port).into(),
        _ => (Ipv6Addr::UNSPECIFIED, port).into(),
    }
}

impl fmt::Display for Step {
    /// `socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = fd`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.call, self.args.join(", "))?;
        self.gives.map_or(Ok(()), |gives| write!(f, " = {gives}"))
    }
}
