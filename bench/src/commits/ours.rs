//! The log of our hub, as the hub uses it: each message a batch of its own, the thread of group commit behind it.

use super::{Log, Told, text};
use crate::Result;
use puerta_talk::log::{self, Ended, Place, Writer};
use puerta_talk::room::ids::{Device, MemberNo, MessageId, RoomNo};
use puerta_talk::room::record::{Kind, Person, Record};
use puerta_talk::room::store::{Batch, RoomKind, Write};
use std::path::Path;
use std::sync::mpsc::Sender;

pub(super) struct Ours {
    writer: Writer,
}

/// The log with a room and a member in it. The first batch is theirs, and nobody is told of it.
pub(super) fn start(file: &Path, tell: Sender<Told>) -> Result<Ours> {
    let place = Place::open(file).map_err(|e| e.to_string())?;
    let told = move |what| {
        let told = match what {
            log::Told::Durable(batches) => Ok(batches.iter().filter(|batch| batch.number > 0).count()),
            log::Told::Failed { why, .. } => Err(why),
        };
        let _ = tell.send(told);
    };
    let (writer, _) = Writer::start(place, told).map_err(|e| e.to_string())?;
    let room = Write::Room { no: RoomNo(1), kind: RoomKind::Public("main".to_owned()) };
    let member = Write::Member { no: MemberNo(1), device: Device([1; 32]), name: "ana".to_owned() };
    let first = Batch { number: 0, writes: vec![member, room] };
    writer.send(first).map_err(|_| "the log takes nothing".to_owned())?;
    Ok(Ours { writer })
}

impl Log for Ours {
    fn send(&mut self, number: u64) -> Result<()> {
        let record = Record {
            room: RoomNo(1),
            seq: number + 1,
            prev: number,
            at: 0,
            id: MessageId { stream: 1, number: number + 1 },
            from: Person { no: MemberNo(1), name: "ana".to_owned() },
            to: None,
            kind: Kind::Text,
            text: text(number),
        };
        let batch = Batch { number: number + 1, writes: vec![Write::Record(record)] };
        self.writer.send(batch).map_err(|_| "the log's queue is full, or it has ended".to_owned())
    }
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    let taken = log::export(file, "main", |record| {
        all.extend_from_slice(record.text.as_bytes());
        Ok(())
    });
    match taken {
        Ok(_) => Ok(all),
        Err(Ended::Problem(problem)) => Err(problem.to_string()),
        Err(Ended::Sink(error)) => Err(error.to_string()),
    }
}
