//! One direction of a session. Nothing is lost in silence: each pump ends with the end of its input or with a problem.

use crate::counters::{CHUNK, Counters};
use crate::framing::{Framer, MESSAGE_MAX};
use crate::local::Local;
use crate::problem::Problem;
use crate::transform::{Crlf, Show, Tagged};
use crate::wire::{Taken, Wire};
use puerta::io::{self, Events, Kind, PollFd, SpliceFlags};
use puerta::{Async, Call, Error, Result, errno};
use std::cell::Cell;
use std::os::fd::AsFd;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::io::Interest;
use tokio::sync::Mutex;

/// How many bytes one splice or sendfile takes: 256 KiB of a pipe of 1 MiB.
const SPLICE_CHUNK: usize = 256 << 10;
const PIPE_SIZE: usize = 1 << 20;

/// What is done to the bytes that we send.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outgoing {
    /// LF becomes CRLF.
    pub crlf: bool,
    /// All of the input is one message (message-keeping sockets only).
    pub whole: bool,
}

/// Moves our input to the peer until it ends; then ends our direction.
///
/// # Errors
/// [`Problem::Input`] where reading failed, [`Problem::Broken`] where the peer took no more.
pub async fn up(input: &Local, wire: &Wire, how: Outgoing, counters: &Counters) -> Result<(), Problem> {
    if wire.is_packet() {
        up_messages(input, wire, how, counters).await?;
    } else {
        let spliced = !how.crlf && up_without_copy(input, wire, counters).await?;
        if !spliced {
            up_copying(input, wire, how, counters).await?;
        }
    }
    wire.end().map_err(Problem::Broken)
}

/// Reads an input to its end, for nobody.
pub(crate) async fn discard(input: &Local) {
    let mut buffer = vec![0; CHUNK];
    while let Ok(1..) = input.read(&mut buffer).await {}
}

async fn up_copying(input: &Local, wire: &Wire, how: Outgoing, counters: &Counters) -> Result<(), Problem> {
    let mut pieces = Pieces::new(how);
    while let Some(bytes) = pieces.next(input).await? {
        wire.send_all(bytes, |n| counters.add_sent(n)).await.map_err(Problem::Broken)?;
    }
    Ok(())
}

/// An input as it comes, one read after the other: a stream has no messages.
pub(crate) struct Pieces {
    buffer: Vec<u8>,
    crlf: Option<Crlf>,
    changed: Vec<u8>,
}

impl Pieces {
    pub(crate) fn new(how: Outgoing) -> Self {
        Pieces { buffer: vec![0; CHUNK], crlf: how.crlf.then(Crlf::default), changed: Vec::new() }
    }

    /// The next of them; `None` at the end of the input.
    pub(crate) async fn next(&mut self, input: &Local) -> Result<Option<&[u8]>, Problem> {
        let n = input.read(&mut self.buffer).await.map_err(Problem::Input)?;
        if n == 0 {
            return Ok(None);
        }
        let bytes = self.buffer.get(..n).unwrap_or_default();
        let Some(crlf) = &mut self.crlf else { return Ok(Some(bytes)) };
        self.changed.clear();
        crlf.push(bytes, &mut self.changed);
        Ok(Some(&self.changed))
    }
}

async fn up_messages(input: &Local, wire: &Wire, how: Outgoing, counters: &Counters) -> Result<(), Problem> {
    let mut messages = Messages::new(how);
    while let Some(message) = messages.next(input).await? {
        wire.send_all(&message, |n| counters.add_sent(n)).await.map_err(Problem::Broken)?;
    }
    Ok(())
}

/// The messages of an input, one after the other.
#[derive(Debug)]
pub struct Messages {
    framer: Framer,
    how: Outgoing,
    crlf: Crlf,
    buffer: Vec<u8>,
    ended: bool,
}

impl Messages {
    /// Lines, or the whole.
    pub fn new(how: Outgoing) -> Self {
        Messages { framer: Framer::new(how.whole), how, crlf: Crlf::default(), buffer: vec![0; CHUNK], ended: false }
    }

