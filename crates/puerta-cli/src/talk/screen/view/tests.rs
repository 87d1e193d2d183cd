#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use super::*;
use crate::talk::screen::script::*;
use puerta_talk::room::event::{Command, Event};
use puerta_talk::room::frame::{Refusal, Target};
use puerta_talk::room::ids::MemberNo;
use puerta_talk::room::record::Kind;
use std::time::Duration;

fn view(events: impl IntoIterator<Item = Event>) -> View {
    let mut view = View::new(facts(), ITEMS);
    let now = Instant::now();
    for event in arrival().into_iter().chain(events) {
        view.apply(event, now);
    }
    view
}

fn texts(place: &Place) -> Vec<String> {
    let text = |item: &Item| match &item.what {
        What::Message(m) => format!("{}: {}", m.name, m.text),
        What::Note(note) => format!("- {}", note.text),
    };
    place.items.iter().map(text).collect()
}

fn place<'a>(view: &'a View, title: &str) -> &'a Place {
    view.places.iter().find(|p| p.title == title).unwrap_or_else(|| panic!("no {title}"))
}

/// As the screen does that has shown the end of the place.
fn show_end(view: &mut View, from_end: usize) {
    let ids: Vec<i64> = view.current().newest().take(from_end).map(|(id, _)| id).collect();
    if let (Some(bottom), Some(top)) = (ids.first(), ids.last()) {
        view.shown(*top, *bottom);
    }
}

#[test]
fn the_first_room_is_shown_with_its_members() {
    let view = view([]);
    assert_eq!(view.current().title, "#main");
    assert_eq!(view.current().members.len(), 3);
    assert_eq!(view.banner(), None);
}

#[test]
fn who_looks_at_the_hub_stays_there_when_its_only_room_is_told_of_again() {
    let mut view = view([]);
    view.go(0);
    view.apply(room(MAIN, "main", &[ANA], 0), Instant::now());
    assert_eq!(view.current().title, "casa");
}

#[test]
fn a_hub_that_was_closed_is_not_only_away() {
    let mut view = View::new(facts_of_closed(), 100);
    view.apply(online(), Instant::now());
    view.apply(Event::Offline, Instant::now());
    assert!(view.banner().unwrap().ends_with("was closed. Your messages wait; trying again."));
    view.apply(online(), Instant::now());
    assert_eq!(view.banner(), None);
}

#[test]
fn a_message_of_ours_stays_visibly_pending_until_it_has_its_place() {
    let mut view = view([pending(1, "main", "hola")]);
    assert_eq!((view.current().pending.len(), view.pending()), (1, 1));
    view.apply(Event::Offline, Instant::now());
    assert_eq!(view.current().pending.len(), 1);
    assert!(view.banner().unwrap().contains("Offline"));
    view.apply(Event::Stored { id: id(ANA, 1), room: MAIN, seq: 1 }, Instant::now());
    assert_eq!((view.current().pending.len(), view.pending()), (1, 0));
    view.apply(own(MAIN, 1, "hola"), Instant::now());
    assert!(view.current().pending.is_empty());
    assert_eq!(texts(view.current()), ["ana: hola"]);
}

#[test]
fn each_message_is_shown_once_and_in_order() {
    let mut view = view([message(MAIN, 1, BOB, "one"), message(MAIN, 2, BOB, "two"), message(MAIN, 2, BOB, "two")]);
    view.apply(message(MAIN, 1, BOB, "one"), Instant::now());
    assert_eq!(texts(view.current()), ["bob: one", "bob: two"]);
}

#[test]
fn a_message_that_was_not_taken_leaves_with_its_reason() {
    let why = Refusal::NotInRoom { room: "x".to_owned() };
    let event = Event::NotTaken { id: Some(id(ANA, 1)), text: "hola".to_owned(), why };
    let view = view([pending(1, "main", "hola"), event]);
    assert!(view.current().pending.is_empty());
    assert_eq!(texts(view.current()), ["- not sent: you are not in #x; type /join #x first (it said: hola)"]);
}

