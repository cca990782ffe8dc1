//! What the kernel did not take: for authors of transports.

use std::future::poll_fn;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::task::Poll;

use lem_rs::Direction;
use lem_rs::transport::{Flushed, Outbox, Source};

use crate::support::run;

#[test]
fn what_the_kernel_refuses_waits_in_its_order_and_is_counted() {
    run(async {
        let (near, mut far) = UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        let source = Source::adopt(near).unwrap();
        let mut outbox = Outbox::default();
        assert_eq!(outbox.send(&source, b"first").unwrap(), Flushed::Done);
        assert!(outbox.is_empty());
        let mut expected = b"first".to_vec();
        // More than the kernel takes, and another piece behind it.
        for piece in [vec![1; 2_000_000], b"last".to_vec()] {
            assert_eq!(outbox.send(&source, &piece).unwrap(), Flushed::Blocked);
            expected.extend(piece);
        }
        let (mut arrived, mut memory) = (Vec::new(), vec![0; 256 * 1024]);
        loop {
            while let Ok(count) = far.read(&mut memory) {
                arrived.extend_from_slice(&memory[..count]);
            }
            assert_eq!(outbox.len(), expected.len() - arrived.len());
            assert_eq!(outbox.as_slice(), &expected[arrived.len()..]);
            if outbox.is_empty() {
                break;
            }
            let mut has_waited = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut has_waited, true) {
                    return Poll::Ready(());
                }
                source.park(Direction::Write, cx);
                Poll::Pending
            })
            .await;
            outbox.flush(&source).unwrap();
        }
        assert!(arrived == expected);
    });
}
