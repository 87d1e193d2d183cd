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

#[test]
fn a_free_port_is_free_at_all_addresses_of_a_name() {
    let folder = Folder::new("two-doors-free");
    let line = "ip link set lo up && echo 40000 40003 >/proc/sys/net/ipv4/ip_local_port_range || exit 9
        for port in 40000 40001; do
            \"$PUERTA\" listen --keep 127.0.0.1:$port >/dev/null 2>>taken &
        done
        until [ \"$(grep -c listening taken)\" = 2 ]; do sleep 0.01; done
        for round in 1 2 3 4 5 6 7 8; do
            \"$PUERTA\" listen two-doors:0 --probe || exit 1
        done
        for port in 40002 40003; do
            \"$PUERTA\" listen --keep 127.0.0.1:$port >/dev/null 2>>taken &
        done
        until [ \"$(grep -c listening taken)\" = 4 ]; do sleep 0.01; done
        \"$PUERTA\" listen two-doors:0 --probe";
    let done = named(&folder, "-rnm", line).current_dir(&folder.path("")).finish();
    done.ends_with(5).said("EADDRINUSE");
    assert_eq!(done.stderr.matches("listening on").count(), 16, "{}", done.stderr);
}
