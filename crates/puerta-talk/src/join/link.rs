//! A connection that stands: frames out, frames in.

use crate::problem::Problem;
use crate::room::codec::{self, Frames};
use crate::room::frame::{ToHub, ToMember};
use bytes::Bytes;
use quinn::{Connection, RecvStream, SendStream};
use std::collections::VecDeque;
use std::net::SocketAddr;
use tokio::sync::mpsc;

/// Frames that wait to be sent, at most: more than a member ever has on its way.
const QUEUE: usize = 1024;

/// Bytes that are read at once, at most.
const CHUNK: usize = 64 * 1024;

/// What comes from a hub.
pub(super) enum FromHub {
    Frame(ToMember),
    /// The connection is gone.
    Gone,
}

/// One connection with its stream.
pub(super) struct Link {
    connection: Connection,
    out: mpsc::Sender<Bytes>,
    receive: RecvStream,
    frames: Frames,
    ready: VecDeque<ToMember>,
    gone: bool,
}

impl Link {
    pub(super) async fn open(connection: Connection, at: SocketAddr) -> Result<Link, Problem> {
        let failed = |error: quinn::ConnectionError| Problem::Handshake { at, reason: error.to_string() };
        let (send, receive) = connection.open_bi().await.map_err(failed)?;
        let (out, queue) = mpsc::channel(QUEUE);
        tokio::spawn(write(send, queue));
        Ok(Link { connection, out, receive, frames: Frames::default(), ready: VecDeque::new(), gone: false })
    }

    /// On its way; what does not arrive is sent again by the core over the next connection.
    pub(super) fn send(&self, frame: &ToHub) {
        if self.out.try_send(codec::bytes(frame)).is_err() {
            self.connection.close(1_u32.into(), b"too much waits");
        }
    }

    /// What comes next. May be dropped and called anew.
    pub(super) async fn next(&mut self) -> FromHub {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return FromHub::Frame(frame);
            }
            if self.gone {
                return FromHub::Gone;
            }
            match self.receive.read_chunk(CHUNK, true).await {
                Ok(Some(chunk)) => self.frames.push(&chunk.bytes),
                _ => self.gone = true,
            }
            loop {
                match self.frames.take() {
                    Ok(Some(frame)) => self.ready.push_back(frame),
                    Ok(None) => break,
                    Err(_) => {
                        self.gone = true;
                        break;
                    }
                }
            }
        }
    }

    /// Closes it; the hub hears of it at once.
    pub(super) async fn close(self) {
        self.connection.close(0_u32.into(), b"");
    }
}

async fn write(mut stream: SendStream, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(frames) = queue.recv().await {
        if stream.write_chunk(frames).await.is_err() {
            return;
        }
    }
}
