//! The classic greeting, with programs in C on the other side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::{Folder, free_port};
use common::{peer, puerta};

/// Compiles an example of the library's folder.
fn compiled(folder: &Folder, name: &str) -> String {
    let source = format!("{}/../puerta/examples/c/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let program = folder.name(name);
    peer("cc", ["-O1", "-o", &program, &source]).finish().ends_with(0);
    program
}

#[test]
fn a_client_in_c_and_our_listener_greet_each_other() {
    let folder = Folder::new("greeting");
    let client = compiled(&folder, "greeting_client");
    let server = puerta(["listen", "127.0.0.1:0"]).input("Hola, cliente!").start();
    let port = server.port().to_string();
    peer(&client, [&port]).finish().ends_with(0).wrote("Hola, cliente!\n");
    server.finish().ends_with(0).wrote("Hola, servidor!").said("sent 14 bytes, received 15 bytes");
}

#[test]
fn our_client_and_a_server_in_c_greet_each_other() {
    let folder = Folder::new("greeting");
    let server = compiled(&folder, "greeting_server");
    let port = free_port();
    let server = peer(&server, [port.to_string()]).start().listens_on(port);
    let client = puerta(["connect", &format!("127.0.0.1:{port}")]).input("Hola, servidor!").finish();
    client.ends_with(0).wrote("Hola, cliente!").said("sent 15 bytes, received 14 bytes");
    server.finish().ends_with(0).said("").wrote(format!("listening on 127.0.0.1:{port}\nHola, servidor!\n"));
}
