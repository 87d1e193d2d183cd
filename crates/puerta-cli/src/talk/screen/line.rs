//! `--line`: each event is one line below those before. For screen readers, pipes and terminals that only append.
//!
//! On a terminal what we say stands there as it was typed, so it is not repeated: a line says that it waits once it has waited
//! for a second, and another when it was sent then.

mod editor;

use super::clock::Moment;
use super::tally::Tally;
use super::view::{Done, View};
use super::wished::Wished;
use super::{Ended, Facts, Notice, Print, Screen, Typed, Undone, appended, clean, stdin, words};
use editor::Editor;
use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::ids::{MemberNo, MessageId, RoomNo};
use puerta_talk::room::record::{Kind, Record};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long a message of ours waits before a line tells of it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Messages a place keeps: only what receipts and unread marks need.
const KEPT: usize = 64;
/// Our messages whose receipts are told.
const RECEIPTS: usize = 64;
/// Messages on their way above which a pipe is not read.
const FULL: usize = 64;
/// Columns of a message that a line about it repeats.
const QUOTED: usize = 60;

/// Lines on a terminal or a pipe.
pub(crate) struct Line {
    view: View,
    print: Print,
    lines: Vec<String>,
    tally: Tally,
    wished: Wished,
    /// Ours that a line has told of as waiting, or not yet.
    waiting: BTreeMap<MessageId, Waiting>,
    /// Ours that were stored: room, place, what they said.
    said: VecDeque<(RoomNo, u64, String)>,
    /// Rooms that a line has told of since the hub was last away.
    inside: BTreeSet<RoomNo>,
    /// What each member was told to have seen.
    seen: BTreeMap<(RoomNo, MemberNo), u64>,
    /// Whether what we say stands there already.
    echoes: bool,
    day: String,
    offset: fn(i64) -> i64,
    editor: Option<Editor>,
    /// Stdin is not read.
    follow: bool,
    input_ended: bool,
    ended: Option<Ended>,
    now: Instant,
}

struct Waiting {
    since: Instant,
    text: String,
    told: bool,
}

impl Line {
    /// Reads stdin, with line editing where both sides are a terminal that can; not at all if it only follows.
    ///
    /// # Errors
    /// What the terminal says.
    pub(crate) fn open(
        facts: Facts,
        follow: bool,
        typed: mpsc::Sender<Typed>,
        offset: fn(i64) -> i64,
    ) -> io::Result<Self> {
        let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let plain = |text: &str| {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()
        };
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb" || term.is_empty());
        let edited = if terminal && !dumb && !follow { Editor::open(typed.clone()) } else { None };
        let (print, editor): (Print, _) = match edited {
            Some((editor, print)) => (print, Some(editor)),
            None => {
                if !follow {
                    stdin::read(stdin::By::Lines, typed)?;
                }
                (Box::new(plain), None)
            }
        };
        let mut line = Line::new(facts, print, offset, terminal);
        line.editor = editor;
        line.follow = follow;
        Ok(line)
    }

    fn new(facts: Facts, print: Print, offset: fn(i64) -> i64, echoes: bool) -> Self {
        let hub = clean::isolated(&clean::name(&facts.hub));
        let state = if facts.verified { "" } else { words::UNVERIFIED };
        let fingerprint = if facts.verified { String::new() } else { clean::name(&facts.fingerprint) };
        let hub = format!("{hub} {state} {fingerprint}");
        let mut line = Line {
            view: View::new(facts, KEPT),
            print,
            lines: if hub.trim().is_empty() { Vec::new() } else { vec![note(hub.trim())] },
            tally: Tally::default(),
            wished: Wished::default(),
            waiting: BTreeMap::new(),
            said: VecDeque::new(),
            inside: BTreeSet::new(),
            seen: BTreeMap::new(),
            echoes,
            day: String::new(),
            offset,
            editor: None,
            follow: false,
            input_ended: false,
            ended: None,
            now: Instant::now(),
        };
        line.notes();
        line
    }

    /// What the model tells, as lines.
    fn notes(&mut self) {
        for (at, told) in std::mem::take(&mut self.view.told) {
            let place = self.view.places.get(at).filter(|_| at > 0 && at != self.view.at);
            let place = place.map(|place| format!("{}: ", clean::isolated(&place.title))).unwrap_or_default();
            self.lines.push(note(&format!("{place}{}", told.text)));
        }
    }