#[test]
fn private_messages_are_grouped_by_correspondent() {
    let view = view([
        inbox(0),
        private(1, BOB, ANA, "psst"),
        private(2, ANA, BOB, "yes?"),
        private(3, EVE, ANA, "hey"),
        private(4, BOB, ANA, "nothing"),
    ]);
    assert_eq!(texts(place(&view, "@bob")), ["bob: psst", "ana: yes?", "bob: nothing"]);
    assert_eq!(texts(place(&view, "@eve")), ["eve: hey"]);
    assert_eq!(place(&view, "@bob").unread, 2);
    assert!(place(&view, "@bob").called);
}

#[test]
fn what_is_said_to_a_name_lies_where_the_answers_come() {
    let mut view = view([inbox(0)]);
    assert_eq!(view.line("/msg bob hola"), Done::Taken);
    let to = Target::Member("bob".to_owned());
    assert_eq!(view.out, [Command::Say { to: to.clone(), kind: Kind::Text, text: "hola".to_owned() }]);
    view.apply(
        Event::Pending { id: id(ANA, 1), to, kind: Kind::Text, text: "hola".to_owned(), old: false },
        Instant::now(),
    );
    view.apply(private(1, ANA, BOB, "hola"), Instant::now());
    view.apply(private(2, BOB, ANA, "hola!"), Instant::now());
    assert_eq!(view.current().title, "@bob");
    assert_eq!(texts(view.current()), ["ana: hola", "bob: hola!"]);
    assert_eq!(view.places.len(), 3);
}

#[test]
fn seen_is_told_at_most_once_a_second_and_only_for_what_was_shown() {
    let mut view = view((1..=20).map(|seq| message(MAIN, seq, BOB, "x")));
    let start = Instant::now();
    // The last ten were on the screen, the first ten were not.
    show_end(&mut view, 10);
    view.tick(start);
    assert_eq!(view.out, []);
    show_end(&mut view, 20);
    view.tick(start);
    assert_eq!(view.out, [Command::Seen { room: MAIN, through: 20 }]);
    view.out.clear();
    view.apply(message(MAIN, 21, BOB, "x"), start);
    show_end(&mut view, 3);
    view.tick(start + Duration::from_millis(999));
    assert_eq!(view.out, []);
    assert_eq!(view.due(start), Some(start + Duration::from_secs(1)));
    view.tick(start + Duration::from_secs(1));
    assert_eq!(view.out, [Command::Seen { room: MAIN, through: 21 }]);
}

#[test]
fn nothing_is_seen_while_the_terminal_has_no_focus_or_the_hub_is_away() {
    let mut view = view([message(MAIN, 1, BOB, "x")]);
    view.focus = false;
    show_end(&mut view, 1);
    assert_eq!(view.current().unread, 1);
    view.focus = true;
    view.apply(Event::Offline, Instant::now());
    show_end(&mut view, 1);
    view.tick(Instant::now());
    assert_eq!((view.out.len(), view.due(Instant::now())), (0, None));
    view.apply(online(), Instant::now());
    view.tick(Instant::now());
    assert_eq!(view.out, [Command::Seen { room: MAIN, through: 1 }]);
}

#[test]
fn the_inbox_is_seen_only_as_far_as_every_conversation_was_shown() {
    let mut view = view([inbox(0), private(1, BOB, ANA, "a"), private(2, EVE, ANA, "b"), private(3, BOB, ANA, "c")]);
    let bob = view.places.iter().position(|p| p.title == "@bob").unwrap();
    view.go(bob);
    show_end(&mut view, 2);
    view.tick(Instant::now());
    assert_eq!(view.out, [Command::Seen { room: INBOX, through: 1 }]);
    view.out.clear();
    view.go(bob + 1);
    show_end(&mut view, 1);
    view.tick(Instant::now() + Duration::from_secs(2));
    assert_eq!(view.out, [Command::Seen { room: INBOX, through: 3 }]);
}

#[test]
fn unread_counts_say_where_something_was_said_and_whether_it_names_us() {
    let mut view = view([room(BUILD, "build", &[ANA, BOB], 0)]);
    view.apply(message(BUILD, 1, BOB, "done"), Instant::now());
    assert_eq!((place(&view, "#build").unread, place(&view, "#build").called), (1, false));
    view.apply(message(BUILD, 2, BOB, "Ana: look"), Instant::now());
    assert_eq!((place(&view, "#build").unread, place(&view, "#build").called), (2, true));
    view.go(2);
    show_end(&mut view, 2);
    assert_eq!((place(&view, "#build").unread, place(&view, "#build").called), (0, false));
}

