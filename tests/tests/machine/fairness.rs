//! Turns: nobody keeps the machine for itself.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::{Error, Inbox, Listener, Queue, ReadMode, Sleeper, TcpStream, sleep, spawn, yield_now};

use crate::endless::endless;
use crate::support::{Log, poll_once, run};

/// Counts how often a task that only gives way had its turn while `work` ran.
async fn turns_during(work: impl Future<Output = ()>) -> usize {
    let turns = Rc::new(Cell::new(0));
    let theirs = turns.clone();
    let neighbour = spawn(async move {
        loop {
            theirs.set(theirs.get() + 1);
            yield_now().await;
        }
    });
    work.await;
    neighbour.cancel();
    turns.get()
}

/// What one task may move before the others have their turn, with some slack: the figure itself is not promised.
const A_TURN: usize = 2 * 1024 * 1024;

#[test]
fn two_tasks_that_give_way_alternate() {
    run(async {
        let log = Log::default();
        let tasks: Vec<_> = ["left", "right"]
            .map(|name| {
                let log = log.clone();
                spawn(async move {
                    for _ in 0..200 {
                        log.add(name);
                        yield_now().await;
                    }
                })
            })
            .into();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(log.entries().chunks(2).all(|pair| pair == ["left", "right"]));
    });
}

#[test]
fn giving_way_lets_every_other_ready_task_run_once() {
    run(async {
        let log = Log::default();
        let tasks: Vec<_> = (0..500)
            .map(|number| {
                let log = log.clone();
                spawn(async move { log.add(number) })
            })
            .collect();
        yield_now().await;
        assert!(log.entries().into_iter().eq(0..500));
        drop(tasks);
    });
}

#[test]
fn tasks_that_are_always_ready_do_not_keep_a_timer_from_firing() {
    run(async {
        let over = Rc::new(Cell::new(false));
        for _ in 0..10 {
            let over = over.clone();
            spawn(async move {
                while !over.get() {
                    yield_now().await;
                }
            })
            .detach();
        }
        sleep(Duration::from_millis(5)).await;
        over.set(true);
        yield_now().await;
    });
}

#[test]
fn a_peer_that_always_has_data_does_not_keep_a_neighbour_from_running() {
    run(async {
        let stream = endless();
        let turns = turns_during(async {
            while stream.bytes_read() < 64 * A_TURN as u64 {
                stream.read(ReadMode::Available).await.unwrap();
            }
        })
        .await;
        assert!(turns >= 60, "{turns} turns");
        stream.abort();
    });
}

#[test]
fn one_read_of_very_much_does_not_keep_a_neighbour_from_running() {
    run(async {
        let stream = endless();
        let turns = turns_during(async {
            // As much as a read of one piece may be asked for by default.
            let bytes = stream.read(ReadMode::Exact(16 * A_TURN)).await.unwrap();
            assert_eq!(bytes.len(), 16 * A_TURN);
        })
        .await;
        assert!(turns >= 15, "{turns} turns");
        stream.abort();
    });
}

#[test]
fn many_small_reads_of_what_is_there_do_not_keep_a_neighbour_from_running() {
    run(async {
        let stream = endless();
        let turns = turns_during(async {
            for _ in 0..200_000 {
                stream.read(1).await.unwrap();
            }
        })
        .await;
        assert!(turns >= 10, "{turns} turns");
        stream.abort();
    });
}

#[test]
fn a_peer_that_takes_everything_does_not_keep_a_neighbour_from_running() {
    run(async {
        let stream = endless();
        let much = vec![0; 16 * A_TURN];
        let turns = turns_during(async { stream.write(&much).await.unwrap() }).await;
        assert!(turns >= 15, "{turns} turns");
        stream.abort();
    });
}

