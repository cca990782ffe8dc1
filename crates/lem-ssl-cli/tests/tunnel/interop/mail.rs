//! swaks, which sends mail, through the tunnel.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use crate::support::{Tunnel, World};

/// A mail server in plain text that takes every message: its port, and the messages.
fn mail_server() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (messages, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // Who goes away has sent what it wanted.
            let _ = take_mail(stream, &messages);
        }
    });
    (port, received)
}

/// One client's commands (RFC 5321).
fn take_mail(stream: TcpStream, messages: &Sender<String>) -> std::io::Result<()> {
    let mut answer = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    answer.write_all(b"220 back.end.example ESMTP\r\n")?;
    while let Some(line) = lines.next().transpose()? {
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let said = match verb.as_str() {
            "EHLO" => "250-back.end.example\r\n250-8BITMIME\r\n250 HELP",
            "DATA" => {
                answer.write_all(b"354 go on\r\n")?;
                let message: Vec<_> = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                let _ = messages.send(message.join("\n"));
                "250 taken"
            }
            "QUIT" => "221 bye",
            "MAIL" | "RCPT" | "NOOP" | "RSET" | "HELO" => "250 fine",
            _ => "500 what",
        };
        answer.write_all(format!("{said}\r\n").as_bytes())?;
    }
    Ok(())
}

fn swaks(world: &World, tunnel: &Tunnel, arguments: &[&str]) -> Output {
    let mut command = Command::new("swaks");
    command.args(["--server", "localhost", "--port", tunnel.address.rsplit(':').next().unwrap()]);
    command.args(["--from", "alice@example.org", "--to", "bob@example.org", "--helo", "client.example"]);
    command.args(["--body", "hello from swaks", "--tls-ca-path", &world.ca, "--tls-verify"]).args(arguments);
    let output = command.env("HOME", world.scratch.path()).stdin(Stdio::null()).output();
    output.expect("the interop tests need swaks")
}

#[test]
#[ignore = "needs other programs"]
fn swaks_sends_a_message_over_starttls_and_over_tls_from_the_start() {
    let world = World::new();
    let (port, messages) = mail_server();
    let files = world.good();
    let address = format!("localhost:{port}");
    let inward = [&["--tls-in", "--connect", &address][..], &files.arguments()].concat();
    let starttls = Tunnel::start(&[&inward[..], &["--starttls-in", "smtp"]].concat());
    let smtps = Tunnel::start(&inward);
    for (tunnel, how) in [(&starttls, "--tls"), (&smtps, "--tls-on-connect")] {
        let output = swaks(&world, tunnel, &[how]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{how}: {said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("TLS started with cipher TLSv1.3"), "{said}");
        let message = messages.try_recv().unwrap();
        assert!(message.contains("hello from swaks") && message.contains("To: bob@example.org"), "{message}");
    }
    // Without TLS it gets no further than the greeting.
    assert!(!swaks(&world, &starttls, &[]).status.success());
    assert!(messages.try_recv().is_err());
}
