//! `puerta explain` is true to what connect and listen do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::puerta;
use serde_json::Value;

fn data(arguments: &[&str]) -> Value {
    let done = puerta([&["explain", "--json"], arguments].concat()).finish();
    done.ends_with(0).never_said("hint");
    serde_json::from_str(&done.text()).unwrap()
}

/// The calls that explain tells, without what only the system knows.
fn told(arguments: &[&str]) -> Vec<String> {
    let call = |call: &Value| {
        let args: Vec<&str> = call["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
        known(call["call"].as_str().unwrap(), &args.join(", "))
    };
    data(arguments)["calls"].as_array().unwrap().iter().map(call).collect()
}

/// What the trace shows besides these only helps them.
const SHOWN: [&str; 9] =
    ["getaddrinfo", "if_nametoindex", "socket", "setsockopt", "bind", "listen", "accept", "connect", "shutdown"];

/// The lines of a trace as explain tells them: `socket(…) = 9` makes 9 the `fd`, `accept(…) = 11` makes 11 the `client`.
fn made(trace: &str) -> Vec<String> {
    let (mut fd, mut client) = (String::new(), String::new());
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((call, result)) = line.rsplit_once(") = ") else { continue };
        let Some((name, args)) = call.split_once('(') else { continue };
        let (first, rest) = args.split_once(", ").map_or((args, String::new()), |(a, b)| (a, format!(", {b}")));
        let first = match first {
            number if number == fd => "fd",
            number if number == client => "client",
            other => other,
        };
        if SHOWN.contains(&name) || name == "close" && ["fd", "client"].contains(&first) {
            calls.push(known(name, &format!("{first}{rest}")));
        }
        match name {
            "socket" => fd = result.to_owned(),
            "accept" => client = result.to_owned(),
            _ => {}
        }
    }
    calls
}

/// Without what only the system knows: addresses that were found, the peer's port, the time that is left.
fn known(name: &str, args: &str) -> String {
    let args = match name {
        "getaddrinfo" => args.rsplit_once(", [").map_or(args, |(known, _)| known),
        "accept" => args.split_once(", ").map_or(args, |(fd, _)| fd),
        "setsockopt" if args.contains("SO_SNDTIMEO") && !args.contains("{tv_sec=0, tv_usec=0}") => {
            args.rsplit_once(", {").map_or(args, |(known, _)| known)
        }
        _ => args,
    };
    format!("{name}({args})")
}

/// A port or name that no other test has.
fn fresh(address: &str) -> String {
    let id = std::process::id();
    let path = std::env::temp_dir().join(format!("puerta-explain-{id}"));
    address
        .replace("PORT", &common::places::free_port().to_string())
        .replace("NAME", &format!("puerta-explain-{id}"))
        .replace("PATH", &path.to_string_lossy())
}

#[test]
fn a_connection_makes_the_calls_that_explain_tells_at_both_ends() {
    for (listen, connect) in [
        ("127.0.0.1:PORT", "127.0.0.1:PORT,no-delay,ttl=9"),
        ("[::1]:PORT,reuse-port,tos=0x10", "[::1%1]:PORT,keep-alive,keep-alive-idle=90s"),
        (":PORT,defer-accept=3s", "[::1]:PORT,linger=5s"),
        ("[::]:PORT,v6-only", "[::1]:PORT,congestion-control=reno"),
        ("unix:@NAME-a", "unix:@NAME-a,send-buffer=64k,send-timeout=7s"),
        ("PATH.a,receive-timeout=9s", "PATH.a"),
        ("unix-packet:@NAME-b", "unix-packet:@NAME-b"),
        ("unix-packet:PATH.b", "unix-packet:PATH.b,receive-buffer=9k"),
    ] {
        let listen = fresh(listen);
        let tail = listen.rsplit(':').next().unwrap().split(',').next().unwrap().to_owned();
        let connect = fresh(&connect.replace("PORT", &tail));
        let server = puerta(["listen", "--trace", &listen]).start();
        server.address();
        let client = puerta(["connect", "--trace", &connect]).finish();
        client.ends_with(0);
        let server = server.finish();
        server.ends_with(0);
        assert_eq!(made(&client.stderr), told(&[&connect]), "{connect}:\n{}", client.stderr);
        assert_eq!(made(&server.stderr), told(&["--listen", &listen]), "{listen}:\n{}", server.stderr);
    }
}

#[test]
fn datagrams_make_the_calls_that_explain_tells_at_both_ends() {
    for (listen, connect) in [
        ("udp:127.0.0.1:PORT", "udp:127.0.0.1:PORT,broadcast"),
        ("udp::PORT,ttl=4,multicast-join=239.1.2.3%1", "udp:[::1]:PORT,multicast-ttl=3,multicast-interface=1"),
        ("unix-dgram:@NAME-c", "unix-dgram:@NAME-c,pass-credentials"),
        ("unix-dgram:PATH.c", "unix-dgram:PATH.c"),
    ] {
        let listen = fresh(listen);
        let tail = listen.rsplit(':').next().unwrap().split(',').next().unwrap().to_owned();
        let connect = fresh(&connect.replace("PORT", &tail));
        let server = puerta(["listen", "--trace", "--idle", "1s", &listen]).start();
        server.address();
        let client = puerta(["connect", "--trace", &connect]).input("hola\n").finish();
        client.ends_with(0);
        server.writes("hola\n");
        let status = std::process::Command::new("kill").arg(server.id().to_string()).status().unwrap();
        assert!(status.success());
        let server = server.finish();
        server.ends_with(0);
        assert_eq!(made(&client.stderr), told(&[&connect]), "{connect}:\n{}", client.stderr);
        assert_eq!(made(&server.stderr), told(&["--listen", &listen]), "{listen}:\n{}", server.stderr);
    }
}

