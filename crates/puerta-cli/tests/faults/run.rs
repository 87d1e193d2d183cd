//! One run of the command, alone, under strace or with the short-I/O preload, and what came of it.

use crate::common::pause;
use crate::common::places::Folder;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a run may take before it counts as hanging.
const LIMIT: Duration = Duration::from_secs(40);

/// What stands between the test and the command.
#[derive(Debug, Clone)]
pub(crate) enum Tool {
    Nothing,
    /// strace writes the calls to a file; the second is whether only those on standard input and output.
    List(PathBuf, bool),
    Fault(Fault),
    /// Short transfers, with this seed.
    Short(u64),
}

/// The n-th call of its name in any thread fails with this error.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) call: String,
    pub(crate) errno: &'static str,
    pub(crate) nth: usize,
    /// Only calls on standard input and output count.
    pub(crate) local: bool,
}

/// Where the command's input comes from.
pub(crate) enum Input<'a> {
    Nothing,
    Pipe(&'a [u8]),
    File(&'a [u8]),
}

/// Where its output goes.
#[derive(PartialEq)]
pub(crate) enum Output {
    Pipe,
    File,
}

/// The command while it runs.
pub(crate) struct Running {
    child: Child,
    stderr: Option<JoinHandle<String>>,
    stdout: Option<JoinHandle<Vec<u8>>>,
    file: Option<PathBuf>,
    _folder: Folder,
    address: mpsc::Receiver<String>,
    under_strace: bool,
    over: Arc<AtomicBool>,
}

/// How it ended.
pub(crate) struct Ended {
    /// `None`: it was killed, since it hung.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) stderr: String,
    pub(crate) stdout: Vec<u8>,
}

/// The preload, compiled once.
pub(crate) fn preload() -> &'static Path {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    BUILT.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("shortio-{}.so", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shortio.c");
        let cc = Command::new("cc").args(["-shared", "-fPIC", "-O2", "-o"]).args([&out, &source]).arg("-ldl").status();
        assert!(cc.unwrap().success());
        out
    })
}

/// Starts `puerta` with these arguments.
pub(crate) fn start(tool: &Tool, arguments: &[&str], input: Input<'_>, output: Output) -> Running {
    let folder = Folder::new("faults");
    let (stdin, feed, from) = match input {
        Input::Nothing => (Stdio::null(), None, "/dev/null".to_owned()),
        Input::File(bytes) => {
            let path = folder.path("in");
            fs::write(&path, bytes).unwrap();
            (File::open(&path).unwrap().into(), None, path.display().to_string())
        }
        Input::Pipe(bytes) => {
            let (read, write) = std::io::pipe().unwrap();
            let name = link(&read);
            (read.into(), Some((write, bytes.to_vec())), name)
        }
    };
    let (stdout, drain, file, to) = match output {
        Output::File => {
            let path = folder.path("out");
            (File::create(&path).unwrap().into(), None, Some(path.clone()), path.display().to_string())
        }
        Output::Pipe => {
            let (read, write) = std::io::pipe().unwrap();
            let name = link(&write);
            (Stdio::from(write), Some(read), None, name)
        }
    };
    let mut command = under(tool, [&from, &to]);
    command.args(arguments).stdin(stdin).stdout(stdout).stderr(Stdio::piped());
    command.env("RUST_BACKTRACE", "0");
    let mut child = command.spawn().unwrap();
    drop(command);
    if let Some((mut pipe, bytes)) = feed {
        thread::spawn(move || pipe.write_all(&bytes));
    }
    let stdout = drain.map(|mut pipe| {
        thread::spawn(move || {
            let mut all = Vec::new();
            let _ = pipe.read_to_end(&mut all);
            all
        })
    });
    let (tell, address) = mpsc::channel();
    let pipe = child.stderr.take().unwrap();
    let stderr = thread::spawn(move || read_lines(pipe, &tell));
    let under_strace = matches!(tool, Tool::List(..) | Tool::Fault(_));
    let over = Arc::new(AtomicBool::new(false));
    Running { child, stderr: Some(stderr), stdout, file, _folder: folder, address, under_strace, over }
}

