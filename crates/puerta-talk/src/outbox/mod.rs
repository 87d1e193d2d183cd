//! A member's pending messages: on the disk before they are sent, and there until the hub has them.
//!
//! Each process has a file of its own, which it locks, with a stream of its own: a number that no other outbox has. What
//! a process before has left is adopted by the next one, under the streams that it was written in, so that a hub which
//! has it already knows it again. A number is never given twice: the highest one survives its message.

mod file;

use crate::log::{Full, Problem, Queue, Worker, failed, folder, try_lock};
use crate::room::ids::{Device, MessageId};
use crate::room::limits::{PENDING, STREAMS};
use crate::room::member::Pending;
use file::{Dated, File};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Processes that may have an outbox for one hub at a time.
pub const PROCESSES: u32 = 64;

/// Jobs that may wait for the disk: each is one message, but for those that forget or move.
pub const JOBS: usize = 2 * PENDING;

/// A process's outbox: a thread that keeps. Dropped, it does what waits, and ends.
#[derive(Debug)]
pub struct Outbox {
    worker: Worker<Job>,
}

/// An outbox, and what it held.
#[derive(Debug)]
pub struct Opened {
    /// The outbox.
    pub outbox: Outbox,
    /// The stream that is its own.
    pub stream: u64,
    /// The highest number that was kept there; 0 when there was none.
    pub last: u64,
    /// A stream that no outbox has, should this one turn out to be a copy.
    pub spare: u64,
    /// What is pending, of this and of other streams, each in its order: at most [`PENDING`] of fewer than [`STREAMS`].
    pub pending: Vec<Pending>,
    /// Messages that did not fit: they wait for the next process.
    pub waiting: usize,
    /// Files that could not be read. They were left as they are.
    pub left: Vec<Problem>,
}

/// What the disk has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// These are on the disk, and may be sent.
    Kept(Vec<MessageId>),
    /// These are not, and may not be sent.
    NotKept {
        /// Which.
        ids: Vec<MessageId>,
        /// Why, for the user.
        why: String,
    },
    /// All that is pending is kept for another hub now.
    Moved {
        /// Messages of processes that have ended: they wait for the next process that has an outbox for that hub.
        waiting: usize,
    },
    /// It is not, and still kept for the one before.
    NotMoved {
        /// How many messages.
        messages: usize,
        /// Why, for the user.
        why: String,
    },
}

#[derive(Debug)]
enum Job {
    Keep(Pending),
    Forget(Vec<MessageId>),
    Move(Device, Vec<Pending>),
    Renumber(u64, Vec<(MessageId, Pending)>),
}

impl Outbox {
    /// Takes the first free outbox for a hub, and adopts what others have left. `told` is called in the thread of the
    /// outbox, and does not block.
    ///
    /// # Errors
    ///
    /// A [`Problem`]: the folder or its files cannot be used. The caller goes on in memory, with a random stream, and says so.
    pub fn open(path: &Path, hub: Device, told: impl FnMut(Told) + Send + 'static) -> Result<Opened, Problem> {
        let (mut own, others, mut left) = claim(path, hub)?;
        let (stream, last) = (own.stream, own.last);
        let spare = file::random().map_err(|error| failed(path, "make", &error))?.cast_unsigned();
        let mut dated = own.pending()?;
        let mut streams: BTreeSet<u64> = own.streams().chain([stream]).collect();
        let (mut files, mut waiting) = (vec![own], 0);
        for mut file in others {
            let found = match file.pending() {
                Ok(found) => found,
                Err(problem) => {
                    left.push(problem);
                    continue;
                }
            };
            let all: BTreeSet<u64> = streams.iter().copied().chain(file.streams()).collect();
            // One place is left for a stream that is taken later.
            if dated.len() + found.len() > PENDING || all.len() >= STREAMS {
                waiting += found.len();
            } else if !found.is_empty() {
                streams = all;
                dated.extend(found);
                files.push(file);
            }
        }
        let mut thread = Thread { folder: path.to_owned(), files, closed: None, told };
        let worker = Worker::start("puerta-outbox", JOBS, move |queue| thread.work(queue));
        let worker = worker.map_err(|error| failed(path, "start a thread for", &error))?;
        Ok(Opened { outbox: Outbox { worker }, stream, last, spare, pending: in_order(dated), waiting, left })
    }

    /// Keeps a message. Told when it is on the disk, in the order of these calls.
    ///
    /// # Errors
    ///
    /// [`Full`]: [`JOBS`] jobs wait, or the thread has ended.
    pub fn keep(&self, message: Pending) -> Result<(), Full<()>> {
        self.worker.push(Job::Keep(message)).map_err(|_| Full(()))
    }

