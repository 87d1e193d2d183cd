//! Names and passwords for `--auth`: asked for on the terminal, or read from a file. Never an argument, never the environment:
//! others can read those.

use super::hidden::{self, Typed};
use super::trouble::Trouble;
use puerta_serve::gate::password::User;
use puerta_serve::tls::{Closed, file};
use std::path::Path;

/// The users of `--auth NAME` and `--auth NAME:FILE`.
pub(super) fn users(given: &[String]) -> Result<Vec<User>, Trouble> {
    given.iter().map(|text| user(text)).collect()
}

fn user(text: &str) -> Result<User, Trouble> {
    if text.is_empty() || text.starts_with(':') {
        return Err(Trouble::usage("--auth lacks the name of a user", "write --auth NAME, or --auth NAME:FILE"));
    }
    match text.split_once(':') {
        Some((name, path)) => from_file(name, Path::new(path)),
        None => ask(text),
    }
}

/// The first line of a file that others cannot read: the password, or its hash, which begins with `$argon2`.
fn from_file(name: &str, path: &Path) -> Result<User, Trouble> {
    let content = file(path, Closed::ToAll)?;
    let line = content.split(|&b| b == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match std::str::from_utf8(line) {
        Ok(hash) if hash.starts_with("$argon2") => Ok(User::hashed(name, hash.trim_end())?),
        _ => Ok(User::new(name, line)?),
    }
}

/// Twice, since nobody sees what is typed.
fn ask(name: &str) -> Result<User, Trouble> {
    let asked = |text: String| match hidden::line(&text) {
        Ok(Typed::Line(password)) => Ok(password),
        Ok(Typed::Stopped(how)) => Err(Trouble::Stopped(how)),
        Err(error) => Err(Trouble::NoTerminal(name.to_owned(), error)),
    };
    let shown = puerta_text::visible(name);
    let password = asked(format!("Password for {shown}: "))?;
    let user = User::new(name, password.as_bytes())?;
    if asked(format!("Once more, for {shown}: "))? != password {
        return Err(Trouble::usage("the two are not the same", "type the password again"));
    }
    Ok(user)
}
