//! The machine of the hub loses power: what a member was told to be stored is there, once, in its place.

use crate::common::places::Folder;
use crate::full;
use crate::world::{Hub, LIMIT, Member, in_order};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How often the power goes.
const CUTS: usize = 3;
const CUTS_FULL: usize = 30;
/// Messages that are on their way at a time.
const BURST: usize = 8;

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// ext4 on a file, in a mount that goes with this.
struct Disk<'a> {
    folder: &'a Folder,
    mount: PathBuf,
}

impl Disk<'_> {
    fn new(folder: &Folder) -> Disk<'_> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../puerta-talk/tests/log_faults/shutdown.c");
        run("cc", &["-o", text(&folder.path("shutdown")), text(&source)]);
        run("truncate", &["-s", "64M", text(&folder.path("image"))]);
        run("mkfs.ext4", &["-q", "-F", text(&folder.path("image"))]);
        std::fs::create_dir(folder.path("mount")).unwrap();
        let disk = Disk { folder, mount: folder.path("mount") };
        disk.mount();
        disk
    }

    fn mount(&self) {
        run("mount", &["-o", "loop", text(&self.folder.path("image")), text(&self.mount)]);
    }

    /// What was not flushed is gone. The hub stands still meanwhile: a machine without power tells nobody what its kernel says
    /// of a flush that was under way.
    fn cut(&self, hub: Hub) {
        hub.process.signal("STOP");
        run(text(&self.folder.path("shutdown")), &[text(&self.mount)]);
        drop(hub);
        run("umount", &[text(&self.mount)]);
        self.mount();
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mount).status();
    }
}

#[test]
fn root_a_hub_whose_machine_loses_power_keeps_what_it_has_acknowledged_once_and_in_order() {
    let folder = Folder::new("storms");
    let disk = Disk::new(&folder);
    let mut hub = Hub::start(&disk.mount, &[], "127.0.0.1:0", &["--rate", "0"]);
    let address = hub.address.clone();
    let mut ana = Member::join(&folder.path("ana"), &[], &hub.invite, "ana");
    ana.hears("online", 1, LIMIT);
    let mut said = 0;
    for cut in 0..if full() { CUTS_FULL } else { CUTS } {
        // Some are stored, some are on their way, at another point each time.
        for _ in 0..BURST {
            said += 1;
            ana.say(&format!("message {said}"));
        }
        ana.stored(said - BURST + cut % BURST + 1, LIMIT);
        disk.cut(hub);
        hub = Hub::start(&disk.mount, &[], &address, &["--rate", "0"]);
        ana.stored(said, LIMIT);
    }
    ana.has(said, LIMIT);
    let events = ana.events();
    in_order(&events.messages());
    let expected: Vec<String> = (1..=said).map(|n| format!("message {n}")).collect();
    assert!(events.messages().into_iter().map(|m| m.1).eq(expected.clone()), "{}", ana.0.all());
    assert!(events.stored().iter().all(|s| s.text == expected[s.seq as usize - 1]));
    assert_eq!(events.stored().len(), said);
    let mut reader = crate::world::puerta(&folder.path("ana"), &[]);
    reader.args([&hub.invite, "--json", "--follow", "--since", "0"]);
    let reader = Member(crate::world::Process::start("reader", &mut reader));
    reader.has(said, LIMIT);
    assert!(reader.events().messages() == events.messages(), "the log has something else");
}
