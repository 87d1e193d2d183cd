//! `make 2>&1 | puerta talk --to '#build'`: what a pipe brings becomes messages, and it ends once all of them are stored.

mod joiner;

use super::tally::Tally;
use super::{Ended, Facts, Screen, Typed, clean, stdin, words};
use joiner::Joiner;
use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::frame::Target;
use puerta_talk::room::record::Kind;
use std::collections::VecDeque;
use std::io;
use std::time::Instant;
use tokio::sync::{mpsc, watch};

/// Messages on their way above which lines are only gathered: they join into fewer, longer ones.
const BUSY: usize = 4;
/// Messages on their way above which the pipe is not read.
const FULL: usize = 32;

/// Tells a line to the user.
pub(crate) type Tell = Box<dyn FnMut(&str) + Send>;

/// A pipe to a room or a member.
pub(crate) struct Pipe {
    /// Clean.
    hub: String,
    closed: watch::Receiver<bool>,
    to: Target,
    joiner: Joiner,
    tally: Tally,
    out: VecDeque<Command>,
    tell: Tell,
    told_cut: bool,
    ended: Option<Ended>,
    input_ended: bool,
    /// The hub has let us in, or not, or has gone.
    answered: bool,
    now: Instant,
}

impl Pipe {
    /// Reads stdin. What the user should know goes to `tell`, line by line.
    ///
    /// # Errors
    /// What the system says when there is no thread.
    pub(crate) fn open(facts: Facts, to: Target, typed: mpsc::Sender<Typed>, tell: Tell) -> io::Result<Self> {
        stdin::read(stdin::By::Bytes, typed)?;
        Ok(Pipe::new(facts, to, tell))
    }

    fn new(facts: Facts, to: Target, tell: Tell) -> Self {
        Pipe {
            hub: clean::name(&facts.hub),
            closed: facts.closed,
            to,
            joiner: Joiner::new(),
            tally: Tally::default(),
            out: VecDeque::new(),
            tell,
            told_cut: false,
            ended: None,
            input_ended: false,
            answered: false,
            now: Instant::now(),
        }
    }

    fn say(&mut self, text: String) {
        let command = Command::Say { to: self.to.clone(), kind: Kind::Text, text };
        self.tally.says(&command);
        self.out.push_back(command);
    }
}

impl Screen for Pipe {
    fn places() -> usize {
        super::PIECES
    }

    fn event(&mut self, event: Event, _: Instant) {
        self.tally.event(&event);
        self.answered |= !matches!(event, Event::Pending { .. } | Event::Waiting { .. });
        match event {
            Event::Online(welcome) => {
                self.hub = clean::name(&welcome.hub);
                self.joiner.limit(welcome.limits.message as usize);
            }
            Event::Denied(why) => self.ended = Some(Ended::Denied(why)),
            Event::NotTaken { text, why, .. } => {
                (self.tell)(&words::not_taken(&clean::name(&text), &words::refusal(&why)));
            }
            Event::OutboxFull { text, limit } => {
                (self.tell)(&words::not_taken(&clean::name(&text), &words::outbox_full(limit)));
            }
            Event::NotKept { text, why, .. } => {
                (self.tell)(&words::not_taken(&clean::name(&text), &words::not_kept(&why)));
            }
            Event::Offline if *self.closed.borrow() => (self.tell)(&words::closed(&self.hub)),
            Event::Offline => (self.tell)(words::OFFLINE),
            Event::ReadOnly(why) => (self.tell)(&words::read_only(&why)),
            Event::Unanswered(question) => (self.tell)(&words::unanswered(&question)),
            Event::OtherKey(why) => (self.tell)(&why),
            Event::Waiting { messages } => (self.tell)(&words::waiting(messages)),
            Event::NotMoved { messages, why } => (self.tell)(&words::not_moved(messages, &why)),
            _ => {}
        }
    }

    fn typed(&mut self, typed: Typed, now: Instant) {
        match typed {
            Typed::Bytes(bytes) => self.joiner.push(&bytes, now),
            Typed::End => {
                self.input_ended = true;
                self.joiner.end();
            }
            Typed::Failed(error) => self.ended = Some(Ended::Failed(error)),
            _ => {}
        }
    }

