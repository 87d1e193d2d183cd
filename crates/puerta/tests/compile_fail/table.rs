//! What the compiler has to say: verbs, the roles and protocols that have them, and our words for the others.

/// Our message, with `{}` for the role or protocol that it is about, `{P}` and `{R}` for both, and our note.
#[derive(Clone, Copy)]
pub(crate) struct Refusal {
    pub(crate) message: &'static str,
    pub(crate) note: &'static str,
}

/// A verb of `s`, and who may use it. No refusal: everybody may.
pub(crate) struct Verb {
    pub(crate) name: &'static str,
    pub(crate) code: &'static str,
    pub(crate) roles: &'static [&'static str],
    pub(crate) role: Option<Refusal>,
    pub(crate) protocols: &'static [&'static str],
    pub(crate) protocol: Option<Refusal>,
}

pub(crate) const ROLES: &[&str] = &["Unbound", "Bound", "Listening", "Connecting", "Connected"];
pub(crate) const PROTOCOLS: &[&str] =
    &["Tcp", "Udp", "UnixStream", "UnixPacket", "UnixDatagram", "RawIp", "Icmp", "AnyStream", "AnyDatagram"];

const CONNECTIONS: &[&str] = &["Tcp", "UnixStream", "UnixPacket", "AnyStream"];
pub(crate) const TCPS: &[&str] = &["Tcp", "AnyStream"];
pub(crate) const PORTS: &[&str] = &["Tcp", "Udp", "AnyStream", "AnyDatagram"];
pub(crate) const IPS: &[&str] = &["Tcp", "Udp", "RawIp", "Icmp", "AnyStream", "AnyDatagram"];
pub(crate) const DATAGRAM_OPTIONS: &[&str] = &["Udp", "RawIp", "Icmp", "AnyDatagram"];
pub(crate) const UNIXES: &[&str] = &["UnixStream", "UnixPacket", "UnixDatagram", "AnyStream", "AnyDatagram"];
const STREAMS: &[&str] = &["Tcp", "UnixStream", "AnyStream"];
const DATAGRAMS: &[&str] = &["Udp", "UnixDatagram", "RawIp", "Icmp", "AnyDatagram"];
const MESSAGES: &[&str] = &["Udp", "UnixPacket", "UnixDatagram", "RawIp", "AnyDatagram"];

const BIND: Refusal = Refusal {
    message: "a socket that is `{}` cannot bind",
    note: "bind comes first: `Socket::new(…)?.bind(address)?`",
};
const CONNECT: Refusal = Refusal {
    message: "a socket that is `{}` cannot connect",
    note: "a failed or used socket never connects again: make a new one, `Socket::new(…)?.connect(address)?`",
};
const LISTEN: Refusal = Refusal {
    message: "a socket that is `{}` cannot listen",
    note: "bind, then listen: `Socket::new(…)?.bind(address)?.listen(backlog)?`; a connected socket can never listen",
};
const ACCEPT: Refusal = Refusal {
    message: "a socket that is `{}` cannot accept",
    note: "bind, then listen: `Socket::new(…)?.bind(address)?.listen(backlog)?` gives the socket that accepts",
};
const EXCHANGE: Refusal = Refusal {
    message: "a socket that is `{}` has no peer to exchange data with",
    note: "`connect`, or `accept` on a listener, gives a connected socket; datagrams without a peer use `send_to` and `recv_from`",
};
const FINISH: Refusal = Refusal {
    message: "a socket that is `{}` has no connect under way",
    note: "`start_connect` gives a socket that is `Connecting`",
};
const NAME: Refusal =
    Refusal { message: "a socket that is `{}` has no address yet", note: "`bind` or `connect` gives it one" };
const SHARE: Refusal =
    Refusal { message: "a socket that is `{}` cannot be cloned", note: "clone it once it is listening or connected" };
const SEND_TO: Refusal =
    Refusal { message: "a socket that is `{}` sends to no address", note: "connected sockets use `send`" };
const RECEIVE_FROM: Refusal =
    Refusal { message: "a socket that is `{}` receives nothing", note: "`bind` gives it an address to receive at" };