    /// Forgets messages that the hub has, or has refused. When the machine stops before that is on the disk, they are
    /// pending once more, and the hub knows them again.
    ///
    /// # Errors
    ///
    /// [`Full`]: [`JOBS`] jobs wait, or the thread has ended. They are pending again at the next start then.
    pub fn forget(&self, ids: Vec<MessageId>) -> Result<(), Full<()>> {
        self.worker.push(Job::Forget(ids)).map_err(|_| Full(()))
    }

    /// Keeps all that is pending for another hub, under the ids that it has; what was kept for the one before is forgotten
    /// once that is on the disk. The own stream goes along, and so does what ended processes have left for the hub before. Told
    /// `Moved`, or `NotMoved` for what could not go.
    ///
    /// # Errors
    ///
    /// [`Full`]: [`JOBS`] jobs wait, or the thread has ended.
    pub fn move_to(&self, hub: Device, pending: Vec<Pending>) -> Result<(), Full<()>> {
        self.worker.push(Job::Move(hub, pending)).map_err(|_| Full(()))
    }

    /// Goes on as another stream, and keeps these messages, each in place of the one of an id before. Told when it is on the disk, as
    /// for those that are kept.
    ///
    /// # Errors
    ///
    /// [`Full`]: [`JOBS`] jobs wait, or the thread has ended.
    pub fn renumber(&self, stream: u64, messages: Vec<(MessageId, Pending)>) -> Result<(), Full<()>> {
        self.worker.push(Job::Renumber(stream, messages)).map_err(|_| Full(()))
    }
}

/// The files for a hub that nobody has: the first one free, made if it must be, then those that are there.
fn claim(path: &Path, hub: Device) -> Result<(File, Vec<File>, Vec<Problem>), Problem> {
    folder(path)?;
    let path = path.canonicalize().map_err(|error| failed(path, "open", &error))?;
    let (mut files, mut left) = (Vec::new(), Vec::new());
    for number in 1..=PROCESSES {
        let name = file::path(&path, hub, number);
        if !files.is_empty() && !name.exists() {
            continue;
        }
        match try_lock(&name).and_then(|lock| lock.map(|lock| File::open(name, lock, hub)).transpose()) {
            Ok(Some(file)) => files.push(file),
            Ok(None) => {}
            Err(problem) => left.push(problem),
        }
    }
    let mut files = files.into_iter();
    match files.next() {
        Some(own) => Ok((own, files.collect(), left)),
        None => Err(left.pop().unwrap_or_else(|| {
            let limit = io::Error::other(format!("{PROCESSES} processes have an outbox there already"));
            failed(&path, "open", &limit)
        })),
    }
}

/// By time, but each stream in the order of its numbers, whatever the clock did.
fn in_order(mut dated: Vec<Dated>) -> Vec<Pending> {
    dated.sort_by_key(|d| (d.message.id.stream, d.message.id.number));
    let (mut stream, mut latest) = (None, i64::MIN);
    for one in &mut dated {
        latest = if stream == Some(one.message.id.stream) { latest.max(one.at) } else { one.at };
        (stream, one.at) = (Some(one.message.id.stream), latest);
    }
    // The sort is stable.
    dated.sort_by_key(|d| d.at);
    dated.into_iter().map(|d| d.message).collect()
}

struct Thread<F> {
    folder: PathBuf,
    /// The own one first.
    files: Vec<File>,
    /// Why nothing is kept any more: after a failed fsync nothing is tried again.
    closed: Option<String>,
    told: F,
}

impl<F: FnMut(Told)> Thread<F> {
    fn work(&mut self, queue: &Queue<Job>) {
        loop {
            let jobs = queue.take(JOBS);
            if jobs.is_empty() {
                return;
            }
            let (mut keep, mut forget) = (Vec::new(), Vec::new());
            for job in jobs {
                match job {
                    Job::Keep(message) => keep.push(message),
                    Job::Forget(ids) => forget.extend(ids),
                    Job::Move(hub, pending) => {
                        self.write(std::mem::take(&mut keep), std::mem::take(&mut forget));
                        self.move_all(hub, &pending);
                    }
                    Job::Renumber(stream, messages) => {
                        self.write(std::mem::take(&mut keep), std::mem::take(&mut forget));
                        self.renumber(stream, messages);
                    }
                }
            }
            self.write(keep, forget);
        }
    }

