//! The examples do what they say, with each other, with plain C and with curl.
//!
//! `cargo test` builds the examples first; with `--test examples` it does not, and those built before are used.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::{env, fs, process};

#[test]
fn a_c_client_and_a_rust_server_greet_each_other() {
    let folder = Folder::new("c-client");
    let mut server = Program::start(&example("greeting_server"), ["127.0.0.1:0"]);
    let port = server.port();
    let client = run(&compiled("greeting_client", &folder), [&port]);
    assert_eq!(text(&client), "Hola, cliente!\n");
    assert!(server.rest().contains("says: Hola, servidor!"));
}

#[test]
fn a_rust_client_and_a_c_server_greet_each_other() {
    let folder = Folder::new("c-server");
    let mut server = Program::start(&compiled("greeting_server", &folder), ["0"]);
    let address = format!("127.0.0.1:{}", server.port());
    let client = run(&example("greeting_client"), [&address]);
    assert_eq!(text(&client), format!("{address} says: Hola, cliente!\n"));
    assert_eq!(server.rest(), "Hola, servidor!\n");
}

#[test]
fn the_rust_pair_greets_over_ipv6() {
    let mut server = Program::start(&example("greeting_server"), ["[::1]:0"]);
    let address = format!("[::1]:{}", server.port());
    let client = run(&example("greeting_client"), [&address]);
    assert_eq!(text(&client), format!("{address} says: Hola, cliente!\n"));
    assert!(server.rest().contains("says: Hola, servidor!"));
}

#[test]
fn a_client_without_a_server_says_what_to_do() {
    let free =
        puerta::Socket::<puerta::Tcp>::new(puerta::Ip::V4).unwrap().bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
    let client = run_any(&example("greeting_client"), [free.local_addr().unwrap().to_string()]);
    assert!(!client.status.success());
    let said = String::from_utf8(client.stderr).unwrap();
    assert!(said.contains("(ECONNREFUSED)") && said.contains("nothing listens there"), "{said}");
}

#[test]
fn two_people_talk_over_udp() {
    // An address of the loopback network that no other test uses, so that both ports can be told beforehand.
    let [high, low] = u16::try_from(process::id() % 65_536).unwrap().to_be_bytes();
    let (ana, eva) = (format!("127.77.{high}.{low}:7001"), format!("127.77.{high}.{low}:7002"));
    let mut first = Program::start(&example("udp_talk"), [&ana, &eva]);
    assert_eq!(first.line(), format!("{ana} talks to {eva}\n"));
    let mut second = Program::start(&example("udp_talk"), [&eva, &ana]);
    assert_eq!(second.line(), format!("{eva} talks to {ana}\n"));
    for line in ["Hola, Eva", "", "\u{1b}[2J"] {
        first.say(line);
        assert_eq!(second.line(), format!("> {}\n", line.replace('\u{1b}', "?")));
    }
    second.say("Hola, Ana");
    assert_eq!(first.line(), "> Hola, Ana\n");
    // The end of the input is the end of the program.
    drop((first.input.take(), second.input.take()));
    assert!(first.child.wait().unwrap().success() && second.child.wait().unwrap().success());
}

#[test]
fn a_browser_gets_files_and_their_types() {
    let (_server, folder, base) = website("files");
    let picture: Vec<u8> = (0..=255).cycle().take(3_000_000).collect();
    fs::write(folder.0.join("picture.png"), &picture).unwrap();
    for (path, kind, content) in [
        ("/", "text/html; charset=utf-8", &b"<h1>Hola</h1>"[..]),
        ("/index.html?x=1", "text/html; charset=utf-8", b"<h1>Hola</h1>"),
        ("/style.css", "text/css; charset=utf-8", b"h1 { color: red }"),
        ("/with%20space.js", "text/javascript; charset=utf-8", b"1"),
        ("/sub/", "text/html; charset=utf-8", b"sub"),
        ("/empty.txt", "text/plain; charset=utf-8", b""),
        ("/picture.png", "image/png", &picture),
    ] {
        let (status, headers, body) = fetch(&base, path, &[]);
        assert_eq!(status, "200", "{path}");
        assert!(headers.contains(&format!("Content-Type: {kind}\r\n")), "{path}: {headers}");
        assert!(body == content, "{path}: {} bytes", body.len());
    }
}

