//! Packets that are lost, late, doubled and out of order: clients and servers of lem-ssl-rs on a wire that does all that.
//!
//! Each scenario runs in a network namespace of its own, which is this program once more, told by `--ignored --exact` to run
//! that scenario only. The wire is a TUN device whose far end is a program of ours (`support/wire.py`), because not
//! every kernel has netem. It takes `unshare`, `ip`, `python3`, and the right to make namespaces; without them the
//! tests fail and say what is missing.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a failing unwrap is a fine way for a test to fail")]

mod darkness;
mod handshakes;
mod support;
mod transfers;
