//! A room: what one member says reaches all others. Busy, one at a time, at a pace, and what a member costs in memory.

use super::{Job, Measure, Sample};
use crate::Result;
use crate::arguments::Options;
use crate::chat::{self, Done, Load, Work, body, number, sender};
use crate::contender::Contender;
use crate::load;
use crate::stats::percentile;
use std::io::{self, Write};
use std::time::Duration;

/// How many messages are said when bodies are compared: as many as there are senders.
const COMPARED: u64 = chat::SPEAKERS as u64;

/// How many messages the members of a job for memory lack at most.
const MEMORY_LOAD: u64 = 64;

/// How many deliveries a second a paced load makes.
const PACE: f64 = 50_000.0;

/// A paced load runs so many times as long: its 99th percentile rests on few messages.
const PACED: u32 = 4;

const BUSY: &[Measure] = &[
    Measure { key: "rate", head: "deliveries/s", digits: 0 },
    Measure { key: "cpu", head: "CPU µs/delivery", digits: 3 },
];

const LATENCY: &[Measure] = &[
    Measure { key: "p50", head: "p50 µs", digits: 0 },
    Measure { key: "p99", head: "p99 µs", digits: 0 },
    Measure { key: "cpu", head: "CPU µs/delivery", digits: 3 },
];

const MEMORY: &[Measure] = &[
    Measure { key: "idle", head: "idle KiB/member", digits: 1 },
    Measure { key: "loaded", head: "loaded KiB/m.", digits: 1 },
];

/// One size of room, with one kind of load.
pub(crate) struct Talk {
    members: usize,
    /// How many of them speak, in turn.
    speakers: usize,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Busy(u64),
    Paced,
    Memory,
}

/// Every job of talk's fan-out.
pub(crate) fn all() -> Vec<Talk> {
    let job = |members: usize, speakers: usize, kind| Talk { members, speakers: speakers.min(members), kind };
    let many = chat::SPEAKERS;
    let mut jobs = Vec::new();
    for members in [10, 100, 1000] {
        jobs.push(job(members, many, Kind::Busy(1)));
        jobs.push(job(members, many, Kind::Busy(64)));
        jobs.push(job(members, 1, Kind::Busy(64)));
    }
    jobs.push(job(100, 1, Kind::Paced));
    jobs.push(job(3000, many, Kind::Memory));
    jobs
}

impl Job for Talk {
    fn name(&self) -> String {
        match self.kind {
            Kind::Busy(outstanding) if self.speakers == 1 => format!("talk-{}-{outstanding}-one", self.members),
            Kind::Busy(outstanding) => format!("talk-{}-{outstanding}", self.members),
            Kind::Paced => "talk-paced".to_owned(),
            Kind::Memory => "talk-memory".to_owned(),
        }
    }

