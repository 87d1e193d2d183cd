//! What `serve` says: where it serves and who can reach that, what goes wrong meanwhile, and the end; as text or as JSON.

use super::share::Shared;
use crate::report::{Reporter, line, object};
use puerta::units::print_time;
use puerta::{Endpoint, UnixAddr};
use puerta_relay::reach::{self, Machine, Target};
use puerta_relay::words::shell;
use puerta_serve::core::encoding::Accepted;
use puerta_serve::core::found::Found;
use puerta_serve::core::plan::{Fits, Step};
use puerta_serve::core::site::Site;
use puerta_serve::event::{Event, Report};
use puerta_serve::http1::Tally;
use puerta_serve::store::folder::Wait;
use puerta_serve::store::{Asked, Looked, Now, Store};
use puerta_text::visible;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many paths are named, at most; each is named once.
const NAMED: usize = 256;

/// How many addresses more are shown that others reach it at.
const OTHERS: usize = 3;

/// Where it listens, and what of this machine matters to that.
pub(super) type Place<'a> = (&'a Endpoint, Machine);

/// Tells of events on stderr.
#[derive(Debug)]
pub(super) struct Told {
    reporter: Reporter,
    /// A client can ask for the same as often as it likes.
    named: Mutex<HashSet<Vec<u8>>>,
}

impl Told {
    pub(super) fn new(reporter: Reporter) -> Self {
        Told { reporter, named: Mutex::default() }
    }

    /// Whether it is said, and whether it is the last that is.
    fn is_new(&self, path: &[u8]) -> (bool, bool) {
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        let new = named.len() < NAMED && named.insert(path.to_owned());
        (new, new && named.len() == NAMED)
    }
}

impl Report for Told {
    fn event(&self, event: &Event<'_>) {
        let (new, last) = match event {
            Event::Cut { path, .. } | Event::NotServed { path, .. } => self.is_new(path),
            _ => (true, false),
        };
        if !new {
            return;
        }
        let (message, hint) = (event.to_string(), event.hint());
        match (self.reporter.json(), event) {
            (true, _) => {
                let mut told = as_json(event, &message);
                if let (Some(hint), Some(fields)) = (hint, told.as_object_mut()) {
                    fields.insert("hint".to_owned(), hint.into());
                }
                object(told);
            }
            // It says that all is well, which nobody asked for.
            (false, Event::Resumed) => self.reporter.note(&message),
            (false, _) => line(&hint.map_or(message.clone(), |hint| format!("{message}\nhint: {hint}"))),
        }
        if last {
            self.reporter.note(&format!("{NAMED} paths were named; those that are not served from now on are not"));
        }
    }
}

/// What was done, to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Totals {
    requests: u64,
    sent: u64,
    cut: u64,
}

impl Totals {
    pub(super) fn of(tally: &Tally) -> Self {
        Totals { requests: tally.requests(), sent: tally.sent(), cut: tally.cut() }
    }
}

/// The last line.
pub(super) fn stopped(reporter: Reporter, totals: &Totals) {
    let Totals { requests, sent, cut } = *totals;
    if reporter.json() {
        object(json!({"event": "end", "requests": requests, "sent": sent, "cut": cut, "how": "stopped", "status": 0}));
        return;
    }
    let many = |n: u64, what: &str| if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") };
    let cut = match cut {
        0 => "none was cut".to_owned(),
        1 => "1 response was cut".to_owned(),
        n => format!("{n} responses were cut"),
    };
    reporter.note(&format!("stopped; {} answered, {} sent, {cut}", many(requests, "request"), many(sent, "byte")));
}

/// Responses are under way.
pub(super) fn stopping(reporter: Reporter, limit: Duration) {
    let limit = print_time(limit);
    if reporter.json() {
        object(json!({"event": "stopping", "within": limit}));
    } else {
        reporter.note(&format!("stopping: what is under way has {limit}; a second signal cuts it"));
    }
}

/// Why it is not the usual port.
pub(super) fn passed_over(reporter: Reporter, (first, last): (u16, u16)) {
    let taken = if first == last { format!("port {first} is") } else { format!("ports {first} to {last} are") };
    reporter.note(&format!("{taken} taken by others; --listen chooses another"));
}

/// Files that options name and the folder does not have: they may come later, or be misspelt.
pub(super) fn not_there(reporter: Reporter, site: &Site, store: &Store) {
    let pages = site.error_pages.iter().map(|(_, path)| ("--error-page", path, "our own page is sent"));
    let spa = site.spa.iter().map(|path| ("--spa", path, "pages that are not there are 404"));
    let asked = Asked {
        codings: Accepted::IDENTITY,
        compression: false,
        now: Now::read(),
        wait: Wait::Allowed,
        make_now: false,
    };
    for (option, path, meanwhile) in spa.chain(pages) {
        let step = Step { path: Cow::Borrowed(path.as_bytes()), fits: Fits::File };
        let looked = store.look(std::iter::once(step), &asked);
        if !matches!(looked, Some(Looked { found: Found::File(_), .. })) {
            let name = String::from_utf8_lossy(path.as_bytes());
            reporter.note(&format!("{option}: {} is not in the folder; until it is, {meanwhile}", visible(&name)));
        }
    }
}

