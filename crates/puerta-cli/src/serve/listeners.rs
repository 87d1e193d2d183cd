//! Where `serve` listens: addresses, sockets that we were started with, and the first free port.

use super::trouble::Trouble;
use crate::report::Reporter;
use puerta::{
    Address, AnyStream, Endpoint, Error, Host, Listening, ParseError, ParseErrorKind, Socket, Target, Transport, errno,
    inherited, opt,
};
use puerta_relay::background;
use puerta_relay::claim::Claim;
use puerta_relay::open::{self, ListenRequest, Opened};
use puerta_relay::problem::Problem;
use std::net::Ipv4Addr;
use std::os::fd::RawFd;
use std::path::Path;

/// The first port that is tried where no address was given, and how many are.
const PORT: u16 = 8000;
const PORTS: u16 = 100;

const FORMS: &str = "give :port, host:port, /path or @name";

/// The first descriptor that systemd passes: sd_listen_fds(3).
const FIRST_PASSED: RawFd = 3;

/// Sockets that clients come to. Paths are unlinked when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    pub(super) sockets: Vec<Socket<AnyStream, Listening>>,
    claims: Vec<Claim>,
    /// Ports that somebody else has, before the one that was found free.
    pub(super) passed_over: Option<(u16, u16)>,
}

/// What `--listen` names.
enum Place {
    Address(puerta_relay::Endpoint),
    Inherited(RawFd),
}

impl Listeners {
    /// All that were asked for; with none, those that systemd passes, else the first free port of loopback, or of all
    /// interfaces where it is `everywhere`.
    pub(super) async fn open(asked: &[String], everywhere: bool, reporter: Reporter) -> Result<Self, Trouble> {
        let mut listeners = Listeners::default();
        let places: Vec<Place> = asked.iter().map(|text| place(text)).collect::<Result<_, _>>()?;
        for place in places {
            match place {
                Place::Inherited(number) => listeners.inherit(number)?,
                Place::Address(endpoint) => listeners.listen(endpoint, reporter).await?,
            }
        }
        if asked.is_empty() {
            for number in passed() {
                listeners.inherit(number)?;
            }
        }
        if listeners.sockets.is_empty() {
            listeners.listen_on_a_free_port(everywhere, reporter)?;
        }
        for socket in &listeners.sockets {
            // Connections inherit it: the end of a response never waits for an acknowledgement.
            if socket.local_addr().is_ok_and(|address| address.inet().is_some()) {
                socket.set(opt::NoDelay, true).map_err(Problem::Socket)?;
            }
        }
        Ok(listeners)
    }

    /// A name is resolved in a thread of its own. A path is claimed in this one: a signal finds it either ours to unlink or untouched.
    async fn listen(&mut self, endpoint: puerta_relay::Endpoint, reporter: Reporter) -> Result<(), Trouble> {
        let named = matches!(&endpoint.address.target, Target::Inet { host: Host::Name(_), .. });
        let request =
            ListenRequest { address: endpoint.address, settings: endpoint.options, family: None, backlog: None };
        let opened = if named {
            let work = move || open::listen(&request, &reporter);
            background::run(work).await.map_err(Problem::System)??
        } else {
            open::listen(&request, &reporter)?
        };
        self.take(opened);
        Ok(())
    }

    fn listen_on_a_free_port(&mut self, everywhere: bool, reporter: Reporter) -> Result<(), Trouble> {
        for port in PORT..PORT + PORTS {
            let host = if everywhere { Host::Any } else { Host::V4(Ipv4Addr::LOCALHOST) };
            let target = Target::Inet { host, service: puerta::Service::Port(port) };
            let address = Address { transport: Transport::Tcp, target };
            let request = ListenRequest { address, settings: Vec::new(), family: None, backlog: None };
            match open::listen(&request, &reporter) {
                Ok(opened) => {
                    self.take(opened);
                    self.passed_over = (port > PORT).then_some((PORT, port - 1));
                    return Ok(());
                }
                Err(Problem::Socket(error)) if is_taken(&error) && port < PORT + PORTS - 1 => {}
                Err(problem) => return Err(problem.into()),
            }
        }
        Ok(())
    }

