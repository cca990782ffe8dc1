//! Our futures under somebody else's wakers: combinators that give each branch a waker of its own and poll only the
//! branches that were woken. A future that returned `Pending` and kept no waker would never be polled again.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use lem_rs::transport::{InputBuffer, Source, StreamOptions};
use lem_rs::{
    Inbox, JoinError, Listener, Plain, Queue, ReadMode, Sleeper, Stream, TcpStream, Timeout, sleep, spawn, timeout,
    unblock, yield_now,
};

use crate::endless::{Endless, endless};
use crate::support::{Table, machine_with, run, run_on, run_unwatched};

/// One branch's waker: notes that the branch was woken, and wakes the task.
struct BranchWaker {
    woken: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Wake for BranchWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        let task = self.task.lock().unwrap().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

fn boxed<'a, T>(future: impl Future<Output = T> + 'a) -> Boxed<'a, T> {
    Box::pin(future)
}

struct Branch<'a, T> {
    future: Option<Boxed<'a, T>>,
    waker: Arc<BranchWaker>,
    output: Option<T>,
}

/// Runs all futures to their ends. A branch is polled only if its own waker was used since its last poll, and with a
/// new waker each time: a future that kept an old one, or none, is not polled again.
struct Join<'a, T> {
    branches: Vec<Branch<'a, T>>,
}

impl<'a, T> Join<'a, T> {
    fn new(futures: Vec<Boxed<'a, T>>) -> Self {
        let branches = futures.into_iter().map(|future| Branch {
            future: Some(future),
            waker: Arc::new(BranchWaker { woken: AtomicBool::new(true), task: Mutex::default() }),
            output: None,
        });
        Self { branches: branches.collect() }
    }

    async fn all(mut self) -> Vec<T> {
        poll_fn(|cx| {
            let mut pending = false;
            for branch in &mut self.branches {
                branch.poll(cx);
                pending |= branch.future.is_some();
            }
            if pending { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        self.branches.into_iter().map(|branch| branch.output.unwrap()).collect()
    }
}

impl<T> Branch<'_, T> {
    fn poll(&mut self, cx: &mut Context<'_>) {
        let Some(future) = &mut self.future else { return };
        *self.waker.task.lock().unwrap() = Some(cx.waker().clone());
        if !self.waker.woken.load(Ordering::Acquire) {
            return;
        }
        // A new one: what the future keeps must be what it was given last.
        let task = self.waker.task.lock().unwrap().take();
        self.waker = Arc::new(BranchWaker { woken: AtomicBool::new(false), task: Mutex::new(task) });
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&Waker::from(self.waker.clone()))) {
            self.output = Some(output);
            self.future = None;
        }
    }
}

