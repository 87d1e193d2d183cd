//! What an invite may be, and what is said of one that is none.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use puerta::Host;
use puerta_talk::invite::{BadInvite, Invite, LONGEST, Place, is_invite};
use puerta_talk::problem::Problem;
use puerta_talk::room::ids::Device;
use puerta_talk::room::store::Token;

/// The version 1, a key of 0x22, a token of 0x33.
const SECRET: &str = "ASIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiMzMzMzMzMzMzMzMzMzMzMw";

fn good() -> Invite {
    let places = vec!["10.0.0.5:7777".parse().unwrap(), "[2001:db8::1]:7777".parse().unwrap()];
    Invite::new(places, "main".to_owned(), Device([0x22; 32]), Token([0x33; 16])).unwrap()
}

#[test]
fn the_form_of_a_link_never_changes() {
    let link = format!("puerta://10.0.0.5:7777,[2001:db8::1]:7777/main#{SECRET}");
    assert_eq!(good().to_string(), link);
    assert_eq!(link.parse(), Ok(good()));
}

#[test]
fn a_pasted_link_is_taken_with_the_white_space_around_it() {
    for (before, after) in [("", "\n"), ("  ", " "), ("\t", "\r\n")] {
        assert_eq!(format!("{before}{}{after}", good()).parse(), Ok(good()));
        assert!(is_invite(&format!("{before}{}{after}", good())));
    }
    assert_eq!(good().to_string().replace("puerta:", "Puerta:").parse(), Ok(good()));
}

