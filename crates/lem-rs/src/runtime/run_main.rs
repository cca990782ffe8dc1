//! A program's main function on a machine.

use std::fmt::Display;
use std::future::Future;
use std::io::{Write, stderr};
use std::process::ExitCode;
use std::time::Duration;

use super::machine::Machine;
use crate::error::Error;

/// Runs `program` on a machine of its own and makes an exit code of its end, for a program's `main` function: an error is
/// printed on standard error, as the sentence that its `Display` has, and becomes the code 1.
///
/// A program that ends well waits for the streams that it closes, as [`Machine::run`] does: what it wrote arrives. One that
/// fails says so at once, and leaves at most half a second later: enough for an alert or a goodbye to arrive, and not
/// hostage to a peer that says nothing. [`Machine::run_main`] is the same on a machine with
/// [other options](crate::MachineBuilder::linger).
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use lem_rs::{Error, TcpStream, run_main};
///
/// fn main() -> ExitCode {
///     run_main(program())
/// }
///
/// async fn program() -> Result<(), Error> {
///     let greeting = std::fs::read("greeting.txt")?;
///     let stream = TcpStream::connect("localhost:7").await?;
///     stream.write(&greeting).await
/// }
/// ```
///
/// # Panics
/// A panic of `program` goes through.
pub fn run_main<E: Display>(program: impl Future<Output = Result<(), E>>) -> ExitCode {
    match Machine::new() {
        Ok(machine) => machine.run_main(program),
        Err(error) => fail(&error),
    }
}

/// So long streams that are being closed are waited for after an error, if nothing else is asked for.
const LINGER_AFTER_ERROR: Duration = Duration::from_millis(500);

impl Machine {
    /// As [`run_main`], on this machine: with its resolver, and with its [linger](crate::MachineBuilder::linger), after an
    /// error as well.
    ///
    /// ```no_run
    /// use std::process::ExitCode;
    /// use std::time::Duration;
    ///
    /// use lem_rs::{Error, Machine};
    ///
    /// fn main() -> ExitCode {
    ///     match Machine::builder().linger(Duration::ZERO).build() {
    ///         Ok(machine) => machine.run_main(async { Ok::<(), Error>(()) }),
    ///         Err(_) => ExitCode::FAILURE,
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// A panic of `program` goes through.
    pub fn run_main<E: Display>(&self, program: impl Future<Output = Result<(), E>>) -> ExitCode {
        let mut code = ExitCode::SUCCESS;
        let run = self.run_with(program, |ended| match ended {
            Ok(()) => self.linger_limit(),
            Err(error) => {
                code = fail(error);
                Some(self.linger_limit().unwrap_or(LINGER_AFTER_ERROR))
            }
        });
        run.map_or_else(|error: Error| fail(&error), |_| code)
    }
}

fn fail(problem: &dyn Display) -> ExitCode {
    // Where standard error is closed, the code says it.
    let _ = writeln!(stderr(), "error: {problem}");
    ExitCode::FAILURE
}
