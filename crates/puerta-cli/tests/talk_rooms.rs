//! What a user of rooms meets besides talking: hubs on a server, trust, invites, files that are not as they should be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod talk;

use common::{Running, wait_until};
use puerta_talk::rung::Rung;
use puerta_talk::transport::IDLE;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};
use talk::{Network, User, everything, fingerprint};

/// A hub without a screen that is there.
fn hub(network: &Network, user: &User, words: &[&str]) -> Running {
    let hub = network.talk(user, ["--host"].iter().chain(words).copied()).start();
    hub.says("invite: puerta://");
    hub
}

fn invite(hub: &Running) -> String {
    let said = hub.stderr();
    said.lines().find_map(|line| line.strip_prefix("invite: ")).unwrap().to_owned()
}

#[test]
fn without_a_terminal_an_unknown_hub_is_refused_with_its_fingerprint_which_accept_takes() {
    let (network, host, ana) = (Network::new(), User::new("host"), User::new("ana"));
    let hub = hub(&network, &host, &[]);
    let key = fingerprint(&hub.stderr());
    for words in [&[][..], &["127.0.0.1"], &["127.0.0.1:7777"]] {
        let refused = network.talk(&ana, words.iter().copied()).finish();
        refused.ends_with(6).said(&format!("its fingerprint is {key}: not joined"));
        refused.said(&format!("hint: compare the fingerprint with its host's; if it is the same, add --accept {key}"));
    }
    let other = "7K3M-9QXT-0VBN-4H2C-WJ8E";
    let refused = network.talk(&ana, ["--accept", other]).finish();
    refused.ends_with(6).said(&format!("has the fingerprint {key}, not {other} as --accept says: not joined"));
    network.talk(&ana, ["--accept", &key]).input("hola\n").finish().ends_with(0);
    // From now on it is known.
    network.talk(&ana, []).input("otra vez\n").finish().ends_with(0);
    let refused = network.talk(&ana, ["--accept", other]).input("nunca\n").finish();
    refused.ends_with(6).said(&format!("has the fingerprint {key}, not {other} as --accept says: not joined"));
    let said = network.talk(&host, ["export"]).finish();
    assert_eq!(String::from_utf8_lossy(&said.stdout).matches("#main ana: ").count(), 2);
    hub.signal("TERM");
    hub.finish().ends_with(0);
}

#[test]
fn who_quits_is_away_at_once_and_what_was_said_last_is_in_the_outbox() {
    let (network, host, ben) = (Network::new(), User::new("host"), User::new("ben"));
    let hub = hub(&network, &host, &[]);
    let key = fingerprint(&hub.stderr());
    let start = || network.talk(&ben, ["--accept", &key, "--json"]).open_input().start();
    for round in 0..6 {
        let mut there = start();
        there.writes("\"event\":\"room\",\"room\":\"#");
        there.send(format!("word {round}\n/quit\n"));
        assert!([0, 7].contains(&there.finish().status), "round {round}");
        let gone = Instant::now();
        wait_until("ben away", || everything(&network.talk(&host, ["members"]).finish()).contains("ben  offline"));
        // Without a word from it the hub would know after 10 s.
        assert!(gone.elapsed() < IDLE / 2, "round {round}: {:?}", gone.elapsed());
    }
    network.talk(&ben, []).input("end\n").finish().ends_with(0);
    let said = String::from_utf8(network.talk(&host, ["export"]).finish().stdout).unwrap();
    let lost: Vec<u32> = (0..6).filter(|round| said.matches(&format!("word {round}\n")).count() != 1).collect();
    assert!(lost.is_empty(), "not stored once: {lost:?}\n{said}");
}

