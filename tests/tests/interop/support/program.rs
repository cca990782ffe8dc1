//! Another program under guard: its output is kept, and it does not outlive its test.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use lem_ssl_rs::unblock;

use super::WATCHDOG;

/// A running program. Dropping it kills it; if the test is failing then, what it said becomes part of the failure.
pub(crate) struct Program {
    name: String,
    child: Arc<Mutex<Child>>,
    input: Option<ChildStdin>,
    output: Arc<Output>,
}

impl Program {
    /// Starts it.
    ///
    /// # Panics
    /// When there is no such program: the test needs it.
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("the interop tests need the program {name}: {error}"),
        };
        let output = Arc::new(Output::default());
        collect(child.stdout.take().expect("it was piped"), &output, |said| &mut said.out);
        collect(child.stderr.take().expect("it was piped"), &output, |said| &mut said.err);
        let input = child.stdin.take();
        Self { name, child: Arc::new(Mutex::new(child)), input, output }
    }

    /// Waits until it has said a whole line with `what`, and returns that line.
    pub(crate) async fn says(&self, what: &str) -> String {
        self.says_times(1, what).await
    }

    /// Waits until it has said so many lines with `what`, and returns the last of these.
    pub(crate) async fn says_times(&self, times: usize, what: &str) -> String {
        let (output, wanted) = (self.output.clone(), what.to_owned());
        let found = unblock(move || output.wait_for(times, &wanted)).await.expect("waiting does not panic");
        found.unwrap_or_else(|| panic!("{} never said {what:?} {times} times", self.name))
    }

    /// As [`says`](Self::says), before there is a machine.
    #[track_caller]
    pub(crate) fn says_first(&self, what: &str) -> String {
        let found = self.output.wait_for(1, what);
        found.unwrap_or_else(|| panic!("{} never said {what:?}", self.name))
    }

    /// What it has said so far on both of its outputs.
    pub(crate) fn said(&self) -> String {
        let said = self.output.lock();
        format!("{}{}", String::from_utf8_lossy(&said.out), String::from_utf8_lossy(&said.err))
    }

    /// Types into its standard input.
    #[track_caller]
    pub(crate) fn tell(&mut self, what: &str) {
        let input = self.input.as_mut().expect("its input is open");
        input.write_all(what.as_bytes()).and_then(|()| input.flush()).expect("it takes its input");
    }

    /// Its standard input, for a thread that types much.
    pub(crate) fn take_input(&mut self) -> impl Write + Send + use<> {
        self.input.take().expect("its input is open")
    }

    /// Ends its standard input.
    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    /// Kills it, as the operating system does: without a chance to say goodbye.
    pub(crate) fn kill(&mut self) {
        let mut child = lock(&self.child);
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Waits until it ends, and says whether it was content and what it said.
    pub(crate) async fn ends(&self) -> (bool, String) {
        let (output, child) = (self.output.clone(), self.child.clone());
        let waited = unblock(move || output.wait_for_end().then(|| lock(&child).wait()));
        let status = waited.await.expect("waiting does not panic");
        let status = status.unwrap_or_else(|| panic!("{} does not end", self.name)).expect("it is a child of ours");
        (status.success(), self.said())
    }

    /// Waits until it ends, which it must do content, and says what it said.
    pub(crate) async fn succeeds(&self) -> String {
        let (content, said) = self.ends().await;
        assert!(content, "{} failed", self.name);
        said
    }

    /// Waits until it says `what` or ends.
    fn says_or_ends(&self, what: &str) -> bool {
        self.output.wait_for(1, what).is_some()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("---- {} said:\n{}\n----", self.name, self.said());
        }
    }
}

/// Starts a program that cannot choose a free port itself and tell us: one is found for it, and another one if
/// somebody else was quicker. It is up when it says `ready`.
#[track_caller]
pub(crate) fn start_on_free_port(ready: &str, mut command: impl FnMut(u16) -> Command) -> (Program, u16) {
    let mut last = String::new();
    for _ in 0..10 {
        let probe = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = probe.local_addr().expect("it is bound").port();
        drop(probe);
        let program = Program::start(&mut command(port));
        if program.says_or_ends(ready) {
            return (program, port);
        }
        last = program.said();
    }
    panic!("no free port was free for long enough: {last}");
}

#[derive(Default)]
struct Output {
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Default)]
struct Said {
    out: Vec<u8>,
    err: Vec<u8>,
    ended: u8,
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, Said> {
        lock(&self.said)
    }

    /// `None` if it ended, or the watchdog barked, before that was said.
    fn wait_for(&self, times: usize, what: &str) -> Option<String> {
        let deadline = Instant::now() + WATCHDOG;
        let mut said = self.lock();
        loop {
            if let Some(line) = line_with(times, &said.out, what).or_else(|| line_with(times, &said.err, what)) {
                return Some(line);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            if said.ended == OUTPUTS {
                return None;
            }
            said = self.more.wait_timeout(said, left).expect("no collector panics").0;
        }
    }

    fn wait_for_end(&self) -> bool {
        let said = self.lock();
        let waited = self.more.wait_timeout_while(said, WATCHDOG, |said| said.ended < OUTPUTS);
        !waited.expect("no collector panics").1.timed_out()
    }
}

const OUTPUTS: u8 = 2;

fn collect(mut pipe: impl Read + Send + 'static, output: &Arc<Output>, place: fn(&mut Said) -> &mut Vec<u8>) {
    let output = output.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let count = match pipe.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Ok(count) if count > 0 => count,
                _ => break,
            };
            place(&mut output.lock()).extend_from_slice(&buffer[..count]);
            output.more.notify_all();
        }
        output.lock().ended += 1;
        output.more.notify_all();
    });
}

fn line_with(times: usize, said: &[u8], what: &str) -> Option<String> {
    // Python says the parts of a line one by one.
    let whole = said.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let text = String::from_utf8_lossy(&said[..whole]);
    text.lines().filter(|line| line.contains(what)).nth(times - 1).map(str::to_owned)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that panicked elsewhere must still be able to clean up.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
