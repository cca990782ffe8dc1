//! Scripts that serve, under curl and `openssl s_client`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::support::{Folder, Running, example, good, said, serve};

#[test]
fn an_https_server_answers_curl() {
    let folder = Folder::new("https");
    let certificate = good(&folder);
    let (_server, port) = serve(&example("https.lua"), &["0", &certificate.chain, &certificate.key]);
    let url = format!("https://localhost:{port}");
    let curl = |arguments: &[&str]| {
        said(Command::new("curl").args(["-sS", "--max-time", "20", "--cacert", &certificate.authority]).args(arguments))
    };
    let (out, err, code) = curl(&[&format!("{url}/hello/you"), &format!("{url}/"), &format!("{url}/none")]);
    assert!(out.starts_with("Hello, you!\n<h1>It works</h1>"), "{out} {err}");
    assert!(out.contains("404 Not Found"), "{out}");
    assert_eq!(code, 0);
    let body = folder.file("body", &"x".repeat(100_000));
    let (out, err, _) = curl(&["--data-binary", &format!("@{body}"), &format!("{url}/echo")]);
    assert_eq!(out.len(), 100_000, "{err}");
    let (out, _, _) = curl(&["-I", &format!("{url}/")]);
    assert!(out.starts_with("HTTP/1.1 200 OK\r\n") && out.contains("Content-Length: "), "{out}");
    let (_, err, code) = said(Command::new("curl").args(["-sS", "--max-time", "20", &url]));
    assert_eq!(code, 60, "curl trusts nobody unasked: {err}");
}

const ECHO: &str = "
    local ssl = require 'lem.ssl'
    local context = assert(ssl.newcontext { cert = arg[1], key = arg[2] })
    local server = assert(context:listen('127.0.0.1', 0, { handshakes_per_peer = 1000, backlog = 1000 }))
    print('echo on port ' .. select(2, server:address()))
    server:autospawn(function(stream)
        for line in stream:lines() do stream:write('echo ', line) end
        stream:close()
    end)";

#[test]
fn hundreds_of_s_clients_are_served() {
    let folder = Folder::new("clients");
    let certificate = good(&folder);
    let script = folder.file("echo.lua", ECHO);
    let (_server, port) = serve(&script, &[&certificate.chain, &certificate.key]);
    // In groups: each of them is a process.
    for group in 0..10 {
        let clients: Vec<_> = (0..50)
            .map(|number| {
                let mut child = Command::new("openssl")
                    .args(["s_client", "-quiet", "-verify_return_error", "-CAfile", &certificate.authority])
                    .args(["-connect", &format!("localhost:{port}")])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("openssl is installed");
                let mut input = child.stdin.take().expect("a pipe");
                writeln!(input, "client {group} {number}").expect("written");
                (Running(child), input, number)
            })
            .collect();
        for (mut client, _input, number) in clients {
            let mut line = String::new();
            BufReader::new(client.0.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
            assert_eq!(line, format!("echo client {group} {number}\n"));
        }
    }
}

#[test]
fn people_chat_over_tls() {
    let folder = Folder::new("chat");
    let certificate = good(&folder);
    let (_server, port) = serve(&example("chat.lua"), &["0", &certificate.chain, &certificate.key]);
    let join = || {
        let child = Command::new("openssl")
            .args(["s_client", "-quiet", "-CAfile", &certificate.authority, "-connect", &format!("localhost:{port}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let mut running = Running(child);
        let mut lines = BufReader::new(running.0.stdout.take().expect("a pipe")).lines();
        let mut hear = move || lines.next().expect("a line").expect("text");
        assert!(hear().starts_with("Welcome, guest "));
        let input = running.0.stdin.take().expect("a pipe");
        (running, input, hear)
    };
    let (_one, mut says, mut one_hears) = join();
    let (two, _input, mut two_hears) = join();
    assert_eq!(one_hears(), "guest 2 comes in");
    writeln!(says, "good morning").expect("written");
    assert_eq!(two_hears(), "guest 1: good morning");
    drop(two);
    assert_eq!(one_hears(), "guest 2 goes");
}
