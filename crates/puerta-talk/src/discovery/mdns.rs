//! mDNS and DNS-SD, RFC 6762 and RFC 6763, by the crate mdns-sd, which has a thread of its own. Links point to point, and the
//! loopback interface, are passed by.

use super::places::own_addresses;
use crate::announcement::{ADDRESSES, Announcement, Process};
use crate::room::ids::Device;
use crate::rung::Why;
use data_encoding::HEXLOWER;
use mdns_sd::{
    DaemonEvent, DaemonStatus, IfKind, MDNS_PORT, Receiver, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent,
    ServiceInfo, TxtProperty,
};
use puerta::{Interface, Ip, Socket, Udp, interfaces, opt};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// The service type.
pub const SERVICE: &str = "_puerta-talk._udp.local.";

/// At which ages a hub tells its age anew, in seconds, so that what is told of a hub under 18 s is at most 2 s too low
/// ([`LATE`](crate::announcement::LATE)). Ten times at most in the first minute: RFC 6762, 8.4.
pub const TOLD_AT: [u64; 10] = [2, 4, 6, 8, 10, 12, 14, 16, 24, 40];

/// How many hubs may wait to be taken by who looks for them.
const WAITING: usize = 64;
/// How often the daemon looks at the interfaces anew, in seconds. It takes one that is quite new for switched off.
const LOOK: u32 = 1;
/// How long the end may take until the goodbye has gone.
const GOODBYE: Duration = Duration::from_millis(500);

/// A hub that announces itself.
pub(super) struct Service {
    daemon: ServiceDaemon,
    monitor: Receiver<DaemonEvent>,
    fullname: String,
    told: usize,
}

/// What is needed to end a [`Service`].
#[derive(Clone)]
pub(super) struct End {
    daemon: ServiceDaemon,
    fullname: String,
}

impl Service {
    pub(super) fn start(announcement: &Announcement) -> Result<Self, Why> {
        let daemon = daemon()?;
        let monitor = daemon.monitor().map_err(said)?;
        let info = info(announcement).map_err(said)?;
        let fullname = info.get_fullname().to_owned();
        daemon.register(info).map_err(said)?;
        let told = TOLD_AT.iter().filter(|at| announcement.age >= Duration::from_secs(**at)).count();
        Ok(Service { daemon, monitor, fullname, told })
    }

    /// Tells the age anew when it is time, and what went wrong since.
    pub(super) fn keep(&mut self, announcement: &Announcement) -> Result<(), Why> {
        if TOLD_AT.get(self.told).is_some_and(|at| announcement.age >= Duration::from_secs(*at)) {
            self.told += 1;
            self.daemon.register(info(announcement).map_err(said)?).map_err(said)?;
        }
        let errors = self.monitor.try_iter().filter_map(|event| match event {
            DaemonEvent::Error(error) => Some(said(error)),
            _ => None,
        });
        errors.last().map_or(Ok(()), Err)
    }

    pub(super) fn end(&self) -> End {
        End { daemon: self.daemon.clone(), fullname: self.fullname.clone() }
    }
}

impl End {
    /// Says goodbye, without waiting until it has gone.
    pub(super) fn begin(&self) -> Option<Receiver<DaemonStatus>> {
        // Both fail where the thread has ended: then there is nothing to end.
        let _ = self.daemon.unregister(&self.fullname);
        self.daemon.shutdown().ok()
    }