    /// The next one; `None` is the end of the input. May be dropped while it waits: nothing is lost.
    ///
    /// # Errors
    /// [`Problem::Input`], or [`Problem::TooLong`] for a message beyond 1 MiB.
    pub async fn next(&mut self, input: &Local) -> Result<Option<Vec<u8>>, Problem> {
        loop {
            if let Some(message) = self.framer.pop() {
                return Ok(Some(message));
            }
            if self.ended {
                return Ok(None);
            }
            let n = input.read(&mut self.buffer).await.map_err(Problem::Input)?;
            if n == 0 {
                self.ended = true;
                return Ok(self.framer.finish());
            }
            let bytes = self.buffer.get(..n).unwrap_or_default();
            let pushed = if self.how.crlf {
                let mut changed = Vec::with_capacity(n + n / 8);
                self.crlf.push(bytes, &mut changed);
                self.framer.push(&changed)
            } else {
                self.framer.push(bytes)
            };
            pushed.map_err(|_| Problem::TooLong { limit: MESSAGE_MAX })?;
        }
    }
}

/// Splices a pipe, or sends a file, without copying. False: this input needs copying, and none of it was taken.
async fn up_without_copy(input: &Local, wire: &Wire, counters: &Counters) -> Result<bool, Problem> {
    let Wire::Stream(socket) = wire else { return Ok(false) };
    match (input.kind(), input.polled()) {
        (Kind::Pipe, Some(pipe)) => {
            let _ = io::set_pipe_size(pipe.get_ref(), PIPE_SIZE);
            loop {
                match splice_loop(pipe, socket, Side::In, counters).await.map_err(|p| explained(p, wire))? {
                    Stopped::End => return Ok(true),
                    Stopped::Never => return Ok(false),
                    Stopped::Stuck => {}
                }
            }
        }
        (Kind::File, None) => {
            let mut any = false;
            loop {
                let step = || io::sendfile(socket.get_ref(), input, None, SPLICE_CHUNK);
                match wire.once_ready(Interest::WRITABLE, step).await {
                    Ok(0) => return Ok(true),
                    Ok(n) => counters.add_sent(n),
                    // A file that may only be written: reading it tells so.
                    Err(e) if !any && (cannot(&e) || e.errno() == Some(errno::EBADF)) => return Ok(false),
                    Err(e) if e.errno() == Some(errno::EIO) => return Err(Problem::Input(e)),
                    Err(e) => return Err(Problem::Broken(wire.explain(e))),
                }
                any = true;
            }
        }
        _ => Ok(false),
    }
}

fn explained(problem: Problem, wire: &Wire) -> Problem {
    match problem {
        Problem::Broken(error) => Problem::Broken(wire.explain(error)),
        other => other,
    }
}

/// Which side of a splice is the local one.
#[derive(Clone, Copy)]
enum Side {
    In,
    Out,
}

/// Why a splice went no further.
enum Stopped {
    /// The source has ended; where that is a socket, recv(2) has to say so, too.
    End,
    /// Both sides are ready, and still nothing moves: over TCP, an urgent byte is next.
    Stuck,
    /// The kernel has no zero-copy way between these two; nothing was taken.
    Never,
}

/// Splices as far as that goes. EAGAIN can mean either side, so both are asked which of them it is.
async fn splice_loop<A: AsFd, B: AsFd>(
    from: &Async<A>,
    to: &Async<B>,
    local: Side,
    counters: &Counters,
) -> Result<Stopped, Problem> {
    let (mut any, mut stuck) = (false, false);
    loop {
        from.readable().await.map_err(Problem::Broken)?;
        {
            let _waiting = matches!(local, Side::Out).then(|| counters.wait_for_output());
            to.writable().await.map_err(Problem::Broken)?;
        }
        match io::splice(from, to, SPLICE_CHUNK, SpliceFlags::MOVE | SpliceFlags::NONBLOCK) {
            Ok(0) => return Ok(Stopped::End),
            Ok(n) => {
                (any, stuck) = (true, false);
                match local {
                    Side::In => counters.add_sent(n),
                    Side::Out => counters.add_received(n),
                }
            }
            Err(e) if e.would_block() => {
                let ready =
                    [confirm(from, Interest::READABLE, Events::READ), confirm(to, Interest::WRITABLE, Events::WRITE)];
                // One of them may just have become ready: only the second time in a row tells.
                if ready == [true; 2] && std::mem::replace(&mut stuck, true) {
                    return Ok(Stopped::Stuck);
                }
            }
            Err(e) if cannot(&e) && !any => return Ok(Stopped::Never),
            Err(e) => {
                return Err(match local {
                    Side::Out if e.errno() == Some(errno::EPIPE) => Problem::Output(e),
                    _ => Problem::Broken(e),
                });
            }
        }
    }
}

