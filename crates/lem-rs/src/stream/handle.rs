//! Ending a stream from elsewhere.

use std::fmt;
use std::marker::PhantomData;
use std::rc::{Rc, Weak};

use super::handle_target::{Ends, HandleTarget};
use super::inner::Inner;
use super::transport::Transport;
use crate::error::Error;

/// Ends a stream that somebody else uses, without keeping it alive: for lists of what is open. It goes on to do so when the
/// stream is split, polled or [boxed](crate::Stream::boxed).
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
    target: Weak<HandleTarget>,
    transport: PhantomData<fn() -> T>,
}

impl<T: Transport> Inner<T> {
    /// The stream without its type, for handles.
    pub(super) fn as_ends(self: &Rc<Self>) -> Weak<dyn Ends> {
        let weak: Weak<Self> = Rc::downgrade(self);
        weak
    }
}

impl<T: Transport> Ends for Inner<T> {
    fn close(&self) -> Result<(), Error> {
        Self::close(self)
    }

    fn abort(&self) {
        Self::abort(self);
    }

    fn is_closed(&self) -> bool {
        Self::is_closed(self)
    }
}

impl<T: Transport> StreamHandle<T> {
    pub(super) fn new(inner: &Rc<Inner<T>>) -> Self {
        let target = inner.handles.get_or_init(|| HandleTarget::new(inner.as_ends()));
        Self { target: Rc::downgrade(target), transport: PhantomData }
    }

    fn stream(&self) -> Option<Rc<dyn Ends>> {
        self.target.upgrade()?.stream()
    }

    /// As [`Stream::close`](crate::Stream::close).
    ///
    /// # Errors
    /// [`Error::AlreadyClosed`] if it is closed or gone.
    pub fn close(&self) -> Result<(), Error> {
        self.stream().ok_or(Error::AlreadyClosed)?.close()
    }

    /// As [`Stream::abort`](crate::Stream::abort).
    pub fn abort(&self) {
        if let Some(stream) = self.stream() {
            stream.abort();
        }
    }

    /// Whether it is closed or gone.
    pub fn is_closed(&self) -> bool {
        self.stream().is_none_or(|stream| stream.is_closed())
    }
}

impl<T: Transport> Clone for StreamHandle<T> {
    fn clone(&self) -> Self {
        Self { target: self.target.clone(), transport: PhantomData }
    }
}

impl<T: Transport> fmt::Debug for StreamHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamHandle").field("closed", &self.is_closed()).finish_non_exhaustive()
    }
}
