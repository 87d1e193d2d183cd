//! What a session owes whatever happens: every byte that came is shown, and a limit strikes for what it is a limit of.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::puerta;
use puerta::{Flags, Ip, Shutdown, Socket, Tcp};

#[test]
fn what_follows_an_urgent_byte_is_received_into_a_pipe_as_anywhere() {
    for ended in [true, false] {
        let ours = puerta(["listen", "127.0.0.1:0"]).start();
        let socket = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&ours.address().parse().unwrap()).unwrap();
        socket.send(b"abc\n", Flags::NONE).unwrap();
        socket.send(b"d", Flags::OOB).unwrap();
        socket.send(b"efghijk\n", Flags::NONE).unwrap();
        if !ended {
            ours.writes("abc\nefghijk\n");
        }
        socket.shutdown(Shutdown::Write).unwrap();
        ours.finish().ends_with(0).wrote("abc\nefghijk\n").said("received 12 bytes");
    }
}
