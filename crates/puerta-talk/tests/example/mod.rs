//! Examples that tests run. `cargo test` builds them first; with `--test NAME` alone it does not, and those built before are used.

use std::path::PathBuf;

/// The program of an example of a package. Where it was not built, the test says which command builds it.
#[track_caller]
pub(crate) fn example(package: &str, name: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(program.is_file(), "{name} is not there; build it: cargo build -p {package} --example {name}");
    program
}
