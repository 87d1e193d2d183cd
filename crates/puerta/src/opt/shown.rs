//! The calls that a setting leads to, without making them.

use super::multicast::{Group, Interface};
use super::named::{Named, Setting};
use super::sealed::Known;
use super::value::Value;
use super::write::{How, LINGER, timeval};
use crate::protocol::Family;
use crate::sys::option::{Key, Plain, level, show_bytes};
use std::fmt;
use std::net::IpAddr;

/// A setsockopt(2) call as the [`trace`](crate::trace) shows it, but for the descriptor.
///
/// ```
/// use puerta::{Family, opt};
///
/// let setting = opt::named("ttl").unwrap().parse(Some("9"))?;
/// let calls: Vec<String> = setting.calls(Family::V6).iter().map(ToString::to_string).collect();
/// assert_eq!(calls, ["IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9", "IPPROTO_IP, IP_TTL, 9"]);
/// # Ok::<(), puerta::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetCall {
    /// `IPPROTO_IP`
    pub level: String,
    /// `IP_TTL`
    pub name: &'static str,
    /// The value as the kernel takes it. The index of an interface that is known by its name stands as that name.
    pub value: String,
}

impl fmt::Display for SetCall {
    /// `IPPROTO_IP, IP_TTL, 9`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.level, self.name, self.value)
    }
}

impl Setting {
    /// An option with its value, as [`Socket::set`](crate::Socket::set) takes them.
    ///
    /// ```
    /// use puerta::opt;
    /// assert_eq!(opt::Setting::of(opt::V6Only, false).to_string(), "v6-only=false");
    /// ```
    pub fn of<O: Known>(_option: O, value: O::Takes) -> Setting {
        Setting::new(const { &O::NAMED }, O::encode(value))
    }

    /// The calls that [`Socket::apply`](crate::Socket::apply) makes on a socket of that family, in their order.
    pub fn calls(&self, family: Family) -> Vec<SetCall> {
        let named = self.named();
        let v6 = family == Family::V6;
        match (named.how, self.value()) {
            (How::Int(key), value) => vec![call(key, int(named, value))],
            (How::ByFamily(_, key), value) if v6 => vec![call(key, int(named, value))],
            (How::BothFamilies(v4, v6_key), value) if v6 => {
                vec![call(v6_key, int(named, value)), call(v4, int(named, value))]
            }
            (How::ByFamily(key, _) | How::BothFamilies(key, _), value) => vec![call(key, int(named, value))],
            (How::Timeval(key), Value::Time(time)) => {
                vec![call(key, timeval(time.unwrap_or_default()).shown().to_string())]
            }
            (How::Linger, Value::Time(time)) => {
                let (on, seconds) = (u8::from(time.is_some()), time.unwrap_or_default().as_secs());
                vec![call(LINGER, format!("{{l_onoff={on}, l_linger={seconds}}}"))]
            }
            (How::Name(key), Value::Name(name)) => vec![call(key, show_bytes(name.as_bytes()).to_string())],
            (How::Membership { v4, v6 }, Value::Group(group)) => vec![membership(v4, v6, group)],
            (How::MulticastInterface, Value::Interface(interface)) => {
                let [v4_key, v6_key] = super::multicast::INTERFACE;
                let v4 = call(v4_key, mreqn("0.0.0.0", interface));
                if v6 { vec![call(v6_key, index(interface)), v4] } else { vec![v4] }
            }
            _ => Vec::new(),
        }
    }
}

fn call(key: Key, value: String) -> SetCall {
    SetCall { level: level(key.level), name: key.shown, value }
}

fn int(named: &Named, value: &Value) -> String {
    named.int(value).map_or_else(|_| value.to_string(), |int| int.to_string())
}

fn membership(v4: Key, v6: Key, group: &Group) -> SetCall {
    let interface = group.interface();
    match group.address() {
        IpAddr::V4(address) => call(v4, mreqn(&address.to_string(), interface)),
        IpAddr::V6(address) => {
            let interface = index(interface);
            call(v6, format!("{{ipv6mr_multiaddr={address}, ipv6mr_interface={interface}}}"))
        }
    }
}

fn mreqn(group: &str, interface: &Interface) -> String {
    format!("{{imr_multiaddr={group}, imr_address=0.0.0.0, imr_ifindex={}}}", index(interface))
}

fn index(interface: &Interface) -> String {
    match interface {
        Interface::Any => "0".to_owned(),
        other => other.to_string(),
    }
}
