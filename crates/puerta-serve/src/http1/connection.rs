//! One connection: requests in, responses out, in order.

use super::Service;
use super::answer::{Reply, Start};
use super::body::{Listed, Long};
use super::head::{Request, Room, read};
use super::transport::Transport;
use super::watch::{MOMENT, Watch};
use super::write::{self, Clock};
use crate::core::head::{Head, Version};
use crate::core::respond;
use crate::core::response::{Body, Response, Status};
use crate::gate::pace::Turn;
use crate::log::{self, Entry};
use crate::store::Now;
use crate::store::handle::Handle;
use bytes::Bytes;
use puerta::{Endpoint, opt};
use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};
use std::{io, mem};

/// Room for what is received at once, in each thread: twice the longest head, so that there is always some.
const INPUT: usize = 64 * 1024;
/// How much of short responses is gathered before it is sent.
const GATHERED: usize = 64 * 1024;
/// Up to this many bytes, a body is copied behind its head; longer ones are sent from where they are, in the same call.
const COPIED: usize = 8 * 1024;
/// How much of what comes after a refused request is passed over before the connection is closed.
const LINGERED: usize = 1 << 20;

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The client closed it, or both were done.
    Done,
    /// It was idle for too long, or we stop.
    Idle,
    /// A head, or a body that is passed over, did not come whole in time.
    Late,
    /// The client took less than the rate.
    Slow,
    /// A file ended before the bytes that were promised, or could not be read: the connection was reset.
    Broken,
    /// It was reset, or its TLS failed.
    Reset,
}

/// Hands over what this thread has gathered for the log.
pub fn hand_log(service: &Service) {
    if let Some(log) = &service.log {
        SCRATCH.with_borrow_mut(|scratch| log.hand(&mut scratch.lines));
    }
}

/// A connection with its client.
#[derive(Debug)]
pub struct Connection<T: Transport> {
    pub(super) io: T,
    pub(super) service: Arc<Service>,
    pub(super) watch: Arc<Watch>,
    /// What came and is not answered yet.
    left: Vec<u8>,
    /// More has to come before anything can be done.
    hungry: bool,
    /// The deadline was another's: what is waited for next sets its own.
    pub(super) fresh: bool,
    /// How much of a body is still to be passed over.
    skip: u64,
    /// What found no room in the socket: first this,
    pub(super) rest: Vec<u8>,
    /// then this.
    pub(super) tail: Bytes,
    /// The transport may hold something back.
    pub(super) unflushed: bool,
    /// Bytes that were sent; how many were, and how many of them the client had, when its pace was looked at.
    pub(super) sent: u64,
    pub(super) given: u64,
    pub(super) taken: u64,
    served: u32,
    /// When what is being answered had come.
    began: Instant,
    /// Where all connections together have a rate.
    pub(super) turn: Option<Box<Turn>>,
    /// A body that is not in memory is under way, or its head.
    owes: bool,
    /// Its line of the access log, but for the end, and what was sent before it; `None`: its head is not sent yet.
    line: Vec<u8>,
    before: Option<u64>,
}

/// What has to be done before the next request.
enum Step {
    /// Look where it takes time.
    Look,
    /// Send a body that is not in memory.
    Send(Box<Long>),
    /// No more; `linger`: the client may be sending still.
    Close { linger: bool },
    /// The client has ended its direction, with nothing left to answer.
    Ended,
    /// The deadline struck.
    Late,
}

/// Buffers that a thread's connections use in turn.
struct Scratch {
    input: Vec<u8>,
    output: Vec<u8>,
    clock: Clock,
    /// Of the access log.
    lines: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> =
        RefCell::new(Scratch { input: vec![0; INPUT], output: Vec::with_capacity(2 * GATHERED), clock: Clock::default(), lines: Vec::new() });
}

impl<T: Transport> Connection<T> {
    /// Over a transport that is ready for the first request.
    pub fn new(io: T, service: Arc<Service>, watch: Arc<Watch>) -> Self {
        watch.within(service.limits.idle);
        let (left, rest, tail) = (Vec::new(), Vec::new(), Bytes::new());
        let (hungry, fresh, skip, unflushed) = (true, false, 0, false);
        let (sent, given, taken, served, owes) = (0, 0, 0, 0, false);
        let (line, before) = (Vec::new(), None);
        let turn = service.gate.pace.as_ref().map(|pace| Box::new(pace.turn()));
        Connection {
            io,
            service,
            watch,
            left,
            hungry,
            fresh,
            skip,
            rest,
            tail,
            unflushed,
            sent,
            given,
            taken,
            served,
            began: Instant::now(),
            turn,
            owes,
            line,
            before,
        }
    }

