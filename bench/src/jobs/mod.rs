//! The jobs. A new one is a file here and a line in [`all`].

mod bulk;
mod listen_from_tcp;
mod serve;
mod stdin_to_tcp;
mod talk;
mod talk_log;

use crate::Result;
use crate::arguments::Options;
use crate::contender::Contender;

/// Something that people do with sockets, and who does it.
pub(crate) trait Job {
    /// As the command line names it.
    fn name(&self) -> String;
    /// The name for this one and others like it, or its own.
    fn group(&self) -> &'static str;
    /// What is done, in a line.
    fn about(&self) -> String;
    /// How much of it is done in a run.
    fn amount(&self, options: &Options) -> String;
    /// Ours first, then the peers, each in its best configuration.
    fn contenders(&self) -> Vec<Contender>;
    /// What the figures of a [`Sample`] are; the first is what the plot shows.
    fn measures(&self) -> &'static [Measure];
    /// The digest that must come out.
    ///
    /// # Errors
    /// It cannot be worked out.
    fn expected(&self, options: &Options) -> Result<String>;
    /// One untimed run: the digest of what came out.
    ///
    /// # Errors
    /// The contender failed.
    fn verify(&self, contender: &Contender, program: &str, options: &Options) -> Result<String>;
    /// One timed run.
    ///
    /// # Errors
    /// The contender failed.
    fn measure(&self, contender: &Contender, program: &str, options: &Options) -> Result<Sample>;
}

/// A column of the table.
#[derive(Clone, Copy)]
pub(crate) struct Measure {
    /// Its name in the JSON.
    pub(crate) key: &'static str,
    /// The head of its column.
    pub(crate) head: &'static str,
    /// How many digits behind the point it is worth.
    pub(crate) digits: usize,
}

/// One run of one contender.
#[derive(Clone)]
pub(crate) struct Sample {
    /// One for each of [`Job::measures`].
    pub(crate) figures: Vec<f64>,
    pub(crate) peak_kib: u64,
    /// Which part of its own core the loader needed, 0 to 1. Near 1 it is what limits the rate.
    pub(crate) loader: f64,
    /// For which part of the run other work had the contender's core while it was ready to run.
    pub(crate) waited: f64,
}

pub(crate) fn all() -> Vec<Box<dyn Job>> {
    let mut all: Vec<Box<dyn Job>> = vec![Box::new(stdin_to_tcp::StdinToTcp), Box::new(listen_from_tcp::ListenFromTcp)];
    all.extend(serve::all().into_iter().map(|job| Box::new(job) as Box<dyn Job>));
    all.extend(talk::all().into_iter().map(|job| Box::new(job) as Box<dyn Job>));
    all.extend(talk_log::all().into_iter().map(|job| Box::new(job) as Box<dyn Job>));
    all
}
