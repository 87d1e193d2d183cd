//! The whole grammar: layers and options. Base addresses have their tests in the library.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use puerta::opt::{self, SocketKind};
use puerta::{Address, ParseErrorKind as Kind, Transport};
use puerta_relay::{Endpoint, Layer};

/// (text, full form, short form)
const GOOD: &[(&str, &str, &str)] = &[
    (":8080", "tcp::8080", ":8080"),
    ("localhost:80", "tcp:localhost:80", "localhost:80"),
    ("udp:53", "udp::53", "udp::53"),
    ("tcp-listen:8080", "tcp-listen::8080", "tcp-listen::8080"),
    ("tcp-listen::8080", "tcp-listen::8080", "tcp-listen::8080"),
    ("tcp-listen://:8080", "tcp-listen::8080", "tcp-listen::8080"),
    ("TCP-LISTEN:8080", "tcp-listen::8080", "tcp-listen::8080"),
    ("udp-listen:[::1]:53", "udp-listen:[::1]:53", "udp-listen:[::1]:53"),
    ("unix-listen:/run/x", "unix-listen:/run/x", "unix-listen:/run/x"),
    ("unix-listen:////run/x", "unix-listen:////run/x", "unix-listen:////run/x"),
    ("unix-dgram-listen:@x", "unix-dgram-listen:@x", "unix-dgram-listen:@x"),
    ("unix-packet-listen:x", "unix-packet-listen:x", "unix-packet-listen:x"),
    ("tcp://udp-listen:80", "tcp:udp-listen:80", "tcp:udp-listen:80"),
    ("foo-listen:80", "tcp:foo-listen:80", "foo-listen:80"),
    (":80,no-delay", "tcp::80,no-delay", ":80,no-delay"),
    (":80,no-delay=true", "tcp::80,no-delay", ":80,no-delay"),
    (":80,no-delay=off", "tcp::80,no-delay=false", ":80,no-delay=false"),
    (":80,no-delay,no-delay=no", "tcp::80,no-delay,no-delay=false", ":80,no-delay,no-delay=false"),
    ("tcp-listen:80,reuse-port,ttl=3", "tcp-listen::80,reuse-port,ttl=3", "tcp-listen::80,reuse-port,ttl=3"),
    ("[fe80::1%25eth0]:80,ttl=1", "tcp:[fe80::1%eth0]:80,ttl=1", "[fe80::1%eth0]:80,ttl=1"),
    ("/run/a%2Cb,send-buffer=65536", "unix:/run/a%2Cb,send-buffer=64k", "/run/a%2Cb,send-buffer=64k"),
    ("h:1,keep-alive-idle=120", "tcp:h:1,keep-alive-idle=2m", "h:1,keep-alive-idle=2m"),
    ("udp:h:1,broadcast", "udp:h:1,broadcast", "udp:h:1,broadcast"),
    (
        "udp:h:1,multicast-join=239.1.2.3%eth0",
        "udp:h:1,multicast-join=239.1.2.3%eth0",
        "udp:h:1,multicast-join=239.1.2.3%eth0",
    ),
    ("udp:h:1,bind-to-device=a%2Cb", "udp:h:1,bind-to-device=a%2Cb", "udp:h:1,bind-to-device=a%2Cb"),
    ("udp:h:1,bind-to-device=a%252C", "udp:h:1,bind-to-device=a%252C", "udp:h:1,bind-to-device=a%252C"),
];

const FORMS: &str = "host:port, :port for all interfaces, /path or @name for a Unix socket, or udp:host:port";

