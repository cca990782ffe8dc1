//! Between other programs.

use std::process::{Child, Command, Output, Stdio};

mod directory;
mod mail;
mod restarts;
mod users;
mod watched;

use crate::support::{Nginx, Postgres, Tunnel, USER, World, pattern, printed, signal};

/// curl, which takes the tunnel for `localhost`.
fn curl(world: &World, tunnel: &Tunnel, arguments: &[&str]) -> Child {
    let mut command = Command::new("curl");
    // Of the system's proxies and settings we want none.
    command.args(["--disable", "--noproxy", "*", "--silent", "--show-error", "--fail", "--cacert", &world.ca]);
    command.args(["--max-time", "300", "--connect-to", &format!("::{}", tunnel.address)]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the interop tests need curl")
}

#[track_caller]
fn done(curl: Child) -> Output {
    let output = curl.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A tunnel from TLS to this nginx, without and with TLS on the way there.
fn tunnels(world: &World, nginx: &Nginx, tls: &Nginx) -> [Tunnel; 2] {
    let files = world.good();
    let [plain, secured] = [nginx, tls].map(|nginx| format!("localhost:{}", nginx.port));
    let inward = [&["--tls-in", "--quiet"], &files.arguments()[..]].concat();
    [
        Tunnel::start(&[&inward[..], &["--connect", &plain]].concat()),
        Tunnel::start(&[&inward[..], &["--connect", &secured, "--tls-out", "--out-ca", &world.ca]].concat()),
    ]
}

/// An nginx in plain text and one with TLS, which have the same files and take some.
fn servers(world: &World) -> (Nginx, Nginx) {
    let files = world.good();
    let store = "client_max_body_size 0; location /put/ { dav_methods PUT; create_full_put_path on; }";
    let plain = Nginx::start(&world.folder("plain"), &format!("listen 127.0.0.1:PORT; {store}"));
    let certificate = format!("ssl_certificate {}; ssl_certificate_key {};", files.chain, files.key);
    let tls = Nginx::start(&world.folder("tls"), &format!("listen 127.0.0.1:PORT ssl; {certificate} {store}"));
    (plain, tls)
}

#[test]
#[ignore = "needs other programs"]
fn curl_gets_pages_from_nginx_through_the_tunnel_in_both_versions() {
    let world = World::new();
    let (plain, tls) = servers(&world);
    for folder in ["plain", "tls"] {
        std::fs::write(world.folder(folder).join("page"), "hello from nginx").unwrap();
    }
    for tunnel in tunnels(&world, &plain, &tls) {
        for version in ["--tls-max", "--tlsv1.3"] {
            let version: &[&str] = if version == "--tls-max" { &["--tls-max", "1.2"] } else { &["--tlsv1.3"] };
            let urls = ["https://localhost/page"; 20];
            let output = done(curl(&world, &tunnel, &[version, &urls[..]].concat()));
            assert_eq!(output.stdout, b"hello from nginx".repeat(20));
        }
    }
}

#[test]
#[ignore = "needs other programs"]
fn a_hundred_megabytes_go_both_ways_at_once() {
    let world = World::new();
    let (plain, tls) = servers(&world);
    let content = pattern(100 << 20, 5);
    let upload = world.scratch.write("upload", &content);
    for folder in ["plain", "tls"] {
        std::fs::write(world.folder(folder).join("download"), &content).unwrap();
    }
    for (tunnel, folder) in tunnels(&world, &plain, &tls).iter().zip(["plain", "tls"]) {
        let downloaded = world.scratch.path().join("downloaded");
        let down = ["-o", downloaded.to_str().unwrap(), "https://localhost/download"];
        let down = curl(&world, tunnel, &down);
        let up = curl(&world, tunnel, &["-T", upload.to_str().unwrap(), "https://localhost/put/uploaded"]);
        done(down);
        done(up);
        assert!(std::fs::read(&downloaded).unwrap() == content, "{folder}, down");
        assert!(std::fs::read(world.folder(folder).join("put/uploaded")).unwrap() == content, "{folder}, up");
    }
}

#[test]
#[ignore = "needs other programs"]
fn nginx_knows_the_client_by_the_proxy_protocol() {
    let world = World::new();
    let directives = "listen 127.0.0.1:PORT proxy_protocol; \
                      location / { return 200 \"$proxy_protocol_addr $proxy_protocol_port\\n\"; }";
    let nginx = Nginx::start(&world.folder("proxied"), directives);
    let files = world.good();
    let address = format!("localhost:{}", nginx.port);
    let arguments = ["--tls-in", "--quiet", "--proxy-protocol", "--connect", &address];
    let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
    let output = done(curl(&world, &tunnel, &["--write-out", "%{local_ip} %{local_port}\n", "https://localhost/"]));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0], lines[1]);
}

