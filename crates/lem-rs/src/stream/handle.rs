//! Ending a stream from elsewhere.

use std::fmt;
use std::rc::{Rc, Weak};

use super::inner::Inner;
use super::transport::Transport;
use crate::error::Error;

/// Ends a stream that somebody else uses, without keeping it alive: for lists of what is open.
///
/// ```
/// # use lem_rs::{Error, Listener, Machine, ReadMode, TcpStream, spawn};
/// # Machine::new()?.run(async {
/// # let listener = Listener::bind("127.0.0.1:0").await?;
/// # let stream = TcpStream::connect(listener.local_addr().clone()).await?;
/// # let peer = listener.accept().await?;
/// # let _peer = peer;
/// let handle = stream.handle();
/// let reading = spawn(async move { stream.read(ReadMode::All).await });
/// handle.close()?;
/// assert!(reading.await?.is_err());
/// # Ok::<(), Error>(())
/// # })??;
/// # Ok::<(), Error>(())
/// ```
pub struct StreamHandle<T: Transport> {
    inner: Weak<Inner<T>>,
}

impl<T: Transport> StreamHandle<T> {
    pub(super) fn new(inner: &Rc<Inner<T>>) -> Self {
        Self { inner: Rc::downgrade(inner) }
    }

    /// As [`Stream::close`](crate::Stream::close).
    ///
    /// # Errors
    /// [`Error::AlreadyClosed`] if it is closed or gone.
    pub fn close(&self) -> Result<(), Error> {
        self.inner.upgrade().ok_or(Error::AlreadyClosed)?.close()
    }

    /// As [`Stream::abort`](crate::Stream::abort).
    pub fn abort(&self) {
        if let Some(inner) = self.inner.upgrade() {
            inner.abort();
        }
    }

    /// Whether it is closed or gone.
    pub fn is_closed(&self) -> bool {
        self.inner.upgrade().is_none_or(|inner| inner.is_closed())
    }
}

impl<T: Transport> Clone for StreamHandle<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<T: Transport> fmt::Debug for StreamHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamHandle").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
