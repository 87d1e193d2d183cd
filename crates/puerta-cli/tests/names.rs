//! TCP with a name of two addresses, in namespaces of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::{Folder, free_port};
use common::{Run, peer};
use std::net::TcpListener;

/// A line of sh where the name `two-doors` has ::1 and 127.0.0.1, in that order, in namespaces of these kinds.
fn named(folder: &Folder, namespaces: &str, line: &str) -> Run {
    folder.file("hosts", "::1 two-doors\n127.0.0.1 two-doors\n");
    let line = format!("mount --bind '{}' /etc/hosts || exit 9\n{line}", folder.name("hosts"));
    peer("unshare", [namespaces, "sh", "-c", &line]).env("PUERTA", env!("CARGO_BIN_EXE_puerta"))
}

#[test]
fn a_source_of_a_port_alone_is_one_for_each_family() {
    let folder = Folder::new("two-doors-port");
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    for source in [format!(":{}", free_port()), "two-doors:0".to_owned()] {
        let line = format!(
            "exec \"$PUERTA\" connect two-doors:{} --source {source} --probe",
            server.local_addr().unwrap().port()
        );
        named(&folder, "-rm", &line).finish().ends_with(0);
        let (_, from) = server.accept().unwrap();
        assert!(source == "two-doors:0" || source == format!(":{}", from.port()), "{from} for {source}");
    }
}
