use crate::{tcp_listener, tcp_pair, udp, v4};
use puerta::{
    Adopts, AnyDatagram, AnyStream, Bad, Bound, Cause, Connected, Flags, Ip, Listening, Protocol, Socket, Tcp, Udp,
    Unbound, UnixDatagram, UnixPacket, UnixStream,
};
use std::os::fd::{AsRawFd, OwnedFd};

/// Hands a descriptor over that does not fit, and sees that it comes back.
fn wrong<P: Protocol, R: Adopts>(fd: impl Into<OwnedFd>) -> OwnedFd {
    let fd = fd.into();
    let number = fd.as_raw_fd();
    let (back, error) = Socket::<P>::adopt::<R>(fd).unwrap_err();
    assert_eq!(back.as_raw_fd(), number);
    assert_eq!(error.cause(), Cause::Bad(Bad::Descriptor), "{error}");
    assert!(error.hint().is_some());
    back
}

#[test]
fn a_socket_is_adopted_in_its_own_role() {
    Socket::<Tcp>::adopt::<Unbound>(Socket::<Tcp>::new(Ip::V4).unwrap().into()).unwrap();
    Socket::<Tcp>::adopt::<Bound>(Socket::<Tcp>::new(Ip::V4).unwrap().bind(&v4()).unwrap().into()).unwrap();
    let listener = Socket::<Tcp>::adopt::<Listening>(tcp_listener().into()).unwrap();
    let to = listener.local_addr().unwrap();
    let client = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&to).unwrap();
    let client = Socket::<Tcp>::adopt::<Connected>(client.into()).unwrap();
    assert_eq!(client.peer(), Some(&to));
    listener.accept().unwrap().0.send(b"x", Flags::NONE).unwrap();
    assert_eq!(client.recv(&mut [0], Flags::NONE).unwrap().len, 1);
}

#[test]
fn each_protocol_adopts_its_own() {
    Socket::<Udp>::adopt::<Bound>(udp().into()).unwrap();
    Socket::<AnyDatagram>::adopt::<Bound>(udp().into()).unwrap();
    Socket::<AnyStream>::adopt::<Listening>(tcp_listener().into()).unwrap();
    let (a, b) = Socket::<UnixStream, _>::pair().unwrap();
    Socket::<UnixStream>::adopt::<Connected>(a.into()).unwrap();
    Socket::<AnyStream>::adopt::<Connected>(b.into()).unwrap();
    let (a, b) = Socket::<UnixDatagram, _>::pair().unwrap();
    Socket::<UnixDatagram>::adopt::<Connected>(a.into()).unwrap();
    Socket::<AnyDatagram>::adopt::<Connected>(b.into()).unwrap();
    let (a, _b) = Socket::<UnixPacket, _>::pair().unwrap();
    Socket::<UnixPacket>::adopt::<Connected>(a.into()).unwrap();
}

#[test]
fn another_type_is_handed_back() {
    let fd = wrong::<Tcp, Bound>(udp());
    let fd = wrong::<UnixDatagram, Bound>(fd);
    let fd = wrong::<AnyStream, Bound>(fd);
    Socket::<Udp>::adopt::<Bound>(fd).unwrap();
    let (a, _b) = Socket::<UnixPacket, _>::pair().unwrap();
    let fd = wrong::<UnixStream, Connected>(a);
    wrong::<AnyStream, Connected>(fd);
}

#[test]
fn another_family_is_handed_back() {
    let (a, _b) = Socket::<UnixStream, _>::pair().unwrap();
    let fd = wrong::<Tcp, Connected>(a);
    Socket::<UnixStream>::adopt::<Connected>(fd).unwrap();
    let (client, _server) = tcp_pair();
    wrong::<UnixStream, Connected>(client);
}

#[test]
fn another_role_is_handed_back() {
    let fd = wrong::<Tcp, Bound>(Socket::<Tcp>::new(Ip::V4).unwrap());
    let fd = wrong::<Tcp, Listening>(fd);
    wrong::<Tcp, Connected>(fd);
    let fd = wrong::<Tcp, Unbound>(tcp_listener());
    let fd = wrong::<Tcp, Bound>(fd);
    let fd = wrong::<Tcp, Connected>(fd);
    Socket::<Tcp>::adopt::<Listening>(fd).unwrap();
    let (client, _server) = tcp_pair();
    let fd = wrong::<Tcp, Unbound>(client);
    let fd = wrong::<Tcp, Bound>(fd);
    wrong::<Tcp, Listening>(fd);
    let connected = udp().connect(&udp().local_addr().unwrap()).unwrap();
    wrong::<Udp, Bound>(connected);
}

#[test]
fn what_is_no_socket_is_handed_back() {
    wrong::<Tcp, Unbound>(std::fs::File::open("/dev/null").unwrap());
}

#[test]
fn std_and_our_types_exchange_descriptors() {
    let std = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = std.local_addr().unwrap();
    let listener = Socket::<Tcp>::adopt::<Listening>(std.into()).unwrap();
    assert_eq!(listener.local_addr().unwrap(), to);
    let client = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&to).unwrap();
    let std = std::net::TcpStream::from(OwnedFd::from(client));
    assert_eq!(std.peer_addr().unwrap(), to);
}