    fn group(&self) -> &'static str {
        "talk"
    }

    fn about(&self) -> String {
        let members = self.members;
        match self.kind {
            Kind::Busy(1) => format!("a room of {members} members, one message at a time"),
            Kind::Busy(outstanding) if self.speakers == 1 => {
                format!("a room of {members} members, one speaks, {outstanding} messages outstanding")
            }
            Kind::Busy(outstanding) => format!("a room of {members} members, {outstanding} messages outstanding"),
            Kind::Paced => format!("a room of {members} members, {PACE:.0} deliveries/s, from send to delivery"),
            Kind::Memory => format!("a room of {members} members, resident memory for each"),
        }
    }

    fn amount(&self, options: &Options) -> String {
        let seconds = match self.work(options).load {
            Load::Bodies(_) => 0,
            Load::Busy { time, .. } | Load::Paced { time, .. } => time.as_secs(),
        };
        format!("128 B, {seconds} s")
    }

    fn contenders(&self) -> Vec<Contender> {
        chat::all().iter().map(|chat| chat.contender()).collect()
    }

    fn measures(&self) -> &'static [Measure] {
        match self.kind {
            Kind::Busy(_) => BUSY,
            Kind::Paced => LATENCY,
            Kind::Memory => MEMORY,
        }
    }

    fn expected(&self, _options: &Options) -> Result<String> {
        digest(&(0..self.members).map(|member| self.others(member)).collect::<Vec<_>>())
    }

    fn verify(&self, contender: &Contender, program: &str, _options: &Options) -> Result<String> {
        let done = self.run(contender, program, Load::Bodies(COMPARED))?;
        let mut sorted = done.bodies;
        let mut told = false;
        for (member, bodies) in sorted.iter_mut().enumerate() {
            if !in_order(bodies, self.speakers) {
                return Err(format!("member {member} got the messages of one sender in another order"));
            }
            bodies.sort_by_key(|body| number(body));
            if *bodies != self.others(member) && !std::mem::replace(&mut told, true) {
                let all = self.others(member).len();
                eprintln!(
                    "  {}: member {member} got {} messages, not the {all} that were sent",
                    contender.name,
                    bodies.len()
                );
            }
        }
        digest(&sorted)
    }

    fn measure(&self, contender: &Contender, program: &str, options: &Options) -> Result<Sample> {
        let mut done = self.run(contender, program, self.work(options).load)?;
        let taken = &done.taken;
        let seconds = taken.elapsed.as_secs_f64();
        let cpu = taken.cpu * 1e6 / done.deliveries as f64;
        let each = |kib: u64| kib.saturating_sub(taken.empty_kib) as f64 / self.members as f64;
        let figures = match self.kind {
            Kind::Busy(_) => vec![done.deliveries as f64 / seconds, cpu],
            Kind::Paced => {
                let (p50, p99) = (percentile(&mut done.latencies, 0.5), percentile(&mut done.latencies, 0.99));
                vec![p50, p99, cpu]
            }
            Kind::Memory => vec![each(taken.joined_kib), each(taken.loaded_kib)],
        };
        Ok(Sample {
            figures,
            peak_kib: done.taken.peak_kib,
            loader: (done.taken.loader / seconds).min(1.0),
            waited: (done.taken.waited / seconds).min(1.0),
        })
    }
}

impl Talk {
    fn work(&self, options: &Options) -> Work {
        let time = options.time;
        let load = match self.kind {
            Kind::Busy(outstanding) => Load::Busy { outstanding, time },
            Kind::Memory => Load::Busy { outstanding: MEMORY_LOAD, time },
            Kind::Paced => {
                let every = Duration::from_secs_f64((self.members - 1) as f64 / PACE);
                Load::Paced { every, time: time * PACED }
            }
        };
        Work { members: self.members, speakers: self.speakers, load }
    }

    fn run(&self, contender: &Contender, program: &str, load: Load) -> Result<Done> {
        let all = chat::all();
        let chat = all.iter().find(|chat| chat.contender().name == contender.name).ok_or("nobody has that name")?;
        if self.members > chat.most() {
            return Err(format!("it has at most {} members", chat.most()));
        }
        let server = chat.start(program)?;
        chat.run(&server, &Work { members: self.members, speakers: self.speakers, load }).map_err(|e| server.explain(e))
    }

    /// What a member gets: every body but its own.
    fn others(&self, member: usize) -> Vec<Vec<u8>> {
        (0..COMPARED).filter(|number| sender(*number, self.speakers) != member).map(body).collect()
    }
}

/// Whether the messages of each sender are in the order in which it sent them.
fn in_order(bodies: &[Vec<u8>], speakers: usize) -> bool {
    let mut last = vec![None; speakers];
    bodies.iter().filter_map(|body| number(body)).all(|number| {
        let before = last.get_mut(sender(number, speakers)).map(|last| last.replace(number));
        before.flatten().is_none_or(|before| before < number)
    })
}

/// The SHA-256 of what all members got, one after the other.
fn digest(members: &[Vec<Vec<u8>>]) -> Result<String> {
    let feed = |mut into: &std::process::ChildStdin| -> io::Result<u64> {
        let mut all = io::BufWriter::new(&mut into);
        members.iter().flatten().try_for_each(|body| all.write_all(body))?;
        all.flush().map(|()| 0)
    };
    load::digest(feed).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_each_sender_counts_and_no_other() {
        let bodies = |numbers: &[u64]| numbers.iter().map(|number| body(*number)).collect::<Vec<_>>();
        assert!(in_order(&bodies(&[1, 0, 3, 2]), 2));
        assert!(!in_order(&bodies(&[2, 1, 0]), 2));
    }
}
