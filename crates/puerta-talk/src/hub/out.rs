//! What is on its way to one member: written at once where QUIC takes it, else by a task until it is taken.

use super::{BACKLOG, Shared};
use crate::room::codec;
use crate::room::frame::ToMember;
use crate::room::rooms::{Conn, Input};
use crate::transport::Watch;
use bytes::Bytes;
use quinn::{Connection, SendStream};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How long a connection that is of no use waits for the other end to read why.
const PATIENCE: Duration = Duration::from_secs(3);

/// One member's end.
#[derive(Debug)]
pub(super) struct Out {
    connection: Connection,
    /// Away while a task writes.
    stream: Option<SendStream>,
    queue: VecDeque<Bytes>,
    queued: usize,
    /// Something was left out.
    missed: bool,
    closing: bool,
    watch: Watch,
}

impl Out {
    pub(super) fn new(connection: Connection, stream: SendStream) -> Out {
        let watch = Watch::default();
        Out {
            connection,
            stream: Some(stream),
            queue: VecDeque::new(),
            queued: 0,
            missed: false,
            closing: false,
            watch,
        }
    }

    /// For this member alone: who takes none of it is cut off.
    pub(super) fn send(&mut self, shared: &Arc<Shared>, conn: Conn, frames: Bytes) {
        if self.queued > 2 * BACKLOG {
            self.connection.close(1_u32.into(), b"too much was asked for and not read");
            return;
        }
        self.push(shared, conn, frames);
    }

    /// The same for many: left out for who is behind.
    pub(super) fn fan(&mut self, shared: &Arc<Shared>, conn: Conn, frames: &Bytes) {
        if self.queued > BACKLOG {
            self.missed = true;
            return;
        }
        self.push(shared, conn, frames.clone());
    }

    /// Closes when what is on its way was read, or some time later.
    pub(super) fn close(&mut self, shared: &Arc<Shared>, conn: Conn) {
        self.closing = true;
        if let Some(stream) = &mut self.stream {
            let _ = stream.finish();
        }
        let (connection, shared) = (self.connection.clone(), Arc::clone(shared));
        tokio::spawn(async move {
            let _ = tokio::time::timeout(PATIENCE, connection.closed()).await;
            connection.close(2_u32.into(), b"not let in");
            shared.inner().outs.remove(&conn);
        });
    }

    /// Whether it was told to close.
    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Sends something small to who has not heard what was sent. Whether this is to be looked at again.
    pub(super) fn look(&mut self) -> bool {
        if self.watch.look(&self.connection)
            && !self.closing
            && let Some(stream) = &mut self.stream
        {
            // Where QUIC takes nothing now, enough is on its way. A part of a frame would be the end of all others.
            let mut frame = codec::bytes(&ToMember::Pong);
            let length = frame.len();
            let _ = try_write(stream, &mut frame);
            if !frame.is_empty() && frame.len() < length {
                self.connection.close(1_u32.into(), b"a frame was cut");
            }
        }
        self.watch.waits()
    }

    fn push(&mut self, shared: &Arc<Shared>, conn: Conn, mut frames: Bytes) {
        if self.closing || frames.is_empty() {
            return;
        }
        if self.watch.sends(&self.connection) {
            shared.unheard.notify_one();
        }
        if let Some(stream) = &mut self.stream {
            // Most often QUIC has room, and nobody has to wait.
            while !frames.is_empty() {
                match try_write(stream, &mut frames) {
                    Poll::Ready(true) => {}
                    // The reader of this connection learns why.
                    Poll::Ready(false) => return,
                    Poll::Pending => break,
                }
            }
            if frames.is_empty() {
                return;
            }
        }
        self.queued += frames.len();
        self.queue.push_back(frames);
        if let Some(stream) = self.stream.take() {
            tokio::spawn(drain(Arc::clone(shared), conn, stream));
        }
    }
}

/// Writes what QUIC takes now; false when the connection is gone. A waker that does nothing may stay behind: whoever waits next
/// puts its own in its place.
fn try_write(stream: &mut SendStream, frames: &mut Bytes) -> Poll<bool> {
    let mut context = Context::from_waker(Waker::noop());
    let chunks = std::slice::from_mut(frames);
    let mut write = std::pin::pin!(stream.write_chunks(chunks));
    write.as_mut().poll(&mut context).map(|written| written.is_ok())
}

/// Writes what waits for a member, as fast as it reads.
async fn drain(shared: Arc<Shared>, conn: Conn, mut stream: SendStream) {
    loop {
        let next = {
            let mut inner = shared.inner();
            let Some(out) = inner.outs.get_mut(&conn) else { return };
            match out.queue.pop_front() {
                Some(frames) => frames,
                None => {
                    if out.closing {
                        let _ = stream.finish();
                    }
                    let missed = std::mem::take(&mut out.missed);
                    out.stream = Some(stream);
                    drop(inner);
                    if missed {
                        shared.handle(Input::Drained(conn));
                    }
                    return;
                }
            }
        };
        let length = next.len();
        if stream.write_chunk(next).await.is_err() {
            return;
        }
        if let Some(out) = shared.inner().outs.get_mut(&conn) {
            out.queued = out.queued.saturating_sub(length);
        }
    }
}
