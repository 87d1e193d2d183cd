//! What to do about an error: one table, so that it can be translated.

use crate::address::Endpoint;
use crate::error::{Bad, Call, Cause, Error};
use crate::sys::names::EAI_ADDRFAMILY;
use std::borrow::Cow;
use std::net::SocketAddr;

const FAMILY: &str = "make the socket with the family of the address";

pub(crate) fn hint(error: &Error) -> Option<Cow<'static, str>> {
    match error.cause() {
        Cause::Os(errno) => os(error, errno),
        Cause::Resolve(code) => resolve(error.call(), code).map(Cow::Borrowed),
        Cause::Bad(bad) => bad_argument(bad).map(Cow::Borrowed),
    }
}

fn os(error: &Error, errno: i32) -> Option<Cow<'static, str>> {
    let call = error.call();
    let unix = error.protocol().starts_with("unix");
    let text = match (call, errno) {
        (Call::Connect | Call::SendTo, libc::ECONNREFUSED) if unix => {
            "nothing listens on that path: start the server; a server that died leaves a stale socket behind, and a file that is no socket answers so too"
        }
        (Call::Connect, libc::EAGAIN) if unix => "the listener's backlog is full: try again, or raise its backlog",
        (Call::Connect | Call::SendTo, libc::ENOENT) => {
            "no such path: check the spelling, or start the server that makes it"
        }
        (Call::Connect | Call::SendTo, libc::EACCES) if unix => {
            "no permission on the socket's path: connecting needs write permission"
        }
        (Call::Connect | Call::Bind | Call::SendTo, libc::ENOTDIR) if unix => {
            "a part of that path is a file, not a folder"
        }
        (Call::Connect | Call::Bind | Call::SendTo, libc::ELOOP) if unix => "that path goes round in symbolic links",
        (Call::Bind, libc::EROFS) if unix => {
            "that folder is read-only: choose a path in another one, such as /run or /tmp"
        }
        (Call::Connect | Call::SendTo, libc::EPROTOTYPE) => {
            "a socket of another type has that path: try the other of unix:, unix-dgram: and unix-packet:"
        }
        (_, libc::ECONNREFUSED) if unix => "nobody has that path any more: its server has ended; start it again",
        (Call::Connect, libc::ECONNREFUSED) => "nothing listens there; check host and port, or start the server first",
        (_, libc::ECONNREFUSED) => "nothing listens there: an ICMP message said that the port is closed",
        (Call::Connect, libc::ETIMEDOUT) => "no answer: the host is down, or a firewall drops the packets",
        (Call::Recv | Call::Send, libc::ETIMEDOUT) => {
            "the peer stopped answering: its host is down, or the way to it is cut"
        }
        (Call::Bind | Call::Connect | Call::SendTo, libc::ENODEV | libc::ENXIO) => {
            "no interface has the number that the zone gives: `ip link` lists those there are"
        }
        (_, libc::ENETUNREACH) => "no route to that network: check the address, or that the interface is up",
        (_, libc::EHOSTUNREACH) => "no route to that host: check the address, a firewall, or that the host is up",
        (Call::Connect, libc::EADDRNOTAVAIL) => {
            "no local address or free port for this: check the source address, or wait for ports in TIME_WAIT"
        }
        (Call::Connect, libc::EADDRINUSE) => {
            "that source port already leads to that address: choose another, or none for any free one"
        }
        (Call::Bind, libc::EADDRNOTAVAIL) => "this machine has no such address: `ip address` lists those it has",
        (Call::Bind | Call::Listen, libc::EADDRINUSE) if unix => {
            "a socket of that path is there: stop its server, or choose another path"
        }
        (Call::Bind | Call::Listen, libc::EADDRINUSE) => {
            "another socket has that port (`ss -lntup` shows whose): stop it, or choose another port, or 0 for any free one"
        }
        (Call::Bind, libc::EACCES) if unix => "no permission to write in that folder",
        (Call::Bind, libc::EACCES) => {
            "ports below 1024 need CAP_NET_BIND_SERVICE (or sysctl net.ipv4.ip_unprivileged_port_start): choose one above"
        }
        (Call::Bind | Call::Connect | Call::SendTo, libc::EAFNOSUPPORT) => FAMILY,
        // The kernel's answer where an IPv6 socket is bound to an IPv4 address.
        (Call::Bind, libc::EINVAL) if error.local().and_then(Endpoint::inet).is_some_and(|a| a.is_ipv4()) => FAMILY,
        (Call::Bind | Call::Connect | Call::SendTo, libc::EINVAL) if lacks_scope(error) => {
            "a link-local address needs its interface: fe80::1%eth0 (`ip link` lists them)"
        }
        (Call::Bind, libc::ENOENT) => "the folder of that path does not exist: make it first",
        (Call::Socket, libc::EPERM | libc::EACCES) => {
            "raw sockets need root or CAP_NET_RAW; ping sockets need a group within sysctl net.ipv4.ping_group_range"
        }
        (Call::Socket, libc::EAFNOSUPPORT) => {
            "this system has that address family switched off: try the other with -4 or -6"
        }
        (_, libc::ETOOMANYREFS) => {
            "too many descriptors are on their way: let the peer receive some first, or raise `ulimit -n`"
        }
        (_, libc::EMFILE) => "this process is at its limit of open descriptors: raise it with `ulimit -n`",
        (_, libc::ENFILE) => "the system is at its limit of open files: see sysctl fs.file-max",
        (_, libc::ECONNRESET) => "the peer broke the connection; what it had not read is lost",
        (_, libc::EPIPE) => "the peer no longer takes data; what it had not read is lost",
        (_, libc::EMSGSIZE) => {
            "the datagram is too long: 65507 bytes over IPv4, 65527 over IPv6, net.core.wmem_max over Unix sockets"
        }
        (_, libc::ENOTCONN) => "the connection is gone",
        (_, libc::EDESTADDRREQ) => "a datagram needs an address to go to: connect, or use send_to",
        (_, libc::EACCES) if error.protocol() == "tcp" => {
            "a firewall or route forbids it: one of this machine, or, as an ICMP message said, one on the way"
        }
        (Call::SendTo | Call::SendMsg | Call::Send | Call::Connect, libc::EACCES) => {
            "a broadcast address needs the option broadcast; any other is forbidden by a firewall or route, of this machine or on the way"
        }
        (Call::Recv | Call::RecvMsg, libc::EACCES) => {
            "a firewall or router on the way forbids it, as an ICMP message said"
        }
        (Call::Recv | Call::RecvMsg | Call::Send, libc::ENOPROTOOPT) => {
            "that host does not speak this protocol, as an ICMP message said"
        }
        (_, libc::EHOSTDOWN | libc::ENONET) => {
            "that host cannot be reached, as an ICMP message said: check the address, or that the host is up"
        }
        (_, libc::EPERM) if matches!(call, Call::Connect | Call::Send | Call::SendTo | Call::SendMsg) => {
            "a firewall rule of this machine refused the packet"
        }
        (Call::SetSockOpt, libc::ENOPROTOOPT) => "this kernel or protocol does not know the option",
        (Call::SetSockOpt, libc::EPERM) => "this option needs root or CAP_NET_ADMIN",
        (Call::SetSockOpt, libc::ENODEV) => "no interface has that name: `ip link` lists those there are",
        (Call::Send | Call::SendTo | Call::SendMsg, libc::ENOBUFS) => {
            "the queue of the interface is full: send less at a time, or see `tc -s qdisc`"
        }
        (_, libc::ENOBUFS | libc::ENOMEM) => {
            "the kernel is out of memory for sockets: see sysctl net.core and net.ipv4.tcp_mem"
        }
        _ => return None,
    };
    Some(Cow::Borrowed(text))
}

