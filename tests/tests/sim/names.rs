//! Names in the simulated world.

use std::time::Duration;

use lem_rs::sim::Sim;
use lem_rs::{Listener, Phase, Stream, TcpStream};

use crate::support::{run, run_to_error, world};

#[test]
fn a_name_that_nobody_gave_is_not_known() {
    let error = run_to_error(&Sim::new(1), async { TcpStream::connect("nobody.test:7").await });
    assert_eq!(error.to_string(), "cannot resolve the name \"nobody.test\": the name is not known");
}

#[test]
fn a_forgotten_name_is_not_known_any_more() {
    let sim = world(1).build();
    sim.net().forget_host("server.test");
    let error = run_to_error(&sim, async { TcpStream::connect("server.test:7").await });
    assert_eq!(error.to_string(), "cannot resolve the name \"server.test\": the name is not known");
}

#[test]
fn a_slow_name_takes_its_time_and_ends_by_the_deadline() {
    let sim = world(1).build();
    let net = sim.net();
    net.slow_host("server.test", Duration::from_secs(20));
    run(&sim, async {
        let _listener = Listener::bind("10.0.0.1:7").await?;
        Stream::connect("server.test:7").await.map(drop)
    });
    assert_eq!(sim.elapsed().as_secs(), 20);
    net.slow_host("server.test", Duration::from_secs(3600));
    let error = run_to_error(&sim, async { TcpStream::connect("server.test:7").await });
    assert_eq!(error.timed_out(), Some(Phase::Resolve));
    assert_eq!(sim.elapsed().as_secs(), 50);
}

#[test]
fn names_are_found_in_any_case_and_with_their_last_dot() {
    let sim = world(1).build();
    run(&sim, async {
        let _listener = Listener::bind("Server.Test:7").await?;
        Stream::connect("SERVER.test.:7").await.map(drop)
    });
}

#[test]
fn localhost_is_known_everywhere() {
    run(&Sim::new(1), async {
        let listener = Listener::bind("localhost:0").await?;
        let stream = Stream::connect(("localhost", listener.local_ip().unwrap().port())).await?;
        assert!(stream.local_addr()?.ip().unwrap().ip().is_loopback());
        Ok(())
    });
}
