//! Who comes to a hub.

use super::{Event, HANDSHAKE, Link, Peer, Phase, Server, Sink, Source};
use crate::transport::{config, failed};
use quinn::udp::RecvMeta;
use quinn_proto::Incoming;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

/// Whether what came can be answered at all. Nothing goes to port 0 or comes from an address of many, and a socket that is asked
/// to send that takes it for a lack of its own.
pub(super) fn is_answerable(meta: &RecvMeta) -> bool {
    let many = |ip: IpAddr| ip.is_multicast() || ip == Ipv4Addr::BROADCAST;
    meta.addr.port() != 0 && !meta.dst_ip.is_some_and(|ip| many(ip.to_canonical()))
}

impl Server {
    /// A first packet.
    pub(super) fn arrive(&mut self, now: Instant, incoming: Incoming, sink: &mut impl Sink) {
        let mut answer = Vec::new();
        if !incoming.remote_address_validated() {
            // Without a valid token Retry is always allowed; were it not, nothing is answered.
            match self.endpoint.retry(incoming, &mut answer) {
                Ok(transmit) => super::answer(&transmit, &answer, sink),
                Err(refused) => self.endpoint.ignore(refused.into_incoming()),
            }
            return;
        }
        let source = Source::of(incoming.remote_address());
        if self.shaking.fits(source) || self.endpoint.open_connections() >= self.limit {
            self.decide(now, incoming, sink);
        } else if let Err(incoming) = self.waiting.push(source, incoming) {
            // It comes again when its member has heard nothing.
            self.endpoint.ignore(incoming);
        }
    }

    /// Those who waited, as far as handshakes are free.
    pub(super) fn admit(&mut self, now: Instant, sink: &mut impl Sink) {
        while !self.shaking.is_full()
            && let Some(incoming) = self.waiting.take(|source| self.shaking.fits(source))
        {
            self.decide(now, incoming, sink);
        }
    }

    fn decide(&mut self, now: Instant, incoming: Incoming, sink: &mut impl Sink) {
        if self.endpoint.open_connections() >= self.limit {
            let mut answer = Vec::new();
            let transmit = self.endpoint.refuse(incoming, &mut answer);
            super::answer(&transmit, &answer, sink);
        } else {
            self.accept(now, incoming, sink);
        }
    }

    fn accept(&mut self, now: Instant, incoming: Incoming, sink: &mut impl Sink) {
        let from = incoming.remote_address();
        let config = if config::is_near(from) { self.near.clone() } else { self.far.clone() };
        let mut answer = Vec::new();
        match self.endpoint.accept(incoming, now, &mut answer, Some(config)) {
            Ok((handle, quic)) => {
                self.serial += 1;
                self.accepted += 1;
                self.shaking.take(Source::of(from));
                let peer = Peer::new(self.serial, handle);
                let limit = Some(now + HANDSHAKE);
                let link = Link { peer, quic, from, stream: None, touched: false, phase: Phase::Shaking, limit };
                if self.links.len() <= handle.0 {
                    self.links.resize_with(handle.0 + 1, || None);
                }
                if let Some(place) = self.links.get_mut(handle.0) {
                    *place = Some(Box::new(link));
                }
                self.touch(handle);
            }
            // One that fails here was no proper first packet, or waited for too long.
            Err(refused) => {
                if let Some(transmit) = refused.response {
                    super::answer(&transmit, &answer, sink);
                }
                self.events.push_back(Event::Failed(failed(from, &refused.cause)));
            }
        }
    }
}
