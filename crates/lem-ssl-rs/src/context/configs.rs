//! From a builder's choices to what rustls wants, for both sides of a context and for connecting.

use std::fmt;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::client::danger::ServerCertVerifier;
use rustls::compress::{CertCompressor, CertDecompressor};
use rustls::crypto::{CryptoProvider, KeyProvider};
use rustls::{ClientConfig, KeyLog, ProtocolVersion, SupportedProtocolVersion};

use crate::error::{ConfigError, ConfigPart};
use crate::record_layer::RecordLayer;

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Version {
    /// TLS 1.2 (RFC 5246), with ECDHE key exchange and AEAD suites only.
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// What both sides of a context have in common.
pub(super) struct Parts<'a> {
    pub(super) provider: &'a Arc<CryptoProvider>,
    /// What loads private keys, if it is not the default cryptography's.
    pub(super) keys: Option<&'static dyn KeyProvider>,
    pub(super) versions: &'a [&'static SupportedProtocolVersion],
    pub(super) alpn: &'a [Vec<u8>],
    pub(super) key_log: Arc<dyn KeyLog>,
    /// Whether keying material can be exported.
    pub(super) exports: Option<Exports>,
    pub(super) compression: &'a Compression,
    /// Whose records the connections have.
    pub(super) record_layer: RecordLayer,
}

/// Takes what is needed to export keying material from connections with this key log.
pub(super) type Exports = fn(Arc<dyn KeyLog>) -> Arc<dyn KeyLog>;

/// How a client's side of rustls' is taken over; see [`Parts::adopted_client`].
pub(super) type AdoptClient = fn(&Parts<'_>, &ClientConfig) -> Arc<ClientConfig>;

/// How certificates are made smaller (RFC 8879), beside what rustls' features bring.
#[derive(Debug, Clone, Default)]
pub(super) struct Compression {
    pub(super) compressors: Vec<&'static dyn CertCompressor>,
    pub(super) decompressors: Vec<&'static dyn CertDecompressor>,
}

impl Parts<'_> {
    /// For connecting. `identity` is shown to servers that ask.
    pub(super) fn client(
        &self,
        verifier: Arc<dyn ServerCertVerifier>,
        identity: Option<Arc<dyn ResolvesClientCert>>,
    ) -> Result<Arc<ClientConfig>, ConfigError> {
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(self.versions)
            .map_err(unusable_provider)?
            // "dangerous" is what rustls calls giving a verifier; ours wraps its own.
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match identity {
            Some(identity) => builder.with_client_cert_resolver(identity),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn.to_vec();
        config.key_log = self.key_log.clone();
        config.cert_compressors.extend(&self.compression.compressors);
        config.cert_decompressors.extend(&self.compression.decompressors);
        config.enable_secret_extraction = self.record_layer.wants_secrets(self.provider);
        Ok(self.exporting_client(config))
    }

    /// Keying material of a connection of TLS 1.2 without this extension is not of that connection alone (RFC 7627).
    fn exporting_client(&self, mut config: ClientConfig) -> Arc<ClientConfig> {
        if let Some(exports) = self.exports {
            config.key_log = exports(config.key_log);
            config.require_ems = true;
        }
        Arc::new(config)
    }

    /// A configuration of rustls' as it is, but for early data, which a stream has no room for.
    pub(super) fn adopted_client(&self, config: &ClientConfig) -> Arc<ClientConfig> {
        let mut config = config.clone();
        config.enable_early_data = false;
        self.exporting_client(config)
    }

    pub(super) fn speaks(&self, version: ProtocolVersion) -> bool {
        self.versions.iter().any(|enabled| enabled.version == version)
    }
}

/// The enabled versions, newest first, whatever the order in which they were given.
pub(super) fn supported(enabled: &[Version]) -> Result<Vec<&'static SupportedProtocolVersion>, ConfigError> {
    if enabled.is_empty() {
        return Err(ConfigError::new(ConfigPart::Versions, "no protocol version is enabled"));
    }
    let newest_first = [(Version::Tls13, &rustls::version::TLS13), (Version::Tls12, &rustls::version::TLS12)];
    let chosen = newest_first.into_iter().filter(|(version, _)| enabled.contains(version));
    Ok(chosen.map(|(_, version)| version).collect())
}

pub(super) fn unusable_provider(error: rustls::Error) -> ConfigError {
    ConfigError::new(ConfigPart::Provider, "the cryptography lacks what the enabled versions need").because(error)
}
