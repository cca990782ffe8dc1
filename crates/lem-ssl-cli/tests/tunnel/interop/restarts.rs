//! Back ends that are killed and come back, and reloads, while wrk asks through the tunnel.

use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Nginx, Tunnel, World, printed};

const CONNECTIONS: usize = 12;

/// wrk, for so long. It does not verify the tunnel's certificate.
fn wrk(tunnel: &Tunnel, seconds: u32, further: &[&str]) -> Child {
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--connections", &CONNECTIONS.to_string(), "--timeout", "30"]);
    command.args(["--duration", &seconds.to_string()]).args(further).arg(format!("https://{}/page", tunnel.address));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the interop tests need wrk")
}

/// How many requests were answered, and how many failed, by what wrk says at its end.
fn answered_and_failed(wrk: Child) -> (usize, usize) {
    let said = printed(wrk.wait_with_output().unwrap());
    assert!(!said.contains("Non-2xx"), "{said}");
    let number = |before: &str| -> usize {
        let Some((_, rest)) = said.split_once(before) else { return 0 };
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    let answered = said.lines().find_map(|line| line.split_once(" requests in ")).unwrap().0.trim().parse().unwrap();
    (answered, number("errors: connect ") + number(", read ") + number(", write ") + number(", timeout "))
}

/// The lines about connections.
fn records(tunnel: &Tunnel) -> Vec<Value> {
    let lines = tunnel.running.stderr();
    let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line.get("connection").is_some()).collect()
}

/// What three back ends and a tunnel in front of them go through, and whether wrk has noticed more of it than it may.
/// `is_kept`: for request after request on one connection, which no back end ends by itself.
fn under_load(is_kept: bool) {
    const KILLS: usize = 6;
    let world = World::new();
    let mut back_ends: Vec<_> = ["one", "two", "three"]
        .iter()
        .map(|name| {
            let folder = world.folder(name);
            std::fs::write(folder.join("page"), "hello").unwrap();
            Nginx::start(&folder, "listen 127.0.0.1:PORT; keepalive_requests 1000000;")
        })
        .collect();
    let (files, arguments) = (world.good(), ["--tls-in", "--log-format", "json", "--fail-time", "0.2"]);
    let addresses: Vec<_> = back_ends.iter().map(|one| format!("127.0.0.1:{}", one.port)).collect();
    let connect = addresses.join(",");
    let tunnel = Tunnel::start(&[&arguments[..], &["--connect", &connect], &files.arguments()].concat());
    let further: &[&str] = if is_kept { &[] } else { &["--header", "Connection: close"] };
    let running = wrk(&tunnel, 8, further);
    for kill in 0..KILLS {
        sleep(Duration::from_millis(400));
        let victim = kill % 2;
        back_ends[victim].kill();
        for _ in 0..4 {
            tunnel.signal("HUP");
            sleep(Duration::from_millis(100));
        }
        back_ends[victim].revive();
    }
    let (answered, failed) = answered_and_failed(running);
    // What was open at the end is in no line yet; the last lines are on their way.
    sleep(Duration::from_millis(300));
    let records = records(&tunnel);
    let last = records.iter().filter_map(|line| line["connection"].as_u64()).max().unwrap();
    let leaving = last.saturating_sub(2 * CONNECTIONS as u64);
    // A killed process has its sockets closed by the kernel: by a reset, or as if it had ended, with no answer.
    let cut: Vec<_> = records
        .iter()
        .filter(|line| match line["outcome"].as_str().unwrap() {
            "backend_cut" | "backend_left" => true,
            "finished" => is_kept || line["bytes_down"] == 0,
            // wrk leaves at its end, wherever it is; before that, it is the first to close where a back end has gone.
            "client_cut" | "client_left" => !is_kept && line["connection"].as_u64().unwrap() < leaving,
            // Nobody was refused, or came when there was no back end.
            _ => panic!("{line}"),
        })
        .collect();
    // The third was never killed, and a connection has one request under way.
    assert!(cut.iter().all(|line| line["back_end"] != addresses[2].as_str()), "{cut:?}");
    assert!(failed <= cut.len() && cut.len() <= KILLS * CONNECTIONS, "{failed} of {answered}, {} cut", cut.len());
    assert!(answered > 100 && failed * 4 < answered, "{failed} failed, {answered} were answered");
    assert!(tunnel.running.stderr().contains("is up again"), "{}", tunnel.running.stderr());
    println!("{answered} requests answered, {failed} failed, {} connections cut by {KILLS} kills", cut.len());
}

#[test]
#[ignore = "needs other programs"]
fn killed_back_ends_fail_no_request_but_those_that_they_had_under_way() {
    under_load(true);
}

#[test]
#[ignore = "needs other programs"]
fn killed_back_ends_fail_no_request_but_their_own_with_a_connection_for_each() {
    under_load(false);
}
