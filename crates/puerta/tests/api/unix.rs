use crate::Folder;
use puerta::{Bad, Cause, Endpoint, Flags, Socket, UnixAddr, UnixDatagram, UnixPacket, UnixStream, opt};
use std::time::{Duration, Instant};

#[test]
fn a_path_an_abstract_name_and_no_name_are_told_apart() {
    let folder = Folder::new("names");
    let unique = format!("puerta-api-{}\0\u{1b}", std::process::id());
    for at in [UnixAddr::path(folder.0.join("door")), UnixAddr::abstract_name(unique)] {
        let listener = Socket::<UnixStream>::new(()).unwrap().bind(&at).unwrap().listen(1).unwrap();
        assert_eq!(listener.local_addr().unwrap(), at);
        let client = Socket::<UnixStream>::new(()).unwrap().connect(&at).unwrap();
        assert_eq!((client.peer_addr().unwrap(), client.local_addr().unwrap()), (at, UnixAddr::Unnamed));
        assert_eq!(listener.accept().unwrap().1, UnixAddr::Unnamed);
    }
}

#[test]
fn a_client_that_bound_is_named_to_the_server() {
    let folder = Folder::new("client");
    let at = UnixAddr::path(folder.0.join("server"));
    let own = UnixAddr::path(folder.0.join("client"));
    let listener = Socket::<UnixStream>::new(()).unwrap().bind(&at).unwrap().listen(1).unwrap();
    let _client = Socket::<UnixStream>::new(()).unwrap().bind(&own).unwrap().connect(&at).unwrap();
    assert_eq!(listener.accept().unwrap().1, own);
}

#[test]
fn binding_to_no_name_makes_the_kernel_choose_an_abstract_one() {
    let socket = Socket::<UnixDatagram>::new(()).unwrap().bind(&UnixAddr::Unnamed).unwrap();
    assert!(matches!(socket.local_addr().unwrap(), UnixAddr::Abstract(name) if name.len() == 5));
}

#[test]
fn packets_keep_their_boundaries_over_a_connection() {
    let folder = Folder::new("packets");
    let at = UnixAddr::path(folder.0.join("door"));
    let listener = Socket::<UnixPacket>::new(()).unwrap().bind(&at).unwrap().listen(1).unwrap();
    let client = Socket::<UnixPacket>::new(()).unwrap().connect(&at).unwrap();
    let (server, _) = listener.accept().unwrap();
    for message in [&b"one"[..], b"three"] {
        client.send(message, Flags::NONE).unwrap();
    }
    let mut buffer = [0; 64];
    assert_eq!(server.recv(&mut buffer, Flags::NONE).unwrap().len, 3);
    assert_eq!(server.recv(&mut buffer, Flags::NONE).unwrap().len, 5);
}

#[test]
fn a_path_that_cannot_be_is_refused_before_any_call() {
    let long = UnixAddr::path("x".repeat(108));
    for (at, bad, said) in [
        (long.clone(), Bad::PathTooLong, "the path is too long for a Unix socket (107 bytes at most)"),
        (UnixAddr::abstract_name("x".repeat(108)), Bad::PathTooLong, "too long"),
        (UnixAddr::path("a\0b"), Bad::Nul, "a NUL byte cannot stand here"),
        (UnixAddr::path(""), Bad::PathEmpty, "the path of the Unix socket is empty"),
    ] {
        let error = Socket::<UnixStream>::new(()).unwrap().bind(&at).unwrap_err();
        assert_eq!((error.cause(), error.call().name()), (Cause::Bad(bad), "bind"));
        assert!(error.to_string().contains(said), "{error}");
        assert!(error.hint().is_some());
        let error = Socket::<UnixStream>::new(()).unwrap().connect(&at).unwrap_err();
        assert_eq!((error.cause(), error.call().name()), (Cause::Bad(bad), "connect"));
        let error = Socket::<UnixDatagram>::new(()).unwrap().send_to(b"x", &at, Flags::NONE).unwrap_err();
        assert_eq!((error.cause(), error.call().name()), (Cause::Bad(bad), "sendto"));
    }
}

#[test]
fn a_path_of_107_bytes_fits() {
    let folder = Folder::new("long");
    let room = 107 - folder.0.as_os_str().len() - 1;
    let at = UnixAddr::path(folder.0.join("x".repeat(room)));
    let listener = Socket::<UnixStream>::new(()).unwrap().bind(&at).unwrap().listen(1).unwrap();
    assert_eq!(listener.local_addr().unwrap(), at);
}

