//! The last calls of a connection: what is known is not asked for.

use lem_rs::sim::{Sim, Trace};
use lem_ssl_rs::{Error, ReadMode, spawn};

use crate::support::{run, tls, world};

/// How often `end` of the first connection has made this `call`.
fn calls(trace: &Trace, end: &str, call: &str) -> usize {
    trace.to_string().lines().filter(|line| line.contains(&format!("{end} {call}"))).count()
}

/// A client asks, a server answers; the client says goodbye, and the server after it.
fn talk(sim: &Sim) {
    run(sim, async {
        let (client, server) = tls::contexts();
        let listening = server.listen("server.test:443").await?;
        let serving = spawn(async move {
            let stream = listening.accept().await?;
            let question = stream.read(ReadMode::Line).await?;
            stream.write(&question).await?;
            assert!(matches!(stream.read(ReadMode::Line).await, Err(Error::Closed)));
            stream.shutdown().await
        });
        let stream = client.connect("server.test:443").await?;
        stream.write("question\n").await?;
        assert_eq!(stream.read(ReadMode::Line).await?, b"question\n");
        stream.shutdown().await?;
        serving.await?
    });
}

#[test]
fn a_fin_that_was_announced_is_not_read() {
    let reads = |seed| {
        let sim = world(seed).build();
        talk(&sim);
        ["#1>", "#1<"].map(|end| calls(&sim.trace(), end, "reads FIN"))
    };
    let ends: Vec<_> = (0..20).map(reads).collect();
    // On sockets where a short read says that there is no more; of the others nobody knows without a call.
    assert!(ends.iter().any(|[client, _]| *client == 0), "{ends:?}");
    assert!(ends.iter().any(|[_, server]| *server == 0), "{ends:?}");
}
