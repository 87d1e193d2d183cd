//! The rules.

mod code;
mod docs;
pub mod floors;
mod size;
mod text;

use crate::{Finding, Tree};

/// Everything that is wrong, sorted by file and line.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let all: [fn(&Tree) -> Vec<Finding>; 16] = [
        floors::crates,
        floors::modules,
        floors::dependencies,
        code::unsafe_code,
        code::forbidden_calls,
        code::unwraps,
        code::ignored_tests,
        code::sleeps,
        code::root_tests,
        docs::errors_sections,
        docs::commands,
        docs::decisions,
        docs::links,
        size::files,
        text::banners,
        text::white_space,
    ];
    let mut findings: Vec<Finding> = all.iter().flat_map(|rule| rule(tree)).collect();
    findings.sort();
    findings.dedup();
    findings
}
