//! What a connection takes, and one over a pair of sockets, whose clock goes on only while it is let.

use super::*;
use crate::core::encoding::Accepted;
use crate::core::found::{Content, Found};
use crate::core::path::SitePath;
use crate::core::plan::Lookup;
use crate::core::site::Site;
use crate::event::{Event, Report};
use crate::gate::Gate;
use crate::gate::pace::Pace;
use crate::http1::transport::Plain;
use crate::http1::watch::Watchman;
use crate::http1::write::Delimited;
use crate::http1::{Limits, Tally};
use crate::log::{Form, Log};
use crate::store::{Settings, Store};
use puerta::{AnyStream, Async, Connected, Socket};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::mpsc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

/// More than the buffers of a connection hold.
const SIZE: usize = 4 << 20;
/// The time over which a client's pace is reckoned here, and what nothing takes that is right.
const WINDOW: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(20);

fn size_of_future<F>(_: impl FnOnce(Connection<Plain>) -> F) -> usize {
    size_of::<F>()
}

#[test]
fn an_idle_connection_is_less_than_a_kibibyte() {
    let size = size_of_future(Connection::run);
    assert!(size <= 1024, "{size} bytes");
}

#[derive(Debug)]
struct Deaf;

impl Report for Deaf {
    fn event(&self, _: &Event<'_>) {}
}

/// A folder with one large file, and what serves it; one thread waits for its disk.
struct Bench {
    folder: PathBuf,
    man: Arc<Watchman>,
    service: Arc<Service>,
}

impl Bench {
    fn new(name: &str, pace: Option<Arc<Pace>>) -> Self {
        // Beside this program, which hardly lies in memory alone.
        let program = std::env::current_exe().unwrap();
        let folder = program.parent().unwrap().join(format!("puerta-connection-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("big"), vec![b'x'; SIZE]).unwrap();
        let store = Store::open(&folder, &Settings { threads: 1, ..Settings::default() }).unwrap();
        // Who is looked at is slow, unless it waited for something else.
        let limits = Limits { rate: u32::MAX, rate_time: WINDOW, ..Limits::default() };
        let gate = Gate { pace, ..Gate::default() };
        let log = Some(Log::start(io::sink(), Form::Common, Arc::new(Deaf)).unwrap());
        let (site, report, tally) = (Site::default(), Arc::new(Deaf), Tally::default());
        let man = Watchman::new(limits.shortest());
        Bench { folder, man, service: Arc::new(Service { site, store, limits, gate, report, log, tally }) }
    }

    /// A connection, and its client's end. `full`: its socket has no room.
    fn connection(&self, full: bool) -> (Connection<Plain>, UnixStream) {
        let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        [&ours, &theirs].into_iter().for_each(|end| end.set_nonblocking(true).unwrap());
        while full && ours.write(&[b'.'; 1000]).is_ok() {}
        let socket = Socket::<AnyStream>::adopt::<Connected>(OwnedFd::from(ours)).unwrap();
        let stream = Plain(Async::new(socket).unwrap());
        let connection = Connection::new(stream, self.service.clone(), self.man.watch());
        (connection, UnixStream::from_std(theirs).unwrap())
    }

    /// The file, which is known from now on: a request for it is answered without a wait.
    async fn file(&self) -> Handle {
        let path = SitePath::read(b"/big").unwrap();
        let lookup = Lookup { path, query: None, codings: Accepted::IDENTITY, page: false };
        let Found::File(found) = self.service.store.find(&lookup, &self.service.site).await.found else { panic!() };
        let Content::Open { file, .. } = found.content else { panic!() };
        assert!(self.service.store.probe(&lookup, &self.service.site, Now::read()).is_some());
        file
    }

    /// The response that is that file, behind its head.
    fn body(file: Handle) -> Long {
        let length = SIZE as u64;
        let body = Body::File { file, from: 0, length };
        Long { body, delimited: Delimited::Length(length), closes: false, _listed: None }
    }

    /// Several windows pass.
    async fn windows_pass(&self) {
        let _ = timeout(WINDOW * 5, self.man.run(|| ())).await;
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn run<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// Goes on as far as can be now, with what yields.
async fn go_on<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    for _ in 0..10 {
        if let Poll::Ready(done) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            return Poll::Ready(done);
        }
        tokio::task::yield_now().await;
    }
    Poll::Pending
}

#[test]
fn who_waits_for_our_disk_is_not_slow() {
    let bench = Bench::new("disk", None);
    run(async {
        let (file, (mut connection, mut client)) = (bench.file().await, bench.connection(false));
        let cold = File::open(bench.folder.join("big")).unwrap();
        cold.sync_all().unwrap();
        rustix::fs::fadvise(&cold, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        assert!(!file.is_warm(0, SIZE as u64));
        let ((tell, begun), (go, wait)) = (mpsc::channel(), mpsc::channel::<()>());
        let held = move || {
            let _ = tell.send(());
            let _ = wait.recv();
        };
        bench.service.store.pool().hand(held).unwrap();
        begun.recv_timeout(LIMIT).unwrap();
        let mut sending = pin!(connection.send(Bench::body(file)));
        assert!(go_on(sending.as_mut()).await.is_pending());
        bench.windows_pass().await;
        assert!(go_on(sending.as_mut()).await.is_pending());
        drop(go);
        tokio::select! {
            biased;
            end = &mut sending => panic!("nobody has read, and {end:?}"),
            readable = client.readable() => readable.unwrap(),
        }
        // Now there is no room.
        assert!(go_on(sending.as_mut()).await.is_pending());
        let mut came = vec![0; SIZE];
        let (sent, read) = tokio::join!(sending, client.read_exact(&mut came));
        assert_eq!((sent, read.unwrap()), (Ok(()), SIZE));
    });
}

/// A request for the large file; the client goes, or stays until the connection is dropped. The bytes in the response's line.
async fn line_of_cut(bench: &Bench, full: bool, stays: bool) -> u64 {
    let (connection, mut client) = bench.connection(full);
    client.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut client = Some(client);
    {
        let mut running = pin!(connection.run());
        let under_way = go_on(running.as_mut()).await;
        assert!(under_way.is_pending(), "{under_way:?}");
        if !stays {
            client = None;
            assert_eq!(timeout(LIMIT, running).await, Ok(End::Reset));
        }
    }
    let lines = SCRATCH.with_borrow_mut(|scratch| String::from_utf8(mem::take(&mut scratch.lines)).unwrap());
    assert_eq!(lines.matches('\n').count(), 1, "{lines:?}");
    let sent = lines.trim_end().rsplit_once("\"GET /big HTTP/1.1\" 200 ").unwrap().1.parse().unwrap();
    if let Some(mut client) = client {
        let mut came = Vec::new();
        client.read_to_end(&mut came).await.unwrap();
        let head = came.windows(4).position(|end| end == b"\r\n\r\n").map_or(came.len(), |at| at + 4);
        assert_eq!(sent, (came.len() - head) as u64);
    }
    sent
}

#[test]
fn a_response_that_is_cut_has_its_line_with_what_was_sent_of_it() {
    let bench = Bench::new("cut", None);
    run(async {
        bench.file().await;
        // Its head found no room: the client goes, or we stop.
        assert_eq!(line_of_cut(&bench, true, false).await, 0);
        assert_eq!(line_of_cut(&bench, true, true).await, 0);
        // Its body is under way.
        assert!(line_of_cut(&bench, false, false).await > 0);
        assert!(line_of_cut(&bench, false, true).await > 0);
        // Its client has gone before its head could be sent at all.
        let (connection, mut client) = bench.connection(false);
        client.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        drop(client);
        assert_eq!(connection.run().await, End::Reset);
        let lines = SCRATCH.with_borrow_mut(|scratch| String::from_utf8(mem::take(&mut scratch.lines)).unwrap());
        assert!(lines.ends_with(" 200 0\n"), "{lines:?}");
        assert_eq!((bench.service.tally.requests(), bench.service.tally.cut()), (5, 5));
    });
}

#[test]
fn a_line_says_how_long_its_response_took_with_its_body() {
    let mut bench = Bench::new("took", None);
    let log = Log::start(io::sink(), Form::Json, Arc::new(Deaf)).unwrap();
    Arc::get_mut(&mut bench.service).unwrap().log = Some(log);
    run(async {
        bench.file().await;
        let (connection, mut client) = bench.connection(false);
        client.write_all(b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        // It takes nothing for a window, and no more is sent to it then.
        let end = timeout(LIMIT, async {
            tokio::select! {
                end = connection.run() => end,
                () = bench.man.run(|| ()) => panic!(),
            }
        });
        assert_eq!(end.await, Ok(End::Slow));
        let line = SCRATCH.with_borrow_mut(|scratch| mem::take(&mut scratch.lines));
        let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert!(u128::from(line["duration_us"].as_u64().unwrap()) >= WINDOW.as_micros(), "{line}");
    });
}

#[test]
fn who_takes_nothing_is_slow_even_where_all_wait_for_the_rate() {
    let pace = Pace::new(1 << 20);
    let bench = Bench::new("nothing", Some(pace.clone()));
    run(async {
        let (mut connection, _client) = bench.connection(false);
        let sending = connection.send(Bench::body(bench.file().await));
        // Another one always wants more.
        let mut other = pace.turn();
        let greedy = poll_fn(|cx| -> Poll<()> {
            loop {
                let _ = ready!(other.poll(cx, SIZE));
            }
        });
        let end = timeout(LIMIT, async {
            tokio::select! {
                end = sending => end,
                () = pace.run() => panic!(),
                () = bench.man.run(|| ()) => panic!(),
                () = greedy => panic!(),
            }
        });
        assert_eq!(end.await, Ok(Err(End::Slow)));
    });
}

#[test]
fn who_takes_all_that_the_rate_gives_it_is_not_slow() {
    // Nobody serves those who wait: there is what the rate gives at once, and no more.
    let pace = Pace::new(1);
    let bench = Bench::new("little", Some(pace.clone()));
    run(async {
        let (mut connection, mut client) = bench.connection(false);
        let mut sending = pin!(connection.send(Bench::body(bench.file().await)));
        assert!(go_on(sending.as_mut()).await.is_pending());
        let mut came = [0; 512];
        client.read_exact(&mut came).await.unwrap();
        for _ in 0..4 {
            bench.windows_pass().await;
            assert!(go_on(sending.as_mut()).await.is_pending());
        }
    });
}
