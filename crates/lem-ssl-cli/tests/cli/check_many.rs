//! `lem-ssl check` for many servers, again and again, and for a monitoring system.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use lem_ssl_tests::pki::Leaf;
use serde_json::Value;

use crate::support::{Running, Server, World, lem_ssl, signal};

/// A server with a certificate for `localhost`.
fn server(world: &World, name: &str, leaf: Leaf<'_>, further: &[&str]) -> Server {
    Server::start(&[&["--echo"][..], further, &world.issue(name, leaf).arguments()].concat())
}

/// An address at which nobody listens.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn leaf() -> Leaf<'static> {
    Leaf::server(&["localhost", "127.0.0.1"])
}

#[test]
fn a_list_of_hosts_is_reported_in_order_and_the_worst_decides() {
    let world = World::new();
    let good = server(&world, "good", leaf(), &[]);
    let late = server(&world, "late", leaf().expired(), &[]);
    let nobody = nobody();
    let list = format!("# ours\n{nobody}\n\n{}  # the good one\n{} \n", good.address, late.address);
    let hosts = world.scratch.write("hosts", &list);
    let arguments = ["check", "--ca", &world.ca, &good.by_name(), "--hosts", hosts.to_str().unwrap()];
    for parallel in ["1", "3"] {
        let report = lem_ssl([&arguments[..], &["--parallel", parallel]].concat(), b"").expect(6).text();
        let heads: Vec<_> = report.lines().filter(|line| !line.starts_with(' ')).collect();
        assert!(heads[0].starts_with(&good.by_name()) && heads[0].ends_with(": good"), "{report}");
        assert!(heads[1].starts_with(&nobody) && heads[1].ends_with(": connect"), "{report}");
        assert!(heads[2].starts_with(&good.address) && heads[3].ends_with(": expired"), "{report}");
        assert_eq!(heads[4..], ["4 servers: 2 good, 1 connect, 1 expired"], "{report}");
    }
    // From standard input, and as JSON, which has one object a line and nothing else.
    let report = lem_ssl(["check", "--json", "--ca", &world.ca, "--hosts", "-"], list.as_bytes()).expect(6).text();
    let results: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let results: Vec<_> = results.iter().map(|one| one["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["connect", "good", "expired"]);
}

#[test]
fn a_list_that_cannot_be_read_is_told() {
    let world = World::new();
    let wrong = world.scratch.write("wrong", "a.example\nb.example gopher\n");
    let empty = world.scratch.write("empty", "# nobody\n");
    for (file, says) in
        [(wrong, "line 2: "), (empty, "there is no host in it"), ("/nonexistent".into(), "/nonexistent")]
    {
        let ended = lem_ssl(["check", "--hosts", file.to_str().unwrap()], b"").expect(2);
        assert!(ended.stderr.contains(says), "{}", ended.stderr);
    }
    lem_ssl(["check"], b"").expect(2);
    assert!(lem_ssl(["check", "localhost:1", "--warn-days", "3"], b"").expect(2).stderr.contains("--nagios"));
}

#[test]
fn a_monitoring_system_gets_one_line_and_its_own_codes() {
    let world = World::new();
    let good = server(&world, "good", leaf(), &[]);
    let asks = server(&world, "asks", leaf(), &["--client-ca", &world.ca]);
    let late = server(&world, "late", leaf().expired(), &[]);
    let (good, asks, late, nobody) = (good.address.as_str(), asks.address.as_str(), late.address.as_str(), nobody());
    // The certificate has thirty days, less a moment.
    for (further, code, begin, data) in [
        (&[good, "--warn-days", "29"][..], 0, format!("TLS OK - {good}: certificate good, "), ";29:;7: time=0."),
        (&[good, "--warn-days", "31"], 1, format!("TLS WARNING - {good}: the certificate expires soon: "), " | days="),
        (
            &[good, "--critical-days", "31"],
            2,
            format!("TLS CRITICAL - {good}: the certificate expires soon"),
            ";30:;31:",
        ),
        (&[asks, "--warn-days", "5"], 0, format!("TLS OK - {asks}: "), ", a client certificate is wanted | days="),
        (&[late], 2, format!("TLS CRITICAL - {late}: the peer's certificate (CN=localhost) expired on "), " | days=-"),
        (&[&nobody], 2, format!("TLS CRITICAL - {nobody}: "), "refused\n"),
        (&["exa mple"], 3, "TLS UNKNOWN - exa mple: invalid address".to_owned(), "\n"),
        (&[good, "--ca", "/nonexistent"], 3, "TLS UNKNOWN - ".to_owned(), "/nonexistent"),
        (&[good, &nobody, "--warn-days", "9"], 2, format!("TLS CRITICAL - 1 of 2 servers good; {nobody}: "), " | '"),
    ] {
        let ended = lem_ssl([&["check", "--nagios", "--ca", &world.ca][..], further].concat(), b"").expect(code);
        assert!(ended.text().starts_with(&begin) && ended.text().contains(data), "{begin} {data}: {}", ended.text());
        assert_eq!((ended.text().lines().count(), ended.stderr.as_str()), (1, ""), "{}", ended.text());
    }
    let both = lem_ssl(["check", "--nagios", "--ca", &world.ca, good, late], b"").expect(2).text();
    let data = both.split_once(" | ").unwrap().1;
    assert!(data.contains(&format!(";30:;7: '{good} time'=0.")), "{both}");
    assert!(data.contains(&format!("'{late} days'=-")), "{both}");
}

#[test]
fn whatever_hinders_a_check_is_unknown_to_a_monitoring_system() {
    let (world, nobody) = (World::new(), nobody());
    let wrong = world.scratch.write("wrong", "a.example\nb.example gopher\n");
    let wrong = wrong.to_str().unwrap();
    for (arguments, says) in [
        (&["check", "--nagios"][..], "<ADDRESS"),
        (&["check", "--nagios", "--warn-days", "soon", &nobody], "soon"),
        (&["check", "--nagios", "--no-such-option", &nobody], "--no-such-option"),
        (&["check", "--nagios", "--json", &nobody], "--json"),
        (&["check", "--nagios=yes", &nobody], "--nagios"),
        (&["check", &nobody, "--timeout", "0", "--nagios"], "--timeout"),
        (&["check", "--nagios", "--parallel", "0", &nobody], "--parallel"),
        (&["check", "--nagios", "--hosts", "/nonexistent"], "cannot read /nonexistent: "),
        (&["check", "--nagios", "--hosts", wrong], "line 2: "),
        (&["chekc", "--nagios", &nobody], "chekc"),
        (&["--nagios", "check", &nobody], "--nagios"),
    ] {
        let ended = lem_ssl(arguments, b"").expect(3);
        let text = ended.text();
        assert!(text.starts_with("TLS UNKNOWN - ") && text.contains(says), "{arguments:?}: {text}");
        assert_eq!((text.lines().count(), ended.stderr.as_str()), (1, ""), "{arguments:?}");
    }
    for asked in ["--help", "--version"] {
        assert!(!lem_ssl(["check", "--nagios", asked], b"").expect(3).text().is_empty());
    }
    // What stands behind "--" is an address.
    lem_ssl(["check", "--no-such-option", "--", "--nagios"], b"").expect(2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_line_that_cannot_be_written_leaves_unknown_as_exit_code() {
    let line = format!("exec \"$0\" check --nagios {} >/dev/full", nobody());
    let mut shell = std::process::Command::new("sh");
    let status = shell.args(["-c", &line, env!("CARGO_BIN_EXE_lem-ssl")]).status().unwrap();
    assert_eq!(status.code(), Some(3));
}

#[test]
fn a_check_that_a_signal_ends_tells_a_monitoring_system_so() {
    // One that accepts and never answers, and a list that never ends.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, refuses) = (silent.local_addr().unwrap().to_string(), nobody());
    let hosts = &["--hosts", "-"][..];
    for (servers, name, expected, code) in [
        (&[&*address][..], "TERM", "TLS UNKNOWN - ended by SIGTERM before everything was looked at\n", 3),
        (&[&*address], "INT", "TLS UNKNOWN - ended by SIGINT ", 3),
        (&[&*address], "HUP", "TLS UNKNOWN - ended by SIGHUP ", 3),
        (hosts, "TERM", "TLS UNKNOWN - ended by SIGTERM ", 3),
        (&[&*refuses, &*address], "TERM", "TLS CRITICAL - ended by SIGTERM ", 2),
    ] {
        let mut running = Running::start([&["check", "--nagios", "--parallel", "1"], servers].concat());
        let mut list = running.stdin();
        // It has begun: more was read than a pipe holds, or it has connected.
        let _begun = match servers == hosts {
            true => list.write_all("# nobody\n".repeat(30_000).as_bytes()).map(|()| None).unwrap(),
            false => Some(silent.accept().unwrap()),
        };
        signal(running.id(), name);
        let text = running.finish().expect(code).text();
        assert!(text.starts_with(expected) && text.lines().count() == 1, "{text}");
    }
}

#[test]
fn watching_reports_changes_and_nothing_else_until_it_is_ended() {
    let world = World::new();
    let files = world.good();
    let server = Server::start(&[&["--echo"][..], &files.arguments()].concat());
    let arguments = ["check", "--json", "--watch", "0.1", "--ca", &world.ca, &server.address];
    let mut running = Running::start(arguments);
    let mut lines = BufReader::new(running.stdout()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let first = next();
    assert_eq!(first["result"], "good");
    assert!(first["time"].as_str().unwrap().ends_with('Z'), "{first}");
    // Several rounds later nothing has been said. Then there is another certificate.
    std::thread::sleep(std::time::Duration::from_millis(800));
    let before = first["certificates"][0]["serial"].clone();
    world.good();
    server.signal("HUP");
    server.running.wait_for("reloaded");
    let second = next();
    assert_eq!(second["result"], "good");
    assert_ne!(second["certificates"][0]["serial"], before);
    drop(server);
    assert_eq!(next()["result"], "connect");
    signal(running.id(), "INT");
    assert!(lines.next().is_none());
    running.finish().expect(130);
}
