#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
//! The member's core: what it cannot do now is told or done later, never left out in silence.

use puerta_talk::room::Member;
use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::frame::{Refusal, RoomFacts, Send, Target, ToHub, ToMember, Welcome};
use puerta_talk::room::ids::{MemberNo, MessageId, RoomNo};
use puerta_talk::room::limits::Limits;
use puerta_talk::room::member::{ANSWER, Effect, From, Input, Pending, Setup};
use puerta_talk::room::record::{Kind, Person, Record};
use std::time::Duration;

const STREAM: u64 = 7;
const SPARE: u64 = 8;

struct Talker {
    member: Member,
    now: Duration,
}

impl Talker {
    /// One whose outbox has given so many numbers, and has these pending.
    fn new(last: u64, pending: Vec<Pending>) -> Talker {
        Talker::with(last, pending, |_| {})
    }

    fn with(last: u64, pending: Vec<Pending>, change: impl FnOnce(&mut Setup)) -> Talker {
        let mut setup = Setup {
            name: "ana".into(),
            token: None,
            feed: true,
            rooms: vec!["main".into()],
            only: false,
            from: From::Seen { context: 0 },
            stream: STREAM,
            last,
            spare: SPARE,
            pending,
        };
        change(&mut setup);
        let mut talker = Talker { member: Member::new(setup), now: Duration::from_secs(1) };
        talker.input(Input::Start);
        talker
    }

    fn input(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.member.handle(self.now, input, &mut effects);
        effects
    }

    fn shows(&mut self, input: Input) -> Vec<Event> {
        shown(self.input(input))
    }

    /// Says something, which the outbox keeps.
    fn says(&mut self, text: &str) -> MessageId {
        let to = Target::Member("bob".into());
        let effects = self.input(Input::Command(Command::Say { to, kind: Kind::Text, text: text.into() }));
        let Some(Effect::Keep(message)) = effects.into_iter().next() else { panic!("not kept") };
        self.input(Input::Kept(message.id));
        message.id
    }

    /// The hub lets it in, and has so many of its streams.
    fn welcomed(&mut self, streams: &[(u64, u64)]) -> Vec<Effect> {
        self.input(Input::Linked);
        self.input(Input::Frame(ToMember::Welcome(Welcome {
            hub: "hub".into(),
            you: Person { no: MemberNo(1), name: "ana".into() },
            limits: Limits::default(),
            streams: streams.to_vec(),
            rooms: Vec::new(),
            read_only: None,
            first: "main".into(),
            may_move: 0,
        })))
    }

    /// Comes again, and gives what it sends then.
    fn comes_again(&mut self, streams: &[(u64, u64)]) -> Vec<Send> {
        self.now += Duration::from_secs(2);
        assert!(self.input(Input::Tick).contains(&Effect::Connect));
        sent(self.welcomed(streams))
    }
}

fn shown(effects: Vec<Effect>) -> Vec<Event> {
    let shown = |effect| if let Effect::Show(event) = effect { Some(event) } else { None };
    effects.into_iter().filter_map(shown).collect()
}

fn sent(effects: Vec<Effect>) -> Vec<Send> {
    let sent = |effect| if let Effect::Send(ToHub::Send(send)) = effect { Some(send) } else { None };
    effects.into_iter().filter_map(sent).collect()
}

fn id(stream: u64, number: u64) -> MessageId {
    MessageId { stream, number }
}

fn pending(number: u64, text: &str) -> Pending {
    Pending { id: id(STREAM, number), to: Target::Member("bob".into()), kind: Kind::Text, text: text.into() }
}

fn questions() -> [Command; 3] {
    let invite = Command::Invite { room: RoomNo(2), once: false, lasts: 60, renew: false };
    [Command::Rooms, Command::Who(RoomNo(2)), invite]
}

#[test]
fn a_question_without_a_connection_is_told_at_once() {
    let mut ana = Talker::new(0, Vec::new());
    for question in questions() {
        assert_eq!(ana.shows(Input::Command(question.clone())), [Event::Unanswered(question)]);
    }
    let why = Refusal::NotInRoom { room: "2".into() };
    assert_eq!(ana.shows(Input::Command(Command::Older(RoomNo(2)))), [Event::Sorry(why)]);
}

