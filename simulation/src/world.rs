//! One world: everything in it, and what happens next.

use crate::broken::Broken;
use crate::disk::Disk;
use crate::network::Line;
use crate::outbox::Outboxes;
use crate::plan::{Network, Plan, SECOND, Seat};
use crate::queue::{Queue, What};
use crate::random::Random;
use crate::screen::Screen;
use puerta_talk::room::frame::Denial;
use puerta_talk::room::ids::{Device, MemberNo, MessageId};
use puerta_talk::room::store::Batch;
use puerta_talk::room::{Member, Rooms};
use std::collections::BTreeMap;
use std::time::Duration;

/// When all is well again, everyone has everything within this time: a member says where it is every 60 s, a connection that is
/// dead is noticed within 10 s, and the rest is for frames that are sent again. A second for each message that waits then comes on top.
pub const CONVERGED: Duration = Duration::from_secs(90);

/// Things that happen in one world, at most: more is a core that spins.
const STEPS: u64 = 400_000;

/// What a world came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// Of everything that happened, in order.
    pub hash: u64,
    /// Things that happened.
    pub steps: u64,
    /// Messages in logs at the end.
    pub messages: u64,
    /// How long after all was well everyone had everything.
    pub converged: Duration,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The world.
    pub seed: u64,
    /// When, since its beginning.
    pub at: Duration,
    /// Which promise, by number, and how.
    pub what: String,
}

/// Lives through the world of a seed; with `trace`, each thing that happens is printed on stdout.
///
/// # Errors
///
/// The first promise that was broken.
pub fn run(seed: u64, broken: Option<Broken>, trace: bool) -> Result<Report, Violation> {
    World::new(seed, broken, trace).live(seed)
}

pub(crate) struct World {
    pub(crate) random: Random,
    /// In some worlds outboxes are put back from backups; of its own, so that the others stay as they were.
    pub(crate) backups: Option<Random>,
    pub(crate) now: u64,
    pub(crate) queue: Queue,
    pub(crate) plan: Plan,
    pub(crate) network: Network,
    pub(crate) hubs: Vec<Hub>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) devices: Vec<Owner>,
    pub(crate) lines: Vec<Line>,
    /// Hub, device, and until when they do not reach each other.
    pub(crate) apart: Vec<(usize, usize, u64)>,
    pub(crate) broken: Option<Broken>,
    pub(crate) trace: bool,
    pub(crate) hash: u64,
    pub(crate) steps: u64,
    pub(crate) violation: Option<String>,
    pub(crate) healed: Option<u64>,
    pub(crate) deadline: u64,
    pub(crate) converged: Option<u64>,
    /// What was said and shown as pending.
    pub(crate) said: BTreeMap<(usize, MessageId), Said>,
    pub(crate) texts: u64,
}

/// A message that a screen had as pending.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) refused: bool,
}

/// A hub: its process, if it runs, and its disk.
pub(crate) struct Hub {
    pub(crate) key: Device,
    pub(crate) run: u64,
    pub(crate) core: Option<Rooms>,
    pub(crate) started: u64,
    pub(crate) stopped: u64,
    pub(crate) base: Duration,
    /// How far its wall clock is off, in milliseconds.
    pub(crate) skew: i64,
    pub(crate) disk: Disk,
    pub(crate) waiting: Vec<Batch>,
    pub(crate) writing: Option<Vec<Batch>>,
    /// The log took nothing once, and does not any more.
    pub(crate) closed: bool,
    pub(crate) fails_next: bool,
    pub(crate) flushing: bool,
    pub(crate) timer: Option<u64>,
    pub(crate) spins: u32,
    pub(crate) moved: bool,
    /// When the last batch that is durable is told.
    pub(crate) told_at: u64,
    /// By member: what may still be taken, in millionths of a message, and since when.
    pub(crate) taken: BTreeMap<MemberNo, (u64, u64)>,
}