    fn write(&mut self, keep: Vec<Pending>, forget: Vec<MessageId>) {
        let Some((own, others)) = self.files.split_first_mut() else { return };
        let mut result = self.closed.clone().map_or(Ok(()), Err);
        if !keep.is_empty() {
            result = result.and_then(|()| own.keep(&keep).map_err(|fault| fault.close(&mut self.closed)));
            let ids = keep.iter().map(|message| message.id).collect();
            (self.told)(match result.clone() {
                Ok(()) => Told::Kept(ids),
                Err(why) => Told::NotKept { ids, why },
            });
        }
        if forget.is_empty() || self.closed.is_some() {
            return;
        }
        for file in std::iter::once(own).chain(others) {
            // What could not be forgotten is sent once more, and the hub knows it.
            let _ = file.forget(&forget).map_err(|fault| fault.close(&mut self.closed));
        }
    }

    /// The messages may lie in the files of others: what is under two ids for a moment is never under none.
    fn renumber(&mut self, stream: u64, messages: Vec<(MessageId, Pending)>) {
        let Some((own, others)) = self.files.split_first_mut() else { return };
        let (gone, messages): (Vec<MessageId>, Vec<Pending>) = messages.into_iter().unzip();
        let from = if own.stream == stream { (stream, own.last) } else { (stream, 0) };
        let result = self.closed.clone().map_or(Ok(()), Err);
        let result = result.and_then(|()| own.go_on(from, &gone, &messages).map_err(|f| f.close(&mut self.closed)));
        let ids = messages.iter().map(|message| message.id).collect();
        if result.is_ok() {
            for file in others {
                let _ = file.forget(&gone).map_err(|fault| fault.close(&mut self.closed));
            }
        }
        (self.told)(match result {
            Ok(()) => Told::Kept(ids),
            Err(why) => Told::NotKept { ids, why },
        });
    }

    fn move_all(&mut self, hub: Device, pending: &[Pending]) {
        let before = self.files.first().map(|own| own.hub).filter(|before| *before != hub);
        let not_moved = |messages, problem: Problem| Told::NotMoved { messages, why: problem.to_string() };
        let mut waiting = match self.move_to(hub, pending) {
            Ok(waiting) => waiting,
            Err(problem) => return (self.told)(not_moved(pending.len(), problem)),
        };
        // No other hub can ever collect what ended processes have left for the one before.
        let left = before.and_then(|before| claim(&self.folder, before).ok());
        for mut file in left.into_iter().flat_map(|(first, others, _)| std::iter::once(first).chain(others)) {
            let found = file.pending().map(|found| found.into_iter().map(|d| d.message).collect::<Vec<Pending>>());
            let messages = found.as_ref().map_or(0, Vec::len);
            match found.and_then(|found| bring(&self.folder, hub, &mut file, &found)) {
                Ok(()) => waiting += messages,
                Err(problem) => (self.told)(not_moved(messages, problem)),
            }
        }
        (self.told)(Told::Moved { waiting });
    }

    /// Gives the number of messages that others have left for that hub.
    fn move_to(&mut self, hub: Device, pending: &[Pending]) -> Result<usize, Problem> {
        let (mut new, waiting) = empty(&self.folder, hub)?;
        let own = self.files.first().map_or((new.stream, new.last), |own| (own.stream, own.last));
        new.go_on(own, &[], pending).map_err(|fault| fault.problem(new.path()))?;
        for mut old in std::mem::replace(&mut self.files, vec![new]) {
            // They may be read again by another process: then the old hub gets them, if it is there, which is no harm.
            let _ = old.retire();
        }
        Ok(waiting)
    }
}

/// A file for a hub that nobody has and that is empty, made if it must be; and how many messages are in those that are not.
fn empty(folder: &Path, hub: Device) -> Result<(File, usize), Problem> {
    let (first, others, _) = claim(folder, hub)?;
    let (mut found, mut waiting) = (None, 0);
    for mut file in std::iter::once(first).chain(others) {
        match file.pending()?.len() {
            0 if found.is_none() => found = Some(file),
            messages => waiting += messages,
        }
    }
    // Those that are there have messages of their own for that hub: one more is made.
    Ok((found.map_or_else(|| file::fresh(folder, hub), Ok)?, waiting))
}

/// What is in a file goes to one for another hub, under the streams that it was written in.
fn bring(folder: &Path, hub: Device, file: &mut File, messages: &[Pending]) -> Result<(), Problem> {
    if messages.is_empty() {
        return Ok(());
    }
    let (mut new, _) = empty(folder, hub)?;
    new.go_on((file.stream, file.last), &[], messages).map_err(|fault| fault.problem(new.path()))?;
    let _ = file.retire();
    Ok(())
}
