//! A client that comes back, and then says what it wants before the handshake: rustls' own.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use lem_ssl_rs::{Server, unblock};
use lem_ssl_tests::pki::Issued;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::certificates::{provider, root};

/// Remembers its sessions.
#[derive(Clone)]
pub(crate) struct Returning {
    pub(crate) config: Arc<ClientConfig>,
}

/// What came of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    /// Whether it had a session that allows early data.
    pub(crate) offered: bool,
    /// Whether the server took them.
    pub(crate) accepted: bool,
    /// What the server said.
    pub(crate) heard: String,
}

/// A connection in the middle of a visit.
pub(crate) struct Visitor {
    pub(crate) tls: ClientConnection,
    pub(crate) socket: TcpStream,
}

impl Returning {
    pub(crate) fn new() -> Self {
        Self::with(&[], None)
    }

    /// That speaks these application protocols.
    pub(crate) fn with_alpn(alpn: &[&str]) -> Self {
        Self::with(alpn, None)
    }

    /// That has this certificate.
    pub(crate) fn with_certificate(certificate: &Issued) -> Self {
        Self::with(&[], Some(certificate))
    }

    fn with(alpn: &[&str], certificate: Option<&Issued>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(root().certificate_der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match certificate {
            Some(own) => builder.with_client_auth_cert(own.chain_der.clone(), own.private_key()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.enable_early_data = true;
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { config: Arc::new(config) }
    }

    /// Says `early` before the handshake, if it may, and after it otherwise; then `late`, then goodbye, and hears the
    /// server out.
    pub(crate) async fn visit(&self, server: &Server, early: &str, late: &str) -> Visit {
        let (client, address) = (self.clone(), server.local_addr().ip().unwrap());
        let (early, late) = (early.to_owned(), late.to_owned());
        unblock(move || client.visit_and_block(address, &early, &late)).await.unwrap()
    }

    fn visit_and_block(&self, address: SocketAddr, early: &str, late: &str) -> Visit {
        let (mut visitor, offered) = self.begin(address, early);
        let Visitor { tls, socket } = &mut visitor;
        while tls.is_handshaking() {
            tls.complete_io(socket).unwrap();
        }
        let accepted = tls.is_early_data_accepted();
        if !accepted {
            tls.writer().write_all(early.as_bytes()).unwrap();
        }
        tls.writer().write_all(late.as_bytes()).unwrap();
        tls.send_close_notify();
        let mut heard = String::new();
        rustls::Stream::new(tls, socket).read_to_string(&mut heard).unwrap();
        Visit { offered, accepted, heard }
    }

    /// Connects, and has `early` ready; says whether it may.
    pub(crate) fn begin(&self, address: SocketAddr, early: &str) -> (Visitor, bool) {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(self.config.clone(), name).unwrap();
        let offered = match tls.early_data() {
            Some(mut writer) => {
                writer.write_all(early.as_bytes()).unwrap();
                true
            }
            None => false,
        };
        (Visitor { tls, socket: TcpStream::connect(address).unwrap() }, offered)
    }
}

impl Visitor {
    /// Everything that it would send now.
    pub(crate) fn flight(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// Receives, without an answer, until it has heard `wanted` as content. Blocks.
    pub(crate) fn hears(&mut self, wanted: &str) {
        let mut heard = Vec::new();
        while heard.len() < wanted.len() {
            assert_ne!(self.tls.read_tls(&mut self.socket).unwrap(), 0, "the server ended the connection");
            self.tls.process_new_packets().unwrap();
            match self.tls.reader().read_to_end(&mut heard) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        assert_eq!(heard, wanted.as_bytes());
    }

    /// Goes on until the server has refused it; says how. Blocks.
    pub(crate) fn refused(mut self) -> rustls::Error {
        loop {
            while self.tls.wants_write() {
                // A server that has refused it takes nothing any more.
                if self.tls.write_tls(&mut self.socket).is_err() {
                    break;
                }
            }
            assert_ne!(self.tls.read_tls(&mut self.socket).unwrap(), 0, "the server gave no reason");
            if let Err(refused) = self.tls.process_new_packets() {
                return refused;
            }
        }
    }
}
