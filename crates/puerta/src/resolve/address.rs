//! From what a user wrote to the addresses that system calls take.

use super::{Query, SocketType, interface_index, resolve};
use crate::address::{Address, Endpoint, Host, Service, Target, Transport, UnixAddr};
use crate::error::{Bad, Call, Error, Result};
use crate::protocol::Ip;
use crate::sys::sockaddr::SockAddr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// What the addresses of [`Address::resolve`] are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Use {
    /// To connect, or send, there: host and port must lead somewhere.
    Connect,
    /// To bind there: no host is every interface, port 0 any free port.
    Bind,
}

impl Address {
    /// The addresses that it stands for, in the order in which to try them: the system's own for a name (see
    /// [`resolve`]), `[::]` before `0.0.0.0` to bind without a host. Numbers ask nobody; a name blocks for as long as
    /// the system takes. `family` leaves out the other one; a Unix address is itself, whatever the family.
    ///
    /// ```
    /// use puerta::{Address, Use};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let everywhere = ":8080".parse::<Address>()?.resolve(None, Use::Bind)?;
    /// assert_eq!(everywhere.iter().map(ToString::to_string).collect::<Vec<_>>(), ["[::]:8080", "0.0.0.0:8080"]);
    /// let error = ":8080".parse::<Address>()?.resolve(None, Use::Connect).unwrap_err();
    /// assert_eq!(error.to_string(), "connect tcp::8080: no host to connect to");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`resolve`]; to connect also [`Bad::EmptyHost`] (for `0.0.0.0` and `[::]` as well) and [`Bad::PortZero`];
    /// [`Bad::NoAddress`] for a number of the other family, [`Bad::Interface`] for a zone that is none, and a Unix path that no
    /// socket can have.
    pub fn resolve(&self, family: Option<Ip>, purpose: Use) -> Result<Vec<Endpoint>> {
        match &self.target {
            Target::Unix(address) => self.unix(address, purpose),
            Target::Inet { host, service } => {
                let found = self.inet(host, service, family, purpose)?;
                if purpose == Use::Connect {
                    found.iter().try_for_each(|address| self.leads_somewhere(address))?;
                }
                Ok(found.into_iter().map(Endpoint::Inet).collect())
            }
        }
    }

    fn unix(&self, address: &UnixAddr, purpose: Use) -> Result<Vec<Endpoint>> {
        address.encode().map_err(|e| match e.cause() {
            crate::Cause::Bad(bad) => Error::bad(purpose.call(), bad).about(self.to_string()),
            _ => e,
        })?;
        Ok(vec![Endpoint::Unix(address.clone())])
    }

    fn inet(&self, host: &Host, service: &Service, family: Option<Ip>, purpose: Use) -> Result<Vec<SocketAddr>> {
        let wanted = |address: &SocketAddr| family.is_none_or(|family| family == Ip::of(address));
        let numbers: Vec<SocketAddr> = match (host, service) {
            (Host::Any, _) if purpose == Use::Connect => return Err(self.nowhere(Bad::EmptyHost)),
            (Host::Name(name), service) => return self.ask(Query::new(name.as_str()), service, family),
            (host, Service::Name(_)) => {
                let port = self.ask(Query::any().passive(), service, family)?.first().map_or(0, SocketAddr::port);
                host.numbers(port)?
            }
            (host, Service::Port(port)) => host.numbers(*port)?,
        };
        let found: Vec<SocketAddr> = numbers.into_iter().filter(wanted).collect();
        if found.is_empty() {
            let hint = "it is an address of the other family: leave out -4 or -6";
            return Err(Error::bad(purpose.call(), Bad::NoAddress).hinted(hint).about(self.to_string()));
        }
        Ok(found)
    }

    fn ask(&self, query: Query<'_>, service: &Service, family: Option<Ip>) -> Result<Vec<SocketAddr>> {
        let kind = if self.transport == Transport::Udp { SocketType::Datagram } else { SocketType::Stream };
        let query = match service {
            Service::Port(port) => query.port(*port),
            Service::Name(name) => query.service(name.as_str()),
        };
        let found = resolve(&query.family(family).kind(kind))?;
        Ok(found.into_iter().map(|resolved| resolved.address).collect())
    }

    fn leads_somewhere(&self, address: &SocketAddr) -> Result<()> {
        match (address.ip().is_unspecified(), address.port()) {
            (true, _) => Err(self.nowhere(Bad::EmptyHost)),
            (_, 0) => Err(self.nowhere(Bad::PortZero)),
            _ => Ok(()),
        }
    }

    fn nowhere(&self, bad: Bad) -> Error {
        let error = Error::bad(Call::Connect, bad).about(self.to_string());
        match (&self.target, bad) {
            (Target::Inet { service, .. }, Bad::EmptyHost) => {
                error.hinted(format!("name the host: {}:localhost:{service} for this machine", self.transport))
            }
            _ => error,
        }
    }
}

impl Host {
    /// The addresses of a host that is no name.
    fn numbers(&self, port: u16) -> Result<Vec<SocketAddr>> {
        Ok(match self {
            Host::Any => [IpAddr::from(Ipv6Addr::UNSPECIFIED), Ipv4Addr::UNSPECIFIED.into()]
                .map(|ip| SocketAddr::new(ip, port))
                .to_vec(),
            Host::V4(ip) => vec![SocketAddr::new((*ip).into(), port)],
            Host::V6 { ip, zone } => {
                let zone = zone.as_deref().map(|zone| zone.parse().or_else(|_| interface_index(zone)));
                vec![SocketAddrV6::new(*ip, port, 0, zone.transpose()?.unwrap_or(0)).into()]
            }
            Host::Name(_) => Vec::new(),
        })
    }
}

impl Use {
    const fn call(self) -> Call {
        match self {
            Use::Connect => Call::Connect,
            Use::Bind => Call::Bind,
        }
    }
}
