//! What lines of a pipe ask of the hub. Nobody can type them again, so each waits until the hub is there, and for its answer:
//! lines are carried out in their order, and not one after the other has failed in silence.

use super::Undone;
use super::view::same;
use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::ids::MemberNo;
use puerta_talk::room::member::ANSWER;
use std::time::{Duration, Instant};

/// How long an answer is waited for: what the core waits for is told by it before.
const LONGEST: Duration = ANSWER.saturating_add(Duration::from_secs(2));

/// One line that waits for the hub, and one wish that waits for its answer, at most: whoever has one reads no more of its pipe.
#[derive(Debug, Default)]
pub(super) struct Wished {
    held: Option<String>,
    asked: Option<(Command, Instant)>,
    undone: Undone,
}

impl Wished {
    /// This line waits.
    pub(super) fn hold(&mut self, line: &str) {
        self.held = Some(line.to_owned());
    }

    /// The line that waits, to be tried again.
    pub(super) fn release(&mut self) -> Option<String> {
        self.held.take()
    }

    /// This is given to the core.
    pub(super) fn asks(&mut self, command: &Command, now: Instant) {
        if !matches!(command, Command::Say { .. } | Command::Seen { .. }) {
            self.asked = Some((command.clone(), now + LONGEST));
        }
    }

    /// What the core tells of it. `me` is our number.
    pub(super) fn event(&mut self, event: &Event, me: Option<MemberNo>) {
        let answers = |command: &Command| match (event, command) {
            (Event::Rooms(_), Command::Rooms) => true,
            (Event::Members { room, .. }, Command::Who(of)) => room == of,
            (Event::Invite { room, .. }, Command::Invite { room: of, .. }) => room == of,
            (Event::Older(record), Command::Older(of)) => record.room == *of,
            (Event::Oldest(room) | Event::Gone(room), Command::Older(of) | Command::Leave(of)) => room == of,
            (Event::Room(facts), Command::Join(name)) => facts.name.as_ref().is_some_and(|room| same(room, name)),
            (Event::Renamed { who, .. }, Command::Rename(_)) => Some(who.no) == me,
            // It does not say what for.
            (Event::Sorry(_), _) => true,
            (Event::Unanswered(question), _) => question == command,
            _ => false,
        };
        if self.asked.take_if(|(command, _)| answers(command)).is_some() {
            self.undone.refused += usize::from(matches!(event, Event::Sorry(_) | Event::Unanswered(_)));
        }
    }

    /// What has no answer by now, and will have none.
    pub(super) fn overdue(&mut self, now: Instant) -> Option<Command> {
        let (command, _) = self.asked.take_if(|(_, until)| now >= *until)?;
        self.undone.refused += 1;
        Some(command)
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.asked.as_ref().map(|(_, until)| *until)
    }

    /// Whether lines behind have to wait.
    pub(super) fn is_busy(&self) -> bool {
        self.held.is_some() || self.asked.is_some()
    }

    /// A line was not carried out.
    pub(super) fn wrong(&mut self) {
        self.undone.wrong += 1;
    }

    pub(super) fn undone(&self) -> Undone {
        Undone { refused: self.undone.refused + usize::from(self.held.is_some()), ..self.undone }
    }
}
