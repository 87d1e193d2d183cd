//! What may stay as it is for now. Nothing is added here: a list only shrinks.

/// Files of more than [`MOST_LINES`], with the length that they may not exceed.
pub const LONG_FILES: &[(&str, usize)] = &[];

/// How long a file may be.
pub const MOST_LINES: usize = 500;

/// Tests that sleep, with how many times: where time itself is what is tested, and no event tells that it passed.
pub const SLEEPS: &[(&str, usize)] = &[];
