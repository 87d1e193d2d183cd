//! How many messages are under way in a room: no I/O, the same arithmetic for every loader.

use crate::Result;
use std::collections::VecDeque;

/// Counts what each member has. A member has what it sent itself.
pub(crate) struct Window {
    outstanding: u64,
    sent: u64,
    deliveries: u64,
    has: Vec<u64>,
    /// The least that any member has.
    least: u64,
    /// How many members have `least`, `least` + 1, …: the least rises without a search.
    levels: VecDeque<usize>,
}

impl Window {
    /// For so many members, none of whom may lack more than `outstanding` messages.
    pub(crate) fn new(members: usize, outstanding: u64) -> Window {
        Window { outstanding, sent: 0, deliveries: 0, has: vec![0; members], least: 0, levels: [members].into() }
    }

    /// How many messages may be sent now.
    pub(crate) fn free(&self) -> u64 {
        self.outstanding.saturating_sub(self.sent - self.least)
    }

    /// A member sends one.
    pub(crate) fn send(&mut self, by: usize) {
        self.sent += 1;
        self.advance(by, 1);
    }

    /// A member has got so many more.
    ///
    /// # Errors
    /// They are more than were sent.
    pub(crate) fn receive(&mut self, member: usize, count: u64) -> Result<()> {
        let has = self.has.get(member).copied().unwrap_or_default();
        if has + count > self.sent {
            return Err(format!("member {member} got {} messages, of {} that were sent", has + count, self.sent));
        }
        self.deliveries += count;
        self.advance(member, count);
        Ok(())
    }

    /// Whether every member has every message.
    pub(crate) fn is_empty(&self) -> bool {
        self.least == self.sent
    }

    pub(crate) fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Who has least, in words.
    pub(crate) fn lack(&self) -> String {
        let at = self.has.iter().position(|has| *has == self.least).unwrap_or_default();
        format!("member {at} lacks {} of {} messages", self.sent - self.least, self.sent)
    }

    fn advance(&mut self, member: usize, count: u64) {
        let Some(has) = self.has.get_mut(member) else { return };
        let from = usize::try_from(*has - self.least).unwrap_or_default();
        *has += count;
        let to = usize::try_from(*has - self.least).unwrap_or_default();
        if self.levels.len() <= to {
            self.levels.resize(to + 1, 0);
        }
        for (level, change) in [(from, -1), (to, 1)] {
            if let Some(members) = self.levels.get_mut(level) {
                *members = members.saturating_add_signed(change);
            }
        }
        while self.levels.len() > 1 && self.levels.front() == Some(&0) {
            self.levels.pop_front();
            self.least += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_member_holds_the_window() {
        let mut window = Window::new(3, 2);
        assert_eq!((window.free(), window.is_empty()), (2, true));
        window.send(0);
        window.send(1);
        assert_eq!((window.free(), window.is_empty()), (0, false));
        assert_eq!(window.receive(0, 1), Ok(()));
        assert_eq!(window.receive(1, 1), Ok(()));
        assert_eq!(window.free(), 0);
        assert_eq!(window.receive(2, 1), Ok(()));
        assert_eq!((window.free(), window.lack()), (1, "member 2 lacks 1 of 2 messages".to_owned()));
        assert_eq!(window.receive(2, 1), Ok(()));
        assert_eq!((window.free(), window.is_empty(), window.deliveries()), (2, true, 4));
    }

    #[test]
    fn more_than_was_sent_is_an_error() {
        let mut window = Window::new(2, 8);
        window.send(0);
        assert!(window.receive(0, 1).is_err());
        assert_eq!(window.receive(1, 1), Ok(()));
        assert!(window.receive(1, 1).is_err());
    }
}
