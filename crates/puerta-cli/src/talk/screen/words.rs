//! The words of the screens: one place, so that they can be translated. What comes from outside is cleaned on its way in here.

use super::input::{KNOWN, Wrong};
use super::{Notice, Undone, Way, clean};
use puerta_talk::room::event::Command;
use puerta_talk::room::frame::{Denial, Refusal};

/// Why a message or a wish was refused, and what to do.
pub(crate) fn refusal(why: &Refusal) -> String {
    match why {
        Refusal::TooLong { limit } => too_long(*limit as usize),
        Refusal::Empty => "an empty message is not sent".to_owned(),
        Refusal::NotInRoom { room } => {
            let room = clean::room(room);
            format!("you are not in {room}; type /join {room} first")
        }
        Refusal::NoSuchMember { name } => {
            format!("nobody here is called {}; /who lists the names", clean::isolated(&clean::name(name)))
        }
        Refusal::BadName => {
            "this name cannot be: choose 1 to 32 bytes of letters, digits and signs, without spaces".to_owned()
        }
        Refusal::NameTaken { name } => {
            format!("another member is called {}; choose another name", clean::isolated(&clean::name(name)))
        }
        Refusal::TooManyRooms { rooms } => format!("there are {rooms} rooms, and no more may be; join one of /rooms"),
        Refusal::Overtaken => "the hub has taken later ones already; send it again".to_owned(),
        Refusal::ReadOnly { why } => format!("the hub keeps nothing any more ({}); reading works", clean::name(why)),
        Refusal::NumberTaken => "another message was sent under its number; send it again".to_owned(),
        Refusal::Unreadable { why } => format!("the hub cannot read its log ({}); try again later", clean::name(why)),
    }
}

/// Why the hub does not let us in, and what to do.
pub(crate) fn denial(why: &Denial) -> String {
    match why {
        Denial::Version { hub } => {
            format!("the hub speaks version {hub} of the protocol, which this program does not; use the same release")
        }
        Denial::InviteOnly => "this hub takes only those with an invite; ask someone inside to type /invite".to_owned(),
        Denial::Expired => "the invite is over; ask for a new one".to_owned(),
        Denial::UsedUp => "the invite was good for one device, and was used; ask for a new one".to_owned(),
        Denial::UnknownInvite => "the hub does not know this invite; ask for a new one".to_owned(),
        Denial::BadName => {
            "the hub does not take your name: choose 1 to 32 bytes of letters, digits and signs, without spaces"
                .to_owned()
        }
        Denial::Full { members } => format!("the hub has {members} members, and takes no more"),
        Denial::TooManySessions { sessions } => {
            format!("{sessions} programs of yours are connected already; end one of them")
        }
        Denial::ReadOnly { why } => {
            format!("the hub keeps nothing any more ({}), so it takes no new members", clean::name(why))
        }
        Denial::Malformed => "the hub did not understand us; use the same release".to_owned(),
    }
}

/// What is wrong with a line that was typed.
pub(crate) fn wrong(why: &Wrong) -> String {
    match why {
        Wrong::Unknown { typed, nearest: Some(nearest) } => {
            format!("no command {}; did you mean {nearest}? To send it as text, type a second /", clean::name(typed))
        }
        Wrong::Unknown { typed, nearest: None } => {
            format!("no command {}; /help lists them. To send it as text, type a second /", clean::name(typed))
        }
        Wrong::Form(form) => format!("it is typed {form}"),
        Wrong::Time(text) => format!("{} is no time: 30m, 2h, 7200 (seconds)", clean::name(text)),
    }
}

/// A message that is longer than it may be.
pub(crate) fn too_long(limit: usize) -> String {
    format!("a message has at most {limit} bytes; shorten it, or send it in parts")
}

/// The same of one that is here to be shortened.
pub(crate) fn longer(limit: usize, bytes: usize) -> String {
    format!("a message has at most {limit} bytes, and this one {bytes}; shorten it, or send it in parts")
}

