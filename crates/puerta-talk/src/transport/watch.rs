//! Whether the other end has heard what was sent.
//!
//! QUIC repeats what was not acknowledged after a probe timeout that doubles each time (RFC 9002, section 6.2): where a third of
//! all packets is lost, four misses in a row are common, and a message stands still for seconds. The acknowledgement of anything
//! newer shows at once what is lost (section 6.1). So as long as nothing is acknowledged, something small and new is sent now
//! and then.

use quinn::ConnectionStats;
use std::time::Duration;

/// The pause between two looks: 50 ms.
pub const LOOK: Duration = Duration::from_millis(50);

/// So many looks make one, 150 ms, where few packets get lost, and where nobody answers: more than a round trip and the wait for
/// its acknowledgement most often take.
const SELDOM: u8 = 3;

/// So often something small is sent at each look where packets get lost: for 2 s. Then it is seldom.
const OFTEN: u8 = 40;

/// So often something small is sent: until the connection is over anyway ([`IDLE`](super::IDLE)).
const MOST: u8 = 100;

/// From one packet in so many lost, an acknowledgement is no sign that the rest has arrived too.
const BAD: u64 = 50;

/// For so many looks a connection is taken for one that loses packets: nothing was measured.
const YOUNG: u8 = 40;

/// Looks after one connection. It costs nothing while nothing is sent.
#[derive(Debug, Default)]
pub struct Watch {
    looks: Looks,
}

impl Watch {
    /// Something is sent. True when looks begin to be needed.
    pub fn sends(&mut self, stats: impl FnOnce() -> ConnectionStats) -> bool {
        self.looks.sends(|| stats().frame_rx.acks)
    }

    /// Whether looks are needed.
    pub fn waits(&self) -> bool {
        self.looks.waits
    }

    /// One look; after [`LOOK`] the next. True: something small should be sent, without [`sends`](Self::sends).
    pub fn look(&mut self, stats: impl FnOnce() -> ConnectionStats) -> bool {
        self.looks.look(|| {
            let stats = stats();
            let path = stats.path;
            Heard { acks: stats.frame_rx.acks, lost: path.lost_packets, sent: path.sent_packets, rtt: path.rtt }
        })
    }
}

/// What QUIC knows of a connection.
#[derive(Debug, Clone, Copy)]
struct Heard {
    /// Frames that came with acknowledgements.
    acks: u64,
    /// Packets that were found to be lost; what was in them was sent again at once.
    lost: u64,
    /// Packets that were sent.
    sent: u64,
    rtt: Duration,
}

/// When to send something small. No I/O; its time is the looks.
#[derive(Debug, Default)]
struct Looks {
    waits: bool,
    /// Something was sent since the last look that counted.
    fresh: bool,
    /// Acknowledgements and losses when it last looked.
    acks: u64,
    lost: u64,
    /// How long nothing but small things was sent, or sent again.
    quiet: Duration,
    /// Packets get lost on it.
    bad: bool,
    /// Looks of this connection; no more are counted than matter.
    young: u8,
    skipped: u8,
    nudges: u8,
}

impl Looks {
    fn sends(&mut self, acks: impl FnOnce() -> u64) -> bool {
        self.fresh = true;
        if self.waits {
            return false;
        }
        let Looks { lost, bad, young, .. } = *self;
        *self = Looks { waits: true, fresh: true, acks: acks(), lost, bad, young, ..Looks::default() };
        true
    }

