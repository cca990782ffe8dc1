//! Blocking calls: elsewhere in name only.

use std::thread;
use std::time::Duration;

use lem_rs::sim::Sim;
use lem_rs::{JoinError, now, sleep, spawn, unblock};

use crate::support::run;

#[test]
fn a_blocking_call_runs_on_another_thread_after_a_virtual_while() {
    let sim = Sim::new(1);
    let here = thread::current().id();
    let took = run(&sim, async {
        let begun = now();
        assert_ne!(unblock(|| thread::current().id()).await?, here);
        Ok(now() - begun)
    });
    assert!(took >= Duration::from_millis(1), "{took:?}");
}

#[test]
fn a_call_that_blocks_for_real_takes_no_virtual_time_of_its_own() {
    let sim = Sim::new(1);
    run(&sim, async {
        let slow = spawn(unblock(|| thread::sleep(Duration::from_millis(20))));
        sleep(Duration::from_millis(2)).await;
        assert!(slow.is_finished());
        Ok(slow.await??)
    });
}

#[test]
fn a_panic_of_a_blocking_call_reaches_who_waits_for_it() {
    let sim = Sim::new(1);
    let error = run(&sim, async { Ok(unblock(|| std::panic::resume_unwind(Box::new("no"))).await.unwrap_err()) });
    assert_eq!(error, JoinError::Panicked("no".into()));
}

#[test]
fn a_blocking_call_that_nobody_waits_for_any_more_does_not_begin() {
    let sim = Sim::new(1);
    run(&sim, async {
        drop(unblock(|| panic!("nobody wants it")));
        sleep(Duration::from_secs(1)).await;
        Ok(())
    });
    // One that is under way when the world ends goes with it.
    sim.run(async { drop(spawn(unblock(|| panic!("nobody wants it")))) }).unwrap();
}
