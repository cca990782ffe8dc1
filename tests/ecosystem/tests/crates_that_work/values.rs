//! Channels and locks: between tasks, and from other threads.

use std::rc::Rc;
use std::thread;

use lem_ssl_ecosystem::run;
use lem_ssl_rs::{sleep, spawn, yield_now};

use crate::ms;

const SUM: u32 = 499_500;

#[test]
fn async_channel_between_tasks_and_from_a_thread() {
    run(async {
        let (sender, receiver) = async_channel::bounded(1);
        let other = sender.clone();
        let thread = thread::spawn(move || (0..1000).for_each(|number| sender.send_blocking(number).unwrap()));
        let task = spawn(async move {
            for number in 0..1000 {
                other.send(number).await.unwrap();
            }
        });
        let mut sum = 0;
        while let Ok(number) = receiver.recv().await {
            sum += number;
        }
        assert_eq!(sum, 2 * SUM);
        task.await.unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn flume_between_tasks_and_from_a_thread() {
    run(async {
        let (sender, receiver) = flume::bounded(1);
        let other = sender.clone();
        let thread = thread::spawn(move || (0..1000).for_each(|number| sender.send(number).unwrap()));
        let task = spawn(async move {
            for number in 0..1000 {
                other.send_async(number).await.unwrap();
            }
        });
        let mut sum = 0;
        while let Ok(number) = receiver.recv_async().await {
            sum += number;
        }
        assert_eq!(sum, 2 * SUM);
        task.await.unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn async_broadcast_to_every_receiver() {
    run(async {
        let (sender, mut first) = async_broadcast::broadcast(4);
        let mut second = first.clone();
        let counting = spawn(async move {
            let mut count = 0;
            while second.recv().await.is_ok() {
                count += 1;
            }
            count
        });
        let sending = spawn(async move {
            for number in 0..100 {
                sender.broadcast(number).await.unwrap();
            }
        });
        let mut numbers = 0..100;
        while let Ok(number) = first.recv().await {
            assert_eq!(numbers.next(), Some(number));
        }
        assert_eq!(counting.await, Ok(100));
        sending.await.unwrap();
    });
}

#[test]
fn event_listener_wakes_a_task() {
    run(async {
        let event = Rc::new(event_listener::Event::new());
        let listener = event.listen();
        spawn(async move {
            sleep(ms(1)).await;
            event.notify(1);
        })
        .detach();
        listener.await;
    });
}

#[test]
fn async_lock_mutex_semaphore_rw_lock_and_barrier() {
    run(async {
        let sum = Rc::new(async_lock::Mutex::new(0));
        let permits = Rc::new(async_lock::Semaphore::new(3));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (sum, permits) = (sum.clone(), permits.clone());
                spawn(async move {
                    let _permit = permits.acquire().await;
                    let mut sum = sum.lock().await;
                    let before = *sum;
                    yield_now().await;
                    *sum = before + 1;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*sum.lock().await, 50);
        let shared = async_lock::RwLock::new(1);
        assert_eq!(*shared.read().await + *shared.read().await, 2);
        *shared.write().await = 2;
        let barrier = Rc::new(async_lock::Barrier::new(2));
        let other = barrier.clone();
        let waiting = spawn(async move { other.wait().await.is_leader() });
        assert!(barrier.wait().await.is_leader() != waiting.await.unwrap());
    });
}

#[test]
fn tokio_sync_in_all_its_kinds() {
    use tokio::sync::{Mutex, Notify, Semaphore, broadcast, mpsc, oneshot, watch};
    run(async {
        let (sender, mut receiver) = mpsc::channel(2);
        let (done, is_done) = oneshot::channel();
        let thread = thread::spawn(move || {
            (0..100).for_each(|number| sender.blocking_send(number).unwrap());
            done.send("done").unwrap();
        });
        let mut sum = 0;
        while let Some(number) = receiver.recv().await {
            sum += number;
        }
        assert_eq!((sum, is_done.await), (4950, Ok("done")));
        thread.join().unwrap();

        let (state, mut seen) = watch::channel(0);
        let (news, mut heard) = broadcast::channel(4);
        let notify = Rc::new(Notify::new());
        let notified = notify.clone();
        let telling = spawn(async move {
            notified.notified().await;
            state.send(1).unwrap();
            news.send("news").unwrap();
        });
        notify.notify_one();
        seen.changed().await.unwrap();
        assert_eq!((*seen.borrow(), heard.recv().await), (1, Ok("news")));
        telling.await.unwrap();

        let permits = Semaphore::new(1);
        let permit = permits.acquire().await.unwrap();
        assert!(permits.try_acquire().is_err());
        drop(permit);
        let lock = Mutex::new(1);
        *lock.lock().await += 1;
        assert_eq!(*lock.lock().await, 2);
    });
}

#[test]
fn tokio_util_cancels_by_token() {
    use tokio_util::sync::CancellationToken;
    run(async {
        let token = CancellationToken::new();
        let child = token.child_token();
        let task = spawn(async move { child.run_until_cancelled(sleep(ms(60_000))).await });
        yield_now().await;
        token.cancel();
        assert_eq!(task.await, Ok(None));
    });
}
