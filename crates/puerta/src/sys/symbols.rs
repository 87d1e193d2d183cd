//! Numbers of the headers by their names, for the trace and for errors.

use std::ffi::CStr;

pub(crate) fn domain(value: i32) -> String {
    named(
        value,
        &[
            (libc::AF_INET, "AF_INET"),
            (libc::AF_INET6, "AF_INET6"),
            (libc::AF_UNIX, "AF_UNIX"),
            (libc::AF_UNSPEC, "AF_UNSPEC"),
        ],
    )
}

pub(crate) fn socket_type(value: i32) -> String {
    let base = named(
        value & 0xf,
        &[
            (libc::SOCK_STREAM, "SOCK_STREAM"),
            (libc::SOCK_DGRAM, "SOCK_DGRAM"),
            (libc::SOCK_SEQPACKET, "SOCK_SEQPACKET"),
            (libc::SOCK_RAW, "SOCK_RAW"),
        ],
    );
    join(base, &flags(value & !0xf, SOCK_FLAGS))
}

pub(crate) fn accept_flags(value: i32) -> String {
    flags(value, SOCK_FLAGS)
}

const SOCK_FLAGS: &[(i32, &str)] = &[(libc::SOCK_CLOEXEC, "SOCK_CLOEXEC"), (libc::SOCK_NONBLOCK, "SOCK_NONBLOCK")];

pub(crate) fn protocol(value: i32) -> String {
    named(
        value,
        &[
            (libc::IPPROTO_TCP, "IPPROTO_TCP"),
            (libc::IPPROTO_UDP, "IPPROTO_UDP"),
            (libc::IPPROTO_ICMP, "IPPROTO_ICMP"),
            (libc::IPPROTO_ICMPV6, "IPPROTO_ICMPV6"),
            (libc::IPPROTO_RAW, "IPPROTO_RAW"),
        ],
    )
}

pub(crate) fn message_flags(value: i32) -> String {
    flags(
        value,
        &[
            (libc::MSG_PEEK, "MSG_PEEK"),
            (libc::MSG_WAITALL, "MSG_WAITALL"),
            (libc::MSG_DONTWAIT, "MSG_DONTWAIT"),
            (libc::MSG_MORE, "MSG_MORE"),
            (libc::MSG_OOB, "MSG_OOB"),
            (libc::MSG_TRUNC, "MSG_TRUNC"),
            (libc::MSG_CTRUNC, "MSG_CTRUNC"),
            (libc::MSG_NOSIGNAL, "MSG_NOSIGNAL"),
            (libc::MSG_CMSG_CLOEXEC, "MSG_CMSG_CLOEXEC"),
            (libc::MSG_ERRQUEUE, "MSG_ERRQUEUE"),
        ],
    )
}

pub(crate) fn shutdown(value: i32) -> String {
    named(value, &[(libc::SHUT_RD, "SHUT_RD"), (libc::SHUT_WR, "SHUT_WR"), (libc::SHUT_RDWR, "SHUT_RDWR")])
}

/// Level and type of a control message.
pub(crate) fn control_message(level: i32, kind: i32) -> (String, String) {
    let levels = [
        (libc::SOL_SOCKET, "SOL_SOCKET"),
        (libc::IPPROTO_IP, "IPPROTO_IP"),
        (libc::IPPROTO_IPV6, "IPPROTO_IPV6"),
        (libc::IPPROTO_UDP, "IPPROTO_UDP"),
    ];
    let kinds: &[(i32, &str)] = match level {
        libc::SOL_SOCKET => &[
            (libc::SCM_RIGHTS, "SCM_RIGHTS"),
            (libc::SCM_CREDENTIALS, "SCM_CREDENTIALS"),
            (libc::SCM_TIMESTAMP, "SCM_TIMESTAMP"),
            (libc::SCM_TIMESTAMPNS, "SCM_TIMESTAMPNS"),
            (libc::SCM_TIMESTAMPING, "SCM_TIMESTAMPING"),
            (SCM_PIDFD, "SCM_PIDFD"),
        ],
        libc::IPPROTO_IP => &[
            (libc::IP_PKTINFO, "IP_PKTINFO"),
            (libc::IP_TTL, "IP_TTL"),
            (libc::IP_TOS, "IP_TOS"),
            (libc::IP_RECVERR, "IP_RECVERR"),
        ],
        libc::IPPROTO_IPV6 => &[
            (libc::IPV6_PKTINFO, "IPV6_PKTINFO"),
            (libc::IPV6_HOPLIMIT, "IPV6_HOPLIMIT"),
            (libc::IPV6_TCLASS, "IPV6_TCLASS"),
            (libc::IPV6_RECVERR, "IPV6_RECVERR"),
        ],
        _ => &[],
    };
    (named(level, &levels), named(kind, kinds))
}