#[test]
fn it_rings_for_other_rooms_private_words_our_name_and_a_terminal_in_the_background() {
    let rings = |focus: bool, event: Event| {
        let mut view = view([room(BUILD, "build", &[ANA, BOB], 0), inbox(0)]);
        view.focus = focus;
        view.apply(event, Instant::now());
        view.call().is_some()
    };
    assert!(!rings(true, message(MAIN, 1, BOB, "hola")));
    assert!(rings(false, message(MAIN, 1, BOB, "hola")));
    assert!(rings(true, message(MAIN, 1, BOB, "hola ana")));
    assert!(rings(true, message(BUILD, 1, BOB, "hola")));
    assert!(rings(true, private(1, BOB, ANA, "hola")));
    assert!(!rings(false, own(MAIN, 1, "hola")));
}

#[test]
fn history_that_was_seen_before_neither_rings_nor_counts() {
    let mut view = View::new(facts(), ITEMS);
    for event in [online(), room(MAIN, "main", &[ANA, BOB], 5), message(MAIN, 5, BOB, "old ana")] {
        view.apply(event, Instant::now());
    }
    assert_eq!((view.current().unread, view.call()), (0, None));
}

#[test]
fn members_come_go_and_change_their_names() {
    let mut view = view([]);
    let now = Instant::now();
    view.apply(Event::Joined { room: MAIN, who: person(7) }, now);
    view.apply(Event::Presence { room: MAIN, who: person(BOB), online: false }, now);
    view.apply(Event::Left { room: MAIN, who: person(EVE) }, now);
    view.apply(Event::Renamed { who: person(7), name: "zoe".to_owned() }, now);
    let place = view.current();
    let names: Vec<(&str, bool)> = place.members.values().map(|m| (m.name.as_str(), m.online)).collect();
    assert_eq!(names, [("ana", true), ("bob", false), ("zoe", true)]);
    assert_eq!((place.member_count, place.online_count), (3, 2));
    assert_eq!(texts(place), ["- member7 came in", "- eve left", "- member7 is now called zoe"]);
    view.apply(Event::Renamed { who: person(ANA), name: "anna".to_owned() }, now);
    assert_eq!(view.my_name(), "anna");
}

#[test]
fn receipts_name_who_has_seen_the_newest_of_ours() {
    let mut view = view([own(MAIN, 1, "a"), message(MAIN, 2, BOB, "b"), own(MAIN, 3, "c")]);
    let now = Instant::now();
    view.apply(Event::Seen { room: MAIN, who: MemberNo(BOB), through: 3 }, now);
    view.apply(Event::Seen { room: MAIN, who: MemberNo(EVE), through: 2 }, now);
    view.apply(Event::Seen { room: MAIN, who: MemberNo(BOB), through: 1 }, now);
    let place = view.current();
    assert_eq!(place.seen_here(1, Some(3), view.my_no()), ["eve"]);
    assert_eq!(place.seen_here(3, None, view.my_no()), ["bob"]);
}

#[test]
fn a_large_room_shows_counts() {
    let mut view = view([]);
    view.apply(Event::Count { room: MAIN, members: 812, online: 97 }, Instant::now());
    view.apply(Event::SeenBy { room: MAIN, through: 4, members: 60 }, Instant::now());
    let place = view.current();
    assert_eq!((place.member_count, place.online_count, place.members.len()), (812, 97, 0));
    assert_eq!(place.seen_by, Some((4, 60)));
}

#[test]
fn memory_stays_bounded_and_older_messages_are_asked_for_once() {
    let many = u64::try_from(ITEMS).unwrap() + 10;
    let mut view = view((11..=many).map(|seq| message(MAIN, seq, BOB, "x")));
    view.older();
    view.older();
    // As many as may be are here: what would come cannot be kept.
    assert_eq!((view.current().items.len(), view.out.len()), (ITEMS, 0));
    let mut view = self::view((11..=20).map(|seq| message(MAIN, seq, BOB, "x")));
    view.older();
    view.older();
    assert_eq!(view.out, [Command::Older(MAIN)]);
    view.apply(Event::Older(Box::new(record(MAIN, 10, BOB, "older"))), Instant::now());
    assert_eq!(view.current().first(), Some(10));
    view.older();
    assert_eq!(view.out.len(), 2);
    view.apply(Event::Oldest(MAIN), Instant::now());
    view.older();
    assert_eq!((view.out.len(), view.current().history), (2, History::Oldest));
}

