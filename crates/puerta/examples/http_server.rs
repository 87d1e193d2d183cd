//! A folder for any browser, in one thread: accept, read the head, fetch the file, send, drain, close.
//!
//! `cargo run --example http_server [FOLDER [ADDRESS]]`; the current folder at 127.0.0.1:8080 unless told otherwise.
//! One client at a time: each connection carries one request (`Connection: close`).

use puerta::{Ip, Shutdown, Socket, Tcp, TcpStream, opt};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest head of a request that is read, in bytes.
const HEAD: u64 = 16 * 1024;
/// How long a client may say or take nothing.
const PATIENCE: Duration = Duration::from_secs(2);
const BAD: &str = "400 Bad Request";
const MISSING: &str = "404 Not Found";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let root = fs::canonicalize(arguments.next().unwrap_or_else(|| ".".to_owned()))?;
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned()).parse()?;
    let socket = Socket::<Tcp>::new(Ip::of(&address))?.with(opt::ReuseAddress, true)?;
    // Browsers open connections that they may never use: who says nothing at first keeps nobody waiting.
    let listener = socket.with(opt::DeferAccept, Some(PATIENCE))?.bind(&address)?.listen(128)?;
    println!("listening on http://{}/", listener.local_addr()?);
    loop {
        // One client's trouble is not the next one's.
        let served = listener.accept().map_err(io::Error::from).and_then(|(client, _)| serve(&root, &client));
        if let Err(error) = served {
            eprintln!("{error}");
        }
    }
}

fn serve(root: &Path, mut client: &TcpStream) -> io::Result<()> {
    client.set(opt::ReceiveTimeout, Some(PATIENCE))?;
    client.set(opt::SendTimeout, Some(PATIENCE))?;
    let mut input = BufReader::new(client).take(HEAD);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && input.read_until(b'\n', &mut head)? > 0 {}
    match answer(root, &head) {
        Ok((head, mut file, length)) => {
            client.write_all(head.as_bytes())?;
            if io::copy(&mut (&mut file).take(length), &mut client)? < length {
                return Err(io::Error::other("the file shrank while it was sent"));
            }
        }
        Err(status) => write!(client, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?,
    }
    // What stays unread at close would break the connection, and with it what the client has not read yet.
    client.shutdown(Shutdown::Write)?;
    io::copy(&mut input.into_inner().take(1 << 20), &mut io::sink())?;
    Ok(())
}

/// The head of the answer, the file, and how much of it to send; or the status that refuses the request.
fn answer(root: &Path, head: &[u8]) -> Result<(String, File, u64), String> {
    let head = std::str::from_utf8(head).ok().filter(|h| h.ends_with("\r\n\r\n")).ok_or(BAD)?;
    let words: Vec<&str> = head.lines().next().unwrap_or_default().split(' ').collect();
    let [method, target, "HTTP/1.0" | "HTTP/1.1"] = words[..] else { return Err(BAD.into()) };
    if !matches!(method, "GET" | "HEAD") {
        return Err("405 Method Not Allowed\r\nAllow: GET, HEAD".into());
    }
    let path = find(root, target)?;
    let file = File::open(&path).map_err(|_| MISSING)?;
    let length = file.metadata().map_err(|_| MISSING)?.len();
    let kind = media_type(&path);
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    Ok((head, file, if method == "GET" { length } else { 0 }))
}

/// The file that a target names, `index.html` for a folder. Nothing outside the root, by name or by link, is found.
fn find(root: &Path, target: &str) -> Result<PathBuf, String> {
    let named = target.strip_prefix('/').and_then(|t| t.split('?').next()).ok_or(BAD)?;
    let mut path = root.to_owned();
    for segment in named.split('/') {
        let fine = |n: &String| n != ".." && !n.contains(['/', '\\']) && !n.contains(char::is_control);
        let name = decoded(segment).filter(fine).ok_or(BAD)?;
        path.push(name);
    }
    let mut path = fs::canonicalize(path).ok().filter(|p| p.starts_with(root)).ok_or(MISSING)?;
    if path.is_dir() && !named.is_empty() && !named.ends_with('/') {
        // Without the slash, links in the page would lead past the folder.
        let last = named.rsplit('/').next().unwrap_or_default();
        return Err(format!("301 Moved Permanently\r\nLocation: ./{last}/"));
    }
    if path.is_dir() {
        path = fs::canonicalize(path.join("index.html")).map_err(|_| MISSING)?;
    }
    if path.starts_with(root) && path.is_file() { Ok(path) } else { Err(MISSING.into()) }
}

/// `%41` as `A`; nothing for what is no UTF-8 or no such pair.
fn decoded(segment: &str) -> Option<String> {
    let mut parts = segment.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|e| e.to_str()) {
        Some("html" | "htm") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("png") => "image/png",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
