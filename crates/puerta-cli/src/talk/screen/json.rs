//! `--json`: each event is one object on stdout, each line of stdin a message, a command or an object. The page
//! docs/guide/talk-json.md has an example of each; a test holds the two together.

mod events;
mod lines;

use super::tally::Tally;
use super::view::{Done, Note, View};
use super::wished::Wished;
use super::{Ended, Facts, Notice, Print, Screen, Typed, Undone, appended, stdin, words};
use events::{Object, note, object};
use lines::Asked;
use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::ids::RoomNo;
use puerta_talk::room::record::Record;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::time::Instant;
use tokio::sync::mpsc;

/// Messages a place keeps: only what receipts need.
const KEPT: usize = 64;
/// Messages on their way above which stdin is not read.
const FULL: usize = 64;

/// A message of a public room, as it is told of when it comes: one line.
pub(crate) fn exported(room: &str, record: &Record) -> String {
    events::line(events::said(&format!("#{room}"), record, false))
}

/// What a reader wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Only this room, by its name without the `#`.
    pub(crate) room: Option<String>,
    /// Only messages behind this place: where a reader left off.
    pub(crate) since: Option<u64>,
    /// Goes on when stdin has ended; stdin is not read at all.
    pub(crate) follow: bool,
}

/// Objects on stdout.
pub(crate) struct Json {
    view: View,
    wanted: Wanted,
    print: Print,
    text: String,
    tally: Tally,
    wished: Wished,
    input_ended: bool,
    ended: Option<Ended>,
    now: Instant,
}

impl Json {
    /// Writes to stdout, and reads stdin unless it only follows.
    ///
    /// # Errors
    /// What the system says when there is no thread.
    pub(crate) fn open(facts: Facts, wanted: Wanted, typed: mpsc::Sender<Typed>) -> io::Result<Self> {
        if !wanted.follow {
            stdin::read(stdin::By::Lines, typed)?;
        }
        let print = |text: &str| {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()
        };
        Ok(Json::new(facts, wanted, Box::new(print)))
    }

    fn new(facts: Facts, wanted: Wanted, print: Print) -> Self {
        Json {
            view: View::new(facts, KEPT),
            wanted,
            print,
            text: String::new(),
            tally: Tally::default(),
            wished: Wished::default(),
            input_ended: false,
            ended: None,
            now: Instant::now(),
        }
    }

    fn put(&mut self, object: Object) {
        self.text.push_str(&events::line(object));
    }

    /// Whether the reader wants to hear of this room.
    fn wants(&self, event: &Event) -> bool {
        let Some(wanted) = &self.wanted.room else { return true };
        let here = |room: RoomNo| {
            let place = self.view.place_of(room).and_then(|at| self.view.places.get(at));
            place.is_some_and(|p| matches!(&p.key, super::view::Key::Room(name) if super::view::same(name, wanted)))
        };
        match event {
            Event::Message { record, .. } | Event::Older(record) => record.to.is_none() && here(record.room),
            Event::Room(facts) => facts.name.as_deref().is_some_and(|name| super::view::same(name, wanted)),
            Event::Gone(room) | Event::Oldest(room) => here(*room),
            Event::NewSince { room, .. }
            | Event::Forgotten { room, .. }
            | Event::Joined { room, .. }
            | Event::Left { room, .. }
            | Event::Presence { room, .. }
            | Event::Count { room, .. }
            | Event::Seen { room, .. }
            | Event::SeenBy { room, .. } => here(*room),
            _ => true,
        }
    }

    fn is_past(&self, record: &Record) -> bool {
        record.to.is_none() && self.wanted.since.is_some_and(|since| record.seq <= since)
    }

    /// Whether the numbers that the reader left off at are those of before: of another hub, or of a store that is no more.
    fn begins_anew(&self, event: &Event) -> bool {
        match event {
            Event::Moving { .. } => true,
            Event::Room(facts) => {
                let named = self.wanted.room.is_some() && self.wants(event);
                named && self.wanted.since.is_some_and(|since| facts.head < since)
            }
            _ => false,
        }
    }

