//! Sockets that a service manager has passed: by their numbers, to a process that was started for them.

#![forbid(unsafe_code)]
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

use std::env;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, ExitCode, Stdio, exit};

use lem_rs::{Error, Listener, Machine, OwnedListener, activation, run_main};
use lem_ssl_tests::scratch::Scratch;

/// Set for the program that a test starts: this one. It says what it is to do.
const PROGRAM: &str = "LEM_ACTIVATION_PROGRAM";

/// Accepts one connection at each socket that was passed, and says the socket's name there; or tells the names only.
async fn program(what: &str) -> Result<(), Error> {
    if what == "kinds" {
        for passed in activation::descriptors()? {
            println!("{}: {:?}", passed.number(), passed.name());
        }
        return Ok(());
    }
    let listeners = activation::listeners()?;
    println!("{} passed", listeners.len());
    for (name, listener) in listeners {
        let listener = Listener::adopt(listener)?;
        println!("{}", listener.local_addr());
        let stream = listener.accept().await?;
        println!("{}", stream.local_addr()?);
        stream.write(name.as_deref().unwrap_or("no name")).await?;
        stream.shutdown().await?;
    }
    Ok(())
}

#[test]
#[ignore = "the program that the other tests start"]
fn the_program() {
    let Ok(what) = env::var(PROGRAM) else { return };
    let code = run_main(program(&what));
    exit(if code == ExitCode::SUCCESS { 0 } else { 1 });
}

/// The program as a service manager starts it: with this as its third descriptor, and what a shell does before.
fn started(what: &str, passed: impl Into<OwnedFd>, shell: &str) -> Command {
    let mut command = Command::new("sh");
    let program = env::current_exe().unwrap();
    let line = format!("exec 3<&0 0</dev/null; export LISTEN_PID=$$; {shell}; exec \"$0\" \"$@\"");
    command.args(["-c", &line]).arg(program);
    command.args(["--ignored", "--exact", "the_program", "--nocapture"]).env(PROGRAM, what);
    command.stdin(Stdio::from(passed.into())).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What the program printed, and what it said on standard error.
fn outcome(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    // The harness has its own line before.
    let printed = text(&output.stdout)
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("running"))
        .collect::<Vec<_>>()
        .join("\n");
    (output.status.code(), printed, text(&output.stderr))
}

fn heard(mut stream: impl Read) -> String {
    let mut heard = String::new();
    stream.read_to_string(&mut heard).unwrap();
    heard
}

#[test]
fn a_listening_socket_is_served_under_its_name() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = TcpStream::connect(address).unwrap();
    let child = started("serve", listener, "export LISTEN_FDS=1 LISTEN_FDNAMES=web").spawn().unwrap();
    assert_eq!(heard(client), "web");
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains(&format!("1 passed\n{address}\n{address}\n")), "{printed}");
}

#[test]
fn a_unix_socket_is_one_too_and_tells_its_path() {
    let scratch = Scratch::new("activation");
    let path = scratch.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let client = UnixStream::connect(&path).unwrap();
    let child = started("serve", listener, "export LISTEN_FDS=1").spawn().unwrap();
    assert_eq!(heard(client), "no name");
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains(&format!("unix:{}", path.display())), "{printed}");
}