#[test]
fn a_head_has_the_length_and_no_body() {
    let (_server, _folder, base) = website("head");
    let (status, headers, body) = fetch(&base, "/index.html", &["--head"]);
    assert_eq!((status.as_str(), body.len()), ("200", 0));
    assert!(headers.contains("Content-Length: 13\r\n"), "{headers}");
}

#[test]
fn a_folder_without_its_slash_is_redirected() {
    let (_server, _folder, base) = website("slash");
    let (status, headers, _) = fetch(&base, "/sub", &[]);
    assert_eq!(status, "301");
    assert!(headers.contains("Location: ./sub/\r\n"), "{headers}");
}

#[test]
fn nothing_outside_the_folder_is_served() {
    let (_server, folder, base) = website("outside");
    std::os::unix::fs::symlink("/etc/passwd", folder.0.join("link.txt")).unwrap();
    for path in ["/../", "/../../etc/passwd", "/%2e%2e/", "/sub/..%2f..%2fetc/passwd", "/%00", "/%zz", "/%e9"] {
        assert_eq!(fetch(&base, path, &[]).0, "400", "{path}");
    }
    for path in ["/link.txt", "/absent", "/index.html/", "//etc/passwd"] {
        assert_eq!(fetch(&base, path, &[]).0, "404", "{path}");
    }
}

#[test]
fn a_request_with_a_body_is_refused_and_the_refusal_arrives() {
    let (_server, folder, base) = website("post");
    let body = folder.0.join("body");
    fs::write(&body, vec![b'x'; 500_000]).unwrap();
    let (status, headers, _) = fetch(&base, "/", &["-H", "Expect:", "--data-binary", &format!("@{}", body.display())]);
    assert_eq!(status, "405");
    assert!(headers.contains("Allow: GET, HEAD\r\n"), "{headers}");
}

#[test]
fn what_is_no_http_gets_400_and_the_next_client_is_served() {
    let (_server, _folder, base) = website("bad");
    let address = base.strip_prefix("http://").unwrap();
    for request in [
        &b"hola\r\n\r\n"[..],
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET index.html HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n",
        b"",
        b"\xff\r\n\r\n",
    ] {
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.write_all(request).unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{request:?}: {answer}");
    }
    assert_eq!(fetch(&base, "/", &[]).0, "200");
}

#[test]
fn a_file_that_one_process_opened_is_read_by_another() {
    let folder = Folder::new("descriptor");
    let (door, file) = (folder.0.join("door"), folder.0.join("file"));
    fs::write(&file, "Hola").unwrap();
    let mut giver = Program::start(&example("pass_descriptor"), [OsStr::new("give"), door.as_ref(), file.as_ref()]);
    assert_eq!(giver.line(), format!("listening on {}\n", door.display()));
    let taker = run(&example("pass_descriptor"), [OsStr::new("take"), door.as_ref()]);
    assert_eq!(text(&taker), "Hola");
    assert!(giver.rest().contains(" goes to process "));
    assert!(!door.exists());
}

#[test]
fn an_echo_takes_the_way_that_is_permitted_and_else_says_what_would_permit_it() {
    let admitted = "echo 0 0 >/proc/sys/net/ipv4/ping_group_range";
    // A new network admits no group.
    let refused = "true";
    for (setting, way) in [(admitted, "ICMP socket"), (refused, "raw socket")] {
        for host in ["127.0.0.1", "::1"] {
            let output = echo_in_a_network_of_its_own(setting, "", host);
            let expected = format!("{host} answers after ");
            assert!(output.status.success() && text(&output).starts_with(&expected), "{output:?}");
            assert!(text(&output).ends_with(&format!(" ms ({way})\n")), "{output:?}");
        }
    }
    let output =
        echo_in_a_network_of_its_own(refused, "setpriv --bounding-set=-net_raw --inh-caps=-net_raw", "127.0.0.1");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("CAP_NET_RAW"), "{said}");
    assert!(said.contains("net.ipv4.ping_group_range"), "{said}");
}

