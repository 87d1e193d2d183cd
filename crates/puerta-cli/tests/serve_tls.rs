//! `puerta serve` over TLS.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod serve;

use serve::{Place, curl};
use std::io::Read;
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

#[test]
fn a_certificate_is_made_once_kept_closed_and_known_by_its_fingerprint() {
    let place = Place::new();
    let served = place.serve(&["--tls"]);
    assert!(served.url.starts_with("https://127.0.0.1:"), "{}", served.url);
    let fingerprint = served.event("fingerprint")["fingerprint"].clone();
    let kept = place.path("config/puerta/serve.pem");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    // Who has the certificate needs not be asked: by its address, and by its name.
    let trusting = |url: &str| {
        let port = served.port();
        let resolve = format!("localhost:{port}:127.0.0.1");
        let all = ["-s", "--noproxy", "*", "--cacert", &kept, "--resolve", &resolve, url];
        String::from_utf8(Command::new("curl").args(all).output().unwrap().stdout).unwrap()
    };
    assert_eq!(trusting(&format!("{}/a.txt", served.url)), "alpha\n");
    assert_eq!(trusting(&format!("https://localhost:{}/a.txt", served.port())), "alpha\n");
    let shown =
        Command::new("openssl").args(["x509", "-noout", "-fingerprint", "-sha256", "-in", &kept]).output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains(fingerprint.as_str().unwrap()), "{fingerprint}");
    drop(served);
    let again = place.serve(&["--tls"]);
    assert_eq!(again.event("fingerprint")["fingerprint"], fingerprint);
}

#[test]
fn http_on_the_port_of_https_is_sent_there_or_told_so_and_never_left_waiting() {
    let place = Place::new();
    let served = place.serve(&["--tls"]);
    let http = served.url.replace("https:", "http:");
    let answer = curl(&format!("{http}/a.txt?x=1"), &[]);
    assert_eq!((answer.status, answer.field("location")), (307, Some(&*format!("{}/a.txt?x=1", served.url))));
    assert_eq!(curl(&format!("{http}/a.txt"), &["-L"]).status, 307, "the first head of the two");
    assert_eq!(curl(&http, &["-I"]).status, 307);
    let told = curl(&http, &["-d", "x"]);
    assert_eq!(told.status, 400);
    assert!(told.text().contains("https://"), "{told:?}");
    for raw in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET /\r\n\r\n",
        "HELO there\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "\u{80}\u{0}\u{1}",
    ] {
        let mut client = served.client();
        client.send(raw);
        let _ = client.stream.shutdown(Shutdown::Write);
        // An end, or a reset: not silence.
        client.until_cut();
    }
}

