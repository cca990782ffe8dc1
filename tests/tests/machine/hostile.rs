//! Wakers whose code, when they are used and when they are dropped, goes back to what they wake.
//!
//! A waker is code of the user's. Nothing of ours may be borrowed or locked while it runs, and no wake-up may be lost by
//! what it does. (What it does when it is cloned cannot be tried without unsafe
//! code; the machine clones where it would also drop.)

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use lem_rs::transport::{Source, connect_source};
use lem_rs::{
    Deadline, Direction, Error, Inbox, Listener, Queue, QueueReset, Sleeper, sleep, spawn, timeout, unblock, yield_now,
};

use lem_ssl_tests::scratch::Scratch;

use crate::readiness::full_listener;
use crate::support::run;

thread_local! {
    /// What hostile wakers do on this thread.
    static MEDDLING: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { wakes: 0, drops: 0, failures: 0 }) };
}

#[derive(Clone, Copy, Default)]
struct Counts {
    wakes: usize,
    drops: usize,
    failures: usize,
}

fn count(change: impl FnOnce(&mut Counts)) {
    let mut counts = COUNTS.get();
    change(&mut counts);
    COUNTS.set(counts);
}

/// Does what hostile wakers do; not while it is being done.
fn meddle() {
    let Ok(Some(meddling)) = MEDDLING.try_with(RefCell::take) else { return };
    // What panics here has met something that is borrowed.
    if catch_unwind(AssertUnwindSafe(|| meddling())).is_err() {
        count(|counts| counts.failures += 1);
    }
    MEDDLING.set(Some(meddling));
}

struct Hostile(Waker);

impl Wake for Hostile {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        count(|counts| counts.wakes += 1);
        meddle();
        self.0.wake_by_ref();
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        count(|counts| counts.drops += 1);
        meddle();
    }
}

/// Polls `future` with a hostile waker, another one each time.
async fn hostile<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let waker = Waker::from(Arc::new(Hostile(cx.waker().clone())));
        future.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await
}

/// As [`hostile`], and polls once more before each wake-up, so that every waker that is kept is replaced.
async fn hostile_twice<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    hostile(poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Pending => {
            let waker = Waker::from(Arc::new(Hostile(cx.waker().clone())));
            future.as_mut().poll(&mut Context::from_waker(&waker))
        }
        ready => ready,
    }))
    .await
}

/// Runs `scenario` while hostile wakers do what `meddling` does.
#[track_caller]
fn among<T>(scenario: impl AsyncFnOnce() -> (T, Rc<dyn Fn()>), act: impl AsyncFnOnce(T)) {
    COUNTS.set(Counts::default());
    run(async {
        let (subject, meddling) = scenario().await;
        MEDDLING.set(Some(meddling));
        act(subject).await;
        MEDDLING.set(None);
    });
    let counts = COUNTS.get();
    assert_eq!(counts.failures, 0, "a waker's code met something that was borrowed");
    assert!(counts.wakes > 0 && counts.drops > 0, "no hostile waker was used");
}

const LONG: Duration = Duration::from_secs(3_600);

#[test]
fn queues_are_unborrowed_when_wakers_run() {
    among(
        async || {
            let queue = Queue::new();
            let theirs = queue.clone();
            let meddling: Rc<dyn Fn()> = Rc::new(move || {
                theirs.len();
                theirs.put(1);
                theirs.signal(&2);
            });
            (queue, meddling)
        },
        async |queue: Queue<u8>| {
            for step in 0..300 {
                let theirs = queue.clone();
                let putting = spawn(async move {
                    yield_now().await;
                    theirs.put(3);
                    theirs.signal(&4);
                });
                let value = match step % 2 {
                    0 => hostile(queue.get()).await,
                    _ => hostile_twice(queue.get()).await,
                };
                assert!(matches!(value, Ok(1..=4)));
                putting.await.unwrap();
            }
            queue.reset();
        },
    );
}

