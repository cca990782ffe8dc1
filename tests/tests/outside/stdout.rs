//! Standard output: what was begun is written, whatever becomes of its future, of its machine, and of other threads.
#![cfg(unix)]

use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::mpsc::{Receiver, sync_channel};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use lem_rs::stdio::{Stdin, Stdout};
use lem_rs::{Machine, spawn, timeout, unblock, yield_now};
use lem_ssl_tests::watched_machine;

use crate::support::{WATCHDOG, run, run_on};

/// More than fits into a pipe.
const BIG: usize = 300_000;

const SOON: Duration = Duration::from_millis(5);

fn output() -> (Stdout, PipeReader) {
    let (reader, writer) = io::pipe().unwrap();
    (Stdout::of(File::from(OwnedFd::from(writer))), reader)
}

/// Everything that comes out, on a thread that can be waited for with a limit.
fn everything(mut reader: PipeReader) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(1);
    thread::spawn(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        sender.send(all).unwrap();
    });
    receiver
}

/// A machine whose only worker thread is busy until what is returned is dropped.
async fn occupy() -> impl Sized {
    let (release, released) = sync_channel::<()>(1);
    let (begin, begun) = sync_channel::<()>(1);
    spawn(async move {
        let _ = unblock(move || {
            begin.send(()).unwrap();
            let _ = released.recv();
        })
        .await;
    })
    .detach();
    while begun.try_recv().is_err() {
        yield_now().await;
    }
    release
}

fn one_worker() -> Machine {
    Machine::builder().worker_threads(1).build().unwrap()
}

#[test]
fn a_write_that_is_given_up_while_all_workers_are_busy_is_written_by_nobody_elses_write() {
    let (output, mut reader) = output();
    run_on(&one_worker(), async {
        let busy = occupy().await;
        for _ in 0..3 {
            let mut write = pin!(output.write("pay 100\n"));
            std::future::poll_fn(|cx| {
                let _ = write.as_mut().poll(cx);
                Poll::Ready(())
            })
            .await;
        }
        // No worker is free, and nobody writes any more.
        let (sender, receiver) = sync_channel(1);
        thread::spawn(move || {
            let mut lines = [0; 24];
            reader.read_exact(&mut lines).unwrap();
            sender.send((lines, reader)).unwrap();
        });
        let (lines, rest) = receiver.recv_timeout(WATCHDOG).expect("it is written without another write");
        assert_eq!(&lines, b"pay 100\npay 100\npay 100\n");
        drop(busy);
        // What has kept the worker busy has come to its end by then.
        unblock(|| ()).await?;
        output.write("end\n").await?;
        drop(output);
        assert_eq!(everything(rest).recv_timeout(WATCHDOG).unwrap(), b"end\n", "each is written once");
        Ok(())
    });
}

#[test]
fn an_output_that_nobody_reads_holds_up_no_worker() {
    let (output, reader) = output();
    let machine = Machine::builder().worker_threads(2).build().unwrap();
    run_on(&machine, async {
        assert!(timeout(SOON, output.write(&vec![b'x'; BIG])).await.is_err());
        for _ in 0..10 {
            assert!(timeout(SOON, output.write("line\n")).await.is_err());
        }
        assert_eq!(unblock(|| 1).await?, 1);
        drop(output);
        let all = everything(reader).recv_timeout(WATCHDOG).unwrap();
        assert_eq!(all.len(), BIG + 50, "what was given up is written all the same");
        assert!(all.ends_with(b"xline\nline\nline\nline\nline\nline\nline\nline\nline\nline\n"));
        Ok(())
    });
}

#[test]
fn what_was_begun_is_written_although_the_machine_has_ended() {
    let (output, reader) = output();
    let machine = one_worker();
    run_on(&machine, async {
        assert!(timeout(SOON, output.write(&vec![b'x'; BIG])).await.is_err());
        assert!(timeout(SOON, output.write("last words")).await.is_err());
        Ok(())
    });
    drop((machine, output));
    let all = everything(reader).recv_timeout(WATCHDOG).unwrap();
    assert_eq!(all.len(), BIG + 10);
    assert!(all.ends_with(b"xlast words"));
}

#[test]
fn two_machines_write_to_one_output_in_the_order_in_which_they_have_begun() {
    let (output, reader) = output();
    let machines = [watched_machine(), watched_machine()];
    for turn in 0..4 {
        run_on(&machines[turn % 2], async {
            assert!(timeout(SOON, output.write(&vec![b'0' + turn as u8; BIG])).await.is_err());
            Ok(())
        });
    }
    let reading = everything(reader);
    run_on(&machines[0], async { output.sync().await });
    drop(output);
    let all = reading.recv_timeout(WATCHDOG).unwrap();
    assert_eq!(all.len(), 4 * BIG);
    assert!(all.is_sorted());
}

#[test]
fn a_write_that_waits_behind_a_sync_that_was_given_up_is_done() {
    run(async {
        let (output, reader) = output();
        assert!(timeout(SOON, output.write(&vec![b'x'; BIG])).await.is_err());
        assert!(timeout(SOON, output.sync()).await.is_err());
        let reading = everything(reader);
        output.write("end").await?;
        drop(output);
        assert!(reading.recv_timeout(WATCHDOG).unwrap().ends_with(b"xend"));
        Ok(())
    });
}

#[test]
fn input_is_read_on_after_a_machine_that_has_ended_before_a_thread_was_free() {
    let (reader, writer) = io::pipe().unwrap();
    let input = Stdin::of(File::from(OwnedFd::from(reader)));
    let busy = one_worker().run(async {
        let busy = occupy().await;
        assert!(timeout(SOON, input.next_line()).await.is_err());
        busy
    });
    io::Write::write_all(&mut &writer, b"late\n").unwrap();
    run(async {
        assert_eq!(input.next_line().await?, Some("late".into()));
        Ok(())
    });
    drop((busy, writer));
}
