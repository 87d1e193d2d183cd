//! Bytes from a TCP peer that connects, into a pipe.

use super::{BULK, Job, Sample, Unit, bulk, words};
use crate::Result;
use crate::arguments::Options;
use crate::contender::Contender;
use crate::load::{self, Source};
use crate::process::{self, Running, Usage};
use std::io;
use std::net::TcpStream;
use std::process::{ChildStdout, Stdio};
use std::thread;
use std::time::Instant;

pub(crate) struct ListenFromTcp;

impl Job for ListenFromTcp {
    fn name(&self) -> &'static str {
        "listen-from-tcp"
    }

    fn about(&self) -> String {
        "bytes from a TCP peer into a pipe".to_owned()
    }

    fn contenders(&self) -> Vec<Contender> {
        vec![
            Contender {
                name: "puerta listen",
                program: "puerta",
                package: "puerta",
                arguments: &["listen", "127.0.0.1:PORT"],
            },
            Contender {
                name: "nc -l",
                program: "nc",
                package: "netcat-openbsd",
                arguments: &["-l", "127.0.0.1", "PORT"],
            },
            Contender {
                name: "ncat -l --recv-only",
                program: "ncat",
                package: "ncat",
                arguments: &["-l", "--recv-only", "127.0.0.1", "PORT"],
            },
            Contender {
                name: "socat -u TCP-LISTEN",
                program: "socat",
                package: "socat",
                arguments: &["-u", "TCP-LISTEN:PORT,bind=127.0.0.1", "-"],
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
        let source = Source { bytes: options.bytes };
        let (digest, _, usage) = transfer(
            contender,
            program,
            options,
            move |stream| source.write_to(stream),
            |mut stdout| load::digest(|mut into| io::copy(&mut stdout, &mut into)).map(|(text, _)| text),
        )?;
        usage.succeeded()?;
        Ok(digest)
    }

    fn measure(&self, contender: &Contender, program: &str, options: &Options) -> Result<Sample> {
        let source = Source { bytes: options.bytes };
        let file = load::block_file()?;
        let loader = process::own_cpu();
        let ((bytes, end), begin, usage) =
            transfer(contender, program, options, move |stream| source.send_file_to(&stream, &file), load::discard)?;
        let seconds = end.duration_since(begin).as_secs_f64();
        bulk(bytes, options.bytes, seconds, &usage, process::own_cpu() - loader)
    }
}

/// One run: `send` has the connection, `sink` the contender's stdout. Tells when the connection was there.
fn transfer<T: Send>(
    contender: &Contender,
    program: &str,
    options: &Options,
    send: impl FnOnce(TcpStream) -> io::Result<()> + Send,
    sink: impl FnOnce(ChildStdout) -> Result<T> + Send,
) -> Result<(T, Instant, Usage)> {
    // A port that was free a moment ago: peers cannot all be asked to choose one and tell.
    let (listener, port) = load::listener()?;
    drop(listener);
    let mut running = Running::start(&words(contender, program, port), Stdio::null(), Stdio::piped())?;
    let stdout = running.stdout()?;
    puerta::io::set_pipe_size(&stdout, options.pipe).map_err(|e| e.to_string())?;
    thread::scope(|scope| {
        let taker = scope.spawn(move || sink(stdout));
        let connected = load::connect(port, || running.has_ended());
        let begin = Instant::now();
        let failure = match connected {
            Ok(stream) => {
                scope.spawn(move || send(stream));
                None
            }
            Err(message) => {
                running.kill();
                Some(message)
            }
        };
        let watched = running.watch();
        let taken = taker.join().map_err(|_| "the sink failed".to_owned())?;
        let usage = watched?;
        match failure {
            None => Ok((taken?, begin, usage)),
            Some(message) => Err(format!("{message}; {}", usage.ending())),
        }
    })
}
