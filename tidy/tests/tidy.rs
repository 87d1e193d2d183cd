//! The workspace keeps the rules of the house.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use tidy::{Tree, exceptions, rules};

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
fn every_line_of_the_table_of_floors_is_a_module_of_the_library() {
    let tree = workspace();
    let lib = tree.file("crates/puerta/src/lib.rs").unwrap();
    for (module, _) in rules::floors::MODULES {
        let paths = [format!("crates/puerta/src/{module}.rs"), format!("crates/puerta/src/{module}/mod.rs")];
        let declared = lib.text.contains(&format!("mod {module};"));
        assert!(
            declared || paths.iter().any(|p| tree.file(p).is_some()),
            "tidy/src/rules/floors.rs: no module {module}"
        );
    }
}

#[test]
fn every_exception_is_a_file_that_is_there() {
    let tree = workspace();
    for (path, _) in exceptions::LONG_FILES.iter().chain(exceptions::SLEEPS) {
        assert!(tree.file(path).is_some(), "{path} is in tidy/src/exceptions.rs and not in the workspace");
    }
}
