//! Unix-domain sockets: whose file it is, from the first start to the last of all ways to end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::support::{Running, World, lem_ssl, signal};

/// The two commands that listen.
#[derive(Debug, Clone, Copy)]
enum Command {
    Tunnel,
    Serve,
}

const BOTH: [Command; 2] = [Command::Tunnel, Command::Serve];

impl Command {
    fn arguments(self, path: &Path, further: &[&str]) -> Vec<String> {
        let listen = format!("unix:{}", path.display());
        let rest: &[&str] = match self {
            Self::Tunnel => &["tunnel", "--plain", "--connect", "127.0.0.1:1", "--drain", "60", "--listen", &listen],
            Self::Serve => &["serve", "--self-signed", "localhost", "--echo", "--drain", "60", "--listen", &listen],
        };
        rest.iter().chain(further).map(|&argument| argument.to_owned()).collect()
    }

    /// Starts it, and waits until it listens.
    #[track_caller]
    fn start(self, path: &Path) -> Running {
        let mut running = Running::start(self.arguments(path, &[]));
        assert_eq!(running.first_line(), format!("listening on unix:{}", path.display()));
        running
    }

    /// Starts it where it cannot listen; why not.
    #[track_caller]
    fn refused(self, path: &Path) -> String {
        lem_ssl(self.arguments(path, &[]), b"").expect(1).stderr
    }
}

fn socket(world: &World) -> PathBuf {
    world.folder("run").join("socket")
}

fn answers(path: &Path) -> bool {
    UnixStream::connect(path).is_ok()
}

#[test]
fn the_socket_goes_with_its_server_and_the_next_one_starts() {
    let world = World::new();
    let path = socket(&world);
    for command in BOTH {
        for name in ["TERM", "INT"] {
            let running = command.start(&path);
            assert!(answers(&path));
            signal(running.id(), name);
            running.finish().expect(0);
            assert!(!path.exists(), "{command:?} {name}");
        }
    }
    assert_eq!(fs::read_dir(world.folder("run")).unwrap().count(), 0);
}

#[test]
fn a_socket_that_was_left_behind_is_replaced() {
    let world = World::new();
    let path = socket(&world);
    for command in BOTH {
        let running = command.start(&path);
        signal(running.id(), "KILL");
        running.finish();
        assert!(path.exists());
        let running = command.start(&path);
        assert!(answers(&path));
        // A reload is no end.
        signal(running.id(), "HUP");
        running.wait_for("nothing to reload");
        assert!(answers(&path));
        signal(running.id(), "ABRT");
        running.finish();
        let running = command.start(&path);
        signal(running.id(), "TERM");
        running.finish().expect(0);
        assert!(!path.exists());
    }
}