    /// The paths that are ours to unlink.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.claims.iter().map(Claim::path)
    }

    fn take(&mut self, opened: Opened) {
        self.sockets.extend(opened.streams);
        self.claims.extend(opened.claim);
    }

    fn inherit(&mut self, number: RawFd) -> Result<(), Trouble> {
        let refused = |error| Trouble::Inherited(number, error);
        let socket = inherited(number).map_err(refused)?;
        let socket = Socket::<AnyStream>::adopt::<Listening>(socket).map_err(|(_, error)| refused(error))?;
        self.sockets.push(socket);
        Ok(())
    }
}

/// The address of a listener, for those who want to reach it.
pub(super) fn local(socket: &Socket<AnyStream, Listening>) -> Result<Endpoint, Trouble> {
    socket.local_addr().map_err(|error| Problem::Socket(error).into())
}

/// Whether it takes IPv6 alone, however it came to that.
pub(super) fn ipv6_alone(socket: &Socket<AnyStream, Listening>) -> bool {
    let inet = socket.local_addr().ok().and_then(|address| address.inet());
    inet.is_some_and(|at| at.is_ipv6()) && socket.get(opt::V6Only).unwrap_or(false)
}

fn place(text: &str) -> Result<Place, Trouble> {
    if let Some(number) = text.strip_prefix("fd:") {
        let number = number.parse().ok().filter(|number| *number >= 0);
        let wrong = || Trouble::usage(format!("{text} is no descriptor"), "give its number: fd:3");
        return Ok(Place::Inherited(number.ok_or_else(wrong)?));
    }
    let endpoint: puerta_relay::Endpoint = text.parse().map_err(|error| refused(text, error))?;
    if !matches!(endpoint.address.transport, Transport::Tcp | Transport::Unix) {
        let what = format!("{text} is no stream, and browsers come over streams");
        return Err(Trouble::usage(what, FORMS));
    }
    Ok(Place::Address(endpoint))
}

/// What is no address, with what to write here: this command has TLS by an option, and no datagrams.
fn refused(text: &str, error: ParseError) -> Trouble {
    let url = text.split_once(':').and_then(|(scheme, rest)| {
        let option = match scheme.to_ascii_lowercase().as_str() {
            "http" => "",
            "https" | "tls" | "ssl" => " --tls",
            _ => return None,
        };
        let rest = rest.trim_start_matches('/');
        Some((rest.split_once('/').map_or(rest, |(host, _)| host), option))
    });
    if let Some((rest, option)) = url {
        let what = format!("{text} is no address to listen on");
        if rest.is_empty() {
            return Trouble::usage(what, FORMS);
        }
        let port = if rest.bytes().all(|b| b.is_ascii_digit()) { format!(":{rest}") } else { format!("{rest}:PORT") };
        let at = if rest.parse::<Address>().is_ok() { rest.to_owned() } else { port };
        return Trouble::usage(what, format!("write --listen {at}{option}"));
    }
    let forms =
        matches!(error.kind, ParseErrorKind::Empty | ParseErrorKind::AbsentLayer | ParseErrorKind::UnknownLayer);
    if forms {
        let what = if text.is_empty() { "an empty word" } else { text };
        return Trouble::usage(format!("{what} is no address to listen on"), FORMS);
    }
    Trouble::Address(text.to_owned(), error)
}

fn is_taken(error: &Error) -> bool {
    error.errno() == Some(errno::EADDRINUSE)
}

/// The descriptors that systemd passes to this process: sd_listen_fds(3).
fn passed() -> std::ops::Range<RawFd> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let ours = number("LISTEN_PID") == Some(std::process::id());
    let count = number("LISTEN_FDS").filter(|_| ours).unwrap_or(0).min(1024);
    FIRST_PASSED..FIRST_PASSED.saturating_add_unsigned(count)
}
