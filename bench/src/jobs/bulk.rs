//! What jobs that move many bytes through a contender have in common: the source, the digest, the figures.

use super::{Job, Measure, Sample};
use crate::Result;
use crate::arguments::Options;
use crate::contender::Contender;
use crate::load::{self, Source};
use crate::process::{self, Usage};
use crate::report::size;
use std::fs::File;
use std::io;
use std::time::Instant;

/// GiB/s, and CPU seconds for each GiB.
const MEASURES: &[Measure] =
    &[Measure { key: "rate", head: "GiB/s", digits: 2 }, Measure { key: "cpu", head: "CPU s/GiB", digits: 3 }];

/// A job that moves bytes from one end of a contender to the other.
pub(super) trait Bulk {
    /// As [`Job::name`].
    const NAME: &'static str;
    /// As [`Job::about`].
    const ABOUT: &'static str;
    /// As [`Job::contenders`].
    fn contenders(&self) -> Vec<Contender>;
    /// One run: the source at the one end, `sink` at the other. A `light` sender costs the loader less, but stamps no blocks.
    ///
    /// # Errors
    /// The contender did not do its part.
    fn transfer<T: Send>(&self, run: &Run<'_>, light: bool, sink: impl Sink<T>) -> Result<Transfer<T>>;
}

/// What takes the contender's output, to its end.
pub(super) trait Sink<T>: FnOnce(File) -> Result<T> + Send {}

impl<T, F: FnOnce(File) -> Result<T> + Send> Sink<T> for F {}

/// Who runs, and with how much.
pub(super) struct Run<'a> {
    pub(super) contender: &'a Contender,
    pub(super) program: &'a str,
    pub(super) source: Source,
    pub(super) pipe: usize,
}

/// What a run gave.
pub(super) struct Transfer<T> {
    pub(super) taken: T,
    pub(super) begin: Instant,
    pub(super) usage: Usage,
}

impl<'a> Run<'a> {
    fn new(contender: &'a Contender, program: &'a str, options: &Options) -> Run<'a> {
        Run { contender, program, source: Source { bytes: options.bytes }, pipe: options.pipe }
    }

    /// The words that start the contender.
    pub(super) fn words(&self, port: u16) -> Vec<String> {
        self.contender.words(self.program, port, "")
    }
}

impl<B: Bulk> Job for B {
    fn name(&self) -> String {
        B::NAME.to_owned()
    }

    fn group(&self) -> &'static str {
        B::NAME
    }

    fn about(&self) -> String {
        B::ABOUT.to_owned()
    }

    fn amount(&self, options: &Options) -> String {
        size(options.bytes)
    }

    fn contenders(&self) -> Vec<Contender> {
        Bulk::contenders(self)
    }

    fn measures(&self) -> &'static [Measure] {
        MEASURES
    }

    fn expected(&self, options: &Options) -> Result<String> {
        Source { bytes: options.bytes }.digest()
    }

    fn verify(&self, contender: &Contender, program: &str, options: &Options) -> Result<String> {
        let run = Run::new(contender, program, options);
        let digest = |mut output: File| load::digest(|mut into| io::copy(&mut output, &mut into)).map(|(text, _)| text);
        let done = self.transfer(&run, false, digest)?;
        done.usage.succeeded()?;
        Ok(done.taken)
    }

    fn measure(&self, contender: &Contender, program: &str, options: &Options) -> Result<Sample> {
        let loader = process::own_cpu();
        let done = self.transfer(&Run::new(contender, program, options), true, load::discard)?;
        let (bytes, end) = done.taken;
        let seconds = end.duration_since(done.begin).as_secs_f64();
        sample(bytes, options.bytes, seconds, &done.usage, process::own_cpu() - loader)
    }
}

/// A run's figures, unless bytes are missing.
fn sample(bytes: u64, wanted: u64, seconds: f64, usage: &Usage, loader_cpu: f64) -> Result<Sample> {
    if bytes != wanted {
        return Err(format!("{bytes} of {wanted} bytes came out; {}", usage.ending()));
    }
    usage.succeeded()?;
    let gib = bytes as f64 / f64::from(1 << 30);
    Ok(Sample {
        figures: vec![gib / seconds, usage.cpu / gib],
        peak_kib: usage.peak_kib,
        loader: (loader_cpu / seconds).min(1.0),
        waited: (usage.waited / seconds).min(1.0),
    })
}