/// (text, kind, what follows "bad address at byte ", the hint, or how it begins)
#[rustfmt::skip]
const BAD: &[(&str, Kind, &str, &str)] = &[
    ("tcp::80,", Kind::UnknownOption, "8: an option is missing after the comma", "tcp has reuse-address, "),
    ("tcp::80,,no-delay", Kind::UnknownOption, "8: an option is missing after the comma", "tcp has reuse-address, "),
    (":80,no-dealy", Kind::UnknownOption, "4: no-dealy is no option", "did you mean no-delay?"),
    (":80,nodelay", Kind::UnknownOption, "4: nodelay is no option", "did you mean no-delay?"),
    (":80,keepalive", Kind::UnknownOption, "4: keepalive is no option", "did you mean keep-alive?"),
    ("udp:53,no-delay", Kind::OptionUnfit, "7: udp has no option no-delay", "leave it out; it is for tcp"),
    ("unix:/x,ttl=3", Kind::OptionUnfit, "8: unix has no option ttl", "leave it out; it is for tcp, udp"),
    ("/x,y", Kind::UnknownOption, "3: y is no option", "unix has send-buffer, "),
    (":80,colour", Kind::UnknownOption, "4: colour is no option", "tcp has reuse-address, "),
    (":80,No-Delay", Kind::UnknownOption, "4: No-Delay is no option", "did you mean no-delay?"),
    (":80,=1", Kind::UnknownOption, "4: an option is missing after the comma", "tcp has reuse-address, "),
    (":80,keep-alive-idle", Kind::OptionValue, "19: keep-alive-idle needs a value",
     "keep-alive-idle takes a time from 1s to 32767s, in whole seconds"),
    (":80,keep-alive-idle=", Kind::OptionValue, "20: keep-alive-idle needs a value",
     "keep-alive-idle takes a time from 1s to 32767s, in whole seconds"),
    (":80,keep-alive-idle=soon", Kind::OptionValue, "20: soon is no value of keep-alive-idle",
     "keep-alive-idle takes a time from 1s to 32767s, in whole seconds"),
    (":80,keep-alive-idle=500ms", Kind::OptionValue, "20: 500ms is no value of keep-alive-idle",
     "keep-alive-idle takes a time from 1s to 32767s, in whole seconds"),
    (":80,no-delay=maybe", Kind::OptionValue, "13: maybe is no value of no-delay",
     "no-delay takes nothing, true or false"),
    (":80,no-delay=yes=no", Kind::OptionValue, "13: yes=no is no value of no-delay",
     "no-delay takes nothing, true or false"),
    (":80,send-buffer=64q", Kind::OptionValue, "16: 64q is no value of send-buffer",
     "send-buffer takes a size from 1 to 2147483647 bytes, such as 64k"),
    (":80,ttl=256", Kind::OptionValue, "8: 256 is no value of ttl", "ttl takes a number from 1 to 255"),
    ("udp:53,multicast-join=127.0.0.1", Kind::OptionValue, "22: 127.0.0.1 is no value of multicast-join",
     "multicast-join takes a multicast address with an interface or not, such as 239.1.2.3%eth0"),
    (":80,no-delay,ttl", Kind::OptionValue, "16: ttl needs a value", "ttl takes a number from 1 to 255"),
    (":80,no-delay\0", Kind::Nul, "12: a NUL byte cannot stand in an address",
     "leave the NUL byte out; an abstract name is written @name"),
    (":80,bind-to-device=a\u{1b}", Kind::Control, "20: the control character \\u{1b} cannot stand in an address",
     "leave it out"),
    (":99999,no-delay", Kind::PortRange, "1: a port is 0 to 65535, not 99999", "0 is any free port"),
    ("ws+tls://localhost:443", Kind::AbsentLayer, "0: this build has no ws; it has tcp, udp, unix, unix-dgram, unix-packet",
     FORMS),
    ("tls+tcp://localhost:443", Kind::AbsentLayer, "0: this build has no tls; it has tcp, udp, unix, unix-dgram, unix-packet",
     FORMS),
    ("tcp+udp:80", Kind::Layers, "4: nothing goes below tcp", "tcp stands last, before the colon: tcp:…"),
    ("tcp+tcp:80", Kind::Layers, "4: nothing goes below tcp", "tcp stands last, before the colon: tcp:…"),
    ("+tcp:80", Kind::Layers, "0: a layer is missing beside the +",
     "known are tcp, udp, unix, unix-dgram, unix-packet"),
    ("tcp+:80", Kind::Layers, "4: nothing goes below tcp", "tcp stands last, before the colon: tcp:…"),
    ("udp-listen+tcp:80", Kind::Layers, "11: nothing goes below udp", "udp stands last, before the colon: udp:…"),
    ("tcp+tls-listen:80", Kind::Layers, "4: nothing goes below tcp", "tcp stands last, before the colon: tcp:…"),
    ("upd+tcp:80", Kind::UnknownLayer, "0: upd is no layer", "did you mean udp?"),
    ("foo+tcp:80", Kind::UnknownLayer, "0: foo is no layer", "known are tcp, udp, unix, unix-dgram, unix-packet"),
    ("fooo+bar:80", Kind::UnknownLayer, "0: fooo is no layer", "known are tcp, udp, unix, unix-dgram, unix-packet"),
    ("tls-listen:443", Kind::AbsentLayer, "0: this build has no tls; it has tcp, udp, unix, unix-dgram, unix-packet",
     "a host called tls is tcp://tls:443"),
    ("tcp-listen", Kind::PortMissing, "10: the port is missing",
     "tcp-listen:PORT; a Unix socket in this folder is ./tcp-listen"),
    ("tcp-listen:", Kind::PortMissing, "11: the port is missing", "tcp:host:port, or tcp::port for all interfaces"),
    ("tcp-listen:localhost", Kind::PortMissing, "20: the port is missing",
     "tcp:localhost:PORT; the service localhost on all interfaces is tcp::localhost"),
    ("tcp-lisen::80", Kind::UnknownLayer, "0: tcp-lisen is no layer",
     "did you mean tcp-listen? a host called tcp-lisen is tcp://tcp-lisen:PORT"),
    ("tcp-listen:99999", Kind::PortRange, "11: a port is 0 to 65535, not 99999", "0 is any free port"),
    ("unix-listen:", Kind::PathEmpty, "12: the path of the Unix socket is empty",
     "give a path: /run/app.sock, ./app.sock, or @name for an abstract one"),
    ("-", Kind::AbsentLayer, "0: this build has no stdio; it has tcp, udp, unix, unix-dgram, unix-packet", FORMS),
    ("-,no-delay", Kind::AbsentLayer, "0: this build has no stdio; it has tcp, udp, unix, unix-dgram, unix-packet",
     FORMS),
    ("@a,b", Kind::UnknownOption, "3: b is no option", "unix has send-buffer, "),
    ("tcp-listen://[::1:80", Kind::Ipv6, "13: the bracket is not closed",
     "an IPv6 address with a port is [2001:db8::1]:80"),
    ("ws-listen+tcp:80", Kind::AbsentLayer, "0: this build has no ws; it has tcp, udp, unix, unix-dgram, unix-packet",
     "a host called ws is tcp://ws:80"),
    ("-listen:80", Kind::Host, "0: the name of a host begins with a letter or a digit",
     "a Unix socket's path begins with / or ./, or follows unix:"),
    (":80,receive-bufer=1", Kind::UnknownOption, "4: receive-bufer is no option", "did you mean receive-buffer?"),
];

