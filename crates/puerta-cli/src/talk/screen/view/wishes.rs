//! What each line that was typed leads to.

use super::events::same;
use super::place::{Key, Place};
use super::{COMMANDS, Link, View};
use crate::talk::screen::input::{self, Wish};
use crate::talk::screen::{clean, words};
use puerta_talk::room::event::Command;
use puerta_talk::room::frame::Target;
use puerta_talk::room::record::Kind;

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    /// It was taken.
    Taken,
    /// A message was not, and stays to be mended; why is told already.
    Keep,
    /// A command was not done; why is told already.
    Refused,
    /// The user goes.
    Quit,
    /// The user goes, the hub stays.
    Stay,
}

impl View {
    /// Does what a line asks for.
    pub(crate) fn line(&mut self, line: &str) -> Done {
        let wish = match input::parse(line) {
            Ok(wish) => wish,
            Err(wrong) => {
                return self.refuse(&words::wrong(&wrong));
            }
        };
        if !matches!(wish, Wish::Quit | Wish::Nothing) {
            self.asked_to_quit = false;
        }
        let asks = matches!(wish, Wish::Leave(_) | Wish::Rooms | Wish::Who | Wish::Invite { .. } | Wish::Older);
        if asks && self.link != Link::Online {
            return self.refuse("the hub is not there now; try again once it is");
        }
        match wish {
            Wish::Nothing => {}
            Wish::Say(text) => return self.say(self.current().target(), Kind::Text, text),
            Wish::Me(text) => return self.say(self.current().target(), Kind::Action, text),
            Wish::Msg(name, text) => return self.say(Some(Target::Member(name)), Kind::Text, text),
            Wish::Join(room) => return self.join(room),
            Wish::Leave(room) => return self.leave(room.as_deref()),
            Wish::Nick(name) => self.out.push_back(Command::Rename(name)),
            Wish::Rooms => self.out.push_back(Command::Rooms),
            Wish::Who => return self.in_room(Command::Who),
            Wish::Invite { once, renew, lasts } => {
                self.invites += 1;
                return self.in_room(|room| Command::Invite { room, once, renew, lasts });
            }
            Wish::Older => self.older(),
            Wish::Help => words::help().into_iter().for_each(|line| self.note_here(line, false)),
            Wish::Quit => return self.quit(),
            Wish::Stay if self.hosting => return Done::Stay,
            Wish::Stay => return self.refuse("the hub does not run here: /quit leaves it as it is"),
            Wish::Go(room) if room.starts_with('#') => {
                return self.refuse(&format!("/go goes to another hub; into a room goes /join {}", clean::name(&room)));
            }
            Wish::Go(name) if self.hosting => {
                // Where many words wait one more says nothing new.
                let _ = self.go.as_ref().map(|go| go.try_send(name));
            }
            Wish::Go(_) => {
                return self.refuse("the hub does not run here: /quit, then puerta talk HOST goes to another");
            }
        }
        Done::Taken
    }

    /// Whether a line asks for what only the hub can do, and that is not there, nor the room that was asked for, or messages
    /// before it are on their way, which it would overtake.
    pub(crate) fn waits(&self, line: &str, on_their_way: usize) -> bool {
        let asks = matches!(
            input::parse(line),
            Ok(Wish::Join(_)
                | Wish::Leave(_)
                | Wish::Nick(_)
                | Wish::Rooms
                | Wish::Who
                | Wish::Invite { .. }
                | Wish::Older)
        );
        asks && (on_their_way > 0 || self.link != Link::Online || self.wanted.is_some())
    }

    /// Says something, unless it is too long.
    pub(crate) fn say(&mut self, to: Option<Target>, kind: Kind, text: String) -> Done {
        let Some(to) = to else {
            let connecting = self.link != Link::Online;
            return self.keep(if connecting {
                "not connected yet; try again in a moment"
            } else {
                "this is no room; type /join #room first"
            });
        };
        if text.len() > self.longest() {
            return self.keep(&words::longer(self.longest(), text.len()));
        }
        if self.out.len() >= COMMANDS {
            return self.keep("too much waits to be sent; try again in a moment");
        }
        if let Target::Member(name) = &to
            && self.me.as_ref().is_some_and(|me| same(&me.name, name))
        {
            return self.refuse("that is you; /who lists the others");
        }
        // What was said to someone is seen where it lies.
        let at = self.place_to(&to);
        self.out.push_back(Command::Say { to, kind, text });
        if at != self.at {
            self.came_from = Some(self.current().key.clone());
        }
        self.go(at);
        self.went_to_end();
        Done::Taken
    }

    fn join(&mut self, room: String) -> Done {
        let named = |p: &Place| matches!(&p.key, Key::Room(name) if same(name, &room));
        let known = self.places.iter().position(|p| named(p) && p.no.is_some() && !p.gone);
        if let Some(at) = known {
            self.go(at);
        } else {
            self.wanted = Some(room.clone());
            self.out.push_back(Command::Join(room));
        }
        Done::Taken
    }

    fn leave(&mut self, room: Option<&str>) -> Done {
        let named = |name: &str| self.places.iter().position(|p| matches!(&p.key, Key::Room(n) if same(n, name)));
        let at = room.map_or(Some(self.at), named);
        let Some((at, place)) = at.and_then(|at| Some((at, self.places.get(at)?))) else {
            return self.refuse("you are not in such a room; the rooms you are in are listed beside");
        };
        match (&place.key, place.no) {
            (Key::Room(_), Some(no)) => self.out.push_back(Command::Leave(no)),
            (Key::Member(..), _) if place.pending.is_empty() => {
                // A conversation is only put away: it comes back with the next message.
                self.places.remove(at);
                self.go(at.saturating_sub(1));
            }
            _ => return self.refuse("this cannot be left: type /leave in a room"),
        }
        Done::Taken
    }

    fn in_room(&mut self, command: impl FnOnce(puerta_talk::room::ids::RoomNo) -> Command) -> Done {
        match (&self.current().key, self.current().no) {
            (Key::Room(_), Some(no)) => self.out.push_back(command(no)),
            _ => return self.refuse("that is for rooms; go into one first"),
        }
        Done::Taken
    }

    fn quit(&mut self) -> Done {
        let (names, more) = self.others();
        if !self.hosting || self.asked_to_quit || names.len() + more == 0 {
            return Done::Quit;
        }
        self.note_here(words::cut_off(&names, more), true);
        self.asked_to_quit = true;
        Done::Taken
    }

    fn keep(&mut self, why: &str) -> Done {
        self.note_here(why.to_owned(), true);
        Done::Keep
    }

    fn refuse(&mut self, why: &str) -> Done {
        self.note_here(why.to_owned(), true);
        Done::Refused
    }
}
