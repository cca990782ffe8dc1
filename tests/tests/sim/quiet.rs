//! A stream that was quiet for a while keeps keys and counters of its records only, and goes on as if nothing had been.

use std::sync::Arc;
use std::time::Duration;

use lem_rs::{sleep, spawn};
use lem_ssl_rs::{Context, Error, ReadMode, Stream};
use lem_ssl_tests::records::Records;

use crate::support::{run, tls, world};

async fn pair((client, server): (Context, Context)) -> Result<[Stream; 2], Error> {
    let listening = server.listen("server.test:443").await?;
    let accepting = spawn(async move { listening.accept().await });
    let client = client.connect("server.test:443").await?;
    Ok([client, accepting.await??])
}

/// Lets time pass. The machine looks at its streams when it has something to do anyway: in this world time jumps.
async fn pass(seconds: u64) {
    for _ in 0..seconds {
        sleep(Duration::from_secs(1)).await;
    }
}

fn at_rest(streams: &[Stream; 2]) -> [Option<bool>; 2] {
    streams.each_ref().map(Records::are_at_rest)
}

#[test]
fn a_quiet_stream_rests_and_goes_on_with_each_suite() {
    let all = tls::provider();
    for suite in all.cipher_suites.iter().filter(|suite| suite.tls13().is_some()) {
        let mut only = tls::provider();
        only.cipher_suites = vec![*suite];
        run(&world(3).build(), async move {
            let streams = pair(tls::contexts_with(Arc::new(only))).await?;
            for round in 0..5 {
                let [near, far] = &streams;
                for _ in 0..3 {
                    near.write("a question\n").await?;
                    assert_eq!(far.read(ReadMode::Line).await?, b"a question\n", "round {round}");
                    far.write("an answer\n").await?;
                    assert_eq!(near.read(ReadMode::Line).await?, b"an answer\n", "round {round}");
                }
                assert_eq!(at_rest(&streams), [Some(false); 2], "{suite:?}, round {round}");
                pass(30).await;
                assert_eq!(at_rest(&streams), [Some(true); 2], "{suite:?}, round {round}");
            }
            // One use is enough to be looked at again, and one direction to be awake.
            streams[0].write("last words").await?;
            assert_eq!(at_rest(&streams)[0], Some(false), "{suite:?}");
            pass(30).await;
            assert_eq!(at_rest(&streams)[0], Some(true), "{suite:?}");
            let [near, far] = streams;
            near.close()?;
            assert_eq!(far.read(ReadMode::All).await?, b"last words");
            Ok(())
        });
    }
}

#[test]
fn a_stream_that_is_used_now_and_then_does_not_rest_and_one_that_was_never_used_does() {
    run(&world(4).build(), async {
        let used = pair(tls::contexts()).await?;
        let unused = pair(tls::contexts()).await;
        // Both servers have one name; the first listens no more.
        let unused = unused?;
        for _ in 0..30 {
            used[0].write("x").await?;
            used[1].read(1).await?;
            used[1].write("y").await?;
            used[0].read(1).await?;
            assert_eq!(at_rest(&used), [Some(false); 2]);
            pass(2).await;
        }
        assert_eq!(at_rest(&unused), [Some(true); 2]);
        Ok(())
    });
}
