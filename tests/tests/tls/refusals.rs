//! What the peer refuses becomes an error in words; so does a peer with whom we have nothing in common.

use std::error::Error as StdError;
use std::sync::Arc;
use std::{fmt, iter};

use lem_ssl_rs::{
    Context, Error, FleetSecret, ReadMode, RevocationLists, Roots, Stream, Tickets, TlsError, UnixStream, UnknownName,
    Version, danger, spawn,
};
use lem_ssl_tests::pki::{Authority, Leaf};
use lem_ssl_tests::raw::{ALERT, RawHandshake};
use lem_ssl_tests::records::on_both_records;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};

use crate::support::{Peer, Role, alerts, client, identity, pki, provider, raw, run, says, server, tls, upgrade, wire};

/// Our error when we meet `peer` as a client or server with `context`, and what the peer made of it.
async fn meet(context: Context, role: Role, peer: rustls::Connection) -> (Error, Option<rustls::Error>) {
    let (near, far) = wire();
    let us = spawn(async move { upgrade(&context, role, near).await.unwrap_err() });
    let mut peer = Peer::new(peer, far).await;
    assert!(!peer.shake_hands().await, "the handshake should fail");
    peer.drain().await;
    (us.await.unwrap(), peer.failure)
}

/// What rustls said, which no variant names: it is among the causes.
fn said_by_rustls(error: &Error) -> Option<&rustls::Error> {
    let first: &(dyn StdError + 'static) = error;
    iter::successors(Some(first), |&cause| cause.source()).find_map(|cause| cause.downcast_ref())
}

#[test]
fn a_refusal_by_a_verifier_of_the_programs_own_keeps_what_it_said() {
    run(async {
        let pki = pki();
        for version in [Version::Tls12, Version::Tls13] {
            let context = danger::server_verifier(pki.client_context(), Arc::new(Choosy)).build().unwrap();
            let peer = server(&Arc::new(pki.server_config(&pki.server, &[version])));
            let (error, told) = meet(context, Role::Client, peer).await;
            says(&error, &["was refused", "the moon is wrong"]);
            let Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) = said_by_rustls(&error) else {
                panic!("{error:?}")
            };
            assert!(other.0.is::<WrongMoon>());
            assert!(matches!(told, Some(rustls::Error::AlertReceived(_))));
        }
    });
}

/// Refuses everybody, for a reason of its own.
#[derive(Debug)]
struct Choosy;

#[derive(Debug)]
struct WrongMoon;

impl fmt::Display for WrongMoon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the moon is wrong")
    }
}

impl StdError for WrongMoon {}

impl ServerCertVerifier for Choosy {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Err(CertificateError::Other(OtherError(Arc::new(WrongMoon))).into())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A server with this certificate is not what `config`, a client, trusts.
#[test]
fn a_client_that_does_not_trust_our_certificate_is_quoted() {
    run(async {
        let stranger = Authority::new("Strangers");
        let issued = stranger.issue(Leaf::server(&["localhost"]));
        let context = Context::builder().roots(Roots::None).identity(identity(&issued)).build().unwrap();
        for version in [Version::Tls12, Version::Tls13] {
            let peer = client(&Arc::new(pki().client_config(&[version])));
            let (error, _) = meet(context.clone(), Role::Server, peer).await;
            let TlsError::Alert { alert, during_handshake: true } = tls(&error) else { panic!("{error:?}") };
            assert_eq!(*alert, lem_ssl_rs::AlertDescription::UnknownCa);
            says(&error, &["the peer refused the handshake", "unknown CA (alert 48)", "does not trust the issuer"]);
        }
    });
}

#[test]
fn a_server_of_another_version_is_refused_in_words() {
    run(async {
        let pki = pki();
        let old = server(&Arc::new(pki.server_config(&pki.server, &[Version::Tls12])));
        let context = pki.client_context().versions([Version::Tls13]).build().unwrap();
        let (error, _) = meet(context, Role::Client, old).await;
        says(&error, &["TLS version"]);
        let new = server(&Arc::new(pki.server_config(&pki.server, &[Version::Tls13])));
        let context = pki.client_context().versions([Version::Tls12]).build().unwrap();
        let (error, _) = meet(context, Role::Client, new).await;
        says(&error, &["TLS version"]);
    });
}

#[test]
fn a_client_of_another_version_is_refused_in_words_and_told() {
    run(async {
        let pki = pki();
        for (ours, theirs) in [(Version::Tls12, Version::Tls13), (Version::Tls13, Version::Tls12)] {
            let context = pki.server_context().versions([ours]).build().unwrap();
            let peer = client(&Arc::new(pki.client_config(&[theirs])));
            let (error, told) = meet(context, Role::Server, peer).await;
            assert!(matches!(tls(&error), TlsError::Incompatible(_)), "{error:?}");
            says(&error, &["nothing in common with the peer", "enabled here"]);
            assert!(matches!(said_by_rustls(&error), Some(rustls::Error::PeerIncompatible(_))), "{error:?}");
            assert_eq!(told, Some(rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)));
        }
    });
}

