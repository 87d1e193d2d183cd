//! Thousands of clients at once: each gets what one of them sends, an idle one costs little, and a limit of descriptors is told
//! once, costs nothing, and ends with its cause.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod common;

use common::{LIMIT, Running, shell};
use puerta::{Flags, Ip, Socket, Tcp, TcpStream, opt};
use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Clients at once.
const CLIENTS: usize = 9_000;
/// How much of our own memory an idle client may take.
const MEMORY: usize = 4096;
/// Tells this program that it is the child whose limit was raised.
const CHILD: &str = "PUERTA_TEST_CHILD";

/// The server, with so many descriptors.
fn server(descriptors: usize, arguments: &str) -> (Running, SocketAddr) {
    let line = format!("ulimit -n {descriptors} && exec \"$PUERTA\" listen {arguments} 127.0.0.1:0");
    let running = shell(&line).start();
    let to = running.address().parse().unwrap();
    (running, to)
}

fn connect(to: &SocketAddr) -> TcpStream {
    let socket = Socket::<Tcp>::new(Ip::V4).unwrap().connect(to).unwrap();
    socket.set(opt::ReceiveTimeout, Some(LIMIT)).unwrap();
    socket
}

/// A line that was sent came, in whatever pieces.
fn hears(socket: &TcpStream, line: &[u8]) {
    let mut buffer = vec![0; line.len()];
    let mut filled = 0;
    while filled < line.len() {
        let received = socket.recv(&mut buffer[filled..], Flags::NONE).unwrap();
        assert!(received.len > 0, "the server has ended");
        filled += received.len;
    }
    assert_eq!(buffer, line);
}

/// The process's own memory: what it has to itself, in bytes.
fn memory(id: u32) -> usize {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap();
    let kib = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
    };
    (kib("Private_Dirty:") + kib("Private_Clean:")) << 10
}

/// Seconds of processor time that it has used.
fn cpu(id: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let after: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    // proc_pid_stat(5): utime and stime are fields 14 and 15, in ticks of 10 ms.
    (after[11].parse::<f64>().unwrap() + after[12].parse::<f64>().unwrap()) / 100.0
}

fn descriptors(id: u32) -> usize {
    fs::read_dir(format!("/proc/{id}/fd")).unwrap().count()
}

/// Waits until the server has so many descriptors.
fn accepted(running: &Running, count: usize) {
    running.until(&format!("server with {count} descriptors"), |id| descriptors(id) == count);
}

/// This program again, with one test and all the descriptors that it may have.
fn with_descriptors(test: &str) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n \"$(ulimit -Hn)\" && exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(CHILD, "1").stdin(Stdio::null());
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
    print!("{}", out.lines().filter(|line| line.contains("clients")).collect::<Vec<_>>().join("\n"));
    false
}

/// Opens the clients; tells what each costs the server.
fn crowd(running: &Running, to: &SocketAddr, kind: &str) -> Vec<TcpStream> {
    let (id, fds) = (running.id(), descriptors(running.id()));
    let mut clients = vec![connect(to)];
    accepted(running, fds + 1);
    let (before, start) = (memory(id), Instant::now());
    clients.extend((1..CLIENTS).map(|_| connect(to)));
    accepted(running, fds + CLIENTS);
    let took = start.elapsed();
    let each = (memory(id) - before) / (CLIENTS - 1);
    println!("{kind}: {CLIENTS} clients came in {took:?}, {each} bytes of the server's own memory each");
    assert!(each <= MEMORY, "an idle client takes {each} bytes");
    clients
}

#[test]
fn nine_thousand_clients_all_hear_what_one_says_and_cost_little() {
    if !with_descriptors("nine_thousand_clients_all_hear_what_one_says_and_cost_little") {
        return;
    }
    let (running, to) = server(CLIENTS + 100, "--broadcast");
    let clients = crowd(&running, &to, "broadcast");
    let start = Instant::now();
    clients[0].send(b"hola a todos\n", Flags::NONE).unwrap();
    for client in &clients[1..] {
        hears(client, b"hola a todos\n");
    }
    println!("a line reached {} clients in {:?}", CLIENTS - 1, start.elapsed());
    // Nobody gets an echo: the next thing that the sender hears is another's.
    clients[1].send(b"gracias\n", Flags::NONE).unwrap();
    hears(&clients[0], b"gracias\n");
}

#[test]
fn nine_thousand_clients_of_a_plain_server_cost_little() {
    if !with_descriptors("nine_thousand_clients_of_a_plain_server_cost_little") {
        return;
    }
    let (running, to) = server(CLIENTS + 100, "--keep");
    let clients = crowd(&running, &to, "keep");
    for client in clients.iter().step_by(1000) {
        client.send(b"x", Flags::NONE).unwrap();
    }
    running.writes("xxxxxxxxx");
}

#[test]
fn a_limit_of_descriptors_is_told_once_costs_nothing_and_ends_with_its_cause() {
    let (running, to) = server(200, "--keep");
    let id = running.id();
    let clients: Vec<_> = (0..400).map(|_| connect(&to)).collect();
    running.says("no more clients for now");
    let (used, start) = (cpu(id), Instant::now());
    let _ = puerta::io::poll(&mut [], Some(Duration::from_secs(2)));
    let idle = (cpu(id) - used) / start.elapsed().as_secs_f64();
    let start = Instant::now();
    let mut waiting = clients;
    let rest = waiting.split_off(300);
    drop(waiting);
    for client in &rest {
        client.send(b"x", Flags::NONE).unwrap();
    }
    running.writes("x".repeat(rest.len()));
    println!(
        "at the limit {:.2} % of a processor; {} clients served {:?} after",
        idle * 100.0,
        rest.len(),
        start.elapsed()
    );
    running.says("taking clients again").signal("TERM");
    let done = running.finish();
    done.ends_with(0);
    assert_eq!(done.stderr.matches("no more clients").count(), 1, "{}", done.stderr);
    assert!(idle < 0.05, "{idle}");
}

#[test]
fn clients_whose_program_cannot_be_started_yet_wait_and_are_served_later() {
    let line = "ulimit -n 200 && exec \"$PUERTA\" listen --keep 127.0.0.1:0 -- cat";
    let running = shell(line).start();
    let to = running.address().parse().unwrap();
    let clients: Vec<_> = (0..100).map(|_| connect(&to)).collect();
    running.says("no more clients for now: cannot start cat");
    for client in &clients {
        client.send(b"hola", Flags::NONE).unwrap();
    }
    // Each that leaves makes room for the next.
    for client in clients {
        hears(&client, b"hola");
    }
    running.says("taking clients again").signal("TERM");
    let done = running.finish();
    done.ends_with(0).never_said("has left");
    assert_eq!(done.stderr.matches("no more clients").count(), 1, "{}", done.stderr);
}