/// The lines of /help.
pub(crate) fn help() -> Vec<String> {
    KNOWN.iter().map(|known| format!("{:<30} {}", known.form, known.does)).collect()
}

/// How many members, and how many of them are there.
pub(crate) fn count(members: u32, online: u32) -> String {
    let plural = if members == 1 { "member" } else { "members" };
    format!("{members} {plural}, {online} here")
}

pub(crate) const OFFLINE: &str = "Offline, trying again. What you write is sent later.";
pub(crate) const CONNECTING: &str = "Connecting…";
pub(crate) const UNVERIFIED: &str = "unverified";
pub(crate) const ALONE: &str = "nobody else is here yet; /invite shows a link and a QR code for others";
pub(crate) const NEW: &str = "new since you were here";
pub(crate) const OLDEST: &str = "this is where it begins";
pub(crate) const TRIMMED: &str = "what was before is not kept on this screen; `puerta talk export` has all of it";

/// The hub has ended, and said so.
pub(crate) fn closed(hub: &str) -> String {
    format!("The hub {} was closed. Your messages wait; trying again.", clean::isolated(hub))
}

pub(crate) fn read_only(why: &str) -> String {
    format!("Read-only: the hub keeps nothing any more ({}).", clean::name(why))
}

pub(crate) fn forgotten(messages: u64) -> String {
    let messages = if messages == 1 { "1 message".to_owned() } else { format!("{messages} messages") };
    format!("{messages} that you have not seen are not kept any more: the hub keeps only the last ones")
}

pub(crate) fn slow(rate: u32) -> String {
    format!("Too many messages; slow down ({rate}/s). What was not taken is sent again.")
}

pub(crate) fn outbox_full(limit: usize) -> String {
    format!("{limit} messages wait to be sent, and no more can; this one was not kept. Try again once the hub is there")
}

pub(crate) fn not_taken(text: &str, why: &str) -> String {
    format!("not sent: {why} (it said: {})", puerta_text::fit(text, 60))
}

pub(crate) const CUT: &str = "a line was longer than a message may be: it is sent in parts";

pub(crate) fn not_kept(why: &str) -> String {
    format!("our own disk did not keep it ({}); make room and try again", clean::name(why))
}

/// A question that has no answer.
pub(crate) fn unanswered(question: &Command) -> String {
    let typed = match question {
        Command::Older(_) => "/older",
        Command::Invite { .. } => "/invite",
        Command::Who(_) => "/who",
        Command::Join(_) => "/join",
        Command::Leave(_) => "/leave",
        Command::Rename(_) => "/nick",
        _ => "/rooms",
    };
    format!("not connected: the hub did not answer {typed}; try again once it is there")
}

/// Messages of programs that have ended, which this one does not send.
pub(crate) fn waiting(messages: usize) -> String {
    let (those, are) = if messages == 1 {
        ("message of a program that ended waits", "is")
    } else {
        ("messages of programs that ended wait", "are")
    };
    format!("{messages} {those} in the outbox, and {are} sent when puerta talk starts again")
}

/// What is kept for the hub that was left.
pub(crate) fn not_moved(messages: usize, why: &str) -> String {
    let plural = if messages == 1 { "message is" } else { "messages are" };
    let why = clean::name(why);
    format!("{messages} {plural} not kept on the disk for the other hub ({why}); stay until all is sent")
}

pub(crate) fn moving(address: &str) -> String {
    format!("the hub closes; going on at {}, with what is not sent yet", clean::name(address))
}