#[test]
fn members_of_a_hub_that_was_closed_are_told_so_however_they_watch() {
    let network = Network::new();
    let users = ["host", "ana", "ben", "eva", "max"].map(User::new);
    let [host, ana, ben, eva, max] = &users;
    let hub = hub(&network, host, &[]);
    let key = fingerprint(&hub.stderr());
    let start = |user, words: &[&'static str]| {
        network.talk(user, ["--accept", &key].iter().chain(words).copied()).open_input().start()
    };
    let (json, line) = (start(ana, &["--json"]), start(ben, &["--line"]));
    let mut pipe = start(eva, &["--to", "#main"]);
    let mut full = network.terminal(max, &["--accept", &key]);
    full.is_in_the_room();
    json.writes("\"online\"");
    line.writes("in #main");
    // What a pipe brings tells that it is there.
    pipe.send("hola\n");
    json.writes("hola");
    hub.signal("TERM");
    json.writes("{\"event\":\"offline\",\"closed\":true}");
    line.writes("was closed. Your messages wait; trying again.");
    pipe.says("was closed. Your messages wait; trying again.");
    full.shows("was closed. Your messages wait; trying again.");
    hub.finish().ends_with(0);
}

#[test]
fn invites_let_in_and_those_that_are_good_for_nothing_are_a_line_each() {
    let (network, host) = (Network::new(), User::new("host"));
    let [ana, ben, eva] = ["ana", "ben", "eva"].map(User::new);
    let hub = hub(&network, &host, &["--invite-only"]);
    let key = fingerprint(&hub.stderr());
    let made = |words: &[&str]| {
        let done = network.talk(&host, ["invite"].iter().chain(words).copied()).finish();
        done.ends_with(0);
        String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
    };
    let denied = |user: &User, words: &[&str], why: &str| {
        network.talk(user, words.iter().copied()).input("x\n").finish().ends_with(6).said(why);
    };
    denied(&ana, &["127.0.0.1", "--accept", &key], "takes only those with an invite");
    for words in [&["--json"][..], &["--line"], &["--to", "#main"]] {
        let empty = network.talk(&ana, ["127.0.0.1", "--accept", &key].iter().chain(words).copied()).input("").finish();
        empty.ends_with(6).said("takes only those with an invite");
    }
    let once = made(&["--once"]);
    network.talk(&ana, [once.as_str()]).input("hola\n").finish().ends_with(0);
    denied(&ben, &[&once], "the invite was good for one device, and was used");
    let first = invite(&hub);
    network.talk(&eva, ["-"]).input(format!("{first}\nhola\n")).finish().ends_with(0);
    let renewed = made(&["--renew"]);
    denied(&ben, &[&first], "the hub does not know this invite; ask for a new one");
    let short = made(&["--lasts", "1s"]);
    let begin = Instant::now();
    // The hub counts seconds, and began a little later.
    wait_until("the end of the invite", || begin.elapsed() > Duration::from_millis(2100));
    denied(&ben, &[&short], "the invite is over; ask for a new one");
    network.talk(&ben, [renewed.as_str()]).input("hola\n").finish().ends_with(0);
    let cut = renewed.split('#').next().unwrap();
    network.talk(&ben, [cut]).finish().ends_with(2).said("the invite is cut");
    network.talk(&ben, [&renewed[..renewed.len() - 2]]).finish().ends_with(2).said("the invite is damaged");
}

#[test]
fn an_invite_that_is_made_on_the_hubs_machine_leads_there_from_elsewhere() {
    let (one, two) = Network::wired();
    let (host, ana) = (User::new("host"), User::new("ana"));
    let _hub = hub(&one, &host, &[]);
    let made = one.talk(&host, ["invite"]).finish();
    let link = String::from_utf8(made.stdout).unwrap();
    assert!(link.starts_with("puerta://10.0.0.1:7777/main#"), "{link}");
    two.talk(&ana, [link.trim_end()]).input("hola\n").finish().ends_with(0);
}

#[test]
fn an_invite_to_a_hub_for_this_machine_alone_leads_to_it() {
    let (network, host, ana) = (Network::new(), User::new("host"), User::new("ana"));
    let _hub = hub(&network, &host, &["--listen", "127.0.0.1:0"]);
    let made = network.talk(&host, ["invite"]).finish();
    let link = String::from_utf8(made.stdout).unwrap();
    assert!(link.starts_with("puerta://127.0.0.1:"), "{link}");
    network.talk(&ana, [link.trim_end()]).input("hola\n").finish().ends_with(0);
}

