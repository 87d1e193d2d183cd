//! Who can reach a listening socket, and what they type. No I/O: the interfaces are an argument.

use puerta::{Endpoint, Interface, UnixAddr};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Who can reach an address that is listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Programs on this machine.
    Here,
    /// Everyone on these networks (`10.0.0.0/24`).
    Networks(Vec<String>),
}

/// How many networks are named.
const NAMED: usize = 3;

/// Who can reach `address`.
pub fn reach(address: &Endpoint, interfaces: &[Interface]) -> Reach {
    let Endpoint::Inet(address) = address else { return Reach::Here };
    let mut networks: Vec<String> = outside(address, interfaces).map(|i| network(i.address, i.prefix)).collect();
    networks.dedup();
    if networks.is_empty() { Reach::Here } else { Reach::Networks(networks) }
}

/// The line to type elsewhere.
pub fn invitation(transport: &str, address: &Endpoint, interfaces: &[Interface]) -> String {
    match address {
        Endpoint::Inet(address) => {
            let (place, target) = target(address, interfaces);
            let host = target.ip();
            let (prefix, flag) = if transport == "udp" { ("udp:", "-u ") } else { ("", "") };
            format!("{place}: puerta connect {prefix}{target}, or nc {flag}{host} {}", address.port())
        }
        Endpoint::Unix(unix) => {
            let prefix = if transport == "unix" { String::new() } else { format!("{transport}:") };
            let nc = match (transport, unix) {
                ("unix", UnixAddr::Path(_)) => format!(", or nc -U {unix}"),
                ("unix-dgram", UnixAddr::Path(_)) => format!(", or nc -uU {unix}"),
                _ => String::new(),
            };
            format!("from this machine: puerta connect {prefix}{unix}{nc}")
        }
    }
}

/// From where an address is best reached (`from another machine`), and what to connect to there.
pub fn target(address: &SocketAddr, interfaces: &[Interface]) -> (&'static str, SocketAddr) {
    let from_outside = outside(address, interfaces).next().map(|i| i.address);
    let host = from_outside.unwrap_or_else(|| here(address.ip()));
    let place = if from_outside.is_some() { "from another machine" } else { "from this machine" };
    (place, SocketAddr::new(host, address.port()))
}

/// All addresses under which others reach this one, the likeliest first.
pub fn addresses(address: &SocketAddr, interfaces: &[Interface]) -> Vec<SocketAddr> {
    let mut all: Vec<SocketAddr> = Vec::new();
    for interface in outside(address, interfaces) {
        let at = SocketAddr::new(interface.address, address.port());
        if !all.contains(&at) {
            all.push(at);
        }
    }
    all
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reach::Here => f.write_str("only this machine can reach this"),
            Reach::Networks(all) => {
                let named = all.get(..NAMED).unwrap_or(all);
                write!(f, "anyone on {}", named.join(", "))?;
                if all.len() > NAMED {
                    write!(f, " and {} more", all.len() - NAMED)?;
                }
                f.write_str(" can reach this")
            }
        }
    }
}

/// The interfaces through which others reach the address; those of IPv4 first.
fn outside<'a>(address: &'a SocketAddr, interfaces: &'a [Interface]) -> impl Iterator<Item = &'a Interface> {
    let both = address.ip() == IpAddr::from([0u16; 8]);
    let reaches = move |i: &&Interface| {
        let same_family = i.address.is_ipv4() == address.is_ipv4() || both;
        let bound = address.ip().is_unspecified() || address.ip() == i.address;
        let link_local = matches!(i.address, IpAddr::V6(v6) if v6.is_unicast_link_local());
        i.up && !i.loopback && same_family && bound && !link_local
    };
    let (v4, v6) =
        (interfaces.iter().filter(|i| i.address.is_ipv4()), interfaces.iter().filter(|i| i.address.is_ipv6()));
    v4.chain(v6).filter(reaches)
}

/// For tools that cannot write the unspecified address. Dual stack takes IPv4 too.
fn here(bound: IpAddr) -> IpAddr {
    if bound.is_unspecified() { IpAddr::from([127, 0, 0, 1]) } else { bound }
}

fn network(address: IpAddr, prefix: u8) -> String {
    let masked = match address {
        IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() & u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)).into()),
        IpAddr::V6(v6) => {
            IpAddr::V6((v6.to_bits() & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)).into())
        }
    };
    format!("{masked}/{prefix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Vec<Interface> {
        let of = |name: &str, address: &str, prefix, loopback| Interface {
            name: name.into(),
            address: address.parse().unwrap(),
            prefix,
            zone: 0,
            up: true,
            loopback,
        };
        vec![
            of("lo", "127.0.0.1", 8, true),
            of("eth0", "2001:db8::5", 64, false),
            of("eth0", "10.0.0.5", 24, false),
            of("eth0", "fe80::1", 64, false),
        ]
    }

    fn inet(text: &str) -> Endpoint {
        Endpoint::Inet(text.parse().unwrap())
    }

    #[test]
    fn exposure_names_the_networks_and_the_line_to_type_there() {
        let all = inet("[::]:9000");
        assert_eq!(reach(&all, &machine()).to_string(), "anyone on 10.0.0.0/24, 2001:db8::/64 can reach this");
        let line = invitation("tcp", &all, &machine());
        assert_eq!(line, "from another machine: puerta connect 10.0.0.5:9000, or nc 10.0.0.5 9000");
        let line = invitation("udp", &inet("0.0.0.0:9"), &machine());
        assert_eq!(line, "from another machine: puerta connect udp:10.0.0.5:9, or nc -u 10.0.0.5 9");
        assert_eq!(reach(&inet("0.0.0.0:9"), &machine()), Reach::Networks(vec!["10.0.0.0/24".into()]));
    }

    #[test]
    fn loopback_and_paths_are_for_this_machine() {
        assert_eq!(reach(&inet("127.0.0.1:9000"), &machine()), Reach::Here);
        assert_eq!(
            invitation("tcp", &inet("[::1]:7"), &machine()),
            "from this machine: puerta connect [::1]:7, or nc ::1 7"
        );
        let line = invitation("tcp", &inet("[::]:7"), &[]);
        assert_eq!(line, "from this machine: puerta connect 127.0.0.1:7, or nc 127.0.0.1 7");
        let path = Endpoint::Unix(UnixAddr::path("/run/door"));
        assert_eq!(invitation("unix", &path, &[]), "from this machine: puerta connect /run/door, or nc -U /run/door");
        assert_eq!(invitation("unix-packet", &path, &[]), "from this machine: puerta connect unix-packet:/run/door");
    }
}
