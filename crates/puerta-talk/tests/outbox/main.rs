//! The outbox: what was kept is there again, under the same ids, until it was forgotten.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

#[path = "../folder/mod.rs"]
mod folder;

use folder::Folder;
use proptest::prelude::*;
use puerta_talk::log::What;
use puerta_talk::outbox::{Opened, Outbox, Told};
use puerta_talk::room::frame::Target;
use puerta_talk::room::ids::{Device, MessageId};
use puerta_talk::room::limits::STREAMS;
use puerta_talk::room::member::Pending;
use puerta_talk::room::record::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::{self, Receiver};

const HUB: Device = Device([7; 32]);
const OTHER: Device = Device([8; 32]);

/// The outbox in a folder, for a hub.
fn open(folder: &Folder, hub: Device) -> (Opened, Receiver<Told>) {
    let (tell, told) = mpsc::channel();
    (Outbox::open(folder.path(), hub, move |what| drop(tell.send(what))).unwrap(), told)
}

fn message(stream: u64, number: u64) -> Pending {
    let to = if number.is_multiple_of(2) { Target::Room("main".into()) } else { Target::Member("bo".into()) };
    let kind = if number.is_multiple_of(3) { Kind::Action } else { Kind::Text };
    Pending { id: MessageId { stream, number }, to, kind, text: format!("text {number}") }
}

/// Keeps so many more; gives them.
fn keep(opened: &Opened, told: &Receiver<Told>, numbers: impl IntoIterator<Item = u64>) -> Vec<Pending> {
    let messages: Vec<Pending> = numbers.into_iter().map(|number| message(opened.stream, number)).collect();
    messages.iter().for_each(|message| opened.outbox.keep(message.clone()).unwrap());
    let mut kept = 0;
    while kept < messages.len() {
        let Told::Kept(ids) = told.recv().unwrap() else { panic!("not kept") };
        assert!(ids.iter().eq(messages[kept..][..ids.len()].iter().map(|message| &message.id)));
        kept += ids.len();
    }
    messages
}

#[test]
fn what_was_kept_is_there_again_and_a_number_survives_its_message() {
    let folder = Folder::new();
    let (opened, told) = open(&folder, HUB);
    assert_eq!((opened.last, opened.pending.len()), (0, 0));
    let stream = opened.stream;
    let messages = keep(&opened, &told, 1..=5);
    opened.outbox.forget(messages[1..].iter().map(|message| message.id).collect()).unwrap();
    drop(opened);
    let (opened, _) = open(&folder, HUB);
    assert_eq!((opened.stream, opened.last), (stream, 5));
    assert_eq!(opened.pending, messages[..1]);
    drop(opened);
    assert!(open(&folder, OTHER).0.pending.is_empty());
}

#[test]
fn each_process_has_a_stream_of_its_own_and_the_next_one_adopts_what_it_leaves() {
    let folder = Folder::new();
    let (one, told_one) = open(&folder, HUB);
    let (two, told_two) = open(&folder, HUB);
    assert_ne!(one.stream, two.stream);
    let first = keep(&one, &told_one, 1..=3);
    let second = keep(&two, &told_two, 1..=3);
    drop(two);
    let (three, _) = open(&folder, HUB);
    assert_eq!((three.pending.as_slice(), three.last), (second.as_slice(), 3), "one still has its own");
    drop((one, three));
    let (four, _) = open(&folder, HUB);
    let all = BTreeSet::from_iter(first.iter().chain(&second).map(|message| message.id));
    assert_eq!(BTreeSet::from_iter(four.pending.iter().map(|message| message.id)), all);
    four.outbox.forget(all.into_iter().collect()).unwrap();
    drop(four);
    assert!(open(&folder, HUB).0.pending.is_empty());
}

#[test]
fn no_more_streams_are_adopted_than_a_session_may_speak_for_and_the_rest_waits() {
    let folder = Folder::new();
    let all: Vec<_> = (0..STREAMS + 4).map(|_| open(&folder, HUB)).collect();
    all.iter().for_each(|(opened, told)| drop(keep(opened, told, [1])));
    drop(all);
    let (first, _) = open(&folder, HUB);
    let (second, _) = open(&folder, HUB);
    let one_less = STREAMS - 1;
    assert_eq!((first.pending.len(), first.waiting), (one_less, 5), "one is left for a stream that is taken later");
    assert_eq!((second.pending.len(), second.waiting), (5, 0));
}

#[test]
fn what_is_pending_goes_over_to_another_hub_with_its_stream() {
    let folder = Folder::new();
    let (left, told) = open(&folder, HUB);
    let (opened, told_own) = open(&folder, HUB);
    keep(&left, &told, 1..=2);
    keep(&opened, &told_own, 1..=2);
    drop((left, opened));
    let (other, told) = open(&folder, OTHER);
    let theirs = keep(&other, &told, 1..=1);
    drop(other);
    let (opened, told) = open(&folder, HUB);
    let (stream, mut pending) = (opened.stream, opened.pending.clone());
    pending.insert(0, message(99, 4));
    opened.outbox.move_to(OTHER, pending.clone()).unwrap();
    assert_eq!(told.recv().unwrap(), Told::Moved { waiting: 1 }, "the other hub's own");
    pending.extend(keep(&opened, &told, 3..=3));
    drop(opened);
    assert!(open(&folder, HUB).0.pending.is_empty());
    assert_ne!(open(&folder, HUB).0.stream, stream, "it is the other hub's now");
    let (opened, _) = open(&folder, OTHER);
    let ids = BTreeSet::from_iter(pending.iter().chain(&theirs).map(|message| message.id));
    assert_eq!(BTreeSet::from_iter(opened.pending.iter().map(|message| message.id)), ids);
    let streams = BTreeMap::from_iter(opened.pending.iter().map(|message| (message.id.stream, message.id.number)));
    assert_eq!(streams[&stream], 3, "in the order of its numbers");
}

