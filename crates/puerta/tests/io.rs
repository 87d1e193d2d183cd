//! Plain descriptors and zero copy, through the public API.

#![allow(clippy::unwrap_used, clippy::panic)]

use puerta::io::{self, Events, Filled, Kind, PollFd, SpliceFlags, Splicer};
use puerta::{Flags, Ip, Shutdown, Socket, Tcp, TcpStream, UnixStream};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// Bytes that repeat only after a long time, so that a piece that is lost or doubled shows.
fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(next).collect()
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener =
        Socket::<Tcp>::new(Ip::V4).unwrap().bind(&"127.0.0.1:0".parse().unwrap()).unwrap().listen(1).unwrap();
    let client = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

/// A file that is removed with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("puerta-io-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn wait(fd: &impl AsFd, events: Events) {
    assert_eq!(io::poll(&mut [PollFd::new(fd, events)], Some(Duration::from_secs(20))).unwrap(), 1, "nothing came");
}

/// Moves all of `from` to `to` as a program would: fill, drain, wait for what stands in the way.
fn carry(splicer: &mut Splicer, from: &impl AsFd, to: &impl AsFd, step: usize) -> usize {
    let mut carried = 0;
    while !splicer.finished() {
        let filled = match splicer.fill(from, step) {
            Ok(filled) => Some(filled),
            Err(e) if e.would_block() => None,
            Err(e) => panic!("{e}"),
        };
        match splicer.drain(to) {
            Ok(0) if filled.is_none() => wait(from, Events::READ),
            Ok(n) => carried += n,
            Err(e) if e.would_block() => wait(to, Events::WRITE),
            Err(e) => panic!("{e}"),
        }
    }
    carried
}

/// What comes out when `bytes` go through a splicer between two pairs of TCP sockets.
fn through_tcp(bytes: &[u8], nonblocking: bool, step: usize) -> (Vec<u8>, Splicer) {
    let (mut source, from) = tcp_pair();
    let (to, mut sink) = tcp_pair();
    from.set_nonblocking(nonblocking).unwrap();
    to.set_nonblocking(nonblocking).unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            for piece in bytes.chunks(7919) {
                source.write_all(piece).unwrap();
            }
            source.shutdown(Shutdown::Write).unwrap();
        });
        let reader = scope.spawn(move || {
            let mut all = Vec::new();
            sink.read_to_end(&mut all).unwrap();
            all
        });
        let mut splicer = Splicer::new(1 << 16).unwrap();
        assert_eq!(carry(&mut splicer, &from, &to, step), bytes.len());
        to.shutdown(Shutdown::Write).unwrap();
        (reader.join().unwrap(), splicer)
    })
}

#[test]
fn several_mebibytes_pass_a_splicer_byte_for_byte() {
    let bytes = pattern(5 << 20);
    let (out, splicer) = through_tcp(&bytes, true, 1 << 18);
    assert!(out == bytes && !splicer.is_copying());
}

#[test]
fn small_and_odd_steps_lose_nothing() {
    let bytes = pattern(300_001);
    let (out, _) = through_tcp(&bytes, true, 613);
    assert!(out == bytes);
}

#[test]
fn blocking_sockets_pass_by_copying_and_stay_blocking() {
    let bytes = pattern(2 << 20);
    let (out, splicer) = through_tcp(&bytes, false, 1 << 18);
    assert!(out == bytes && splicer.is_copying());
}

#[test]
fn the_end_of_file_with_bytes_left_in_the_pipe_does_not_truncate() {
    let (source, from) = Socket::<UnixStream, _>::pair().unwrap();
    let (to, sink) = Socket::<UnixStream, _>::pair().unwrap();
    for socket in [&from, &to, &sink] {
        socket.set_nonblocking(true).unwrap();
    }
    // Fill the way out, so that what is in the pipe has to stay there.
    while to.send(&[b'x'; 4096], Flags::NONE).is_ok() {}
    source.send(b"the last words", Flags::NONE).unwrap();
    drop(source);
    let mut splicer = Splicer::new(1 << 16).unwrap();
    assert_eq!(splicer.fill(&from, 1 << 16).unwrap(), Filled::Bytes(14));
    assert_eq!(splicer.fill(&from, 1 << 16).unwrap(), Filled::End);
    assert!(splicer.drain(&to).unwrap_err().would_block());
    assert!(splicer.ended() && !splicer.finished() && splicer.held() == 14);
    let mut splicer = splicer.into_pipe().unwrap_err();
    let mut rest = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Ok(received) = sink.recv(&mut buffer, Flags::NONE) {
            rest.extend_from_slice(&buffer[..received.len]);
        } else if splicer.finished() {
            break;
        }
        let _ = splicer.drain(&to);
    }
    assert!(rest.ends_with(b"xthe last words"));
    assert!(splicer.into_pipe().is_ok());
}

