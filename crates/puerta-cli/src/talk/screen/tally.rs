//! Which messages of this run the hub has not stored yet.

use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::frame::Target;
use puerta_talk::room::ids::MessageId;
use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// How long nothing is on its way when a screen ends with its input: the record of what was stored comes behind its receipt.
pub(super) const REST: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Given to the core, and not yet in its outbox.
    said: VecDeque<(Target, String)>,
    /// In the outbox.
    pending: BTreeSet<MessageId>,
    /// Refused, or not kept.
    refused: usize,
    /// Since when nothing was on its way and no more could come.
    idle: Option<Instant>,
}

impl Tally {
    /// This is given to the core.
    pub(super) fn says(&mut self, command: &Command) {
        if let Command::Say { to, text, .. } = command {
            self.said.push_back((to.clone(), text.clone()));
        }
    }

    /// What the core tells of it.
    pub(super) fn event(&mut self, event: &Event) {
        match event {
            // Others were pending before we began.
            Event::Pending { id, to, text, old: false, .. }
                if self.said.front().is_some_and(|(said_to, said)| said_to == to && said == text) =>
            {
                self.said.pop_front();
                self.pending.insert(*id);
            }
            Event::Stored { id, .. } => {
                self.pending.remove(id);
            }
            Event::Message { record, own: true } => {
                self.pending.remove(&record.id);
            }
            Event::NotTaken { id: Some(id), .. } => self.refused += usize::from(self.pending.remove(id)),
            Event::Renumbered { id, now } if self.pending.remove(id) => {
                self.pending.insert(*now);
            }
            Event::NotKept { id: Some(id), .. } if self.pending.remove(id) => self.refused += 1,
            Event::NotTaken { id: None, text, .. } | Event::OutboxFull { text, .. } | Event::NotKept { text, .. } => {
                if let Some(at) = self.said.iter().position(|(_, said)| said == text) {
                    self.said.remove(at);
                    self.refused += 1;
                }
            }
            _ => {}
        }
    }

    /// This was not even given to the core.
    pub(super) fn lost(&mut self) {
        self.refused += 1;
    }

    /// On their way.
    pub(super) fn waiting(&self) -> usize {
        self.said.len() + self.pending.len()
    }

    /// Whether it has rested for [`REST`], when it does now.
    pub(super) fn rested(&mut self, idle: bool, now: Instant) -> bool {
        if !idle {
            self.idle = None;
            return false;
        }
        now >= *self.idle.get_or_insert(now) + REST
    }

    /// When it will have.
    pub(super) fn due(&self) -> Option<Instant> {
        self.idle.map(|since| since + REST)
    }

    /// Given to the core, of which it has told nothing.
    pub(super) fn given(&self) -> usize {
        self.said.len()
    }

    /// Will not be stored.
    pub(super) fn refused(&self) -> usize {
        self.refused
    }
}
