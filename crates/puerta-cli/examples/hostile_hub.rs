//! A screen of `puerta talk` on a terminal, fed by a hub that wants to steer it: for the tests of the screens.
//!
//! `hostile_hub full|line|json SEED STRINGS`: so many strings of names, rooms, messages and reasons, made from the seed. With
//! `keep` in place of `SEED STRINGS` it plays a quiet room until its input or a signal ends it; `panic` dies in the middle.

#![forbid(unsafe_code)]
#![allow(dead_code, unused_imports, reason = "the screens have more sides than this program uses")]

#[path = "../src/talk"]
mod talk {
    pub(crate) mod screen;
}

#[path = "../src/qr.rs"]
mod qr;

#[path = "../src/signals.rs"]
mod signals;

use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::frame::{Denial, MemberFacts, Refusal, RoomFacts, Target, Welcome};
use puerta_talk::room::ids::{Device, MemberNo, MessageId, RoomNo};
use puerta_talk::room::limits::Limits;
use puerta_talk::room::record::{Kind, Person, Record};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use talk::screen::{Ended, Facts, Feed, Full, Json, Line, Screen, Typed, Wanted, run};
use tokio::sync::mpsc;

/// Strings between two pictures.
const TOGETHER: usize = 24;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        [mode, "keep"] => keep(mode),
        [_, "panic"] => panics(),
        [mode, seed, strings] => match (seed.parse(), strings.parse()) {
            (Ok(seed), Ok(strings)) => hostile(mode, seed, strings),
            _ => return ExitCode::from(2),
        },
        _ => return ExitCode::from(2),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(8)
        }
    }
}

/// Everything that a hub can say, and between each picture the time of one.
fn hostile(mode: &str, seed: u64, strings: usize) -> io::Result<()> {
    let mut strange = Strange(seed.max(1));
    let (typed, _keys) = mpsc::channel(8);
    let facts = facts(&mut strange);
    let mut screen: Box<dyn Screen> = match mode {
        "full" => Box::new(Full::open(facts, typed, |_| 0)?),
        "line" => Box::new(Line::open(facts, true, typed, |_| 0)?),
        _ => Box::new(Json::open(facts, Wanted { follow: true, ..Wanted::default() }, typed)?),
    };
    let mut now = Instant::now();
    for event in first() {
        screen.event(event, now);
    }
    let mut seq = 1;
    while strange.made() < strings {
        let until = strange.made() + TOGETHER;
        while strange.made() < until {
            screen.event(event(&mut strange, &mut seq), now);
        }
        now += Duration::from_millis(20);
        screen.show(now)?;
        screen.commands().clear();
    }
    Ok(())
}

fn panics() -> io::Result<()> {
    let (typed, _keys) = mpsc::channel(8);
    let mut full = Full::open(facts(&mut Strange(1)), typed, |_| 0)?;
    full.show(Instant::now())?;
    let nothing: Vec<u8> = Vec::new();
    let _ = nothing[full.commands().len()];
    Ok(())
}

/// A room in which everything that is said is stored at once.
fn keep(mode: &str) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ended = runtime.block_on(async {
        let mut stop = signals::Stop::watch()?;
        let (show, events) = mpsc::channel(64);
        let (commands, mut wishes) = mpsc::channel(64);
        tokio::spawn(async move {
            for event in first() {
                let _ = show.send(event).await;
            }
            let mut seq = 0;
            while let Some(command) = wishes.recv().await {
                for event in answer(command, &mut seq) {
                    let _ = show.send(event).await;
                }
            }
        });
        let facts = facts(&mut Strange(0));
        let signal = stop.wait();
        // No other hub is told of.
        let (_say, notices) = mpsc::channel(1);
        let feed = Feed { events, notices, commands };
        let (ended, _) = match mode {
            "full" => run(|typed| Full::open(facts, typed, |_| 0), feed, signal).await,
            "line" => run(|typed| Line::open(facts, false, typed, |_| 0), feed, signal).await,
            _ => run(|typed| Json::open(facts, Wanted::default(), typed), feed, signal).await,
        };
        io::Result::Ok(ended)
    })?;
    runtime.shutdown_background();
    writeln!(io::stderr(), "ended: {ended:?}")
}

fn answer(command: Command, seq: &mut u64) -> Vec<Event> {
    if let Command::Invite { room, .. } = command {
        return vec![Event::Invite { room, token: [0; 16], until: 0 }];
    }
    let Command::Say { to, kind, text } = command else { return Vec::new() };
    *seq += 1;
    let id = MessageId { stream: 1, number: *seq };
    if text == "never stored" {
        return vec![Event::Pending { id, to, kind, text, old: false }];
    }
    let record = Record {
        room: RoomNo(1),
        seq: *seq,
        prev: *seq - 1,
        at: 0,
        id,
        from: Person { no: MemberNo(1), name: "ana".to_owned() },
        to: None,
        kind,
        text: text.clone(),
    };
    vec![
        Event::Pending { id, to, kind, text, old: false },
        Event::Stored { id, room: RoomNo(1), seq: *seq },
        Event::Message { record: Box::new(record), own: true },
    ]
}

fn facts(strange: &mut Strange) -> Facts {
    let quiet = strange.0 == 0;
    let mut text = || if quiet { "casa".to_owned() } else { strange.text() };
    Facts {
        hub: text(),
        fingerprint: text(),
        verified: quiet,
        hosting: false,
        greeting: if quiet { Vec::new() } else { vec![text(), text()] },
        link: Box::new(|room, _| format!("puerta://10.0.0.5:7777/{room}#{}", "0".repeat(66))),
        room: None,
        go: None,
        name: None,
        closed: tokio::sync::watch::channel(false).1,
    }
}

