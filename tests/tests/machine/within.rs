//! `within`: a deadline around a verb, flattened; its error names what was waited for.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Duration;

use lem_rs::sim::Sim;
use lem_rs::{
    Deadline, Error, Inbox, Listener, Phase, ReadMode, TcpStream, Timeout, now, sleep, spawn, timeout, within,
};

use crate::support::run;

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(3_600);

async fn pair() -> (TcpStream, TcpStream) {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr()).await.unwrap();
    (client, listener.accept().await.unwrap())
}

/// The phase and the message of a deadline that passed.
fn late<T: std::fmt::Debug>(result: Result<T, Error>) -> (Phase, String) {
    let error = result.unwrap_err();
    (error.timed_out().unwrap_or_else(|| panic!("{error}")), error.to_string())
}

#[test]
fn what_is_over_in_time_comes_out_as_it_is() {
    run(async {
        assert_eq!(within(LONG, async { Ok::<_, Error>(1) }).await.unwrap(), 1);
        let error = within(LONG, async { Err::<(), Error>(Error::Truncated(lem_rs::Cut::Fin)) }).await.unwrap_err();
        assert!(matches!(error, Error::Truncated(_)));
        let (ours, theirs) = pair().await;
        theirs.write("line\n").await.unwrap();
        assert_eq!(within(LONG, ours.read(ReadMode::Line)).await.unwrap(), b"line\n");
    });
}

#[test]
fn reading_and_writing_name_the_peer() {
    run(async {
        let (ours, theirs) = pair().await;
        let peer = ours.peer_addr().unwrap();
        let read = late(within(SHORT, ours.read(ReadMode::Line)).await);
        assert_eq!(read, (Phase::Read, format!("read from {peer} timed out after 20 ms")));
        let flood = vec![0; 64 * 1024 * 1024];
        let write = late(within(SHORT, ours.write(&flood)).await);
        assert_eq!(write, (Phase::Write, format!("write to {peer} timed out after 20 ms")));
        ours.abort();
        drop(theirs);
    });
}

#[test]
fn every_verb_that_reads_is_named_on_halves_and_as_poll_functions_too() {
    run(async {
        let (ours, theirs) = pair().await;
        let peer = ours.peer_addr().unwrap();
        let said = format!("read from {peer} timed out after 20 ms");
        assert_eq!(late(within(SHORT, ours.read_until("\r\n")).await).1, said);
        assert_eq!(late(within(SHORT, ours.peek(4)).await).1, said);
        assert_eq!(late(within(SHORT, ours.read_line_trimmed()).await).1, said);
        assert_eq!(late(within(SHORT, async { ours.lines().next().await.map(|_| ()) }).await).1, said);
        let (reader, writer) = ours.split();
        assert_eq!(late(within(SHORT, reader.read(1)).await).1, said);
        let mut polled = reader.join(writer).ok().unwrap().into_polled();
        let mut buffer = [0; 4];
        assert_eq!(late(within(SHORT, poll_fn(|cx| polled.poll_read(cx, &mut buffer))).await).1, said);
        drop(theirs);
    });
}

#[test]
fn a_block_of_verbs_names_the_one_that_it_waits_for() {
    run(async {
        let (ours, theirs) = pair().await;
        let peer = ours.peer_addr().unwrap();
        theirs.write("first\n").await.unwrap();
        let greeting = async {
            ours.read(ReadMode::Line).await?;
            ours.write("answer\n").await?;
            ours.read(ReadMode::Line).await
        };
        assert_eq!(late(within(SHORT, greeting).await).1, format!("read from {peer} timed out after 20 ms"));
        // Behind it nothing is known any more, and nothing is said that is not so.
        theirs.write("second\n").await.unwrap();
        let sleeping = async {
            ours.read(ReadMode::Line).await?;
            sleep(LONG).await;
            Ok::<(), Error>(())
        };
        assert_eq!(late(within(SHORT, sleeping).await), (Phase::Operation, "operation timed out after 20 ms".into()));
    });
}

#[test]
fn accepting_and_closing_and_phases_of_deadlines_are_named() {
    run(async {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let said = format!("accept at {} timed out after 20 ms", listener.local_addr());
        assert_eq!(late(within(SHORT, listener.accept()).await), (Phase::Accept, said));
        let (ours, theirs) = pair().await;
        let closing = late(within(SHORT, ours.shutdown()).await);
        assert_eq!(closing, (Phase::Close, "close timed out after 20 ms".into()));
        ours.abort();
        drop(theirs);
        let deadline = Deadline::after(LONG);
        let inbox = Inbox::<()>::new();
        let handshake = deadline.limit(Phase::Handshake, "example.org:443", inbox.take());
        let said = "handshake with example.org:443 timed out after 20 ms";
        assert_eq!(late(within(SHORT, handshake).await).1, said);
        assert_eq!(late(within(SHORT, inbox.take()).await).0, Phase::Operation);
    });
}

