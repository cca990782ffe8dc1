//! A process of the soak, as the supervisor sees it.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::status::Line;

/// A process. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Line>,
}

impl Process {
    /// Starts this program again, with as many descriptors as it may have.
    pub(crate) fn start(arguments: &[String]) -> io::Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -S -n $(ulimit -H -n); exec \"$0\" \"$@\""]).arg(std::env::current_exe()?);
        let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (sender, lines) = channel();
        if let Some(output) = output {
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(Line::parse(&line)).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self { child, input, lines })
    }

    /// The next line; `None` after `patience`, an error when there will be none.
    pub(crate) fn line(&self, patience: Duration) -> Result<Option<Line>, Ended> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Ended),
        }
    }

    /// Ends its standard input: it is to come to its end.
    pub(crate) fn stop(&mut self) {
        self.input = None;
    }
}

/// A process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended;

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
