//! One member's connection: from its handshake to its end.

use super::Shared;
use super::out::Out;
use crate::room::codec::Frames;
use crate::room::frame::ToHub;
use crate::room::rooms::{Conn, Input};
use crate::transport::Arrival;
use quinn::RecvStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Who has not opened its stream and said Hello after this time is cut off.
const HELLO: Duration = Duration::from_secs(10);

/// Bytes that are read at once, at most.
const CHUNK: usize = 16 * 1024;

/// Serves who has arrived.
pub(super) async fn serve(shared: Arc<Shared>, arrival: Arrival) {
    // Who does not come to the end of the handshake is nobody yet.
    let Ok((connection, device)) = arrival.finish().await else { return };
    let Ok(Ok((stream, mut receive))) = tokio::time::timeout(HELLO, connection.accept_bi()).await else {
        connection.close(3_u32.into(), b"nothing was said");
        return;
    };
    let conn = {
        let mut inner = shared.inner();
        if inner.closing {
            return;
        }
        let conn = Conn(inner.next);
        inner.next += 1;
        inner.outs.insert(conn, Out::new(connection.clone(), stream));
        conn
    };
    shared.handle(Input::Connected { conn, device });
    let mut frames = Frames::default();
    if let Ok(true) = tokio::time::timeout(HELLO, read(&shared, conn, &mut receive, &mut frames)).await {
        while read(&shared, conn, &mut receive, &mut frames).await {}
    }
    shared.handle(Input::Closed(conn));
    let mut inner = shared.inner();
    if inner.outs.get(&conn).is_some_and(|out| !out.is_closing()) {
        inner.outs.remove(&conn);
        drop(inner);
        connection.close(0_u32.into(), b"");
    }
}

/// Reads once, and handles what is whole. False at the end.
async fn read(shared: &Arc<Shared>, conn: Conn, receive: &mut RecvStream, frames: &mut Frames) -> bool {
    let Ok(Some(chunk)) = receive.read_chunk(CHUNK, true).await else { return false };
    frames.push(&chunk.bytes);
    shared.came.fetch_add(1, Ordering::Relaxed);
    let mut inner = shared.inner();
    let mut more = true;
    loop {
        match frames.take::<ToHub>() {
            Ok(Some(frame)) => inner.take(shared, Input::Frame { conn, frame }),
            Ok(None) => break,
            Err(_) => {
                inner.take(shared, Input::Malformed(conn));
                more = false;
                break;
            }
        }
    }
    inner.carry_out(shared);
    drop(inner);
    shared.wake.notify_one();
    more
}