#[test]
fn connecting_names_the_address_as_it_was_written() {
    let sim = Sim::builder(1).host("server.test", ["10.0.0.1"]).build();
    let said = sim.run(async {
        let resolving = late(within(Duration::ZERO, TcpStream::connect("server.test:7")).await).1;
        sim.net().partition("10.0.0.1".parse().unwrap());
        (resolving, late(within(Duration::from_secs(3), TcpStream::connect("server.test:7")).await).1)
    });
    let (resolving, connecting) = said.unwrap();
    assert_eq!(resolving, "resolving the name of server.test:7 timed out after 0 µs");
    assert_eq!(connecting, "connect to server.test:7 timed out after 3 s");
}

#[test]
fn the_inner_of_two_deadlines_tells_what_it_knows_and_the_outer_what_the_inner_waited_for() {
    run(async {
        let (ours, theirs) = pair().await;
        let peer = ours.peer_addr().unwrap();
        let inner_first = within(LONG, within(SHORT, ours.read(1))).await;
        assert_eq!(late(inner_first).1, format!("read from {peer} timed out after 20 ms"));
        let outer_first = within(SHORT, within(LONG, within(LONG, ours.read(1)))).await;
        assert_eq!(late(outer_first).1, format!("read from {peer} timed out after 20 ms"));
        // A plain timeout in between hides nothing.
        let mixed = within(SHORT, async { timeout(LONG, ours.read(1)).await? }).await;
        assert_eq!(late(mixed).1, format!("read from {peer} timed out after 20 ms"));
        drop(theirs);
    });
}

#[test]
fn a_duration_of_zero_polls_once() {
    run(async {
        let (ours, theirs) = pair().await;
        let peer = ours.peer_addr().unwrap();
        assert_eq!(
            late(within(Duration::ZERO, ours.read(1)).await).1,
            format!("read from {peer} timed out after 0 µs")
        );
        theirs.write("x").await.unwrap();
        ours.peek(1).await.unwrap();
        assert_eq!(within(Duration::ZERO, ours.read(1)).await.unwrap(), b"x");
        within(Duration::MAX, ours.write("y")).await.unwrap();
    });
}

#[test]
fn it_loses_nothing() {
    run(async {
        let (ours, theirs) = pair().await;
        theirs.write("half a ").await.unwrap();
        assert_eq!(late(within(SHORT, ours.read(ReadMode::Line)).await).0, Phase::Read);
        theirs.write("line\n").await.unwrap();
        assert_eq!(within(LONG, ours.read(ReadMode::Line)).await.unwrap(), b"half a line\n");
    });
}

#[test]
fn other_errors_than_ours_go_through_it() {
    run(async {
        let error = within(SHORT, async {
            sleep(LONG).await;
            Ok::<(), io::Error>(())
        });
        assert_eq!(error.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let error: Box<dyn std::error::Error> = within(SHORT, async {
            sleep(LONG).await;
            Ok::<(), Box<dyn std::error::Error>>(())
        })
        .await
        .unwrap_err();
        assert_eq!(error.downcast::<Error>().unwrap().timed_out(), Some(Phase::Operation));
    });
}

#[test]
fn a_panic_inside_leaves_no_deadline_behind() {
    run(async {
        let task = spawn(async {
            let mut polls = 0;
            within(
                LONG,
                poll_fn(|cx| {
                    polls += 1;
                    cx.waker().wake_by_ref();
                    assert!(polls < 3, "this panic is part of the test");
                    Poll::<Result<(), Error>>::Pending
                }),
            )
            .await
        });
        task.await.unwrap_err();
        let (ours, theirs) = pair().await;
        let peer = ours.peer_addr().unwrap();
        assert_eq!(late(within(SHORT, ours.read(1)).await).1, format!("read from {peer} timed out after 20 ms"));
        drop(theirs);
    });
}

#[test]
fn tasks_beside_each_other_name_their_own_peers() {
    run(async {
        let (one, other) = (pair().await, pair().await);
        let peers = [one.0.peer_addr().unwrap(), other.0.peer_addr().unwrap()];
        let tasks = [one, other].map(|(ours, theirs)| {
            spawn(async move {
                let said = late(within(SHORT, ours.read(1)).await).1;
                drop(theirs);
                said
            })
        });
        for (task, peer) in tasks.into_iter().zip(peers) {
            assert_eq!(task.await.unwrap(), format!("read from {peer} timed out after 20 ms"));
        }
    });
}

#[test]
fn it_counts_simulated_time() {
    let sim = Sim::builder(1).build();
    let waited = sim.run(async {
        let begun = now();
        let error = within(LONG, Inbox::<()>::new().take()).await.unwrap_err();
        let Error::Timeout(late) = error else { panic!("{error}") };
        let expected = Timeout::new(Phase::Operation, LONG);
        assert_eq!(*late, expected);
        now() - begun
    });
    assert_eq!(waited.unwrap(), LONG);
}