#[test]
#[ignore = "needs other programs"]
fn psql_verifies_the_tunnel_and_pgbench_loses_nothing_to_reloads() {
    let world = World::new();
    let postgres = Postgres::start(&world);
    let files = world.good();
    let address = format!("localhost:{}", postgres.port);
    let inward = [&["--tls-in", "--starttls-in", "postgres", "--connect", &address][..], &files.arguments()].concat();
    let outward = ["--tls-out", "--starttls-out", "postgres", "--out-ca", &world.ca];
    let plain = Tunnel::start(&inward);
    let both = Tunnel::start(&[&inward[..], &outward].concat());
    let conninfo = |tunnel: &Tunnel, further: &str| {
        let (port, ca) = (tunnel.address.rsplit(':').next().unwrap(), &world.ca);
        format!("host=localhost port={port} user={USER} dbname=postgres sslrootcert={ca} {further}")
    };
    let ask = |conninfo: &str| {
        let query = "select 'answer ' || 6 * 7";
        postgres.program("psql").args(["--no-psqlrc", "-At", "-d", conninfo, "-c", query]).output().unwrap()
    };
    assert_eq!(printed(ask(&conninfo(&plain, "sslmode=verify-full"))), "answer 42\n");
    // The client binds its password to the session with the tunnel, which the server does not have.
    let unbound = "sslmode=verify-full channel_binding=disable";
    assert_eq!(printed(ask(&conninfo(&both, unbound))), "answer 42\n");
    let refused = ask(&conninfo(&plain, "sslmode=disable"));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("connections without TLS are refused here"), "{said}");
    let wrong = ask(&conninfo(&plain, "sslmode=verify-full").replace("host=localhost", "host=127.0.0.2"));
    assert!(!wrong.status.success());

    let load = ["-n", "-i", "-q", "-d", &conninfo(&plain, "sslmode=verify-full")];
    printed(postgres.program("pgbench").args(load).output().unwrap());
    let mut bench = postgres.program("pgbench");
    // A connection for each transaction.
    let run = ["-n", "-C", "-c", "4", "-T", "4", "-S", "-d", &conninfo(&plain, "sslmode=verify-full")];
    bench.args(run).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = bench.spawn().unwrap();
    while running.try_wait().unwrap().is_none() {
        signal(plain.running.id(), "HUP");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let said = printed(running.wait_with_output().unwrap());
    assert!(said.contains("number of failed transactions: 0"), "{said}");
}

#[test]
#[ignore = "needs other programs"]
fn systemd_takes_the_unit_file() {
    let world = World::new();
    let unit =
        include_str!("../../doc/lem-ssl-tunnel.service").replace("/usr/bin/lem-ssl", env!("CARGO_BIN_EXE_lem-ssl"));
    // The manual is not installed here.
    let unit: String = unit
        .lines()
        .filter(|line| !line.starts_with("Documentation="))
        .fold(String::new(), |text, line| text + line + "\n");
    let file = world.scratch.write("lem-ssl-tunnel.service", unit);
    let verified = Command::new("systemd-analyze").arg("verify").arg(&file).output();
    let verified = verified.expect("the interop tests need systemd-analyze");
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !said.contains("lem-ssl-tunnel"), "{said}");
}
