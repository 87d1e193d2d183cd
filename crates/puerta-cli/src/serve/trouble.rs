//! What ends `serve`, or keeps it from starting.

use crate::report::Reporter;
use puerta::{ParseError, errno};
use puerta_relay::verdict::How;
use puerta_text::visible;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why nothing is served any more.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The command line is wrong.
    Usage(String, String),
    /// An address is none.
    Address(String, ParseError),
    /// Binding and listening.
    Listen(puerta_relay::problem::Problem),
    /// A descriptor that we were started with.
    Inherited(i32, puerta::Error),
    /// The folder, or threads.
    Serve(puerta_serve::problem::Problem),
    /// A password could not be asked for, for this user.
    NoTerminal(String, io::Error),
    /// A signal, or Ctrl-C, instead of a password.
    Stopped(How),
    /// The kernel refused the sandbox.
    Sandbox(io::Error),
    /// The log could not be opened.
    Log(PathBuf, io::Error),
}

impl Trouble {
    pub(crate) fn usage(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Trouble::Usage(what.into(), hint.into())
    }

    pub(crate) fn system(error: io::Error) -> Self {
        Trouble::Serve(puerta_serve::problem::Problem::System(error))
    }

    /// Says it; the status is that of the table of all commands.
    pub(crate) fn tell(&self, reporter: Reporter) -> ExitCode {
        let (message, hint, status) = match self {
            Trouble::Usage(what, hint) => (what.clone(), Some(hint.clone()), 2),
            Trouble::Address(text, error) => return reporter.bad_address(text, error),
            Trouble::Listen(problem) => return reporter.problem(problem),
            Trouble::Inherited(number, error) => (
                format!("descriptor {number} is no listening stream socket: {}", error.reason()),
                Some("name one that we are started with, as systemd or systemd-socket-activate passes it".to_owned()),
                5,
            ),
            Trouble::Serve(problem) => {
                (problem.to_string(), problem.hint().map(std::borrow::Cow::into_owned), problem.status())
            }
            Trouble::NoTerminal(user, error) => (
                format!("the password cannot be asked for: {error}"),
                Some(format!("put it into a file that nobody else can read: --auth {}:FILE", visible(user))),
                8,
            ),
            Trouble::Stopped(How::Terminated) => return ExitCode::from(143),
            Trouble::Stopped(_) => return ExitCode::from(130),
            Trouble::Sandbox(error) => {
                (format!("cannot close the sandbox: {error}"), Some("--no-sandbox serves without it".to_owned()), 1)
            }
            Trouble::Log(path, error) => {
                let hint = match error.raw_os_error() {
                    Some(errno::ENOENT) => Some("make its folder first (`mkdir -p`)"),
                    Some(errno::EACCES) => Some("check that you may write there"),
                    Some(errno::ENXIO) => Some("nobody reads this pipe: start its reader first"),
                    _ => None,
                };
                // Only its words are used, and they do not depend on the call.
                let error = puerta::Error::from_io(puerta::Call::Write, error);
                let (path, reason) = (path.to_string_lossy(), error.reason());
                let message = format!("cannot open the log {}: {reason} ({})", visible(&path), error.name());
                (message, hint.map(str::to_owned), 8)
            }
        };
        ExitCode::from(reporter.trouble(&message, hint.as_deref(), status))
    }
}

impl From<puerta_relay::problem::Problem> for Trouble {
    fn from(problem: puerta_relay::problem::Problem) -> Self {
        Trouble::Listen(problem)
    }
}

impl From<puerta_serve::problem::Problem> for Trouble {
    fn from(problem: puerta_serve::problem::Problem) -> Self {
        Trouble::Serve(problem)
    }
}