#[test]
fn a_room_of_any_script_reads_back() {
    for (room, written) in [("Küche", "K%C3%BCche"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("部屋", "%E9%83%A8%E5%B1%8B")] {
        let places = vec!["h:1".parse().unwrap()];
        let invite = Invite::new(places, room.to_owned(), Device([0x22; 32]), Token([0x33; 16])).unwrap();
        assert_eq!(invite.to_string(), format!("puerta://h:1/{written}#{SECRET}"));
        assert_eq!(invite.to_string().parse(), Ok(invite));
    }
    // A chat program may show the escapes written out.
    assert_eq!(format!("puerta://h:1/Küche#{SECRET}").parse::<Invite>().unwrap().room(), "Küche");
}

#[test]
fn what_is_wrong_is_told_in_one_line_that_never_shows_the_secret() {
    let place = |text: &str| BadInvite::Place(text.to_owned());
    let nine = ["h:1"; 9].join(",");
    let cases: Vec<(String, BadInvite)> = vec![
        (String::new(), BadInvite::Scheme),
        (format!("http://h:1/main#{SECRET}"), BadInvite::Scheme),
        (format!("puerta:/h:1/main#{SECRET}"), BadInvite::Scheme),
        ("puertà://".to_owned(), BadInvite::Scheme),
        (format!("puerta://h:1/{}#{SECRET}", "a".repeat(LONGEST)), BadInvite::TooLong),
        ("puerta://h:1/main".to_owned(), BadInvite::NoSecret),
        (format!("puerta://h:1/main%23{SECRET}"), BadInvite::NoSecret),
        ("puerta://h:1/main#".to_owned(), BadInvite::Damaged),
        (format!("puerta://h:1/main#{}", &SECRET[1..]), BadInvite::Damaged),
        (format!("puerta://h:1/main#{}", &SECRET[..64]), BadInvite::Damaged),
        (format!("puerta://h:1/main#{SECRET}AA"), BadInvite::Damaged),
        (format!("puerta://h:1/main#{SECRET}=="), BadInvite::Damaged),
        (format!("puerta://h:1/main#{}x", &SECRET[..65]), BadInvite::Damaged),
        (format!("puerta://h:1/main#{}\n{}", &SECRET[..30], &SECRET[30..]), BadInvite::Damaged),
        (format!("puerta://h:1/main#Ag{}", &SECRET[2..]), BadInvite::Version(2)),
        (format!("puerta://{nine}/main#{SECRET}"), BadInvite::TooManyPlaces),
        (format!("puerta:///main#{SECRET}"), place("")),
        (format!("puerta://h/main#{SECRET}"), place("h")),
        (format!("puerta://h:/main#{SECRET}"), place("h:")),
        (format!("puerta://h:0/main#{SECRET}"), place("h:0")),
        (format!("puerta://h:07/main#{SECRET}"), place("h:07")),
        (format!("puerta://h:+7/main#{SECRET}"), place("h:+7")),
        (format!("puerta://h:65536/main#{SECRET}"), place("h:65536")),
        (format!("puerta://:7777/main#{SECRET}"), place(":7777")),
        (format!("puerta://0.0.0.0:1/main#{SECRET}"), place("0.0.0.0:1")),
        (format!("puerta://[::]:1/main#{SECRET}"), place("[::]:1")),
        (format!("puerta://[fe80::1%25eth0]:1/main#{SECRET}"), place("[fe80::1%25eth0]:1")),
        (format!("puerta://2001:db8::1/main#{SECRET}"), place("2001:db8::1")),
        (format!("puerta://h:1,/main#{SECRET}"), place("")),
        (format!("puerta://user@h:1/main#{SECRET}"), place("user@h:1")),
        (format!("puerta://h\u{1b}[2J:1/main#{SECRET}"), place("h\u{1b}[2J:1")),
        (format!("puerta://h:1#{SECRET}"), BadInvite::NoRoom),
        (format!("puerta://h:1/#{SECRET}"), BadInvite::NoRoom),
        (format!("puerta://h:1/{}#{SECRET}", "a".repeat(33)), BadInvite::Room),
        (format!("puerta://h:1/a/b#{SECRET}"), BadInvite::Room),
        (format!("puerta://h:1/a?b#{SECRET}"), BadInvite::Room),
        (format!("puerta://h:1/a b#{SECRET}"), BadInvite::Room),
        (format!("puerta://h:1/a%0Ab#{SECRET}"), BadInvite::Room),
        (format!("puerta://h:1/a%ff#{SECRET}"), BadInvite::Room),
        (format!("puerta://h:1/a%2#{SECRET}"), BadInvite::Room),
        (format!("puerta://h:1/a%+1#{SECRET}"), BadInvite::Room),
        (format!("puerta://h:1/exe.%E2%80%AEgpj#{SECRET}"), BadInvite::Room),
    ];
    for (text, expected) in cases {
        let bad = text.parse::<Invite>().unwrap_err();
        assert_eq!(bad, expected, "{text}");
        let problem = Problem::from(bad);
        assert_eq!(problem.status(), 2);
        let (line, hint) = (problem.to_string(), problem.hint().unwrap().into_owned());
        for told in [line, hint, format!("{problem:?}")] {
            assert!(!told.contains(char::is_control) && told.len() < 200, "{text}: {told}");
            assert!(!told.contains("IiIi") && !told.contains("MzMz"), "{told}");
        }
    }
}

#[test]
fn an_invite_in_a_log_lets_nobody_in() {
    let shown = format!("{:?} {:#?}", good(), good());
    assert!(!shown.contains("51, 51") && !shown.contains("3333") && !shown.contains("MzMz"), "{shown}");
}

#[test]
fn the_host_cannot_make_an_invite_that_nobody_could_read() {
    for host in ["", "a b", "a,b", "a/b", "a#b", "1.2.3", "10.0.0.5", "::1", "-a", "é", &"a".repeat(254)] {
        assert!(Place::new(Host::Name(host.to_owned()), 7777).is_err(), "{host}");
    }
    let zone = Host::V6 { ip: "fe80::1".parse().unwrap(), zone: Some("eth0".to_owned()) };
    assert!(Place::new(zone, 7777).is_err());
    assert!(Place::new(Host::Any, 7777).is_err());
    assert!(Place::new(Host::Name("a".to_owned()), 0).is_err());
    let longest = Place::new(Host::Name(vec!["a".repeat(63); 4].join(".").split_off(2)), u16::MAX).unwrap();
    let full = Invite::new(vec![longest; 8], "é".repeat(16), Device([0xff; 32]), Token([0xff; 16])).unwrap();
    assert!(full.to_string().len() <= LONGEST, "{}", full.to_string().len());
    assert_eq!(full.to_string().parse(), Ok(full));
    let new = |places, room: &str| Invite::new(places, room.to_owned(), Device([0; 32]), Token([0; 16]));
    assert_eq!(new(vec![], "main"), Err(BadInvite::Place(String::new())));
    assert_eq!(new(vec!["h:1".parse().unwrap(); 9], "main"), Err(BadInvite::TooManyPlaces));
    assert_eq!(new(vec!["h:1".parse().unwrap()], ""), Err(BadInvite::NoRoom));
    assert_eq!(new(vec!["h:1".parse().unwrap()], "a\u{7}"), Err(BadInvite::Room));
}
