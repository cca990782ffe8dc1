//! What the kernel did not take: for authors of transports.

use std::future::poll_fn;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::task::Poll;

use lem_rs::Direction;
use lem_rs::transport::{Flushed, Outbox, Source};

use crate::support::run;

async fn until_writable(source: &Source) {
    let mut has_waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        source.park(Direction::Write, cx);
        Poll::Pending
    })
    .await;
}

#[test]
fn what_the_kernel_refuses_waits_in_its_order_and_is_counted() {
    run(async {
        let (near, mut far) = UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        let source = Source::adopt(near).unwrap();
        let mut outbox = Outbox::default();
        assert_eq!(outbox.send(&source, b"first").unwrap(), Flushed::Done);
        assert!(outbox.is_empty());
        // More than the kernel takes; and another piece, for which it has room again.
        let large = vec![1; 2_000_000];
        assert_eq!(outbox.send(&source, &large).unwrap(), Flushed::Blocked);
        let mut memory = vec![0; 256 * 1024];
        let count = far.read(&mut memory).unwrap();
        let mut arrived = memory[..count].to_vec();
        until_writable(&source).await;
        assert_eq!(outbox.send(&source, b"last").unwrap(), Flushed::Blocked);
        let expected = [b"first", &large[..], b"last"].concat();
        loop {
            while let Ok(count) = far.read(&mut memory) {
                arrived.extend_from_slice(&memory[..count]);
            }
            assert_eq!(outbox.len(), expected.len() - arrived.len());
            assert_eq!(outbox.as_slice(), &expected[arrived.len()..]);
            if outbox.is_empty() {
                break;
            }
            until_writable(&source).await;
            outbox.flush(&source).unwrap();
        }
        assert!(arrived == expected);
    });
}

#[test]
fn what_is_queued_in_place_or_handed_over_stands_in_its_order() {
    run(async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let source = Source::adopt(near).unwrap();
        let mut outbox = Outbox::default();
        outbox.ensure_memory(&source, 100);
        outbox.push_vec(b"one ".to_vec());
        outbox.push_with(100, |room| {
            room[..4].copy_from_slice(b"two ");
            4
        });
        outbox.settle(&source);
        outbox.push_vec(b"three".to_vec());
        assert_eq!((outbox.len(), outbox.as_slice()), (13, &b"one two three"[..]));
        assert_eq!(outbox.flush(&source).unwrap(), Flushed::Done);
        let mut arrived = [0; 13];
        far.read_exact(&mut arrived).unwrap();
        assert_eq!(&arrived, b"one two three");
    });
}
