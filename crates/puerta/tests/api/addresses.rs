use crate::{tcp_listener, v4};
use puerta::{AnyStream, Bad, Cause, Endpoint, Family, Flags, Ip, Socket, Tcp, Udp};
use std::net::SocketAddr;
use std::process::Command;

#[test]
fn port_0_is_any_free_port_to_bind_and_nowhere_to_connect() {
    assert_ne!(tcp_listener().local_addr().unwrap().port(), 0);
    for error in [
        Socket::<Tcp>::new(Ip::V4).unwrap().connect(&v4()).unwrap_err(),
        Socket::<Udp>::new(Ip::V4).unwrap().connect(&v4()).unwrap_err(),
        Socket::<Tcp>::new(Ip::V4).unwrap().start_connect(&v4()).unwrap_err(),
        Socket::<AnyStream>::new(Family::V4).unwrap().connect(&Endpoint::Inet(v4())).unwrap_err(),
    ] {
        assert_eq!((error.cause(), error.name().as_ref()), (Cause::Bad(Bad::PortZero), "PortZero"));
        assert_eq!(error.peer(), Some(&Endpoint::Inet(v4())));
        assert!(error.hint().unwrap().contains("port"));
    }
}

#[test]
fn an_empty_host_is_nowhere_to_connect() {
    for (ip, address) in [(Ip::V4, "0.0.0.0:80"), (Ip::V6, "[::]:80")] {
        let error = Socket::<Tcp>::new(ip).unwrap().connect(&address.parse().unwrap()).unwrap_err();
        assert_eq!(error.cause(), Cause::Bad(Bad::EmptyHost));
        assert!(error.to_string().ends_with(&format!("{address}: no host to connect to")), "{error}");
        assert!(error.hint().unwrap().contains("localhost"));
    }
    // Nor as an IPv4 address over an IPv6 socket.
    let error = Socket::<Udp>::new(Ip::V6).unwrap().connect(&"[::ffff:0.0.0.0]:80".parse().unwrap()).unwrap_err();
    assert_eq!(error.cause(), Cause::Bad(Bad::EmptyHost));
}

#[test]
fn an_address_in_use_is_named_with_what_to_do() {
    let listener = tcp_listener();
    let at = listener.local_addr().unwrap();
    let error = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&at).unwrap_err();
    assert_eq!((error.name().as_ref(), error.local()), ("EADDRINUSE", Some(&Endpoint::Inet(at))));
    assert_eq!(error.to_string(), format!("bind tcp {at}: address already in use (EADDRINUSE)"));
    assert!(error.hint().unwrap().contains("ss -lntup"));
}

#[test]
fn an_address_of_another_machine_cannot_be_bound() {
    let at: SocketAddr = "192.0.2.1:0".parse().unwrap();
    let error = Socket::<Tcp>::new(Ip::V4).unwrap().bind(&at).unwrap_err();
    assert_eq!((error.name().as_ref(), error.local()), ("EADDRNOTAVAIL", Some(&Endpoint::Inet(at))));
}

#[test]
fn an_address_of_another_family_is_refused_with_a_hint() {
    let error = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&"[::1]:80".parse().unwrap()).unwrap_err();
    assert!(error.name() == "EAFNOSUPPORT" && error.hint().unwrap().contains("family of the address"), "{error:?}");
    let error = Socket::<Tcp>::new(Ip::V6).unwrap().bind(&v4()).unwrap_err();
    assert!(error.name() == "EINVAL" && error.hint().unwrap().contains("family of the address"), "{error:?}");
}

#[test]
fn an_ipv6_socket_takes_ipv4_as_mapped_addresses() {
    let at = "[::ffff:127.0.0.1]:0".parse().unwrap();
    let listener = Socket::<Tcp>::new(Ip::V6).unwrap().bind(&at).unwrap().listen(1).unwrap();
    let to = SocketAddr::new("127.0.0.1".parse().unwrap(), listener.local_addr().unwrap().port());
    let client = Socket::<Tcp>::new(Ip::V4).unwrap().connect(&to).unwrap();
    let peer = listener.accept().unwrap().1;
    assert_eq!(peer.to_string(), format!("[::ffff:127.0.0.1]:{}", client.local_addr().unwrap().port()));
}

#[test]
fn ipv6_carries_datagrams_and_the_longest_of_them() {
    let at = "[::1]:0".parse().unwrap();
    let (ana, eva) = (
        Socket::<Udp>::new(Ip::V6).unwrap().bind(&at).unwrap(),
        Socket::<Udp>::new(Ip::V6).unwrap().bind(&at).unwrap(),
    );
    let message = vec![1; 65_527];
    assert_eq!(ana.send_to(&message, &eva.local_addr().unwrap(), Flags::NONE).unwrap(), 65_527);
    let (got, from) = eva.recv_from(&mut vec![0; 65_527], Flags::NONE).unwrap();
    assert_eq!((got.len, from), (65_527, ana.local_addr().unwrap()));
}

/// Runs again in a network namespace of its own, where the loopback interface has a link-local address.
#[test]
fn the_scope_of_a_link_local_address_is_kept() {
    if std::env::var_os("PUERTA_TEST_SCOPE").is_none() {
        // The kernel adds the route a moment after the address.
        let script = "ip link set lo up && ip address add fe80::1/64 dev lo nodad || exit; \
                      until ip -6 route show table local | grep -q fe80::1; do :; done; exec \"$0\" --exact \"$1\"";
        let output = Command::new("unshare")
            .args(["--map-root-user", "--net", "sh", "-c", script])
            .arg(std::env::current_exe().unwrap())
            .arg("addresses::the_scope_of_a_link_local_address_is_kept")
            .env("PUERTA_TEST_SCOPE", "1")
            .output()
            .unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
        return;
    }
    let listener =
        Socket::<Tcp>::new(Ip::V6).unwrap().bind(&"[fe80::1%1]:0".parse().unwrap()).unwrap().listen(1).unwrap();
    let to = listener.local_addr().unwrap();
    assert!(to.to_string().starts_with("[fe80::1%1]:"), "{to}");
    let client = Socket::<Tcp>::new(Ip::V6).unwrap().connect(&to).unwrap();
    assert_eq!(listener.accept().unwrap().1, client.local_addr().unwrap());
    let SocketAddr::V6(mut without) = to else { panic!("{to}") };
    without.set_scope_id(0);
    let error = Socket::<Tcp>::new(Ip::V6).unwrap().connect(&without.into()).unwrap_err();
    assert_eq!(error.name(), "EINVAL");
    assert!(error.hint().unwrap().contains("%"), "{error:?}");
}
