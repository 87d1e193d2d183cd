//! The local store: what lies below one folder, looked up, opened, kept and compressed.
//!
//! ```text
//! Store ─ probe ─→ Inner ─ cache ─→ Entry          never waits: what is hot, or in the system's memory
//!       └ find  ─→ a thread of the pool ─→ Inner   waits: what is on the disk
//! Inner ─ folder::Root ─ openat2, statx ─→ handle::Handle ─ pread, getdents64
//! ```

pub mod cache;
pub mod compress;
pub mod entries;
pub mod folder;
pub mod handle;
pub mod pool;
pub mod stat;