#[test]
fn what_is_looked_up_is_told_as_it_is_asked_for() {
    let connect = fresh("localhost:PORT");
    let client = puerta(["connect", "--trace", "-4", &connect]).finish();
    client.ends_with(6);
    let (asked, told) = (made(&client.stderr), told(&["-4", &connect]));
    assert_eq!(asked[..2], told[..2], "{}", client.stderr);
    assert_eq!(told[2], format!("connect(fd, {{AF_INET, ADDRESS:{}}}, 16)", connect.rsplit(':').next().unwrap()));
    let zone = fresh("[fe80::1%lo]:PORT");
    let client = puerta(["connect", "--trace", "--within", "1s", &zone]).finish();
    client.ends_with(6);
    let told = self::told(&[&zone]);
    assert_eq!(made(&client.stderr)[..2], told[..2], "{}", client.stderr);
    assert!(told[2].starts_with("connect(fd, {AF_INET6, [fe80::1%lo]:"), "{}", told[2]);
    let server = puerta(["listen", "--trace", "--probe", "127.0.0.1:personal-agent"]).finish();
    assert_eq!(made(&server.stderr)[0], self::told(&["--listen", "127.0.0.1:personal-agent"])[0]);
}

#[test]
fn an_address_without_host_or_port_is_explained_as_a_listener_and_any_other_as_asked() {
    let role = |arguments: &[&str]| data(arguments)["role"].as_str().unwrap().to_owned();
    for address in [":8080", "udp:9000", "0.0.0.0:80", "[::]:80", "localhost:0", "tcp-listen:localhost:80"] {
        assert_eq!(role(&[address]), "listen", "{address}");
    }
    for address in ["localhost:80", "@door", "unix-dgram:/run/log", "udp:[::1]:53"] {
        assert_eq!(role(&[address]), "connect", "{address}");
        assert_eq!(role(&["--listen", address]), "listen", "{address}");
    }
}

#[test]
fn each_part_of_an_address_has_its_meaning() {
    let data = data(&["udp-listen:[fe80::1%1]:53,broadcast,receive-buffer=64k"]);
    let parts: Vec<(&str, &str)> = data["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| {
            assert!(part["meaning"].as_str().unwrap().len() > 10, "{part}");
            (part["kind"].as_str().unwrap(), part["text"].as_str().unwrap())
        })
        .collect();
    let expected = [
        ("transport", "udp"),
        ("listen", "-listen"),
        ("host", "[fe80::1]"),
        ("zone", "%1"),
        ("port", "53"),
        ("option", "broadcast"),
        ("option", "receive-buffer=64k"),
    ];
    assert_eq!(parts, expected);
    assert_eq!(data["options"][1]["takes"], "a size from 1 to 2147483647 bytes, such as 64k");
    assert_eq!(data["address"], "udp-listen:[fe80::1%1]:53,broadcast,receive-buffer=64k");
}

#[test]
fn the_text_has_the_same_as_the_data() {
    for arguments in [vec!["localhost:8080,no-delay"], vec![":0"], vec!["--listen", "/tmp/a door"]] {
        let text = puerta([vec!["explain"], arguments.clone()].concat()).finish();
        let text = text.ends_with(0).text();
        let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let data = data(&arguments);
        for part in data["parts"].as_array().unwrap() {
            assert!(one_line.contains(part["meaning"].as_str().unwrap()), "{part}: {text}");
        }
        for call in data["calls"].as_array().unwrap() {
            assert!(one_line.contains(call["why"].as_str().unwrap()), "{call}: {text}");
        }
        for key in ["command", "reach"] {
            assert!(one_line.contains(data[key].as_str().unwrap()), "{key}: {text}");
        }
        let rust = data["rust"].as_str().unwrap();
        let alone = puerta([vec!["explain", "--rust"], arguments].concat()).finish();
        assert_eq!(alone.ends_with(0).text(), rust);
        assert!(one_line.contains(&rust.split_whitespace().collect::<Vec<_>>().join(" ")));
        assert!(text.lines().all(|line| line.chars().count() <= 110 || line.contains('(')), "{text}");
    }
}

#[test]
fn a_wrong_address_is_status_2_with_the_nearest_right_word() {
    for (address, near) in
        [("upd:localhost:53", "did you mean udp?"), ("localhost:80,no-dealy", "did you mean no-delay?")]
    {
        let done = puerta(["explain", address]).finish();
        done.ends_with(2).said(near).wrote("");
        let done = puerta(["explain", "--json", address]).finish();
        done.ends_with(2).wrote("");
        let error = &done.json()[0];
        assert_eq!((error["event"].as_str(), error["status"].as_u64()), (Some("error"), Some(2)), "{error}");
        assert!(error["hint"].as_str().unwrap().contains(near), "{error}");
    }
    puerta(["explain"]).finish().ends_with(2).said("ADDR");
    // What connect refuses without asking anybody is refused here.
    puerta(["explain", "-4", "[::1]:80"]).finish().ends_with(4).said("leave out -4");
}

#[test]
fn nobody_can_write_to_the_terminal_through_an_address() {
    let done = puerta(["explain", "/tmp/\u{202e}door"]).finish();
    assert!(!done.ends_with(0).text().contains('\u{202e}'));
    let rust = puerta(["explain", "--rust", "/tmp/\u{202e}door"]).finish();
    assert!(!rust.ends_with(0).text().contains('\u{202e}'));
}
