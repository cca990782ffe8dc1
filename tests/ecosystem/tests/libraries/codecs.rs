//! tokio-util's codecs over the traits of tokio.

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt, stream};
use lem_ssl_ecosystem::{Ends, pattern, run};
use lem_ssl_rs::spawn;
use tokio_util::codec::{Framed, LengthDelimitedCodec, LinesCodec, LinesCodecError};

#[test]
fn lines_are_answered_line_by_line() {
    run(async {
        let (near, far) = Ends::pair().await;
        let server = spawn(async move {
            let mut lines = Framed::new(near.into_polled(), LinesCodec::new());
            while let Some(line) = lines.next().await {
                lines.send(format!("<{}>", line.unwrap())).await.unwrap();
            }
        });
        let mut lines = Framed::new(far.into_polled(), LinesCodec::new());
        for number in 0..200 {
            lines.send(number.to_string()).await.unwrap();
            assert_eq!(lines.next().await.unwrap().unwrap(), format!("<{number}>"));
        }
        SinkExt::<String>::close(&mut lines).await.unwrap();
        assert!(lines.next().await.is_none(), "the server has heard of the end, and ends");
        server.await.unwrap();
    });
}

#[test]
fn a_line_that_is_too_long_is_the_codecs_error_and_the_next_is_read() {
    run(async {
        let (near, far) = Ends::pair().await;
        let mut lines = Framed::new(near.into_polled(), LinesCodec::new_with_max_length(100));
        far.write(&[&[b'x'; 100_000][..], b"\nshort\n"].concat()).await.unwrap();
        assert!(matches!(lines.next().await, Some(Err(LinesCodecError::MaxLineLengthExceeded))));
        assert!(lines.next().await.is_none(), "an error ends a turn of it");
        assert_eq!(lines.next().await.unwrap().unwrap(), "short");
    });
}

#[test]
fn frames_of_every_size_arrive_as_they_were_sent() {
    run(async {
        let (near, far) = Ends::pair().await;
        let sizes = [0, 1, 4095, 16_384, 16_385, 65_536, 1_000_000, 3];
        let sending = spawn(async move {
            let mut frames = Framed::new(near.into_polled(), LengthDelimitedCodec::new());
            let mut all = stream::iter(sizes.map(|size| Ok(Bytes::from(pattern(size)))));
            frames.send_all(&mut all).await.unwrap();
            SinkExt::<Bytes>::close(&mut frames).await.unwrap();
        });
        let frames = Framed::new(far.into_polled(), LengthDelimitedCodec::new());
        let frames: Vec<_> = frames.map(|frame| frame.unwrap()).collect().await;
        assert!(frames == sizes.map(|size| BytesMut::from(&pattern(size)[..])));
        sending.await.unwrap();
    });
}

#[test]
fn an_end_inside_of_a_frame_is_an_error() {
    run(async {
        let (near, far) = Ends::pair().await;
        let mut frames = Framed::new(near.into_polled(), LengthDelimitedCodec::new());
        far.write(b"\0\0\0\x05hel").await.unwrap();
        far.close().unwrap();
        assert!(frames.next().await.unwrap().is_err());
    });
}
