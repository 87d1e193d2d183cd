//! Options by their names: what the registry promises.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use puerta::opt::{self, NAMED, Named, Phase, Setting, SocketKind, Value, ValueKind};
use puerta::{
    AnyDatagram, AnyStream, Bad, Cause, Error, Family, Icmp, Ip, Protocol, RawIp, Role, Socket, Tcp, Udp, UnixDatagram,
    UnixPacket, UnixStream,
};
use std::time::Duration;

fn setting(name: &str, value: Option<&str>) -> Setting {
    opt::named(name).unwrap().parse(value).unwrap()
}

fn refused(error: &Error, bad: Bad) -> String {
    assert_eq!(error.cause(), Cause::Bad(bad), "{error:?}");
    error.hint().unwrap().into_owned()
}

/// Values that cover the bounds of an option.
fn samples(named: &Named) -> Vec<String> {
    let time = |d: Duration| puerta::units::print_time(d);
    match named.value {
        ValueKind::Flag => ["true", "false", "yes", "no", "on", "off", "1", "0"].map(str::to_owned).into(),
        ValueKind::Number { min, max } => vec![min.to_string(), max.to_string(), format!("{max:#x}")],
        ValueKind::Size { min, max } => vec![min.to_string(), max.to_string(), "64k".to_owned()],
        ValueKind::Time { min, max, none, .. } => {
            let none = none.map(|_| "none".to_owned());
            [time(min), time(max), "5s".to_owned(), "9".to_owned()].into_iter().chain(none).collect()
        }
        ValueKind::Name { max } => vec!["lo".to_owned(), "x".repeat(max)],
        ValueKind::Group => {
            ["239.1.2.3", "239.1.2.3%lo", "239.1.2.3%any", "ff02::1%2", "ff15::abcd"].map(str::to_owned).into()
        }
        ValueKind::Interface => ["lo", "1", "any"].map(str::to_owned).into(),
        other => panic!("a kind without samples: {other:?}"),
    }
}

#[test]
fn what_a_setting_prints_reads_back_as_the_same_setting() {
    for named in NAMED {
        for text in samples(named) {
            let setting = named.parse(Some(&text)).unwrap_or_else(|e| panic!("{}={text}: {e:?}", named.name));
            let printed = setting.to_string();
            let (name, value) = printed.split_once('=').map_or((&*printed, None), |(n, v)| (n, Some(v)));
            let back = opt::named(name).unwrap().parse(value).unwrap();
            assert_eq!(back, setting, "{printed}");
            assert_eq!(back.to_string(), printed);
        }
    }
}

#[test]
fn names_are_kebab_case_unique_and_found() {
    for (i, named) in NAMED.iter().enumerate() {
        assert!(
            named.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
            "{}",
            named.name
        );
        assert!(NAMED[..i].iter().all(|other| other.name != named.name), "{} is there twice", named.name);
        assert_eq!(opt::named(named.name), Some(named));
        assert!(!named.summary.is_empty() && !named.summary.ends_with('.'));
        assert!(SocketKind::ALL.iter().any(|kind| named.applies_to(*kind)), "{} is for nobody", named.name);
    }
    assert_eq!(opt::named("no_delay"), None);
    assert!(SocketKind::ALL.iter().all(|kind| SocketKind::of_name(kind.name()) == Some(*kind)));
}

#[test]
fn a_bare_flag_is_true_and_only_a_flag_is_bare() {
    for named in NAMED {
        match (named.value, named.parse(None)) {
            (ValueKind::Flag, parsed) => {
                let setting = parsed.unwrap();
                assert_eq!((setting.value(), setting.to_string().as_str()), (&Value::Flag(true), named.name));
            }
            (_, parsed) => assert!(refused(&parsed.unwrap_err(), Bad::Value).contains(named.name)),
        }
    }
    assert_eq!(setting("no-delay", Some("no")).to_string(), "no-delay=false");
}

#[test]
fn what_is_out_of_bounds_is_refused_with_the_bounds() {
    for (name, values, hint) in [
        ("ttl", &["0", "256", "-1", "", "+1", "0x", "0x-1", "64 "][..], "ttl takes a number from 1 to 255"),
        ("keep-alive-count", &["0", "128"], "keep-alive-count takes a number from 1 to 127"),
        (
            "receive-buffer",
            &["0", "2g", "64q", "-1", ""],
            "receive-buffer takes a size from 1 to 2147483647 bytes, such as 64k",
        ),
        (
            "keep-alive-idle",
            &["0", "500ms", "32768", "10h", "none", "1d"],
            "keep-alive-idle takes a time from 1s to 32767s, in whole seconds",
        ),
        (
            "user-timeout",
            &["0", "1us", "600h"],
            "user-timeout takes a time from 1ms to 2147483s, in whole milliseconds, or none (the system's default)",
        ),
        ("no-delay", &["maybe", "", "TRUE", "2"], "no-delay takes nothing, true or false"),
        ("bind-to-device", &["", "a-name-of-16-byte", "a/b", "a\0b"], "bind-to-device takes a name of 1 to 15 bytes"),
        (
            "multicast-join",
            &["10.0.0.1", "::1", "239.1.2.3%", "239.1.2.3%0", "239.1.2.3%a-name-of-16-byte", "lo", ""],
            "multicast-join takes a multicast address with an interface or not, such as 239.1.2.3%eth0",
        ),
        (
            "multicast-interface",
            &["", "0", "a/b", "4294967295"],
            "multicast-interface takes an interface by name or number, or any",
        ),
    ] {
        for value in values {
            let error = opt::named(name).unwrap().parse(Some(value)).expect_err(value);
            assert_eq!(refused(&error, Bad::Value), hint, "{value:?}");
        }
    }
}

