//! A transport may accept more than the socket takes, and keep the rest: that leaves without another poll.

use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::task::Poll;
use std::time::Duration;

use lem_rs::transport::{
    Flushed, InputBuffer, Outbox, Received, Sent, Source, StreamOptions, Transport, connect_source,
};
use lem_rs::{
    Address, Deadline, EndOfStream, Error, Listener, Polled, ReadMode, Stream, ToAddress, timeout, yield_now,
};
use lem_ssl_tests::watched_machine;

/// Accepts so much at a time, whatever the socket takes of it.
const ACCEPTED: usize = 64 * 1024;

struct Ahead {
    source: Source,
    outbox: Outbox,
    /// So many pieces more; then sending fails.
    pieces: usize,
}

impl Ahead {
    async fn connect(address: &Address, pieces: usize) -> Polled<Self> {
        let source = connect_source(address, &Deadline::after(Duration::from_secs(10))).await.unwrap();
        let transport = Self { source, outbox: Outbox::default(), pieces };
        Stream::new(transport, InputBuffer::default(), StreamOptions::default()).into_polled()
    }
}

impl Transport for Ahead {
    type Info = ();

    fn info(&self) {}

    fn source(&self) -> &Source {
        &self.source
    }

    fn receive(&mut self, input: &mut InputBuffer, want: usize) -> Received {
        self.source.with_receive_arena(|arena| {
            let room = want.clamp(1, arena.len());
            match self.source.try_read(&mut arena[..room]) {
                Ok(0) => Received::Ended(EndOfStream::Clean),
                Ok(count) => {
                    input.extend(&arena[..count]);
                    Received::Progress
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => Received::Blocked,
                Err(error) => Received::Ended(EndOfStream::Failed(Error::io("read", error))),
            }
        })
    }

    fn send(&mut self, data: &[u8]) -> Result<Sent, Error> {
        self.pieces = self.pieces.checked_sub(1).ok_or_else(|| Error::io("send", io::Error::other("no more")))?;
        let piece = &data[..data.len().min(ACCEPTED)];
        self.outbox.send(&self.source, piece)?;
        Ok(Sent::Accepted(piece.len()))
    }

    fn has_pending(&self) -> bool {
        !self.outbox.is_empty()
    }

    fn flush(&mut self) -> Result<Flushed, Error> {
        self.outbox.flush(&self.source)
    }

    fn end_sending(&mut self) {}
}

/// What a single poll accepts.
async fn poll_once(stream: &mut Polled<Ahead>, data: &[u8]) -> usize {
    match poll_fn(|cx| Poll::Ready(stream.poll_write(cx, data))).await {
        Poll::Ready(accepted) => accepted.unwrap(),
        Poll::Pending => 0,
    }
}

#[test]
fn what_a_polled_stream_has_accepted_leaves_without_another_poll() {
    let every_case = async {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().to_address().unwrap();
        let data = vec![7; 900 * 1024];
        // At some of these the socket is full just when the task has to give way.
        for before in (0..).step_by(ACCEPTED / 2) {
            let mut near = Ahead::connect(&address, usize::MAX).await;
            let far = listener.accept().await.unwrap();
            let mut sent = 0;
            while sent < before {
                let accepted = poll_once(&mut near, &data[..16 * 1024]).await;
                if accepted == 0 || poll_fn(|cx| Poll::Ready(near.poll_flush(cx))).await.is_pending() {
                    return;
                }
                sent += accepted;
                yield_now().await;
            }
            sent += poll_once(&mut near, &data).await;
            // From here on nobody polls `near`.
            let received = timeout(Duration::from_secs(10), far.read(ReadMode::Exact(sent))).await;
            assert_eq!(received.expect("all of it arrives").unwrap().len(), sent, "behind {before}");
        }
    };
    watched_machine().run(every_case).unwrap();
}

#[test]
fn what_has_ended_a_write_that_had_begun_is_told_by_the_next_one() {
    let failing = async {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().to_address().unwrap();
        let mut near = Ahead::connect(&address, 1).await;
        let data = vec![7; 900 * 1024];
        assert_eq!(poll_fn(|cx| near.poll_write(cx, &data)).await.unwrap(), ACCEPTED);
        let error = poll_fn(|cx| near.poll_write(cx, &data)).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot send: no more");
        let error = poll_fn(|cx| near.poll_write(cx, &data)).await.unwrap_err();
        assert!(matches!(error, Error::Closed), "{error}");
    };
    watched_machine().run(failing).unwrap();
}
