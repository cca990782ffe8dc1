//! What the log says of certificates and keys, at the start and at a reload.

use std::fs;
use std::process::Command;

use lem_ssl_tests::pki::Leaf;

use crate::support::{Server, World, lem_ssl};

#[test]
fn an_expired_certificate_is_told_in_the_log_with_its_dates_and_path() {
    let world = World::new();
    let files = world.issue("own", Leaf::server(&["localhost"]).expired());
    let server = Server::start(&[&["--http"][..], &files.arguments()].concat());
    server.running.wait_for(&format!("warning: {}: the certificate (CN=localhost) expired on 20", files.chain));
    server.running.wait_for(" UTC, 1 day ago");
    world.issue("own", Leaf::server(&["localhost"]));
    server.signal("HUP");
    server.running.wait_for("reloaded; new connections");
    world.issue("own", Leaf::server(&["localhost"]).not_yet_valid());
    server.signal("HUP");
    server
        .running
        .wait_for(&format!("warning: {}: the certificate (CN=localhost) is not valid before 20", files.chain));
    let said = server.running.stderr();
    assert_eq!(said.matches("warning: ").count(), 2, "{said}");
}

#[test]
fn an_identity_that_clients_will_refuse_is_told_in_the_log() {
    let world = World::new();
    let files = world.issue("own", Leaf::client(&["localhost"]));
    let server = Server::start(&[&["--http"][..], &files.arguments()].concat());
    let warning = "the certificate (CN=localhost) is not for servers, but for clients (extended key usage)";
    server.running.wait_for(&format!("warning: {}: {warning}", files.chain));
}

#[test]
fn a_file_with_a_damaged_part_is_refused_at_the_start_and_at_a_reload() {
    let world = World::new();
    let files = world.good();
    let roots = world.scratch.write("clients.pem", world.root.certificate_pem());
    let roots = roots.to_str().unwrap();
    let damaged =
        format!("{}{}", world.root.certificate_pem(), world.root.certificate_pem().replace("-----B", "----B"));
    let arguments = [&["--http", "--client-ca", roots][..], &files.arguments()].concat();
    let server = Server::start(&arguments);
    fs::write(roots, &damaged).unwrap();
    server.signal("HUP");
    server.running.wait_for(&format!("not reloaded, the old set stays in place: {roots} is not valid PEM: line "));
    let again = [&["serve", "--listen", "127.0.0.1:0"][..], &arguments].concat();
    let refused = lem_ssl(again, b"").expect(2);
    assert!(refused.stderr.contains(&format!("{roots} is not valid PEM: line ")), "{}", refused.stderr);
    // The other files that the command reads, and a mark of byte order in front, which is no damage.
    fs::write(&world.ca, format!("\u{feff}{}", world.root.certificate_pem())).unwrap();
    let plain = Server::start(&[&["--http"][..], &files.arguments()].concat());
    lem_ssl(["check", "--ca", &world.ca, &plain.by_name()], b"").expect(0);
    fs::write(&world.ca, &damaged).unwrap();
    let refused = lem_ssl(["check", "--ca", &world.ca, &plain.by_name()], b"").expect(2);
    assert!(refused.stderr.contains("is not valid PEM: line "), "{}", refused.stderr);
}

#[test]
fn a_file_that_the_environment_names_as_the_systems_roots_counts_whole_or_is_refused() {
    let world = World::new();
    let server = Server::start(&[&["--http"][..], &world.good().arguments()].concat());
    let check = |variable: &str, value: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lem-ssl"));
        command.args(["check", "--system-roots", &server.by_name()]);
        command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").env(variable, value);
        let output = command.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let good = world.root.certificate_pem();
    let empty = world.folder("empty");
    let write = |name: &str, text: String| world.scratch.write(name, text).to_str().unwrap().to_owned();
    assert_eq!(check("SSL_CERT_FILE", &write("good.pem", format!("\u{feff}{good}"))).0, 0);
    let folder = world.folder("folder");
    fs::write(folder.join("good.pem"), format!("\u{feff}{good}")).unwrap();
    let folder = folder.to_str().unwrap();
    assert_eq!(check("SSL_CERT_DIR", folder).0, 0);
    for (variable, value, words) in [
        ("SSL_CERT_FILE", write("damaged.pem", format!("{good}{}", &good[1..])), "is not valid PEM: line "),
        ("SSL_CERT_FILE", "/nowhere/roots.pem".to_owned(), "cannot read /nowhere/roots.pem"),
        ("SSL_CERT_FILE", String::new(), "SSL_CERT_FILE is set and empty"),
        ("SSL_CERT_DIR", format!("{folder}:/nowhere"), "cannot read the folder /nowhere, which SSL_CERT_DIR names"),
        ("SSL_CERT_DIR", empty.to_str().unwrap().to_owned(), "no certificate in the folders that SSL_CERT_DIR names"),
    ] {
        let (code, said) = check(variable, &value);
        assert!(code == 2 && said.contains(words), "{variable}={value}: {code}, {said}");
    }
}
