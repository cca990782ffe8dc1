//! A service manager: what it is told, the socket that it hands over, files that it changes under us.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lem_ssl_rs::sleep;
use lem_ssl_tests::pki::Leaf;

use crate::support::{BackEnd, Tunnel, World, run, signal};

/// A tunnel with an environment and a standard input of its own. Dropping it ends it.
struct Managed(Child);

impl Managed {
    fn start(arguments: &[&str], environment: &[(&str, &str)], stdin: Stdio) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lem-ssl"));
        command.arg("tunnel").args(arguments).envs(environment.iter().copied());
        let child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        Self(child)
    }

    /// What it says on standard output first.
    fn first_line(&mut self) -> String {
        let mut line = String::new();
        BufReader::new(self.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The next thing that the manager hears and that is no sign of life.
fn heard(manager: &UnixDatagram) -> String {
    let mut buffer = [0; 256];
    loop {
        let length = manager.recv(&mut buffer).expect("it says something");
        let said = String::from_utf8_lossy(&buffer[..length]).into_owned();
        if said != "WATCHDOG=1" {
            return said;
        }
    }
}

#[test]
fn the_service_manager_is_told_when_it_is_ready_reloads_and_ends() {
    let world = World::new();
    let path = world.folder("run").join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let files = world.good();
    let arguments = ["--listen", "127.0.0.1:0", "--tls-in", "--connect", "localhost:1"];
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let arguments = [&arguments[..], &files.arguments()].concat();
    let mut tunnel = Managed::start(&arguments, &environment, Stdio::null());
    assert_eq!(heard(&manager), "READY=1");
    signal(tunnel.0.id(), "HUP");
    assert_eq!(heard(&manager), "RELOADING=1");
    assert_eq!(heard(&manager), "READY=1");
    // One that cannot be used is over, too.
    std::fs::write(&files.key, "nonsense").unwrap();
    signal(tunnel.0.id(), "HUP");
    assert_eq!(heard(&manager), "RELOADING=1");
    assert_eq!(heard(&manager), "READY=1");
    signal(tunnel.0.id(), "TERM");
    assert_eq!(heard(&manager), "STOPPING=1");
    assert!(tunnel.0.wait().unwrap().success());
}

#[test]
fn the_service_manager_hears_that_it_lives_as_often_as_it_wants_to() {
    let world = World::new();
    let path = world.folder("run").join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "200000")];
    let arguments = ["--listen", "127.0.0.1:0", "--plain", "--connect", "localhost:1"];
    let _tunnel = Managed::start(&arguments, &environment, Stdio::null());
    let mut buffer = [0; 256];
    let mut next = || {
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    assert_eq!(next(), "READY=1");
    for _ in 0..5 {
        assert_eq!(next(), "WATCHDOG=1");
    }
}

#[test]
fn a_manager_that_is_gone_harms_nobody() {
    let environment = [("NOTIFY_SOCKET", "/nowhere/notify"), ("WATCHDOG_USEC", "1000")];
    let arguments = ["--listen", "127.0.0.1:0", "--plain", "--connect", "localhost:1"];
    let mut tunnel = Managed::start(&arguments, &environment, Stdio::null());
    assert!(tunnel.first_line().starts_with("listening on 127.0.0.1:"));
}

#[test]
fn a_socket_on_standard_input_is_listened_at_of_either_family() {
    let world = World::new();
    let arguments = ["--listen", "stdin", "--plain", "--connect", "localhost:1"];
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let mut tunnel = Managed::start(&arguments, &[], Stdio::from(OwnedFd::from(tcp)));
    assert_eq!(tunnel.first_line(), format!("listening on {address}\n"));
    TcpStream::connect(address).unwrap();

    let path = world.folder("run").join("socket");
    let unix = UnixListener::bind(&path).unwrap();
    let mut tunnel = Managed::start(&arguments, &[], Stdio::from(OwnedFd::from(unix)));
    assert_eq!(tunnel.first_line(), format!("listening on unix:{}\n", path.display()));
    UnixStream::connect(&path).unwrap();
    drop(tunnel);
    assert!(path.exists(), "the file is the manager's");

    let mut tunnel = Managed::start(&arguments, &[], Stdio::null());
    assert_eq!(tunnel.first_line(), "");
    assert_eq!(tunnel.0.wait().unwrap().code(), Some(1));
}

#[test]
fn files_that_change_are_read_again_without_a_signal() {
    let world = World::new();
    run(async {
        let files = world.good();
        let arguments = ["--tls-in", "--reload-interval", "0.05", "--connect", "localhost:1"];
        let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
        let shown = async || tunnel.tls(&world).await.info().unwrap().peer_certificates[0].clone();
        let first = shown().await;
        // Some looks at files that stay as they are.
        sleep(Duration::from_millis(300)).await;
        assert!(!tunnel.running.stderr().contains("reloaded"), "{}", tunnel.running.stderr());
        world.issue("good", Leaf::server(&["localhost"]));
        tunnel.says("reloaded; new connections").await;
        while shown().await == first {
            sleep(Duration::from_millis(20)).await;
        }
        // One that cannot work leaves the old set in place, and the next one is taken.
        std::fs::write(&files.key, "nonsense").unwrap();
        tunnel.says("not reloaded, the old set stays in place").await;
        let second = shown().await;
        world.issue("good", Leaf::server(&["localhost"]));
        while shown().await == second {
            sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn clients_come_in_at_several_places_and_share_the_limits() {
    let world = World::new();
    run(async {
        let back_end = BackEnd::plain().await;
        let path = world.folder("run").join("socket");
        let second = format!("unix:{}", path.display());
        let arguments = ["--plain", "--max-connections", "1", "--connect", &back_end.address(), "--listen", &second];
        let tunnel = Tunnel::start(&arguments);
        let first = tunnel.plain().await;
        let served = back_end.accept_plain().await;
        let local = lem_ssl_rs::UnixStream::connect(second.as_str()).await.unwrap();
        local.write("hello").await.unwrap();
        let waits = lem_ssl_rs::timeout(Duration::from_millis(200), back_end.accept_plain()).await;
        assert!(waits.is_err(), "there is one place");
        drop((first, served));
        assert_eq!(back_end.accept_plain().await.read(5).await.unwrap(), b"hello");
    });
}

#[test]
fn a_name_that_no_certificate_is_for_gets_what_was_said() {
    let world = World::new();
    run(async {
        let files = world.good();
        for (what, is_served) in [("first", true), ("refuse", false)] {
            let arguments = ["--tls-in", "--unknown-name", what, "--connect", "localhost:1"];
            let tunnel = Tunnel::start(&[&arguments[..], &files.arguments()].concat());
            let error = tunnel.tls_as(&world, "elsewhere.example").await.unwrap_err().to_string();
            assert_eq!(error.contains("not valid for the name elsewhere.example"), is_served, "{error}");
        }
    });
}

#[test]
fn a_socket_that_systemd_passes_is_listened_at_and_one_that_it_does_not_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let binary = env!("CARGO_BIN_EXE_lem-ssl");
    let start = |listen: &str| {
        // The shell puts it where systemd does, under the number of the process that the tunnel becomes.
        let script = format!(
            "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec {binary} tunnel --plain \
             --connect localhost:1 --listen {listen}"
        );
        let socket = Stdio::from(OwnedFd::from(listener.try_clone().unwrap()));
        let mut command = Command::new("sh");
        command.args(["-c", &script]).stdin(socket).stdout(Stdio::piped()).stderr(Stdio::piped());
        Managed(command.spawn().unwrap())
    };
    for listen in ["systemd", "systemd:web"] {
        let mut tunnel = start(listen);
        assert_eq!(tunnel.first_line(), format!("listening on {address}\n"));
        TcpStream::connect(address).unwrap();
    }
    let mut refused = start("systemd:mail");
    assert_eq!(refused.0.wait().unwrap().code(), Some(2));
}
