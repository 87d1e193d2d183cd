//! Names and passwords for `--auth`: asked for on the terminal, or read from a file. Never an argument, never the environment:
//! others can read those.

use super::hidden::{self, Typed};
use super::trouble::Trouble;
use puerta_serve::gate::password::User;
use puerta_serve::tls::{Closed, file};
use puerta_text::visible;
use std::collections::HashSet;
use std::path::Path;

/// How often a password is asked for, where nothing is typed, or not the same again.
const TRIES: usize = 3;

/// The users of `--auth NAME` and `--auth NAME:FILE`.
pub(super) fn users(given: &[String]) -> Result<Vec<User>, Trouble> {
    let all: Vec<_> = given.iter().map(|text| Given::read(text)).collect::<Result<_, _>>()?;
    let mut names = HashSet::new();
    if let Some(twice) = all.iter().find(|given| !names.insert(given.name)) {
        let what = format!("--auth is there twice for {}", visible(twice.name));
        return Err(Trouble::usage(what, "a name has one password: leave one out, or give another name"));
    }
    let user = |given: &Given<'_>| given.path.map_or_else(|| ask(given.name), |path| from_file(given.name, path));
    all.iter().map(user).collect()
}

/// What `--auth` says.
struct Given<'a> {
    name: &'a str,
    path: Option<&'a str>,
}

impl<'a> Given<'a> {
    fn read(text: &'a str) -> Result<Self, Trouble> {
        let given = match text.split_once(':') {
            Some((name, path)) => Given { name, path: Some(path) },
            None => Given { name: text, path: None },
        };
        if given.name.is_empty() {
            return Err(Trouble::usage("--auth lacks the name of a user", "write --auth NAME, or --auth NAME:FILE"));
        }
        if given.path == Some("") {
            let name = visible(given.name);
            let hint = format!("write --auth {name}, which asks for the password, or --auth {name}:FILE");
            return Err(Trouble::usage("--auth lacks a file behind the colon", hint));
        }
        Ok(given)
    }
}

/// The first line of a file that others cannot read: the password, or its hash, which begins with `$argon2`.
fn from_file(name: &str, path: &str) -> Result<User, Trouble> {
    let failed = |problem| Trouble::Password { user: name.to_owned(), path: path.to_owned(), problem };
    let content = file(Path::new(path), Closed::ToAll).map_err(failed)?;
    let line = content.split(|&b| b == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let user = match std::str::from_utf8(line) {
        Ok(hash) if hash.starts_with("$argon2") => User::hashed(name, hash.trim_end()),
        _ => User::new(name, line),
    };
    user.map_err(failed)
}

/// Twice, since nobody sees what is typed; and again after a slip.
fn ask(name: &str) -> Result<User, Trouble> {
    let asked = |text: String| match hidden::line(&text) {
        Ok(Typed::Line(password)) => Ok(password),
        Ok(Typed::Stopped(how)) => Err(Trouble::Stopped(how)),
        Err(error) => Err(Trouble::NoTerminal(name.to_owned(), error)),
    };
    let shown = visible(name);
    let mut slip = "";
    for _ in 0..TRIES {
        let password = asked(format!("{slip}Password for {shown}: "))?;
        if password.is_empty() {
            slip = "It cannot be empty. ";
        } else if asked(format!("Once more, for {shown}: "))? == password {
            return Ok(User::new(name, password.as_bytes())?);
        } else {
            slip = "The two are not the same. ";
        }
    }
    let what = format!("the password for {shown} was asked for {TRIES} times and never typed twice the same");
    Err(Trouble::usage(what, format!("start this again, or have it read from a file: --auth {shown}:FILE")))
}
