//! Worlds, and what runs in them.

pub(crate) mod tls;

use std::future::Future;

use lem_rs::sim::{Fault, Faults, Sim, SimBuilder};
use lem_rs::{Error, Listener, ReadMode, Stream, TcpStream, spawn};
use lem_ssl_tests::BoxedTest;

/// A calm world with one server.
pub(crate) fn world(seed: u64) -> SimBuilder {
    Sim::builder(seed).host("server.test", ["10.0.0.1"])
}

/// A world in which one kind of fault happens.
pub(crate) fn world_with(fault: Fault, probability: f64) -> Sim {
    world(7).faults(Faults::none().with(fault, probability)).build()
}

/// Runs `main` and checks that nothing is left behind. What goes wrong is told with the seed and the log.
#[track_caller]
pub(crate) fn run<T>(sim: &Sim, main: impl Future<Output = Result<T, Error>>) -> T {
    run_boxed(sim, Box::pin(main))
}

#[track_caller]
fn run_boxed<T>(sim: &Sim, main: BoxedTest<'_, Result<T, Error>>) -> T {
    let (seed, result) = (sim.seed(), sim.run(main));
    let output = result.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", sim.trace()));
    let output = output.unwrap_or_else(|error| panic!("seed {seed}: {error}\n{}", sim.trace()));
    assert!(sim.leftovers().is_empty(), "seed {seed}: {} left\n{}", sim.leftovers(), sim.trace());
    output
}

/// As [`run`], for what is to fail.
#[track_caller]
pub(crate) fn run_to_error<T>(sim: &Sim, main: impl Future<Output = Result<T, Error>>) -> Error {
    run(sim, async { Ok(main.await.err()) }).expect("it should have failed")
}

/// One connection to `server.test:7`: the client's end and the server's.
pub(crate) async fn pair() -> Result<(TcpStream, TcpStream), Error> {
    let listener = Listener::bind("server.test:7").await?;
    let accepting = spawn(async move { listener.accept().await });
    let client = Stream::connect("server.test:7").await?;
    Ok((client, accepting.await??))
}

/// Accepts one connection on `listener` and sends everything back, until the peer ends its side.
pub(crate) async fn echo_once(listener: Listener) -> Result<(), Error> {
    let stream = listener.accept().await?;
    loop {
        match stream.read(ReadMode::Available).await {
            Ok(bytes) => stream.write(&bytes).await?,
            Err(Error::Closed) => return stream.shutdown().await,
            Err(error) => return Err(error),
        }
    }
}

/// Sends `data` to an echo at `server.test:7` and returns what comes back.
pub(crate) async fn echo(data: Vec<u8>) -> Result<Vec<u8>, Error> {
    let listener = Listener::bind("server.test:7").await?;
    let server = spawn(echo_once(listener));
    let (reader, writer) = Stream::connect("server.test:7").await?.split();
    let writing = spawn(async move {
        writer.write(&data).await?;
        writer.close()
    });
    let back = reader.read(ReadMode::All).await;
    writing.await??;
    drop(reader);
    server.await??;
    back
}
