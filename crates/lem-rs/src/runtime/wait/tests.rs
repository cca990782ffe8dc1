//! Every primitive, with code that goes back to it wherever a foreign waker is cloned, used or dropped.
//!
//! A waker made without unsafe code runs nothing of its user's when it is cloned, and its destructor only with the last
//! clone. So the code is hooked in here, where the machine touches foreign wakers; `tests/` has those that can be made.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

#[cfg(unix)]
use crate::transport::{InputBuffer, Source, StreamOptions};
#[cfg(unix)]
use crate::{Direction, Plain, ReadMode, Stream, sleep, unblock};
use crate::{Error, Inbox, Listener, Machine, Queue, Sleeper, spawn, timeout, yield_now};

type Hook = Rc<dyn Fn()>;

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    static TOUCHES: Cell<usize> = const { Cell::new(0) };
    static FAILURES: Cell<usize> = const { Cell::new(0) };
}

/// A foreign waker is cloned, used or dropped.
pub(super) fn touched() {
    let Ok(Some(hook)) = HOOK.try_with(RefCell::take) else { return };
    TOUCHES.set(TOUCHES.get() + 1);
    if catch_unwind(AssertUnwindSafe(|| hook())).is_err() {
        FAILURES.set(FAILURES.get() + 1);
    }
    HOOK.set(Some(hook));
}

/// What is to be done from now on; what was before is dropped with nothing borrowed, for it may hold a machine.
fn set_hook(hook: Option<Hook>) {
    let before = HOOK.take();
    HOOK.set(hook);
    drop(before);
}

/// A waker that is not the machine's.
struct Foreign(Waker);

impl Wake for Foreign {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}

/// Polls with foreign wakers, twice each time, so that one is replaced.
async fn foreign<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let mut poll = || {
            let waker = Waker::from(Arc::new(Foreign(cx.waker().clone())));
            future.as_mut().poll(&mut Context::from_waker(&waker))
        };
        match poll() {
            Poll::Pending => poll(),
            ready => ready,
        }
    })
    .await
}

/// Runs `scenario`; the hook that it sets must never meet anything that is borrowed.
#[track_caller]
fn check(scenario: impl Future<Output = ()>) {
    TOUCHES.set(0);
    FAILURES.set(0);
    Machine::new().unwrap().run(async { timeout(Duration::from_secs(60), scenario).await.unwrap() }).unwrap();
    set_hook(None);
    assert!(TOUCHES.get() > 0, "no foreign waker was touched");
    assert_eq!(FAILURES.get(), 0, "a foreign waker was touched while something was borrowed");
}

/// What somebody else does a little later.
fn later(act: impl FnOnce() + 'static) {
    spawn(async move {
        yield_now().await;
        act();
    })
    .detach();
}

const LONG: Duration = Duration::from_secs(3_600);
const SHORT: Duration = Duration::from_millis(1);

/// Timers and slots move them by the million. The check of lost wake-ups needs a third word.
#[cfg(not(feature = "sim"))]
#[test]
fn a_wait_takes_two_words() {
    assert_eq!(size_of::<super::Wait>(), 2 * size_of::<usize>());
}

#[test]
fn no_queue_is_borrowed_where_a_foreign_waker_is_touched() {
    check(async {
        let queue = Queue::new();
        let acts: [fn(&Queue<u8>); 3] = [|queue| queue.put(1), |queue| assert!(queue.signal(&2) < 3), Queue::reset];
        for (hooked, act) in acts.iter().flat_map(|hooked| acts.iter().map(move |act| (*hooked, *act))) {
            let (theirs, others) = (queue.clone(), queue.clone());
            set_hook(Some(Rc::new(move || hooked(&theirs))));
            for _ in 0..3 {
                let _ = timeout(SHORT, foreign(queue.get())).await;
                let others = others.clone();
                later(move || act(&others));
                let _ = timeout(SHORT, foreign(queue.get())).await;
            }
            // Nothing is lost: what was put is there, for as many as there are values.
            set_hook(None);
            queue.reset();
        }
        set_hook(Some(Rc::new(|| {})));
        let _ = timeout(SHORT, foreign(queue.get())).await;
    });
}

#[test]
fn a_value_that_is_put_while_the_getters_waker_is_touched_is_not_lost() {
    check(async {
        let queue = Queue::new();
        let (puts, theirs, counts) = (Rc::new(Cell::new(0)), queue.clone(), Rc::new(Cell::new(0)));
        let counting = puts.clone();
        set_hook(Some(Rc::new(move || {
            counting.set(counting.get() + 1);
            theirs.put(counting.get());
        })));
        for _ in 0..50 {
            match timeout(SHORT, foreign(queue.get())).await {
                Ok(value) => counts.set(counts.get() + usize::from(value.is_ok())),
                Err(_) => panic!("a value is there"),
            }
        }
        set_hook(None);
        let rest = std::iter::from_fn(|| queue.try_get()).count();
        assert_eq!(counts.get() + rest, puts.get());
    });
}

