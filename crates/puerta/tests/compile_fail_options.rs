//! An option that a socket does not take, in its role or of its protocol, is refused by the compiler in our own words; one that
//! it takes compiles. Only our messages and notes are compared.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "compile_fail/compiler.rs"]
mod compiler;

use compiler::{Diagnostic, compile};

const ROLES: &[&str] = &["Unbound", "Bound", "Listening", "Connecting", "Connected"];
const PROTOCOLS: &[&str] =
    &["Tcp", "Udp", "UnixStream", "UnixPacket", "UnixDatagram", "RawIp", "Icmp", "AnyStream", "AnyDatagram"];

const BEFORE_BIND: &[&str] = &["Unbound"];
const BEFORE_CONNECT: &[&str] = &["Unbound", "Bound"];
const BEFORE_LISTEN: &[&str] = &["Unbound", "Bound", "Listening"];

/// Protocols, our message and note for the others.
struct Class(&'static [&'static str], &'static str, &'static str);

const ALL: Class = Class(PROTOCOLS, "", "");
const TCP: Class = Class(
    &["Tcp", "AnyStream"],
    "has no options of TCP",
    "`NoDelay`, `Cork`, `KeepAlive`, `Linger`, `Info` and their like are for `Tcp` and `AnyStream`",
);
const PORTS: Class = Class(
    &["Tcp", "Udp", "AnyStream", "AnyDatagram"],
    "has no ports",
    "`ReuseAddress`, `ReusePort` and `V6Only` are for `Tcp`, `Udp`, `AnyStream` and `AnyDatagram`",
);
const IP: Class = Class(
    &["Tcp", "Udp", "RawIp", "Icmp", "AnyStream", "AnyDatagram"],
    "has no options of IP",
    "Unix sockets send no packets: they have buffers, timeouts and credentials",
);
const IP_DATAGRAMS: Class = Class(
    &["Udp", "RawIp", "Icmp", "AnyDatagram"],
    "sends no IP datagrams",
    "`Broadcast`, `PacketInfo` and multicast are for `Udp`, `RawIp`, `Icmp` and `AnyDatagram`",
);
const CREDENTIALS: Class = Class(
    &["UnixStream", "UnixPacket", "UnixDatagram", "AnyStream", "AnyDatagram"],
    "tells nothing of the process at the other end",
    "credentials are for `UnixStream`, `UnixPacket`, `UnixDatagram`, `AnyStream` and `AnyDatagram`",
);

const SET: (&str, &str) = (
    "cannot be set on",
    "options that `bind` reads, such as `ReuseAddress`, are set before it: `Socket::new(…)?.with(opt::ReuseAddress, true)?.bind(…)?`",
);
const GET: (&str, &str) = (
    "cannot be read from",
    "what tells of the peer, such as `PeerCredentials`, is there once the socket is `Connected`",
);

/// Option, a value to set it to (none: it is read), its protocols, its roles.
const OPTIONS: &[(&str, Option<&str>, Class, &[&str])] = &[
    ("ReuseAddress", Some("true"), PORTS, BEFORE_BIND),
    ("ReusePort", Some("true"), PORTS, BEFORE_BIND),
    ("V6Only", Some("true"), PORTS, BEFORE_BIND),
    ("FreeBind", Some("true"), IP, BEFORE_BIND),
    ("Transparent", Some("true"), IP, BEFORE_BIND),
    ("FastOpen", Some("1"), TCP, BEFORE_LISTEN),
    ("DeferAccept", Some("None"), TCP, BEFORE_LISTEN),
    ("FastOpenConnect", Some("true"), TCP, BEFORE_CONNECT),
    ("NoDelay", Some("true"), TCP, ROLES),
    ("Linger", Some("None"), TCP, ROLES),
    ("Ttl", Some("1"), IP, ROLES),
    ("BindToDevice", Some("String::new()"), IP, ROLES),
    ("Broadcast", Some("true"), IP_DATAGRAMS, ROLES),
    ("MulticastTtl", Some("1"), IP_DATAGRAMS, ROLES),
    ("PassCredentials", Some("true"), CREDENTIALS, ROLES),
    ("ReceiveBuffer", Some("1"), ALL, ROLES),
    ("SendTimeout", Some("None"), ALL, ROLES),
    ("Info", None, TCP, ROLES),
    ("UnsentQueue", None, TCP, &["Connected"]),
    ("PeerCredentials", None, CREDENTIALS, &["Connected"]),
    ("SendQueue", None, ALL, ROLES),
    ("ReuseAddress", None, PORTS, ROLES),
];

struct Case {
    code: String,
    /// Message and note; nothing where it has to compile.
    refusal: Option<(String, &'static str)>,
}

#[test]
fn an_option_that_is_too_late_or_of_another_protocol_is_refused_in_our_words() {
    let wrong: Vec<Case> = cases().into_iter().filter(|c| c.refusal.is_some()).collect();
    assert!(wrong.len() > 400, "only {} wrong cases were made", wrong.len());
    let said = compile(&file(&wrong)).unwrap_err();
    let mut problems = Vec::new();
    for (at, case) in wrong.iter().enumerate() {
        let (message, note) = case.refusal.as_ref().unwrap();
        let here: Vec<&Diagnostic> = said.iter().filter(|d| d.line == at + 2).collect();
        if !here.iter().any(|d| d.is(message, note)) {
            problems.push(format!("{}\n  said: {here:?}\n  not: {message:?}, {note:?}", case.code));
        }
    }
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), wrong.len(), problems.join("\n"));
}

#[test]
fn an_option_that_a_socket_takes_compiles() {
    let right: Vec<Case> = cases().into_iter().filter(|c| c.refusal.is_none()).collect();
    assert!(right.len() > 300, "only {} right cases were made", right.len());
    if let Err(said) = compile(&file(&right)) {
        panic!("{said:#?}");
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (option, value, class, roles) in OPTIONS {
        for protocol in PROTOCOLS {
            for role in ROLES {
                let call = match value {
                    Some(value) => format!("s.set(opt::{option}, {value})"),
                    None => format!("s.get(opt::{option})"),
                };
                let code = format!("(s: Socket<{protocol}, {role}>) {{ {call}; }}");
                // The role is told first: of the protocol there is something to say only where the role fits.
                let refusal = if !roles.contains(role) {
                    let (message, note) = if value.is_some() { SET } else { GET };
                    Some((format!("`{option}` {message} a `{protocol}` socket that is `{role}`"), note))
                } else if !class.0.contains(protocol) {
                    Some((format!("`{protocol}` {}", class.1), class.2))
                } else {
                    None
                };
                cases.push(Case { code, refusal });
            }
        }
    }
    cases
}

/// Line 1 imports, then one function a line: the line tells the case.
fn file(cases: &[Case]) -> String {
    let mut text = "#![allow(unused)] use puerta::*;\n".to_owned();
    for (at, case) in cases.iter().enumerate() {
        text += &format!("fn case_{at}{}\n", case.code);
    }
    text
}
