//! Worker threads: how many, how long, and that names have their own.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use lem_rs::{JoinSet, Listener, Machine, TcpStream, sleep, unblock};
use lem_ssl_tests::watched;

use crate::support::{run, run_on};

#[test]
fn busy_worker_threads_do_not_delay_a_connect() {
    run(async {
        let (open, gate) = channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let calls = JoinSet::new();
        // As many as there are threads, and more that wait for one.
        for _ in 0..80 {
            let gate = gate.clone();
            let call = unblock(move || gate.lock().unwrap().recv().is_err());
            calls.spawn(call);
        }
        let listener = Listener::bind("localhost:0").await?;
        let port = listener.local_ip().unwrap().port();
        let stream = TcpStream::connect(("localhost", port)).await?;
        stream.abort();
        drop(open);
        while let Some(call) = calls.join_next().await {
            assert!(call??, "it waited until now");
        }
        Ok(())
    });
}

#[test]
fn no_more_threads_work_at_once_than_were_asked_for() {
    let machine = watched(Machine::builder()).worker_threads(3).build().unwrap();
    run_on(&machine, async {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let calls = JoinSet::new();
        for _ in 0..30 {
            let (now, most) = (now.clone(), most.clone());
            calls.spawn(unblock(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                now.fetch_sub(1, Ordering::SeqCst);
            }));
        }
        while let Some(call) = calls.join_next().await {
            call??;
        }
        assert!((1..=3).contains(&most.load(Ordering::SeqCst)), "{most:?}");
        // All three at once: each waits for the others.
        let barrier = Arc::new(Barrier::new(3));
        for _ in 0..3 {
            let barrier = barrier.clone();
            calls.spawn(unblock(move || {
                barrier.wait();
            }));
        }
        while let Some(call) = calls.join_next().await {
            call??;
        }
        Ok(())
    });
}

#[test]
fn an_idle_thread_stays_as_long_as_it_was_told() {
    let name = || std::thread::current().id();
    let machine = watched(Machine::builder()).worker_threads(1).worker_idle(Duration::from_secs(600)).build().unwrap();
    run_on(&machine, async move {
        let first = unblock(name).await?;
        sleep(Duration::from_millis(30)).await;
        assert_eq!(unblock(name).await?, first);
        Ok(())
    });
    let machine = watched(Machine::builder()).worker_threads(1).worker_idle(Duration::from_millis(1)).build().unwrap();
    run_on(&machine, async move {
        let first = unblock(name).await?;
        let begun = Instant::now();
        // Until another one does it, the first has not ended. The only place for a thread is free again then.
        loop {
            sleep(Duration::from_millis(10)).await;
            if unblock(name).await? != first {
                return Ok(());
            }
            assert!(begun.elapsed() < Duration::from_secs(30));
        }
    });
}
