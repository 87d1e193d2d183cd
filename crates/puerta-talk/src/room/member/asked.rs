//! Questions to the hub: each is answered, or the user hears that it was not.

use super::{Effect, Link, Member};
use crate::room::event::{Command, Event};
use crate::room::frame::{Refusal, ToHub, ToMember};
use crate::room::record::Record;
use std::time::Duration;

/// How long a question waits for its answer.
pub const ANSWER: Duration = Duration::from_secs(10);

/// Questions that wait for their answers, at most: what comes above takes the place of the oldest, which is told.
const ASKED: usize = 32;

impl Member {
    pub(super) fn question(&mut self, now: Duration, command: Command, out: &mut Vec<Effect>) {
        let frame = match self.asks(&command) {
            Ok(frame) => frame,
            Err(why) => return out.push(Effect::Show(Event::Sorry(why))),
        };
        if self.link != Link::Up {
            return out.push(Effect::Show(Event::Unanswered(command)));
        }
        if self.asked.len() >= ASKED {
            let oldest = self.asked.pop_front();
            out.extend(oldest.map(|(_, command)| Effect::Show(Event::Unanswered(command))));
        }
        self.asked.push_back((now, command));
        out.push(Effect::Send(frame));
    }

    fn asks(&self, command: &Command) -> Result<ToHub, Refusal> {
        Ok(match *command {
            Command::Older(room) => {
                let not_in_room = || Refusal::NotInRoom { room: room.0.to_string() };
                ToHub::Before { room, seq: self.rooms.get(&room).ok_or_else(not_in_room)?.oldest() }
            }
            Command::Invite { room, once, lasts, renew } => ToHub::Invite { room, once, lasts, renew },
            Command::Who(room) => ToHub::Who { room },
            _ => ToHub::Rooms,
        })
    }

    /// A frame may be an answer.
    pub(super) fn answered(&mut self, frame: &ToMember) {
        let answers = |command: &Command| match (frame, command) {
            (ToMember::Rooms { more, .. }, Command::Rooms) => !more,
            (ToMember::Members { room, more, .. }, Command::Who(of)) => !more && room == of,
            (ToMember::Invite { room, .. }, Command::Invite { room: of, .. }) => room == of,
            (ToMember::Older(Record { room, .. }) | ToMember::Oldest { room, .. }, Command::Older(of)) => room == of,
            (ToMember::Gone { room }, Command::Older(of)) => room == of,
            // It does not say what for.
            (ToMember::Sorry(_), _) => true,
            _ => false,
        };
        if let Some(at) = self.asked.iter().position(|(_, command)| answers(command)) {
            self.asked.remove(at);
        }
    }

    /// No answer will come any more.
    pub(super) fn unanswered(&mut self, out: &mut Vec<Effect>) {
        out.extend(self.asked.drain(..).map(|(_, command)| Effect::Show(Event::Unanswered(command))));
    }

    /// No answer came in time.
    pub(super) fn overdue(&mut self, now: Duration, out: &mut Vec<Effect>) {
        while self.answer_due().is_some_and(|due| now >= due)
            && let Some((_, command)) = self.asked.pop_front()
        {
            out.push(Effect::Show(Event::Unanswered(command)));
        }
    }

    pub(super) fn answer_due(&self) -> Option<Duration> {
        self.asked.front().map(|(at, _)| *at + ANSWER)
    }
}