    /// Says goodbye, and waits until it has gone, [`GOODBYE`] at most.
    pub(super) async fn wait(&self) {
        let Some(status) = self.begin() else { return };
        let until = Instant::now() + GOODBYE;
        while status.is_empty() && !status.is_disconnected() && Instant::now() < until {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Looks for hubs that announce themselves.
pub(super) struct Browser {
    daemon: ServiceDaemon,
    found: mpsc::Receiver<(Announcement, SocketAddr)>,
}

impl Browser {
    pub(super) fn start() -> Result<Self, Why> {
        let daemon = daemon()?;
        let events = daemon.browse(SERVICE).map_err(said)?;
        let (sender, found) = mpsc::channel(WAITING);
        // It ends with the daemon, whose receiver ends, or with us, who hold the other end.
        let forward = move || {
            for event in events.iter() {
                let ServiceEvent::ServiceResolved(service) = event else { continue };
                if let Some(found) = read(&service, &interfaces().unwrap_or_default())
                    && sender.blocking_send(found).is_err()
                {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("puerta-mdns".to_owned()).spawn(forward);
        let browser = Browser { daemon, found };
        thread.map(|_| browser).map_err(|e| Why::Mdns(e.to_string()))
    }

    /// The next that was found; `None` where the daemon has ended.
    pub(super) async fn next(&mut self) -> Option<(Announcement, SocketAddr)> {
        self.found.recv().await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.daemon.shutdown();
    }
}

fn said(error: mdns_sd::Error) -> Why {
    Why::Mdns(error.to_string())
}

fn daemon() -> Result<ServiceDaemon, Why> {
    can_share_the_port().map_err(Why::Socket)?;
    let daemon = ServiceDaemon::new().map_err(said)?;
    daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6]).map_err(said)?;
    daemon.set_ip_check_interval(LOOK).map_err(said)?;
    Ok(daemon)
}

/// The daemon tells nobody when it gets no socket: one like its own does, and is closed again.
fn can_share_the_port() -> puerta::Result<()> {
    let socket = Socket::<Udp>::new(Ip::V4)?.with(opt::ReuseAddress, true)?.with(opt::ReusePort, true)?;
    socket.bind(&(Ipv4Addr::UNSPECIFIED, MDNS_PORT).into()).map(|_| ())
}

/// The keys of the TXT record. The name of the instance is that of the process, which is like no other.
const KEY: &str = "key";
const PROCESS: &str = "process";
const NAMED: &str = "name";
const ROOM: &str = "room";
const AGE: &str = "age";
const BARE: &str = "bare";

fn info(announcement: &Announcement) -> mdns_sd::Result<ServiceInfo> {
    let process = HEXLOWER.encode(&announcement.process.0);
    let mut properties: Vec<TxtProperty> = vec![
        (KEY, HEXLOWER.encode(&announcement.hub.0)).into(),
        (PROCESS, &process).into(),
        (NAMED, &announcement.name).into(),
        (ROOM, &announcement.room).into(),
        (AGE, announcement.age.as_millis().to_string()).into(),
    ];
    if announcement.without_arguments {
        properties.push(BARE.into());
    }
    let (instance, host) = (format!("puerta-{process}"), format!("puerta-{process}.local."));
    let addresses = announcement.addresses.as_slice();
    let mut info = ServiceInfo::new(SERVICE, &instance, &host, addresses, announcement.port, properties)?;
    info.set_requires_probe(false);
    Ok(if addresses.is_empty() { info.enable_addr_auto() } else { info })
}

/// What was announced, and where it is reached. No I/O: our interfaces are an argument.
fn read(service: &ResolvedService, interfaces: &[Interface]) -> Option<(Announcement, SocketAddr)> {
    let text = |key| service.get_property_val_str(key);
    let hub = Device(hex(text(KEY)?)?);
    let process = Process(hex(text(PROCESS)?)?);
    let age = Duration::from_millis(text(AGE)?.parse::<u32>().ok()?.into());
    let mut reached: Vec<SocketAddr> = service.addresses.iter().map(|a| with_port(a, service.port)).collect();
    // mDNS may know these before the others, which come with the next event; at them no hub lets anybody in, since QUIC's Retry
    // knows addresses without their zone.
    reached.retain(|a| !is_link_local(a.ip()));
    reached.sort_by_key(|a| (distance(a.ip(), interfaces), *a));
    reached.truncate(ADDRESSES);
    let announcement = Announcement {
        hub,
        process,
        name: text(NAMED)?.to_owned(),
        room: text(ROOM)?.to_owned(),
        port: service.port,
        addresses: reached.iter().map(SocketAddr::ip).collect(),
        age,
        without_arguments: service.get_property(BARE).is_some(),
    };
    announcement.check().ok()?;
    Some((announcement, *reached.first()?))
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn with_port(address: &ScopedIp, port: u16) -> SocketAddr {
    match address {
        ScopedIp::V6(v6) => SocketAddrV6::new(*v6.addr(), port, 0, v6.scope_id().index).into(),
        other => SocketAddr::new(other.to_ip_addr(), port),
    }
}

/// Those on a network of ours come first, then IPv4, and the loopback interface of the hub last.
fn distance(ip: IpAddr, interfaces: &[Interface]) -> (bool, bool, bool) {
    let near = interfaces.iter().any(|i| !i.loopback && same_network(i.address, ip, i.prefix));
    (ip.is_loopback(), !near, ip.is_ipv6())
}

fn same_network(a: IpAddr, b: IpAddr, prefix: u8) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= prefix.into(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= prefix.into(),
        _ => false,
    }
}

fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// Whether there is an interface for it.
pub(super) fn has_network(interfaces: &[Interface]) -> bool {
    own_addresses(interfaces).iter().any(|ip| !ip.is_loopback())
        || interfaces.iter().any(|i| i.up && is_link_local(i.address))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(addresses: &[&str]) -> Announcement {
        Announcement {
            hub: Device([7; 32]),
            process: Process(*b"\x01\x02\x03\x04\x05\x06\x07\x08"),
            name: "ana's ordenador · ñ=1".into(),
            room: String::new(),
            port: 7777,
            addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
            age: Duration::from_millis(1234),
            without_arguments: true,
        }
    }

    fn eth0(address: &str, prefix: u8) -> Interface {
        let address = address.parse().unwrap();
        Interface { name: "eth0".into(), address, prefix, zone: 0, up: true, loopback: false }
    }

    #[test]
    fn what_is_registered_is_read_as_it_was_with_the_nearest_address_first() {
        let ours = hub(&["10.0.0.5", "127.0.0.1", "192.0.2.9", "2001:db8::5"]);
        let service = info(&ours).unwrap().as_resolved_service();
        let (read, reached) = read(&service, &[eth0("192.0.2.1", 24)]).unwrap();
        let nearest = ["192.0.2.9", "10.0.0.5", "2001:db8::5", "127.0.0.1"];
        assert_eq!(read, Announcement { addresses: hub(&nearest).addresses, ..ours });
        assert_eq!(reached.to_string(), "192.0.2.9:7777");
        let asked_for = Announcement { without_arguments: false, ..hub(&["10.0.0.5"]) };
        let service = info(&asked_for).unwrap().as_resolved_service();
        assert_eq!(super::read(&service, &[]).unwrap().0, asked_for);
    }

    #[test]
    fn a_hub_of_which_only_link_local_addresses_came_is_not_told_before_the_others_come() {
        let told = |addresses: &[&str]| read(&info(&hub(addresses)).unwrap().as_resolved_service(), &[]);
        assert_eq!(told(&["fe80::5"]), None);
        let (announcement, reached) = told(&["fe80::5", "10.0.0.5"]).unwrap();
        assert_eq!(
            (announcement.addresses, reached.to_string()),
            (hub(&["10.0.0.5"]).addresses, "10.0.0.5:7777".into())
        );
    }

    #[test]
    fn a_record_that_is_not_ours_is_passed_by() {
        let whole = hub(&["10.0.0.5"]);
        let spoilt = |key: &str, value: &str| {
            let mut service = info(&whole).unwrap();
            let kept: Vec<TxtProperty> = service
                .get_properties()
                .iter()
                .filter(|p| p.key() != key)
                .cloned()
                .chain([(key, value).into()])
                .collect();
            service = ServiceInfo::new(SERVICE, "x", "x.local.", "10.0.0.5", 7777, kept).unwrap();
            read(&service.as_resolved_service(), &[])
        };
        assert!(spoilt("other", "x").is_some());
        for (key, value) in [("key", "07"), ("key", "zz"), ("process", ""), ("age", "-1"), ("age", "9999999999")] {
            assert_eq!(spoilt(key, value), None, "{key}={value}");
        }
        assert_eq!(spoilt("name", &"n".repeat(33)), None);
        let nowhere = hub(&[]);
        assert_eq!(read(&info(&nowhere).unwrap().as_resolved_service(), &[]), None);
    }

    #[test]
    fn what_is_told_of_a_young_hub_is_never_2_s_too_low_and_rarely_told() {
        assert!(TOLD_AT.iter().take_while(|at| **at <= 16).zip(1..).all(|(at, n)| *at == 2 * n));
        assert!(TOLD_AT.iter().filter(|at| **at < 60).count() <= 10);
    }
}
