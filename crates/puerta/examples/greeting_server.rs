//! The server of the classic greeting: it takes one client, reads `Hola, servidor!` and answers `Hola, cliente!`.
//!
//! `cargo run --example greeting_server [ADDRESS]`; the address is 127.0.0.1:8080 unless told otherwise.

use puerta::{Ip, Shutdown, Socket, Tcp, opt};
use std::io::{self, BufRead, BufReader, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned()).parse()?;
    let socket = Socket::<Tcp>::new(Ip::of(&address))?;
    // So that the server can be started again at once.
    let listener = socket.with(opt::ReuseAddress, true)?.bind(&address)?.listen(16)?;
    println!("listening on {}", listener.local_addr()?);

    let (client, peer) = listener.accept()?;
    // A stream has no messages, only bytes: the exclamation mark is where a greeting ends.
    let mut greeting = Vec::new();
    let mut input = BufReader::new(&client);
    input.read_until(b'!', &mut greeting)?;
    println!("{peer} says: {}", String::from_utf8_lossy(&greeting));

    (&client).write_all(b"Hola, cliente!")?;
    // Read to the client's end: closing with unread data would break the connection, and our answer with it.
    client.shutdown(Shutdown::Write)?;
    io::copy(&mut input, &mut io::sink())?;
    client.close()?;
    Ok(())
}
