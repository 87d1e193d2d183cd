//! When others are told what we have seen: what was on the screen, at most once a second for each room.

use puerta_talk::room::event::Command;
use puerta_talk::room::ids::RoomNo;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Between two reports on the same room.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct Receipts(BTreeMap<RoomNo, Report>);

#[derive(Debug, Default)]
struct Report {
    told: u64,
    through: u64,
    at: Option<Instant>,
}

impl Receipts {
    /// Everything through this place was on the screen.
    pub(super) fn seen(&mut self, room: RoomNo, through: u64) {
        let report = self.0.entry(room).or_default();
        report.through = report.through.max(through);
    }

    /// The hub knows this much: it told so itself.
    pub(super) fn known(&mut self, room: RoomNo, through: u64) {
        let report = self.0.entry(room).or_default();
        report.told = through;
        report.through = report.through.max(through);
    }

    pub(super) fn forget(&mut self, room: RoomNo) {
        self.0.remove(&room);
    }

    /// What is to be told now.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Command> {
        let due = self.0.iter_mut().filter(|(_, r)| r.through > r.told && r.due().is_none_or(|at| at <= now));
        let tell = |(room, report): (&RoomNo, &mut Report)| {
            report.told = report.through;
            report.at = Some(now);
            Command::Seen { room: *room, through: report.through }
        };
        due.map(tell).collect()
    }

    /// When `take` will have something, if nothing more is seen.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        self.0.values().filter(|r| r.through > r.told).map(|r| r.due().unwrap_or(now)).min()
    }
}

impl Report {
    fn due(&self) -> Option<Instant> {
        self.at.map(|at| at + PAUSE)
    }
}
