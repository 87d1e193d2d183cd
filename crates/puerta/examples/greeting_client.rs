//! The client of the classic greeting: it sends `Hola, servidor!` and shows what the server answers.
//!
//! `cargo run --example greeting_client [ADDRESS]`; the address is 127.0.0.1:8080 unless told otherwise.

use puerta::{Ip, Shutdown, Socket, Tcp};
use std::io::{Read, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned()).parse()?;
    let mut server = Socket::<Tcp>::new(Ip::of(&address))?.connect(&address)?;
    server.write_all(b"Hola, servidor!")?;
    // Our end: the server reads the end of file, and can still answer.
    server.shutdown(Shutdown::Write)?;

    let mut answer = String::new();
    server.read_to_string(&mut answer)?;
    println!("{address} says: {answer}");
    server.close()?;
    Ok(())
}
