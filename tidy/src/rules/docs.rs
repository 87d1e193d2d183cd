//! What the documentation must say, and that what it points at is there.

use crate::{Finding, Source, Tree};

pub(super) fn errors_sections(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|f| f.path.starts_with("crates/puerta/src/")) {
        for (number, line) in file.numbered().filter(|(_, l)| !l.test) {
            let code = line.code.trim_start();
            let Some(name) = public_function(code) else { continue };
            if returns_result(file, number - 1) && !doc_of(file, number - 1).any(|d| d.contains("# Errors")) {
                findings.push(
                    file.finding(number, format!("{name} returns a Result: its docs need an `# Errors` section")),
                );
            }
        }
    }
    findings
}

/// The two commands of the README, and that they are there to be run.
pub(super) fn commands(tree: &Tree) -> Vec<Finding> {
    let Some(readme) = tree.file("README.md") else { return Vec::new() };
    let mut findings = Vec::new();
    let mut missing = |ok: bool, rule: &str| {
        if !ok {
            findings.push(readme.finding(0, rule));
        }
    };
    let has = |line: &str| readme.text.lines().any(|l| l.trim() == line);
    missing(has("cargo run --release -- listen :8080"), "the command that runs the main job is missing");
    missing(has("./test"), "the command that passes the tests is missing");
    missing(tree.file("test").is_some_and(|f| f.executable), "./test is not there, or may not be run");
    missing(
        tree.file(".ci/run").is_some_and(|f| f.executable && f.text.contains("./test")),
        ".ci/run does not call ./test",
    );
    let manifest = tree.file("Cargo.toml").map_or("", |f| &f.text);
    missing(
        manifest.contains("default-members = [\"crates/puerta-cli\"]"),
        "`cargo run` at the root does not find the command",
    );
    findings
}

/// Each decision has its place in the index.
pub(super) fn decisions(tree: &Tree) -> Vec<Finding> {
    let folder = "docs/decisions/";
    let index = tree.file("docs/decisions/README.md").map_or("", |f| &f.text);
    let pages = tree.files.iter().filter(|f| f.path.starts_with(folder) && !f.path.ends_with("/README.md"));
    pages
        .filter(|page| !index.contains(&format!("]({})", &page.path[folder.len()..])))
        .map(|page| page.finding(0, "the index docs/decisions/README.md does not link this page"))
        .collect()
}

/// A link to a file of the repository leads somewhere.
pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for page in tree.files.iter().filter(|f| f.path.ends_with(".md")) {
        let mut fenced = false;
        for (i, line) in page.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            for target in targets(line).filter(|_| !fenced) {
                let target = target.split('#').next().unwrap_or_default();
                let away = target.contains("://") || target.starts_with("mailto:") || target.is_empty();
                if !away && !exists(tree, &joined(&page.path, target)) {
                    findings.push(page.finding(i + 1, format!("the link to {target} leads nowhere")));
                }
            }
        }
    }
    findings
}

/// The name of a function that the crate's users see.
fn public_function(code: &str) -> Option<&str> {
    let rest = code.strip_prefix("pub ")?;
    let rest = ["const ", "async ", "unsafe "].iter().fold(rest, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
    rest.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// Whether what stands between the arrow and the body names a Result.
fn returns_result(file: &Source, from: usize) -> bool {
    let mut signature = String::new();
    for line in &file.lines[from..] {
        signature.push_str(&line.code);
        signature.push(' ');
        if line.code.contains('{') || line.code.trim_end().ends_with(';') || line.code.trim_start().starts_with("where")
        {
            break;
        }
    }
    signature.rsplit_once("->").is_some_and(|(_, returned)| returned.contains("Result"))
}

fn doc_of(file: &Source, at: usize) -> impl Iterator<Item = &str> {
    let above = file.lines[..at].iter().rev();
    above
        .take_while(|l| l.comment.starts_with("///") || l.code.trim_start().starts_with("#["))
        .map(|l| l.comment.as_str())
}

/// What the links of a line lead to, those in code left out.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let plain = line.split('`').step_by(2);
    plain.flat_map(|text| text.split("](").skip(1)).filter_map(|rest| rest.split(')').next())
}

fn joined(page: &str, target: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn exists(tree: &Tree, path: &str) -> bool {
    tree.files.iter().any(|f| f.path == path || f.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
        || tree.pictures.iter().any(|picture| picture == path)
        || matches!(path, "LICENSE-MIT" | "LICENSE-APACHE" | "Cargo.lock" | "")
}
