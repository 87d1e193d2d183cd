//! A process for each client: its standard input and output are pipes that we pump.

use crate::counters::Counters;
use crate::local::Local;
use crate::problem::Problem;
use crate::pump::{Sink, View};
use crate::session::{self, Options};
use crate::transform::Show;
use crate::verdict::{How, Side, Verdict};
use crate::wire::Wire;
use crate::words::shown;
use puerta::Endpoint;
use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::Mutex;

/// How long a child whose connection broke may go on before it is killed.
const GRACE: Duration = Duration::from_secs(1);

/// A program and its arguments: never a shell string.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program's name or path.
    pub name: OsString,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

/// A child with both ends of its pipes.
pub(crate) struct Child {
    pub(crate) process: tokio::process::Child,
    pub(crate) input: Local,
    pub(crate) output: Local,
}

impl Program {
    /// Starts it for a peer, whose address it finds in `PUERTA_PEER`, and ours in `PUERTA_LOCAL`.
    ///
    /// # Errors
    /// [`Problem::Spawn`].
    pub(crate) fn start(&self, local: &Endpoint, peer: &Endpoint) -> Result<Child, Problem> {
        let failed = |error| Problem::Spawn { program: self.shown(), error };
        let mut command = Command::new(&self.name);
        command.args(&self.arguments);
        command.env("PUERTA_LOCAL", shown(local).to_string()).env("PUERTA_PEER", shown(peer).to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(failed)?;
        let (Some(stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(failed(std::io::ErrorKind::BrokenPipe.into()));
        };
        let input = Local::owned(stdin.into_owned_fd().map_err(failed)?).map_err(Problem::Socket)?;
        let output = Local::owned(stdout.into_owned_fd().map_err(failed)?).map_err(Problem::Socket)?;
        Ok(Child { process, input, output })
    }

    /// The name for people.
    pub fn shown(&self) -> String {
        puerta_text::visible(&self.name.to_string_lossy()).into_owned()
    }

    /// What a child's end means: nothing, or a problem.
    pub(crate) fn judge(&self, status: std::io::Result<ExitStatus>) -> Option<Problem> {
        match status {
            Ok(status) if status.success() => None,
            Ok(status) => Some(Problem::Child { program: self.shown(), status: status.to_string() }),
            Err(error) => Some(Problem::System(error)),
        }
    }
}

/// Serves one connection by one child. Its end of output half-closes; what it printed last is delivered though it has
/// exited; its status is part of the verdict.
pub(crate) async fn serve(
    wire: &Wire,
    program: &Program,
    started: Result<Child, Problem>,
    options: &Options,
    counters: &Counters,
) -> Verdict {
    let Child { mut process, input, output } = match started {
        Ok(child) => child,
        Err(problem) => return session::verdict(counters, Side::Us, How::Local, Some(problem)),
    };
    let sink = Mutex::new(Sink::child(input));
    let mut view = View { show: Show::Raw, tag: None };
    let mut verdict = session::exchange(wire, &output, &sink, &mut view, options, counters, None).await;
    drop((sink, output));
    let ended = end(&mut process, verdict.status() != 0).await;
    if let (None, Some(problem)) = (&verdict.problem, program.judge(ended)) {
        verdict.how = How::Local;
        verdict.closed_by = Side::Us;
        verdict.problem = Some(problem);
    }
    verdict
}

/// Waits for the child; one whose connection broke gets a second.
pub(crate) async fn end(process: &mut tokio::process::Child, broken: bool) -> std::io::Result<ExitStatus> {
    if broken && tokio::time::timeout(GRACE, process.wait()).await.is_err() {
        process.start_kill()?;
    }
    process.wait().await
}
