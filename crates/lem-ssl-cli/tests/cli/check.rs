//! `lem-ssl check`: an exit code for each class of failure, and a report with everything.

use std::io::Write;
use std::net::TcpListener;

use lem_ssl_tests::pki::draft::{Draft, DraftKey, element};
use lem_ssl_tests::pki::{Authority, Issued, Leaf, armour, self_signed};
use serde_json::Value;

use crate::support::{Server, World, lem_ssl};

/// A server with this certificate, and what check says of it.
#[track_caller]
fn checked(world: &World, name: &str, leaf: Leaf<'_>, further: &[&str], code: i32) -> Value {
    let files = world.issue(name, leaf);
    let server = Server::start(&[&["--echo"][..], &files.arguments()].concat());
    let address = server.by_name();
    let report = lem_ssl([&["check", "--json", "--ca", &world.ca, &address][..], further].concat(), b"").expect(code);
    assert_eq!(report.stderr, "");
    let report: Value = serde_json::from_str(&report.text()).unwrap();
    assert_eq!(report["exit_code"], code);
    report
}

fn outcomes(report: &Value) -> Vec<&str> {
    report["verification"].as_array().unwrap().iter().map(|step| step["outcome"].as_str().unwrap()).collect()
}

#[test]
fn a_good_server_is_reported_with_everything() {
    let world = World::new();
    let report = checked(&world, "good", Leaf::server(&["localhost", "127.0.0.1"]), &["--days", "29"], 0);
    assert_eq!(report["result"], "good");
    assert_eq!(report["problem"], Value::Null);
    assert_eq!(report["verified"], true);
    assert_eq!(outcomes(&report), ["passed", "passed", "passed"]);
    assert_eq!(report["session"]["version"], "TLS 1.3");
    assert!(report["session"]["cipher_suite"].as_str().unwrap().starts_with("TLS_"));
    assert_eq!(report["session"]["group"], "X25519MLKEM768");
    assert_eq!(report["resumption"], "yes");
    assert_eq!(report["certificates"][0]["subject"], "CN=localhost");
    assert_eq!(report["certificates"][0]["issuer"], "CN=CLI Test Root");
    assert_eq!(report["certificates"][0]["names"], serde_json::json!(["localhost", "127.0.0.1"]));
    for phase in ["resolve", "connect", "handshake", "resumed_handshake"] {
        assert!(report["timings_ms"][phase].is_f64(), "{phase}: {report}");
    }
}

#[test]
fn an_expired_certificate_is_6() {
    let report = checked(&World::new(), "late", Leaf::server(&["localhost"]).expired(), &[], 6);
    assert_eq!(outcomes(&report), ["failed", "passed", "passed"]);
    assert!(report["problem"].as_str().unwrap().contains("expired on"));
    assert_eq!(report["result"], "expired");
    // It was refused, and yet there is a report.
    assert_eq!(report["inspected"], true);
    assert_eq!(report["session"]["version"], "TLS 1.3");
    assert!(report["certificates"][0]["days_left"].as_i64().unwrap() < 0);
}

#[test]
fn a_certificate_that_is_not_valid_yet_is_6_and_is_not_called_expired() {
    let world = World::new();
    let early = Leaf::server(&["localhost"]).not_yet_valid();
    let report = checked(&world, "early", early, &[], 6);
    assert_eq!(outcomes(&report), ["failed", "passed", "passed"]);
    assert_eq!(report["result"], "not_yet_valid");
    let server = Server::start(&[&["--echo"][..], &world.issue("early", early).arguments()].concat());
    let report = lem_ssl(["check", "--ca", &world.ca, &server.by_name()], b"").expect(6).text();
    assert!(report.lines().next().unwrap().ends_with(": not yet valid"), "{report}");
    // Nor is one whose time ends before it begins.
    let never = Leaf { not_before: early.not_after, not_after: early.not_before, ..early };
    assert_eq!(checked(&world, "never", never, &[], 6)["result"], "never_valid");
}

