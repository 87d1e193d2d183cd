//! The words for events, problems and verdicts: one place, so that they can be translated.

use crate::event::{Event, Limit};
use crate::problem::{Occupant, Problem};
use crate::reach::{Reach, Who};
use crate::verdict::{How, Side, Verdict};
use puerta::{Call, Endpoint, Error, errno, units};
use puerta_text::visible;
use std::borrow::Cow;
use std::net::SocketAddr;
use std::{fmt, io};

/// How many networks are named.
const NAMED: usize = 3;

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Socket(error) | Problem::Broken(error) => write!(f, "{error}"),
            Problem::Input(error) => write!(f, "reading the input failed: {error}"),
            Problem::Output(error) => write!(f, "writing the output failed: {error}"),
            Problem::Unwritten { bytes: 1 } => {
                f.write_str("1 byte that had come was not written: the output took no more")
            }
            Problem::Unwritten { bytes } => {
                write!(f, "{bytes} bytes that had come were not written: the output took no more")
            }
            Problem::Spawn { program, error } => write!(f, "cannot start {program}: {}", reason(error)),
            Problem::Child { program, status } => write!(f, "{program} ended with {status}"),
            Problem::PathTaken { path, by: Occupant::Live } => {
                write!(f, "bind unix {path}: a server is listening there (EADDRINUSE)")
            }
            Problem::PathTaken { path, by: Occupant::NotASocket } => {
                write!(f, "bind unix {path}: that is no socket, so it stays untouched (EADDRINUSE)")
            }
            Problem::PathTaken { path, by: Occupant::NotOurLock } => {
                write!(
                    f,
                    "bind unix {path}: {path}.lock beside it is no lock file of ours, so it stays untouched (EEXIST)"
                )
            }
            Problem::Path { path, error } => write!(f, "bind unix {path}: {}", reason(error)),
            Problem::TooLong { limit } => write!(f, "a message of the input is longer than {limit} bytes"),
            Problem::Deadline { doing, target, within } => {
                write!(f, "{doing} {target}: no success within {}", units::print_time(*within))
            }
            Problem::System(error) => write!(f, "the system refused: {}", reason(error)),
            Problem::Usage { what, .. } => f.write_str(what),
        }
    }
}

impl Problem {
    /// What to do about it, in a line.
    pub fn hint(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(match self {
            Problem::Socket(error) | Problem::Broken(error) => return error.hint(),
            Problem::Output(error) => match error.errno() {
                Some(errno::ENOSPC) => "the disk is full: what came later is lost; make room and try again",
                Some(errno::EPIPE) => "the program that reads our output has ended",
                _ => return error.hint(),
            },
            Problem::Input(error) => return error.hint(),
            Problem::Unwritten { .. } => "the program that reads our output was too slow: stop us when it has read all",
            Problem::Spawn { .. } => {
                "check the program's name and that it may be executed; a command line needs `sh -c '…'`"
            }
            Problem::Child { .. } => "what it printed until then was delivered",
            Problem::PathTaken { by: Occupant::Live, .. } => "stop that server, or choose another path",
            Problem::PathTaken { by: Occupant::NotASocket | Occupant::NotOurLock, .. } => {
                "choose another path, or remove it yourself"
            }
            Problem::Path { .. } => "check that the folder exists and that you may write in it",
            Problem::TooLong { .. } => "one line is one datagram; a file of any length needs a stream (tcp: or unix:)",
            Problem::Deadline { .. } => "check that the peer is up, or allow more time with --within",
            Problem::System(error) => match error.raw_os_error() {
                Some(errno::EMFILE | errno::ENFILE) => "there are too few descriptors: raise the limit (`ulimit -n`)",
                Some(errno::EAGAIN) => {
                    "there are too many threads or processes: end some, or raise the limit (`ulimit -u`)"
                }
                _ => return None,
            },
            Problem::Usage { hint, .. } => hint,
        }))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.closed_by {
            Side::Us => "we",
            Side::Peer => "the peer",
        };
        write!(f, "sent {}, received {}; ", bytes(self.sent), bytes(self.received))?;
        match self.how {
            How::Fin => write!(f, "{who} ended first, both sides finished"),
            How::Done => f.write_str("no more answers came"),
            How::Reset => f.write_str("the peer broke the connection (reset)"),
            How::Idle => f.write_str("nothing came or went for the time of --idle"),
            How::Drain => f.write_str("the peer did not end within the time of --drain"),
            How::Unacknowledged => f.write_str("the peer's system did not acknowledge all of it within 10 s"),
            How::Left => f.write_str("the peer ended"),
            How::Local => f.write_str("it failed on this side"),
            How::Probe => f.write_str("probed only"),
            How::Interrupted => f.write_str("interrupted"),
            How::Terminated => f.write_str("terminated"),
            How::Stopped => f.write_str("stopped"),
            How::Refused => f.write_str("nobody listens there"),
            How::Error => f.write_str("it failed on the way"),
        }
    }
}

