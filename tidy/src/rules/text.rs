//! Text: no banners, no trailing white space.

use crate::{Finding, Tree};

/// How many signs in a row make a banner.
const BANNER: usize = 4;

pub(super) fn banners(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if file.is_rust() {
            // A doc comment may hold a drawing.
            let doc = |c: &str| c.starts_with("//!") || (c.starts_with("///") && !c.starts_with("////"));
            let comments = file.numbered().filter(|(_, l)| !doc(&l.comment));
            let banners = comments.filter(|(_, l)| l.comment.get(2..).is_some_and(is_banner));
            findings.extend(banners.map(|(n, _)| file.finding(n, "no banner comments")));
        } else if !file.path.ends_with(".md") {
            let comments =
                file.text.lines().enumerate().filter_map(|(i, l)| Some((i + 1, l.trim_start().strip_prefix('#')?)));
            findings.extend(comments.filter(|(_, l)| is_banner(l)).map(|(n, _)| file.finding(n, "no banner comments")));
        }
    }
    findings
}

pub(super) fn white_space(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let trailing = file.text.lines().enumerate().filter(|(_, l)| l.ends_with([' ', '\t', '\r']));
        findings.extend(trailing.map(|(i, _)| file.finding(i + 1, "no white space at the end of a line")));
        if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
            findings.push(file.finding(file.text.lines().count(), "a file ends with one line break"));
        }
    }
    findings
}

/// Whether a comment begins or ends with a row of signs.
fn is_banner(comment: &str) -> bool {
    let sign = |c: &char| "=-*#~_+/─━═".contains(*c);
    let comment = comment.trim();
    let before = comment.chars().take_while(sign).count();
    let after = comment.chars().rev().take_while(sign).count();
    before >= BANNER || after >= BANNER
}
