//! A wire on which suddenly nothing arrives any more, in either direction.

use std::time::Duration;

use lem_ssl_rs::{Phase, ReadMode, Version, timeout};

use crate::support::{Deadlines, Ends, Weather, Wire, in_a_namespace, run};

const FAIR: Weather = Weather { loss: 0.0, delay: 5, jitter: 0, doubled: 0.0 };

#[test]
fn what_was_written_in_the_dark_arrives_when_it_is_light_again() {
    in_a_namespace("darkness::eclipse");
}

#[test]
#[ignore = "a scenario for a network namespace of its own"]
fn eclipse() {
    let mut wire = Wire::lay(FAIR);
    run(async {
        for version in [Version::Tls12, Version::Tls13] {
            let (client, server) = Ends::open(version, Deadlines::LONG).await.pair().await;
            wire.dark();
            server.write("written in the dark, ").await.unwrap();
            let nothing = timeout(Duration::from_millis(300), client.read(21)).await;
            assert!(nothing.is_err(), "{nothing:?}");
            server.write("twice\n").await.unwrap();
            assert!(wire.light() > 0, "what was written was under way");
            assert_eq!(client.read(ReadMode::Line).await.unwrap(), b"written in the dark, twice\n");
            client.abort();
            server.abort();
        }
    });
}

#[test]
fn deadlines_end_what_the_dark_holds_up() {
    in_a_namespace("darkness::night");
}

#[test]
#[ignore = "a scenario for a network namespace of its own"]
fn night() {
    let mut wire = Wire::lay(FAIR);
    run(async {
        for version in [Version::Tls12, Version::Tls13] {
            let second = Duration::from_secs(1);
            let deadlines = Deadlines { connect: second, close: second, ..Deadlines::LONG };
            let ends = Ends::open(version, Deadlines { connect: 30 * second, ..deadlines }).await;
            let (client, server) = ends.pair().await;
            let late = Ends::open(version, deadlines).await;
            wire.dark();
            let connect = late.connect().await.unwrap_err();
            assert_eq!(connect.timed_out(), Some(Phase::Connect), "{connect}");
            for stream in [client, server] {
                stream.write("nobody hears this").await.unwrap();
                let goodbye = stream.shutdown().await.unwrap_err();
                assert_eq!(goodbye.timed_out(), Some(Phase::Close), "{goodbye}");
            }
            wire.light();
        }
    });
}
