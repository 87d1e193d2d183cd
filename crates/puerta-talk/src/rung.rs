//! The rungs of the ladder on which a hub is found, and what is wrong with one, as values; their words stand in `words`.

/// A way to find a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rung {
    /// Broadcast on the loopback interface: the programs of this machine.
    Machine,
    /// Broadcast on an interface: everyone on its IPv4 network.
    Broadcast,
    /// All nodes (ff02::1) of an interface: everyone on its link who has IPv6.
    Multicast,
    /// mDNS, RFC 6762: everyone on the links of this machine.
    Mdns,
}

/// A rung does not work; the others go on.
#[derive(Debug)]
pub struct Trouble {
    /// Which.
    pub rung: Rung,
    /// On this interface alone.
    pub interface: Option<String>,
    /// Why.
    pub why: Why,
}

/// Why a rung does not work.
#[derive(Debug)]
pub enum Why {
    /// A socket call failed.
    Socket(puerta::Error),
    /// What the implementation of mDNS says.
    Mdns(String),
    /// This machine has no network for it.
    NoNetwork,
    /// The system gave no random bytes, so that no question can be told from another's.
    Random,
    /// More hubs than this announce themselves: the others are not told.
    TooMany(usize),
}
