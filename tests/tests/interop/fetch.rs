//! The example `fetch`, as somebody would try it first: against `openssl s_server -www`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::certificates::{Certificates, Flaw};
use crate::support::openssl::s_server;
use crate::support::program::Program;
use crate::support::run;

#[test]
fn fetch_shows_openssl_s_page_line_by_line() {
    let certificates = Certificates::new();
    for (option, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let (_server, port) = s_server(&certificates.server, &["-www", option]);
        run(async {
            for host in ["localhost", "127.0.0.1"] {
                let said = fetch(&format!("{host}:{port}"), &certificates.roots_file).succeeds().await;
                assert!(said.starts_with("HTTP/1.0 200 ok\r\n"), "{said}");
                for words in ["</HTML>", &format!("New, {version}, Cipher is "), "connected: TLS"] {
                    assert!(said.contains(words), "{words}: {said}");
                }
            }
        });
    }
}

#[test]
fn fetch_refuses_openssl_s_bad_certificates_in_words_that_help() {
    let certificates = Certificates::new();
    for flaw in Flaw::ALL {
        let (server, port) = s_server(&certificates.flawed(flaw), &["-www"]);
        run(async {
            let (content, said) = fetch(&format!("localhost:{port}"), &certificates.roots_file).ends().await;
            assert!(!content, "{flaw:?}: {said}");
            let begin = format!("fetch: cannot connect to localhost:{port}: the peer's certificate (");
            assert!(said.starts_with(&begin), "{flaw:?}: {said}");
            for words in flaw.words() {
                assert!(said.contains(words), "{flaw:?}: {said}");
            }
            assert_eq!(said.lines().count(), 1, "one line says it all: {said}");
            server.says(flaw.alert()).await;
        });
    }
}

#[test]
fn fetch_without_a_server_says_what_it_tried() {
    let certificates = Certificates::new();
    run(async {
        // A port that was just closed.
        let (mut server, port) = s_server(&certificates.server, &["-www"]);
        server.kill();
        let (content, said) = fetch(&format!("127.0.0.1:{port}"), &certificates.roots_file).ends().await;
        assert!(!content, "{said}");
        for words in [&format!("127.0.0.1:{port}"), "connection refused"] {
            assert!(said.contains(words), "{said}");
        }
    });
}

fn fetch(address: &str, roots: &Path) -> Program {
    Program::start(Command::new(example()).arg(address).arg("--ca").arg(roots))
}

/// Builds the example, once, as this test was built, and says where it is. Of the whole workspace: with the features that
/// the tests are built with, so that it is there already.
fn example() -> &'static Path {
    static EXAMPLE: OnceLock<PathBuf> = OnceLock::new();
    EXAMPLE.get_or_init(|| {
        // This program is TARGET/PROFILE/deps/interop-HASH.
        let this = std::env::current_exe().expect("this program has a path");
        let profile = this.ancestors().nth(2).expect("it is two directories below its profile's");
        let target = profile.parent().expect("a profile is below the target directory");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(["build", "--quiet", "--workspace", "--example", "fetch", "--target-dir"]).arg(target);
        if profile.file_name() == Some(OsStr::new("release")) {
            command.arg("--release");
        }
        let output = command.output().expect("the tests are run by cargo");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        profile.join("examples").join("fetch")
    })
}
