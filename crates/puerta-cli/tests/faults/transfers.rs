//! The transfers that are disturbed. Each tells whether the receivers got the right bytes.

use crate::common::places::{Folder, noise};
use crate::run::{Ended, Input, Output, Running, Tool, start};
use puerta::io::{Events, PollFd, poll};
use puerta::{
    Address, AnyDatagram, AnyStream, Connected, Endpoint, Family, Flags, Listening, Packet, Shutdown, Socket, Target,
    UnixAddr, UnixPacket, opt,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// What came of one.
pub(crate) struct Outcome {
    pub(crate) ended: Ended,
    /// Every byte arrived, in order, on both sides.
    pub(crate) right: bool,
}

/// One way to move bytes.
pub(crate) struct Transfer {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Tool) -> Outcome,
    /// Standard input and output are the command's own, not a child's.
    pub(crate) local: bool,
}

pub(crate) const ALL: &[Transfer] = &[
    Transfer { name: "pipe to TCP", run: pipe_to_tcp, local: true },
    Transfer { name: "file to TCP", run: file_to_tcp, local: true },
    Transfer { name: "TCP to pipe", run: tcp_to_pipe, local: true },
    Transfer { name: "TCP to file", run: tcp_to_file, local: true },
    Transfer { name: "TCP both ways", run: tcp_both, local: true },
    Transfer { name: "listening, TCP both ways", run: listen_tcp, local: true },
    Transfer { name: "Unix both ways", run: unix_both, local: true },
    Transfer { name: "listening, Unix both ways", run: listen_unix, local: true },
    Transfer { name: "packets", run: packets, local: true },
    Transfer { name: "datagrams", run: datagrams, local: true },
    Transfer { name: "listening, datagrams", run: listen_datagrams, local: true },
    Transfer { name: "a child that echoes", run: child, local: false },
    Transfer { name: "a child of a server of many", run: child_of_many, local: false },
];

pub(crate) const TCP_BOTH: &Transfer = &ALL[4];
pub(crate) const UNIX_BOTH: &Transfer = &ALL[6];
pub(crate) const CHILD: &Transfer = &ALL[11];

/// How long a peer waits for the command.
const PATIENCE: Duration = Duration::from_secs(60);

fn ours() -> Vec<u8> {
    noise(0x9e37_79b9, 200_000)
}

fn theirs() -> Vec<u8> {
    noise(0x7f4a_7c15, 200_000)
}

/// A listening socket of the test's, and its address for the command.
fn listener(unix: bool) -> (Socket<AnyStream, Listening>, String, Option<Folder>) {
    let (at, folder) = if unix {
        let folder = Folder::new("faults");
        (Endpoint::Unix(UnixAddr::path(folder.path("peer"))), Some(folder))
    } else {
        (Endpoint::Inet("127.0.0.1:0".parse().unwrap()), None)
    };
    let listener = Socket::<AnyStream>::new(Family::of(&at)).unwrap().bind(&at).unwrap().listen(4).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address, folder)
}

/// Whether something came before the command ended.
fn came(socket: &impl std::os::fd::AsFd, over: &AtomicBool) -> bool {
    loop {
        let ended = over.load(Ordering::SeqCst);
        if poll(&mut [PollFd::new(socket, Events::READ)], Some(Duration::from_millis(50))).unwrap() > 0 {
            return true;
        }
        if ended {
            return false;
        }
    }
}

/// The test's side of a stream: sends, ends, and reads to the end; or reads first, and answers then.
pub(crate) fn talk(socket: &Socket<AnyStream, Connected>, send: &[u8], answers: bool) -> Vec<u8> {
    socket.set(opt::ReceiveTimeout, Some(PATIENCE)).unwrap();
    socket.set(opt::SendTimeout, Some(PATIENCE)).unwrap();
    let give = || {
        let mut rest = send;
        while let Some(n) = socket.send(rest, Flags::NONE).ok().filter(|_| !rest.is_empty()) {
            rest = &rest[n..];
        }
        let _ = socket.shutdown(Shutdown::Write);
    };
    let take = || {
        let (mut all, mut buffer) = (Vec::new(), vec![0; 65_536]);
        while let Ok(received @ puerta::Received { len: 1.., .. }) = socket.recv(&mut buffer, Flags::NONE) {
            all.extend_from_slice(&buffer[..received.len]);
        }
        all
    };
    if answers {
        let all = take();
        give();
        return all;
    }
    thread::scope(|scope| {
        scope.spawn(give);
        take()
    })
}

