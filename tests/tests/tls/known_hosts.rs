//! The file of known servers, where others hold its lock or it is reached by a link.

use std::fs::{self, File};
use std::time::Duration;

use lem_ssl_rs::{Context, Error, KnownHosts, Machine, Trust, sleep, spawn, unblock};
use lem_ssl_tests::pki::{Leaf, self_signed};
use lem_ssl_tests::scratch::Scratch;

use crate::support::{identity, says};
use crate::trust::{meet, trusting};

/// Runs with one thread for calls that block: if one waits for good, no other call is made.
fn run_with_one_thread(main: impl AsyncFnOnce()) {
    Machine::builder().worker_threads(1).build().unwrap().run(main()).unwrap();
}

fn locked(scratch: &Scratch) -> File {
    let lock = File::create(scratch.path().join("known.lock")).unwrap();
    lock.lock().unwrap();
    lock
}

fn context(scratch: &Scratch, patience: Duration) -> Context {
    let hosts = KnownHosts::in_file(scratch.path().join("known"));
    trusting(Trust::FirstUse(hosts)).handshake_deadline(patience).build().unwrap()
}

#[test]
fn a_lock_that_another_process_keeps_is_told_at_the_deadline_and_blocks_no_thread() {
    run_with_one_thread(async || {
        let scratch = Scratch::new("known-hosts");
        let lock = locked(&scratch);
        let server = self_signed(Leaf::server(&["any.test"]));
        let context = context(&scratch, Duration::from_secs(3));
        let error = meet(&context, "one.test", identity(&server)).await.unwrap_err();
        says(&error, &["known.lock is locked", "by another process"]);
        assert_eq!(unblock(|| 1).await.unwrap(), 1);
        drop(lock);
        meet(&context, "one.test", identity(&server)).await.unwrap();
    });
}

#[test]
fn a_lock_that_is_given_back_is_waited_for() {
    run_with_one_thread(async || {
        let scratch = Scratch::new("known-hosts");
        let lock = locked(&scratch);
        let server = self_signed(Leaf::server(&["any.test"]));
        let unlocking = spawn(async move {
            sleep(Duration::from_millis(100)).await;
            drop(lock);
            Ok::<(), Error>(())
        });
        meet(&context(&scratch, Duration::from_secs(60)), "one.test", identity(&server)).await.unwrap();
        unlocking.await.unwrap().unwrap();
        assert_eq!(fs::read_to_string(scratch.path().join("known")).unwrap().lines().count(), 1);
    });
}

#[cfg(unix)]
#[test]
fn a_link_stays_one_whether_its_file_exists_or_not() {
    run_with_one_thread(async || {
        let scratch = Scratch::new("known-hosts");
        let (link, between, folder) =
            (scratch.path().join("known"), scratch.path().join("between"), scratch.path().join("folder"));
        fs::create_dir(&folder).unwrap();
        // The one is absolute, the other is not.
        std::os::unix::fs::symlink(&between, &link).unwrap();
        std::os::unix::fs::symlink("folder/file", &between).unwrap();
        let server = self_signed(Leaf::server(&["any.test"]));
        let context = context(&scratch, Duration::from_secs(60));
        for (name, lines) in [("one.test", 1), ("two.test", 2)] {
            meet(&context, name, identity(&server)).await.unwrap();
            assert_eq!(fs::read_to_string(folder.join("file")).unwrap().lines().count(), lines);
            assert!([&link, &between].iter().all(|link| link.is_symlink()));
        }
    });
}
