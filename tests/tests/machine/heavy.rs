//! Long computations: some of them in each turn, and those who have waited longest first.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use lem_rs::transport::{InputBuffer, Source, StreamOptions};
use lem_rs::{Plain, sleep, spawn, timeout, yield_now};

use crate::support::run;

/// One who has something to compute whenever a socket wakes it.
async fn compute_at_every_event(rounds: Rc<Cell<u32>>) {
    let (near, far) = UnixStream::pair().unwrap();
    let [near, far] = [near, far].map(|socket| {
        let transport = Plain::new(Source::adopt(socket).unwrap());
        lem_rs::UnixStream::new(transport, InputBuffer::default(), StreamOptions::default())
    });
    loop {
        far.write("x").await.unwrap();
        near.read(1).await.unwrap();
        heavy_turn(&source()).await;
        rounds.set(rounds.get() + 1);
    }
}

async fn heavy_turn(source: &Source) {
    let mut permit = source.cpu_permit();
    poll_fn(|cx| permit.poll(cx)).await;
}

fn source() -> Source {
    Source::adopt(UnixStream::pair().unwrap().0).unwrap()
}

#[test]
fn a_task_computes_at_once_while_nobody_waits_and_with_others_in_turns() {
    run(async {
        let source = source();
        let mut permits: Vec<_> = (0..100).map(|_| source.cpu_permit()).collect();
        let mut granted = Vec::new();
        while granted.iter().sum::<usize>() < 100 {
            granted.push(
                poll_fn(|cx| {
                    let before = permits.len();
                    permits.retain_mut(|permit| permit.poll(cx).is_pending());
                    Poll::Ready(before - permits.len())
                })
                .await,
            );
            yield_now().await;
        }
        assert!((1..50).contains(&granted[0]), "{granted:?}");
        assert!(granted.iter().all(|turn| *turn <= granted[0]), "{granted:?}");
    });
}

#[test]
fn the_task_that_has_waited_longest_computes_first_however_many_come_after_it() {
    run(async {
        let rounds = Rc::new(Cell::new(0));
        let others: Vec<_> = (0..64).map(|_| spawn(compute_at_every_event(rounds.clone()))).collect();
        while rounds.get() < 1_000 {
            yield_now().await;
        }
        for _ in 0..20 {
            let before = rounds.get();
            heavy_turn(&source()).await;
            // All the others may have waited before it, and some may compute in the same turn.
            assert!(rounds.get() - before < 100, "{} others came first", rounds.get() - before);
        }
        others.iter().for_each(lem_rs::JoinHandle::cancel);
    });
}

#[test]
fn a_task_that_gives_up_or_goes_while_it_waits_takes_no_other_s_turn() {
    run(async {
        let rounds = Rc::new(Cell::new(0));
        let others: Vec<_> = (0..16).map(|_| spawn(compute_at_every_event(rounds.clone()))).collect();
        for _ in 0..200 {
            // One that is cancelled, and one that goes on with something else.
            let gone = spawn(async { heavy_turn(&source()).await });
            let late = timeout(Duration::ZERO, heavy_turn(&source())).await;
            gone.cancel();
            drop(late);
            yield_now().await;
        }
        let before = rounds.get();
        while rounds.get() < before + 1_000 {
            yield_now().await;
        }
        others.iter().for_each(lem_rs::JoinHandle::cancel);
    });
}

#[test]
fn a_task_that_was_cancelled_while_it_waited_is_not_waited_for() {
    run(async {
        let rounds = Rc::new(Cell::new(0));
        let others: Vec<_> = (0..64).map(|_| spawn(compute_at_every_event(rounds.clone()))).collect();
        while rounds.get() < 1_000 {
            yield_now().await;
        }
        let gone: Vec<_> = (0..2_000).map(|_| spawn(async { heavy_turn(&source()).await })).collect();
        // Until all of them have asked.
        for _ in 0..gone.len() / 32 {
            yield_now().await;
        }
        gone.iter().for_each(lem_rs::JoinHandle::cancel);
        let before = rounds.get();
        heavy_turn(&source()).await;
        assert!(rounds.get() - before < 100, "{} others came first", rounds.get() - before);
        others.iter().for_each(lem_rs::JoinHandle::cancel);
    });
}

/// As handshakes in a `select` whose other branch is busy.
#[test]
fn what_was_granted_to_those_who_do_not_ask_again_is_granted_to_others() {
    run(async {
        const HELD: usize = 22;
        let source = source();
        let mut used: Vec<_> = (0..100).map(|_| source.cpu_permit()).collect();
        let mut held: Vec<_> = (0..HELD).map(|_| source.cpu_permit()).collect();
        let at_once = poll_fn(|cx| {
            used.retain_mut(|permit| permit.poll(cx).is_pending());
            assert!(held.iter_mut().all(|permit| permit.poll(cx).is_pending()));
            Poll::Ready(100 - used.len())
        })
        .await;
        drop(used);
        for _ in 0..10 {
            let mut other = source.cpu_permit();
            spawn(async move { poll_fn(|cx| other.poll(cx)).await }).await.unwrap();
        }
        // All have been granted one, and not asked again. They have theirs now, a few in each turn.
        while !held.is_empty() {
            let before = held.len();
            poll_fn(|cx| {
                held.retain_mut(|permit| permit.poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            assert!(before - held.len() <= 3 * at_once, "{} in one turn", before - held.len());
            yield_now().await;
        }
    });
}

/// How often the calling task has a turn until others have computed so many times.
async fn turns_until(rounds: &Cell<u32>, more: u32) -> u32 {
    let before = rounds.get();
    let mut turns = 0;
    while rounds.get() < before + more {
        yield_now().await;
        turns += 1;
    }
    turns
}

#[test]
fn one_task_that_waits_for_many_at_once_leaves_no_turn_unused_behind_it() {
    run(async {
        let rounds = Rc::new(Cell::new(0));
        let others: Vec<_> = (0..64).map(|_| spawn(compute_at_every_event(rounds.clone()))).collect();
        turns_until(&rounds, 1_000).await;
        let usual = turns_until(&rounds, 1_000).await;
        let many = spawn(async {
            let source = source();
            let mut waiting: Vec<_> = (0..200).map(|_| Box::pin(heavy_turn(&source))).collect();
            // Each turn that one of them gets is a look at all of them.
            poll_fn(|cx| {
                waiting.retain_mut(|one| one.as_mut().poll(cx).is_pending());
                if waiting.is_empty() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            // It has what it wanted, and is still there.
            sleep(Duration::from_secs(3_600)).await;
        });
        let turns = turns_until(&rounds, 1_000).await;
        assert!(turns < 3 * usual, "{turns} turns, where {usual} are usual");
        many.cancel();
        others.iter().for_each(lem_rs::JoinHandle::cancel);
    });
}