    fn show(&mut self, now: Instant) -> io::Result<()> {
        self.now = now;
        while self.tally.waiting() < FULL {
            let Some(text) = self.joiner.take(now, self.tally.waiting() >= BUSY) else { break };
            self.say(text);
        }
        if self.joiner.has_cut() && !std::mem::replace(&mut self.told_cut, true) {
            (self.tell)(words::CUT);
        }
        let done = self.input_ended && self.joiner.is_empty() && self.tally.waiting() == 0;
        if done && self.answered && self.ended.is_none() {
            self.ended = Some(Ended::Quit);
        }
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.joiner.due().filter(|_| self.tally.waiting() < BUSY)
    }

    fn commands(&mut self) -> &mut VecDeque<Command> {
        &mut self.out
    }

    fn listens(&self) -> bool {
        !self.input_ended && !self.joiner.is_full()
    }

    fn ended(&mut self) -> Option<Ended> {
        self.ended.take()
    }

    fn not_stored(&self) -> usize {
        self.tally.waiting() + self.tally.refused() + usize::from(!self.joiner.is_empty())
    }

    fn takes_on(&self) -> bool {
        !self.input_ended && !self.joiner.is_full()
    }

    /// What was read already is said, and so in the outbox.
    fn stopped(&mut self) {
        self.joiner.end();
        while let Some(text) = self.joiner.take(self.now, false) {
            self.say(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::screen::script::*;
    use std::sync::{Arc, Mutex};

    fn pipe() -> (Pipe, Arc<Mutex<Vec<String>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = told.clone();
        let tell = move |line: &str| heard.lock().unwrap().push(line.to_owned());
        (Pipe::new(facts(), Target::Room("build".to_owned()), Box::new(tell)), told)
    }

    fn said(pipe: &mut Pipe) -> Vec<String> {
        pipe.show(pipe.now).unwrap();
        let text = |command| match command {
            Command::Say { text, .. } => text,
            other => panic!("{other:?}"),
        };
        pipe.commands().drain(..).map(text).collect()
    }

    #[test]
    fn it_ends_only_when_all_is_stored() {
        let (mut pipe, _) = pipe();
        let now = Instant::now();
        pipe.typed(Typed::Bytes(b"one\ntwo\n".to_vec()), now);
        pipe.typed(Typed::End, now);
        assert_eq!(said(&mut pipe), ["one\ntwo"]);
        assert!(pipe.ended().is_none());
        pipe.event(pending(1, "build", "one\ntwo"), now);
        pipe.show(now).unwrap();
        assert!(pipe.ended().is_none() && pipe.not_stored() == 1);
        pipe.event(Event::Stored { id: id(ANA, 1), room: BUILD, seq: 1 }, now);
        pipe.show(now).unwrap();
        assert!(matches!(pipe.ended(), Some(Ended::Quit)));
        assert_eq!(pipe.not_stored(), 0);
    }

    #[test]
    fn the_same_of_a_run_before_is_not_taken_for_what_this_one_says() {
        let (mut pipe, _) = pipe();
        let now = pipe.now;
        pipe.typed(Typed::Bytes(b"ok\n".to_vec()), now);
        pipe.typed(Typed::End, now);
        assert_eq!(said(&mut pipe), ["ok"]);
        let to = Target::Room("build".to_owned());
        pipe.event(Event::Pending { id: id(ANA, 1), to, kind: Kind::Text, text: "ok".to_owned(), old: true }, now);
        pipe.event(pending(2, "build", "ok"), now);
        pipe.event(Event::Stored { id: id(ANA, 1), room: BUILD, seq: 1 }, now);
        pipe.show(now).unwrap();
        assert!(pipe.ended().is_none() && pipe.not_stored() == 1);
    }

    #[test]
    fn who_is_stopped_says_all_that_was_read() {
        let (mut pipe, _) = pipe();
        let now = pipe.now;
        for n in 0..BUSY {
            pipe.typed(Typed::Bytes(format!("{n}\n").into_bytes()), now);
            pipe.show(now + std::time::Duration::from_secs(1)).unwrap();
        }
        pipe.typed(Typed::Bytes(b"tail\npart".to_vec()), now);
        assert_eq!(said(&mut pipe).len(), BUSY);
        pipe.stopped();
        assert_eq!((said(&mut pipe), pipe.not_stored()), (vec!["tail\npart".to_owned()], BUSY + 1));
    }

    #[test]
    fn what_was_not_delivered_is_told() {
        let (mut pipe, told) = pipe();
        let now = Instant::now();
        pipe.typed(Typed::Bytes(b"one\n".to_vec()), now);
        pipe.typed(Typed::End, now);
        assert_eq!(said(&mut pipe), ["one"]);
        pipe.event(pending(1, "build", "one"), now);
        let why = puerta_talk::room::frame::Refusal::NotInRoom { room: "build".to_owned() };
        pipe.event(Event::NotTaken { id: Some(id(ANA, 1)), text: "one".to_owned(), why }, now);
        pipe.show(now).unwrap();
        assert!(matches!(pipe.ended(), Some(Ended::Quit)));
        assert_eq!(pipe.not_stored(), 1);
        assert!(told.lock().unwrap()[0].starts_with("not sent: you are not in #build"), "{told:?}");
    }

    #[test]
    fn what_the_member_could_not_do_is_told() {
        let (mut pipe, told) = pipe();
        pipe.event(Event::Unanswered(Command::Rooms), pipe.now);
        pipe.event(Event::Waiting { messages: 1 }, pipe.now);
        pipe.event(Event::NotMoved { messages: 2, why: "disk full".to_owned() }, pipe.now);
        let starts =
            ["not connected: the hub did not answer /rooms", "1 message of a program", "2 messages are not kept"];
        assert!(told.lock().unwrap().iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{told:?}");
        assert_eq!(told.lock().unwrap().len(), 3);
    }

    #[test]
    fn it_waits_for_a_message_that_got_another_id() {
        let (mut pipe, _) = pipe();
        let now = pipe.now;
        for event in [pending(1, "build", "hola"), Event::Renumbered { id: id(ANA, 1), now: id(EVE, 1) }] {
            if matches!(event, Event::Pending { .. }) {
                pipe.typed(Typed::Bytes(b"hola\n".to_vec()), now);
                pipe.typed(Typed::End, now);
                assert_eq!(said(&mut pipe), ["hola"]);
            }
            pipe.event(event, now);
        }
        pipe.event(Event::Stored { id: id(EVE, 1), room: BUILD, seq: 1 }, now);
        pipe.show(now).unwrap();
        assert!(matches!(pipe.ended(), Some(Ended::Quit)));
    }

    #[test]
    fn it_tells_whether_the_hub_is_away_or_was_closed() {
        let (mut away, told) = pipe();
        away.event(Event::Offline, Instant::now());
        assert_eq!(*told.lock().unwrap(), [words::OFFLINE]);
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = told.clone();
        let tell = move |line: &str| heard.lock().unwrap().push(line.to_owned());
        let mut closed = Pipe::new(facts_of_closed(), Target::Room("build".to_owned()), Box::new(tell));
        closed.event(Event::Offline, Instant::now());
        assert_eq!(*told.lock().unwrap(), [words::closed("casa")]);
    }

    #[test]
    fn a_long_line_is_cut_into_messages_and_told_once() {
        let (mut pipe, told) = pipe();
        let now = Instant::now();
        pipe.typed(Typed::Bytes("é".repeat(6000).into_bytes()), now);
        pipe.typed(Typed::End, now);
        let all = said(&mut pipe);
        assert_eq!(all.iter().map(String::len).collect::<Vec<_>>(), [4096, 4096, 3808]);
        assert_eq!(all.concat(), "é".repeat(6000));
        assert_eq!(*told.lock().unwrap(), [words::CUT]);
    }

    #[test]
    fn a_pipe_is_read_no_faster_than_its_messages_are_stored() {
        let (mut pipe, _) = pipe();
        let now = Instant::now();
        let line = format!("{}\n", "x".repeat(4000));
        let mut read = 0;
        while pipe.listens() {
            pipe.typed(Typed::Bytes(line.clone().into_bytes()), now);
            pipe.show(now).unwrap();
            read += 1;
            assert!(read < 1000);
        }
        assert_eq!(pipe.commands().len(), FULL);
    }
}
