//! A web server: small and large files to few and many connections, what an idle one costs in memory, and how soon the first answer comes.

use super::{Job, Measure, Sample};
use crate::Result;
use crate::arguments::Options;
use crate::contender::Contender;
use crate::load;
use crate::process;
use crate::report::size;
use crate::stats::percentile;
use crate::web::{self, LARGE, Load, MIDDLE, Page, Place, SMALL, Site, Starting, Web};
use std::io::Write;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a load runs before the clock does: caches fill, branches are learnt.
const WARMING: Duration = Duration::from_millis(200);

/// How many connections are idle.
const IDLE: usize = 15_000;

/// How long a server has to settle before its memory is read.
const SETTLING: Duration = Duration::from_millis(500);

/// How often a server is started in a run.
const STARTS: usize = 10;

/// How long a first answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

const REQUESTS: &[Measure] = &[
    Measure { key: "rate", head: "requests/s", digits: 0 },
    Measure { key: "cpu", head: "CPU µs/request", digits: 2 },
];

const BYTES: &[Measure] =
    &[Measure { key: "rate", head: "GiB/s", digits: 2 }, Measure { key: "cpu", head: "CPU s/GiB", digits: 3 }];

const MEMORY: &[Measure] = &[
    Measure { key: "idle", head: "own B/conn.", digits: 0 },
    Measure { key: "whole", head: "whole B/conn.", digits: 0 },
];

const START: &[Measure] =
    &[Measure { key: "first", head: "first ms", digits: 2 }, Measure { key: "cpu", head: "CPU ms", digits: 2 }];

/// One kind of load on a web server.
pub(crate) struct Serve {
    kind: Kind,
    place: Rc<Place>,
}

#[derive(Clone, Copy)]
enum Kind {
    Busy(Page, usize),
    Idle,
    Start,
}

/// Every job of serve, over one folder.
pub(crate) fn all() -> Vec<Serve> {
    let place = Rc::new(Place::default());
    let kinds = [
        Kind::Busy(SMALL, 1),
        Kind::Busy(SMALL, 64),
        Kind::Busy(SMALL, 512),
        Kind::Busy(MIDDLE, 64),
        Kind::Busy(LARGE, 4),
        Kind::Idle,
        Kind::Start,
    ];
    kinds.into_iter().map(|kind| Serve { kind, place: place.clone() }).collect()
}

impl Job for Serve {
    fn name(&self) -> String {
        match self.kind {
            Kind::Busy(page, count) => format!("serve-{}-{count}", page.name.trim_end_matches(".bin")),
            Kind::Idle => "serve-idle".to_owned(),
            Kind::Start => "serve-start".to_owned(),
        }
    }

    fn group(&self) -> &'static str {
        "serve"
    }

    fn about(&self) -> String {
        match self.kind {
            Kind::Busy(page, 1) => format!("a file of {} to one connection", size(page.bytes)),
            Kind::Busy(page, count) => format!("a file of {} to {count} connections", size(page.bytes)),
            Kind::Idle => format!("{IDLE} idle connections, memory for each"),
            Kind::Start => "from the start of a web server to its first answer".to_owned(),
        }
    }

    fn amount(&self, options: &Options) -> String {
        match self.kind {
            Kind::Busy(..) => format!("{} s", options.time.as_secs()),
            Kind::Idle => "after one request each".to_owned(),
            Kind::Start => format!("median of {STARTS} starts"),
        }
    }

    fn contenders(&self) -> Vec<Contender> {
        web::all(self.most()).into_iter().map(|web| web.contender).collect()
    }

    fn measures(&self) -> &'static [Measure] {
        match self.kind {
            Kind::Busy(LARGE, _) => BYTES,
            Kind::Busy(..) => REQUESTS,
            Kind::Idle => MEMORY,
            Kind::Start => START,
        }
    }

    fn expected(&self, _options: &Options) -> Result<String> {
        self.page().source().digest()
    }

    fn verify(&self, contender: &Contender, program: &str, _options: &Options) -> Result<String> {
        let server = self.named(contender)?.start(program, self.place.site()?)?;
        let body = web::ask(server.port, self.page()).map_err(|e| server.explain(e))?;
        load::digest(|mut into| into.write_all(&body).map(|()| 0)).map(|(text, _)| text)
    }

    fn measure(&self, contender: &Contender, program: &str, options: &Options) -> Result<Sample> {
        let (web, site) = (self.named(contender)?, self.place.site()?);
        let content = site.read(self.page())?;
        match self.kind {
            Kind::Busy(page, count) => busy(&web, program, site, (page, count), &content, options),
            Kind::Idle => idle(&web, program, site, &content),
            Kind::Start => starts(&web, program, site, &content),
        }
    }
}

