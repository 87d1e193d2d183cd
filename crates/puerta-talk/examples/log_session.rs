//! A session on a log or an outbox, for tests that end it anywhere: it prints each acknowledgement as it comes.
//! Usage: log_session log|outbox|kept FOLDER COUNT [OUTSTANDING]

#![allow(clippy::print_stdout, reason = "its output is what the tests read")]

use puerta_talk::log::{Place, Problem, Reader, Told, Writer};
use puerta_talk::outbox::{self, Outbox};
use puerta_talk::room::frame::Target;
use puerta_talk::room::ids::{Device, MemberNo, MessageId, RoomNo};
use puerta_talk::room::member::Pending;
use puerta_talk::room::record::{Kind, Person, Record};
use puerta_talk::room::store::{Answer, Ask, Batch, RoomKind, Write};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, folder, rest @ ..] = arguments.as_slice() else {
        println!("usage: log_session log|outbox|kept FOLDER COUNT [OUTSTANDING]");
        return ExitCode::from(2);
    };
    let number = |at: usize| rest.get(at).and_then(|n| n.parse().ok()).unwrap_or(1);
    let done = match what.as_str() {
        "log" => log(Path::new(folder), number(0), number(1)),
        "outbox" => keep(Path::new(folder), number(0), true),
        _ => keep(Path::new(folder), number(0), false),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("refused: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes so many messages; prints `stored SEQ` for each, or `failed SEQ: WHY` for the first that is not and for one more,
/// and how many can be read then.
fn log(folder: &Path, count: u64, outstanding: u64) -> Result<(), Box<dyn Error>> {
    let path = folder.join("room.db");
    let place = Place::open(&path).map_err(in_words)?;
    let (tell, told) = mpsc::channel();
    let (writer, loaded) = Writer::start(place, move |what| drop(tell.send(what))).map_err(in_words)?;
    let (answer, answers) = mpsc::channel();
    let reader = Reader::start(&path, move |_, what| drop(answer.send(what))).map_err(in_words)?;
    let mut stored = loaded.rooms.first().map_or(0, |room| room.2);
    let mut sent = stored;
    let last = stored + count;
    let mut beginning = loaded.rooms.is_empty();
    while stored < last {
        if beginning {
            writer.send(begin()).map_err(|_| "full")?;
        }
        while sent < last && sent < stored + outstanding {
            sent += 1;
            writer.send(batch(sent)).map_err(|_| "full")?;
        }
        match told.recv()? {
            Told::Durable(batches) => {
                for batch in &batches[usize::from(std::mem::take(&mut beginning))..] {
                    stored = batch.number;
                    println!("stored {stored}");
                }
            }
            Told::Failed { batches, why } => {
                println!("failed {}: {why}", batches.first().map_or(0, |batch| batch.number));
                writer.send(batch(sent + 1)).map_err(|_| "full")?;
                if let Ok(Told::Failed { why, .. }) = told.recv() {
                    println!("failed later: {why}");
                }
                break;
            }
        }
    }
    reader.ask(1, Ask::Before { room: RoomNo(1), seq: u64::MAX, limit: 1 }).map_err(|_| "full")?;
    match answers.recv()? {
        Answer::Records(records) => println!("read {}", records.first().map_or(0, |record| record.seq)),
        other => println!("not read: {other:?}"),
    }
    Ok(())
}

fn begin() -> Batch {
    let member = Write::Member { no: MemberNo(1), device: Device([1; 32]), name: "ana".to_owned() };
    let room = Write::Room { no: RoomNo(1), kind: RoomKind::Public("main".to_owned()) };
    Batch { number: 0, writes: vec![member, room] }
}

fn batch(seq: u64) -> Batch {
    let record = Record {
        room: RoomNo(1),
        seq,
        prev: seq - 1,
        at: 1_700_000_000_000,
        id: MessageId { stream: 1, number: seq },
        from: Person { no: MemberNo(1), name: "ana".to_owned() },
        to: None,
        kind: Kind::Text,
        text: format!("message {seq}"),
    };
    Batch { number: seq, writes: vec![Write::Record(record)] }
}

/// Keeps so many messages; prints `kept NUMBER` for each, or `failed: WHY`. Odd numbers are forgotten then, if so wished.
fn keep(folder: &Path, count: u64, forget: bool) -> Result<(), Box<dyn Error>> {
    let (tell, told) = mpsc::channel();
    let opened = Outbox::open(&folder.join("outbox"), Device([7; 32]), move |what| drop(tell.send(what)));
    let opened = opened.map_err(in_words)?;
    for number in opened.last + 1..=opened.last + count {
        let id = MessageId { stream: opened.stream, number };
        let text = format!("message {number}");
        let message = Pending { id, to: Target::Room("main".to_owned()), kind: Kind::Text, text };
        opened.outbox.keep(message).map_err(|_| "full")?;
        match told.recv()? {
            outbox::Told::Kept(_) => println!("kept {number}"),
            other => {
                println!("failed: {other:?}");
                continue;
            }
        }
        if forget && number % 2 == 1 {
            opened.outbox.forget(vec![id]).map_err(|_| "full")?;
        }
    }
    Ok(())
}

fn in_words(problem: Problem) -> String {
    format!("{problem}; {}", problem.hint())
}