/// A process of a member, or the place for one.
pub(crate) struct Slot {
    pub(crate) seat: Seat,
    pub(crate) run: u64,
    pub(crate) core: Option<Member>,
    pub(crate) started: u64,
    pub(crate) base: Duration,
    pub(crate) stopped: u64,
    pub(crate) stream: u64,
    pub(crate) hub: usize,
    pub(crate) conn: Option<usize>,
    pub(crate) dial: Option<Dialling>,
    pub(crate) dials: u64,
    pub(crate) synced_at: u64,
    pub(crate) timer: Option<u64>,
    pub(crate) spins: u32,
    pub(crate) screen: Screen,
    pub(crate) denied: Option<Denial>,
}

/// A connection is being tried for.
#[derive(Debug)]
pub(crate) struct Dialling {
    pub(crate) number: u64,
    pub(crate) begun: u64,
    pub(crate) told: bool,
    /// It stands, and the member is about to hear of it.
    pub(crate) conn: Option<usize>,
}

/// A device: its key and its disk.
pub(crate) struct Owner {
    pub(crate) key: Device,
    pub(crate) outboxes: Outboxes,
    pub(crate) hub: usize,
    pub(crate) token: Option<[u8; 16]>,
    /// A copy of its outboxes.
    pub(crate) backup: Option<Outboxes>,
}

impl World {
    fn new(seed: u64, broken: Option<Broken>, trace: bool) -> World {
        let mut random = Random::new(seed);
        let plan = Plan::draw(&mut random);
        if trace {
            println!("{plan:#?}");
        }
        let hubs = (0..plan.hubs).map(|h| Hub::new(h, &mut random)).collect();
        let devices: Vec<Owner> = (0..plan.devices)
            .map(|d| Owner {
                key: Device([d as u8 + 1; 32]),
                outboxes: Outboxes::default(),
                hub: random.index(plan.hubs),
                token: None,
                backup: None,
            })
            .collect();
        let slots = plan.slots.iter().map(|seat| Slot::new(seat.clone())).collect();
        let mut backups = Random::new(!seed);
        let backups = backups.chance(100).then_some(backups);
        let mut world = World {
            backups,
            now: 0,
            queue: Queue::default(),
            network: plan.network,
            hubs,
            slots,
            devices,
            lines: Vec::new(),
            apart: Vec::new(),
            broken,
            trace,
            hash: 0xcbf2_9ce4_8422_2325,
            steps: 0,
            violation: None,
            healed: None,
            deadline: 0,
            converged: None,
            said: BTreeMap::new(),
            texts: 0,
            random,
            plan,
        };
        world.begin();
        world
    }