#[test]
fn resets_and_dropped_getters_are_unborrowed_when_wakers_run() {
    among(
        async || {
            let queue = Queue::new();
            let theirs = queue.clone();
            let meddling: Rc<dyn Fn()> = Rc::new(move || {
                theirs.reset();
                theirs.try_get();
            });
            (queue, meddling)
        },
        async |queue: Queue<u8>| {
            for _ in 0..20 {
                // Dropped while it waits, with its waker in the line.
                let waiting = timeout(Duration::from_millis(1), hostile_twice(queue.get())).await;
                assert!(matches!(waiting, Err(_) | Ok(Err(QueueReset))));
                let theirs = queue.clone();
                let resetting = spawn(async move {
                    yield_now().await;
                    theirs.reset();
                });
                assert_eq!(hostile(queue.get()).await, Err(QueueReset));
                resetting.await.unwrap();
            }
        },
    );
}

#[test]
fn inboxes_are_unborrowed_when_wakers_run() {
    among(
        async || {
            let inbox = Rc::new(Inbox::new());
            let theirs = inbox.clone();
            let meddling: Rc<dyn Fn()> = Rc::new(move || {
                let _ = (theirs.is_busy(), theirs.put(1), theirs.interrupt());
            });
            (inbox, meddling)
        },
        async |inbox: Rc<Inbox<u8>>| {
            for step in 0..300 {
                let theirs = inbox.clone();
                let putting = spawn(async move {
                    yield_now().await;
                    let _ = theirs.put(2);
                });
                let value = match step % 2 {
                    0 => hostile(inbox.take()).await,
                    _ => hostile_twice(inbox.take()).await,
                };
                assert!(matches!(value, Ok(1 | 2) | Err(Error::Interrupted)), "{value:?}");
                putting.await.unwrap();
            }
            while timeout(Duration::ZERO, inbox.take()).await.is_ok() {}
            let theirs = inbox.clone();
            let closing = spawn(async move {
                yield_now().await;
                theirs.close().unwrap();
            });
            assert!(hostile(inbox.take()).await.is_err());
            closing.await.unwrap();
        },
    );
}

#[test]
fn sleepers_are_unborrowed_when_wakers_run() {
    among(
        async || {
            let sleeper = Rc::new(Sleeper::new());
            let theirs = sleeper.clone();
            let meddling: Rc<dyn Fn()> = Rc::new(move || {
                let _ = (theirs.is_busy(), theirs.wake(1));
            });
            (sleeper, meddling)
        },
        async |sleeper: Rc<Sleeper<u8>>| {
            for step in 0..100 {
                let theirs = sleeper.clone();
                let waking = spawn(async move {
                    yield_now().await;
                    let _ = theirs.wake(2);
                });
                let woken = match step % 2 {
                    0 => hostile(sleeper.sleep(Duration::from_millis(5))).await,
                    _ => hostile_twice(sleeper.sleep(Duration::from_millis(5))).await,
                };
                assert!(matches!(woken, Ok(None | Some(1 | 2))));
                waking.await.unwrap();
            }
        },
    );
}

#[test]
fn listeners_are_unborrowed_when_wakers_run() {
    among(
        async || {
            let listener = Rc::new(Listener::bind("127.0.0.1:0").await.unwrap());
            let theirs = listener.clone();
            let meddling: Rc<dyn Fn()> = Rc::new(move || {
                let _ = (theirs.is_busy(), theirs.is_closed(), theirs.interrupt());
                theirs.on_pause(|_| {});
            });
            (listener, meddling)
        },
        async |listener: Rc<Listener>| {
            let address = listener.local_ip().unwrap();
            let mut accepted = 0;
            let mut clients = Vec::new();
            for step in 0..200 {
                let connecting = spawn(async move {
                    yield_now().await;
                    std::net::TcpStream::connect(address).unwrap()
                });
                let stream = match step % 2 {
                    0 => hostile(listener.accept()).await,
                    _ => hostile_twice(listener.accept()).await,
                };
                match stream {
                    Ok(stream) => {
                        accepted += 1;
                        stream.abort();
                    }
                    Err(error) => assert!(matches!(error, Error::Interrupted), "{error}"),
                }
                clients.push(connecting.await.unwrap());
            }
            assert!(accepted > 0);
            while timeout(Duration::from_millis(1), listener.accept()).await.is_ok() {}
            // Dropped while it waits, and closed while it waits.
            let waiting = timeout(Duration::from_millis(1), hostile_twice(listener.accept())).await;
            assert!(matches!(waiting, Err(_) | Ok(Err(Error::Interrupted))));
            let theirs = listener.clone();
            let closing = spawn(async move {
                yield_now().await;
                theirs.close().unwrap();
            });
            assert!(hostile(listener.accept()).await.is_err());
            closing.await.unwrap();
        },
    );
}