#[test]
fn rooms_and_members_are_listed_and_asking_makes_no_room() {
    let (network, host) = (Network::new(), User::new("host"));
    let _hub = hub(&network, &host, &["--room", "casa"]);
    network.talk(&host, ["rooms"]).finish().ends_with(0).wrote("#casa  1 member\n");
    let none = network.talk(&host, ["members", "nix"]).finish();
    none.ends_with(2).said("there is no room #nix").said("hint: puerta talk rooms lists");
    network.talk(&host, ["rooms"]).finish().ends_with(0).wrote("#casa  1 member\n");
    let members = network.talk(&host, ["members", "CASA"]).finish();
    members.ends_with(0);
    assert!(everything(&members).starts_with("host  online  "), "{}", everything(&members));
    let page = include_str!("../../../docs/guide/talk-json.md");
    let fields = |object: &str| match serde_json::from_str(object).unwrap() {
        serde_json::Value::Object(fields) => (fields["event"].clone(), fields.keys().cloned().collect::<Vec<_>>()),
        other => panic!("{other}"),
    };
    for what in ["rooms", "members", "invite"] {
        let said = String::from_utf8(network.talk(&host, [what, "--json"]).finish().stdout).unwrap();
        let row = page.lines().find_map(|line| line.strip_prefix(&format!("| `puerta talk {what} --json` | `")));
        assert_eq!(fields(&said), fields(row.unwrap().trim_end_matches("` |")), "as the guide has it");
    }
    network.talk(&host, ["doctor"]).finish().ends_with(0);
}

#[test]
fn the_doctor_looks_at_each_rung_for_itself() {
    let (network, host, ana) = (Network::new(), User::new("host"), User::new("ana"));
    let hub = hub(&network, &host, &[]);
    let key = fingerprint(&hub.stderr());
    let said = everything(&network.talk(&ana, ["doctor"]).finish());
    for rung in [Rung::Machine, Rung::Broadcast, Rung::Multicast, Rung::Mdns] {
        assert!(said.lines().any(|line| line.starts_with(&rung.to_string())), "no {rung}: {said}");
    }
    let (start, end) = (format!("{}: ", Rung::Machine), format!("fingerprint {key}, not known here"));
    assert!(said.lines().any(|line| line.starts_with(&start) && line.ends_with(&end)), "{said}");
    network.talk(&ana, ["--accept", &key]).input("hola\n").finish().ends_with(0);
    let said = everything(&network.talk(&ana, ["doctor"]).finish());
    assert!(said.contains(&format!("fingerprint {key}, known as ")) && said.contains(": answers"), "{said}");
    let lines = String::from_utf8(network.talk(&ana, ["doctor", "--json"]).finish().stdout).unwrap();
    let objects = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    assert!(objects.map(|note| note["message"].as_str().unwrap().to_owned()).any(|line| line.ends_with(": answers")));
    hub.signal("TERM");
    hub.finish().ends_with(0);
    assert!(everything(&network.talk(&ana, ["doctor"]).finish()).contains(": does not answer"));
}

