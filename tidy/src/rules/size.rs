//! Files stay small enough to hold in the head.

use crate::{Finding, Tree};

/// How long a file may be.
const MOST_LINES: usize = 500;

pub(super) fn files(tree: &Tree) -> Vec<Finding> {
    let long = tree.rust().filter(|file| file.lines.len() > MOST_LINES);
    long.map(|file| {
        let lines = file.lines.len();
        file.finding(lines, format!("{lines} lines: a file has at most {MOST_LINES}"))
    })
    .collect()
}
