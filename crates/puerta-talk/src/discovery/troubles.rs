//! What does not work now, for whoever wants to be told.

use crate::rung::{Rung, Trouble, Why};
use std::sync::{Arc, Mutex, PoisonError};

/// How many are kept: a rung on an interface has one at most, and those behind are left out.
const MOST: usize = 64;

#[derive(Clone, Default)]
pub(super) struct Troubles(Arc<Mutex<Vec<Arc<Trouble>>>>);

impl Troubles {
    /// The rung works there, or not, from now on.
    pub(super) fn note(&self, rung: Rung, interface: Option<&str>, done: Result<(), Why>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|t| t.rung != rung || t.interface.as_deref() != interface);
        if let Err(why) = done
            && all.len() < MOST
        {
            all.push(Arc::new(Trouble { rung, interface: interface.map(str::to_owned), why }));
        }
    }

    /// What was done for the rung, where it was; the reason is kept where it was not.
    pub(super) fn keep<T>(&self, rung: Rung, interface: Option<&str>, done: Result<T, Why>) -> Option<T> {
        let (value, done) = match done {
            Ok(value) => (Some(value), Ok(())),
            Err(why) => (None, Err(why)),
        };
        self.note(rung, interface, done);
        value
    }

    /// As they are now.
    pub(super) fn all(&self) -> Vec<Arc<Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rung_that_works_again_is_no_trouble_and_others_stay() {
        let troubles = Troubles::default();
        for _ in 0..3 {
            troubles.note(Rung::Broadcast, Some("eth0"), Err(Why::NoNetwork));
            troubles.note(Rung::Broadcast, Some("eth1"), Err(Why::NoNetwork));
            troubles.note(Rung::Mdns, None, Err(Why::Mdns("no".into())));
        }
        assert_eq!(troubles.all().len(), 3);
        troubles.note(Rung::Broadcast, Some("eth0"), Ok(()));
        let left: Vec<_> = troubles.all().iter().map(|t| (t.rung, t.interface.clone())).collect();
        assert_eq!(left, [(Rung::Broadcast, Some("eth1".to_owned())), (Rung::Mdns, None)]);
    }

    #[test]
    fn there_is_an_end_to_troubles() {
        let troubles = Troubles::default();
        (0..1000).for_each(|i| troubles.note(Rung::Broadcast, Some(&i.to_string()), Err(Why::NoNetwork)));
        assert_eq!(troubles.all().len(), MOST);
    }
}
