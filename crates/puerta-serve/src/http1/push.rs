//! Sending: as fast as the client takes it, and as the rate of all allows.

use super::connection::{Connection, End};
use super::transport::Transport;
use crate::gate::pace::Turn;
use bytes::{Buf, Bytes};
use puerta::opt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

impl<T: Transport> Connection<T> {
    /// Sends as much as there is room for and keeps the rest. Whether that was all.
    pub(super) fn send_now(&mut self, cx: &mut Context<'_>, output: &[u8], more: bool) -> io::Result<bool> {
        let tail = self.tail.len();
        if output.is_empty() && tail == 0 {
            return Ok(true);
        }
        let sent = match send_some(&mut self.io, &mut self.turn, cx, [output, &self.tail], more) {
            Poll::Ready(sent) => sent?,
            Poll::Pending => 0,
        };
        self.sent += sent as u64;
        self.rest.extend_from_slice(output.get(sent..).unwrap_or_default());
        self.tail.advance(sent.saturating_sub(output.len()).min(tail));
        self.let_go();
        if T::BUFFERS {
            self.unflushed = self.io.poll_flush(cx)?.is_pending();
        }
        Ok(self.rest.is_empty() && self.tail.is_empty() && !self.unflushed)
    }

    /// Sends what is left, as fast as the client takes it.
    pub(super) async fn push(&mut self, more: bool) -> Result<(), End> {
        self.start_pace();
        self.fresh = true;
        let mut at = 0;
        self.paced(|this, cx| {
            while at < this.rest.len() || !this.tail.is_empty() {
                let first = this.rest.get(at..).unwrap_or_default();
                let sent = ready!(send_some(&mut this.io, &mut this.turn, cx, [first, &this.tail], more))?;
                this.sent += sent as u64;
                let second = sent.saturating_sub(first.len()).min(this.tail.len());
                at += sent - second;
                this.tail.advance(second);
            }
            this.io.poll_flush(cx)
        })
        .await?;
        (self.rest, self.unflushed) = (Vec::new(), false);
        self.let_go();
        Ok(())
    }

    /// What was sent to its end is not kept: even of no length it would hold all of its memory.
    fn let_go(&mut self) {
        if self.tail.is_empty() {
            self.tail = Bytes::new();
        }
    }

    /// Sends bytes of any length.
    pub(super) async fn push_bytes(&mut self, bytes: Bytes, more: bool) -> Result<(), End> {
        self.tail = bytes;
        self.push(more).await
    }

    /// From now on the client's pace counts.
    pub(super) fn start_pace(&mut self) {
        (self.given, self.taken) = (self.sent, self.taken_by_client());
        self.watch.within(self.service.limits.rate_time);
    }

    /// Waits for what `poll` waits for, as long as the client keeps its pace.
    pub(super) async fn paced<R>(
        &mut self,
        mut poll: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Result<R, End> {
        poll_fn(|cx| {
            if let Poll::Ready(done) = poll(self, cx) {
                return Poll::Ready(done.map_err(|_| End::Reset));
            }
            self.watch.wake_me(cx);
            if !self.watch.is_late() {
                return Poll::Pending;
            }
            let (taken, limits) = (self.taken_by_client(), &self.service.limits);
            let least = limits.rate_time.as_secs_f64() * f64::from(limits.rate);
            // Who waited for its turn was not slow, if it has taken all that was there for it when this time began.
            let waited = self.turn.as_mut().is_some_and(|turn| turn.has_waited()) && taken >= self.given;
            if !waited && (taken.saturating_sub(self.taken) as f64) < least {
                return Poll::Ready(Err(End::Slow));
            }
            (self.given, self.taken) = (self.sent, taken);
            self.watch.within(limits.rate_time);
            Poll::Pending
        })
        .await
    }

    /// How many bytes may be sent, as far as the rate of all goes; what is not goes back by [`Connection::put_back`].
    pub(super) fn poll_room(&mut self, cx: &Context<'_>, wanted: usize) -> Poll<usize> {
        self.turn.as_mut().map_or(Poll::Ready(wanted), |turn| turn.poll(cx, wanted))
    }

    /// So many of them were not sent.
    pub(super) fn put_back(&self, unused: usize) {
        if let Some(turn) = &self.turn {
            turn.put_back(unused);
        }
    }

    /// Counts bytes that were sent.
    pub(super) fn count(&mut self, sent: usize) {
        self.sent += sent as u64;
    }

    /// What the kernel has room for says nothing of the client: with TCP, what it acknowledged counts.
    fn taken_by_client(&self) -> u64 {
        let waiting = self.io.socket().get_ref().get(opt::SendQueue).unwrap_or(0);
        self.sent.saturating_sub(waiting as u64)
    }
}

/// Sends as much as the rate of all, and the transport, have room for.
fn send_some<T: Transport>(
    io: &mut T,
    turn: &mut Option<Box<Turn>>,
    cx: &mut Context<'_>,
    [first, second]: [&[u8]; 2],
    more: bool,
) -> Poll<io::Result<usize>> {
    let Some(turn) = turn else { return io.poll_send(cx, [first, second], more) };
    let room = ready!(turn.poll(cx, first.len() + second.len()));
    let first = first.get(..room.min(first.len())).unwrap_or_default();
    let second = second.get(..(room - first.len()).min(second.len())).unwrap_or_default();
    let sent = io.poll_send(cx, [first, second], more);
    let used = if let Poll::Ready(Ok(used)) = &sent { *used } else { 0 };
    turn.put_back(room.saturating_sub(used));
    sent
}
