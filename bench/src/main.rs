//! Side by side with the peers.

#![forbid(unsafe_code)]

fn main() {}
