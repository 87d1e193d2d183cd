//! Messages made durable, one way or another: what the contenders of the jobs `talk-log` do, in a process of their own.

mod append;
mod ours;
mod sqlite;

use crate::chat::body;
use crate::stats::percentile;
use crate::{Result, process};
use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The option with which this program starts itself to write or read a log; it is no user's.
pub(crate) const OPTION: &str = "--commits";

/// Writes a log.
trait Log {
    /// Takes a message, to make it durable in a thread of its own.
    ///
    /// # Errors
    /// The log has ended.
    fn send(&mut self, number: u64) -> Result<()>;
}

/// How many messages became durable, in the order in which they were sent, or why none does any more.
type Told = Result<usize>;

/// `WHICH FILE OUTSTANDING SECONDS MESSAGES`: commits for so long, at most so many, and prints commits, seconds, processor seconds, and the
/// median and 99th percentile of the time from send to durable in microseconds. `WHICH FILE`: prints the bodies that are there.
///
/// # Errors
/// The words are wrong, or the log failed.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [which, file] => print(&read(which, file.as_ref())?),
        [which, file, outstanding, seconds, messages] => {
            let number = |text: &str| text.parse::<u64>().map_err(|e| format!("{text}: {e}"));
            let time = Duration::from_secs(number(seconds)?);
            let (tell, told) = channel();
            let mut log = start(which, file.as_ref(), tell)?;
            let line = drive(log.as_mut(), &told, number(outstanding)?, time, number(messages)?)?;
            print(line.as_bytes())
        }
        _ => Err(format!("{OPTION} is not for people")),
    }
}

fn print(text: &[u8]) -> Result<()> {
    std::io::stdout().write_all(text).map_err(|e| e.to_string())
}

fn start(which: &str, file: &Path, tell: Sender<Told>) -> Result<Box<dyn Log>> {
    let path = file.to_owned();
    match which {
        "puerta" => Ok(Box::new(ours::start(file, tell)?)),
        "sqlite" => Ok(Box::new(in_thread(tell, move |numbers, tell| sqlite::work(&path, numbers, tell)))),
        "append" => Ok(Box::new(in_thread(tell, move |numbers, tell| append::work(&path, numbers, tell)))),
        _ => Err(format!("there is no log called {which}")),
    }
}

fn read(which: &str, file: &Path) -> Result<Vec<u8>> {
    match which {
        "puerta" => ours::read(file),
        "sqlite" => sqlite::read(file),
        "append" => append::read(file),
        _ => Err(format!("there is no log called {which}")),
    }
}

/// Keeps so many messages outstanding.
fn drive(log: &mut dyn Log, told: &Receiver<Told>, outstanding: u64, time: Duration, most: u64) -> Result<String> {
    // The first that it tells is that it is open.
    told.recv().map_err(|e| e.to_string())??;
    let (begin, cpu) = (Instant::now(), process::spent("self").cpu);
    let mut waiting = VecDeque::new();
    let mut latencies = Vec::new();
    let mut number = 0;
    loop {
        while number < most && (waiting.len() as u64) < outstanding && begin.elapsed() < time {
            waiting.push_back(Instant::now());
            log.send(number)?;
            number += 1;
        }
        if waiting.is_empty() {
            break;
        }
        let first = told.recv().map_err(|e| e.to_string())?;
        for durable in std::iter::once(first).chain(told.try_iter()) {
            let now = Instant::now();
            let done = waiting.drain(..durable?.min(waiting.len()));
            latencies.extend(done.map(|at| now.duration_since(at).as_secs_f64() * 1e6));
        }
    }
    let (seconds, cpu) = (begin.elapsed().as_secs_f64(), process::spent("self").cpu - cpu);
    let (p50, p99) = (percentile(&mut latencies, 0.5), percentile(&mut latencies, 0.99));
    Ok(format!("{number} {seconds} {cpu} {p50} {p99}\n"))
}

/// A log whose thread takes all that waits.
struct Threaded(Sender<u64>);

impl Log for Threaded {
    fn send(&mut self, number: u64) -> Result<()> {
        self.0.send(number).map_err(|_| "the log has ended".to_owned())
    }
}

fn in_thread(
    tell: Sender<Told>,
    work: impl FnOnce(&Receiver<u64>, &Sender<Told>) -> Result<()> + Send + 'static,
) -> Threaded {
    let (send, numbers) = channel();
    thread::spawn(move || {
        if let Err(why) = work(&numbers, &tell) {
            let _ = tell.send(Err(why));
        }
    });
    Threaded(send)
}

/// All that waits, once there is something; nothing when no more will come.
fn take(numbers: &Receiver<u64>) -> Option<Vec<u64>> {
    let first = numbers.recv().ok()?;
    Some(std::iter::once(first).chain(numbers.try_iter()).collect())
}

fn say(tell: &Sender<Told>, count: usize) -> Result<()> {
    tell.send(Ok(count)).map_err(|e| e.to_string())
}

/// Every message's text.
fn text(number: u64) -> String {
    String::from_utf8_lossy(&body(number)).into_owned()
}