#[test]
fn a_hub_that_shows_another_key_is_refused_with_both_until_it_is_forgotten() {
    let (network, host, ana) = (Network::new(), User::new("host"), User::new("ana"));
    let first = hub(&network, &host, &[]);
    let old = fingerprint(&first.stderr());
    network.talk(&ana, ["--accept", &old]).input("hola\n").finish().ends_with(0);
    let known = fs::read_to_string(ana.home.path(".config/puerta/hubs.toml")).unwrap();
    let name = known.lines().find_map(|line| line.strip_prefix("name = ")).unwrap().trim_matches('"').to_owned();
    first.signal("TERM");
    first.finish().ends_with(0);
    fs::remove_file(host.home.path(".config/puerta/key")).unwrap();
    let second = hub(&network, &host, &["--no-store"]);
    let new = fingerprint(&second.stderr());
    for words in [&[][..], &["127.0.0.1"]] {
        let refused = network.talk(&ana, words.iter().copied()).finish();
        refused.ends_with(6).said(&old).said(&new).said(&format!("puerta talk forget {name}"));
    }
    let doctor = everything(&network.talk(&ana, ["doctor"]).finish());
    let line = |start: &str| doctor.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{doctor}"));
    let asked = line("remembered: ");
    assert!(asked.contains(&format!("{old}: its key has changed: {new}")), "{doctor}");
    assert!(
        doctor.contains(&format!("fingerprint {new}: the key of {name} has changed from {old} to {new}")),
        "{doctor}"
    );
    network.talk(&ana, ["forget", "10.9.9.9"]).finish().ends_with(2).said("hint: puerta talk doctor lists");
    network.talk(&ana, ["forget", "127.0.0.1"]).finish().ends_with(0).said(&format!("forgotten: {name}"));
    network.talk(&ana, ["--accept", &new]).input("hola\n").finish().ends_with(0);
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let (network, ana) = (Network::new(), User::new("ana"));
    network.talk(&ana, ["doctor"]).finish().ends_with(0);
    for (path, mode, hint) in [(".config/puerta/key", 0o640, "chmod 600 "), (".config/puerta", 0o755, "chmod 700 ")] {
        let path = ana.home.path(path);
        let mended = fs::metadata(&path).unwrap().permissions();
        assert_eq!(mended.mode() & 0o077, 0, "made for us alone");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        network.talk(&ana, []).finish().ends_with(8).said(&format!("hint: {hint}{}", path.display()));
        fs::set_permissions(&path, mended).unwrap();
    }
}

#[test]
fn a_port_that_is_taken_a_store_that_is_not_ours_and_a_name_that_cannot_be_are_said() {
    let (network, host, ana) = (Network::new(), User::new("host"), User::new("ana"));
    let _first = hub(&network, &host, &[]);
    let second = hub(&network, &ana, &[]);
    assert_eq!(second.port(), talk::ROOMS + 1, "the next free one");
    network.talk(&User::new("eva"), ["--host", "--listen", ":7777"]).finish().ends_with(5).said("EADDRINUSE");
    network.talk(&host, ["--host"]).finish().ends_with(8).said("hint: ");
    let other =
        ana.home.file("other.db", "no store of ours, and longer than a header of SQLite has to be, to be sure of it");
    network
        .talk(&User::new("eva"), ["--host", "--store", other.to_str().unwrap()])
        .finish()
        .ends_with(8)
        .said("hint: ");
    network.talk(&ana, ["--name", "a b"]).finish().ends_with(2).said("this cannot be a name");
}

#[test]
fn what_a_short_run_has_learnt_of_a_hub_is_kept_whole() {
    let (network, host, ana) = (Network::new(), User::new("host"), User::new("ana"));
    let hub = hub(&network, &host, &[]);
    for _ in 0..6 {
        network.talk(&ana, [invite(&hub).as_str()]).input("").finish().ends_with(0);
        let names = fs::read_dir(ana.home.path(".config/puerta")).unwrap().map(|entry| entry.unwrap().file_name());
        let drafts: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with(".hubs.toml.")).collect();
        assert_eq!(drafts, Vec::<std::ffi::OsString>::new());
        assert!(fs::read_to_string(ana.home.path(".config/puerta/hubs.toml")).unwrap().contains("host"));
    }
}