/// What uses all tables of the machine: tasks, timers, sockets, long computations, blocking calls.
fn meddle_with_the_machine(source: &Rc<Source>) -> Rc<dyn Fn()> {
    let source = source.clone();
    Rc::new(move || {
        let mut cx = Context::from_waker(Waker::noop());
        spawn(async { yield_now().await }).cancel();
        let mut sleeping = Box::pin(sleep(LONG));
        assert!(sleeping.as_mut().poll(&mut cx).is_pending());
        let (ours, _) = UnixStream::pair().unwrap();
        drop(Source::adopt(ours).unwrap());
        source.park(Direction::Write, &cx);
        source.unpark(Direction::Write);
        let mut permit = source.cpu_permit();
        if permit.poll(&cx).is_ready() {
            permit.give_back();
        }
        drop(unblock(|| ()));
    })
}

pub(crate) fn source() -> (Rc<Source>, UnixStream) {
    let (ours, peer) = UnixStream::pair().unwrap();
    (Rc::new(Source::adopt(ours).unwrap()), peer)
}

/// Waits until `source` can be read from.
pub(crate) async fn readable(source: &Source) {
    poll_fn(|cx| match source.try_read(&mut [0]) {
        Ok(_) => Poll::Ready(()),
        Err(_) => {
            source.park(Direction::Read, cx);
            Poll::Pending
        }
    })
    .await;
}

#[test]
fn the_machine_is_unborrowed_when_wakers_run() {
    among(
        async || {
            let (source, peer) = source();
            let meddling = meddle_with_the_machine(&source);
            ((source, peer), meddling)
        },
        async |(source, mut peer): (Rc<Source>, UnixStream)| {
            for _ in 0..20 {
                hostile_twice(sleep(Duration::from_millis(1))).await;
                hostile_twice(yield_now()).await;
                assert!(timeout(Duration::from_millis(1), hostile_twice(sleep(LONG))).await.is_err());
                let task = spawn(async {
                    yield_now().await;
                    1
                });
                assert_eq!(hostile_twice(task).await, Ok(1));
                assert_eq!(hostile_twice(unblock(|| 2)).await, Ok(2));
                std::io::Write::write_all(&mut peer, b"x").unwrap();
                hostile_twice(readable(&source)).await;
                assert!(timeout(Duration::from_millis(1), hostile_twice(readable(&source))).await.is_err());
                source.unpark(Direction::Read);
                // Long computations, more than a turn has, each with a waker of its own.
                let computing: Vec<_> = (0..8)
                    .map(|_| {
                        let source = source.clone();
                        spawn(async move {
                            let mut permit = source.cpu_permit();
                            hostile_twice(poll_fn(|cx| permit.poll(cx))).await;
                        })
                    })
                    .collect();
                for task in computing {
                    task.await.unwrap();
                }
            }
        },
    );
}

#[test]
fn connecting_is_unborrowed_when_wakers_run() {
    among(
        async || {
            let (source, _peer) = source();
            let meddling = meddle_with_the_machine(&source);
            (Scratch::new("hostile"), meddling)
        },
        async |scratch: Scratch| {
            // Without room at first, so that it waits.
            let (listener, address, filling) = full_listener(&scratch).await;
            let deadline = Deadline::after(LONG);
            let connecting = spawn(async move { hostile_twice(connect_source(&address, &deadline)).await });
            sleep(Duration::from_millis(5)).await;
            for _ in 0..=filling.len() {
                hostile_twice(listener.accept()).await.unwrap().abort();
            }
            drop(connecting.await.unwrap().unwrap());
        },
    );
}

#[test]
fn a_value_that_is_put_by_the_waker_that_is_being_replaced_is_not_lost() {
    run(async {
        let queue = Queue::new();
        let theirs = queue.clone();
        let mut waiting: Pin<Box<_>> = Box::pin(queue.get());
        MEDDLING.set(Some(Rc::new(move || theirs.put(1))));
        hostile(poll_fn(|cx| {
            assert!(waiting.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        }))
        .await;
        // The hostile waker is replaced, and puts a value as it goes.
        assert_eq!(timeout(Duration::from_secs(10), waiting).await.unwrap(), Ok(1));
        MEDDLING.set(None);
    });
}
