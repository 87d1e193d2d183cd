//! What each check of a request for a hot file of 1 KiB costs, in nanoseconds: `cargo run --release -p puerta-serve --example checks`.

use puerta_serve::core::conditions::{self, Validators};
use puerta_serve::core::etag::ETag;
use puerta_serve::core::head::Head;
use puerta_serve::core::plan::{Lookup, Plan, plan};
use puerta_serve::core::range;
use puerta_serve::core::respond::respond;
use puerta_serve::core::site::Site;
use puerta_serve::http1::head::{Limits, Room, read};
use puerta_serve::log::{Entry, Form, stamp};
use puerta_serve::store::handle::Handle;
use puerta_serve::store::{Now, Settings, Store};
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

const TIMES: u32 = 200_000;

/// What a browser sends of interest, and a bare client.
const HEADS: [(&str, &[u8]); 2] = [
    ("bare", b"GET /folder/file.bin HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
    (
        "browser",
        b"GET /folder/file.bin HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101\r\n\
          Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nAccept-Language: es,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n\
          Connection: keep-alive\r\nIf-None-Match: \"another\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("puerta-checks-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("folder"))?;
    std::fs::write(folder.join("folder/file.bin"), [7; 1024])?;
    let done = checks(&folder);
    std::fs::remove_dir_all(&folder)?;
    done
}

fn checks(folder: &std::path::Path) -> Result<(), Box<dyn Error>> {
    let (site, limits) = (Site::default(), Limits::default());
    let store = Store::open(folder, &Settings::default()).map_err(|e| e.to_string())?;
    let mut later = 0;
    for (name, bytes) in HEADS {
        println!("{name}: {} bytes of head", bytes.len());
        each("the strict head", || read(black_box(bytes), &mut Room::new(), &limits).is_ok());
        let mut room = Room::new();
        let Ok(Some(request)) = read(bytes, &mut room, &limits) else { return Err("no head".into()) };
        let head = request.head;
        each("one normal path, and what to look up", || lookup(black_box(&head), &site).is_some());
        let lookup = lookup(&head, &site).ok_or("no lookup")?;
        while store.probe(&lookup, &site, Now::read()).is_none() {
            store.look_telling(&lookup, &site, Now::read(), &mut ());
        }
        let now = Now::read();
        let hot = each("the age of what is kept", || store.probe(black_box(&lookup), &site, now).is_some());
        each("the same where the disk is asked (once a second)", || {
            later += 2;
            let after = Duration::from_secs(later);
            store.probe(&lookup, &site, Now { instant: now.instant + after, ..now }).is_some()
        });

        let etag = ETag::of_content(b"content");
        let validators = || Validators { etag: Some(&etag), modified: None };
        each("preconditions", || conditions::check(black_box(&head), validators()) == conditions::Verdict::Proceed);
        let all = each("the age, preconditions, ranges and fields together", || {
            let Some(looked) = store.probe(&lookup, &site, now) else { return false };
            let response = respond::<Handle>(&head, &lookup, looked.found, &site, now.wall);
            black_box(response).status.0 == 200
        });
        println!("    without the age {:.0}", all - hot);
        let date = puerta_serve::core::date::Date::of(now.wall).ok_or("no date")?;
        let (stamp, mut lines) = (stamp(Form::Common, &date), Vec::with_capacity(64 * 1024));
        each("a line of the access log, but for the disk", || {
            lines.clear();
            let request = Some(("GET", head.target, "HTTP/1.1"));
            let entry =
                Entry { peer: None, user: None, stamp: &stamp, request, status: 200, referer: None, agent: None };
            Form::Common.start(&mut lines, black_box(&entry));
            Form::Common.end(&mut lines, 1024, Duration::default);
            !lines.is_empty()
        });
    }
    println!("where they are asked for:");
    each("a range", || matches!(range::read(black_box(b"bytes=0-99"), 1024), range::Ranges::One(_)));
    Ok(())
}

fn lookup<'a>(head: &Head<'a>, site: &Site) -> Option<Lookup<'a>> {
    match plan(head, site) {
        Plan::Lookup(lookup) => Some(lookup),
        Plan::Answer(_) => None,
    }
}

/// The median of five runs.
fn each(what: &str, mut check: impl FnMut() -> bool) -> f64 {
    let mut took = [0.0; 5];
    for took in &mut took {
        let start = Instant::now();
        for _ in 0..TIMES {
            assert!(check(), "{what} failed");
        }
        *took = start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES);
    }
    took.sort_by(f64::total_cmp);
    println!("  {:6.0} ns  {what}", took[2]);
    took[2]
}
