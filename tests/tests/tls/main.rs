//! TLS against ugly peers and ugly networks: a scripted peer that controls every byte of its ciphertext.

mod big_close;
mod chunking;
mod configuration;
mod flight;
mod interruption;
mod not_tls;
mod post_handshake;
mod refusals;
mod sessions;
mod stalls;
mod starttls;
mod support;
mod truncation;
mod verdicts;
mod writing;
