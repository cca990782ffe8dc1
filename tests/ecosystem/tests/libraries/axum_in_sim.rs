//! The same program in a simulated world, with slow links and connections that are reset: no time passes, and the same
//! seed is the same world.

use std::future::pending;
use std::time::Duration;

use lem_ssl_ecosystem::app::{self, Sum};
use lem_ssl_ecosystem::http::{Client, HTTP1, HTTP2, full};
use lem_ssl_rs::sim::{Fault, Faults, Link, Rng, Sim, Trace};
use lem_ssl_rs::{Context, Error, Identity, Roots, sleep, spawn, timeout};

const SEEDS: u64 = 200;
const CONNECTIONS: usize = 6;
const REQUESTS: usize = 4;

/// How the requests of a world ended.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Tally {
    right: usize,
    /// The connection was cut off, and that was told.
    cut: usize,
}

#[test]
fn axum_answers_right_or_tells_of_the_cut_and_each_world_is_the_same_twice() {
    let mut sum = Tally::default();
    for seed in 0..SEEDS {
        let (tally, trace) = run(seed);
        let (again, trace_again) = run(seed);
        assert_eq!(tally, again, "seed {seed}: the requests end differently");
        // A failure would print thousands of events.
        assert!(trace == trace_again, "seed {seed}: the traces differ");
        sum.right += tally.right;
        sum.cut += tally.cut;
    }
    let all = SEEDS as usize * CONNECTIONS * REQUESTS;
    assert_eq!(sum.right + sum.cut, all);
    // Most are right, and the worlds are not so kind that nothing is tried.
    assert!(sum.right > all / 2 && sum.cut > all / 100, "{sum:?}");
}

fn run(seed: u64) -> (Tally, Trace) {
    let link = Link::any(&mut Rng::new(seed));
    let faults = Faults::none().with(Fault::Reset, 0.003).with(Fault::Stall, 0.003);
    let sim = Sim::builder(seed).host("web.test", ["10.0.0.1"]).link(link).faults(faults).check_wakers(true).build();
    let tally = sim.run(world(seed)).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let tally = tally.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    assert!(sim.leftovers().is_empty(), "seed {seed} leaves {}", sim.leftovers());
    (tally, sim.trace())
}

async fn world(seed: u64) -> Result<Tally, Error> {
    let identity = Identity::self_signed_ed25519(["web.test"])?;
    // Half of the worlds speak HTTP/2.
    let protocol = if seed.is_multiple_of(2) { HTTP1 } else { HTTP2 };
    let builder = Context::builder().roots(Roots::Pem(identity.chain_pem().into())).identity(identity);
    let context = builder.alpn([protocol]).build()?;
    let server = context.listen("web.test:443").await?;
    let router = app::router();
    let accepting = spawn(async move {
        let handler = move |stream| {
            let router = router.clone();
            async move {
                // A connection that is reset ends with an error.
                let _ = app::serve(stream, router, pending::<()>()).await;
            }
        };
        let _ = server.autospawn(handler).await;
    });
    let callers: Vec<_> = (0..CONNECTIONS).map(|caller| spawn(call(context.clone(), caller))).collect();
    let mut tally = Tally::default();
    for caller in callers {
        let right = caller.await.expect("an answer is right, or an error")?;
        tally.right += right;
        tally.cut += REQUESTS - right;
    }
    accepting.cancel();
    // Goodbyes have their deadline.
    sleep(Duration::from_secs(200)).await;
    Ok(tally)
}

/// How many requests were answered before the connection was cut off. An answer that is wrong is a panic, and so is one
/// that never comes.
async fn call(context: Context, caller: usize) -> Result<usize, Error> {
    const MAX: Duration = Duration::from_secs(600);
    let Ok(stream) = context.connect("web.test:443").await else { return Ok(0) };
    let Ok(Ok((mut client, connection))) = timeout(MAX, Client::new(stream)).await else { return Ok(0) };
    let mut right = 0;
    for request in 0..REQUESTS {
        match timeout(MAX, ask(&mut client, caller + request)).await.expect("an answer or an error comes") {
            Ok(()) => right += 1,
            Err(_) => break,
        }
    }
    drop(client);
    let _ = timeout(MAX, connection).await.expect("the connection ends");
    Ok(right)
}

async fn ask(client: &mut Client, kind: usize) -> Result<(), hyper::Error> {
    match kind % 4 {
        0 => assert_eq!(client.get(&format!("/hi/{kind}")).await?, format!("hi {kind}")),
        1 => {
            let numbers = vec![1; kind];
            let sum = client.post("/sum", full(serde_json::to_vec(&Sum { numbers, sum: None }).unwrap())).await?;
            assert_eq!(serde_json::from_slice::<Sum>(&sum).unwrap().sum, Some(kind as i64));
        }
        2 => assert_eq!(client.get("/body?bytes=700&pieces=20").await?.len(), 14_000),
        _ => assert_eq!(client.post("/length", full(vec![0; 30_000])).await?, "30000"),
    }
    Ok(())
}
