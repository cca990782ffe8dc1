//! FIN without `close_notify`: what only an encrypted stream can tell from a clean end.

use lem_rs::transport::Transport;
use lem_rs::{CloseCause, Cut, EndOfStream, Error, ReadMode, Stream};
use lem_ssl_rs::Tls;

use crate::support::{Carrier, Encrypted, both, on_encrypted_streams, reset, says, until};

on_encrypted_streams! {
    fin_without_close_notify_is_told_once_and_the_data_is_readable_after_it,
    fin_without_close_notify_ends_a_read_that_waits,
    fin_without_close_notify_ends_all_with_an_error_and_all_again_has_the_data,
    fin_within_a_record_is_a_truncation,
    after_a_truncation_we_may_still_write,
    abort_without_close_notify_is_a_truncation,
    a_missing_close_notify_can_be_accepted,
    an_accepted_missing_close_notify_does_not_excuse_a_reset,
    an_accepted_missing_close_notify_does_not_excuse_half_a_record,
}

const CUT: &str = "truncated: the peer ended the connection without saying that its data is complete";

#[track_caller]
fn was_cut(cause: Option<CloseCause>) {
    assert!(matches!(cause, Some(CloseCause::Peer(EndOfStream::Cut(Cut::Fin)))), "{cause:?}");
}

/// Sends FIN and nothing before it. The connection stays there while the result lives, so that FIN is not followed by
/// a reset.
fn fin(far: Stream<Tls>) -> Tls {
    let (transport, _) = far.into_parts().unwrap();
    transport.source().finish().unwrap();
    transport
}

async fn fin_without_close_notify_is_told_once_and_the_data_is_readable_after_it(carrier: Encrypted) {
    let (near, far) = carrier.pair().await;
    far.write("line\nlast words").await.unwrap();
    let _gone = fin(far);
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"line\n");
    let error = near.read(100).await.unwrap_err();
    assert!(matches!(error, Error::Truncated(Cut::Fin)), "{error:?}");
    assert_eq!(error.to_string(), CUT);
    was_cut(near.close_cause());
    for mode in [ReadMode::Exact(100), ReadMode::Line] {
        says(near.read(mode).await, "closed: 10 bytes of an unfinished message are left");
    }
    assert_eq!(near.read(ReadMode::Available).await.unwrap(), b"last words");
    says(near.read(ReadMode::Available).await, "closed");
    was_cut(near.close_cause());
    assert!(near.is_closed());
}

async fn fin_without_close_notify_ends_a_read_that_waits(carrier: Encrypted) {
    for mode in [ReadMode::Available, ReadMode::Exact(1), ReadMode::Line, ReadMode::All] {
        let (near, far) = carrier.pair().await;
        let closer = async {
            until(|| near.is_busy()).await;
            fin(far)
        };
        let (read, _gone) = both(near.read(mode), closer).await;
        says(read, CUT);
        was_cut(near.close_cause());
        says(near.read(mode).await, "closed");
    }
}

async fn fin_without_close_notify_ends_all_with_an_error_and_all_again_has_the_data(carrier: Encrypted) {
    let (near, far) = carrier.pair().await;
    far.write("partial").await.unwrap();
    let _gone = fin(far);
    says(near.read(ReadMode::All).await, CUT);
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"partial");
    says(near.read(ReadMode::All).await, "closed");
}

async fn fin_within_a_record_is_a_truncation(carrier: Encrypted) {
    let (near, far) = carrier.pair().await;
    far.write("whole").await.unwrap();
    let (transport, _) = far.into_parts().unwrap();
    // The header of a record of 64 bytes, of which none comes.
    transport.source().try_write(&[23, 3, 3, 0, 64]).unwrap();
    transport.source().finish().unwrap();
    says(near.read(100).await, CUT);
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"whole");
}

async fn after_a_truncation_we_may_still_write(carrier: Encrypted) {
    let (near, far) = carrier.pair().await;
    let _gone = fin(far);
    says(near.read(1).await, CUT);
    near.write("nobody may ever read this, but the connection takes it").await.unwrap();
}

async fn abort_without_close_notify_is_a_truncation(carrier: Encrypted) {
    let (near, far) = carrier.pair().await;
    far.write("data").await.unwrap();
    far.abort();
    let error = near.read(100).await.unwrap_err();
    // What the far side had not read, for example tickets, makes its kernel reset.
    assert!(matches!(error, Error::Truncated(_)), "{error:?}");
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"data");
}

async fn a_missing_close_notify_can_be_accepted(carrier: Encrypted) {
    let (near, far) = carrier.lenient_pair().await;
    far.write("line\nall of it").await.unwrap();
    let _gone = fin(far);
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"line\n");
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"all of it");
    says(near.read(ReadMode::All).await, "closed");
    assert!(matches!(near.close_cause(), Some(CloseCause::Peer(EndOfStream::Clean))));
}

async fn an_accepted_missing_close_notify_does_not_excuse_a_reset(carrier: Encrypted) {
    let (near, far) = carrier.lenient_pair().await;
    far.write("data").await.unwrap();
    reset(&near, far).await;
    says(near.read(ReadMode::All).await, "truncated: the connection was reset");
}

async fn an_accepted_missing_close_notify_does_not_excuse_half_a_record(carrier: Encrypted) {
    let (near, far) = carrier.lenient_pair().await;
    let (transport, _) = far.into_parts().unwrap();
    transport.source().try_write(&[23, 3, 3, 0, 64, 1, 2, 3]).unwrap();
    transport.source().finish().unwrap();
    says(near.read(ReadMode::All).await, CUT);
}
