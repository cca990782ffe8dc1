//! What was agreed in a handshake.

use std::fmt;
use std::time::Duration;

use rustls::ProtocolVersion;
use rustls::pki_types::CertificateDer;

use crate::context::Version;
use crate::parameters::{CipherSuite, NamedGroup};
use crate::session::{Agreed, PeerCache, Session};
use crate::x509::{Certificate, UnreadableCertificate};

/// What two ends agreed on, and who the peer is.
///
/// ```
/// # use lem_ssl_rs::{Context, Error, Identity, Machine, Roots, spawn};
/// # Machine::new()?.run(async {
/// # let identity = Identity::self_signed(["localhost"])?;
/// # let roots = Roots::Pem(identity.chain_pem().into());
/// # let context = Context::builder().roots(roots).identity(identity).build()?;
/// # let server = context.listen("localhost:0").await?;
/// # let address = ("localhost", server.local_addr().ip().map_or(0, |address| address.port()));
/// # let accepting = spawn(async move { server.accept().await });
/// # let stream = context.connect(address).await?;
/// # let peer = accepting.await??;
/// let info = stream.info().expect("it is open");
/// println!("{info}");
/// assert!(info.version.is_some() && !info.resumed);
/// # Ok::<(), Error>(())
/// # })??;
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Info {
    /// The protocol version.
    pub version: Option<Version>,
    /// The cipher suite.
    pub cipher_suite: Option<CipherSuite>,
    /// The key exchange group; `None` for a resumed TLS 1.2 session, which exchanges no keys.
    pub key_exchange_group: Option<NamedGroup>,
    /// The application protocol (ALPN).
    pub alpn: Option<Vec<u8>>,
    /// The peer's certificates, its own first; or its raw public key alone (RFC 7250). Verified, unless a `danger` was asked
    /// for. [`peer`](Self::peer) reads the first.
    pub peer_certificates: Vec<CertificateDer<'static>>,
    /// Whether a session was resumed, so that no certificate was shown this time.
    pub resumed: bool,
    /// The name that the client asked for (SNI); on a server.
    pub requested_name: Option<String>,
    /// How the handshake went: in full, in full after a second try, or by resuming a session.
    pub handshake: Option<HandshakeKind>,
    /// How long the handshake took; on a server, from the client's first bytes.
    pub handshake_time: Duration,
    /// What was read of the peer's certificate, for all that ask about one connection.
    peer: PeerCache,
}

impl Info {
    /// Who the peer is: subject, names, serial number and validity, as its own certificate says, be it that of a resumed
    /// session. `None` if it has shown none.
    ///
    /// It is read when somebody asks, once for each connection, however often. **It decides nothing**: what the certificate is
    /// good for was decided in the handshake, unless a `danger` was asked for.
    ///
    /// # Errors
    /// The part that cannot be read. A raw public key (RFC 7250) cannot: it is no certificate.
    ///
    /// ```
    /// # use lem_ssl_rs::{AlternativeName, Context, Error, Identity, Machine, Roots, spawn};
    /// # Machine::new()?.run(async {
    /// # let identity = Identity::self_signed(["localhost"])?;
    /// # let roots = Roots::Pem(identity.chain_pem().into());
    /// # let context = Context::builder().roots(roots).identity(identity).build()?;
    /// # let server = context.listen("localhost:0").await?;
    /// # let address = ("localhost", server.local_addr().ip().map_or(0, |address| address.port()));
    /// # let theirs = spawn(async move { server.accept().await });
    /// let stream = context.connect(address).await?;
    /// if let Some(Ok(peer)) = stream.info().as_ref().and_then(|info| info.peer()) {
    ///     println!("{} until {}", peer.subject().unwrap_or("nobody"), peer.not_after());
    ///     assert_eq!(peer.alternative_names(), [AlternativeName::Dns("localhost".into())]);
    /// }
    /// # theirs.await??;
    /// # Ok::<(), Error>(())
    /// # })??;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn peer(&self) -> Option<Result<&Certificate, UnreadableCertificate>> {
        let leaf = self.peer_certificates.first()?;
        Some(self.peer.get_or_init(|| Certificate::read(leaf)).as_ref().map_err(Clone::clone))
    }

    pub(crate) fn of(session: &Session, handshake_time: Duration) -> Self {
        let agreed = session.agreed();
        Self {
            version: agreed.version.and_then(version),
            cipher_suite: agreed.suite.map(|suite| CipherSuite::from_number(suite.suite().into())),
            key_exchange_group: agreed.group.map(|group| NamedGroup::from_number(group.name().into())),
            alpn: agreed.alpn.map(<[u8]>::to_vec),
            peer_certificates: agreed.certificates.to_vec(),
            resumed: agreed.kind == Some(rustls::HandshakeKind::Resumed),
            requested_name: session.requested_name().map(str::to_owned),
            handshake: kind(&agreed),
            handshake_time,
            peer: session.peer_cache(),
        }
    }
}

/// How a handshake went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HandshakeKind {
    /// In full, and at the first try.
    Full,
    /// In full, and at the second try: the server had asked for another key share (`HelloRetryRequest`, RFC 8446 section
    /// 4.1.4), which takes one more round trip.
    FullWithHelloRetryRequest,
    /// By resuming a session: no certificate was shown.
    Resumed,
}

fn version(spoken: ProtocolVersion) -> Option<Version> {
    match spoken {
        ProtocolVersion::TLSv1_2 => Some(Version::Tls12),
        ProtocolVersion::TLSv1_3 => Some(Version::Tls13),
        _ => None,
    }
}

fn kind(agreed: &Agreed<'_>) -> Option<HandshakeKind> {
    Some(match agreed.kind? {
        rustls::HandshakeKind::Full => HandshakeKind::Full,
        rustls::HandshakeKind::FullWithHelloRetryRequest => HandshakeKind::FullWithHelloRetryRequest,
        rustls::HandshakeKind::Resumed => HandshakeKind::Resumed,
    })
}

/// One line, in the names of the specifications: `TLS 1.3, TLS_AES_128_GCM_SHA256, X25519MLKEM768`.
impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => version.fmt(f)?,
            None => f.write_str("no version yet")?,
        }
        if let Some(suite) = self.cipher_suite {
            write!(f, ", {suite}")?;
        }
        if let Some(group) = self.key_exchange_group {
            write!(f, ", {group}")?;
        }
        if let Some(alpn) = &self.alpn {
            write!(f, ", ALPN {}", String::from_utf8_lossy(alpn).escape_debug())?;
        }
        if self.resumed { f.write_str(", resumed") } else { Ok(()) }
    }
}
