//! Who gives certificates, and what is kept of that.

use lem_ssl_rs::Context;

use super::account::Wish;
use super::store::Store;
use crate::http::Url;

/// Who gives certificates, and what is kept of that.
#[derive(Debug)]
pub(crate) struct Authority {
    pub(super) context: Context,
    pub(super) directory: Url,
    pub(super) wish: Wish,
    pub(super) store: Store,
}
