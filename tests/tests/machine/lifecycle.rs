//! Machines: run once, twice, nested, side by side; what is left behind and what happens when they are dropped.

#![expect(clippy::async_yields_async, reason = "handles leave the run to be awaited in the next one")]

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use lem_rs::transport::{InputBuffer, Source, StreamOptions};
use lem_rs::{
    Error, JoinError, JoinHandle, Listener, Machine, Plain, Queue, ReadMode, Sleeper, Stream, TcpStream, sleep, spawn,
    unblock, yield_now,
};
use lem_ssl_tests::watched_machine;

use crate::support::{drop_flag, run, run_on, unwatched_machine};

#[test]
fn a_machine_inside_of_a_machine_is_an_error_and_the_outer_one_goes_on() {
    let inner = watched_machine();
    let outer = watched_machine();
    run_on(&outer, async {
        let error = inner.run(async { unreachable!() }).unwrap_err();
        let Error::Misuse(what) = &error else { panic!("{error}") };
        assert_eq!(what, "a machine already runs on this thread: spawn a task, or use another thread");
        // The same machine is no exception.
        assert!(matches!(outer.run(async {}), Err(Error::Misuse(_))));
        assert_eq!(spawn(async { 1 }).await, Ok(1));
    });
    run_on(&inner, async { sleep(Duration::from_millis(1)).await });
}

#[test]
fn a_machine_can_be_run_again() {
    let machine = watched_machine();
    for number in 0..100 {
        assert_eq!(run_on(&machine, async move { spawn(async move { number }).await }), Ok(number));
    }
}

#[test]
fn tasks_that_are_left_go_on_with_the_next_run() {
    let machine = watched_machine();
    let queue = Queue::new();
    let theirs = queue.clone();
    let task = machine
        .run(async {
            spawn(async move {
                for number in 0..3 {
                    yield_now().await;
                    theirs.put(number);
                }
            })
        })
        .unwrap();
    assert_eq!(machine.counts(), (1, 0, 0));
    assert!(queue.is_empty(), "no task runs after the main task is done");
    machine.run(async { assert_eq!(task.await, Ok(())) }).unwrap();
    assert_eq!(queue.len(), 3);
    assert_eq!(machine.counts(), (0, 0, 0));
}

#[test]
fn a_timer_that_is_left_fires_in_the_next_run() {
    let machine = watched_machine();
    let task = machine
        .run(async {
            let task = spawn(sleep(Duration::from_millis(5)));
            yield_now().await;
            task
        })
        .unwrap();
    assert_eq!(machine.counts(), (1, 1, 0));
    machine.run(task).unwrap().unwrap();
    assert_eq!(machine.counts(), (0, 0, 0));
}

#[test]
fn the_main_future_may_borrow() {
    let mut text = String::from("borrowed");
    run(async {
        yield_now().await;
        text.push_str(" and changed");
    });
    assert_eq!(text, "borrowed and changed");
}

#[test]
fn dropping_a_machine_drops_its_tasks_and_their_handles_say_cancelled() {
    let machine = watched_machine();
    let (dropped, guard) = drop_flag();
    let task = machine
        .run(async {
            let task = spawn(async move {
                let _guard = guard;
                sleep(Duration::from_secs(3_600)).await;
            });
            yield_now().await;
            task
        })
        .unwrap();
    assert_eq!(machine.counts(), (1, 1, 0));
    assert!(!dropped.get());
    drop(machine);
    assert!(dropped.get());
    assert!(task.is_finished());
    assert_eq!(run(task), Err(JoinError::Cancelled));
}

