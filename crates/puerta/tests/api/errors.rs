use crate::{refusing, tcp_pair};
use puerta::{
    AnyDatagram, AnyStream, Bound, Call, Connected, Connecting, Endpoint, Error, Flags, Icmp, Ip, Listening, Progress,
    RawIp, Socket, Tcp, Udp, Unbound, UnixAddr, UnixDatagram, UnixPacket, UnixStream, errno_name,
};
use std::io;

/// The errors of Linux end with EHWPOISON; 41 and 58 were never given out.
const LAST_ERRNO: i32 = 133;

#[test]
fn an_error_as_io_error_keeps_kind_and_text() {
    let (_socket, address) = refusing();
    let error = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&address).unwrap_err();
    let text = error.to_string();
    let converted = io::Error::from(error);
    assert_eq!((converted.kind(), converted.to_string()), (io::ErrorKind::ConnectionRefused, text));
    let ours = converted.get_ref().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(ours.peer(), Some(&Endpoint::Inet(address)));
}

#[test]
fn would_block_as_io_error_is_would_block() {
    let (client, _server) = tcp_pair();
    let converted = io::Error::from(client.recv(&mut [0], Flags::DONTWAIT).unwrap_err());
    assert_eq!(converted.kind(), io::ErrorKind::WouldBlock);
    assert_eq!(converted.raw_os_error(), Some(libc::EAGAIN));
}

#[test]
fn every_errno_that_the_system_knows_has_a_name() {
    for errno in 1..=LAST_ERRNO {
        let known = !io::Error::from_raw_os_error(errno).to_string().starts_with("Unknown error");
        assert_eq!(errno_name(errno).is_some(), known, "{errno}: {}", io::Error::from_raw_os_error(errno));
    }
    assert_eq!(errno_name(libc::ECONNREFUSED), Some("ECONNREFUSED"));
    assert_eq!((errno_name(0), errno_name(LAST_ERRNO + 1), errno_name(-1)), (None, None, None));
}

#[test]
fn what_has_no_hint_and_what_has_one_print_alike() {
    let (_socket, address) = refusing();
    let error = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&address).unwrap_err();
    assert!(format!("{error:?}").starts_with(&format!("{error} [hint: ")));
    assert!(!error.to_string().contains('\n') && !error.hint().unwrap().contains('\n'));
}

#[test]
fn every_type_crosses_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    fn roles<P: puerta::Protocol>() {
        crosses::<Socket<P, Unbound>>();
        crosses::<Socket<P, Bound>>();
        crosses::<Socket<P, Listening>>();
        crosses::<Socket<P, Connecting>>();
        crosses::<Socket<P, Connected>>();
        crosses::<Progress<P>>();
    }
    roles::<Tcp>();
    roles::<Udp>();
    roles::<UnixStream>();
    roles::<UnixPacket>();
    roles::<UnixDatagram>();
    roles::<RawIp>();
    roles::<Icmp>();
    roles::<AnyStream>();
    roles::<AnyDatagram>();
    crosses::<Error>();
    crosses::<Endpoint>();
    crosses::<UnixAddr>();
    crosses::<puerta::trace::Event>();
}

#[test]
fn an_error_survives_the_way_through_io_error() {
    let (_socket, address) = refusing();
    let error = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&address).unwrap_err();
    let text = format!("{error:?}");
    let back = Error::from_io(Call::Read, &io::Error::from(error));
    assert_eq!((back.errno(), back.peer()), (Some(libc::ECONNREFUSED), Some(&Endpoint::Inet(address))));
    assert_eq!(format!("{back:?}"), text);
    let bare = Error::from_io(Call::Read, &io::Error::from_raw_os_error(libc::EIO));
    assert_eq!((bare.call(), bare.errno()), (Call::Read, Some(libc::EIO)));
}
