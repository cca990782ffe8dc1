//! The secret that the servers of a fleet share.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::SharedSecret;

use crate::error::{ConfigError, ConfigPart, Error};
use crate::text::{BYTE_ORDER_MARK, looks_like_utf16};

/// A secret that several servers share, so that each can resume the sessions of all others. Cheap to clone.
///
/// The keys of the tickets are derived from it and from the time (HKDF, RFC 5869): nothing else has to be distributed,
/// and nothing is sent. It has to be random: at least 32 bytes from a random number generator, not a password, because
/// everyone who holds a ticket can try passwords on it.
///
/// Anyone who learns it can open every ticket that was ever issued with it: that breaks the secrecy of recorded TLS
/// 1.2 connections, and lets him impersonate servers and clients to each other as long as tickets live. Replace it from
/// time to time; sessions under the old one then cost a full handshake each, and nothing fails.
///
/// ```sh
/// openssl rand -hex 32 > fleet.secret
/// ```
#[derive(Clone)]
pub struct FleetSecret {
    /// rustls' type overwrites the bytes when it is dropped, which saves us a dependency for that.
    bytes: Arc<SharedSecret>,
}

impl FleetSecret {
    /// A secret of 32 or more bytes. All of them count, line ends too.
    ///
    /// ```
    /// use lem_ssl_rs::{Error, FleetSecret};
    ///
    /// let secret = FleetSecret::new([7; 32])?;
    /// assert!(FleetSecret::new("short").is_err());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// If it is shorter.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, Error> {
        let secret = secret.as_ref();
        if secret.len() < SHORTEST {
            let problem = format!(
                "the secret for session tickets has {} bytes, but needs at least {SHORTEST} random ones",
                secret.len()
            );
            return Err(ConfigError::new(ConfigPart::Tickets, problem).into());
        }
        Ok(Self { bytes: Arc::new(SharedSecret::from(secret)) })
    }

    /// Reads a secret from a file. Line ends at its end do not count, nor does a byte order mark at its beginning, so that
    /// editors and `echo` do no harm: let the secret be text, as hexadecimal or base64, since random bytes may end in a line
    /// end by chance.
    ///
    /// Blocks while it reads: load it before the machine runs, or in `unblock`.
    ///
    /// # Errors
    /// If the file cannot be read, is a directory or text in UTF-16, or holds less than 32 bytes or more than 64 KiB.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let shown = path.display();
        let wrong = |problem: String| ConfigError::new(ConfigPart::Tickets, problem);
        let failed = |error| wrong(format!("cannot read the secret for session tickets from {shown}")).because(error);
        let file = File::open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.is_dir() {
            let problem = format!("cannot read the secret for session tickets from {shown}: it is a directory");
            return Err(wrong(problem).into());
        }
        // Room for all of it at once: growing would leave copies of the secret behind.
        let mut text = Vec::with_capacity(MAX_FILE + 1);
        let read = file.take(MAX_FILE as u64 + 1).read_to_end(&mut text);
        // From here on the bytes are overwritten when they are dropped.
        let text = SharedSecret::from(text);
        read.map_err(failed)?;
        let text = text.secret_bytes();
        if text.len() > MAX_FILE {
            let problem = format!("{shown} has more than {MAX_FILE} bytes: is it the secret for session tickets?");
            return Err(wrong(problem).into());
        }
        if looks_like_utf16(text) {
            // Other servers of the fleet may have the same secret in another encoding, which would be another secret.
            let problem = format!(
                "the secret for session tickets in {shown} is UTF-16, as Windows PowerShell writes it: write it in UTF-8"
            );
            return Err(wrong(problem).into());
        }
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let end = text.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r')).map_or(0, |last| last + 1);
        if end < SHORTEST {
            let problem = format!(
                "the secret for session tickets in {shown} has {end} bytes without its line end, but needs at least \
                 {SHORTEST} random ones"
            );
            return Err(wrong(problem).into());
        }
        Self::new(&text[..end])
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.secret_bytes()
    }
}

/// Shows that there is one; not even its length.
impl fmt::Debug for FleetSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FleetSecret(..)")
    }
}

/// As long as the keys that are derived from it: less would be the weakest link.
const SHORTEST: usize = 32;

/// No secret is larger; reading stops here, whatever a path leads to.
const MAX_FILE: usize = 64 * 1024;
