//! The words for problems: one place, so that they can be translated.

use crate::event::Event;
use crate::problem::{Absence, Problem, Refusal};
use puerta::{Call, Error, errno};
use puerta_text::visible;
use std::borrow::Cow;
use std::{fmt, io};

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Root { path, error } => write!(f, "cannot open the folder {path}: {}", reason(error)),
            Problem::NotAFolder { path } => write!(f, "{path} is no folder (ENOTDIR)"),
            Problem::NoOpenat2 => {
                f.write_str("this system has no openat2 (ENOSYS), which keeps a path below its folder")
            }
            Problem::System(error) => write!(f, "the system refused: {}", reason(error)),
        }
    }
}

impl Problem {
    /// What to do about it, in a line.
    pub fn hint(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(match self {
            Problem::Root { error, .. } => match error.raw_os_error() {
                Some(errno::ENOENT) => "check the folder's name; without one, the current folder is served",
                Some(errno::EACCES) => "check that you may enter the folder and all those above it",
                _ => return None,
            },
            Problem::NotAFolder { .. } => "name the folder that the file lies in",
            Problem::NoOpenat2 => "it needs Linux 5.6, and a container whose seccomp profile lets openat2 through",
            Problem::System(error) => match error.raw_os_error() {
                Some(errno::EMFILE | errno::ENFILE) => "there are too few descriptors: raise the limit (`ulimit -n`)",
                Some(errno::EAGAIN) => {
                    "there are too many threads or processes: end some, or raise the limit (`ulimit -u`)"
                }
                _ => return None,
            },
        }))
    }

    /// The exit status: the table of all commands.
    pub fn status(&self) -> u8 {
        match self {
            Problem::Root { .. } | Problem::NotAFolder { .. } => 8,
            Problem::NoOpenat2 | Problem::System(_) => 1,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Missing(absence) => write!(f, "{absence}"),
            Refusal::Forbidden(errno) | Refusal::Exhausted(errno) | Refusal::Failed(errno) => {
                f.write_str(&reason(&io::Error::from_raw_os_error(*errno)))
            }
            Refusal::Crowded => f.write_str("too many files are being looked up at once"),
            Refusal::Truncated => f.write_str("it became shorter while it was read"),
        }
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Absence::Nothing => "there is nothing of that name",
            Absence::Outside => "a symbolic link leads out of the folder, or is absolute",
            Absence::Special => "it is neither a regular file nor a folder",
            Absence::Loop => "symbolic links lead in a circle",
            Absence::TooLong => "the name is too long",
        })
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |path: &[u8]| visible(&String::from_utf8_lossy(path)).to_string();
        match self {
            Event::Full(most) => write!(f, "{most} connections: more get 503 until some have ended"),
            Event::Crowded { peer, max } => {
                write!(f, "{max} connections from {peer}: more get 503 until some have ended")
            }
            Event::Paused(error) => write!(f, "accepting pauses: {error}"),
            Event::Resumed => f.write_str("accepting again"),
            Event::Lost(error) => write!(f, "a connection is lost: {error}"),
            Event::Cut { path, refusal } => {
                write!(f, "{}: {refusal}; the connection that it was sent on is reset", shown(path))
            }
            Event::LogBehind(lines) => write!(f, "the access log is behind: {lines} lines are missing"),
            Event::LogFailed(error) => write!(f, "the access log cannot be written: {}", reason(error)),
            Event::NotServed { path, refusal } => write!(f, "{}: not served: {refusal}", shown(path)),
        }
    }
}

/// The reason and the errno by name, as the library's errors have them.
fn reason(error: &io::Error) -> String {
    if error.raw_os_error().is_none() {
        return error.to_string();
    }
    // Only its words are used, and they do not depend on the call.
    let error = Error::from_io(Call::Bind, error);
    format!("{} ({})", error.reason(), error.name())
}
