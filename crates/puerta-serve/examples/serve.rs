//! A folder for any browser, with limits that do not get in the way of a measurement.
//!
//! `cargo run --release -p puerta-serve --example serve -- FOLDER ADDRESS [THREADS]`

use puerta::{AnyStream, Endpoint, Family, Socket, opt};
use puerta_serve::core::site::Site;
use puerta_serve::event::{Event, Report};
use puerta_serve::gate::Gate;
use puerta_serve::http1::{Limits, Service, Tally};
use puerta_serve::log::{Form, Log};
use puerta_serve::server::{Server, Settings};
use puerta_serve::store::{self, Store};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

#[derive(Debug)]
struct Stderr;

impl Report for Stderr {
    fn event(&self, event: &Event<'_>) {
        eprintln!("{event:?}");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, address, threads @ ..] = arguments.as_slice() else {
        return Err("FOLDER ADDRESS [THREADS]".into());
    };
    let mut settings = Settings { connections: 100_000, per_address: 100_000, ..Settings::default() };
    if let [threads] = threads {
        settings.threads = threads.parse()?;
    }
    let address = Endpoint::Inet(address.parse()?);
    let socket = Socket::<AnyStream>::new(Family::of(&address))?.with(opt::ReuseAddress, true)?;
    // Connections inherit it: the end of a response never waits for an acknowledgement.
    let listener = socket.with(opt::NoDelay, true)?.bind(&address)?.listen(4096)?;
    eprintln!("http://{}/", listener.local_addr()?);
    let store = Store::open(Path::new(folder), &store::Settings::default()).map_err(|p| p.to_string())?;
    // As the command does it: with every feature on.
    let log = std::env::var_os("LOG").map(std::fs::File::create).transpose()?;
    let log = log.map(|file| Log::start(file, Form::Common, Arc::new(Stderr))).transpose()?;
    let limits = Limits { requests: u32::MAX, ..Limits::default() };
    let service = Arc::new(Service {
        site: Site::default(),
        store,
        limits,
        gate: Gate::default(),
        report: Arc::new(Stderr),
        log,
        tally: Tally::default(),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::start(vec![listener], service, None, &settings)?;
        Ok(server.run(std::future::pending()).await?)
    })
}
