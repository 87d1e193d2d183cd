//! Each rule is seen to fail on a small bad sample, and to let the good one pass.

use tidy::{Tree, rules};

const LIBRARY: &str = "#![deny(unsafe_code)]\n";

/// What the rules say of a tree of samples: `path:line: rule`.
fn findings(samples: &[(&str, &str)]) -> Vec<String> {
    rules::check(&Tree::of(samples)).iter().map(ToString::to_string).collect()
}

#[track_caller]
fn refused(path: &str, text: &str, expected: &str) {
    let found = findings(&[(path, text)]);
    assert!(found.len() == 1 && found[0].contains(expected), "expected {expected:?}, found {found:#?}");
}

#[track_caller]
fn accepted(path: &str, text: &str) {
    assert_eq!(findings(&[(path, text)]), [""; 0]);
}

#[test]
fn a_lower_crate_that_depends_on_a_higher_one_is_refused() {
    let manifest =
        |name: &str, on: &str| format!("[package]\nname = \"{name}\"\n\n[dependencies]\n{on}.workspace = true\n");
    refused(
        "crates/puerta/Cargo.toml",
        &manifest("puerta", "puerta-relay").replace("true", "true, optional = true"),
        "Cargo.toml:5",
    );
    refused("crates/puerta-relay/Cargo.toml", &manifest("puerta-relay", "puerta-cli"), "not on a lower floor");
    refused("crates/puerta-text/Cargo.toml", &manifest("puerta-text", "puerta"), "not on a lower floor");
    refused("crates/puerta-serve/Cargo.toml", &manifest("puerta-serve", "puerta-talk"), "not on a lower floor");
    refused("crates/puerta-cli/Cargo.toml", &manifest("puerta-cli", "bench"), "not on a lower floor");
    refused("crates/attic/Cargo.toml", &manifest("attic", "puerta"), "has no floor");
    accepted("crates/puerta-cli/Cargo.toml", &manifest("puerta-cli", "puerta-relay"));
    let table = "[package]\nname = \"puerta-text\"\n[dev-dependencies.puerta]\nworkspace = true\n";
    refused("crates/puerta-text/Cargo.toml", table, "Cargo.toml:3");
}

#[test]
fn a_second_dependency_of_the_library_is_refused_unless_it_is_optional() {
    let manifest =
        |line: &str| format!("[package]\nname = \"puerta\"\n[dependencies]\nlibc.workspace = true\n{line}\n");
    refused("crates/puerta/Cargo.toml", &manifest("nix = \"1\""), "libc alone");
    accepted("crates/puerta/Cargo.toml", &manifest("tokio = { workspace = true, optional = true }"));
    accepted("crates/puerta/Cargo.toml", &manifest("[dev-dependencies]\nproptest.workspace = true"));
}

#[test]
fn a_file_of_the_library_that_imports_from_a_floor_above_is_refused() {
    refused("crates/puerta/src/error.rs", "use crate::socket::Socket;\n", "error may not import socket");
    refused("crates/puerta/src/sys/call.rs", "use crate::role::Role;\n", "sys may not import role");
    refused("crates/puerta/src/protocol.rs", "use crate::{address, opt};\n", "protocol may not import opt");
    refused("crates/puerta/src/attic.rs", "fn f() {}\n", "has no floor");
    accepted("crates/puerta/src/socket.rs", "use crate::role::Role;\nuse crate::sys::call::Fd;\n");
    accepted(
        "crates/puerta/src/error.rs",
        "//! See crate::socket.\n#[cfg(test)]\nmod tests {\n    use crate::socket::Socket;\n}\n",
    );
}

#[test]
fn a_name_that_lib_exports_counts_as_its_module() {
    let root = format!("{LIBRARY}pub use socket::{{\n    Progress, Socket,\n}};\npub use error::Error;\n");
    let found = findings(&[
        ("crates/puerta/src/lib.rs", &root),
        ("crates/puerta/src/trace.rs", "fn f(_: crate::Progress, _: crate::Error) {}\n"),
    ]);
    assert_eq!(found, ["crates/puerta/src/trace.rs:1: trace may not import socket, which is a floor above it"]);
}

