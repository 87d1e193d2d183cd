//! The workspace keeps the rules of the house.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use tidy::{Tree, rules};

fn workspace() -> Tree {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    Tree::read(root).unwrap()
}

#[test]
fn the_workspace_keeps_every_rule() {
    let findings = rules::check(&workspace());
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "\n{}\n", list.join("\n"));
}

#[test]
fn every_line_of_the_tables_of_floors_is_a_module() {
    let tree = workspace();
    for rules::floors::House { sources, modules } in rules::floors::HOUSES {
        let lib = tree.file(&format!("{sources}lib.rs")).unwrap();
        for (module, _) in modules {
            let paths = [format!("{sources}{module}.rs"), format!("{sources}{module}/mod.rs")];
            let declared = lib.text.contains(&format!("mod {module};"));
            assert!(
                declared || paths.iter().any(|p| tree.file(p).is_some()),
                "tidy/src/rules/floors.rs: no module {module} in {sources}"
            );
        }
    }
}

#[test]
fn the_picture_of_the_house_shows_each_module_on_its_floor() {
    let tree = workspace();
    let picture = tree.file("ARCHITECTURE.md").unwrap().text.split("```").nth(1).unwrap();
    for rules::floors::House { sources, modules } in rules::floors::HOUSES {
        let name = sources.replace("/src/", " ");
        let shown = picture.split_once(&name).unwrap().1.split('├').next().unwrap();
        for (module, floor) in modules.iter().filter(|(module, _)| *module != "lib") {
            assert!(floors_of(shown, module).contains(floor), "ARCHITECTURE.md: {name}has {module} on floor {floor}");
        }
    }
}

/// The floors on whose lines a word stands: a line begins with its number, or goes on with that above.
fn floors_of(shown: &str, module: &str) -> Vec<usize> {
    let mut floor = usize::MAX;
    let mut found = Vec::new();
    for line in shown.lines() {
        let mut words = line.trim_end_matches(['│', ' ']).rsplit('│').next().unwrap_or_default().split_whitespace();
        floor = words.clone().next().and_then(|word| word.parse().ok()).unwrap_or(floor);
        found.extend(words.any(|word| word.trim_end_matches('/') == module).then_some(floor));
    }
    found
}
