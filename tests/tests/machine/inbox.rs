//! `Inbox`: a queue with one reader and a server's verbs.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use lem_rs::{Error, Inbox, spawn, yield_now};

use crate::support::{poll_once, run};

#[test]
fn values_are_taken_in_order_before_or_after_they_are_waited_for() {
    run(async {
        let inbox = Rc::new(Inbox::new());
        inbox.put(1).unwrap();
        inbox.put(2).unwrap();
        assert_eq!(inbox.take().await.unwrap(), 1);
        assert_eq!(inbox.take().await.unwrap(), 2);
        let theirs = inbox.clone();
        let task = spawn(async move { theirs.take().await });
        yield_now().await;
        assert!(inbox.is_busy());
        inbox.put(3).unwrap();
        assert_eq!(task.await.unwrap().unwrap(), 3);
        assert!(!inbox.is_busy());
    });
}

#[test]
fn a_second_taker_is_told_busy() {
    run(async {
        let inbox = Inbox::new();
        let mut first = pin!(inbox.take());
        assert!(poll_once(first.as_mut()).await.is_pending());
        let second = inbox.take().await.unwrap_err();
        assert_eq!(second.to_string(), "busy");
        inbox.put("for the first").unwrap();
        assert!(matches!(inbox.take().await, Err(Error::Busy)));
        assert_eq!(first.await.unwrap(), "for the first");
    });
}

#[test]
fn an_interrupted_taker_consumes_nothing() {
    run(async {
        let inbox = Inbox::new();
        assert_eq!(inbox.interrupt().unwrap_err().to_string(), "not busy");
        let mut waiting = pin!(inbox.take());
        assert!(poll_once(waiting.as_mut()).await.is_pending());
        inbox.put(1).unwrap();
        inbox.interrupt().unwrap();
        assert!(matches!(inbox.interrupt(), Err(Error::NotBusy)));
        assert_eq!(waiting.await.unwrap_err().to_string(), "interrupted");
        assert_eq!(inbox.take().await.unwrap(), 1);
    });
}

#[test]
fn a_dropped_taker_loses_no_value() {
    run(async {
        let inbox = Inbox::new();
        {
            let mut waiting = pin!(inbox.take());
            assert!(poll_once(waiting.as_mut()).await.is_pending());
            inbox.put(1).unwrap();
        }
        assert!(!inbox.is_busy());
        assert_eq!(inbox.take().await.unwrap(), 1);
    });
}

#[test]
fn closing_interrupts_and_gives_the_values_back() {
    run(async {
        let inbox = Inbox::new();
        let mut waiting = pin!(inbox.take());
        assert!(poll_once(waiting.as_mut()).await.is_pending());
        inbox.put(1).unwrap();
        inbox.put(2).unwrap();
        assert_eq!(inbox.close().unwrap(), [1, 2]);
        assert!(inbox.is_closed());
        assert!(matches!(poll_once(waiting.as_mut()).await, Poll::Ready(Err(Error::Interrupted))));
        assert_eq!(inbox.take().await.unwrap_err().to_string(), "closed");
        assert_eq!(inbox.put(3), Err(3));
        assert_eq!(inbox.close().unwrap_err().to_string(), "already closed");
    });
}

#[test]
fn taking_outside_of_a_machine_is_an_error() {
    let inbox = Inbox::<u8>::new();
    let mut waiting = pin!(inbox.take());
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match waiting.as_mut().poll(&mut cx) {
        Poll::Ready(Err(Error::Misuse(what))) => assert!(what.starts_with("no machine runs on this thread")),
        other => panic!("{other:?}"),
    }
}
