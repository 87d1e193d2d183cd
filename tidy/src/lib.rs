//! Style kept by a test that only tightens.
//!
//! [`Tree`] holds the files of the workspace, [`rules::check`] tells what is wrong with them, and `tests/` shows each rule
//! failing on a bad sample. `exceptions.rs` lists what may stay as it is; those lists only shrink.

#![forbid(unsafe_code)]

pub mod exceptions;
pub mod lexer;
pub mod rules;
mod tree;

pub use tree::{Finding, Source, Tree};