const ADOPT: Refusal = Refusal {
    message: "a descriptor cannot be adopted as a socket that is `{}`",
    note: "adopt it as `Unbound`, `Bound`, `Listening` or `Connected`",
};
const NO_CONNECTIONS: Refusal = Refusal {
    message: "`{}` has no connections to listen for",
    note: "datagram sockets are ready after `bind`: use `recv_from`",
};
const NO_BYTES: Refusal =
    Refusal { message: "`{}` is not a byte stream", note: "it keeps message boundaries: use `send` and `recv`" };
const NO_DATAGRAMS: Refusal =
    Refusal { message: "`{}` sends no datagrams to an address", note: "it is a connection: `connect`, then `send`" };
const NO_MESSAGES: Refusal = Refusal {
    message: "`{}` does not tell how long the next message is",
    note: "a byte stream has no messages, and an ICMP socket keeps their length to itself: use `recv` with `Flags::PEEK`",
};
const NO_DESCRIPTORS: Refusal = Refusal {
    message: "`{}` carries neither descriptors nor credentials",
    note: "only Unix sockets do: `UnixStream`, `UnixPacket`, `UnixDatagram`",
};
const NO_PACKETS: Refusal = Refusal {
    message: "`{}` is no connection of packets",
    note: "only on `UnixPacket` does an empty packet look like the end: use `recv`",
};

const NO_DIAL: Refusal =
    Refusal { message: "`{}` cannot be dialled", note: "make the socket with `Socket::new(…)`, then `connect`" };

pub(crate) const VERBS: &[Verb] = &[
    of_role("bind", "s.bind(a);", &["Unbound"], BIND),
    of_role("connect", "s.connect(a);", &["Unbound", "Bound"], CONNECT),
    of_role("connect_timeout", "s.connect_timeout(a, Default::default());", &["Unbound", "Bound"], CONNECT),
    of_role("start_connect", "s.start_connect(a);", &["Unbound", "Bound"], CONNECT),
    of_role("finish_connect", "s.finish_connect();", &["Connecting"], FINISH),
    both("listen", "s.listen(1);", &["Bound"], LISTEN, CONNECTIONS, NO_CONNECTIONS),
    both("accept", "s.accept();", &["Listening"], ACCEPT, CONNECTIONS, NO_CONNECTIONS),
    both("accept_nonblocking", "s.accept_nonblocking();", &["Listening"], ACCEPT, CONNECTIONS, NO_CONNECTIONS),
    of_role("send", "s.send(&[], Flags::NONE);", &["Connected"], EXCHANGE),
    of_role("recv", "s.recv(&mut [], Flags::NONE);", &["Connected"], EXCHANGE),
    of_role("send_vectored", "s.send_vectored(&[], Flags::NONE);", &["Connected"], EXCHANGE),
    of_role("recv_vectored", "s.recv_vectored(&mut [], Flags::NONE);", &["Connected"], EXCHANGE),
    of_role("shutdown", "s.shutdown(Shutdown::Write);", &["Connected"], EXCHANGE),
    of_role("peer_addr", "s.peer_addr();", &["Connected"], EXCHANGE),
    both("send_to", "s.send_to(&[], a, Flags::NONE);", &["Unbound", "Bound"], SEND_TO, DATAGRAMS, NO_DATAGRAMS),
    both(
        "recv_from",
        "s.recv_from(&mut [], Flags::NONE);",
        &["Bound", "Connected"],
        RECEIVE_FROM,
        DATAGRAMS,
        NO_DATAGRAMS,
    ),
    both("next_len", "s.next_len(Flags::NONE);", &["Bound", "Connected"], RECEIVE_FROM, MESSAGES, NO_MESSAGES),
    both(
        "recv_datagram",
        "s.recv_datagram(&mut [], Flags::NONE);",
        &["Bound", "Connected"],
        RECEIVE_FROM,
        DATAGRAMS,
        NO_DATAGRAMS,
    ),
    both(
        "send_datagram",
        "s.send_datagram(&[], a, None, Flags::NONE);",
        &["Unbound", "Bound"],
        SEND_TO,
        DATAGRAMS,
        NO_DATAGRAMS,
    ),
    of_role("send_message", "s.send_message(&Message::new(&[]), Flags::NONE);", &["Connected"], EXCHANGE),
    both(
        "send_message with descriptors",
        "s.send_message(&Message::new(&[]).descriptors(&[]), Flags::NONE);",
        &["Connected"],
        EXCHANGE,
        UNIXES,
        NO_DESCRIPTORS,
    ),
    of_role(
        "recv_message",
        "s.recv_message(&mut [], &mut AncillarySpace::new(), Flags::NONE);",
        &["Connected"],
        EXCHANGE,
    ),
    both(
        "send_message_to",
        "s.send_message_to(&Message::new(&[]), a, Flags::NONE);",
        &["Unbound", "Bound"],
        SEND_TO,
        DATAGRAMS,
        NO_DATAGRAMS,
    ),
    both(
        "recv_message_from",
        "s.recv_message_from(&mut [], &mut AncillarySpace::new(), Flags::NONE);",
        &["Bound", "Connected"],
        RECEIVE_FROM,
        DATAGRAMS,
        NO_DATAGRAMS,
    ),
    both("recv_packet", "s.recv_packet(&mut [], Flags::NONE);", &["Connected"], EXCHANGE, &["UnixPacket"], NO_PACKETS),
    of_role("local_addr", "s.local_addr();", &["Bound", "Listening", "Connected"], NAME),
    of_role("try_clone", "s.try_clone();", &["Listening", "Connected"], SHARE),
    free("set_nonblocking", "s.set_nonblocking(true);"),
    free("take_error", "s.take_error();"),
    free("peer", "s.peer();"),
    free("close", "s.close();"),
];

