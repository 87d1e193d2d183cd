//! Descriptors passed over Unix sockets. The tests count this process's descriptors, so they run one after another.

#![allow(clippy::unwrap_used)]

use puerta::{
    AncillarySpace, AnyDatagram, AnyStream, Bad, Cause, Connected, Endpoint, Family, Flags, MAX_DESCRIPTORS, Message,
    PassesDescriptors, Protocol, RawAncillary, ReceivedMessage, Socket, Tcp, UnixDatagram, UnixPacket, UnixStream, opt,
};
use std::fs;
use std::io::{IoSlice, IoSliceMut, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// While it lives no other test of this file opens a descriptor.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn send<P: PassesDescriptors>(socket: &Socket<P, Connected>, descriptors: &[BorrowedFd<'_>]) -> puerta::Result<usize> {
    socket.send_message(&Message::new(&[IoSlice::new(b"door")]).descriptors(descriptors), Flags::NONE)
}

fn receive<P: Protocol>(socket: &Socket<P, Connected>, space: AncillarySpace) -> puerta::Result<ReceivedMessage> {
    let mut buffer = [0; 16];
    let mut space = space;
    let message = socket.recv_message(&mut [IoSliceMut::new(&mut buffer)], &mut space, Flags::NONE)?;
    assert_eq!(&buffer[..message.received.len], b"door");
    Ok(message)
}

fn is_cloexec(fd: &impl AsRawFd) -> bool {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).unwrap();
    let flags = info.lines().find_map(|l| l.strip_prefix("flags:")).unwrap().trim();
    u32::from_str_radix(flags, 8).unwrap() & 0o2_000_000 != 0
}

fn a_pipe_and_a_socket_pass<P: PassesDescriptors>((here, there): (Socket<P, Connected>, Socket<P, Connected>)) {
    let (reader, writer): (PipeReader, PipeWriter) = pipe().unwrap();
    let (left, right) = Socket::<UnixStream, _>::pair().unwrap();
    assert_eq!(send(&here, &[writer.as_fd(), left.as_fd()]).unwrap(), 4);
    drop((writer, left));

    let message = receive(&there, AncillarySpace::new().descriptors(2)).unwrap();
    let [first, second]: [OwnedFd; 2] = message.descriptors.try_into().unwrap();
    assert!(is_cloexec(&first) && is_cloexec(&second));

    PipeWriter::from(first).write_all(b"through the pipe").unwrap();
    let mut text = String::new();
    { reader }.read_to_string(&mut text).unwrap();
    assert_eq!(text, "through the pipe");

    let passed = Socket::<UnixStream>::adopt::<Connected>(second).map_err(|(_, e)| e).unwrap();
    passed.send(b"through the socket", Flags::NONE).unwrap();
    let mut buffer = [0; 32];
    let received = right.recv(&mut buffer, Flags::NONE).unwrap();
    assert_eq!(&buffer[..received.len], b"through the socket");
}

#[test]
fn a_pipe_and_a_socket_pass_over_every_type_of_unix_socket() {
    let _alone = alone();
    let before = open_descriptors();
    a_pipe_and_a_socket_pass(Socket::<UnixStream, _>::pair().unwrap());
    a_pipe_and_a_socket_pass(Socket::<UnixPacket, _>::pair().unwrap());
    a_pipe_and_a_socket_pass(Socket::<UnixDatagram, _>::pair().unwrap());
    assert_eq!(open_descriptors(), before);
}

#[test]
fn as_many_descriptors_as_the_kernel_passes_and_not_one_more() {
    let _alone = alone();
    let before = open_descriptors();
    {
        let (here, there) = Socket::<UnixPacket, _>::pair().unwrap();
        let null = fs::File::open("/dev/null").unwrap();
        let many = vec![null.as_fd(); MAX_DESCRIPTORS + 1];
        let error = send(&here, &many).unwrap_err();
        assert_eq!(error.cause(), Cause::Bad(Bad::TooManyDescriptors));
        send(&here, &many[1..]).unwrap();
        let message = receive(&there, AncillarySpace::new().descriptors(MAX_DESCRIPTORS)).unwrap();
        assert_eq!(message.descriptors.len(), 253);
        assert!(message.descriptors.iter().all(is_cloexec));
    }
    assert_eq!(open_descriptors(), before);
}

