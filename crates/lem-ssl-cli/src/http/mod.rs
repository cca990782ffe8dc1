//! HTTP/1.1 over TLS, as a client: one request on a connection of its own, and its answer.

mod body;
mod exchange;
mod proxies;
mod proxy;
mod response;
mod url;
mod validator;

pub(crate) use exchange::{Broken, Exchange, Piece};
pub(crate) use proxies::Proxies;
pub(crate) use response::{Framing, Response};
#[cfg(test)]
pub(crate) use response::{Parsed, parse};
pub(crate) use url::Url;
pub(crate) use validator::Validator;
