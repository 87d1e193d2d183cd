//! What a line that was typed means.

use puerta::units;

/// What the user wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// An empty line.
    Nothing,
    /// Said where we are.
    Say(String),
    /// Done where we are.
    Me(String),
    /// Said to one member alone.
    Msg(String, String),
    /// Into a room, by its name without the `#`.
    Join(String),
    /// Out of the room where we are, or another.
    Leave(Option<String>),
    /// Another name.
    Nick(String),
    /// Which rooms are there?
    Rooms,
    /// Who is here?
    Who,
    /// An invite for the room where we are.
    Invite { once: bool, renew: bool, lasts: u32 },
    /// What was before.
    Older,
    /// Away.
    Quit,
    /// Away, and the hub in this program stays.
    Stay,
    /// Our hub ends, and all go to another one.
    Go(String),
    /// What can be typed?
    Help,
}

/// Why a line means nothing. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// There is no such command; perhaps another was meant.
    Unknown { typed: String, nearest: Option<&'static str> },
    /// Something is missing or too much: how it is typed.
    Form(&'static str),
    /// Not a time.
    Time(String),
}

/// A command of the input line.
pub(crate) struct Known {
    /// With the slash.
    pub(crate) name: &'static str,
    /// How it is typed.
    pub(crate) form: &'static str,
    /// What it does.
    pub(crate) does: &'static str,
}

/// All of them.
pub(crate) const KNOWN: [Known; 13] = [
    Known { name: "/join", form: "/join #room", does: "go into a room, or open it" },
    Known { name: "/leave", form: "/leave [#room]", does: "leave this room, or another" },
    Known { name: "/msg", form: "/msg NAME text", does: "say something to one member alone" },
    Known { name: "/me", form: "/me text", does: "tell what you do: /me waves" },
    Known { name: "/nick", form: "/nick NAME", does: "take another name" },
    Known { name: "/rooms", form: "/rooms", does: "list the rooms" },
    Known { name: "/who", form: "/who", does: "list who is in this room" },
    Known {
        name: "/invite",
        form: "/invite [once] [renew] [TIME]",
        does: "a link, for TIME (24h); renew ends those before",
    },
    Known { name: "/older", form: "/older", does: "show what was said before" },
    Known { name: "/help", form: "/help", does: "show this" },
    Known { name: "/quit", form: "/quit", does: "leave" },
    Known { name: "/stay", form: "/stay", does: "leave; a hub that runs here goes on" },
    Known { name: "/go", form: "/go NAME", does: "a hub that runs here ends; all go to another" },
];

/// How long an invite is good unless told: 24 hours, in seconds.
const LASTS: u32 = 24 * 3600;

/// Reads a line. A second slash takes the meaning of the first away: `//etc` says `/etc`.
pub(crate) fn parse(line: &str) -> Result<Wish, Wrong> {
    if line.trim().is_empty() {
        return Ok(Wish::Nothing);
    }
    let Some(rest) = line.strip_prefix('/') else { return Ok(Wish::Say(line.to_owned())) };
    if rest.starts_with('/') {
        return Ok(Wish::Say(rest.to_owned()));
    }
    let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let rest = rest.trim();
    let name = format!("/{word}");
    let Some(known) = KNOWN.iter().find(|known| known.name == name) else {
        let nearest = puerta::nearest(&name, KNOWN.iter().map(|known| known.name));
        return Err(Wrong::Unknown { typed: name, nearest: nearest.and_then(static_name) });
    };
    let one = || (!rest.is_empty() && !rest.contains(char::is_whitespace)).then(|| rest.to_owned());
    let wish = match word {
        "join" => one().map(|room| Wish::Join(without_hash(&room))).filter(|w| *w != Wish::Join(String::new())),
        "leave" if rest.is_empty() => Some(Wish::Leave(None)),
        "leave" => one().map(|room| Wish::Leave(Some(without_hash(&room)))),
        "msg" => private(rest),
        "me" => (!rest.is_empty()).then(|| Wish::Me(rest.to_owned())),
        "nick" => one().map(Wish::Nick),
        "go" => one().map(Wish::Go),
        "invite" => return invite(rest, known.form),
        _ if !rest.is_empty() => None,
        "rooms" => Some(Wish::Rooms),
        "who" => Some(Wish::Who),
        "older" => Some(Wish::Older),
        "help" => Some(Wish::Help),
        "stay" => Some(Wish::Stay),
        _ => Some(Wish::Quit),
    };
    wish.ok_or(Wrong::Form(known.form))
}

fn private(rest: &str) -> Option<Wish> {
    let (name, text) = rest.split_once(char::is_whitespace)?;
    let name = name.strip_prefix('@').unwrap_or(name);
    let text = text.trim();
    (!name.is_empty() && !text.is_empty()).then(|| Wish::Msg(name.to_owned(), text.to_owned()))
}

fn invite(rest: &str, form: &'static str) -> Result<Wish, Wrong> {
    let (mut once, mut renew, mut lasts) = (false, false, None);
    for word in rest.split_whitespace() {
        if word == "once" && !once {
            once = true;
        } else if word == "renew" && !renew {
            renew = true;
        } else if lasts.is_some() {
            return Err(Wrong::Form(form));
        } else {
            let time = units::parse_time(word).map_err(|_| Wrong::Time(word.to_owned()))?;
            lasts = Some(u32::try_from(time.as_secs()).ok().filter(|s| *s > 0).ok_or(Wrong::Time(word.to_owned()))?);
        }
    }
    Ok(Wish::Invite { once, renew, lasts: lasts.unwrap_or(LASTS) })
}

fn without_hash(room: &str) -> String {
    room.strip_prefix('#').unwrap_or(room).to_owned()
}

fn static_name(name: &str) -> Option<&'static str> {
    KNOWN.iter().map(|known| known.name).find(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_command_is_read_as_its_form_says() {
        let read = |line| parse(line);
        assert_eq!(read("hola"), Ok(Wish::Say("hola".to_owned())));
        assert_eq!(read("  "), Ok(Wish::Nothing));
        assert_eq!(read("//etc/hosts"), Ok(Wish::Say("/etc/hosts".to_owned())));
        assert_eq!(read("/join #build"), Ok(Wish::Join("build".to_owned())));
        assert_eq!(read("/join build"), Ok(Wish::Join("build".to_owned())));
        assert_eq!(read("/leave"), Ok(Wish::Leave(None)));
        assert_eq!(read("/leave #x"), Ok(Wish::Leave(Some("x".to_owned()))));
        assert_eq!(read("/msg ana  hola  tú"), Ok(Wish::Msg("ana".to_owned(), "hola  tú".to_owned())));
        assert_eq!(read("/msg @ana hola"), Ok(Wish::Msg("ana".to_owned(), "hola".to_owned())));
        assert_eq!(read("/me waves"), Ok(Wish::Me("waves".to_owned())));
        assert_eq!(read("/nick bea"), Ok(Wish::Nick("bea".to_owned())));
        assert_eq!(read("/go casa"), Ok(Wish::Go("casa".to_owned())));
        assert_eq!(read("/invite"), Ok(Wish::Invite { once: false, renew: false, lasts: 86_400 }));
        assert_eq!(read("/invite once 2m"), Ok(Wish::Invite { once: true, renew: false, lasts: 120 }));
        assert_eq!(read("/invite 1h renew once"), Ok(Wish::Invite { once: true, renew: true, lasts: 3600 }));
        for (line, wish) in [
            ("/rooms", Wish::Rooms),
            ("/who", Wish::Who),
            ("/older", Wish::Older),
            ("/help", Wish::Help),
            ("/quit", Wish::Quit),
            ("/stay", Wish::Stay),
        ] {
            assert_eq!(read(line), Ok(wish));
        }
    }

    #[test]
    fn a_wrong_command_is_told_and_never_sent() {
        assert_eq!(parse("/jion #x"), Err(Wrong::Unknown { typed: "/jion".to_owned(), nearest: Some("/join") }));
        assert_eq!(parse("/xyzzy"), Err(Wrong::Unknown { typed: "/xyzzy".to_owned(), nearest: None }));
        for line in ["/join", "/join #", "/join a b", "/msg ana", "/me", "/nick", "/nick a b", "/quit now", "/go"] {
            assert!(matches!(parse(line), Err(Wrong::Form(_))), "{line}");
        }
        assert_eq!(parse("/invite soon"), Err(Wrong::Time("soon".to_owned())));
        assert_eq!(parse("/invite 0"), Err(Wrong::Time("0".to_owned())));
    }
}