#[test]
fn ancillary_data_that_is_cut_off_is_an_error_and_leaks_no_descriptor() {
    let _alone = alone();
    let (here, there) = Socket::<UnixDatagram, _>::pair().unwrap();
    let null = fs::File::open("/dev/null").unwrap();
    let before = open_descriptors();
    for (sent, room) in [(1, 0), (3, 1), (10, 4), (253, 252)] {
        send(&here, &vec![null.as_fd(); sent]).unwrap();
        let space = if room == 0 { AncillarySpace::new() } else { AncillarySpace::new().descriptors(room - room % 2) };
        let error = receive(&there, space).unwrap_err();
        assert_eq!(error.cause(), Cause::Bad(Bad::ControlTruncated), "{sent} into the room for {room}");
        assert_eq!(error.hint().unwrap(), "give a larger space for ancillary data");
        assert_eq!(open_descriptors(), before, "{sent} into the room for {room}");
    }
}

#[test]
fn at_the_limit_of_descriptors_the_hint_names_the_limit() {
    const INSIDE: &str = "PUERTA_TEST_FEW_DESCRIPTORS";
    let _alone = alone();
    if std::env::var_os(INSIDE).is_none() {
        let output = Command::new("sh")
            .args(["-c", "ulimit -n 40 && exec \"$0\" --exact at_the_limit_of_descriptors_the_hint_names_the_limit"])
            .arg(std::env::current_exe().unwrap())
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let (here, there) = Socket::<UnixDatagram, _>::pair().unwrap();
    let mut open: Vec<fs::File> = std::iter::from_fn(|| fs::File::open("/dev/null").ok()).collect();
    let mut failures = Vec::new();
    for free in 0..3 {
        send(&here, &[open[0].as_fd(); 3]).unwrap();
        let error = receive(&there, AncillarySpace::new().descriptors(3)).unwrap_err();
        failures.push((free, error.cause(), error.hint().unwrap().into_owned()));
        open.pop();
    }
    for (free, cause, hint) in failures {
        assert_eq!(cause, Cause::Bad(Bad::ControlTruncated));
        assert!(hint.contains("ulimit -n"), "{free} free: {hint}");
    }
    // With room for all of them.
    send(&here, &[open[0].as_fd(); 3]).unwrap();
    assert_eq!(receive(&there, AncillarySpace::new().descriptors(3)).unwrap().descriptors.len(), 3);
}

#[test]
fn descriptors_that_nobody_asked_for_are_closed() {
    let _alone = alone();
    let null = fs::File::open("/dev/null").unwrap();
    let (here, there) = Socket::<UnixDatagram, _>::pair().unwrap();
    let (packets, end) = Socket::<UnixPacket, _>::pair().unwrap();
    end.set(opt::PassCredentials, true).unwrap();
    let before = open_descriptors();
    for count in [1, 253] {
        send(&here, &vec![null.as_fd(); count]).unwrap();
        let datagram = there.recv_datagram(&mut [0; 16], Flags::NONE).unwrap();
        assert_eq!((datagram.received.len, datagram.to), (4, None));
        send(&packets, &vec![null.as_fd(); count]).unwrap();
        assert!(matches!(end.recv_packet(&mut [0; 16], Flags::NONE), Ok(puerta::Packet::Message(r)) if r.len == 4));
        assert_eq!(open_descriptors(), before);
    }
}

#[test]
fn ancillary_data_that_the_kernel_would_drop_in_silence_is_refused() {
    let _alone = alone();
    let null = fs::File::open("/dev/null").unwrap();
    let descriptors = [null.as_fd()];
    // Without a byte nothing travels on a stream.
    let (here, _there) = Socket::<UnixStream, _>::pair().unwrap();
    let error = here.send_message(&Message::new(&[]).descriptors(&descriptors), Flags::NONE).unwrap_err();
    assert_eq!(error.cause(), Cause::Bad(Bad::Value));
    // TCP takes SCM_RIGHTS, and forgets it.
    let any = "127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap();
    let listener = Socket::<Tcp>::new(puerta::Ip::V4).unwrap().bind(&any).unwrap().listen(1).unwrap();
    let to = Endpoint::Inet(listener.local_addr().unwrap());
    let tcp = Socket::<AnyStream>::new(Family::V4).unwrap().connect(&to).unwrap();
    assert_eq!(send(&tcp, &descriptors).unwrap_err().cause(), Cause::Bad(Bad::Option));
    let udp = Socket::<AnyDatagram>::new(Family::V4).unwrap();
    let parts = [IoSlice::new(b"door")];
    let error = udp.send_message_to(&Message::new(&parts).descriptors(&descriptors), &to, Flags::NONE).unwrap_err();
    assert_eq!(error.cause(), Cause::Bad(Bad::Option));
    // Numbers in raw bytes are descriptors that nobody has lent.
    let raw = [RawAncillary { level: libc::SOL_SOCKET, kind: libc::SCM_RIGHTS, bytes: vec![0; 4] }];
    let error = here.send_message(&Message::new(&parts).others(&raw), Flags::NONE).unwrap_err();
    assert_eq!(error.cause(), Cause::Bad(Bad::Option));
}
