//! What to write in place of a command line that is refused: options as other programs have them, a value without its equals sign, an
//! address where none stands.

use crate::arguments::Cli;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory};
use puerta::{Address, Service, Target, Transport};

/// The port of an example, where none was given.
const PORT: u16 = 8080;

/// A command, options that other programs have for the same, and ours; `{port}` is the port that was given.
const ELSEWHERE: &[(&str, &[&str], &str)] = &[
    ("serve", &["--port", "-p", "-l"], "--listen :{port}, or --listen localhost:{port} for this machine alone"),
    ("serve", &["--bind", "-b", "--address", "--host"], "--listen HOST:PORT, or --listen :PORT for all interfaces"),
    ("serve", &["--directory", "-d", "--dir", "--root", "-r"], "the folder needs no option: puerta serve DIR"),
    ("serve", &["--https", "--ssl", "-S"], "--tls, or --cert FILE --key FILE for a certificate of your own"),
    ("serve", &["--ssl-cert", "--ssl-key", "--tls-cert", "--tls-key", "-C", "-K"], "--cert FILE --key FILE"),
    ("serve", &["--qr", "--qrcode"], "--share shows its link as a QR code"),
    ("serve", &["--password", "--username", "--user", "-u"], "--auth NAME asks for the password"),
    ("serve", &["--access-log", "--log-file", "--logfile"], "--log FILE, or --log - for stdout"),
    ("serve", &["--no-cache"], "--cache never"),
    ("serve", &["--single", "-s"], "--spa"),
    ("serve", &["--timeout"], "--within TIME for the head of a request, --idle TIME between two"),
    ("connect", &["--port", "-p"], "HOST:PORT is one word; for a port of our own: --source :{port}"),
    ("connect", &["--listen", "-l"], "puerta listen :{port}"),
    ("connect", &["--udp", "-u"], "udp:HOST:PORT"),
    ("connect", &["--unix", "-U"], "a Unix socket is its path: /path, ./path, or @name"),
    ("connect", &["--timeout", "--wait", "-w"], "--within TIME to connect, --idle TIME without a byte"),
    ("connect", &["-s"], "--source IP, or --source IP:PORT"),
    ("connect", &["-z"], "--probe"),
    (
        "connect",
        &["--exec", "--sh-exec", "-e", "-c"],
        "a program stands last, behind two hyphens: -- PROGRAM ARGUMENTS",
    ),
    ("connect", &["-C"], "--crlf"),
    ("listen", &["--port", "-p", "--listen", "-l"], "puerta listen :{port}"),
    ("listen", &["--bind", "-s"], "puerta listen HOST:PORT"),
    ("listen", &["--udp", "-u"], "udp::{port}"),
    ("listen", &["--unix", "-U"], "a Unix socket is its path: /path, ./path, or @name"),
    ("listen", &["--keep-open", "-k"], "--keep"),
    ("listen", &["--max-conns", "-m"], "--max N"),
    ("listen", &["--timeout", "--wait", "-w", "--within"], "--idle TIME without a byte"),
    ("listen", &["--exec", "--sh-exec", "-e", "-c"], "a program stands last, behind two hyphens: -- PROGRAM ARGUMENTS"),
    ("listen", &["-C"], "--crlf"),
    ("talk", &["--port", "-p"], "HOST:PORT is one word; for a hub of our own: --listen :{port}"),
    ("talk", &["--bind"], "--listen HOST:PORT"),
    ("talk", &["--udp", "-u"], "--plain talks over UDP, as nc -u does"),
    ("talk", &["--server", "--serve", "--hub"], "--host"),
];

