//! The end of a stream: clean, or cut off; told once, with everything before it still readable.

use lem_rs::{CloseCause, Cut, EndOfStream, Error, ReadMode, Stream};

use crate::support::{Carrier, both, on_every_stream, reset, says, until};

on_every_stream! {
    with_too_little_for_a_number_the_end_says_closed_and_the_rest_is_available,
    with_too_little_for_a_number_the_end_says_closed_and_the_rest_is_all,
    with_too_little_for_a_line_the_end_says_closed_and_the_rest_is_available,
    with_too_little_for_a_line_the_end_says_closed_and_the_rest_is_all,
    an_end_inside_of_what_was_asked_for_counts_what_is_left,
    an_end_between_two_lines_or_numbers_leaves_nothing_to_count,
    the_end_says_closed_in_every_mode_for_ever,
    a_read_that_waits_when_the_peer_closes_says_closed,
    what_came_before_the_end_is_read_before_it,
    a_stream_is_closed_once_its_peer_has_ended_and_all_is_read,
    the_cause_of_a_clean_end_can_be_asked_for,
    the_cause_of_our_own_close_can_be_asked_for,
    an_open_stream_has_no_cause,
    after_the_peers_end_we_may_still_write,
    a_reset_is_told_once_and_the_data_is_readable_after_it,
    a_reset_while_a_read_waits_ends_it,
    a_reset_ends_all_with_an_error_and_all_again_has_the_data,
}

/// It begins with what the original says.
const UNFINISHED: &str = "closed: 4 bytes of an unfinished message are left";

async fn ended<C: Carrier>(carrier: C, data: &str) -> (Stream<C::Carried>, Stream<C::Carried>) {
    let (near, far) = carrier.pair().await;
    far.write(data).await.unwrap();
    far.close_write().unwrap();
    (near, far)
}

async fn with_too_little_for_a_number_the_end_says_closed_and_the_rest_is_available(carrier: impl Carrier) {
    let (near, _far) = ended(carrier, "rest").await;
    says(near.read(5).await, UNFINISHED);
    says(near.read(5).await, UNFINISHED);
    assert_eq!(near.read(ReadMode::Available).await.unwrap(), b"rest");
    says(near.read(ReadMode::Available).await, "closed");
}

async fn with_too_little_for_a_number_the_end_says_closed_and_the_rest_is_all(carrier: impl Carrier) {
    let (near, _far) = ended(carrier, "rest").await;
    says(near.read(5).await, UNFINISHED);
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"rest");
    says(near.read(ReadMode::All).await, "closed");
}

async fn with_too_little_for_a_line_the_end_says_closed_and_the_rest_is_available(carrier: impl Carrier) {
    let (near, _far) = ended(carrier, "line\nrest").await;
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"line\n");
    says(near.read(ReadMode::Line).await, UNFINISHED);
    says(near.read_line_trimmed().await, UNFINISHED);
    assert_eq!(near.read(ReadMode::Available).await.unwrap(), b"rest");
}

async fn with_too_little_for_a_line_the_end_says_closed_and_the_rest_is_all(carrier: impl Carrier) {
    let (near, _far) = ended(carrier, "rest").await;
    says(near.read(ReadMode::Line).await, UNFINISHED);
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"rest");
}

async fn an_end_inside_of_what_was_asked_for_counts_what_is_left(carrier: impl Carrier) {
    let (near, _far) = ended(carrier, "line\nrest").await;
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"line\n");
    for mode in [ReadMode::Line, ReadMode::Exact(5), ReadMode::Line] {
        let end = near.read(mode).await.unwrap_err();
        assert!(matches!(end, Error::Incomplete { left: 4 }), "{mode:?}: {end:?}");
    }
    assert_eq!(near.read(ReadMode::Exact(1)).await.unwrap(), b"r");
    assert!(matches!(near.read_line_trimmed().await, Err(Error::Incomplete { left: 3 })));
    assert_eq!(near.read(ReadMode::Available).await.unwrap(), b"est");
    assert!(matches!(near.read(ReadMode::Line).await, Err(Error::Closed)));
}

async fn an_end_between_two_lines_or_numbers_leaves_nothing_to_count(carrier: impl Carrier) {
    let (near, _far) = ended(carrier, "line\n").await;
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"line\n");
    for mode in [ReadMode::Line, ReadMode::Exact(1), ReadMode::Available] {
        assert!(matches!(near.read(mode).await, Err(Error::Closed)), "{mode:?}");
    }
}

async fn the_end_says_closed_in_every_mode_for_ever(carrier: impl Carrier) {
    let (near, _far) = ended(carrier, "").await;
    for _ in 0..3 {
        says(near.read(ReadMode::Available).await, "closed");
        says(near.read(1).await, "closed");
        says(near.read(ReadMode::Line).await, "closed");
        says(near.read(ReadMode::All).await, "closed");
    }
}

