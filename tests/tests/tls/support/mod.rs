//! What the tests share: certificates and configurations, a machine with a watchdog, and the scripted peer.

mod certificates;
mod machine;
mod peer;
mod raw;

pub(crate) use certificates::{Role, client, identity, pki, provider, server};
pub(crate) use machine::{Beat, run, wire};
pub(crate) use peer::{Cuts, End, Peer};
pub(crate) use raw::{Raw, alerts, key_updates, raw};

use lem_ssl_rs::{Context, Error, Stream, TlsError, UnixStream};
use lem_ssl_tests::plain::assert_plain;

/// Takes our side of `wire` over to TLS, in `role`.
pub(crate) async fn upgrade(context: &Context, role: Role, wire: UnixStream) -> Result<Stream, Error> {
    match role {
        Role::Client => context.upgrade(wire, "localhost").await,
        Role::Server => context.upgrade_server(wire).await,
    }
}

/// The TLS failure that `error` must be.
#[track_caller]
pub(crate) fn tls(error: &Error) -> &TlsError {
    TlsError::of(error).unwrap_or_else(|| panic!("no TLS failure: {error:?}"))
}

/// Every part of `message` must be there, and it must be one line.
#[track_caller]
pub(crate) fn says(error: &impl std::fmt::Display, parts: &[&str]) {
    let message = error.to_string();
    assert!(!message.contains('\n'), "more than one line: {message:?}");
    assert_plain(&message);
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
}
