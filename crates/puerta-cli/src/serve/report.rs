//! What `serve` says: where it serves and who can reach that, what goes wrong meanwhile, and the end; as text or as JSON.

use crate::report::{Reporter, object};
use puerta::{Endpoint, UnixAddr, interfaces};
use puerta_relay::reach::{self, Reach};
use puerta_serve::event::{Event, Report};
use serde_json::{Value, json};

/// Tells of events on stderr.
#[derive(Debug)]
pub(super) struct Told(pub(super) Reporter);

impl Report for Told {
    fn event(&self, event: &Event<'_>) {
        let message = event.to_string();
        if self.0.json() {
            object(as_json(event, &message));
        } else {
            self.0.note(&message);
        }
    }
}

/// Where it serves, who can reach that, and what to type there.
pub(super) fn serving(reporter: Reporter, folder: &str, address: &Endpoint) {
    let interfaces = interfaces().unwrap_or_default();
    let reach = reach::reach(address, &interfaces);
    let (shown, elsewhere) = match address {
        Endpoint::Inet(at) => {
            let (place, target) = reach::target(at, &interfaces);
            (format!("http://{at}/"), at.ip().is_unspecified().then(|| format!("{place}: http://{target}/")))
        }
        Endpoint::Unix(at) => (address.to_string(), unix(at).map(|line| format!("from this machine: {line}"))),
    };
    if reporter.json() {
        let networks = match reach {
            Reach::Here => Vec::new(),
            Reach::Networks(all) => all,
        };
        object(json!({"event": "serving", "folder": folder, "address": address.to_string(), "url": url(address),
            "port": address.inet().map(|at| at.port()), "reached_from": networks, "elsewhere": elsewhere}));
        return;
    }
    reporter.note(&format!("serving {folder} on {shown}; {reach}"));
    if let Some(line) = elsewhere {
        reporter.note(&line);
    }
}

fn url(address: &Endpoint) -> Option<String> {
    address.inet().map(|at| format!("http://{at}/"))
}

fn unix(address: &UnixAddr) -> Option<String> {
    match address {
        UnixAddr::Path(_) => Some(format!("curl --unix-socket {address} http://localhost/")),
        UnixAddr::Abstract(name) => {
            Some(format!("curl --abstract-unix-socket {} http://localhost/", String::from_utf8_lossy(name)))
        }
        UnixAddr::Unnamed => None,
    }
}

fn as_json(event: &Event<'_>, message: &str) -> Value {
    let path = |path: &[u8]| Value::from(String::from_utf8_lossy(path));
    match event {
        Event::Full(max) => json!({"event": "full", "max": max, "message": message}),
        Event::Crowded { peer, max } => {
            json!({"event": "crowded", "peer": peer.to_string(), "max": max, "message": message})
        }
        Event::Paused(error) => json!({"event": "paused", "errno": error.name(), "message": message}),
        Event::Resumed => json!({"event": "resumed", "message": message}),
        Event::Lost(error) => json!({"event": "lost", "errno": error.name(), "message": message}),
        Event::Cut { path: at, .. } => json!({"event": "cut", "path": path(at), "message": message}),
        Event::NotServed { path: at, .. } => json!({"event": "not-served", "path": path(at), "message": message}),
        Event::TicketUsed(peer) => {
            json!({"event": "link-used", "peer": peer.map(ToString::to_string), "message": message})
        }
        Event::LogBehind(lines) => json!({"event": "log-behind", "lines": lines, "message": message}),
        Event::LogFailed(_) => json!({"event": "log-failed", "message": message}),
    }
}