impl Serve {
    fn page(&self) -> Page {
        match self.kind {
            Kind::Busy(page, _) => page,
            Kind::Idle | Kind::Start => SMALL,
        }
    }

    /// How many connections a server is set up for.
    fn most(&self) -> usize {
        match self.kind {
            Kind::Idle => web::MANY,
            Kind::Busy(..) | Kind::Start => web::USUAL,
        }
    }

    fn named(&self, contender: &Contender) -> Result<Web> {
        let web = web::all(self.most()).into_iter().find(|web| web.contender.name == contender.name);
        web.ok_or_else(|| "nobody has that name".to_owned())
    }
}

fn busy(
    web: &Web,
    program: &str,
    site: &Site,
    (page, count): (Page, usize),
    content: &[u8],
    options: &Options,
) -> Result<Sample> {
    let server = web.start(program, site)?;
    let work = || {
        let mut load = Load::open(server.port, count, page, content)?;
        load.run(WARMING)?;
        let begun = server.begin();
        let answers = load.run(options.time)?;
        let taken = begun.end();
        load.verify(content)?;
        Ok((answers as f64, taken))
    };
    let (answers, taken) = work().map_err(|e| server.explain(e))?;
    let seconds = taken.elapsed.as_secs_f64();
    let figures = match page {
        LARGE => {
            let gib = answers * page.bytes as f64 / f64::from(1 << 30);
            vec![gib / seconds, taken.cpu / gib]
        }
        _ => vec![answers / seconds, taken.cpu * 1e6 / answers],
    };
    Ok(Sample {
        figures,
        peak_kib: taken.peak_kib,
        loader: (taken.loader / seconds).min(1.0),
        waited: (taken.waited / seconds).min(1.0),
    })
}

fn idle(web: &Web, program: &str, site: &Site, content: &[u8]) -> Result<Sample> {
    let server = web.start(program, site)?;
    let work = || {
        // What the first request costs a server is not what a connection costs it.
        web::ask(server.port, SMALL)?;
        thread::sleep(SETTLING);
        let (begun, before) = (server.begin(), server.share_kib());
        let load = Load::open(server.port, IDLE, SMALL, content)?;
        let taken = begun.end();
        thread::sleep(SETTLING);
        let after = server.share_kib();
        load.verify(content)?;
        Ok((before, after, taken))
    };
    let (before, after, taken) = work().map_err(|e: String| server.explain(e))?;
    let seconds = taken.elapsed.as_secs_f64();
    let each = |kib: u64| kib as f64 * 1024.0 / IDLE as f64;
    Ok(Sample {
        figures: vec![each(after.saturating_sub(before)), each(after)],
        peak_kib: taken.peak_kib,
        loader: (taken.loader / seconds).min(1.0),
        waited: (taken.waited / seconds).min(1.0),
    })
}

fn starts(web: &Web, program: &str, site: &Site, content: &[u8]) -> Result<Sample> {
    let (begun, loader) = (Instant::now(), process::spent("self").cpu);
    let (mut times, mut cpus) = (Vec::new(), Vec::new());
    let (mut peak_kib, mut waited) = (0, 0.0);
    for _ in 0..STARTS {
        let begin = Instant::now();
        let server = web.begin(program, site)?;
        let body = first(&server)?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        let spent = server.running.spent();
        cpus.push(spent.cpu * 1e3);
        waited += spent.waited;
        peak_kib = server.running.peak_kib().max(peak_kib);
        if body != content {
            return Err(format!("another body, {} bytes", body.len()));
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Sample {
        figures: vec![percentile(&mut times, 0.5), percentile(&mut cpus, 0.5)],
        peak_kib,
        loader: ((process::spent("self").cpu - loader) / seconds).min(1.0),
        waited: (waited / seconds).min(1.0),
    })
}

/// Asks, without a pause, until there is an answer.
fn first(server: &Starting) -> Result<Vec<u8>> {
    let begin = Instant::now();
    loop {
        let last = server.running.has_ended() || begin.elapsed() > PATIENCE;
        match web::ask(server.port, SMALL) {
            Ok(body) => return Ok(body),
            Err(message) if last => return Err(format!("{message}; {}", server.running.said().trim())),
            Err(_) => thread::yield_now(),
        }
    }
}