fn value(text: &str) -> Endpoint {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn an_endpoint_means_what_the_table_says_and_prints_so() {
    for (text, full, short) in GOOD {
        let endpoint = value(text);
        assert_eq!((endpoint.to_string().as_str(), format!("{endpoint:#}").as_str()), (*full, *short), "{text}");
        assert_eq!(endpoint.layers, [Layer::Transport(endpoint.address.transport)], "{text}");
        assert_eq!(endpoint.listen, full.split(':').next().is_some_and(|word| word.ends_with("-listen")), "{text}");
        assert_eq!((&value(full), &value(short)), (&endpoint, &endpoint), "{text}");
    }
}

#[test]
fn a_wrong_endpoint_is_refused_with_its_kind_its_place_and_a_hint() {
    for (text, kind, line, hint) in BAD {
        let error = text.parse::<Endpoint>().expect_err(text);
        assert_eq!((error.kind, error.to_string()), (*kind, format!("bad address at byte {line}")), "{text:?}");
        assert!(error.hint.as_ref().is_some_and(|is| is.starts_with(hint)), "{text:?}: {:?}", error.hint);
    }
}

#[test]
fn every_option_of_the_library_is_an_option_of_the_transports_that_have_it_and_of_no_other() {
    for named in opt::NAMED {
        for transport in Transport::ALL {
            let kind = SocketKind::of_name(transport.name()).unwrap();
            let refused = format!("{transport}:1,{}", named.name).parse::<Endpoint>().err().map(|e| e.kind);
            let expected: &[_] = match named.applies_to(kind) {
                true => &[None, Some(Kind::OptionValue)],
                false => &[Some(Kind::OptionUnfit)],
            };
            assert!(expected.contains(&refused), "{transport} {}: {refused:?}", named.name);
        }
    }
}

fn address() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        Just(String::new()),
        "[a-z][a-z0-9.-]{0,9}[a-z]".prop_map(String::from),
        any::<[u8; 4]>().prop_map(|ip| std::net::Ipv4Addr::from(ip).to_string()),
        any::<[u8; 16]>().prop_map(|ip| format!("[{}%eth0]", std::net::Ipv6Addr::from(ip))),
    ];
    let inet =
        ("(tcp|udp)(-listen)?", host, any::<u16>()).prop_map(|(word, host, port)| format!("{word}:{host}:{port}"));
    prop_oneof![inet, "unix(-dgram|-packet)?(-listen)?:[/@.a-z%25C:]{0,18}[a-z]"]
}

