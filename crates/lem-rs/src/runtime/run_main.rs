//! A program's main function on a machine.

use std::fmt::Display;
use std::future::Future;
use std::io::{Write, stderr};
use std::process::ExitCode;

use super::machine::Machine;

/// Runs `program` on a machine of its own and makes an exit code of its end, for a program's `main` function: an error is
/// printed on standard error, as the sentence that its `Display` has, and becomes the code 1.
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
///     let stream = TcpStream::connect("localhost:7").await?;
///     stream.write("hello\n").await
/// }
/// ```
///
/// # Panics
/// A panic of `program` goes through.
pub fn run_main<E: Display>(program: impl Future<Output = Result<(), E>>) -> ExitCode {
    let ended = Machine::new().and_then(|machine| machine.run(program));
    let problem: &dyn Display = match &ended {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(error)) => error,
        Err(error) => error,
    };
    // Where standard error is closed, the code says it.
    let _ = writeln!(stderr(), "error: {problem}");
    ExitCode::FAILURE
}
