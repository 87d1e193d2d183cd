//! Bytes from a pipe into a TCP peer.

use super::bulk::{Bulk, Run, Sink, Transfer};
use crate::Result;
use crate::contender::Contender;
use crate::load;
use crate::process::Running;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

pub(crate) struct StdinToTcp;

impl Bulk for StdinToTcp {
    const NAME: &'static str = "stdin-to-tcp";
    const ABOUT: &'static str = "bytes from a pipe into a TCP peer";

    fn contenders(&self) -> Vec<Contender> {
        vec![
            Contender::ours("puerta connect", &["connect", "127.0.0.1:PORT"]),
            Contender::peer("nc -N", "nc", "netcat-openbsd", &["-N", "127.0.0.1", "PORT"]),
            Contender::peer("ncat --send-only", "ncat", "ncat", &["--send-only", "127.0.0.1", "PORT"]),
            Contender::peer("socat -u", "socat", "socat", &["-u", "-", "TCP:127.0.0.1:PORT"]),
        ]
    }

    /// The sender writes into the contender's stdin, `sink` takes the connection. The clock runs from before the contender is
    /// started. A pipe has no lighter sender: splicing into it would save the copy that a real writer makes.
    fn transfer<T: Send>(&self, run: &Run<'_>, _light: bool, sink: impl Sink<T>) -> Result<Transfer<T>> {
        let begin = Instant::now();
        let (listener, port) = load::listener()?;
        let mut running = Running::start(&run.words(port), Stdio::piped(), Stdio::null())?;
        let stdin = running.stdin()?;
        puerta::io::set_pipe_size(&stdin, run.pipe).map_err(|e| e.to_string())?;
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(move || run.source.write_to(stdin));
            let taker =
                scope.spawn(|| load::accept(&listener, &over).map(|stream| sink(File::from(OwnedFd::from(stream)))));
            let watched = running.watch();
            over.store(true, Ordering::Release);
            let taken = taker.join().map_err(|_| "the sink failed".to_owned())?;
            let usage = watched?;
            match taken {
                Ok(taken) => Ok(Transfer { taken: taken?, begin, usage }),
                Err(message) => Err(format!("{message}; {}", usage.ending())),
            }
        })
    }
}
