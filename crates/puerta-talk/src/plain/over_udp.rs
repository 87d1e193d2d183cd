//! Plain mode over UDP: thin drivers of `Peer` and `Hub`.

use crate::plain::driver::{Moved, until};
use crate::plain::{Event, Hub, Peer, Settings};
use crate::wire::Misfit;
use puerta::{
    AnyDatagram, Async, Bound, Connected, Datagram, Endpoint, Error, Flags, PacketInfo, Result, Socket, errno,
};
use std::collections::HashMap;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::Poll;
use std::time::{Instant, SystemTime};
use tokio::io::Interest;

/// Room for any datagram.
const BUFFER: usize = 1 << 16;

/// A talk with one peer.
#[derive(Debug)]
pub(super) struct UdpPeer {
    link: Async<Socket<AnyDatagram, Connected>>,
    core: Peer,
    buffer: Vec<u8>,
    pub(super) moved: Moved,
}

impl UdpPeer {
    pub(super) fn new(socket: Socket<AnyDatagram, Connected>, settings: Settings, keeps: bool) -> Result<Self> {
        let core = Peer::new(settings, peer_of(&socket), keeps, Instant::now());
        Ok(UdpPeer { link: Async::new(socket)?, core, buffer: vec![0; BUFFER], moved: Moved::new() })
    }

    pub(super) async fn next(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.core.event() {
                return Ok(event);
            }
            let now = Instant::now();
            let (frame, wake) = (self.core.outgoing(now), self.core.wake_at(now));
            let bytes = frame.as_deref().unwrap_or_default();
            tokio::select! {
                // What ICMP said makes a socket an error to be told, not readable.
                got = self.link.io(Interest::READABLE | Interest::ERROR, |s| s.recv(&mut self.buffer, Flags::NONE)) => match got {
                    Ok(received) => {
                        self.moved.received(received.len);
                        self.core.heard(self.buffer.get(..received.len).unwrap_or_default(), SystemTime::now());
                    }
                    Err(error) => self.not_received(error)?,
                },
                done = self.link.send(bytes, Flags::NONE), if frame.is_some() => self.sent(done),
                () = until(wake) => self.core.tick(Instant::now(), SystemTime::now()),
            }
        }
    }

    pub(super) fn say(&mut self, text: &[u8]) -> Result<usize, Misfit> {
        self.core.say(text, SystemTime::now()).map(|()| 1)
    }

    pub(super) async fn leave(&mut self) {
        self.core.quit(SystemTime::now());
        while let Some(frame) = self.core.outgoing(Instant::now()) {
            let done = self.link.send(&frame, Flags::NONE).await;
            self.sent(done);
        }
    }

    pub(super) fn elsewhere(&mut self, socket: Socket<AnyDatagram, Connected>, keeps: bool) -> Result<()> {
        self.core.elsewhere(peer_of(&socket), keeps, Instant::now());
        self.link = Async::new(socket)?;
        Ok(())
    }

    pub(super) fn is_unheard(&self) -> bool {
        self.core.is_unheard()
    }

    pub(super) fn is_refused(&self) -> bool {
        self.core.is_refused()
    }

    pub(super) fn is_busy(&self) -> bool {
        self.core.is_busy()
    }

    fn sent(&mut self, done: Result<usize>) {
        match done {
            Ok(n) => {
                self.moved.sent(n);
                self.core.sent(Instant::now());
            }
            // It belongs to an earlier datagram; this one was not sent, and stays.
            Err(error) if error.errno() == Some(errno::ECONNREFUSED) => self.core.refused(error),
            // It may belong to an earlier datagram, too: at the next address all of them are sent.
            Err(error) if is_away(error.errno()) && self.core.is_unheard() => {
                self.core.sent(Instant::now());
                self.core.refused(error);
            }
            Err(error) => {
                self.core.sent(Instant::now());
                self.core.tell(Event::NotSent(error));
            }
        }
    }

    fn not_received(&mut self, error: Error) -> Result<()> {
        match error.errno() {
            Some(errno::ECONNREFUSED) => self.core.refused(error),
            number if is_away(number) && !self.core.was_heard() => self.core.refused(error),
            number if concerns_one(number) => self.core.tell(Event::NotSent(error)),
            _ => return Err(error),
        }
        Ok(())
    }
}

/// A hub: every datagram is answered, or passed on, by the way that its peer asked by.
#[derive(Debug)]
pub(super) struct UdpHub {
    doors: Vec<Async<Socket<AnyDatagram, Bound>>>,
    core: Hub,
    /// By which of the doors, and from which of our addresses, each member is reached.
    ways: HashMap<SocketAddr, (usize, Option<PacketInfo>)>,
    buffer: Vec<u8>,
    pub(super) moved: Moved,
}

impl UdpHub {
    pub(super) fn new(sockets: Vec<Socket<AnyDatagram, Bound>>, settings: Settings) -> Result<Self> {
        let doors = sockets.into_iter().map(Async::new).collect::<Result<Vec<_>>>()?;
        let (core, buffer) = (Hub::new(settings), vec![0; BUFFER]);
        Ok(UdpHub { doors, core, ways: HashMap::new(), buffer, moved: Moved::new() })
    }

