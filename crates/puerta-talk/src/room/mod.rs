//! Rooms: what a hub and its members do, without I/O.
//!
//! [`Rooms`] is the hub, [`Member`] the one who talks. Both take frames, commands and the time, and give back effects for a
//! driver to carry out. What is between them may lose, repeat, delay and reorder frames, and either end may stop at any
//! moment: the simulation does all of it.

pub mod codec;
pub mod event;
pub mod frame;
pub mod ids;
pub mod limits;
pub mod member;
pub mod record;
pub mod rooms;
pub mod store;

pub use member::Member;
pub use rooms::Rooms;
