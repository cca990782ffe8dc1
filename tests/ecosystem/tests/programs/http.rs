//! curl, wrk and h2load against a program of axum's over our TLS.

use std::process::{Command, Output};
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_ecosystem::app;
use lem_ssl_ecosystem::http::{HTTP1, HTTP2};
use lem_ssl_ecosystem::{Ends, run};
use lem_ssl_rs::{Queue, spawn, unblock};
use lem_ssl_tests::scratch::Scratch;
use tokio::sync::watch;

/// Runs programs against the server, and then drains it: what was served ends, and every connection in order.
fn serve(programs: impl AsyncFnOnce(u16, &Scratch)) {
    run(async {
        let ends = Rc::new(Ends::new(&[HTTP2, HTTP1]).await);
        let scratch = Scratch::new("ecosystem");
        scratch.write("roots.pem", &ends.roots);
        let (leave, left) = watch::channel(false);
        let results = Rc::new(Queue::new());
        let (router, told, serving) = (app::router(), results.clone(), ends.clone());
        let server = spawn(async move {
            let handler = |stream| {
                let (router, told, mut left) = (router.clone(), told.clone(), left.clone());
                async move {
                    let leave = async move { left.wait_for(|left| *left).await.map(|_| ()) };
                    told.put(app::serve(stream, router, leave).await);
                }
            };
            serving.server.autospawn(handler).await
        });
        programs(ends.port(), &scratch).await;
        leave.send(true).unwrap();
        let drained = ends.server.drain(Duration::from_secs(10)).await;
        assert_eq!((drained.closed, drained.unclaimed), (0, 0));
        let counters = ends.server.counters();
        assert_eq!(counters.open, 0);
        // wrk looks whether anybody listens, and shakes no hands.
        assert_eq!(counters.handshakes_finished, results.len() as u64);
        let _ = server.await;
    });
}

/// Runs a program while the machine goes on.
async fn output(program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments);
    let output = unblock(move || command.output()).await.expect("it does not panic").expect("it is installed");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let start: String = out.chars().take(2000).collect();
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{start}\n{err}", output.status);
    output
}

async fn text(program: &str, arguments: &[&str]) -> String {
    String::from_utf8(output(program, arguments).await.stdout).expect("it writes text")
}

/// As curl's users do: with the server's roots, and errors as errors.
async fn curl(port: u16, scratch: &Scratch, protocol: &str, path: &str, more: &[&str]) -> Vec<u8> {
    let roots = scratch.path().join("roots.pem").display().to_string();
    let address = format!("https://localhost:{port}{path}");
    let mut arguments = vec!["--silent", "--show-error", "--fail", "--cacert", &roots, protocol];
    arguments.extend(more);
    arguments.push(&address);
    output("curl", &arguments).await.stdout
}

#[test]
fn curl_is_answered_by_both_protocols() {
    serve(async |port, scratch| {
        for (protocol, spoken) in [("--http1.1", "1.1"), ("--http2", "2")] {
            let version = curl(port, scratch, protocol, "/", &["--write-out", " %{http_version}"]).await;
            assert_eq!(String::from_utf8(version).unwrap(), format!("Hello, world! {spoken}"));
            assert_eq!(curl(port, scratch, protocol, "/hi/curl", &[]).await, b"hi curl");
            let body = curl(port, scratch, protocol, "/body?bytes=100000&pieces=50", &[]).await;
            assert!(body == vec![b'x'; 5_000_000]);
            let json = ["--json", r#"{"numbers":[20,22]}"#];
            let sum = curl(port, scratch, protocol, "/sum", &json).await;
            assert!(String::from_utf8(sum).unwrap().ends_with(r#""sum":42}"#));
        }
    });
}

#[test]
fn curl_uploads_and_keeps_its_connection() {
    serve(async |port, scratch| {
        let upload = scratch.write("upload", vec![7; 6_000_000]).display().to_string();
        let data = format!("@{upload}");
        for protocol in ["--http1.1", "--http2"] {
            let length = curl(port, scratch, protocol, "/length", &["--data-binary", &data]).await;
            assert_eq!(length, b"6000000");
            let address = format!("https://localhost:{port}/visits");
            // The first says how many connections it made, the second that it made none.
            let two = [&address[..], "--write-out", " %{num_connects};"];
            let connects = curl(port, scratch, protocol, "/visits", &two).await;
            let connects = String::from_utf8(connects).unwrap();
            assert!(connects.contains(" 1;") && connects.ends_with(" 0;"), "{connects}");
        }
    });
}

#[test]
fn wrk_gets_an_answer_to_every_request() {
    serve(async |port, _| {
        let address = format!("https://localhost:{port}/");
        let report = text("wrk", &["-t1", "-c20", "-d3s", &address]).await;
        assert!(!report.contains("Socket errors") && !report.contains("Non-2xx"), "{report}");
        let requests = report.lines().find_map(|line| line.trim().split_once(" requests in ")).expect("it reports");
        assert!(requests.0.parse::<u64>().unwrap() > 100, "{report}");
    });
}

#[test]
fn h2load_gets_an_answer_to_every_request_by_both_protocols() {
    serve(async |port, _| {
        for (path, requests) in [("/", 5_000), ("/body?bytes=65536&pieces=4", 200)] {
            let address = format!("https://localhost:{port}{path}");
            for protocol in [&["--npn-list=h2", "-m16"][..], &["--h1"]] {
                let count = format!("-n{requests}");
                let arguments = [&[&count[..], "-c8"], protocol, &[&address]].concat();
                let report = text("h2load", &arguments).await;
                let all = format!(
                    "requests: {requests} total, {requests} started, {requests} done, {requests} succeeded, 0 failed, \
                     0 errored, 0 timeout"
                );
                assert!(report.contains(&all), "{report}");
            }
        }
    });
}