fn join<'a, T: 'a>(futures: Vec<Boxed<'a, T>>) -> impl Future<Output = Vec<T>> + 'a {
    Join::new(futures).all()
}

fn pair() -> (Stream<Plain>, Stream<Plain>) {
    let (left, right) = UnixStream::pair().unwrap();
    let stream = |socket: UnixStream| {
        Stream::new(Plain::new(Source::adopt(socket).unwrap()), InputBuffer::default(), StreamOptions::default())
    };
    (stream(left), stream(right))
}

#[test]
fn sleeps_timeouts_and_turns_wake_foreign_wakers() {
    run(async {
        let futures = (0..50)
            .map(|number| {
                boxed(async move {
                    sleep(Duration::from_millis(number % 7)).await;
                    yield_now().await;
                    let late: Result<(), Timeout> = timeout(Duration::from_millis(1), std::future::pending()).await;
                    late.unwrap_err();
                    yield_now().await;
                    number
                })
            })
            .collect();
        assert!(join(futures).await.into_iter().eq(0..50));
    });
}

#[test]
fn queues_inboxes_and_sleepers_wake_foreign_wakers() {
    run(async {
        let (queue, inbox, sleeper) = (Queue::new(), Inbox::new(), Sleeper::new());
        let results = join(vec![
            boxed(async { queue.get().await.unwrap() }),
            boxed(async { inbox.take().await.unwrap() }),
            boxed(async { sleeper.sleep(Duration::from_secs(3_600)).await.unwrap().unwrap() }),
            boxed(async {
                yield_now().await;
                queue.put(1);
                yield_now().await;
                inbox.put(2).unwrap();
                yield_now().await;
                sleeper.wake(3).unwrap();
                4
            }),
        ]);
        assert_eq!(results.await, [1, 2, 3, 4]);
    });
}

#[test]
fn values_that_are_always_there_wake_foreign_wakers_where_they_give_way() {
    run(async {
        let (queue, inbox) = (Queue::new(), Inbox::new());
        for value in 0..30_000 {
            queue.put(value);
            inbox.put(value).unwrap();
        }
        let results = join(vec![
            boxed(async { while queue.get().await.unwrap() < 29_999 {} }),
            boxed(async { while inbox.take().await.unwrap() < 29_999 {} }),
            boxed(async {
                for _ in 0..30_000 {
                    sleep(Duration::ZERO).await;
                }
            }),
        ]);
        assert_eq!(results.await.len(), 3);
    });
}

#[test]
fn tasks_and_work_wake_foreign_wakers() {
    // A task waits for `pending`, which keeps no waker, until it is cancelled.
    run_unwatched(async {
        let task = spawn(async {
            sleep(Duration::from_millis(2)).await;
            1
        });
        let cancelled = spawn(std::future::pending::<u8>());
        let canceller = Rc::new(RefCell::new(cancelled));
        let awaited = canceller.clone();
        let results = join(vec![
            boxed(task),
            boxed(unblock(|| 2)),
            boxed(poll_fn(move |cx| Pin::new(&mut *awaited.borrow_mut()).poll(cx))),
            boxed(async move {
                yield_now().await;
                canceller.borrow().cancel();
                Ok(3)
            }),
        ]);
        assert_eq!(results.await, [Ok(1), Ok(2), Err(JoinError::Cancelled), Ok(3)]);
    });
}

#[test]
fn streams_wake_foreign_wakers() {
    run(async {
        let (left, right) = pair();
        // More than a socket holds, more than a turn's bytes, there and back.
        let much = vec![b'm'; 3 * 1024 * 1024];
        let (left_read, left_write) = left.split();
        let (right_read, right_write) = right.split();
        let results = join(vec![
            boxed(async { left_write.write(&much).await.map(|()| 0) }),
            boxed(async { right_write.write(&much).await.map(|()| 0) }),
            boxed(async { left_read.read(much.len()).await.map(|bytes| bytes.len()) }),
            boxed(async { right_read.read(much.len()).await.map(|bytes| bytes.len()) }),
        ]);
        let results: Vec<_> = results.await.into_iter().map(Result::unwrap).collect();
        assert_eq!(results, [0, 0, much.len(), much.len()]);
    });
}

#[test]
fn interrupts_and_closes_wake_foreign_wakers() {
    run(async {
        let (left, right) = pair();
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let inbox = Inbox::<()>::new();
        let results = join(vec![
            boxed(async { left.read(1).await.unwrap_err().to_string() }),
            boxed(async { right.read(1).await.unwrap_err().to_string() }),
            boxed(async { listener.accept().await.unwrap_err().to_string() }),
            boxed(async { inbox.take().await.unwrap_err().to_string() }),
            boxed(async {
                yield_now().await;
                left.interrupt().unwrap();
                yield_now().await;
                listener.close().unwrap();
                yield_now().await;
                inbox.interrupt().unwrap();
                yield_now().await;
                right.close().unwrap();
                String::new()
            }),
        ]);
        assert_eq!(results.await, ["interrupted", "interrupted", "interrupted", "interrupted", ""]);
    });
}

#[test]
fn closing_to_the_end_wakes_foreign_wakers() {
    run(async {
        let (left, right) = pair();
        let results = join(vec![
            boxed(async { left.shutdown().await.map(|()| 0) }),
            boxed(async {
                let rest = right.read(ReadMode::All).await?;
                right.shutdown().await?;
                Ok(rest.len())
            }),
        ]);
        let results: Vec<_> = results.await.into_iter().map(Result::unwrap).collect();
        assert_eq!(results, [0, 0]);
    });
}

#[test]
fn resolving_connecting_and_accepting_wake_foreign_wakers() {
    let machine = machine_with(Table::of(&["127.0.0.1"]));
    run_on(&machine, async {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_ip().unwrap().port();
        let results = join(vec![boxed(async { listener.accept().await }), boxed(TcpStream::connect(("a.test", port)))]);
        assert!(results.await.into_iter().all(|stream| stream.is_ok()));
    });
}

#[test]
fn a_branch_that_loses_a_race_leaves_nothing_behind() {
    run(async {
        let (left, _right) = pair();
        let queue = Queue::new();
        {
            let mut losers = pin!(join(vec![
                boxed(async { drop(left.read(1).await) }),
                boxed(async { queue.get().await.unwrap() }),
                boxed(sleep(Duration::from_secs(3_600))),
            ]));
            let mut winner = pin!(yield_now());
            poll_fn(|cx| {
                assert!(losers.as_mut().poll(cx).is_pending());
                winner.as_mut().poll(cx)
            })
            .await;
        }
        assert!(!left.is_busy());
        queue.put(());
        assert_eq!(queue.len(), 1);
    });
}

thread_local! {
    /// What the waker below looks at when it is used.
    static WATCHED: RefCell<Option<Rc<Stream<Endless>>>> = const { RefCell::new(None) };
}

/// Uses the stream at the very moment at which it is woken.
struct Meddler(Mutex<Option<Waker>>);

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        WATCHED.with_borrow(|stream| stream.as_ref().map(|stream| stream.is_busy()));
        if let Some(task) = self.0.lock().unwrap().take() {
            task.wake();
        }
    }
}

#[test]
fn a_waker_may_use_the_stream_that_wakes_it() {
    run(async {
        let stream = Rc::new(endless());
        WATCHED.set(Some(stream.clone()));
        let foreign = |cx: &Context<'_>| Waker::from(Arc::new(Meddler(Mutex::new(Some(cx.waker().clone())))));
        // So much that both give way several times, and wake themselves for that.
        let mut reading = pin!(stream.read(4 * 1024 * 1024));
        let bytes = poll_fn(|cx| reading.as_mut().poll(&mut Context::from_waker(&foreign(cx)))).await;
        let bytes = bytes.unwrap();
        let mut writing = pin!(stream.write(&bytes));
        poll_fn(|cx| writing.as_mut().poll(&mut Context::from_waker(&foreign(cx)))).await.unwrap();
        WATCHED.set(None);
        stream.abort();
    });
}
