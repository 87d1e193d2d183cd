//! The one place through which every system call goes: it builds the error and feeds the trace.

use crate::error::{Call, Cause, Error, Result};
use crate::trace::{self, Event, Value};
use std::cell::Cell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::time::Instant;

/// The decoded arguments of a call, for the trace.
pub(crate) type Args = Vec<(&'static str, Value)>;

/// Makes a call whose result is -1 on failure, once: for connect, close and whatever must not be repeated.
///
/// `args` is asked only while a trace is on, after the call, so that it can show what the kernel filled in.
#[inline(always)]
pub(crate) fn once<T: Copy + Into<i64>>(name: Call, run: impl FnOnce() -> T, args: impl FnOnce() -> Args) -> Result<T> {
    if trace::on() {
        return traced(name, run, args);
    }
    let result = run();
    if result.into() >= 0 { Ok(result) } else { Err(failed(name)) }
}

/// Makes a call and repeats it when a signal interrupted it (EINTR).
#[inline(always)]
pub(crate) fn retried<T: Copy + Into<i64>>(
    name: Call,
    mut run: impl FnMut() -> T,
    args: impl Fn() -> Args,
) -> Result<T> {
    if trace::on() {
        loop {
            match traced(name, &mut run, &args) {
                Err(e) if e.errno() == Some(libc::EINTR) => {}
                done => return done,
            }
        }
    }
    loop {
        let result = run();
        if result.into() >= 0 {
            return Ok(result);
        }
        if let Some(error) = failed_for_good(name) {
            return Err(error);
        }
    }
}

/// Makes a call that tells of failure in a way of its own, once: the resolver's codes, an index of 0. `judge` reads the
/// result, before anything can change errno: what the trace shows, and why it failed.
pub(crate) fn judged<T>(
    name: Call,
    run: impl FnOnce() -> T,
    judge: impl FnOnce(&T) -> (i64, Option<Cause>),
    args: impl FnOnce() -> Args,
) -> Result<T> {
    let start = trace::on().then(Instant::now);
    let result = run();
    let (shown, cause) = judge(&result);
    if let Some(start) = start {
        let took = start.elapsed();
        let errno = match cause {
            Some(Cause::Os(errno)) => Some(errno),
            _ => None,
        };
        trace::emit(&Event { call: name, args: args(), result: shown, errno, took });
    }
    match cause {
        None => Ok(result),
        Some(Cause::Os(errno)) => Err(Error::bare(name, errno)),
        Some(cause) => Err(Error::new(name, cause)),
    }
}

/// As `retried`, for send and recv, which may cost 10 instructions more than the bare call: the arguments go into the cold
/// paths as they are, so that on success nothing has to lie in memory. `args` is given the result as well.
#[inline(always)]
pub(crate) fn hot(
    name: Call,
    (fd, at, len, flags): (RawFd, *mut u8, usize, i32),
    run: impl Fn(RawFd, *mut u8, usize, i32) -> isize,
    args: impl Fn(RawFd, *mut u8, usize, i32, isize) -> Args,
) -> Result<usize> {
    if trace::on() {
        return hot_traced(name, fd, at, len, flags, run, args);
    }
    let result = run(fd, at, len, flags);
    if result >= 0 { Ok(result as usize) } else { hot_failed(name, fd, at, len, flags, run) }
}

#[cold]
#[inline(never)]
fn hot_traced(
    name: Call,
    fd: RawFd,
    at: *mut u8,
    len: usize,
    flags: i32,
    run: impl Fn(RawFd, *mut u8, usize, i32) -> isize,
    args: impl Fn(RawFd, *mut u8, usize, i32, isize) -> Args,
) -> Result<usize> {
    let result = Cell::new(0);
    let run = || {
        result.set(run(fd, at, len, flags));
        result.get() as i64
    };
    retried(name, run, || args(fd, at, len, flags, result.get())).map(|n| n as usize)
}

/// After a failure: repeats the call while a signal was the reason.
#[cold]
#[inline(never)]
fn hot_failed(
    name: Call,
    fd: RawFd,
    at: *mut u8,
    len: usize,
    flags: i32,
    run: impl Fn(RawFd, *mut u8, usize, i32) -> isize,
) -> Result<usize> {
    loop {
        if let Some(error) = failed_for_good(name) {
            return Err(error);
        }
        let result = run(fd, at, len, flags);
        if result >= 0 {
            return Ok(result as usize);
        }
    }
}

#[cold]
#[inline(never)]
fn failed(name: Call) -> Error {
    Error::bare(name, errno())
}

#[cold]
#[inline(never)]
fn failed_for_good(name: Call) -> Option<Error> {
    let error = failed(name);
    (error.errno() != Some(libc::EINTR)).then_some(error)
}

#[cold]
#[inline(never)]
fn traced<T: Copy + Into<i64>>(name: Call, run: impl FnOnce() -> T, args: impl FnOnce() -> Args) -> Result<T> {
    let start = Instant::now();
    let result = run();
    let errno = (result.into() < 0).then(errno);
    let took = start.elapsed();
    trace::emit(&Event { call: name, args: args(), result: result.into(), errno, took });
    match errno {
        None => Ok(result),
        Some(errno) => Err(Error::bare(name, errno)),
    }
}

pub(crate) fn errno() -> i32 {
    // SAFETY: __errno_location gives this thread's errno, which lives as long as the thread.
    unsafe { *libc::__errno_location() }
}

/// A descriptor that is ours: closed when dropped, through the traced call.
#[derive(Debug)]
pub(crate) struct Fd(RawFd);

impl Fd {
    /// Takes over a descriptor that a system call has just returned.
    ///
    /// # Safety
    /// Nobody else owns it.
    pub(crate) unsafe fn own(raw: RawFd) -> Self {
        Fd(raw)
    }

    #[inline(always)]
    pub(crate) fn raw(&self) -> RawFd {
        self.0
    }

    /// Closes and tells what close(2) said. It is never repeated: on Linux the descriptor is gone even after EINTR.
    pub(crate) fn close(self) -> Result<()> {
        let raw = self.0;
        std::mem::forget(self);
        close(raw)
    }

    pub(crate) fn into_owned(self) -> OwnedFd {
        let raw = self.0;
        std::mem::forget(self);
        // SAFETY: we owned it and have just given it up.
        unsafe { OwnedFd::from_raw_fd(raw) }
    }
}

impl From<OwnedFd> for Fd {
    fn from(fd: OwnedFd) -> Self {
        Fd(fd.into_raw_fd())
    }
}

impl AsFd for Fd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open as long as `self` lives.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
}

