//! Arguments that cannot work: one line, exit code 2, and nothing else.

use crate::support::{World, lem_ssl};

#[test]
fn what_cannot_work_is_told_in_one_line() {
    let world = World::new();
    let empty = world.scratch.write("empty.pem", "");
    let empty = empty.to_str().unwrap();
    for (arguments, says) in [
        (&["connect"][..], "<ADDRESS>"),
        (&["connect", "exa mple.org"], "invalid address"),
        (&["connect", "example.org:99999"], "99999"),
        (&["connect", "localhost:1", "--ca", "/nonexistent.pem"], "/nonexistent.pem"),
        (&["connect", "localhost:1", "--ca", empty], "empty.pem"),
        (&["connect", "localhost:1", "--cert", empty], "--key"),
        (&["connect", "localhost:1", "--tls", "1.1"], "1.1"),
        (&["connect", "localhost:1", "--timeout", "soon"], "seconds"),
        (&["connect", "unix:/nowhere"], "--server-name"),
        (&["serve", "--listen", "127.0.0.1:0", "--echo"], "--self-signed"),
        (&["serve", "--listen", "127.0.0.1:0", "--self-signed", "a"], "--echo"),
        (&["serve", "--listen", "127.0.0.1:0", "--self-signed", "a", "--echo", "--http"], "cannot be used with"),
        (&["serve", "--listen", "127.0.0.1:0", "--self-signed", "a", "--files", "/nonexistent"], "/nonexistent"),
        (&["serve", "--listen", "nonsense", "--self-signed", "a", "--echo"], "nonsense"),
        (&["serve", "--listen", "127.0.0.1:0", "--self-signed", "", "--echo"], "a name is empty (--self-signed)"),
        (&["serve", "--listen", "127.0.0.1:0", "--self-signed", "a,", "--echo"], "a name is empty (--self-signed)"),
        (
            &["serve", "--listen", "127.0.0.1:0", "--self-signed", "a b", "--echo"],
            "\"a b\" is neither a host name nor an IP address (--self-signed)",
        ),
        (&["serve", "--listen", "127.0.0.1:0", "--self-signed", "münchen", "--echo"], "\"xn--\" form"),
        (&["tunnel", "--listen", "127.0.0.1:0", "--connect", "a:1", "--tls-in", "--self-signed", "a b"], "\"a b\""),
        (&["chekc"], "check"),
        (&["man", "nothing"], "nothing"),
    ] {
        let finished = lem_ssl(arguments, b"").expect(2);
        assert!(finished.stderr.starts_with("lem-ssl: "), "{arguments:?}: {}", finished.stderr);
        assert_eq!(finished.stderr.lines().count(), 1, "{arguments:?}: {}", finished.stderr);
        assert!(finished.stderr.contains(says), "{arguments:?}: {}", finished.stderr);
        assert_eq!(finished.text(), "", "{arguments:?}");
    }
}

#[test]
fn an_address_that_is_taken_is_told_in_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let finished = lem_ssl(["serve", "--listen", &address, "--self-signed", "a", "--echo"], b"").expect(1);
    assert!(finished.stderr.contains("address already in use"), "{}", finished.stderr);
    assert_eq!(finished.stderr.lines().count(), 1);
}

#[test]
fn help_completions_and_man_page_come_from_the_same_source() {
    let help = lem_ssl(["--help"], b"").expect(0).text();
    let man = lem_ssl(["man"], b"").expect(0).text();
    let completions = lem_ssl(["completions", "bash"], b"").expect(0).text();
    for subcommand in ["connect", "serve", "check"] {
        assert!(help.contains(subcommand) && man.contains(subcommand) && completions.contains(subcommand));
        let own = lem_ssl([subcommand, "--help"], b"").expect(0).text();
        assert!(own.contains("Examples:"), "{own}");
        assert!(lem_ssl(["man", subcommand], b"").expect(0).text().contains("Examples:"));
    }
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(lem_ssl(["completions", shell], b"").expect(0).text().contains("lem-ssl"), "{shell}");
    }
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_help() {
    let readme = include_str!("../../README.md");
    let help = lem_ssl(["--help"], b"").expect(0).text();
    let (_, codes) = help.split_once("Exit codes:\n").expect("they are listed");
    assert!(codes.lines().count() > 10);
    for line in codes.lines() {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        assert!(readme.contains(&format!("| {code} | {meaning} |")), "{code}: {meaning}");
    }
}
