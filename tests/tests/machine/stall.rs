//! A machine on which nothing can ever happen again says so; one on which something can does not.

use std::future::{Future, pending, poll_fn};
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use lem_rs::{
    Error, JoinSet, Listener, Machine, Queue, ReadMode, TcpStream, sleep, spawn, timeout, unblock, yield_now,
};
use lem_ssl_tests::watched_machine;

use crate::support::{drop_flag, run_on, unwatched_machine};

#[track_caller]
fn assert_stalls<T>(machine: &Machine, tasks: usize, main: impl Future<Output = T>) {
    match machine.run(main) {
        Err(Error::Stalled { tasks: got, .. }) => assert_eq!(got, tasks, "tasks that wait"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the machine should have stalled"),
    }
}

/// Waits for ever, once its waker is with `0`.
struct GiveAway(Option<Sender<Waker>>);

impl Future for GiveAway {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.take() {
            Some(wakers) => {
                wakers.send(cx.waker().clone()).unwrap();
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

#[test]
fn a_main_task_that_waits_for_a_queue_that_nobody_fills_is_a_stall() {
    // It waits for `pending`, which keeps no waker: it has to be found as a stall here.
    let machine = unwatched_machine();
    assert_stalls(&machine, 1, Queue::<()>::new().get());
    assert_eq!(machine.counts(), (0, 0, 0));
    let error = machine.run(pending::<()>()).unwrap_err();
    let place = format!("{}:{}:25", file!(), line!() - 1);
    assert_eq!(
        error.to_string(),
        format!(
            "stalled: 1 task(s) wait, and no timer, socket, worker or other thread is left to wake them; started at {place}"
        )
    );
}

#[test]
fn a_stall_says_where_the_tasks_were_started_each_place_once() {
    let machine = watched_machine();
    let queue = Queue::<()>::new();
    let main = {
        let queue = queue.clone();
        async move {
            let (set, one, other) = (JoinSet::new(), queue.clone(), queue.clone());
            set.spawn(async move { one.get().await });
            spawn(async move { other.get().await }).detach();
            for _ in 0..20 {
                let queue = queue.clone();
                spawn(async move { queue.get().await }).detach();
            }
            queue.get().await
        }
    };
    let first = line!() - 9;
    match machine.run(main).unwrap_err() {
        Error::Stalled { tasks: 23, started_at } => {
            assert!(started_at.iter().all(|place| place.file() == file!()));
            let lines: Vec<_> = started_at.iter().map(|place| place.line() - first).collect();
            assert_eq!(lines, [10, 0, 1, 4], "main, and the others in their order");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn the_main_future_is_dropped_before_the_stall_is_reported() {
    // It waits for `pending`, which keeps no waker: it has to be found as a stall here.
    let machine = unwatched_machine();
    let (dropped, guard) = drop_flag();
    assert_stalls(&machine, 1, async move {
        let _guard = guard;
        pending::<()>().await;
    });
    assert!(dropped.get());
}

#[test]
fn two_tasks_that_wait_for_each_other_are_a_stall() {
    let machine = watched_machine();
    assert_stalls(&machine, 3, async {
        let (left, right) = (Queue::<()>::new(), Queue::<()>::new());
        let (theirs, mine) = (left.clone(), right.clone());
        let first = spawn(async move {
            theirs.get().await.unwrap();
            mine.put(());
        });
        let second = spawn(async move {
            right.get().await.unwrap();
            left.put(());
        });
        first.await.unwrap();
        second.await.unwrap();
    });
    // They stay in the machine, as every task does that is left.
    assert_eq!(machine.counts(), (2, 0, 0));
}

#[test]
fn a_machine_that_stalled_can_be_used_again() {
    // It waits for `pending`, which keeps no waker: it has to be found as a stall here.
    let machine = unwatched_machine();
    assert_stalls(&machine, 1, pending::<()>());
    run_on(&machine, async { sleep(Duration::from_millis(1)).await });
    assert_stalls(&machine, 1, pending::<()>());
}

#[test]
fn a_waker_that_another_thread_will_use_is_no_stall() {
    let machine = watched_machine();
    let (wakers, receiver) = channel::<Waker>();
    let (go, wait) = channel();
    let thread = thread::spawn(move || {
        let waker = receiver.recv().unwrap();
        wait.recv().unwrap();
        // The machine has had the time to find out that it could stall, if it looked only once.
        thread::sleep(Duration::from_millis(20));
        waker.wake();
    });
    machine
        .run(async move {
            go.send(()).unwrap();
            GiveAway(Some(wakers)).await;
        })
        .unwrap();
    thread.join().unwrap();
}

#[test]
fn a_waker_that_another_thread_drops_leaves_a_stall_that_is_noticed() {
    let machine = watched_machine();
    let (wakers, receiver) = channel::<Waker>();
    let thread = thread::spawn(move || {
        let waker = receiver.recv().unwrap();
        // By now the machine usually waits; nothing tells it that this waker is gone.
        thread::sleep(Duration::from_millis(50));
        drop(waker);
    });
    assert_stalls(&machine, 1, GiveAway(Some(wakers)));
    thread.join().unwrap();
}

#[test]
fn work_on_another_thread_is_no_stall() {
    let machine = watched_machine();
    let work = || {
        thread::sleep(Duration::from_millis(20));
        5
    };
    let result = machine.run(async { unblock(work).await });
    assert_eq!(result.unwrap(), Ok(5));
}

#[test]
fn work_that_was_abandoned_leaves_a_stall() {
    // It waits for `pending`, which keeps no waker: it has to be found as a stall here.
    let machine = unwatched_machine();
    assert_stalls(&machine, 1, async {
        drop(unblock(|| thread::sleep(Duration::from_millis(5))));
        pending::<()>().await;
    });
}

#[test]
fn an_armed_timer_is_no_stall_until_it_has_fired() {
    // It waits for `pending`, which keeps no waker: it has to be found as a stall here.
    let machine = unwatched_machine();
    let (fired, guard) = drop_flag();
    assert_stalls(&machine, 1, async move {
        spawn(async move {
            sleep(Duration::from_millis(5)).await;
            drop(guard);
        })
        .detach();
        pending::<()>().await;
    });
    assert!(fired.get());
}

#[test]
fn a_socket_that_is_waited_for_is_no_stall() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let peer = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        thread::sleep(Duration::from_millis(20));
        drop(stream);
    });
    let machine = watched_machine();
    let all = machine.run(async move {
        let stream = TcpStream::connect(address).await?;
        stream.read(ReadMode::All).await
    });
    assert_eq!(all.unwrap().unwrap(), b"");
    peer.join().unwrap();
}

#[test]
fn a_socket_that_is_waited_for_no_more_leaves_a_stall() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // It waits for `pending`, which keeps no waker: it has to be found as a stall here.
    let machine = unwatched_machine();
    assert_stalls(&machine, 1, async {
        let stream = TcpStream::connect(address).await.unwrap();
        assert!(timeout(Duration::from_millis(1), stream.read(1)).await.is_err());
        // The stream stays open.
        pending::<()>().await;
        drop(stream);
    });
}

#[test]
fn a_listener_that_is_waited_for_is_no_stall_and_one_that_is_only_open_is() {
    // It waits for `pending`, which keeps no waker: it has to be found as a stall here.
    let machine = unwatched_machine();
    let peer = machine
        .run(async {
            let listener = Listener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_ip().unwrap();
            let peer = thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                std::net::TcpStream::connect(address).unwrap()
            });
            listener.accept().await.unwrap().abort();
            peer
        })
        .unwrap();
    drop(peer.join().unwrap());
    assert_stalls(&machine, 1, async {
        let _listener = Listener::bind("127.0.0.1:0").await.unwrap();
        pending::<()>().await;
    });
    assert_eq!(machine.counts(), (0, 0, 0));
}

#[test]
fn a_task_that_wakes_itself_is_no_stall() {
    let machine = watched_machine();
    machine
        .run(async {
            let mut left = 100;
            poll_fn(move |cx| {
                left -= 1;
                cx.waker().wake_by_ref();
                if left == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            yield_now().await;
        })
        .unwrap();
}