/// The command connects to a stream of the test's.
fn connected(
    tool: &Tool,
    unix: bool,
    input: Input<'_>,
    output: Output,
    send: &[u8],
    answers: bool,
) -> (Ended, Vec<u8>) {
    let (listener, address, _folder) = listener(unix);
    let mut running = start(tool, &["connect", &address], input, output);
    let (over, send) = (running.over(), send.to_vec());
    let peer = thread::spawn(move || match came(&listener, &over) {
        true => listener.accept().map(|(socket, _)| talk(&socket, &send, answers)).unwrap_or_default(),
        false => Vec::new(),
    });
    let ended = running.wait();
    let got = peer.join().unwrap();
    (ended, got)
}

/// The test connects to a stream of the command's.
fn listened(running: &mut Running, send: &[u8]) -> (Ended, Vec<u8>) {
    let Some(address) = running.address() else { return (running.wait(), Vec::new()) };
    let to = endpoint(&address);
    let send = send.to_vec();
    let peer = thread::spawn(move || {
        let socket = Socket::<AnyStream>::new(Family::of(&to)).unwrap().connect(&to);
        socket.map(|socket| talk(&socket, &send, false)).unwrap_or_default()
    });
    let ended = running.wait();
    (ended, peer.join().unwrap())
}

pub(crate) fn endpoint(text: &str) -> Endpoint {
    match text.parse::<Address>() {
        Ok(Address { target: Target::Unix(at), .. }) => Endpoint::Unix(at),
        _ => Endpoint::Inet(text.parse().unwrap()),
    }
}

fn pipe_to_tcp(tool: &Tool) -> Outcome {
    let (ended, got) = connected(tool, false, Input::Pipe(&ours()), Output::Pipe, b"so be it\n", true);
    let right = got == ours() && ended.stdout == b"so be it\n";
    Outcome { ended, right }
}

fn file_to_tcp(tool: &Tool) -> Outcome {
    let (ended, got) = connected(tool, false, Input::File(&ours()), Output::Pipe, b"so be it\n", true);
    let right = got == ours() && ended.stdout == b"so be it\n";
    Outcome { ended, right }
}

fn tcp_to_pipe(tool: &Tool) -> Outcome {
    let (ended, got) = connected(tool, false, Input::Nothing, Output::Pipe, &theirs(), false);
    let right = got.is_empty() && ended.stdout == theirs();
    Outcome { ended, right }
}

fn tcp_to_file(tool: &Tool) -> Outcome {
    let (ended, got) = connected(tool, false, Input::Nothing, Output::File, &theirs(), false);
    let right = got.is_empty() && ended.stdout == theirs();
    Outcome { ended, right }
}

fn both(got: (Ended, Vec<u8>)) -> Outcome {
    let (ended, got) = got;
    let right = got == ours() && ended.stdout == theirs();
    Outcome { ended, right }
}

fn tcp_both(tool: &Tool) -> Outcome {
    both(connected(tool, false, Input::Pipe(&ours()), Output::Pipe, &theirs(), false))
}

fn unix_both(tool: &Tool) -> Outcome {
    both(connected(tool, true, Input::Pipe(&ours()), Output::Pipe, &theirs(), false))
}

fn listen_tcp(tool: &Tool) -> Outcome {
    let mut running = start(tool, &["listen", "127.0.0.1:0"], Input::Pipe(&ours()), Output::Pipe);
    both(listened(&mut running, &theirs()))
}

fn listen_unix(tool: &Tool) -> Outcome {
    let folder = Folder::new("faults");
    let path = folder.path("door");
    let mut running = start(tool, &["listen", path.to_str().unwrap()], Input::Pipe(&ours()), Output::Pipe);
    both(listened(&mut running, &theirs()))
}

fn lines(of: &str) -> Vec<u8> {
    (0..5).map(|n| format!("{of} {n}\n")).collect::<String>().into_bytes()
}

