//! The hub's disk is full, or fails: nothing is acknowledged from then on, everybody is told why, and reading works.

use crate::common::places::Folder;
use crate::world::{Hub, LIMIT, Member, in_order, puerta};
use std::path::Path;
use std::process::Command;

/// A disk in memory, in a mount that goes with this.
struct Disk<'a>(&'a Path);

impl Disk<'_> {
    fn new(at: &Path) -> Disk<'_> {
        std::fs::create_dir(at).unwrap();
        mount(at, "size=1m");
        Disk(at)
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

fn mount(at: &Path, options: &str) {
    let done = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).status().unwrap();
    assert!(done.success(), "mount {options}");
}

/// Says long things until the hub takes nothing any more; how much was stored, and why it is read-only. More that is said then
/// stays pending.
fn until_read_only(ana: &mut Member) -> (usize, String) {
    let long = "x".repeat(4000);
    for number in 1..=300 {
        ana.say(&format!("{number} {long}"));
        let done = ana.wait("stored or read_only", LIMIT, |e| {
            let why = e.named("read_only").next().map(|e| e.1["why"].as_str().unwrap().to_owned());
            (why.is_some() || e.named("stored").count() == number).then_some(why)
        });
        if let Some(why) = done {
            return (number - 1, why);
        }
    }
    panic!("the disk was large enough\n{}", ana.0.all());
}

/// Everything that works while the hub takes nothing; then it is started again where it can.
fn read_only_hub(folder: &Folder, hub: Hub, mut ana: Member, mend: impl FnOnce()) {
    let home = folder.path("hub");
    let (stored, why) = until_read_only(&mut ana);
    eprintln!("{stored} were stored, then: {why}");
    ana.say("late");
    ana.wait("late to wait", LIMIT, |e| e.named("pending").any(|e| e.1["text"] == "late").then_some(()));
    // A new program of someone who is known reads everything.
    let mut command = puerta(&folder.path("bob"), &[]);
    command.args([&hub.invite, "--json", "--follow", "--since", "0"]);
    let reader = Member(crate::world::Process::start("reader", &mut command));
    reader.has(stored, LIMIT);
    in_order(&reader.events().messages());
    let online = reader.events().named("online").next().unwrap().1.clone();
    assert!(online["read_only"].is_string(), "{online}");
    let mut export = puerta(&home, &[]);
    let export = export.args(["export", "--json", "--store"]).arg(home.join("room.db")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&export.stdout).lines().count(), stored, "{export:?}");
    assert_eq!(ana.events().named("stored").count(), stored, "acknowledged though it was not on the disk");
    let address = hub.address.clone();
    drop((hub, reader));
    mend();
    let _hub = Hub::start(&home, &[], &address, &[]);
    ana.stored(stored + 2, LIMIT * 2);
    ana.has(stored + 2, LIMIT);
    let events = ana.events();
    in_order(&events.messages());
    let texts: Vec<String> = events.messages().into_iter().map(|m| m.1).collect();
    let number = |text: &String| text.split(' ').next().unwrap_or_default().to_owned();
    let expected: Vec<String> = (1..=stored + 1).map(|n| n.to_string()).chain(["late".to_owned()]).collect();
    assert_eq!(texts.iter().map(number).collect::<Vec<_>>(), expected);
}

/// A member that is there, and one that was there.
fn members(folder: &Folder, hub: &Hub) -> Member {
    let ana = Member::join(&folder.path("ana"), &[], &hub.invite, "ana");
    ana.hears("online", 1, LIMIT);
    let mut bob = Member::join(&folder.path("bob"), &[], &hub.invite, "bob");
    bob.hears("online", 1, LIMIT);
    bob.0.end_input();
    bob.0.wait();
    ana
}

#[test]
fn root_a_hub_whose_disk_is_full_says_so_acknowledges_nothing_and_is_read_until_there_is_room() {
    let folder = Folder::new("storms");
    let home = folder.path("hub");
    let _disk = Disk::new(&home);
    let hub = Hub::start(&home, &[], "127.0.0.1:0", &["--rate", "0"]);
    let ana = members(&folder, &hub);
    read_only_hub(&folder, hub, ana, || mount(&home, "remount,size=64m"));
}

#[test]
fn a_hub_whose_disk_fails_to_flush_says_so_acknowledges_nothing_and_is_read_until_it_is_started_again() {
    let folder = Folder::new("storms");
    let home = folder.path("hub");
    let strace = "strace -f -qq -o /dev/null --seccomp-bpf -e trace=fsync,fdatasync -e inject=fsync,fdatasync:error=EIO:when=20+";
    let before: Vec<String> = strace.split(' ').map(str::to_owned).collect();
    let hub = Hub::start(&home, &before, "127.0.0.1:0", &["--rate", "0"]);
    let ana = members(&folder, &hub);
    read_only_hub(&folder, hub, ana, || ());
}
