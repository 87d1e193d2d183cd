//! Talk: people exchange messages over UDP, plain as the classic, or in rooms that lose nothing.
//!
//! Pure parts (frames, rooms) do no I/O and take the time as an argument; thin drivers join them to QUIC, SQLite and the
//! network.

#![forbid(unsafe_code)]

pub mod announcement;
pub mod discovery;
pub mod fingerprint;
pub mod host;
pub mod hub;
pub mod identity;
pub mod invite;
pub mod join;
pub mod log;
pub mod neighbours;
pub mod outbox;
pub mod plain;
pub mod problem;
pub mod room;
pub mod rung;
pub mod transport;
pub mod wire;
mod words;