#[test]
fn what_a_destructor_spawns_while_the_machine_is_dropped_is_dropped_too() {
    struct Spawner(Option<crate::support::SetOnDrop>, Rc<RefCell<Option<JoinHandle<()>>>>);
    impl Drop for Spawner {
        fn drop(&mut self) {
            let guard = self.0.take();
            let task = spawn(async move {
                let _guard = guard;
                pending::<()>().await;
            });
            *self.1.borrow_mut() = Some(task);
        }
    }
    // A task waits for `pending`, which keeps no waker, until it is dropped with its machine.
    let machine = unwatched_machine();
    let (dropped, guard) = drop_flag();
    let late: Rc<RefCell<Option<JoinHandle<()>>>> = Rc::default();
    let spawner = Spawner(Some(guard), late.clone());
    machine
        .run(async {
            spawn(async move {
                let _spawner = spawner;
                pending::<()>().await;
            })
            .detach();
            yield_now().await;
        })
        .unwrap();
    drop(machine);
    assert!(dropped.get());
    let late = late.borrow_mut().take().unwrap();
    late.cancel();
    assert_eq!(run(late), Err(JoinError::Cancelled));
}

#[test]
fn dropping_a_machine_releases_its_sockets() {
    let machine = watched_machine();
    let address = machine
        .run(async {
            let listener = Listener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_ip().unwrap();
            spawn(async move {
                let _ = listener.accept().await;
            })
            .detach();
            yield_now().await;
            address
        })
        .unwrap();
    assert_eq!(machine.counts(), (1, 0, 1));
    drop(machine);
    // The port is free again: nobody has connected, so nothing lingers.
    std::net::TcpListener::bind(address).unwrap();
}

#[test]
fn machines_run_on_several_threads_at_once() {
    let threads: Vec<_> = (0..8_usize)
        .map(|number| {
            thread::spawn(move || {
                run(async move {
                    let mut tasks = Vec::new();
                    for step in 0..200 {
                        tasks.push(spawn(async move {
                            sleep(Duration::from_millis(step as u64 % 3)).await;
                            unblock(move || number * step).await.unwrap()
                        }));
                    }
                    let mut sum = 0;
                    for task in tasks {
                        sum += task.await.unwrap();
                    }
                    sum
                })
            })
        })
        .collect();
    for (number, thread) in threads.into_iter().enumerate() {
        assert_eq!(thread.join().unwrap(), number * (0..200).sum::<usize>());
    }
}

#[test]
fn two_machines_take_turns_on_one_thread() {
    let (first, second) = (watched_machine(), watched_machine());
    let sleeper = Rc::new(Sleeper::new());
    let theirs = sleeper.clone();
    let task = first
        .run(async {
            let task = spawn(async move { theirs.sleep(Duration::from_secs(3_600)).await });
            yield_now().await;
            task
        })
        .unwrap();
    // A wake-up that is given while the other machine runs is not lost.
    run_on(&second, async { sleeper.wake("from the other one").unwrap() });
    assert_eq!(run_on(&first, task).unwrap().unwrap(), Some("from the other one"));
}

#[test]
fn verbs_that_need_a_machine_say_so() {
    let message = |verb: fn()| {
        let payload = std::panic::catch_unwind(verb).unwrap_err();
        payload.downcast_ref::<&str>().map(ToString::to_string).or(payload.downcast_ref::<String>().cloned()).unwrap()
    };
    // The hook's report would be noise; only the texts matter.
    assert!(message(|| drop(sleep(Duration::ZERO))).contains("inside of Machine::run"));
    assert!(message(|| drop(unblock(|| ()))).contains("inside of Machine::run"));
    assert!(message(|| spawn(async {}).detach()).contains("inside of Machine::run"));
}

#[test]
fn a_machine_shows_what_it_holds() {
    let machine = watched_machine();
    assert_eq!(format!("{machine:?}"), "Machine { core: Machine { tasks: 0, timers: 0, sockets: 0 } }");
}

fn pair() -> (Stream<Plain>, UnixStream) {
    let (ours, peer) = UnixStream::pair().unwrap();
    let source = Source::adopt(ours).unwrap();
    (Stream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default()), peer)
}

