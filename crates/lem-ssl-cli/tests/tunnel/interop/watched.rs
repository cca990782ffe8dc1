//! What watches the tunnel: promtool, jq, and a browser.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use lem_ssl_rs::{ReadMode, TcpStream, spawn};

use crate::support::{BackEnd, Tunnel, World, client_as, echo, printed, run, talk};

/// Runs a program of these arguments with this input.
#[track_caller]
fn fed(program: &str, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|_| panic!("the interop tests need {program}"));
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    let feeding = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap().unwrap();
    output
}

/// A tunnel with two routes, clients with certificates, a back end that is down, and all that its log may tell.
async fn busy(world: &World) -> Tunnel {
    let back_end = BackEnd::plain().await;
    let (files, address) = (world.good(), back_end.address());
    let (route, down) = (format!("localhost={address}"), "127.0.0.1:1");
    let common = ["--tls-in", "--metrics", "127.0.0.1:0", "--log-format", "json"];
    let names = ["--route", &route, "--connect", down, "--client-ca", &world.ca, "--allow-cn", "alice \"a\\b\""];
    let tunnel = Tunnel::start(&[&common[..], &names, &files.arguments()].concat());
    let (alice, _) = client_as(world, &["alice \"a\\b\""]);
    for _ in 0..3 {
        let stream = alice.connect_as(tunnel.address.as_str(), "localhost").await.unwrap();
        let client = spawn(talk(stream, &[b'x'; 1500]));
        echo(back_end.accept_plain().await).await;
        client.await.unwrap();
    }
    // One who is on no list, one who has no certificate, one who does not speak TLS, one whose back end is down.
    let (mallory, _) = client_as(world, &["mallory"]);
    if let Ok(stream) = mallory.connect_as(tunnel.address.as_str(), "localhost").await {
        let _ = stream.read(1).await;
    }
    if let Ok(stream) = tunnel.tls_as(world, "localhost").await {
        let _ = stream.read(1).await;
    }
    let garbage = tunnel.plain().await;
    garbage.write("GET / HTTP/1.0\r\n\r\n").await.unwrap();
    tunnel.says("does not speak TLS").await;
    let stream = alice.connect_as(tunnel.address.as_str(), "127.0.0.1").await.unwrap();
    let _ = stream.read(1).await;
    tunnel.signal("HUP");
    tunnel.says("reloaded; new connections").await;
    tunnel.says("\"backend_unreachable\"").await;
    tunnel.says("\"denied\"").await;
    tunnel
}

#[test]
#[ignore = "needs other programs"]
fn promtool_finds_nothing_wrong_with_the_metrics() {
    let world = World::new();
    let metrics = run(async {
        let tunnel = busy(&world).await;
        let stream = TcpStream::connect(tunnel.metrics.as_deref().unwrap()).await.unwrap();
        stream.write("GET /metrics HTTP/1.0\r\n\r\n").await.unwrap();
        String::from_utf8(stream.read(ReadMode::All).await.unwrap()).unwrap()
    });
    let (_, body) = metrics.split_once("\r\n\r\n").unwrap();
    let output = fed("promtool", &["check", "metrics"], body);
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

#[test]
#[ignore = "needs other programs"]
fn jq_reads_each_line_of_the_log_and_finds_what_is_told_of_a_connection() {
    let world = World::new();
    let log = run(async { busy(&world).await.running.stderr() });
    let common = r#"select((.time | fromdate | type) == "number" and (.level | IN("info", "warn"))
        and (.message | type) == "string")"#;
    let count = |filter: &str| printed(fed("jq", &["--compact-output", filter], &log)).lines().count();
    assert_eq!(count(&common.replace("fromdate", r#"sub("\\.[0-9]+"; "") | fromdate"#)), log.lines().count(), "{log}");
    let finished = r#"select(.outcome == "finished" and .subject == "CN=alice \"a\\b\"" and .sni == "localhost"
        and .tls_version == "TLSv1.3" and (.cipher_suite | startswith("TLS_")) and (.resumed | type) == "boolean"
        and (.fingerprint | length) >= 64 and (.names | type) == "array" and .route == "localhost"
        and (.back_end | startswith("localhost:")) and .bytes_up == 1500 and .bytes_down == 1500
        and (.client | startswith("127.0.0.1:")) and (.seconds | type) == "number" and .connection > 0)"#;
    assert_eq!(count(finished), 3, "{log}");
    assert_eq!(count(r#"select(.outcome == "denied" and .subject == "CN=mallory")"#), 1, "{log}");
    assert_eq!(count(r#"select(.outcome == "backend_unreachable" and (.reason | length) > 10)"#), 1, "{log}");
    // No two connections have one number.
    let numbers = printed(fed("jq", &["--slurp", "map(.connection // empty) | length == (unique | length)"], &log));
    assert_eq!(numbers, "true\n", "{log}");
}

/// Chromium without a window, which gives the page as much time as it wants, and nothing to the world.
fn chromium(world: &World, arguments: &[&str]) -> Output {
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
    command.args(["--virtual-time-budget=6000", "--hide-scrollbars", "--window-size=1000,640"]);
    command.arg(format!("--user-data-dir={}", world.folder("browser").display())).args(arguments);
    command.env("HOME", world.folder("home")).stdin(Stdio::null()).output().expect("the interop tests need chromium")
}

#[test]
#[ignore = "needs other programs"]
fn a_browser_shows_routes_back_ends_and_certificates() {
    let world = World::new();
    let page = run(async {
        let tunnel = busy(&world).await;
        let url = format!("http://{}/", tunnel.metrics.as_deref().unwrap());
        printed(chromium(&world, &["--dump-dom", &url]))
    });
    for shown in [
        // The default route's only back end is down.
        ">not ready: no back end of route default is up<",
        "<td>localhost</td><td class=\"number\">0</td><td class=\"number\">3</td><td class=\"number\">4.4 KiB</td>",
        "<td>default</td>",
        "<td class=\"mark good\">up</td>",
        "<td class=\"mark bad\">down</td>",
        "<td>CN=localhost</td><td>localhost, 127.0.0.1</td>",
        ">failed handshakes<",
        "/s</b>",
    ] {
        assert!(page.contains(shown), "{shown} is not in {page}");
    }
}
