//! tokio on one thread, and tokio-rustls.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::contender::{Contender, Echo, Reader, Stream, Writer};
use crate::meter::Meter;
use crate::outcome::Outcome;
use crate::pki::{self, Pki};
use crate::scenarios::echo;
use crate::scenarios::{connect, duplex};

pub(crate) struct Tokio;

type Tls = TlsStream<TcpStream>;

impl Contender for Tokio {
    type Stream = Tls;
    type Client = TlsConnector;

    fn run<T>(work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
    }

    fn client(pki: &Pki, resume: bool) -> Outcome<TlsConnector> {
        Ok(pki.client_config(resume)?.into())
    }

    async fn connect(client: &TlsConnector, port: u16) -> Outcome<Tls> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(client.connect(pki::server_name()?, stream).await?.into())
    }

    async fn serve(pki: &Pki, on_port: impl FnOnce(u16), echo: Echo) -> Outcome<()> {
        let acceptor = TlsAcceptor::from(pki.server_config(true)?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        on_port(listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if stream.set_nodelay(true).is_ok()
                    && let Ok(stream) = acceptor.accept(stream).await
                {
                    echo::serve(Tls::from(stream), echo).await;
                }
            });
        }
    }

    fn start_caller(client: TlsConnector, port: u16, meter: Arc<Meter>) {
        tokio::spawn(connect::call::<Self>(client, port, meter));
    }

    fn start_writer(writer: WriteHalf<Tls>, size: usize, total: u64, meter: Arc<Meter>) {
        tokio::spawn(duplex::write(writer, size, total, meter));
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> {
        tokio::time::sleep(duration)
    }

    async fn spawn_batch(count: u64) -> Outcome<()> {
        let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(tokio::task::yield_now())).collect();
        for task in tasks {
            task.await?;
        }
        Ok(())
    }
}

impl Stream for Tls {
    type Reader = ReadHalf<Self>;
    type Writer = WriteHalf<Self>;

    fn split(self) -> (ReadHalf<Self>, WriteHalf<Self>) {
        tokio::io::split(self)
    }

    async fn lines(self, mut on_line: impl FnMut(&[u8])) -> Outcome<()> {
        let mut lines = BufReader::with_capacity(64 * 1024, self);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).await? > 0 {
            on_line(&line);
            line.clear();
        }
        Ok(())
    }

    async fn close(mut self) {
        let _ = self.shutdown().await;
    }
}

impl Reader for Tls {
    fn buffer(size: usize) -> Vec<u8> {
        vec![0; size]
    }

    async fn receive(&mut self, buffer: &mut Vec<u8>) -> Outcome<usize> {
        Ok(self.read(buffer).await?)
    }
}

impl Reader for ReadHalf<Tls> {
    fn buffer(size: usize) -> Vec<u8> {
        vec![0; size]
    }

    async fn receive(&mut self, buffer: &mut Vec<u8>) -> Outcome<usize> {
        Ok(self.read(buffer).await?)
    }
}

impl Writer for Tls {
    async fn send(&mut self, data: &[u8]) -> Outcome<()> {
        self.write_all(data).await?;
        Ok(self.flush().await?)
    }
}

impl Writer for WriteHalf<Tls> {
    async fn send(&mut self, data: &[u8]) -> Outcome<()> {
        self.write_all(data).await?;
        Ok(self.flush().await?)
    }
}
