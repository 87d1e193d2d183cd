//! Bytes from a pipe into a TCP peer.

use super::{BULK, Job, Sample, Unit, bulk, words};
use crate::Result;
use crate::arguments::Options;
use crate::contender::Contender;
use crate::load::{self, Source};
use crate::process::{self, Running, Usage};
use std::io;
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

pub(crate) struct StdinToTcp;

impl Job for StdinToTcp {
    fn name(&self) -> &'static str {
        "stdin-to-tcp"
    }

    fn about(&self) -> String {
        "bytes from a pipe into a TCP peer".to_owned()
    }

    fn contenders(&self) -> Vec<Contender> {
        vec![
            Contender {
                name: "puerta connect",
                program: "puerta",
                package: "puerta",
                arguments: &["connect", "127.0.0.1:PORT"],
            },
            Contender {
                name: "nc -N",
                program: "nc",
                package: "netcat-openbsd",
                arguments: &["-N", "127.0.0.1", "PORT"],
            },
            Contender {
                name: "ncat --send-only",
                program: "ncat",
                package: "ncat",
                arguments: &["--send-only", "127.0.0.1", "PORT"],
            },
            Contender {
                name: "socat -u",
                program: "socat",
                package: "socat",
                arguments: &["-u", "-", "TCP:127.0.0.1:PORT"],
            },
        ]
    }

    fn unit(&self) -> Unit {
        BULK
    }

    fn expected(&self, options: &Options) -> Result<String> {
        Source { bytes: options.bytes }.digest()
    }

    fn verify(&self, contender: &Contender, program: &str, options: &Options) -> Result<String> {
        let (digest, usage) = transfer(contender, program, options, |mut stream| {
            load::digest(|mut into| io::copy(&mut stream, &mut into)).map(|(text, _)| text)
        })?;
        usage.succeeded()?;
        digest
    }

    fn measure(&self, contender: &Contender, program: &str, options: &Options) -> Result<Sample> {
        let (begin, loader) = (Instant::now(), process::own_cpu());
        let taken = transfer(contender, program, options, load::discard)?;
        let (bytes, end) = taken.0?;
        let seconds = end.duration_since(begin).as_secs_f64();
        bulk(bytes, options.bytes, seconds, &taken.1, process::own_cpu() - loader)
    }
}

/// One run: the sender writes into the contender's stdin, `sink` takes the connection.
fn transfer<T: Send>(
    contender: &Contender,
    program: &str,
    options: &Options,
    sink: impl FnOnce(TcpStream) -> Result<T> + Send,
) -> Result<(Result<T>, Usage)> {
    let (listener, port) = load::listener()?;
    let mut running = Running::start(&words(contender, program, port), Stdio::piped(), Stdio::null())?;
    let stdin = running.stdin()?;
    puerta::io::set_pipe_size(&stdin, options.pipe).map_err(|e| e.to_string())?;
    let source = Source { bytes: options.bytes };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(move || source.write_to(stdin));
        let taker = scope.spawn(|| load::accept(&listener, &over).map(sink));
        let watched = running.watch();
        over.store(true, Ordering::Release);
        let taken = taker.join().map_err(|_| "the sink failed".to_owned())?;
        let usage = watched?;
        match taken {
            Ok(taken) => Ok((taken, usage)),
            Err(message) => Err(format!("{message}; {}", usage.ending())),
        }
    })
}
