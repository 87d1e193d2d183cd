//! Names to addresses and back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use puerta::trace::{self, Event, Observer};
use puerta::{
    Address, Bad, Call, Cause, Error, Ip, NameFlags, Query, Resolved, SocketType, Use, interface_index, interface_name,
    resolve, reverse,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

fn addresses(found: &[Resolved]) -> Vec<SocketAddr> {
    found.iter().map(|resolved| resolved.address).collect()
}

fn refused(query: &Query<'_>) -> Error {
    resolve(query).unwrap_err()
}

/// The trace belongs to the process: one test at a time.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Lines(ThreadId, Mutex<Vec<Event>>);

impl Observer for Lines {
    fn observe(&self, event: &Event) {
        // Other tests run beside this one.
        if std::thread::current().id() == self.0 {
            self.1.lock().unwrap().push(event.clone());
        }
    }
}

/// The calls that `run` leads to.
fn traced(run: impl FnOnce()) -> Vec<Event> {
    let _alone = one_at_a_time();
    let lines = Arc::new(Lines(std::thread::current().id(), Mutex::default()));
    trace::install(Some(lines.clone()));
    run();
    trace::install(None);
    lines.1.lock().unwrap().clone()
}

#[test]
fn a_number_resolves_to_itself_for_the_kind_that_was_asked() {
    let found = resolve(&Query::new("127.0.0.1").service("80").kind(SocketType::Stream)).unwrap();
    let address = "127.0.0.1:80".parse().unwrap();
    assert_eq!(found, [Resolved { address, kind: SocketType::Stream, protocol: 6, canonical: None }]);
    let found = resolve(&Query::new("::1").service("80").kind(SocketType::Datagram).numeric()).unwrap();
    assert_eq!((found[0].address, found[0].protocol), ("[::1]:80".parse().unwrap(), 17));
}

#[test]
fn without_a_kind_an_address_comes_once_for_each_type() {
    let found = resolve(&Query::new("127.0.0.1").service("80")).unwrap();
    let kinds: Vec<SocketType> = found.iter().map(|resolved| resolved.kind).collect();
    assert_eq!(kinds, [SocketType::Stream, SocketType::Datagram, SocketType::Raw]);
}

#[test]
fn localhost_is_found_once_an_address_and_only_on_loopback() {
    let found = addresses(&resolve(&Query::new("localhost").port(80).kind(SocketType::Stream)).unwrap());
    let mut distinct = found.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), found.len(), "{found:?}");
    assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 80), "{found:?}");
}

#[test]
fn the_family_filters() {
    let found = resolve(&Query::new("localhost").port(1).family(Ip::V4)).unwrap();
    assert!(found.iter().all(|resolved| resolved.address.is_ipv4()));
    let error = refused(&Query::new("127.0.0.1").port(1).family(Ip::V6));
    assert_eq!(error.name(), "EAI_ADDRFAMILY");
    assert!(error.hint().unwrap().contains("-4 or -6"), "{error:?}");
}

#[test]
fn no_host_is_every_interface_to_bind_ipv6_first_and_nowhere_to_connect() {
    let found = addresses(&resolve(&Query::any().port(9000).passive().kind(SocketType::Stream)).unwrap());
    let any = |ip: IpAddr| SocketAddr::new(ip, 9000);
    assert_eq!(found, [any(Ipv6Addr::UNSPECIFIED.into()), any(Ipv4Addr::UNSPECIFIED.into())]);
    let found = addresses(&resolve(&Query::any().passive().family(Ip::V4).kind(SocketType::Stream)).unwrap());
    assert_eq!(found, [SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)]);
    for query in [Query::any().port(80), Query::new("").port(80)] {
        assert_eq!(refused(&query).cause(), Cause::Bad(Bad::EmptyHost));
    }
}