#[test]
fn text_of_all_places_together_is_bounded() {
    let long = "x".repeat(4096);
    let rooms = (10..40).map(RoomNo);
    let mut view = view(rooms.clone().map(|no| room(no, &format!("r{}", no.0), &[ANA], 0)));
    for no in rooms {
        for seq in 1..=900 {
            view.apply(message(no, seq, BOB, &long), Instant::now());
        }
    }
    let total: usize = view.places.iter().map(Place::bytes).sum();
    assert!(total <= BYTES, "{total}");
}

#[test]
fn an_unknown_command_and_a_long_message_are_told_kept_and_not_sent() {
    let mut view = view([]);
    assert_eq!(view.line("/jion #x"), Done::Refused);
    assert_eq!(view.line(&"x".repeat(4097)), Done::Keep);
    assert!(view.out.is_empty());
    let notes = texts(view.current());
    assert!(notes[0].contains("did you mean /join?"), "{notes:?}");
    assert!(notes[1].contains("at most 4096 bytes, and this one 4097;"), "{notes:?}");
    for hosting in [false, true] {
        view.hosting = hosting;
        assert_eq!(view.line("/go #main"), Done::Refused);
        let last = texts(view.current()).pop();
        assert!(last.as_deref().is_some_and(|told| told.contains("/join #main")), "{last:?}");
    }
}

#[test]
fn commands_become_what_the_core_understands() {
    let mut view = view([]);
    let lines = ["hola", "//etc", "/me waves", "/nick anna", "/rooms", "/who", "/invite once 1h", "/older", "/leave"];
    for line in lines {
        assert_eq!(view.line(line), Done::Taken, "{line}");
    }
    let say = |kind, text: &str| Command::Say { to: Target::Room("main".to_owned()), kind, text: text.to_owned() };
    let expected = [
        say(Kind::Text, "hola"),
        say(Kind::Text, "/etc"),
        say(Kind::Action, "waves"),
        Command::Rename("anna".to_owned()),
        Command::Rooms,
        Command::Who(MAIN),
        Command::Invite { room: MAIN, once: true, renew: false, lasts: 3600 },
        Command::Older(MAIN),
        Command::Leave(MAIN),
    ];
    assert_eq!(view.out, expected);
    view.apply(Event::Gone(MAIN), Instant::now());
    assert_eq!(view.current().title, "casa");
    assert_eq!(view.line("hola"), Done::Keep);
}

#[test]
fn joining_shows_the_room_once_it_is_there() {
    let mut view = view([]);
    assert_eq!(view.line("/join #build"), Done::Taken);
    assert_eq!(view.out, [Command::Join("build".to_owned())]);
    assert_eq!(view.current().title, "#main");
    view.apply(room(BUILD, "build", &[ANA], 0), Instant::now());
    assert_eq!(view.current().title, "#build");
    view.step(true);
    view.step(true);
    assert_eq!(view.current().title, "#main");
    assert_eq!(view.line("/join build"), Done::Taken);
    assert_eq!((view.current().title.as_str(), view.out.len()), ("#build", 1));
}

#[test]
fn whoever_quits_while_hosting_is_told_who_would_be_cut_off() {
    let mut view = view([]);
    view.hosting = true;
    assert_eq!(view.line("/quit"), Done::Taken);
    assert!(texts(view.current())[0].contains("bob, eve would be cut off"));
    assert_eq!(view.line("/quit"), Done::Quit);
    assert_eq!(view.line("/stay"), Done::Stay);
    view.apply(Event::Presence { room: MAIN, who: person(BOB), online: false }, Instant::now());
    view.apply(Event::Presence { room: MAIN, who: person(EVE), online: false }, Instant::now());
    view.line("hola");
    assert_eq!(view.line("/quit"), Done::Quit);
}

