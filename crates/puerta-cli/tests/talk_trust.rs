//! Who announces a hub proves nothing: which one is joined is decided by `--accept`, and by keys that are shown.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod talk;

use common::{Done, Running};
use std::fs;
use talk::{Network, User, everything, fingerprint};

/// A hub without a screen that is there.
fn hub(network: &Network, user: &User, words: &[&str]) -> Running {
    let hub = network.talk(user, ["--host"].iter().chain(words).copied()).start();
    hub.says("invite: puerta://");
    hub
}

fn ends(hub: Running) {
    hub.signal("TERM");
    hub.finish().ends_with(0);
}

fn says(network: &Network, user: &User, words: &[&str], line: &str) -> Done {
    network.talk(user, words.iter().copied()).input(format!("{line}\n")).finish()
}

/// All that was stored by a hub of this user.
fn stored(network: &Network, user: &User) -> String {
    everything(&network.talk(user, ["export"]).finish())
}

/// Whoever answers a question for hubs with what they like: key (base64url), name, port, address.
fn forger(network: &Network, key: &str, name: &str, port: u16, address: &str) -> Running {
    const FORGER: &str = r#"
import base64, socket, struct, sys
key, name, port, address = sys.argv[1:]
hub = base64.urlsafe_b64decode(key + "=") + bytes(8)
rest = struct.pack("<IHBB", 0, int(port), 1, len(name)) + name.encode() + b"\4main\1\4" + socket.inet_aton(address)
window = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
window.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
window.bind(("", 7776))
print("forges", flush=True)
while True:
    question, asker = window.recvfrom(600)
    if question[:13] == b"puerta-talk?\1":
        window.sendto(b"puerta-talk!\1" + question[13:21] + hub + rest, asker)
"#;
    let forger = network.run(["python3", "-c", FORGER, key, name, &port.to_string(), address]).start();
    forger.writes("forges");
    forger
}

/// A key that nobody has; it is lower than all others.
fn nobodys() -> String {
    "A".repeat(43)
}

/// A value of the only hub that a user knows.
fn known(user: &User, value: &str) -> String {
    let hubs = fs::read_to_string(user.home.path(".config/puerta/hubs.toml")).unwrap();
    let value = hubs.lines().find_map(|line| line.strip_prefix(&format!("{value} = "))).unwrap();
    value.trim_matches('"').to_owned()
}

#[test]
fn a_hub_that_is_remembered_or_our_own_is_not_joined_where_accept_names_another() {
    let (network, host, ana) = (Network::new(), User::new("host"), User::new("ana"));
    let hub = hub(&network, &host, &["--invite-only"]);
    let key = fingerprint(&hub.stderr());
    let link = hub.stderr().lines().find_map(|line| line.strip_prefix("invite: ").map(str::to_owned)).unwrap();
    says(&network, &ana, &[&link], "hola").ends_with(0);
    let other = "7K3M-9QXT-0VBN-4H2C-WJ8E";
    for words in [&["--accept", other][..], &["--to", "#main", "--accept", other], &[&link, "--accept", other]] {
        says(&network, &ana, words, "nunca").ends_with(6);
    }
    for user in [&host, &ana] {
        network.talk(user, ["members", "--accept", other]).finish().ends_with(6);
    }
    says(&network, &host, &["--accept", other], "nunca").ends_with(6);
    for user in [&host, &ana] {
        says(&network, user, &["--accept", &key], "otra vez").ends_with(0);
        network.talk(user, ["members", "--accept", &key]).finish().ends_with(0);
    }
    let said = stored(&network, &host);
    assert!(said.matches("otra vez").count() == 2 && !said.contains("nunca"), "{said}");
    ends(hub);
    // A hub of one's own is another, too.
    says(&network, &ana, &["--accept", &key], "nunca").ends_with(6).said("no hub was found");
    assert!(!stored(&network, &ana).contains("nunca"));
}

