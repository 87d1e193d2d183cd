//! Style kept by a test that only tightens.
//!
//! [`Tree`] holds the files of the workspace, [`rules::check`] tells what is wrong with them, and `tests/` shows each rule
//! failing on a bad sample. There is no list of what may stay as it is.

#![forbid(unsafe_code)]

pub mod lexer;
pub mod rules;
mod tree;

pub use tree::{Finding, Source, Tree};