fn first() -> [Event; 2] {
    let you = Person { no: MemberNo(1), name: "ana".to_owned() };
    let welcome = Welcome {
        hub: "casa".to_owned(),
        you,
        limits: Limits::default(),
        streams: Vec::new(),
        rooms: Vec::new(),
        read_only: None,
        first: "main".to_owned(),
        may_move: 0,
    };
    [Event::Online(Box::new(welcome)), room(1, "main".to_owned(), Vec::new())]
}

fn room(no: u32, name: String, who: Vec<MemberFacts>) -> Event {
    let facts = RoomFacts { no: RoomNo(no), name: Some(name), head: 0, seen: 0, members: 3, online: 2, who };
    Event::Room(Box::new(facts))
}

/// Something that the hub says. Most of it is messages where we are.
fn event(strange: &mut Strange, seq: &mut u64) -> Event {
    let here = RoomNo(1);
    let person = |strange: &mut Strange| Person { no: MemberNo(2 + strange.below(40) as u32), name: strange.text() };
    match strange.below(40) {
        0 => Event::Joined { room: here, who: person(strange) },
        1 => Event::Left { room: here, who: person(strange) },
        2 => Event::Renamed { who: person(strange), name: strange.text() },
        3 => Event::Presence { room: here, who: person(strange), online: strange.below(2) == 0 },
        4 => Event::ReadOnly(strange.text()),
        5 => Event::Sorry(Refusal::NoSuchMember { name: strange.text() }),
        6 => Event::Rooms(vec![(strange.text(), 1), (strange.text(), 2)]),
        7 => Event::NotKept { id: None, text: strange.text(), why: strange.text() },
        8 => Event::NotTaken { id: None, text: strange.text(), why: Refusal::NotInRoom { room: strange.text() } },
        9 => {
            let who = |strange: &mut Strange| MemberFacts {
                who: person(strange),
                device: Device([0; 32]),
                online: strange.below(3) > 0,
                seen: 0,
            };
            room(1, "main".to_owned(), (0..4).map(|_| who(strange)).collect())
        }
        10 => room(2 + strange.below(5) as u32, strange.text(), Vec::new()),
        11 => {
            let id = MessageId { stream: 1, number: *seq };
            Event::Pending {
                id,
                to: Target::Room("main".to_owned()),
                kind: Kind::Text,
                text: strange.text(),
                old: false,
            }
        }
        12 => Event::Online(Box::new(Welcome {
            hub: strange.text(),
            you: Person { no: MemberNo(1), name: strange.text() },
            limits: Limits::default(),
            streams: Vec::new(),
            rooms: Vec::new(),
            read_only: (strange.below(2) == 0).then(|| strange.text()),
            first: strange.text(),
            may_move: 0,
        })),
        13 => Event::Invite { room: here, token: [0; 16], until: 0 },
        n => {
            *seq += 1;
            let record = Record {
                room: if n < 36 { here } else { RoomNo(90) },
                seq: *seq,
                prev: *seq - 1,
                at: strange.next() as i64,
                id: MessageId { stream: 2, number: *seq },
                from: person(strange),
                to: (n >= 36).then(|| person(strange)),
                kind: if n % 8 == 0 { Kind::Action } else { Kind::Text },
                text: strange.text(),
            };
            Event::Message { record: Box::new(record), own: false }
        }
    }
}

/// Strings that do harm where they are not made harmless. The state of a xorshift generator; each text counts.
struct Strange(u64);

thread_local! {
    static MADE: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

const PIECES: [&str; 40] = [
    "\x1b[2J",
    "\x1b[31m",
    "\x1b]0;title\x07",
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1bP1$r0m\x1b\\",
    "\x1b_G\x1b\\",
    "\x1bc",
    "\x1b[?1049l",
    "\x1b[6n",
    "\x1b[9999;1H",
    "\u{9b}2J",
    "\u{9d}0;x\u{9c}",
    "\u{90}",
    "\u{85}",
    "\u{202e}",
    "\u{2066}",
    "\u{2069}",
    "\u{200f}",
    "\u{200b}",
    "\u{feff}",
    "\u{2028}",
    "\u{e0041}",
    "\u{ad}",
    "\n",
    "\r",
    "\t",
    "\x08",
    "\x07",
    "\0",
    "\x7f",
    "e\u{301}\u{301}\u{308}",
    "👩‍👩‍👧‍👦",
    "🇪🇸",
    "❤️",
    "שלום",
    "مرحبا",
    "क्‍ष",
    "漢字",
    "ﾊﾟ",
    "Z\u{335}\u{336}\u{337}\u{338}\u{339}\u{33a}\u{33b}\u{33c}\u{33d}\u{33e}",
];

impl Strange {
    fn made(&self) -> usize {
        MADE.get()
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }

    fn text(&mut self) -> String {
        MADE.set(MADE.get() + 1);
        let mut text = String::new();
        for _ in 0..=self.below(12) {
            match self.below(4) {
                0 => text.push_str(PIECES[self.below(40) as usize]),
                1 => text.push_str("plain "),
                2 => text.push(char::from(self.below(160) as u8)),
                _ => text.extend(char::from_u32(self.below(0x11_0000) as u32)),
            }
        }
        text
    }
}