#[test]
fn what_others_choose_is_clean_wherever_it_is_kept() {
    let evil = "x\x1b[2J\u{9b}\u{202e}\x07";
    let mut hostile = record(MAIN, 1, BOB, evil);
    hostile.from.name = evil.to_owned();
    let mut view = view([Event::Message { record: Box::new(hostile), own: false }, room(BUILD, evil, &[ANA], 0)]);
    view.apply(Event::ReadOnly(evil.to_owned()), Instant::now());
    view.apply(
        Event::Moving { address: evil.to_owned(), hub: puerta_talk::room::ids::Device([0; 32]) },
        Instant::now(),
    );
    view.apply(Event::Sorry(Refusal::NoSuchMember { name: evil.to_owned() }), Instant::now());
    view.apply(Event::Rooms(vec![(evil.to_owned(), 1)]), Instant::now());
    let all: Vec<String> = view.places.iter().flat_map(|p| texts(p).into_iter().chain([p.title.clone()])).collect();
    let all = all.into_iter().chain(view.banner());
    for text in all {
        assert!(!text.contains(char::is_control) && !text.contains('\u{202e}'), "{text:?}");
    }
}

#[test]
fn another_hub_begins_anew_below_what_is_there() {
    let moving = Event::Moving { address: "h:1".to_owned(), hub: puerta_talk::room::ids::Device([0; 32]) };
    let mut view =
        view([message(MAIN, 1, BOB, "old one"), message(MAIN, 2, BOB, "old two"), pending(1, "main", "mine")]);
    view.apply(moving, Instant::now());
    assert_eq!(view.line("on the way"), Done::Taken);
    for event in [online(), room(RoomNo(7), "Main", &[ANA, BOB], 0), message(RoomNo(7), 1, BOB, "new one")] {
        view.apply(event, Instant::now());
    }
    view.apply(own(RoomNo(7), 2, "mine"), Instant::now());
    let texts = texts(view.current());
    assert_eq!(texts.len(), 5, "{texts:?}");
    assert_eq!(texts[3..], ["bob: new one", "ana: mine"]);
    assert_eq!((view.places.len(), view.current().last()), (2, 2));
}

#[test]
fn what_the_member_could_not_do_is_told_where_the_user_is() {
    let mut view = view([
        Event::Unanswered(Command::Who(MAIN)),
        Event::Waiting { messages: 3 },
        Event::NotMoved { messages: 1, why: "disk full\u{7}".to_owned() },
    ]);
    assert_eq!(
        texts(view.current()),
        [
            "- not connected: the hub did not answer /who; try again once it is there",
            "- 3 messages of programs that ended wait in the outbox, and are sent when puerta talk starts again",
            "- 1 message is not kept on the disk for the other hub (disk full^G); stay until all is sent",
        ]
    );
    view.older();
    assert!(matches!(view.out.pop_front(), Some(Command::Older(MAIN))));
    view.older();
    assert!(view.out.is_empty(), "once at a time");
    view.apply(Event::Unanswered(Command::Older(MAIN)), Instant::now());
    view.older();
    assert_eq!(view.out, [Command::Older(MAIN)], "it can be asked for again");
}

#[test]
fn a_message_of_ours_stays_pending_under_its_new_id_and_no_longer_when_the_disk_has_it_not() {
    let mut view = view([pending(1, "main", "hola"), pending(2, "main", "adiós")]);
    for number in [1, 2] {
        view.apply(Event::Renumbered { id: id(ANA, number), now: id(BOB, number) }, Instant::now());
    }
    assert_eq!(view.pending(), 2);
    view.apply(Event::Stored { id: id(BOB, 1), room: MAIN, seq: 1 }, Instant::now());
    view.apply(
        Event::NotKept { id: Some(id(BOB, 2)), text: "adiós".to_owned(), why: "full".to_owned() },
        Instant::now(),
    );
    assert_eq!(view.pending(), 0);
}

#[test]
fn what_only_the_hub_can_answer_is_not_lost_in_silence_while_it_is_away() {
    let mut view = view([Event::Offline]);
    for line in ["/who", "/rooms", "/invite", "/older", "/leave"] {
        assert_eq!(view.line(line), Done::Refused, "{line}");
    }
    assert!(view.out.is_empty());
    assert_eq!(view.line("hola"), Done::Taken);
}
