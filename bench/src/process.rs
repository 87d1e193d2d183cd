//! A contender at work: started on its core, watched until it ends, its processor time and memory read from proc(5).

use crate::Result;
use crate::isolate;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long a run may take before it is ended.
const DEADLINE: Duration = Duration::from_secs(120);

/// How often memory is read.
const INTERVAL: Duration = Duration::from_millis(5);

/// The clock tick of `/proc/PID/stat`, sysconf(_SC_CLK_TCK): 100 on every Linux that this runs on.
const TICKS: f64 = 100.0;

/// How much of a contender's stderr is kept for a message.
const KEPT: usize = 4096;

/// A contender that was started.
pub(crate) struct Running {
    child: Child,
    errors: Option<JoinHandle<()>>,
    said: Arc<Mutex<Vec<u8>>>,
}

/// What a process has taken of the processors.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spent {
    /// Seconds on a core, user and system.
    pub(crate) cpu: f64,
    /// Seconds that the first thread of each process was ready to run while other work had the core; other threads wait for each other, too.
    pub(crate) waited: f64,
}

/// What it took.
pub(crate) struct Usage {
    /// Seconds of processor time, user and system, all threads.
    pub(crate) cpu: f64,
    /// Peak resident memory in KiB: VmHWM, as last read before it ended.
    pub(crate) peak_kib: u64,
    /// Seconds that its first thread was ready to run and other work had the core.
    pub(crate) waited: f64,
    status: ExitStatus,
    errors: String,
}

impl Running {
    /// Starts a program on the contender's core. `taskset` becomes the program, so the process is the contender itself.
    ///
    /// # Errors
    /// `taskset` or the program cannot be started.
    pub(crate) fn start(words: &[String], stdin: Stdio, stdout: Stdio) -> Result<Running> {
        let core = isolate::CONTENDER.to_string();
        let mut command = Command::new("taskset");
        command.args(["-c", &core]).args(words);
        let started = command.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).spawn();
        let mut child = started.map_err(|e| format!("cannot start {}: {e}", words.join(" ")))?;
        let said = Arc::default();
        let kept = Arc::clone(&said);
        let errors = child.stderr.take().map(|pipe| thread::spawn(move || keep_first(pipe, &kept)));
        Ok(Running { child, errors, said })
    }

    pub(crate) fn stdin(&mut self) -> Result<ChildStdin> {
        self.child.stdin.take().ok_or_else(|| "the contender has no pipe for stdin".to_owned())
    }

    pub(crate) fn stdout(&mut self) -> Result<ChildStdout> {
        self.child.stdout.take().ok_or_else(|| "the contender has no pipe for stdout".to_owned())
    }

    /// The first of what it wrote on stderr so far.
    pub(crate) fn said(&self) -> String {
        let kept = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).into_owned()
    }

    /// What it, its threads and its children have taken so far.
    pub(crate) fn spent(&self) -> Spent {
        let all = family(self.child.id()).into_iter().map(|pid| spent(&pid.to_string()));
        all.fold(Spent::default(), |a, b| Spent { cpu: a.cpu + b.cpu, waited: a.waited + b.waited })
    }

    /// Its resident memory now and its children's, in KiB: VmRSS.
    pub(crate) fn resident_kib(&self) -> u64 {
        self.memory("status", "VmRSS:")
    }

    /// The most that was resident so far, in KiB, children included: VmHWM.
    pub(crate) fn peak_kib(&self) -> u64 {
        self.memory("status", "VmHWM:")
    }

    /// Its share of memory now and its children's, in KiB, what several processes share counted once: Pss.
    pub(crate) fn share_kib(&self) -> u64 {
        self.memory("smaps_rollup", "Pss:")
    }

    fn memory(&self, file: &str, field: &str) -> u64 {
        family(self.child.id()).into_iter().map(|pid| memory(pid, file, field)).sum()
    }

    /// Whether it has ended; it is still there to be read about.
    pub(crate) fn has_ended(&self) -> bool {
        ended(self.child.id())
    }

    /// Ends it; [`watch`](Self::watch) tells how.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Watches it until it ends.
    ///
    /// # Errors
    /// It did not end in time, and was killed.
    pub(crate) fn watch(mut self) -> Result<Usage> {
        let pid = self.child.id();
        let begin = Instant::now();
        let mut peak_kib = 0;
        while !ended(pid) {
            peak_kib = self.peak_kib().max(peak_kib);
            if begin.elapsed() > DEADLINE {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return Err(format!("it did not end within {} s", DEADLINE.as_secs()));
            }
            thread::sleep(INTERVAL);
        }
        let first = schedstat(format!("/proc/{pid}/schedstat").as_ref());
        // stat counts all threads, in steps of 10 ms; schedstat only the first, in nanoseconds. The larger is nearer.
        let cpu = stat(&pid.to_string()).map(|fields| ticks(&fields)).unwrap_or_default().max(first.cpu);
        let status = self.child.wait().map_err(|e| format!("wait: {e}"))?;
        let _ = self.errors.take().map(JoinHandle::join);
        let errors = self.said();
        Ok(Usage { cpu, peak_kib, waited: first.waited, status, errors })
    }
}