    pub(super) async fn next(&mut self) -> Result<Event> {
        loop {
            // First what is owed, so that what waits stays within one message to each member.
            self.send_all().await;
            if let Some(event) = self.core.event() {
                if let Event::Left { who, .. } = &event
                    && !self.core.has(&who.address)
                {
                    self.ways.remove(&who.address);
                }
                return Ok(event);
            }
            let wake = self.core.wake_at();
            tokio::select! {
                got = recv(&self.doors, &mut self.buffer) => match got {
                    Ok((door, datagram)) => self.heard(door, &datagram),
                    Err(error) if concerns_one(error.errno()) => self.core.tell(Event::NotSent(error)),
                    Err(error) => return Err(error),
                },
                () = until(wake) => self.core.tick(Instant::now()),
            }
        }
    }

    pub(super) fn say(&mut self, text: &[u8]) -> Result<usize, Misfit> {
        self.core.say(text, Instant::now(), SystemTime::now())
    }

    pub(super) async fn leave(&mut self) {
        self.core.quit(Instant::now(), SystemTime::now());
        self.send_all().await;
    }

    pub(super) fn is_busy(&self) -> bool {
        self.core.outgoing().is_some()
    }

    pub(super) fn members(&self) -> usize {
        self.core.members()
    }

    fn heard(&mut self, door: usize, datagram: &Datagram<Endpoint>) {
        self.moved.received(datagram.received.len);
        let Some(from) = datagram.from.inet() else { return };
        let bytes = self.buffer.get(..datagram.received.len).unwrap_or_default();
        self.core.heard(from, bytes, Instant::now(), SystemTime::now());
        if self.core.has(&from) {
            self.ways.insert(from, (door, datagram.to.and_then(PacketInfo::answer)));
        }
    }

    async fn send_all(&mut self) {
        while let Some((to, frame)) = self.core.outgoing() {
            let way = self.ways.get(&to).and_then(|(door, source)| Some((self.doors.get(*door)?, *source)));
            // Whoever has left meanwhile gets nothing more.
            if let Some((door, source)) = way {
                let peer = Endpoint::Inet(to);
                let step = |s: &Socket<AnyDatagram, Bound>| s.send_datagram(&frame, &peer, source, Flags::NONE);
                match door.io(Interest::WRITABLE, step).await {
                    Ok(n) => self.moved.sent(n),
                    Err(error) => self.core.tell(Event::NotSent(error)),
                }
            }
            self.core.sent();
        }
    }
}

/// The next datagram of any door.
async fn recv(doors: &[Async<Socket<AnyDatagram, Bound>>], buffer: &mut [u8]) -> Result<(usize, Datagram<Endpoint>)> {
    loop {
        let (at, door) = poll_fn(|cx| {
            for (at, door) in doors.iter().enumerate() {
                if let Poll::Ready(ready) = door.poll_read_ready(cx) {
                    return Poll::Ready(ready.map(|()| (at, door)));
                }
            }
            Poll::Pending
        })
        .await?;
        match door.try_io(Interest::READABLE, |socket| socket.recv_datagram(buffer, Flags::NONE)) {
            Err(error) if error.would_block() => {}
            done => return done.map(|datagram| (at, datagram)),
        }
    }
}

/// Errors that one datagram brought; the socket goes on.
fn concerns_one(number: Option<i32>) -> bool {
    is_away(number) || matches!(number, Some(errno::ECONNRESET | errno::EPROTO | errno::EMSGSIZE))
}

/// What ICMP says where nothing gets to an address: all that icmp(7) and Linux's icmpv6_err_convert() make of "destination unreachable".
/// EACCES is the answer of a firewall or a route over IPv6.
fn is_away(number: Option<i32>) -> bool {
    matches!(
        number,
        Some(
            errno::ECONNREFUSED
                | errno::EHOSTUNREACH
                | errno::ENETUNREACH
                | errno::EACCES
                | errno::ENOPROTOOPT
                | errno::EHOSTDOWN
                | errno::ENONET
        )
    )
}

fn peer_of(socket: &Socket<AnyDatagram, Connected>) -> SocketAddr {
    socket.peer().and_then(Endpoint::inet).unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_icmp_says_of_one_datagram_never_ends_a_talk() {
        let away = ["ENETUNREACH", "EHOSTUNREACH", "ENOPROTOOPT", "ECONNREFUSED", "EHOSTDOWN", "ENONET", "EACCES"];
        let others = ["EMSGSIZE", "EPROTO", "ECONNRESET"];
        for number in 1..200 {
            let name = puerta::errno_name(number).unwrap_or_default();
            assert_eq!(is_away(Some(number)), away.contains(&name), "{name}");
            assert_eq!(concerns_one(Some(number)), away.contains(&name) || others.contains(&name), "{name}");
        }
        assert!(!concerns_one(None));
    }
}