/// What a protocol has or has not, whatever the role; std's traits where a function asks for them.
pub(crate) const CONNECTED: &[Verb] = &[
    of_protocol("credentials", "message(&s).credentials(todo!());", UNIXES, NO_DESCRIPTORS),
    of_protocol(
        "dial",
        "dials(&s);",
        &["Tcp", "Udp", "UnixStream", "UnixPacket", "UnixDatagram", "AnyStream", "AnyDatagram"],
        NO_DIAL,
    ),
    of_protocol("Read", "reads(s);", STREAMS, NO_BYTES),
    of_protocol("Write", "writes(s);", STREAMS, NO_BYTES),
    of_protocol("Read for &Socket", "reads(&s);", STREAMS, NO_BYTES),
    of_protocol("Write for &Socket", "writes(&s);", STREAMS, NO_BYTES),
];

/// Functions without a socket: the code, the refusal, whom it is about.
pub(crate) const ALONE: &[(&str, Option<Refusal>, &str)] = &[
    ("(d: std::os::fd::OwnedFd) { Socket::<Tcp>::adopt::<Unbound>(d); }", None, ""),
    ("(d: std::os::fd::OwnedFd) { Socket::<Tcp>::adopt::<Bound>(d); }", None, ""),
    ("(d: std::os::fd::OwnedFd) { Socket::<Tcp>::adopt::<Listening>(d); }", None, ""),
    ("(d: std::os::fd::OwnedFd) { Socket::<Tcp>::adopt::<Connecting>(d); }", Some(ADOPT), "Connecting"),
    ("(d: std::os::fd::OwnedFd) { Socket::<Tcp>::adopt::<Connected>(d); }", None, ""),
];

const fn free(name: &'static str, code: &'static str) -> Verb {
    Verb { name, code, roles: &[], role: None, protocols: &[], protocol: None }
}

const fn of_role(name: &'static str, code: &'static str, roles: &'static [&'static str], role: Refusal) -> Verb {
    Verb { name, code, roles, role: Some(role), protocols: &[], protocol: None }
}

const fn of_protocol(
    name: &'static str,
    code: &'static str,
    protocols: &'static [&'static str],
    protocol: Refusal,
) -> Verb {
    Verb { name, code, roles: &[], role: None, protocols, protocol: Some(protocol) }
}

const fn both(
    name: &'static str,
    code: &'static str,
    roles: &'static [&'static str],
    role: Refusal,
    protocols: &'static [&'static str],
    protocol: Refusal,
) -> Verb {
    Verb { name, code, roles, role: Some(role), protocols, protocol: Some(protocol) }
}