fn link(fd: &impl std::os::fd::AsRawFd) -> String {
    fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).unwrap().display().to_string()
}

/// Gathers standard error, and tells where the command listens.
fn read_lines(pipe: impl Read, tell: &mpsc::Sender<String>) -> String {
    let (mut all, mut lines) = (String::new(), BufReader::new(pipe));
    loop {
        let from = all.len();
        if !matches!(lines.read_line(&mut all), Ok(1..)) {
            return all;
        }
        let address = all.get(from..).and_then(|line| line.strip_prefix("listening on "));
        if let Some(address) = address.and_then(|rest| rest.split(' ').next()) {
            let _ = tell.send(address.to_owned());
        }
    }
}

fn under(tool: &Tool, locals: [&str; 2]) -> Command {
    let bin = env!("CARGO_BIN_EXE_puerta");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq"]);
    let only = |strace: &mut Command, local: bool| {
        if local {
            strace.args(["-P", locals[0], "-P", locals[1]]);
        }
    };
    match tool {
        Tool::Nothing => return Command::new(bin),
        Tool::Short(seed) => {
            let mut command = Command::new(bin);
            command.env("LD_PRELOAD", preload()).env("SEED", seed.to_string());
            return command;
        }
        Tool::List(log, local) => {
            only(&mut strace, *local);
            strace.arg("-y").arg("-o").arg(log);
        }
        Tool::Fault(Fault { call, errno, nth, local }) => {
            only(&mut strace, *local);
            strace.args(["-o", "/dev/null", "-e", &format!("trace={call}")]);
            strace.args(["-e", &format!("inject={call}:error={errno}:when={nth}")]);
        }
    }
    strace.arg(bin);
    strace
}

impl Running {
    /// Where it listens; `None`: it ended before it did.
    pub(crate) fn address(&self) -> Option<String> {
        self.address.recv().ok()
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Set once the command has ended: nobody comes any more.
    pub(crate) fn over(&self) -> Arc<AtomicBool> {
        self.over.clone()
    }

    /// Asks it to end: SIGTERM, to the command itself.
    pub(crate) fn stop(&self) {
        for id in self.commands() {
            let _ = Command::new("kill").args(["-s", "TERM", &id.to_string()]).stderr(Stdio::null()).status();
        }
    }

    /// Waits until every child of the command's own has ended, and with it what the command has to say about it.
    pub(crate) fn settle(&self) {
        let start = Instant::now();
        while start.elapsed() < LIMIT && self.commands().into_iter().any(|id| !children(id).is_empty()) {
            pause(Duration::from_millis(3));
        }
    }

    fn commands(&self) -> Vec<u32> {
        let id = self.child.id();
        if self.under_strace { children(id) } else { vec![id] }
    }

    /// Ends it and what it started, unless that has ended.
    fn kill(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            for id in offspring(self.child.id()).into_iter().chain([self.child.id()]) {
                let _ = Command::new("kill").args(["-s", "KILL", &id.to_string()]).stderr(Stdio::null()).status();
            }
            let _ = self.child.wait();
        }
    }

    /// Waits for its end; what hangs is killed.
    pub(crate) fn wait(&mut self) -> Ended {
        let start = Instant::now();
        let mut status = None;
        while status.is_none() && start.elapsed() < LIMIT {
            status = self.child.try_wait().unwrap();
            pause(Duration::from_millis(3));
        }
        if status.is_none() {
            self.kill();
        }
        self.over.store(true, Ordering::SeqCst);
        let stderr = self.stderr.take().map(|thread| thread.join().unwrap()).unwrap_or_default();
        let stdout = match (&self.file, self.stdout.take()) {
            (Some(path), _) => fs::read(path).unwrap(),
            (None, Some(thread)) => thread.join().unwrap(),
            (None, None) => Vec::new(),
        };
        Ended { status, stderr, stdout }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn children(id: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

fn offspring(id: u32) -> Vec<u32> {
    children(id).into_iter().flat_map(|child| offspring(child).into_iter().chain([child])).collect()
}
