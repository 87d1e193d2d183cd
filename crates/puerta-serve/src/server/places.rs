//! How many connections there are, in all and from each address.

use crate::core::access::failures::network;
use puerta::Endpoint;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

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
    full: bool,
    /// How many, and whether it was told that they are too many. Never more entries than connections.
    addresses: HashMap<IpAddr, (usize, bool)>,
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
    Crowded { most: usize, told: bool },
}

impl Places {
    pub(super) fn new(most: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Places { most, per_address, taken: Mutex::default(), freed: Notify::new() })
    }

    /// A place for a connection of that peer.
    pub(super) fn take(self: &Arc<Self>, peer: &Endpoint) -> Result<Place, NoPlace> {
        let mut taken = self.lock();
        if taken.all >= self.most {
            return Err(NoPlace::Full { most: self.most, told: std::mem::replace(&mut taken.full, true) });
        }
        let address = peer.inet().map(|peer| network(peer.ip()));
        if let Some(address) = address {
            let (count, told) = taken.addresses.entry(address).or_default();
            if *count >= self.per_address {
                return Err(NoPlace::Crowded { most: self.per_address, told: std::mem::replace(told, true) });
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

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all = taken.all.saturating_sub(1);
        taken.full = false;
        if let Some(Entry::Occupied(mut entry)) = self.address.map(|address| taken.addresses.entry(address)) {
            let (count, told) = entry.get_mut();
            (*count, *told) = (count.saturating_sub(1), false);
            if *count == 0 {
                entry.remove();
            }
        }
        drop(taken);
        self.places.freed.notify_one();
    }
}
