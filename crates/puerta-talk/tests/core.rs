#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
//! The hub's core, where a direct question says a promise better than a simulated world.

use puerta_talk::room::Rooms;
use puerta_talk::room::codec::Frames;
use puerta_talk::room::frame::{Denial, Hello, Refusal, Send, Target, ToHub, ToMember, VERSION};
use puerta_talk::room::ids::{Device, MemberNo, MessageId, RoomNo};
use puerta_talk::room::limits::Limits;
use puerta_talk::room::record::{Kind, Record};
use puerta_talk::room::rooms::{Conn, Effect, Input, Setup};
use puerta_talk::room::store::{Answer, Ask, Loaded, RoomKind, Write};
use std::time::Duration;

/// A hub whose log writes at once, until it fails.
struct Hub {
    rooms: Rooms,
    now: Duration,
    fails: bool,
    log: Vec<Record>,
}

impl Hub {
    fn new(limits: Limits, invite_only: bool) -> Hub {
        let rooms = Rooms::new(setup(limits, invite_only), Loaded::default());
        Hub { rooms, now: Duration::from_secs(1), fails: false, log: Vec::new() }
    }

    /// One thing that happens, and all frames that come of it.
    fn input(&mut self, input: Input) -> Vec<(Conn, ToMember)> {
        let mut told = Vec::new();
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut effects = Vec::new();
            self.rooms.handle(self.now, 0, input, &mut effects);
            self.rooms.flush(&mut effects);
            for effect in effects {
                match effect {
                    Effect::Send { conn, frames } => told.extend(read(&frames).map(|f| (conn, f))),
                    Effect::Fan { to, frames } => {
                        told.extend(to.iter().flat_map(|conn| read(&frames).map(|f| (*conn, f))));
                    }
                    Effect::Write(_) if self.fails => inputs.push(Input::Failed("full".into())),
                    Effect::Write(batch) => {
                        let record = |write: &Write| if let Write::Record(r) = write { Some(r.clone()) } else { None };
                        self.log.extend(batch.writes.iter().filter_map(record));
                        inputs.push(Input::Written(vec![batch]));
                    }
                    Effect::Ask { ticket, ask: Ask::Last { streams, .. } } => {
                        let numbers =
                            |s| self.log.iter().map(|r| r.id).filter(move |id| id.stream == s).map(|id| id.number);
                        let answer =
                            Answer::Last(streams.into_iter().map(|s| (s, numbers(s).max().unwrap_or(0))).collect());
                        inputs.push(Input::Answer { ticket, answer });
                    }
                    Effect::Ask { ticket, ask: Ask::Find { id, .. } } => {
                        let record = self.log.iter().find(|record| record.id == id).cloned();
                        inputs.push(Input::Answer { ticket, answer: Answer::Found(record.map(Box::new)) });
                    }
                    Effect::Ask { .. } | Effect::NeedToken { .. } | Effect::Close(_) => {}
                }
            }
        }
        told
    }

    fn hello(&mut self, number: u8, name: &str, token: Option<[u8; 16]>) -> ToMember {
        let conn = Conn(number.into());
        self.input(Input::Connected { conn, device: Device([number; 32]) });
        let hello = Hello { version: VERSION, name: name.into(), token, streams: vec![number.into()], feed: true };
        self.frame(number, ToHub::Hello(hello)).remove(0)
    }

    /// What this one is told of it.
    fn frame(&mut self, number: u8, frame: ToHub) -> Vec<ToMember> {
        let conn = Conn(number.into());
        let told = self.input(Input::Frame { conn, frame });
        told.into_iter().filter(|(to, _)| *to == conn).map(|(_, frame)| frame).collect()
    }

    fn join(&mut self, number: u8) -> Vec<ToMember> {
        self.frame(number, ToHub::Join { room: "main".into() })
    }

    fn say(&mut self, number: u8, message: u64) -> Vec<ToMember> {
        let id = MessageId { stream: number.into(), number: message };
        let to = Target::Room("main".into());
        self.frame(number, ToHub::Send(Send { id, after: message - 1, to, kind: Kind::Text, text: "Hola".into() }))
    }
}

fn setup(limits: Limits, invite_only: bool) -> Setup {
    Setup { name: "hub".into(), first: "main".into(), invite_only, limits, may_move: Duration::ZERO }
}