#[test]
fn a_name_that_nobody_knows_keeps_the_resolvers_code() {
    let error = refused(&Query::new("no-such-host.invalid").service("80"));
    assert_eq!(error.call(), Call::GetAddrInfo);
    assert!(matches!(error.cause(), Cause::Resolve(libc::EAI_NONAME | libc::EAI_AGAIN)), "{error:?}");
    assert!(error.to_string().starts_with("getaddrinfo no-such-host.invalid:80: "), "{error}");
    assert!(error.hint().is_some());
    let error = refused(&Query::new("localhost").service("80").numeric());
    assert_eq!(error.name(), "EAI_NONAME");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn what_cannot_be_a_name_is_refused_before_any_call() {
    for (query, bad) in [
        (Query::new("a\0b").port(80), Bad::Nul),
        (Query::new("a").service("ht\0tp"), Bad::Nul),
        (Query::new("a".repeat(254)).port(80), Bad::NameTooLong),
        (Query::new("127.0.0.1").service("65536"), Bad::Value),
        (Query::new("127.0.0.1").service("99999999999999999999"), Bad::Value),
    ] {
        let mut error = None;
        let calls = traced(|| error = Some(refused(&query)));
        let error = error.unwrap();
        assert_eq!(error.cause(), Cause::Bad(bad), "{error}");
        assert!(calls.is_empty() && error.hint().is_some() && !error.to_string().contains('\0'), "{error:?}");
    }
    // The root's dot does not count.
    let longest = format!("{}.", ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join("."));
    assert_eq!(longest.len(), 254);
    assert!(matches!(refused(&Query::new(longest).port(1).numeric()).cause(), Cause::Resolve(_)));
}

#[test]
fn a_service_is_a_port_or_a_name_and_nothing_between() {
    for service in ["", "-1", "+80", " 80", "no-such-service"] {
        let error = refused(&Query::new("127.0.0.1").service(service).kind(SocketType::Stream));
        assert_eq!(error.cause(), Cause::Resolve(libc::EAI_SERVICE), "{service:?}: {error}");
    }
    for port in ["0", "1", "65535"] {
        let found = resolve(&Query::new("127.0.0.1").service(port).kind(SocketType::Stream)).unwrap();
        assert_eq!(found[0].address.port().to_string(), port);
    }
}

#[test]
fn a_zone_is_a_name_or_a_number_of_an_interface() {
    let lo = interface_index("lo").unwrap();
    assert_eq!(interface_name(lo).unwrap(), "lo");
    for zone in ["lo".to_owned(), lo.to_string()] {
        let found = resolve(&Query::new(format!("fe80::1%{zone}")).port(80).kind(SocketType::Stream)).unwrap();
        assert_eq!(addresses(&found), [format!("[fe80::1%{lo}]:80").parse().unwrap()]);
    }
    for zone in ["no-such-if", "", "a-name-longer-than-an-interface-has", "99999999999"] {
        let error = refused(&Query::new(format!("fe80::1%{zone}")).port(80));
        assert_eq!(error.cause(), Cause::Bad(Bad::Interface), "{zone}: {error}");
        assert!(error.hint().unwrap().contains("ip link"));
    }
    assert_eq!(interface_index("a\0b").unwrap_err().cause(), Cause::Bad(Bad::Nul));
    assert_eq!(interface_name(0).unwrap_err().cause(), Cause::Bad(Bad::Interface));
}

#[test]
fn an_address_has_names_too() {
    let numbers = NameFlags::NUMERIC_HOST | NameFlags::NUMERIC_SERVICE;
    let address = "127.0.0.1:80".parse().unwrap();
    assert_eq!(reverse(&address, numbers).unwrap(), ("127.0.0.1".to_owned(), "80".to_owned()));
    let (host, _) = reverse(&address, NameFlags::NUMERIC_SERVICE).unwrap();
    assert!(!host.is_empty());
    // A number is no name, so that nobody has to be asked for this.
    let error = reverse(&address, NameFlags::NUMERIC_HOST | NameFlags::NAME_REQUIRED).unwrap_err();
    assert_eq!(error.cause(), Cause::Resolve(libc::EAI_NONAME), "{error:?}");
    assert!(error.to_string().starts_with("getnameinfo 127.0.0.1:80: "), "{error}");
    assert!(error.hint().unwrap().contains("numbers"), "{error:?}");
}

#[test]
fn the_trace_shows_the_resolver_with_its_codes() {
    let line = |query: Query<'_>| {
        let events = traced(|| drop(resolve(&query)));
        assert_eq!(events.len(), 1, "{events:?}");
        (events[0].to_string(), events[0].error_name())
    };
    let (text, name) = line(Query::new("127.0.0.1").service("41").kind(SocketType::Stream));
    let expected = r#"getaddrinfo("127.0.0.1", "41", {AF_UNSPEC, SOCK_STREAM}, [127.0.0.1:41]) = 0"#;
    assert_eq!((text.as_str(), name), (expected, None));
    let (text, name) = line(Query::new("x.invalid").service("42").numeric().family(Ip::V4));
    let expected = r#"getaddrinfo("x.invalid", "42", {AI_NUMERICHOST|AI_NUMERICSERV, AF_INET}, []) = -2 EAI_NONAME"#;
    assert_eq!((text.as_str(), name.as_deref()), (expected, Some("EAI_NONAME")));
    let (text, _) = line(Query::any().service("43").passive().kind(SocketType::Stream).family(Ip::V6));
    assert_eq!(text, r#"getaddrinfo(NULL, "43", {AI_PASSIVE, AF_INET6, SOCK_STREAM}, [[::]:43]) = 0"#);

    let events = traced(|| drop(interface_index("nope0")));
    assert_eq!(events[0].to_string(), r#"if_nametoindex("nope0") = 0 ENODEV"#);
    let numbers = NameFlags::NUMERIC_HOST | NameFlags::NUMERIC_SERVICE;
    let events = traced(|| drop(reverse(&"127.0.0.1:44".parse().unwrap(), numbers)));
    let expected =
        r#"getnameinfo({AF_INET, 127.0.0.1:44}, 16, "127.0.0.1", 1025, "44", 32, NI_NUMERICHOST|NI_NUMERICSERV) = 0"#;
    assert_eq!(events[0].to_string(), expected);
}

fn endpoints(address: &str, family: Option<Ip>, purpose: Use) -> Result<Vec<String>, Error> {
    let address: Address = address.parse().unwrap();
    Ok(address.resolve(family, purpose)?.iter().map(ToString::to_string).collect())
}

#[test]
fn an_address_stands_for_what_its_use_needs() {
    let lo = interface_index("lo").unwrap();
    for (address, family, purpose, expected) in [
        ("127.0.0.1:80", None, Use::Connect, vec!["127.0.0.1:80".to_owned()]),
        ("udp:[fe80::1%lo]:53", None, Use::Connect, vec![format!("[fe80::1%{lo}]:53")]),
        ("[fe80::1%7]:53", None, Use::Connect, vec!["[fe80::1%7]:53".to_owned()]),
        (":80", None, Use::Bind, vec!["[::]:80".to_owned(), "0.0.0.0:80".to_owned()]),
        (":0", Some(Ip::V4), Use::Bind, vec!["0.0.0.0:0".to_owned()]),
        (":0", Some(Ip::V6), Use::Bind, vec!["[::]:0".to_owned()]),
        ("/run/door", Some(Ip::V6), Use::Connect, vec!["/run/door".to_owned()]),
        ("unix-dgram:@door", None, Use::Bind, vec!["@door".to_owned()]),
    ] {
        assert_eq!(endpoints(address, family, purpose).unwrap(), expected, "{address}");
    }
    let local = endpoints("localhost:80", Some(Ip::V4), Use::Connect).unwrap();
    assert_eq!(local, ["127.0.0.1:80"]);
}

#[test]
fn an_address_that_leads_nowhere_is_refused_with_a_hint() {
    for (address, family, purpose, bad) in [
        (":80", None, Use::Connect, Bad::EmptyHost),
        ("udp:53", None, Use::Connect, Bad::EmptyHost),
        ("0.0.0.0:80", None, Use::Connect, Bad::EmptyHost),
        ("[::]:80", None, Use::Connect, Bad::EmptyHost),
        ("127.0.0.1:0", None, Use::Connect, Bad::PortZero),
        ("localhost:0", None, Use::Connect, Bad::PortZero),
        ("127.0.0.1:80", Some(Ip::V6), Use::Connect, Bad::NoAddress),
        ("[::1]:80", Some(Ip::V4), Use::Bind, Bad::NoAddress),
        ("[fe80::1%no-such-if]:80", None, Use::Connect, Bad::Interface),
    ] {
        let error = endpoints(address, family, purpose).unwrap_err();
        assert_eq!(error.cause(), Cause::Bad(bad), "{address}: {error}");
        assert!(error.hint().is_some() && error.subject().is_some(), "{address}: {error:?}");
    }
    let error = endpoints("tcp::80", None, Use::Connect).unwrap_err();
    assert!(error.hint().unwrap().contains("tcp:localhost:80"), "{error:?}");
}

#[test]
fn a_service_by_name_is_asked_of_the_system() {
    let events = traced(|| {
        let _ = endpoints("127.0.0.1:no-such-service", None, Use::Connect).unwrap_err();
    });
    let expected = r#"getaddrinfo(NULL, "no-such-service", {AI_PASSIVE, AF_UNSPEC, SOCK_STREAM}, []) = -8 EAI_SERVICE"#;
    assert_eq!(events[0].to_string(), expected);
}