#[test]
fn a_peer_that_always_has_data_does_not_keep_a_timer_from_firing() {
    run(async {
        let stream = Rc::new(endless());
        let theirs = stream.clone();
        let reader = spawn(async move {
            // It only ends when the timer's task ends it; the bound is there so that a failure is one and no hang.
            while theirs.bytes_read() < 1 << 40 {
                theirs.read(ReadMode::Available).await?;
            }
            Ok::<(), Error>(())
        });
        sleep(Duration::from_millis(5)).await;
        stream.abort();
        assert!(reader.await.unwrap().is_err());
    });
}

#[test]
fn a_queue_that_always_has_values_does_not_keep_a_neighbour_from_running() {
    run(async {
        let queue = Queue::new();
        (0..100_000).for_each(|value| queue.put(value));
        let turns = turns_during(async { while queue.get().await.unwrap() < 99_999 {} }).await;
        assert!(turns >= 5, "{turns} turns");
        let inbox = Inbox::new();
        (0..100_000).for_each(|value| inbox.put(value).unwrap());
        let turns = turns_during(async { while inbox.take().await.unwrap() < 99_999 {} }).await;
        assert!(turns >= 5, "{turns} turns");
    });
}

#[test]
fn a_take_that_gives_way_loses_no_value_when_it_is_dropped() {
    run(async {
        let inbox = Inbox::new();
        (0..50_000).for_each(|value| inbox.put(value).unwrap());
        let mut taken = Vec::new();
        while taken.len() < 50_000 {
            let mut take = pin!(inbox.take());
            // Where it would have given way, it is dropped and another one begun.
            match poll_once(take.as_mut()).await {
                std::task::Poll::Ready(value) => taken.push(value.unwrap()),
                std::task::Poll::Pending => yield_now().await,
            }
        }
        assert!(taken.into_iter().eq(0..50_000));
    });
}

#[test]
fn a_loop_over_errors_that_come_at_once_lets_others_have_their_turns() {
    const TRIES: usize = 50_000;
    run(async {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(("127.0.0.1", listener.local_ip().unwrap().port())).await.unwrap();
        near.abort();
        let closed: Inbox<()> = Inbox::default();
        closed.close().unwrap();
        listener.close().unwrap();
        let sleeper = Rc::new(Sleeper::new());
        let theirs = sleeper.clone();
        let asleep = spawn(async move { theirs.sleep(Duration::from_secs(3_600)).await });
        yield_now().await;
        let turns = [
            turns_during(tries(TRIES, async || near.read(1).await.unwrap_err())).await,
            turns_during(tries(TRIES, async || near.write("x").await.unwrap_err())).await,
            turns_during(tries(TRIES, async || listener.accept().await.unwrap_err())).await,
            turns_during(tries(TRIES, async || closed.take().await.unwrap_err())).await,
            turns_during(tries(TRIES, async || sleeper.sleep(Duration::ZERO).await.unwrap_err())).await,
            turns_during(tries(TRIES, async || TcpStream::connect("no port").await.unwrap_err())).await,
            turns_during(tries(TRIES, async || TcpStream::connect(("127.0.0.1", 0)).await.unwrap_err())).await,
        ];
        assert!(turns.iter().all(|turns| *turns > 1), "{turns:?}");
        sleeper.wake(()).unwrap();
        asleep.await.unwrap().unwrap();
    });
}

#[test]
fn one_who_is_told_that_a_stream_is_busy_again_and_again_lets_the_other_go_on() {
    run(async {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(("127.0.0.1", listener.local_ip().unwrap().port())).await.unwrap();
        let (near, far) = (Rc::new(near), listener.accept().await.unwrap());
        let reader = spawn({
            let near = near.clone();
            async move { near.read(1).await }
        });
        yield_now().await;
        let writer = spawn(async move { far.write("xy").await.map(|()| far) });
        while matches!(near.read(1).await, Err(Error::Busy)) {}
        assert_eq!(reader.await.unwrap().unwrap(), b"x");
        writer.await.unwrap().unwrap();
    });
}

async fn tries(count: usize, mut attempt: impl AsyncFnMut() -> Error) {
    for _ in 0..count {
        attempt().await;
    }
}