fn read(frames: &[u8]) -> impl Iterator<Item = ToMember> + use<> {
    let mut all = Frames::default();
    all.push(frames);
    std::iter::from_fn(move || all.take().unwrap())
}

#[test]
fn a_device_is_told_once_a_second_to_slow_down_and_nothing_above_its_quota_is_taken() {
    let mut hub = Hub::new(Limits { rate: 10, burst: 5, ..Limits::default() }, false);
    hub.hello(1, "ana", None);
    hub.join(1);
    // The join was one of five.
    for message in 1..=4 {
        assert!(matches!(hub.say(1, message)[..], [ToMember::Record(_)]));
    }
    assert_eq!(hub.say(1, 5), [ToMember::Slow { rate: 10 }]);
    assert_eq!(hub.say(1, 5), []);
    hub.now += Duration::from_millis(100);
    assert!(matches!(hub.say(1, 5)[..], [ToMember::Record(_)]));
    assert_eq!(hub.say(1, 6), []);
}

#[test]
fn an_invite_for_one_device_lets_in_one_and_an_expired_one_nobody() {
    let mut hub = Hub::new(Limits::default(), true);
    hub.rooms.host_invite([1; 16], 1, true, false);
    hub.rooms.host_invite([2; 16], 0, false, false);
    assert!(matches!(hub.hello(1, "ana", Some([1; 16])), ToMember::Welcome(_)));
    assert_eq!(hub.hello(2, "bob", Some([1; 16])), ToMember::Denied(Denial::UsedUp));
    assert_eq!(hub.hello(3, "bob", Some([2; 16])), ToMember::Denied(Denial::Expired));
    assert_eq!(hub.hello(4, "bob", Some([3; 16])), ToMember::Denied(Denial::UnknownInvite));
    assert_eq!(hub.hello(5, "bob", None), ToMember::Denied(Denial::InviteOnly));
    hub.rooms.host_invite([4; 16], 1, false, true);
    assert!(matches!(hub.hello(6, "bob", Some([4; 16])), ToMember::Welcome(_)));
    hub.rooms.host_invite([5; 16], 1, false, true);
    assert_eq!(hub.hello(7, "eva", Some([4; 16])), ToMember::Denied(Denial::UnknownInvite));
}

#[test]
fn a_taken_name_gets_a_number_and_cannot_be_taken_by_a_wish() {
    let mut hub = Hub::new(Limits::default(), false);
    hub.hello(1, "ana", None);
    let ToMember::Welcome(welcome) = hub.hello(2, "Ana", None) else { panic!("not let in") };
    assert_eq!(welcome.you.name, "Ana-2");
    let why = Refusal::NameTaken { name: "ANA".into() };
    assert_eq!(hub.frame(2, ToHub::Rename { name: "ANA".into() }), [ToMember::Sorry(why)]);
    assert_eq!(hub.frame(2, ToHub::Rename { name: "a\u{202e}".into() }), [ToMember::Sorry(Refusal::BadName)]);
}

#[test]
fn a_log_that_fails_acknowledges_nothing_lets_members_read_and_nobody_new_in() {
    let mut hub = Hub::new(Limits::default(), false);
    hub.hello(1, "ana", None);
    hub.join(1);
    hub.fails = true;
    assert_eq!(hub.say(1, 1), [ToMember::ReadOnly { why: "full".into() }]);
    assert_eq!(hub.rooms.read_only(), Some("full"));
    let head = ToMember::Head { room: RoomNo(2), seq: 0 };
    assert_eq!(hub.frame(1, ToHub::After { room: RoomNo(2), seq: 0 }), [head]);
    assert_eq!(hub.hello(2, "bob", None), ToMember::Denied(Denial::ReadOnly { why: "full".into() }));
    assert!(matches!(hub.frame(1, ToHub::Join { room: "x".into() })[..], [ToMember::NotJoined { .. }]));
}