/// Of linux/socket.h; libc does not name it.
pub(crate) const SCM_PIDFD: i32 = 4;

pub(crate) fn splice_flags(value: u32) -> String {
    flags(
        value as i32,
        &[
            (libc::SPLICE_F_MOVE as i32, "SPLICE_F_MOVE"),
            (libc::SPLICE_F_NONBLOCK as i32, "SPLICE_F_NONBLOCK"),
            (libc::SPLICE_F_MORE as i32, "SPLICE_F_MORE"),
        ],
    )
}

pub(crate) fn poll_events(value: i16) -> String {
    flags(
        i32::from(value),
        &[
            (i32::from(libc::POLLIN), "POLLIN"),
            (i32::from(libc::POLLOUT), "POLLOUT"),
            (i32::from(libc::POLLERR), "POLLERR"),
            (i32::from(libc::POLLHUP), "POLLHUP"),
            (i32::from(libc::POLLNVAL), "POLLNVAL"),
            (i32::from(libc::POLLRDHUP), "POLLRDHUP"),
        ],
    )
}

pub(crate) fn address_info_flags(value: i32) -> String {
    flags(
        value,
        &[
            (libc::AI_PASSIVE, "AI_PASSIVE"),
            (libc::AI_CANONNAME, "AI_CANONNAME"),
            (libc::AI_NUMERICHOST, "AI_NUMERICHOST"),
            (libc::AI_NUMERICSERV, "AI_NUMERICSERV"),
        ],
    )
}

pub(crate) fn name_info_flags(value: i32) -> String {
    flags(
        value,
        &[
            (libc::NI_NUMERICHOST, "NI_NUMERICHOST"),
            (libc::NI_NUMERICSERV, "NI_NUMERICSERV"),
            (libc::NI_NOFQDN, "NI_NOFQDN"),
            (libc::NI_NAMEREQD, "NI_NAMEREQD"),
            (libc::NI_DGRAM, "NI_DGRAM"),
        ],
    )
}

/// The resolver's text for an EAI code, in lower case at the start.
pub(crate) fn gai_strerror(code: i32) -> String {
    // SAFETY: gai_strerror gives a pointer to a static string for every code, known or not.
    let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) }.to_string_lossy();
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// The name of one value, or its number.
pub(crate) fn named(value: i32, names: &[(i32, &str)]) -> String {
    names.iter().find(|(v, _)| *v == value).map_or_else(|| value.to_string(), |(_, name)| (*name).to_owned())
}

/// The names of the bits that are set, joined by `|`; what has no name in hexadecimal; 0 for none.
pub(crate) fn flags(mut value: i32, names: &[(i32, &str)]) -> String {
    let mut text = String::new();
    for (bit, name) in names {
        if value & bit == *bit {
            value &= !bit;
            text = join(text, name);
        }
    }
    if value != 0 {
        text = join(text, &format!("{value:#x}"));
    }
    if text.is_empty() { "0".to_owned() } else { text }
}

fn join(a: String, b: &str) -> String {
    match (a.as_str(), b) {
        ("" | "0", _) => b.to_owned(),
        (_, "" | "0") => a,
        _ => format!("{a}|{b}"),
    }
}
