//! What a send and a recv of the library cost, counted by callgrind against the same loop in C: `tests/cost.rs`.
//!
//! `cost ROUNDS SENDS LENGTH RECVS ROOM`: each round sends LENGTH bytes SENDS times over a pair of Unix sockets and receives into
//! ROOM bytes RECVS times.

use puerta::{Flags, Socket, UnixStream};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let numbers = std::env::args().skip(1).map(|a| a.parse()).collect::<Result<Vec<usize>, _>>()?;
    let [rounds, sends, length, recvs, room] = numbers[..] else {
        return Err("usage: cost ROUNDS SENDS LENGTH RECVS ROOM".into());
    };
    let (a, b) = Socket::<UnixStream, _>::pair()?;
    let (from, mut into) = (vec![b'x'; length], vec![0; room]);
    let mut received = 0;
    for _ in 0..rounds {
        for _ in 0..sends {
            a.send(&from, Flags::NONE)?;
        }
        for _ in 0..recvs {
            received += b.recv(&mut into, Flags::NONE)?.len;
        }
    }
    println!("{received}");
    Ok(())
}