/// A server with this chain, and what check says of it.
#[track_caller]
fn checked_chain(world: &World, name: &str, issued: &Issued, further: &[&str], code: i32) -> Value {
    let (chain, key) = world.scratch.write_identity(name, issued);
    let server = Server::start(&["--echo", "--cert", chain.to_str().unwrap(), "--key", key.to_str().unwrap()]);
    let address = server.by_name();
    let report = lem_ssl([&["check", "--json", "--ca", &world.ca, &address][..], further].concat(), b"").expect(code);
    serde_json::from_str(&report.text()).unwrap()
}

/// What others refuse, and we do not, is good, and is told.
#[test]
fn what_is_accepted_here_and_not_everywhere_is_a_remark() {
    const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
    let world = World::new();
    let [root, middle, leaf] = [(); 3].map(|()| DraftKey::new());
    let use_of = |bits: u8| element(3, &[0, bits]);
    let good = || Draft::leaf(&["localhost"], "Middle", &leaf);
    let between = || Draft::authority("Middle", "Root", &middle);
    let above = || Draft::authority("Root", "Root", &root);
    let of_leaf = "the server's certificate (CN=leaf) has a key that is not for signatures (key usage)";
    let of_middle = "certificate 2 of the chain (CN=Middle) has a key that is not for signing certificates (key usage)";
    for (own, issuer, trusted, remark) in [
        (good(), between(), above(), None),
        (good().with(KEY_USAGE, true, &use_of(0x80)), between().with(KEY_USAGE, true, &use_of(0x04)), above(), None),
        (good().with(KEY_USAGE, true, &use_of(0x20)), between(), above(), Some(of_leaf)),
        (good(), between().with(KEY_USAGE, true, &use_of(0x82)), above(), Some(of_middle)),
        (good(), between(), above().between(-20, -10), Some("the trusted root (CN=Root) in ")),
        (good(), between(), above().between(10, 20), Some(" is not valid before 2")),
    ] {
        let pem = |draft: Draft, key: &DraftKey| armour("CERTIFICATE", &draft.sign(key));
        let chain = pem(own, &middle) + &pem(issuer, &root);
        let key = armour("PRIVATE KEY", leaf.private().secret_der());
        // With the byte order mark of an editor: what the library reads is looked at.
        let root = format!("\u{feff}{}", pem(trusted, &root));
        let files = [("chain", chain), ("key", key), ("root", root)];
        let [chain, key, root] = files.map(|(name, text)| world.scratch.write(name, text).display().to_string());
        let server = Server::start(&["--echo", "--cert", &chain, "--key", &key]);
        let report = lem_ssl(["check", "--json", "--ca", &root, &server.by_name()], b"").expect(0);
        let report: Value = serde_json::from_str(&report.text()).unwrap();
        assert_eq!(report["result"], "good");
        let remarks = report["remarks"].as_array().unwrap();
        assert_eq!(remarks.len(), usize::from(remark.is_some()), "{report}");
        let Some(remark) = remark else { continue };
        let told = remarks[0].as_str().unwrap();
        assert!(told.contains(remark) && told.ends_with(": it is accepted here, not everywhere"), "{told}");
        let text = lem_ssl(["check", "--ca", &root, &server.by_name()], b"").expect(0).text();
        assert!(text.contains(&format!("  remark        {told}\n")), "{text}");
    }
}

#[test]
fn an_expired_intermediate_is_named_and_is_6() {
    let world = World::new();
    let issued = world.root.expired_intermediate("Old Middle").issue(Leaf::server(&["localhost"]));
    let report = checked_chain(&world, "old-middle", &issued, &[], 6);
    let problem = report["problem"].as_str().unwrap();
    assert!(problem.starts_with("certificate 2 of the peer's chain (CN=Old Middle) expired on"), "{problem}");
    assert_eq!(outcomes(&report), ["failed", "passed", "passed"]);
    assert_eq!(report["verification"][0]["position"], 1);
    assert_eq!(report["certificates"][0]["expired"], false);
    assert_eq!(
        (&report["certificates"][1]["expired"], &report["certificates"][1]["days_left"]),
        (&true.into(), &(-1).into())
    );
}

