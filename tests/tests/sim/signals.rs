//! Signals in the simulated world.

use std::rc::Rc;
use std::time::Duration;

use lem_rs::signal::{Signal, Signals};
use lem_rs::{Error, Listener, sleep, spawn};

use crate::support::{run, world};

#[test]
fn a_server_that_drains_on_a_signal_can_be_tested_in_virtual_time() {
    let sim = world(1).build();
    let net = sim.net();
    run(&sim, async move {
        let signals = Signals::new([Signal::Terminate, Signal::Hangup])?;
        let listener = Rc::new(Listener::bind("server.test:7").await?);
        let serving = listener.clone();
        let server = spawn(async move { serving.autospawn(|stream| async move { drop(stream) }).await });
        spawn(async move {
            sleep(Duration::from_secs(3600)).await;
            assert_eq!(net.signal(Signal::Hangup), 1);
            assert_eq!(net.signal(Signal::Terminate), 1);
            assert_eq!(net.signal(Signal::User1), 0, "nobody receives it");
        })
        .detach();
        assert_eq!(signals.next().await?, Signal::Hangup);
        assert_eq!(signals.next().await?, Signal::Terminate);
        listener.close()?;
        assert!(matches!(server.await?, Err(Error::Interrupted)));
        Ok(())
    });
    assert!(sim.elapsed() >= Duration::from_secs(3600));
}
