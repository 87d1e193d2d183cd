//! Every case of the tables, asked of a server over its connections: plain and TLS.

use crate::cases::{self, Ask, site};
use crate::client::Client;
use crate::common::{Folder, How, Served};
use crate::driver::{answer, by_site, make_world, until_compressed};
use crate::secure;
use rustls::{ClientConfig, ServerConfig};
use std::sync::Arc;

#[test]
fn plain_connections_answer_as_the_tables_say() {
    holds(None);
}

#[test]
fn tls_connections_answer_as_the_tables_say() {
    holds(Some(secure::certificate()));
}

fn holds(tls: Option<(Arc<ServerConfig>, Arc<ClientConfig>)>) {
    let (server, client) = tls.unzip();
    let mut wrong = Vec::new();
    for (words, cases) in by_site() {
        let served = Served::new(world(), How { site: site(&words), tls: server.clone(), ..How::default() });
        let ask = |ask: &Ask| match &client {
            None => answer(served.client(), ask),
            Some(client) => answer(Client::over(secure::connect(&served, client)), ask),
        };
        until_compressed(&words, &ask);
        wrong.extend(cases::check(&cases, ask));
    }
    assert!(wrong.is_empty(), "{} answers are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

pub(crate) fn world() -> Folder {
    let folder = Folder::new();
    make_world(&folder.0);
    folder
}
