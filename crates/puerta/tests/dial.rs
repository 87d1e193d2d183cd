//! Connecting to the first address that answers, over loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use puerta::{
    Address, AnyStream, Bad, Bound, Call, Cause, Connected, DialOptions, Dials, Endpoint, Error, Flags, Ip, Outcome,
    Progress, Socket, Tcp, TcpListener, UnixAddr, UnixStream, Use, dial,
};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

fn any(host: &str) -> SocketAddr {
    format!("{host}:0").parse().unwrap()
}

fn bound(host: &str) -> Socket<Tcp, Bound> {
    let at = any(host);
    Socket::<Tcp>::new(Ip::of(&at)).unwrap().bind(&at).unwrap()
}

fn listening(host: &str) -> TcpListener {
    bound(host).listen(16).unwrap()
}

/// A listener whose backlog is full: who connects there waits.
fn black_hole(host: &str) -> (TcpListener, Vec<Box<dyn Send>>) {
    let listener = bound(host).listen(0).unwrap();
    let at = listener.local_addr().unwrap();
    let mut kept: Vec<Box<dyn Send>> = Vec::new();
    // A backlog of 0 holds one connection; what comes when it is full stays pending.
    for _ in 0..8 {
        match Socket::<Tcp>::new(Ip::of(&at)).unwrap().start_connect(&at).unwrap() {
            Progress::Connected(socket) => kept.push(Box::new(socket)),
            Progress::Pending(socket) => kept.push(Box::new(socket)),
        }
    }
    (listener, kept)
}

/// Dials and writes down what it was told: `address: outcome`.
fn told<P: Dials>(
    addresses: &[P::Addr],
    options: &DialOptions<'_, P>,
) -> (Result<Socket<P, Connected>, Error>, Vec<String>) {
    let mut lines = Vec::new();
    let result = dial::<P>(addresses, options, &mut |attempt| {
        let outcome = match attempt.outcome {
            Outcome::Started => "started".to_owned(),
            Outcome::Connected => "connected".to_owned(),
            Outcome::Failed(error) => error.name().into_owned(),
            Outcome::Overtaken => "overtaken".to_owned(),
        };
        lines.push(format!("{}: {outcome}", attempt.address));
    });
    (result, lines)
}

fn within(millis: u64) -> DialOptions<'static, Tcp> {
    DialOptions { within: Some(Duration::from_millis(millis)), ..DialOptions::default() }
}

#[test]
fn a_refused_address_gives_way_to_one_that_listens() {
    let listener = listening("127.0.0.1");
    let good = listener.local_addr().unwrap();
    let dead = bound("[::1]");
    let bad = dead.local_addr().unwrap();
    let (socket, lines) = told::<Tcp>(&[bad, good], &DialOptions::default());
    let socket = socket.unwrap();
    assert_eq!(socket.peer(), Some(&good));
    let expected = [
        format!("{bad}: started"),
        format!("{bad}: ECONNREFUSED"),
        format!("{good}: started"),
        format!("{good}: connected"),
    ];
    assert_eq!(lines, expected);
    // Blocking: what comes later is waited for.
    let (server, _) = listener.accept().unwrap();
    let sender = std::thread::spawn(move || server.send(b"hola", Flags::NONE).map(|_| server));
    let mut buffer = [0; 4];
    assert_eq!(socket.recv(&mut buffer, Flags::WAITALL).unwrap().len, 4);
    assert_eq!(&buffer, b"hola");
    sender.join().unwrap().unwrap();
}