async fn a_read_that_waits_when_the_peer_closes_says_closed(carrier: impl Carrier) {
    for mode in [ReadMode::Available, ReadMode::Exact(1), ReadMode::Line] {
        let (near, far) = carrier.pair().await;
        let closer = async {
            until(|| near.is_busy()).await;
            far.close().unwrap();
        };
        let (read, ()) = both(near.read(mode), closer).await;
        says(read, "closed");
    }
}

async fn what_came_before_the_end_is_read_before_it(carrier: impl Carrier) {
    let (near, _far) = ended(carrier, "one\ntwo\nthree").await;
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"one\n");
    assert_eq!(near.read(4).await.unwrap(), b"two\n");
    assert_eq!(near.read(ReadMode::Available).await.unwrap(), b"three");
    says(near.read(ReadMode::Available).await, "closed");
}

async fn a_stream_is_closed_once_its_peer_has_ended_and_all_is_read(carrier: impl Carrier) {
    let (near, _far) = ended(carrier, "rest").await;
    assert!(!near.is_closed());
    says(near.read(ReadMode::Line).await, UNFINISHED);
    assert!(!near.is_closed(), "there is something left to read");
    near.read(ReadMode::Available).await.unwrap();
    assert!(near.is_closed());
}

async fn the_cause_of_a_clean_end_can_be_asked_for(carrier: impl Carrier) {
    let (near, _far) = ended(carrier, "rest").await;
    says(near.read(5).await, UNFINISHED);
    assert!(matches!(near.close_cause(), Some(CloseCause::Peer(EndOfStream::Clean))));
    near.read(ReadMode::All).await.unwrap();
    near.close().unwrap();
    // Who ended first stays the cause.
    assert!(matches!(near.close_cause(), Some(CloseCause::Peer(EndOfStream::Clean))));
}

async fn the_cause_of_our_own_close_can_be_asked_for(carrier: impl Carrier) {
    let (near, _far) = carrier.pair().await;
    near.close().unwrap();
    assert!(matches!(near.close_cause(), Some(CloseCause::Local)));
}

async fn an_open_stream_has_no_cause(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("data").await.unwrap();
    near.read(4).await.unwrap();
    assert!(near.close_cause().is_none());
    assert!(!near.is_closed());
}

async fn after_the_peers_end_we_may_still_write(carrier: impl Carrier) {
    let (near, far) = ended(carrier, "request").await;
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"request");
    near.write("reply").await.unwrap();
    assert_eq!(near.bytes_written(), 5);
    near.close().unwrap();
    assert_eq!(far.read(ReadMode::All).await.unwrap(), b"reply");
}

const RESET: &str = "truncated: the connection was reset";

#[track_caller]
fn was_reset(cause: Option<CloseCause>) {
    assert!(matches!(cause, Some(CloseCause::Peer(EndOfStream::Cut(Cut::Reset)))), "{cause:?}");
}

async fn a_reset_is_told_once_and_the_data_is_readable_after_it(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("line\nlast words").await.unwrap();
    reset(&near, far).await;
    assert_eq!(near.read(ReadMode::Line).await.unwrap(), b"line\n");
    let error = near.read(ReadMode::Line).await.unwrap_err();
    assert!(matches!(error, Error::Truncated(Cut::Reset)), "{error:?}");
    assert_eq!(error.to_string(), RESET);
    was_reset(near.close_cause());
    says(near.read(ReadMode::Line).await, "closed: 10 bytes of an unfinished message are left");
    assert_eq!(near.read(ReadMode::Available).await.unwrap(), b"last words");
    says(near.read(ReadMode::Available).await, "closed");
    was_reset(near.close_cause());
    assert!(near.is_closed());
}

async fn a_reset_while_a_read_waits_ends_it(carrier: impl Carrier) {
    for mode in [ReadMode::Available, ReadMode::Exact(1), ReadMode::Line, ReadMode::All] {
        let (near, far) = carrier.pair().await;
        // A whole stream has one waiter, so what is left unread was written before.
        near.write("unread").await.unwrap();
        let closer = async {
            until(|| near.is_busy()).await;
            crate::support::reset_by(far).await;
        };
        let (read, ()) = both(near.read(mode), closer).await;
        says(read, RESET);
        was_reset(near.close_cause());
        says(near.read(mode).await, "closed");
    }
}

async fn a_reset_ends_all_with_an_error_and_all_again_has_the_data(carrier: impl Carrier) {
    let (near, far) = carrier.pair().await;
    far.write("partial").await.unwrap();
    reset(&near, far).await;
    says(near.read(ReadMode::All).await, RESET);
    assert_eq!(near.read(ReadMode::All).await.unwrap(), b"partial");
    says(near.read(ReadMode::All).await, "closed");
}
