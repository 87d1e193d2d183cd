//! What is to be done about another hub that is heard of while we are in a room already: both were opened before they could hear
//! of each other, since a network came later or announcements were lost. No I/O.

use crate::announcement::{Announcement, LATE, UNSETTLED, yields};
use crate::room::ids::Device;
use std::collections::BTreeSet;
use std::time::Duration;

/// Of how many hubs the user is told, one line each; of those behind, nothing is said.
pub const TOLD: usize = 16;

/// The other hubs of the networks that we are on.
#[derive(Debug, Clone)]
pub struct Neighbours {
    /// Not worth a line: ours, and those that the user has decided about.
    passed: BTreeSet<Device>,
    told: BTreeSet<Device>,
}

/// What is to be done about one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Pass,
    /// It was opened at the same time, and ours gives way to it.
    GiveWay,
    /// It may give way itself: it counts only if it is still there after this time.
    Later(Duration),
    /// The user is told that it is there. Nothing moves by itself.
    Tell,
}

impl Neighbours {
    /// None heard of yet; nothing is done about those of `passed`.
    pub fn new(passed: impl IntoIterator<Item = Device>) -> Self {
        Neighbours { passed: passed.into_iter().collect(), told: BTreeSet::new() }
    }

    /// We are with this hub now, or the user has decided about it.
    pub fn pass(&mut self, hub: Device) {
        self.passed.insert(hub);
    }

    /// Another hub announces itself; both announcements as they are now. `ours` is that of the hub which we host, if we do. What is to
    /// be told is told once a hub, and of [`TOLD`] hubs at most.
    pub fn heard(&mut self, ours: Option<&Announcement>, theirs: &Announcement) -> Step {
        if self.passed.contains(&theirs.hub) || ours.is_some_and(|ours| ours.hub == theirs.hub) {
            return Step::Pass;
        }
        if ours.is_some_and(|ours| yields(ours, theirs)) {
            return Step::GiveWay;
        }
        let settled = UNSETTLED + LATE;
        if theirs.without_arguments && theirs.age < settled {
            return Step::Later(settled - theirs.age);
        }
        if self.told.len() >= TOLD || !self.told.insert(theirs.hub) {
            return Step::Pass;
        }
        Step::Tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::announcement::Process;

    fn hub(key: u8, seconds: u64) -> Announcement {
        Announcement {
            hub: Device([key; 32]),
            process: Process([key; 8]),
            name: "casa".into(),
            room: "main".into(),
            port: 7777,
            addresses: Vec::new(),
            age: Duration::from_secs(seconds),
            without_arguments: true,
        }
    }

    #[test]
    fn of_two_young_hubs_the_higher_key_gives_way_and_the_lower_waits_for_it() {
        let (low, high) = (hub(1, 6), hub(2, 9));
        let mut neighbours = Neighbours::new([]);
        assert_eq!(neighbours.heard(Some(&high), &low), Step::GiveWay);
        assert_eq!(neighbours.heard(Some(&low), &high), Step::Later(Duration::from_secs(10)));
        assert_eq!(neighbours.heard(None, &high), Step::Later(Duration::from_secs(10)));
    }

    #[test]
    fn of_hubs_that_are_older_the_user_is_told_once_each_and_nothing_moves() {
        let (low, high) = (hub(1, 60), hub(2, 61));
        for (ours, theirs) in [(&low, &high), (&high, &low)] {
            let mut neighbours = Neighbours::new([]);
            assert_eq!(neighbours.heard(Some(ours), theirs), Step::Tell);
            assert_eq!(neighbours.heard(Some(ours), theirs), Step::Pass);
        }
        // One that was opened with arguments never gives way, young as it may be.
        let server = Announcement { without_arguments: false, ..hub(3, 1) };
        assert_eq!(Neighbours::new([]).heard(Some(&hub(9, 1)), &server), Step::Tell);
    }

    #[test]
    fn nothing_is_said_of_the_hub_that_we_are_with_nor_of_those_that_were_declined() {
        let mut neighbours = Neighbours::new([Device([1; 32])]);
        assert_eq!(neighbours.heard(Some(&hub(9, 1)), &hub(1, 1)), Step::Pass);
        assert_eq!(neighbours.heard(Some(&hub(2, 60)), &hub(2, 60)), Step::Pass, "another program of ours");
        neighbours.pass(Device([3; 32]));
        assert_eq!(neighbours.heard(None, &hub(3, 60)), Step::Pass);
    }

    #[test]
    fn however_many_announce_themselves_the_user_reads_16_lines() {
        let mut neighbours = Neighbours::new([]);
        let told = (0..=255).filter(|key| neighbours.heard(None, &hub(*key, 60)) == Step::Tell).count();
        assert_eq!(told, TOLD);
    }
}