fn echo_in_a_network_of_its_own(setting: &str, prefix: &str, host: &str) -> Output {
    let script = format!("ip link set lo up && {setting} && exec {prefix} \"$0\" \"$1\"");
    let program = example("icmp_echo");
    let arguments = ["-Urn", "sh", "-c", &script].map(OsStr::new);
    run_any(Path::new("unshare"), arguments.into_iter().chain([program.as_ref(), OsStr::new(host)]))
}

#[test]
fn a_client_that_says_nothing_keeps_nobody_waiting_for_long() {
    let (_server, _folder, base) = website("silent");
    let address = base.strip_prefix("http://").unwrap();
    let silent = std::net::TcpStream::connect(address).unwrap();
    let mut halting = std::net::TcpStream::connect(address).unwrap();
    halting.write_all(b"GET / HT").unwrap();
    assert_eq!(fetch(&base, "/", &[]).0, "200");
    drop((silent, halting));
}

/// A program that runs until the test ends.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Program {
    fn start<S: AsRef<OsStr>>(path: &Path, arguments: impl IntoIterator<Item = S>) -> Program {
        let mut child =
            Command::new(path).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().unwrap());
        Program { child, input, output }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    /// The port that the first line ends with.
    fn port(&mut self) -> String {
        let line = self.line();
        line.trim_end().trim_end_matches('/').rsplit(':').next().unwrap().to_owned()
    }

    fn say(&mut self, line: &str) {
        writeln!(self.input.as_ref().unwrap(), "{line}").unwrap();
    }

    /// What it still prints until it ends by itself, which has to be well.
    fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = env::temp_dir().join(format!("puerta-examples-{}-{name}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn website(name: &str) -> (Program, Folder, String) {
    let folder = Folder::new(name);
    fs::create_dir_all(folder.0.join("sub")).unwrap();
    for (file, content) in [
        ("index.html", "<h1>Hola</h1>"),
        ("style.css", "h1 { color: red }"),
        ("with space.js", "1"),
        ("empty.txt", ""),
        ("sub/index.html", "sub"),
    ] {
        fs::write(folder.0.join(file), content).unwrap();
    }
    let mut server = Program::start(&example("http_server"), [folder.0.as_os_str(), OsStr::new("127.0.0.1:0")]);
    let base = format!("http://127.0.0.1:{}", server.port());
    (server, folder, base)
}

/// Status, headers and body, by curl, which sends the path as it is.
fn fetch(base: &str, path: &str, options: &[&str]) -> (String, String, Vec<u8>) {
    let url = format!("{base}{path}");
    let flags = ["--silent", "--show-error", "--include", "--path-as-is", "--noproxy", "*", "--max-time", "20"];
    let output = run(Path::new("curl"), flags.iter().chain(options).chain([&url.as_str()]));
    let end = output.stdout.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    let headers = String::from_utf8(output.stdout[..end].to_vec()).unwrap();
    let status = headers.split(' ').nth(1).unwrap().to_owned();
    (status, headers, output.stdout[end..].to_vec())
}

fn example(name: &str) -> PathBuf {
    let path = env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples").join(name);
    if !path.exists() {
        run(Path::new(env!("CARGO")), ["build", "--quiet", "--package", "puerta", "--examples"]);
    }
    path
}

fn compiled(name: &str, folder: &Folder) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/c/{name}.c"));
    let program = folder.0.join(name);
    let flags = ["-Wall", "-Wextra", "-Werror", "-o"].map(OsStr::new);
    run(Path::new("cc"), flags.into_iter().chain([program.as_os_str(), source.as_os_str()]));
    program
}

fn run<S: AsRef<OsStr>>(path: &Path, arguments: impl IntoIterator<Item = S>) -> Output {
    let output = run_any(path, arguments);
    assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
    output
}

fn run_any<S: AsRef<OsStr>>(path: &Path, arguments: impl IntoIterator<Item = S>) -> Output {
    Command::new(path).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}
