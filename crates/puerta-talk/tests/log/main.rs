//! The log of rooms on SQLite: it answers as a simple model does, and refuses what it must.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../folder/mod.rs"]
mod folder;
mod model;
mod places;
mod threads;
mod truth;

use puerta_talk::room::ids::{Device, MemberNo, MessageId, RoomNo};
use puerta_talk::room::record::{Kind, Person, Record};
use puerta_talk::room::store::{Batch, RoomKind, Write};

pub(crate) fn person(no: u32) -> Person {
    Person { no: MemberNo(no), name: format!("member {no}") }
}

/// Ana and Bo in the room #main: members 1 and 2, room 1; Ana's inbox is room 2.
pub(crate) fn beginning() -> Batch {
    let member = |no: u32| Write::Member {
        no: MemberNo(no),
        device: Device([u8::try_from(no).unwrap(); 32]),
        name: person(no).name,
    };
    let room = |no: u32, kind: RoomKind| Write::Room { no: RoomNo(no), kind };
    let join = |member: u32| Write::Join { room: RoomNo(1), member: MemberNo(member) };
    let writes = vec![
        member(1),
        member(2),
        room(1, RoomKind::Public("main".into())),
        room(2, RoomKind::Inbox(MemberNo(1))),
        join(1),
        join(2),
    ];
    Batch { number: 1, writes }
}

/// The message of a place in #main, said by Ana.
pub(crate) fn said(seq: u64, text: &str) -> Record {
    Record {
        room: RoomNo(1),
        seq,
        prev: seq - 1,
        at: 1_700_000_000_000,
        id: MessageId { stream: u64::MAX - 7, number: seq },
        from: person(1),
        to: None,
        kind: Kind::Text,
        text: text.to_owned(),
    }
}

/// A batch of such messages.
pub(crate) fn batch(number: u64, seqs: impl IntoIterator<Item = u64>) -> Batch {
    Batch { number, writes: seqs.into_iter().map(|seq| Write::Record(said(seq, "hola"))).collect() }
}
