//! Keying material exported from a connection (RFC 5705, RFC 8446 section 7.5).
//!
//! rustls' unbuffered connections have no call for it. The secret that everything is derived from comes by way of a key
//! log, which keeps it for that moment, and the session takes it.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use rustls::crypto::tls13::OkmBlock;
use rustls::{KeyLog, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite};

use crate::error::Error;
use crate::key_tap::KeyTap;

thread_local! {
    /// The secret that was derived last on this thread.
    static SECRET: RefCell<Option<Secret>> = const { RefCell::new(None) };
}

/// What keying material is derived from; zeroed when dropped.
pub(crate) struct Secret {
    secret: OkmBlock,
    client_random: [u8; 32],
}

/// The secret that was derived last on this thread; taken once.
pub(crate) fn take_secret() -> Option<Secret> {
    SECRET.take()
}

/// Keeps what keying material is derived from for [`take_secret`], beside another key log.
pub(crate) fn keeping_secret(other: Arc<dyn KeyLog>) -> Arc<dyn KeyLog> {
    KeyTap::new(&[TLS13, TLS12], keep, other)
}

/// The exporter's own secret in TLS 1.3.
const TLS13: &str = "EXPORTER_SECRET";

/// The master secret in TLS 1.2.
const TLS12: &str = "CLIENT_RANDOM";

fn keep(_label: &str, client_random: &[u8], secret: OkmBlock) {
    if let Ok(client_random) = client_random.try_into() {
        SECRET.set(Some(Secret { secret, client_random }));
    }
}

/// Whether secrets may be taken from connections with this key log.
pub(crate) fn may_capture(key_log: &dyn KeyLog) -> bool {
    key_log.will_log(TLS13)
}

/// Derives keying material of one connection.
pub(crate) struct Exporter {
    secret: Secret,
    /// `None` in TLS 1.3, which needs none.
    server_random: Option<[u8; 32]>,
}

impl Exporter {
    pub(crate) fn new(secret: Secret, server_random: Option<[u8; 32]>) -> Self {
        Self { secret, server_random }
    }

    /// Fills `output`.
    ///
    /// # Errors
    /// If the label or the context is too long, the label means something else, or the output is empty or too long.
    pub(crate) fn export(
        &self,
        suite: SupportedCipherSuite,
        output: &mut [u8],
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<(), Error> {
        if output.is_empty() {
            return Err(misuse("keying material of no bytes was asked for"));
        }
        if label.is_empty() || label.len() > MAX_LABEL {
            return Err(misuse("the label of keying material must have from 1 to 249 bytes"));
        }
        if RESERVED.contains(&label) {
            return Err(misuse("this label is TLS' own, and not for keying material (RFC 5705 section 4)"));
        }
        match suite {
            SupportedCipherSuite::Tls13(suite) => self.tls13(suite, output, label, context),
            SupportedCipherSuite::Tls12(suite) => self.tls12(suite, output, label, context),
        }
    }

    /// RFC 8446 section 7.5.
    fn tls13(
        &self,
        suite: &Tls13CipherSuite,
        output: &mut [u8],
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<(), Error> {
        let hash = suite.common.hash_provider;
        let master = suite.hkdf_provider.expander_for_okm(&self.secret.secret);
        let nothing = hash.hash(&[]);
        let derived = master.expand_block(&info(master.hash_len(), label, nothing.as_ref()).each());
        let derived = suite.hkdf_provider.expander_for_okm(&derived);
        let context = hash.hash(context.unwrap_or_default());
        let expanded = derived.expand_slice(&info(output.len(), b"exporter", context.as_ref()).each(), output);
        expanded.map_err(|_| misuse("more keying material was asked for than can be derived"))
    }

    /// RFC 5705 section 4.
    fn tls12(
        &self,
        suite: &Tls12CipherSuite,
        output: &mut [u8],
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<(), Error> {
        let server_random = self.server_random.ok_or_else(|| misuse("this connection exports no keying material"))?;
        let mut seed = [self.secret.client_random, server_random].concat();
        if let Some(context) = context {
            let length = u16::try_from(context.len());
            let length = length.map_err(|_| misuse("the context of keying material is longer than 65,535 bytes"))?;
            seed.extend(length.to_be_bytes());
            seed.extend_from_slice(context);
        }
        suite.prf_provider.for_secret(output, self.secret.secret.as_ref(), label, &seed);
        Ok(())
    }
}

/// "tls13 " stands in front of it, and both have 255 bytes at most.
const MAX_LABEL: usize = 249;

/// RFC 5705 section 4, RFC 7627 section 4.
const RESERVED: [&[u8]; 5] =
    [b"client finished", b"server finished", b"master secret", b"extended master secret", b"key expansion"];

/// The `HkdfLabel` of RFC 8446 section 7.1, in parts.
pub(crate) struct Info<'a> {
    length: [u8; 2],
    label_length: [u8; 1],
    label: &'a [u8],
    context_length: [u8; 1],
    context: &'a [u8],
}

pub(crate) fn info<'a>(length: usize, label: &'a [u8], context: &'a [u8]) -> Info<'a> {
    Info {
        // More than that is refused by what expands it: 255 hashes are fewer bytes.
        length: u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes(),
        label_length: [(b"tls13 ".len() + label.len()) as u8],
        label,
        context_length: [context.len() as u8],
        context,
    }
}

impl Info<'_> {
    pub(crate) fn each(&self) -> [&[u8]; 6] {
        [&self.length, &self.label_length, b"tls13 ", self.label, &self.context_length, self.context]
    }
}

fn misuse(problem: &str) -> Error {
    Error::Misuse(problem.into())
}

/// Shows no secret.
impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}
