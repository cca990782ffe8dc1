//! `timeout` and `Deadline`.

use std::future::{pending, ready};
use std::time::Duration;

use lem_rs::{Deadline, Error, Phase, Timeout, sleep, spawn, timeout, yield_now};
use lem_ssl_tests::watched_machine;

use crate::support::{drop_flag, run};

const SOON: Duration = Duration::from_millis(2);
const LATE: Duration = Duration::from_secs(3_600);

#[test]
fn a_future_that_is_ready_counts_even_if_the_time_is_over() {
    run(async {
        assert_eq!(timeout(Duration::ZERO, ready(1)).await, Ok(1));
        assert_eq!(timeout(Duration::ZERO, async { 2 }).await, Ok(2));
    });
}

#[test]
fn both_due_at_once_is_no_timeout() {
    run(async {
        let result = timeout(SOON, async {
            sleep(SOON).await;
            // However late this task is polled: the inner sleep is asked first.
            3
        });
        assert_eq!(result.await, Ok(3));
    });
}

#[test]
fn the_inner_future_is_dropped_when_the_time_is_over() {
    let machine = watched_machine();
    machine
        .run(async {
            let (dropped, guard) = drop_flag();
            let late = timeout(SOON, async move {
                let _guard = guard;
                sleep(LATE).await;
            })
            .await;
            assert_eq!(late, Err(Timeout::new(Phase::Operation, SOON)));
            assert!(dropped.get());
            assert_eq!(machine.counts(), (1, 0, 0));
        })
        .unwrap();
}

#[test]
fn the_timer_is_gone_when_the_future_was_in_time() {
    let machine = watched_machine();
    machine
        .run(async {
            assert_eq!(timeout(LATE, yield_now()).await, Ok(()));
            assert_eq!(machine.counts(), (1, 0, 0));
        })
        .unwrap();
}

#[test]
fn of_nested_timeouts_the_shorter_one_speaks() {
    run(async {
        let inner = timeout(LATE, timeout(SOON, pending::<()>())).await;
        assert_eq!(inner, Ok(Err(Timeout::new(Phase::Operation, SOON))));
        let outer = timeout(SOON, timeout(LATE, pending::<()>())).await;
        assert_eq!(outer, Err(Timeout::new(Phase::Operation, SOON)));
    });
}

#[test]
fn a_timeout_that_is_dropped_drops_what_is_inside() {
    let machine = watched_machine();
    machine
        .run(async {
            let (dropped, guard) = drop_flag();
            let task = spawn(timeout(LATE, async move {
                let _guard = guard;
                pending::<()>().await;
            }));
            yield_now().await;
            assert_eq!(machine.counts(), (2, 1, 0));
            task.cancel();
            assert!(dropped.get());
            assert_eq!(machine.counts(), (1, 0, 0));
        })
        .unwrap();
}

#[test]
fn a_timeout_says_what_it_was_and_how_long() {
    let cases = [
        (Timeout::new(Phase::Operation, Duration::from_millis(250)), "operation timed out after 250 ms"),
        (Timeout::new(Phase::Resolve, Duration::from_secs(10)), "resolving the name timed out after 10 s"),
        (Timeout::new(Phase::Connect, Duration::from_micros(1_500)), "connect timed out after 1 ms"),
        (Timeout::new(Phase::Close, Duration::from_millis(1_500)), "close timed out after 1.5 s"),
        (
            Timeout::new(Phase::Handshake, Duration::from_micros(7)).target("[::1]:443"),
            "handshake with [::1]:443 timed out after 7 µs",
        ),
    ];
    for (timeout, expected) in cases {
        assert_eq!(timeout.to_string(), expected);
        let (phase, waited) = (timeout.phase(), timeout.waited());
        let error = Error::from(timeout);
        assert_eq!(error.timed_out(), Some(phase));
        assert_eq!(error.to_string(), expected, "{waited:?}");
    }
    assert_eq!(Error::Closed.timed_out(), None);
}

#[test]
fn a_deadline_names_the_phase_in_which_it_passed() {
    run(async {
        let deadline = Deadline::after(SOON);
        let first = deadline.limit(Phase::Resolve, "here", async { Ok(1) }).await;
        assert_eq!(first.unwrap(), 1);
        let second = deadline.limit(Phase::Connect, "there", pending::<Result<(), Error>>()).await.unwrap_err();
        assert_eq!(second.timed_out(), Some(Phase::Connect));
        assert!(second.to_string().starts_with("connect to there timed out after "));
        let Error::Timeout(timeout) = second else { panic!("{second}") };
        assert!(timeout.waited() >= SOON);
        // What is over stays over, though a result that is there still counts.
        assert_eq!(deadline.remaining(), Duration::ZERO);
        let third = deadline.limit(Phase::Handshake, "there", pending::<Result<(), Error>>()).await;
        assert_eq!(third.unwrap_err().timed_out(), Some(Phase::Handshake));
        assert_eq!(deadline.limit(Phase::Handshake, "there", async { Ok(4) }).await.unwrap(), 4);
    });
}

#[test]
fn a_deadline_hands_the_futures_own_error_on() {
    run(async {
        let deadline = Deadline::after(LATE);
        let failed = deadline.limit(Phase::Connect, "", async { Err::<(), _>(Error::Busy) }).await;
        assert!(matches!(failed, Err(Error::Busy)));
    });
}

#[test]
fn a_tighter_deadline_never_loosens() {
    run(async {
        let deadline = Deadline::after(LATE);
        assert!(deadline.remaining() <= LATE);
        assert!(deadline.at_most(SOON).remaining() <= SOON);
        assert!(deadline.at_most(SOON).at_most(LATE).remaining() <= SOON);
        assert!(deadline.at_most(Duration::MAX).remaining() <= LATE);
        assert!(Deadline::after(Duration::MAX).at_most(Duration::MAX).remaining() > LATE);
        assert_eq!(Deadline::after(Duration::ZERO).remaining(), Duration::ZERO);
    });
}