#[test]
fn a_server_that_speaks_none_of_our_protocols_is_quoted() {
    run(async {
        let pki = pki();
        let mut config = pki.server_config(&pki.server, &[Version::Tls13]);
        config.alpn_protocols = vec![b"imap".to_vec()];
        let context = pki.client_context().alpn(["h2", "http/1.1"]).build().unwrap();
        let (error, _) = meet(context, Role::Client, server(&Arc::new(config))).await;
        says(&error, &["no application protocol (alert 120)", "none of the ALPN protocols that were offered"]);
    });
}

#[test]
fn a_client_that_speaks_none_of_our_protocols_is_told() {
    run(async {
        let pki = pki();
        let mut config = pki.client_config(&[Version::Tls13]);
        config.alpn_protocols = vec![b"imap".to_vec()];
        let context = pki.server_context().alpn(["h2"]).build().unwrap();
        let (error, told) = meet(context, Role::Server, client(&Arc::new(config))).await;
        assert_eq!(told, Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)));
        says(&error, &["application protocol"]);
    });
}

/// RFC 6066 section 3: the name is what is wrong, and the client is told so.
#[test]
fn a_client_that_asks_for_a_name_that_is_not_served_is_told_that() {
    run(async {
        let pki = pki();
        for versions in [&[Version::Tls12][..], &[Version::Tls13], &[Version::Tls12, Version::Tls13]] {
            let context = pki.server_context().unknown_name(UnknownName::Refuse).build().unwrap();
            let config = Arc::new(pki.client_config(versions));
            let peer = rustls::ClientConnection::new(config, "unknown.test".try_into().unwrap()).unwrap();
            let (error, told) = meet(context, Role::Server, peer.into()).await;
            assert!(matches!(tls(&error), TlsError::UnknownName), "{error:?}");
            assert_eq!(told, Some(rustls::Error::AlertReceived(AlertDescription::UnrecognisedName)));
            // Who is refused for another reason is told that one, on the same thread.
            let context = pki.server_context().alpn(["h2"]).build().unwrap();
            let mut config = pki.client_config(versions);
            config.alpn_protocols = vec![b"imap".to_vec()];
            let (_, told) = meet(context, Role::Server, client(&Arc::new(config))).await;
            assert_eq!(told, Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)));
        }
    });
}

