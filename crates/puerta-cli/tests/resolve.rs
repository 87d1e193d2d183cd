//! `puerta resolve`: names to addresses and back. Names are localhost and numbers, so that no name server is asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{puerta, shell};
use serde_json::{Value, json};

fn lines(arguments: &[&str]) -> Vec<String> {
    let done = puerta([&["resolve"], arguments].concat()).finish();
    done.ends_with(0);
    done.text().lines().map(str::to_owned).collect()
}

fn data(arguments: &[&str]) -> Vec<Value> {
    let all = [&["--json"], arguments].concat();
    lines(&all).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn addresses_come_in_the_order_in_which_connect_tries_them() {
    // Listening on nothing: connect tries each, and -v tells of each.
    let port = common::places::free_port().to_string();
    let tried = puerta(["connect", "-v", "--json", &format!("localhost:{port}")]).finish();
    let attempts: Vec<String> = tried
        .ends_with(6)
        .json()
        .iter()
        .filter(|event| event["event"] == "attempt")
        .map(|event| event["address"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(lines(&["localhost", &port]), attempts);
}

#[test]
fn a_service_gives_the_port_and_without_one_there_is_none() {
    assert_eq!(lines(&["-4", "localhost", "http"]), ["127.0.0.1:80"]);
    assert_eq!(lines(&["-4", "localhost:80"]), ["127.0.0.1:80"]);
    assert_eq!(lines(&["-4", "localhost"]), ["127.0.0.1"]);
    assert_eq!(lines(&["127.1"]), ["127.0.0.1"]);
    let found = data(&["-4", "localhost", "http"]);
    let expected = json!({"name": "localhost", "address": "127.0.0.1", "port": 80, "family": "IPv4", "type": "stream"});
    assert_eq!(found, [expected]);
    assert_eq!(data(&["-4", "localhost"])[0]["port"], Value::Null);
}

#[test]
fn the_type_of_socket_filters_and_decides_what_a_service_is() {
    assert_eq!(data(&["-4", "localhost", "--type", "datagram"])[0]["type"], "datagram");
    assert_eq!(data(&["-4", "localhost", "--type", "raw"])[0]["type"], "raw");
    puerta(["resolve", "localhost", "http", "--type", "raw"]).finish().ends_with(4).said("EAI_");
    assert_eq!(lines(&["127.0.0.1", "514", "--type", "datagram"]), ["localhost syslog"]);
    assert_eq!(lines(&["127.0.0.1:514", "--type", "stream"]), ["localhost shell"]);
}

#[test]
fn an_address_gives_its_name_and_the_service_of_its_port() {
    assert_eq!(lines(&["127.0.0.1"]), ["localhost"]);
    assert_eq!(lines(&["127.0.0.1", "80"]), ["localhost http"]);
    let expected = json!({"address": "127.0.0.1", "name": "localhost", "port": 80, "service": "http"});
    assert_eq!(data(&["127.0.0.1", "80"]), [expected]);
}

#[test]
fn brackets_zones_and_ports_are_understood_as_connect_does() {
    // Whether ::1 has a name is the machine's business; how it was understood shows in the trace.
    for (asked, address) in [
        (&["::1"][..], "{AF_INET6, [::1]:0}"),
        (&["[::1]"], "{AF_INET6, [::1]:0}"),
        (&["[::1]:80"], "{AF_INET6, [::1]:80}"),
        (&["[::1]", "http"], "{AF_INET6, [::1]:80}"),
        (&["::1%lo"], "{AF_INET6, [::1%1]:0}"),
        (&["[::1%1]:80"], "{AF_INET6, [::1%1]:80}"),
    ] {
        let done = puerta([&["resolve", "--trace"], asked].concat()).finish();
        assert!([0, 4].contains(&done.status), "{}", done.stderr);
        done.said(&format!("getnameinfo({address}, 28"));
    }
}

#[test]
fn an_error_is_status_4_but_a_wrong_value_2_and_both_have_a_hint() {
    puerta(["resolve", "-6", "127.0.0.1"]).finish().ends_with(4).said("127.0.0.1").said("hint: ");
    puerta(["resolve", "-4", "[::1]:80"]).finish().ends_with(4).said("hint: ");
    puerta(["resolve", "::1%nosuchzone0"]).finish().ends_with(4).said("hint: ");
    puerta(["resolve", "localhost", "nosuchservice"]).finish().ends_with(4).said("/etc/services");
    puerta(["resolve", "localhost", "70000"]).finish().ends_with(2).said("ports go from 0 to 65535");
    puerta(["resolve", ""]).finish().ends_with(2).said("name the host");
    puerta(["resolve", "-4", "-6", "localhost"]).finish().ends_with(2).said("cannot be used with");
    puerta(["resolve", "localhost", "--type", "steam"]).finish().ends_with(2).said("stream");
    let done = puerta(["resolve", "--json", "localhost", "nosuchservice"]).finish();
    done.ends_with(4).wrote("");
    let error = &done.json()[0];
    assert_eq!((error["event"].as_str(), error["errno"].as_str()), (Some("error"), Some("EAI_SERVICE")), "{error}");
}

#[test]
fn an_error_behind_a_trace_as_json_is_json_too_and_the_addresses_stay_text() {
    let done = puerta(["resolve", "--trace=json", "localhost", "nosuchservice"]).finish();
    let told = done.ends_with(4).json();
    assert_eq!(told.last().unwrap()["event"], "error", "{}", done.stderr);
    assert_eq!(lines(&["-4", "localhost", "--trace=json"]), ["127.0.0.1"]);
}

#[test]
fn where_there_is_no_output_it_is_said_that_nothing_is_printed() {
    for line in ["resolve localhost", "explain localhost:80"] {
        // Others open /dev/null so for programs of which they want nothing: it is no error.
        for closed in [">&-", "1<>/dev/null"] {
            shell(&format!("\"$PUERTA\" {line} {closed}")).finish().ends_with(0).said("standard output is closed");
        }
        assert_eq!(shell(&format!("\"$PUERTA\" {line} >/dev/null")).finish().ends_with(0).stderr, "");
    }
}
