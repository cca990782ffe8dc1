//! A fatal alert of our own choice after the handshake, sealed with the session's keys: rustls has no call for it.

use lem_rs::transport::Outbox;
use rustls::crypto::cipher::{OutboundChunks, OutboundPlainMessage};
use rustls::{AlertDescription, ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite};

use super::{End, Session};

/// The level of an alert after which nothing follows (RFC 8446 section 6).
const FATAL: u8 = 2;

impl Session {
    /// Refuses a client whose handshake is finished: puts `alert` into `outbox`. If the session does not give its keys, the
    /// client gets no alert, and sees that the connection is cut off.
    pub(crate) fn refuse(mut self, alert: AlertDescription, outbox: &mut Outbox) {
        // Where they are: keys that are moved leave a copy behind.
        if let End::Ours(ours) = &mut self.end {
            return ours.records.fail(alert, outbox);
        }
        let End::Rustls(connection) = self.end else { return };
        let suite = connection.common().negotiated_cipher_suite();
        if let Some((suite, (number, keys))) = suite.zip(connection.into_sealing())
            && let Some(record) = seal(alert, suite, keys, number)
        {
            outbox.push_vec(record);
        }
    }
}

fn seal(
    alert: AlertDescription,
    suite: SupportedCipherSuite,
    keys: ConnectionTrafficSecrets,
    number: u64,
) -> Option<Vec<u8>> {
    use ConnectionTrafficSecrets::{Aes128Gcm, Aes256Gcm, Chacha20Poly1305};
    let (Aes128Gcm { key, iv } | Aes256Gcm { key, iv } | Chacha20Poly1305 { key, iv }) = keys else { return None };
    let mut encrypter = match suite {
        SupportedCipherSuite::Tls13(suite) => suite.aead_alg.encrypter(key, iv),
        SupportedCipherSuite::Tls12(suite) => {
            let fixed = suite.aead_alg.key_block_shape().fixed_iv_len;
            let (fixed, explicit) = iv.as_ref().split_at_checked(fixed)?;
            suite.aead_alg.encrypter(key, fixed, explicit)
        }
    };
    let alert = [FATAL, u8::from(alert)];
    let message = OutboundPlainMessage {
        typ: ContentType::Alert,
        version: ProtocolVersion::TLSv1_2,
        payload: OutboundChunks::Single(&alert),
    };
    Some(encrypter.encrypt(message, number).ok()?.encode())
}
