//! The server's process, as the test sees it.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use lem_ssl_rs::{Context, ReadMode, Roots, Stream, TcpStream};
use lem_ssl_tests::pki::{Authority, Leaf};
use lem_ssl_tests::scratch::Scratch;

/// Where the server's process finds its certificate; its presence says that it is one.
pub(super) const DIRECTORY: &str = "LEM_SSL_TESTS_SERVER";

/// Says that a process is the one that attacks.
const ATTACKER: &str = "LEM_SSL_TESTS_ATTACKER";

/// A running server. Dropping it ends it.
pub(crate) struct Server {
    process: Child,
    port: u16,
    clients: Context,
    _scratch: Scratch,
}

/// What the server says of itself.
pub(crate) struct Status(HashMap<String, u64>);

impl Server {
    /// Starts this program again, for its test `name`, with at most so many descriptors.
    pub(crate) fn start(name: &str, descriptors: u32) -> Self {
        let scratch = Scratch::new("limits");
        let root = Authority::new("Test Root");
        scratch.write_identity("server", &root.issue(Leaf::server(&["localhost"])));
        let mut command = again(name, descriptors);
        command.env(DIRECTORY, scratch.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // The test program says things of its own before, in the same line too.
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("listening on port ")?;
            port.trim().parse().ok()
        });
        // Nobody wants to read the rest, but nobody must wait for us either.
        thread::spawn(move || lines.for_each(drop));
        let port = port.expect("the server says where it listens");
        // Two cores, and unoptimised arithmetic: clients are patient.
        let clients = Context::builder()
            .roots(Roots::Pem(root.certificate_pem().into()))
            .handshake_deadline(Duration::from_secs(60))
            .connect_deadline(Duration::from_secs(60));
        Self { process, port, clients: clients.build().unwrap(), _scratch: scratch }
    }

    /// Its address in IPv4, and in IPv6: clients of the two are different ones to it.
    pub(crate) fn addresses(&self) -> [SocketAddr; 2] {
        [SocketAddr::new([127, 0, 0, 1].into(), self.port), SocketAddr::new([0, 0, 0, 0, 0, 0, 0, 1].into(), self.port)]
    }

    /// What its clients connect with.
    pub(crate) fn clients(&self) -> Context {
        self.clients.clone()
    }

    /// A well-behaved client.
    pub(crate) async fn connect(&self) -> Stream {
        self.clients.connect_as(self.addresses()[1], "localhost").await.unwrap()
    }

    /// A connection that is not encrypted.
    pub(crate) async fn raw(&self) -> TcpStream {
        TcpStream::connect(self.addresses()[0]).await.unwrap()
    }

    /// How many descriptors it holds.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    /// Its resident memory, in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Ends it; it must have come to its end without a failure.
    pub(crate) fn stop(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success(), "the server failed");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Status {
    /// Asks on `stream`.
    pub(crate) async fn ask(stream: &Stream) -> Self {
        stream.write("status\n").await.unwrap();
        let line = String::from_utf8(stream.read(ReadMode::Line).await.unwrap()).unwrap();
        let fields = line.split_whitespace().map(|field| field.split_once('=').unwrap());
        Self(fields.map(|(name, value)| (name.into(), value.parse().unwrap())).collect())
    }

    #[track_caller]
    pub(crate) fn of(&self, name: &str) -> u64 {
        *self.0.get(name).unwrap_or_else(|| panic!("the server does not tell {name}"))
    }
}

/// Whether this process was started by [`run_with_descriptors`].
pub(crate) fn is_attacker() -> bool {
    env::var_os(ATTACKER).is_some()
}

/// Runs the test `name` in a process that may have so many descriptors.
#[track_caller]
pub(crate) fn run_with_descriptors(name: &str, descriptors: u32) {
    let output = again(name, descriptors).env(ATTACKER, "1").stdin(Stdio::null()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "the test was not found: {said}");
    println!("{said}");
}

/// This program, to run one test, by a shell that sets the limit.
fn again(name: &str, descriptors: u32) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -S -n {descriptors} && exec \"$0\" \"$@\""))
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"]);
    command
}
