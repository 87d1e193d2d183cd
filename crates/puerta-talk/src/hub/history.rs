//! Where a hub keeps what was said: a log in SQLite with its threads, or memory.

use crate::log::{self, Place, Reader, Writer};
use crate::room::ids::{MemberNo, MessageId, RoomNo};
use crate::room::limits::PAGE_BYTES;
use crate::room::record::Record;
use crate::room::store::{Answer, Ask, Batch, Loaded, Write};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Records of a room that a hub without a log keeps.
pub const KEPT: usize = 10_000;

/// Where what was said is kept.
#[derive(Debug)]
pub enum History {
    /// In a file: what is acknowledged is on the disk.
    File(Box<Place>),
    /// In memory, the last [`KEPT`] records of each room: it ends with the hub.
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

/// The last records of each room.
#[derive(Debug, Default)]
struct Memory {
    rooms: BTreeMap<RoomNo, VecDeque<Record>>,
}

impl Memory {
    fn write(&mut self, batch: &Batch) {
        for write in &batch.writes {
            let Write::Record(record) = write else { continue };
            let room = self.rooms.entry(record.room).or_default();
            if room.len() == KEPT {
                room.pop_front();
            }
            room.push_back(record.clone());
        }
    }

    fn answer(&self, ask: &Ask) -> Answer {
        match ask {
            Ask::After { room, seq, limit } => {
                let records = self.rooms.get(room).into_iter().flatten().filter(|r| r.seq > *seq);
                Answer::Records(page(records, *limit))
            }
            Ask::Before { room, seq, limit } => {
                let records = self.rooms.get(room).into_iter().flatten().rev().filter(|r| r.seq < *seq);
                Answer::Records(page(records, *limit))
            }
            Ask::Find { from, id } => Answer::Found(self.find(*from, *id)),
            Ask::Last { from, streams } => Answer::Last(streams.iter().map(|s| (*s, self.last(*from, *s))).collect()),
        }
    }

    fn last(&self, from: MemberNo, stream: u64) -> u64 {
        let records = self.rooms.values().flatten().filter(|r| r.from.no == from && r.id.stream == stream);
        records.map(|r| r.id.number).max().unwrap_or_default()
    }

    fn find(&self, from: MemberNo, id: MessageId) -> Option<Box<Record>> {
        let records = self.rooms.values().flat_map(|records| records.iter().rev());
        let mut found = records.filter(|r| r.from.no == from && r.id == id);
        found.next().cloned().map(Box::new)
    }
}

fn page<'a>(records: impl Iterator<Item = &'a Record>, limit: usize) -> Vec<Record> {
    let mut bytes = 0;
    let mut page = Vec::new();
    for record in records.take(limit) {
        bytes += record.text.len();
        if bytes > PAGE_BYTES && !page.is_empty() {
            break;
        }
        page.push(record.clone());
    }
    page
}
