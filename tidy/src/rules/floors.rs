//! A lower floor never imports a higher one: between crates, and between the files of the library.

use crate::{Finding, Source, Tree};

/// The crates of the house by floor. Those of one floor stand side by side and do not know each other.
const CRATES: [(&str, usize); 9] = [
    ("puerta", 0),
    ("puerta-text", 0),
    ("puerta-relay", 1),
    ("puerta-serve", 1),
    ("puerta-talk", 1),
    ("puerta-cli", 2),
    ("bench", 3),
    ("guide", 3),
    ("tidy", 3),
];

/// The files of `crates/puerta/src` by floor. A file imports from its own floor and from those below.
///
/// The ground is one knot: an error names addresses, an address is what `sys` encodes, and every call of `sys` feeds the trace
/// and builds the error.
pub const MODULES: [(&str, usize); 22] = [
    ("address", 0),
    ("ancillary", 0),
    ("credentials", 0),
    ("interfaces", 0),
    ("error", 0),
    ("hint", 0),
    ("sys", 0),
    ("trace", 0),
    ("units", 0),
    ("protocol", 1),
    ("role", 1),
    ("opt", 2),
    ("option", 2),
    ("socket", 2),
    ("convert", 3),
    ("exchange", 3),
    ("io", 3),
    ("message", 3),
    ("resolve", 4),
    ("dial", 5),
    ("tokio", 6),
    ("lib", 7),
];

const LIBRARY: &str = "crates/puerta/src/";

pub(super) fn crates(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in tree.files.iter().filter(|f| f.path.starts_with("crates/") && f.path.ends_with("/Cargo.toml")) {
        let Some(name) = package_name(manifest) else { continue };
        let Some(own) = floor(&CRATES, name) else {
            findings.push(
                manifest.finding(0, format!("the crate {name} has no floor: give it one in tidy/src/rules/floors.rs")),
            );
            continue;
        };
        for dependency in dependencies_of(manifest) {
            if floor(&CRATES, dependency.name).is_some_and(|f| f >= own) && dependency.name != name {
                let rule = format!("{name} may not depend on {}, which is not on a lower floor", dependency.name);
                findings.push(manifest.finding(dependency.line, rule));
            }
        }
    }
    findings
}

pub(super) fn modules(tree: &Tree) -> Vec<Finding> {
    let exported = tree.file("crates/puerta/src/lib.rs").map(exports).unwrap_or_default();
    let mut findings = Vec::new();
    for file in tree.rust().filter(|f| f.path.starts_with(LIBRARY)) {
        let own_name = module_of(&file.path);
        let Some(own) = floor(&MODULES, own_name) else {
            findings.push(
                file.finding(0, format!("the module {own_name} has no floor: give it one in tidy/src/rules/floors.rs")),
            );
            continue;
        };
        for (number, line) in file.numbered().filter(|(_, l)| !l.test) {
            for used in uses(&line.code) {
                let module = exported.iter().find(|(name, _)| *name == used).map_or(used, |(_, module)| module);
                if floor(&MODULES, module).is_some_and(|f| f > own) {
                    findings.push(
                        file.finding(number, format!("{own_name} may not import {module}, which is a floor above it")),
                    );
                }
            }
        }
    }
    findings
}

pub(super) fn dependencies(tree: &Tree) -> Vec<Finding> {
    let Some(manifest) = tree.file("crates/puerta/Cargo.toml") else { return Vec::new() };
    dependencies_of(manifest)
        .filter(|d| d.section == "dependencies" && d.name != "libc" && !d.optional)
        .map(|d| {
            manifest.finding(d.line, "the library depends on libc alone; anything else is optional, behind a feature")
        })
        .collect()
}

struct Dependency<'a> {
    section: &'a str,
    name: &'a str,
    line: usize,
    optional: bool,
}

fn dependencies_of(manifest: &Source) -> impl Iterator<Item = Dependency<'_>> {
    let mut section = "";
    manifest.text.lines().enumerate().filter_map(move |(i, line)| {
        let line = line.trim();
        if let Some(head) = line.strip_prefix('[') {
            section = head.trim_end_matches(']');
            // [dependencies.name] is a dependency, too.
            let (table, name) = section.rsplit_once('.').unwrap_or_default();
            return table.ends_with("dependencies").then_some(Dependency {
                section: table,
                name,
                line: i + 1,
                optional: false,
            });
        }
        let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
        (section.ends_with("dependencies") && !name.is_empty() && !name.starts_with('#')).then(|| Dependency {
            section,
            name,
            line: i + 1,
            optional: line.contains("optional = true"),
        })
    })
}

fn package_name(manifest: &Source) -> Option<&str> {
    let line = manifest.text.lines().find(|l| l.starts_with("name = "))?;
    line.split('"').nth(1)
}

fn floor(table: &[(&str, usize)], name: &str) -> Option<usize> {
    table.iter().find(|(n, _)| *n == name).map(|(_, floor)| *floor)
}

/// `crates/puerta/src/address/unix.rs` belongs to the module address.
fn module_of(path: &str) -> &str {
    let inside = path.strip_prefix(LIBRARY).unwrap_or(path);
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
}

/// What follows each `crate::` on a line: modules, or names that lib.rs exports.
fn uses(code: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::").filter(|(at, _)| !code[..*at].ends_with('$')) {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                let list = list.split('}').next().unwrap_or(list);
                found.extend(list.split(',').map(|part| first_word(part.trim())));
            }
            None => found.push(first_word(rest)),
        }
    }
    found
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The names that lib.rs exports, each with its module.
fn exports(lib: &Source) -> Vec<(&str, &str)> {
    let mut names = Vec::new();
    let mut module = "";
    for line in lib.lines.iter().map(|l| l.code.trim()) {
        let list = match line.strip_prefix("pub use ").and_then(|l| l.split_once("::")) {
            Some((from, list)) => {
                module = from;
                list
            }
            None if module.is_empty() => continue,
            None => line,
        };
        let parts = list.trim_start_matches('{').trim_end_matches(';').trim_end_matches('}').split(',');
        names.extend(parts.map(|p| (first_word(p.trim()), module)).filter(|(name, _)| !name.is_empty()));
        if line.ends_with(';') {
            module = "";
        }
    }
    names
}