#[test]
fn a_question_whose_connection_breaks_or_that_nobody_answers_is_told_and_an_answered_one_is_not() {
    let mut ana = Talker::new(0, Vec::new());
    ana.welcomed(&[]);
    for question in questions() {
        ana.input(Input::Command(question));
    }
    ana.input(Input::Frame(ToMember::Rooms { rooms: Vec::new(), more: true }));
    ana.input(Input::Frame(ToMember::Members { room: RoomNo(2), members: Vec::new(), more: false }));
    let [rooms, _, invite] = questions();
    let told = ana.shows(Input::Cut);
    assert_eq!(told, [Event::Offline, Event::Unanswered(rooms.clone()), Event::Unanswered(invite)]);
    assert_eq!(ana.shows(Input::Cut), []);
    ana.now += Duration::from_secs(2);
    ana.input(Input::Tick);
    ana.welcomed(&[]);
    ana.input(Input::Command(rooms.clone()));
    ana.now += ANSWER;
    assert!(ana.member.due(ana.now).unwrap() <= ana.now);
    assert_eq!(ana.shows(Input::Tick), [Event::Unanswered(rooms)]);
}

#[test]
fn what_an_outbox_from_a_backup_says_gets_a_number_that_no_message_had() {
    let mut ana = Talker::new(5, vec![pending(4, "old")]);
    let new = ana.says("new");
    assert_eq!(new, id(STREAM, 6));
    let effects = ana.welcomed(&[(STREAM, 7)]);
    let renumbered = Pending { id: id(SPARE, 1), ..pending(6, "new") };
    let messages = vec![(new, renumbered.clone())];
    assert_eq!(effects[0], Effect::Renumber { stream: SPARE, messages });
    assert!(effects.contains(&Effect::Disconnect), "the hub has to hear of the stream");
    assert_eq!(shown(effects), [Event::Renumbered { id: new, now: id(SPARE, 1) }]);
    assert_eq!(ana.shows(Input::Kept(id(SPARE, 1))), [], "it stands there already");
    let sends = ana.comes_again(&[(SPARE, 0), (STREAM, 7)]);
    let ids: Vec<(MessageId, u64)> = sends.iter().map(|send| (send.id, send.after)).collect();
    assert_eq!(ids, [(id(STREAM, 4), 0), (id(SPARE, 1), 0)]);
    assert_eq!(ana.says("newer"), id(SPARE, 2));
}

#[test]
fn who_lost_only_an_acknowledgement_keeps_its_stream() {
    let mut ana = Talker::new(5, vec![pending(5, "old")]);
    assert_eq!(sent(ana.welcomed(&[(STREAM, 5)])).len(), 1);
    ana.says("new");
    ana.input(Input::Cut);
    let ids: Vec<MessageId> = ana.comes_again(&[(STREAM, 6)]).iter().map(|send| send.id).collect();
    assert_eq!(ids, [id(STREAM, 5), id(STREAM, 6)]);
}

#[test]
fn a_message_whose_number_another_one_has_is_sent_under_another() {
    // Both were written with an outbox from a backup, before it heard of the hub; the program was started again since.
    let pending = vec![pending(6, "mine"), pending(7, "mine, too")];
    let mut ana = Talker::new(7, pending);
    assert_eq!(sent(ana.welcomed(&[(STREAM, 7)])).len(), 2);
    let refused = ToMember::Refused { id: id(STREAM, 6), why: Refusal::NumberTaken };
    let told = ana.shows(Input::Frame(refused));
    assert_eq!(told, [Event::Renumbered { id: id(STREAM, 6), now: id(SPARE, 1) }, Event::Offline]);
    ana.input(Input::Kept(id(SPARE, 1)));
    let ids: Vec<MessageId> = ana.comes_again(&[(SPARE, 0), (STREAM, 7)]).iter().map(|send| send.id).collect();
    assert_eq!(ids, [id(STREAM, 7), id(SPARE, 1)]);
    // The feed has the message of that number before the hub answers.
    let (from, to) = (Person { no: MemberNo(1), name: "ana".into() }, Person { no: MemberNo(2), name: "bob".into() });
    let (text, kind) = ("another".to_owned(), Kind::Text);
    let record = Record { room: RoomNo(1), seq: 1, prev: 0, at: 0, id: id(STREAM, 7), from, to: Some(to), kind, text };
    let told = ana.shows(Input::Frame(ToMember::Record(record)));
    assert_eq!(told, [Event::Renumbered { id: id(STREAM, 7), now: id(SPARE, 2) }]);
    assert_eq!(ana.member.pending().count(), 2);
}

