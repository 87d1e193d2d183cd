//! The log of a hub's rooms: one SQLite file, which `sqlite3` can read.
//!
//! [`Place::open`] takes the file for one hub alone, [`Store`] is a [`Log`](crate::room::store::Log) on it, [`Writer`] and
//! [`Reader`] are the threads in which a hub uses it. Everything is in WAL mode with `synchronous=FULL`: what
//! [`write`](crate::room::store::Log::write) has returned for is on the disk.

mod export;
mod ids;
mod place;
mod private;
mod problem;
mod query;
mod queue;
mod reader;
mod schema;
pub(crate) mod sqlite;
mod store;
mod words;
mod writer;

pub use export::{Ended, export, rooms};
pub use place::{Place, running};
pub use problem::{Problem, What};
pub use queue::Full;
pub use reader::{ASKS, Reader};
pub use store::Store;
pub use writer::{QUEUE, Told, Writer};

pub(crate) use place::{Schema, of_sqlite, open};
pub(crate) use private::{Lock, failed, folder, try_lock};
pub(crate) use queue::{Queue, Worker};
