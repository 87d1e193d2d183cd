//! Descriptors and signals: no failure leaks a socket, a limit of descriptors is survived, and a signal ends no connect.
//! Whatever is the process's own (descriptors, limits, stops) is tried in a child: this program again, with one test.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use puerta::trace::{self, Event, Observer};
use puerta::{Flags, Icmp, Ip, Progress, Socket, Tcp, Udp, UnixAddr, UnixStream, opt};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// Tells this program that it is the child.
const CHILD: &str = "PUERTA_TEST_CHILD";

fn v4() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// This program again, with one test, behind a line of shell that ends in `exec "$0" "$@"`.
fn child(test: &str, argument: &str, shell: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(shell).arg(env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    command.env(CHILD, argument).stdin(Stdio::null());
    command
}

fn passes(test: &str, shell: &str) {
    let output = child(test, "1", shell).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn no_failure_leaks_a_descriptor() {
    if env::var_os(CHILD).is_none() {
        return passes("no_failure_leaks_a_descriptor", "exec \"$0\" \"$@\"");
    }
    let refusing = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&v4()).unwrap();
    let closed = refusing.local_addr().unwrap();
    let missing = UnixAddr::path("/nonexistent/door");
    let before = descriptors();
    Socket::<Tcp>::new(Ip::V4).unwrap().connect(&closed).unwrap_err();
    Socket::<Tcp>::new(Ip::V4).unwrap().connect(&v4()).unwrap_err();
    Socket::<Tcp>::new(Ip::V4).unwrap().connect_timeout(&closed, Duration::from_secs(9)).unwrap_err();
    Socket::<Tcp>::new(Ip::V4).unwrap().bind(&closed).unwrap_err();
    Socket::<Tcp>::new(Ip::V6).unwrap().bind(&closed).unwrap_err();
    Socket::<UnixStream>::new(()).unwrap().connect(&missing).unwrap_err();
    Socket::<UnixStream>::new(()).unwrap().bind(&missing).unwrap_err();
    Socket::<UnixStream>::new(()).unwrap().bind(&UnixAddr::path("x".repeat(999))).unwrap_err();
    drop(Socket::<Tcp>::new(Ip::V4).unwrap().start_connect(&closed));
    let (a, b) = Socket::<UnixStream, _>::pair().unwrap();
    drop((a.try_clone().unwrap(), a, b));
    // A connect that is abandoned half-way.
    let _ = Socket::<Tcp>::new(Ip::V4).unwrap().start_connect(&closed).map(|progress| match progress {
        Progress::Pending(socket) => drop(socket.finish_connect()),
        Progress::Connected(socket) => drop(socket),
    });
    let _ = Socket::<Icmp>::new(Ip::V4);
    assert_eq!(descriptors(), before);
}

#[test]
fn at_the_limit_of_descriptors_the_client_waits_and_is_served_later() {
    if env::var_os(CHILD).is_none() {
        let test = "at_the_limit_of_descriptors_the_client_waits_and_is_served_later";
        return passes(test, "ulimit -n 32 && exec \"$0\" \"$@\"");
    }
    let listener = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&v4()).unwrap().listen(1).unwrap();
    let client = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&listener.local_addr().unwrap()).unwrap();
    let mut fill: Vec<_> = std::iter::from_fn(|| client.try_clone().ok()).collect();
    let error = listener.accept().unwrap_err();
    assert_eq!(error.name(), "EMFILE");
    assert!(error.hint().unwrap().contains("ulimit -n"));
    for error in [
        Socket::<Tcp>::new(Ip::V4).unwrap_err(),
        Socket::<UnixStream, _>::pair().unwrap_err(),
        client.try_clone().unwrap_err(),
    ] {
        assert_eq!(error.name(), "EMFILE");
    }
    fill.pop();
    let (server, _) = listener.accept().unwrap();
    client.send(b"hola", Flags::NONE).unwrap();
    assert_eq!(server.recv(&mut [0; 8], Flags::NONE).unwrap().len, 4);
}

#[test]
fn every_descriptor_is_closed_on_exec() {
    if env::var_os(CHILD).is_none() {
        return passes("every_descriptor_is_closed_on_exec", "exec \"$0\" \"$@\"");
    }
    let listener = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&v4()).unwrap().listen(1).unwrap();
    let client = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&listener.local_addr().unwrap()).unwrap();
    let accepted = listener.accept().unwrap();
    let (copy, pair) = (client.try_clone().unwrap(), Socket::<UnixStream, _>::pair().unwrap());
    let fresh = Socket::<Udp>::new(Ip::V4).unwrap();
    let links = Command::new("ls").args(["-l", "/proc/self/fd"]).output().unwrap();
    let links = String::from_utf8(links.stdout).unwrap();
    assert!(links.contains("pipe:") && !links.contains("socket:"), "{links}");
    drop((accepted, copy, pair, fresh));
}

