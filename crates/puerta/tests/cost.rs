//! With the trace off, `send` and `recv` cost at most 10 instructions more than the bare calls of libc.
//!
//! callgrind counts `examples/cost.rs`, optimised, and `examples/c/cost.c`, the same loop in C. What start and end cost
//! goes out by the difference of two runs; two more calls of one kind a round give the cost of that kind alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs, process};

/// How much a call of ours may cost beyond the bare one, in instructions.
const ALLOWED: f64 = 10.0;

/// Rounds of the shorter and of the longer run.
const ROUNDS: [u64; 2] = [200, 1_200];

/// SENDS LENGTH RECVS ROOM: each sends and receives the same bytes.
const ONE_AND_ONE: [&str; 4] = ["1", "6", "1", "6"];
const THREE_SENDS: [&str; 4] = ["3", "2", "1", "6"];
const THREE_RECVS: [&str; 4] = ["1", "6", "3", "2"];

#[test]
fn send_and_recv_cost_at_most_10_instructions_more_than_the_bare_calls() {
    let folder = env::temp_dir().join(format!("puerta-cost-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let ours = costs(&optimised(&folder), &folder);
    let bare = costs(&compiled(&folder), &folder);
    fs::remove_dir_all(&folder).unwrap();
    for (call, ours, bare) in [("send", ours.send, bare.send), ("recv", ours.recv, bare.recv)] {
        println!("{call}: {ours:.1} instructions, bare {bare:.1}, {:+.1}", ours - bare);
        assert!(bare > 5.0, "{call}: {bare} instructions cannot be a call");
        assert!(ours - bare <= ALLOWED, "{call}: {ours:.1} instructions, bare {bare:.1}");
    }
}

struct Costs {
    send: f64,
    recv: f64,
}

fn costs(program: &Path, folder: &Path) -> Costs {
    let base = a_round(program, ONE_AND_ONE, folder);
    let of_two = |shape| (a_round(program, shape, folder) - base) / 2.0;
    Costs { send: of_two(THREE_SENDS), recv: of_two(THREE_RECVS) }
}

/// Instructions of one round.
fn a_round(program: &Path, shape: [&str; 4], folder: &Path) -> f64 {
    let [short, long] = ROUNDS.map(|rounds| instructions(program, rounds, shape, folder));
    f64::from(u32::try_from(long - short).unwrap()) / f64::from(u32::try_from(ROUNDS[1] - ROUNDS[0]).unwrap())
}

fn instructions(program: &Path, rounds: u64, shape: [&str; 4], folder: &Path) -> u64 {
    let out = folder.join("callgrind.out");
    let mut flag = OsString::from("--callgrind-out-file=");
    flag.push(&out);
    let output = run(Command::new("valgrind")
        .args([OsStr::new("--tool=callgrind"), &flag])
        .arg(program)
        .arg(rounds.to_string())
        .args(shape));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{}\n", rounds * 6));
    let counted = fs::read_to_string(out).unwrap();
    let totals = counted.lines().find_map(|l| l.strip_prefix("totals: ").or(l.strip_prefix("summary: "))).unwrap();
    totals.trim().parse().unwrap()
}

/// The library and the example, optimised, on the libc crate that cargo has built for these tests.
fn optimised(folder: &Path) -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let deps = env::current_exe().unwrap().parent().unwrap().to_owned();
    let built = fs::read_dir(&deps).unwrap().map(|entry| entry.unwrap().path());
    let libc = built.filter(|path| is_libc(path)).max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
    let rustc = |kind: &str, name: &str, source: &str, on: &str, at: &Path| {
        let mut on = OsString::from(format!("{on}="));
        on.push(at);
        run(Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args(["--edition", "2024", "-C", "opt-level=3", "--cap-lints", "allow"])
            .args(["--crate-type", kind, "--crate-name", name, "--out-dir"])
            .args([folder.as_os_str(), OsStr::new("-L"), deps.as_os_str(), OsStr::new("--extern"), &on])
            .arg(manifest.join(source)));
    };
    rustc("rlib", "puerta", "src/lib.rs", "libc", &libc.expect("cargo built no libc beside this test"));
    rustc("bin", "ours", "examples/cost.rs", "puerta", &folder.join("libpuerta.rlib"));
    folder.join("ours")
}

fn is_libc(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|n| n.starts_with("liblibc-") && n.ends_with(".rlib"))
}

fn compiled(folder: &Path) -> PathBuf {
    let program = folder.join("bare");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/c/cost.c");
    run(Command::new("cc").args(["-O2", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program).arg(source));
    program
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
