//! What the tests of the server share: certificates and contexts, a machine with a watchdog, clients of every kind.

mod certificates;
mod peer;
mod returning;
// One for both: the machine of a test, with its watchdog.
#[path = "../../contract/support/run.rs"]
mod run;
mod says;
mod service;

pub(crate) use certificates::{
    certificates_of, client_builder, client_context, identity, issue, provider, root, server_builder, server_context,
};
pub(crate) use peer::{Recorder, recorded_handshake};
pub(crate) use returning::{Returning, Visitor};
pub(crate) use run::{at_once, both, check, until};
pub(crate) use says::says;
pub(crate) use service::{connect, echo, is_answered, is_echoed, listen, raw, serve, serve_with};
