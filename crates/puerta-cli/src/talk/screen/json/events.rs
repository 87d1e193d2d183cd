//! Each event as an object.

use crate::talk::screen::clock::rfc3339;
use crate::talk::screen::view::{Link, Note, View};
use crate::talk::screen::words;
use puerta_talk::room::event::Event;
use puerta_talk::room::frame::Target;
use puerta_talk::room::ids::{MemberNo, RoomNo};
use puerta_talk::room::record::{Kind, Record};
use serde_json::{Value, json};

/// An event, by its word, and its fields in order.
pub(super) struct Object(&'static str, Vec<(&'static str, Value)>);

/// A line of JSON. Characters that could steer a terminal or hide in it are written as `\u…`: the same text to a reader.
pub(super) fn line(object: Object) -> String {
    let Object(event, fields) = object;
    let mut text = format!("{{\"event\":{}", Value::from(event));
    for (key, value) in fields {
        text.push_str(&format!(",{}:{value}", Value::from(key)));
    }
    text.push_str("}\n");
    if text.is_ascii() && !text.contains('\x7f') {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && (c.is_control() || is_invisible(c)) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// Default_Ignorable_Code_Point and line separators: what puerta-text shows as `\u{…}`, however it is joined.
fn is_invisible(c: char) -> bool {
    !c.is_ascii() && puerta_text::visible(c.encode_utf8(&mut [0; 4])).starts_with("\\u{")
}

/// A line of our own: why a line of stdin was not taken, or what it asked for.
pub(super) fn note(note: &Note) -> Object {
    if note.trouble { error(&note.text) } else { Object("note", vec![("text", note.text.as_str().into())]) }
}

fn error(message: &str) -> Object {
    let none = || Value::Null;
    let place = [("call", none()), ("local", none()), ("peer", none()), ("errno", none())];
    let said = [("message", Value::from(message)), ("hint", none()), ("status", none())];
    Object("error", place.into_iter().chain(said).collect())
}

/// The object of an event. The model has taken it in already, but for `Gone`.
pub(super) fn object(view: &View, event: &Event) -> Object {
    let room = |no: &RoomNo| ("room", Value::from(room_name(view, *no)));
    let object = |word, fields: Vec<(&'static str, Value)>| Object(word, fields);
    match event {
        Event::Online(w) => object(
            "online",
            vec![
                ("hub", w.hub.as_str().into()),
                ("you", w.you.name.as_str().into()),
                ("read_only", w.read_only.as_deref().into()),
            ],
        ),
        Event::Offline => object("offline", vec![("closed", (view.link == Link::Closed).into())]),
        Event::Denied(why) => object("denied", vec![("message", words::denial(why).into())]),
        Event::Room(f) => object(
            "room",
            vec![
                ("room", f.name.as_ref().map_or("@".to_owned(), |name| format!("#{name}")).into()),
                ("head", f.head.into()),
                ("seen", f.seen.into()),
                ("members", f.members.into()),
                ("online", f.online.into()),
            ],
        ),
        Event::Gone(no) => object("gone", vec![room(no)]),
        Event::NewSince { room: no, seq } => object("new_since", vec![room(no), ("seq", (*seq).into())]),
        Event::Forgotten { room: no, messages } => {
            object("forgotten", vec![room(no), ("messages", (*messages).into())])
        }
        Event::Message { record, .. } => message(view, record, false),
        Event::Older(record) => message(view, record, true),
        Event::Oldest(no) => object("oldest", vec![room(no)]),
        Event::Pending { id, to, kind, text, .. } => {
            let mut fields = vec![("id", id.to_string().into()), ("room", target(to).into())];
            fields.push(("text", text.as_str().into()));
            if *kind == Kind::Action {
                fields.push(("action", true.into()));
            }
            object("pending", fields)
        }
        Event::Stored { id, room: no, seq } => {
            // An inbox is one room, and the message is told of by its reader.
            let to = view.pending_private(*id).map(|name| ("room", format!("@{name}").into()));
            object(
                "stored",
                vec![("id", id.to_string().into()), ("seq", (*seq).into()), to.unwrap_or_else(|| room(no))],
            )
        }
        Event::NotTaken { id, text, why } => refused(id.map(|id| id.to_string()), text, &words::refusal(why)),
        Event::OutboxFull { text, limit } => refused(None, text, &words::outbox_full(*limit)),
        Event::NotKept { id, text, why } => refused(id.map(|id| id.to_string()), text, &words::not_kept(why)),
        Event::Slow { rate } => object("slow", vec![("rate", (*rate).into())]),
        Event::ReadOnly(why) => object("read_only", vec![("why", why.as_str().into())]),
        Event::Joined { room: no, who } => object("joined", vec![room(no), ("who", who.name.as_str().into())]),
        Event::Left { room: no, who } => object("left", vec![room(no), ("who", who.name.as_str().into())]),
        Event::Presence { room: no, who, online } => {
            object("presence", vec![room(no), ("who", who.name.as_str().into()), ("online", (*online).into())])
        }
        Event::Count { room: no, members, online } => {
            object("count", vec![room(no), ("members", (*members).into()), ("online", (*online).into())])
        }
        Event::Seen { room: no, who, through } => {
            object("seen", vec![room(no), ("from", member(view, *no, *who).into()), ("through", (*through).into())])
        }
        Event::SeenBy { room: no, through, members } => {
            object("seen_by", vec![room(no), ("through", (*through).into()), ("members", (*members).into())])
        }
        Event::Renamed { who, name } => {
            object("renamed", vec![("from", who.name.as_str().into()), ("to", name.as_str().into())])
        }
        Event::Rooms(rooms) => {
            let one = |(name, members): &(String, u32)| json!({"room": format!("#{name}"), "members": members});
            object("rooms", vec![("rooms", rooms.iter().map(one).collect())])
        }
        Event::Members { room: no, members } => {
            let one = |m: &puerta_talk::room::frame::MemberFacts| json!({"name": m.who.name, "online": m.online, "seen": m.seen});
            object("members", vec![room(no), ("members", members.iter().map(one).collect())])
        }
        Event::Invite { room: no, token, until } => {
            let name = view.place_of(*no).and_then(|at| view.places.get(at)).map(|p| p.raw_name()).unwrap_or_default();
            let link = view.invite_link(name, token.as_ref());
            object("invite", vec![room(no), ("link", link.into()), ("until", rfc3339(*until).into())])
        }
        Event::Sorry(why) => error(&words::refusal(why)),
        Event::OtherKey(why) => error(why),
        Event::Unanswered(question) => error(&words::unanswered(question)),
        Event::Renumbered { id, now } => {
            object("renumbered", vec![("id", id.to_string().into()), ("now", now.to_string().into())])
        }
        Event::Waiting { messages } => error(&words::waiting(*messages)),
        Event::NotMoved { messages, why } => error(&words::not_moved(*messages, why)),
        Event::Moving { address, .. } => object("moving", vec![("address", address.as_str().into())]),
    }
}

fn refused(id: Option<String>, text: &str, why: &str) -> Object {
    Object("refused", vec![("id", id.into()), ("text", text.into()), ("message", why.into())])
}

/// `{"event":"message","room":"#main","seq":7,"from":"ana","text":"…","at":"…"}`, and what else is to be known behind.
fn message(view: &View, record: &Record, older: bool) -> Object {
    let room = match &record.to {
        None => room_name(view, record.room),
        Some(to) if Some(record.from.no) == view.my_no() => format!("@{}", to.name),
        Some(_) => format!("@{}", record.from.name),
    };
    said(&room, record, older)
}

/// A message in a room, or with a member, by its name with the sign.
pub(super) fn said(room: &str, record: &Record, older: bool) -> Object {
    let mut fields = vec![
        ("room", room.into()),
        ("seq", record.seq.into()),
        ("from", record.from.name.as_str().into()),
        ("text", record.text.as_str().into()),
        ("at", rfc3339(record.at).into()),
    ];
    if let Some(to) = &record.to {
        fields.push(("to", to.name.as_str().into()));
    }
    fields.push(("id", record.id.to_string().into()));
    if record.kind == Kind::Action {
        fields.push(("action", true.into()));
    }
    if older {
        fields.push(("older", true.into()));
    }
    Object("message", fields)
}

/// `#main`; `@` is what is private, which lies in one room whoever it is from.
fn room_name(view: &View, no: RoomNo) -> String {
    let place = view.place_of(no).and_then(|at| view.places.get(at));
    place.map_or_else(|| "@".to_owned(), |place| format!("#{}", place.raw_name()))
}

fn member(view: &View, room: RoomNo, who: MemberNo) -> Option<String> {
    let place = view.place_of(room).and_then(|at| view.places.get(at))?;
    place.members.get(&who).map(|member| member.raw.clone())
}

fn target(to: &Target) -> String {
    match to {
        Target::Room(name) => format!("#{name}"),
        Target::Member(name) => format!("@{name}"),
    }
}