/// The command line, up to `--`: what follows is another program's.
pub(crate) fn words() -> Vec<String> {
    let words = std::env::args_os().skip(1).take_while(|word| word != "--");
    words.map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The same error, with what was probably meant; `words` is the command line without the program's name.
pub(crate) fn advised(mut error: clap::Error, words: &[String]) -> clap::Error {
    let mut cli = Cli::command();
    cli.build();
    let Some(command) = words.first().and_then(|name| cli.find_subcommand_mut(name)) else {
        return without_trailing(error);
    };
    if error.get(ContextKind::Usage).is_some() {
        // That of the error has what was given as if it were required.
        error.insert(ContextKind::Usage, ContextValue::StyledStr(command.render_usage()));
    }
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(ContextValue::String(unknown)) = error.get(ContextKind::InvalidArg)
        && let Some(tip) = instead(command, unknown, words)
    {
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
        return error;
    }
    without_trailing(error)
}

/// For a folder to serve that is not there: what else its name was meant to be.
pub(crate) fn no_folder(name: &str, words: &[String]) -> Option<String> {
    let mut cli = Cli::command();
    cli.build();
    let serve = cli.find_subcommand("serve")?;
    let joined = unjoined(serve, words).filter(|(_, value)| value == name).map(joined);
    joined.or_else(|| to_listen_on(name).map(|at| format!("puerta serve --listen {at}")))
}

/// No option of ours is a value.
fn without_trailing(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::StyledStrs(mut tips)) = error.remove(ContextKind::Suggested) {
        tips.retain(|tip| !tip.to_string().starts_with("to pass "));
        if !tips.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
    error
}

fn instead(command: &Command, unknown: &str, words: &[String]) -> Option<String> {
    if ["--version", "-V"].contains(&unknown) {
        return Some("puerta --version".to_owned());
    }
    if unknown.starts_with('-') {
        let known =
            |(name, options, _): &&(&str, &[&str], &str)| *name == command.get_name() && options.contains(&unknown);
        let (_, _, ours) = ELSEWHERE.iter().find(known)?;
        return Some(ours.replace("{port}", &port_of(unknown, words).unwrap_or(PORT).to_string()));
    }
    if let Some(pair) = unjoined(command, words) {
        return Some(joined(pair));
    }
    if command.get_name() == "serve" {
        return to_listen_on(unknown).map(|at| format!("--listen {at}"));
    }
    let at = words.iter().position(|word| word == unknown)?;
    let host = words.get(at.checked_sub(1)?).filter(|host| at > 1 && !host.starts_with('-') && !host.contains(':'))?;
    is_port(unknown).then(|| format!("host and port are one word: {host}:{unknown}"))
}

/// The port that an option was given: `--port 80`, `--port=80`, `-p80`, or at the end of an address.
fn port_of(option: &str, words: &[String]) -> Option<u16> {
    let at = words.iter().position(|word| word.starts_with(option))?;
    let value = match words.get(at)?.strip_prefix(option)?.trim_start_matches('=') {
        "" => words.get(at + 1)?,
        value => value,
    };
    value.rsplit(':').next()?.parse().ok()
}

/// An option that takes a value behind `=` alone, and the word that stands behind it instead.
fn unjoined(command: &Command, words: &[String]) -> Option<(String, String)> {
    let joins = |word: &str| {
        let name = word.strip_prefix("--");
        name.is_some() && command.get_arguments().any(|a| a.is_require_equals_set() && a.get_long() == name)
    };
    let mut pairs = words.iter().zip(words.iter().skip(1));
    let (option, value) = pairs.find(|(option, value)| joins(option) && !value.starts_with('-'))?;
    Some((option.clone(), value.clone()))
}

fn joined((option, value): (String, String)) -> String {
    format!("a value of {option} is joined to it: {option}={value}")
}

/// A port, or an address, as `--listen` takes it.
fn to_listen_on(word: &str) -> Option<String> {
    if is_port(word) {
        return Some(format!(":{word}"));
    }
    let address = word.parse().ok();
    let has_port = matches!(
        address,
        Some(Address { transport: Transport::Tcp, target: Target::Inet { service: Service::Port(_), .. } })
    );
    has_port.then(|| word.to_owned())
}

fn is_port(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit()) && word.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn options_of_other_programs_are_none_of_ours_and_those_in_their_place_are() {
        let mut cli = Cli::command();
        cli.build();
        for (name, others, ours) in ELSEWHERE {
            let command = cli.find_subcommand(name).unwrap();
            let has = |word: &str| match word.strip_prefix("--") {
                Some(long) => command.get_arguments().any(|a| a.get_long() == Some(long)),
                None => command.get_arguments().any(|a| a.get_short() == word.chars().nth(1)),
            };
            for other in *others {
                assert!(!has(other), "{name} has {other}");
            }
            let options = ours.split([' ', ',']).filter(|word| word.len() > 2 && word.starts_with("--"));
            for option in options {
                assert!(has(option), "{name} has no {option}: {ours}");
            }
        }
    }
}
