//! `close` does not wait, and the machine does not end before what was written is with the peer.

use std::cell::RefCell;
use std::rc::Rc;

use lem_rs::{ReadMode, spawn};
use lem_ssl_tests::watched_machine;

use crate::support::{Bare, Carrier, Encrypted, assert_same, pattern, until};

#[test]
fn the_machine_ends_only_when_a_closed_stream_has_sent_everything() {
    ends_last(Bare::Tcp);
    ends_last(Bare::Unix);
    ends_last(Encrypted::Tls13);
    ends_last(Encrypted::Tls12);
}

fn ends_last(carrier: impl Carrier) {
    const ACCEPTED: u64 = 100_000;
    let received = Rc::new(RefCell::new(None));
    let result = received.clone();
    let data = pattern(32 * 1024 * 1024);
    let counted = watched_machine().run(async {
        let (near, far) = carrier.pair().await;
        let near = Rc::new(near);
        let (writer, all) = (near.clone(), data.clone());
        let task = spawn(async move { writer.write(&all).await });
        until(|| near.is_busy() && near.bytes_written() > ACCEPTED).await;
        near.close().unwrap();
        task.await.unwrap().unwrap_err();
        spawn(async move { *result.borrow_mut() = Some(far.read(ReadMode::All).await) }).detach();
        // This ends before the reader has run at all.
        near.bytes_written()
    });
    let counted = usize::try_from(counted.unwrap()).unwrap();
    let received = received.borrow_mut().take().expect("the reader came to its end");
    assert_same(&received.unwrap(), &data[..counted]);
}