#[test]
fn an_expired_certificate_beside_the_way_to_the_root_does_not_count() {
    let world = World::new();
    let mut issued = world.root.intermediate("Middle").issue(Leaf::server(&["localhost"]));
    let stray = Authority::new("Elsewhere").issue(Leaf::server(&["old.test"]).expired());
    issued.chain_pem.push_str(&stray.chain_pem);
    let report = checked_chain(&world, "stray", &issued, &["--days", "20"], 0);
    let used: Vec<_> = report["certificates"].as_array().unwrap().iter().map(|one| one["used"].clone()).collect();
    assert_eq!(used, [true, true, false]);
    assert_eq!(report["verification"][1]["detail"], "2 certificates, up to the trusted root CN=CLI Test Root");
    // The intermediate counts.
    checked_chain(&world, "stray", &issued, &["--days", "31"], 9);
}

#[test]
fn an_untrusted_server_is_8_whatever_has_expired() {
    let world = World::new();
    let issued = Authority::new("Old Root").expired_intermediate("Own Root").issue(Leaf::server(&["localhost"]));
    let report = checked_chain(&world, "cross", &issued, &[], 8);
    assert!(report["problem"].as_str().unwrap().contains("issued by \"CN=Old Root\""), "{report}");
    assert_eq!(outcomes(&report), ["failed", "failed", "passed"]);
    let issued = Authority::new("Stranger").issue(Leaf::server(&["localhost"]).expired());
    checked_chain(&world, "late-stranger", &issued, &[], 8);
}

#[test]
fn a_certificate_for_another_purpose_has_a_step_of_its_own() {
    let world = World::new();
    let report = checked(&world, "purpose", Leaf::client(&["localhost"]), &[], 8);
    assert_eq!(outcomes(&report), ["passed", "passed", "passed", "failed"]);
    assert_eq!(report["verification"][3]["step"], "purpose");
    assert!(report["problem"].as_str().unwrap().contains("is not for servers, but for clients"), "{report}");
}

#[test]
fn one_address_that_is_none_stops_no_other() {
    let world = World::new();
    let server = Server::start(&[&["--echo"][..], &world.good().arguments()].concat());
    let report =
        lem_ssl(["check", "--json", "--ca", &world.ca, "exa mple.org", &server.address, "unix:/x"], b"").expect(2);
    let reports: Vec<Value> = report.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> =
        reports.iter().map(|one| (one["result"].as_str().unwrap(), one["exit_code"].as_i64().unwrap())).collect();
    assert_eq!(told, [("usage", 2), ("good", 0), ("usage", 2)]);
    assert_eq!(reports[0]["address"], "exa mple.org");
    assert!(reports[0]["problem"].as_str().unwrap().contains("invalid address \"exa mple.org\""), "{}", reports[0]);
    assert!(reports[2]["problem"].as_str().unwrap().contains("--server-name"), "{}", reports[2]);
}

#[test]
fn a_certificate_for_other_names_is_7() {
    let report = checked(&World::new(), "other", Leaf::server(&["a.example", "b.example"]), &[], 7);
    assert_eq!(outcomes(&report), ["passed", "passed", "failed"]);
    assert_eq!(report["verification"][2]["detail"], "not for localhost, but for a.example, b.example");
    // Told the right name, it is good.
    let report =
        checked(&World::new(), "other", Leaf::server(&["a.example", "b.example"]), &["--server-name", "b.example"], 0);
    assert_eq!(report["name"], "b.example");
}

#[test]
fn a_certificate_from_nobody_that_we_trust_is_8() {
    let world = World::new();
    let stranger = Authority::new("A Stranger").issue(Leaf::server(&["localhost"]));
    let own = self_signed(Leaf::server(&["localhost"]));
    for (name, issued, says) in [("stranger", stranger, "A Stranger"), ("own", own, "self-signed")] {
        let (chain, key) = world.scratch.write_identity(name, &issued);
        let (chain, key) = (chain.to_str().unwrap(), key.to_str().unwrap());
        let server = Server::start(&["--echo", "--cert", chain, "--key", key]);
        let report = lem_ssl(["check", "--ca", &world.ca, &server.by_name()], b"").expect(8).text();
        assert!(report.contains("untrusted") && report.contains(says), "{report}");
        assert!(report.contains("looked at without verification"), "{report}");
    }
}

