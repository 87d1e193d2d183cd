//! `resolve`: names to addresses in the order in which connect would try them, and back.

use crate::arguments::{Output, Resolve, SocketType};
use crate::printed::print;
use crate::report::Reporter;
use crate::trace;
use puerta::{Host, Ip, NameFlags, Query, Resolved, SocketType as ResolveKind, interface_name, resolve, reverse};
use puerta_text::visible;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::process::ExitCode;

pub(crate) fn run(arguments: &Resolve) -> ExitCode {
    let reporter = Reporter::new(&Output { json: arguments.json, trace: arguments.trace, ..Output::default() });
    trace::start(arguments.trace);
    let asked = Asked::of(arguments);
    let lines = if asked.number { backward(&asked) } else { forward(&asked) };
    let lines = match lines {
        Ok(lines) => lines,
        Err(error) => return reporter.socket_error(error),
    };
    let as_data = arguments.json;
    let text = |line: Line| if as_data { format!("{}\n", line.data) } else { format!("{}\n", visible(&line.text)) };
    print(lines.into_iter().map(text).collect::<String>().as_bytes(), reporter)
}

/// What the arguments ask for.
struct Asked<'a> {
    /// Without brackets.
    name: &'a str,
    /// Whether that is an address, with a zone or not: then its name is looked up.
    number: bool,
    service: Option<&'a str>,
    family: Option<Ip>,
    kind: Option<ResolveKind>,
}

impl<'a> Asked<'a> {
    fn of(arguments: &'a Resolve) -> Self {
        let whole = arguments.name.as_str();
        // As connect takes it: `localhost:80`, `[::1]:80`.
        let parts = whole.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
        let (name, service) = match (parts, arguments.service.as_deref()) {
            (Some((host, service)), None) if !host.is_empty() => (host, Some(service)),
            (_, service) => (whole, service),
        };
        let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        let number = matches!(inner.parse(), Ok(Host::V4(_) | Host::V6 { .. }));
        let family = match (arguments.four, arguments.six) {
            (true, _) => Some(Ip::V4),
            (_, true) => Some(Ip::V6),
            _ => None,
        };
        let kind = arguments.kind.map(|kind| match kind {
            SocketType::Stream => ResolveKind::Stream,
            SocketType::Datagram => ResolveKind::Datagram,
            SocketType::Raw => ResolveKind::Raw,
        });
        Asked { name: if number { inner } else { name }, number, service, family, kind }
    }

    fn resolve(&self) -> puerta::Result<Vec<Resolved>> {
        let query = Query::new(self.name).family(self.family).kind(self.kind);
        resolve(&match self.service {
            Some(service) => query.service(service),
            None => query,
        })
    }
}

struct Line {
    text: String,
    data: Value,
}

fn forward(asked: &Asked<'_>) -> puerta::Result<Vec<Line>> {
    let mut found = asked.resolve()?;
    if asked.kind.is_none() {
        // One line an address: which types a name has is the service's business.
        let mut seen = HashSet::new();
        found.retain(|resolved| seen.insert(resolved.address));
    }
    let order: Vec<SocketAddr> = puerta::interleave(&found.iter().map(|r| r.address).collect::<Vec<_>>());
    found.sort_by_key(|r| order.iter().position(|a| *a == r.address));
    Ok(found.iter().map(|resolved| line(asked, resolved)).collect())
}

fn line(asked: &Asked<'_>, resolved: &Resolved) -> Line {
    let address = &resolved.address;
    let (host, port) = (host(address), asked.service.map(|_| address.port()));
    let text = match port {
        None => host.clone(),
        Some(port) if address.is_ipv6() => format!("[{host}]:{port}"),
        Some(port) => format!("{host}:{port}"),
    };
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    let data = json!({"name": asked.name, "address": host, "port": port, "family": family,
        "type": format!("{:?}", resolved.kind).to_lowercase()});
    Line { text, data }
}

/// The host alone; a zone by its interface's name, where it still has one.
fn host(address: &SocketAddr) -> String {
    let zone = match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => {
            let zone = v6.scope_id();
            format!("%{}", interface_name(zone).unwrap_or_else(|_| zone.to_string()))
        }
        _ => String::new(),
    };
    format!("{}{zone}", address.ip())
}

fn backward(asked: &Asked<'_>) -> puerta::Result<Vec<Line>> {
    let found = asked.resolve()?;
    let Some(Resolved { address, .. }) = found.first() else { return Ok(Vec::new()) };
    let datagram = if asked.kind == Some(ResolveKind::Datagram) { NameFlags::DATAGRAM } else { NameFlags::NONE };
    let (name, service) = reverse(address, NameFlags::NAME_REQUIRED | datagram)?;
    let text = if asked.service.is_some() { format!("{name} {service}") } else { name.clone() };
    let port = asked.service.map(|_| address.port());
    let service = asked.service.map(|_| service);
    let data = json!({"address": host(address), "name": name, "port": port, "service": service});
    Ok(vec![Line { text, data }])
}