/// The reason and the errno by name, as the library's errors have them.
fn reason(error: &io::Error) -> String {
    if error.raw_os_error().is_none() {
        return error.to_string();
    }
    // Only its words are used, and they do not depend on the call.
    let error = Error::from_io(Call::Bind, error);
    format!("{} ({})", error.reason(), error.name())
}

fn bytes(n: u64) -> String {
    if n == 1 { "1 byte".to_owned() } else { format!("{n} bytes") }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Listening { transport, address, .. } => write!(f, "listening on {address} ({})", shouted(transport)),
            Event::Ipv6Off => f.write_str("IPv6 is switched off on this machine: listening on IPv4 alone"),
            Event::TookOver(path) => write!(f, "took over {}: its server is gone", visible(path)),
            Event::Resolved { name, addresses } => {
                write!(f, "{} is", visible(name))?;
                addresses.iter().try_for_each(|a| write!(f, " {a}"))
            }
            Event::Attempt { address, error } => write!(f, "{address}: {} ({})", error.reason(), error.name()),
            Event::Retrying { problem, after } => write!(f, "{problem}; again in {}", units::print_time(*after)),
            Event::Connected { transport, local, peer } => {
                write!(f, "connected {transport} {} -> {}", shown(local), shown(peer))
            }
            Event::Joined(peer) => write!(f, "{} is here", shown(peer)),
            Event::Left { peer, verdict } => {
                write!(f, "{} has left: {verdict}", shown(peer))?;
                verdict.problem.as_ref().map_or(Ok(()), |problem| write!(f, ": {problem}"))
            }
            Event::Forgotten(peer) => write!(f, "{} is forgotten", shown(peer)),
            Event::AtLimit(Limit::System(error)) => {
                write!(f, "no more clients for now: {} ({}); those who come wait", error.reason(), error.name())
            }
            Event::AtLimit(Limit::Program(problem)) => {
                write!(f, "no more clients for now: {problem}; those who come wait")
            }
            Event::AtLimit(Limit::Clients(max)) => {
                write!(f, "no more clients for now: {max} are here (--max); those who come wait")
            }
            Event::BelowLimit => f.write_str("taking clients again"),
            Event::GaveWay(peer) => {
                let peer = shown(peer);
                write!(f, "{peer} gives its place to one who waits: it ended its input, and may have gone unseen")
            }
            Event::Behind(peer) => write!(f, "{} takes too little: what is too much for it is dropped", shown(peer)),
            Event::Dropped { peer, count: 1 } => write!(f, "{}: 1 datagram was dropped", shown(peer)),
            Event::Dropped { peer, count } => write!(f, "{}: {count} datagrams were dropped", shown(peer)),
            Event::TooManyPeers { peer, max } => {
                write!(f, "{} and others are not served: {max} peers are here (--max)", shown(peer))
            }
            Event::Refused(error) | Event::NotSent(error) => write!(f, "{error}"),
            Event::TooLong(error) => {
                write!(
                    f,
                    "a datagram is lost: it was longer than the way takes ({}); the next go in parts",
                    error.name()
                )
            }
            Event::Unnamed => {
                f.write_str("an answer was not sent: the peer's socket has no name (bind it to a path, or to any name)")
            }
            Event::Truncated { kept, full } => write!(f, "a datagram of {full} bytes was cut to {kept}"),
            Event::NoOutput => f.write_str("standard output is closed or /dev/null: what arrives is discarded"),
            Event::Waiting => f.write_str(
                "our input has ended; waiting for the peer's end (Ctrl-C ends this, --drain TIME limits it)",
            ),
            Event::Trouble(problem) => write!(f, "{problem}"),
        }
    }
}