#[test]
fn lines_of_a_pipe_that_come_at_once_are_carried_out_in_their_order_and_wrong_ones_are_in_the_status() {
    let (network, host, ana) = (Network::new(), User::new("host"), User::new("ana"));
    let hub = hub(&network, &host, &[]);
    network.talk(&ana, [invite(&hub).as_str()]).input("").finish().ends_with(0);
    let piped = |form, lines: &str| network.talk(&ana, ["127.0.0.1", form]).input(lines).finish();
    for (form, answers) in
        [("--json", ["\"event\":\"rooms\"", "\"event\":\"members\""]), ("--line", ["1 rooms:", "#main: 1 member"])]
    {
        for _ in 0..3 {
            let done = piped(form, "/rooms\n/who\n");
            done.ends_with(0);
            assert!(answers.iter().all(|answer| everything(&done).contains(answer)), "{}", everything(&done));
        }
        let wrong = piped(form, "/nonsense\nhola\n");
        wrong.ends_with(2).said("1 line of stdin was not carried out");
        assert!(everything(&wrong).contains("no command /nonsense"));
        piped(form, "/nick host\n").ends_with(0);
    }
    piped("--json", "/join #build\nhere\n/leave\n/join #main\nthere\n").ends_with(0);
    let said = String::from_utf8(network.talk(&host, ["export"]).finish().stdout).unwrap();
    assert!(said.contains("#build host: here\n") && said.contains("#main host: there\n"), "{said}");
    assert_eq!(said.matches("hola").count(), 2, "{said}");
}