    fn look(&mut self, heard: impl FnOnce() -> Heard) -> bool {
        if !self.waits {
            return false;
        }
        self.young = self.young.saturating_add(1).min(YOUNG);
        let often = (self.bad || self.young < YOUNG) && self.nudges < OFTEN;
        if !often && self.skipped + 1 < SELDOM {
            self.skipped += 1;
            return false;
        }
        let pause = LOOK * u32::from(std::mem::take(&mut self.skipped) + 1);
        let Heard { acks, lost, sent, rtt } = heard();
        let (acked, again) = (acks > self.acks, lost > self.lost);
        (self.acks, self.lost, self.bad) = (acks, lost, lost * BAD > sent);
        // A short way has its acknowledgement before the next look, and QUIC is quick there by itself.
        let careful = often && rtt * 2 > LOOK;
        if std::mem::take(&mut self.fresh) || careful && again {
            self.quiet = Duration::ZERO;
            self.nudges = if acked { 0 } else { self.nudges };
            self.waits = (!acked || careful || self.bad) && self.nudges < MOST;
            return false;
        }
        self.quiet += pause;
        // What is acknowledged so late is newer than all that matters; were that lost, it would be known.
        let done = acked && (!careful || self.quiet >= rtt * 3 / 2);
        self.waits = !done && self.nudges < MOST;
        let nudge = self.waits && (!careful || self.quiet >= rtt / 2);
        self.nudges += u8::from(nudge);
        nudge
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Duration = Duration::from_millis(70);

    fn heard(acks: u64, lost: u64, rtt: Duration) -> Heard {
        Heard { acks, lost, sent: 100, rtt }
    }

    /// One that is neither young nor bad.
    fn settled() -> Looks {
        Looks { young: YOUNG, ..Looks::default() }
    }

    /// Looks until something small is to be sent; how many it took.
    fn until_nudge(looks: &mut Looks, heard: Heard) -> usize {
        (1..=50).find(|_| looks.look(|| heard)).unwrap_or(0)
    }

    #[test]
    fn what_was_acknowledged_needs_nothing_more() {
        let mut looks = settled();
        assert!(looks.sends(|| 7));
        assert_eq!(until_nudge(&mut looks, heard(8, 0, FAR)), 0);
        assert!(!looks.waits);
    }

    #[test]
    fn a_short_way_needs_nothing_from_the_first_packet_on() {
        let mut looks = Looks::default();
        assert!(looks.sends(|| 7));
        assert_eq!(until_nudge(&mut looks, heard(8, 0, Duration::from_millis(1))), 0);
        assert!(!looks.waits);
    }

    #[test]
    fn what_is_not_acknowledged_is_followed_by_something_small_and_sooner_where_packets_get_lost() {
        let mut looks = settled();
        looks.sends(|| 7);
        assert_eq!(until_nudge(&mut looks, heard(7, 0, FAR)), 6);
        assert_eq!(until_nudge(&mut looks, heard(7, 0, FAR)), 3);
        let mut looks = Looks { bad: true, lost: 30, ..settled() };
        looks.sends(|| 7);
        assert_eq!(until_nudge(&mut looks, heard(7, 30, FAR)), 2);
        assert_eq!(until_nudge(&mut looks, heard(7, 30, FAR)), 1);
    }

    #[test]
    fn where_packets_get_lost_only_a_late_acknowledgement_counts_and_no_loss_meanwhile() {
        let mut looks = Looks { bad: true, lost: 30, ..settled() };
        looks.sends(|| 7);
        assert!(!looks.look(|| heard(8, 30, FAR)));
        assert!(looks.look(|| heard(9, 30, FAR)), "too early to be of the newest");
        assert!(!looks.look(|| heard(10, 31, FAR)), "something was sent again");
        assert!(looks.look(|| heard(11, 31, FAR)));
        assert!(looks.look(|| heard(12, 31, FAR)));
        assert!(!looks.look(|| heard(13, 31, FAR)));
        assert!(!looks.waits);
    }

    #[test]
    fn it_ends_where_nobody_answers() {
        for start in [settled(), Looks { bad: true, ..Looks::default() }] {
            let mut looks = start;
            looks.sends(|| 7);
            let nudges: Vec<u32> = (0..2000).filter(|_| looks.look(|| heard(7, 9, FAR))).collect();
            assert_eq!(nudges.len(), usize::from(MOST));
            let longest = nudges.windows(2).map(|two| two[1] - two[0]).max().unwrap();
            assert_eq!(longest, u32::from(SELDOM));
            assert!(!looks.waits);
        }
    }
}
