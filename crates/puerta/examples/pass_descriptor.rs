//! One process opens a file, another reads it: the descriptor passes over a Unix socket.
//!
//! `pass_descriptor give ./door /etc/hostname` in one terminal, `pass_descriptor take ./door` in another, which may be a
//! process that could not open the file itself.

use puerta::{AncillarySpace, Flags, Message, Socket, UnixAddr, UnixPacket, opt};
use std::fs::{self, File};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::AsFd;
use std::path::Path;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["give", door, file] => give(Path::new(door), file),
        ["take", door] => take(Path::new(door)),
        _ => Err("usage: pass_descriptor give SOCKET FILE | take SOCKET".into()),
    }
}

fn give(door: &Path, name: &str) -> Result<(), Failure> {
    let file = File::open(name)?;
    let listener = Socket::<UnixPacket>::new(())?.bind(&UnixAddr::path(door))?.listen(1)?;
    println!("listening on {}", listener.local_addr()?);
    let accepted = listener.accept();
    fs::remove_file(door)?;
    let (taker, _) = accepted?;
    println!("{name} goes to process {}", taker.get(opt::PeerCredentials)?.pid);
    // Ancillary data travels with data: the name of the file.
    let parts = [IoSlice::new(name.as_bytes())];
    taker.send_message(&Message::new(&parts).descriptors(&[file.as_fd()]), Flags::NONE)?;
    Ok(())
}

fn take(door: &Path) -> Result<(), Failure> {
    let giver = Socket::<UnixPacket>::new(())?.connect(&UnixAddr::path(door))?;
    let mut name = [0; 4096];
    let mut space = AncillarySpace::new().descriptors(1);
    let message = giver.recv_message(&mut [IoSliceMut::new(&mut name)], &mut space, Flags::NONE)?;
    let name = String::from_utf8_lossy(&name[..message.received.len]);
    let descriptor = message.descriptors.into_iter().next().ok_or("no descriptor came")?;
    // Control characters from outside could take over the terminal.
    eprintln!("{} is ours now:", name.replace(char::is_control, "?"));
    io::copy(&mut File::from(descriptor), &mut io::stdout())?;
    Ok(())
}