impl AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.0
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // Nothing can be done about an error here; who wants to know calls `close`.
        let _ = close(self.0);
    }
}

fn close(raw: RawFd) -> Result<()> {
    // SAFETY: the caller owned the descriptor and gives it up with this call.
    once(Call::Close, || unsafe { libc::close(raw) }, || vec![("fd", Value::Fd(raw))]).map(drop)
}

#[cfg(test)]
mod tests {
    use crate::{Flags, Socket, UnixAddr, UnixDatagram, UnixStream};
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;
    use std::io::IoSlice;

    struct Counting;

    thread_local! {
        static ALLOCATED: Cell<usize> = const { Cell::new(0) };
    }

    // SAFETY: the system's allocator does the work; counting allocates nothing.
    unsafe impl GlobalAlloc for Counting {
        // SAFETY: as the trait has it, the caller promises a layout that is not empty.
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            ALLOCATED.set(ALLOCATED.get() + 1);
            // SAFETY: as the caller promises.
            unsafe { System.alloc(layout) }
        }

        // SAFETY: as the trait has it, the caller promises that `at` came from `alloc` with this layout.
        unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
            // SAFETY: as the caller promises.
            unsafe { System.dealloc(at, layout) }
        }
    }

    #[global_allocator]
    static COUNTING: Counting = Counting;

    /// How often a call that gives `EAGAIN` allocates.
    fn allocated<T>(call: impl Fn() -> crate::Result<T>) -> usize {
        let before = ALLOCATED.get();
        assert!(call().is_err_and(|e| e.would_block()));
        ALLOCATED.get() - before
    }

    #[test]
    fn a_call_that_would_block_never_allocates() {
        let at = |name: &str| std::env::temp_dir().join(format!("puerta-eagain-{}-{name}", std::process::id()));
        let (path, other) = (at("stream"), at("datagram"));
        let listener = Socket::<UnixStream>::new(()).unwrap().bind(&UnixAddr::path(&path)).unwrap().listen(1).unwrap();
        // Its peer has a name that has to be copied to be told.
        let a = Socket::<UnixStream>::new(()).unwrap().connect(&UnixAddr::path(&path)).unwrap();
        let (b, _unnamed) = listener.accept().unwrap();
        listener.set_nonblocking(true).unwrap();
        let to = UnixAddr::path(&other);
        let receiver = Socket::<UnixDatagram>::new(()).unwrap().bind(&to).unwrap();
        let sender = Socket::<UnixDatagram>::new(()).unwrap();
        let now = Flags::DONTWAIT;
        let recv = allocated(|| a.recv(&mut [0], now));
        let recv_from = allocated(|| receiver.recv_from(&mut [0], now));
        let recv_datagram = allocated(|| receiver.recv_datagram(&mut [0], now));
        let accept = allocated(|| listener.accept());
        while a.send(&[0; 4096], now).is_ok() {}
        let send = allocated(|| a.send(&[0; 4096], now));
        while sender.send_to(b"x", &to, now).is_ok() {}
        let send_to = allocated(|| sender.send_to(b"x", &to, now));
        let send_datagram = allocated(|| sender.send_datagram(b"x", &to, None, now));
        let parts = [IoSlice::new(b"x")];
        let send_message = allocated(|| a.send_message(&crate::Message::new(&parts), now));
        drop(b);
        for path in [path, other] {
            std::fs::remove_file(path).unwrap();
        }
        let all = [recv, recv_from, recv_datagram, accept, send, send_to, send_datagram, send_message];
        assert_eq!(all, [0; 8]);
    }
}
