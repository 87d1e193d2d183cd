//! What can go wrong on the way into a room, with its words.

use crate::printed::not_printed;
use crate::report::Reporter;
use puerta_talk::fingerprint::Fingerprint;
use puerta_talk::hub::Failure;
use puerta_talk::log;
use puerta_talk::problem::Problem;
use puerta_talk::room::ids::Device;
use std::io;

/// Why there is no talk.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The network, the keys, the hub.
    Talk(Problem),
    /// The store or the outbox.
    Log(log::Problem),
    /// The system.
    System(io::Error),
    /// An option that makes no sense here.
    Usage {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: &'static str,
    },
    /// A hub that was not joined before, and nobody to ask.
    NotTrusted {
        /// Its name, made visible.
        name: String,
        /// Its key.
        hub: Device,
        /// The fingerprint that was to be accepted.
        accept: Option<Fingerprint>,
        /// The key that is known for its name.
        namesake: Option<Device>,
    },
    /// The user does not want to join.
    Declined,
    /// The user wants neither to join nor to be alone.
    Ended,
    /// The user ends it all, with Ctrl-C.
    Interrupted,
    /// There is no hub.
    Nobody,
    /// The hub of ours that was named does not run.
    NotRunning(String),
    /// The name of a host leads nowhere.
    Resolve(puerta_relay::problem::Problem),
    /// Our output failed.
    Output(io::Error),
}

impl Trouble {
    pub(crate) fn usage(what: impl Into<String>, hint: &'static str) -> Trouble {
        Trouble::Usage { what: what.into(), hint }
    }

    /// Tells it; the exit status.
    pub(crate) fn report(&self, reporter: Reporter) -> u8 {
        reporter.trouble(&self.message(), self.hint().as_deref(), self.status())
    }

    pub(super) fn message(&self) -> String {
        match self {
            Trouble::Talk(problem) => problem.to_string(),
            Trouble::Log(problem) => problem.to_string(),
            Trouble::System(error) => error.to_string(),
            Trouble::Usage { what, .. } => what.clone(),
            Trouble::NotTrusted { name, hub, accept: None, namesake: None } => {
                format!("the hub {name} is not known here; its fingerprint is {}: not joined", Fingerprint::of(*hub))
            }
            Trouble::NotTrusted { name, hub, accept: None, namesake: Some(other) } => format!(
                "this hub {name} is not the one that is known, whose fingerprint is {}; its fingerprint is {}: not joined",
                Fingerprint::of(*other),
                Fingerprint::of(*hub)
            ),
            Trouble::NotTrusted { name, hub, accept: Some(accept), .. } => {
                let shown = Fingerprint::of(*hub);
                format!("the hub {name} has the fingerprint {shown}, not {accept} as --accept says: not joined")
            }
            Trouble::Declined | Trouble::Ended => "not joined".to_owned(),
            Trouble::Interrupted => "interrupted".to_owned(),
            Trouble::Nobody => "no hub was found".to_owned(),
            Trouble::NotRunning(what) => what.clone(),
            Trouble::Resolve(problem) => problem.to_string(),
            Trouble::Output(error) => not_printed(error).to_string(),
        }
    }

    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Trouble::Talk(problem) => problem.hint().map(|hint| hint.into_owned()),
            Trouble::Log(problem) => Some(problem.hint()),
            Trouble::System(_) | Trouble::Declined | Trouble::Ended | Trouble::Interrupted => None,
            Trouble::Output(error) => not_printed(error).hint().map(|hint| hint.into_owned()),
            Trouble::Usage { hint, .. } => Some((*hint).to_owned()),
            Trouble::NotTrusted { hub, accept: None, .. } => Some(format!(
                "compare the fingerprint with its host's; if it is the same, add --accept {}",
                Fingerprint::of(*hub)
            )),
            Trouble::NotTrusted { .. } => {
                Some("it is another hub, or somebody is in between: ask its host for the fingerprint".to_owned())
            }
            Trouble::Nobody => {
                Some("ask for an invite, name the hub's host, or see what is wrong: puerta talk doctor".to_owned())
            }
            Trouble::NotRunning(_) => {
                Some("start it with puerta talk --host, or ask any hub without the option".to_owned())
            }
            Trouble::Resolve(problem) => problem.hint().map(|hint| hint.into_owned()),
        }
    }

    /// The exit status: the table of all commands.
    pub(super) fn status(&self) -> u8 {
        match self {
            Trouble::Talk(problem) => problem.status(),
            Trouble::Log(problem) => problem.status(),
            Trouble::System(_) => 1,
            Trouble::Usage { .. } => 2,
            Trouble::NotTrusted { .. }
            | Trouble::Declined
            | Trouble::Ended
            | Trouble::Nobody
            | Trouble::NotRunning(_) => 6,
            Trouble::Resolve(problem) => problem.status(),
            Trouble::Interrupted => 130,
            Trouble::Output(_) => 8,
        }
    }
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Trouble::Talk(problem)
    }
}

impl From<log::Problem> for Trouble {
    fn from(problem: log::Problem) -> Self {
        Trouble::Log(problem)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Log(problem) => Trouble::Log(problem),
            Failure::Problem(problem) => Trouble::Talk(problem),
        }
    }
}
