//! Plain mode over TCP: thin drivers of `Peer` and `Hub`. Frames are cut anywhere on their way, and read whole.

use crate::plain::driver::{Moved, until};
use crate::plain::event::Why;
use crate::plain::{Event, Hub, Peer, Settings};
use crate::wire::{Cutter, Misfit};
use bytes::Bytes;
use puerta::{AnyStream, Async, Connected, Endpoint, Error, Flags, Listening, Result, Shutdown, Socket, errno, opt};
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};
use tokio::io::Interest;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

/// How many frames a member may be behind (some 256 KiB) before it is dropped.
pub const BEHIND: usize = 240;
/// How many frames may wait for the hub to look at them.
const HEARD: usize = 64;
/// How much is read at once.
const CHUNK: usize = 16 << 10;
/// How long accepting pauses at a limit of the system.
const PAUSE: Duration = Duration::from_millis(200);
/// How long a member that has ended may take to read what is left for it.
const LEFT_OVER: Duration = Duration::from_secs(10);

type Link = Async<Socket<AnyStream, Connected>>;

/// A talk with one peer.
#[derive(Debug)]
pub(super) struct TcpPeer {
    link: Link,
    core: Peer,
    cutter: Cutter,
    buffer: Vec<u8>,
    /// A frame on its way, and how much of it the kernel has.
    partial: Option<(Bytes, usize)>,
    ended: bool,
    broken: Option<Error>,
    pub(super) moved: Moved,
}

impl TcpPeer {
    pub(super) fn new(socket: Socket<AnyStream, Connected>, settings: Settings) -> Result<Self> {
        let address = socket.peer().and_then(Endpoint::inet).unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into());
        let cutter = Cutter::new(settings.wire.frame_len().unwrap_or(1));
        let core = Peer::new(settings, address, false, Instant::now());
        let (link, buffer, moved) = (Async::new(socket)?, vec![0; CHUNK], Moved::new());
        Ok(TcpPeer { link, core, cutter, buffer, partial: None, ended: false, broken: None, moved })
    }

    pub(super) async fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.core.event() {
                return Ok(event);
            }
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
            let now = Instant::now();
            self.load(now);
            let rest = rest_of(&self.partial);
            let wake = self.core.wake_at(now).filter(|_| self.partial.is_none());
            tokio::select! {
                got = self.link.recv(&mut self.buffer, Flags::NONE), if !self.ended => match got {
                    Ok(received) => self.received(received.len),
                    Err(error) => self.lost(error),
                },
                done = self.link.send(rest, Flags::NONE), if self.partial.is_some() => match done {
                    Ok(n) => self.sent(n),
                    Err(error) => self.lost(error),
                },
                () = until(wake) => self.core.tick(Instant::now(), SystemTime::now()),
            }
        }
    }

    pub(super) fn say(&mut self, text: &[u8]) -> Result<usize, Misfit> {
        self.core.say(text, SystemTime::now()).map(|()| 1)
    }

    pub(super) async fn leave(&mut self) {
        self.core.quit(SystemTime::now());
        loop {
            self.load(Instant::now());
            let rest = rest_of(&self.partial);
            if rest.is_empty() {
                return;
            }
            match self.link.send(rest, Flags::NONE).await {
                Ok(n) => self.sent(n),
                Err(_) => return,
            }
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.partial.is_some() || self.core.is_busy()
    }

    pub(super) fn finish(&mut self) -> Result<()> {
        self.link.get_ref().shutdown(Shutdown::Write)
    }

    pub(super) fn unacknowledged(&self) -> usize {
        self.link.get_ref().get(opt::SendQueue).unwrap_or(0)
    }

    /// Takes up the next frame.
    fn load(&mut self, now: Instant) {
        if self.partial.is_none()
            && let Some(frame) = self.core.outgoing(now)
        {
            self.partial = Some((frame, 0));
        }
    }

    fn sent(&mut self, n: usize) {
        self.moved.sent(n);
        if let Some((frame, done)) = &mut self.partial {
            *done += n;
            if *done >= frame.len() {
                self.partial = None;
                self.core.sent(Instant::now());
            }
        }
    }

    fn received(&mut self, n: usize) {
        self.moved.received(n);
        if n == 0 {
            self.ended = true;
            return self.core.closed(self.cutter.finish().as_deref(), None, SystemTime::now());
        }
        self.cutter.push(self.buffer.get(..n).unwrap_or_default());
        while let Some(frame) = self.cutter.pop() {
            self.core.heard(&frame, SystemTime::now());
        }
    }

    /// What came before is shown before that is told.
    fn lost(&mut self, error: Error) {
        if let Some(rest) = self.cutter.finish() {
            self.core.heard(&rest, SystemTime::now());
        }
        (self.ended, self.partial, self.broken) = (true, None, Some(error));
    }
}

