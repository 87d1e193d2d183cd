//! `puerta talk doctor`: which way to a hub works, and what is known of those that are there.

use super::found;
use super::home::Home;
use super::ladder::{self, LOOK};
use super::trouble::Trouble;
use crate::talk::Arguments;
use puerta_talk::discovery::{Finder, Found, Settings};
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::identity::{Hubs, KnownHub, Sighted};
use puerta_talk::log;
use puerta_talk::problem::Problem;
use puerta_talk::room::ids::Device;
use puerta_talk::rung::{Rung, Trouble as RungTrouble};
use puerta_text::visible;
use serde_json::json;
use std::io::{self, Write};
use std::slice;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// For how long each rung is looked at, and each remembered hub asked.
const WITHIN: Duration = LOOK.saturating_mul(2);

/// Remembered hubs that are asked for their key, at most: those that were joined last.
const ASKED: usize = 16;

/// Says what each rung of the ladder leads to, and whether the hubs that are remembered still have their keys.
pub(super) async fn doctor(arguments: &Arguments) -> Result<u8, Trouble> {
    let home = Home::open()?;
    let mut out = io::stdout();
    let mut say = |line: String| {
        let line = if arguments.json { json!({"event": "note", "message": line}).to_string() } else { line };
        writeln!(out, "{line}").map_err(Trouble::Output)
    };
    say(format!("our key: {}", Fingerprint::of(home.key.device())))?;
    let store = home.store(arguments.store.as_deref());
    match log::running(&store) {
        Some(at) => say(format!("this machine: our hub runs at {}", visible(&at)))?,
        None => say("this machine: no hub of ours runs".to_owned())?,
    }
    let hubs = home.book.read()?;
    let (rungs, remembered) = tokio::join!(look(), ask(&home, &hubs));
    for (rung, found, troubles) in rungs {
        if found.is_empty() && troubles.is_empty() {
            say(format!("{rung}: no hub answers"))?;
        }
        for hub in found {
            say(format!("{rung}: {}", seen(&home, &hubs, &hub).await))?;
        }
        for trouble in troubles {
            say(format!("{trouble}"))?;
        }
    }
    for (hub, state) in remembered {
        let at: Vec<String> = hub.addresses.iter().map(ToString::to_string).collect();
        let (name, key) = (visible(&hub.name), Fingerprint::of(hub.key));
        say(format!("remembered: {name} at {}, fingerprint {key}{state}", at.join(", ")))?;
    }
    Ok(0)
}

/// Each rung for itself: one that is found on another is no sign that this one works.
async fn look() -> Vec<(Rung, Vec<Found>, Vec<Arc<RungTrouble>>)> {
    let until = Instant::now() + WITHIN;
    let mut looks = JoinSet::new();
    for rung in Settings::default().rungs {
        looks.spawn(async move {
            let mut finder = Finder::with(Settings { rungs: vec![rung], ..Settings::default() });
            let mut found = Vec::new();
            while let Ok(hub) = timeout_at(until, finder.next()).await {
                found.push(hub);
            }
            (rung, found, finder.troubles())
        });
    }
    let mut rungs = Vec::new();
    while let Some(done) = looks.join_next().await {
        rungs.extend(done.ok());
    }
    rungs.sort_by_key(|(rung, ..)| *rung);
    rungs
}

/// What was found, and what is known of it.
async fn seen(home: &Home, hubs: &Hubs, found: &Found) -> String {
    let (told, key) = (&found.announcement.name, found.announcement.hub);
    let namesake =
        |key: Device| format!(", not the known one of that name, whose fingerprint is {}", Fingerprint::of(key));
    let known = match found::sighted(hubs, found) {
        _ if key == home.key.device() => ", ours".to_owned(),
        Ok(Sighted::Known(hub)) => format!(", known as {}", visible(&hub.name)),
        Ok(Sighted::New) => ", not known here".to_owned(),
        Ok(Sighted::Namesake(other)) => namesake(other.key),
        Err(problem) => match (found::changed(home, hubs, slice::from_ref(found)).await, problem) {
            (None, Problem::KeyChanged { remembered, .. }) => namesake(remembered),
            (changed, problem) => format!(": {}", changed.unwrap_or(problem)),
        },
    };
    format!("{} at {}, fingerprint {}{known}", visible(told), found.source, Fingerprint::of(key))
}

/// The hubs that are remembered, and what is said of each: whether it answers, and whether with its key.
async fn ask(home: &Home, hubs: &Hubs) -> Vec<(KnownHub, String)> {
    let mut latest: Vec<usize> = (0..hubs.all().len()).collect();
    latest.sort_by_key(|at| std::cmp::Reverse(hubs.all().get(*at).map(|hub| hub.last_used)));
    let mut all: Vec<(KnownHub, String)> = hubs.all().iter().map(|hub| (hub.clone(), String::new())).collect();
    let mut asked = JoinSet::new();
    for at in latest.into_iter().take(ASKED) {
        let Some(hub) = hubs.all().get(at).cloned() else { continue };
        let home = home.clone();
        asked.spawn(async move { (at, ladder::key_of(&home, &hub, WITHIN).await) });
    }
    while let Some(done) = asked.join_next().await {
        let Ok((at, shown)) = done else { continue };
        let Some((hub, state)) = all.get_mut(at) else { continue };
        *state = match shown {
            Some(key) if key == hub.key => ": answers".to_owned(),
            Some(key) => format!(": its key has changed: {} answers there now", Fingerprint::of(key)),
            None => ": does not answer".to_owned(),
        };
    }
    all
}
