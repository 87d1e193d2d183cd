//! Is it there, how far: one ICMP echo (RFC 792, RFC 4443), as ping sends it.
//!
//! `icmp_echo HOST`. It tries an ICMP socket first, which needs no privilege where sysctl net.ipv4.ping_group_range admits
//! it, and then a raw one, which needs CAP_NET_RAW.

use puerta::io::{Events, PollFd, poll};
use puerta::{Connected, Datagrams, Flags, Icmp, Ip, Query, RawIp, Socket, resolve};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error>;

const LIMIT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let Some(host) = std::env::args().nth(1) else {
        eprintln!("usage: icmp_echo HOST");
        return ExitCode::from(2);
    };
    match ping(&host) {
        Ok((to, kind, time)) => println!("{} answers after {:.3} ms ({kind})", to.ip(), time.as_secs_f64() * 1e3),
        Err(failure) => {
            eprintln!("{failure}");
            if let Some(hint) = failure.downcast_ref::<puerta::Error>().and_then(puerta::Error::hint) {
                eprintln!("hint: {hint}");
            }
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn ping(host: &str) -> Result<(SocketAddr, &'static str, Duration), Failure> {
    let to = resolve(&Query::new(host))?.first().ok_or("no address")?.address;
    let (ip, protocol) = if to.is_ipv4() { (Ip::V4, 1) } else { (Ip::V6, 58) };
    match Socket::<Icmp>::new(ip) {
        Ok(socket) => Ok((to, "ICMP socket", echo(&socket.connect(&to)?, ip, false)?)),
        // No group of ours is in the range: the error of the second attempt has the hint that names both ways.
        Err(_) => Ok((to, "raw socket", echo(&Socket::<RawIp>::new((ip, protocol))?.connect(&to)?, ip, true)?)),
    }
}

/// The time until the answer comes.
fn echo<P: Datagrams>(socket: &Socket<P, Connected>, ip: Ip, raw: bool) -> Result<Duration, Failure> {
    let (request, reply) = if ip == Ip::V4 { (8, 0) } else { (128, 129) };
    // Whose echo it is, and the first of them.
    let [high, low] = (std::process::id() as u16).to_be_bytes();
    let mut message = [request, 0, 0, 0, high, low, 0, 1, b'H', b'o', b'l', b'a'];
    let sum = checksum(&message);
    // Only a raw IPv4 socket sends it as it is; elsewhere the kernel calculates its own.
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let start = Instant::now();
    socket.send(&message, Flags::NONE)?;

    let mut buffer = [0; 1500];
    while let Some(left) = LIMIT.checked_sub(start.elapsed()) {
        poll(&mut [PollFd::new(socket, Events::READ)], Some(left))?;
        let received = match socket.recv(&mut buffer, Flags::DONTWAIT) {
            Err(error) if error.would_block() => continue,
            received => received?,
        };
        let time = start.elapsed();
        // A raw IPv4 socket gives the IP header too: its length is in its first byte, in words of 4 bytes.
        let header = if raw && ip == Ip::V4 { usize::from(buffer[0] & 15) * 4 } else { 0 };
        let answer = buffer[..received.len].get(header..).unwrap_or_default();
        // A raw socket hears every ICMP message of the host, on the loopback even our own request; and an ICMP socket has
        // an identifier of its own.
        let ours = answer.first() == Some(&reply) && (!raw || answer.get(4..6) == Some(&[high, low]));
        if ours && answer.get(6..) == Some(&message[6..]) {
            return Ok(time);
        }
    }
    Err(format!("no answer within {} s: it is down, or a firewall drops the echo", LIMIT.as_secs()).into())
}

/// The checksum of the Internet: RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|w| u32::from(w[0]) << 8 | w.get(1).map_or(0, |b| u32::from(*b)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}
