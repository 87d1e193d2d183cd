//! The options: which socket takes them and tells them, in which role.

use crate::table::{DATAGRAM_OPTIONS, IPS, PORTS, ROLES, Refusal, TCPS, UNIXES, Verb};

const TCP: Refusal = Refusal {
    message: "`{}` has no options of TCP",
    note: "`NoDelay`, `Cork`, `KeepAlive`, `Linger`, `Info` and their like are for `Tcp` and `AnyStream`",
};
const PORT: Refusal = Refusal {
    message: "`{}` has no ports",
    note: "`ReuseAddress`, `ReusePort` and `V6Only` are for `Tcp`, `Udp`, `AnyStream` and `AnyDatagram`",
};
const IP: Refusal = Refusal {
    message: "`{}` has no options of IP",
    note: "Unix sockets send no packets: they have buffers, timeouts and credentials",
};
const IP_DATAGRAMS: Refusal = Refusal {
    message: "`{}` sends no IP datagrams",
    note: "`Broadcast`, `PacketInfo` and multicast are for `Udp`, `RawIp`, `Icmp` and `AnyDatagram`",
};
const CREDENTIALS: Refusal = Refusal {
    message: "`{}` tells nothing of the process at the other end",
    note: "credentials are for `UnixStream`, `UnixPacket`, `UnixDatagram`, `AnyStream` and `AnyDatagram`",
};
const TOO_LATE: &str = "options that `bind` reads, such as `ReuseAddress`, are set before it: `Socket::new(…)?.with(opt::ReuseAddress, true)?.bind(…)?`";
const NOT_YET: &str = "what tells of the peer, such as `PeerCredentials`, is there once the socket is `Connected`";

const UNBOUND: &[&str] = &["Unbound"];
const CLIENT: &[&str] = &["Unbound", "Bound"];
const SERVER: &[&str] = &["Unbound", "Bound", "Listening"];
const CONNECTED: &[&str] = &["Connected"];

macro_rules! set {
    ($option:ident, $roles:expr, $protocols:expr, $protocol:expr) => {
        Verb {
            name: stringify!($option),
            code: concat!("s.set(opt::", stringify!($option), ", todo!());"),
            roles: $roles,
            role: Some(Refusal {
                message: concat!("`", stringify!($option), "` cannot be set on a `{P}` socket that is `{R}`"),
                note: TOO_LATE,
            }),
            protocols: $protocols,
            protocol: $protocol,
        }
    };
}

macro_rules! get {
    ($option:ident, $roles:expr, $protocols:expr, $protocol:expr) => {
        Verb {
            name: stringify!($option),
            code: concat!("s.get(opt::", stringify!($option), ");"),
            roles: $roles,
            role: Some(Refusal {
                message: concat!("`", stringify!($option), "` cannot be read from a `{P}` socket that is `{R}`"),
                note: NOT_YET,
            }),
            protocols: $protocols,
            protocol: $protocol,
        }
    };
}

pub(crate) const OPTIONS: &[Verb] = &[
    set!(ReuseAddress, UNBOUND, PORTS, Some(PORT)),
    set!(ReusePort, UNBOUND, PORTS, Some(PORT)),
    set!(V6Only, UNBOUND, PORTS, Some(PORT)),
    set!(FreeBind, UNBOUND, IPS, Some(IP)),
    set!(Transparent, UNBOUND, IPS, Some(IP)),
    set!(FastOpen, SERVER, TCPS, Some(TCP)),
    set!(FastOpenConnect, CLIENT, TCPS, Some(TCP)),
    set!(DeferAccept, SERVER, TCPS, Some(TCP)),
    set!(NoDelay, ROLES, TCPS, Some(TCP)),
    set!(Cork, ROLES, TCPS, Some(TCP)),
    set!(KeepAlive, ROLES, TCPS, Some(TCP)),
    set!(KeepAliveIdle, ROLES, TCPS, Some(TCP)),
    set!(KeepAliveInterval, ROLES, TCPS, Some(TCP)),
    set!(KeepAliveCount, ROLES, TCPS, Some(TCP)),
    set!(UserTimeout, ROLES, TCPS, Some(TCP)),
    set!(UnsentLowWater, ROLES, TCPS, Some(TCP)),
    set!(Linger, ROLES, TCPS, Some(TCP)),
    set!(CongestionControl, ROLES, TCPS, Some(TCP)),
    set!(BindToDevice, ROLES, IPS, Some(IP)),
    set!(BusyPoll, ROLES, IPS, Some(IP)),
    set!(Ttl, ROLES, IPS, Some(IP)),
    set!(Tos, ROLES, IPS, Some(IP)),
    set!(Broadcast, ROLES, DATAGRAM_OPTIONS, Some(IP_DATAGRAMS)),
    set!(PacketInfo, ROLES, DATAGRAM_OPTIONS, Some(IP_DATAGRAMS)),
    set!(MulticastJoin, ROLES, DATAGRAM_OPTIONS, Some(IP_DATAGRAMS)),
    set!(MulticastLeave, ROLES, DATAGRAM_OPTIONS, Some(IP_DATAGRAMS)),
    set!(MulticastLoop, ROLES, DATAGRAM_OPTIONS, Some(IP_DATAGRAMS)),
    set!(MulticastInterface, ROLES, DATAGRAM_OPTIONS, Some(IP_DATAGRAMS)),
    set!(MulticastTtl, ROLES, DATAGRAM_OPTIONS, Some(IP_DATAGRAMS)),
    set!(PassCredentials, ROLES, UNIXES, Some(CREDENTIALS)),
    set!(SendBuffer, ROLES, &[], None),
    set!(ReceiveBuffer, ROLES, &[], None),
    set!(SendTimeout, ROLES, &[], None),
    set!(ReceiveTimeout, ROLES, &[], None),
    get!(UnsentQueue, CONNECTED, TCPS, Some(TCP)),
    get!(PeerCredentials, CONNECTED, UNIXES, Some(CREDENTIALS)),
    get!(Info, ROLES, TCPS, Some(TCP)),
    get!(NoDelay, ROLES, TCPS, Some(TCP)),
    get!(ReuseAddress, ROLES, PORTS, Some(PORT)),
    get!(Ttl, ROLES, IPS, Some(IP)),
    get!(Broadcast, ROLES, DATAGRAM_OPTIONS, Some(IP_DATAGRAMS)),
    get!(PassCredentials, ROLES, UNIXES, Some(CREDENTIALS)),
    get!(SendQueue, ROLES, &[], None),
    get!(ReceiveQueue, ROLES, &[], None),
];