#[test]
fn of_several_hubs_that_are_heard_the_accepted_one_is_joined() {
    let network = Network::new();
    let hosts = ["ben", "eva"].map(User::new);
    let hubs = hosts.each_ref().map(|host| hub(&network, host, &[]));
    let keys = hubs.each_ref().map(|hub| fingerprint(&hub.stderr()));
    for (host, key) in hosts.iter().zip(&keys) {
        let ana = User::new("ana");
        says(&network, &ana, &["--accept", key], "hola").ends_with(0);
        assert!(stored(&network, host).contains("hola"));
        network.talk(&User::new("leo"), ["rooms", "--accept", key]).finish().ends_with(0);
    }
    let other = "7K3M-9QXT-0VBN-4H2C-WJ8E";
    says(&network, &User::new("ana"), &["--accept", other], "nunca").ends_with(6).said("as --accept says: not joined");
    hubs.into_iter().for_each(ends);
}

#[test]
fn a_key_has_changed_only_where_it_was_shown() {
    let (one, two) = Network::wired();
    let (pi, ana) = (User::new("pi"), User::new("ana"));
    let hub = hub(&two, &pi, &[]);
    let key = fingerprint(&hub.stderr());
    says(&one, &ana, &["--accept", &key], "hola").ends_with(0);
    ends(hub);
    // From elsewhere, with the known name and address; and from the known address, where nobody shows a key.
    for from in [&one, &two] {
        let forger = forger(from, &nobodys(), &known(&ana, "name"), 7777, "10.0.0.2");
        let refused = one.talk(&ana, []).finish();
        refused.ends_with(6).said(&format!("not the one that is known, whose fingerprint is {key}"));
        assert!(!everything(&refused).contains("forget"), "{}", everything(&refused));
        let doctor = everything(&one.talk(&ana, ["doctor"]).finish());
        assert!(doctor.contains("not the known one of that name") && !doctor.contains("has changed"), "{doctor}");
        forger.signal("KILL");
        forger.finish();
    }
}

#[test]
fn a_known_hub_is_found_though_others_announce_its_key() {
    let (one, two) = Network::wired();
    let (pi, ana) = (User::new("pi"), User::new("ana"));
    let hub = hub(&two, &pi, &[]);
    says(&one, &ana, &["--accept", &fingerprint(&hub.stderr())], "hola").ends_with(0);
    // A hub with another key is where the second leads.
    let eva = User::new("eva");
    let other = self::hub(&one, &eva, &[]);
    for (port, line) in [(9, "uno"), (other.port(), "dos")] {
        let forger = forger(&one, &known(&ana, "key"), &known(&ana, "name"), port, "127.0.0.1");
        says(&one, &ana, &[], line).ends_with(0);
        one.talk(&ana, ["members"]).finish().ends_with(0);
        forger.signal("KILL");
        forger.finish();
    }
    let said = stored(&two, &pi);
    assert!(said.contains("uno") && said.contains("dos"), "{said}");
    assert!(!known(&ana, "addresses").contains("127.0.0.1"), "what only a forger says is not remembered");
    ends(hub);
    ends(other);
}

#[test]
fn our_hub_does_not_end_for_one_that_is_announced_and_shows_no_key() {
    let (network, ana) = (Network::new(), User::new("ana"));
    network.talk(&ana, ["doctor"]).finish().ends_with(0);
    let hubs = format!(
        "[[hub]]\nname = \"pi\"\naddresses = [\"127.0.0.1:9\"]\nkey = \"{}\"\nroom = \"main\"\ntrust = \"agreed\"\nlast_used = 1\n",
        nobodys()
    );
    fs::write(ana.home.path(".config/puerta/hubs.toml"), hubs).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(ana.home.path(".config/puerta/hubs.toml"), fs::Permissions::from_mode(0o600)).unwrap();
    let _forger = forger(&network, &nobodys(), "pi", 9, "127.0.0.1");
    let done = says(&network, &ana, &[], "hola");
    done.ends_with(0);
    assert!(!done.stderr.contains("going there"), "{}", done.stderr);
    assert!(stored(&network, &ana).contains("hola"));
}
