//! Secrets that rustls tells to a key log and to nobody else.
//!
//! rustls' unbuffered connections hand no secret out. They tell it to the key log in the call that derives it, on the
//! thread that makes that call: so a key log of ours takes it there.

use std::sync::Arc;

use rustls::KeyLog;
use rustls::crypto::tls13::OkmBlock;

/// A key log that takes the secrets of some labels, beside another one that is told the same.
#[derive(Debug)]
pub(crate) struct KeyTap {
    labels: &'static [&'static str],
    take: Take,
    other: Arc<dyn KeyLog>,
}

/// Takes a secret: its label, the client's random bytes, and what it is, zeroed when dropped.
type Take = fn(&str, &[u8], OkmBlock);

impl KeyTap {
    pub(crate) fn new(labels: &'static [&'static str], take: Take, other: Arc<dyn KeyLog>) -> Arc<Self> {
        Arc::new(Self { labels, take, other })
    }
}

impl KeyLog for KeyTap {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        if self.labels.contains(&label) && secret.len() <= OkmBlock::MAX_LEN {
            (self.take)(label, client_random, OkmBlock::new(secret));
        }
        if self.other.will_log(label) {
            self.other.log(label, client_random, secret);
        }
    }

    fn will_log(&self, label: &str) -> bool {
        self.labels.contains(&label) || self.other.will_log(label)
    }
}