/// Whether the address is of one link, and does not say of which.
fn lacks_scope(error: &Error) -> bool {
    match error.peer().or(error.local()) {
        Some(Endpoint::Inet(SocketAddr::V6(a))) => a.ip().is_unicast_link_local() && a.scope_id() == 0,
        _ => false,
    }
}

fn resolve(call: Call, code: i32) -> Option<&'static str> {
    Some(match (call, code) {
        (Call::GetNameInfo, libc::EAI_NONAME | libc::EAI_NODATA) => {
            "nobody gave that address a name: ask for numbers, or add the name to /etc/hosts"
        }
        (_, libc::EAI_NONAME) => {
            "no such host: check the spelling; `getent ahosts NAME` shows what the system knows, /etc/hosts adds to it"
        }
        (_, libc::EAI_NODATA) => "the name is there but has no address of that family: leave out -4 or -6",
        (_, libc::EAI_AGAIN) => {
            "the name server did not answer: check the network and /etc/resolv.conf, then try again, or give the address as a number"
        }
        (_, libc::EAI_SERVICE) => {
            "no such service for this type of socket: /etc/services lists them, or give the port's number (0 to 65535)"
        }
        (_, libc::EAI_FAMILY | EAI_ADDRFAMILY) => "no address of that family: leave out -4 or -6",
        (_, libc::EAI_FAIL) => "the name server refused: check /etc/resolv.conf",
        (_, libc::EAI_MEMORY) => "this process is out of memory",
        (_, libc::EAI_SOCKTYPE) => "this system has no such type of socket for names: ask for a stream or datagrams",
        (_, libc::EAI_OVERFLOW) => "the name is longer than the resolver has room for: ask for numbers",
        _ => return None,
    })
}

