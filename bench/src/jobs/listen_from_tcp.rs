//! Bytes from a TCP peer that connects, into a pipe.

use super::bulk::{Bulk, Run, Sink, Transfer};
use crate::Result;
use crate::contender::Contender;
use crate::load;
use crate::process::Running;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::thread;
use std::time::Instant;

pub(crate) struct ListenFromTcp;

impl Bulk for ListenFromTcp {
    const NAME: &'static str = "listen-from-tcp";
    const ABOUT: &'static str = "bytes from a TCP peer into a pipe";

    fn contenders(&self) -> Vec<Contender> {
        vec![
            Contender::ours("puerta listen", &["listen", "127.0.0.1:PORT"]),
            Contender::peer("nc -l", "nc", "netcat-openbsd", &["-l", "127.0.0.1", "PORT"]),
            Contender::peer("ncat -l --recv-only", "ncat", "ncat", &["-l", "--recv-only", "127.0.0.1", "PORT"]),
            Contender::peer("socat -u TCP-LISTEN", "socat", "socat", &["-u", "TCP-LISTEN:PORT,bind=127.0.0.1", "-"]),
        ]
    }

    /// The sender has the connection, `sink` the contender's stdout. The clock runs from when the connection is there.
    fn transfer<T: Send>(&self, run: &Run<'_>, light: bool, sink: impl Sink<T>) -> Result<Transfer<T>> {
        let file = load::block_file()?;
        let port = load::free_port()?;
        let mut running = Running::start(&run.words(port), Stdio::null(), Stdio::piped())?;
        let stdout = running.stdout()?;
        puerta::io::set_pipe_size(&stdout, run.pipe).map_err(|e| e.to_string())?;
        thread::scope(|scope| {
            let taker = scope.spawn(move || sink(File::from(OwnedFd::from(stdout))));
            let connected = load::connect(port, || running.has_ended());
            let begin = Instant::now();
            let failure = match connected {
                Ok(stream) => {
                    scope.spawn(move || match light {
                        true => run.source.send_file_to(&stream, &file),
                        false => run.source.write_to(&stream),
                    });
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
                None => Ok(Transfer { taken: taken?, begin, usage }),
                Some(message) => Err(format!("{message}; {}", usage.ending())),
            }
        })
    }
}
