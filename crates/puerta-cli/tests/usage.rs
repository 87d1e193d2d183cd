//! Command lines that are refused, and whether what is said then helps.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::places::Folder;
use common::{Done, puerta};

fn refused(line: &str) -> Done {
    puerta(line.split(' ')).finish()
}

#[test]
fn an_option_of_another_program_is_answered_with_ours() {
    for (line, tip) in [
        ("serve --port 8080", "tip: --listen :8080"),
        ("serve --port=9090", "--listen :9090"),
        ("serve photos -p8081", "--listen :8081"),
        ("serve -p photos", "--listen :8080"),
        ("serve --bind 0.0.0.0", "--listen HOST:PORT"),
        ("serve --directory photos", "puerta serve DIR"),
        ("serve --https", "--tls"),
        ("serve --version", "puerta --version"),
        ("serve --qr", "--share"),
        ("serve --password x", "--auth NAME"),
        ("serve --access-log x", "--log FILE"),
        ("connect -p 80 host", "HOST:PORT"),
        ("connect -z host:80", "--probe"),
        ("listen -l 8080", "puerta listen :8080"),
        ("listen -k :8080", "--keep"),
        ("talk --port 7777", "--listen :7777"),
        ("talk -u 10.0.0.5", "--plain"),
    ] {
        let done = refused(line);
        done.ends_with(2).said("tip: ").said(tip).never_said("as a value").never_said("similar");
        let done = puerta(line.split(' ').chain(["--json"])).finish();
        assert!(done.ends_with(2).json()[0]["hint"].as_str().unwrap().contains(tip.trim_start_matches("tip: ")));
    }
}

#[test]
fn an_option_that_nobody_knows_is_not_to_be_passed_as_a_value() {
    for line in ["serve --wibble", "connect --wibble", "listen -y :80", "talk --wibble", "explain --wibble", "--wibble"]
    {
        refused(line).ends_with(2).said("unexpected argument").never_said("as a value");
    }
    refused("serve --lisen :80").ends_with(2).said("tip: a similar argument exists: '--listen'");
}

#[test]
fn what_may_be_left_out_does_not_look_required_in_the_usage() {
    refused("serve photos --wibble").ends_with(2).said("serve [OPTIONS] [DIR]").never_said("<DIR>");
    refused("serve photos --lisen :80").ends_with(2).said("serve [OPTIONS] [DIR]").never_said("<DIR>");
}

#[test]
fn a_value_that_lacks_its_equals_sign_is_said_with_it() {
    let folder = Folder::new("usage");
    for (line, status, hint) in [
        ("serve . --spa index.html", 2, "--spa=index.html"),
        ("serve --spa index.html", 8, "--spa=index.html"),
        ("serve --cors https://example.com", 8, "--cors=https://example.com"),
        ("serve --audit 5s", 8, "--audit=5s"),
        ("serve --trace json --json", 8, "--trace=json"),
        ("connect --retry 5 localhost:1", 2, "--retry=5"),
        ("listen --trace json :0", 2, "--trace=json"),
    ] {
        let done = puerta(line.split(' ')).current_dir(&folder.path("")).finish();
        done.ends_with(status).said(hint);
    }
}

#[test]
fn a_port_or_an_address_in_place_of_the_folder_is_one_to_listen_on() {
    let folder = Folder::new("usage-port");
    for (line, status, hint) in [
        ("serve 8080", 8, "hint: puerta serve --listen :8080"),
        ("serve :8080", 8, "hint: puerta serve --listen :8080"),
        ("serve localhost:8080", 8, "hint: puerta serve --listen localhost:8080"),
        ("serve . 8080", 2, "tip: --listen :8080"),
        ("serve photos", 8, "hint: check the folder's name"),
        ("connect localhost 80", 2, "localhost:80"),
        ("listen 127.0.0.1 80", 2, "127.0.0.1:80"),
    ] {
        puerta(line.split(' ')).current_dir(&folder.path("")).finish().ends_with(status).said(hint);
    }
    // A folder may be called so.
    let name = "8080";
    std::fs::create_dir(folder.path(name)).unwrap();
    let server = puerta(["serve", name, "--listen", "127.0.0.1:0"]).current_dir(&folder.path("")).start();
    server.says("serving 8080 on ");
}

#[test]
fn a_number_that_is_none_is_told_what_it_has_to_be() {
    for (line, said) in [
        ("serve --max 0", "a whole number, 1 or more"),
        ("serve --max 9999999999", "too large"),
        ("serve --threads x", "a whole number from 1 to 1024"),
        ("serve --fields 257", "a whole number from 1 to 256"),
        ("listen --max 0 :0", "a whole number, 1 or more"),
        ("listen --backlog x :0", "a whole number, 0 or more"),
        ("connect --retry=x :0", "a whole number, 0 or more"),
        ("talk --max-message 9000", "a whole number from 1 to 8192"),
        ("talk --rate x", "a whole number, 0 or more"),
        ("serve --index=", "the name of a file, without a folder: index.html"),
        ("serve --cache 7days", "500ms, 10s, 2m, 1h or 1d"),
        ("serve --cache-size 64Mb", "64k, 1m, 1g"),
    ] {
        refused(line).ends_with(2).said(said).never_said("invalid digit").never_said("..");
    }
}

#[test]
fn an_address_to_serve_on_that_is_written_otherwise_is_said_as_it_is_written_here() {
    for (text, hint) in [
        ("tls::8443", "--listen :8443 --tls"),
        ("tls:8443", "--listen :8443 --tls"),
        ("https://:8443", "--listen :8443 --tls"),
        ("https://localhost:8443/", "--listen localhost:8443 --tls"),
        ("http://localhost:18081", "--listen localhost:18081\n"),
        ("http://localhost", "--listen localhost:PORT\n"),
        ("http://localhost:8080/docs/", "--listen localhost:8080\n"),
        ("http://", "hint: give :port, host:port, /path or @name"),
        ("tls:", "hint: give :port, host:port, /path or @name"),
        ("*:18081", ":18081"),
        ("8080:", "on all interfaces is :8080"),
        ("8080:", "'8080:': "),
        ("[::1]", "hint: [::1]:PORT\n"),
        ("", ":port, host:port, /path or @name"),
        ("-", ":port, host:port, /path or @name"),
        ("foo://x:80", ":port, host:port, /path or @name"),
    ] {
        let done = puerta(["serve", "--listen", text]).finish();
        done.ends_with(2).said(hint).never_said("udp").never_said("this build has no");
    }
}

#[test]
fn the_name_of_a_command_has_its_manual_page_printed() {
    let folder = Folder::new("usage-man");
    puerta(["man", &folder.name("")]).finish().ends_with(0);
    for name in ["serve", "man"] {
        let page = std::fs::read(folder.path(&format!("puerta-{name}.1"))).unwrap();
        puerta(["man", name]).finish().ends_with(0).wrote(page);
    }
}

#[test]
fn the_status_that_a_stopped_server_ends_with_is_not_told_as_another() {
    puerta(["--help"]).finish().ends_with(0);
    let help = puerta(["--help"]).finish().text().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        help.contains("stopped by a signal before it was finished") && help.contains("a server that was stopped"),
        "{help}"
    );
}