fn bad_argument(bad: Bad) -> Option<&'static str> {
    Some(match bad {
        Bad::PathTooLong => "use a shorter path: a folder nearer the root, or a relative path",
        Bad::PathEmpty => "give a path: /run/app.sock, ./app.sock, or @name for an abstract one",
        Bad::Nul => "leave the NUL byte out; an abstract name is written @name",
        Bad::EmptyHost => "name the host: localhost for this machine",
        Bad::PortZero => "name the port that the peer listens on (1 to 65535)",
        Bad::Family => FAMILY,
        Bad::Interface => "`ip link` lists the interfaces of this machine; a zone is the name or the number of one",
        Bad::Descriptor => "pass a socket of the type that is asked for",
        Bad::Option => "leave the option out, or choose a protocol that has it",
        Bad::Value => "the option's documentation names its bounds",
        Bad::Deadline => "no answer in time: check that the peer is up, or allow more time",
        Bad::NoAddress => "leave out the filter of family (-4, -6), or check what `getent ahosts NAME` shows",
        Bad::ControlTruncated => "give a larger space for ancillary data",
        Bad::TooManyDescriptors => "send them in several messages",
        Bad::NameTooLong => "a DNS name has at most 253 bytes",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flags, Ip, Socket, Tcp, UnixAddr, UnixDatagram, UnixStream};

    fn hint_of(error: Error) -> String {
        error.hint().map(Cow::into_owned).unwrap_or_default()
    }

    #[test]
    fn a_wrong_address_leads_to_a_hint_that_says_what_to_write() {
        let connect = |to: &str| {
            let to: SocketAddr = to.parse().unwrap();
            hint_of(Socket::<Tcp>::new(Ip::of(&to)).unwrap().connect(&to).unwrap_err())
        };
        assert!(connect("[fe80::1]:80").contains("needs its interface"));
        assert!(connect("0.0.0.0:80").contains("localhost"));
        assert!(connect("127.0.0.1:0").contains("1 to 65535"));
        let foreign = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&"[::1]:0".parse().unwrap());
        assert!(hint_of(foreign.unwrap_err()).contains("family of the address"));
        let elsewhere = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&"198.51.100.1:0".parse().unwrap());
        assert!(hint_of(elsewhere.unwrap_err()).contains("ip address"));
        let path =
            |path: &str| hint_of(Socket::<UnixStream>::new(()).unwrap().connect(&UnixAddr::path(path)).unwrap_err());
        assert!(path("/no/such/path").contains("check the spelling"));
        assert!(path("/dev/null/door").contains("not a folder"));
    }

    #[test]
    fn what_is_forbidden_on_the_way_is_no_broadcast_over_tcp() {
        let forbidden = |protocol, call| hint_of(Error::bare(call, libc::EACCES).at(protocol, None, None));
        for call in [Call::Connect, Call::Send] {
            assert!(!forbidden("tcp", call).contains("broadcast"));
            assert!(forbidden("tcp", call).contains("on the way"));
        }
        assert!(forbidden("udp", Call::Connect).contains("broadcast"));
        assert!(forbidden("udp", Call::Connect).contains("on the way"));
    }

    #[test]
    fn a_unix_socket_that_is_gone_was_told_by_no_icmp() {
        let path = std::env::temp_dir().join(format!("puerta-hint-{}", std::process::id()));
        let at = UnixAddr::path(&path);
        let server = Socket::<UnixDatagram>::new(()).unwrap().bind(&at).unwrap();
        let client = Socket::<UnixDatagram>::new(()).unwrap().connect(&at).unwrap();
        drop(server);
        let hint = hint_of(client.send(b"anyone?", Flags::NONE).unwrap_err());
        std::fs::remove_file(&path).unwrap();
        assert!(hint.contains("its server has ended") && !hint.contains("ICMP"), "{hint}");
    }

    #[test]
    fn every_refused_argument_has_a_hint() {
        for bad in [Bad::EmptyHost, Bad::PortZero, Bad::NoAddress, Bad::Interface, Bad::Deadline, Bad::NameTooLong] {
            assert!(Error::bad(Call::Connect, bad).hint().is_some(), "{bad:?}");
        }
    }
}
