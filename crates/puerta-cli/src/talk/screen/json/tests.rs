#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use super::*;
use crate::talk::screen::script::*;
use puerta_talk::room::frame::{Denial, MemberFacts, Refusal, Target};
use puerta_talk::room::ids::{Device, MemberNo};
use puerta_talk::room::record::Kind;
use serde_json::Value;
use std::sync::{Arc, Mutex};

struct Shown {
    json: Json,
    text: Arc<Mutex<String>>,
    now: Instant,
}

impl Shown {
    fn new(wanted: Wanted) -> Self {
        let (print, text) = paper();
        Shown { json: Json::new(facts(), wanted, print), text, now: Instant::now() }
    }

    fn events(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.json.event(event, self.now);
        }
    }

    fn type_line(&mut self, line: &str) {
        self.json.typed(Typed::Line(line.to_owned()), self.now);
    }

    fn lines(&mut self) -> Vec<String> {
        self.json.show(self.now).unwrap();
        std::mem::take(&mut *self.text.lock().unwrap()).lines().map(str::to_owned).collect()
    }

    fn commands(&mut self) -> Vec<Command> {
        self.json.commands().drain(..).filter(|c| !matches!(c, Command::Seen { .. })).collect()
    }
}

fn say(to: Target, kind: Kind, text: &str) -> Command {
    Command::Say { to, kind, text: text.to_owned() }
}

/// One of each, in the order of the page.
fn one_of_each() -> Vec<Event> {
    let mut wave = record(MAIN, 8, BOB, "waves");
    wave.kind = Kind::Action;
    let member = MemberFacts { who: person(BOB), device: Device([0; 32]), online: true, seen: 8 };
    vec![
        online(),
        room(MAIN, "main", &[ANA, BOB], 6),
        inbox(0),
        Event::NewSince { room: MAIN, seq: 6 },
        Event::Forgotten { room: MAIN, messages: 12 },
        message(MAIN, 7, BOB, "hola"),
        Event::Message { record: Box::new(wave), own: false },
        private(1, BOB, ANA, "psst"),
        Event::Older(Box::new(record(MAIN, 5, BOB, "earlier"))),
        Event::Oldest(MAIN),
        pending(1, "main", "hola, bob"),
        Event::Stored { id: id(ANA, 1), room: MAIN, seq: 9 },
        Event::Pending {
            id: id(ANA, 4),
            to: Target::Member("bob".to_owned()),
            kind: Kind::Text,
            text: "psst, bob".to_owned(),
            old: false,
        },
        Event::Stored { id: id(ANA, 4), room: INBOX, seq: 2 },
        Event::NotTaken {
            id: Some(id(ANA, 2)),
            text: "x".to_owned(),
            why: Refusal::NotInRoom { room: "build".to_owned() },
        },
        Event::Seen { room: MAIN, who: MemberNo(BOB), through: 9 },
        Event::SeenBy { room: MAIN, through: 9, members: 60 },
        Event::Joined { room: MAIN, who: person(EVE) },
        Event::Left { room: MAIN, who: person(EVE) },
        Event::Presence { room: MAIN, who: person(BOB), online: false },
        Event::Renamed { who: person(BOB), name: "bobby".to_owned() },
        Event::Count { room: MAIN, members: 812, online: 97 },
        Event::Rooms(vec![("main".to_owned(), 2), ("build".to_owned(), 1)]),
        Event::Members { room: MAIN, members: vec![member] },
        Event::Invite { room: MAIN, token: [7; 16], until: START },
        Event::Slow { rate: 20 },
        Event::ReadOnly("disk full".to_owned()),
        Event::Offline,
        Event::Gone(MAIN),
        Event::Moving { address: "10.0.0.5:7777".to_owned(), hub: Device([0; 32]) },
        Event::Renumbered { id: id(ANA, 3), now: id(EVE, 1) },
        Event::Sorry(Refusal::NameTaken { name: "bob".to_owned() }),
        Event::Unanswered(Command::Rooms),
        Event::OtherKey("the hub shows another key".to_owned()),
        Event::Waiting { messages: 3 },
        Event::NotMoved { messages: 2, why: "disk full".to_owned() },
        Event::Denied(Denial::Expired),
    ]
}

