//! Wakers that panic when they are used or dropped: it is nobody's business but their owner's.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use lem_rs::{Direction, Error, Inbox, Listener, Queue, now, sleep, sleep_until, spawn, timeout, unblock, yield_now};

use crate::hostile::{readable, source};
use crate::support::{Log, panic_quietly, run};

/// Wakes its task, and then panics, when it is used or when it is dropped.
struct Panicking(Waker, &'static str);

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
        if self.1 == "used" {
            panic_quietly("a waker that was used");
        }
    }
}

impl Drop for Panicking {
    fn drop(&mut self) {
        if self.1 == "dropped" && !std::thread::panicking() {
            panic_quietly("a waker that was dropped");
        }
    }
}

/// Polls `future` with wakers that panic when they are `used` or `dropped`; only what the future keeps is dropped.
async fn panicking<F: Future>(when: &'static str, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let waker = Waker::from(Arc::new(Panicking(cx.waker().clone(), when)));
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        // A future that keeps none leaves us the only one: not what is to be tried.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(waker)));
        polled
    })
    .await
}

/// Starts many tasks that wait, every other one with a waker that panics, and awaits them all.
async fn all_are_woken<F: Future + 'static>(
    when: &'static str,
    log: &Log<usize>,
    wait: impl Fn() -> F,
    wake: impl AsyncFnOnce(),
) {
    let tasks: Vec<_> = (0..10)
        .map(|number| {
            let (waiting, log) = (wait(), log.clone());
            spawn(async move {
                if number % 2 == 0 {
                    drop(panicking(when, waiting).await);
                } else {
                    drop(waiting.await);
                }
                log.add(number);
            })
        })
        .collect();
    yield_now().await;
    wake().await;
    for task in tasks {
        timeout(Duration::from_secs(10), task).await.expect("a waker's panic was another task's").unwrap();
    }
    let mut woken = log.entries();
    woken.sort_unstable();
    assert!(woken.into_iter().eq(0..10));
}

#[test]
fn a_waker_that_panics_costs_no_other_task_its_wake_up() {
    for when in ["used", "dropped"] {
        run(async {
            let at = now() + Duration::from_millis(5);
            all_are_woken(when, &Log::default(), || sleep_until(at), async || {}).await;

            let queue = Queue::new();
            all_are_woken(when, &Log::default(), || queue.get(), async || assert_eq!(queue.signal(&1), 10)).await;
            all_are_woken(when, &Log::default(), || queue.get(), async || queue.reset()).await;
            all_are_woken(when, &Log::default(), || queue.get(), async || (0..10).for_each(|value| queue.put(value)))
                .await;

            // Ten sockets that become readable in one turn.
            let (sources, peers): (Vec<_>, Vec<_>) = (0..10).map(|_| source()).unzip();
            let sources = RefCell::new(sources);
            let wait = || {
                let source = sources.borrow_mut().pop().unwrap();
                async move { readable(&source).await }
            };
            all_are_woken(when, &Log::default(), wait, async || {
                sleep(Duration::from_millis(2)).await;
                drop(peers);
            })
            .await;

            // The turn that follows a flood of long computations.
            let (source, _peer) = source();
            let wait = || {
                let source = source.clone();
                async move {
                    let mut permit = source.cpu_permit();
                    poll_fn(|cx| permit.poll(cx)).await;
                }
            };
            all_are_woken(when, &Log::default(), wait, async || {}).await;
        });
    }
}

#[test]
fn a_panicking_waker_of_somebody_who_awaits_does_not_hurt_the_task_that_ends() {
    run(async {
        let log = Log::default();
        let theirs = log.clone();
        let task = spawn(async move {
            yield_now().await;
            theirs.add("done");
        });
        panicking("used", task).await.unwrap();
        assert_eq!(log.entries(), ["done"]);
        let inbox = Rc::new(Inbox::new());
        let theirs = inbox.clone();
        let putting = spawn(async move {
            yield_now().await;
            theirs.put(1).unwrap();
            "and goes on"
        });
        assert_eq!(panicking("used", inbox.take()).await.unwrap(), 1);
        assert_eq!(putting.await, Ok("and goes on"));
        assert_eq!(panicking("used", unblock(|| 3)).await, Ok(3));
    });
}

#[test]
fn a_waker_that_panics_when_it_is_dropped_does_not_hurt_who_ends_the_wait() {
    run(async {
        let listener = Rc::new(Listener::bind("127.0.0.1:0").await.unwrap());
        for close in [false, true] {
            let theirs = listener.clone();
            let accepting = spawn(async move { panicking("dropped", theirs.accept()).await.map(|_| ()) });
            yield_now().await;
            let ended = if close { listener.close() } else { listener.interrupt() };
            ended.unwrap();
            let error = timeout(Duration::from_secs(10), accepting).await.expect("it was woken").unwrap().unwrap_err();
            assert!(matches!(error, Error::Interrupted), "{error}");
        }
        // A source that goes while somebody waits at it, and a wait that takes the place of another one.
        let (source, _peer) = source();
        for _ in 0..2 {
            let waiting = panicking(
                "dropped",
                poll_fn(|cx| {
                    source.park(Direction::Read, cx);
                    Poll::Ready(())
                }),
            );
            waiting.await;
        }
        drop(source);
    });
}
