//! What to write for an address that is nearly one.

use super::parse::{Service, Transport};
use super::refused::{ParseError, ParseErrorKind as Kind};

/// What stands before a host: the transport, but for the usual one.
pub(super) fn before(transport: Transport) -> String {
    if transport == Transport::Tcp { String::new() } else { format!("{transport}:") }
}

/// The same refusal; of a host that is a star, with what is to be written for it.
pub(super) fn everywhere(error: ParseError, transport: Transport, host: &str, port: &str) -> ParseError {
    match port.parse::<Service>() {
        Ok(port) if host == "*" => {
            error.with_hint(format!("all interfaces are an empty host: {}:{port}", before(transport)))
        }
        _ => error,
    }
}

/// Digits alone where an address should be.
pub(super) fn port_alone(transport: Transport, port: &str, at: usize) -> ParseError {
    let layer = before(transport);
    ParseError::new(Kind::PortMissing, at, "the port is missing")
        .with_hint(format!("a port on all interfaces is {layer}:{port}, on this machine alone {layer}localhost:{port}"))
}