#[test]
fn an_address_that_does_not_answer_is_overtaken() {
    let (hole, _kept) = black_hole("127.0.0.1");
    let listener = listening("[::1]");
    let (slow, good) = (hole.local_addr().unwrap(), listener.local_addr().unwrap());
    let options = DialOptions { delay: Duration::from_millis(10), ..DialOptions::default() };
    let (socket, lines) = told::<Tcp>(&[slow, good], &options);
    assert_eq!(socket.unwrap().peer(), Some(&good));
    let expected = [
        format!("{slow}: started"),
        format!("{good}: started"),
        format!("{good}: connected"),
        format!("{slow}: overtaken"),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn one_deadline_ends_all_attempts() {
    let (hole, _kept) = black_hole("127.0.0.1");
    let (hole6, _kept6) = black_hole("[::1]");
    let dead = bound("127.0.0.1");
    let (one, two, refused) = (hole.local_addr().unwrap(), hole6.local_addr().unwrap(), dead.local_addr().unwrap());
    let options = DialOptions { delay: Duration::from_millis(10), ..within(1_500) };
    let (result, lines) = told::<Tcp>(&[one, two, refused], &options);
    let error = result.unwrap_err();
    assert_eq!((error.call(), error.cause()), (Call::Connect, Cause::Bad(Bad::Deadline)));
    assert_eq!(error.peer(), Some(&Endpoint::Inet(one)));
    let others: Vec<String> = error.others().iter().map(|e| format!("{} {}", e.peer().unwrap(), e.name())).collect();
    assert_eq!(others, [format!("{two} Deadline"), format!("{refused} ECONNREFUSED")]);
    assert_eq!(lines.iter().filter(|line| line.ends_with("Deadline")).count(), 2, "{lines:?}");
    let hint = error.hint().unwrap().into_owned();
    assert!(hint.contains("more time") && hint.contains(&format!("{refused} (connection refused)")), "{hint}");
}

#[test]
fn without_time_or_addresses_nothing_starts() {
    let listener = listening("127.0.0.1");
    let (result, lines) = told::<Tcp>(&[listener.local_addr().unwrap()], &within(0));
    assert_eq!(result.unwrap_err().cause(), Cause::Bad(Bad::Deadline));
    assert!(lines.is_empty(), "{lines:?}");
    let (result, _) = told::<Tcp>(&[], &DialOptions::default());
    assert_eq!(result.unwrap_err().cause(), Cause::Bad(Bad::NoAddress));
}

#[test]
fn when_all_fail_the_most_telling_error_names_the_others() {
    let dead = bound("127.0.0.1");
    let refused = dead.local_addr().unwrap();
    let nowhere: SocketAddr = "[::1]:0".parse().unwrap();
    let sources = &[any("127.0.0.1")];
    let v6 = bound("[::1]").local_addr().unwrap();
    let (result, lines) = told::<Tcp>(&[v6, refused], &DialOptions { sources, ..within(20_000) });
    let error = result.unwrap_err();
    assert_eq!((error.errno(), error.peer()), (Some(libc::ECONNREFUSED), Some(&Endpoint::Inet(refused))));
    assert_eq!(error.others().len(), 1);
    assert_eq!(error.others()[0].cause(), Cause::Bad(Bad::Family));
    assert!(error.hint().unwrap().starts_with("nothing listens there"), "{error:?}");
    assert!(error.hint().unwrap().contains(&format!("also tried: {v6} (")), "{error:?}");
    assert_eq!(lines.len(), 4);
    // One alone is itself.
    let (result, _) = told::<Tcp>(&[nowhere], &within(20_000));
    let error = result.unwrap_err();
    assert_eq!((error.cause(), error.others().len()), (Cause::Bad(Bad::PortZero), 0));
}

#[test]
fn the_source_and_the_options_are_those_that_were_asked_for() {
    let listener = listening("127.0.0.1");
    let at = listener.local_addr().unwrap();
    let source: SocketAddr = "127.0.0.2:0".parse().unwrap();
    let seen = std::cell::Cell::new(0);
    let count = |_: &Socket<Tcp>| {
        seen.set(seen.get() + 1);
        Ok(())
    };
    let options = DialOptions { sources: &[source], before: Some(&count), nonblocking: true, ..DialOptions::default() };
    let socket = dial::<Tcp>(&[at], &options, &mut |_| ()).unwrap();
    assert_eq!((socket.local_addr().unwrap().ip(), seen.get()), (source.ip(), 1));
    assert!(socket.recv(&mut [0], Flags::NONE).unwrap_err().would_block());
}

#[test]
fn each_family_has_a_source_of_its_own() {
    let listener = listening("127.0.0.1");
    let dead = bound("[::1]");
    let (good, bad) = (listener.local_addr().unwrap(), dead.local_addr().unwrap());
    let sources = [any("[::1]"), any("127.0.0.2"), any("127.0.0.3")];
    let (socket, lines) = told::<Tcp>(&[bad, good], &DialOptions { sources: &sources, ..within(20_000) });
    assert_eq!(socket.unwrap().local_addr().unwrap().ip(), sources[1].ip());
    assert_eq!(lines[1], format!("{bad}: ECONNREFUSED"));
}

#[test]
fn a_unix_path_is_dialled_like_a_host() {
    let name = UnixAddr::abstract_name(format!("puerta-dial-{}", std::process::id()));
    let listener = Socket::<UnixStream>::new(()).unwrap().bind(&name).unwrap().listen(1).unwrap();
    let at = Endpoint::from(name.clone());
    let (socket, lines) = told::<AnyStream>(std::slice::from_ref(&at), &DialOptions::default());
    assert_eq!(socket.unwrap().peer(), Some(&at));
    assert_eq!(lines, [format!("{at}: started"), format!("{at}: connected")]);
    drop(listener);
    let (result, _) = told::<UnixStream>(&[name], &DialOptions::default());
    assert_eq!(result.unwrap_err().errno(), Some(libc::ECONNREFUSED));
}

#[test]
fn a_connection_that_meets_itself_is_refused() {
    let free = bound("127.0.0.9").local_addr().unwrap();
    // The kernel may choose the destination for the source: here it is made to.
    let choose = |socket: &Socket<Tcp>| {
        let copy = std::net::TcpStream::from(socket.as_fd().try_clone_to_owned().unwrap());
        tokio::net::TcpSocket::from_std_stream(copy).bind(free).unwrap();
        Ok(())
    };
    let options = DialOptions { before: Some(&choose), ..within(20_000) };
    let error = dial::<Tcp>(&[free], &options, &mut |_| ()).unwrap_err();
    assert_eq!((error.errno(), error.peer()), (Some(libc::ECONNREFUSED), Some(&Endpoint::Inet(free))));
    assert!(error.hint().unwrap().contains("met itself"), "{error:?}");
}

#[test]
fn the_losers_are_closed() {
    let (hole, _kept) = black_hole("127.0.0.1");
    let listener = listening("[::1]");
    let raw = std::cell::RefCell::new(Vec::new());
    let note = |socket: &Socket<Tcp>| {
        raw.borrow_mut().push(std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap());
        Ok(())
    };
    let options = DialOptions { before: Some(&note), delay: Duration::from_millis(10), ..within(20_000) };
    let addresses = [hole.local_addr().unwrap(), listener.local_addr().unwrap()];
    let socket = dial::<Tcp>(&addresses, &options, &mut |_| ()).unwrap();
    // Each socket has a number of its own, which no other can take while it lives.
    let open: Vec<_> = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter(|link| raw.borrow().contains(link))
        .collect();
    assert_eq!(raw.borrow().len(), 2);
    assert_eq!(open, raw.borrow()[1..], "{socket:?}");
}

#[test]
fn a_name_is_resolved_and_dialled() {
    let listener = listening("127.0.0.1");
    let at = listener.local_addr().unwrap();
    let address: Address = format!("localhost:{}", at.port()).parse().unwrap();
    let found = address.resolve(None, Use::Connect).unwrap();
    let (socket, _) = told::<AnyStream>(&found, &DialOptions::default());
    assert_eq!(socket.unwrap().peer(), Some(&Endpoint::Inet(at)));
}