#[test]
fn an_export_tells_what_was_done_and_the_id_of_each_message_as_the_events_do() {
    let (network, host, ana) = (Network::new(), User::new("host"), User::new("ana"));
    let hub = hub(&network, &host, &[]);
    let said = network.talk(&ana, [invite(&hub).as_str(), "--json"]).input("hola\n/me waves\x1b\n").finish();
    said.ends_with(0);
    let of = |done: &common::Done| String::from_utf8(done.stdout.clone()).unwrap();
    let messages: String = of(&said).lines().filter(|l| l.contains("\"message\"")).map(|l| format!("{l}\n")).collect();
    assert!(messages.ends_with(",\"action\":true}\n"), "{messages}");
    let exported = network.talk(&host, ["export", "--json"]).finish();
    assert_eq!(of(&exported), messages);
    let ids = messages.split("\"id\":\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let text = of(&network.talk(&host, ["export"]).finish());
    for ((line, id), what) in text.lines().zip(ids).zip(["ana: hola", "* ana waves^["]) {
        assert!(line.ends_with(&format!("Z {id} #main {what}")), "{text}");
    }
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn on_a_terminal_of_24_rows_a_hub_shows_where_it_listens_and_all_of_its_qr_code() {
    let all_of_it = |picture: &str| {
        let rows: Vec<&str> = picture.lines().map(str::trim).collect();
        let row = |end: &str| rows.iter().any(|row| row.starts_with(end) && row.ends_with(end));
        // Which is the first depends on how much is left free around it.
        let first = row("▄▄▄▄▄▄▄") || row("█▀▀▀▀▀█");
        first && rows.iter().filter(|row| row.contains("█ ███ █")).count() == 2
    };
    // With one address there is room for words and code; with many the code is whole, of those that fit.
    for addresses in [1, 7] {
        let (network, host) = (Network::new(), User::new("host"));
        // The far end has no address, so that nobody comes by it.
        network.sh("ip link add net type veth peer name far && ip link set far addrgenmode none");
        network.sh("ip link set net up && ip link set far up");
        (1..=addresses).for_each(|n| network.sh(&format!("ip addr add 192.168.{n}.100/24 dev net")));
        let mut hub = network.terminal_of((24, 80), &host, &["--host"]);
        let words = |picture: &str, word| addresses > 1 || picture.contains("puerta://") && picture.contains(word);
        hub.until("where it listens, and the code", |picture| words(picture, "listening on") && all_of_it(picture));
        assert!(String::from_utf8_lossy(&hub.all).contains("\x1b[30;107m"), "black on white");
        let mut invite = network.terminal_of((24, 80), &host, &["invite"]);
        invite
            .until("until when it is good, and the code", |picture| words(picture, "good until") && all_of_it(picture));
        assert_eq!(invite.end().0, 0);
        hub.signal("TERM");
        assert_eq!(hub.end().0, 0);
    }
}

#[test]
fn two_of_one_name_are_told_apart() {
    let (network, host) = (Network::new(), User::new("ana"));
    let hub = hub(&network, &host, &[]);
    for user in [User::new("ana"), User::new("ana")] {
        network.talk(&user, [invite(&hub).as_str()]).input("hola\n").finish().ends_with(0);
    }
    let members = network.talk(&host, ["members"]).finish();
    assert!(everything(&members).contains("ana-2 "), "{}", everything(&members));
}

#[test]
fn with_ipv6_switched_off_a_hub_serves_over_ipv4() {
    let (network, host, ana) = (Network::without_ipv6(), User::new("host"), User::new("ana"));
    let hub = hub(&network, &host, &[]);
    network.talk(&ana, [invite(&hub).as_str()]).input("hola\n").finish().ends_with(0);
}

#[test]
fn the_device_key_and_tokens_are_in_no_output_but_the_invite() {
    let (network, host, ana) = (Network::new(), User::new("host"), User::new("ana"));
    let hub = hub(&network, &host, &["--verbose", "--trace"]);
    let link = invite(&hub);
    let done = network.talk(&ana, ["-", "--verbose", "--trace"]).input(format!("{link}\nhola\n")).finish();
    done.ends_with(0);
    let doctor = network.talk(&ana, ["doctor", "--verbose"]).finish();
    let (_, secret) = link.split_once('#').unwrap();
    let said = hub.stderr();
    assert_eq!(said.matches(secret).count(), 1, "in the line of the invite alone");
    for user in [&host, &ana] {
        let key = fs::read_to_string(user.home.path(".config/puerta/key")).unwrap();
        let longest = key.lines().filter(|line| !line.starts_with("-----")).max_by_key(|line| line.len()).unwrap();
        for text in [&said, &everything(&done), &everything(&doctor)] {
            assert!(!text.contains(longest), "a key in {text}");
        }
    }
    assert!(!everything(&done).contains(secret) && !everything(&doctor).contains(secret));
    let of = |what: &str| fs::read(format!("/proc/{}/{what}", hub.id())).unwrap();
    let shown = [of("cmdline"), of("environ")].concat();
    assert!(!String::from_utf8_lossy(&shown).contains(secret));
}

#[test]
fn what_asks_a_hub_of_ours_finds_it_wherever_its_store_is_and_never_asks_another_for_it() {
    let (network, host) = (Network::new(), User::new("host"));
    let store = host.home.name("elsewhere.db");
    let asked = |words: &[&str]| network.talk(&host, ["rooms"].iter().chain(words).copied()).finish();
    let first = hub(&network, &host, &["--store", &store, "--room", "casa"]);
    assert_eq!(String::from_utf8_lossy(&asked(&[]).stdout), "#casa  1 member\n");
    let second = hub(&network, &host, &["--no-store", "--room", "taller"]);
    let several = asked(&[]);
    several.ends_with(2).said("2 hubs of ours run here: 127.0.0.1:7777 (--store ").said("127.0.0.1:7778 (--no-store)");
    several.said("hint: say which with --store FILE or --no-store");
    assert_eq!(String::from_utf8_lossy(&asked(&["--store", &store]).stdout), "#casa  1 member\n");
    assert_eq!(String::from_utf8_lossy(&asked(&["--no-store"]).stdout), "#taller  1 member\n");
    // What one that was killed left behind does not count.
    first.signal("KILL");
    first.finish();
    assert_eq!(String::from_utf8_lossy(&asked(&[]).stdout), "#taller  1 member\n");
    asked(&["--store", &store]).ends_with(6).said("no hub of ours runs here with this store");
    second.signal("TERM");
    second.finish().ends_with(0);
    assert_eq!(fs::read_dir(host.home.name(".local/share/puerta/running")).unwrap().count(), 0);
}

#[test]
fn who_follows_a_room_does_not_make_it_and_names_that_cannot_be_are_refused_before_anything_connects() {
    let (network, host) = (Network::new(), User::new("host"));
    let hub = hub(&network, &host, &[]);
    let typo = network.talk(&host, ["--follow", "#tipo"]).finish();
    typo.ends_with(2).said("there is no room #tipo").said("hint: puerta talk rooms lists");
    let rooms = network.talk(&host, ["rooms"]).finish();
    assert_eq!(String::from_utf8_lossy(&rooms.stdout), "#main  1 member\n");
    for json in [&[][..], &["--json"]] {
        let words = ["--follow", "#main", "--since", "7"].into_iter().chain(json.iter().copied());
        let ahead = network.talk(&host, words).finish();
        ahead.ends_with(2).said("#main has 0 messages, and --since says 7").said("--since 0 reads all");
    }
    hub.signal("TERM");
    hub.finish().ends_with(0);
    // No hub is there now: what is wrong with the words is said before one is looked for.
    for words in [&["--to", "bad room"][..], &["--to", "#a,b"], &["--room", "a b"], &["--follow", "#a b"]] {
        network
            .talk(&host, words.iter().copied())
            .finish()
            .ends_with(2)
            .said("cannot be the name of a room or a member");
    }
    network.talk(&host, ["--once"]).finish().ends_with(2).said("hint: it is for an invite: puerta talk invite --once");
}

#[test]
fn a_room_that_is_named_leads_there_though_the_store_has_others_and_a_name_that_the_hub_does_not_take_is_said() {
    let (network, ana) = (Network::new(), User::new("ana"));
    network.talk(&ana, []).input("hola\n").finish().ends_with(0);
    let again = network.talk(&ana, ["--room", "casa", "--name", "eva"]).input("en casa\n").finish();
    again.ends_with(0);
    let said = everything(&again);
    assert!(said.contains("the hub knows you as ana; /nick eva changes that"), "{said}");
    let kept = network.talk(&ana, ["export", "casa"]).finish();
    assert!(String::from_utf8_lossy(&kept.stdout).contains("#casa ana: en casa"));
    let hub = hub(&network, &ana, &[]);
    for (lasts, is_cut) in [("2d", false), ("40d", true)] {
        let made = network.talk(&ana, ["invite", "--lasts", lasts]).finish();
        made.ends_with(0);
        assert_eq!(made.stderr.contains("good for 30 days at most: this one until 20"), is_cut, "{}", made.stderr);
    }
    hub.signal("TERM");
    hub.finish().ends_with(0);
}

#[test]
fn another_hub_of_a_known_name_is_a_question_with_both_fingerprints_and_no_changed_key() {
    let (one, two) = Network::wired();
    // Two machines whose users and names are the same.
    let (first, second, ana) = (User::new("pi"), User::new("pi"), User::new("ana"));
    let hub_one = hub(&one, &first, &[]);
    let old = fingerprint(&hub_one.stderr());
    one.talk(&ana, ["--accept", &old]).input("hola\n").finish().ends_with(0);
    hub_one.signal("TERM");
    hub_one.finish().ends_with(0);
    let hub_two = hub(&two, &second, &[]);
    let new = fingerprint(&hub_two.stderr());
    let refused = one.talk(&ana, []).finish();
    refused.ends_with(6).said(&format!("not the one that is known, whose fingerprint is {old}")).said(&new);
    let mut asked = one.terminal(&ana, &[]);
    asked.shows("which is not the hub of that name that is known").shows(&old).shows(&new).shows("pretends to be it");
    assert_eq!(asked.types_and_finish("q").0, 6);
    one.talk(&ana, ["--accept", &new]).input("hola\n").finish().ends_with(0);
    // Each is remembered, under a name of its own, and neither is asked for again.
    let doctor = everything(&one.talk(&ana, ["doctor"]).finish());
    let names: Vec<&str> = doctor.lines().filter_map(|line| line.strip_prefix("remembered: ")).collect();
    assert!(names.len() == 2 && names[0].contains(&old) && names[1].contains(&new), "{doctor}");
    assert!(names[1].split(' ').next().unwrap().ends_with("-2"), "{doctor}");
    one.talk(&ana, []).input("otra vez\n").finish().ends_with(0);
    one.talk(&ana, ["forget", "10.0.0.2:7777"]).finish().ends_with(0).said(&new);
    hub_two.signal("TERM");
    hub_two.finish().ends_with(0);
}
