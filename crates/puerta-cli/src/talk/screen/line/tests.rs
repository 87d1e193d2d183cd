#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use super::*;
use crate::talk::screen::script::*;
use puerta_talk::room::frame::Refusal;
use std::sync::{Arc, Mutex};

struct Shown {
    line: Line,
    text: Arc<Mutex<String>>,
    now: Instant,
}

impl Shown {
    fn new(echoes: bool) -> Self {
        Shown::of(facts(), echoes)
    }

    fn of(facts: Facts, echoes: bool) -> Self {
        let (print, text) = paper();
        let line = Line::new(facts, print, |_| 0, echoes);
        let mut shown = Shown { line, text, now: Instant::now() };
        shown.events(arrival());
        shown
    }

    fn events(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.line.event(event, self.now);
        }
    }

    /// What was printed since the last time.
    fn lines(&mut self) -> Vec<String> {
        self.line.show(self.now).unwrap();
        let text = std::mem::take(&mut *self.text.lock().unwrap());
        text.lines().map(str::to_owned).collect()
    }
}

#[test]
fn what_the_member_could_not_do_has_its_line() {
    let mut shown = Shown::new(false);
    shown.lines();
    shown.events([
        Event::Unanswered(Command::Rooms),
        Event::Waiting { messages: 1 },
        Event::NotMoved { messages: 2, why: "disk full".to_owned() },
    ]);
    assert_eq!(
        shown.lines(),
        [
            "-- not connected: the hub did not answer /rooms; try again once it is there",
            "-- 1 message of a program that ended waits in the outbox, and is sent when puerta talk starts again",
            "-- 2 messages are not kept on the disk for the other hub (disk full); stay until all is sent",
        ]
    );
}

#[test]
fn every_event_has_its_line() {
    let mut shown = Shown::new(false);
    let mut wave = record(MAIN, 2, BOB, "waves");
    wave.kind = Kind::Action;
    shown.events([
        message(MAIN, 1, BOB, "hola"),
        Event::Message { record: Box::new(wave), own: false },
        message(MAIN, 3, BOB, "two\nlines \x1b[31mred"),
        inbox(0),
        private(1, BOB, ANA, "psst"),
        private(2, ANA, BOB, "yes?"),
        room(BUILD, "build", &[ANA], 0),
        Event::Joined { room: MAIN, who: person(7) },
        Event::Left { room: MAIN, who: person(7) },
        Event::Presence { room: MAIN, who: person(EVE), online: false },
        Event::Renamed { who: person(EVE), name: "eva".to_owned() },
        own(MAIN, 4, "mine"),
        Event::Seen { room: MAIN, who: MemberNo(BOB), through: 4 },
        Event::Seen { room: MAIN, who: MemberNo(BOB), through: 4 },
        Event::Offline,
        Event::ReadOnly("disk full".to_owned()),
        Event::NewSince { room: MAIN, seq: 4 },
        Event::Sorry(Refusal::NameTaken { name: "bob".to_owned() }),
        Event::Gone(BUILD),
    ]);
    let expected = "\
-- casa
-- online: casa; you are ana
-- in #main: 3 members, 3 here
-- 2026-11-20
10:30 #main bob: hola
10:30 #main * bob waves
10:30 #main bob: two
  | lines ^[[31mred
10:30 (private) bob: psst
10:30 to bob (private) ana: yes?
-- in #build: 1 member, 1 here
-- member7 came in
-- member7 left
-- #main: eve is away
-- eve is now called eva
10:30 #main ana: mine
-- #main: bob has seen: mine
-- Offline, trying again. What you write is sent later.
-- Read-only: the hub keeps nothing any more (disk full).
-- #main: new since you were here
-- another member is called bob; choose another name
-- out of #build";
    assert_eq!(shown.lines().join("\n"), expected);
}

#[test]
fn a_hub_that_was_closed_has_a_line_of_its_own() {
    let mut shown = Shown::of(facts_of_closed(), false);
    shown.lines();
    shown.events([Event::Offline]);
    assert_eq!(shown.lines(), ["-- The hub casa was closed. Your messages wait; trying again."]);
}

#[test]
fn on_a_terminal_ours_get_a_line_only_when_they_wait() {
    let mut shown = Shown::new(true);
    shown.lines();
    shown.events([pending(1, "main", "quick"), own(MAIN, 1, "quick"), pending(2, "main", "slow")]);
    assert_eq!(shown.lines(), ["-- 2026-11-20"; 0]);
    assert_eq!(shown.line.due(), Some(shown.now + PATIENCE));
    shown.now += PATIENCE;
    assert_eq!(shown.lines(), ["-- waits to be sent: slow"]);
    assert_eq!(shown.lines(), [""; 0]);
    shown.events([Event::Stored { id: id(ANA, 2), room: MAIN, seq: 2 }, own(MAIN, 2, "slow")]);
    assert_eq!(shown.lines(), ["-- sent: slow"]);
}

#[test]
fn what_was_printed_was_seen() {
    let mut shown = Shown::new(false);
    shown.events([message(MAIN, 1, BOB, "a"), message(MAIN, 2, BOB, "b")]);
    shown.lines();
    assert_eq!(shown.line.commands().drain(..).collect::<Vec<_>>(), [Command::Seen { room: MAIN, through: 2 }]);
}

#[test]
fn a_pipe_ends_once_all_of_it_is_stored() {
    let mut shown = Shown::new(false);
    shown.line.typed(Typed::Line("hola".to_owned()), shown.now);
    shown.line.typed(Typed::Line("/msg bob psst".to_owned()), shown.now);
    shown.line.typed(Typed::Line("again".to_owned()), shown.now);
    shown.line.typed(Typed::End, shown.now);
    let said: Vec<Command> = shown.line.commands().drain(..).collect();
    assert_eq!(said.len(), 3);
    assert!(
        matches!(&said[2], Command::Say { to, .. } if *to == puerta_talk::room::frame::Target::Room("main".to_owned()))
    );
    shown.lines();
    assert!(shown.line.ended().is_none());
    assert_eq!(shown.line.not_stored(), 3);
    for (number, command) in (1..).zip(said) {
        let Command::Say { to, kind, text } = command else { panic!() };
        shown.events([Event::Pending { id: id(ANA, number), to, kind, text, old: false }]);
        shown.events([Event::Stored { id: id(ANA, number), room: MAIN, seq: number }]);
    }
    shown.lines();
    assert!(shown.line.ended().is_none(), "the record of what was stored comes behind its receipt");
    shown.now = shown.line.due().unwrap();
    shown.lines();
    assert!(matches!(shown.line.ended(), Some(Ended::Quit)));
    assert_eq!(shown.line.not_stored(), 0);
}

#[test]
fn a_message_that_is_too_long_counts_as_not_stored_where_nobody_can_write_it_anew() {
    let mut shown = Shown::new(false);
    shown.line.typed(Typed::Line("x".repeat(5000)), shown.now);
    assert!(shown.line.commands().is_empty());
    assert_eq!(shown.line.not_stored(), 1);
}

#[test]
fn a_wrong_command_is_told_and_not_sent() {
    let mut shown = Shown::new(true);
    shown.lines();
    shown.line.typed(Typed::Line("/jion #x".to_owned()), shown.now);
    assert!(shown.lines()[0].contains("did you mean /join?"));
    assert!(shown.line.commands().is_empty());
}