/// Whether poll(2) confirms a readiness, which is forgotten otherwise. What came in between sets it anew.
fn confirm<T: AsFd>(fd: &Async<T>, interest: Interest, events: Events) -> bool {
    let confirmed = fd.try_io(interest, |fd| match io::poll(&mut [PollFd::new(fd, events)], Some(Duration::ZERO))? {
        0 => Err(Error::from_io(Call::Poll, &std::io::ErrorKind::WouldBlock.into())),
        _ => Ok(()),
    });
    confirmed.is_ok()
}

/// The kernel has no zero-copy way between these two.
fn cannot(error: &Error) -> bool {
    matches!(error.errno(), Some(errno::EINVAL | errno::ENOSYS | errno::EOPNOTSUPP))
}

/// Where received bytes go. One at a time writes; buffers belong to the sink, so that a client that is idle has none.
#[derive(Debug)]
pub struct Sink {
    output: Option<Local>,
    /// A child's input: a closed one means that the child wants no more, which is no error.
    child: bool,
    /// How much is being written.
    unwritten: Rc<Cell<usize>>,
    buffer: Vec<u8>,
    shown: Vec<u8>,
}

/// What one client needs to show what it sends.
#[derive(Debug)]
pub struct View {
    /// Raw, visible, or hex.
    pub show: Show,
    /// The peer's name before each line.
    pub tag: Option<Tagged>,
}

/// A view while it is used. Dropped, as by a signal, it shows what it still holds back as far as the output takes it at once.
pub(crate) struct Viewing<'a> {
    sink: &'a Mutex<Sink>,
    pub(crate) view: &'a mut View,
    /// Nothing is to be written any more.
    done: bool,
}

impl<'a> Viewing<'a> {
    pub(crate) fn new(sink: &'a Mutex<Sink>, view: &'a mut View) -> Self {
        Viewing { sink, view, done: false }
    }

    /// Shows what is held back, waiting for the output.
    ///
    /// # Errors
    /// [`Problem::Output`].
    pub(crate) async fn finish(mut self) -> Result<(), Problem> {
        let done = self.sink.lock().await.finish(self.view).await;
        self.done = true;
        done
    }

    /// The output has failed: it is not tried again.
    pub(crate) fn give_up(mut self) {
        self.done = true;
    }
}

impl Drop for Viewing<'_> {
    fn drop(&mut self) {
        let mut last = pin!(async { self.sink.lock().await.finish(self.view).await });
        let mut nobody = Context::from_waker(Waker::noop());
        let _ = !self.done && last.as_mut().poll(&mut nobody).is_ready();
    }
}

impl Sink {
    /// Standard output. What it has not taken counts with these.
    pub fn output(output: Local, counters: &Counters) -> Self {
        Sink::new(output, false, counters.unwritten_count())
    }

    /// A child's standard input.
    pub fn child(input: Local) -> Self {
        Sink::new(input, true, Rc::default())
    }

    fn new(output: Local, child: bool, unwritten: Rc<Cell<usize>>) -> Self {
        Sink { output: Some(output), child, unwritten, buffer: vec![0; CHUNK], shown: Vec::new() }
    }

    /// Writes what `bytes` look like.
    ///
    /// # Errors
    /// [`Problem::Output`].
    pub async fn put(&mut self, bytes: &[u8], view: &mut View) -> Result<(), Problem> {
        if view.tag.is_none() && view.show.is_raw() {
            return self.write(Shown::Given(bytes)).await;
        }
        self.shown.clear();
        push(bytes, view, &mut self.shown);
        self.write(Shown::Kept).await
    }

    /// Receives once and writes it. Waits for the peer while it holds nothing but itself.
    async fn relay(&mut self, wire: &Wire, view: &mut View, counters: &Counters) -> Result<bool, Problem> {
        let taken = match wire.recv_ready(&mut self.buffer) {
            Ok(Some(Taken::Bytes(n))) => n,
            Ok(Some(Taken::End)) => return Ok(false),
            Ok(None) => return Ok(true),
            Err(e) => return Err(Problem::Broken(e)),
        };
        counters.add_received(taken);
        let buffer = std::mem::take(&mut self.buffer);
        let done = self.put(buffer.get(..taken).unwrap_or_default(), view).await;
        self.buffer = buffer;
        done.map(|()| true)
    }

