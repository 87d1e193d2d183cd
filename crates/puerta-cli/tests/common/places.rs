//! Ports, paths, temporary folders, and who listens where: read from /proc, so that a listener of one client keeps its one.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

/// A folder for one test, removed when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("puerta-{name}-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A path in it, as an argument.
    pub fn name(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// A file in it with this content.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// The names of what lies in it, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A port, free for TCP and UDP on all addresses, for peers that cannot choose one: below those that the kernel gives to
/// clients, and each given out once by this process.
pub fn free_port() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 20_000;
    let next = NEXT.get_or_init(|| AtomicU16::new((std::process::id().wrapping_mul(97) % u32::from(COUNT)) as u16));
    loop {
        let port = FIRST + next.fetch_add(1, Ordering::Relaxed) % COUNT;
        let free = |host| TcpListener::bind((host, port)).is_ok() && UdpSocket::bind((host, port)).is_ok();
        if free("0.0.0.0") && (free("::") || UdpSocket::bind("[::1]:0").is_err()) {
            wait_until_closed(port);
            return port;
        }
    }
}

/// Whether someone listens on a TCP port in the network that this process sees: proc_pid_net(5).
pub fn tcp_listens(id: u32, port: u16) -> bool {
    const LISTEN: &str = "0A";
    ["tcp", "tcp6"]
        .iter()
        .any(|table| rows(id, table).any(|row| has_port(&row, port) && row.get(3).is_some_and(|s| s == LISTEN)))
}

/// Whether a connection to a port has been asked for and not answered.
pub fn tcp_is_connecting(id: u32, port: u16) -> bool {
    const SYN_SENT: &str = "02";
    let to = format!(":{port:04X}");
    rows(id, "tcp").any(|row| row.get(2).is_some_and(|r| r.ends_with(&to)) && row.get(3).is_some_and(|s| s == SYN_SENT))
}

/// Whether a UDP socket is bound to a port.
pub fn udp_is_bound(id: u32, port: u16) -> bool {
    ["udp", "udp6"].iter().any(|table| rows(id, table).any(|row| has_port(&row, port)))
}

/// Waits until a port of which this process has closed the sockets is free: programs that other tests start at the same time
/// have a copy of each socket until they run.
pub fn wait_until_closed(port: u16) {
    let id = std::process::id();
    super::wait_until("free port", || !udp_is_bound(id, port) && !tcp_listens(id, port));
}

/// Waits until no socket listens at a path.
pub fn wait_until_dead(path: &Path) {
    super::wait_until("dead socket", || !unix_listens(std::process::id(), path));
}

/// Whether a Unix socket is bound to a path, and listens if it is not one of datagrams.
pub fn unix_listens(id: u32, path: &Path) -> bool {
    const ACCEPTS: &str = "00010000";
    const DATAGRAMS: &str = "0002";
    let path = path.to_str().unwrap();
    rows(id, "unix").any(|row| {
        row.last().is_some_and(|p| p == path) && row.get(3).is_some_and(|flags| flags == ACCEPTS)
            || row.last().is_some_and(|p| p == path) && row.get(4).is_some_and(|kind| kind == DATAGRAMS)
    })
}

fn rows(id: u32, table: &str) -> impl Iterator<Item = Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{id}/net/{table}")).unwrap_or_default();
    let rows: Vec<Vec<String>> =
        text.lines().skip(1).map(|line| line.split_whitespace().map(str::to_owned).collect()).collect();
    rows.into_iter()
}

fn has_port(row: &[String], port: u16) -> bool {
    row.get(1).and_then(|local| local.rsplit_once(':')).is_some_and(|(_, hex)| hex == format!("{port:04X}"))
}

/// Bytes that look random, the same for the same seed (xorshift).
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
