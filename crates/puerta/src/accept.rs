//! What an error of accept(2) is about: one client, the system's limits, or the listener.

use crate::error::{Error, errno};

impl Error {
    /// Whether the process or the system is at a limit: of descriptors (`EMFILE`, `ENFILE`), of memory (`ENOBUFS`, `ENOMEM`), or of what
    /// epoll(7) may watch (`ENOSPC`). Accepting goes on when something was freed.
    pub fn is_limit(&self) -> bool {
        matches!(self.errno(), Some(errno::EMFILE | errno::ENFILE | errno::ENOBUFS | errno::ENOMEM | errno::ENOSPC))
    }

    /// Whether the error was pending on the new connection (accept(2)): the listener is as good as before.
    pub fn concerns_one_client(&self) -> bool {
        matches!(
            self.errno(),
            Some(
                errno::ECONNABORTED
                    | errno::EPROTO
                    | errno::EINTR
                    | errno::EAGAIN
                    | errno::EPERM
                    | errno::EOPNOTSUPP
                    | errno::EHOSTUNREACH
                    | errno::ENETUNREACH
                    | errno::ETIMEDOUT
                    | errno::ECONNRESET
                    | errno::ENOTCONN
            )
        )
    }
}
