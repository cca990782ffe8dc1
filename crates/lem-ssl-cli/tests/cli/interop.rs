//! The command against openssl and curl.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

use lem_ssl_tests::pki::Leaf;

use crate::support::{Server, World, lem_ssl};

/// `openssl s_server`, ready; gone with its value.
struct Openssl {
    child: Child,
    port: u16,
}

impl Openssl {
    #[track_caller]
    fn start(world: &World, name: &str, leaf: Leaf<'_>, further: &[&str]) -> Self {
        let files = world.issue(name, leaf);
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0"]).args(files.arguments_of_openssl()).args(further);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the interop tests need openssl");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.by_ref().map_while(Result::ok).find(|line| line.starts_with("ACCEPT")).expect("it listens");
        // It must not be stopped by a pipe that nobody reads.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
        Self { child, port }
    }

    fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }
}

impl Drop for Openssl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn curl(world: &World, server: &Server, arguments: &[&str]) -> Output {
    let mut command = Command::new("curl");
    // Of the system's proxies and settings we want none.
    command.args(["--disable", "--noproxy", "*", "--silent", "--show-error", "--cacert", &world.ca]);
    command.args(["--connect-to", &format!("::127.0.0.1:{}", server.port())]).args(arguments);
    let output = command.stdin(Stdio::null()).output().expect("the interop tests need curl");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn http(world: &World, further: &[&str]) -> Server {
    Server::start(&[&world.good().arguments()[..], further].concat())
}

#[test]
#[ignore = "needs other programs"]
fn connect_talks_to_openssl() {
    let world = World::new();
    let names = Leaf::server(&["localhost"]);
    for (version, flag) in [("1.2", "-tls1_2"), ("1.3", "-tls1_3")] {
        let openssl = Openssl::start(&world, "openssl", names, &["-rev", flag]);
        let arguments = ["connect", &openssl.address(), "--ca", &world.ca];
        let finished = lem_ssl(arguments, b"hello\n").expect(0);
        assert_eq!(finished.text(), "olleh\n", "{version}");
        assert!(finished.stderr.contains(&format!("TLS {version}")), "{}", finished.stderr);
    }
}

#[test]
#[ignore = "needs other programs"]
fn connect_reads_a_page_of_openssl() {
    let world = World::new();
    let openssl = Openssl::start(&world, "openssl", Leaf::server(&["localhost"]), &["-www"]);
    let arguments = ["connect", &openssl.address(), "--ca", &world.ca, "--keep-open"];
    let finished = lem_ssl(arguments, b"GET / HTTP/1.0\r\n\r\n").expect(0);
    assert!(finished.text().starts_with("HTTP/1.0 200 ok"), "{}", finished.text());
}

#[test]
#[ignore = "needs other programs"]
fn check_sees_what_openssl_shows() {
    let world = World::new();
    let good = Leaf::server(&["localhost"]);
    for (name, leaf, further, code) in [
        ("good", good, &[][..], 0),
        ("old", good, &["-tls1_2"], 0),
        ("late", good.expired(), &[], 6),
        ("other", Leaf::server(&["other.example"]), &[], 7),
    ] {
        let openssl = Openssl::start(&world, name, leaf, further);
        let report = lem_ssl(["check", "--json", "--ca", &world.ca, &openssl.address()], b"").expect(code).text();
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        let version = if further.is_empty() { "TLS 1.3" } else { "TLS 1.2" };
        assert_eq!(report["session"]["version"], version, "{name}");
        if code == 0 {
            assert_eq!(report["resumption"], "yes", "{name}");
        }
    }
    let openssl = Openssl::start(&world, "good", good, &[]);
    lem_ssl(["check", &openssl.address()], b"").expect(8);
    lem_ssl(["check", "--ca", &world.ca, "--days", "31", &openssl.address()], b"").expect(9);
}

#[test]
#[ignore = "needs other programs"]
fn curl_makes_a_thousand_requests_on_one_connection() {
    let world = World::new();
    let server = http(&world, &["--http", "--quiet"]);
    for version in [&["--tlsv1.2", "--tls-max", "1.2"][..], &["--tlsv1.3"]] {
        let format = ["--write-out", "%{http_code} %{num_connects}\\n", "--output", "/dev/null"];
        let output = curl(&world, &server, &[version, &format, &["https://localhost/[1-1000]"]].concat());
        let said = text(&output);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 1000);
        assert_eq!(lines.iter().filter(|line| **line == "200 1").count(), 1, "{version:?}: {:?}", &lines[..3]);
        assert_eq!(lines.iter().filter(|line| **line == "200 0").count(), 999, "{version:?}: {:?}", &lines[..3]);
    }
}

#[test]
#[ignore = "needs other programs"]
fn curl_sees_the_page_and_shows_its_certificate() {
    let world = World::new();
    let server = http(&world, &["--http", "--client-ca", &world.ca]);
    let client = world.issue("client", Leaf::client(&["me.example"]));
    let [_, chain, _, key] = client.arguments();
    let page = text(&curl(&world, &server, &["--cert", chain, "--key", key, "https://localhost/"]));
    assert!(page.contains("your certificate:   CN=me.example"), "{page}");
    assert!(page.contains("ALPN http/1.1"), "{page}");
    let head = text(&curl(&world, &server, &["--head", "--cert", chain, "--key", key, "https://localhost/"]));
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
}

#[test]
#[ignore = "needs other programs"]
fn curl_unpacks_what_was_packed_for_it() {
    let world = World::new();
    let site = world.folder("site");
    let content: String = (0..300_000).map(|number| format!("{number}\n")).collect();
    std::fs::write(site.join("large.txt"), &content).unwrap();
    let server = http(&world, &["--files", site.to_str().unwrap(), "--gzip", "--list"]);
    let size = ["--write-out", "\n%{size_download}", "https://localhost/large.txt"];
    let packed = text(&curl(&world, &server, &[&["--compressed"][..], &size].concat()));
    let (body, bytes) = packed.rsplit_once('\n').unwrap();
    assert!(body == content && bytes.parse::<usize>().unwrap() < content.len() / 2, "{bytes}");
    let listing = text(&curl(&world, &server, &["--header", "Accept: application/json", "https://localhost/"]));
    assert!(listing.contains("\"name\":\"large.txt\""), "{listing}");
}

#[test]
#[ignore = "needs other programs"]
fn curl_goes_on_with_a_download_that_was_broken_off() {
    let world = World::new();
    let site = world.folder("site");
    let content: Vec<u8> = (0..2_000_000_u32).map(|number| (number % 249) as u8).collect();
    std::fs::write(site.join("large.bin"), &content).unwrap();
    let server = http(&world, &["--files", site.to_str().unwrap()]);
    let half = world.scratch.write("half.bin", &content[..1_234_567]);
    let half = half.to_str().unwrap();
    curl(&world, &server, &["--continue-at", "-", "--output", half, "https://localhost/large.bin"]);
    assert!(std::fs::read(half).unwrap() == content);
    server.running.wait_for("206 765433");
    let part = curl(&world, &server, &["--range", "10-19", "https://localhost/large.bin"]);
    assert_eq!(part.stdout, content[10..20]);
    // --path-as-is keeps curl from taking the dots out itself.
    let arguments = ["--path-as-is", "--write-out", "%{http_code}", "--output", "/dev/null"];
    let outside = curl(&world, &server, &[&arguments[..], &["https://localhost/../good.key.pem"]].concat());
    assert_eq!(text(&outside), "404");
}
