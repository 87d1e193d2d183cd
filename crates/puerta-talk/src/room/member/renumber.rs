//! A copy of our outbox has given numbers that we give, too: one that was put back from a backup does. The hub would take what is
//! new for a repeat, so it gets another number.

use super::{Effect, Link, Member};
use crate::room::event::Event;
use crate::room::frame::Welcome;
use crate::room::ids::MessageId;
use std::time::Duration;

impl Member {
    /// Whether the hub has more of our stream than we ever sent.
    pub(super) fn is_copied(&self, welcome: &Welcome) -> bool {
        welcome.streams.iter().any(|(stream, last)| *stream == self.setup.stream && *last > self.sent)
    }

    /// The hub has another message under the id of one that is pending.
    pub(super) fn number_taken(&mut self, now: Duration, id: MessageId, out: &mut Vec<Effect>) {
        if !self.pending().any(|message| message.id == id) {
            return;
        }
        if id.stream == self.setup.stream {
            self.renew(now, Some(id), out);
        } else {
            self.renumber(&[id], out);
        }
    }

    /// Goes on with another stream: this message and those that were never sent go along.
    pub(super) fn renew(&mut self, now: Duration, taken: Option<MessageId>, out: &mut Vec<Effect>) {
        let (stream, sent) = (self.setup.stream, self.sent);
        let goes = |id: &MessageId| Some(*id) == taken || (id.stream == stream && id.number > sent);
        let ids: Vec<MessageId> = self.pending().map(|message| message.id).filter(goes).collect();
        self.setup.stream = self.setup.spare;
        self.setup.spare = self.setup.spare.wrapping_add(1);
        (self.next_number, self.sent) = (1, 0);
        self.renumber(&ids, out);
        // The hub takes only streams that the first Hello of a connection has named.
        out.push(Effect::Disconnect);
        if self.link == Link::Up {
            self.cut(now, out);
        } else {
            self.link = Link::Down { retry: now + self.pause };
        }
    }

    fn renumber(&mut self, ids: &[MessageId], out: &mut Vec<Effect>) {
        let (mut messages, mut shown) = (Vec::new(), Vec::new());
        for id in ids {
            let Some(mut outgoing) = self.remove(*id) else { continue };
            let now = MessageId { stream: self.setup.stream, number: self.next_number };
            self.next_number += 1;
            outgoing.message.id = now;
            (outgoing.kept, outgoing.sent) = (false, None);
            if self.shown.remove(id) {
                self.shown.insert(now);
                shown.push(Effect::Show(Event::Renumbered { id: *id, now }));
            }
            messages.push((*id, outgoing.message.clone()));
            self.pending.push_back(outgoing);
        }
        out.push(Effect::Renumber { stream: self.setup.stream, messages });
        out.append(&mut shown);
    }
}
