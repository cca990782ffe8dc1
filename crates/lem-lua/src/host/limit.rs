//! How long an operation may wait.

#![forbid(unsafe_code)]

use std::time::Duration;

use lem_ssl_rs::{Error, timeout};

/// Gives an operation up when it takes too long. One of a stream has lost nothing then.
pub(super) async fn limited<T>(
    limit: Option<Duration>,
    operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match limit {
        None => operation.await,
        Some(limit) => timeout(limit, operation).await.unwrap_or_else(|_over| Err(Error::Misuse("timeout".into()))),
    }
}
