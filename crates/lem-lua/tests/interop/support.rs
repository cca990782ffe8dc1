//! Programs that run beside a test, and certificates for them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

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

/// `openssl s_server` with these arguments, once it listens at a port that the system has chosen.
pub(crate) fn s_server(certificate: &Certificate, arguments: &[&str]) -> (Running, u16) {
    let mut command = Command::new("openssl");
    command
        .args(["s_server", "-accept", "127.0.0.1:0", "-cert", &certificate.chain, "-key", &certificate.key])
        .args(arguments)
        .stdin(Stdio::piped());
    once_it_says(command, "ACCEPT ", ':')
}

/// A script with these arguments, once it has printed the line that ends in its port.
pub(crate) fn serve(script: &str, arguments: &[&str]) -> (Running, u16) {
    let mut command = lem(script);
    command.args(arguments).stdin(Stdio::null());
    once_it_says(command, "", ' ')
}

/// Starts it, and waits for the line that begins so and ends in a port.
fn once_it_says(mut command: Command, begin: &str, before_port: char) -> (Running, u16) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut running = Running(child.expect("it is installed"));
    let mut lines = BufReader::new(running.0.stdout.take().expect("a pipe")).lines();
    let line = lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with(begin)));
    let line = line.expect("it has ended before it has listened").expect("text");
    let port = line.trim().rsplit(before_port).next().and_then(|word| word.parse().ok());
    // What else it says is read, so that it can go on.
    std::thread::spawn(move || lines.for_each(drop));
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

/// A plain TCP conversation: what comes back.
pub(crate) fn talk(port: u16, text: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    stream.write_all(text.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer
}
