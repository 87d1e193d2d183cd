//! What a world is like: drawn from its seed before it begins.

use crate::random::Random;
use puerta_talk::room::limits::Limits;
use puerta_talk::room::member::From;

/// A millisecond, in the world's microseconds.
pub(crate) const MS: u64 = 1000;

/// A second.
pub(crate) const SECOND: u64 = 1000 * MS;

/// How a world is set up.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) network: Network,
    /// One, or two of which the first yields.
    pub(crate) hubs: usize,
    /// When it yields.
    pub(crate) yields_at: u64,
    pub(crate) may_move: u64,
    pub(crate) invite_only: bool,
    pub(crate) limits: Limits,
    pub(crate) slots: Vec<Seat>,
    pub(crate) devices: usize,
    /// A stranger that sends what it likes.
    pub(crate) rogue: bool,
    /// How long things go wrong.
    pub(crate) chaos: u64,
    pub(crate) acts: u64,
    pub(crate) faults: u64,
    /// Whether disks fail.
    pub(crate) bad_disks: bool,
    /// How long a commit takes, at most.
    pub(crate) commit: u64,
}

/// A process of a member.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    pub(crate) device: usize,
    pub(crate) name: &'static str,
    pub(crate) feed: bool,
    pub(crate) only: bool,
    pub(crate) from: From,
    pub(crate) rooms: Vec<String>,
}

/// How the network is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    /// A connection delivers all that it delivers in order, as QUIC's streams do; else each frame has its own fate.
    pub(crate) in_order: bool,
    pub(crate) delay: (u64, u64),
    /// Of a thousand frames.
    pub(crate) loss: u64,
    pub(crate) twice: u64,
    pub(crate) corrupt: u64,
}

/// Names of rooms that are talked about.
pub(crate) const ROOMS: [&str; 4] = ["main", "build", "Straße", "x"];

const NAMES: [&str; 6] = ["ana", "Ana", "bob", "çağ", "עדה", "bob-2"];

impl Network {
    /// When all is well again.
    pub(crate) fn well(self) -> Network {
        Network { delay: (MS, 20 * MS), loss: 0, twice: 0, corrupt: 0, ..self }
    }
}

impl Plan {
    pub(crate) fn draw(random: &mut Random) -> Plan {
        let devices = random.within(1, 4);
        let mut slots: Vec<Seat> = (0..devices).map(|device| seat(device, random)).collect();
        if random.chance(400) {
            let device = random.below(devices);
            slots.push(seat(device, random));
        }
        let two = random.chance(150);
        let wild = random.chance(350);
        let slow = random.chance(150);
        let network = Network {
            in_order: !wild,
            delay: (
                random.within(10, 5000),
                if slow { random.within(50, 1500) * MS } else { random.within(6, 60) * MS },
            ),
            loss: if random.chance(500) { random.below(300) } else { 0 },
            twice: if wild { random.below(100) } else { 0 },
            corrupt: if wild { random.below(50) } else { 0 },
        };
        let mut limits = Limits::default();
        if random.chance(250) {
            limits = Limits { rate: 5, burst: 4, rooms: 3, shown: 2, message: 200, ..limits };
        }
        if random.chance(100) {
            limits.rate = 0;
        }
        let chaos = random.within(5, 60) * SECOND;
        let calm = random.chance(50);
        Plan {
            network,
            hubs: if two { 2 } else { 1 },
            yields_at: if two { random.within(10, 9900) * MS } else { 0 },
            may_move: if two { 10 * SECOND } else { 0 },
            invite_only: random.chance(150),
            limits,
            slots,
            devices: usize::try_from(devices).unwrap_or(1),
            rogue: random.chance(150),
            chaos,
            acts: random.within(10, 60),
            faults: if calm { 0 } else { random.below(1 + chaos / (3 * SECOND)) },
            bad_disks: random.chance(200),
            commit: random.within(1, 40) * MS,
        }
    }
}

fn seat(device: u64, random: &mut Random) -> Seat {
    let from = match random.below(6) {
        0 => From::Now,
        1 => From::Place(random.below(10)),
        2 => From::Seen { context: u64::MAX },
        _ => From::Seen { context: random.below(4) },
    };
    let mut rooms: Vec<String> = ROOMS.iter().filter(|_| random.chance(350)).map(|r| (*r).to_owned()).collect();
    if random.chance(300) {
        rooms.clear();
    }
    Seat {
        device: usize::try_from(device).unwrap_or(0),
        name: NAMES.get(random.index(NAMES.len())).copied().unwrap_or("ana"),
        feed: !random.chance(120),
        only: random.chance(100),
        from,
        rooms,
    }
}
