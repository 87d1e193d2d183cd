//! Errors that name the call, both addresses and the errno, and say what to do.

use crate::address::Endpoint;
use crate::hint;
use std::borrow::Cow;
use std::{fmt, io};

/// What fails with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed: the call, the errno by name, both addresses where they are known, and a hint.
///
/// 16 bytes. `EAGAIN` and `EINTR` never allocate.
///
/// ```
/// use puerta::{Ip, Socket, Tcp};
/// # fn main() -> Result<(), puerta::Error> {
/// // A port that was free a moment ago.
/// let port = Socket::<Tcp>::new(Ip::V4)?.bind(&"127.0.0.1:0".parse().unwrap())?;
/// let error = Socket::<Tcp>::new(Ip::V4)?.connect(&port.local_addr()?).unwrap_err();
/// assert!(error.to_string().ends_with("connection refused (ECONNREFUSED)"));
/// assert!(error.hint().unwrap().contains("nothing listens there"));
/// # Ok(())
/// # }
/// ```
pub struct Error(Repr);

enum Repr {
    Bare(Call, i32),
    Full(Box<Full>),
}

struct Full {
    call: Call,
    cause: Cause,
    protocol: &'static str,
    local: Option<Endpoint>,
    peer: Option<Endpoint>,
    hint: Option<String>,
    subject: Option<Box<str>>,
    others: Vec<Error>,
}

impl Full {
    fn new(call: Call, cause: Cause) -> Box<Full> {
        let (protocol, local, peer, hint, subject, others) = ("", None, None, None, None, Vec::new());
        Box::new(Full { call, cause, protocol, local, peer, hint, subject, others })
    }
}

/// What lies behind an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// An errno, from errno(3).
    Os(i32),
    /// A code of getaddrinfo(3) or getnameinfo(3): `EAI_NONAME` and its like.
    Resolve(i32),
    /// The arguments were refused before any system call.
    Bad(Bad),
}

/// Arguments that no system call was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bad {
    /// The path of a Unix socket is longer than `sockaddr_un` holds (107 bytes; 107 for an abstract name).
    PathTooLong,
    /// The path of a Unix socket is empty.
    PathEmpty,
    /// A path, name or option holds a NUL byte.
    Nul,
    /// An empty host is the unspecified address: fine to bind, nowhere to connect.
    EmptyHost,
    /// Port 0 asks for any free port: fine to bind, nowhere to connect.
    PortZero,
    /// The address is of another family than the socket.
    Family,
    /// No network interface has that name.
    Interface,
    /// The descriptor is no socket of the type and role that were asked for.
    Descriptor,
    /// The option does not apply to this kind of socket.
    Option,
    /// The value is out of the option's bounds.
    Value,
    /// The time limit struck.
    Deadline,
    /// A name resolved to no address of the family that was asked for.
    NoAddress,
    /// A control message was cut off; descriptors that came with it were closed.
    ControlTruncated,
    /// More descriptors than one message carries (253).
    TooManyDescriptors,
    /// The name of a host is longer than 253 bytes.
    NameTooLong,
}

impl Error {
    #[inline]
    pub(crate) const fn bare(call: Call, errno: i32) -> Self {
        Error(Repr::Bare(call, errno))
    }

    pub(crate) fn new(call: Call, cause: Cause) -> Self {
        Error(Repr::Full(Full::new(call, cause)))
    }

    pub(crate) fn bad(call: Call, bad: Bad) -> Self {
        Error::new(call, Cause::Bad(bad))
    }

    /// An error of a call that was made elsewhere (by tokio or std), with the errno that it carries; `ECANCELED` without one.
    /// An [`Error`] that was made into an [`io::Error`] comes back as it was, with its own call, but for [`others`](Self::others).
    pub fn from_io(call: Call, error: &io::Error) -> Self {
        if let Some(Repr::Full(full)) = error.get_ref().and_then(|e| e.downcast_ref::<Error>()).map(|e| &e.0) {
            let (local, peer) = (full.local.clone(), full.peer.clone());
            let (hint, subject) = (full.hint.clone(), full.subject.clone());
            return Error(Repr::Full(Box::new(Full { local, peer, hint, subject, others: Vec::new(), ..**full })));
        }
        let errno = match error.kind() {
            io::ErrorKind::WouldBlock => libc::EAGAIN,
            _ => error.raw_os_error().unwrap_or(libc::ECANCELED),
        };
        Error::bare(call, errno)
    }