#[test]
fn a_path_in_use_is_named() {
    let folder = Folder::new("in-use");
    let at = UnixAddr::path(folder.0.join("door"));
    let _first = Socket::<UnixStream>::new(()).unwrap().bind(&at).unwrap();
    let error = Socket::<UnixStream>::new(()).unwrap().bind(&at).unwrap_err();
    assert_eq!((error.name().as_ref(), error.local()), ("EADDRINUSE", Some(&Endpoint::Unix(at.clone()))));
    assert_eq!(error.to_string(), format!("bind unix {at}: address already in use (EADDRINUSE)"));
}

#[test]
fn a_path_without_a_server_a_missing_path_and_a_wrong_type_have_their_own_hints() {
    let folder = Folder::new("hints");
    let stale = UnixAddr::path(folder.0.join("stale"));
    drop(Socket::<UnixStream>::new(()).unwrap().bind(&stale).unwrap());
    let error = Socket::<UnixStream>::new(()).unwrap().connect(&stale).unwrap_err();
    assert!(error.name() == "ECONNREFUSED" && error.hint().unwrap().contains("stale socket"), "{error:?}");
    let missing = UnixAddr::path(folder.0.join("missing"));
    let error = Socket::<UnixStream>::new(()).unwrap().connect(&missing).unwrap_err();
    assert!(error.name() == "ENOENT" && error.hint().unwrap().contains("no such path"), "{error:?}");
    let error = Socket::<UnixDatagram>::new(()).unwrap().send_to(b"x", &missing, Flags::NONE).unwrap_err();
    assert!(error.name() == "ENOENT" && error.hint().unwrap().contains("no such path"), "{error:?}");
    let datagrams = UnixAddr::path(folder.0.join("datagrams"));
    let _socket = Socket::<UnixDatagram>::new(()).unwrap().bind(&datagrams).unwrap();
    let error = Socket::<UnixStream>::new(()).unwrap().connect(&datagrams).unwrap_err();
    assert!(error.name() == "EPROTOTYPE" && error.hint().unwrap().contains("another type"), "{error:?}");
    let error = Socket::<UnixStream>::new(()).unwrap().bind(&UnixAddr::path(folder.0.join("no/door"))).unwrap_err();
    assert!(error.name() == "ENOENT" && error.hint().unwrap().contains("folder"), "{error:?}");
}

#[test]
fn a_full_backlog_is_told_to_who_must_not_wait() {
    let folder = Folder::new("backlog");
    let at = UnixAddr::path(folder.0.join("door"));
    let _listener = Socket::<UnixStream>::new(()).unwrap().bind(&at).unwrap().listen(0).unwrap();
    let _first = Socket::<UnixStream>::new(()).unwrap().connect(&at).unwrap();
    let error = Socket::<UnixStream>::new(()).unwrap().start_connect(&at).unwrap_err();
    assert_eq!((error.name().as_ref(), error.peer()), ("EAGAIN", Some(&Endpoint::Unix(at))));
    assert!(error.hint().unwrap().contains("backlog is full"));
}

#[test]
fn a_time_limit_waits_for_room_in_a_full_backlog_and_strikes() {
    let folder = Folder::new("room");
    let at = UnixAddr::path(folder.0.join("door"));
    let listener = Socket::<UnixStream>::new(()).unwrap().bind(&at).unwrap().listen(0).unwrap();
    let _first = Socket::<UnixStream>::new(()).unwrap().connect(&at).unwrap();
    let start = Instant::now();
    let limit = Duration::from_millis(50);
    let error = Socket::<UnixStream>::new(()).unwrap().connect_timeout(&at, limit).unwrap_err();
    assert!(error.cause() == Cause::Bad(Bad::Deadline) && start.elapsed() >= limit, "{error:?}");
    // A socket that was made non-blocking before waits as well.
    let start = Instant::now();
    let socket = Socket::<UnixStream>::new(()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let error = socket.connect_timeout(&at, limit).unwrap_err();
    assert!(error.cause() == Cause::Bad(Bad::Deadline) && start.elapsed() >= limit, "{error:?}");
    let waiting = std::thread::spawn(move || {
        let socket = Socket::<UnixStream>::new(()).unwrap().connect_timeout(&at, Duration::from_secs(60)).unwrap();
        socket.get(opt::SendTimeout).unwrap()
    });
    listener.accept().unwrap();
    assert_eq!(waiting.join().unwrap(), None);
}

#[test]
fn control_characters_of_a_path_are_shown_escaped() {
    let error = Socket::<UnixStream>::new(()).unwrap().connect(&UnixAddr::path("/tmp/\u{1b}[2J")).unwrap_err();
    assert!(error.to_string().contains("/tmp/\\u{1b}[2J"), "{error}");
}
