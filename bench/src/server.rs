//! A server at work on core 0, and what it takes.

use crate::contender::Contender;
use crate::process::{self, Running, Spent};
use crate::{Result, load};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs};

/// A server that was started; it ends when this is dropped.
pub(crate) struct Server {
    running: Running,
    pub(crate) port: u16,
    /// Its resident memory before anyone joined.
    empty_kib: u64,
    /// What it reads or writes, where it needs a folder.
    _folder: Option<Folder>,
}

/// The clock and the processors when a load began.
pub(crate) struct Begun<'a> {
    server: &'a Server,
    pub(crate) at: Instant,
    spent: Spent,
    loader: Spent,
    joined_kib: u64,
}

/// What a load took.
pub(crate) struct Taken {
    pub(crate) elapsed: Duration,
    /// Seconds of processor time of the server, user and system, all threads and processes.
    pub(crate) cpu: f64,
    /// Seconds that its first thread was ready to run and other work had the core.
    pub(crate) waited: f64,
    /// Seconds of processor time of the loader.
    pub(crate) loader: f64,
    /// The server's resident memory before anyone joined, when all had, and behind the load.
    pub(crate) empty_kib: u64,
    pub(crate) joined_kib: u64,
    pub(crate) loaded_kib: u64,
    /// The most that it ever was.
    pub(crate) peak_kib: u64,
}

impl Server {
    /// Starts it, with what stands in front of its words (`env NAME=VALUE`), and waits until `ready`.
    ///
    /// # Errors
    /// It ends, or takes too long; with what it wrote on stderr.
    pub(crate) fn start(
        words: &[String],
        port: u16,
        folder: Option<Folder>,
        ready: impl Fn(u16, &Running) -> bool,
    ) -> Result<Server> {
        let running = Running::start(words, Stdio::null(), Stdio::null())?;
        let up = load::poll("it did not listen", || running.has_ended(), || ready(port, &running).then_some(Ok(())));
        let server = Server { empty_kib: running.resident_kib(), running, port, _folder: folder };
        up.map_err(|message| server.explain(message))?;
        Ok(server)
    }

    /// With what it wrote on stderr.
    pub(crate) fn explain(&self, message: String) -> String {
        let said = self.running.said();
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() { message } else { format!("{message}; {}", lines.join(" / ")) }
    }

    /// Starts a contender that takes TCP connections.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub(crate) fn tcp(contender: &Contender, program: &str, front: &[&str], folder: Option<Folder>) -> Result<Server> {
        let port = load::free_port()?;
        let file = match &folder {
            Some(folder) => folder.configure(port)?,
            None => String::new(),
        };
        let mut words: Vec<String> = front.iter().map(|word| (*word).to_owned()).collect();
        words.extend(contender.words(program, port, &file));
        Server::start(&words, port, folder, |port, _| load::listens(port))
    }

    /// Its share of memory now, in KiB, all processes.
    pub(crate) fn share_kib(&self) -> u64 {
        self.running.share_kib()
    }

    /// The load begins.
    pub(crate) fn begin(&self) -> Begun<'_> {
        let joined_kib = self.running.resident_kib();
        let (spent, loader) = (self.running.spent(), process::spent("self"));
        Begun { server: self, at: Instant::now(), spent, loader, joined_kib }
    }
}

impl Begun<'_> {
    /// The load is done.
    pub(crate) fn end(self) -> Taken {
        let elapsed = self.at.elapsed();
        let running = &self.server.running;
        let (spent, loader) = (running.spent(), process::spent("self"));
        Taken {
            elapsed,
            cpu: spent.cpu - self.spent.cpu,
            waited: spent.waited - self.spent.waited,
            loader: loader.cpu - self.loader.cpu,
            empty_kib: self.server.empty_kib,
            joined_kib: self.joined_kib,
            loaded_kib: running.resident_kib(),
            peak_kib: running.peak_kib(),
        }
    }
}

/// A folder for one run; it goes when this is dropped.
pub(crate) struct Folder {
    path: PathBuf,
    /// The text of the configuration, `PORT` for the port.
    config: String,
}

impl Folder {
    /// # Errors
    /// It cannot be made.
    pub(crate) fn new(config: &str) -> Result<Folder> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("puerta-bench-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Folder { path, config: config.to_owned() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the configuration for this port; tells where.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn configure(&self, port: u16) -> Result<String> {
        self.write("config", &self.config.replace("PORT", &port.to_string()))
    }

    fn write(&self, name: &str, text: &str) -> Result<String> {
        let file = self.path().join(name);
        fs::write(&file, text).map_err(|e| format!("{}: {e}", file.display()))?;
        Ok(file.to_string_lossy().into_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
