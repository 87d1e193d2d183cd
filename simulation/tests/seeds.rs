#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
//! Many worlds hold; those with a fault put in on purpose do not.

use simulation::{Broken, run};

/// Worlds in one run of CI; many more go by hand.
const SEEDS: u64 = 2000;

/// A fault that was put in is found within so many.
const FOUND: u64 = 1000;

/// Worlds that broke a promise once, far behind the first two thousand.
const ONCE_BROKEN: [u64; 4] = [65_183, 87_378, 117_770, 218_530];

fn hold(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        if let Err(violation) = run(seed, None, false) {
            panic!("{violation:?}; to see it: cargo run --release -p simulation -- --seed {seed} --trace");
        }
    }
}

#[test]
fn two_thousand_worlds_keep_every_promise_the_even_ones() {
    hold((0..SEEDS).step_by(2));
}

#[test]
fn two_thousand_worlds_keep_every_promise_the_odd_ones() {
    hold((1..SEEDS).step_by(2));
}

#[test]
fn worlds_that_broke_a_promise_once_keep_it() {
    hold(ONCE_BROKEN.into_iter());
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in [3, 4, 6569] {
        assert_eq!(run(seed, None, false).unwrap(), run(seed, None, false).unwrap());
    }
    assert_ne!(run(3, None, false).unwrap().hash, run(4, None, false).unwrap().hash);
}

#[test]
fn each_fault_that_was_put_in_is_found_by_the_promise_that_it_breaks() {
    for broken in Broken::ALL {
        let found = (0..FOUND).find_map(|seed| run(seed, Some(broken), false).err());
        let found = found.unwrap_or_else(|| panic!("{broken:?} was not found in {FOUND} worlds"));
        assert!(found.what.starts_with("invariant"), "{broken:?}: {found:?}");
    }
}
