//! The command as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use super::WATCHDOG;

/// What a finished process has left.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Expects this exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.text(), self.stderr);
        lem_ssl_tests::plain::assert_plain(&self.stderr);
        self
    }
}

/// A process under way.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: Option<Receiver<Vec<u8>>>,
    stderr: Arc<Mutex<String>>,
    stderr_ended: Receiver<()>,
}

/// Starts the command with these arguments. Without colour, whatever the environment of the tests is.
pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Running {
    start_by(&[], arguments)
}

/// As [`start`], by way of another program, which takes the command and its arguments: `unshare -r`, for example.
pub(crate) fn start_by<S: AsRef<std::ffi::OsStr>>(by: &[&str], arguments: impl IntoIterator<Item = S>) -> Running {
    let program = [by, &[env!("CARGO_BIN_EXE_lem-ssl")]].concat();
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).args(arguments).env_remove("SSLKEYLOGFILE").env("NO_COLOR", "1");
    for proxy in ["https_proxy", "HTTPS_PROXY"] {
        command.env_remove(proxy);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command can be started");
    let stderr = Arc::new(Mutex::new(String::new()));
    let (ended, stderr_ended) = channel();
    let (lines, said) = (BufReader::new(child.stderr.take().unwrap()), stderr.clone());
    thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
        let _ = ended.send(());
    });
    Running { child, stdout: None, stderr, stderr_ended }
}

/// Runs the command to its end, with this standard input.
pub(crate) fn lem_ssl<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>, input: &[u8]) -> Finished {
    let mut running = start(arguments);
    let mut stdin = running.stdin();
    let input = input.to_vec();
    // It may end before it has read everything.
    thread::spawn(move || drop(stdin.write_all(&input)));
    running.finish()
}

impl Running {
    pub(crate) fn start<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        start(arguments)
    }

    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("it is asked for once")
    }

    pub(crate) fn stdout(&mut self) -> std::process::ChildStdout {
        self.child.stdout.take().expect("it is asked for once")
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// The first line of standard output: a server says there where it listens.
    #[track_caller]
    pub(crate) fn first_line(&mut self) -> String {
        let line = BufReader::new(self.stdout()).lines().next().and_then(Result::ok);
        line.unwrap_or_else(|| panic!("it has said nothing: {}", self.stderr()))
    }

    /// Waits until standard error contains this.
    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        let end = std::time::Instant::now() + WATCHDOG;
        while !self.stderr().contains(text) {
            assert!(std::time::Instant::now() < end, "never said {text:?}: {}", self.stderr());
            thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Sends this signal, which it has got before, until it ends. What comes right after the first one is the same request.
    #[track_caller]
    pub(crate) fn insist(&mut self, name: &str) {
        let end = std::time::Instant::now() + WATCHDOG;
        while self.child.try_wait().expect("it is a child").is_none() {
            assert!(std::time::Instant::now() < end, "it does not end: {}", self.stderr());
            signal(self.id(), name);
            thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Finished {
        if let Some(mut stdout) = self.child.stdout.take() {
            let (all, output) = channel();
            thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = stdout.read_to_end(&mut bytes);
                let _ = all.send(bytes);
            });
            self.stdout = Some(output);
        }
        let output = match self.stdout.take() {
            Some(output) => output.recv_timeout(WATCHDOG).unwrap_or_else(|_| panic!("it hangs: {}", self.stderr())),
            None => Vec::new(),
        };
        self.stderr_ended.recv_timeout(WATCHDOG).expect("it ends");
        let code = self.child.wait().expect("it has ended").code();
        Finished { code, stdout: output, stderr: self.stderr() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `lem-ssl serve`, ready.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) address: String,
}

impl Server {
    /// Starts it on a free port, and waits until it listens.
    #[track_caller]
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_by(&[], arguments)
    }

    /// The same by way of another program.
    #[track_caller]
    pub(crate) fn start_by(by: &[&str], arguments: &[&str]) -> Self {
        let mut running = start_by(by, [&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
        let line = running.first_line();
        let address = line.strip_prefix("listening on ").map(str::to_owned);
        let address = address.unwrap_or_else(|| panic!("{line:?}, {}", running.stderr()));
        Self { running, address }
    }

    /// The same address by name.
    pub(crate) fn by_name(&self) -> String {
        format!("localhost:{}", self.port())
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.rsplit(':').next().unwrap().parse().unwrap()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(self.running.id(), name);
    }
}

/// Sends a signal, by the name that kill(1) knows.
pub(crate) fn signal(process: u32, name: &str) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {process}")).status();
    assert!(sent.expect("there is a shell").success());
}