    /// Does what a line asks for. Without an editor nobody can write it anew.
    fn line(&mut self, line: &str) {
        let alone = self.editor.is_none();
        if alone && self.view.waits(line, self.tally.waiting()) {
            return self.wished.hold(line);
        }
        let (at, before) = (self.view.at, self.view.out.len());
        match self.view.line(line) {
            Done::Keep if alone => self.tally.lost(),
            Done::Refused if alone => self.wished.wrong(),
            Done::Taken | Done::Keep | Done::Refused => {}
            Done::Quit => self.ended = Some(Ended::Quit),
            Done::Stay => self.ended = Some(Ended::Stay),
        }
        for command in self.view.out.iter().skip(before) {
            self.tally.says(command);
            if alone {
                self.wished.asks(command, self.now);
            }
        }
        // /msg speaks to someone once; the room stays where it was.
        if line.starts_with("/msg") {
            self.view.go(at);
        }
        self.notes();
    }

    fn message(&mut self, record: &Record, older: bool) {
        let moment = Moment::of(record.at, (self.offset)(record.at));
        let day = moment.date();
        if !older && day != self.day {
            self.lines.push(note(&day));
            self.day = day.clone();
        }
        let name = clean::isolated(&clean::name(&record.from.name));
        let place = match &record.to {
            None => self.title(record.room),
            Some(to) if Some(record.from.no) == self.view.my_no() => {
                format!("to {} (private)", clean::isolated(&clean::name(&to.name)))
            }
            Some(_) => "(private)".to_owned(),
        };
        let when = if older { format!("{day} {}", moment.time()) } else { moment.time() };
        let text = clean::text(&record.text);
        let head = match record.kind {
            Kind::Text => format!("{when} {place} {name}:"),
            Kind::Action => format!("{when} {place} * {name}"),
        };
        // What continues a message cannot be taken for another one: it is indented and marked.
        self.lines.push(format!("{head} {}", text.replace('\n', "\n  | ")));
    }

    fn title(&self, room: RoomNo) -> String {
        let place = self.view.place_of(room).and_then(|at| self.view.places.get(at));
        place.map_or_else(|| format!("#{}", room.0), |place| clean::isolated(&place.title))
    }

    /// The lines of what the model has no notes for.
    fn tell(&mut self, event: &Event, now: Instant) {
        match event {
            Event::Online(welcome) => {
                let (hub, name) = (clean::name(&welcome.hub), clean::name(&welcome.you.name));
                self.lines.push(note(&format!(
                    "online: {}; you are {}",
                    clean::isolated(&hub),
                    clean::isolated(&name)
                )));
                if let Some(why) = &welcome.read_only {
                    self.lines.push(note(&words::read_only(why)));
                }
            }
            Event::Offline => {
                self.inside.clear();
                self.lines.extend(self.view.away().map(|away| note(&away)));
            }
            Event::ReadOnly(why) => self.lines.push(note(&words::read_only(why))),
            Event::Room(facts) => {
                if let Some(name) = facts.name.as_ref().filter(|_| self.inside.insert(facts.no)) {
                    let room = clean::isolated(&clean::room(name));
                    self.lines.push(note(&format!("in {room}: {}", words::count(facts.members, facts.online))));
                }
            }
            Event::Gone(room) => {
                self.inside.remove(room);
                self.lines.push(note(&format!("out of {}", self.title(*room))));
            }
            // The numbers of another hub begin anew.
            Event::Moving { .. } => {
                self.inside.clear();
                self.said.clear();
                self.seen.clear();
            }
            Event::NewSince { room, .. } => {
                let title = if self.view.place_of(*room).is_some() { self.title(*room) } else { "private".to_owned() };
                self.lines.push(note(&format!("{title}: {}", words::NEW)));
            }
            Event::Message { record, own } => {
                let waited = self.waiting.remove(&record.id).is_some_and(|w| w.told);
                if waited {
                    self.lines.push(note(&format!("sent: {}", quoted(&record.text))));
                }
                if *own {
                    self.remember(record);
                }
                if !(*own && self.echoes) {
                    self.message(record, false);
                }
            }
            Event::Older(record) => self.message(record, true),
            Event::Oldest(room) => self.lines.push(note(&format!("{}: {}", self.title(*room), words::OLDEST))),
            Event::Pending { id, text, .. } => {
                self.waiting.insert(*id, Waiting { since: now, text: quoted(text), told: false });
            }
            Event::Stored { id, .. } => {
                if let Some(waiting) = self.waiting.remove(id).filter(|w| w.told) {
                    self.lines.push(note(&format!("sent: {}", waiting.text)));
                }
            }
            Event::NotTaken { id: Some(id), .. } | Event::NotKept { id: Some(id), .. } => {
                self.waiting.remove(id);
            }
            Event::Renumbered { id, now } => {
                let waiting = self.waiting.remove(id);
                self.waiting.extend(waiting.map(|waiting| (*now, waiting)));
            }
            Event::Presence { room, who, online } if Some(who.no) != self.view.my_no() => {
                let text = words::presence(&clean::name(&who.name), *online);
                self.lines.push(note(&format!("{}: {text}", self.title(*room))));
            }
            Event::Seen { room, who, through } => self.seen(*room, *who, *through),
            Event::SeenBy { room, through, members } => {
                if let Some((.., text)) = self.said.iter().rev().find(|(r, seq, _)| r == room && seq <= through) {
                    self.lines.push(note(&format!("{}: {members} have seen: {text}", self.title(*room))));
                }
            }
            _ => {}
        }
    }

