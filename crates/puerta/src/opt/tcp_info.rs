//! What the kernel knows of a TCP connection: `TCP_INFO`, tcp(7), linux/tcp.h.

use super::sealed::Readable;
use super::{Get, HasTcp, SocketKind, TCP};
use crate::error::Result;
use crate::role::Role;
use crate::sys::option::{get_bytes, key};
use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// `TCP_INFO`, tcp(7): gives a [`TcpInfo`].
#[derive(Debug, Clone, Copy)]
#[doc(alias = "TCP_INFO")]
pub struct Info;
impl Readable for Info {
    type Gives = TcpInfo;
    const KINDS: &'static [SocketKind] = TCP;
    fn read(fd: BorrowedFd<'_>) -> Result<TcpInfo> {
        // Linux 6.18 gives 280 bytes, 2.6 gave 104; what is not there stays unknown.
        let mut buffer = [0; 512];
        let len = get_bytes(fd, key!(IPPROTO_TCP, TCP_INFO), &mut buffer)?;
        Ok(TcpInfo::decode(buffer.get(..len).unwrap_or_default()))
    }
}
impl<P: HasTcp, R: Role> Get<P, R> for Info {
    type Value = TcpInfo;
}

/// `struct tcp_info` of linux/tcp.h, decoded. What the running kernel is too old to tell is `None`. Segments are counted, not
/// bytes, where the name says so or the kernel has always done it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpInfo {
    /// Where in its life the connection is.
    pub state: TcpState,
    /// Timeouts in a row of the segment that is being sent again.
    pub retransmits: u8,
    /// Probes in a row without an answer: keep-alive, or of a window that is closed.
    pub probes: u8,
    /// How often the retransmission timeout has been doubled in a row.
    pub backoff: u8,
    /// The options that both ends agreed on.
    pub options: TcpOptions,
    /// Our window is the number in the header, shifted left by this (RFC 7323), for what we send (the peer's window).
    pub send_window_scale: u8,
    /// The same for what we receive.
    pub receive_window_scale: u8,
    /// Retransmission timeout (RFC 6298).
    pub rto: Duration,
    /// How long an acknowledgement may be delayed.
    pub ato: Duration,
    /// Largest segment that we send, in bytes of payload.
    pub send_mss: u32,
    /// Largest segment that came in lately, in bytes of payload.
    pub receive_mss: u32,
    /// Segments sent and not acknowledged. On a listener: connections that wait to be accepted.
    pub unacknowledged: u32,
    /// Segments acknowledged out of order (RFC 2018). On a listener: how many connections may wait (its backlog).
    pub sacked: u32,
    /// Segments taken for lost.
    pub lost: u32,
    /// Segments sent again and not acknowledged yet.
    pub retransmitted: u32,
    /// Time since the last data was sent.
    pub since_data_sent: Duration,
    /// Time since the last data was received.
    pub since_data_received: Duration,
    /// Time since the last acknowledgement was received.
    pub since_ack_received: Duration,
    /// Path MTU in bytes.
    pub path_mtu: u32,
    /// Smoothed round-trip time, to the microsecond; zero until one is measured.
    pub rtt: Duration,
    /// Mean deviation of the round-trip time.
    pub rtt_deviation: Duration,
    /// Slow start ends at this many segments; 2147483647 until there was a loss.
    pub slow_start_threshold: u32,
    /// Congestion window, in segments.
    pub congestion_window: u32,
    /// Largest segment that we announced to the peer, in bytes of payload.
    pub advertised_mss: u32,
    /// How many segments may be out of order before one is taken for lost.
    pub reordering: u32,
    /// Segments sent again, since the connection began.
    pub total_retransmitted: u32,
    /// Bytes that the peer has acknowledged (RFC 4898), since Linux 4.1. Our end of file counts as one more, and so does the
    /// SYN of a socket that connected.
    pub bytes_acknowledged: Option<u64>,
    /// Bytes received in order (RFC 4898), since Linux 4.1.
    pub bytes_received: Option<u64>,
    /// Segments sent, since Linux 4.2.
    pub segments_sent: Option<u32>,
    /// Segments received, since Linux 4.2.
    pub segments_received: Option<u32>,
    /// Bytes that wait and have not been sent once, since Linux 4.6.
    pub unsent: Option<u32>,
    /// The shortest round-trip time of late, since Linux 4.6; `None` until one is measured.
    pub min_rtt: Option<Duration>,
    /// Rate at which data was delivered of late, in bytes a second, since Linux 4.9.
    pub delivery_rate: Option<u64>,
    /// Payload bytes sent, repeated ones included, since Linux 4.19.
    pub bytes_sent: Option<u64>,
    /// Payload bytes sent again, since Linux 4.19.
    pub bytes_retransmitted: Option<u64>,
    /// The window that the peer offers, in bytes, since Linux 5.4.
    pub send_window: Option<u32>,
    /// The window that we offer, in bytes, since Linux 6.2.
    pub receive_window: Option<u32>,
}

/// The states of RFC 9293, section 3.3.2, as linux/tcp.h numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TcpState {
    /// Data can go both ways.
    Established,
    /// Connect is under way: SYN sent.
    SynSent,
    /// A client's SYN has come.
    SynReceived,
    /// We have ended our direction; the peer has not acknowledged it.
    FinWait1,
    /// We have ended our direction; the peer has acknowledged it.
    FinWait2,
    /// Both have ended; packets that are late are waited for (60 s).
    TimeWait,
    /// No connection: not connected yet, or over.
    Closed,
    /// The peer has ended its direction; we have not.
    CloseWait,
    /// Both have ended, the peer first; our end is not acknowledged.
    LastAck,
    /// It takes connections.
    Listen,
    /// Both have ended at once.
    Closing,
    /// A number that this library does not know.
    Unknown(u8),
}