#[test]
fn unsafe_code_outside_sys_is_refused() {
    refused("crates/puerta/src/socket.rs", "fn f() {\n    unsafe { g() }\n}\n", "socket.rs:2");
    refused("bench/src/clock.rs", "unsafe fn f() {}\n", "in crates/puerta/src/sys/ alone");
    accepted("bench/src/clock.rs", "// unsafe\nconst WORD: &str = \"unsafe\"; // unsafe_code\n");
}

#[test]
fn unsafe_code_without_its_reason_is_refused() {
    let path = "crates/puerta/src/sys/socket.rs";
    refused(path, "fn f() {\n    let a = 1;\n\n    unsafe { g() }\n}\n", "needs a // SAFETY:");
    let far = "// SAFETY: far away.\n".to_owned() + &"let a = 1;\n".repeat(6) + "unsafe { g() }\n";
    refused(path, &far, "socket.rs:8");
    accepted(path, "// SAFETY: g takes no pointers.\nlet r = once(\n    Call::Close,\n    || unsafe { g() },\n);\n");
    accepted(path, "type NameOf = unsafe extern \"C\" fn(c_int) -> c_int;\n");
    accepted(path, "/// Owns it.\n///\n/// # Safety\n/// Nobody else owns it.\npub(crate) unsafe fn own() {}\n");
}

#[test]
fn a_crate_that_does_not_forbid_unsafe_code_is_refused() {
    refused("crates/puerta-text/src/lib.rs", "//! Text.\n", "forbid(unsafe_code)");
    refused("crates/puerta-cli/src/main.rs", "#![deny(unsafe_code)]\nfn main() {}\n", "forbid(unsafe_code)");
    refused("bench/src/bin/peer.rs", "fn main() {}\n", "forbid(unsafe_code)");
    accepted("bench/src/bin/peer.rs", "#![forbid(unsafe_code)]\nfn main() {}\n");
    accepted("crates/puerta/src/lib.rs", LIBRARY);
}

#[test]
fn a_public_function_that_fails_without_saying_how_is_refused() {
    let path = "crates/puerta/src/socket.rs";
    refused(path, "/// Binds.\npub fn bind(self) -> Result<()> {}\n", "bind returns a Result");
    refused(
        path,
        "/// Binds.\n#[inline]\npub fn bind<A>(\n    self,\n    at: A,\n) -> io::Result<()>\nwhere\n    A: B,\n{\n}\n",
        "socket.rs:3",
    );
    refused(path, "/// Waits.\npub async fn ready(&self) -> Result<()> {}\n", "ready returns a Result");
    accepted(path, "/// Binds.\n///\n/// # Errors\n/// `EADDRINUSE`.\n#[inline]\npub fn bind(self) -> Result<()> {}\n");
    accepted(path, "pub(crate) fn bind(self) -> Result<()> {}\npub fn name(&self) -> &str {}\n");
    accepted(path, "pub fn map(f: impl Fn() -> Result<()>) -> usize {}\n");
}

#[test]
fn ending_the_process_and_leaving_things_to_do_are_refused() {
    let path = "crates/puerta-relay/src/pump.rs";
    refused(path, "fn f() {\n    std::process::exit(1)\n}\n", "pump.rs:2: process::exit");
    refused(path, "use std::process::{Command, exit};\n", "process::exit");
    refused(path, "fn f() {\n    todo!()\n}\n", "nothing is left to do");
    refused(path, "fn f() {\n    unimplemented!(\"later\")\n}\n", "nothing is left to do");
    accepted(path, "use std::process::{Command, ExitCode};\n// todo!() is refused\n");
}

#[test]
fn unwrapping_outside_tests_is_refused() {
    let path = "crates/puerta-relay/src/pump.rs";
    refused(path, "fn f() {\n    g().unwrap();\n}\n", "pump.rs:2");
    refused(path, "fn f() {\n    g().expect(\"a\");\n}\n", "no unwrap");
    refused(path, "#[cfg(test)]\nmod tests {\n}\n\nfn f() {\n    g().unwrap();\n}\n", "pump.rs:6");
    accepted(path, "#[cfg(test)]\nmod tests {\n    fn f() {\n        g().unwrap();\n    }\n}\n");
    accepted(path, "/// `g().unwrap()`\nfn f() {\n    g().unwrap_or_default();\n}\n");
    accepted("crates/puerta-relay/tests/pump.rs", "fn f() {\n    g().unwrap();\n}\n");
}

