//! Who can reach a listening socket, and what they type. No I/O: what this machine says of its networks is an argument.

use crate::words::shell;
use puerta::{Endpoint, Interface, UnixAddr};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What this machine says of its networks.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// Its interfaces; `None` where they could not be asked for.
    pub interfaces: Option<Vec<Interface>>,
    /// Its addresses that the default routes lead from, as far as they are known.
    pub default: Vec<IpAddr>,
    /// Whether the socket that it is about takes IPv6 alone: see [`of_ipv6`](Self::of_ipv6).
    pub ipv6_alone: bool,
}

/// Who can reach an address that is listened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Programs on this machine.
    Here,
    /// All of these.
    Others(Vec<Who>),
    /// The interfaces could not be asked for, or none has the address.
    Unknown,
}

/// Some of those who can reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Everyone, as far as no firewall forbids it: the address is [global](is_global).
    Internet,
    /// Everyone on this network: `10.0.0.0/24`.
    Network(String),
    /// Everyone on the link of this interface, by an address that has no meaning elsewhere: RFC 4291, section 2.5.6, and RFC 3927.
    Link(String),
    /// Everyone to whom this interface leads. Its network is its own address alone: `10.8.0.6/32` of a tunnel.
    Behind(String),
}

/// From where an address is best reached, and what to connect to there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `from another machine`
    pub place: String,
    /// The address, without its zone.
    pub at: SocketAddr,
    /// Behind the `%`, for a link-local IPv6 address: the interface's name here, which may be another there.
    pub zone: Option<String>,
}

/// How the names of interfaces begin behind which are containers, other systems of this machine, or a private network of some other
/// place: hardly ever those who sit in the same room.
const INNER: [&str; 22] = [
    "br-",
    "cali",
    "cni",
    "docker",
    "flannel",
    "incusbr",
    "lxcbr",
    "lxdbr",
    "podman",
    "ppp",
    "tailscale",
    "tap",
    "tun",
    "utun",
    "vboxnet",
    "veth",
    "virbr",
    "vmnet",
    "vnet",
    "wg",
    "wwan",
    "zt",
];

/// Who can reach `address`.
pub fn reach(address: &Endpoint, machine: &Machine) -> Reach {
    let Endpoint::Inet(address) = address else { return Reach::Here };
    let ip = address.ip().to_canonical();
    if ip.is_loopback() {
        return Reach::Here;
    }
    let through = outside(address, machine);
    let mut all = Vec::new();
    for who in through.iter().filter_map(|interface| who(interface, &through)) {
        if !all.contains(&who) {
            all.push(who);
        }
    }
    match (all.is_empty(), machine.interfaces.is_some() && ip.is_unspecified()) {
        (false, _) => Reach::Others(all),
        (true, true) => Reach::Here,
        (true, false) => Reach::Unknown,
    }
}

/// The line to type elsewhere.
pub fn invitation(transport: &str, address: &Endpoint, machine: &Machine) -> String {
    match address {
        Endpoint::Inet(address) => {
            let target = target(address, machine);
            let (prefix, flag) = if transport == "udp" { ("udp:", "-u ") } else { ("", "") };
            let (place, host) = (&target.place, target.host());
            format!("{place}: puerta connect {prefix}{target}, or nc {flag}{host} {}", address.port())
        }
        Endpoint::Unix(unix) => {
            let prefix = if transport == "unix" { String::new() } else { format!("{transport}:") };
            let path = shell(&unix.to_string());
            let nc = match (transport, unix) {
                ("unix", UnixAddr::Path(_)) => format!(", or nc -U {path}"),
                ("unix-dgram", UnixAddr::Path(_)) => format!(", or nc -uU {path}"),
                _ => String::new(),
            };
            format!("from this machine: puerta connect {}{nc}", shell(&format!("{prefix}{}", typed(unix))))
        }
    }
}

/// A Unix address as it is typed behind its transport, and for a stream also alone: `./a%2Cb`.
pub fn typed(unix: &UnixAddr) -> String {
    let text = puerta::Target::Unix(unix.clone()).to_string();
    let alone = ["/", "./", "../"].iter().any(|start| text.starts_with(start));
    if unix.as_path().is_some() && !alone { format!("./{text}") } else { text }
}

