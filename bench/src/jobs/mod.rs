//! The jobs. A new one is a file here and a line in [`all`].

mod listen_from_tcp;
mod stdin_to_tcp;

use crate::Result;
use crate::arguments::Options;
use crate::contender::Contender;

/// Something that people do with sockets, and who does it.
pub(crate) trait Job {
    /// As the command line names it.
    fn name(&self) -> &'static str;
    /// What is done, in a line.
    fn about(&self) -> String;
    /// Ours first, then the peers, each in its best configuration.
    fn contenders(&self) -> Vec<Contender>;
    /// What [`Sample::rate`] and [`Sample::cpu`] count.
    fn unit(&self) -> Unit;
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

/// The words of a table's head.
#[derive(Clone, Copy)]
pub(crate) struct Unit {
    /// More is better.
    pub(crate) rate: &'static str,
    /// Less is better.
    pub(crate) cpu: &'static str,
}

/// GiB/s, and CPU seconds for each GiB.
pub(crate) const BULK: Unit = Unit { rate: "GiB/s", cpu: "CPU s/GiB" };

/// One run of one contender.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) rate: f64,
    /// The contender's processor time for each unit of work.
    pub(crate) cpu: f64,
    pub(crate) peak_kib: u64,
    /// Which part of its own core the loader needed, 0 to 1. Near 1 it is what limits the rate.
    pub(crate) loader: f64,
    /// For which part of the run other work had the contender's core while it was ready to run.
    pub(crate) waited: f64,
}

pub(crate) fn all() -> Vec<Box<dyn Job>> {
    vec![Box::new(stdin_to_tcp::StdinToTcp), Box::new(listen_from_tcp::ListenFromTcp)]
}

/// The words that start a contender.
fn words(contender: &Contender, program: &str, port: u16) -> Vec<String> {
    let port = port.to_string();
    let arguments = contender.arguments.iter().map(|word| word.replace("PORT", &port));
    std::iter::once(program.to_owned()).chain(arguments).collect()
}

/// A bulk run's figures, unless bytes are missing.
fn bulk(bytes: u64, wanted: u64, seconds: f64, usage: &crate::process::Usage, loader_cpu: f64) -> Result<Sample> {
    if bytes != wanted {
        return Err(format!("{bytes} of {wanted} bytes came out; {}", usage.ending()));
    }
    usage.succeeded()?;
    let gib = bytes as f64 / f64::from(1 << 30);
    Ok(Sample {
        rate: gib / seconds,
        cpu: usage.cpu / gib,
        peak_kib: usage.peak_kib,
        loader: (loader_cpu / seconds).min(1.0),
        waited: (usage.waited / seconds).min(1.0),
    })
}