fn options() -> impl Strategy<Value = Vec<String>> {
    let number = prop_oneof![0_u32..300, any::<u32>()];
    let value = prop_oneof![
        Just(String::new()),
        number.prop_map(|n| format!("={n}")),
        "=[1-9][0-9]{0,3}(ms|s|m|h|k|us|g)",
        "=(true|false|none|cubic|eth0|239\\.1\\.2\\.3|239\\.1\\.2\\.3%eth0|ff02::1|ff02::1%2|a%2Cb|%25)",
        "=\\PC{0,6}",
    ];
    let option = (proptest::sample::select(opt::NAMED), value);
    proptest::collection::vec(option.prop_map(|(named, value)| format!("{}{value}", named.name)), 0..4)
}

fn texts() -> impl Strategy<Value = String> {
    let piece =
        "tcp|udp|unix|ws|upd|-listen|\\+|:|//|/|@|\\[|\\]|%|%25|%2C|,|=|::1|80|http|,no-delay|,ttl=1|[a-z]|\\PC|\\x00";
    prop_oneof![proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat()), any::<String>()]
}

/// What is printed reads back as the same, and prints the same again.
fn identity(endpoint: &Endpoint) -> Result<(), TestCaseError> {
    for text in [endpoint.to_string(), format!("{endpoint:#}")] {
        let back = text.parse::<Endpoint>();
        prop_assert_eq!(back.as_ref(), Ok(endpoint), "{}", text);
        prop_assert_eq!(back.unwrap().to_string(), endpoint.to_string());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_endpoint_that_is_printed_is_read_back_the_same(base in address(), options in options()) {
        let mut endpoint = value(&base);
        for option in options {
            // Values are drawn for every option alike, so many do not fit.
            if let Ok(with) = format!("{base},{option}").parse::<Endpoint>() {
                endpoint.options.extend(with.options);
            }
        }
        identity(&endpoint)?;
    }

    #[test]
    fn any_text_is_read_back_the_same_or_refused_at_a_place_within_it(text in texts()) {
        match text.parse::<Endpoint>() {
            Ok(endpoint) => identity(&endpoint)?,
            Err(error) => {
                prop_assert!(text.is_char_boundary(error.at), "{error}");
                prop_assert!(!error.to_string().contains(char::is_control));
                prop_assert!(!error.hint.unwrap_or_default().contains(char::is_control));
            }
        }
        if let Ok(address) = text.parse::<Address>() {
            prop_assert_eq!(text.parse(), Ok(Endpoint::from(address)), "both grammars give a base address one meaning");
        }
    }
}