fn packets(tool: &Tool) -> Outcome {
    let folder = Folder::new("faults");
    let at = UnixAddr::path(folder.path("peer"));
    let listener = Socket::<UnixPacket>::new(()).unwrap().bind(&at).unwrap().listen(4).unwrap();
    let address = format!("unix-packet:{}", folder.path("peer").display());
    let mut running = start(tool, &["connect", &address], Input::Pipe(&lines("ours")), Output::Pipe);
    let over = running.over();
    let peer = thread::spawn(move || {
        let mut all = Vec::new();
        if !came(&listener, &over) {
            return all;
        }
        let (socket, _) = listener.accept().unwrap();
        socket.set(opt::ReceiveTimeout, Some(PATIENCE)).unwrap();
        socket.set(opt::PassCredentials, true).unwrap();
        let mut buffer = vec![0; 4096];
        while let Ok(Packet::Message(received)) = socket.recv_packet(&mut buffer, Flags::NONE) {
            all.push(buffer[..received.len].to_vec());
        }
        for line in lines("theirs").split_inclusive(|&b| b == b'\n') {
            let _ = socket.send(line, Flags::NONE);
        }
        all
    });
    let ended = running.wait();
    let got = peer.join().unwrap();
    let right = got.len() == 5 && got.concat() == lines("ours") && ended.stdout == lines("theirs");
    Outcome { ended, right }
}

fn datagrams(tool: &Tool) -> Outcome {
    let at = Endpoint::Inet("127.0.0.1:0".parse().unwrap());
    let peer = Socket::<AnyDatagram>::new(Family::of(&at)).unwrap().bind(&at).unwrap();
    let address = format!("udp:{}", peer.local_addr().unwrap());
    let arguments = ["connect", "--idle", "300ms", &address];
    let mut running = start(tool, &arguments, Input::Pipe(&lines("ours")), Output::Pipe);
    let over = running.over();
    let peer = thread::spawn(move || {
        let (mut all, mut buffer) = (Vec::new(), vec![0; 4096]);
        while came(&peer, &over) {
            let Ok((received, from)) = peer.recv_from(&mut buffer, Flags::NONE) else { continue };
            all.extend_from_slice(&buffer[..received.len]);
            let _ = peer.send_to(&buffer[..received.len], &from, Flags::NONE);
        }
        all
    });
    let ended = running.wait();
    let got = peer.join().unwrap();
    let right = got == lines("ours") && ended.stdout == lines("ours");
    Outcome { ended, right }
}

/// A server of datagrams runs until it is stopped; what it was asked before that has to be on its output, or a line tells why
/// not.
fn listen_datagrams(tool: &Tool) -> Outcome {
    let mut running = start(tool, &["listen", "udp:127.0.0.1:0"], Input::Pipe(b"the answer\n"), Output::Pipe);
    let Some(address) = running.address() else {
        let ended = running.wait();
        return Outcome { ended, right: false };
    };
    let to = endpoint(&address);
    let socket = Socket::<AnyDatagram>::new(Family::of(&to)).unwrap().connect(&to).unwrap();
    socket.set(opt::ReceiveTimeout, Some(Duration::from_secs(5))).unwrap();
    let _ = socket.send(b"a question\n", Flags::NONE);
    let mut buffer = [0; 64];
    let got = socket.recv(&mut buffer, Flags::NONE).map(|received| buffer[..received.len].to_vec());
    running.stop();
    let ended = running.wait();
    let answered = got.is_ok_and(|got| got == b"the answer\n");
    let right = answered && ended.stdout == b"a question\n" || ended.stderr.lines().count() > 3;
    Outcome { ended, right }
}

fn child(tool: &Tool) -> Outcome {
    let mut running = start(tool, &["listen", "127.0.0.1:0", "--", "cat"], Input::Nothing, Output::Pipe);
    let (ended, got) = listened(&mut running, &theirs());
    let right = got == theirs();
    Outcome { ended, right }
}

/// One client after the other; the server goes on after one that failed, and says so.
fn child_of_many(tool: &Tool) -> Outcome {
    let mut running = start(tool, &["listen", "--keep", "127.0.0.1:0", "--", "cat"], Input::Nothing, Output::Pipe);
    let Some(address) = running.address() else {
        let ended = running.wait();
        return Outcome { ended, right: false };
    };
    let to = endpoint(&address);
    let mut failed = 0;
    for _ in 0..3 {
        match Socket::<AnyStream>::new(Family::of(&to)).unwrap().connect_timeout(&to, PATIENCE) {
            Ok(socket) if talk(&socket, &theirs(), false) == theirs() => {}
            _ => failed += 1,
        }
    }
    running.settle();
    running.stop();
    let ended = running.wait();
    let told = ended.stderr.lines().count().saturating_sub(3);
    Outcome { ended, right: told >= failed }
}
