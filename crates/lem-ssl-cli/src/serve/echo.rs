//! What clients send comes back.

use lem_ssl_rs::{Error, ReadMode, Stream, timeout};

use super::{Service, write};
use crate::text::count;

pub(super) async fn converse(service: &Service, stream: Stream, peer: &str) {
    if let Some(info) = stream.info() {
        service.log.line(format!("{peer}: connected, {info}"));
    }
    let ended = echo(service, &stream).await;
    let bytes = count(stream.bytes_written(), "byte");
    match ended {
        Ok(()) => service.log.line(format!("{peer}: ended, {bytes} sent back")),
        Err(error) => service.log.line(format!("{peer}: {error}, {bytes} sent back")),
    }
}

async fn echo(service: &Service, stream: &Stream) -> Result<(), Error> {
    let mut data = Vec::new();
    loop {
        match timeout(service.idle_timeout, stream.read_into(ReadMode::Available, &mut data)).await? {
            Ok(_) => write(stream, &data, service.idle_timeout).await?,
            // The client has said all it had to say; so have we.
            Err(Error::Closed) => return stream.shutdown().await,
            Err(error) => return Err(error),
        }
    }
}
