//! The contract, sentence by sentence: what each verb of a stream and of a server promises.
//!
//! Every test is a function of a [`Carrier`](support::Carrier), and runs on each: TCP, Unix-domain sockets, TLS 1.3
//! with our records and with those of rustls, and TLS 1.2. What only an encrypted stream can show (an end without
//! `close_notify`) runs on those three.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod support;

mod aborting;
mod accepting;
mod boxed;
mod closing;
mod connecting;
mod ends;
mod forms;
mod giving_way;
mod half_closed;
mod handshakes;
mod limits;
mod lines;
mod lingering;
mod looking;
mod panicked;
mod polled;
mod reading;
mod split;
mod truncated;
mod turns;
mod unread;
mod waiters;
mod writing;
