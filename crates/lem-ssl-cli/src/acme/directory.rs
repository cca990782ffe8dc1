//! Where an authority has what (RFC 8555 section 7.1.1).

use lem_ssl_rs::Context;
use serde::Deserialize;

use super::answer::{Request, ask};
use super::problem::Fault;
use crate::http::Url;

/// Where things are.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Directory {
    pub(super) new_nonce: String,
    pub(super) new_account: String,
    pub(super) new_order: String,
    /// Where it says when it wants a certificate renewed (RFC 9773), if it does.
    pub(super) renewal_info: Option<String>,
    #[serde(default)]
    pub(super) meta: Meta,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    pub(super) terms_of_service: Option<String>,
    #[serde(default)]
    pub(super) external_account_required: bool,
}

impl Directory {
    pub(super) async fn fetch(context: &Context, url: &Url) -> Result<Self, Fault> {
        let answer = ask(context, url, Request::Get).await?;
        if !answer.is_success() {
            return Err(answer.fault("its directory"));
        }
        answer.json("the directory")
    }
}

/// A URL that the authority has named. Only https leads anywhere.
pub(super) fn url(text: &str) -> Result<Url, Fault> {
    Url::parse(text).map_err(|why| Fault::useless(format!("the authority names a URL that leads nowhere: {why}")))
}
