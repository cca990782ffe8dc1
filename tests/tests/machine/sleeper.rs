//! `Sleeper`: a sleep that another task ends early.

use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use lem_rs::{Error, Sleeper, sleep, spawn, yield_now};
use lem_ssl_tests::watched_machine;

use crate::support::{drop_flag, poll_once, run};

const LONG: Duration = Duration::from_secs(3_600);

#[test]
fn a_sleep_that_nobody_ends_is_over_at_its_time() {
    run(async {
        let sleeper = Sleeper::<()>::new();
        assert!(matches!(sleeper.sleep(Duration::from_millis(1)).await, Ok(None)));
        assert!(matches!(sleeper.sleep(Duration::ZERO).await, Ok(None)));
        assert!(!sleeper.is_busy());
    });
}

#[test]
fn a_wake_up_brings_its_value() {
    run(async {
        let sleeper = Rc::new(Sleeper::new());
        for value in ["first", "second"] {
            let theirs = sleeper.clone();
            let task = spawn(async move { theirs.sleep(LONG).await });
            yield_now().await;
            assert!(sleeper.is_busy());
            sleeper.wake(value).unwrap();
            assert!(!sleeper.is_busy());
            assert_eq!(task.await.unwrap().unwrap(), Some(value));
        }
    });
}

#[test]
fn waking_one_who_is_awake_is_not_busy_and_drops_the_value() {
    run(async {
        let sleeper = Sleeper::new();
        let (dropped, guard) = drop_flag();
        let error = sleeper.wake(guard).unwrap_err();
        assert_eq!(error.to_string(), "not busy");
        assert!(dropped.get());
        // It is not kept for the next sleep.
        assert!(sleeper.sleep(Duration::ZERO).await.unwrap().is_none());
    });
}

#[test]
fn a_second_sleeper_is_told_busy_and_the_first_sleeps_on() {
    run(async {
        let sleeper = Rc::new(Sleeper::new());
        let theirs = sleeper.clone();
        let first = spawn(async move { theirs.sleep(LONG).await });
        yield_now().await;
        let second = sleeper.sleep(Duration::from_millis(1)).await;
        assert!(matches!(second, Err(Error::Busy)));
        sleep(Duration::from_millis(2)).await;
        assert!(sleeper.is_busy());
        sleeper.wake(9).unwrap();
        assert_eq!(first.await.unwrap().unwrap(), Some(9));
    });
}

#[test]
fn a_second_wake_up_before_the_first_was_seen_is_not_busy() {
    run(async {
        let sleeper = Rc::new(Sleeper::new());
        let theirs = sleeper.clone();
        let task = spawn(async move { theirs.sleep(LONG).await });
        yield_now().await;
        sleeper.wake(1).unwrap();
        assert!(matches!(sleeper.wake(2), Err(Error::NotBusy)));
        assert_eq!(task.await.unwrap().unwrap(), Some(1), "the first value, once");
        assert!(matches!(sleeper.wake(3), Err(Error::NotBusy)));
    });
}

#[test]
fn a_newcomer_does_not_take_the_value_of_one_who_was_woken() {
    run(async {
        let sleeper = Rc::new(Sleeper::new());
        let theirs = sleeper.clone();
        let task = spawn(async move { theirs.sleep(LONG).await });
        yield_now().await;
        sleeper.wake("for the first").unwrap();
        assert!(matches!(sleeper.sleep(LONG).await, Err(Error::Busy)));
        assert_eq!(task.await.unwrap().unwrap(), Some("for the first"));
        assert!(sleeper.sleep(Duration::ZERO).await.unwrap().is_none());
    });
}

#[test]
fn a_value_that_comes_together_with_the_end_of_the_time_is_not_lost() {
    run(async {
        let sleeper = Sleeper::new();
        let mut asleep = pin!(sleeper.sleep(Duration::from_millis(1)));
        assert!(poll_once(asleep.as_mut()).await.is_pending());
        // The time passes, but the sleeper is not polled before it is woken.
        sleep(Duration::from_millis(3)).await;
        sleeper.wake(5).unwrap();
        match poll_once(asleep.as_mut()).await {
            Poll::Ready(Ok(value)) => assert_eq!(value, Some(5)),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn a_dropped_sleep_leaves_its_place_free() {
    let machine = watched_machine();
    machine
        .run(async {
            let sleeper = Sleeper::new();
            {
                let mut asleep = pin!(sleeper.sleep(LONG));
                assert!(poll_once(asleep.as_mut()).await.is_pending());
                assert_eq!(machine.counts(), (1, 1, 0));
            }
            assert!(!sleeper.is_busy());
            assert_eq!(machine.counts(), (1, 0, 0));
            assert!(matches!(sleeper.wake(1), Err(Error::NotBusy)));
            assert!(sleeper.sleep(Duration::ZERO).await.unwrap().is_none());
        })
        .unwrap();
}

#[test]
fn a_value_for_a_dropped_sleep_is_dropped_with_it() {
    run(async {
        let sleeper = Sleeper::new();
        let (dropped, guard) = drop_flag();
        {
            let mut asleep = pin!(sleeper.sleep(LONG));
            assert!(poll_once(asleep.as_mut()).await.is_pending());
            sleeper.wake(guard).unwrap();
            assert!(!dropped.get());
        }
        assert!(dropped.get());
        assert!(sleeper.sleep(Duration::ZERO).await.unwrap().is_none());
    });
}

#[test]
fn a_sleep_that_was_refused_leaves_the_others_value_alone() {
    run(async {
        let sleeper = Sleeper::new();
        let mut first = pin!(sleeper.sleep(LONG));
        assert!(poll_once(first.as_mut()).await.is_pending());
        {
            let mut second = pin!(sleeper.sleep(LONG));
            assert!(matches!(poll_once(second.as_mut()).await, Poll::Ready(Err(Error::Busy))));
            sleeper.wake(1).unwrap();
        }
        assert_eq!(first.await.unwrap(), Some(1));
    });
}

#[test]
fn a_ping_pong_of_wake_ups_loses_none() {
    run(async {
        let (ping, pong) = (Rc::new(Sleeper::new()), Rc::new(Sleeper::new()));
        let (theirs, answer) = (ping.clone(), pong.clone());
        let echo = spawn(async move {
            loop {
                let Some(number) = theirs.sleep(LONG).await.unwrap() else { return };
                answer.wake(number).unwrap();
            }
        });
        yield_now().await;
        for number in 0..1_000 {
            let mut asleep = pin!(pong.sleep(LONG));
            assert!(poll_once(asleep.as_mut()).await.is_pending());
            ping.wake(number).unwrap();
            assert_eq!(asleep.await.unwrap(), Some(number));
            // The echo sleeps again before the next one.
            while !ping.is_busy() {
                yield_now().await;
            }
        }
        echo.cancel();
    });
}
