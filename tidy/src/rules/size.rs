//! Files stay small enough to hold in the head.

use crate::exceptions::{LONG_FILES, MOST_LINES};
use crate::{Finding, Tree};

pub(super) fn files(tree: &Tree) -> Vec<Finding> {
    against(tree, LONG_FILES)
}

fn against(tree: &Tree, exceptions: &[(&str, usize)]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines = file.lines.len();
        let listed = exceptions.iter().find(|(path, _)| *path == file.path).map(|(_, most)| *most);
        match listed {
            None if lines > MOST_LINES => {
                findings.push(file.finding(lines, format!("{lines} lines: a file has at most {MOST_LINES}")));
            }
            Some(most) if lines > most => {
                findings
                    .push(file.finding(lines, format!("{lines} lines: this long file only shrinks, and had {most}")));
            }
            Some(most) if lines < most => {
                let rule = format!("{lines} lines, no longer {most}: lower or remove it in tidy/src/exceptions.rs");
                findings.push(file.finding(lines, rule));
            }
            _ => {}
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_lines(lines: usize, exceptions: &[(&str, usize)]) -> usize {
        against(&Tree::of(&[("crates/x/src/long.rs", &"fn f() {}\n".repeat(lines))]), exceptions).len()
    }

    #[test]
    fn a_listed_file_may_shrink_and_then_leaves_the_list() {
        let listed = [("crates/x/src/long.rs", 600)];
        assert_eq!(with_lines(600, &listed), 0);
        assert_eq!(with_lines(601, &listed), 1);
        assert_eq!(with_lines(599, &listed), 1);
        assert_eq!(with_lines(500, &listed), 1);
        assert_eq!(with_lines(500, &[]), 0);
        assert_eq!(with_lines(501, &[]), 1);
    }
}
