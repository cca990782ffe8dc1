//! Ours.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lem_ssl_rs::lem_rs::transport::Transport;
use lem_ssl_rs::lem_rs::{ReadHalf, WriteHalf};
use lem_ssl_rs::{Context, Error, Identity, Machine, ReadMode, Roots, Stream, Tls, Version, danger, sleep, spawn};

use crate::contender::{self, Contender, Echo, Reader, Writer};
use crate::meter::Meter;
use crate::outcome::Outcome;
use crate::pki::{self, NAME, Pki};
use crate::scenarios::echo;
use crate::scenarios::{connect, duplex};

pub(crate) struct Lem;

impl Contender for Lem {
    type Stream = Stream;
    type Client = Context;

    fn run<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        Machine::new()?.run(work)?
    }

    fn client(pki: &Pki, _resume: bool) -> Outcome<Context> {
        let roots = Roots::Der(vec![pki.certificate()]);
        Ok(danger::provider(Context::builder(), pki::provider()).versions([Version::Tls13]).roots(roots).build()?)
    }

    async fn connect(client: &Context, port: u16) -> Outcome<Stream> {
        Ok(client.connect_as(("127.0.0.1", port), NAME).await?)
    }

    async fn serve(pki: &Pki, on_port: impl FnOnce(u16), echo: Echo) -> Outcome<()> {
        let server = context(pki)?.listen("127.0.0.1:0").await?;
        on_port(server.local_addr().ip().map_or(0, |address| address.port()));
        Ok(server.autospawn(move |stream| echo::serve(stream, echo)).await?)
    }

    fn start_caller(client: Context, port: u16, meter: Arc<Meter>) {
        spawn(connect::call::<Self>(client, port, meter)).detach();
    }

    fn start_writer(writer: WriteHalf<Tls>, size: usize, total: u64, meter: Arc<Meter>) {
        spawn(duplex::write(writer, size, total, meter)).detach();
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> {
        sleep(duration)
    }

    async fn spawn_batch(count: u64) -> Outcome<()> {
        let tasks: Vec<_> = (0..count).map(|_| spawn(lem_ssl_rs::yield_now())).collect();
        for task in tasks {
            task.await?;
        }
        Ok(())
    }
}

/// A server's context.
pub(crate) fn context(pki: &Pki) -> Outcome<Context> {
    let identity = Identity::from_der(vec![pki.certificate()], pki.key());
    let builder = danger::provider(Context::builder(), pki::provider_with_tickets()).versions([Version::Tls13]);
    Ok(builder.roots(Roots::None).identity(identity).build()?)
}

impl contender::Stream for Stream {
    type Reader = ReadHalf<Tls>;
    type Writer = WriteHalf<Tls>;

    fn split(self) -> (ReadHalf<Tls>, WriteHalf<Tls>) {
        Self::split(self)
    }

    async fn lines(self, mut on_line: impl FnMut(&[u8])) -> Outcome<()> {
        let mut lines = Self::lines(&self);
        while let Some(line) = lines.next().await? {
            on_line(line);
        }
        Ok(())
    }

    async fn close(self) {
        // As tokio's `shutdown` and drop: the goodbye is sent, and nobody waits for the peer's.
        let _ = Self::close(&self);
    }
}

impl Reader for Stream {
    fn buffer(_size: usize) -> Vec<u8> {
        Vec::new()
    }

    async fn receive(&mut self, buffer: &mut Vec<u8>) -> Outcome<usize> {
        received(self.read_into(ReadMode::Available, buffer).await)
    }
}

impl<T: Transport> Reader for ReadHalf<T> {
    fn buffer(_size: usize) -> Vec<u8> {
        Vec::new()
    }

    async fn receive(&mut self, buffer: &mut Vec<u8>) -> Outcome<usize> {
        received(self.read_into(ReadMode::Available, buffer).await)
    }
}

impl Writer for Stream {
    async fn send(&mut self, data: &[u8]) -> Outcome<()> {
        Ok(self.write(data).await?)
    }
}

impl<T: Transport> Writer for WriteHalf<T> {
    async fn send(&mut self, data: &[u8]) -> Outcome<()> {
        Ok(self.write(data).await?)
    }
}

fn received(result: Result<usize, Error>) -> Outcome<usize> {
    match result {
        Err(Error::Closed) => Ok(0),
        other => Ok(other?),
    }
}
