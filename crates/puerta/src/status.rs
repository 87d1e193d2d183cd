//! The exit status of a command that ends with an error: the table of all commands stands here once.

use crate::error::{Bad, Call, Cause, Error, errno};

impl Error {
    /// The exit status of a command that ends with this error.
    ///
    /// | status | meaning |
    /// | --- | --- |
    /// | 2 | the call could not work: an address, an option or a value that makes no sense there |
    /// | 3 | the socket could not be created |
    /// | 4 | the name could not be resolved |
    /// | 5 | bind or listen failed |
    /// | 6 | connect failed: refused, unreachable, or not within its time |
    /// | 7 | broken in transit |
    pub fn status(&self) -> u8 {
        match (self.call(), self.cause()) {
            (_, Cause::Resolve(_) | Cause::Bad(Bad::NoAddress | Bad::Interface)) => 4,
            (_, Cause::Bad(Bad::Deadline)) => 6,
            (_, Cause::Bad(Bad::ControlTruncated)) => 7,
            (_, Cause::Bad(_)) => 2,
            (Call::Socket | Call::SetSockOpt | Call::SocketPair, _) => 3,
            (Call::GetAddrInfo | Call::GetNameInfo, _) => 4,
            (Call::Bind | Call::Listen, _) => 5,
            (Call::Connect, _) => 6,
            (_, Cause::Os(errno::ECONNREFUSED | errno::EHOSTUNREACH | errno::ENETUNREACH | errno::EACCES)) => 6,
            _ => 7,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_called_and_what_was_wrong_give_the_status() {
        for (error, status) in [
            (Error::bad(Call::Bind, Bad::PathTooLong), 2),
            (Error::bare(Call::Socket, errno::EMFILE), 3),
            (Error::bare(Call::SetSockOpt, errno::EPERM), 3),
            (Error::bad(Call::GetAddrInfo, Bad::NoAddress), 4),
            (Error::bad(Call::Connect, Bad::Interface), 4),
            (Error::bare(Call::Bind, errno::EADDRINUSE), 5),
            (Error::bare(Call::Listen, errno::EADDRINUSE), 5),
            (Error::bare(Call::Connect, errno::ETIMEDOUT), 6),
            (Error::bad(Call::Connect, Bad::Deadline), 6),
            (Error::bare(Call::Send, errno::ECONNREFUSED), 6),
            (Error::bare(Call::Recv, errno::EACCES), 6),
            (Error::bare(Call::Recv, errno::ECONNRESET), 7),
            (Error::bad(Call::RecvMsg, Bad::ControlTruncated), 7),
        ] {
            assert_eq!(error.status(), status, "{error}");
        }
    }
}