#[test]
fn a_test_that_does_not_run_is_refused() {
    refused("crates/puerta/tests/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n", "a.rs:2: no test is ignored");
    refused(
        "crates/puerta/tests/a.rs",
        "#[test]\nfn f() {\n    eprintln!(\"skipped: no socat\");\n}\n",
        "no test skips itself",
    );
}

#[test]
fn a_test_that_sleeps_is_refused() {
    refused("crates/puerta/tests/a.rs", "fn f() {\n    thread::sleep(D);\n}\n", "a.rs:2: a test waits");
    refused(
        "crates/puerta/src/dial.rs",
        "#[cfg(test)]\nmod tests {\n    fn f() {\n        sleep(D);\n    }\n}\n",
        "dial.rs:4",
    );
    accepted("crates/puerta/src/dial.rs", "fn f() {\n    thread::sleep(D);\n}\n");
}

#[test]
fn a_test_that_would_be_left_out_by_its_name_is_refused() {
    refused("crates/puerta/tests/a.rs", "#[test]\nfn the_root_of_it() {}\n", "the_root_of_it");
    accepted("crates/puerta/tests/a.rs", "#[test]\nfn root_raw_sockets_hear_the_echo() {}\n");
}

#[test]
fn a_file_that_is_too_long_is_refused() {
    refused("crates/puerta/src/socket.rs", &"fn f() {}\n".repeat(501), "501 lines");
    accepted("crates/puerta/src/socket.rs", &"fn f() {}\n".repeat(500));
}

#[test]
fn banners_are_refused() {
    refused("crates/puerta/src/socket.rs", "// ---- helpers ----\n", "no banner");
    refused("crates/puerta/src/socket.rs", "/****************/\n", "no banner");
    refused("clippy.toml", "# ======\n", "no banner");
    accepted("crates/puerta/src/socket.rs", "//! ───→ connect\n// -1: for ever\n");
}

#[test]
fn white_space_at_the_end_is_refused() {
    refused("ARCHITECTURE.md", "a \nb\n", "ARCHITECTURE.md:1");
    refused("ARCHITECTURE.md", "a", "one line break");
    refused("ARCHITECTURE.md", "a\n\n", "one line break");
}

#[test]
fn a_readme_without_its_two_commands_is_refused() {
    let good = [
        ("README.md", "cargo run --release -- listen :8080\n./test\n"),
        ("test", "cargo test\n"),
        (".ci/run", "exec ./test\n"),
        ("Cargo.toml", "default-members = [\"crates/puerta-cli\"]\n"),
    ];
    assert_eq!(findings(&good), [""; 0]);
    for (left_out, expected) in
        [(1, "./test is not there"), (2, ".ci/run does not call"), (3, "`cargo run` at the root")]
    {
        let rest: Vec<_> = good.iter().enumerate().filter(|(i, _)| *i != left_out).map(|(_, f)| *f).collect();
        let found = findings(&rest);
        assert!(found.len() == 1 && found[0].contains(expected), "{found:#?}");
    }
    let without = [("README.md", "Nothing here.\n"), good[1], good[2], good[3]];
    assert_eq!(findings(&without).len(), 2);
}

#[test]
fn a_decision_that_the_index_does_not_link_is_refused() {
    let page = ("docs/decisions/0001-role.md", "The role.\n");
    let index = |text| findings(&[("docs/decisions/README.md", text), page]);
    assert_eq!(index("- [The role](0001-role.md)\n"), [""; 0]);
    assert!(index("Nothing.\n")[0].contains("does not link"));
}

#[test]
fn a_link_that_leads_nowhere_is_refused() {
    refused("docs/guide/udp.md", "See [errors](errors.md#hints).\n", "udp.md:1: the link to errors.md");
    accepted("docs/guide/udp.md", "[a](https://example.org) `[x](y)` [b](#here)\n```text\n[fe80::1](x)\n```\n");
    assert_eq!(findings(&[("README.md.md", "[a](docs/a.md)\n"), ("docs/a.md", "[b](../README.md.md)\n")]), [""; 0]);
}
