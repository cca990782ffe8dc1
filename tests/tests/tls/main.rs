//! TLS against ugly peers and ugly networks: a scripted peer that controls every byte of its ciphertext.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod big_close;
mod chains;
mod chunking;
mod configuration;
mod exporting;
mod flight;
mod goodbyes;
mod hostile;
mod interruption;
mod known_hosts;
mod late_refusals;
mod new_keys;
mod not_tls;
mod peers;
mod post_handshake;
mod records;
mod refusals;
mod regressions;
mod reset;
mod sessions;
mod stalls;
mod starttls;
mod support;
mod truncation;
mod trust;
mod turns;
mod verdicts;
mod writing;
