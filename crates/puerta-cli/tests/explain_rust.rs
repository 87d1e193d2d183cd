//! The Rust that `puerta explain` writes compiles without a warning, is formatted, and greets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::{Folder, free_port};
use common::{peer, puerta};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::SystemTime;

/// Each in both roles, but those that only listen.
const ADDRESSES: [&str; 23] = [
    "127.0.0.1:8080",
    "localhost:8080,no-delay,keep-alive,keep-alive-idle=90s,user-timeout=1500ms",
    "10.0.0.5:http",
    "[2001:db8::17]:443,congestion-control=reno,ttl=9",
    "[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
    "[fe80::1%eth0]:80,bind-to-device=lo",
    "[fe80::1%2]:80,linger=5s",
    "[::1]:80,linger=none,send-buffer=64k,defer-accept=3s,fast-open=8",
    ":8080,v6-only,reuse-port",
    ":http",
    "a-host-with-quite-a-long-name.in-a-domain.example.org:service-name,tos=0x10",
    "udp:10.0.0.5:53",
    "udp:localhost:53,broadcast,multicast-join=239.1.2.3%lo,multicast-interface=lo,multicast-ttl=3",
    "udp:localhost:53,receive-timeout=250us,busy-poll=50us",
    "udp:[ff02::7075%1]:53,multicast-loop=false,multicast-join=ff02::7075",
    "udp::9000,packet-info",
    "/run/a door\"s.sock,receive-timeout=2s",
    "./door.sock",
    "@door,pass-credentials,send-timeout=none",
    "unix-dgram:/run/log,receive-buffer=1m",
    "unix-dgram:@log",
    "unix-packet:/run/packets",
    "unix-packet:@packets,send-timeout=1s",
];

/// The newest libpuerta beside this test: cargo built it for it.
fn library() -> PathBuf {
    let deps = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let built = std::fs::read_dir(&deps).unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name()?.to_str()?;
        let ours = name.starts_with("libpuerta-") && name.ends_with(".rlib");
        let time = std::fs::metadata(&path).and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        ours.then(|| (time, path.clone()))
    });
    built.max().expect("cargo built no libpuerta beside this test").1
}

fn sample(arguments: &[&str]) -> String {
    let done = puerta([&["explain", "--rust"], arguments].concat()).finish();
    done.ends_with(0).text()
}

/// Compiles samples into one program, which runs the one whose number it is given.
fn compiled(folder: &Folder, samples: &[String]) -> String {
    let mut text = String::new();
    for (at, sample) in samples.iter().enumerate() {
        write!(text, "mod sample_{at} {{\n{sample}\npub fn run() -> puerta::Result<()> {{\n    main()\n}}\n}}\n")
            .unwrap();
    }
    text += "fn main() -> puerta::Result<()> {\n    match std::env::args().nth(1).unwrap_or_default().as_str() {\n";
    for at in 0..samples.len() {
        writeln!(text, "        \"{at}\" => sample_{at}::run(),").unwrap();
    }
    text += "        _ => Ok(()),\n    }\n}\n";
    let (source, program, library) = (folder.file("samples.rs", text), folder.name("samples"), library());
    let puerta = format!("puerta={}", library.display());
    let dependencies = format!("dependency={}", library.parent().unwrap().display());
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let source = source.to_string_lossy().into_owned();
    let arguments = ["--edition", "2024", "-D", "warnings", "--extern", &puerta, "-L", &dependencies, "-o", &program];
    let limit = std::time::Duration::from_secs(120);
    peer(&rustc, arguments.into_iter().chain([source.as_str()])).limit(limit).finish().ends_with(0);
    program
}

#[test]
fn the_rust_for_every_transport_role_and_kind_of_option_compiles_and_is_formatted() {
    let folder = Folder::new("explain-rust");
    let mut samples = Vec::new();
    for address in ADDRESSES {
        samples.push(sample(&[address]));
        samples.push(sample(&["--listen", address]));
    }
    samples.push(sample(&["-4", "localhost:80"]));
    samples.push(sample(&["-6", "--listen", "udp:localhost:80,ttl=9"]));
    samples.push(sample(&["-4", ":80"]));
    let files: Vec<String> = samples
        .iter()
        .enumerate()
        .map(|(at, sample)| folder.file(&format!("{at}.rs"), sample).to_string_lossy().into_owned())
        .collect();
    compiled(&folder, &samples);
    peer("rustfmt", ["--check", "--edition", "2024"].into_iter().chain(files.iter().map(String::as_str)))
        .finish()
        .ends_with(0);
}

#[test]
fn the_rust_for_both_ends_of_each_transport_greets() {
    let folder = Folder::new("explain-greets");
    let (path, port) = (folder.name("door"), free_port());
    let id = std::process::id();
    let addresses = [
        format!("127.0.0.1:{port},no-delay"),
        format!("udp:127.0.0.1:{port}"),
        path.clone(),
        format!("unix-packet:@puerta-greets-{id}"),
        format!("unix-dgram:{path}"),
    ];
    let both = |address: &String| [sample(&["--listen", address]), sample(&[address])];
    let samples: Vec<String> = addresses.iter().flat_map(both).collect();
    let program = compiled(&folder, &samples);
    for (at, address) in addresses.iter().enumerate() {
        let server = peer(&program, [(2 * at).to_string()]).start();
        server.writes("listening on ");
        let client = peer(&program, [(2 * at + 1).to_string()]).finish();
        client.ends_with(0).said("").wrote("Hola, cliente!\n");
        let server = server.finish();
        server.ends_with(0);
        assert!(server.text().contains("Hola, servidor!\n"), "{address}: {}", server.text());
    }
    assert!(!folder.names().contains(&"door".to_owned()), "the listener's file stays");
}

#[test]
fn the_rust_of_a_listener_greets_the_command_and_the_other_way_round() {
    let folder = Folder::new("explain-command");
    let address = format!("127.0.0.1:{}", free_port());
    let program = compiled(&folder, &[sample(&["--listen", &address]), sample(&[&address])]);
    let server = peer(&program, ["0"]).start();
    server.writes("listening on ");
    let client = puerta(["connect", &address]).input("Hola, servidor!").finish();
    client.ends_with(0).wrote("Hola, cliente!");
    server.finish().ends_with(0);
    let server = puerta(["listen", &address]).input("Hola, cliente!").start();
    server.address();
    peer(&program, ["1"]).finish().ends_with(0).wrote("Hola, cliente!\n");
    server.finish().ends_with(0).wrote("Hola, servidor!");
}

#[test]
fn a_program_with_datagrams_asks_for_what_icmp_says_as_the_plan_does() {
    for to in ["udp:127.0.0.1:53", "udp:localhost:53"] {
        assert!(sample(&[to]).contains("socket.set(opt::ReceiveErrors, true)?;"), "{to}");
    }
    for other in [&["127.0.0.1:53"][..], &["--listen", "udp:127.0.0.1:53"]] {
        assert!(!sample(other).contains("ReceiveErrors"), "{other:?}");
    }
}
