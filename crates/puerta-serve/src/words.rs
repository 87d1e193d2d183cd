//! The words for problems: one place, so that they can be translated.

use crate::event::Event;
use crate::problem::{Absence, Problem, Refusal};
use puerta::{Call, Error, errno};
use puerta_text::visible;
use std::borrow::Cow;
use std::net::IpAddr;
use std::path::Path;
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
            Problem::File { path, error } => write!(f, "cannot read {}: {}", visible(path), reason(error)),
            Problem::TooOpen { path, mode } => {
                write!(f, "{} has a secret in it, and others can get at it (mode {mode:04o})", visible(path))
            }
            Problem::NoCertificate { path } => write!(f, "there is no certificate in {}", visible(path)),
            Problem::BadCertificate { path } => write!(f, "the certificate in {} is malformed", visible(path)),
            Problem::NoKey { path } => write!(f, "there is no private key in {}", visible(path)),
            Problem::BadKey { path } => {
                write!(f, "the key in {} is malformed, or of a kind that is not known", visible(path))
            }
            Problem::EncryptedKey { path } => write!(f, "the key in {} is locked with a password", visible(path)),
            Problem::OtherKey { certificate, key } => {
                write!(f, "the key in {} is not that of the certificate in {}", visible(key), visible(certificate))
            }
            Problem::Expired { path, date } => {
                write!(f, "the certificate in {} has expired{}", visible(path), behind(": ", date))
            }
            Problem::NotYet { path, date } => {
                write!(f, "the certificate in {} is not valid yet{}", visible(path), behind(", but from ", date))
            }
            Problem::NotMade => f.write_str("a certificate could not be made"),
            Problem::NotKept { path, error } => {
                write!(f, "the certificate that was made cannot be kept in {}: {}", visible(path), reason(error))
            }
            Problem::Tls(error) => write!(f, "TLS cannot be set up: {error}"),
            Problem::BadUser(name) => write!(f, "'{}' cannot be a name", visible(name)),
            Problem::BadPassword => f.write_str("this cannot be a password"),
            Problem::BadHash => f.write_str("this is no hash of argon2, or one that asks for too much"),
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
            Problem::NotAFolder { path } => {
                let folder = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = folder.unwrap_or(Path::new(".")).display();
                return Some(format!("serve the folder that the file lies in: puerta serve {folder}").into());
            }
            Problem::NoOpenat2 => "it needs Linux 5.6, and a container whose seccomp profile lets openat2 through",
            Problem::System(error) => match error.raw_os_error() {
                Some(errno::EMFILE | errno::ENFILE) => "there are too few descriptors: raise the limit (`ulimit -n`)",
                Some(errno::EAGAIN) => {
                    "there are too many threads or processes: end some, or raise the limit (`ulimit -u`)"
                }
                _ => return None,
            },
            Problem::File { error, .. } => match error.raw_os_error() {
                Some(errno::ENOENT) => "check its name",
                Some(errno::EACCES) => "check that you may read it, and enter the folders above it",
                _ => "a certificate, a key or a password is expected in it, 1 MiB at most",
            },
            Problem::TooOpen { path, .. } => return Some(Cow::Owned(format!("close it: chmod 600 {}", visible(path)))),
            Problem::NoCertificate { .. } => "--cert takes PEM: it begins with -----BEGIN CERTIFICATE-----",
            Problem::BadCertificate { .. } => "look at it with: openssl x509 -text -in FILE",
            Problem::NoKey { .. } => "--key takes PEM: it begins with -----BEGIN PRIVATE KEY-----",
            Problem::BadKey { .. } => "look at it with: openssl pkey -noout -text -in FILE",
            Problem::EncryptedKey { path } => {
                return Some(Cow::Owned(format!(
                    "unlock it: (umask 077; openssl pkey -in {} -out key.pem)",
                    visible(path)
                )));
            }
            Problem::OtherKey { .. } => {
                "give the two that were made together; the server's own certificate comes first in its file"
            }
            Problem::Expired { .. } => "renew it, or have one made: --tls",
            Problem::NotYet { .. } => "check the clock of this machine (date)",
            Problem::NotMade => "give one: --cert FILE --key FILE",
            Problem::NotKept { .. } => "check that you may write there, or give one: --cert FILE --key FILE",
            Problem::Tls(_) => return None,
            Problem::BadUser(_) => {
                "a name is not empty, has no colon and no control characters, and is no longer than 255 bytes"
            }
            Problem::BadPassword => "a password is not empty and has no control characters",
            Problem::BadHash => "a hash begins with $argon2id$ and asks for 1 GiB and 64 passes at most",
        }))
    }

    /// The exit status: the table of all commands.
    pub fn status(&self) -> u8 {
        match self {
            Problem::NoOpenat2 | Problem::System(_) | Problem::NotMade | Problem::Tls(_) => 1,
            Problem::BadUser(_) => 2,
            _ => 8,
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
            Refusal::Busy => f.write_str("another file is being compressed for who refuses it as it is"),
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
            Absence::Gone => "it was removed, and what may have its name now is another one",
        })
    }
}