/// From where an address is best reached, and what to connect to there.
pub fn target(address: &SocketAddr, machine: &Machine) -> Target {
    if let Some(best) = outside(address, machine).first() {
        let zone = needs_zone(best.address).then(|| best.name.clone());
        return Target::from_outside(SocketAddr::new(best.address, address.port()), zone);
    }
    let ip = address.ip().to_canonical();
    if !ip.is_unspecified() && !ip.is_loopback() {
        return Target::from_outside(SocketAddr::new(ip, address.port()), zone(address, machine));
    }
    // For tools that cannot write the unspecified address. Dual stack takes IPv4 too.
    let host = match ip.is_unspecified() {
        true if machine.ipv6_alone => Ipv6Addr::LOCALHOST.into(),
        true => Ipv4Addr::LOCALHOST.into(),
        false => ip,
    };
    Target { place: "from this machine".to_owned(), at: SocketAddr::new(host, address.port()), zone: None }
}

/// All addresses under which others reach this one, the likeliest first: that of the default route, then those of other networks, of
/// tunnels and bridges, and of a link alone; of equals, IPv4 first. Without those of IPv6 that need a zone: browsers take none, and the
/// one who would type it has another.
pub fn addresses(address: &SocketAddr, machine: &Machine) -> Vec<SocketAddr> {
    let ip = address.ip().to_canonical();
    let mut all: Vec<SocketAddr> = Vec::new();
    let found = outside(address, machine).into_iter().map(|i| i.address);
    // One that no interface is known to have is reached in some way, or it would not be listened on.
    let itself = Some(ip).filter(|ip| !ip.is_unspecified() && !ip.is_loopback());
    for ip in found.chain(itself).filter(|ip| !needs_zone(*ip)) {
        let at = SocketAddr::new(ip, address.port());
        if !all.contains(&at) {
            all.push(at);
        }
    }
    all
}

/// The address that is listened on as [`target`] has it: a zone is the name of the interface.
pub fn bound(address: &SocketAddr, machine: &Machine) -> Target {
    let (place, zone) = ("from this machine".to_owned(), zone(address, machine));
    Target { place, at: SocketAddr::new(address.ip(), address.port()), zone }
}

/// Whether an address has a meaning everywhere: it is unicast, and in none of the blocks that IANA's registries of special-purpose
/// addresses (RFC 6890) give to private networks, to providers (`100.64.0.0/10`, RFC 6598), to a machine or a link alone, to
/// examples (RFC 5737, RFC 3849, RFC 9637) or to benchmarks (RFC 2544, RFC 5180). Of IPv6, `2000::/3` is given out.
pub fn is_global(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            let special = match ip.octets() {
                [0 | 10 | 127 | 224..=255, ..] | [192, 0, 0, _] | [198, 18 | 19, ..] => true,
                [100, second, ..] => second & 0xc0 == 64,
                _ => false,
            };
            !(special || ip.is_private() || ip.is_link_local() || ip.is_documentation())
        }
        IpAddr::V6(ip) => match ip.segments() {
            [0x2001, 0xdb8, ..] | [0x2001, 2, 0, ..] | [0x3fff, 0..=0xfff, ..] => false,
            [first, ..] => first & 0xe000 == 0x2000,
        },
    }
}

impl Machine {
    /// What of it matters to a socket that takes IPv6 alone, where it does: `-6`, or the option `v6-only`.
    #[must_use]
    pub fn of_ipv6(mut self, alone: bool) -> Self {
        if alone {
            self.interfaces.iter_mut().for_each(|all| all.retain(|i| i.address.is_ipv6()));
            self.ipv6_alone = true;
        }
        self
    }
}

impl Reach {
    /// The same as data: `internet`, networks, and names of interfaces. `None` where it is not known.
    pub fn names(&self) -> Option<Vec<&str>> {
        match self {
            Reach::Here => Some(Vec::new()),
            Reach::Others(all) => Some(all.iter().map(Who::name).collect()),
            Reach::Unknown => None,
        }
    }
}

impl Who {
    fn name(&self) -> &str {
        match self {
            Who::Internet => "internet",
            Who::Network(name) | Who::Link(name) | Who::Behind(name) => name,
        }
    }
}

impl Target {
    /// The host as nc takes it: `10.0.0.5`, `2001:db8::5`, `fe80::1%eth0`.
    pub fn host(&self) -> String {
        let zone = self.zone.as_ref().map(|zone| format!("%{zone}"));
        format!("{}{}", self.at.ip(), zone.unwrap_or_default())
    }