/// What is told of another hub, and whether it is trouble.
pub(crate) fn notice(notice: &Notice) -> (String, bool) {
    let called = |name: &str| clean::isolated(&clean::name(name));
    match notice {
        Notice::Another { name, fingerprint, way: Way::Go(word) } => {
            let name = called(name);
            (
                format!(
                    "another hub is on the network: {name} ({fingerprint}); /go {} takes everyone here there",
                    clean::name(word)
                ),
                true,
            )
        }
        Notice::Another { name, fingerprint, way: Way::Talk(address) } => {
            let name = called(name);
            (
                format!(
                    "another hub is on the network: {name} ({fingerprint}); /quit, then puerta talk {address} goes there"
                ),
                true,
            )
        }
        Notice::Together { name, fingerprint, word } => {
            let (name, word) = (called(name), clean::name(word));
            (
                format!(
                    "another hub was opened at the same time: {name} ({fingerprint}), not known here; /go {word} takes everyone here there"
                ),
                true,
            )
        }
        Notice::Going { name, together: true } => {
            (format!("{} was opened at the same time: going there with everyone here", called(name)), false)
        }
        Notice::Going { name, together: false } => (format!("going to {} with everyone here", called(name)), false),
        Notice::NoAnswer { name } => (format!("{} does not answer any more: staying here", called(name)), true),
        Notice::Unknown { typed } => (format!("no other hub that was told of is called {}", called(typed)), true),
        Notice::Suspect(why) => (why.clone(), true),
    }
}

pub(crate) fn known_as(name: &str, asked: &str) -> String {
    format!("the hub knows you as {}; /nick {} changes that", clean::isolated(name), clean::isolated(asked))
}

pub(crate) fn renamed(before: &str, now: &str) -> String {
    format!("{} is now called {}", clean::isolated(before), clean::isolated(now))
}

pub(crate) fn joined(name: &str) -> String {
    format!("{} came in", clean::isolated(name))
}

pub(crate) fn left(name: &str) -> String {
    format!("{} left", clean::isolated(name))
}

pub(crate) fn presence(name: &str, online: bool) -> String {
    format!("{} is {}", clean::isolated(name), if online { "here" } else { "away" })
}

/// One that is not stored at the end.
pub(crate) fn not_stored_yet(place: &str, text: &str) -> String {
    format!("not stored yet, in {}: {}", clean::isolated(place), puerta_text::fit(&text.replace('\n', " "), 60))
}

pub(crate) fn and_more(more: usize) -> String {
    format!("and {more} more")
}

/// What was being written at the end.
pub(crate) fn not_sent(text: &str) -> String {
    format!("not sent: {text}")
}

/// What is not stored at the end, and what becomes of it.
pub(crate) fn not_stored(messages: usize, kept: bool) -> (String, &'static str, u8) {
    let plural = if messages == 1 { "message is" } else { "messages are" };
    if kept {
        let hint = "those that were not refused wait in the outbox, and are sent when puerta talk runs again";
        (format!("{messages} {plural} not stored by the hub"), hint, 7)
    } else {
        let hint = "the outbox could not be used, as was said at the start: see to it, and say them again";
        (format!("{messages} {plural} lost, not stored by the hub and not kept here"), hint, 8)
    }
}

/// Lines of stdin that were not carried out, what to do, and the status: a wrong line is as a wrong command line.
pub(crate) fn not_done(undone: Undone) -> (String, &'static str, u8) {
    let lines = undone.wrong + undone.refused;
    let (plural, was) = if lines == 1 { ("line", "was") } else { ("lines", "were") };
    let hint = "why was said where it happened; /help lists the commands";
    (format!("{lines} {plural} of stdin {was} not carried out"), hint, if undone.wrong > 0 { 2 } else { 1 })
}

/// What whoever quits the program that the hub runs in is asked.
pub(crate) fn cut_off(names: &[String], more: usize) -> String {
    format!(
        "You host this hub: {} would be cut off. /quit again ends it; /stay leaves it running without a screen",
        named(names, more)
    )
}

/// Who was cut off then.
pub(crate) fn was_cut_off(names: &[String], more: usize) -> String {
    let one = names.len() + more == 1;
    format!("the hub ends with this: {} {} cut off", named(names, more), if one { "was" } else { "were" })
}

fn named(names: &[String], more: usize) -> String {
    let names = names.iter().map(|name| clean::isolated(name)).collect::<Vec<_>>().join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{names}{more}")
}
