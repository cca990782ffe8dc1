//! The secrets that a server's traffic keys come from (RFC 8446 section 7), so that the next keys can be derived.
//!
//! They come by way of a key log, which keeps them for that moment, and the session takes them. What rustls itself would keep for that purpose is five times as large, most of it for QUIC.

use std::cell::Cell;
use std::sync::Arc;

use rustls::crypto::cipher::{AeadKey, NONCE_LEN};
use rustls::crypto::tls13::OkmBlock;
use rustls::{KeyLog, Side, Tls13CipherSuite};

use crate::aead_key::key_of;
use crate::exporter::info;
use crate::key_tap::KeyTap;

thread_local! {
    /// What was derived last on this thread.
    static SECRETS: Cell<Option<Box<TrafficSecrets>>> = const { Cell::new(None) };
}

/// What each side's keys are derived from at present; zeroed when dropped.
#[derive(Clone)]
pub(crate) struct TrafficSecrets {
    client: OkmBlock,
    server: OkmBlock,
}

/// The first secrets of the connection that has derived them last on this thread; taken once.
pub(crate) fn take_traffic_secrets() -> Option<Box<TrafficSecrets>> {
    SECRETS.take().filter(|secrets| !secrets.client.as_ref().is_empty() && !secrets.server.as_ref().is_empty())
}

impl TrafficSecrets {
    fn none() -> Self {
        Self { client: OkmBlock::new(&[]), server: OkmBlock::new(&[]) }
    }

    fn of(&mut self, side: Side) -> &mut OkmBlock {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Goes on to the next secret of what this side sends (section 7.2), and returns it.
    pub(crate) fn advance(&mut self, side: Side, suite: &Tls13CipherSuite) -> &OkmBlock {
        let secret = self.of(side);
        let expander = suite.hkdf_provider.expander_for_okm(secret);
        *secret = expander.expand_block(&info(expander.hash_len(), b"traffic upd", &[]).each());
        secret
    }
}

/// The key and the initialisation vector that belong to a secret (section 7.3). `None` for keys of an unknown length.
pub(crate) fn derived(secret: &OkmBlock, suite: &Tls13CipherSuite) -> Option<(AeadKey, [u8; NONCE_LEN])> {
    let expander = suite.hkdf_provider.expander_for_okm(secret);
    let length = suite.aead_alg.key_len();
    // A whole block, which zeroes itself: what is shorter is its front (RFC 5869 section 2.3).
    let block = expander.expand_block(&info(length, b"key", &[]).each());
    let key = key_of(block.as_ref().get(..length)?)?;
    let mut iv = [0; NONCE_LEN];
    expander.expand_slice(&info(NONCE_LEN, b"iv", &[]).each(), &mut iv).ok()?;
    Some((key, iv))
}

/// Keeps the secrets for [`take_traffic_secrets`], beside another key log.
pub(crate) fn keeping_traffic_secrets(other: Arc<dyn KeyLog>) -> Arc<dyn KeyLog> {
    KeyTap::new(&[CLIENT, SERVER], keep, other)
}

const CLIENT: &str = "CLIENT_TRAFFIC_SECRET_0";

const SERVER: &str = "SERVER_TRAFFIC_SECRET_0";

fn keep(label: &str, _client_random: &[u8], secret: OkmBlock) {
    let mut secrets = SECRETS.take().unwrap_or_else(|| Box::new(TrafficSecrets::none()));
    *secrets.of(if label == CLIENT { Side::Client } else { Side::Server }) = secret;
    SECRETS.set(Some(secrets));
}
