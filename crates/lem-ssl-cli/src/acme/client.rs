//! Requests to an authority, signed: nonces and who asks (RFC 8555 section 6).

use lem_ssl_rs::Context;
use serde_json::Value;

use super::answer::{Answer, Request, ask};
use super::directory::{Directory, url};
use super::key::Key;
use super::problem::Fault;
use crate::http::Url;

/// Asks an authority in the name of an account.
#[derive(Debug)]
pub(super) struct Client<'a> {
    context: &'a Context,
    pub(super) directory: Directory,
    pub(super) key: Key,
    /// The account's URL, once there is one.
    pub(super) account: Option<String>,
    nonce: Option<String>,
}

/// So often a request is repeated because its nonce was refused (section 6.5: it may happen at any time).
const MAX_TRIES: usize = 20;

impl<'a> Client<'a> {
    /// Looks up where the authority has what.
    pub(super) async fn new(
        context: &'a Context,
        directory: &Url,
        key: Key,
        account: Option<String>,
    ) -> Result<Self, Fault> {
        let directory = Directory::fetch(context, directory).await?;
        Ok(Self { context, directory, key, account, nonce: None })
    }

    /// One that knows no directory, and has a nonce for its first request.
    #[cfg(test)]
    pub(super) fn with_nonce(context: &'a Context, key: Key) -> Self {
        let new_nonce = String::new();
        let (new_account, new_order) = (new_nonce.clone(), new_nonce.clone());
        let directory = Directory { new_nonce, new_account, new_order, renewal_info: None, meta: Default::default() };
        Self { context, directory, key, account: None, nonce: Some("nonce".to_owned()) }
    }

    /// Asks for what is at `to`, and is about `wanted` (section 6.3).
    pub(super) async fn read(&mut self, to: &str, wanted: &str) -> Result<Answer, Fault> {
        self.request(to, None, wanted).await
    }

    /// Sends `payload`, which is about `wanted`.
    pub(super) async fn post(&mut self, to: &str, payload: &Value, wanted: &str) -> Result<Answer, Fault> {
        self.request(to, Some(payload), wanted).await
    }

    async fn request(&mut self, to: &str, payload: Option<&Value>, wanted: &str) -> Result<Answer, Fault> {
        let address = url(to)?;
        for _ in 0..MAX_TRIES {
            let nonce = match self.nonce.take() {
                Some(nonce) => nonce,
                None => self.new_nonce().await?,
            };
            let signed = self.key.sign(to, &nonce, self.account.as_deref(), payload);
            let answer = ask(self.context, &address, Request::Post(&signed)).await?;
            self.nonce.clone_from(&answer.nonce);
            if answer.is_success() {
                return Ok(answer);
            }
            if !answer.problem().is_some_and(|problem| problem.is("badNonce")) {
                return Err(answer.fault(wanted));
            }
        }
        Err(Fault::new(format!("the authority has refused its own nonces {MAX_TRIES} times in a row (badNonce)")))
    }

    async fn new_nonce(&self) -> Result<String, Fault> {
        let answer = ask(self.context, &url(&self.directory.new_nonce)?, Request::Get).await?;
        match answer.nonce {
            Some(nonce) => Ok(nonce),
            None if answer.is_success() => Err(Fault::new("the authority gives no nonce (Replay-Nonce)")),
            None => Err(answer.fault("a nonce")),
        }
    }
}