/// Prints what connect(2) does.
struct Shows;

impl Observer for Shows {
    fn observe(&self, event: &Event) {
        if matches!(event.call, puerta::Call::Connect) {
            println!("\n{event}");
        }
    }
}

/// The child: connects, with a send timeout, since only then a stopped process sees its connect interrupted (signal(7)).
fn connect_as_child<P>(family: P::Family, to: &P::Addr)
where
    P: puerta::Bytes,
    opt::SendTimeout: opt::Set<P, puerta::Unbound, Value = Option<Duration>>,
{
    trace::install(Some(Arc::new(Shows)));
    let socket = Socket::<P>::new(family).unwrap().with(opt::SendTimeout, Some(Duration::from_secs(3600))).unwrap();
    let mut peer = socket.connect(to).unwrap();
    let mut heard = String::new();
    peer.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "hola");
}

/// Starts the child, waits until its connect(2) hangs, stops it and lets it go on.
fn interrupted(test: &str, to: &str) -> Child {
    let mut child = child(test, to, "exec \"$0\" \"$@\"").stdout(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let threads = || fs::read_dir(format!("/proc/{id}/task")).unwrap().map(|t| t.unwrap().path());
    // System call 42 is connect on x86-64, 203 on arm64.
    let hangs = || {
        threads().any(|t| {
            let call = fs::read_to_string(t.join("syscall")).unwrap_or_default();
            let number = if cfg!(target_arch = "x86_64") { "42 " } else { "203 " };
            call.starts_with(number)
        })
    };
    let stopped = || threads().all(|t| fs::read_to_string(t.join("stat")).unwrap_or_default().contains(") T "));
    until(&mut child, hangs);
    signal("STOP", id);
    until(&mut child, stopped);
    signal("CONT", id);
    child
}

fn signal(name: &str, id: u32) {
    assert!(Command::new("kill").args(["-s", name, &id.to_string()]).status().unwrap().success());
}

fn until(child: &mut Child, there: impl Fn() -> bool) {
    let began = Instant::now();
    while !there() {
        assert!(began.elapsed() < Duration::from_secs(20), "/proc does not tell of it");
        assert!(child.try_wait().unwrap().is_none(), "the child has ended");
        thread::yield_now();
    }
}

/// Waits until the child has told of the interrupted call.
fn sees_eintr(child: &mut Child) -> BufReader<std::process::ChildStdout> {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("= -1 EINTR") {
        assert!(!line.contains("= 0"), "{line}");
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "the child has ended");
    }
    output
}

#[test]
fn a_tcp_connect_that_a_signal_interrupts_goes_on() {
    let test = "a_tcp_connect_that_a_signal_interrupts_goes_on";
    if let Some(to) = env::var_os(CHILD) {
        return connect_as_child::<Tcp>(Ip::V4, &to.to_str().unwrap().parse().unwrap());
    }
    // The queue is full, so that the next connect hangs.
    let listener = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&v4()).unwrap().listen(0).unwrap();
    let to = listener.local_addr().unwrap();
    let first = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&to).unwrap();
    listener.set(opt::ReceiveTimeout, Some(Duration::from_secs(60))).unwrap();
    let mut child = interrupted(test, &to.to_string());
    let _output = sees_eintr(&mut child);
    assert_eq!(listener.accept().unwrap().1, first.local_addr().unwrap());
    listener.accept().unwrap().0.send(b"hola", Flags::NONE).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_unix_connect_that_a_signal_interrupts_is_made_again() {
    let test = "a_unix_connect_that_a_signal_interrupts_is_made_again";
    if let Some(name) = env::var_os(CHILD) {
        return connect_as_child::<UnixStream>((), &UnixAddr::abstract_name(name.to_str().unwrap()));
    }
    let name = format!("puerta-limits-{}", std::process::id());
    let at = UnixAddr::abstract_name(name.as_str());
    let listener = Socket::<UnixStream>::new(()).unwrap().bind(&at).unwrap().listen(0).unwrap();
    let _first = Socket::<UnixStream>::new(()).unwrap().connect(&at).unwrap();
    listener.set(opt::ReceiveTimeout, Some(Duration::from_secs(60))).unwrap();
    let mut child = interrupted(test, &name);
    let _output = sees_eintr(&mut child);
    drop(listener.accept().unwrap());
    listener.accept().unwrap().0.send(b"hola", Flags::NONE).unwrap();
    assert!(child.wait().unwrap().success());
}
