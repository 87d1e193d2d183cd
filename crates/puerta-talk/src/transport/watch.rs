//! Whether the other end has heard what was sent.
//!
//! QUIC repeats what was not acknowledged after a probe timeout that doubles each time (RFC 9002, section 6.2): where a third of
//! all packets is lost, four misses in a row are common, and a message stands still for seconds. The acknowledgement of anything
//! newer shows at once what is lost (section 6.1). So as long as nothing is acknowledged, something small and new is sent now
//! and then.

use quinn::Connection;
use std::time::Duration;

/// The pause between two looks: 150 ms. What was sent has at least so long, which is more than a round trip and the wait for its
/// acknowledgement most often take.
pub const LOOK: Duration = Duration::from_millis(150);

/// So often something small is sent: until the connection is over anyway ([`IDLE`](super::IDLE)).
const MOST: u8 = 66;

/// From one packet in so many lost, an acknowledgement is no sign that the rest has arrived too.
const BAD: u64 = 50;

/// Looks after one connection. It costs nothing while nothing is sent.
#[derive(Debug, Default)]
pub struct Watch {
    /// Acknowledgements that had come when it last looked.
    acks: u64,
    waits: bool,
    /// Something was sent since it last looked.
    fresh: bool,
    nudges: u8,
}

impl Watch {
    /// Something is sent. True when looks begin to be needed.
    pub fn sends(&mut self, connection: &Connection) -> bool {
        self.fresh = true;
        if self.waits {
            return false;
        }
        *self = Watch { acks: connection.stats().frame_rx.acks, waits: true, fresh: true, nudges: 0 };
        true
    }

    /// Whether looks are needed.
    pub fn waits(&self) -> bool {
        self.waits
    }

    /// One look; after [`LOOK`] the next. True: something small should be sent, without [`sends`](Self::sends).
    pub fn look(&mut self, connection: &Connection) -> bool {
        if !self.waits {
            return false;
        }
        let stats = connection.stats();
        let heard = stats.frame_rx.acks > self.acks;
        self.acks = stats.frame_rx.acks;
        if std::mem::take(&mut self.fresh) {
            let bad = stats.path.lost_packets * BAD > stats.path.sent_packets;
            self.nudges = 0;
            self.waits = !heard || bad;
            return false;
        }
        self.waits = !heard && self.nudges < MOST;
        self.nudges = self.nudges.saturating_add(1);
        self.waits
    }
}
