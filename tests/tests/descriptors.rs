//! What happens when file descriptors run out, and that none is left behind.
//!
//! Both concern the whole process: each scenario runs in one of its own, which is this program once more, told by
//! `--ignored --exact` to run that scenario only. `sh` sets its limit.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

use std::cell::RefCell;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::net::TcpStream as StdStream;
use std::process::Command;
use std::rc::Rc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use lem_rs::transport::resolve;
use lem_rs::{Error, JoinHandle, Listener, Machine, ReadMode, TcpStream, sleep, spawn, timeout, unblock, yield_now};
use lem_ssl_tests::watched_machine;

/// Enough for the test runner, a machine and a few sockets.
const LIMIT: u32 = 48;

/// Longer than anything here takes on the slowest machine.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Runs the scenario of that name with few descriptors and expects that it passes.
#[track_caller]
fn in_a_process_of_its_own(scenario: &str) {
    let program = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -n {LIMIT}; exec \"$0\" --ignored --exact --test-threads=1 {scenario}"))
        .arg(program)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && text.contains("1 passed");
    assert!(passed, "{text}{}", String::from_utf8_lossy(&output.stderr));
}

fn run<T>(main: impl Future<Output = T>) -> T {
    watched_machine().run(async { timeout(WATCHDOG, main).await }).unwrap().expect("the scenario ends in time")
}

/// Opens files until there is no descriptor left.
fn use_up() -> Vec<File> {
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
        assert!(files.len() < 2 * LIMIT as usize, "the limit is not in force");
    }
    files
}

fn accepting(listener: &Rc<Listener>) -> JoinHandle<Result<TcpStream, Error>> {
    let listener = listener.clone();
    spawn(async move { listener.accept().await })
}

/// A listener, who is told of its pauses, and clients that wait to be accepted.
async fn listener(clients: usize) -> (Rc<Listener>, Rc<RefCell<Vec<String>>>, Vec<StdStream>) {
    let listener = Rc::new(Listener::bind("127.0.0.1:0").await.unwrap());
    let pauses: Rc<RefCell<Vec<String>>> = Rc::default();
    let told = pauses.clone();
    listener.on_pause(move |error| told.borrow_mut().push(error.to_string()));
    let address = listener.local_ip().unwrap();
    let clients = (0..clients).map(|_| StdStream::connect(address).unwrap()).collect();
    (listener, pauses, clients)
}

/// How many descriptors the process has open.
fn open() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_listener_without_descriptors_pauses_and_recovers() {
    in_a_process_of_its_own("pausing");
}

#[test]
#[ignore = "a scenario for a process of its own"]
fn pausing() {
    run(async {
        let (listener, pauses, clients) = listener(3).await;
        let files = use_up();
        let accepted = accepting(&listener);
        // The machine is alive: timers fire, tasks run, and the listener neither gives up nor takes all the time.
        for _ in 0..20 {
            sleep(Duration::from_millis(5)).await;
            assert!(!accepted.is_finished() && listener.is_busy() && !listener.is_closed());
        }
        let expected = format!("cannot accept on {}: too many open files", listener.local_addr());
        assert_eq!(*pauses.borrow(), [expected], "told once for the pause");
        drop(files);
        // The first to be accepted is the one that has waited longest.
        let first = accepted.await.unwrap().unwrap();
        assert_eq!(first.peer_addr().unwrap().ip(), clients[0].local_addr().ok());
        for client in &clients[1..] {
            let stream = listener.accept().await.unwrap();
            assert_eq!(stream.peer_addr().unwrap().ip(), client.local_addr().ok());
            stream.abort();
        }
        first.abort();
        assert_eq!(pauses.borrow().len(), 1);
    });
}

#[test]
fn a_listener_that_pauses_can_be_interrupted_and_closed() {
    in_a_process_of_its_own("ending_a_pause");
}