    /// Its URL. The sign before a zone is written `%25`, as curl takes it (RFC 6874); browsers take no zone.
    pub fn url(&self, scheme: &str) -> String {
        match &self.zone {
            Some(zone) => format!("{scheme}://[{}%25{zone}]:{}/", self.at.ip(), self.at.port()),
            None => format!("{scheme}://{}/", self.at),
        }
    }

    fn from_outside(at: SocketAddr, zone: Option<String>) -> Self {
        let place = match &zone {
            Some(name) => format!("from another machine, with its own interface for {name}"),
            None => "from another machine".to_owned(),
        };
        Target { place, at, zone }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.zone {
            Some(_) => write!(f, "[{}]:{}", self.host(), self.at.port()),
            None => write!(f, "{}", self.at),
        }
    }
}

/// The interfaces through which others reach the address, the likeliest first.
fn outside<'a>(address: &SocketAddr, machine: &'a Machine) -> Vec<&'a Interface> {
    let bound = address.ip().to_canonical();
    let zone = scope(address);
    let reaches = |i: &&Interface| {
        let fits = match bound {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => i.address.is_ipv4(),
            // Of both families.
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => true,
            ip => i.address == ip && (zone == 0 || i.zone == 0 || i.zone == zone),
        };
        i.up && !i.loopback && fits
    };
    let mut found: Vec<&Interface> = machine.interfaces.iter().flatten().filter(reaches).collect();
    found.sort_by_key(|i| (rank(i, &machine.default), i.address.is_ipv6()));
    found
}

/// The lower, the likelier it is that others come by it.
fn rank(interface: &Interface, default: &[IpAddr]) -> u8 {
    match (is_inner(&interface.name), default.contains(&interface.address)) {
        _ if is_link_local(interface.address) => 4,
        (false, true) => 0,
        (false, false) => 1,
        (true, true) => 2,
        (true, false) => 3,
    }
}

fn is_inner(name: &str) -> bool {
    // docker's `br-` has the number of its network behind it; a router's br-lan is where the others are.
    let begins = |start: &&str| match name.strip_prefix(*start) {
        Some(rest) => *start != "br-" || rest.bytes().all(|b| b.is_ascii_hexdigit()),
        None => false,
    };
    INNER.iter().any(begins)
}

/// Who comes by an interface. Those of its link are not told of where it has a network, too: they are the same. Nor, beside a network, are
/// those of a container's link, which its bridge leads to.
fn who(interface: &Interface, all: &[&Interface]) -> Option<Who> {
    let Interface { name, address, prefix, .. } = interface;
    if is_link_local(*address) {
        let has_more = all.iter().any(|i| (i.name == *name || is_inner(name)) && !is_link_local(i.address));
        return (!has_more).then(|| Who::Link(name.clone()));
    }
    let whole = if address.is_ipv4() { 32 } else { 128 };
    Some(match *prefix {
        _ if is_global(*address) => Who::Internet,
        prefix if prefix >= whole => Who::Behind(name.clone()),
        prefix => Who::Network(network(*address, prefix)),
    })
}

/// The name of the interface that a zone is, or its number where it has none.
fn zone(address: &SocketAddr, machine: &Machine) -> Option<String> {
    let zone = scope(address);
    let named = machine.interfaces.iter().flatten().find(|i| i.zone == zone).map(|i| i.name.clone());
    (zone != 0).then(|| named.unwrap_or_else(|| zone.to_string()))
}

fn scope(address: &SocketAddr) -> u32 {
    if let SocketAddr::V6(address) = address { address.scope_id() } else { 0 }
}