#[test]
fn a_certificate_that_expires_within_the_days_is_9_and_only_if_asked() {
    let world = World::new();
    let report = checked(&world, "soon", Leaf::server(&["localhost"]), &["--days", "31"], 9);
    assert_eq!((&report["result"], &report["verified"]), (&"expires_soon".into(), &true.into()));
    checked(&world, "soon", Leaf::server(&["localhost"]), &[], 0);
}

#[test]
fn what_is_no_tls_server_is_told_apart_from_what_is_no_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let plain = listener.local_addr().unwrap().to_string();
    let talks = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").unwrap();
        // It stays until the client has had enough.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let report = lem_ssl(["check", &plain], b"").expect(5).text();
    assert!(report.contains("handshake") && report.contains("an SSH peer"), "{report}");
    talks.join().unwrap();

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let report = lem_ssl(["check", &closed], b"").expect(4).text();
    assert!(report.contains("connection refused"), "{report}");

    // No name server is needed to know that there is no such name; where one is asked in vain, the time is limited.
    lem_ssl(["check", "--timeout", "10", "nobody.invalid"], b"").expect(3);
}

#[test]
fn a_server_that_wants_a_client_certificate_is_judged_by_its_own() {
    let world = World::new();
    let files = world.good();
    let server = Server::start(&[&["--echo", "--client-ca", &world.ca][..], &files.arguments()].concat());
    for version in ["1.2", "1.3"] {
        let arguments = ["check", "--ca", &world.ca, "--tls", version, &server.address];
        let report = lem_ssl([&arguments[..], &["--json"]].concat(), b"").expect(0).text();
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(
            (&report["wants_client_certificate"], &report["verified"]),
            (&true.into(), &true.into()),
            "{report}"
        );
        assert_eq!(outcomes(&report), ["passed", "passed", "passed"]);
        assert!(report["certificates"][0]["days_left"].as_i64().unwrap() >= 29);
        lem_ssl([&arguments[..], &["--days", "31"]].concat(), b"").expect(9);
        let text = lem_ssl(arguments, b"").expect(0).text();
        assert!(text.contains("must show a certificate"), "{text}");
        // With a certificate, it is that which is judged.
        let client = world.issue("client", Leaf::client(&["me.example"]));
        let report = lem_ssl([&arguments[..], &client.arguments(), &["--json"]].concat(), b"").expect(0).text();
        assert!(report.contains("\"wants_client_certificate\":false"), "{report}");
        let (chain, key) =
            world.scratch.write_identity("stranger", &Authority::new("Strangers").issue(Leaf::client(&["x"])));
        let shown = ["--cert", chain.to_str().unwrap(), "--key", key.to_str().unwrap()];
        let report = lem_ssl([&arguments[..], &shown].concat(), b"").expect(5).text();
        assert!(report.contains("unknown CA"), "{report}");
    }
}

#[test]
fn several_addresses_are_reported_in_order_and_the_first_that_is_not_good_decides() {
    let world = World::new();
    let files = world.good();
    let server = Server::start(&[&["--echo"][..], &files.arguments()].concat());
    let refused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let other = format!("[::1]:{}", refused.rsplit(':').next().unwrap());
    let arguments = ["check", "--json", "--ca", &world.ca, &server.address, &refused, &server.by_name(), &other];
    let reports = lem_ssl(arguments, b"").expect(4).text();
    let addresses: Vec<Value> = reports.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let addresses: Vec<&str> = addresses.iter().map(|report| report["address"].as_str().unwrap()).collect();
    assert_eq!(addresses, [server.address.as_str(), &refused, &server.by_name(), &other]);
}

#[test]
fn a_server_of_tls_1_2_is_reported_as_such() {
    let report = checked(&World::new(), "old", Leaf::server(&["localhost"]), &["--tls", "1.2"], 0);
    assert_eq!(report["session"]["version"], "TLS 1.2");
    assert_eq!(report["resumption"], "yes");
}
