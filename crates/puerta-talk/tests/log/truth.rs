//! The log against the model.

use crate::folder::Folder;
use crate::model::Model;
use crate::{batch, beginning, person, said};
use proptest::prelude::*;
use puerta_talk::log::{Place, Store};
use puerta_talk::room::ids::{Device, MemberNo, MessageId, RoomNo};
use puerta_talk::room::limits::PAGE_BYTES;
use puerta_talk::room::record::{Kind, Record};
use puerta_talk::room::store::{Answer, Ask, Batch, Invite, Log, RoomKind, TokenHash, Write};
use std::collections::BTreeMap;

/// A record as a plan: the place, the one before it and the number in its stream are given when it is written, most often rightly.
fn a_record() -> impl Strategy<Value = Write> {
    let number = prop_oneof![60 => Just(1u64), 2 => Just(0), 4 => Just(5), 1 => Just(u64::MAX - 8)];
    let id = (prop_oneof![Just(1u64), Just(2), Just(u64::MAX)], number);
    let id = id.prop_map(|(stream, number)| MessageId { stream, number });
    let to = prop_oneof![3 => Just(None), 1 => (1..4u32).prop_map(|no| Some(person(no)))];
    let text = prop_oneof![4 => "\\PC{0,20}", 1 => Just("x".repeat(4096)), 1 => Just("\0\u{1b}[31m".to_owned())];
    let kind = prop_oneof![Just(Kind::Text), Just(Kind::Action)];
    let places =
        (prop_oneof![40 => Just(1u64), 1 => Just(0), 2 => Just(3)], prop_oneof![60 => Just(0u64), 1 => Just(1)]);
    (1..4u32, places, any::<i64>(), id, 1..4u32, to, kind, text).prop_map(
        |(room, (seq, prev), at, id, from, to, kind, text)| {
            Write::Record(Record { room: RoomNo(room), seq, prev, at, id, from: person(from), to, kind, text })
        },
    )
}

fn a_write() -> impl Strategy<Value = Write> {
    let member = (1..5u32, 0..40u8).prop_map(|(no, name)| Write::Member {
        no: MemberNo(no),
        device: Device([u8::try_from(no).unwrap(); 32]),
        name: format!("name {name}"),
    });
    let pair = || (1..4u32, 1..5u32).prop_map(|(room, member)| (RoomNo(room), MemberNo(member)));
    let invite = (0..4u8, 1..4u32, any::<i64>(), any::<bool>()).prop_map(|(token, room, until, once)| {
        Write::Invite(Invite { token: TokenHash([token; 32]), room: RoomNo(room), until, once })
    });
    prop_oneof![
        30 => a_record(),
        2 => member,
        1 => (4..12u32).prop_map(|no| Write::Room { no: RoomNo(no), kind: RoomKind::Public(format!("room {no}")) }),
        2 => pair().prop_map(|(room, member)| Write::Join { room, member }),
        1 => pair().prop_map(|(room, member)| Write::Leave { room, member }),
        3 => (pair(), 0..50u64).prop_map(|((room, member), through)| Write::Seen { room, member, through }),
        2 => invite,
        1 => (0..4u8).prop_map(|token| Write::Spent(TokenHash([token; 32]))),
    ]
}

fn first() -> Batch {
    let mut first = beginning();
    let three = Write::Member { no: MemberNo(3), device: Device([3; 32]), name: person(3).name };
    first.writes.extend([three, Write::Room { no: RoomNo(3), kind: RoomKind::Inbox(MemberNo(3)) }]);
    first
}

/// Gives the records of a plan their places and numbers.
fn placed(model: &Model, writes: Vec<Write>) -> Vec<Write> {
    let mut heads = [1, 2, 3].map(|room| model.head(RoomNo(room)));
    let mut lasts = BTreeMap::new();
    let place = |write: Write| match write {
        Write::Record(mut record) => {
            let (from, stream) = (record.from.no, record.id.stream);
            let last = lasts.entry((from, stream)).or_insert_with(|| model.last(from, stream));
            *last = last.saturating_add(record.id.number);
            record.id.number = *last;
            let head = &mut heads[record.room.0 as usize - 1];
            record.prev += *head;
            record.seq += *head;
            *head = record.seq;
            Write::Record(record)
        }
        other => other,
    };
    writes.into_iter().map(place).collect()
}

fn asks() -> Vec<Ask> {
    let mut asks = Vec::new();
    for room in (1..4).map(RoomNo) {
        for seq in [0, 1, 5, 1 << 62, u64::MAX] {
            asks.extend([0, 3, 1000].map(|limit| Ask::After { room, seq, limit }));
            asks.extend([0, 3, 1000].map(|limit| Ask::Before { room, seq, limit }));
        }
    }
    for from in (1..5).map(MemberNo) {
        asks.push(Ask::Last { from, streams: vec![1, 2, u64::MAX, 9] });
        for stream in [1, u64::MAX] {
            asks.extend([1, 2, 7, u64::MAX].map(|number| Ask::Find { from, id: MessageId { stream, number } }));
        }
    }
    asks
}

