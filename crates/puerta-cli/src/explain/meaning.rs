//! What each part of an address means.

use puerta::{Host, Ip, Service, Target, Transport, UnixAddr};
use puerta_relay::Endpoint;
use puerta_relay::plan::Role;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;

/// A part as it is written, and what it says.
pub(crate) struct Part {
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    pub(crate) meaning: String,
}

/// The longest Unix path or name: sun_path of unix(7) without its NUL.
const LONGEST: usize = 107;

/// The parts of an address from left to right.
pub(crate) fn parts(endpoint: &Endpoint, role: Role, family: Option<Ip>) -> Vec<Part> {
    let address = &endpoint.address;
    let mut parts = vec![part("transport", address.transport.name(), transport(address.transport))];
    if endpoint.listen {
        parts.push(part("listen", "-listen", "this end listens, whatever the command"));
    }
    match &address.target {
        Target::Inet { host, service } => inet(&mut parts, host, service, role, family),
        Target::Unix(at) => parts.push(unix(at)),
    }
    for setting in &endpoint.options {
        let named = setting.named();
        let meaning = format!("{}; takes {}", named.summary, named.value);
        parts.push(Part { kind: "option", text: setting.to_string(), meaning });
    }
    parts
}

fn part(kind: &'static str, text: impl Into<String>, meaning: impl Into<String>) -> Part {
    Part { kind, text: text.into(), meaning: meaning.into() }
}

fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => {
            "TCP: a connection that carries a stream of bytes, in order; the peer's system acknowledges them (RFC 9293, tcp(7))"
        }
        Transport::Udp => {
            "UDP: datagrams, each on its own; one can get lost, come twice, or overtake another (RFC 768, udp(7))"
        }
        Transport::Unix => {
            "a Unix socket, between programs of this machine: a connection that carries a stream of bytes (unix(7))"
        }
        Transport::UnixDatagram => {
            "a Unix socket, between programs of this machine: datagrams, in order, none lost (unix(7))"
        }
        Transport::UnixPacket => {
            "a Unix socket, between programs of this machine: a connection that keeps packets apart (SOCK_SEQPACKET, unix(7))"
        }
        _ => "a transport",
    }
}

fn inet(parts: &mut Vec<Part>, host: &Host, service: &Service, role: Role, family: Option<Ip>) {
    match host {
        Host::Any => {
            let families = match family {
                None => "IPv6 and IPv4",
                Some(Ip::V4) => "IPv4 alone",
                Some(Ip::V6) => "IPv6 alone",
            };
            parts.push(part("host", "(no host)", format!("every interface of this machine, {families}")));
        }
        Host::V4(ip) => parts.push(part("host", ip.to_string(), v4(*ip))),
        Host::V6 { ip, zone } => {
            parts.push(part("host", format!("[{ip}]"), v6(*ip)));
            if let Some(zone) = zone {
                let known = if zone.parse::<u32>().is_ok() { "number" } else { "name" };
                let meaning =
                    format!("the interface by its {known}: link-local addresses are the same on each (RFC 4007)");
                parts.push(part("zone", format!("%{zone}"), meaning));
            }
        }
        Host::Name(name) if name.eq_ignore_ascii_case("localhost") => {
            parts.push(part("host", name, "this machine itself: 127.0.0.1, ::1, or both, as /etc/hosts says"));
        }
        Host::Name(name) => {
            let meaning =
                "a name: the system looks its addresses up, in /etc/hosts, then by DNS (puerta resolve shows them)";
            parts.push(part("host", name, meaning));
        }
    }
    parts.push(port(service, role));
}

fn port(service: &Service, role: Role) -> Part {
    let meaning = match (service, role) {
        (Service::Name(_), _) => "a service: /etc/services tells its port",
        (Service::Port(0), _) => "any free port: the system chooses one, and listen says which",
        (Service::Port(..=1023), Role::Listen) => {
            "the port. To listen below 1024 takes a privilege, unless net.ipv4.ip_unprivileged_port_start allows it"
        }
        (_, Role::Listen) => "the port: it tells the programs of a machine apart. All clients come to this one",
        (_, Role::Connect) => "the port: it tells the programs of a machine apart. Ours is any free one",
    };
    part("port", service.to_string(), meaning)
}

fn v4(ip: Ipv4Addr) -> &'static str {
    match ip {
        _ if ip.is_unspecified() => "every IPv4 interface of this machine",
        _ if ip.is_loopback() => "IPv4: this machine itself (loopback); no other can reach it",
        _ if ip.is_broadcast() => "IPv4: everyone on the local network; UDP alone, with the option broadcast",
        _ if ip.is_multicast() => "IPv4: a multicast group; UDP alone, and receivers join it with multicast-join",
        _ if ip.is_private() => "IPv4: a private address, of a local network (RFC 1918)",
        _ if ip.is_link_local() => "IPv4: a link-local address, made up where no DHCP answered (RFC 3927)",
        _ => "an IPv4 address",
    }
}

fn v6(ip: Ipv6Addr) -> &'static str {
    match ip {
        _ if ip.is_unspecified() => "every interface of this machine, IPv6 and, unless v6-only is set, IPv4",
        _ if ip.is_loopback() => "IPv6: this machine itself (loopback); no other can reach it",
        _ if ip.is_multicast() => "IPv6: a multicast group; UDP alone, and receivers join it with multicast-join",
        _ if ip.to_ipv4_mapped().is_some() => "an IPv4 address in the form of IPv6 (RFC 4291): what goes out is IPv4",
        _ if ip.is_unicast_link_local() => {
            "IPv6: a link-local address, valid on one link; it needs its interface, %eth0"
        }
        _ if ip.is_unique_local() => "IPv6: a private address, of a local network (RFC 4193)",
        _ => "an IPv6 address, in brackets because of its colons",
    }
}

fn unix(at: &UnixAddr) -> Part {
    match at {
        UnixAddr::Abstract(name) => {
            let length = name.len();
            let meaning = format!(
                "an abstract name ({length} of {LONGEST} bytes): it lives in the kernel, without file or permissions; Linux only"
            );
            part("name", at.to_string(), meaning)
        }
        UnixAddr::Path(path) => {
            let length = path.as_os_str().as_bytes().len();
            let from = if path.is_relative() { ", from the current folder" } else { "" };
            let meaning = format!(
                "a path{from} ({length} of {LONGEST} bytes): the socket is a file there, and who may write to it may connect"
            );
            part("path", at.to_string(), meaning)
        }
        UnixAddr::Unnamed => part("name", at.to_string(), "no name"),
    }
}
