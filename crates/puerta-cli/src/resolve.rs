//! `resolve`: names to addresses in the order in which connect would try them, and back.

use crate::arguments::{Resolve, SocketType};
use crate::report::Reporter;
use crate::trace;
use puerta::{Ip, NameFlags, Query, Resolved, SocketType as ResolveKind, resolve, reverse};
use serde_json::{Value, json};
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

pub(crate) fn run(arguments: &Resolve) -> ExitCode {
    let reporter = Reporter::new(&arguments.output);
    trace::start(arguments.output.trace);
    let lines = match arguments.name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(ip) => backward(arguments, ip),
        Err(_) => forward(arguments),
    };
    let lines = match lines {
        Ok(lines) => lines,
        Err(error) => return reporter.socket_error(error),
    };
    let mut out = std::io::stdout().lock();
    let written = lines.iter().try_for_each(|line| {
        if reporter.json() {
            writeln!(out, "{}", line.data)
        } else {
            writeln!(out, "{}", puerta_text::visible(&line.text))
        }
    });
    match written.and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crate::report::line(&format!("writing the output failed: {error}"));
            ExitCode::from(8)
        }
    }
}

struct Line {
    text: String,
    data: Value,
}

fn forward(arguments: &Resolve) -> puerta::Result<Vec<Line>> {
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
    let mut query = Query::new(&arguments.name).family(family).kind(kind);
    if let Some(service) = &arguments.service {
        query = query.service(service);
    }
    let mut found = resolve(&query)?;
    if arguments.kind.is_none() {
        // One line an address: which types a name has is the service's business.
        let mut seen = Vec::new();
        found.retain(|r| {
            !seen.contains(&r.address) && {
                seen.push(r.address);
                true
            }
        });
    }
    let order: Vec<SocketAddr> = puerta::interleave(&found.iter().map(|r| r.address).collect::<Vec<_>>());
    found.sort_by_key(|r| order.iter().position(|a| *a == r.address));
    Ok(found.iter().map(|r| line(arguments, r)).collect())
}

fn line(arguments: &Resolve, resolved: &Resolved) -> Line {
    let address = resolved.address;
    let text = if arguments.service.is_some() { address.to_string() } else { host(&address) };
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    let port = arguments.service.is_some().then(|| address.port());
    let data = json!({"name": arguments.name, "address": host(&address), "port": port, "family": family,
        "type": format!("{:?}", resolved.kind).to_lowercase()});
    Line { text, data }
}

/// The host alone, with its zone.
fn host(address: &SocketAddr) -> String {
    let mut bare = *address;
    bare.set_port(0);
    let text = bare.to_string();
    text.trim_end_matches(":0").trim_start_matches('[').trim_end_matches(']').to_owned()
}

fn backward(arguments: &Resolve, ip: IpAddr) -> puerta::Result<Vec<Line>> {
    let port = match &arguments.service {
        None => 0,
        Some(service) => resolve(&Query::new(ip.to_string()).service(service))?.first().map_or(0, |r| r.address.port()),
    };
    let (name, service) = reverse(&SocketAddr::new(ip, port), NameFlags::NAME_REQUIRED)?;
    let text = if arguments.service.is_some() { format!("{name} {service}") } else { name.clone() };
    let service = arguments.service.is_some().then_some(service);
    Ok(vec![Line { text, data: json!({"address": ip.to_string(), "name": name, "service": service}) }])
}
