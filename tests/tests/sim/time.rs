//! Virtual time.

use std::time::Duration;

use lem_rs::sim::{Faults, Link, Rng, Sim, Trace};
use lem_rs::{now, sleep};

use crate::support::{echo, run};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn an_hour_of_sleep_passes_at_once_and_is_an_hour_in_the_world() {
    let sim = Sim::new(1);
    let slept = run(&sim, async {
        let begun = now();
        sleep(HOUR).await;
        Ok(now() - begun)
    });
    assert!((HOUR..HOUR + Duration::from_secs(1)).contains(&slept), "{slept:?}");
    assert!(sim.elapsed() >= HOUR);
}

fn plain_echo(seed: u64) -> Trace {
    let link = Link::any(&mut Rng::new(seed));
    let sim = Sim::builder(seed).host("server.test", ["10.0.0.1"]).link(link).faults(Faults::rough()).build();
    let mut rng = sim.rng();
    let size = rng.magnitude(1..=100_000);
    let data = rng.bytes(size);
    assert!(run(&sim, echo(data.clone())) == data, "seed {seed}\n{}", sim.trace());
    sim.trace()
}

#[test]
fn every_byte_arrives_over_the_roughest_links() {
    for seed in 0..300 {
        plain_echo(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_one_another() {
    for seed in 0..20 {
        let (first, second) = (plain_echo(seed), plain_echo(seed));
        assert_eq!(first.to_string(), second.to_string(), "seed {seed}");
        assert_eq!(first, second);
        assert_ne!(first, plain_echo(seed + 1));
    }
}
