//! How a session ended: bytes each way, who closed, and how; the exit status says the same.

use crate::problem::Problem;

/// The end of a session.
#[derive(Debug)]
pub struct Verdict {
    /// Bytes that the kernel took for the peer.
    pub sent: u64,
    /// Bytes that came from the peer.
    pub received: u64,
    /// Who ended it first.
    pub closed_by: Side,
    /// In what way.
    pub how: How,
    /// What went wrong, where something did.
    pub problem: Option<Problem>,
}

/// One side of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// This process.
    Us,
    /// The other one.
    Peer,
}

/// In what way a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Both directions came to their end of file.
    Fin,
    /// The peer broke the connection.
    Reset,
    /// Datagrams: our input has ended, and no answer came for a while.
    Done,
    /// `--idle` struck.
    Idle,
    /// `--drain` struck.
    Drain,
    /// The peer's kernel did not acknowledge all bytes within 10 s.
    Unacknowledged,
    /// The terminal's user is alone: the peer has ended.
    Left,
    /// Input, output or a child failed here.
    Local,
    /// Nothing was to be exchanged (`--probe`).
    Probe,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
    /// A server or a datagram session that ran until it was stopped.
    Stopped,
    /// ICMP said that nobody listens.
    Refused,
    /// Another error of the socket.
    Error,
}

impl How {
    /// The word for JSON.
    pub fn word(self) -> &'static str {
        match self {
            How::Fin => "fin",
            How::Reset => "reset",
            How::Done => "done",
            How::Idle => "idle",
            How::Drain => "drain",
            How::Unacknowledged => "unacknowledged",
            How::Left => "left",
            How::Local => "local",
            How::Probe => "probe",
            How::Interrupted => "interrupted",
            How::Terminated => "terminated",
            How::Stopped => "stopped",
            How::Refused => "refused",
            How::Error => "error",
        }
    }
}

impl Side {
    /// The word for JSON.
    pub fn word(self) -> &'static str {
        match self {
            Side::Us => "us",
            Side::Peer => "peer",
        }
    }
}

impl Verdict {
    /// The exit status: the table of all commands.
    pub fn status(&self) -> u8 {
        match self.how {
            How::Interrupted => 130,
            How::Terminated => 143,
            _ => match (&self.problem, self.how) {
                (Some(problem), _) => problem.status(),
                (None, How::Fin | How::Done | How::Left | How::Probe | How::Stopped) => 0,
                (None, How::Refused) => 6,
                (None, How::Local) => 8,
                (None, _) => 7,
            },
        }
    }
}
