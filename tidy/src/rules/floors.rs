//! A lower floor never imports a higher one: between crates, and between the files of the library.

use crate::{Finding, Source, Tree};

/// The crates of the house by floor. Those of one floor stand side by side and do not know each other.
const CRATES: [(&str, usize); 10] = [
    ("puerta", 0),
    ("puerta-text", 0),
    ("puerta-relay", 1),
    ("puerta-serve", 1),
    ("puerta-talk", 1),
    ("puerta-cli", 2),
    ("bench", 3),
    ("guide", 3),
    ("simulation", 3),
    ("tidy", 3),
];

/// A crate whose files have floors. A file imports from its own floor and from those below.
pub struct House {
    /// Where its files lie, with a slash at the end.
    pub sources: &'static str,
    /// Each file or folder, with its floor.
    pub modules: &'static [(&'static str, usize)],
}

/// The crates that have them.
pub const HOUSES: [House; 4] = [
    House { sources: "crates/puerta/src/", modules: LIBRARY },
    House { sources: "crates/puerta-relay/src/", modules: RELAY },
    House { sources: "crates/puerta-serve/src/", modules: SERVE },
    House { sources: "crates/puerta-talk/src/", modules: TALK },
];

/// The ground is one knot: an error names addresses, an address is what `sys` encodes, and every call of `sys` feeds the trace
/// and builds the error.
const LIBRARY: &[(&str, usize)] = &[
    ("accept", 0),
    ("address", 0),
    ("ancillary", 0),
    ("credentials", 0),
    ("error", 0),
    ("hint", 0),
    ("interfaces", 0),
    ("status", 0),
    ("sys", 0),
    ("trace", 0),
    ("units", 0),
    ("protocol", 1),
    ("role", 1),
    ("opt", 2),
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

/// On the ground what does no I/O; then what touches the outside, one direction, a session, and who serves many.
const RELAY: &[(&str, usize)] = &[
    ("counters", 0),
    ("endpoint", 0),
    ("event", 0),
    ("framing", 0),
    ("outbox", 0),
    ("peers", 0),
    ("problem", 0),
    ("reach", 0),
    ("transform", 0),
    ("verdict", 0),
    ("words", 0),
    ("background", 1),
    ("claim", 1),
    ("local", 1),
    ("plan", 1),
    ("wire", 1),
    ("accept", 2),
    ("open", 2),
    ("pump", 2),
    ("session", 3),
    ("child", 4),
    ("datagram", 4),
    ("service", 5),
    ("broadcast", 6),
    ("hub", 6),
    ("listen", 7),
    ("lib", 8),
];

/// On the ground what does no I/O; then what touches the outside; then HTTP/1, and who accepts its connections.
#[rustfmt::skip] // One line for each, so that additions do not meet.
const SERVE: &[(&str, usize)] = &[
    ("core", 0),
    ("event", 1),
    ("problem", 1),
    ("words", 1),
    ("gate", 2),
    ("log", 2),
    ("sandbox", 2),
    ("store", 2),
    ("tls", 2),
    ("audit", 3),
    ("http1", 3),
    ("explain", 4),
    ("server", 4),
    ("lib", 5),
];

/// On the ground what does no I/O; then what touches the outside; then who serves, joins, or does it as the classic did.
#[rustfmt::skip] // One line for each, so that additions do not meet.
const TALK: &[(&str, usize)] = &[
    ("announcement", 0),
    ("fingerprint", 0),
    ("invite", 0),
    ("room", 0),
    ("rung", 0),
    ("wire", 0),
    ("neighbours", 1),
    ("problem", 1),
    ("words", 1),
    ("discovery", 2),
    ("identity", 2),
    ("log", 2),
    ("outbox", 2),
    ("transport", 2),
    ("hub", 3),
    ("join", 3),
    ("plain", 3),
    ("host", 4),
    ("lib", 5),
];

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
    HOUSES.iter().flat_map(|house| modules_of(tree, house)).collect()
}

fn modules_of(tree: &Tree, house: &House) -> Vec<Finding> {
    let exported = tree.file(&format!("{}lib.rs", house.sources)).map(exports).unwrap_or_default();
    let mut findings = Vec::new();
    for file in tree.rust().filter(|f| f.path.starts_with(house.sources)) {
        let own_name = module_of(&file.path, house.sources);
        let Some(own) = floor(house.modules, own_name) else {
            findings.push(
                file.finding(0, format!("the module {own_name} has no floor: give it one in tidy/src/rules/floors.rs")),
            );
            continue;
        };
        for (number, line) in file.numbered().filter(|(_, l)| !l.test) {
            for used in uses(&line.code) {
                let module = exported.iter().find(|(name, _)| *name == used).map_or(used, |(_, module)| module);
                if floor(house.modules, module).is_some_and(|f| f > own) {
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
fn module_of<'a>(path: &'a str, sources: &str) -> &'a str {
    let inside = path.strip_prefix(sources).unwrap_or(path);
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