    /// Writes what a view held back.
    ///
    /// # Errors
    /// [`Problem::Output`].
    pub async fn finish(&mut self, view: &mut View) -> Result<(), Problem> {
        self.shown.clear();
        finish(view, &mut self.shown);
        self.write(Shown::Kept).await
    }

    async fn write(&mut self, what: Shown<'_>) -> Result<(), Problem> {
        let Some(output) = &self.output else { return Ok(()) };
        let bytes = match what {
            Shown::Given(bytes) => bytes,
            Shown::Kept => &self.shown,
        };
        let unwritten = &self.unwritten;
        unwritten.set(unwritten.get() + bytes.len());
        match output.write_counting(bytes, |n| unwritten.set(unwritten.get().saturating_sub(n))).await {
            Ok(()) => Ok(()),
            Err(e) if self.child && e.errno() == Some(errno::EPIPE) => {
                self.output = None;
                Ok(())
            }
            Err(e) => Err(Problem::Output(e)),
        }
    }

    /// Closes a child's input: its end of file.
    pub fn close(&mut self) {
        if self.child {
            self.output = None;
        }
    }
}

enum Shown<'a> {
    Given(&'a [u8]),
    Kept,
}

fn push(bytes: &[u8], view: &mut View, out: &mut Vec<u8>) {
    match &mut view.tag {
        None => view.show.push(bytes, out),
        Some(tag) => {
            let mut seen = Vec::with_capacity(bytes.len());
            view.show.push(bytes, &mut seen);
            tag.push(&seen, out);
        }
    }
}

fn finish(view: &mut View, out: &mut Vec<u8>) {
    match &mut view.tag {
        None => view.show.finish(out),
        Some(tag) => {
            let mut seen = Vec::new();
            view.show.finish(&mut seen);
            tag.push(&seen, out);
            tag.finish(out);
        }
    }
}

/// Moves what the peer sends to the sink until the peer ends. `alone`: no other client writes to the sink.
///
/// # Errors
/// [`Problem::Broken`] where the connection broke, [`Problem::Output`] where writing failed.
pub async fn down(
    wire: &Wire,
    sink: &Mutex<Sink>,
    view: &mut View,
    alone: bool,
    counters: &Counters,
) -> Result<(), Problem> {
    if alone && down_without_copy(wire, &*sink.lock().await, view, counters).await? {
        sink.lock().await.close();
        return Ok(());
    }
    loop {
        wire.wait_readable().await.map_err(Problem::Broken)?;
        let _waiting = counters.wait_for_output();
        let mut sink = sink.lock().await;
        if !sink.relay(wire, view, counters).await? {
            sink.finish(view).await?;
            sink.close();
            return Ok(());
        }
    }
}

/// Splices a stream into a pipe. False: it has to be copied (and nothing was taken).
async fn down_without_copy(wire: &Wire, sink: &Sink, view: &View, counters: &Counters) -> Result<bool, Problem> {
    let (Wire::Stream(socket), None, true) = (wire, &view.tag, view.show.is_raw()) else { return Ok(false) };
    let Some(output) = sink.output.as_ref().filter(|output| output.kind() == Kind::Pipe && !sink.child) else {
        return Ok(false);
    };
    let Some(pipe) = output.polled() else { return Ok(false) };
    let _ = io::set_pipe_size(pipe.get_ref(), PIPE_SIZE);
    let mut buffer = Vec::new();
    loop {
        match splice_loop(socket, pipe, Side::Out, counters).await.map_err(|p| explained(p, wire))? {
            Stopped::Never => return Ok(false),
            Stopped::End | Stopped::Stuck => {}
        }
        // Before an urgent byte splice tells of an end where there is none. Receiving leaves that byte out and goes on behind it.
        match wire.recv_ready(&mut buffer).map_err(Problem::Broken)? {
            Some(Taken::End) => return Ok(true),
            Some(Taken::Bytes(n)) => {
                counters.add_received(n);
                let _waiting = counters.wait_for_output();
                output.write_all(buffer.get(..n).unwrap_or_default()).await.map_err(Problem::Output)?;
            }
            None => {}
        }
    }
}