#[test]
fn no_inbox_is_borrowed_where_a_foreign_waker_is_touched() {
    check(async {
        let inbox = Rc::new(Inbox::new());
        let theirs = inbox.clone();
        set_hook(Some(Rc::new(move || drop((theirs.put(1), theirs.interrupt())))));
        for step in 0..20 {
            let theirs = inbox.clone();
            later(move || {
                let told = if step % 2 == 0 { theirs.put(2).map_err(|_| Error::Closed) } else { theirs.interrupt() };
                drop(told);
            });
            let _ = timeout(SHORT, foreign(inbox.take())).await;
        }
        later(move || drop(inbox.close()));
        yield_now().await;
    });
}

#[test]
fn no_sleeper_is_borrowed_where_a_foreign_waker_is_touched() {
    check(async {
        let sleeper = Rc::new(Sleeper::new());
        let theirs = sleeper.clone();
        set_hook(Some(Rc::new(move || drop((theirs.is_busy(), theirs.wake(1))))));
        for _ in 0..20 {
            let theirs = sleeper.clone();
            later(move || drop(theirs.wake(2)));
            let _ = timeout(SHORT, foreign(sleeper.sleep(LONG))).await;
        }
    });
}

#[test]
fn no_listener_is_borrowed_where_a_foreign_waker_is_touched() {
    check(async {
        let listener = Rc::new(Listener::bind("127.0.0.1:0").await.unwrap());
        let address = listener.local_ip().unwrap();
        let theirs = listener.clone();
        set_hook(Some(Rc::new(move || {
            drop((theirs.is_busy(), theirs.interrupt()));
            theirs.on_pause(|_| {});
        })));
        for step in 0..30 {
            let theirs = listener.clone();
            later(move || match step % 3 {
                0 => drop(std::net::TcpStream::connect(address)),
                1 => drop(theirs.interrupt()),
                _ => {}
            });
            let _ = timeout(SHORT, foreign(listener.accept())).await;
        }
        let theirs = listener.clone();
        later(move || theirs.close().unwrap());
        assert!(timeout(LONG, foreign(listener.accept())).await.unwrap().is_err());
    });
}

#[cfg(unix)]
#[test]
fn no_table_of_the_machine_is_borrowed_where_a_foreign_waker_is_touched() {
    fn source() -> (Source, std::os::unix::net::UnixStream) {
        let (ours, peer) = std::os::unix::net::UnixStream::pair().unwrap();
        (Source::adopt(ours).unwrap(), peer)
    }
    check(async {
        let (used, _peer) = source();
        set_hook(Some(Rc::new(move || {
            let mut cx = Context::from_waker(Waker::noop());
            spawn(yield_now()).cancel();
            assert!(pin!(sleep(LONG)).poll(&mut cx).is_pending());
            drop(source());
            used.park(Direction::Write, &cx);
            used.unpark(Direction::Write);
            let mut permit = used.cpu_permit();
            if permit.poll(&cx).is_ready() {
                permit.give_back();
            }
            drop(unblock(|| ()));
        })));
        for _ in 0..5 {
            foreign(sleep(SHORT)).await;
            foreign(yield_now()).await;
            let _ = timeout(SHORT, foreign(sleep(LONG))).await;
            assert_eq!(foreign(spawn(async { yield_now().await })).await, Ok(()));
            assert_eq!(foreign(unblock(|| 1)).await, Ok(1));
            let (waited, peer) = source();
            let reading = foreign(poll_fn(|cx| match waited.try_read(&mut [0]) {
                Ok(_) => Poll::Ready(()),
                Err(_) => {
                    waited.park(Direction::Read, cx);
                    waited.park(Direction::Write, cx);
                    Poll::Pending
                }
            }));
            later(move || drop(peer));
            reading.await;
            let computing: Vec<_> = (0..8)
                .map(|_| {
                    let (source, peer) = source();
                    spawn(async move {
                        let mut permit = source.cpu_permit();
                        foreign(poll_fn(|cx| permit.poll(cx))).await;
                        drop(peer);
                    })
                })
                .collect();
            for task in computing {
                task.await.unwrap();
            }
        }
    });
}

#[cfg(unix)]
#[test]
fn no_stream_is_borrowed_where_a_foreign_waker_is_touched() {
    fn stream() -> (Rc<Stream<Plain>>, std::os::unix::net::UnixStream) {
        let (ours, peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let plain = Plain::new(Source::adopt(ours).unwrap());
        (Rc::new(Stream::new(plain, InputBuffer::default(), StreamOptions::default())), peer)
    }
    check(async {
        for step in 0..24 {
            let (used, peer) = stream();
            let theirs = used.clone();
            set_hook(Some(Rc::new(move || match step % 4 {
                0 => drop((theirs.is_busy(), theirs.is_closed(), theirs.interrupt())),
                1 => drop(theirs.close()),
                2 => theirs.abort(),
                _ => drop((theirs.bytes_read(), theirs.bytes_written(), theirs.peer_addr())),
            })));
            let others = used.clone();
            later(move || match step % 3 {
                0 => drop(others.interrupt()),
                1 => drop(others.close()),
                _ => drop(peer),
            });
            let much = vec![b'x'; 4 * 1024 * 1024];
            let _ = match step / 12 {
                0 => timeout(SHORT, foreign(used.read(ReadMode::Line))).await.map(|read| read.map(drop)),
                _ => timeout(SHORT, foreign(used.write(&much))).await,
            };
            let others = used.clone();
            later(move || others.abort());
            let _ = timeout(SHORT, foreign(used.shutdown())).await;
            used.abort();
            set_hook(None);
        }
    });
}