fn rest_of(partial: &Option<(Bytes, usize)>) -> &[u8] {
    partial.as_ref().and_then(|(frame, done)| frame.get(*done..)).unwrap_or_default()
}

/// A hub.
#[derive(Debug)]
pub(super) struct TcpHub {
    listeners: Vec<Async<Socket<AnyStream, Listening>>>,
    core: Hub,
    members: HashMap<SocketAddr, Member>,
    heard: mpsc::Receiver<Heard>,
    tell: mpsc::Sender<Heard>,
    tasks: JoinSet<()>,
    count: u64,
    frame: usize,
    /// Accepting pauses until then.
    paused: Option<Instant>,
    pub(super) moved: Moved,
}

#[derive(Debug)]
struct Member {
    /// Tells connections apart that come from the same address one after the other.
    number: u64,
    queue: mpsc::Sender<Bytes>,
    task: AbortHandle,
}

/// What a connection has to tell.
#[derive(Debug)]
struct Heard {
    from: SocketAddr,
    number: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Frame(Vec<u8>),
    End(Option<Vec<u8>>, Option<Error>),
}

impl TcpHub {
    pub(super) fn new(listeners: Vec<Socket<AnyStream, Listening>>, settings: Settings) -> Result<Self> {
        let listeners = listeners.into_iter().map(Async::new).collect::<Result<Vec<_>>>()?;
        let (tell, heard) = mpsc::channel(HEARD);
        let frame = settings.wire.frame_len().unwrap_or(1);
        let (core, members, tasks, moved) = (Hub::new(settings), HashMap::new(), JoinSet::new(), Moved::new());
        Ok(TcpHub { listeners, core, members, heard, tell, tasks, count: 0, frame, paused: None, moved })
    }

    pub(super) async fn next(&mut self) -> Result<Event> {
        loop {
            self.send_all();
            if let Some(event) = self.core.event() {
                if let Event::Left { who, why } = &event
                    && !self.core.has(&who.address)
                    && let Some(member) = self.members.remove(&who.address)
                    && matches!(why, Why::Behind)
                {
                    member.task.abort();
                }
                return Ok(event);
            }
            let wake = self.core.wake_at();
            tokio::select! {
                got = accept(&self.listeners), if self.paused.is_none() => self.accepted(got)?,
                Some(heard) = self.heard.recv() => self.heard(heard),
                Some(_) = self.tasks.join_next() => {}
                () = until(self.paused), if self.paused.is_some() => self.paused = None,
                () = until(wake) => self.core.tick(Instant::now()),
            }
        }
    }

    pub(super) fn say(&mut self, text: &[u8]) -> Result<usize, Misfit> {
        self.core.say(text, Instant::now(), SystemTime::now())
    }

    pub(super) async fn leave(&mut self) {
        self.core.quit(Instant::now(), SystemTime::now());
        self.send_all();
        self.members.clear();
        // A connection that waits for us to listen must not keep the others waiting.
        self.heard.close();
        while self.tasks.join_next().await.is_some() {}
    }

    pub(super) fn is_busy(&self) -> bool {
        self.core.outgoing().is_some()
    }

    pub(super) fn members(&self) -> usize {
        self.core.members()
    }

