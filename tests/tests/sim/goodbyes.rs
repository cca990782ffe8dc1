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

#[test]
fn goodbye_and_fin_go_in_one_packet() {
    /// A `close_notify` as a record of TLS 1.3.
    const GOODBYE: usize = 24;
    for seed in 0..20 {
        let sim = world(seed).build();
        talk(&sim);
        let trace = sim.trace();
        for end in ["#1>", "#1<"] {
            assert_eq!(calls(&trace, end, &format!("sends {GOODBYE} and FIN")), 1, "{trace}");
        }
    }
}

#[test]
fn the_goodbye_of_one_direction_goes_with_its_fin_and_the_other_goes_on() {
    let sim = world(3).build();
    run(&sim, async {
        let (client, server) = tls::contexts();
        let listening = server.listen("server.test:443").await?;
        let serving = spawn(async move {
            let stream = listening.accept().await?;
            assert_eq!(stream.read(ReadMode::All).await?, b"question");
            stream.write("answer").await?;
            stream.shutdown().await
        });
        let stream = client.connect("server.test:443").await?;
        stream.write("question").await?;
        stream.close_write()?;
        assert_eq!(stream.read(ReadMode::All).await?, b"answer");
        stream.shutdown().await?;
        serving.await?
    });
    let trace = sim.trace();
    assert_eq!(calls(&trace, "#1>", "sends 24 and FIN"), 1, "{trace}");
}
