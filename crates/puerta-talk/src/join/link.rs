//! A connection that stands: frames out, frames in.

use crate::problem::Problem;
use crate::room::codec::{self, Frames};
use crate::room::frame::{ToHub, ToMember};
use crate::transport::{LOOK, Watch, was_closed};
use bytes::Bytes;
use quinn::{Connection, RecvStream, SendStream};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Frames that wait to be sent, at most: more than a member ever has on its way.
const QUEUE: usize = 1024;

/// The pause between two looks whether the hub has confirmed the handshake (RFC 9001, section 4.1.2): QUIC tells nobody.
const CONFIRMED: Duration = Duration::from_millis(5);

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
    at: SocketAddr,
    out: mpsc::Sender<Bytes>,
    receive: RecvStream,
    frames: Frames,
    ready: VecDeque<ToMember>,
    gone: bool,
    watch: Watch,
    /// When the watch looks next.
    look: Instant,
}

impl Link {
    pub(super) async fn open(connection: Connection, at: SocketAddr) -> Result<Link, Problem> {
        let failed = |error: quinn::ConnectionError| Problem::Handshake { at, reason: error.to_string() };
        let (send, receive) = connection.open_bi().await.map_err(failed)?;
        // Until then the hub may not have heard our last word, and understands nothing that follows: another attempt may be
        // sooner.
        while connection.stats().frame_rx.handshake_done == 0 {
            if let Ok(error) = tokio::time::timeout(CONFIRMED, connection.closed()).await {
                return Err(failed(error));
            }
        }
        let (out, queue) = mpsc::channel(QUEUE);
        tokio::spawn(write(send, queue));
        let (frames, ready, watch, look) = (Frames::default(), VecDeque::new(), Watch::default(), Instant::now());
        Ok(Link { connection, at, out, receive, frames, ready, gone: false, watch, look })
    }

    /// Where the hub is.
    pub(super) fn at(&self) -> SocketAddr {
        self.at
    }

    /// Whether the hub has ended, and said so.
    pub(super) fn was_closed(&self) -> bool {
        was_closed(&self.connection)
    }

    /// On its way; what does not arrive is sent again by the core over the next connection.
    pub(super) fn send(&mut self, frame: &ToHub) {
        if self.watch.sends(|| self.connection.stats()) {
            self.look = Instant::now() + LOOK;
        }
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
            tokio::select! {
                chunk = self.receive.read_chunk(CHUNK, true) => match chunk {
                    Ok(Some(chunk)) => self.frames.push(&chunk.bytes),
                    _ => self.gone = true,
                },
                () = tokio::time::sleep_until(self.look.into()), if self.watch.waits() => self.nudge(),
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

    /// Sends something small if the hub has not heard what was sent.
    fn nudge(&mut self) {
        self.look = Instant::now() + LOOK;
        if self.watch.look(|| self.connection.stats()) {
            // A queue that is full has enough.
            let _ = self.out.try_send(codec::bytes(&ToHub::Ping));
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