    /// Answers until the connection ends.
    pub async fn run(mut self) -> End {
        self.answer_all().await.unwrap_or_else(|end| end)
    }

    async fn answer_all(&mut self) -> Result<End, End> {
        let mut step = None;
        loop {
            if !self.rest.is_empty() || !self.tail.is_empty() || self.unflushed {
                Box::pin(self.push(matches!(step, Some(Step::Send(_))))).await?;
            }
            step = match step {
                None => {
                    let turned = poll_fn(|cx| SCRATCH.with_borrow_mut(|scratch| self.poll_turn(cx, scratch)));
                    turned.await.map_err(|_| End::Reset)?
                }
                Some(Step::Look) => Box::pin(self.look()).await,
                Some(Step::Send(long)) => {
                    let closes = long.closes;
                    self.before = Some(self.sent);
                    Box::pin(self.send(*long)).await?;
                    self.end_line();
                    self.owes = false;
                    self.fresh = true;
                    closes.then_some(Step::Close { linger: self.skip > 0 || !self.left.is_empty() })
                }
                Some(Step::Close { linger }) => {
                    Box::pin(self.close(linger)).await;
                    return Ok(End::Done);
                }
                Some(Step::Ended) => return Ok(End::Done),
                // The request was answered before its body was passed over: there is no other response to it.
                Some(Step::Late) if self.skip > 0 => {
                    Box::pin(self.close(true)).await;
                    return Ok(End::Late);
                }
                // Empty lines begin no request.
                Some(Step::Late) if self.left.iter().all(|byte| b"\r\n".contains(byte)) => return Ok(End::Idle),
                Some(Step::Late) => {
                    self.refuse(Status::REQUEST_TIMEOUT);
                    Box::pin(self.push(false)).await?;
                    Box::pin(self.close(true)).await;
                    return Ok(End::Late);
                }
            }
        }
    }

