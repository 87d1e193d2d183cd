//! `puerta serve` behind nginx: every vector of `puerta-serve/tests/cases/smuggling.txt` through a proxy that keeps its connections, each
//! followed by an innocent request. nginx gives each request an identifier, which it tells us (as User-Agent) and the client.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod common;
#[path = "../../puerta-serve/tests/smuggling/vectors.rs"]
#[allow(dead_code, reason = "what is answered without a proxy is not looked at here")]
mod vectors;

use common::places::Folder;
use common::{LIMIT, Running, peer, puerta};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// What nobody may ever get: nginx forbids its path.
const SECRET: &str = "what-nobody-may-see\n";
const INNOCENT: &str = "what-an-innocent-client-asked-for\n";

/// As lax as nginx can be, so that as much as possible comes through. A client that has ended its direction gets its answers still.
const CONFIG: &str = "USER
worker_processes 1;
pid pid;
events { worker_connections 256; }
http {
    log_format ids escape=json '{\"id\":\"$request_id\",\"sent\":\"$upstream_bytes_sent\",\"status\":\"$upstream_status\",\"uri\":\"$request_uri\"}';
    access_log proxy.log ids;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    HEADS
    client_max_body_size 0;
    ignore_invalid_headers off;
    underscores_in_headers on;
    merge_slashes off;
    upstream puerta {
        server unix:DOOR;
        keepalive 8;
    }
    server {
        listen unix:FRONT;
        add_header X-Id $request_id always;
        location / {
            proxy_pass http://puerta;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $http_host;
            proxy_set_header User-Agent $request_id;
            proxy_ignore_client_abort on;
            proxy_next_upstream off;
            MORE
        }
        location ~ smuggled { return 403; }
    }
}
";

#[test]
fn behind_nginx_that_gathers_bodies_each_request_has_its_own_response() {
    all_through("client_header_buffer_size 64k; large_client_header_buffers 4 64k;", "proxy_request_buffering on;");
}

/// nginx knows the length of a body that finds room where it is read, and says it. With little room, chunks are passed on.
#[test]
fn behind_nginx_that_passes_bodies_on_each_request_has_its_own_response() {
    all_through(
        "connection_pool_size 256; client_body_buffer_size 16; client_header_buffer_size 64; large_client_header_buffers 64 256;",
        "proxy_request_buffering off;",
    );
}

