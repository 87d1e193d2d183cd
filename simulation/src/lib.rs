//! Seeded worlds for the rooms of `puerta talk`: virtual time, a network that loses, repeats, delays, reorders and corrupts,
//! disks that fail and tear, processes that crash and stop. The real cores run in it, [`Rooms`](puerta_talk::room::Rooms) and
//! [`Member`](puerta_talk::room::Member), and after each step the promises of a room are checked.
//!
//! One seed is one world, and replays exactly. The promises, by number, are:
//!
//! 1. acknowledged ⇒ in the log, whatever crashed since
//! 2. one record a (device, message id), in each inbox one when it is private
//! 3. what a member is shown is a gapless part of one order a room, and each sender's order is kept
//! 4. a screen shows each message once, and what was missed below the "new since" line
//! 5. when all is well again, everyone has everything within [`CONVERGED`] plus a second for each message that waits
//! 6. what is not acknowledged is pending, on the screen and in the outbox; no receipt before the commit
//! 7. queues stay within their bounds, a core never spins, and who is not in a room gets nothing of it

#![forbid(unsafe_code)]

mod actions;
mod broken;
mod disk;
mod faults;
mod hub;
mod judge;
mod member;
mod network;
mod outbox;
mod plan;
mod queue;
mod random;
mod rogue;
mod screen;
mod world;

pub use broken::Broken;
pub use world::{CONVERGED, Report, Violation, run};