    /// Receives where it must, answers what is whole, and sends that with one call.
    fn poll_turn(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<io::Result<Option<Step>>> {
        loop {
            let had = self.left.len();
            let mut have = had;
            if self.hungry {
                if had == 0 && self.skip == 0 && self.watch.is_stopping() {
                    return Poll::Ready(Ok(Some(Step::Close { linger: false })));
                }
                let room = scratch.input.get_mut(had..).unwrap_or_default();
                match self.io.poll_recv(cx, room) {
                    Poll::Pending => {
                        self.watch.wake_me(cx);
                        return if self.watch.is_over() { Poll::Ready(Ok(Some(Step::Late))) } else { Poll::Pending };
                    }
                    Poll::Ready(Ok(0)) => return Poll::Ready(Ok(Some(Step::Ended))),
                    Poll::Ready(Ok(n)) => have += n,
                    Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                }
            }
            if let Some(start) = scratch.input.get_mut(..had) {
                start.copy_from_slice(&self.left);
            }
            let step = self.answer(scratch, have);
            let sent = self.send_now(cx, &scratch.output, matches!(step, Some(Step::Send(_))));
            match sent {
                Ok(true) if step.is_none() => {}
                Ok(_) => return Poll::Ready(Ok(step)),
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }

    /// Answers the requests at the start of the input, as many as can be at once, and keeps the rest of it.
    fn answer(&mut self, scratch: &mut Scratch, have: usize) -> Option<Step> {
        let Scratch { input, output, clock, lines } = scratch;
        let mut rest = input.get(..have).unwrap_or_default();
        let service = self.service.clone();
        let now = Now::read();
        clock.set(now.wall);
        self.began = now.instant;
        output.clear();
        let first = self.left.is_empty() && self.skip == 0;
        let (served, mut fresh) = (self.served, mem::take(&mut self.fresh) || first);
        self.hungry = false;
        let step = loop {
            let passed = usize::try_from(self.skip).unwrap_or(usize::MAX).min(rest.len());
            self.skip -= passed as u64;
            rest = rest.get(passed..).unwrap_or_default();
            if rest.is_empty() {
                self.hungry = true;
                break None;
            }
            if output.len() >= GATHERED {
                break None;
            }
            let mut room = Room::new();
            let request = match read(rest, &mut room, &service.limits.head) {
                Ok(Some(request)) => request,
                Ok(None) => {
                    self.hungry = true;
                    break None;
                }
                Err(refused) => {
                    self.served = self.served.saturating_add(1);
                    let response = respond::refuse::<Handle>(refused.status, &service.site);
                    self.log(None, None, refused.status, clock, lines);
                    let sent = write::short(output, response, clock);
                    self.log_end(sent, lines);
                    break Some(Step::Close { linger: true });
                }
            };
            let Some(reply) = service.respond_now(&request.head, self.peer(), now) else { break Some(Step::Look) };
            let step = self.begin(&request, reply, output, clock, lines);
            rest = rest.get(request.length..).unwrap_or_default();
            if step.is_some() || !self.tail.is_empty() {
                break step;
            }
        };
        fresh |= self.served != served;
        if self.hungry && rest.is_empty() && self.skip == 0 {
            self.watch.within(service.limits.idle);
        } else if self.hungry && fresh {
            self.watch.within(service.limits.head_time);
        }
        if !self.left.is_empty() || !rest.is_empty() {
            self.left = rest.to_vec();
        }
        step
    }

    /// Answers the first request that is left, in a thread that may wait.
    async fn look(&mut self) -> Option<Step> {
        self.watch.forever();
        self.fresh = true;
        let service = self.service.clone();
        let left = mem::take(&mut self.left);
        let mut room = Room::new();
        // It was whole before; now it is read again, since nothing that borrows it was kept.
        let Ok(Some(request)) = read(&left, &mut room, &service.limits.head) else { return Some(Step::Ended) };
        let peer = self.peer().cloned();
        let reply = service.respond(&request.head, peer.as_ref()).await;
        let mut output = Vec::new();
        let step = SCRATCH.with_borrow_mut(|scratch| {
            scratch.clock.set(SystemTime::now());
            self.begin(&request, reply, &mut output, &scratch.clock, &mut scratch.lines)
        });
        self.rest = output;
        self.left = left.get(request.length..).unwrap_or_default().to_vec();
        step
    }

    /// Writes the head of a response, and its body if that is short.
    fn begin(
        &mut self,
        request: &Request<'_>,
        reply: Reply,
        output: &mut Vec<u8>,
        clock: &Clock,
        lines: &mut Vec<u8>,
    ) -> Option<Step> {
        let Reply { response, user } = reply;
        let listed = matches!(response.body, Body::Listing(_)).then(|| Listed::new(self.peer()));
        let limits = &self.service.limits;
        self.served = self.served.saturating_add(1);
        let last = self.served >= limits.requests || self.watch.is_stopping();
        let Start { delimited, passed_over, closes } = Start::of(request, &response, last);
        // What nobody counts is passed over when the connection is closed, too.
        self.skip = passed_over.unwrap_or(u64::MAX);
        write::head(output, &response, delimited, request.head.version, !closes, clock);
        let in_memory = matches!(response.body, Body::Empty | Body::Bytes(_));
        let mut line = Vec::new();
        let begun = if in_memory { &mut *lines } else { &mut line };
        self.log(Some(&request.head), user.as_deref(), response.status, clock, begun);
        match response.body {
            Body::Empty => self.log_end(0, lines),
            Body::Bytes(bytes) => {
                self.log_end(bytes.len() as u64, lines);
                if bytes.len() <= COPIED {
                    output.extend_from_slice(&bytes);
                } else {
                    self.tail = bytes;
                }
            }
            body => {
                (self.owes, self.line, self.before) = (true, line, None);
                return Some(Step::Send(Box::new(Long { body, delimited, closes, _listed: listed })));
            }
        }
        closes.then_some(Step::Close { linger: passed_over != Some(0) })
    }

    /// Prepares a response to what is no request.
    fn refuse(&mut self, status: Status) {
        self.served = self.served.saturating_add(1);
        let response = respond::refuse::<Handle>(status, &self.service.site);
        self.prepare(None, response);
    }

    /// Prepares a response that the connection ends with.
    pub(super) fn prepare(&mut self, head: Option<&Head<'_>>, response: Response<Handle>) {
        let status = response.status;
        SCRATCH.with_borrow_mut(|scratch| {
            let Scratch { clock, lines, .. } = scratch;
            clock.set(SystemTime::now());
            self.log(head, None, status, clock, lines);
            let sent = write::short(&mut self.rest, response, clock);
            self.log_end(sent, lines);
        });
    }

    /// Who is served.
    fn peer(&self) -> Option<&Endpoint> {
        self.io.socket().get_ref().peer()
    }

    /// Begins the line of a response.
    fn log(&self, head: Option<&Head<'_>>, user: Option<&str>, status: Status, clock: &Clock, lines: &mut Vec<u8>) {
        let Some(log) = &self.service.log else { return };
        let version = |head: &Head<'_>| if head.version == Version::Http10 { "HTTP/1.0" } else { "HTTP/1.1" };
        let gate = &self.service.gate;
        let target = head.map(|head| gate.logged(head.target));
        let field = |name| head.and_then(|head| head.first(name)).map(|value| gate.logged(value));
        let (referer, agent) = (field("referer"), field("user-agent"));
        let entry = Entry {
            peer: self.peer(),
            user,
            stamp: clock.stamp(log.form()),
            request: head.zip(target.as_deref()).map(|(head, target)| (head.method.name(), target, version(head))),
            status: status.0,
            referer: referer.as_deref(),
            agent: agent.as_deref(),
        };
        log.form().start(lines, &entry);
    }

    /// Receives once, behind what came before. Whether something came, or the client's end; `None`: the deadline struck.
    pub(super) async fn receive(&mut self, came: &mut Vec<u8>) -> Option<io::Result<bool>> {
        let watch = self.watch.clone();
        let receiving = watch.or_over(|cx| {
            SCRATCH.with_borrow_mut(|scratch| {
                let got = ready!(self.io.poll_recv(cx, &mut scratch.input))?;
                came.extend_from_slice(scratch.input.get(..got).unwrap_or_default());
                Poll::Ready(Ok(got > 0))
            })
        });
        let received = receiving.await;
        self.began = Instant::now();
        received
    }

    /// Ends our direction. A socket that is closed while something of the client's is unread resets the connection, and the response is
    /// lost with it (RFC 9112, section 9.6); so with `linger` it is read and passed over.
    pub(super) async fn close(&mut self, linger: bool) {
        let watch = self.watch.clone();
        let linger_time = self.service.limits.linger;
        watch.within(if watch.is_stopping() { linger_time.min(MOMENT) } else { linger_time });
        if !linger && !T::BUFFERS {
            return;
        }
        let ended = watch.or_late(|cx| self.io.poll_end(cx)).await;
        let mut passed = 0;
        while linger && ended.as_ref().is_some_and(Result::is_ok) && passed < LINGERED {
            let io = &mut self.io;
            let got = watch.or_late(|cx| SCRATCH.with_borrow_mut(|scratch| io.poll_recv(cx, &mut scratch.input)));
            match got.await {
                Some(Ok(n)) if n > 0 => passed += n,
                _ => break,
            }
        }
    }
}

impl<T: Transport> Connection<T> {
    /// Ends a line when it is known how much was sent.
    fn log_end(&self, sent: u64, lines: &mut Vec<u8>) {
        if let Some(log) = &self.service.log {
            log.form().end(lines, sent, || self.began.elapsed());
            if lines.len() >= log::GATHERED {
                log.hand(lines);
            }
        }
    }

    /// Ends the line of a body that is not in memory, if there is one.
    fn end_line(&mut self) {
        if self.line.is_empty() {
            return;
        }
        let sent = self.before.map_or(0, |before| self.sent.saturating_sub(before));
        let mut line = mem::take(&mut self.line);
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.lines.append(&mut line);
            self.log_end(sent, &mut scratch.lines);
        });
    }
}

impl<T: Transport> Drop for Connection<T> {
    /// However it ends, it counts, and has its line.
    fn drop(&mut self) {
        self.end_line();
        let owes = self.owes || self.unflushed || !self.rest.is_empty() || !self.tail.is_empty();
        if owes {
            // What was promised does not come: the client must not take what came for the whole, nor wait for the rest.
            let _ = self.io.socket().get_ref().set(opt::Linger, Some(Duration::ZERO));
        }
        self.service.tally.add(self.served, self.sent, owes);
    }
}

#[cfg(test)]
mod tests;
