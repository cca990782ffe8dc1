//! Bad chains of every kind, shown to a client of ours by a server and to a server of ours by a client: which certificate is
//! told, which check, in which words, and what the peer is told.

mod cases;
mod dates;
mod forms;
mod kit;
mod limits;
mod names;
mod only_keys;
mod paths;
mod table;

use std::sync::Arc;

use lem_ssl_rs::{
    CertificateCheck, Context, Error, RevocationLists, Roots, Stream, UnixStream, Version, danger, spawn,
};
use lem_ssl_tests::pki::draft::DraftKey;
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;

use crate::support::{Peer, pki, provider, server, wire};

/// A chain, and what is to be said of it.
pub(super) struct Case {
    pub(super) what: &'static str,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: DraftKey,
    pub(super) roots: Vec<CertificateDer<'static>>,
    /// The name that a client asks for.
    pub(super) name: &'static str,
    pub(super) lists: Option<String>,
    pub(super) expected: Expected,
}

/// What is to be said.
pub(super) enum Expected {
    /// It is accepted, by this way.
    Path(Vec<usize>),
    Refused {
        check: CertificateCheck,
        position: Option<usize>,
        words: Vec<&'static str>,
    },
}

/// Which end shows the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    ByServer,
    ByClient,
}

/// Our end's error, if it refuses, and what the peer is told.
pub(super) async fn shown(case: &Case, by: Shown, version: Version) -> (Result<(), Error>, Option<rustls::Error>) {
    let roots = Roots::Der(case.roots.clone());
    match by {
        Shown::ByServer => {
            let context = danger::provider(Context::builder(), provider()).roots(roots).build().unwrap();
            shown_to(context, case, version).await
        }
        Shown::ByClient => {
            let mut builder = pki().server_context().client_roots(roots);
            if let Some(lists) = &case.lists {
                builder = builder.revocation_lists(RevocationLists::Pem(lists.clone().into_bytes()));
            }
            let context = builder.build().unwrap();
            let (near, far) = wire();
            let mut config: ClientConfig = pki().client_config(&[version]);
            config.client_auth_cert_resolver = Arc::new(Shows(certified(case)));
            let us = spawn(async move { context.upgrade_server(near).await.map(drop) });
            let failure = peer(crate::support::client(&Arc::new(config)), far).await;
            (us.await.unwrap(), failure)
        }
    }
}

/// A server's chain, to a client of ours with this context.
pub(super) async fn shown_to(
    context: Context,
    case: &Case,
    version: Version,
) -> (Result<(), Error>, Option<rustls::Error>) {
    met(context, case, version, drop).await
}

/// As [`shown_to`]; `look` is given the stream before it is closed.
pub(super) async fn met<T: 'static>(
    context: Context,
    case: &Case,
    version: Version,
    look: impl FnOnce(Stream) -> T + 'static,
) -> (Result<T, Error>, Option<rustls::Error>) {
    let (near, far) = wire();
    let mut config = pki().server_config(&pki().server, &[version]);
    config.cert_resolver = Arc::new(Shows(certified(case)));
    let name = case.name;
    let us = spawn(async move { context.upgrade(near, name).await.map(look) });
    let failure = peer(server(&Arc::new(config)), far).await;
    (us.await.unwrap(), failure)
}

async fn peer(tls: rustls::Connection, far: UnixStream) -> Option<rustls::Error> {
    let mut peer = Peer::new(tls, far).await;
    peer.shake_hands().await;
    peer.finish().await;
    peer.drain().await;
    peer.failure
}

fn certified(case: &Case) -> Arc<CertifiedKey> {
    let key = provider().key_provider.load_private_key(case.key.private()).unwrap();
    Arc::new(CertifiedKey::new(case.chain.clone(), key))
}

/// Shows a chain, whatever is in it.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl rustls::server::ResolvesServerCert for Shows {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

impl rustls::client::ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[rustls::SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
