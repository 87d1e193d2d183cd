//! A line of stdin: as it is typed, or an object.

use puerta_talk::room::frame::Target;
use puerta_talk::room::record::Kind;
use serde_json::Value;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// A message or a command, as at a prompt.
    Line(String),
    /// `{"say": "text", "room": "#build"}`.
    Say {
        /// The room where we are, if none is named.
        to: Option<Target>,
        kind: Kind,
        text: String,
    },
}

const FORM: &str = r##"an object is {"say":"text","room":"#build"}, {"me":"text"} or {"command":"/join #build"}"##;

/// Reads a line. An object says its text as it is, line breaks and slashes too.
pub(super) fn parse(line: &str) -> Result<Asked, String> {
    if !line.trim_start().starts_with('{') {
        return Ok(Asked::Line(line.to_owned()));
    }
    let value: Value = serde_json::from_str(line).map_err(|error| format!("this is no JSON ({error}); {FORM}"))?;
    let Value::Object(mut fields) = value else { return Err(FORM.to_owned()) };
    let mut text = |key: &str| match fields.remove(key) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(FORM.to_owned()),
        None => Ok(None),
    };
    let (say, me, command, room) = (text("say")?, text("me")?, text("command")?, text("room")?);
    if !fields.is_empty() {
        return Err(FORM.to_owned());
    }
    let to = room.map(|room| target(&room)).transpose()?;
    match (say, me, command, to) {
        (Some(text), None, None, to) => Ok(Asked::Say { to, kind: Kind::Text, text }),
        (None, Some(text), None, to) => Ok(Asked::Say { to, kind: Kind::Action, text }),
        (None, None, Some(command), None) if command.starts_with('/') => Ok(Asked::Line(command)),
        _ => Err(FORM.to_owned()),
    }
}

fn target(room: &str) -> Result<Target, String> {
    match (room.strip_prefix('#'), room.strip_prefix('@')) {
        (Some(name), _) if !name.is_empty() => Ok(Target::Room(name.to_owned())),
        (_, Some(name)) if !name.is_empty() => Ok(Target::Member(name.to_owned())),
        _ => Err(r##"a room is "#build", a member "@ana""##.to_owned()),
    }
}