#[test]
fn several_come_in_their_order() {
    let (first, second) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let clients = [&first, &second].map(|one| TcpStream::connect(one.local_addr().unwrap()).unwrap());
    // The second comes in as standard error, and is moved to its place.
    let shell = "exec 4<&2 2>&1; export LISTEN_FDS=2 LISTEN_FDNAMES=one:two";
    let mut command = started("serve", first, shell);
    command.stderr(Stdio::from(OwnedFd::from(second)));
    let mut child = command.spawn().unwrap();
    drop(command);
    assert_eq!(clients.map(heard), ["one", "two"]);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_process_that_is_not_meant_has_none() {
    let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
    for shell in [
        "export LISTEN_FDS=1 LISTEN_PID=1",
        "unset LISTEN_PID; export LISTEN_FDS=1",
        "unset LISTEN_FDS",
        "export LISTEN_FDS=0",
    ] {
        let (code, printed, said) = outcome(started("serve", listener(), shell));
        assert_eq!((code, printed.as_str()), (Some(0), "0 passed"), "{shell}: {said}");
    }
    assert!(activation::listeners().unwrap().is_empty(), "nobody passed any to the tests");
}

#[test]
fn garbage_and_what_is_no_listener_are_errors_that_say_so() {
    let file = || OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
    let connected = || {
        let (one, mut other) = UnixStream::pair().unwrap();
        other.write_all(b"x").unwrap();
        OwnedFd::from(one)
    };
    let udp = || OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap());
    let named = "export LISTEN_FDS=1 LISTEN_FDNAMES=web";
    for (passed, shell, words) in [
        (file(), "export LISTEN_FDS=some", "the variable LISTEN_FDS is \"some\", which is no number"),
        (file(), "export LISTEN_FDS=1 LISTEN_PID=me", "the variable LISTEN_PID is \"me\""),
        (file(), "export LISTEN_FDS=1 LISTEN_FDNAMES=a:b", "LISTEN_FDNAMES has 2 names, and LISTEN_FDS is 1"),
        (file(), "export LISTEN_FDS=2000000000", "cannot take over descriptor"),
        (
            file(),
            named,
            "cannot take over descriptor 3 (\"web\") from the service manager: socket operation on non-socket",
        ),
        (connected(), named, "cannot take over descriptor 3 (\"web\") from the service manager: it does not listen"),
        (udp(), named, "it is no byte stream (SOCK_STREAM)"),
    ] {
        let (code, printed, said) = outcome(started("serve", passed, shell));
        assert_eq!((code, printed.as_str()), (Some(1), ""), "{shell}");
        assert!(said.starts_with("error: cannot take over ") && said.contains(words), "{words}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn what_is_no_listener_can_be_taken_as_it_is() {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (code, printed, said) = outcome(started("kinds", udp, "export LISTEN_FDS=1 LISTEN_FDNAMES=dns"));
    assert_eq!((code, printed.as_str()), (Some(0), "3: Some(\"dns\")"), "{said}");
}

#[test]
fn a_listener_tells_its_address_whatever_type_it_was_wrapped_in() {
    let scratch = Scratch::new("activation");
    let path = scratch.path().join("socket");
    Machine::new()
        .unwrap()
        .run(async {
            let unix = UnixListener::bind(&path).unwrap();
            let wrapped = OwnedListener::Tcp(OwnedFd::from(unix).into());
            let listener = Listener::adopt(wrapped).unwrap();
            assert_eq!(listener.local_addr().to_string(), format!("unix:{}", path.display()));
            let client = lem_rs::UnixStream::connect(listener.local_addr()).await.unwrap();
            let theirs = listener.accept().await.unwrap();
            assert_eq!(theirs.local_addr().unwrap(), *listener.local_addr());
            client.write("x").await.unwrap();
            assert_eq!(theirs.read(1).await.unwrap(), b"x");

            let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = tcp.local_addr().unwrap();
            let listener = Listener::adopt(OwnedListener::Unix(OwnedFd::from(tcp).into())).unwrap();
            assert_eq!(listener.local_ip(), Some(address));
            let client = lem_rs::TcpStream::connect(address).await.unwrap();
            let theirs = listener.accept().await.unwrap();
            assert_eq!(theirs.local_addr().unwrap().ip(), Some(address));
            assert_eq!(theirs.peer_addr().unwrap(), client.local_addr().unwrap());
        })
        .unwrap();
}

#[test]
fn a_stream_tells_its_addresses_whatever_type_it_was_wrapped_in() {
    Machine::new()
        .unwrap()
        .run(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (local, peer) = (client.local_addr().unwrap(), client.peer_addr().unwrap());
            let wrapped: UnixStream = OwnedFd::from(client).into();
            let stream = lem_rs::UnixStream::adopt(wrapped).unwrap();
            assert_eq!(stream.local_addr().unwrap().ip(), Some(local));
            assert_eq!(stream.peer_addr().unwrap().ip(), Some(peer));

            let (one, mut other) = UnixStream::pair().unwrap();
            let wrapped: TcpStream = OwnedFd::from(one).into();
            let stream = lem_rs::TcpStream::adopt(wrapped).unwrap();
            assert_eq!(stream.local_addr().unwrap().to_string(), stream.peer_addr().unwrap().to_string());
            other.write_all(b"x").unwrap();
            assert_eq!(stream.read(1).await.unwrap(), b"x");
        })
        .unwrap();
}
