//! Asks a web server for its front page, with tokio-rustls.
#![forbid(unsafe_code)]

use std::io::{Write, stdout};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let host = std::env::args().nth(1).ok_or("usage: fetch-tokio HOST")?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let config = ClientConfig::builder_with_provider(Arc::new(provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host.clone())?;
        let connect = async {
            let socket = TcpStream::connect((host.as_str(), 443)).await?;
            socket.set_nodelay(true)?;
            TlsConnector::from(Arc::new(config)).connect(name, socket).await
        };
        let mut stream = timeout(Duration::from_secs(30), connect).await??;
        stream.write_all(format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
        stream.flush().await?;
        let mut page = vec![0; 16 * 1024];
        loop {
            match stream.read(&mut page).await? {
                0 => return Ok(()),
                count => stdout().write_all(&page[..count])?,
            }
        }
    })
}

#[cfg(feature = "graviola")]
fn provider() -> CryptoProvider {
    rustls_graviola::default_provider()
}

#[cfg(not(feature = "graviola"))]
fn provider() -> CryptoProvider {
    tokio_rustls::rustls::crypto::aws_lc_rs::default_provider()
}
