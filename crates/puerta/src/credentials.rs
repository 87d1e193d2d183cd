//! Who is on the other side of a Unix socket.

/// Process, user and group, as the kernel vouches for them: `struct ucred` of unix(7), for SO_PEERCRED and SCM_CREDENTIALS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The process, in the namespace of whoever asks. 0 where it cannot be seen from there.
    pub pid: i32,
    /// The user. 65534 (sysctl kernel.overflowuid) where it has no number in the namespace of whoever asks.
    pub uid: u32,
    /// The group. 65534 (sysctl kernel.overflowgid) where it has no number in the namespace of whoever asks.
    pub gid: u32,
}