#[test]
#[ignore = "a scenario for a process of its own"]
fn ending_a_pause() {
    run(async {
        let (listener, pauses, clients) = listener(1).await;
        let files = use_up();
        let first = accepting(&listener);
        while pauses.borrow().is_empty() {
            yield_now().await;
        }
        listener.interrupt().unwrap();
        assert_eq!(first.await.unwrap().unwrap_err().to_string(), "interrupted");
        let second = accepting(&listener);
        for _ in 0..20 {
            yield_now().await;
        }
        assert!(!second.is_finished());
        assert_eq!(pauses.borrow().len(), 1, "it is the same pause until one is accepted");
        drop(files);
        second.await.unwrap().unwrap().abort();
        let third = accepting(&listener);
        yield_now().await;
        listener.close().unwrap();
        assert_eq!(third.await.unwrap().unwrap_err().to_string(), "interrupted");
        drop(clients);
    });
}

#[test]
fn without_descriptors_every_verb_says_so_and_works_again_later() {
    in_a_process_of_its_own("every_verb");
}

#[test]
#[ignore = "a scenario for a process of its own"]
fn every_verb() {
    run(async {
        let (listener, _, clients) = listener(0).await;
        let address = listener.local_ip().unwrap();
        let files = use_up();
        let connect = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(connect.to_string(), format!("cannot connect to {address}: too many open files"));
        let bind = Listener::bind("127.0.0.1:0").await.unwrap_err();
        assert_eq!(bind.to_string(), "cannot listen on 127.0.0.1:0: too many open files");
        // A thread needs no descriptor, and finds out by itself that there are none.
        let machine = unblock(|| Machine::new().map(|_| ()).unwrap_err().to_string()).await.unwrap();
        assert_eq!(machine, "cannot make an event queue: too many open files");
        drop(files);
        let accepted = accepting(&listener);
        TcpStream::connect(address).await.unwrap().abort();
        accepted.await.unwrap().unwrap().abort();
        drop(clients);
    });
}

/// The system's resolver calls a name unknown where it could not look.
#[test]
fn without_descriptors_no_name_is_called_unknown() {
    in_a_process_of_its_own("names");
}

#[test]
#[ignore = "a scenario for a process of its own"]
fn names() {
    run(async {
        let files = use_up();
        for name in ["localhost", "one.localhost", "name.invalid"] {
            let error = resolve(name, 1).await.unwrap_err();
            assert!(error.to_string().contains("too many open files"), "{error}");
        }
        drop(files);
        assert!(resolve("one.localhost", 1).await.unwrap().iter().all(|address| address.ip().is_loopback()));
    });
}

#[test]
fn machines_and_streams_leave_no_descriptor_behind() {
    in_a_process_of_its_own("coming_and_going");
}

#[test]
#[ignore = "a scenario for a process of its own"]
fn coming_and_going() {
    let before = open();
    for _ in 0..2 * LIMIT {
        run(async {
            let (listener, _, _) = listener(0).await;
            let accepted = accepting(&listener);
            let client = TcpStream::connect(listener.local_ip().unwrap()).await.unwrap();
            let server = accepted.await.unwrap().unwrap();
            client.close().unwrap();
            server.read(ReadMode::All).await.unwrap();
            // One that is closed, one that is dropped, one that stays open in a task that is left behind.
            let left = TcpStream::connect(listener.local_ip().unwrap()).await.unwrap();
            spawn(async move { left.read(1).await }).detach();
            yield_now().await;
        });
    }
    assert_eq!(open(), before);
}

#[test]
fn a_waker_that_is_used_after_its_machine_leaves_no_descriptor_behind() {
    in_a_process_of_its_own("late_wake_ups");
}

#[test]
#[ignore = "a scenario for a process of its own"]
fn late_wake_ups() {
    let before = open();
    for _ in 0..2 * LIMIT {
        let machine = watched_machine();
        let waker = machine.run(poll_fn(|cx| Poll::Ready(cx.waker().clone()))).unwrap();
        // Once between the last run and the end, and once after it.
        thread::scope(|scope| scope.spawn(|| waker.wake_by_ref()).join()).unwrap();
        drop(machine);
        waker.wake();
        let machine = watched_machine();
        let waker = machine.run(poll_fn(|cx| Poll::Ready(cx.waker().clone()))).unwrap();
        drop(machine);
        waker.wake();
    }
    assert_eq!(open(), before);
}