    fn live(mut self, seed: u64) -> Result<Report, Violation> {
        while self.violation.is_none() && self.converged.is_none() {
            let Some((at, what)) = self.queue.next() else { break };
            self.now = at;
            self.steps += 1;
            if self.steps > STEPS {
                self.fail("invariant 7: so much happens that something must be spinning");
            }
            self.happen(what);
        }
        let at = Duration::from_micros(self.now);
        if let Some(what) = self.violation {
            return Err(Violation { seed, at, what });
        }
        let converged = match (self.converged, self.healed) {
            (Some(at), Some(healed)) => Duration::from_micros(at - healed),
            _ => {
                let what = "the world ended before everyone had everything".to_owned();
                return Err(Violation { seed, at, what });
            }
        };
        let messages = self.hubs.iter().map(|h| h.disk.places.len() as u64).sum();
        Ok(Report { hash: self.hash, steps: self.steps, messages, converged })
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Arrive { conn, down, frames, intact } => self.arrive(conn, down, &frames, intact),
            What::Hub { hub, run, input } => self.hub_input(hub, run, input),
            What::Flush { hub, run } => self.flush(hub, run),
            What::HubTimer { hub, run } => self.hub_timer(hub, run),
            What::Disk { hub, run } => self.disk_done(hub, run),
            What::Answer { hub, run, ticket, ask } => self.answer(hub, run, ticket, ask),
            What::Member { slot, run, input } => self.member_input(slot, run, input),
            What::Linked { slot, run, conn, up } => self.linked(slot, run, conn, up),
            What::MemberTimer { slot, run } => self.member_timer(slot, run),
            What::Dial { slot, run, dial } => self.dial(slot, run, dial),
            What::Synced { slot, run, id } => self.synced(slot, run, id),
            What::Act { slot } => self.act(slot),
            What::Command { slot, run, command } => self.command(slot, run, command),
            What::Fault => self.fault(),
            What::Break { conn, member_in, hub_in } => self.cut_line(conn, member_in, hub_in),
            What::Drained { conn } => self.drained(conn),
            What::StartHub { hub } => self.start_hub(hub),
            What::StartMember { slot } => self.start_member(slot),
            What::Mend { hub, run } => self.mend(hub, run),
            What::Rogue => self.rogue(),
            What::Yield => self.yield_hub(),
            What::Heal => self.heal(),
            What::Look => self.look(),
        }
    }

    /// The first promise that was broken.
    pub(crate) fn fail(&mut self, what: impl Into<String>) {
        if self.violation.is_none() {
            let what = what.into();
            self.note(|| format!("VIOLATION {what}"));
            self.violation = Some(what);
        }
    }

    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        if self.trace {
            println!("{:>12.6} {}", Duration::from_micros(self.now).as_secs_f64(), line());
        }
    }

    /// Adds to the hash of what happened (FNV-1a).
    pub(crate) fn mark(&mut self, kind: u8, who: usize, bytes: &[u8]) {
        let now = self.now.to_le_bytes();
        for byte in now.iter().chain(&[kind, who as u8]).chain(bytes) {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    pub(crate) fn member_now(&self, slot: usize) -> Duration {
        let Some(slot) = self.slots.get(slot) else { return Duration::ZERO };
        slot.base + Duration::from_micros(self.now - slot.started)
    }

    pub(crate) fn hub_now(&self, hub: usize) -> Duration {
        let Some(hub) = self.hubs.get(hub) else { return Duration::ZERO };
        hub.base + Duration::from_micros(self.now - hub.started)
    }

    pub(crate) fn wall(&self, hub: usize) -> i64 {
        let skew = self.hubs.get(hub).map_or(0, |h| h.skew);
        1_700_000_000_000 + i64::try_from(self.now / 1000).unwrap_or(0) + skew
    }

    /// By when everyone must have everything.
    pub(crate) fn set_deadline(&mut self) {
        let waiting: usize = self.devices.iter().map(|d| d.outboxes.waiting()).sum();
        self.deadline = self.now + CONVERGED.as_micros() as u64 + waiting as u64 * SECOND;
    }
}

impl Hub {
    fn new(number: usize, random: &mut Random) -> Hub {
        Hub {
            key: Device([200 + number as u8; 32]),
            run: 0,
            core: None,
            started: 0,
            stopped: 0,
            base: Duration::ZERO,
            skew: random.within(0, 20 * 86_400_000) as i64 - 10 * 86_400_000,
            disk: Disk::default(),
            waiting: Vec::new(),
            writing: None,
            closed: false,
            fails_next: false,
            flushing: false,
            timer: None,
            spins: 0,
            moved: false,
            told_at: 0,
            taken: BTreeMap::new(),
        }
    }
}

impl Slot {
    fn new(seat: Seat) -> Slot {
        Slot {
            seat,
            run: 0,
            core: None,
            started: 0,
            base: Duration::ZERO,
            stopped: 0,
            stream: 0,
            hub: 0,
            conn: None,
            dial: None,
            dials: 0,
            synced_at: 0,
            timer: None,
            spins: 0,
            screen: Screen::default(),
            denied: None,
        }
    }
}
