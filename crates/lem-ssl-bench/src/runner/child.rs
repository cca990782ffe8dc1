//! The processes of a measurement.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::order::Order;
use crate::outcome::Outcome;

/// What the hidden subcommand is called.
pub(crate) const SUBCOMMAND: &str = "--child";

/// Longer than anything takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A child process that does an [`Order`]. Killed when it is dropped.
pub(super) struct Worker {
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    name: String,
}

impl Worker {
    pub(super) fn start(program: &Path, order: &Order) -> Outcome<Self> {
        let mut process = Command::new(program)
            .arg(SUBCOMMAND)
            .args(order.to_arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let input = process.stdin.take().ok_or("a child process has no input")?;
        let output = process.stdout.take().ok_or("a child process has no output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, input, lines, name: format!("{:?} for {}", order.work, order.contender) })
    }

    /// Waits for a line that begins with `word`, and returns the numbers behind it.
    pub(super) fn expect(&self, word: &str) -> Outcome<Vec<f64>> {
        let line = self.lines.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("{} says nothing for {} s", self.name, PATIENCE.as_secs()),
            RecvTimeoutError::Disconnected => format!("{} ended before it said {word:?}", self.name),
        })?;
        let mut words = line.split(' ');
        if words.next() != Some(word) {
            return Err(format!("{} said {line:?} and not {word:?}", self.name).into());
        }
        words.map(|word| word.parse::<f64>().map_err(|_| format!("{line:?} has no number").into())).collect()
    }

    /// As [`expect`](Self::expect), for lines with a certain count of numbers.
    pub(super) fn numbers<const N: usize>(&self, word: &str) -> Outcome<[f64; N]> {
        let numbers = self.expect(word)?;
        numbers.try_into().map_err(|_| format!("{} gave too few or too many numbers", self.name).into())
    }

    /// Tells it to go on.
    pub(super) fn go(&mut self) -> Outcome<()> {
        Ok(self.input.write_all(b"go\n")?)
    }

    /// Waits for its end; fails if it did.
    pub(super) fn join(mut self) -> Outcome<()> {
        let status = self.process.wait()?;
        if status.success() { Ok(()) } else { Err(format!("{} failed: {status}", self.name).into()) }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