#[test]
fn a_socket_that_somebody_listens_at_is_left_to_them() {
    let world = World::new();
    let path = socket(&world);
    for command in BOTH {
        let running = command.start(&path);
        for other in BOTH {
            let said = other.refused(&path);
            assert!(said.contains("already in use: another process listens there"), "{said}");
        }
        assert!(answers(&path), "the first one still has it");
        signal(running.id(), "TERM");
        running.finish().expect(0);
    }
    // One of another program, whose queue is full.
    let theirs = UnixListener::bind(&path).unwrap();
    let waiting = std::thread::spawn({
        let path = path.clone();
        move || {
            let mut clients = Vec::new();
            // Until nobody gets in any more; the last one waits until the listener goes.
            while let Ok(client) = UnixStream::connect(&path) {
                clients.push(client);
            }
        }
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    let said = Command::Tunnel.refused(&path);
    assert!(said.contains("already in use"), "{said}");
    drop(theirs);
    assert!(path.exists());
    waiting.join().unwrap();
}

#[test]
fn what_is_no_socket_of_ours_is_never_removed() {
    let world = World::new();
    let path = socket(&world);
    for command in BOTH {
        fs::write(&path, "precious").unwrap();
        assert!(command.refused(&path).contains("not a socket"));
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        fs::remove_file(&path).unwrap();

        fs::create_dir(&path).unwrap();
        command.refused(&path);
        fs::remove_dir(&path).unwrap();

        // Nobody listens behind this link, and yet it is somebody's.
        let elsewhere = world.folder("elsewhere").join("socket");
        drop(UnixListener::bind(&elsewhere).unwrap());
        symlink(&elsewhere, &path).unwrap();
        assert!(command.refused(&path).contains("a link is in the way"));
        assert!(path.is_symlink() && elsewhere.exists());
        fs::remove_file(&path).unwrap();
        fs::remove_file(&elsewhere).unwrap();

        let datagrams = UnixDatagram::bind(&path).unwrap();
        command.refused(&path);
        assert!(path.exists());
        drop(datagrams);
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_socket_that_took_the_place_of_ours_stays_when_we_end() {
    let world = World::new();
    let path = socket(&world);
    for command in BOTH {
        let running = command.start(&path);
        fs::remove_file(&path).unwrap();
        let theirs = UnixListener::bind(&path).unwrap();
        signal(running.id(), "TERM");
        running.finish().expect(0);
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_socket() && answers(&path));
        drop(theirs);
        fs::remove_file(&path).unwrap();
        // Or a file, or nothing at all.
        let running = command.start(&path);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "theirs").unwrap();
        signal(running.id(), "TERM");
        running.finish().expect(0);
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        fs::remove_file(&path).unwrap();
        let running = command.start(&path);
        fs::remove_file(&path).unwrap();
        signal(running.id(), "TERM");
        running.finish().expect(0);
    }
}

#[test]
fn a_second_signal_leaves_no_socket_and_the_next_may_start_while_one_drains() {
    let world = World::new();
    let path = socket(&world);
    let back_end = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = back_end.local_addr().unwrap().to_string();
    let listen = format!("unix:{}", path.display());
    let start = || {
        let arguments = ["tunnel", "--plain", "--connect", &address, "--drain", "60", "--listen", &listen];
        let mut running = Running::start(arguments);
        running.first_line();
        running
    };
    let mut running = start();
    let client = UnixStream::connect(&path).unwrap();
    let _accepted = back_end.accept().unwrap();
    signal(running.id(), "TERM");
    running.wait_for("1 connection may finish");
    let next = start();
    assert!(answers(&path));
    running.insist("TERM");
    running.finish().expect(143);
    drop(client);
    assert!(answers(&path), "that of the next one is not removed");
    // It ends what the next one carries.
    drop(back_end);
    signal(next.id(), "TERM");
    next.finish().expect(0);
    assert!(!path.exists());
}

#[test]
fn of_many_starts_at_once_one_gets_the_socket() {
    let world = World::new();
    let path = socket(&world);
    for _ in 0..3 {
        drop(UnixListener::bind(&path).unwrap());
        let mut starts: Vec<_> = (0..4).map(|at| Running::start(BOTH[at % 2].arguments(&path, &[]))).collect();
        let mut listening = Vec::new();
        for mut start in starts.drain(..) {
            match BufReader::new(start.stdout()).lines().next() {
                Some(line) => {
                    assert!(line.unwrap().starts_with("listening on "));
                    listening.push(start);
                }
                None => drop(start.finish().expect(1)),
            }
        }
        assert_eq!(listening.len(), 1);
        assert!(answers(&path));
        let winner = listening.remove(0);
        signal(winner.id(), "TERM");
        winner.finish().expect(0);
        assert!(!path.exists());
    }
}

#[test]
fn the_counters_have_a_socket_too_and_a_start_that_fails_leaves_none() {
    let world = World::new();
    let (path, metrics) = (socket(&world), world.folder("run").join("metrics"));
    let address = format!("unix:{}", metrics.display());
    let theirs = UnixListener::bind(&metrics).unwrap();
    let ended = lem_ssl(Command::Tunnel.arguments(&path, &["--metrics", &address]), b"").expect(1);
    assert!(ended.stderr.contains("metrics: address already in use"), "{}", ended.stderr);
    assert!(!path.exists() && metrics.exists());
    drop(theirs);
    let mut running = Running::start(Command::Tunnel.arguments(&path, &["--metrics", &address]));
    let mut lines = BufReader::new(running.stdout()).lines();
    assert_eq!(lines.nth(1).unwrap().unwrap(), format!("metrics on {address}"));
    assert!(answers(&metrics));
    signal(running.id(), "TERM");
    running.finish().expect(0);
    assert!(!path.exists() && !metrics.exists());
}

#[test]
fn a_place_where_no_socket_can_be_is_told() {
    let world = World::new();
    for command in BOTH {
        let nowhere = world.folder("run").join("nowhere/socket");
        assert!(command.refused(&nowhere).contains("nowhere/socket"));
        let long = world.folder("run").join("x".repeat(200));
        let said = command.refused(&long);
        assert!(said.contains("the path is longer than"), "{said}");
    }
}
