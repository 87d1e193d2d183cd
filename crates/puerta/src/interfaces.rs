//! The network interfaces of this machine.

use crate::error::Result;
use crate::sys;
use std::net::IpAddr;

/// One address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// `eth0`.
    pub name: String,
    /// An address of it; an interface with several stands in the list as often.
    pub address: IpAddr,
    /// How many leading bits of the address name its network: 0 to 32, or to 128 for IPv6.
    pub prefix: u8,
    /// The number of the interface, for an address that means nothing without it (link-local IPv6: RFC 4007, section 6); 0 for others.
    pub zone: u32,
    /// It is switched on.
    pub up: bool,
    /// It leads to this machine alone.
    pub loopback: bool,
}

/// The addresses of this machine's interfaces: getifaddrs(3).
///
/// # Errors
/// `ENOMEM`, `ENOBUFS`.
pub fn interfaces() -> Result<Vec<Interface>> {
    sys::interfaces::list()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_told_with_its_network() {
        let found = interfaces().unwrap();
        let lo = found.iter().find(|i| i.address == IpAddr::from([127, 0, 0, 1])).unwrap();
        assert_eq!((lo.name.as_str(), lo.prefix, lo.zone, lo.loopback), ("lo", 8, 0, true));
    }
}
