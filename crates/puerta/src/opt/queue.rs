//! How full a socket's queues are: the ioctls of tcp(7), udp(7) and unix(7).

use super::sealed::Readable;
use super::{ALL, Get, HasTcp, SocketKind, TCP};
use crate::error::Result;
use crate::protocol::Protocol;
use crate::role::{Connected, Role};
use crate::sys::option::ioctl_int;
use std::os::fd::BorrowedFd;

/// `SIOCOUTQ` (`TIOCOUTQ`), tcp(7), in bytes; `ss` calls it Send-Q. On TCP: what the peer's kernel has not acknowledged yet, so 0
/// means that it has everything that was sent, our end of file (one more, once it is on its way) included. Elsewhere: the
/// memory of what has not left, or what the receiver has not taken, with the kernel's bookkeeping. A listener is `EINVAL`.
#[derive(Debug, Clone, Copy)]
#[doc(alias = "SIOCOUTQ")]
#[doc(alias = "Unacknowledged")]
pub struct SendQueue;
impl Readable for SendQueue {
    type Gives = usize;
    const KINDS: &'static [SocketKind] = ALL;
    fn read(fd: BorrowedFd<'_>) -> Result<usize> {
        bytes(ioctl_int(fd, libc::TIOCOUTQ, "SIOCOUTQ"))
    }
}
impl<P: Protocol, R: Role> Get<P, R> for SendQueue {
    type Value = usize;
}

/// `SIOCOUTQNSD`, in bytes: of the [`SendQueue`], what has not been sent once: the peer's window, or the congestion window, is
/// full. A listener is `EINVAL`.
#[derive(Debug, Clone, Copy)]
#[doc(alias = "SIOCOUTQNSD")]
pub struct UnsentQueue;
impl Readable for UnsentQueue {
    type Gives = usize;
    const KINDS: &'static [SocketKind] = TCP;
    fn read(fd: BorrowedFd<'_>) -> Result<usize> {
        bytes(ioctl_int(fd, SIOCOUTQNSD, "SIOCOUTQNSD"))
    }
}
impl<P: HasTcp> Get<P, Connected> for UnsentQueue {
    type Value = usize;
}

/// `SIOCINQ` (`FIONREAD`), tcp(7), udp(7), unix(7), in bytes; `ss` calls it Recv-Q. On a stream: what is there to be read. On
/// datagrams: the length of the next one, and 0 where there is none or it is empty. A TCP listener is `EINVAL`.
#[derive(Debug, Clone, Copy)]
#[doc(alias = "SIOCINQ")]
#[doc(alias = "FIONREAD")]
pub struct ReceiveQueue;
impl Readable for ReceiveQueue {
    type Gives = usize;
    const KINDS: &'static [SocketKind] = ALL;
    fn read(fd: BorrowedFd<'_>) -> Result<usize> {
        bytes(ioctl_int(fd, libc::FIONREAD, "SIOCINQ"))
    }
}
impl<P: Protocol, R: Role> Get<P, R> for ReceiveQueue {
    type Value = usize;
}

/// linux/sockios.h; not in libc.
const SIOCOUTQNSD: libc::Ioctl = 0x894b;

fn bytes(result: Result<i32>) -> Result<usize> {
    result.map(|n| usize::try_from(n).unwrap_or(0))
}
