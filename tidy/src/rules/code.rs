//! What may stand in code and where.

use crate::lexer::{Line, words};
use crate::{Finding, Source, Tree};

const SYS: &str = "crates/puerta/src/sys/";
/// How many lines of code may lie between a `// SAFETY:` and its `unsafe`: rustfmt breaks long calls.
const SAFETY_REACH: usize = 5;

pub(super) fn unsafe_code(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let inside = file.path.starts_with(SYS);
        for (number, line) in file.numbered().filter(|(_, l)| l.has_word("unsafe") && !is_type(&l.code)) {
            if !inside {
                findings.push(file.finding(number, "unsafe code stands in crates/puerta/src/sys/ alone"));
            } else if !explained(&file.lines, number - 1) {
                findings
                    .push(file.finding(number, format!("`{}` needs a // SAFETY: line before it", line.code.trim())));
            }
        }
        if is_root(file) {
            let wanted = if file.path == "crates/puerta/src/lib.rs" {
                "#![deny(unsafe_code)]"
            } else {
                "#![forbid(unsafe_code)]"
            };
            if !file.lines.iter().any(|l| l.code.trim() == wanted) {
                findings.push(file.finding(1, format!("the crate's root needs {wanted}")));
            }
        }
    }
    findings
}

pub(super) fn forbidden_calls(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (number, line) in file.numbered() {
            let code = &line.code;
            let exits = code.contains("process::exit") || (code.contains("process::{") && line.has_word("exit"));
            if exits {
                findings.push(file.finding(number, "process::exit skips destructors: return an ExitCode from main"));
            }
            if words(code, "todo!").chain(words(code, "unimplemented!")).next().is_some() {
                findings.push(file.finding(number, "nothing is left to do: no todo! and no unimplemented!"));
            }
        }
    }
    findings
}

pub(super) fn unwraps(tree: &Tree) -> Vec<Finding> {
    let in_src = |f: &&Source| f.path.contains("src/") && !f.path.contains("/examples/");
    let mut findings = Vec::new();
    for file in tree.rust().filter(in_src) {
        for (number, line) in file.numbered().filter(|(_, l)| !l.test) {
            if line.code.contains(".unwrap()") || line.code.contains(".expect(") {
                findings.push(file.finding(number, "no unwrap and no expect outside tests: return the error"));
            }
        }
    }
    findings
}

pub(super) fn ignored_tests(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (number, line) in file.numbered() {
            if line.code.contains("#[ignore") {
                findings.push(file.finding(number, "no test is ignored: mend it, or remove it"));
            }
            if line.test && line.code.contains("println!") && line.strings.to_lowercase().contains("skip") {
                findings.push(file.finding(number, "no test skips itself: what is missing makes it fail"));
            }
        }
    }
    findings
}

pub(super) fn sleeps(tree: &Tree) -> Vec<Finding> {
    let sleeping = |l: &Line| l.test && words(&l.code, "sleep").any(|at| l.code[at..].starts_with("sleep("));
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines = file.numbered().filter(|(_, line)| sleeping(line));
        findings.extend(lines.map(|(number, _)| file.finding(number, "a test waits for the event, it does not sleep")));
    }
    findings
}

/// `./test` leaves out what has `root_` in its name when it does not run as root: nothing else may have it.
pub(super) fn root_tests(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (number, line) in file.numbered() {
            let code = line.code.trim_start();
            let name = code.split("fn ").nth(1).or_else(|| code.split("mod ").nth(1)).unwrap_or_default();
            let name = name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            if line.test && name.contains("root_") && !name.starts_with("root_") {
                findings.push(
                    file.finding(
                        number,
                        format!("only tests that need root have root_ in their name, in front: {name}"),
                    ),
                );
            }
        }
    }
    findings
}

/// A pointer to an unsafe function is no unsafe code; calling it is.
fn is_type(code: &str) -> bool {
    code.contains("unsafe fn(") || code.contains("unsafe extern \"\" fn(")
}

fn explained(lines: &[Line], at: usize) -> bool {
    if lines[at].comment.contains("SAFETY:") {
        return true;
    }
    let is_function = lines[at].code.contains("unsafe fn") || lines[at].code.contains("unsafe extern");
    let mut code_lines = 0;
    for line in lines[..at].iter().rev() {
        if line.comment.contains("SAFETY:") || (is_function && line.comment.contains("# Safety")) {
            return true;
        }
        if !line.code.trim().is_empty() {
            code_lines += 1;
        }
        if code_lines > SAFETY_REACH || (line.code.trim().is_empty() && line.comment.is_empty()) {
            return false;
        }
    }
    false
}

/// Whether the file is the root of a library or a program. Fuzz targets are not: their harness is made of unsafe code.
fn is_root(file: &Source) -> bool {
    let path = file.path.as_str();
    let program = path.contains("src/bin/") && path.split("src/bin/").nth(1).is_some_and(|rest| !rest.contains('/'));
    !path.starts_with("fuzz/") && (path.ends_with("src/lib.rs") || path.ends_with("src/main.rs") || program)
}