    fn waits(&self, line: &str) -> bool {
        matches!(lines::parse(line), Ok(Asked::Line(line)) if self.view.waits(&line, self.tally.waiting()))
    }

    fn line(&mut self, line: &str) {
        if self.waits(line) {
            return self.wished.hold(line);
        }
        let before = self.view.out.len();
        let done = match lines::parse(line) {
            Ok(Asked::Line(line)) => {
                let (at, said) = (self.view.at, line.starts_with("/msg"));
                let done = self.view.line(&line);
                // To speak to someone once is not to go there.
                self.view.go(if said { at } else { self.view.at });
                done
            }
            Ok(Asked::Say { to, kind, text }) => {
                let to = to.or_else(|| self.view.current().target());
                let at = self.view.at;
                let done = self.view.say(to, kind, text);
                self.view.go(at);
                done
            }
            Err(why) => {
                self.view.note_here(why, true);
                Done::Refused
            }
        };
        for command in self.view.out.iter().skip(before) {
            self.tally.says(command);
            self.wished.asks(command, self.now);
        }
        match done {
            Done::Taken => {}
            Done::Refused => self.wished.wrong(),
            // Nobody can write it anew.
            Done::Keep => self.tally.lost(),
            Done::Quit => self.ended = Some(Ended::Quit),
            Done::Stay => self.ended = Some(Ended::Stay),
        }
        // What the line led to at once: help, or why it was not taken.
        for (_, told) in std::mem::take(&mut self.view.told) {
            self.put(note(&told));
        }
    }
}

impl Screen for Json {
    fn event(&mut self, event: Event, now: Instant) {
        self.now = now;
        self.tally.event(&event);
        self.wished.event(&event, self.view.my_no());
        let gone = matches!(event, Event::Gone(_));
        if !gone {
            self.view.apply(event.clone(), now);
        }
        if self.begins_anew(&event) {
            self.wanted.since = None;
        }
        let past = matches!(&event, Event::Message { record, .. } | Event::Older(record) if self.is_past(record));
        if self.wants(&event) && !past {
            let object = object(&self.view, &event);
            self.put(object);
        }
        if gone {
            self.view.apply(event, now);
        }
        self.view.told.clear();
    }

    fn notice(&mut self, notice: &Notice) {
        // An error is what went wrong with something that was asked for.
        let (text, _) = words::notice(notice);
        self.put(note(&Note { text, trouble: false }));
    }

    fn typed(&mut self, typed: Typed, now: Instant) {
        self.now = now;
        match typed {
            Typed::Line(line) => self.line(&line),
            Typed::End => self.input_ended = true,
            Typed::Failed(error) => self.ended = Some(Ended::Failed(error)),
            _ => {}
        }
    }

    fn show(&mut self, now: Instant) -> io::Result<()> {
        self.now = now;
        if let Some(line) = self.wished.release() {
            self.line(&line);
        }
        if let Some(wish) = self.wished.overdue(now) {
            self.put(note(&Note { text: words::unanswered(&wish), trouble: true }));
        }
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            (self.print)(&text)?;
        }
        let input_ended = self.input_ended && !self.wished.is_busy();
        appended(&mut self.view, &mut self.tally, input_ended, &mut self.ended, now);
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        [self.view.due(self.now), self.tally.due(), self.wished.due()].into_iter().flatten().min()
    }

    fn commands(&mut self) -> &mut VecDeque<Command> {
        &mut self.view.out
    }

    fn listens(&self) -> bool {
        let full = self.tally.waiting() >= FULL || self.wished.is_busy();
        !self.wanted.follow && !self.input_ended && self.view.takes_lines() && !full
    }

    fn ended(&mut self) -> Option<Ended> {
        self.ended.take()
    }

    fn not_stored(&self) -> usize {
        self.tally.waiting() + self.tally.refused()
    }

    fn undone(&self) -> Undone {
        self.wished.undone()
    }

    fn takes_on(&self) -> bool {
        !self.wanted.follow && !self.input_ended && self.ended.is_none() && !self.wished.is_busy()
    }
}

#[cfg(test)]
mod tests;
