//! What the trace tells. Its observer is the process's, so these tests run one at a time, in a program of their own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use puerta::trace::{self, Event, Observer, Value};
use puerta::{Call, Flags, Ip, Shutdown, Socket, Tcp, Udp, UnixAddr, UnixDatagram, UnixStream};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

impl Observer for Recorder {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The calls that `run` makes.
fn recorded(run: impl FnOnce()) -> Vec<Event> {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let recorder = Arc::new(Recorder::default());
    trace::install(Some(recorder.clone()));
    run();
    trace::install(None);
    std::mem::take(&mut *recorder.0.lock().unwrap())
}

fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(ToString::to_string).collect()
}

/// An address of the loopback network that nothing else uses, so that nobody has to ask for the port.
fn address(port: u16) -> SocketAddr {
    let [high, low] = u16::try_from(std::process::id() % 65_536).unwrap().to_be_bytes();
    SocketAddr::from(([127, 78, high, low], port))
}

#[test]
fn the_greeting_is_exactly_its_calls_in_order_with_their_arguments() {
    let at = address(8080);
    let (mut listens, mut connects, mut serves, mut from) = (0, 0, 0, None);
    let events = recorded(|| {
        let listener = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&at).unwrap().listen(3).unwrap();
        let client = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&at).unwrap();
        let (server, peer) = listener.accept().unwrap();
        (listens, connects, serves, from) = (listener.as_raw_fd(), client.as_raw_fd(), server.as_raw_fd(), Some(peer));
        let mut buffer = [0; 1024];
        client.send(b"Hola, servidor!", Flags::NONE).unwrap();
        server.recv(&mut buffer, Flags::NONE).unwrap();
        server.send(b"Hola, cliente!", Flags::NONE).unwrap();
        client.recv(&mut buffer, Flags::NONE).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        server.recv(&mut buffer, Flags::NONE).unwrap();
        server.close().unwrap();
        drop(client);
        drop(listener);
    });
    let from = from.unwrap();
    assert_eq!(
        lines(&events),
        [
            format!("socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = {listens}"),
            format!("bind({listens}, {{AF_INET, {at}}}, 16) = 0"),
            format!("listen({listens}, 3) = 0"),
            format!("socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = {connects}"),
            format!("connect({connects}, {{AF_INET, {at}}}, 16) = 0"),
            format!("accept({listens}, {{AF_INET, {from}}}, 16, SOCK_CLOEXEC) = {serves}"),
            format!("send({connects}, \"Hola, servidor!\", 15, MSG_NOSIGNAL) = 15"),
            format!("recv({serves}, \"Hola, servidor!\", 1024, 0) = 15"),
            format!("send({serves}, \"Hola, cliente!\", 14, MSG_NOSIGNAL) = 14"),
            format!("recv({connects}, \"Hola, cliente!\", 1024, 0) = 14"),
            format!("shutdown({connects}, SHUT_WR) = 0"),
            format!("recv({serves}, \"\", 1024, 0) = 0"),
            format!("close({serves}) = 0"),
            format!("close({connects}) = 0"),
            format!("close({listens}) = 0"),
        ]
    );
}

#[test]
fn arguments_have_the_names_of_the_man_pages() {
    let at = address(8081);
    let mut buffer = [0; 8];
    let events = recorded(|| {
        let eva = Socket::<Udp>::new(Ip::V4).unwrap().bind(&at).unwrap();
        let ana = Socket::<Udp>::new(Ip::V4).unwrap();
        ana.send_to(b"hola", &at, Flags::NONE).unwrap();
        eva.recv_from(&mut buffer, Flags::PEEK).unwrap();
        let ana = ana.connect(&at).unwrap();
        ana.send(b"hola", Flags::DONTWAIT).unwrap();
        ana.shutdown(Shutdown::Both).unwrap();
    });
    let names: Vec<(&str, Vec<&str>)> =
        events.iter().map(|e| (e.call.name(), e.args.iter().map(|(name, _)| *name).collect())).collect();
    for expected in [
        ("socket", vec!["domain", "type", "protocol"]),
        ("bind", vec!["sockfd", "addr", "addrlen"]),
        ("sendto", vec!["sockfd", "buf", "len", "flags", "dest_addr"]),
        ("recvfrom", vec!["sockfd", "buf", "len", "flags", "src_addr"]),
        ("connect", vec!["sockfd", "addr", "addrlen"]),
        ("send", vec!["sockfd", "buf", "len", "flags"]),
        ("shutdown", vec!["sockfd", "how"]),
        ("close", vec!["fd"]),
    ] {
        assert!(names.contains(&expected), "{expected:?} not in {names:#?}");
    }
}

