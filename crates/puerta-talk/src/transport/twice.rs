//! The first packets of a connection are sent twice.
//!
//! A connection that begins has measured nothing, and waits long for what got lost; a handshake and the Hello after it are some
//! eight packets, one after the other. Where a third of all packets is lost, a second copy of each makes it a tenth. QUIC takes a
//! packet only once (RFC 9000, section 12.3).
//!
//! No address gets more bytes from this than it may: answers to who has not shown that his address is his (Retry, Version
//! Negotiation, stateless resets) are sent once.

use super::config::LOOPBACK as LARGEST;
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use std::collections::HashMap;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// Datagrams that are sent twice after the last packet of a handshake, at most.
pub const COPIES: u32 = 64;

/// For how long after that packet.
pub const YOUNG: Duration = Duration::from_secs(2);

/// Addresses at a time for which there are copies; connections above have none. So a hub that comes back to thousands of members
/// does not send everything twice.
pub const ADDRESSES: usize = 64;

/// Longer datagrams, and such as are cut by the kernel (GSO), are sent once.
const LONGEST: usize = 1500;

/// The longest UDP payload, and the longest that the kernel joins of several, in bytes.
const JOINED: usize = 65_535;

/// A UDP socket below QUIC.
#[derive(Debug)]
pub(super) struct Twice {
    socket: Arc<dyn AsyncUdpSocket>,
    /// Whether there may be young connections: it costs nothing else when there are none.
    any: AtomicBool,
    young: Mutex<Young>,
}

impl Twice {
    pub(super) fn new(socket: Arc<dyn AsyncUdpSocket>) -> Arc<Twice> {
        Arc::new(Twice { socket, any: AtomicBool::new(false), young: Mutex::default() })
    }

    fn again(&self, transmit: &Transmit<'_>) -> bool {
        if Packet::of(transmit.contents) == Packet::Other && !self.any.load(Ordering::Relaxed) {
            return false;
        }
        let mut young = self.young.lock().unwrap_or_else(PoisonError::into_inner);
        let again = young.again(Instant::now(), transmit);
        self.any.store(!young.0.is_empty(), Ordering::Relaxed);
        again
    }
}

impl AsyncUdpSocket for Twice {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.socket).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)?;
        if self.again(transmit) {
            // Where there is no room for the copy, none is sent.
            let _ = self.socket.try_send(transmit);
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    /// QUIC sets aside memory for so many of the largest datagrams, 32 times. What the kernel joins (GRO) has 64 KiB in all at most.
    fn max_receive_segments(&self) -> usize {
        self.socket.max_receive_segments().min(JOINED.div_ceil(usize::from(LARGEST)))
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}

/// What a datagram begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packet {
    /// Of a handshake with somebody whose address is known to be his, or our own first.
    Handshake,
    /// An answer to anybody.
    Stateless,
    /// Of a connection that stands, or a stateless reset.
    Other,
}

impl Packet {
    /// Reads what is the same in all versions (RFC 8999), and the type of a long header (RFC 9000, section 17.2).
    fn of(datagram: &[u8]) -> Packet {
        match datagram {
            [first, version @ ..] if first & 0x80 != 0 => match first >> 4 & 3 {
                0 | 2 if !version.starts_with(&[0; 4]) => Packet::Handshake,
                _ => Packet::Stateless,
            },
            _ => Packet::Other,
        }
    }
}

/// Addresses with connections that have just begun: since when, and how many copies are left.
#[derive(Debug, Default)]
pub(super) struct Young(HashMap<SocketAddr, (Instant, u32)>);

impl Young {
    /// Whether what was sent just now is sent once more.
    pub(super) fn again(&mut self, now: Instant, transmit: &Transmit<'_>) -> bool {
        let packet = Packet::of(transmit.contents);
        if packet == Packet::Other && self.0.is_empty() {
            return false;
        }
        self.twice(now, transmit.destination, packet)
            && transmit.segment_size.is_none()
            && transmit.contents.len() <= LONGEST
    }

    fn twice(&mut self, now: Instant, to: SocketAddr, packet: Packet) -> bool {
        if packet == Packet::Handshake {
            if self.0.len() >= ADDRESSES {
                self.tidy(now);
            }
            let room = self.0.contains_key(&to) || self.0.len() < ADDRESSES;
            if room {
                self.0.insert(to, (now, COPIES));
            }
            return room;
        }
        if packet == Packet::Stateless {
            return false;
        }
        let Some((since, left)) = self.0.get_mut(&to) else {
            self.tidy(now);
            return false;
        };
        if now >= *since + YOUNG {
            self.0.remove(&to);
            return false;
        }
        let again = *left > 0;
        *left = left.saturating_sub(1);
        again
    }

    /// Those whom nothing is sent any more go when something is sent to others.
    fn tidy(&mut self, now: Instant) {
        self.0.retain(|_, (since, _)| now < *since + YOUNG);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        ([10, 0, 0, 1], port).into()
    }

    #[test]
    fn packets_are_told_apart_by_their_first_bytes() {
        for (datagram, packet) in [
            (&[0xc3, 0, 0, 0, 1, 8][..], Packet::Handshake),
            (&[0xe0, 0, 0, 0, 1, 8], Packet::Handshake),
            (&[0xf0, 0, 0, 0, 1, 8], Packet::Stateless),
            (&[0x80, 0, 0, 0, 0, 8], Packet::Stateless),
            (&[0x41, 0, 0, 0, 1, 8], Packet::Other),
            (&[], Packet::Other),
        ] {
            assert_eq!(Packet::of(datagram), packet, "{datagram:02x?}");
        }
    }

    #[test]
    fn only_what_follows_a_handshake_is_sent_twice_and_for_a_time() {
        let (mut young, now) = (Young::default(), Instant::now());
        assert!(!young.twice(now, address(1), Packet::Other));
        assert!(young.twice(now, address(1), Packet::Handshake));
        assert!(young.twice(now + YOUNG / 2, address(1), Packet::Other));
        assert!(!young.twice(now, address(2), Packet::Other));
        assert!(!young.twice(now + YOUNG, address(1), Packet::Other));
        assert!(young.0.is_empty());
    }

    #[test]
    fn an_answer_to_anybody_is_sent_once() {
        let (mut young, now) = (Young::default(), Instant::now());
        assert!(!young.twice(now, address(1), Packet::Stateless));
        assert!(young.twice(now, address(1), Packet::Handshake));
        assert!(!young.twice(now, address(1), Packet::Stateless));
    }

    #[test]
    fn copies_and_addresses_have_a_limit() {
        let (mut young, now) = (Young::default(), Instant::now());
        // Attempts to connect to where nobody answers use up nothing.
        assert!((0..1000).all(|_| young.twice(now, address(1), Packet::Handshake)));
        let copies = (0..1000).filter(|_| young.twice(now, address(1), Packet::Other)).count();
        assert_eq!(copies, COPIES as usize);
        let many = 1..=1000_u16;
        let served = many.filter(|port| young.twice(now, address(*port), Packet::Handshake)).count();
        assert_eq!(served, ADDRESSES);
        assert_eq!(young.0.len(), ADDRESSES);
        assert!(young.twice(now + YOUNG, address(2000), Packet::Handshake));
        assert_eq!(young.0.len(), 1);
    }

    #[test]
    fn those_who_went_are_forgotten_when_something_is_sent_to_others() {
        let (mut young, now) = (Young::default(), Instant::now());
        young.twice(now, address(1), Packet::Handshake);
        assert!(!young.twice(now + YOUNG, address(2), Packet::Other));
        assert!(young.0.is_empty());
    }
}
