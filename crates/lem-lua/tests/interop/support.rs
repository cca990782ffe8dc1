//! Programs that run beside a test, and certificates for them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use lem_ssl_pki::{Authority, Leaf};

/// A folder that goes with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("lem-interop-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).expect("written");
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Three files: a certificate with its chain, its key, and the authority that has issued it.
pub(crate) struct Certificate {
    pub(crate) chain: String,
    pub(crate) key: String,
    pub(crate) authority: String,
}

pub(crate) fn certificate(folder: &Folder, leaf: Leaf<'_>) -> Certificate {
    let authority = Authority::new("Our CA");
    let issued = authority.issue(leaf);
    Certificate {
        chain: folder.file("chain.pem", &issued.chain_pem),
        key: folder.file("key.pem", &issued.key_pem),
        authority: folder.file("ca.pem", &authority.certificate_pem()),
    }
}

pub(crate) fn good(folder: &Folder) -> Certificate {
    certificate(folder, Leaf::server(&["localhost"]))
}

/// A program that is ended with the test.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `openssl s_server` with these arguments, once it listens; its port.
pub(crate) fn s_server(certificate: &Certificate, arguments: &[&str]) -> (Running, u16) {
    let port = free_port();
    let child = Command::new("openssl")
        .args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-cert", &certificate.chain])
        .args(["-key", &certificate.key])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    let running = Running(child);
    until_it_listens(port);
    (running, port)
}

/// A script with these arguments, once it has printed the line that ends in its port.
pub(crate) fn serve(script: &str, arguments: &[&str]) -> (Running, u16) {
    let mut command = lem(script);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Running(command.spawn().expect("it starts"));
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let port = line.trim().rsplit(' ').next().and_then(|word| word.parse().ok());
    (running, port.unwrap_or_else(|| panic!("there is no port in {line:?}")))
}

pub(crate) fn example(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name).display().to_string()
}

pub(crate) fn lem(script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lem"));
    command.arg(script);
    command
}

/// Standard output, standard error and the exit code.
pub(crate) fn said(command: &mut Command) -> (String, String, i32) {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(stdout), text(stderr), status.code().unwrap_or(-1))
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port()
}

fn until_it_listens(port: u16) {
    let start = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "nobody listens on port {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A plain TCP conversation: what comes back.
pub(crate) fn talk(port: u16, text: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    stream.write_all(text.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer
}
