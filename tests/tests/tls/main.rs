//! TLS against ugly peers and ugly networks: a scripted peer that controls every byte of its ciphertext.

mod chunking;
mod flight;
mod post_handshake;
mod support;
mod truncation;
