//! A web server with a folder, and what asks it for files: what the jobs of serve ask of every contender.
//!
//! A new contender is a line in [`all`].

mod answer;
mod load;
mod nginx;
mod site;

pub(crate) use load::{Load, ask};
pub(crate) use site::{LARGE, MIDDLE, Page, Place, SMALL, Site};

use crate::contender::Contender;
use crate::process::Running;
use crate::server::{Folder, Server};
use crate::{Result, load as sources};
use std::process::Stdio;

/// How many connections a server is set up for. What nginx has for each of them it takes at its start; of the last sixteenth it lets
/// nobody be idle.
pub(crate) const USUAL: usize = 4096;
pub(crate) const MANY: usize = 19_000;

/// What starts ours, with every feature on: files are looked at again, the access log goes to a file, limits are as high as the loads need.
const OURS: &[&str] = &[
    "serve",
    "SITE",
    "--listen",
    "127.0.0.1:PORT",
    "--log",
    "FILE/access.log",
    "--max",
    "MOST",
    "--max-per-address",
    "MOST",
];

/// static-web-server, with as little to do as it can have.
const STATIC_WEB_SERVER: &[&str] = &[
    "--host",
    "127.0.0.1",
    "--port",
    "PORT",
    "--root",
    "SITE",
    "--threads-multiplier",
    "1",
    "--log-level",
    "error",
    "--compression",
    "false",
    "--cache-control-headers",
    "false",
];

/// A web server.
pub(crate) struct Web {
    /// In its arguments and its configuration `SITE` stands for the folder that it serves, `MOST` for how many connections it is set
    /// up for; in its arguments `FILE` for a folder that it may write.
    pub(crate) contender: Contender,
    config: String,
    most: usize,
}

/// Every contender, ours first, set up for so many connections.
pub(crate) fn all(most: usize) -> Vec<Web> {
    let web = |(contender, config)| Web { contender, config, most };
    let plain = |contender| (contender, String::new());
    let all = [
        plain(Contender::ours("puerta serve", OURS)),
        nginx::tuned(),
        nginx::no_sendfile(),
        plain(Contender::peer_crate("static-web-server", "static-web-server", STATIC_WEB_SERVER)),
    ];
    all.into_iter().map(web).collect()
}

/// A server that was told to start, and may not listen yet.
pub(crate) struct Starting {
    pub(crate) running: Running,
    pub(crate) port: u16,
    _folder: Folder,
}

impl Web {
    /// Starts it on core 0 and waits until it listens.
    ///
    /// # Errors
    /// It does not; in its own words.
    pub(crate) fn start(&self, program: &str, site: &Site) -> Result<Server> {
        let (words, port, folder) = self.prepare(program, site)?;
        Server::start(&words, port, Some(folder), |port, _| sources::listens(port))
    }

    /// Starts it on core 0 and waits for nothing.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn begin(&self, program: &str, site: &Site) -> Result<Starting> {
        let (words, port, folder) = self.prepare(program, site)?;
        let running = Running::start(&words, Stdio::null(), Stdio::null())?;
        Ok(Starting { running, port, _folder: folder })
    }

    /// The words that start it, its port, and its folder with its configuration.
    fn prepare(&self, program: &str, site: &Site) -> Result<(Vec<String>, u16, Folder)> {
        let (served, most) = (site.path().to_string_lossy(), self.most.to_string());
        let fill = |text: &str| text.replace("SITE", &served).replace("MOST", &most);
        let folder = Folder::new(&fill(&self.config))?;
        let port = sources::free_port()?;
        folder.configure(port)?;
        let words = self.contender.words(program, port, &folder.path().to_string_lossy());
        Ok((words.iter().map(|word| fill(word)).collect(), port, folder))
    }
}