#[test]
fn a_repeated_message_is_stored_and_another_one_under_its_id_is_refused() {
    let mut hub = Hub::new(Limits::default(), false);
    hub.hello(1, "ana", None);
    hub.join(1);
    hub.say(1, 1);
    let id = MessageId { stream: 1, number: 1 };
    assert_eq!(hub.say(1, 1), [ToMember::Stored { id, room: RoomNo(2), seq: 1 }]);
    let main = || Target::Room("MAIN".into());
    let taken = [ToMember::Refused { id, why: Refusal::NumberTaken }];
    for (to, kind, text) in [
        (main(), Kind::Text, "Adiós"),
        (main(), Kind::Action, "Hola"),
        (Target::Room("x".into()), Kind::Text, "Hola"),
        (Target::Member("ana".into()), Kind::Text, "Hola"),
    ] {
        let send = Send { id, after: 0, to, kind, text: text.into() };
        assert_eq!(hub.frame(1, ToHub::Send(send)), taken);
    }
    let send = Send { id, after: 0, to: main(), kind: Kind::Text, text: "Hola".into() };
    assert_eq!(hub.frame(1, ToHub::Send(send)), [ToMember::Stored { id, room: RoomNo(2), seq: 1 }]);
}

#[test]
fn who_gets_another_name_while_it_comes_in_is_still_known_by_what_it_sent() {
    let mut hub = Hub::new(Limits::default(), false);
    hub.hello(1, "ana", None);
    hub.join(1);
    hub.say(1, 1);
    let (ana, main) = (MemberNo(1), RoomNo(2));
    let loaded = Loaded {
        members: vec![(ana, Device([1; 32]), "ana".into())],
        rooms: vec![(RoomNo(1), RoomKind::Inbox(ana), 0), (main, RoomKind::Public("main".into()), 1)],
        joined: vec![(RoomNo(1), ana, 0), (main, ana, 0)],
        invites: Vec::new(),
    };
    hub.rooms = Rooms::new(setup(Limits::default(), false), loaded);
    for conn in [Conn(1), Conn(2)] {
        hub.input(Input::Connected { conn, device: Device([1; 32]) });
    }
    let hello = |stream| {
        let (name, streams) = ("ana".to_owned(), vec![stream]);
        ToHub::Hello(Hello { version: VERSION, name, token: None, streams, feed: true })
    };
    hub.frame(2, hello(2));
    // The new name waits for the log when the other program comes.
    let rename = Input::Frame { conn: Conn(2), frame: ToHub::Rename { name: "eva".into() } };
    hub.rooms.handle(hub.now, 0, rename, &mut Vec::new());
    let [ToMember::Welcome(welcome), ..] = &hub.frame(1, hello(1))[..] else { panic!("not let in") };
    assert_eq!((welcome.you.name.as_str(), &welcome.streams[..]), ("eva", &[(1, 1)][..]));
    let id = MessageId { stream: 1, number: 1 };
    assert_eq!(hub.say(1, 1), [ToMember::Stored { id, room: main, seq: 1 }]);
}

#[test]
fn in_a_large_room_who_comes_and_goes_is_a_count() {
    let mut hub = Hub::new(Limits { shown: 2, ..Limits::default() }, false);
    for number in 1..=2 {
        hub.hello(number, "ana", None);
        hub.join(number);
    }
    hub.hello(3, "bob", None);
    let [ToMember::Room(facts)] = &hub.join(3)[..] else { panic!("not in the room") };
    assert_eq!((facts.members, facts.online, facts.who.len()), (3, 3, 0));
    hub.now = hub.rooms.due().unwrap();
    let told = hub.input(Input::Tick);
    let count = ToMember::Count { room: facts.no, members: 3, online: 3 };
    assert_eq!(told, [1, 2, 3].map(|conn| (Conn(conn), count.clone())));
}

#[test]
fn a_refusal_is_answered_again_however_many_came_since() {
    let mut hub = Hub::new(Limits { rate: 0, ..Limits::default() }, false);
    hub.hello(1, "ana", None);
    for message in 1..=40 {
        assert!(matches!(hub.say(1, message)[..], [ToMember::Refused { why: Refusal::NotInRoom { .. }, .. }]));
    }
    assert!(matches!(hub.say(1, 1)[..], [ToMember::Refused { why: Refusal::Overtaken, .. }]));
}

#[test]
fn a_connection_that_was_too_slow_is_told_all_again() {
    let mut hub = Hub::new(Limits::default(), false);
    hub.hello(1, "ana", None);
    hub.join(1);
    let told = hub.input(Input::Drained(Conn(1)));
    let frames: Vec<ToMember> = told.into_iter().map(|(_, frame)| frame).collect();
    assert!(matches!(frames[..], [ToMember::Welcome(_), ToMember::Room(_), ToMember::Room(_)]));
}
