//! The address grammar: what each text means, why each wrong one is refused, and that the printer undoes the parser.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use puerta::{Address, Host, ParseErrorKind as Kind, Service, Target, Transport, UnixAddr};
use std::os::unix::ffi::OsStrExt;

/// (text, full form, short form); the full form names the transport, so it tells what the text means.
const GOOD: &[(&str, &str, &str)] = &[
    ("localhost:80", "tcp:localhost:80", "localhost:80"),
    ("tcp:localhost:80", "tcp:localhost:80", "localhost:80"),
    ("tcp://localhost:80", "tcp:localhost:80", "localhost:80"),
    ("TCP://Localhost:80", "tcp:Localhost:80", "Localhost:80"),
    ("example.org.:443", "tcp:example.org.:443", "example.org.:443"),
    ("a-b_c.example:1", "tcp:a-b_c.example:1", "a-b_c.example:1"),
    ("localhost:http", "tcp:localhost:http", "localhost:http"),
    ("localhost:iso-tsap", "tcp:localhost:iso-tsap", "localhost:iso-tsap"),
    ("localhost:0", "tcp:localhost:0", "localhost:0"),
    ("localhost:65535", "tcp:localhost:65535", "localhost:65535"),
    ("localhost:0080", "tcp:localhost:80", "localhost:80"),
    ("españa.example:80", "tcp:españa.example:80", "españa.example:80"),
    (":8080", "tcp::8080", ":8080"),
    (":http", "tcp::http", ":http"),
    ("tcp:8080", "tcp::8080", ":8080"),
    ("tcp://8080", "tcp::8080", ":8080"),
    ("tcp::8080", "tcp::8080", ":8080"),
    ("tcp://:8080", "tcp::8080", ":8080"),
    ("tcp::http", "tcp::http", ":http"),
    ("udp:53", "udp::53", "udp::53"),
    ("udp::53", "udp::53", "udp::53"),
    ("udp::domain", "udp::domain", "udp::domain"),
    ("udp:localhost:53", "udp:localhost:53", "udp:localhost:53"),
    ("tcp://udp:53", "tcp:udp:53", "tcp:udp:53"),
    ("tcp:udp:53", "tcp:udp:53", "tcp:udp:53"),
    ("tcp://tls:443", "tcp:tls:443", "tcp:tls:443"),
    ("tcp://fs:nfs", "tcp:fs:nfs", "tcp:fs:nfs"),
    ("tpc:80", "tcp:tpc:80", "tpc:80"),
    ("unxi:80", "tcp:unxi:80", "unxi:80"),
    ("db:postgresql", "tcp:db:postgresql", "db:postgresql"),
    ("127.0.0.1:80", "tcp:127.0.0.1:80", "127.0.0.1:80"),
    ("0.0.0.0:80", "tcp:0.0.0.0:80", "0.0.0.0:80"),
    ("udp:255.255.255.255:9", "udp:255.255.255.255:9", "udp:255.255.255.255:9"),
    ("1.2.3.4.example:80", "tcp:1.2.3.4.example:80", "1.2.3.4.example:80"),
    ("[::1]:80", "tcp:[::1]:80", "[::1]:80"),
    ("[::]:http", "tcp:[::]:http", "[::]:http"),
    ("tcp:[2001:DB8:0:0::1]:443", "tcp:[2001:db8::1]:443", "[2001:db8::1]:443"),
    ("udp://[2001:db8::1]:53", "udp:[2001:db8::1]:53", "udp:[2001:db8::1]:53"),
    ("[::ffff:1.2.3.4]:80", "tcp:[::ffff:1.2.3.4]:80", "[::ffff:1.2.3.4]:80"),
    ("[fe80::1%eth0]:80", "tcp:[fe80::1%eth0]:80", "[fe80::1%eth0]:80"),
    ("[fe80::1%25eth0]:80", "tcp:[fe80::1%eth0]:80", "[fe80::1%eth0]:80"),
    ("[fe80::1%2]:80", "tcp:[fe80::1%2]:80", "[fe80::1%2]:80"),
    ("[fe80::1%2525]:80", "tcp:[fe80::1%2525]:80", "[fe80::1%2525]:80"),
    ("[fe80::1%25%2C]:80", "tcp:[fe80::1%%2C]:80", "[fe80::1%%2C]:80"),
    ("[fe80::1%a%b]:80", "tcp:[fe80::1%a%b]:80", "[fe80::1%a%b]:80"),
    ("[fe80::1%br-lan.100]:80", "tcp:[fe80::1%br-lan.100]:80", "[fe80::1%br-lan.100]:80"),
    ("/run/app.sock", "unix:/run/app.sock", "/run/app.sock"),
    ("./app.sock", "unix:./app.sock", "./app.sock"),
    ("../app.sock", "unix:../app.sock", "../app.sock"),
    ("unix:app.sock", "unix:app.sock", "unix:app.sock"),
    ("unix:.hidden", "unix:.hidden", "unix:.hidden"),
    ("unix:/run/app.sock", "unix:/run/app.sock", "/run/app.sock"),
    ("unix:///run/app.sock", "unix:/run/app.sock", "/run/app.sock"),
    ("unix:////run/app.sock", "unix:////run/app.sock", "//run/app.sock"),
    ("//run/app.sock", "unix:////run/app.sock", "//run/app.sock"),
    ("unix:80", "unix:80", "unix:80"),
    ("unix:host:80", "unix:host:80", "unix:host:80"),
    ("/run/a:b", "unix:/run/a:b", "/run/a:b"),
    ("/run/tcp:80", "unix:/run/tcp:80", "/run/tcp:80"),
    ("/run/a b", "unix:/run/a b", "/run/a b"),
    ("/run/ñ", "unix:/run/ñ", "/run/ñ"),
    ("/run/a%2Cb", "unix:/run/a%2Cb", "/run/a%2Cb"),
    ("/run/a%2cb", "unix:/run/a%2Cb", "/run/a%2Cb"),
    ("/run/a%252Cb", "unix:/run/a%252Cb", "/run/a%252Cb"),
    ("/run/100%", "unix:/run/100%", "/run/100%"),
    ("/run/100%25", "unix:/run/100%", "/run/100%"),
    ("/run/%20", "unix:/run/%20", "/run/%20"),
    ("@door", "unix:@door", "@door"),
    ("unix:@door", "unix:@door", "@door"),
    ("unix://@door", "unix:@door", "@door"),
    ("@a/b:c@d", "unix:@a/b:c@d", "@a/b:c@d"),
    ("unix:./@door", "unix:./@door", "./@door"),
    ("unix-dgram:/run/log", "unix-dgram:/run/log", "unix-dgram:/run/log"),
    ("unix-dgram://x", "unix-dgram:x", "unix-dgram:x"),
    ("unix-dgram:@log", "unix-dgram:@log", "unix-dgram:@log"),
    ("unix-packet:./x", "unix-packet:./x", "unix-packet:./x"),
    ("Unix-Packet:@x", "unix-packet:@x", "unix-packet:@x"),
];