/// A page in bytes is not the model's business: what the log gives must be its beginning, and not empty for no reason.
fn same(log: &Answer, model: &Answer) -> bool {
    match (log, model) {
        (Answer::Records(log), Answer::Records(model)) if log.len() < model.len() => {
            let bytes: usize = model[..=log.len()].iter().map(|r| r.text.len() + 200).sum();
            !log.is_empty() && model.starts_with(log) && bytes > PAGE_BYTES
        }
        _ => log == model,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_answers_as_the_model_does_and_refuses_what_it_refuses(
        plan in prop::collection::vec((prop::collection::vec(prop::collection::vec(a_write(), 0..12), 1..4), any::<bool>()), 1..12)
    ) {
        let folder = Folder::new();
        let mut model = Model::default();
        let mut place = Place::open(&folder.store()).unwrap();
        {
            let mut store = Store::new(&place).unwrap();
            prop_assert!(model.write(&[first()]));
            prop_assert!(store.write(&[first()]).is_ok());
        }
        for (batches, reopen) in plan {
            let writes = placed(&model, batches.into_iter().flatten().collect());
            let middle = writes.len() / 2;
            let halves = [&writes[..middle], &writes[middle..]];
            let batches = halves.map(|writes| Batch { number: 0, writes: writes.to_vec() });
            let mut store = Store::new(&place).unwrap();
            let (taken, told) = (model.write(&batches), store.write(&batches));
            prop_assert_eq!(taken, told.is_ok(), "{:?} for {:?}", told, batches);
            if !taken {
                prop_assert_eq!(store.write(&[]), told, "it is closed for the same reason");
            }
            prop_assert_eq!(store.load().unwrap(), model.load());
            for ask in asks() {
                let (log, model) = (store.answer(&ask), model.answer(&ask));
                prop_assert!(same(&log, &model), "{:?}: {:?}, not {:?}", ask, log, model);
            }
            drop(store);
            if reopen {
                drop(place);
                place = Place::open(&folder.store()).unwrap();
            }
        }
    }
}

#[test]
fn a_place_that_is_taken_or_an_id_that_is_there_is_refused_with_its_whole_batch() {
    let again = Write::Record(said(2, "again"));
    let mut repeated = said(3, "repeated");
    repeated.id = said(1, "").id;
    let mut gap = said(4, "gap");
    gap.prev = 3;
    let mut earlier = said(3, "earlier");
    earlier.id.number = 0;
    for bad in [again, Write::Record(repeated), Write::Record(earlier), Write::Record(gap)] {
        let folder = Folder::new();
        let place = Place::open(&folder.store()).unwrap();
        let mut store = Store::new(&place).unwrap();
        store.write(&[beginning(), batch(2, [1, 2])]).unwrap();
        let good = Write::Seen { room: RoomNo(1), member: MemberNo(1), through: 2 };
        assert!(store.write(&[Batch { number: 3, writes: vec![good, bad] }]).is_err());
        assert_eq!(store.load().unwrap().joined[0].2, 0);
        assert!(store.write(&[batch(4, [3])]).is_err(), "closed");
        let all = Ask::After { room: RoomNo(1), seq: 0, limit: 9 };
        assert!(matches!(store.answer(&all), Answer::Records(records) if records.len() == 2));
    }
}

#[test]
fn a_page_has_one_record_at_least_and_not_many_more_bytes_than_allowed() {
    let folder = Folder::new();
    let place = Place::open(&folder.store()).unwrap();
    let mut store = Store::new(&place).unwrap();
    let huge = "x".repeat(PAGE_BYTES + 1);
    let writes = [&huge, "y", &huge].iter().zip(1..).map(|(text, seq)| Write::Record(said(seq, text))).collect();
    store.write(&[beginning(), Batch { number: 2, writes }]).unwrap();
    let seqs = |ask| match store.answer(&ask) {
        Answer::Records(records) => records.into_iter().map(|r| r.seq).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let room = RoomNo(1);
    assert_eq!(seqs(Ask::After { room, seq: 0, limit: 9 }), [1]);
    assert_eq!(seqs(Ask::After { room, seq: 1, limit: 9 }), [2]);
    assert_eq!(seqs(Ask::Before { room, seq: 9, limit: 9 }), [3]);
}

/// Three members say so much that most of it is in the index, and the rest is not.
#[test]
fn every_message_is_found_by_its_id_however_long_ago_it_was_said() {
    let folder = Folder::new();
    let place = Place::open(&folder.store()).unwrap();
    let mut store = Store::new(&place).unwrap();
    store.write(&[first()]).unwrap();
    let record = |seq: u64| {
        let mut record = said(seq, &format!("message {seq}"));
        let from = u32::try_from(seq % 3).unwrap() + 1;
        (record.from, record.id.stream, record.id.number) = (person(from), u64::from(from), u64::MAX - 9_000 + seq);
        record
    };
    let all = |store: &Store<'_>, most: u64| {
        for seq in 1..=most {
            let wanted = record(seq);
            let found = store.answer(&Ask::Find { from: wanted.from.no, id: wanted.id });
            assert_eq!(found, Answer::Found(Some(Box::new(wanted))));
        }
    };
    for part in 0..30 {
        let writes = (part * 90 + 1..=part * 90 + 90).map(|seq| Write::Record(record(seq))).collect();
        store.write(&[Batch { number: 2 + part, writes }]).unwrap();
    }
    all(&store, 2700);
    let never = MessageId { stream: 1, number: u64::MAX };
    assert_eq!(store.answer(&Ask::Find { from: MemberNo(1), id: never }), Answer::Found(None));
    drop(store);
    // A store that is opened again goes on with the same index.
    let mut store = Store::new(&place).unwrap();
    store.write(&[Batch { number: 90, writes: vec![Write::Record(record(2701))] }]).unwrap();
    all(&store, 2701);
    drop(store);
    drop(place);
    let counted = "SELECT count(*) >= 2048 AND count(*) < 2700, max(place) = through FROM ids, found;";
    let shown = std::process::Command::new("sqlite3").arg(folder.store()).arg(counted).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&shown.stdout), "1|1\n");
}
