//! Timers: order, numbers, extremes.

use std::fmt::Debug;
use std::pin::pin;
use std::time::{Duration, Instant};

use lem_rs::{now, sleep, sleep_until, spawn, yield_now};
use lem_ssl_tests::watched_machine;

use crate::support::{Log, poll_once, run};

/// Sleeps until `at` and notes `entry`; what was due before it could be armed proves nothing and is not noted.
async fn note_at<T: Clone + Debug + PartialEq>(at: Instant, log: Log<T>, entry: T) {
    let in_time = now() < at;
    sleep_until(at).await;
    if in_time {
        log.add(entry);
    }
}

#[test]
fn timers_fire_in_the_order_of_their_deadlines() {
    run(async {
        let begin = now() + Duration::from_millis(150);
        let log = Log::default();
        // Armed in an order that is neither that of the deadlines nor its reverse: 37 and 101 have no common divisor.
        let deadlines = (0..101_u64).map(|number| number * 37 % 101);
        let tasks: Vec<_> = deadlines
            .map(|millis| spawn(note_at(begin + Duration::from_millis(millis), log.clone(), millis)))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(log.entries().is_sorted(), "fired as {:?}", log.entries());
    });
}

#[test]
fn timers_with_one_deadline_fire_in_the_order_in_which_they_were_armed() {
    run(async {
        let at = now() + Duration::from_millis(150);
        let log = Log::default();
        let tasks: Vec<_> = (0..200).map(|number| spawn(note_at(at, log.clone(), number))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(log.entries().is_sorted(), "fired as {:?}", log.entries());
    });
}

#[test]
fn a_sleep_is_never_shorter_than_it_says() {
    run(async {
        for micros in [1, 999, 1_000, 1_001, 2_500, 17_000] {
            let begun = Instant::now();
            sleep(Duration::from_micros(micros)).await;
            assert!(begun.elapsed() >= Duration::from_micros(micros));
        }
    });
}

#[test]
fn a_hundred_thousand_timers_are_armed_and_mostly_cancelled() {
    let machine = watched_machine();
    machine
        .run(async {
            let mut sleeps: Vec<_> =
                (0..100_000_u64).map(|number| Box::pin(sleep(Duration::from_secs(3_600 + number)))).collect();
            for sleep in &mut sleeps {
                assert!(poll_once(sleep.as_mut()).await.is_pending());
            }
            assert_eq!(machine.counts(), (1, 100_000, 0));
            let mut number = 0;
            sleeps.retain(|_| {
                number += 1;
                number % 100 == 0
            });
            assert_eq!(machine.counts(), (1, 1_000, 0));
            // Among all those the near one still fires.
            sleep(Duration::from_millis(2)).await;
            assert_eq!(machine.counts(), (1, 1_000, 0));
        })
        .unwrap();
    assert_eq!(machine.counts(), (0, 0, 0));
}

#[test]
fn a_timer_is_forgotten_when_its_task_is_cancelled() {
    let machine = watched_machine();
    machine
        .run(async {
            let task = spawn(sleep(Duration::from_secs(3_600)));
            yield_now().await;
            assert_eq!(machine.counts(), (2, 1, 0));
            task.cancel();
            assert_eq!(machine.counts(), (1, 0, 0));
        })
        .unwrap();
}

#[test]
fn a_sleep_until_the_past_is_over_at_once() {
    let machine = watched_machine();
    machine
        .run(async {
            let before = now();
            let mut past = pin!(sleep_until(before));
            assert!(poll_once(past.as_mut()).await.is_ready());
            if let Some(long_ago) = before.checked_sub(Duration::from_secs(1)) {
                sleep_until(long_ago).await;
            }
            sleep(Duration::ZERO).await;
            assert_eq!(machine.counts(), (1, 0, 0));
        })
        .unwrap();
}

#[test]
fn the_longest_sleep_can_be_armed_and_cancelled() {
    let machine = watched_machine();
    machine
        .run(async {
            {
                let mut longest = pin!(sleep(Duration::MAX));
                let mut long = pin!(sleep(Duration::from_secs(u64::from(u32::MAX))));
                assert!(poll_once(longest.as_mut()).await.is_pending());
                assert!(poll_once(long.as_mut()).await.is_pending());
                assert_eq!(machine.counts(), (1, 2, 0));
                assert!(longest.deadline() > now() + Duration::from_secs(10 * 365 * 24 * 60 * 60));
                // A wait with nothing but far deadlines is one that the operating system must be able to express.
                sleep(Duration::from_millis(1)).await;
                assert!(poll_once(longest.as_mut()).await.is_pending());
            }
            assert_eq!(machine.counts(), (1, 0, 0));
        })
        .unwrap();
}

#[test]
fn a_deadline_so_far_away_that_only_the_clock_can_show_it_does_not_pass() {
    run(async {
        let mut seconds = u64::MAX;
        let far = loop {
            match now().checked_add(Duration::from_secs(seconds)) {
                Some(far) => break far,
                None => seconds /= 2,
            }
        };
        for far in [far, far + Duration::from_nanos(1), far + Duration::from_millis(1)] {
            let mut far = pin!(sleep_until(far));
            assert!(poll_once(far.as_mut()).await.is_pending());
            sleep(Duration::from_millis(2)).await;
            assert!(poll_once(far.as_mut()).await.is_pending());
        }
    });
}

#[test]
fn a_machine_with_only_the_longest_sleep_waits_for_a_thread() {
    // The limit of the one wait is a hundred years: a conversion that overflowed would spin or fail.
    let machine = watched_machine();
    machine
        .run(async {
            let century = spawn(sleep(Duration::MAX));
            assert_eq!(lem_rs::unblock(|| 8).await, Ok(8));
            century.cancel();
        })
        .unwrap();
    assert_eq!(machine.counts(), (0, 0, 0));
}

#[test]
fn a_sleep_that_was_polled_often_fires_once_and_stays_done() {
    let machine = watched_machine();
    machine
        .run(async {
            let mut sleep = pin!(sleep(Duration::from_millis(3)));
            while poll_once(sleep.as_mut()).await.is_pending() {
                assert!(machine.counts().1 <= 1);
                yield_now().await;
            }
            assert!(poll_once(sleep.as_mut()).await.is_ready());
            assert_eq!(machine.counts(), (1, 0, 0));
        })
        .unwrap();
}

#[test]
fn timers_that_fire_arm_others() {
    run(async {
        let log = Log::default();
        let mut tasks = Vec::new();
        for number in 0..20_u64 {
            let log = log.clone();
            tasks.push(spawn(async move {
                for step in 0..10 {
                    sleep(Duration::from_millis(number % 5)).await;
                    log.add((number, step));
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        for number in 0..20 {
            let steps: Vec<_> = log.entries().into_iter().filter(|entry| entry.0 == number).collect();
            assert!(steps.is_sorted() && steps.len() == 10);
        }
    });
}

#[test]
fn a_loop_over_sleeps_that_are_over_gives_way_to_the_others() {
    run(async {
        let neighbour = spawn(async {
            yield_now().await;
            "had its turn"
        });
        // Bounded, so that a machine that starves the neighbour fails this and does not hang.
        for _ in 0..1_000_000 {
            if neighbour.is_finished() {
                break;
            }
            sleep(Duration::ZERO).await;
        }
        assert!(neighbour.is_finished());
        assert_eq!(neighbour.await, Ok("had its turn"));
    });
}

#[test]
fn outside_of_a_machine_now_is_the_clocks_time() {
    let before = Instant::now();
    let between = now();
    assert!(before <= between && between <= Instant::now());
}