#[test]
fn what_an_ended_process_has_left_for_the_hub_before_goes_along_and_is_told() {
    let folder = Folder::new();
    let (mover, told) = open(&folder, HUB);
    let (ended, told_ended) = open(&folder, HUB);
    let left = keep(&ended, &told_ended, 1..=3);
    drop(ended);
    mover.outbox.move_to(OTHER, Vec::new()).unwrap();
    assert_eq!(told.recv().unwrap(), Told::Moved { waiting: 3 });
    drop(mover);
    assert_eq!(open(&folder, OTHER).0.pending, left);
    assert!(open(&folder, HUB).0.pending.is_empty());
}

#[test]
fn a_move_that_fails_says_how_many_messages_stay_and_they_do() {
    let folder = Folder::new();
    let (opened, told) = open(&folder, HUB);
    let messages = keep(&opened, &told, 1..=2);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    opened.outbox.move_to(OTHER, messages.clone()).unwrap();
    assert!(matches!(told.recv().unwrap(), Told::NotMoved { messages: 2, why } if !why.is_empty()));
    drop(opened);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(open(&folder, HUB).0.pending, messages);
}

#[test]
fn what_is_renumbered_is_kept_under_its_new_id_only_wherever_it_was() {
    let folder = Folder::new();
    let (ended, told_ended) = open(&folder, HUB);
    let (left, told_left) = open(&folder, HUB);
    keep(&ended, &told_ended, 1..=2);
    keep(&left, &told_left, 1..=1);
    drop((ended, left));
    let (opened, told) = open(&folder, HUB);
    assert_eq!(opened.pending.len(), 3);
    let new = |number| Pending { id: MessageId { stream: opened.spare, number }, ..message(0, number) };
    let (first, rest): (Vec<_>, Vec<_>) = opened.pending.iter().map(|p| p.id).partition(|id| id.number == 1);
    let messages: Vec<_> = first.into_iter().zip((1..).map(new)).collect();
    opened.outbox.renumber(opened.spare, messages).unwrap();
    assert!(matches!(told.recv().unwrap(), Told::Kept(ids) if ids == [new(1).id, new(2).id]));
    let spare = opened.spare;
    drop(opened);
    let (opened, _) = open(&folder, HUB);
    assert_eq!((opened.stream, opened.last), (spare, 2));
    let ids = BTreeSet::from_iter(opened.pending.iter().map(|p| p.id));
    assert_eq!(
        ids,
        BTreeSet::from([rest[0], MessageId { stream: spare, number: 1 }, MessageId { stream: spare, number: 2 }])
    );
}

#[test]
fn a_folder_that_cannot_be_used_is_a_problem_with_a_hint() {
    let folder = Folder::new();
    fs::write(folder.path(), "precious").unwrap();
    let problem = Outbox::open(folder.path(), HUB, drop).unwrap_err();
    assert!(matches!(problem.what, What::Failed { .. }) && !problem.hint().is_empty(), "{problem}");
    fs::remove_file(folder.path()).unwrap();
    drop(open(&folder, HUB));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Outbox::open(folder.path(), HUB, drop).unwrap_err().what, What::Loose { wanted: 0o700, .. }));
}

#[test]
fn a_damaged_outbox_is_told_and_stays_as_it_is() {
    let folder = Folder::new();
    drop(open(&folder, HUB));
    let file = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let file = file.into_iter().find(|path| path.extension().is_some_and(|end| end == "db")).unwrap();
    fs::write(&file, "no outbox").unwrap();
    let (opened, told) = open(&folder, HUB);
    assert!(matches!(&opened.left[..], [problem] if problem.path.ends_with(file.file_name().unwrap())));
    keep(&opened, &told, 1..=1);
    assert_eq!(fs::read(file).unwrap(), b"no outbox");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each step keeps some, forgets some, and may begin anew.
    #[test]
    fn nothing_that_was_kept_is_lost_and_no_number_is_given_twice(
        steps in prop::collection::vec((0..6u64, prop::collection::vec(0..40usize, 0..6), any::<bool>()), 1..12)
    ) {
        let folder = Folder::new();
        let (mut opened, mut told) = open(&folder, HUB);
        let (stream, mut last, mut pending) = (opened.stream, 0, Vec::<Pending>::new());
        for (more, forget, again) in steps {
            pending.extend(keep(&opened, &told, last + 1..=last + more));
            last += more;
            let ids: Vec<MessageId> = forget.iter().filter_map(|&at| pending.get(at)).map(|message| message.id).collect();
            pending.retain(|message| !ids.contains(&message.id));
            opened.outbox.forget(ids).unwrap();
            if again {
                drop(opened);
                (opened, told) = open(&folder, HUB);
                prop_assert_eq!((opened.stream, opened.last, &opened.pending), (stream, last, &pending));
            }
        }
    }
}
