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
