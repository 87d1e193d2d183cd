//! What is sent and what takes it: a stamped random block, senders, sinks, and the digest.

use crate::Result;
use puerta::io::{SpliceFlags, sendfile, splice};
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The block that is sent again and again; its first 8 bytes count it, so that a block lost or swapped changes the digest.
const BLOCK: usize = 1 << 20;

/// How long a contender may take until it connects or listens.
const PATIENCE: Duration = Duration::from_secs(10);

/// TCP_LISTEN, as `/proc/net/tcp` writes it.
const LISTEN: &str = "0A";

/// So many bytes to send, the same for every contender.
#[derive(Clone, Copy)]
pub(crate) struct Source {
    pub(crate) bytes: u64,
}

impl Source {
    /// Writes all of it with write(2), a block at a time.
    ///
    /// # Errors
    /// The reader is gone.
    pub(crate) fn write_to(self, mut to: impl Write) -> io::Result<()> {
        let mut block = random_block();
        let mut left = self.bytes;
        for number in 0u64.. {
            if let Some(stamp) = block.first_chunk_mut() {
                *stamp = number.to_le_bytes();
            }
            let part = usize::try_from(left).unwrap_or(BLOCK).min(BLOCK);
            to.write_all(block.get(..part).unwrap_or_default())?;
            left -= part as u64;
            if left == 0 {
                break;
            }
        }
        to.flush()
    }

    /// Sends as many bytes with sendfile(2), one unstamped block over and over: the lightest sender that there is.
    ///
    /// # Errors
    /// The receiver is gone.
    pub(crate) fn send_file_to(self, to: &TcpStream, file: &File) -> io::Result<()> {
        let length = file.metadata()?.len();
        let mut left = self.bytes;
        let mut offset = 0;
        while left > 0 {
            let part = usize::try_from(left.min(length - offset)).unwrap_or(BLOCK);
            let sent = sendfile(to, file, Some(&mut offset), part)?;
            if sent == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left -= sent as u64;
            offset %= length;
        }
        Ok(())
    }

    /// The SHA-256 of what [`write_to`](Self::write_to) writes.
    ///
    /// # Errors
    /// `sha256sum` is missing.
    pub(crate) fn digest(self) -> Result<String> {
        digest(|into| self.write_to(into).map(|()| self.bytes)).map(|(text, _)| text)
    }
}

/// A file in memory for [`Source::send_file_to`]. It has no name once it is open, so nothing stays behind.
///
/// # Errors
/// No temporary file can be made.
pub(crate) fn block_file() -> Result<File> {
    let shared = std::path::Path::new("/dev/shm");
    let folder = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    let path = folder.join(format!("puerta-bench-{}", std::process::id()));
    let tell = |e: io::Error| format!("{}: {e}", path.display());
    let mut file = File::options().read(true).write(true).create_new(true).open(&path).map_err(tell)?;
    fs::remove_file(&path).map_err(tell)?;
    let block = random_block();
    (0..16).try_for_each(|_| file.write_all(&block)).map_err(tell)?;
    Ok(file)
}

/// The SHA-256 and the length of what `feed` writes and counts.
///
/// # Errors
/// `sha256sum` is missing, or `feed` fails.
pub(crate) fn digest(feed: impl FnOnce(&ChildStdin) -> io::Result<u64>) -> Result<(String, u64)> {
    let started = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = started.map_err(|e| format!("cannot run sha256sum (package coreutils): {e}"))?;
    let pipe = child.stdin.take().ok_or("sha256sum has no stdin")?;
    let fed = feed(&pipe);
    drop(pipe);
    let output = child.wait_with_output().map_err(|e| format!("sha256sum: {e}"))?;
    let bytes = fed.map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).split_whitespace().next().unwrap_or_default().to_owned();
    Ok((text, bytes))
}

/// Takes everything to the end and throws it away, without copying it: spliced into a pipe, and from there into
/// `/dev/null`. Tells how much there was and when the end came.
///
/// # Errors
/// The connection or pipe broke.
pub(crate) fn discard(from: impl AsFd) -> Result<(u64, Instant)> {
    let null = File::options().write(true).open("/dev/null").map_err(|e| format!("/dev/null: {e}"))?;
    discard_through(from, &null).map_err(|e| e.to_string())
}

fn discard_through(from: impl AsFd, null: &File) -> puerta::Result<(u64, Instant)> {
    let pipe = puerta::io::pipe()?;
    let room = pipe.set_size(BLOCK)?;
    let mut bytes = 0;
    loop {
        let mut held = splice(&from, &pipe.write, room, SpliceFlags::NONE)?;
        if held == 0 {
            return Ok((bytes, Instant::now()));
        }
        bytes += held as u64;
        while held > 0 {
            held -= splice(&pipe.read, null, held, SpliceFlags::NONE)?.min(held);
        }
    }
}

/// A listener on a port of its own.
///
/// # Errors
/// None can be had.
pub(crate) fn listener() -> Result<(TcpListener, u16)> {
    let tell = |e: io::Error| format!("listen 127.0.0.1: {e}");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(tell)?;
    let port = listener.local_addr().map_err(tell)?.port();
    Ok((listener, port))
}

/// A port that was free a moment ago: peers cannot all be asked to choose one and tell.
///
/// # Errors
/// None can be had.
pub(crate) fn free_port() -> Result<u16> {
    listener().map(|(_, port)| port)
}

/// The contender's connection, unless it ends without one.
///
/// # Errors
/// It did not connect in time, or has ended.
pub(crate) fn accept(listener: &TcpListener, over: &AtomicBool) -> Result<TcpStream> {
    let tell = |e: io::Error| format!("accept: {e}");
    listener.set_nonblocking(true).map_err(tell)?;
    poll(
        "it did not connect",
        || over.load(Ordering::Acquire),
        || match listener.accept() {
            Ok((stream, _)) => Some(stream.set_nonblocking(false).map(|()| stream).map_err(tell)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => Some(Err(tell(error))),
        },
    )
}

/// A connection to the contender as soon as it listens.
///
/// # Errors
/// It did not listen in time, or has ended.
pub(crate) fn connect(port: u16, over: impl Fn() -> bool) -> Result<TcpStream> {
    let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    poll("it did not listen", over, || TcpStream::connect(to).ok().map(Ok))
}

/// Whether something listens on this TCP port: proc_pid_net(5). Connecting to see would be a member, and ncat ends when one goes at once.
pub(crate) fn listens(port: u16) -> bool {
    let listens = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().and_then(|address| address.rsplit_once(':'));
        let same = local.is_some_and(|(_, local)| u16::from_str_radix(local, 16) == Ok(port));
        same && fields.nth(1) == Some(LISTEN)
    };
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    tables.iter().any(|table| table.lines().any(listens))
}

/// Tries again and again, until there is something, or until `over`.
///
/// # Errors
/// `failure`, when it took too long or is over.
pub(crate) fn poll<T>(
    failure: &str,
    over: impl Fn() -> bool,
    mut attempt: impl FnMut() -> Option<Result<T>>,
) -> Result<T> {
    let begin = Instant::now();
    loop {
        let last = over();
        if let Some(done) = attempt() {
            return done;
        }
        if last || begin.elapsed() > PATIENCE {
            return Err(failure.to_owned());
        }
        thread::sleep(Duration::from_micros(200));
    }
}

/// Bytes without a pattern, the same in every run: xorshift64.
fn random_block() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut block = Vec::with_capacity(BLOCK);
    while block.len() < BLOCK {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        block.extend_from_slice(&state.to_le_bytes());
    }
    block
}