#[test]
fn who_wants_one_room_only_is_shown_nothing_private_and_tells_nobody_that_it_was_seen() {
    let inbox = RoomNo(9);
    let hears = |only: bool| {
        let mut talker = Talker::with(0, Vec::new(), |setup| setup.only = only);
        talker.welcomed(&[]);
        let facts = RoomFacts { no: inbox, name: None, head: 1, seen: 0, members: 1, online: 1, who: Vec::new() };
        let mut effects = talker.input(Input::Frame(ToMember::Room(facts)));
        let bob = Person { no: MemberNo(2), name: "bob".into() };
        let ana = Person { no: MemberNo(1), name: "ana".into() };
        let record = Record {
            room: inbox,
            seq: 1,
            prev: 0,
            at: 0,
            id: id(1, 1),
            from: bob,
            to: Some(ana),
            kind: Kind::Text,
            text: "psst".into(),
        };
        effects.extend(talker.input(Input::Frame(ToMember::Record(record))));
        effects.extend(talker.input(Input::Command(Command::Seen { room: inbox, through: 1 })));
        let told = effects.contains(&Effect::Send(ToHub::Seen { room: inbox, through: 1 }));
        let shown = shown(effects).iter().any(|event| matches!(event, Event::Message { .. }));
        (shown, told)
    };
    assert_eq!((hears(false), hears(true)), ((true, true), (false, false)));
}

#[test]
fn what_a_hub_has_forgotten_meanwhile_is_told_to_who_missed_it_and_to_nobody_else() {
    let room = RoomNo(1);
    let shows = |from: From, seen: u64| {
        let mut talker = Talker::with(0, Vec::new(), |setup| setup.from = from);
        talker.welcomed(&[]);
        let facts =
            RoomFacts { no: room, name: Some("main".into()), head: 500, seen, members: 1, online: 1, who: Vec::new() };
        talker.input(Input::Frame(ToMember::Room(facts)));
        // The hub has the last hundred.
        let kept = (401..=500).map(|seq| said(room, seq, if seq == 401 { 0 } else { seq - 1 }));
        let events: Vec<Event> = kept.flat_map(|r| talker.shows(Input::Frame(ToMember::Record(r)))).collect();
        let shown = events.iter().filter(|event| matches!(event, Event::Message { .. })).count();
        let told: Vec<u64> = events.iter().filter_map(forgotten).collect();
        let at = events.iter().position(|event| forgotten(event).is_some());
        let first = events.iter().position(|event| matches!(event, Event::Message { .. }));
        assert!(at.is_none_or(|at| Some(at) < first), "{events:?}");
        (shown, told)
    };
    assert_eq!(shows(From::Seen { context: 50 }, 100), (100, vec![300]));
    assert_eq!(shows(From::Seen { context: 50 }, 399), (100, vec![1]));
    assert_eq!(shows(From::Seen { context: 50 }, 400), (100, vec![]));
    assert_eq!(shows(From::Seen { context: 200 }, 420), (100, vec![]));
    assert_eq!(shows(From::Seen { context: 50 }, 0), (100, vec![]));
    assert_eq!(shows(From::Place(0), 100), (100, vec![]));
    assert_eq!(shows(From::Place(10), 100), (100, vec![390]));
}

fn forgotten(event: &Event) -> Option<u64> {
    match event {
        Event::Forgotten { messages, .. } => Some(*messages),
        _ => None,
    }
}

fn said(room: RoomNo, seq: u64, prev: u64) -> Record {
    let from = Person { no: MemberNo(2), name: "bob".into() };
    Record { room, seq, prev, at: 0, id: id(1, seq), from, to: None, kind: Kind::Text, text: "hola".into() }
}
