//! How a talk is held, and the frames that are ours.

use crate::plain::{IDLE, IDLE_JOINED, MEMBERS};
use crate::wire::time::asctime;
use crate::wire::{Control, Frame, Misfit, SERVER, Wire};
use bytes::Bytes;
use std::time::{Duration, SystemTime};

/// How a talk is held.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What goes over the wire.
    pub wire: Wire,
    /// Our own name, of at most [`Wire::user_max`] bytes; empty where the wire carries none.
    pub user: Vec<u8>,
    /// How many members a hub has at most.
    pub max: usize,
    /// How long a hub remembers a member without a datagram either way.
    pub idle: Duration,
}

impl Settings {
    /// The defaults of a wire.
    pub fn new(wire: Wire, user: impl Into<Vec<u8>>) -> Self {
        let idle = if wire.has_join() { IDLE_JOINED } else { IDLE };
        Settings { wire, user: user.into(), max: MEMBERS, idle }
    }

    /// A message of ours.
    pub(crate) fn message(&self, text: &[u8], at: SystemTime) -> Result<Bytes, Misfit> {
        if std::str::from_utf8(text).is_err() {
            return Err(Misfit::NotUtf8);
        }
        let frame = Frame { user: self.user.clone(), time: self.time(at), text: text.to_vec() };
        match self.wire.control(&frame) {
            Some(_) => Err(Misfit::Command),
            None => self.wire.encode(&frame).map(Bytes::from),
        }
    }

    /// What a hub has to say, in its own name.
    pub(crate) fn announcement(&self, text: &[u8], at: SystemTime) -> Result<Bytes, Misfit> {
        let frame = Frame { user: self.server(), time: self.time(at), text: text.to_vec() };
        self.wire.encode(&frame).map(Bytes::from)
    }

    /// A command of the wire in a hub's name, where the wire has that one.
    pub(crate) fn server_control(&self, control: Control, at: SystemTime) -> Option<Bytes> {
        self.announcement(self.wire.control_text(control)?, at).ok()
    }

    /// A command of the wire in our own name, where the wire has that one.
    pub(crate) fn control(&self, control: Control, at: SystemTime) -> Option<Bytes> {
        let text = self.wire.control_text(control)?.to_vec();
        self.wire.encode(&Frame { user: self.user.clone(), time: self.time(at), text }).ok().map(Bytes::from)
    }

    fn server(&self) -> Vec<u8> {
        if self.wire.user_max().is_some() { SERVER.into() } else { Vec::new() }
    }

    fn time(&self, at: SystemTime) -> Vec<u8> {
        if matches!(self.wire, Wire::Ull1106 | Wire::Ull1066) { asctime(at).into_bytes() } else { Vec::new() }
    }
}
