//! What is on its way to one member, and what comes from it.

use super::BACKLOG;
use crate::room::codec::{self, Frames};
use crate::room::frame::ToMember;
use crate::room::ids::Device;
use crate::transport::{Peer, Server, Watch};
use bytes::Bytes;
use std::collections::VecDeque;
use std::task::Poll;
use std::time::{Duration, Instant};

/// How long a connection that is of no use waits for the other end to read why.
const PATIENCE: Duration = Duration::from_secs(3);

/// One member's end.
#[derive(Debug)]
pub(super) struct Out {
    peer: Peer,
    /// Whose it is, until it has said something whole.
    pub(super) new: Option<Device>,
    /// What came and is not whole yet.
    pub(super) frames: Frames,
    queue: VecDeque<Bytes>,
    queued: usize,
    /// Something was left out.
    missed: bool,
    closing: bool,
    watch: Watch,
}

impl Out {
    pub(super) fn new(peer: Peer, device: Device) -> Out {
        Out {
            peer,
            new: Some(device),
            frames: Frames::default(),
            queue: VecDeque::new(),
            queued: 0,
            missed: false,
            closing: false,
            watch: Watch::default(),
        }
    }

    /// For this member alone: who takes none of it is cut off. Whether looks begin to be needed.
    pub(super) fn send(&mut self, server: &mut Server, frames: Bytes) -> bool {
        if self.queued > 2 * BACKLOG {
            server.close(Instant::now(), self.peer, 1, b"too much was asked for and not read");
            return false;
        }
        self.push(server, frames)
    }

    /// The same for many: left out for who is behind.
    pub(super) fn fan(&mut self, server: &mut Server, frames: &Bytes) -> bool {
        if self.queued > BACKLOG {
            self.missed = true;
            return false;
        }
        self.push(server, frames.clone())
    }

    /// Closes when what is on its way was read, or some time later. Nothing more is taken.
    pub(super) fn close(&mut self, server: &mut Server) {
        self.closing = true;
        server.leave(Instant::now(), self.peer, PATIENCE);
        if self.queue.is_empty() {
            server.finish(self.peer);
        }
    }

    /// Whether it was told to close.
    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Writes on. True when it has all, after something was left out: it may ask for that now.
    pub(super) fn drain(&mut self, server: &mut Server) -> bool {
        while let Some(frames) = self.queue.front_mut() {
            let length = frames.len();
            let written = server.write(self.peer, frames);
            self.queued = self.queued.saturating_sub(length - frames.len());
            match written {
                Poll::Ready(true) => drop(self.queue.pop_front()),
                Poll::Ready(false) | Poll::Pending => return false,
            }
        }
        // Most members are never behind again.
        self.queue = VecDeque::new();
        if self.closing {
            server.finish(self.peer);
        }
        std::mem::take(&mut self.missed)
    }

    /// Sends something small to who has not heard what was sent. Whether this is to be looked at again.
    pub(super) fn look(&mut self, server: &mut Server) -> bool {
        let stats = || server.stats(self.peer).unwrap_or_default();
        if self.watch.look(stats) && !self.closing && self.queue.is_empty() {
            // Where QUIC takes nothing now, enough is on its way. A part of a frame would be the end of all others.
            let mut frame = codec::bytes(&ToMember::Pong);
            let length = frame.len();
            let _ = server.write(self.peer, &mut frame);
            if !frame.is_empty() && frame.len() < length {
                server.close(Instant::now(), self.peer, 1, b"a frame was cut");
            }
        }
        self.watch.waits()
    }

    fn push(&mut self, server: &mut Server, mut frames: Bytes) -> bool {
        if self.closing || frames.is_empty() {
            return false;
        }
        let begins = self.watch.sends(|| server.stats(self.peer).unwrap_or_default());
        // Most often QUIC has room, and nothing has to wait. Where the connection is over, that is told elsewhere.
        if self.queue.is_empty() && server.write(self.peer, &mut frames).is_ready() {
            return begins;
        }
        self.queued += frames.len();
        self.queue.push_back(frames);
        begins
    }
}
