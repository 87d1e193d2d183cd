//! What can go wrong, as a value; its words stand in `words`.

use puerta::{Error, errno};

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Problem {
    /// A socket call or the resolver failed.
    Socket(Error),
    /// The connection broke while bytes were on their way.
    Broken(Error),
    /// Reading our input failed.
    Input(Error),
    /// Writing our output failed.
    Output(Error),
    /// We were stopped before our output had taken what came.
    Unwritten {
        /// How much it did not, as it would have been shown.
        bytes: usize,
    },
    /// A child could not be started.
    Spawn {
        /// The program's name.
        program: String,
        /// Why.
        error: std::io::Error,
    },
    /// A child ended with a status other than 0.
    Child {
        /// The program's name.
        program: String,
        /// As the system tells it: `exit status: 3`, `signal: 9 (SIGKILL)`.
        status: String,
    },
    /// The path of a Unix socket is in use by what we must not touch.
    PathTaken {
        /// The path.
        path: String,
        /// A live socket, or what else it is.
        by: Occupant,
    },
    /// A lock file or a socket's path could not be handled.
    Path {
        /// The path.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A message does not fit: longer than `limit` bytes.
    TooLong {
        /// The most that fits.
        limit: usize,
    },
    /// The time for connecting is over, names and retries included.
    Deadline {
        /// What was being done.
        doing: &'static str,
        /// To what.
        target: String,
        /// The time limit.
        within: std::time::Duration,
    },
    /// A child or a service that this machine could not set up (a signal handler, the runtime).
    System(std::io::Error),
    /// An option that makes no sense here.
    Usage {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
}

/// Who has the path of a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupant {
    /// A server that is alive.
    Live,
    /// Something that is no socket.
    NotASocket,
    /// Nobody, but the name of the lock file beside it is taken by what is no lock file.
    NotOurLock,
}

impl Problem {
    /// The exit status: the table of all commands.
    pub fn status(&self) -> u8 {
        match self {
            Problem::Socket(error) => error.status(),
            Problem::Broken(_) | Problem::TooLong { .. } => 7,
            Problem::Input(_) | Problem::Output(_) | Problem::Unwritten { .. } => 8,
            Problem::Child { .. } | Problem::Spawn { .. } => 8,
            Problem::PathTaken { .. } | Problem::Path { .. } => 5,
            Problem::Deadline { doing, .. } => {
                if *doing == "resolve" {
                    4
                } else {
                    6
                }
            }
            Problem::System(_) => 1,
            Problem::Usage { .. } => 2,
        }
    }
}

impl Problem {
    /// Whether a program could not be started for want of descriptors, processes or memory.
    pub(crate) fn is_limit(&self) -> bool {
        let Problem::Spawn { error, .. } = self else { return false };
        let errno = error.raw_os_error();
        matches!(errno, Some(errno::EMFILE | errno::ENFILE | errno::EAGAIN | errno::ENOMEM))
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Problem::Socket(error)
    }
}
