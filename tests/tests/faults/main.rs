//! Faults of the network, on real sockets: clients and servers of lem-ssl-rs with a proxy between them that fails at a
//! byte of its choice, at every byte of a conversation from the first hello to the last goodbye.
//!
//! What is demanded wherever the fault is, in either direction, for TLS 1.2 and 1.3:
//! - no end is ever handed a byte that the other one did not send, nor in another place;
//! - what was cut off is never told as a clean end; a changed byte is told as one;
//! - what had arrived whole before the fault is readable;
//! - nobody waits for longer than the deadlines say;
//! - a handler sees only connections whose handshake is finished, and the server goes on serving;
//! - pieces and delays are harmless.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod cut;
mod flip;
mod harmless;
mod stall;
mod support;