#[test]
fn a_run_ends_although_tasks_go_on_closing_streams() {
    let machine = watched_machine();
    let closed = Rc::new(Cell::new(0));
    let theirs = closed.clone();
    machine
        .run(async move {
            spawn(async move {
                loop {
                    // The peer ends its side a little later: so long the farewell is under way.
                    let (stream, peer) = pair();
                    stream.close().unwrap();
                    theirs.set(theirs.get() + 1);
                    spawn(async move {
                        sleep(Duration::from_millis(3)).await;
                        drop(peer);
                    })
                    .detach();
                    assert!(theirs.get() < 2_000, "the run waits for what began after its end");
                    sleep(Duration::from_millis(1)).await;
                }
            })
            .detach();
            sleep(Duration::from_millis(5)).await;
        })
        .unwrap();
    let so_far = closed.get();
    assert!(so_far > 0);
    // They go on with the next run.
    machine.run(async { sleep(Duration::from_millis(5)).await }).unwrap();
    assert!(closed.get() > so_far);
}

#[test]
fn a_run_ends_only_when_what_was_closed_before_its_end_is_over() {
    let machine = watched_machine();
    let (heard, theirs) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let (hears, hears_late) = (heard.clone(), theirs.clone());
    machine
        .run(async move {
            let (stream, mut peer) = pair();
            stream.write("the end of it").await.unwrap();
            stream.close().unwrap();
            let (late, late_peer) = pair();
            spawn(async move {
                sleep(Duration::from_millis(5)).await;
                let mut text = String::new();
                peer.read_to_string(&mut text).unwrap();
                assert_eq!(text, "the end of it");
                hears.set(true);
                drop(peer);
                // Begun too late to be waited for; it would take long.
                late.close().unwrap();
                sleep(Duration::from_millis(500)).await;
                drop(late_peer);
                hears_late.set(true);
            })
            .detach();
        })
        .unwrap();
    assert!(heard.get() && !theirs.get());
    machine.run(async { sleep(Duration::from_millis(600)).await }).unwrap();
    assert!(theirs.get());
    assert_eq!(machine.counts(), (0, 0, 0));
}

#[test]
fn what_the_main_future_itself_holds_is_closed_before_the_run_ends() {
    /// Holds a stream, and is done at once: the stream is dropped with the future, not within its poll.
    struct Holder {
        stream: Option<Stream<Plain>>,
        _peer: JoinHandle<()>,
    }
    impl Future for Holder {
        type Output = ();
        fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
            assert!(self.stream.is_some());
            Poll::Ready(())
        }
    }
    let machine = watched_machine();
    let heard = Rc::new(Cell::new(false));
    let hears = heard.clone();
    let holder = machine
        .run(async move {
            let (stream, mut peer) = pair();
            let listening = spawn(async move {
                sleep(Duration::from_millis(5)).await;
                assert_eq!(peer.read(&mut [0]).unwrap(), 0);
                hears.set(true);
            });
            Holder { stream: Some(stream), _peer: listening }
        })
        .unwrap();
    machine.run(holder).unwrap();
    assert!(heard.get(), "the stream was left open, or cut off");
    assert_eq!(machine.counts(), (0, 0, 0));
}

#[test]
fn a_read_that_ends_outside_of_a_run_leaves_its_place_to_the_next() {
    let machine = unwatched_machine();
    let pair = machine.run(async {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().clone()).await.unwrap();
        (stream, listener.accept().await.unwrap())
    });
    let (stream, peer) = pair.unwrap();
    fn end_outside<T>(machine: &Machine, read: impl Future<Output = Result<T, Error>>) {
        let mut read = Box::pin(read);
        assert!(machine.run(poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx).is_pending()))).unwrap());
        let ended = read.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(ended, Poll::Ready(Err(Error::Misuse(_)))));
    }
    let mut buffer = Vec::new();
    let mut lines = stream.lines();
    end_outside(&machine, lines.next());
    assert!(!stream.is_busy(), "lines");
    end_outside(&machine, stream.read(ReadMode::Line));
    end_outside(&machine, stream.read_into(ReadMode::Available, &mut buffer));
    end_outside(&machine, stream.peek(1));
    assert!(!stream.is_busy(), "reads");
    let read = machine.run(async {
        peer.write("one\n").await.unwrap();
        stream.read(ReadMode::Line).await
    });
    assert_eq!(read.unwrap().unwrap(), b"one\n");
}