fn needs_zone(address: IpAddr) -> bool {
    address.is_ipv6() && is_link_local(address)
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
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

    /// `eth0 10.0.0.5/24`, several in a text.
    fn machine(text: &str) -> Machine {
        let one = |line: &str| {
            let (name, address) = line.trim().split_once(' ').unwrap();
            let (address, prefix) = address.split_once('/').unwrap();
            let address: IpAddr = address.parse().unwrap();
            let zone = name.bytes().map(u32::from).sum::<u32>() * u32::from(needs_zone(address));
            let prefix = prefix.parse().unwrap();
            Interface { name: name.into(), address, prefix, zone, up: true, loopback: name == "lo" }
        };
        Machine { interfaces: Some(text.split(',').map(one).collect()), ..Machine::default() }
    }

    fn usual() -> Machine {
        machine("lo 127.0.0.1/8, eth0 2001:db8::5/64, eth0 10.0.0.5/24, eth0 fe80::1/64")
    }

    fn inet(text: &str) -> Endpoint {
        Endpoint::Inet(text.parse().unwrap())
    }

    fn said(address: &str, interfaces: &str) -> String {
        reach(&inet(address), &machine(interfaces)).to_string()
    }

    #[test]
    fn exposure_names_the_networks_and_the_line_to_type_there() {
        let all = inet("[::]:9000");
        assert_eq!(reach(&all, &usual()).to_string(), "anyone on 10.0.0.0/24, 2001:db8::/64 can reach this");
        let line = invitation("tcp", &all, &usual());
        assert_eq!(line, "from another machine: puerta connect 10.0.0.5:9000, or nc 10.0.0.5 9000");
        let line = invitation("udp", &inet("0.0.0.0:9"), &usual());
        assert_eq!(line, "from another machine: puerta connect udp:10.0.0.5:9, or nc -u 10.0.0.5 9");
        assert_eq!(reach(&inet("0.0.0.0:9"), &usual()), Reach::Others(vec![Who::Network("10.0.0.0/24".into())]));
        let line = invitation("tcp", &inet("[2001:db8::5]:9"), &usual());
        assert_eq!(line, "from another machine: puerta connect [2001:db8::5]:9, or nc 2001:db8::5 9");
    }

    #[test]
    fn loopback_and_paths_are_for_this_machine() {
        for at in ["127.0.0.1:9000", "[::1]:9000", "[::ffff:127.0.0.1]:9000"] {
            assert_eq!(reach(&inet(at), &usual()), Reach::Here, "{at}");
            assert_eq!(reach(&inet(at), &Machine::default()), Reach::Here, "{at}");
        }
        assert_eq!(reach(&inet("[::]:9000"), &machine("lo 127.0.0.1/8")), Reach::Here);
        assert_eq!(
            invitation("tcp", &inet("[::1]:7"), &usual()),
            "from this machine: puerta connect [::1]:7, or nc ::1 7"
        );
        let line = invitation("tcp", &inet("[::]:7"), &Machine::default());
        assert_eq!(line, "from this machine: puerta connect 127.0.0.1:7, or nc 127.0.0.1 7");
        let path = Endpoint::Unix(UnixAddr::path("/run/door"));
        let none = Machine::default();
        assert_eq!(invitation("unix", &path, &none), "from this machine: puerta connect /run/door, or nc -U /run/door");
        assert_eq!(invitation("unix-packet", &path, &none), "from this machine: puerta connect unix-packet:/run/door");
    }

    #[test]
    fn who_can_reach_it_is_not_guessed_where_the_interfaces_are_not_known() {
        for at in ["[::]:80", "0.0.0.0:80", "10.0.0.5:80", "[fe80::1%3]:80"] {
            let reach = reach(&inet(at), &Machine::default());
            assert_eq!((reach.to_string().as_str(), reach.names()), ("who can reach this is not known", None), "{at}");
        }
        assert_eq!(said("10.9.9.9:80", "eth0 10.0.0.5/24"), "who can reach this is not known");
        let at = "10.9.9.9:80".parse().unwrap();
        assert_eq!((addresses(&at, &usual()), addresses(&at, &Machine::default())), (vec![at], vec![at]));
    }

    #[test]
    fn an_address_of_a_link_is_open_to_the_link_and_keeps_its_zone() {
        let (two, at) = (machine("lo ::1/128, eth0 fe80::1/64, eth1 fe80::1/64"), "[fe80::1%370]:80");
        assert_eq!(zone(&at.parse().unwrap(), &two).unwrap(), "eth1");
        assert_eq!(reach(&inet(at), &two).to_string(), "anyone on the link eth1 can reach this");
        assert_eq!(reach(&inet("[::]:80"), &two).to_string(), "anyone on the link eth0, the link eth1 can reach this");
        let line = invitation("tcp", &inet(at), &two);
        let place = "from another machine, with its own interface for eth1";
        assert_eq!(line, format!("{place}: puerta connect [fe80::1%eth1]:80, or nc fe80::1%eth1 80"));
        assert_eq!(target(&at.parse().unwrap(), &two).url("http"), "http://[fe80::1%25eth1]:80/");
        assert_eq!(bound(&at.parse().unwrap(), &two).to_string(), "[fe80::1%eth1]:80");
        assert_eq!(bound(&at.parse().unwrap(), &Machine::default()).to_string(), "[fe80::1%370]:80");
        assert_eq!(addresses(&"[::]:80".parse().unwrap(), &two), []);
        assert_eq!(said("[::]:80", "veth0 fe80::1/64"), "anyone on the link veth0 can reach this");
        let all = said("[::]:80", "veth0 fe80::1/64, eth0 10.0.0.5/24, eth0 fe80::1/64, eth1 fe80::1/64");
        assert_eq!(all, "anyone on 10.0.0.0/24, the link eth1 can reach this");
        assert_eq!(said("[::]:80", "eth0 169.254.7.7/16"), "anyone on the link eth0 can reach this");
    }

    #[test]
    fn a_global_address_is_open_to_the_internet() {
        let firewall = "unless a firewall stands before it";
        let alone = format!("anyone on the internet can reach this, {firewall}");
        assert_eq!(said("[::]:80", "eth0 8.8.8.8/24, eth0 2a00:1450::5/64, eth0 fe80::1/64"), alone);
        assert_eq!(said("8.8.8.8:80", "eth0 8.8.8.8/32"), alone);
        assert_eq!(
            said("[::]:80", "wlan0 192.168.1.5/24, wlan0 2a00:1450::5/64"),
            format!("anyone on 192.168.1.0/24 can reach this; anyone on the internet too, {firewall}")
        );
        let global = ["8.8.8.8", "100.63.0.1", "100.128.0.1", "172.32.0.1", "198.20.0.1", "2a00::1", "3fff:1000::1"];
        let special = "0.0.0.1 10.0.0.1 100.64.0.1 100.127.255.1 127.0.0.1 169.254.0.1 172.16.0.1 192.0.0.8 192.0.2.1 192.168.0.1 \
            198.18.0.1 198.19.0.1 198.51.100.1 203.0.113.1 224.0.0.1 255.255.255.255 :: ::1 fe80::1 fd00::1 fc00::1 ff02::1 \
            2001:db8::1 2001:2::1 3fff::1 64:ff9b::1 ::ffff:10.0.0.1";
        for (all, expected) in [(global.to_vec(), true), (special.split(' ').collect(), false)] {
            for ip in all {
                assert_eq!(is_global(ip.trim().parse().unwrap()), expected, "{ip}");
            }
        }
    }

    #[test]
    fn a_network_of_one_address_is_told_by_its_interface() {
        let all = said("[::]:80", "tun0 10.8.0.6/32, wg0 fd00::6/128, eth0 10.0.0.5/24, eth1 10.1.0.5/24");
        assert_eq!(all, "anyone on 10.0.0.0/24, 10.1.0.0/24, the network behind tun0 and 1 more can reach this");
        let data = reach(&inet("[::]:80"), &machine("tun0 10.8.0.6/32, eth0 8.8.8.8/24, eth1 fe80::1/64"));
        assert_eq!(data.names().unwrap(), ["internet", "tun0", "eth1"]);
    }

    #[test]
    fn the_likeliest_address_is_the_default_routes_and_bridges_tunnels_and_links_come_last() {
        let all = "docker0 172.17.0.1/16, br-0123456789ab 172.18.0.1/16, tun0 10.8.0.6/24, eth1 169.254.1.1/16, br-lan 10.1.0.1/24, \
            wlan0 2001:db8::5/64, wlan0 192.168.1.5/24, wlan0 192.168.1.6/24, wlan0 fe80::1/64";
        let order = |default: &[&str]| {
            let default = default.iter().map(|ip| ip.parse().unwrap()).collect();
            let machine = Machine { default, ..machine(all) };
            let all = addresses(&"[::]:80".parse().unwrap(), &machine);
            assert_eq!(all.first(), Some(&target(&"[::]:80".parse().unwrap(), &machine).at));
            let hosts: Vec<_> = all.iter().map(|at| at.ip().to_string()).collect();
            hosts.join(" ")
        };
        let last = "172.17.0.1 172.18.0.1 10.8.0.6 169.254.1.1";
        assert_eq!(order(&[]), format!("10.1.0.1 192.168.1.5 192.168.1.6 2001:db8::5 {last}"));
        assert_eq!(
            order(&["192.168.1.6", "2001:db8::5"]),
            format!("192.168.1.6 2001:db8::5 10.1.0.1 192.168.1.5 {last}")
        );
        // All traffic goes through a tunnel; those in the room still do not come through it.
        let last = "10.8.0.6 172.17.0.1 172.18.0.1 169.254.1.1";
        assert_eq!(order(&["10.8.0.6"]), format!("10.1.0.1 192.168.1.5 192.168.1.6 2001:db8::5 {last}"));
    }
}
