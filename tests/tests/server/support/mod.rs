//! What the tests of the server share: certificates and contexts, a machine with a watchdog, clients of every kind.

mod certificates;
mod peer;
mod run;
mod service;

pub(crate) use certificates::{
    certificates_of, client_builder, client_context, identity, issue, provider, root, server_builder, server_context,
};
pub(crate) use peer::{Recorder, recorded_handshake};
pub(crate) use run::{at_once, both, check, says, until};
pub(crate) use service::{connect, echo, is_answered, is_echoed, listen, raw, serve, serve_with};
