//! Who comes to a hub.

use super::{Event, HANDSHAKE, HANDSHAKES, Link, Peer, Phase, Server, Sink};
use crate::transport::{config, failed};
use quinn_proto::Incoming;
use std::time::Instant;

impl Server {
    /// A first packet.
    pub(super) fn arrive(&mut self, now: Instant, incoming: Incoming, sink: &mut impl Sink) {
        let mut answer = Vec::new();
        if !incoming.remote_address_validated() {
            // Without a valid token Retry is always allowed; were it not, nothing is answered.
            match self.endpoint.retry(incoming, &mut answer) {
                Ok(transmit) => self.answer(now, &transmit, &answer, sink),
                Err(refused) => self.endpoint.ignore(refused.into_incoming()),
            }
        } else if self.endpoint.open_connections() >= self.limit {
            let transmit = self.endpoint.refuse(incoming, &mut answer);
            self.answer(now, &transmit, &answer, sink);
        } else if self.shaking >= HANDSHAKES {
            self.waiting.push_back(incoming);
        } else {
            self.accept(now, incoming, sink);
        }
    }

    pub(super) fn accept(&mut self, now: Instant, incoming: Incoming, sink: &mut impl Sink) {
        let from = incoming.remote_address();
        let config = if config::is_near(from) { self.near.clone() } else { self.far.clone() };
        let mut answer = Vec::new();
        match self.endpoint.accept(incoming, now, &mut answer, Some(config)) {
            Ok((handle, quic)) => {
                self.serial += 1;
                self.accepted += 1;
                self.shaking += 1;
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
                    self.answer(now, &transmit, &answer, sink);
                }
                self.events.push_back(Event::Failed(failed(from, &refused.cause)));
            }
        }
    }
}
