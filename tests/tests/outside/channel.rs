//! Values from other threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use lem_rs::channel::{self, SendError, TrySendError};
use lem_rs::{Error, JoinSet, sleep, spawn, timeout, yield_now};

use crate::support::run;

#[test]
fn values_of_many_threads_arrive_each_once_and_in_each_threads_order() {
    const THREADS: usize = 4;
    const EACH: usize = 2000;
    for capacity in [1, 7, usize::MAX] {
        let (sender, mut receiver) = channel::bounded(capacity);
        let threads: Vec<_> = (0..THREADS)
            .map(|number| {
                let sender = sender.clone();
                thread::spawn(move || (0..EACH).try_for_each(|value| sender.send_blocking((number, value))))
            })
            .collect();
        drop(sender);
        run(async {
            let mut next = [0; THREADS];
            while let Ok((number, value)) = receiver.recv().await {
                assert_eq!(value, next[number]);
                next[number] += 1;
            }
            assert_eq!(next, [EACH; THREADS]);
            Ok(())
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
    }
}

#[test]
fn a_full_channel_refuses_and_makes_a_task_wait_until_there_is_room() {
    run(async {
        let (sender, mut receiver) = channel::bounded(2);
        sender.try_send(1).unwrap();
        sender.send(2).await.unwrap();
        assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
        assert!(timeout(Duration::from_millis(2), sender.send(3)).await.is_err());
        let sending = spawn(async move { sender.send(4).await });
        yield_now().await;
        let received = [receiver.recv().await?, receiver.recv().await?, receiver.recv().await?];
        assert_eq!(received, [1, 2, 4], "the 3 was dropped with its future");
        sending.await?.unwrap();
        assert!(matches!(receiver.recv().await, Err(Error::Closed)));
        Ok(())
    });
}

#[test]
fn room_that_a_dropped_sender_does_not_use_goes_to_the_next() {
    run(async {
        let (sender, mut receiver) = channel::bounded(1);
        sender.try_send(0).unwrap();
        let send = |value| {
            let sender = sender.clone();
            spawn(async move { sender.send(value).await })
        };
        let (first, second) = (send(1), send(2));
        yield_now().await;
        assert_eq!(receiver.recv().await?, 0);
        // It was woken, and is gone before it is polled.
        first.cancel();
        assert_eq!(receiver.recv().await?, 2);
        second.await?.unwrap();
        Ok(())
    });
}

#[test]
fn tasks_get_room_in_the_order_in_which_they_waited() {
    run(async {
        let (sender, mut receiver) = channel::bounded(1);
        let tasks = JoinSet::new();
        for value in 0..6 {
            let sender = sender.clone();
            tasks.spawn(async move { sender.send(value).await });
        }
        drop(sender);
        let mut received = Vec::new();
        while let Ok(value) = receiver.recv().await {
            received.push(value);
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(received, [0, 1, 2, 3, 4, 5]);
        tasks.shutdown().await;
        Ok(())
    });
}

#[test]
fn a_receiver_that_is_gone_gives_every_sender_its_value_back() {
    let (sender, receiver) = channel::bounded(1);
    sender.try_send("taken along").unwrap();
    let blocked = sender.clone();
    let thread = thread::spawn(move || blocked.send_blocking("blocked"));
    thread::sleep(Duration::from_millis(5));
    drop(receiver);
    assert_eq!(thread.join().unwrap(), Err(SendError("blocked")));
    assert_eq!(sender.try_send("late"), Err(TrySendError::Closed("late")));
    assert!(sender.is_closed());
    run(async move {
        assert_eq!(sender.send("later").await, Err(SendError("later")));
        Ok(())
    });
}

#[test]
fn a_closed_channel_gives_out_what_it_holds() {
    run(async {
        let (sender, mut receiver) = channel::unbounded();
        sender.try_send(1).unwrap();
        sender.try_send(2).unwrap();
        assert_eq!((receiver.len(), receiver.try_recv()), (2, Some(1)));
        assert_eq!(receiver.close(), [2]);
        assert!(matches!(receiver.recv().await, Err(Error::Closed)));
        assert!(sender.try_send(3).is_err());
        Ok(())
    });
}

#[test]
fn values_that_nobody_takes_are_dropped_once() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = channel::unbounded();
    for _ in 0..3 {
        assert!(sender.try_send(Counted(dropped.clone())).is_ok());
    }
    drop(receiver);
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
    drop(sender);
    assert_eq!(dropped.load(Ordering::Relaxed), 3);
}

#[test]
fn a_blocking_send_on_a_machines_thread_is_a_mistake_that_is_named() {
    run(async {
        let (sender, _receiver) = channel::bounded(1);
        let failed = spawn(async move { sender.send_blocking(1).is_ok() }).await.unwrap_err();
        assert!(failed.to_string().contains("send_blocking would hold up the machine"), "{failed}");
        Ok(())
    });
}

#[test]
fn a_receiver_with_much_to_take_leaves_others_their_turns() {
    run(async {
        let (sender, mut receiver) = channel::unbounded();
        (0..200_000).for_each(|value| sender.try_send(value).unwrap());
        let taking = spawn(async move {
            let mut taken = 0;
            while receiver.recv().await.is_ok() {
                taken += 1;
            }
            taken
        });
        let mut turns = 0;
        while !taking.is_finished() {
            turns += 1;
            yield_now().await;
            if turns == 5 {
                sender.try_send(0).unwrap();
                assert!(!taking.is_finished());
                break;
            }
        }
        assert_eq!(turns, 5, "it gave way before it had taken all");
        drop(sender);
        assert_eq!(taking.await?, 200_001);
        Ok(())
    });
}