impl Drop for Running {
    /// Nothing that was started stays, also when a run was broken off: not the children either, once nobody starts them anew.
    fn drop(&mut self) {
        let children = family(self.child.id()).into_iter().skip(1);
        let children: Vec<_> = children.filter_map(|pid| Pid::from_raw(pid.try_into().ok()?)).collect();
        let _ = self.child.kill();
        let _ = self.child.wait();
        for child in children {
            let _ = kill_process(child, Signal::KILL);
        }
    }
}

impl Usage {
    /// # Errors
    /// The contender says that it failed: its status and what it wrote on stderr.
    pub(crate) fn succeeded(&self) -> Result<()> {
        match self.status.success() {
            true => Ok(()),
            false => Err(self.ending()),
        }
    }

    /// How it ended, in a line.
    pub(crate) fn ending(&self) -> String {
        let errors: Vec<&str> = self.errors.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let mut text = format!("it ended with {}", self.status);
        if !errors.is_empty() {
            text = format!("{text}: {}", errors.join(" / "));
        }
        text
    }
}

/// Processor time of this process so far, in seconds, in steps of 10 ms.
pub(crate) fn own_cpu() -> f64 {
    stat("self").map(|fields| ticks(&fields)).unwrap_or_default()
}

/// What a process and its threads that still run have taken so far, in nanoseconds' steps; `self` is this one.
pub(crate) fn spent(pid: &str) -> Spent {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let cpu = tasks.map(|task| schedstat(&task.path().join("schedstat")).cpu).sum();
    Spent { cpu, waited: schedstat(format!("/proc/{pid}/schedstat").as_ref()).waited }
}

/// Reads on when enough is kept, so that a talkative contender is never held up.
fn keep_first(mut pipe: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut part = [0; 4096];
    while let Ok(length @ 1..) = pipe.read(&mut part) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = KEPT.saturating_sub(kept.len()).min(length);
        kept.extend_from_slice(part.get(..room).unwrap_or_default());
    }
}

/// The fields of proc_pid_stat(5) behind the name, the state first.
fn stat(pid: &str) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind) = text.rsplit_once(')')?;
    Some(behind.split_whitespace().map(str::to_owned).collect())
}

/// utime and stime, fields 14 and 15.
fn ticks(fields: &[String]) -> f64 {
    let field = |at: usize| fields.get(at - 3).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    (field(14) + field(15)) / TICKS
}

fn ended(pid: u32) -> bool {
    stat(&pid.to_string()).is_none_or(|fields| fields.first().is_none_or(|state| state == "Z" || state == "X"))
}

/// proc(5), `/proc/PID/schedstat`: nanoseconds on a core, and ready to run but without one.
fn schedstat(path: &Path) -> Spent {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut seconds = text.split_whitespace().map(|ns| ns.parse::<f64>().unwrap_or_default() / 1e9);
    Spent { cpu: seconds.next().unwrap_or_default(), waited: seconds.next().unwrap_or_default() }
}

/// A process, then its children and theirs: proc_pid_task(5), `children`.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut at = 0;
    while let Some(pid) = all.get(at) {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let texts: Vec<String> =
            tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok()).collect();
        all.extend(texts.iter().flat_map(|text| text.split_whitespace()).filter_map(|child| child.parse::<u32>().ok()));
        at += 1;
    }
    all
}

fn memory(pid: u32, file: &str, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|text| text.split_whitespace().next()).and_then(|kib| kib.parse().ok()).unwrap_or_default()
}
