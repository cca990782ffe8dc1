//! The wire, as a scenario sees it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What the wire does to packets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// The probability that a packet is lost.
    pub(crate) loss: f64,
    /// How late each is at least, in milliseconds,
    pub(crate) delay: u32,
    /// and how much later it may be. Packets overtake each other by that.
    pub(crate) jitter: u32,
    /// The probability that a packet comes twice.
    pub(crate) doubled: f64,
}

/// A wire between [`NEAR`](Self::NEAR) and [`FAR`](Self::FAR); both are here. It is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Wire {
    program: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Wire {
    /// Where servers listen.
    pub(crate) const NEAR: [u8; 4] = [10, 77, 0, 1];
    /// Where clients find them.
    pub(crate) const FAR: [u8; 4] = [10, 77, 0, 2];

    /// Lays the wire in this namespace.
    pub(crate) fn lay(weather: Weather) -> Self {
        let Weather { loss, delay, jitter, doubled } = weather;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lossy/support/wire.py");
        let seed = 1;
        let mut program = Command::new("python3")
            .arg(script)
            .args([loss.to_string(), delay.to_string(), jitter.to_string(), doubled.to_string(), seed.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let (commands, answers) = (program.stdin.take().unwrap(), program.stdout.take().unwrap());
        let mut wire = Self { program, commands, answers: BufReader::new(answers) };
        wire.expect("up");
        wire
    }

    /// From now on nothing arrives.
    pub(crate) fn dark(&mut self) {
        self.tell("dark\n");
    }

    /// Packets arrive again.
    pub(crate) fn light(&mut self) {
        self.tell("light\n");
    }

    fn tell(&mut self, command: &str) {
        self.commands.write_all(command.as_bytes()).unwrap();
        self.expect("done");
    }

    fn expect(&mut self, answer: &str) {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), answer, "the wire says why on its standard error");
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