#[test]
fn only_http_1_1_is_agreed_on() {
    let place = Place::new();
    let served = place.serve(&["--tls"]);
    let asked = |protocols: &str| {
        let to = served.at();
        let output = Command::new("openssl")
            .args(["s_client", "-connect", to, "-alpn", protocols])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(asked("h2,http/1.1").contains("ALPN protocol: http/1.1"));
    assert!(!asked("h2").contains("ALPN protocol: h2"));
}

#[test]
fn files_that_cannot_serve_are_told_in_a_line_and_a_hint() {
    let place = Place::new();
    drop(place.serve(&["--tls"]));
    let pem = std::fs::read_to_string(place.path("config/puerta/serve.pem")).unwrap();
    let (certificate, key) = pem.split_at(pem.find("-----BEGIN PRIVATE").unwrap());
    let cert = place.file("cert.pem", certificate.as_bytes(), 0o644);
    let (good, open) = (place.file("key.pem", key.as_bytes(), 0o600), place.file("open.pem", key.as_bytes(), 0o644));
    let empty = place.file("empty.pem", b"", 0o600);
    for (cert, key, told) in [
        (&cert, &open, "others can get at it"),
        (&cert, &empty, "no private key"),
        (&empty, &good, "no certificate"),
        (&cert, &place.path("missing"), "cannot read"),
    ] {
        let done = place.refused(&["--cert", cert, "--key", key]);
        done.ends_with(8).said(told).said("\nhint: ");
        assert_eq!(done.stderr.lines().count(), 2, "{}", done.stderr);
    }
    place.refused(&["--cert", &cert]).ends_with(2);

    let served = place.serve(&["--cert", &cert, "--key", &good]);
    assert_eq!(served.curl("a.txt", &[]).status, 200);
    let before = served.event("fingerprint")["fingerprint"].clone();
    // Damaged files do not replace what serves; good ones do.
    std::fs::write(&good, "").unwrap();
    served.run.signal("HUP").says("stays as it was");
    assert_eq!(served.curl("a.txt", &[]).status, 200);
    let other = Place::new();
    drop(other.serve(&["--tls"]));
    let pem = std::fs::read_to_string(other.path("config/puerta/serve.pem")).unwrap();
    std::fs::write(&good, &pem).unwrap();
    std::fs::write(&cert, &pem).unwrap();
    served.run.signal("HUP");
    assert!(!served.run.line("SHA-256", 0).contains(before.as_str().unwrap()));
    // It is what connections that come are shown.
    let kept = other.path("config/puerta/serve.pem");
    let all = ["-s", "--noproxy", "*", "--cacert", &kept, &format!("{}/a.txt", served.url)];
    assert_eq!(Command::new("curl").args(all).output().unwrap().stdout, b"alpha\n");
}

/// Opens connections, asks for a file on each, says when all of it has come, and keeps them open.
const IDLE: &str = "
import socket, ssl, sys
context = ssl._create_unverified_context()
kept = []
for _ in range(int(sys.argv[2])):
    stream = context.wrap_socket(socket.create_connection(('127.0.0.1', int(sys.argv[1]))))
    stream.sendall(b'GET /large.bin HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n')
    came = b''
    while b'\\r\\n\\r\\n' not in came or len(came.partition(b'\\r\\n\\r\\n')[2]) < 300000:
        came += stream.recv(1 << 16)
    kept.append(stream)
print('all have it', flush=True)
sys.stdin.read()
";

/// What each may take of our own memory: 12 KiB were measured, most of which TLS needs.
const EACH: usize = 24 << 10;

#[test]
fn an_idle_connection_keeps_nothing_of_what_was_sent() {
    let place = Place::new();
    std::fs::write(place.path("site/large.bin"), vec![b'.'; 300_000]).unwrap();
    let served = place.serve(&["--tls"]);
    let idle = |count: usize| {
        let arguments = ["-c", IDLE, &served.port().to_string(), &count.to_string()];
        let mut clients =
            Command::new("python3").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = [0; 12];
        clients.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        clients
    };
    let memory = || {
        let all = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", served.run.id())).unwrap();
        let line = all.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
    };
    let mut first = idle(20);
    let (count, before) = (150, memory());
    let mut clients = idle(count);
    let each = memory().saturating_sub(before) / count;
    for child in [&mut first, &mut clients] {
        drop(child.stdin.take());
        child.wait().unwrap();
    }
    assert!(each < EACH, "{each} bytes each");
}

#[test]
fn a_certificate_that_ends_soon_is_told_of_and_one_that_does_not_is_not() {
    let place = Place::new();
    let given = |days: &str| {
        let (certificate, key) = (place.path(&format!("{days}.pem")), place.path(&format!("{days}.key")));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-subj", "/CN=localhost", "-days", days, "-out", &certificate, "-keyout", &key])
            .stderr(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        place.serve(&["--cert", &certificate, "--key", &key])
    };
    let soon = given("13").event("certificate-ends");
    assert!(soon["over"] == false && soon["date"].as_str().unwrap().ends_with(" GMT"), "{soon}");
    assert!(soon["hint"].as_str().unwrap().contains("SIGHUP"), "{soon}");
    let later = given("16");
    assert_eq!(later.curl("a.txt", &[]).status, 200);
    later.run.signal("TERM");
    later.run.finish().ends_with(0).never_said("certificate-ends");
}
