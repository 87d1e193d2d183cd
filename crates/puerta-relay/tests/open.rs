//! What an endpoint names is opened.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use puerta_relay::event::{Event, Report};
use puerta_relay::open::{self, ConnectRequest, Connection, ListenRequest};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

struct Nobody;

impl Report for Nobody {
    fn event(&self, _event: &Event<'_>) {}
}

#[test]
fn a_unix_listener_is_reached_whatever_part_of_the_time_limit_is_left() {
    for transport in ["unix", "unix-packet"] {
        let address: puerta::Address = format!("{transport}:@puerta-open-{}", std::process::id()).parse().unwrap();
        let listen = ListenRequest { address: address.clone(), settings: Vec::new(), family: None, backlog: None };
        let _opened = open::listen(&listen, &Nobody).unwrap();
        let request =
            ConnectRequest { address, settings: Vec::new(), family: None, within: None, retry: None, source: None };
        for within in [Duration::from_nanos(1_500_000_001), Duration::from_secs(30), Duration::MAX / 2] {
            let done = open::connect_once(&request, within, &Nobody, &AtomicBool::new(false));
            let stands = matches!(done, Ok(Connection::Stream(_) | Connection::Packet(_)));
            assert!(stands, "{transport} {within:?}: {done:?}");
        }
    }
}
