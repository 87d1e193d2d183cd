//! Events for the tests of the screens: a hub `casa` with the members ana (us), bob and eve.

use super::{Facts, Print};
use puerta_talk::room::event::Event;
use puerta_talk::room::frame::{MemberFacts, RoomFacts, Target, Welcome};
use puerta_talk::room::ids::{Device, MemberNo, MessageId, RoomNo};
use puerta_talk::room::limits::Limits;
use puerta_talk::room::record::{Kind, Person, Record};
use std::io;
use std::sync::{Arc, Mutex};

pub(crate) const ANA: u32 = 1;
pub(crate) const BOB: u32 = 2;
pub(crate) const EVE: u32 = 3;
pub(crate) const MAIN: RoomNo = RoomNo(1);
pub(crate) const BUILD: RoomNo = RoomNo(2);
pub(crate) const INBOX: RoomNo = RoomNo(9);
/// 2026-11-20, 10:30 in Greenwich.
pub(crate) const START: i64 = 1_795_170_600_000;

pub(crate) fn facts() -> Facts {
    Facts {
        hub: "casa".to_owned(),
        fingerprint: "4F3A 91C0".to_owned(),
        verified: true,
        hosting: false,
        greeting: Vec::new(),
        link: Box::new(|room, token| format!("puerta://h:7777/{room}#{}", token.len())),
        room: None,
        go: None,
        name: None,
        closed: tokio::sync::watch::channel(false).1,
    }
}

/// The same, where the hub was closed and said so.
pub(crate) fn facts_of_closed() -> Facts {
    Facts { closed: tokio::sync::watch::channel(true).1, ..facts() }
}

/// Where a screen writes, and what it has written.
pub(crate) fn paper() -> (Print, Arc<Mutex<String>>) {
    let text = Arc::new(Mutex::new(String::new()));
    let wrote = text.clone();
    let print = move |more: &str| {
        wrote.lock().map_err(|_| io::Error::other("a test has panicked"))?.push_str(more);
        Ok(())
    };
    (Box::new(print), text)
}

pub(crate) fn person(no: u32) -> Person {
    let name = match no {
        ANA => "ana".to_owned(),
        BOB => "bob".to_owned(),
        EVE => "eve".to_owned(),
        n => format!("member{n}"),
    };
    Person { no: MemberNo(no), name }
}

pub(crate) fn online() -> Event {
    Event::Online(Box::new(Welcome {
        hub: "casa".to_owned(),
        you: person(ANA),
        limits: Limits::default(),
        streams: Vec::new(),
        rooms: Vec::new(),
        read_only: None,
        first: "main".to_owned(),
        may_move: 0,
    }))
}

pub(crate) fn room(no: RoomNo, name: &str, members: &[u32], seen: u64) -> Event {
    let who = |n: &u32| MemberFacts { who: person(*n), device: Device([0; 32]), online: true, seen: 0 };
    Event::Room(Box::new(RoomFacts {
        no,
        name: Some(name.to_owned()),
        head: 0,
        seen,
        members: count(members),
        online: count(members),
        who: members.iter().map(who).collect(),
    }))
}

fn count(members: &[u32]) -> u32 {
    u32::try_from(members.len()).unwrap_or(u32::MAX)
}

pub(crate) fn inbox(seen: u64) -> Event {
    let mut event = room(INBOX, "", &[ANA], seen);
    if let Event::Room(facts) = &mut event {
        facts.name = None;
    }
    event
}

pub(crate) fn record(room: RoomNo, seq: u64, from: u32, text: &str) -> Record {
    Record {
        room,
        seq,
        prev: seq - 1,
        at: START + i64::try_from(seq).unwrap_or(0) * 1000,
        id: id(from, seq),
        from: person(from),
        to: None,
        kind: Kind::Text,
        text: text.to_owned(),
    }
}

pub(crate) fn id(stream: u32, number: u64) -> MessageId {
    MessageId { stream: stream.into(), number }
}

pub(crate) fn message(room: RoomNo, seq: u64, from: u32, text: &str) -> Event {
    Event::Message { record: Box::new(record(room, seq, from, text)), own: false }
}

pub(crate) fn own(room: RoomNo, seq: u64, text: &str) -> Event {
    Event::Message { record: Box::new(record(room, seq, ANA, text)), own: true }
}

pub(crate) fn private(seq: u64, from: u32, to: u32, text: &str) -> Event {
    let mut record = record(INBOX, seq, from, text);
    record.to = Some(person(to));
    Event::Message { record: Box::new(record), own: from == ANA }
}

pub(crate) fn pending(number: u64, room: &str, text: &str) -> Event {
    let to = Target::Room(room.to_owned());
    Event::Pending { id: id(ANA, number), to, kind: Kind::Text, text: text.to_owned(), old: false }
}

/// Into the hub and its room `#main` with all three.
pub(crate) fn arrival() -> [Event; 2] {
    [online(), room(MAIN, "main", &[ANA, BOB, EVE], 0)]
}