const FORMS: &str = "host:port, :port for all interfaces, /path or @name for a Unix socket, or udp:host:port";

/// (text, kind, what follows "bad address at byte ", the hint)
#[rustfmt::skip]
const BAD: &[(&str, Kind, &str, &str)] = &[
    ("", Kind::Empty, "0: the address is empty", FORMS),
    ("-", Kind::AbsentLayer, "0: this build has no stdio; it has tcp, udp, unix, unix-dgram, unix-packet", FORMS),
    ("localhost", Kind::PortMissing, "9: the port is missing",
     "localhost:PORT; a Unix socket in this folder is ./localhost"),
    ("8080", Kind::PortMissing, "4: the port is missing",
     "a port on all interfaces is :8080, on this machine alone localhost:8080"),
    ("tcp", Kind::PortMissing, "3: the port is missing", "tcp:host:port, or tcp::port for all interfaces"),
    ("udp", Kind::PortMissing, "3: the port is missing", "udp:host:port, or udp::port for all interfaces"),
    ("unix", Kind::PathEmpty, "4: the path of the Unix socket is missing",
     "unix:/path, unix:./path, or unix:@name for an abstract one"),
    ("unix-dgram", Kind::PathEmpty, "10: the path of the Unix socket is missing",
     "unix-dgram:/path, unix-dgram:./path, or unix-dgram:@name for an abstract one"),
    ("run/app.sock", Kind::PortMissing, "12: the port is missing",
     "a Unix socket's path begins with / or ./: ./run/app.sock"),
    ("a b", Kind::PortMissing, "3: the port is missing", "a b:PORT; a Unix socket in this folder is ./a b"),
    ("localhost:", Kind::PortMissing, "10: the port is missing",
     "a number from 0 to 65535, or a name from /etc/services"),
    (":", Kind::PortMissing, "1: the port is missing", "a number from 0 to 65535, or a name from /etc/services"),
    ("tcp:", Kind::PortMissing, "4: the port is missing", "tcp:host:port, or tcp::port for all interfaces"),
    ("tcp://", Kind::PortMissing, "6: the port is missing", "tcp:host:port, or tcp::port for all interfaces"),
    ("tcp:localhost", Kind::PortMissing, "13: the port is missing",
     "tcp:localhost:PORT; the service localhost on all interfaces is tcp::localhost"),
    ("udp:127.0.0.1", Kind::PortMissing, "13: the port is missing", "udp:127.0.0.1:PORT"),
    ("tcp:[::1]", Kind::PortMissing, "9: the port is missing", "[::1]:PORT"),
    ("[::1]", Kind::PortMissing, "5: the port is missing", "[::1]:PORT"),
    ("udp:[::1]", Kind::PortMissing, "9: the port is missing", "udp:[::1]:PORT"),
    ("8080:", Kind::PortMissing, "5: the port is missing",
     "a port on all interfaces is :8080, on this machine alone localhost:8080"),
    ("udp:8080:", Kind::PortMissing, "9: the port is missing",
     "a port on all interfaces is udp::8080, on this machine alone udp:localhost:8080"),
    ("99999:", Kind::Ipv4, "0: 99999 is no IPv4 address", "four decimal numbers from 0 to 255: 127.0.0.1"),
    ("[::1]80", Kind::Port, "5: 80 stands where :port should", "an IPv6 address with a port is [2001:db8::1]:80"),
    ("[::1:80", Kind::Ipv6, "0: the bracket is not closed", "an IPv6 address with a port is [2001:db8::1]:80"),
    ("[127.0.0.1]:80", Kind::Ipv6, "1: 127.0.0.1 is no IPv6 address",
     "brackets are for IPv6 alone: write 127.0.0.1 without them"),
    ("[localhost]:80", Kind::Ipv6, "1: localhost is no IPv6 address",
     "brackets are for IPv6 alone: write localhost without them"),
    ("[1::2::3]:80", Kind::Ipv6, "1: 1::2::3 is no IPv6 address",
     "eight groups of hexadecimal digits, or fewer with :: once: 2001:db8::1"),
    ("2001:db8::1", Kind::Ipv6, "0: an IPv6 address with a port stands in brackets", "[2001:db8::1]:PORT"),
    ("::1:80", Kind::Ipv6, "0: an IPv6 address with a port stands in brackets", "[::1]:80, or [::1:80]:PORT"),
    ("2001:db8::1:http", Kind::Ipv6, "0: an IPv6 address with a port stands in brackets", "[2001:db8::1]:http"),
    ("fd::1", Kind::Ipv6, "0: an IPv6 address with a port stands in brackets", "[fd::1]:PORT"),
    ("fe80::1%eth0", Kind::Ipv6, "0: an IPv6 address with a port stands in brackets", "[fe80::1%eth0]:PORT"),
    ("[fe80::1%]:80", Kind::Zone, "8: the zone is empty",
     "the interface's name: fe80::1%eth0; one that is called 25 is written %2525"),
    ("[fe80::1%25]:80", Kind::Zone, "8: the zone is empty",
     "the interface's name: fe80::1%eth0; one that is called 25 is written %2525"),
    ("[fe80::1%eth/0]:80", Kind::Zone, "8: / cannot stand in an interface's name",
     "the interface's name: fe80::1%eth0; one that is called 25 is written %2525"),
    ("[fe80::1%2Ceth0]:80", Kind::Ipv6, "8: a comma cannot stand in an IPv6 address",
     "a zone follows a percent sign: fe80::1%eth0"),
    ("localhost:65536", Kind::PortRange, "10: a port is 0 to 65535, not 65536", "0 is any free port"),
    ("tcp:99999", Kind::PortRange, "4: a port is 0 to 65535, not 99999", "0 is any free port"),
    ("udp::70000", Kind::PortRange, "5: a port is 0 to 65535, not 70000", "0 is any free port"),
    ("localhost:-1", Kind::PortRange, "10: a port is 0 to 65535, not -1", "0 is any free port"),
    ("localhost:99999999999999999999", Kind::PortRange, "10: a port is 0 to 65535, not 99999999999999999999",
     "0 is any free port"),
    ("localhost:80/", Kind::Port, "12: / cannot stand in a port",
     "an address ends with its port: leave out what follows"),
    ("localhost:80/index.html", Kind::Port, "12: / cannot stand in a port",
     "an address ends with its port: leave out what follows"),
    ("localhost:8 0", Kind::Port, "11: a space cannot stand in a port",
     "a number from 0 to 65535, or a name from /etc/services"),
    ("localhost:--", Kind::Port, "10: -- is no port", "a number from 0 to 65535, or a name from /etc/services"),
    ("localhost:80:90", Kind::Host, "12: a host and a port have one colon between them, this is a second",
     "tcp:host:port; IPv6 stands in brackets, [2001:db8::1]:80"),
    ("tcp:a:b:80", Kind::Host, "7: a host and a port have one colon between them, this is a second",
     "tcp:host:port; IPv6 stands in brackets, [2001:db8::1]:80"),
    ("http://localhost:80", Kind::UnknownLayer, "0: http is no layer",
     "known are tcp, udp, unix, unix-dgram, unix-packet"),
    ("https://localhost", Kind::UnknownLayer, "0: https is no layer",
     "known are tcp, udp, unix, unix-dgram, unix-packet"),
    ("upd://localhost:53", Kind::UnknownLayer, "0: upd is no layer",
     "did you mean udp? a host called upd is tcp://upd:PORT"),
    ("upd:localhost:53", Kind::UnknownLayer, "0: upd is no layer",
     "did you mean udp? a host called upd is tcp://upd:PORT"),
    ("tpc:http", Kind::UnknownLayer, "0: tpc is no layer", "did you mean tcp? a host called tpc is tcp://tpc:http"),
    ("unxi:/run/x", Kind::UnknownLayer, "0: unxi is no layer",
     "did you mean unix? a host called unxi is tcp://unxi:PORT"),
    ("unix-dgrm:/run/x", Kind::UnknownLayer, "0: unix-dgrm is no layer",
     "did you mean unix-dgram? a host called unix-dgrm is tcp://unix-dgrm:PORT"),
    ("unix-pakcet:/x", Kind::UnknownLayer, "0: unix-pakcet is no layer",
     "did you mean unix-packet? a host called unix-pakcet is tcp://unix-pakcet:PORT"),
    ("tcp4:localhost:80", Kind::UnknownLayer, "0: tcp4 is no layer",
     "did you mean tcp? a host called tcp4 is tcp://tcp4:PORT"),
    ("udp-listn::80", Kind::UnknownLayer, "0: udp-listn is no layer",
     "did you mean udp-listen? a host called udp-listn is tcp://udp-listn:PORT"),
    ("tls:443", Kind::AbsentLayer, "0: this build has no tls; it has tcp, udp, unix, unix-dgram, unix-packet",
     "a host called tls is tcp://tls:443"),
    ("tls://localhost:443", Kind::AbsentLayer, "0: this build has no tls; it has tcp, udp, unix, unix-dgram, unix-packet",
     FORMS),
    ("TLS:localhost:443", Kind::AbsentLayer, "0: this build has no tls; it has tcp, udp, unix, unix-dgram, unix-packet",
     FORMS),
    ("ws:80", Kind::AbsentLayer, "0: this build has no ws; it has tcp, udp, unix, unix-dgram, unix-packet",
     "a host called ws is tcp://ws:80"),
    ("stdio:", Kind::AbsentLayer, "0: this build has no stdio; it has tcp, udp, unix, unix-dgram, unix-packet",
     FORMS),
    ("sh:ls -l", Kind::AbsentLayer, "0: this build has no sh; it has tcp, udp, unix, unix-dgram, unix-packet", FORMS),
    ("file:/etc/passwd", Kind::AbsentLayer, "0: this build has no file; it has tcp, udp, unix, unix-dgram, unix-packet",
     FORMS),
    ("raw:icmp", Kind::AbsentLayer, "0: this build has no raw; it has tcp, udp, unix, unix-dgram, unix-packet",
     "a host called raw is tcp://raw:icmp"),
    ("tcp-listen:8080", Kind::Listen, "3: an address does not say here that it listens",
     "leave out -listen: tcp:8080"),
    ("tls-listen:8080", Kind::AbsentLayer, "0: this build has no tls; it has tcp, udp, unix, unix-dgram, unix-packet",
     "a host called tls is tcp://tls:8080"),
    ("ws+tls://localhost:443", Kind::AbsentLayer, "0: this build has no ws; it has tcp, udp, unix, unix-dgram, unix-packet",
     FORMS),
    ("tcp+foo:80", Kind::Layers, "3: an address takes no layers here",
     "write one transport: tcp, udp, unix, unix-dgram, unix-packet"),
    ("*:80", Kind::Host, "0: * cannot stand in the name of a host", "all interfaces are an empty host: :80"),
    ("*:18081", Kind::Host, "0: * cannot stand in the name of a host", "all interfaces are an empty host: :18081"),
    ("udp:*:53", Kind::Host, "4: * cannot stand in the name of a host", "all interfaces are an empty host: udp::53"),
    ("*:", Kind::Host, "0: * cannot stand in the name of a host", "all interfaces are an empty host: :80"),
    ("*.example.org:80", Kind::Host, "0: * cannot stand in the name of a host",
     "a name has letters, digits, hyphens and dots"),
    ("user@host:80", Kind::Host, "4: @ cannot stand in the name of a host",
     "leave the user out; an abstract Unix socket begins with @"),
    ("a/b:80", Kind::Host, "1: / cannot stand in the name of a host",
     "a Unix socket's path begins with / or ./, or follows unix:"),
    (".:80", Kind::Host, "0: the name of a host begins with a letter or a digit",
     "a Unix socket's path begins with / or ./, or follows unix:"),
    (".hidden:80", Kind::Host, "0: the name of a host begins with a letter or a digit",
     "a Unix socket's path begins with / or ./, or follows unix:"),
    ("-4:80", Kind::Host, "0: the name of a host begins with a letter or a digit",
     "a Unix socket's path begins with / or ./, or follows unix:"),
    ("fe80--1%eth0:80", Kind::Host, "7: % cannot stand in the name of a host",
     "a zone follows an IPv6 address in brackets: [fe80::1%eth0]:80"),
    ("127.1:80", Kind::Ipv4, "0: 127.1 is no IPv4 address", "four decimal numbers from 0 to 255: 127.0.0.1"),
    ("256.1.1.1:80", Kind::Ipv4, "0: 256.1.1.1 is no IPv4 address", "four decimal numbers from 0 to 255: 127.0.0.1"),
    ("1.2.3:80", Kind::Ipv4, "0: 1.2.3 is no IPv4 address", "four decimal numbers from 0 to 255: 127.0.0.1"),
    ("0x7f.1:80", Kind::Ipv4, "0: 0x7f.1 is no IPv4 address", "four decimal numbers from 0 to 255: 127.0.0.1"),
    ("0x7f000001:80", Kind::Ipv4, "0: 0x7f000001 is no IPv4 address",
     "four decimal numbers from 0 to 255: 127.0.0.1"),
    ("8080:80", Kind::Ipv4, "0: 8080 is no IPv4 address", "four decimal numbers from 0 to 255: 127.0.0.1"),
    ("@", Kind::PathEmpty, "1: the abstract name of the Unix socket is empty",
     "give a path: /run/app.sock, ./app.sock, or @name for an abstract one"),
    ("unix:", Kind::PathEmpty, "5: the path of the Unix socket is empty",
     "give a path: /run/app.sock, ./app.sock, or @name for an abstract one"),
    ("unix-packet://", Kind::PathEmpty, "14: the path of the Unix socket is empty",
     "give a path: /run/app.sock, ./app.sock, or @name for an abstract one"),
    ("unix:@", Kind::PathEmpty, "6: the abstract name of the Unix socket is empty",
     "give a path: /run/app.sock, ./app.sock, or @name for an abstract one"),
    ("tcp::80,no-delay", Kind::Options, "7: an address takes no options here",
     "leave them out; a comma of a path or name is written %2C"),
    ("/run/a,b", Kind::Options, "6: an address takes no options here",
     "leave them out; a comma of a path or name is written %2C"),
    ("/run/a\0b", Kind::Nul, "6: a NUL byte cannot stand in an address",
     "leave the NUL byte out; an abstract name is written @name"),
    ("/run/a\u{1b}b", Kind::Control, "6: the control character \\u{1b} cannot stand in an address", "leave it out"),
    ("a\u{3000}b:80", Kind::Host, "1: \\u{3000} cannot stand in the name of a host",
     "a name has letters, digits, hyphens and dots"),
    ("ws+:80", Kind::AbsentLayer, "0: this build has no ws; it has tcp, udp, unix, unix-dgram, unix-packet",
     "a host called ws is tcp://ws:80"),
    ("foo:localhost:80", Kind::Host, "13: a host and a port have one colon between them, this is a second",
     "tcp:host:port; IPv6 stands in brackets, [2001:db8::1]:80"),
];

