//! What QUIC says of a hub's connections.

use super::{CHUNK, Event, HELLO, Phase, Server, Source, link};
use crate::problem::Problem;
use crate::transport::{failed, tls};
use bytes::Bytes;
use quinn::ConnectionError;
use quinn_proto::{ConnectionHandle, Dir, Event as Quic, StreamEvent};
use rustls::pki_types::CertificateDer;
use std::time::Instant;

impl Server {
    /// What QUIC says of one connection.
    pub(super) fn happened(&mut self, now: Instant, handle: ConnectionHandle) {
        while let Some(link) = link(&mut self.links, handle) {
            let Some(event) = link.quic.poll() else { return };
            match event {
                Quic::Connected => self.joined(now, handle),
                Quic::ConnectionLost { reason } => self.lost(handle, &reason),
                Quic::Stream(StreamEvent::Opened { dir: Dir::Bi }) if link.stream.is_none() => {
                    link.stream = link.quic.streams().accept(Dir::Bi);
                    self.read(now, handle);
                }
                Quic::Stream(StreamEvent::Readable { id }) if link.stream == Some(id) => self.read(now, handle),
                Quic::Stream(StreamEvent::Writable { id } | StreamEvent::Stopped { id, .. })
                    if link.stream == Some(id) =>
                {
                    self.events.push_back(Event::Writable(link.peer));
                }
                _ => {}
            }
        }
    }

    fn joined(&mut self, now: Instant, handle: ConnectionHandle) {
        let Some(link) = link(&mut self.links, handle) else { return };
        if link.phase != Phase::Shaking {
            return;
        }
        self.shaking.give(Source::of(link.from));
        let shown = link.quic.crypto_session().peer_identity();
        let shown = shown.and_then(|shown| shown.downcast::<Vec<CertificateDer<'static>>>().ok());
        let peer = link.peer;
        match shown.and_then(|shown| tls::device(shown.first()?)) {
            Some(device) => {
                (link.phase, link.limit) = (Phase::Silent, Some(now + HELLO));
                self.events.push_back(Event::Joined(peer, device));
            }
            None => {
                let problem = Problem::Handshake { at: link.from, reason: "no key was shown".to_owned() };
                link.phase = Phase::Over;
                link.quic.close(now, 0_u32.into(), Bytes::new());
                self.events.push_back(Event::Failed(problem));
            }
        }
    }

    fn lost(&mut self, handle: ConnectionHandle, reason: &ConnectionError) {
        let Some(link) = link(&mut self.links, handle) else { return };
        let was = std::mem::replace(&mut link.phase, Phase::Over);
        link.limit = None;
        match was {
            Phase::Over => {}
            Phase::Shaking => {
                self.shaking.give(Source::of(link.from));
                self.events.push_back(Event::Failed(failed(link.from, reason)));
            }
            _ => self.events.push_back(Event::Closed(link.peer)),
        }
    }

    /// All that has come on a member's stream.
    fn read(&mut self, now: Instant, handle: ConnectionHandle) {
        let Some(link) = link(&mut self.links, handle) else { return };
        let Some(stream) = link.stream.filter(|_| link.phase != Phase::Over) else { return };
        let peer = link.peer;
        let mut receive = link.quic.recv_stream(stream);
        let ended = match receive.read(true) {
            Err(_) => true,
            Ok(mut chunks) => {
                let ended = loop {
                    match chunks.next(CHUNK) {
                        Ok(Some(chunk)) => {
                            self.events.push_back(Event::Read(peer, chunk.bytes));
                        }
                        Err(quinn_proto::ReadError::Blocked) => break false,
                        Ok(None) | Err(_) => break true,
                    }
                };
                // Whether the window is to be told: the connection is asked for datagrams anyway.
                let _ = chunks.finalize();
                ended
            }
        };
        // Who was told to go may have nothing more to say.
        if ended && link.phase != Phase::Leaving {
            self.close(now, peer, 0, b"");
        }
    }
}
