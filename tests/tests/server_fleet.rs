//! A fleet: servers that are processes of their own and have one secret in common, and nothing else.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

use std::env;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Context, FleetSecret, Identity, ReadMode, Roots, Stream, Tickets, Version, spawn, timeout, unblock};
use lem_ssl_tests::pki::{Authority, Leaf};
use lem_ssl_tests::scratch::Scratch;
use lem_ssl_tests::watched_machine;

/// Where a server's process finds its files.
const DIRECTORY: &str = "LEM_SSL_TESTS_FLEET";

const PATIENCE: Duration = Duration::from_secs(60);

/// A server in a process of its own, with a certificate and key of its own. Dropping it ends it.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(root: &Authority, scratch: &Scratch, secret: &str) -> Self {
        scratch.write_identity("server", &root.issue(Leaf::server(&["localhost"])));
        scratch.write("fleet.secret", secret);
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "serving", "--nocapture"]).env(DIRECTORY, scratch.path());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        // The test program says things of its own before, in the same line too.
        let port = lines.find_map(|line| line.split_once("listening on port ")?.1.trim().parse().ok());
        // Whatever else it says, nobody must wait for us to read it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address: SocketAddr::new([127, 0, 0, 1].into(), port.expect("the server says where it is")) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "a server for the other tests, in a process of its own"]
fn serving() {
    let directory = PathBuf::from(env::var_os(DIRECTORY).expect("the other tests start it"));
    watched_machine().run(serve(&directory)).unwrap();
}

async fn serve(directory: &Path) {
    let identity = Identity::from_pem_files(directory.join("server.chain.pem"), directory.join("server.key.pem"));
    let secret = FleetSecret::from_file(directory.join("fleet.secret")).unwrap();
    let context = Context::builder()
        .roots(Roots::None)
        .identity(identity.unwrap())
        .tickets(Tickets::Fleet(secret))
        .handshake_deadline(PATIENCE);
    let server = Rc::new(context.build().unwrap().listen("127.0.0.1:0").await.unwrap());
    println!("listening on port {}", server.local_addr().ip().unwrap().port());
    spawn(async move { server.autospawn(echo).await }).detach();
    unblock(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
}

async fn echo(stream: Stream) {
    while let Ok(line) = stream.read(ReadMode::Line).await {
        if stream.write(&line).await.is_err() {
            return;
        }
    }
}

/// Runs a test on a machine of its own.
#[track_caller]
fn check(test: impl Future<Output = ()>) {
    let over = watched_machine().run(timeout(PATIENCE, test)).expect("the machine does not stall");
    over.expect("the test does not hang");
}

fn client(root: &Authority, version: Version) -> Context {
    let roots = Roots::Pem(root.certificate_pem().into());
    let builder = Context::builder().roots(roots).versions([version]).handshake_deadline(PATIENCE);
    builder.build().unwrap()
}

/// A request, and whether it was in a session that was begun before.
async fn is_resumed(client: &Context, server: &Server) -> bool {
    let stream = client.connect_as(server.address, "localhost").await.unwrap();
    stream.write("a normal request\n").await.unwrap();
    assert_eq!(stream.read(ReadMode::Line).await.unwrap(), b"a normal request\n");
    let resumed = stream.info().unwrap().resumed;
    stream.shutdown().await.unwrap();
    resumed
}

/// Whether each of two servers with these secrets resumes what the other one has begun.
async fn share_sessions(secrets: [&str; 2]) -> bool {
    let root = Authority::new("Fleet Root");
    let scratches = [Scratch::new("one"), Scratch::new("two")];
    let servers: Vec<_> =
        scratches.iter().zip(secrets).map(|(scratch, secret)| Server::start(&root, scratch, secret)).collect();
    let mut shared = Vec::new();
    for version in [Version::Tls12, Version::Tls13] {
        for (first, second) in [(&servers[0], &servers[1]), (&servers[1], &servers[0])] {
            let client = client(&root, version);
            assert!(!is_resumed(&client, first).await, "there was nothing before");
            shared.push(is_resumed(&client, second).await);
            // And what that one issues is good here, too.
            shared.push(is_resumed(&client, first).await);
        }
    }
    assert!(shared.iter().all(|resumed| *resumed == shared[0]), "{shared:?}");
    shared[0]
}

#[test]
fn two_processes_with_one_secret_resume_each_other_s_sessions() {
    check(async {
        // The line end of an editor counts for nothing.
        let secrets = ["0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef\n"];
        assert!(share_sessions(secrets).await);
    });
}

#[test]
fn two_processes_with_different_secrets_shake_hands_in_full() {
    check(async {
        let secrets = ["0123456789abcdef0123456789abcdef", "another secret, and long enough, too"];
        assert!(!share_sessions(secrets).await);
    });
}

#[test]
fn a_process_that_was_started_again_resumes_what_it_has_begun() {
    check(async {
        let secret = "0123456789abcdef0123456789abcdef";
        let root = Authority::new("Fleet Root");
        for version in [Version::Tls12, Version::Tls13] {
            let (client, scratch) = (client(&root, version), Scratch::new("again"));
            assert!(!is_resumed(&client, &Server::start(&root, &scratch, secret)).await);
            // Its certificate and key are new as well.
            assert!(is_resumed(&client, &Server::start(&root, &scratch, secret)).await);
        }
    });
}
