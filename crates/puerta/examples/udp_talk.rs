//! Two people type lines at each other over UDP; one line is one datagram.
//!
//! `udp_talk 127.0.0.1:7001 127.0.0.1:7002` in one terminal, `udp_talk 127.0.0.1:7002 127.0.0.1:7001` in another.
//! It ends with the end of its input (Ctrl-D).

use puerta::{Flags, Ip, Socket, Udp};
use std::io::{self, BufRead};
use std::thread;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [own, other] = arguments.as_slice() else {
        return Err("usage: udp_talk OWN-ADDRESS OTHER-ADDRESS".into());
    };
    let (own, other) = (own.parse()?, other.parse()?);
    // A connected UDP socket takes datagrams from its peer alone.
    let socket = Socket::<Udp>::new(Ip::of(&own))?.bind(&own)?.connect(&other)?;
    println!("{} talks to {other}", socket.local_addr()?);

    let listener = socket.try_clone()?;
    thread::spawn(move || {
        if let Err(error) = show(&listener) {
            eprintln!("{error}");
        }
    });
    for line in io::stdin().lock().lines() {
        let line = line?;
        // ICMP refuses a datagram after it was sent: the next call tells, and is then made again.
        while let Err(error) = socket.send(line.as_bytes(), Flags::NONE) {
            absent(error)?;
        }
    }
    Ok(())
}

fn show(socket: &Socket<Udp, puerta::Connected>) -> Result<(), puerta::Error> {
    let mut buffer = vec![0; 65_507];
    loop {
        match socket.recv(&mut buffer, Flags::NONE) {
            // Control characters from outside could take over the terminal.
            Ok(got) => println!("> {}", String::from_utf8_lossy(&buffer[..got.len]).replace(char::is_control, "?")),
            Err(error) => absent(error)?,
        }
    }
}

/// That nobody is there yet is no reason to end.
fn absent(error: puerta::Error) -> Result<(), puerta::Error> {
    if error.kind() != io::ErrorKind::ConnectionRefused {
        return Err(error);
    }
    eprintln!("(nobody there: the line is lost)");
    Ok(())
}
