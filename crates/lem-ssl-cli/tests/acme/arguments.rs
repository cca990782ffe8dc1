//! Arguments that cannot work, told before anybody is asked.

use crate::support::{World, lem_ssl};

fn refused(world: &World, arguments: &[&str], words: &[&str]) {
    let state = crate::support::folder(world);
    let arguments: Vec<_> = arguments.iter().map(|one| if *one == "STATE" { state.as_str() } else { one }).collect();
    let finished = lem_ssl(&arguments, b"").expect(2);
    for part in words {
        assert!(finished.stderr.contains(part), "{arguments:?}: {}", finished.stderr);
    }
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
}

#[test]
fn what_cannot_work_is_told_at_once() {
    let world = World::new();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--http"];
    let with = |further: &[&str], words: &[&str]| refused(&world, &[&serve[..], further].concat(), words);
    with(&[], &["--cert FILE --key FILE, --acme NAMES"]);
    with(&["--acme", "*.a.test", "--acme-state", "STATE"], &["wildcard", "TLS-ALPN-01"]);
    with(&["--acme", "192.0.2.1", "--acme-state", "STATE"], &["address"]);
    with(&["--acme", "a.test"], &["--acme-state"]);
    with(&["--acme-state", "STATE"], &["--acme"]);
    with(&["--acme", "a.test", "--acme", "a.test,b.test", "--acme-state", "STATE"], &["two --acme begin with a.test"]);
    let acme = ["--acme", "a.test", "--acme-state", "STATE"];
    let acme_with = |further: &[&str], words: &[&str]| with(&[&acme[..], further].concat(), words);
    acme_with(&["--acme-directory", "http://a.test/"], &["not encrypted", "--acme-directory"]);
    acme_with(&["--acme-directory", "a.test"], &["--acme-directory"]);
    acme_with(&["--acme-contact", "nobody"], &["not a mail address", "--acme-contact"]);
    acme_with(&["--acme-ca", "/does/not/exist"], &["/does/not/exist"]);
    acme_with(&["--acme-eab-kid", "x"], &["--acme-eab-key"]);
    acme_with(&["--acme-eab-kid", "x", "--acme-eab-key", "a b"], &["base64", "--acme-eab-key"]);
    acme_with(&["--acme-eab-kid", "x", "--acme-eab-key", "@/does/not/exist"], &["/does/not/exist", "--acme-eab-key"]);
    acme_with(&["--acme-eab-kid", "x", "--acme-eab-key", "@/dev/zero"], &["/dev/zero", "too long for a key"]);
    let tunnel = ["tunnel", "--listen", "127.0.0.1:0", "--connect", "localhost:1", "--tls-out"];
    refused(&world, &[&tunnel[..], &acme].concat(), &["no --tls-in"]);
}

#[test]
fn a_folder_that_cannot_be_used_is_told_at_once() {
    let world = World::new();
    let file = world.scratch.write("file", "x");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--http", "--acme", "a.test", "--acme-state"];
    let finished = lem_ssl([&arguments[..], &[file.to_str().unwrap()]].concat(), b"").expect(1);
    assert!(finished.stderr.contains("--acme-state"), "{}", finished.stderr);
}
