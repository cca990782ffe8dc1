//! Asks a PostgreSQL server by TLS.

use std::env;
use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{self, Poll};
use std::time::Duration;

use lem_ssl_rs::lem_rs::{Polled, TcpStream};
use lem_ssl_rs::{ChannelBinding, Context, Error, ExportKeyingMaterial, Plain, Roots, Tls, run_main, spawn, timeout};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::{Config, SslMode};
use tokio_postgres::tls::{self, TlsConnect, TlsStream};

fn main() -> ExitCode {
    run_main(program())
}

async fn program() -> Result<(), Box<dyn StdError>> {
    let context = Context::builder().roots(Roots::PemFile(env::var("DATABASE_CA")?.into())).build()?;
    let mut config: Config = env::var("DATABASE")?.parse()?;
    config.ssl_mode(SslMode::Require).channel_binding(tokio_postgres::config::ChannelBinding::Require);
    let (host, port) = ("localhost", config.get_ports().first().copied().unwrap_or(5432));

    let plain = TcpStream::connect((host, port)).await?.into_polled();
    let login = config.connect_raw(plain, Connector { context, host: host.to_owned() });
    let (client, connection) = timeout(Duration::from_secs(30), login).await?.map_err(reason)?;
    // The task moves the connection, and ends when the client is dropped.
    let connection = spawn(connection);

    let row = client.query_one("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &[]).await?;
    println!("connected by {}", row.get::<_, &str>(0));
    let rows = client.query("SELECT n FROM generate_series(1, $1) AS n", &[&10]).await?;
    println!("sum: {}", rows.iter().map(|row| row.get::<_, i32>(0)).sum::<i32>());
    drop(client);
    connection.await??;
    Ok(())
}

/// Why the login failed: tokio-postgres itself says no more than "error performing TLS handshake".
fn reason(error: tokio_postgres::Error) -> Box<dyn StdError> {
    let text = error.to_string();
    error.into_source().map_or_else(|| text.into(), |source| source as Box<dyn StdError>)
}

/// Makes tokio-postgres' plain connections encrypted ones.
struct Connector {
    context: Context,
    host: String,
}

impl TlsConnect<Polled<Plain>> for Connector {
    type Stream = Encrypted;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Encrypted, Error>>>>;

    fn connect(self, plain: Polled<Plain>) -> Self::Future {
        Box::pin(async move {
            let stream = self.context.upgrade(plain.into_stream(), &self.host).await?;
            Ok(Encrypted(stream.into_polled()))
        })
    }
}

/// An encrypted connection to a database.
struct Encrypted(Polled<Tls>);

impl TlsStream for Encrypted {
    fn channel_binding(&self) -> tls::ChannelBinding {
        match self.0.channel_binding(ChannelBinding::TlsServerEndPoint) {
            Ok(hash) => tls::ChannelBinding::tls_server_end_point(hash),
            Err(_) => tls::ChannelBinding::none(),
        }
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        AsyncRead::poll_read(Pin::new(&mut self.0), cx, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        AsyncWrite::poll_write(Pin::new(&mut self.0), cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_flush(Pin::new(&mut self.0), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.0), cx)
    }
}
