//! Each socket primitive as it is made, in the terms of the man pages.
//!
//! [`install`] an [`Observer`] and it is told of every system call of the library, closes included. Without one the
//! trace costs one predictable branch a call.

use crate::address::Endpoint;
use crate::error::{Call, eai_name, errno_name};
use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Is told of each call after it was made, on the thread that made it.
pub trait Observer: Send + Sync + 'static {
    /// One call with its decoded arguments and its result. A panic in here is the observer's own. Calls of this library that
    /// are made in here are not told to anyone.
    fn observe(&self, event: &Event);
}

/// One system call.
#[derive(Debug, Clone)]
pub struct Event {
    /// Which call.
    pub call: Call,
    /// The arguments by their names in the man page, decoded. What the kernel filled in is shown as it was after the call.
    pub args: Vec<(&'static str, Value)>,
    /// What the call returned: -1 with [`errno`](Self::errno) where it failed. getaddrinfo and getnameinfo return 0 or
    /// an EAI code, if_nametoindex an index or 0, if_indextoname is shown as 1 or 0.
    pub result: i64,
    /// Why it failed.
    pub errno: Option<i32>,
    /// How long it took.
    pub took: Duration,
}

/// A decoded argument.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Value {
    /// A number, such as a length or a backlog.
    Int(i64),
    /// A descriptor.
    Fd(i32),
    /// An address.
    Address(Endpoint),
    /// The first bytes of a buffer ([`SHOWN`] at most) and how many there were.
    Bytes(Vec<u8>, usize),
    /// A constant or a combination of flags, by name.
    Symbol(String),
}

/// How many bytes of a buffer an [`Event`] keeps.
pub const SHOWN: usize = 32;

static ON: AtomicBool = AtomicBool::new(false);
static OBSERVER: RwLock<Option<Arc<dyn Observer>>> = RwLock::new(None);

/// Installs the observer of this process, in place of the one before. `None` ends the trace.
pub fn install(observer: Option<Arc<dyn Observer>>) {
    let mut slot = OBSERVER.write().unwrap_or_else(PoisonError::into_inner);
    ON.store(observer.is_some(), Ordering::Release);
    let before = std::mem::replace(&mut *slot, observer);
    // What the old one holds may be a socket, whose close is told to the new one: not before the lock is free.
    drop(slot);
    drop(before);
}

#[inline(always)]
pub(crate) fn on() -> bool {
    ON.load(Ordering::Relaxed)
}

pub(crate) fn emit(event: &Event) {
    // The observer's own calls would come back to it without end.
    let Some(_turn) = Turn::take() else { return };
    let observer = OBSERVER.read().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(observer) = observer {
        observer.observe(event);
    }
}

thread_local! {
    static OBSERVING: Cell<bool> = const { Cell::new(false) };
}

/// This thread is within the observer; until it is dropped, so that a panic ends it too.
struct Turn;

impl Turn {
    fn take() -> Option<Turn> {
        if OBSERVING.replace(true) { None } else { Some(Turn) }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        OBSERVING.set(false);
    }
}

impl fmt::Display for Event {
    /// `connect(3, {AF_INET, 127.0.0.1:80}) = -1 ECONNREFUSED`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.call)?;
        for (i, (_, value)) in self.args.iter().enumerate() {
            write!(f, "{}{value}", if i == 0 { "" } else { ", " })?;
        }
        write!(f, ") = {}", self.result)?;
        match self.error_name() {
            Some(name) => write!(f, " {name}"),
            None => Ok(()),
        }
    }
}

impl Event {
    /// Why the call failed, by the name of its errno or EAI code: `ECONNREFUSED`, `EAI_NONAME`. `EAI_SYSTEM` gives way to the
    /// errno behind it. `None` where it succeeded.
    pub fn error_name(&self) -> Option<Cow<'static, str>> {
        let resolver = matches!(self.call, Call::GetAddrInfo | Call::GetNameInfo);
        match self.errno {
            Some(errno) => Some(errno_name(errno).map_or_else(|| format!("errno {errno}").into(), Cow::Borrowed)),
            None if resolver && self.result != 0 => {
                let code = i32::try_from(self.result).unwrap_or_default();
                Some(eai_name(code).map_or_else(|| format!("EAI {code}").into(), Cow::Borrowed))
            }
            None => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(n) => write!(f, "{n}"),
            Value::Fd(fd) => write!(f, "{fd}"),
            Value::Address(Endpoint::Inet(a)) if a.is_ipv4() => write!(f, "{{AF_INET, {a}}}"),
            Value::Address(Endpoint::Inet(a)) => write!(f, "{{AF_INET6, {a}}}"),
            Value::Address(Endpoint::Unix(a)) => write!(f, "{{AF_UNIX, {a}}}"),
            Value::Bytes(bytes, total) => {
                write!(f, "\"{}\"", bytes.escape_ascii())?;
                if *total > bytes.len() { f.write_str("...") } else { Ok(()) }
            }
            Value::Symbol(name) => f.write_str(name),
        }
    }
}