#[test]
fn a_full_pipe_is_told_apart_from_nothing_to_read() {
    let (source, from) = Socket::<UnixStream, _>::pair().unwrap();
    from.set_nonblocking(true).unwrap();
    let mut splicer = Splicer::new(4096).unwrap();
    assert!(splicer.fill(&from, 4096).unwrap_err().would_block());
    source.send(&[7; 100_000], Flags::NONE).unwrap();
    let mut filled = Filled::Bytes(0);
    while filled != Filled::Full {
        filled = splicer.fill(&from, 1 << 20).unwrap();
    }
    assert!(splicer.held() > 0 && splicer.held() < 100_000);
}

#[test]
fn a_target_that_cannot_be_spliced_is_copied_to() {
    let bytes = pattern(1 << 20);
    let source = Scratch::new("source", &bytes);
    let target = Scratch::new("target", b"before ");
    let from = File::open(&source.0).unwrap();
    // O_APPEND: splice(2) answers EINVAL.
    let to = OpenOptions::new().append(true).open(&target.0).unwrap();
    let pipe = io::pipe().unwrap();
    io::write(&pipe.write, b"x").unwrap();
    assert_eq!(io::splice(&pipe.read, &to, 1, SpliceFlags::NONE).unwrap_err().name(), "EINVAL");
    let mut splicer = Splicer::new(1 << 16).unwrap();
    assert_eq!(carry(&mut splicer, &from, &to, 1 << 16), bytes.len());
    assert!(splicer.is_copying());
    let written = std::fs::read(&target.0).unwrap();
    assert!(written[..7] == *b"before " && written[7..] == bytes);
}

#[test]
fn splice_moves_what_there_is_and_tells_the_end_with_0() {
    let (a, b) = (io::pipe().unwrap(), io::pipe().unwrap());
    io::write(&a.write, b"0123456789").unwrap();
    assert_eq!(io::pipe_len(&a.read).unwrap(), 10);
    assert_eq!(io::splice(&a.read, &b.write, 4, SpliceFlags::MOVE).unwrap(), 4);
    assert_eq!(io::splice(&a.read, &b.write, 100, SpliceFlags::MOVE | SpliceFlags::NONBLOCK).unwrap(), 6);
    assert!(io::splice(&a.read, &b.write, 100, SpliceFlags::NONBLOCK).unwrap_err().would_block());
    drop(a.write);
    assert_eq!(io::splice(&a.read, &b.write, 100, SpliceFlags::NONBLOCK).unwrap(), 0);
    let mut out = [0; 16];
    assert_eq!(io::read(&b.read, &mut out).unwrap(), 10);
    assert_eq!(&out[..10], b"0123456789");
}

#[test]
fn sendfile_moves_the_offset_and_gives_0_beyond_the_end() {
    let bytes = pattern(3 << 20);
    let scratch = Scratch::new("sendfile", &bytes);
    let mut file = File::open(&scratch.0).unwrap();
    let (out, mut sink) = tcp_pair();
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        sink.read_to_end(&mut all).unwrap();
        all
    });
    let mut offset = 1000;
    loop {
        let before = offset;
        let sent = io::sendfile(&out, &file, Some(&mut offset), 1 << 30).unwrap();
        assert_eq!(offset, before + sent as u64);
        if sent == 0 {
            break;
        }
    }
    assert_eq!(offset, bytes.len() as u64);
    assert_eq!(file.stream_position().unwrap(), 0);
    assert_eq!(io::sendfile(&out, &file, Some(&mut (1 << 40)), 10).unwrap(), 0);
    let mut far = u64::MAX;
    assert_eq!(io::sendfile(&out, &file, Some(&mut far), 10).unwrap_err().name(), "Value");
    file.seek(SeekFrom::Start(5)).unwrap();
    assert_eq!(io::sendfile(&out, &file, None, 10).unwrap(), 10);
    assert_eq!(file.stream_position().unwrap(), 15);
    drop(out);
    let got = reader.join().unwrap();
    let end = got.len() - 10;
    assert!(got[..end] == bytes[1000..] && got[end..] == bytes[5..15]);
}

#[test]
fn read_now_and_write_now_do_not_wait_and_leave_o_nonblock_alone() {
    let pipe = io::pipe().unwrap();
    let (a, b) = Socket::<UnixStream, _>::pair().unwrap();
    let mut buffer = [0; 64];
    assert!(io::read_now(&pipe.read, Kind::Pipe, &mut buffer).unwrap_err().would_block());
    // A terminal takes the other way: poll(2), then read(2).
    assert!(io::read_now(&pipe.read, Kind::Terminal, &mut buffer).unwrap_err().would_block());
    assert!(io::read_now(&a, Kind::Socket { stream: true }, &mut buffer).unwrap_err().would_block());
    for kind in [Kind::Pipe, Kind::Terminal] {
        while io::write_now(&pipe.write, kind, &[1; 10_000]).is_ok() {}
        assert!(io::write_now(&pipe.write, kind, b"more").unwrap_err().would_block());
        while io::read_now(&pipe.read, kind, &mut [0; 5000]).is_ok() {}
        assert_eq!(io::pipe_len(&pipe.read).unwrap(), 0);
    }
    while io::write_now(&b, Kind::Socket { stream: true }, &[1; 10_000]).is_ok() {}
    for fd in [pipe.read.as_fd(), pipe.write.as_fd(), a.as_fd(), b.as_fd()] {
        assert!(!io::access(fd).unwrap().nonblocking);
    }
    drop(pipe.write);
    assert_eq!(io::read_now(&pipe.read, Kind::Pipe, &mut buffer).unwrap(), 0);
}

