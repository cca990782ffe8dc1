//! TLS in the simulated world: nothing is lost on the roughest link, and a seed decides everything but the contents.

use lem_rs::sim::{Faults, Link, Sim, Trace};

use crate::support::{run, tls};

/// An encrypted echo of some ten thousand bytes through everything that costs only time.
fn rough_echo(seed: u64) -> Trace {
    let link = Link::any(&mut lem_rs::sim::Rng::new(seed));
    let sim = Sim::builder(seed).host("server.test", ["10.0.0.1"]).link(link).faults(Faults::rough()).build();
    let mut rng = sim.rng();
    let size = rng.magnitude(1..=50_000);
    let data = rng.bytes(size);
    let back = run(&sim, tls::echo(data.clone()));
    assert!(back == data, "seed {seed}: {} bytes came back for {}\n{}", back.len(), data.len(), sim.trace());
    sim.trace()
}

#[test]
fn every_byte_arrives_over_the_roughest_links() {
    for seed in 0..200 {
        rough_echo(seed);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_of_an_encrypted_echo() {
    for seed in 0..20 {
        let (first, second) = (rough_echo(seed), rough_echo(seed));
        assert_eq!(first.to_string(), second.to_string(), "seed {seed}");
        assert_eq!(first, second);
    }
    assert_ne!(rough_echo(1), rough_echo(2));
}
