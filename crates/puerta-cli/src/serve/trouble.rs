//! What ends `serve`, or keeps it from starting.

use crate::advice;
use crate::report::Reporter;
use puerta::{ParseError, errno};
use puerta_relay::verdict::How;
use puerta_serve::problem::Problem;
use puerta_text::visible;
use std::borrow::Cow;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
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
    Serve(Problem),
    /// A user's password cannot be had from this file.
    Password { user: String, path: String, problem: Problem },
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
        Trouble::Serve(Problem::System(error))
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
                let meant = match problem {
                    Problem::Root { path, error } if error.raw_os_error() == Some(errno::ENOENT) => {
                        advice::no_folder(path, &advice::words())
                    }
                    _ => None,
                };
                let hint = meant.or_else(|| problem.hint().map(Cow::into_owned));
                (problem.to_string(), hint, problem.status())
            }
            Trouble::Password { user, path, problem } => bad_password(user, path, problem),
            Trouble::NoTerminal(user, error) => {
                let hint = format!("put it into a file that nobody else can read: --auth {}:FILE", visible(user));
                (format!("the password cannot be asked for: {}", unasked(error)), Some(hint), 8)
            }
            Trouble::Stopped(How::Terminated) => return ExitCode::from(143),
            Trouble::Stopped(_) => return ExitCode::from(130),
            Trouble::Sandbox(error) => {
                (format!("cannot close the sandbox: {error}"), Some("--no-sandbox serves without it".to_owned()), 1)
            }
            Trouble::Log(path, error) => {
                let hint = match error.raw_os_error() {
                    Some(errno::ENOENT) => Some("make its folder first (`mkdir -p`)"),
                    Some(errno::EACCES) => Some("check that you may write there"),
                    // What open(2) says of a socket, too: systemd gives one for stdout.
                    Some(errno::ENXIO) if is_socket(path) => {
                        Some("that is a socket; for standard output write --log -")
                    }
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

fn is_socket(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.file_type().is_socket())
}

/// Why nothing can be asked on the terminal.
fn unasked(error: &io::Error) -> String {
    if error.raw_os_error().is_none() {
        return error.to_string();
    }
    // Only its words are used, and they do not depend on the call.
    let error = puerta::Error::from_io(puerta::Call::Ioctl, error);
    let (name, reason) = (error.name(), error.reason());
    let reason = if matches!(name.as_ref(), "ENXIO" | "ENOTTY") { "there is no terminal" } else { &reason };
    format!("{reason} ({name})")
}

/// With the path where the problem's words lack it; what stands where a file should may have been meant as a password.
fn bad_password(user: &str, path: &str, problem: &Problem) -> (String, Option<String>, u8) {
    let hint = match problem {
        Problem::File { error, .. } if error.raw_os_error() == Some(errno::ENOENT) => {
            Some(format!("behind the colon stands a file; --auth {} asks for the password", visible(user)))
        }
        problem => problem.hint().map(Cow::into_owned),
    };
    let message = match problem {
        Problem::BadPassword | Problem::BadHash => format!("{}: {problem}", visible(path)),
        problem => problem.to_string(),
    };
    (message, hint, problem.status())
}

impl From<puerta_relay::problem::Problem> for Trouble {
    fn from(problem: puerta_relay::problem::Problem) -> Self {
        Trouble::Listen(problem)
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Trouble::Serve(problem)
    }
}
