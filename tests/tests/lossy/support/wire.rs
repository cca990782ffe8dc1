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
        assert_eq!(wire.answer(), "up", "the wire says why on its standard error");
        wire
    }

    /// From now on nothing arrives.
    pub(crate) fn dark(&mut self) {
        self.tell("dark\n");
    }

    /// Packets arrive again. Says how many were lost so far.
    pub(crate) fn light(&mut self) -> u64 {
        self.tell("light\n")
    }

    fn tell(&mut self, command: &str) -> u64 {
        self.commands.write_all(command.as_bytes()).unwrap();
        self.answer().parse().unwrap()
    }

    fn answer(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim_end().into()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
