//! Data in both directions at once, over a wire that loses packets.

use std::rc::Rc;

use lem_ssl_rs::{Error, ReadMode, Stream, Version, spawn};

use crate::support::{Deadlines, Ends, Weather, Wire, in_a_namespace, pattern, run};

const LENGTH: usize = 192 * 1024;

const CONNECTIONS: usize = 6;

#[test]
fn everything_arrives_over_a_wire_that_loses_delays_reorders_and_doubles_packets() {
    in_a_namespace("transfers::exchanges");
}

#[test]
#[ignore = "a scenario for a network namespace of its own"]
fn exchanges() {
    let mut wire = Wire::lay(Weather { loss: 0.02, delay: 10, jitter: 5, doubled: 0.01 });
    run(async {
        for version in [Version::Tls12, Version::Tls13] {
            let ends = Rc::new(Ends::open(version, Deadlines::LONG).await);
            let mut exchanges = Vec::new();
            for _ in 0..CONNECTIONS {
                let (client, server) = ends.pair().await;
                exchanges.extend([client, server].map(|stream| spawn(exchange(stream))));
            }
            for exchange in exchanges {
                exchange.await.unwrap();
            }
            let counters = ends.server.counters();
            assert_eq!(counters.handshakes_finished, CONNECTIONS as u64);
            assert_eq!(counters.received, (CONNECTIONS * LENGTH) as u64);
        }
    });
    let lost = wire.light();
    assert!(lost > 20, "a good wire: {lost} packets lost");
}

/// Says what is to be said while it hears what is to be heard.
async fn exchange(stream: Stream) {
    let (read, write) = stream.split();
    let speaking = spawn(async move {
        write.write(&pattern(LENGTH)).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let heard = read.read(ReadMode::All).await.unwrap();
    assert!(heard == pattern(LENGTH), "{} bytes of {LENGTH}", heard.len());
    assert!(matches!(read.read(ReadMode::Available).await, Err(Error::Closed)), "it has ended, and cleanly");
    speaking.await.unwrap();
}