#[test]
fn a_peer_without_a_cipher_suite_in_common_is_told() {
    run(async {
        let pki = pki();
        let only = |suite| {
            let mut provider = (*provider()).clone();
            provider.cipher_suites.retain(|one| one.suite() == suite);
            Arc::new(provider)
        };
        let ours = only(rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
        let context = danger::provider(pki.server_context(), ours).versions([Version::Tls13]).build().unwrap();
        let config = rustls::ClientConfig::builder_with_provider(only(rustls::CipherSuite::TLS13_AES_256_GCM_SHA384))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(pki.roots())
            .with_no_client_auth();
        let (error, told) = meet(context, Role::Server, client(&Arc::new(config))).await;
        says(&error, &["nothing in common with the peer: no cipher suite"]);
        assert_eq!(told, Some(rustls::Error::AlertReceived(AlertDescription::HandshakeFailure)));
    });
}

/// A server of TLS 1.2 does so if it has asked for another handshake, which is refused.
#[test]
fn a_handshake_failure_behind_the_handshake_is_no_matter_of_versions_or_suites() {
    run(async {
        let (stream, mut other) = raw(Role::Client).await;
        let alert = other.peer.seal(ALERT, &[2, 40]);
        other.send(&alert).await;
        let error = stream.read(ReadMode::Available).await.unwrap_err();
        says(&error, &["the peer ended the connection", "renegotiation", "client certificate"]);
        assert!(!error.to_string().contains("suite"), "{error}");
    });
}

/// On TLS 1.3 the client is done before the server has seen that there is no certificate.
#[test]
fn a_missing_client_certificate_on_tls_1_3_is_explained_by_the_first_read() {
    run(async {
        let pki = pki();
        let context = pki.client_context().versions([Version::Tls13]).build().unwrap();
        let (near, far) = wire();
        let us = spawn(async move {
            let stream = upgrade(&context, Role::Client, near).await.unwrap();
            stream.write("request").await.unwrap();
            let error = stream.read(ReadMode::Available).await.unwrap_err();
            assert_eq!(stream.read(ReadMode::Available).await.unwrap_err().to_string(), "closed");
            assert!(stream.is_closed());
            error
        });
        let mut peer = Peer::new(server(&Arc::new(pki.strict_server_config(&[Version::Tls13]))), far).await;
        assert!(!peer.shake_hands().await);
        peer.drain().await;
        let error = us.await.unwrap();
        let TlsError::Alert { alert: lem_ssl_rs::AlertDescription::CertificateRequired, during_handshake: false } =
            tls(&error)
        else {
            panic!("{error:?}")
        };
        says(&error, &["certificate required (alert 116)", "give the context an identity"]);
    });
}

#[test]
fn a_missing_client_certificate_on_tls_1_2_fails_the_handshake() {
    run(async {
        let pki = pki();
        let context = pki.client_context().versions([Version::Tls12]).build().unwrap();
        let peer = server(&Arc::new(pki.strict_server_config(&[Version::Tls12])));
        let (error, _) = meet(context, Role::Client, peer).await;
        says(
            &error,
            &["the peer refused the handshake: certificate required (alert 116)", "give the context an identity"],
        );
    });
}

/// A server with `context`, and a client that sends `along` with the last message of the handshake.
async fn last_message(
    context: &Context,
    config: &rustls::ClientConfig,
    along: &[u8],
) -> (Result<Stream, Error>, RawHandshake, UnixStream) {
    let mut handshake = RawHandshake::client(config.clone());
    let (near, far) = wire();
    let context = context.clone();
    let accepting = spawn(async move { context.upgrade_server(near).await });
    far.write(&handshake.advance(&[])).await.unwrap();
    while !handshake.is_over() {
        let mut message = handshake.advance(&far.read(ReadMode::Available).await.unwrap());
        if handshake.is_over() {
            message.extend(along);
        }
        far.write(&message).await.unwrap();
    }
    (accepting.await.unwrap(), handshake, far)
}

/// A client resumes its session, and its certificate was revoked meanwhile; and what comes along is no record at all.
#[test]
fn a_client_that_is_refused_and_breaks_the_protocol_is_told_once() {
    on_both_records(|records| {
        run(async move {
            let club = Authority::new("Club");
            let expelled = club.issue(Leaf::client(&["expelled.test"]));
            let secret = FleetSecret::new([7; 32]).unwrap();
            let serve = || {
                let tickets = Tickets::Fleet(secret.clone());
                pki().server_context().client_roots(Roots::Pem(club.certificate_pem().into_bytes())).tickets(tickets)
            };
            let list = club.revocation_list_pem(&[&expelled]).into_bytes();
            let config = rustls::ClientConfig::builder_with_provider(provider())
                .with_protocol_versions(&[&rustls::version::TLS13])
                .unwrap()
                .with_root_certificates(pki().roots())
                .with_client_auth_cert(expelled.chain_der.clone(), expelled.private_key())
                .unwrap();
            let context = serve().build().unwrap();
            let (accepted, mut handshake, far) = last_message(&context, &config, &[]).await;
            accepted.unwrap().write("and tickets").await.unwrap();
            handshake.advance(&far.read(ReadMode::Available).await.unwrap());

            let context = serve().revocation_lists(RevocationLists::Pem(list)).build().unwrap();
            for along in [&[][..], &[0xff; 9]] {
                let (accepted, handshake, far) = last_message(&context, &config, along).await;
                says(&accepted.unwrap_err(), &["revoked"]);
                let told = alerts(&handshake.into_peer().open(&far.read(ReadMode::All).await.unwrap()));
                assert_eq!(told.len(), 1, "{records:?}, {along:?}: {told:?}");
            }
        });
    });
}

/// Every fatal alert that a server may answer our hello with.
#[test]
fn every_alert_has_words() {
    run(async {
        let context = pki().client_context().build().unwrap();
        for code in (0..=255_u8).filter(|code| *code != 90) {
            let (near, far) = wire();
            let context = context.clone();
            let us = spawn(async move { upgrade(&context, Role::Client, near).await.unwrap_err() });
            far.read(ReadMode::Available).await.unwrap();
            far.write(&[21, 3, 3, 0, 2, 2, code]).await.unwrap();
            let error = us.await.unwrap();
            says(&error, &["the peer refused the handshake: ", &format!("(alert {code})")]);
        }
    });
}