impl Event<'_> {
    /// The word for JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Event::Listening { .. } => "listening",
            Event::Ipv6Off => "ipv6-off",
            Event::TookOver(_) => "took-over",
            Event::Resolved { .. } => "resolved",
            Event::Attempt { .. } => "attempt",
            Event::Retrying { .. } => "retrying",
            Event::Connected { .. } => "connected",
            Event::Joined(_) => "joined",
            Event::Left { .. } => "left",
            Event::Forgotten(_) => "forgotten",
            Event::AtLimit(_) => "at-limit",
            Event::BelowLimit => "below-limit",
            Event::GaveWay(_) => "gave-way",
            Event::Behind(_) => "behind",
            Event::Dropped { .. } => "dropped",
            Event::TooManyPeers { .. } => "too-many-peers",
            Event::Refused(_) => "refused",
            Event::NotSent(_) => "not-sent",
            Event::TooLong(_) => "too-long",
            Event::Unnamed => "unnamed",
            Event::Truncated { .. } => "truncated",
            Event::NoOutput => "no-output",
            Event::Waiting => "waiting",
            Event::Trouble(_) => "trouble",
        }
    }

    /// Whether a user wants to see it without asking (-v).
    pub fn matters(&self) -> bool {
        match self {
            Event::Resolved { .. } | Event::Attempt { .. } | Event::Connected { .. } => false,
            Event::Joined(_) | Event::Forgotten(_) => false,
            Event::Left { verdict, .. } => verdict.status() != 0,
            _ => true,
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = match self {
            Reach::Here => return f.write_str("only this machine can reach this"),
            Reach::Unknown => return f.write_str("who can reach this is not known"),
            Reach::Others(all) => all,
        };
        let near: Vec<String> = all.iter().filter(|who| **who != Who::Internet).map(Who::to_string).collect();
        let firewall = "unless a firewall stands before it";
        if near.is_empty() {
            return write!(f, "anyone on {} can reach this, {firewall}", Who::Internet);
        }
        write!(f, "anyone on {}", near.get(..NAMED).unwrap_or(&near).join(", "))?;
        if near.len() > NAMED {
            write!(f, " and {} more", near.len() - NAMED)?;
        }
        f.write_str(" can reach this")?;
        if near.len() < all.len() {
            write!(f, "; anyone on {} too, {firewall}", Who::Internet)?;
        }
        Ok(())
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Internet => f.write_str("the internet"),
            Who::Network(network) => f.write_str(network),
            Who::Link(interface) => write!(f, "the link {interface}"),
            Who::Behind(interface) => write!(f, "the network behind {interface}"),
        }
    }
}

/// An address for people: an IPv4 client of a dual-stack socket as IPv4.
pub fn shown(address: &Endpoint) -> Endpoint {
    match address {
        Endpoint::Inet(inet) if inet.ip().to_canonical().is_ipv4() => {
            SocketAddr::new(inet.ip().to_canonical(), inet.port()).into()
        }
        other => other.clone(),
    }
}

/// A word for the shell, in quotes where it needs them.
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/.,:@%=_+-[]".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

fn shouted(transport: &str) -> String {
    match transport {
        "tcp" => "TCP".to_owned(),
        "udp" => "UDP".to_owned(),
        "unix" => "Unix stream".to_owned(),
        "unix-dgram" => "Unix datagrams".to_owned(),
        "unix-packet" => "Unix packets".to_owned(),
        other => other.to_owned(),
    }
}
