//! The threads of the log: group commit, questions, export.

use crate::folder::Folder;
use crate::{batch, beginning, said};
use puerta_talk::log::{Ended, Place, Reader, Store, Told, What, Writer, export, rooms};
use puerta_talk::room::ids::RoomNo;
use puerta_talk::room::store::{Answer, Ask, Batch, Log, RoomKind, Write};
use std::sync::mpsc;

#[test]
fn what_the_writer_has_told_can_be_read_in_order_and_is_there_after_it() {
    let folder = Folder::new();
    let place = Place::open(&folder.store()).unwrap();
    let (tell, told) = mpsc::channel();
    let (writer, loaded) = Writer::start(place, move |what| tell.send(what).unwrap()).unwrap();
    assert!(loaded.members.is_empty());
    let (answer, answers) = mpsc::channel();
    let reader = Reader::start(&folder.store(), move |ticket, what| answer.send((ticket, what)).unwrap()).unwrap();
    writer.send(beginning()).unwrap();
    for number in 2..1000 {
        writer.send(batch(number, [number - 1])).unwrap();
    }
    let mut next = 1;
    while next < 1000 {
        let Told::Durable(batches) = told.recv().unwrap() else { panic!("not durable") };
        for batch in batches {
            assert_eq!(batch.number, next);
            next += 1;
        }
        reader.ask(next, Ask::Before { room: RoomNo(1), seq: u64::MAX, limit: 1 }).unwrap();
        let (ticket, Answer::Records(records)) = answers.recv().unwrap() else { panic!("no records") };
        let last = records.first().map_or(0, |r| r.seq);
        assert!(ticket == next && last + 2 >= next, "{last} is told, of {next}");
    }
    drop((reader, writer));
    let place = Place::open(&folder.store()).unwrap();
    assert_eq!(Store::new(&place).unwrap().load().unwrap().rooms[0].2, 998);
}

#[test]
fn a_batch_that_is_refused_closes_the_log_and_reading_goes_on() {
    let folder = Folder::new();
    let place = Place::open(&folder.store()).unwrap();
    let (tell, told) = mpsc::channel();
    let (writer, _) = Writer::start(place, move |what| tell.send(what).unwrap()).unwrap();
    let mut failures = Vec::new();
    for batch in [beginning(), batch(2, [1]), batch(3, [1]), batch(4, [2])] {
        let number = batch.number;
        writer.send(batch).unwrap();
        match told.recv().unwrap() {
            Told::Durable(_) => assert!(number < 3),
            Told::Failed { why, batches } => {
                assert_eq!(batches[0].number, number);
                failures.push(why);
            }
        }
    }
    assert!(failures.len() == 2 && failures[0] == failures[1], "{failures:?}");
    let (answer, answers) = mpsc::channel();
    let reader = Reader::start(&folder.store(), move |_, what| answer.send(what).unwrap()).unwrap();
    reader.ask(1, Ask::After { room: RoomNo(1), seq: 0, limit: 9 }).unwrap();
    assert_eq!(answers.recv().unwrap(), Answer::Records(vec![said(1, "hola")]));
}

#[test]
fn a_room_is_exported_whole_and_in_order_while_the_hub_runs() {
    let folder = Folder::new();
    let place = Place::open(&folder.store()).unwrap();
    let mut store = Store::new(&place).unwrap();
    let writes = (1..=1000).map(|seq| Write::Record(said(seq, &"x".repeat(seq as usize % 700)))).collect();
    store.write(&[beginning(), Batch { number: 2, writes }]).unwrap();
    let mut seqs = Vec::new();
    let sink = |record: puerta_talk::room::record::Record| {
        seqs.push(record.seq);
        Ok(())
    };
    assert_eq!(export(&folder.store(), "main", sink).unwrap(), 1000);
    assert!(seqs.into_iter().eq(1..=1000));
    let closed = |_| Err(std::io::ErrorKind::BrokenPipe.into());
    assert!(matches!(export(&folder.store(), "main", closed), Err(Ended::Sink(_))));
    let unknown = export(&folder.store(), "none", |_| Ok(()));
    assert!(matches!(unknown, Err(Ended::Problem(p)) if matches!(p.what, What::NoSuchRoom { .. })));
    assert_eq!(rooms(&folder.store()).unwrap()[0], (RoomNo(1), RoomKind::Public("main".into()), 1000));
    store.write(&[batch(3, [1001])]).unwrap();
    drop(store);
    drop(place);
    assert_eq!(export(&folder.store(), "main", |_| Ok(())).unwrap(), 1001, "also when no hub runs");
    drop(Place::open(&folder.store()).unwrap());
}
