//! Connections that end with RST.

use std::io;

use lem_rs::transport::Transport;
use lem_rs::{Stream, yield_now};

/// Makes the connection end with RST, behind everything that `far` has written.
pub(crate) async fn reset<T: Transport>(near: &Stream<T>, far: Stream<T>) {
    near.write("nobody reads this").await.unwrap();
    reset_by(far).await;
}

/// As [`reset`], for a `far` to which at least two bytes were written that it has not read.
pub(crate) async fn reset_by<T: Transport>(far: Stream<T>) {
    let (transport, _) = far.into_parts().unwrap();
    // One byte from the kernel shows that the others have arrived with it. Closing a socket with unread bytes resets.
    loop {
        match transport.source().try_read(&mut [0]) {
            Ok(1) => return,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => yield_now().await,
            other => panic!("expected a byte, got {other:?}"),
        }
    }
}
