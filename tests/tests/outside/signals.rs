//! Signals of the operating system. Each test has signals of its own: all tests run in one process.
#![cfg(unix)]

use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use lem_rs::signal::{Signal, Signals};
use lem_rs::{Error, sleep, spawn, timeout};

use crate::support::run;

fn send(name: &str) {
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", std::process::id())).status();
    assert!(sent.unwrap().success());
}

#[test]
fn a_signal_wakes_the_task_that_waits_and_says_which_it_was() {
    run(async {
        let signals = Signals::new([Signal::User1, Signal::Hangup])?;
        let task = spawn(async move {
            let first = signals.next().await?;
            Ok::<_, Error>((first, signals.next().await?))
        });
        sleep(Duration::from_millis(2)).await;
        send("USR1");
        sleep(Duration::from_millis(20)).await;
        send("HUP");
        assert_eq!(task.await??, (Signal::User1, Signal::Hangup));
        assert_eq!(Signal::Hangup.to_string(), "SIGHUP");
        Ok(())
    });
}

#[test]
fn two_receivers_both_see_it_and_a_wait_that_is_dropped_loses_none() {
    run(async {
        let (one, other) = (Signals::new([Signal::User2])?, Signals::new([Signal::User2])?);
        assert!(timeout(Duration::from_millis(2), one.next()).await.is_err());
        send("USR2");
        assert_eq!((one.next().await?, other.next().await?), (Signal::User2, Signal::User2));
        assert!(timeout(Duration::from_millis(5), one.next()).await.is_err(), "it came once");
        drop(one);
        send("USR2");
        assert_eq!(other.next().await?, Signal::User2, "the one that is left receives on");
        Ok(())
    });
}

#[test]
fn the_end_of_a_child_is_told() {
    run(async {
        let signals = Signals::new([Signal::Child])?;
        let mut child = Command::new("true").spawn().unwrap();
        // Other tests have children as well, so one signal may be another one's.
        while child.try_wait().unwrap().is_none() {
            signals.next().await?;
        }
        Ok(())
    });
}

#[test]
fn a_signal_that_comes_again_before_it_was_taken_is_received_once() {
    run(async {
        let signals = Signals::new([Signal::Continue, Signal::Alarm])?;
        for name in ["CONT", "ALRM"] {
            send(name);
        }
        sleep(Duration::from_millis(20)).await;
        // The other one is known of, and not taken yet.
        let first = signals.next().await?;
        let second = if first == Signal::Alarm { ("CONT", Signal::Continue) } else { ("ALRM", Signal::Alarm) };
        send(second.0);
        sleep(Duration::from_millis(20)).await;
        assert_eq!(signals.next().await?, second.1);
        assert!(timeout(Duration::from_millis(20), signals.next()).await.is_err(), "it is received once");
        Ok(())
    });
}

#[test]
fn a_signal_that_is_not_taken_fills_nothing() {
    run(async {
        let signals = Rc::new(Signals::new([Signal::WindowChange])?);
        for _ in 0..50 {
            send("WINCH");
        }
        assert_eq!(signals.next().await?, Signal::WindowChange);
        assert!(timeout(Duration::from_millis(5), signals.next()).await.is_err());
        Ok(())
    });
}