/// Options that both ends of a TCP connection agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct TcpOptions {
    /// Timestamps, RFC 7323.
    pub timestamps: bool,
    /// Selective acknowledgement, RFC 2018.
    pub sack: bool,
    /// Window scaling, RFC 7323.
    pub window_scale: bool,
    /// Explicit congestion notification, RFC 3168.
    pub ecn: bool,
    /// Data came with the first packet and was taken, RFC 7413.
    pub fast_open: bool,
}

impl TcpInfo {
    /// Bytes that are not there read as zero, or as `None` where a kernel may be too old for them.
    fn decode(bytes: &[u8]) -> TcpInfo {
        let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
        let four = |at: usize| bytes.get(at..)?.first_chunk().map(|b| u32::from_ne_bytes(*b));
        let eight = |at: usize| bytes.get(at..)?.first_chunk().map(|b| u64::from_ne_bytes(*b));
        let number = |at: usize| four(at).unwrap_or(0);
        let micros = |at: usize| Duration::from_micros(u64::from(number(at)));
        let millis = |at: usize| Duration::from_millis(u64::from(number(at)));
        let options = byte(5);
        // A bit field: which half comes first depends on the order of bytes.
        let (low, high) = (byte(6) & 0xf, byte(6) >> 4);
        let (send_window_scale, receive_window_scale) =
            if cfg!(target_endian = "little") { (low, high) } else { (high, low) };
        TcpInfo {
            state: TcpState::of(byte(0)),
            retransmits: byte(2),
            probes: byte(3),
            backoff: byte(4),
            options: TcpOptions {
                timestamps: options & 1 != 0,
                sack: options & 2 != 0,
                window_scale: options & 4 != 0,
                ecn: options & 8 != 0,
                fast_open: options & 32 != 0,
            },
            send_window_scale,
            receive_window_scale,
            rto: micros(8),
            ato: micros(12),
            send_mss: number(16),
            receive_mss: number(20),
            unacknowledged: number(24),
            sacked: number(28),
            lost: number(32),
            retransmitted: number(36),
            since_data_sent: millis(44),
            since_data_received: millis(52),
            since_ack_received: millis(56),
            path_mtu: number(60),
            rtt: micros(68),
            rtt_deviation: micros(72),
            slow_start_threshold: number(76),
            congestion_window: number(80),
            advertised_mss: number(84),
            reordering: number(88),
            total_retransmitted: number(100),
            bytes_acknowledged: eight(120),
            bytes_received: eight(128),
            segments_sent: four(136),
            segments_received: four(140),
            unsent: four(144),
            // All ones: not measured yet.
            min_rtt: four(148).filter(|us| *us != u32::MAX).map(|us| Duration::from_micros(u64::from(us))),
            delivery_rate: eight(160),
            bytes_sent: eight(200),
            bytes_retransmitted: eight(208),
            send_window: four(228),
            receive_window: four(232),
        }
    }
}

impl TcpState {
    fn of(number: u8) -> TcpState {
        match number {
            1 => TcpState::Established,
            2 => TcpState::SynSent,
            // 12 is a client whose SYN has come and that has no socket of its own yet.
            3 | 12 => TcpState::SynReceived,
            4 => TcpState::FinWait1,
            5 => TcpState::FinWait2,
            6 => TcpState::TimeWait,
            7 => TcpState::Closed,
            8 => TcpState::CloseWait,
            9 => TcpState::LastAck,
            10 => TcpState::Listen,
            11 => TcpState::Closing,
            other => TcpState::Unknown(other),
        }
    }
}

impl fmt::Display for TcpState {
    /// As RFC 9293 writes it: `FIN-WAIT-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TcpState::Established => "ESTABLISHED",
            TcpState::SynSent => "SYN-SENT",
            TcpState::SynReceived => "SYN-RECEIVED",
            TcpState::FinWait1 => "FIN-WAIT-1",
            TcpState::FinWait2 => "FIN-WAIT-2",
            TcpState::TimeWait => "TIME-WAIT",
            TcpState::Closed => "CLOSED",
            TcpState::CloseWait => "CLOSE-WAIT",
            TcpState::LastAck => "LAST-ACK",
            TcpState::Listen => "LISTEN",
            TcpState::Closing => "CLOSING",
            TcpState::Unknown(number) => return write!(f, "state {number}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shorter_struct_of_an_older_kernel_leaves_the_rest_unknown() {
        let mut bytes = [0; 280];
        bytes[0] = 8;
        bytes[68..72].copy_from_slice(&1500_u32.to_ne_bytes());
        bytes[120..128].copy_from_slice(&7_u64.to_ne_bytes());
        bytes[148..152].copy_from_slice(&u32::MAX.to_ne_bytes());
        let full = TcpInfo::decode(&bytes);
        assert_eq!((full.state, full.rtt), (TcpState::CloseWait, Duration::from_micros(1500)));
        assert_eq!((full.bytes_acknowledged, full.min_rtt), (Some(7), None));
        let old = TcpInfo::decode(&bytes[..104]);
        assert_eq!((old.rtt, old.bytes_acknowledged), (full.rtt, None));
        // Cut in the middle of a field, too.
        assert_eq!(TcpInfo::decode(&bytes[..127]).bytes_acknowledged, None);
        assert_eq!(TcpInfo::decode(&[]).state, TcpState::Unknown(0));
    }
}
