//! Handshakes over a wire that loses one packet of four.

use std::rc::Rc;
use std::time::Duration;

use lem_ssl_rs::{Error, Phase, ReadMode, Stream, Version, spawn};

use crate::support::{Deadlines, Ends, Weather, Wire, in_a_namespace, run};

const CLIENTS: usize = 40;

#[test]
fn a_handshake_over_a_very_bad_wire_finishes_or_says_that_it_took_too_long() {
    in_a_namespace("handshakes::storm");
}

#[test]
#[ignore = "a scenario for a network namespace of its own"]
fn storm() {
    let mut wire = Wire::lay(Weather { loss: 0.25, delay: 5, jitter: 10, doubled: 0.05 });
    run(async {
        for version in [Version::Tls12, Version::Tls13] {
            // Short enough that some come too late: after one loss it takes a second, after two it takes three.
            let deadlines = Deadlines { connect: Duration::from_millis(2_500), ..Deadlines::LONG };
            let ends = Rc::new(Ends::open(version, deadlines).await);
            let serving = ends.clone();
            let server = spawn(async move { serving.server.autospawn(echo).await });
            let mut clients = Vec::new();
            for _ in 0..CLIENTS {
                let ends = ends.clone();
                clients.push(spawn(async move { ask(&ends).await }));
            }
            let mut answered = 0;
            for client in clients {
                match client.await.unwrap() {
                    Ok(()) => answered += 1,
                    Err(error) => {
                        let late = matches!(error.timed_out(), Some(Phase::Connect | Phase::Handshake));
                        assert!(late, "{error:?}");
                    }
                }
            }
            println!("{version:?}: {answered} of {CLIENTS} in time");
            assert!(answered > 0);
            assert!(ends.server.counters().handshakes_finished >= answered);
            server.cancel();
        }
    });
    let lost = wire.light();
    assert!(lost > 20, "a good wire: {lost} packets lost");
}

async fn ask(ends: &Ends) -> Result<(), Error> {
    let stream = ends.connect().await?;
    // From here on there is no deadline, and no excuse.
    stream.write("a question\n").await.unwrap();
    assert_eq!(stream.read(ReadMode::Line).await.unwrap(), b"a question\n");
    stream.abort();
    Ok(())
}

async fn echo(stream: Stream) {
    while let Ok(line) = stream.read(ReadMode::Line).await {
        // The client may be gone.
        let _ = stream.write(&line).await;
    }
}
