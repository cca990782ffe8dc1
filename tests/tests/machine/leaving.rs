//! How long a machine and a stream wait for peers that say nothing.

use std::time::Duration;

use lem_rs::sim::Sim;
use lem_rs::{Error, Listener, ReadMode, TcpStream, now, sleep, spawn};

const LIMIT: Duration = Duration::from_millis(300);

/// A connection whose other end says nothing and stays open.
async fn with_a_silent_peer() -> (TcpStream, TcpStream) {
    let listener = Listener::bind("server.test:7").await.unwrap();
    let client = TcpStream::connect("server.test:7").await.unwrap();
    (client, listener.accept().await.unwrap())
}

fn world() -> lem_rs::sim::SimBuilder {
    Sim::builder(1).host("server.test", ["10.0.0.1"])
}

/// How long the world's `run` takes behind the end of a program that leaves a stream to a silent peer.
fn lingered(sim: &Sim, prepare: impl Fn(&TcpStream)) -> Duration {
    let ended = sim
        .run(async {
            let (ours, theirs) = with_a_silent_peer().await;
            // It lives on in a task that nobody waits for.
            spawn(async move {
                sleep(Duration::from_secs(3_600)).await;
                drop(theirs);
            })
            .detach();
            ours.write("the end").await.unwrap();
            prepare(&ours);
            drop(ours);
            sim.elapsed()
        })
        .unwrap();
    sim.elapsed() - ended
}

#[test]
fn a_silent_peer_is_waited_for_as_long_as_closing_has() {
    assert_eq!(lingered(&world().build(), |_| {}), Duration::from_secs(5));
}

#[test]
fn a_machine_with_a_linger_leaves_in_its_time() {
    assert_eq!(lingered(&world().linger(LIMIT).build(), |_| {}), LIMIT);
}

#[test]
fn a_machine_with_a_linger_of_zero_leaves_at_once() {
    assert_eq!(lingered(&world().linger(Duration::ZERO).build(), |_| {}), Duration::ZERO);
}

#[test]
fn a_linger_that_no_clock_can_show_is_none() {
    assert_eq!(lingered(&world().linger(Duration::MAX).build(), |_| {}), Duration::from_secs(5));
}

#[test]
fn a_linger_is_a_limit_and_not_a_wait() {
    let sim = world().linger(Duration::from_secs(60)).build();
    assert_eq!(lingered(&sim, |_| {}), Duration::from_secs(5));
    let ended = sim
        .run(async {
            drop(with_a_silent_peer().await);
            sim.elapsed()
        })
        .unwrap();
    assert!(sim.elapsed() - ended < Duration::from_secs(1), "both ends were closed");
}

#[test]
fn a_stream_may_have_a_deadline_of_its_own() {
    assert_eq!(lingered(&world().build(), |stream| stream.set_close_deadline(LIMIT)), LIMIT);
    assert_eq!(lingered(&world().build(), |stream| stream.set_close_deadline(Duration::ZERO)), Duration::ZERO);
}

#[test]
fn halves_and_poll_functions_set_it_as_well() {
    for how in 0..3 {
        let sim = world().build();
        let ended = sim
            .run(async {
                let (ours, theirs) = with_a_silent_peer().await;
                spawn(async move {
                    sleep(Duration::from_secs(3_600)).await;
                    drop(theirs);
                })
                .detach();
                match how {
                    0 => ours.split().0.set_close_deadline(LIMIT),
                    1 => ours.split().1.set_close_deadline(LIMIT),
                    _ => ours.into_polled().set_close_deadline(LIMIT),
                }
                sim.elapsed()
            })
            .unwrap();
        assert_eq!(sim.elapsed() - ended, LIMIT, "{how}");
    }
}

#[test]
fn a_close_that_was_begun_keeps_its_deadline() {
    let late = world().build().run(async {
        let (ours, theirs) = with_a_silent_peer().await;
        ours.set_close_deadline(LIMIT);
        ours.close().unwrap();
        ours.set_close_deadline(Duration::from_secs(60));
        let begun = now();
        let error = ours.shutdown().await.unwrap_err();
        drop(theirs);
        (error.to_string(), now() - begun)
    });
    assert_eq!(late.unwrap(), ("close timed out after 300 ms".into(), LIMIT));
}

#[test]
fn what_the_kernel_has_arrives_although_nobody_lingers() {
    let sim = world().linger(Duration::ZERO).build();
    let theirs = sim
        .run(async {
            let (ours, theirs) = with_a_silent_peer().await;
            ours.write("all of it").await.unwrap();
            drop(ours);
            theirs
        })
        .unwrap();
    let heard = sim.run(async { theirs.read(ReadMode::All).await }).unwrap();
    assert_eq!(heard.unwrap(), b"all of it");
}

#[test]
fn what_was_not_finished_goes_on_with_the_next_run() {
    let sim = world().linger(Duration::ZERO).build();
    let (ours, theirs) = sim
        .run(async {
            let (ours, theirs) = with_a_silent_peer().await;
            ours.close().unwrap();
            (ours, theirs)
        })
        .unwrap();
    let ended: Result<(), Error> = sim
        .run(async {
            theirs.close().unwrap();
            ours.shutdown().await
        })
        .unwrap();
    ended.unwrap();
}