fn all_through(heads: &str, more: &str) {
    let (site, place) = (Folder::new("serve-nginx-site"), Folder::new("serve-nginx"));
    for (name, content) in [("a", "a\n"), ("b", "b\n"), ("innocent", INNOCENT), ("smuggled", SECRET)] {
        site.file(name, content);
    }
    let (door, log) = (place.name("door"), place.name("own.log"));
    let server = puerta(["serve", &site.name(""), "--listen", &door, "--log", &log, "--log-format", "json"]).start();
    server.says("curl --unix-socket");
    let (proxy, front) = nginx(&place, &door, &CONFIG.replace("HEADS", heads).replace("MORE", more));
    let connections = || fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count();
    let before = connections();
    let vectors = vectors::all();
    let mut wrong = Vec::new();
    let mut answers: HashMap<String, u16> = HashMap::new();
    for vector in &vectors {
        let came = exchange(&front, &vector.bytes);
        let mut seen = responses(&came);
        let innocent = exchange(&front, b"GET /innocent HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let after = responses(&innocent);
        let fits = matches!(&after, Ok(all) if matches!(&all[..], [one] if one.status == 200 && one.body == INNOCENT.as_bytes()));
        if !fits {
            wrong.push(format!("{}: the next client got {:?}", vector.name, String::from_utf8_lossy(&innocent)));
        }
        if contains(&came, SECRET) {
            wrong.push(format!("{}: what nobody may see", vector.name));
        }
        for response in seen.iter_mut().chain(&mut after.clone()).flatten() {
            let Some(id) = response.id.take() else { continue };
            if answers.insert(id, response.status).is_some() {
                wrong.push(format!("{}: two responses to one request", vector.name));
            }
        }
        if let Err(e) = seen {
            wrong.push(format!("{}: {e}: {:?}", vector.name, String::from_utf8_lossy(&came)));
        }
    }
    assert!(connections() > before, "nginx keeps its connections to us");
    proxy.signal("QUIT");
    proxy.finish().ends_with(0);
    server.signal("TERM");
    server.finish().ends_with(0);
    let forwarded = compare(&place, &answers, &mut wrong);
    assert!(wrong.is_empty(), "{} of {} vectors:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
    let distinct: HashSet<&[u8]> = vectors.iter().map(|vector| vector.bytes.as_slice()).collect();
    println!(
        "{} distinct vectors, {} answers to clients, {forwarded} requests forwarded: {more}",
        distinct.len(),
        answers.len()
    );
    assert!(distinct.len() >= 200 && forwarded >= 2 * distinct.len() - distinct.len() / 2);
}

/// Started, with the socket at which it listens.
fn nginx(place: &Folder, door: &str, config: &str) -> (Running, String) {
    let front = place.name("front");
    // Whoever started it opens our socket; to others than root, `user` means nothing.
    let user = if fs::metadata("/proc/self").unwrap().uid() == 0 { "user root;" } else { "" };
    place.file("config", config.replace("USER", user).replace("DOOR", door).replace("FRONT", &front));
    let folder = place.name("");
    let arguments = ["-p", &folder, "-c", "config", "-e", "stderr", "-g", "daemon off;"];
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    let proxy = peer("nginx", arguments).start();
    proxy.until("connection to nginx", |_| UnixStream::connect(&front).is_ok());
    (proxy, front)
}

/// Everything that comes back for these bytes and their end.
fn exchange(front: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(front).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    // Who refuses early need not read all of it.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut came = Vec::new();
    if let Err(e) = stream.read_to_end(&mut came) {
        assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset, "{}", bytes.escape_ascii());
    }
    came
}

#[derive(Debug, Clone)]
struct Response {
    status: u16,
    /// What nginx calls the request that it answers; HTTP/0.9 has no place for it.
    id: Option<String>,
    body: Vec<u8>,
}

/// What came, cut into responses. A body is missing where HEAD asked: then the next response follows.
fn responses(bytes: &[u8]) -> Result<Vec<Response>, String> {
    let (mut all, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        if !rest.starts_with(b"HTTP/1.") {
            all.push(Response { status: 0, id: None, body: rest.to_vec() });
            break;
        }
        let end = rest.windows(4).position(|four| four == b"\r\n\r\n").ok_or("half a head")? + 4;
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end..];
        let status = head[9..12].parse().map_err(|_| "no status")?;
        if status < 200 {
            continue;
        }
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let length = field("Content-Length: ").and_then(|length| length.parse().ok()).unwrap_or(0);
        let whole = rest.get(length..).is_some_and(|behind| behind.is_empty() || behind.starts_with(b"HTTP/1."));
        let length = match whole {
            true => length,
            false if rest.is_empty() || rest.starts_with(b"HTTP/1.") => 0,
            false => return Err(format!("more than a response: {}", rest.escape_ascii())),
        };
        all.push(Response { status, id: field("X-Id: "), body: rest[..length].to_vec() });
        rest = &rest[length..];
    }
    Ok(all)
}

/// A line of a log.
fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = fs::read(path).unwrap();
    let text = String::from_utf8_lossy(&text);
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// Both logs and what clients got, request by request; how many nginx forwarded.
fn compare(place: &Folder, answers: &HashMap<String, u16>, wrong: &mut Vec<String>) -> usize {
    let text = |line: &serde_json::Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let mut forwarded: HashMap<String, serde_json::Value> = lines(&place.path("proxy.log"))
        .into_iter()
        .filter(|line| text(line, "sent").parse().unwrap_or(0) > 0)
        .map(|line| (text(&line, "id"), line))
        .collect();
    let count = forwarded.len();
    let own = lines(&place.path("own.log"));
    if own.len() > count {
        wrong.push(format!("we answered {} requests, and nginx forwarded {count}", own.len()));
    }
    // A head that is refused has no User-Agent in our log: those come last, and take what is left.
    let (refused, known): (Vec<_>, Vec<_>) = own.into_iter().partition(|line| line["target"].is_null());
    for line in known {
        let Some(sent) = forwarded.remove(&text(&line, "agent")) else {
            wrong.push(format!("nginx never sent us this, or it was answered twice: {line}"));
            continue;
        };
        let status = line["status"].to_string();
        // nginx may give up while it passes a body on, and answers that itself.
        let gave_up = text(&sent, "status") == "-";
        let seen = answers.get(&text(&sent, "id")).map(ToString::to_string);
        let expected = if gave_up { "400" } else { &status };
        if !gave_up && text(&sent, "status") != status || seen.is_some_and(|seen| seen != expected) {
            wrong.push(format!("the response to another request: {line}, {sent}"));
        }
        let (asked, target) = (text(&sent, "uri"), text(&line, "target"));
        if asked.is_ascii() && asked != target || target.contains("smuggled") {
            wrong.push(format!("another request than nginx sent: {line}, {sent}"));
        }
    }
    for line in refused {
        let status = line["status"].to_string();
        let id = forwarded.iter().find(|(_, sent)| text(sent, "status") == status).map(|(id, _)| id.clone());
        match id {
            Some(id) => drop(forwarded.remove(&id)),
            None => wrong.push(format!("nginx never sent us what we refused: {line}")),
        }
    }
    count
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
