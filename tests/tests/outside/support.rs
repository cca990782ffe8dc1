//! What these tests share.

use std::future::Future;
use std::time::Duration;

use lem_rs::{Error, Listener, Machine, TcpStream, spawn, timeout};
use lem_ssl_tests::{BoxedTest, watched_machine};

/// Longer than anything here takes on the slowest machine.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);

/// Runs `main` on a machine of its own and checks that nothing is left behind.
#[track_caller]
pub(crate) fn run<T>(main: impl Future<Output = Result<T, Error>>) -> T {
    run_on(&watched_machine(), main)
}

#[track_caller]
pub(crate) fn run_on<T>(machine: &Machine, main: impl Future<Output = Result<T, Error>>) -> T {
    run_boxed(machine, Box::pin(main))
}

#[track_caller]
fn run_boxed<T>(machine: &Machine, main: BoxedTest<'_, Result<T, Error>>) -> T {
    let output = machine.run(async { timeout(WATCHDOG, main).await }).unwrap();
    let output = output.expect("the scenario ends in time").unwrap();
    assert_eq!(machine.counts(), (0, 0, 0), "tasks, timers, sockets that are left behind");
    output
}

/// The two ends of a connection.
pub(crate) async fn pair() -> Result<(TcpStream, TcpStream), Error> {
    let listener = Listener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr().clone();
    let accepting = spawn(async move { listener.accept().await });
    let client = TcpStream::connect(address).await?;
    Ok((client, accepting.await??))
}
