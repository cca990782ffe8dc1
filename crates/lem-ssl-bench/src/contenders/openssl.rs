//! OpenSSL on an event queue, as a C program would use it.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use openssl::pkey::PKey;
use openssl::ssl::{Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslStream, SslVerifyMode, SslVersion};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;

use super::events::{self, Maker, Wire, half_close};
use crate::order::Order;
use crate::outcome::Outcome;
use crate::pki::{NAME, Pki};
use crate::scenarios::connect::WORD;

pub(crate) fn run(order: &Order) -> Outcome<()> {
    let pki = Pki::open(&order.pki)?;
    events::run(order, &OpenSsl { client: client(&pki)?, server: server(&pki)? })
}

const WORDS: [usize; 1] = [WORD.len()];

struct OpenSsl {
    client: SslContext,
    server: SslContext,
}

fn common() -> Outcome<SslContextBuilder> {
    let mut builder = SslContext::builder(SslMethod::tls())?;
    builder.set_min_proto_version(Some(SslVersion::TLS1_3))?;
    builder.set_ciphersuites("TLS_AES_128_GCM_SHA256")?;
    builder.set_groups_list("X25519")?;
    // As its users are told to: no more system calls and no more memory than needed.
    builder.set_mode(SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER | SslMode::RELEASE_BUFFERS);
    builder.set_read_ahead(true);
    Ok(builder)
}

fn client(pki: &Pki) -> Outcome<SslContext> {
    let mut builder = common()?;
    let mut roots = X509StoreBuilder::new()?;
    roots.add_cert(X509::from_der(&pki.certificate())?)?;
    builder.set_cert_store(roots.build());
    builder.set_verify(SslVerifyMode::PEER);
    Ok(builder.build())
}

fn server(pki: &Pki) -> Outcome<SslContext> {
    let mut builder = common()?;
    let certificate = X509::from_der(&pki.certificate())?;
    let key = PKey::private_key_from_der(pki.key().secret_der())?;
    builder.set_certificate(&certificate)?;
    builder.set_private_key(&key)?;
    builder.set_session_id_context(b"bench")?;
    Ok(builder.build())
}

impl Maker for OpenSsl {
    type Wire = SslStream<TcpStream>;

    fn client(&self, socket: TcpStream) -> Outcome<Self::Wire> {
        let mut ssl = Ssl::new(&self.client)?;
        ssl.set_hostname(NAME)?;
        ssl.param_mut().set_host(NAME)?;
        ssl.set_connect_state();
        Ok(SslStream::new(ssl, socket)?)
    }

    fn server(&self, socket: TcpStream) -> Outcome<Self::Wire> {
        let mut ssl = Ssl::new(&self.server)?;
        ssl.set_accept_state();
        Ok(SslStream::new(ssl, socket)?)
    }

    fn words(&self) -> &[usize] {
        &WORDS
    }
}

impl Wire for SslStream<TcpStream> {
    fn socket(&mut self) -> &mut TcpStream {
        self.get_mut()
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Read::read(self, buffer)
    }

    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Write::write(self, data)
    }

    fn finish(&mut self) {
        let _ = self.shutdown();
        half_close(self.get_ref());
    }
}
