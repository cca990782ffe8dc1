//! Virtual time.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::sim::{Fault, Faults, Link, Rng, Sim, Trace};
use lem_rs::{Error, Listener, TcpStream, now, sleep, spawn, yield_now};

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

#[test]
fn a_task_that_spins_sees_time_pass() {
    let sim = Sim::new(1);
    run(&sim, async {
        let end = now() + Duration::from_millis(10);
        while now() < end {
            yield_now().await;
        }
        Ok(())
    });
}

#[test]
fn a_task_that_spins_for_ever_ends_the_run() {
    let sim = Sim::builder(1).most_turns(1_000).build();
    let outcome = sim.run(async {
        loop {
            yield_now().await;
        }
    });
    let error = outcome.map(|()| "it has ended").unwrap_err();
    assert!(error.to_string().starts_with("the simulation was not over after 1000 turns"), "{error}");
}

#[test]
fn timers_fire_in_the_order_of_their_deadlines() {
    let sim = Sim::new(1);
    let order = run(&sim, async {
        let order = Rc::new(RefCell::new(Vec::new()));
        let tasks: Vec<_> = [30, 10, 20]
            .map(|seconds| {
                let order = order.clone();
                spawn(async move {
                    sleep(Duration::from_secs(seconds)).await;
                    order.borrow_mut().push(seconds);
                })
            })
            .into();
        for task in tasks {
            task.await?;
        }
        Ok(order.take())
    });
    assert_eq!(order, [10, 20, 30]);
}

#[test]
fn a_task_that_answers_each_error_with_another_try_ends_the_run() {
    let sim = Sim::builder(1).most_turns(1_000).build();
    let outcome = sim.run(async {
        let listener = Listener::bind("10.0.0.1:7").await?;
        listener.close()?;
        loop {
            if let Ok(stream) = listener.accept().await {
                return Ok::<_, Error>(stream);
            }
        }
    });
    let error = outcome.map(|_| "it has ended").unwrap_err();
    assert!(error.to_string().contains("not over after 1000 turns"), "{error}");
}

#[test]
fn what_takes_for_ever_never_comes_and_breaks_nothing() {
    let sim = Sim::builder(1).link(Link::default().latency(Duration::MAX).jitter(Duration::MAX)).build();
    sim.net().slow_host("far.test", Duration::MAX);
    run(&sim, async {
        let _listener = Listener::bind("10.0.0.1:7").await?;
        for address in ["10.0.0.1:7", "far.test:7"] {
            assert!(matches!(TcpStream::connect(address).await, Err(Error::Timeout(_) | Error::Connect(_))));
        }
        Ok(())
    });
}

#[test]
#[should_panic = "is no probability"]
fn a_fault_has_a_probability_and_no_other_number() {
    let _ = Faults::none().with(Fault::Reset, f64::NAN);
}
