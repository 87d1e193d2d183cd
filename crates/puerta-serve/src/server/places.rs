//! How many connections there are, in all and from each address.

use crate::core::access::failures::network;
use puerta::Endpoint;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Who comes and goes where there are as many as may be does not have that told again and again: once in this time.
pub(super) const AGAIN: Duration = Duration::from_secs(60);
/// Of so many addresses in that time, at most.
const TOLD: usize = 64;

/// The count of connections.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    per_address: usize,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Never more entries than connections.
    addresses: HashMap<IpAddr, usize>,
    full: Option<Told>,
    /// Never more than [`TOLD`].
    crowded: HashMap<IpAddr, Told>,
}

/// It was told that there are too many.
#[derive(Debug)]
struct Told {
    at: Instant,
    /// Since then there were fewer.
    fewer: bool,
}

/// A connection's place; free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    address: Option<IpAddr>,
}

/// Why there is no place. `told`: that was said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// There are as many connections as may be.
    Full { most: usize, told: bool },
    /// There are as many of this address as may be.
    Crowded { network: IpAddr, most: usize, told: bool },
}

impl Places {
    pub(super) fn new(most: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Places { most, per_address, taken: Mutex::default(), freed: Notify::new() })
    }

    /// A place for a connection of that peer.
    pub(super) fn take(self: &Arc<Self>, peer: &Endpoint, now: Instant) -> Result<Place, NoPlace> {
        let mut taken = self.lock();
        if taken.all >= self.most {
            return Err(NoPlace::Full { most: self.most, told: taken.was_full(now) });
        }
        let address = peer.inet().map(|peer| network(peer.ip()));
        if let Some(address) = address {
            let count = taken.addresses.entry(address).or_default();
            if *count >= self.per_address {
                let told = taken.was_crowded(address, now);
                return Err(NoPlace::Crowded { network: address, most: self.per_address, told });
            }
            *count += 1;
        }
        taken.all += 1;
        Ok(Place { places: self.clone(), address })
    }

    /// Waits until a place is freed.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Whether it was told that there are too many; from now on it is.
    fn was_full(&mut self, now: Instant) -> bool {
        let told = self.full.as_ref().is_some_and(|told| told.holds(now));
        if !told {
            self.full = Some(Told { at: now, fewer: false });
        }
        told
    }

    /// The same for an address. Where too many addresses were told of lately, this one counts as told.
    fn was_crowded(&mut self, address: IpAddr, now: Instant) -> bool {
        if self.crowded.get(&address).is_some_and(|told| told.holds(now)) {
            return true;
        }
        if self.crowded.len() >= TOLD {
            self.crowded.retain(|_, told| told.is_fresh(now));
        }
        let told = self.crowded.len() >= TOLD;
        if !told {
            self.crowded.insert(address, Told { at: now, fewer: false });
        }
        told
    }
}

impl Told {
    /// As long as there were not fewer, and for a while after it was told.
    fn holds(&self, now: Instant) -> bool {
        !self.fewer || self.is_fresh(now)
    }

    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < AGAIN
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(told) = &mut taken.full {
            told.fewer = true;
        }
        if let Some(address) = self.address {
            if let Some(told) = taken.crowded.get_mut(&address) {
                told.fewer = true;
            }
            if let Entry::Occupied(mut entry) = taken.addresses.entry(address) {
                *entry.get_mut() = entry.get().saturating_sub(1);
                if *entry.get() == 0 {
                    entry.remove();
                }
            }
        }
        drop(taken);
        self.places.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> Endpoint {
        Endpoint::Inet(([10, 0, (number >> 8) as u8, number as u8], 80).into())
    }

    /// How often that is told: there is no place for the peer, one is freed, and it is taken, so many times.
    fn told(places: &Arc<Places>, peer: &Endpoint, times: usize, now: Instant) -> usize {
        let mut place = Some(places.take(peer, now).unwrap());
        let news = (0..times).filter(|_| {
            let refused = places.take(peer, now).unwrap_err();
            drop(place.take());
            place = Some(places.take(peer, now).unwrap());
            matches!(refused, NoPlace::Full { told: false, .. } | NoPlace::Crowded { told: false, .. })
        });
        news.count()
    }

    #[test]
    fn who_comes_and_goes_at_a_limit_has_it_told_once_a_minute() {
        let start = Instant::now();
        for places in [Places::new(1, 10), Places::new(10, 1)] {
            assert_eq!(told(&places, &peer(1), 1000, start), 1);
            assert_eq!(told(&places, &peer(1), 1000, start + AGAIN / 2), 0);
            assert_eq!(told(&places, &peer(1), 1000, start + AGAIN), 1);
        }
    }

    #[test]
    fn as_long_as_there_are_not_fewer_it_is_told_once() {
        let start = Instant::now();
        for places in [Places::new(1, 10), Places::new(10, 1)] {
            let _place = places.take(&peer(1), start).unwrap();
            let news = |now| {
                let refused = places.take(&peer(1), now).unwrap_err();
                matches!(refused, NoPlace::Full { told: false, .. } | NoPlace::Crowded { told: false, .. })
            };
            assert_eq!([start, start + AGAIN, start + AGAIN * 2].map(news), [true, false, false]);
        }
    }

    #[test]
    fn of_many_addresses_some_are_told_of_in_a_minute_and_no_more_are_remembered() {
        let (start, places) = (Instant::now(), Places::new(10_000, 1));
        let all = |now| (0..1000).map(|number| told(&places, &peer(number), 1, now)).sum::<usize>();
        assert_eq!(all(start), TOLD);
        assert_eq!(all(start + AGAIN), TOLD);
        let taken = places.lock();
        assert_eq!((taken.crowded.len(), taken.addresses.len(), taken.all), (TOLD, 0, 0));
    }
}