#[test]
fn the_guide_has_one_example_of_each_event_as_it_is() {
    let mut shown = Shown::new(Wanted::default());
    shown.events(one_of_each());
    let mut lines = shown.lines();
    shown.type_line("/rooms please");
    lines.extend(shown.lines());
    shown.type_line("/help");
    lines.extend(shown.lines().into_iter().filter(|line| line.contains("/quit")));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/talk-json.md");
    let page = std::fs::read_to_string(path).unwrap();
    let examples: Vec<&str> = page.lines().filter(|line| line.starts_with("{\"event\"")).collect();
    assert!(examples == lines, "the page has not these lines in this order:\n{}", lines.join("\n"));
    for line in lines {
        let word = serde_json::from_str::<Value>(&line).unwrap()["event"].as_str().unwrap().to_owned();
        assert!(page.contains(&format!("`{word}`")), "{word} is not explained");
    }
}

#[test]
fn a_message_begins_as_it_is_documented() {
    let mut shown = Shown::new(Wanted::default());
    shown.events(arrival());
    shown.lines();
    shown.events([message(MAIN, 7, BOB, "hola")]);
    let line = shown.lines().remove(0);
    let start =
        r##"{"event":"message","room":"#main","seq":7,"from":"bob","text":"hola","at":"2026-11-20T10:30:07.000Z""##;
    assert!(line.starts_with(start), "{line}");
}

#[test]
fn what_could_steer_a_terminal_is_escaped_and_means_the_same() {
    let evil = "a\x1b[2J\u{9b}\x7f\u{202e}\u{200d}\u{e0001}é👩‍👩‍👧 \u{2028}\r\n\"\\";
    let mut shown = Shown::new(Wanted::default());
    shown.events(arrival());
    shown.lines();
    shown.events([message(MAIN, 1, BOB, evil)]);
    let line = shown.lines().remove(0);
    assert!(!line.contains(char::is_control) && !line.contains(['\u{202e}', '\u{e0001}', '\u{2028}']), "{line:?}");
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["text"], evil);
}

