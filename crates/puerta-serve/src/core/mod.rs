//! What a request asks for and what to answer: no I/O, the time is an argument.
//!
//! ```text
//! bytes ─head─→ Head ─plan─→ Plan::Lookup ─(a store)─→ Found<F> ─respond─→ Response<F> ─(a driver)─→ bytes
//!                        └─→ Plan::Answer ──────────────────────respond::answer─┘
//! ```
//!
//! `F` is the store's handle of an open file or folder; nothing here touches it. Nothing here knows HTTP/1 either: how a
//! message is framed (`Content-Length`, `Transfer-Encoding`, `Connection`, `Date`) is the driver's.

pub mod accept;
pub mod access;
pub mod audit;
pub mod conditions;
pub mod date;
pub mod encoding;
pub mod etag;
pub mod fields;
pub mod found;
pub mod head;
mod list;
pub mod listing;
pub mod mime;
pub mod page;
pub mod path;
pub mod plan;
pub mod range;
pub mod respond;
pub mod response;
pub mod site;
pub mod target;
pub mod why;
mod words;