    fn accepted(&mut self, got: Result<Socket<AnyStream, Connected>>) -> Result<()> {
        let now = Instant::now();
        let socket = match got {
            Ok(socket) => socket,
            Err(error) => match error.errno() {
                Some(errno::ECONNABORTED | errno::EPROTO | errno::EINTR) => return Ok(()),
                Some(errno::EMFILE | errno::ENFILE | errno::ENOBUFS | errno::ENOMEM) => {
                    self.paused = Some(now + PAUSE);
                    self.core.at_limit(error);
                    return Ok(());
                }
                _ => return Err(error),
            },
        };
        let Some(from) = socket.peer().and_then(Endpoint::inet) else { return Ok(()) };
        self.core.below_limit();
        self.core.closed(from, None, Why::Closed(None), SystemTime::now());
        if !self.core.accepted(from, now) {
            return Ok(());
        }
        let link = match Async::shared(socket) {
            Ok(link) => link,
            Err(refused) => {
                self.core.closed(from, None, Why::Closed(Some(refused.error)), SystemTime::now());
                return Ok(());
            }
        };
        self.count += 1;
        let number = self.count;
        let (queue, frames) = mpsc::channel(BEHIND);
        let (tell, cutter) = (self.tell.clone(), Cutter::new(self.frame));
        let task = self.tasks.spawn(serve(link, cutter, from, number, tell, frames));
        self.members.insert(from, Member { number, queue, task });
        Ok(())
    }

    fn heard(&mut self, heard: Heard) {
        let Heard { from, number, what } = heard;
        if self.members.get(&from).is_none_or(|member| member.number != number) {
            return;
        }
        match what {
            What::Frame(frame) => {
                self.moved.received(frame.len());
                self.core.heard(from, &frame, Instant::now(), SystemTime::now());
            }
            What::End(rest, error) => {
                self.core.closed(from, rest.as_deref(), Why::Closed(error), SystemTime::now());
            }
        }
    }

    /// Nobody waits for a member that takes nothing.
    fn send_all(&mut self) {
        while let Some((to, frame)) = self.core.outgoing() {
            self.core.sent();
            let Some(member) = self.members.get(&to) else { continue };
            let len = frame.len();
            match member.queue.try_send(frame) {
                Ok(()) => self.moved.sent(len),
                Err(mpsc::error::TrySendError::Full(_)) => {
                    self.core.closed(to, None, Why::Behind, SystemTime::now());
                }
                // Its connection is broken, and tells so itself.
                Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
    }
}

async fn accept(listeners: &[Async<Socket<AnyStream, Listening>>]) -> Result<Socket<AnyStream, Connected>> {
    poll_fn(|cx| {
        for listener in listeners {
            while let Poll::Ready(ready) = listener.poll_read_ready(cx) {
                let accepted = ready.and_then(|()| listener.try_io(Interest::READABLE, Socket::accept_nonblocking));
                match accepted {
                    Err(error) if error.would_block() => {}
                    done => return Poll::Ready(done.map(|(socket, _)| socket)),
                }
            }
        }
        Poll::Pending
    })
    .await
}

/// One connection: its frames to the hub, the hub's to it, each in one call.
async fn serve(
    link: Link,
    mut cutter: Cutter,
    from: SocketAddr,
    number: u64,
    tell: mpsc::Sender<Heard>,
    mut frames: mpsc::Receiver<Bytes>,
) {
    let reading = async {
        let mut buffer = vec![0; CHUNK];
        let error = loop {
            match link.recv(&mut buffer, Flags::NONE).await {
                Ok(received) if received.len == 0 => break None,
                Ok(received) => cutter.push(buffer.get(..received.len).unwrap_or_default()),
                Err(error) => break Some(error),
            }
            while let Some(frame) = cutter.pop() {
                if tell.send(Heard { from, number, what: What::Frame(frame) }).await.is_err() {
                    return;
                }
            }
        };
        let _ = tell.send(Heard { from, number, what: What::End(cutter.finish(), error) }).await;
    };
    let writing = async {
        while let Some(frame) = frames.recv().await {
            send_all(&link, &frame).await?;
        }
        Ok::<(), Error>(())
    };
    let (mut reading, mut writing) = (pin!(reading), pin!(writing));
    tokio::select! {
        () = &mut reading => {
            let _ = tokio::time::timeout(LEFT_OVER, writing).await;
        }
        done = &mut writing => {
            if let Err(error) = done {
                let _ = tell.send(Heard { from, number, what: What::End(None, Some(error)) }).await;
            }
        }
    }
}

async fn send_all(link: &Link, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let n = link.send(bytes, Flags::NONE).await?;
        bytes = bytes.get(n..).unwrap_or_default();
    }
    Ok(())
}