    /// Adds what is known; an address that is there already stays. `EAGAIN` and `EINTR` stay bare.
    #[cold]
    pub(crate) fn at(self, protocol: &'static str, local: Option<Endpoint>, peer: Option<Endpoint>) -> Self {
        let mut full = match self.0 {
            Repr::Bare(_, libc::EAGAIN | libc::EINTR | libc::EINPROGRESS) => return self,
            Repr::Bare(call, errno) => Full::new(call, Cause::Os(errno)),
            Repr::Full(full) => full,
        };
        if full.protocol.is_empty() {
            full.protocol = protocol;
        }
        full.local = full.local.or(local);
        full.peer = full.peer.or(peer);
        Error(Repr::Full(full))
    }

    /// Replaces the hint of the table by one that knows more.
    #[cold]
    pub(crate) fn hinted(self, hint: impl Into<String>) -> Self {
        let mut full = self.full();
        full.hint = Some(hint.into());
        Error(Repr::Full(full))
    }

    /// Names what could not be resolved.
    #[cold]
    pub(crate) fn about(self, subject: impl Into<Box<str>>) -> Self {
        let mut full = self.full();
        full.subject = Some(subject.into());
        Error(Repr::Full(full))
    }

    /// Adds the other attempts of the same verb.
    #[cold]
    pub(crate) fn beside(self, others: Vec<Error>) -> Self {
        let mut full = self.full();
        full.others = others;
        Error(Repr::Full(full))
    }

    fn full(self) -> Box<Full> {
        match self.0 {
            Repr::Bare(call, errno) => Full::new(call, Cause::Os(errno)),
            Repr::Full(full) => full,
        }
    }

    /// The same refusal, of another call.
    #[cold]
    pub(crate) fn during(mut self, call: Call) -> Self {
        match &mut self.0 {
            Repr::Bare(of, _) => *of = call,
            Repr::Full(full) => full.call = call,
        }
        self
    }

    /// The call that failed.
    pub fn call(&self) -> Call {
        match &self.0 {
            Repr::Bare(call, _) => *call,
            Repr::Full(full) => full.call,
        }
    }

    /// What lies behind: an errno, a code of the resolver, or a refused argument.
    pub fn cause(&self) -> Cause {
        match &self.0 {
            Repr::Bare(_, errno) => Cause::Os(*errno),
            Repr::Full(full) => full.cause,
        }
    }

    /// The errno, when the kernel refused; `None` for a name that does not resolve or a refused argument.
    pub fn errno(&self) -> Option<i32> {
        match self.cause() {
            Cause::Os(errno) => Some(errno),
            _ => None,
        }
    }

