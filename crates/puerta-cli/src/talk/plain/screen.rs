//! What plain mode shows: messages on stdout, the rest on stderr; with `--json` all of it on stdout.

use crate::report::line;
use puerta::Error;
use puerta_relay::local::Local;
use puerta_relay::problem::Problem;
use puerta_talk::plain::{Event, Who};
use puerta_talk::wire::Misfit;
use puerta_talk::wire::time::rfc3339;
use puerta_text::{Options, Visible, visible};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::SystemTime;

/// Where messages go. Those from outside reach a terminal visibly, and a pipe as they came.
pub(crate) struct Screen {
    output: Local,
    json: bool,
    quiet: bool,
}

impl Screen {
    /// On standard output.
    ///
    /// # Errors
    /// What fstat(2) says.
    pub(crate) fn new(json: bool, quiet: bool) -> Result<Self, Problem> {
        Ok(Screen { output: Local::stdout().map_err(Problem::Output)?, json, quiet })
    }

    /// Shows what happened.
    pub(crate) async fn event(&self, event: &Event) -> Result<(), Problem> {
        match event {
            Event::Sent => Ok(()),
            _ if self.json => self.object(&as_json(event)).await,
            Event::Message { who, text, .. } => self.write(&lines(who, text, self.output.is_terminal())).await,
            Event::Joined(_) | Event::Left { .. } | Event::Connected(_) if self.quiet => Ok(()),
            _ => {
                line(&event.to_string());
                Ok(())
            }
        }
    }

    /// One of our own messages was not sent.
    pub(crate) async fn unsent(&self, why: &Misfit) -> Result<(), Problem> {
        let limit = match why {
            Misfit::Text { max, .. } => Some(*max),
            _ => None,
        };
        let message = format!("not sent: {why}");
        self.note(&message, json!({"event": "error", "message": message, "limit": limit, "at": now()})).await
    }

    /// Nobody is there to hear what we said.
    pub(crate) async fn alone(&self) -> Result<(), Problem> {
        let message = "not sent: nobody is here yet";
        self.note(message, json!({"event": "error", "message": message, "at": now()})).await
    }

    async fn note(&self, message: &str, object: Value) -> Result<(), Problem> {
        if self.json {
            return self.object(&object).await;
        }
        line(message);
        Ok(())
    }

    async fn object(&self, value: &Value) -> Result<(), Problem> {
        let mut text = value.to_string();
        if self.output.is_terminal() {
            text = escaped(&text);
        }
        text.push('\n');
        self.write(text.as_bytes()).await
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), Problem> {
        self.output.write_all(bytes).await.map_err(Problem::Output)
    }
}

/// A message, each line with its sender's name in front, so that nobody can speak in the name of another. Names are made visible
/// everywhere, texts for a terminal.
fn lines(who: &Who, text: &[u8], terminal: bool) -> Vec<u8> {
    let name = who.name();
    // What is not ASCII may run from right to left: it must not move what follows.
    let name = if terminal && !name.is_ascii() {
        format!("\u{2068}{}\u{2069}", visible(&name))
    } else {
        visible(&name).into_owned()
    };
    let mut out = Vec::with_capacity(text.len() + name.len() + 3);
    for line in text.split(|&byte| byte == b'\n') {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        if terminal {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let mut stream = Visible::new(Options { one_line: true });
            stream.push(line, &mut out);
            stream.finish(&mut out);
        } else {
            out.extend_from_slice(line);
        }
        out.push(b'\n');
    }
    out
}

fn as_json(event: &Event) -> Value {
    let mut value = json!({"event": event.word()});
    let mut put = |key: &str, what: Value| value[key] = what;
    let mut who = |who: &Who| {
        put("from", who.name().into());
        put("address", who.shown().to_string().into());
    };
    let at = match event {
        Event::Message { who: from, text, time, at } => {
            who(from);
            put("text", String::from_utf8_lossy(text).into());
            if !time.is_empty() {
                put("time", String::from_utf8_lossy(time).into());
            }
            rfc3339(*at)
        }
        Event::Sent => now(),
        Event::Joined(from) | Event::Connected(from) => {
            who(from);
            now()
        }
        Event::Left { who: from, why } => {
            who(from);
            put("why", why.to_string().into());
            now()
        }
        Event::Flawed { who: from, .. } | Event::Ignored { who: from, .. } | Event::TooMany(from) => {
            who(from);
            put("message", event.to_string().into());
            now()
        }
        Event::Dropped { address, .. } | Event::Full { address, .. } | Event::NoAnswer(address) => {
            put("address", Who::at(*address).shown().to_string().into());
            put("message", event.to_string().into());
            now()
        }
        Event::Refused(error) | Event::NotSent(error) | Event::AtLimit(error) => {
            put("address", address_of(error).into());
            put("errno", error.name().into());
            put("message", event.to_string().into());
            put("hint", error.hint().into());
            now()
        }
    };
    put("at", at.into());
    value
}

fn address_of(error: &Error) -> Option<String> {
    error.peer().map(|peer| puerta_relay::words::shown(peer).to_string())
}

fn now() -> String {
    rfc3339(SystemTime::now())
}

/// JSON for a terminal: what would not be visible there is escaped, and still the same JSON.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() || visible(c.encode_utf8(&mut [0; 4])).chars().eq([c]) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ana() -> Who {
        Who { user: b"ana".to_vec(), ..Who::at(([127, 0, 0, 1], 7).into()) }
    }

    #[test]
    fn no_message_can_speak_in_the_name_of_another() {
        assert_eq!(lines(&ana(), b"hola\n~bob: adios", false), b"~ana: hola\n~ana: ~bob: adios\n");
        let two = Who { user: b"x\n~bob: hola".to_vec(), ..ana() };
        assert_eq!(lines(&two, b"", false), b"~x^J~bob: hola: \n");
    }

    #[test]
    fn a_terminal_sees_control_characters_and_a_pipe_gets_them() {
        assert_eq!(lines(&ana(), b"\x1b[2J\xff\r", true), b"~ana: ^[[2J\\xff\n");
        assert_eq!(lines(&ana(), b"\x1b[2J\xff\r", false), b"~ana: \x1b[2J\xff\r\n");
        let right = Who { user: "אנה".into(), ..ana() };
        assert_eq!(lines(&right, b"1", true), "\u{2068}~אנה\u{2069}: 1\n".as_bytes());
    }

    #[test]
    fn json_on_a_terminal_is_visible_and_the_same() {
        let value = json!({"text": "\u{1b}\u{9b}2J \u{202e}é 😀"});
        let shown = escaped(&value.to_string());
        assert_eq!(shown, "{\"text\":\"\\u001b\\u009b2J \\u202eé 😀\"}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }
}