/// Where it serves, who can reach that, and what to type there.
pub(super) fn serving(reporter: Reporter, folder: &str, (address, machine): &Place<'_>, sharing: &Shared) {
    let reach = reach::reach(address, machine);
    let url = address.inet().map(|at| reach::bound(&at, machine).url(sharing.scheme()));
    let lines = match address {
        Endpoint::Inet(at) => elsewhere(at, sharing, machine),
        Endpoint::Unix(at) => unix(at, sharing).map(|line| format!("from this machine: {line}")).into_iter().collect(),
    };
    if reporter.json() {
        object(json!({"event": "serving", "folder": folder, "address": address.to_string(), "url": url,
            "port": address.inet().map(|at| at.port()), "reached_from": reach.names(), "elsewhere": lines.first(),
            "addresses": address.inet().map(|at| texts(&reach::addresses(&at, machine)))}));
        return;
    }
    reporter.note(&format!("serving {folder} on {}; {reach}", url.unwrap_or_else(|| address.to_string())));
    lines.iter().for_each(|line| reporter.note(line));
}

/// Where nobody else is served, though nobody said so.
pub(super) fn alone(reporter: Reporter, addresses: &[Endpoint], sharing: &Shared) {
    let Some(at) = addresses.iter().find_map(Endpoint::inet).filter(|at| at.ip().is_loopback()) else { return };
    if !reporter.json() {
        let tls = if sharing.in_clear { " --tls" } else { "" };
        reporter.note(&format!("to serve others, too: --listen :{}{tls}, or --share", at.port()));
    }
}

/// What is typed elsewhere, the likeliest first; nothing where it is what the first line says.
pub(super) fn elsewhere(at: &SocketAddr, sharing: &Shared, machine: &Machine) -> Vec<String> {
    let (target, query) = (reach::target(at, machine), sharing.query());
    let url = |target: &Target| format!("{}{query}", target.url(sharing.scheme()));
    if target.zone.is_some() {
        return vec![format!("{}: curl '{}'; a browser takes no such address", target.place, url(&target))];
    }
    if !at.ip().is_unspecified() && query.is_empty() {
        return Vec::new();
    }
    let others: Vec<_> = reach::addresses(at, machine).into_iter().filter(|other| *other != target.at).collect();
    let first = format!("{}: {}", target.place, url(&target));
    let shown = others.iter().take(OTHERS).map(|at| format!("or: {}", url(&Target { at: *at, ..target.clone() })));
    let more = others.len().saturating_sub(OTHERS);
    let more = (more > 0).then(|| format!("and at {more} more of this machine's addresses"));
    std::iter::once(first).chain(shown).chain(more).collect()
}

fn texts(addresses: &[SocketAddr]) -> Vec<String> {
    addresses.iter().map(SocketAddr::to_string).collect()
}

/// What is typed for a Unix socket. No certificate is for `localhost` that somebody vouches for.
pub(super) fn unix(address: &UnixAddr, sharing: &Shared) -> Option<String> {
    let socket = match address {
        UnixAddr::Path(_) => format!("--unix-socket {}", shell(&address.to_string())),
        UnixAddr::Abstract(name) => format!("--abstract-unix-socket {}", shell(&String::from_utf8_lossy(name))),
        UnixAddr::Unnamed => return None,
    };
    let (curl, scheme) = (if sharing.scheme() == "https" { "curl -k" } else { "curl" }, sharing.scheme());
    let url = match sharing.query() {
        "" => format!("{scheme}://localhost/"),
        query => format!("'{scheme}://localhost/{query}'"),
    };
    Some(format!("{curl} {socket} {url}"))
}

fn as_json(event: &Event<'_>, message: &str) -> Value {
    let path = |path: &[u8]| Value::from(String::from_utf8_lossy(path));
    match event {
        Event::Full(max) => json!({"event": "full", "max": max, "message": message}),
        Event::Crowded { max, .. } => {
            json!({"event": "crowded", "network": event.network(), "max": max, "message": message})
        }
        Event::Fewer { asked, connections, descriptors } => {
            json!({"event": "fewer-connections", "asked": asked, "connections": connections, "descriptors": descriptors,
                "message": message})
        }
        Event::Paused(error) => json!({"event": "paused", "errno": error.name(), "message": message}),
        Event::Resumed => json!({"event": "resumed", "message": message}),
        Event::Lost(error) => json!({"event": "lost", "errno": error.name(), "message": message}),
        Event::Cut { path: at, .. } => json!({"event": "cut", "path": path(at), "message": message}),
        Event::NotServed { path: at, .. } => json!({"event": "not-served", "path": path(at), "message": message}),
        Event::TicketUsed(peer) => {
            json!({"event": "link-used", "peer": peer.map(ToString::to_string), "message": message})
        }
        Event::TicketExpired => json!({"event": "link-expired", "message": message}),
        Event::Certificate { date, over, .. } => {
            json!({"event": "certificate-ends", "date": date, "over": over, "message": message})
        }
        Event::LogBehind(lines) => json!({"event": "log-behind", "lines": lines, "message": message}),
        Event::LogFailed(_) => json!({"event": "log-failed", "message": message}),
    }
}

#[cfg(test)]
mod tests {
    use super::{Event, as_json};
    use std::net::IpAddr;

    #[test]
    fn a_network_is_told_as_one_as_json_too() {
        for (network, told) in [("2001:db8::", "2001:db8::/64"), ("192.0.2.1", "192.0.2.1")] {
            let event = Event::Crowded { network: network.parse::<IpAddr>().unwrap(), max: 2 };
            let message = event.to_string();
            assert!(message.contains(&format!(" from {told}:")), "{message}");
            assert_eq!(as_json(&event, &message)["network"], told);
        }
    }
}