    /// The errno, EAI code or refused argument by its name: `ECONNREFUSED`, `EAI_NONAME`, `PortZero`.
    pub fn name(&self) -> Cow<'static, str> {
        match self.cause() {
            Cause::Os(errno) => errno_name(errno).map_or_else(|| format!("errno {errno}").into(), Cow::Borrowed),
            Cause::Resolve(code) => eai_name(code).map_or_else(|| format!("EAI {code}").into(), Cow::Borrowed),
            Cause::Bad(bad) => format!("{bad:?}").into(),
        }
    }

    /// The socket's protocol as the address grammar names it (`tcp`), or nothing where it is not known.
    pub fn protocol(&self) -> &'static str {
        match &self.0 {
            Repr::Bare(..) => "",
            Repr::Full(full) => full.protocol,
        }
    }

    /// The socket's own address, where it is known.
    pub fn local(&self) -> Option<&Endpoint> {
        match &self.0 {
            Repr::Bare(..) => None,
            Repr::Full(full) => full.local.as_ref(),
        }
    }

    /// The other side's address, where it is known. It is remembered: after a reset the kernel no longer tells.
    pub fn peer(&self) -> Option<&Endpoint> {
        match &self.0 {
            Repr::Bare(..) => None,
            Repr::Full(full) => full.peer.as_ref(),
        }
    }

    /// What could not be resolved, as it was asked for: `host:service`, or an interface. Nothing where no name was involved.
    pub fn subject(&self) -> Option<&str> {
        match &self.0 {
            Repr::Bare(..) => None,
            Repr::Full(full) => full.subject.as_deref(),
        }
    }

    /// The other attempts that failed, where a name led to several addresses: this error is the most telling of them.
    pub fn others(&self) -> &[Error] {
        match &self.0 {
            Repr::Bare(..) => &[],
            Repr::Full(full) => &full.others,
        }
    }

    /// What to do about it, in a line, where there is something to say.
    pub fn hint(&self) -> Option<Cow<'_, str>> {
        match &self.0 {
            Repr::Full(full) if full.hint.is_some() => full.hint.as_deref().map(Cow::Borrowed),
            _ => hint::hint(self),
        }
    }

    /// What happened in words, without call, addresses or name: `connection refused`.
    pub fn reason(&self) -> Cow<'static, str> {
        match self.cause() {
            Cause::Os(errno) => os_reason(errno).into(),
            Cause::Resolve(code) => crate::sys::symbols::gai_strerror(code).into(),
            Cause::Bad(bad) => bad.reason().into(),
        }
    }

    /// True for `EAGAIN`: nothing to read, or no room to write, at the moment.
    #[inline]
    pub fn would_block(&self) -> bool {
        matches!(self.0, Repr::Bare(_, libc::EAGAIN))
    }

    /// True where the peer broke the connection: `ECONNRESET`, `EPIPE`, `ECONNABORTED`.
    pub fn is_reset(&self) -> bool {
        matches!(self.errno(), Some(libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED))
    }

    /// The nearest kind of [`io::Error`].
    pub fn kind(&self) -> io::ErrorKind {
        match self.cause() {
            Cause::Os(errno) => io::Error::from_raw_os_error(errno).kind(),
            Cause::Bad(Bad::Deadline) => io::ErrorKind::TimedOut,
            Cause::Resolve(_) | Cause::Bad(Bad::NoAddress) => io::ErrorKind::NotFound,
            Cause::Bad(Bad::ControlTruncated) => io::ErrorKind::InvalidData,
            Cause::Bad(_) => io::ErrorKind::InvalidInput,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.call().name())?;
        if let Repr::Full(full) = &self.0 {
            if let Some(subject) = &full.subject {
                write!(f, " {}", subject.escape_debug())?;
            }
            if !full.protocol.is_empty() && (full.local.is_some() || full.peer.is_some()) {
                write!(f, " {}", full.protocol)?;
            }
            match (&full.local, &full.peer) {
                (Some(local), Some(peer)) => write!(f, " {local} -> {peer}")?,
                (Some(one), None) | (None, Some(one)) => write!(f, " {one}")?,
                (None, None) => {}
            }
        }
        write!(f, ": {}", self.reason())?;
        match self.cause() {
            Cause::Bad(_) => Ok(()),
            _ => write!(f, " ({})", self.name()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        match self.hint() {
            Some(hint) => write!(f, " [hint: {hint}]"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Keeps the kind and the text. `EAGAIN`, and what knows neither address nor hint, becomes a plain errno. Any other keeps itself
/// inside, for [`get_ref`](io::Error::get_ref) and `downcast_ref::<puerta::Error>()`; `raw_os_error` is `None` then, so ask
/// [`Error::errno`] there, or [`Error::from_io`].
impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        match error.0 {
            Repr::Bare(_, errno) => io::Error::from_raw_os_error(errno),
            Repr::Full(_) => io::Error::new(error.kind(), error),
        }
    }
}

impl Bad {
    fn reason(self) -> &'static str {
        match self {
            Bad::PathTooLong => "the path is too long for a Unix socket (107 bytes at most)",
            Bad::PathEmpty => "the path of the Unix socket is empty",
            Bad::Nul => "a NUL byte cannot stand here",
            Bad::EmptyHost => "no host to connect to",
            Bad::PortZero => "port 0 cannot be connected to",
            Bad::Family => "the address is of another family than the socket",
            Bad::Interface => "no network interface has that name",
            Bad::Descriptor => "the descriptor is not a socket of this type and role",
            Bad::Option => "the option does not apply to this socket",
            Bad::Value => "the value is out of bounds",
            Bad::Deadline => "the time limit struck",
            Bad::NoAddress => "the name has no address of that family",
            Bad::ControlTruncated => "the ancillary data was cut off",
            Bad::TooManyDescriptors => "too many descriptors for one message (253 at most)",
            Bad::NameTooLong => "the host name is too long (253 bytes at most)",
        }
    }
}

macro_rules! calls {
    ($($variant:ident $name:literal;)*) => {
        /// A system call or resolver function, by its name in the man pages.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Call { $(#[doc = concat!("`", $name, "`")] $variant),* }

        impl Call {
            /// The name as the man pages have it: `sendto`.
            pub const fn name(self) -> &'static str {
                match self { $(Call::$variant => $name),* }
            }
        }
    };
}

calls! {
    Socket "socket"; Bind "bind"; Listen "listen"; Accept "accept"; Connect "connect"; Send "send"; Recv "recv";
    SendTo "sendto"; RecvFrom "recvfrom"; SendMsg "sendmsg"; RecvMsg "recvmsg"; Shutdown "shutdown"; Close "close";
    Dup "dup"; SocketPair "socketpair"; GetSockName "getsockname"; GetPeerName "getpeername";
    SetSockOpt "setsockopt"; GetSockOpt "getsockopt"; Ioctl "ioctl"; Fcntl "fcntl"; Poll "poll"; Read "read";
    Write "write"; Splice "splice"; SendFile "sendfile"; Pipe "pipe2"; GetAddrInfo "getaddrinfo";
    GetNameInfo "getnameinfo"; GetIfAddrs "getifaddrs"; IfNameToIndex "if_nametoindex"; IfIndexToName "if_indextoname"; Adopt "adopt";
    EpollCtl "epoll_ctl"; Fstat "fstat"; IsATty "isatty"; PReadV2 "preadv2"; PWriteV2 "pwritev2";
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The kernel's text for an errno, in lower case at the start so that it fits into a sentence.
fn os_reason(errno: i32) -> String {
    let text = io::Error::from_raw_os_error(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if chars.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

/// Numbers of errno(3) that programs look for.
pub mod errno {
    pub use libc::{
        EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EAGAIN, EBADF, ECONNABORTED, ECONNREFUSED, ECONNRESET,
        EHOSTDOWN, EHOSTUNREACH, EINTR, EINVAL, EIO, EMFILE, EMSGSIZE, ENETUNREACH, ENFILE, ENOBUFS, ENOENT, ENOMEM,
        ENONET, ENOPROTOOPT, ENOSPC, ENOSYS, ENOTCONN, ENXIO, EOPNOTSUPP, EPERM, EPIPE, EPROTO, EPROTOTYPE, ETIMEDOUT,
    };
}

macro_rules! names {
    ($($name:ident)*) => {
        /// The name of an errno on Linux: `ECONNREFUSED` for 111. `None` for a number that has no name.
        pub fn errno_name(errno: i32) -> Option<&'static str> {
            match errno { $(libc::$name => Some(stringify!($name)),)* _ => None }
        }
    };
}

names! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST
    EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE
    EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH
    ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE
    ENOLINK EADV ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD
    ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT
    EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH
    ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN
    EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE
    ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON
}

pub(crate) fn eai_name(code: i32) -> Option<&'static str> {
    Some(match code {
        crate::sys::names::EAI_ADDRFAMILY => "EAI_ADDRFAMILY",
        libc::EAI_AGAIN => "EAI_AGAIN",
        libc::EAI_BADFLAGS => "EAI_BADFLAGS",
        libc::EAI_FAIL => "EAI_FAIL",
        libc::EAI_FAMILY => "EAI_FAMILY",
        libc::EAI_MEMORY => "EAI_MEMORY",
        libc::EAI_NODATA => "EAI_NODATA",
        libc::EAI_NONAME => "EAI_NONAME",
        libc::EAI_SERVICE => "EAI_SERVICE",
        libc::EAI_SOCKTYPE => "EAI_SOCKTYPE",
        libc::EAI_SYSTEM => "EAI_SYSTEM",
        libc::EAI_OVERFLOW => "EAI_OVERFLOW",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_16_bytes_and_fits_a_result() {
        assert_eq!(size_of::<Error>(), 16);
        assert_eq!(size_of::<Result<usize>>(), 16);
    }

    #[test]
    fn the_line_names_call_addresses_reason_and_errno() {
        let peer = "[2001:db8::1]:443".parse().map(Endpoint::Inet).unwrap();
        let error = Error::bare(Call::Connect, libc::ECONNREFUSED).at("tcp", None, Some(peer));
        assert_eq!(error.to_string(), "connect tcp [2001:db8::1]:443: connection refused (ECONNREFUSED)");
    }

    #[test]
    fn would_block_stays_bare_so_that_it_never_allocates() {
        let error = Error::bare(Call::Recv, libc::EAGAIN).at("tcp", None, None);
        assert!(matches!(error.0, Repr::Bare(..)) && error.would_block());
    }
}
