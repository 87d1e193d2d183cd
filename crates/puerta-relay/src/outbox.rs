//! What goes to one datagram peer: sent in order, and kept until somebody was heard, so that it can go to another address.
//! No I/O.

use std::collections::VecDeque;
use std::rc::Rc;

/// How much is kept until somebody was heard: 64 KiB.
pub const KEPT_MAX: usize = 64 << 10;

/// Messages on their way to one peer.
#[derive(Debug)]
pub struct Outbox {
    messages: VecDeque<Rc<[u8]>>,
    /// How many of them, and how many bytes, the kernel has taken.
    sent: usize,
    sent_bytes: usize,
    /// Whether those are kept.
    keeps: bool,
}

impl Outbox {
    /// An empty one. Where there is no other address, it `keeps` nothing.
    pub fn new(keeps: bool) -> Self {
        Outbox { messages: VecDeque::new(), sent: 0, sent_bytes: 0, keeps }
    }

    /// Adds a message.
    pub fn push(&mut self, message: Vec<u8>) {
        self.messages.push_back(message.into());
    }

    /// The first that was not sent.
    pub fn next(&self) -> Option<Rc<[u8]>> {
        self.messages.get(self.sent).cloned()
    }

    /// The kernel has taken [`next`](Self::next). More than [`KEPT_MAX`] in all is not kept: then nothing is.
    pub fn sent(&mut self) {
        self.sent_bytes += self.messages.get(self.sent).map_or(0, |message| message.len());
        self.sent += 1;
        if !self.keeps || self.sent_bytes + self.sent > KEPT_MAX {
            self.settle();
        }
    }

    /// [`next`](Self::next) is given up: it is not sent, now or later.
    pub fn lose(&mut self) {
        self.messages.remove(self.sent);
    }

    /// Somebody was heard: what was sent has found its place.
    pub fn settle(&mut self) {
        self.keeps = false;
        self.messages.drain(..self.sent.min(self.messages.len()));
        (self.sent, self.sent_bytes) = (0, 0);
    }

    /// Nobody was there: all of it is to be sent again. Gives how many bytes had been sent; `None`: they are not there any
    /// more.
    pub fn again(&mut self) -> Option<usize> {
        self.keeps.then(|| {
            self.sent = 0;
            std::mem::take(&mut self.sent_bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(outbox: &mut Outbox) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(message) = outbox.next() {
            all.push(String::from_utf8(message.to_vec()).unwrap());
            outbox.sent();
        }
        all
    }

    fn with(keeps: bool, messages: &[&str]) -> Outbox {
        let mut outbox = Outbox::new(keeps);
        messages.iter().for_each(|message| outbox.push(message.as_bytes().to_vec()));
        outbox
    }

    #[test]
    fn what_nobody_answered_is_sent_again_in_order_before_what_comes_later() {
        let mut outbox = with(true, &["one", "", "two"]);
        assert_eq!(all(&mut outbox), ["one", "", "two"]);
        assert_eq!(outbox.again(), Some(6));
        outbox.push(b"three".to_vec());
        assert_eq!(all(&mut outbox), ["one", "", "two", "three"]);
        assert_eq!(outbox.again(), Some(11));
        outbox.sent();
        assert_eq!(outbox.again(), Some(3), "the rest was not sent yet");
    }

    #[test]
    fn what_is_given_up_is_not_sent_to_another_address_nor_counted() {
        let mut outbox = with(true, &["one", "two", "three"]);
        outbox.sent();
        outbox.lose();
        assert_eq!(all(&mut outbox), ["three"]);
        assert_eq!(outbox.again(), Some(8));
        assert_eq!(all(&mut outbox), ["one", "three"]);
        outbox.lose();
        assert_eq!(outbox.again(), Some(8), "there was no next one");
    }

    #[test]
    fn once_somebody_was_heard_nothing_is_sent_twice() {
        let mut outbox = with(true, &["one", "two"]);
        outbox.sent();
        outbox.settle();
        assert_eq!(outbox.again(), None);
        assert_eq!(all(&mut outbox), ["two"]);
        assert!(outbox.messages.is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded_and_only_for_another_address() {
        let mut outbox = with(true, &["x".repeat(KEPT_MAX).as_str(), "last"]);
        outbox.sent();
        assert_eq!((outbox.again(), outbox.messages.len()), (None, 1));
        let mut outbox = with(true, &vec![""; KEPT_MAX + 1]);
        assert_eq!(all(&mut outbox).len(), KEPT_MAX + 1);
        assert_eq!((outbox.again(), outbox.messages.len()), (None, 0), "empty ones count, too");
        let mut outbox = with(false, &["one"]);
        outbox.sent();
        assert_eq!((outbox.again(), outbox.messages.len()), (None, 0));
    }
}