/// An address of IPv4, or a /64.
fn shown_network(network: IpAddr) -> String {
    if network.is_ipv4() { network.to_string() } else { format!("{network}/64") }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |path: &[u8]| match path {
            b"" => "the folder".to_owned(),
            path => visible(&String::from_utf8_lossy(path)).to_string(),
        };
        match self {
            Event::Full(most) => write!(f, "{most} connections: more are turned away until some have ended"),
            Event::Crowded { network, max } => {
                let network = shown_network(*network);
                write!(f, "{max} connections from {network}: more are turned away until some have ended")
            }
            Event::Fewer { asked, connections, descriptors } => {
                write!(f, "{connections} connections at once, not {asked}: there are {descriptors} descriptors")
            }
            Event::Paused(error) => write!(f, "accepting pauses: {error}"),
            Event::Resumed => f.write_str("accepting again"),
            Event::Lost(error) => write!(f, "a connection is lost: {error}"),
            Event::Cut { path, refusal } => {
                write!(f, "{}: {refusal}; the connection that it was sent on is reset", shown(path))
            }
            Event::LogBehind(1) => f.write_str("1 line of the access log is missing"),
            Event::LogBehind(lines) => write!(f, "{lines} lines of the access log are missing"),
            Event::LogFailed(error) => write!(f, "the access log cannot be written: {}", reason(error)),
            Event::TicketUsed(Some(peer)) => write!(f, "the link was used by {peer}: it works for nobody else"),
            Event::TicketExpired => f.write_str("the link has expired: nobody is let in any more"),
            Event::TicketUsed(None) => f.write_str("the link was used: it works for nobody else"),
            Event::Certificate { date, over: false, .. } => {
                write!(f, "the certificate ends soon: {date}")
            }
            Event::Certificate { date, over: true, .. } => {
                write!(f, "the certificate has expired: {date}; browsers do not trust it any more")
            }
            Event::NotServed { path, refusal } => write!(f, "{}: not served: {refusal}", shown(path)),
        }
    }
}

impl Event<'_> {
    /// The network of [`Event::Crowded`]: an address of IPv4, or a /64.
    pub fn network(&self) -> Option<String> {
        match self {
            Event::Crowded { network, .. } => Some(shown_network(*network)),
            _ => None,
        }
    }

    /// What to do about it, in a line, where the words do not say so.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Event::Full(_) => "--max N allows more, as far as there are descriptors (`ulimit -n`)",
            Event::Fewer { .. } => {
                "raise the hard limit: LimitNOFILE= in a unit of systemd, `ulimit -Hn` in a shell; or ask for fewer: --max"
            }
            Event::Crowded { .. } => "--max-per-address N allows more, as behind a server whose address all have",
            Event::Paused(error) if matches!(error.name().as_ref(), "EMFILE" | "ENFILE") => {
                "there are too few descriptors: raise the limit (`ulimit -n`), or set --max below it"
            }
            Event::NotServed { refusal: Refusal::Exhausted(errno::EMFILE | errno::ENFILE), .. } => {
                "there are too few descriptors: raise the limit (`ulimit -n`), or set --max below it"
            }
            Event::TicketExpired => "start this again for a new one",
            Event::Certificate { made: true, .. } => "start this again: it is made anew in its last two weeks",
            Event::Certificate { made: false, .. } => "renew it, then send SIGHUP: both files are read anew",
            Event::LogFailed(error) => match error.raw_os_error() {
                Some(errno::ENOSPC) => "make room; lines are written again as soon as there is",
                Some(errno::EACCES) => "check that its folder is still the same, and that you may write there",
                _ => return None,
            },
            Event::NotServed { refusal: Refusal::Missing(Absence::Gone), .. } => {
                "start this again: it keeps to the folder that was there at the start"
            }
            _ => return None,
        })
    }
}

/// Nothing, where nothing is known.
fn behind(before: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{before}{text}") }
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