fn value(text: &str) -> Address {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn tcp(host: Host, port: u16) -> Address {
    Address { transport: Transport::Tcp, target: Target::Inet { host, service: Service::Port(port) } }
}

/// Equality of paths goes by components; here every byte counts.
fn same(a: &Address, b: &Address) -> bool {
    let path = |address: &Address| match &address.target {
        Target::Unix(UnixAddr::Path(path)) => Some(path.as_os_str().as_bytes().to_vec()),
        _ => None,
    };
    a == b && path(a) == path(b)
}

#[test]
fn an_address_means_what_the_table_says_and_prints_so() {
    for (text, full, short) in GOOD {
        let address = value(text);
        assert_eq!((address.to_string().as_str(), format!("{address:#}").as_str()), (*full, *short), "{text}");
        assert!(same(&address, &value(full)) && same(&address, &value(short)), "{text}");
    }
}

#[test]
fn the_parts_of_an_address_have_their_types() {
    let v6 = |zone: Option<&str>| Host::V6 { ip: "fe80::1".parse().unwrap(), zone: zone.map(str::to_owned) };
    assert_eq!(value(":80"), tcp(Host::Any, 80));
    assert_eq!(value("127.0.0.1:80"), tcp(Host::V4("127.0.0.1".parse().unwrap()), 80));
    assert_eq!(value("udp.example:80"), tcp(Host::Name("udp.example".to_owned()), 80));
    assert_eq!(value("[fe80::1]:80"), tcp(v6(None), 80));
    assert_eq!(value("[fe80::1%25eth0]:80"), tcp(v6(Some("eth0")), 80));
    assert_eq!(value("[fe80::1%2525]:80"), tcp(v6(Some("25")), 80));
    assert_eq!(value("/a%2Cb").target, Target::Unix(UnixAddr::path("/a,b")));
    assert_eq!(value("@a%252C").target, Target::Unix(UnixAddr::abstract_name("a%2C")));
    for transport in Transport::ALL {
        let of_kind = matches!(value(&format!("{transport}:1")).target, Target::Unix(_));
        assert_eq!(of_kind, transport.is_unix(), "{transport}");
    }
}

#[test]
fn a_wrong_address_is_refused_with_its_kind_its_place_and_a_hint() {
    for (text, kind, line, hint) in BAD {
        let error = text.parse::<Address>().expect_err(text);
        assert_eq!((error.kind, error.to_string()), (*kind, format!("bad address at byte {line}")), "{text:?}");
        assert_eq!(error.hint.as_deref(), Some(*hint), "{text:?}");
    }
}

#[test]
fn a_length_is_accepted_up_to_its_bound_and_refused_beyond() {
    for (text, most, kind, at) in [
        ("/", 107, Kind::PathTooLong, 0),
        ("@", 108, Kind::PathTooLong, 1),
        ("unix-dgram:", 118, Kind::PathTooLong, 11),
        ("h", 253, Kind::HostTooLong, 0),
        ("udp://h", 259, Kind::HostTooLong, 6),
        ("[fe80::1%", 24, Kind::Zone, 8),
    ] {
        let end = match kind {
            Kind::PathTooLong => "",
            Kind::HostTooLong => ":80",
            _ => "]:80",
        };
        let long = |len: usize| format!("{text}{}{end}", "x".repeat(len - text.len()));
        assert!(long(most).parse::<Address>().is_ok(), "{text}");
        let error = long(most + 1).parse::<Address>().unwrap_err();
        assert_eq!((error.kind, error.at), (kind, at), "{text}");
    }
    assert!(
        format!("/{}%2C", "x".repeat(105)).parse::<Address>().is_ok(),
        "an escape counts as the byte it stands for"
    );
}

#[test]
fn a_host_alone_needs_no_brackets() {
    for (text, printed) in [
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("[fe80::1%25eth0]", "fe80::1%eth0"),
        ("fd::1", "fd::1"),
        ("udp", "udp"),
    ] {
        let host: Host = text.parse().unwrap();
        assert_eq!(host.to_string(), printed, "{text}");
        assert_eq!(printed.parse::<Host>().unwrap(), host, "{text}");
    }
    for (text, kind) in [
        ("", Kind::Empty),
        ("localhost:80", Kind::Ipv6),
        ("[::1]:80", Kind::Ipv6),
        ("127.1", Kind::Ipv4),
        ("a,b", Kind::Options),
        ("fe80::1%", Kind::Zone),
    ] {
        assert_eq!(text.parse::<Host>().unwrap_err().kind, kind, "{text}");
    }
}

fn host() -> impl Strategy<Value = Host> {
    let zone = "[^\\p{C}\\s/:\\[\\]]{1,5}".prop_filter("15 bytes", |zone| zone.len() <= 15);
    prop_oneof![
        Just(Host::Any),
        any::<[u8; 4]>().prop_map(|ip| Host::V4(ip.into())),
        (any::<[u8; 16]>(), proptest::option::of(zone)).prop_map(|(ip, zone)| Host::V6 { ip: ip.into(), zone }),
        "[a-zA-Z0-9ñ_][a-zA-Z0-9ñ_-]{0,20}(\\.[a-z0-9-]{1,8}){0,3}\\.[a-z-]{1,3}\\.?".prop_map(Host::Name),
        proptest::sample::select(vec!["udp", "tls", "fd", "tcp-listen", "upd", "ws", "localhost"])
            .prop_map(|name| Host::Name(name.to_owned())),
    ]
}

fn address() -> impl Strategy<Value = Address> {
    let service = prop_oneof![
        any::<u16>().prop_map(Service::Port),
        "[a-z0-9_.+-]{0,6}[a-z][a-z0-9_.+-]{0,6}".prop_map(Service::Name),
    ];
    let inet = (prop_oneof![Just(Transport::Tcp), Just(Transport::Udp)], host(), service)
        .prop_map(|(transport, host, service)| Address { transport, target: Target::Inet { host, service } });
    let unix = prop_oneof![Just(Transport::Unix), Just(Transport::UnixDatagram), Just(Transport::UnixPacket)];
    let text = prop_oneof!["[/.@a-z%2C5,:\\[\\]-]{1,40}", "\\P{Cc}{1,25}"];
    let of_path = |(transport, name, text): (Transport, bool, String)| {
        let target = if name { UnixAddr::abstract_name(text) } else { UnixAddr::path(text) };
        Address { transport, target: Target::Unix(target) }
    };
    let fits = |(_, name, text): &(Transport, bool, String)| text.len() <= 107 && (*name || !text.starts_with('@'));
    prop_oneof![inet, (unix, any::<bool>(), text).prop_filter("fits", fits).prop_map(of_path)]
}

fn texts() -> impl Strategy<Value = String> {
    let piece = "tcp|udp|unix|unix-dgram|tls|upd|-listen|\\+|:|//|/|\\./|@|\\[|\\]|%|%25|%2C|,|::1|fe80::1|127\\.0\\.0\\.1|80|99999|http|[a-z]|\\PC|-|\\x00";
    prop_oneof![proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat()), any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_address_that_is_printed_is_read_back_the_same(address in address()) {
        for text in [address.to_string(), format!("{address:#}")] {
            let back = text.parse::<Address>();
            prop_assert!(back.as_ref().is_ok_and(|back| same(back, &address)), "{text}: {back:?}");
            prop_assert_eq!(value(&text).to_string(), address.to_string());
        }
    }

    #[test]
    fn any_text_is_read_back_the_same_or_refused_at_a_place_within_it(text in texts()) {
        match text.parse::<Address>() {
            Ok(address) => {
                prop_assert!(same(&value(&address.to_string()), &address), "{address}");
                prop_assert!(same(&value(&format!("{address:#}")), &address), "{address:#}");
            }
            Err(error) => {
                prop_assert!(text.is_char_boundary(error.at), "{error}");
                prop_assert!(!error.to_string().contains(char::is_control));
                prop_assert!(!error.hint.unwrap_or_default().contains(char::is_control));
            }
        }
        if let Ok(host) = text.parse::<Host>() {
            prop_assert_eq!(host.to_string().parse::<Host>(), Ok(host));
        }
    }
}
