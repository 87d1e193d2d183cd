//! Where a hub keeps what was said: a log in SQLite with its threads, or memory.

use super::memory::Memory;
use crate::log::{self, Place, Reader, Writer};
use crate::room::store::{Answer, Ask, Batch, Loaded};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Where what was said is kept.
#[derive(Debug)]
pub enum History {
    /// In a file: what is acknowledged is on the disk.
    File(Box<Place>),
    /// In memory, the last [`KEPT`](super::KEPT) records of each room within [`KEPT_BYTES`](super::KEPT_BYTES) of all: it ends with
    /// the hub.
    Memory,
}

/// What the log says.
#[derive(Debug)]
pub(super) enum Told {
    Written(Vec<Batch>),
    Failed(String),
    Answer(u64, Answer),
}

/// The log's end in the hub.
#[derive(Debug)]
pub(super) struct Keeper {
    kind: Kind,
    told: Arc<Mutex<Vec<Told>>>,
    wake: Arc<Notify>,
    /// Batches and questions that are not answered.
    busy: usize,
}

#[derive(Debug)]
enum Kind {
    // The reader ends before the writer, which tidies up.
    File { reader: Reader, writer: Writer },
    Memory(Memory),
}

impl Keeper {
    pub(super) fn start(history: History, wake: Arc<Notify>) -> Result<(Keeper, Loaded), log::Problem> {
        let told = Arc::new(Mutex::new(Vec::new()));
        let place = match history {
            History::Memory => {
                let kind = Kind::Memory(Memory::default());
                return Ok((Keeper { kind, told, wake, busy: 0 }, Loaded::default()));
            }
            History::File(place) => *place,
        };
        let path = place.path().to_owned();
        let tell = teller(&told, &wake);
        let (writer, loaded) = Writer::start(place, move |what| {
            tell(match what {
                log::Told::Durable(batches) => Told::Written(batches),
                log::Told::Failed { why, .. } => Told::Failed(why),
            });
        })?;
        let tell = teller(&told, &wake);
        let reader = Reader::start(&path, move |ticket, answer| tell(Told::Answer(ticket, answer)))?;
        Ok((Keeper { kind: Kind::File { reader, writer }, told, wake, busy: 0 }, loaded))
    }

    /// What the log has said since.
    pub(super) fn told(&mut self) -> Vec<Told> {
        let told = std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner));
        for what in &told {
            self.busy = self.busy.saturating_sub(match what {
                Told::Written(batches) => batches.len(),
                Told::Failed(_) => self.busy,
                Told::Answer(..) => 1,
            });
        }
        told
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy > 0
    }

    pub(super) fn write(&mut self, batch: Batch) {
        self.busy += 1;
        let failed = match &mut self.kind {
            Kind::File { writer, .. } => writer.send(batch).is_err().then(|| "its thread has ended".to_owned()),
            Kind::Memory(memory) => {
                memory.write(&batch);
                self.tell(Told::Written(vec![batch]));
                None
            }
        };
        if let Some(why) = failed {
            self.tell(Told::Failed(why));
        }
    }

    pub(super) fn ask(&mut self, ticket: u64, ask: Ask) {
        self.busy += 1;
        let answer = match &self.kind {
            Kind::File { reader, .. } => match reader.ask(ticket, ask) {
                Ok(()) => return,
                Err(_) => Answer::Unreadable("too many questions wait; ask again".to_owned()),
            },
            Kind::Memory(memory) => memory.answer(&ask),
        };
        self.tell(Told::Answer(ticket, answer));
    }

    fn tell(&self, what: Told) {
        teller(&self.told, &self.wake)(what);
    }
}

fn teller(told: &Arc<Mutex<Vec<Told>>>, wake: &Arc<Notify>) -> impl Fn(Told) + Send + 'static {
    let (told, wake) = (Arc::clone(told), Arc::clone(wake));
    move |what| {
        told.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        wake.notify_one();
    }
}