/// A value that every kernel takes, or `None` where it depends on the machine.
fn harmless(named: &'static Named) -> Option<Setting> {
    let value = match named.name {
        "transparent" | "busy-poll" | "fast-open-connect" => return None,
        "bind-to-device" | "multicast-interface" => "lo",
        "congestion-control" => "reno",
        "multicast-join" => "239.1.2.3%lo",
        // Nothing is joined: its own error is seen elsewhere.
        "multicast-leave" => return None,
        _ if named.value == ValueKind::Flag => "true",
        "tos" => "0x10",
        _ => "5",
    };
    Some(named.parse(Some(value)).unwrap())
}

fn apply_all<P: Protocol>(kind: SocketKind, fresh: impl Fn() -> Option<Socket<P>>) {
    for named in NAMED {
        let (Some(setting), Some(socket)) = (harmless(named), fresh()) else { continue };
        match socket.apply(&setting) {
            Ok(()) => assert!(named.applies_to(kind), "{kind} took {setting}"),
            Err(e) if named.applies_to(kind) => panic!("{kind} refused {setting}: {e:?}"),
            Err(e) => {
                assert!(refused(&e, Bad::Option).starts_with(&format!("{} is not for {kind}: ", named.name)), "{e:?}")
            }
        }
    }
}

#[test]
fn every_option_applies_to_a_fresh_socket_of_its_kinds_and_to_no_other() {
    // v6-only is refused by an IPv4 socket, so the IPv6 ones show it.
    apply_all(SocketKind::Tcp, || Socket::<Tcp>::new(Ip::V6).ok());
    apply_all(SocketKind::Udp, || Socket::<Udp>::new(Ip::V6).ok());
    apply_all(SocketKind::Unix, || Socket::<UnixStream>::new(()).ok());
    apply_all(SocketKind::UnixPacket, || Socket::<UnixPacket>::new(()).ok());
    apply_all(SocketKind::UnixDatagram, || Socket::<UnixDatagram>::new(()).ok());
    apply_all(SocketKind::Tcp, || Socket::<AnyStream>::new(Family::V6).ok());
    apply_all(SocketKind::Unix, || Socket::<AnyStream>::new(Family::Unix).ok());
    apply_all(SocketKind::Udp, || Socket::<AnyDatagram>::new(Family::V6).ok());
    apply_all(SocketKind::UnixDatagram, || Socket::<AnyDatagram>::new(Family::Unix).ok());
    // These need a privilege, or a group that may: where they cannot be made there is nothing to see.
    apply_all(SocketKind::Raw, || Socket::<RawIp>::new((Ip::V4, 1)).ok());
    apply_all(SocketKind::Icmp, || Socket::<Icmp>::new(Ip::V4).ok());
}

#[test]
fn an_ipv4_socket_refuses_v6_only_as_an_option_it_does_not_have() {
    let error = Socket::<Tcp>::new(Ip::V4).unwrap().apply(&setting("v6-only", None)).unwrap_err();
    assert_eq!(refused(&error, Bad::Option), "v6-only is not for an IPv4 socket: IPv6 sockets have it");
}

fn late<P: Protocol, R: Role>(socket: &Socket<P, R>, over: &[Phase]) {
    for named in NAMED.iter().filter(|n| n.applies_to(SocketKind::Tcp)) {
        let Some(setting) = harmless(named) else { continue };
        let result = socket.apply(&setting);
        if over.contains(&named.phase) {
            let hint = refused(&result.unwrap_err(), Bad::Option);
            assert!(hint.contains(named.name) && hint.contains("before"), "{hint}");
        } else {
            assert!(result.is_ok(), "{setting}: {result:?}");
        }
    }
}

#[test]
fn an_option_whose_phase_is_over_is_refused_and_the_others_are_not() {
    let any = "[::1]:0".parse().unwrap();
    let bound = Socket::<Tcp>::new(Ip::V6).unwrap().bind(&any).unwrap();
    late(&bound, &[Phase::BeforeBind]);
    let listener = Socket::<Tcp>::new(Ip::V6).unwrap().bind(&any).unwrap().listen(4).unwrap();
    let client = Socket::<Tcp>::new(Ip::V6).unwrap().connect(&listener.local_addr().unwrap()).unwrap();
    late(&client, &[Phase::BeforeBind, Phase::BeforeConnect, Phase::BeforeListen]);
    late(&listener, &[Phase::BeforeBind, Phase::BeforeConnect]);
    let error = client.apply(&setting("fast-open-connect", None)).unwrap_err();
    assert_eq!(refused(&error, Bad::Option), "connect reads fast-open-connect: set it before");
}
