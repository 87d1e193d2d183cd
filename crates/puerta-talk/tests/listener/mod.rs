//! A hub's end of QUIC alone: what is done with who comes is the test's.

use puerta_talk::identity::Key;
use puerta_talk::transport::{Door, Event, Server, Wait, listen};
use std::net::UdpSocket;
use std::time::Instant;

pub(crate) struct Listener {
    pub(crate) server: Server,
    pub(crate) door: Door,
}

impl Listener {
    pub(crate) fn new(key: &Key, socket: UdpSocket) -> Self {
        let (server, door) = listen(key, socket).unwrap();
        Listener { server, door }
    }

    /// The next thing that happens, with all that QUIC has to send meanwhile. Dropped while it waits, it loses nothing.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            self.door.receive(&mut self.server, Instant::now());
            self.door.flush(&mut self.server, Instant::now());
            if let Some(event) = self.server.event() {
                return event;
            }
            self.door.wait(Wait::of(&self.server)).await;
        }
    }
}