#[test]
fn a_reader_goes_on_where_it_left_off_and_hears_only_of_its_room() {
    let wanted = Wanted { room: Some("Build".to_owned()), since: Some(2), follow: true };
    let mut shown = Shown::new(wanted);
    shown.events(arrival());
    shown.events([with_head(room(BUILD, "build", &[ANA, BOB], 0), 4), message(MAIN, 9, BOB, "elsewhere")]);
    shown.events((1..=4).map(|seq| message(BUILD, seq, BOB, "x")));
    shown.events([private(1, BOB, ANA, "psst")]);
    let places = |lines: Vec<String>| {
        let all = lines.into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
        let messages = all.filter(|v| v["event"] == "message");
        messages.map(|v| (v["room"].as_str().unwrap().to_owned(), v["seq"].as_u64().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(places(shown.lines()), [("#build".to_owned(), 3), ("#build".to_owned(), 4)]);
    assert!(!shown.json.listens());
    // A hub that has lost its store, or another one: what it says is not what was read.
    shown.events([with_head(room(BUILD, "build", &[ANA, BOB], 0), 0), message(BUILD, 1, BOB, "anew")]);
    assert_eq!(places(shown.lines()), [("#build".to_owned(), 1)]);
}

fn with_head(mut event: Event, head: u64) -> Event {
    if let Event::Room(facts) = &mut event {
        facts.head = head;
    }
    event
}

#[test]
fn lines_of_stdin_are_messages_commands_or_objects() {
    let mut shown = Shown::new(Wanted::default());
    assert!(!shown.json.listens());
    shown.events(arrival());
    assert!(shown.json.listens());
    shown.lines();
    for line in [
        "hola",
        "//etc",
        "/me waves",
        "/msg bob psst",
        r##"{"say":"/not a command\nand a line","room":"#build"}"##,
        r##"{"say":"psst","room":"@bob"}"##,
        r##"{"me":"waves"}"##,
    ] {
        shown.type_line(line);
    }
    let (main, bob) = (|| Target::Room("main".to_owned()), || Target::Member("bob".to_owned()));
    let expected = [
        say(main(), Kind::Text, "hola"),
        say(main(), Kind::Text, "/etc"),
        say(main(), Kind::Action, "waves"),
        say(bob(), Kind::Text, "psst"),
        say(Target::Room("build".to_owned()), Kind::Text, "/not a command\nand a line"),
        say(bob(), Kind::Text, "psst"),
        say(main(), Kind::Action, "waves"),
    ];
    assert_eq!(shown.commands(), expected);
    assert_eq!(shown.lines(), [""; 0]);
    let mut shown = Shown::new(Wanted::default());
    shown.events(arrival());
    shown.type_line(r##"{"command":"/join #build"}"##);
    assert_eq!(shown.commands(), [Command::Join("build".to_owned())]);
}

#[test]
fn a_line_that_means_nothing_is_an_error_and_is_not_sent() {
    let mut shown = Shown::new(Wanted::default());
    shown.events(arrival());
    shown.lines();
    let wrong = [
        "/jion #x",
        "{",
        r#"{"say":7}"#,
        r#"{"say":"a","me":"b"}"#,
        r#"{"say":"a","rom":"b"}"#,
        r#"{"say":"a","room":"b"}"#,
    ];
    for line in wrong {
        shown.type_line(line);
        let said = shown.lines();
        assert_eq!(said.len(), 1, "{line}");
        let value: Value = serde_json::from_str(&said[0]).unwrap();
        assert_eq!(value["event"], "error", "{line}");
    }
    assert!(shown.commands().is_empty());
    assert_eq!((shown.json.undone().wrong, shown.json.not_stored()), (wrong.len(), 0));
}

#[test]
fn help_is_data_too() {
    let mut shown = Shown::new(Wanted::default());
    shown.events(arrival());
    shown.lines();
    shown.type_line("/help");
    assert!(shown.lines().iter().all(|line| line.starts_with(r#"{"event":"note","text":"#)));
}

#[test]
fn what_only_the_hub_can_do_waits_for_it_and_what_is_behind_waits_for_its_answer() {
    let (print, text) = paper();
    let facts = Facts { room: Some("main".to_owned()), ..facts() };
    let mut shown = Shown { json: Json::new(facts, Wanted::default(), print), text, now: Instant::now() };
    assert!(shown.json.listens());
    shown.type_line(r#"{"command":"/who"}"#);
    assert!(!shown.json.listens());
    shown.events([online()]);
    assert_eq!((shown.lines().len(), shown.commands()), (1, vec![]), "not in the room yet");
    shown.events([room(MAIN, "main", &[ANA, BOB], 0)]);
    shown.lines();
    assert_eq!(shown.commands(), [Command::Who(MAIN)]);
    assert!(!shown.json.listens());
    shown.events([Event::Members { room: MAIN, members: Vec::new() }]);
    assert!(shown.json.listens());
    // Else what is said next goes to the room before.
    shown.type_line("/join #build");
    assert!(!shown.json.listens());
    shown.events([room(BUILD, "build", &[ANA], 0)]);
    assert!(shown.json.listens());
    shown.type_line("hola");
    let to = Target::Room("build".to_owned());
    assert_eq!(shown.commands(), [Command::Join("build".to_owned()), say(to, Kind::Text, "hola")]);
    assert_eq!(shown.json.undone(), Undone::default());
}

#[test]
fn lines_that_were_not_carried_out_are_counted() {
    let mut shown = Shown::new(Wanted::default());
    shown.events(arrival());
    for line in ["/nonsense", "/leave #nix"] {
        shown.type_line(line);
    }
    assert_eq!(shown.json.undone(), Undone { wrong: 2, refused: 0 });
    shown.type_line("/nick bob");
    shown.events([Event::Sorry(Refusal::NameTaken { name: "bob".to_owned() })]);
    shown.type_line("/rooms");
    shown.events([Event::Unanswered(Command::Rooms)]);
    assert_eq!(shown.json.undone(), Undone { wrong: 2, refused: 2 });
    // A hub that says nothing at all.
    shown.type_line("/nick eve");
    shown.lines();
    shown.now = shown.json.due().unwrap();
    assert!(shown.lines()[0].contains("the hub did not answer /nick"));
    assert_eq!(shown.json.undone(), Undone { wrong: 2, refused: 3 });
    assert!(shown.json.listens());
}

#[test]
fn who_has_left_every_room_is_still_heard() {
    let mut shown = Shown::new(Wanted::default());
    shown.events(arrival());
    shown.type_line("/leave");
    shown.events([Event::Gone(MAIN)]);
    assert!(shown.json.listens());
}