#[test]
fn a_descriptor_tells_what_it_is() {
    let pipe = io::pipe().unwrap();
    let scratch = Scratch::new("kind", b"");
    let file = File::open(&scratch.0).unwrap();
    let udp = Socket::<puerta::Udp>::new(Ip::V4).unwrap();
    assert_eq!(io::kind(&pipe.read).unwrap(), Kind::Pipe);
    assert_eq!(io::kind(&file).unwrap(), Kind::File);
    assert_eq!(io::kind(File::open("/dev/null").unwrap()).unwrap(), Kind::CharDevice);
    assert_eq!(io::kind(File::open("/dev/ptmx").unwrap()).unwrap(), Kind::Terminal);
    assert_eq!(io::kind(File::open("/").unwrap()).unwrap(), Kind::Other);
    assert_eq!(io::kind(&udp).unwrap(), Kind::Socket { stream: false });
    assert_eq!(io::kind(tcp_pair().0).unwrap(), Kind::Socket { stream: true });
    let access = io::access(&pipe.write).unwrap();
    assert!(access.write && !access.read && !access.append);
}

#[test]
fn poll_tells_readable_hang_up_and_time_over() {
    let pipe = io::pipe().unwrap();
    let mut fds = [PollFd::new(&pipe.read, Events::READ), PollFd::new(&pipe.write, Events::NONE)];
    assert_eq!(io::poll(&mut fds, Some(Duration::from_millis(5))).unwrap(), 0);
    io::write(&pipe.write, b"x").unwrap();
    assert_eq!(io::poll(&mut fds, None).unwrap(), 1);
    assert!(fds[0].readable() && !fds[0].hung_up() && !fds[1].writable());
    drop(pipe.write);
    let mut fds = [PollFd::new(&pipe.read, Events::NONE)];
    assert_eq!(io::poll(&mut fds, None).unwrap(), 1);
    assert!(fds[0].hung_up() && !fds[0].error());
}

#[test]
fn poll_tells_the_end_of_a_peers_direction_where_that_was_asked_for() {
    let (client, server) = tcp_pair();
    client.shutdown(Shutdown::Write).unwrap();
    for (events, told) in [(Events::READ, false), (Events::READ | Events::PEER_END, true)] {
        let mut fds = [PollFd::new(&server, events)];
        assert_eq!(io::poll(&mut fds, None).unwrap(), 1);
        assert_eq!((fds[0].peer_ended(), fds[0].hung_up()), (told, false), "{events:?}");
    }
}

#[test]
fn a_pipe_takes_the_size_it_can_get_and_tells_it() {
    let pipe = io::pipe().unwrap();
    let given = pipe.set_size(1 << 20).unwrap();
    assert_eq!(given, pipe.size().unwrap());
    assert!(given >= 4096);
    let given = pipe.set_size(1 << 40).unwrap();
    assert_eq!(given, pipe.size().unwrap());
    assert_eq!(io::set_pipe_size(tcp_pair().0, 1).unwrap_err().name(), "EBADF");
}

#[test]
fn a_step_of_no_bytes_is_not_the_end_of_file() {
    let (ours, theirs) = Socket::<UnixStream, _>::pair().unwrap();
    theirs.send(b"rest", Flags::NONE).unwrap();
    let mut way = Splicer::new(65_536).unwrap();
    assert!(matches!(way.fill(&ours, 0).unwrap(), Filled::Bytes(1)));
    assert!(!way.ended());
}

#[test]
fn an_urgent_byte_is_neither_the_end_nor_a_reason_to_wait() {
    for (nonblocking, ended) in [(true, true), (true, false), (false, true), (false, false)] {
        let (source, from) = tcp_pair();
        from.set_nonblocking(nonblocking).unwrap();
        for (bytes, flags) in [("before ", Flags::NONE), ("!", Flags::OOB), ("after", Flags::NONE)] {
            source.send(bytes.as_bytes(), flags).unwrap();
        }
        if ended {
            source.shutdown(Shutdown::Write).unwrap();
        }
        let target = Scratch::new("urgent", b"");
        let to = OpenOptions::new().write(true).open(&target.0).unwrap();
        let mut splicer = Splicer::new(1 << 16).unwrap();
        let (mut carried, mut steps) = (0, 0);
        while carried < 12 || ended && !splicer.finished() {
            steps += 1;
            assert!(steps < 1000, "no step forward from byte {carried}: {splicer:?}");
            match splicer.fill(&from, 1 << 16) {
                Err(e) if e.would_block() => wait(&from, Events::READ),
                filled => assert!(filled.unwrap() != Filled::End || ended),
            }
            carried += splicer.drain(&to).unwrap();
        }
        assert_eq!(std::fs::read(&target.0).unwrap(), b"before after");
        assert!(!splicer.is_copying());
    }
}
