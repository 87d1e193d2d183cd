//! Who was here before comes in without Retry: the hub gives each member tokens (RFC 9000, section 8.1.3) that show that the
//! address is its own. A round trip less is a third of the handshake, and where packets get lost it is twice as likely to succeed.

use bytes::Bytes;
use quinn::{TokenLog, TokenReuseError, TokenStore};
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Tokens that a hub gives to each connection: 8. Each is good once.
pub(super) const SENT: u32 = 8;

/// For how long: 10 minutes.
pub(super) const LIFETIME: Duration = Duration::from_secs(600);

/// Used tokens that a hub knows again: 65,536, some 2 MiB. Who comes with another one then is asked by Retry.
const USED: usize = 1 << 16;

/// A member's tokens. Attempts that overlap take the same again, one after the other: which of them arrive nobody knows.
#[derive(Debug, Default)]
pub(super) struct Kept(Mutex<VecDeque<Bytes>>);

impl TokenStore for Kept {
    fn insert(&self, _: &str, token: Bytes) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(SENT as usize - 1);
        kept.push_front(token);
    }

    fn take(&self, _: &str) -> Option<Bytes> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let token = kept.pop_front()?;
        kept.push_back(token.clone());
        Some(token)
    }
}

/// The tokens that a hub has seen: those since a time, and those of the lifetime before.
#[derive(Debug)]
pub(super) struct Used(Mutex<(SystemTime, [HashSet<u128>; 2])>);

impl Default for Used {
    fn default() -> Self {
        Used(Mutex::new((SystemTime::now(), Default::default())))
    }
}

impl TokenLog for Used {
    fn check_and_insert(&self, nonce: u128, issued: SystemTime, lifetime: Duration) -> Result<(), TokenReuseError> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, [now, before]) = &mut *used;
        // A clock that was set back makes every token a used one for a time.
        let today = SystemTime::now();
        if today.duration_since(*since).is_ok_and(|age| age >= lifetime) {
            *before = std::mem::take(now);
            *since = today;
        }
        let old = today.duration_since(issued).is_ok_and(|age| age >= lifetime);
        if old || now.len() >= USED || before.contains(&nonce) || !now.insert(nonce) {
            return Err(TokenReuseError);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_once_and_not_for_ever() {
        let used = Used::default();
        let now = SystemTime::now();
        assert!(used.check_and_insert(1, now, LIFETIME).is_ok());
        assert!(used.check_and_insert(1, now, LIFETIME).is_err());
        assert!(used.check_and_insert(2, now, LIFETIME).is_ok());
        assert!(used.check_and_insert(3, now - LIFETIME, LIFETIME).is_err());
    }

    #[test]
    fn a_hub_keeps_a_bounded_number_of_tokens_in_mind() {
        let used = Used::default();
        let taken = (0..USED as u128 + 9).filter(|n| used.check_and_insert(*n, SystemTime::now(), LIFETIME).is_ok());
        assert_eq!(taken.count(), USED);
    }

    #[test]
    fn a_member_keeps_the_newest_tokens_and_takes_one_after_the_other() {
        let kept = Kept::default();
        assert_eq!(kept.take("hub"), None);
        (0..20_u8).for_each(|n| kept.insert("hub", Bytes::from(vec![n])));
        let taken: Vec<u8> = (0..2 * SENT).map(|_| kept.take("hub").map_or(99, |token| token[0])).collect();
        let newest: Vec<u8> = (12..20).rev().collect();
        assert_eq!(taken, [newest.clone(), newest].concat());
    }
}