#[test]
fn a_failed_call_shows_its_errno_and_the_socket_that_it_closes() {
    let at = address(8082);
    let events = recorded(|| {
        Socket::<Tcp>::new(Ip::V4).unwrap().connect(&at).unwrap_err();
    });
    let fd = events[0].result;
    assert_eq!(
        lines(&events[1..]),
        [format!("connect({fd}, {{AF_INET, {at}}}, 16) = -1 ECONNREFUSED"), format!("close({fd}) = 0")]
    );
    assert_eq!((events[1].result, events[1].errno), (-1, Some(libc::ECONNREFUSED)));
}

#[test]
fn what_is_refused_without_a_call_shows_no_call() {
    let events = recorded(|| {
        Socket::<Tcp>::new(Ip::V4).unwrap().connect(&address(0)).unwrap_err();
    });
    assert_eq!(events.iter().map(|e| e.call.name()).collect::<Vec<_>>(), ["socket", "close"]);
}

#[test]
fn a_long_buffer_is_shown_in_part_with_its_length() {
    let events = recorded(|| {
        let (mut a, mut b) = Socket::<UnixStream, _>::pair().unwrap();
        a.write_all(&[b'a'; 1000]).unwrap();
        b.read_exact(&mut [0; 1000]).unwrap();
    });
    let sent = &events[1];
    assert!(sent.to_string().ends_with(&format!("\"{}\"..., 1000, MSG_NOSIGNAL) = 1000", "a".repeat(trace::SHOWN))));
    let Value::Bytes(shown, total) = &sent.args[1].1 else { panic!("{sent:?}") };
    assert_eq!((shown.len(), *total), (trace::SHOWN, 1000));
}

#[test]
fn bytes_that_are_no_text_are_escaped() {
    let events = recorded(|| {
        let (a, _b) = Socket::<UnixDatagram, _>::pair().unwrap();
        a.send(b"\x1b[2J\xff\n\"", Flags::NONE).unwrap();
    });
    assert!(events[1].to_string().contains(r#""\x1b[2J\xff\n\"""#), "{}", events[1]);
}

#[test]
fn what_is_cut_off_is_not_shown() {
    let events = recorded(|| {
        let (a, b) = Socket::<UnixDatagram, _>::pair().unwrap();
        a.send(b"0123456789", Flags::NONE).unwrap();
        b.recv(&mut [0; 4], Flags::NONE).unwrap();
    });
    assert!(events[2].to_string().contains("\"0123\", 4, MSG_TRUNC) = 10"), "{}", events[2]);
}

#[test]
fn unix_addresses_are_shown_as_the_grammar_writes_them() {
    let name = format!("puerta-trace-{}", std::process::id());
    let events = recorded(|| {
        Socket::<UnixDatagram>::new(()).unwrap().bind(&UnixAddr::abstract_name(name.as_str())).unwrap();
    });
    assert!(events[1].to_string().contains(&format!("{{AF_UNIX, @{name}}}, {}) = 0", name.len() + 3)), "{}", events[1]);
}

#[test]
fn without_an_observer_nothing_is_told() {
    let recorder = Arc::new(Recorder::default());
    recorded(|| {
        trace::install(Some(recorder.clone()));
        trace::install(None);
        drop(Socket::<Tcp>::new(Ip::V4).unwrap());
    });
    assert!(recorder.0.lock().unwrap().is_empty());
}

#[test]
fn what_an_observer_calls_itself_is_not_told_to_it() {
    #[derive(Default)]
    struct Calling(Mutex<Vec<Call>>);
    impl Observer for Calling {
        fn observe(&self, event: &Event) {
            self.0.lock().unwrap().push(event.call);
            Socket::<Udp>::new(Ip::V4).unwrap();
        }
    }
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let calling = Arc::new(Calling::default());
    trace::install(Some(calling.clone()));
    Socket::<Udp>::new(Ip::V4).unwrap().close().unwrap();
    trace::install(None);
    assert_eq!(*calling.0.lock().unwrap(), [Call::Socket, Call::Close]);
}

#[test]
fn an_observer_that_holds_a_socket_can_be_replaced() {
    struct Holding(Socket<Udp>);
    impl Observer for Holding {
        fn observe(&self, _event: &Event) {
            assert!(self.0.as_raw_fd() >= 0);
        }
    }
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        trace::install(Some(Arc::new(Holding(Socket::<Udp>::new(Ip::V4).unwrap()))));
        trace::install(Some(Arc::new(Recorder::default())));
        trace::install(None);
        tell.send(()).unwrap();
    });
    told.recv_timeout(Duration::from_secs(20)).expect("its close waits for the lock that install holds");
}
