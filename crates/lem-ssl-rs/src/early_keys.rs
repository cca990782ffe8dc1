//! The keys of a client that has offered early data, so that a server can tell refused early data from the handshake.
//!
//! rustls passes over records that do not open, but does not say whether it did or whether it keeps a part of a
//! message. Only the keys tell. The secrets behind them come by way of a key log, which keeps them for that moment, if
//! the session has asked for them, and the session takes what is made of them.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use rustls::crypto::cipher::{InboundOpaqueMessage, Iv, MessageDecrypter};
use rustls::crypto::tls13::OkmBlock;
use rustls::{ContentType, KeyLog, ProtocolVersion, Tls13CipherSuite};

use crate::key_tap::KeyTap;
use crate::traffic::derived;

thread_local! {
    /// `None` if nobody wants any.
    static SECRETS: RefCell<Option<EarlySecrets>> = const { RefCell::new(None) };
}

/// What the keys are derived from; zeroed when dropped.
#[derive(Default)]
pub(crate) struct EarlySecrets {
    handshake: Option<OkmBlock>,
    /// Only a session that is resumed has it.
    early: Option<OkmBlock>,
}

impl EarlySecrets {
    /// Has secrets kept that are derived on this thread from now on, until they are [taken](Self::take).
    pub(crate) fn begin() {
        SECRETS.set(Some(Self::default()));
    }

    /// What was derived on this thread, which keeps none any more.
    pub(crate) fn take() -> Option<Self> {
        SECRETS.take()
    }
}

/// Keeps the secrets for [`EarlySecrets::take`], beside another key log.
pub(crate) fn keeping_secrets(other: Arc<dyn KeyLog>) -> Arc<dyn KeyLog> {
    KeyTap::new(&[HANDSHAKE, EARLY], keep, other)
}

const HANDSHAKE: &str = "CLIENT_HANDSHAKE_TRAFFIC_SECRET";

const EARLY: &str = "CLIENT_EARLY_TRAFFIC_SECRET";

fn keep(label: &str, _client_random: &[u8], secret: OkmBlock) {
    SECRETS.with_borrow_mut(|secrets| {
        if let Some(secrets) = secrets {
            let place = if label == HANDSHAKE { &mut secrets.handshake } else { &mut secrets.early };
            *place = Some(secret);
        }
    });
}

/// Opens the first record under each of the client's keys, for a trial.
pub(crate) struct EarlyKeys {
    handshake: Box<dyn MessageDecrypter>,
    early: Option<Box<dyn MessageDecrypter>>,
}

impl EarlyKeys {
    /// `None` if the handshake's secret was not derived, or has keys of an unknown length.
    pub(crate) fn new(secrets: &EarlySecrets, suite: &Tls13CipherSuite) -> Option<Self> {
        let handshake = opening(secrets.handshake.as_ref()?, suite)?;
        Some(Self { handshake, early: secrets.early.as_ref().and_then(|secret| opening(secret, suite)) })
    }

    /// Whether the session is resumed, so that its early data may have been accepted.
    pub(crate) fn may_be_accepted(&self) -> bool {
        self.early.is_some()
    }

    /// The early data are refused: all that follows is under the keys of the handshake.
    pub(crate) fn refuse_early(&mut self) {
        self.early = None;
    }

    /// Whether `sealed`, which is what follows the header of a record, belongs to the handshake.
    pub(crate) fn is_handshake(&mut self, sealed: &[u8]) -> bool {
        if content_type(&mut *self.handshake, sealed).is_some() {
            return true;
        }
        // Under the early keys is what ends accepted early data; refused ones may open under them, too.
        let early = self.early.as_mut().and_then(|early| content_type(&mut **early, sealed));
        early == Some(ContentType::Handshake)
    }
}

/// What the first record under these keys holds, if it is that.
fn content_type(opening: &mut dyn MessageDecrypter, sealed: &[u8]) -> Option<ContentType> {
    let copy = &mut sealed.to_vec();
    let message = InboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, copy);
    opening.decrypt(message, 0).ok().map(|opened| opened.typ)
}

/// What opens records with the keys of this secret.
fn opening(secret: &OkmBlock, suite: &Tls13CipherSuite) -> Option<Box<dyn MessageDecrypter>> {
    let (key, iv) = derived(secret, suite)?;
    Some(suite.aead_alg.decrypter(key, Iv::from(iv)))
}

/// Shows no secret.
impl fmt::Debug for EarlyKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EarlyKeys").finish_non_exhaustive()
    }
}