    fn remember(&mut self, record: &Record) {
        self.said.push_back((record.room, record.seq, quoted(&record.text)));
        if self.said.len() > RECEIPTS {
            self.said.pop_front();
        }
    }

    /// One line a member for the newest of ours that it has seen.
    fn seen(&mut self, room: RoomNo, who: MemberNo, through: u64) {
        let before = self.seen.insert((room, who), through).unwrap_or(0);
        let newest = self.said.iter().rev().find(|(r, seq, _)| *r == room && *seq <= through);
        let Some((_, _, text)) = newest.filter(|(_, seq, _)| *seq > before) else { return };
        let place = self.view.place_of(room).and_then(|at| self.view.places.get(at));
        let Some(member) = place.and_then(|place| place.members.get(&who)) else { return };
        let name = clean::isolated(&member.name);
        self.lines.push(note(&format!("{}: {name} has seen: {text}", self.title(room))));
    }
}

impl Screen for Line {
    fn event(&mut self, event: Event, now: Instant) {
        self.now = now;
        self.tally.event(&event);
        self.wished.event(&event, self.view.my_no());
        // A room that goes has its name no more afterwards; others have theirs only then.
        let before = matches!(event, Event::Gone(_));
        if before {
            self.tell(&event, now);
        }
        self.view.apply(event.clone(), now);
        if !before {
            self.tell(&event, now);
        }
        self.notes();
    }

    fn notice(&mut self, notice: &Notice) {
        let (text, trouble) = words::notice(notice);
        self.view.note_here(text, trouble);
        self.notes();
    }

    fn typed(&mut self, typed: Typed, now: Instant) {
        self.now = now;
        match typed {
            Typed::Line(line) => {
                self.line(&line);
                if let Some(editor) = &mut self.editor
                    && self.ended.is_none()
                {
                    editor.next(&clean::isolated(&self.view.current().title));
                }
            }
            Typed::Interrupt | Typed::End if self.editor.is_some() => self.ended = Some(Ended::Quit),
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
            self.lines.push(note(&words::unanswered(&wish)));
        }
        for waiting in self.waiting.values_mut().filter(|w| !w.told && w.since + PATIENCE <= now) {
            waiting.told = true;
            self.lines.push(note(&format!("waits to be sent: {}", waiting.text)));
        }
        if !self.lines.is_empty() {
            let mut text = self.lines.join("\n");
            text.push('\n');
            self.lines.clear();
            if self.echoes && self.view.call().is_some() {
                text.push('\x07');
            }
            (self.print)(&text)?;
        }
        let input_ended = self.input_ended && !self.wished.is_busy();
        appended(&mut self.view, &mut self.tally, input_ended, &mut self.ended, now);
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        let waiting = self.waiting.values().filter(|w| !w.told).map(|w| w.since + PATIENCE);
        waiting.chain(self.view.due(self.now)).chain(self.tally.due()).chain(self.wished.due()).min()
    }

    fn commands(&mut self) -> &mut VecDeque<Command> {
        &mut self.view.out
    }

    fn listens(&self) -> bool {
        let full = self.tally.waiting() >= FULL || self.wished.is_busy();
        self.editor.is_some() || (!self.follow && !self.input_ended && self.view.takes_lines() && !full)
    }

    fn ended(&mut self) -> Option<Ended> {
        self.ended.take()
    }

    fn not_stored(&self) -> usize {
        self.tally.waiting() + self.tally.refused()
    }

    fn undone(&self) -> Undone {
        // Who types sees it at once, and types it again.
        if self.echoes { Undone::default() } else { self.wished.undone() }
    }

    fn takes_on(&self) -> bool {
        let reads = self.editor.is_none() && !self.follow && !self.input_ended;
        reads && self.ended.is_none() && !self.wished.is_busy()
    }
}

/// A line of our own: no message begins so.
fn note(text: &str) -> String {
    format!("-- {text}")
}

fn quoted(text: &str) -> String {
    puerta_text::fit(&clean::name(text), QUOTED).into_owned()
}

#[cfg(test)]
mod tests;
