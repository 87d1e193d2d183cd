//! How fast the log is: messages a second and the time to "durable", so many outstanding.
//! Usage: log_speed FOLDER [OUTSTANDING] [SECONDS]

#![allow(clippy::print_stdout, reason = "a measurement")]

use puerta_talk::log::{Place, Told, Writer};
use puerta_talk::room::ids::{Device, MemberNo, MessageId, RoomNo};
use puerta_talk::room::record::{Kind, Person, Record};
use puerta_talk::room::store::{Batch, RoomKind, Write};
use std::error::Error;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: log_speed FOLDER [OUTSTANDING] [SECONDS]")?;
    let outstanding: u64 = arguments.next().map_or(Ok(64), |n| n.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |n| n.parse())?;
    let place = Place::open(&Path::new(&folder).join("room.db")).map_err(|problem| problem.to_string())?;
    let (tell, told) = mpsc::channel();
    let (writer, loaded) = Writer::start(place, move |what| drop(tell.send(what))).map_err(|p| p.to_string())?;
    let mut seq = loaded.rooms.first().map_or(0, |room| room.2);
    if loaded.rooms.is_empty() {
        let member = Write::Member { no: MemberNo(1), device: Device([1; 32]), name: "ana".to_owned() };
        let room = Write::Room { no: RoomNo(1), kind: RoomKind::Public("main".to_owned()) };
        writer.send(Batch { number: 0, writes: vec![member, room] }).map_err(|_| "full")?;
        told.recv()?;
    }
    let (start, first) = (Instant::now(), seq);
    let mut sent = std::collections::VecDeque::new();
    let mut times = Vec::new();
    while start.elapsed() < Duration::from_secs(seconds) {
        while (sent.len() as u64) < outstanding {
            seq += 1;
            let writes = vec![Write::Record(record(seq))];
            sent.push_back(Instant::now());
            writer.send(Batch { number: seq, writes }).map_err(|_| "full")?;
        }
        let Told::Durable(batches) = told.recv()? else { return Err("the log is closed".into()) };
        times.extend(sent.drain(..batches.len()).map(|sent| sent.elapsed()));
    }
    let took = start.elapsed();
    times.sort();
    let at = |part: usize| times.get(times.len() * part / 1000).copied().unwrap_or_default();
    let rate = (seq - first) as f64 / took.as_secs_f64();
    let (median, p99, p999, most) = (at(500), at(990), at(999), times.last().copied().unwrap_or_default());
    println!(
        "{outstanding} outstanding: {rate:.0}/s, median {median:.2?}, p99 {p99:.2?}, p99.9 {p999:.2?}, most {most:.2?}"
    );
    Ok(())
}

fn record(seq: u64) -> Record {
    Record {
        room: RoomNo(1),
        seq,
        prev: seq - 1,
        at: 1_700_000_000_000,
        id: MessageId { stream: 0x1234_5678_9abc_def0, number: seq },
        from: Person { no: MemberNo(1), name: "ana".to_owned() },
        to: None,
        kind: Kind::Text,
        text: "a message as people write them, of some sixty bytes of text".to_owned(),
    }
}
