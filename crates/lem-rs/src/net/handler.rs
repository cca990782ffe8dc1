//! What a handler of connections may return.

use std::any::Any;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::fmt;

use crate::error::Error;

/// What a handler of [`Listener::autospawn`](crate::Listener::autospawn) and of a server above may return: nothing, or a
/// `Result` whose error can be shown. `Box<dyn Error>`, a `String` and the error types of other crates are among those.
///
/// [`Error::Closed`] is no failure, bare or in a `Box<dyn Error>`: a handler that reads until its peer is done, with a
/// `?` behind each read, ends so. Every other error is told, an end in the middle of a message ([`Error::Incomplete`])
/// or without a goodbye ([`Error::Truncated`]) among them.
///
/// ```
/// use lem_rs::{Error, HandlerResult, ReadMode, TcpStream};
///
/// async fn by_hand(stream: TcpStream) {
///     let _ = stream.write("hello\n").await;
/// }
///
/// async fn with_errors(stream: TcpStream) -> Result<(), Error> {
///     let line = stream.read(ReadMode::Line).await?;
///     stream.write(&line).await
/// }
///
/// fn may_handle<F: Future<Output: HandlerResult>>(_: fn(TcpStream) -> F) {}
/// may_handle(by_hand);
/// may_handle(with_errors);
/// ```
pub trait HandlerResult {
    /// The error, if it is one and no peer's ordinary goodbye.
    fn into_error(self) -> Option<HandlerError>;
}

/// The error that a handler has returned. It shows what the error itself shows.
pub struct HandlerError(Box<dyn Shown>);

/// Any error that can be shown and found again.
trait Shown: Any + fmt::Display {}

impl<E: Any + fmt::Display> Shown for E {}

impl HandlerError {
    /// The error of a handler.
    pub fn new(error: impl fmt::Display + 'static) -> Self {
        Self(Box::new(error))
    }

    /// The handler's own error, if it is an `E`: so that a log can leave out what it expects.
    ///
    /// ```
    /// use lem_rs::{Error, HandlerError};
    ///
    /// fn is_worth_a_line(error: &HandlerError) -> bool {
    ///     // The client was silent for too long, as clients are.
    ///     !matches!(error.downcast_ref(), Some(Error::Timeout(_)))
    /// }
    /// assert!(is_worth_a_line(&HandlerError::new("the disk is full")));
    /// ```
    pub fn downcast_ref<E: 'static>(&self) -> Option<&E> {
        let error: &dyn Any = self.0.as_ref();
        error.downcast_ref()
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandlerError({})", self.0)
    }
}

impl HandlerResult for () {
    fn into_error(self) -> Option<HandlerError> {
        None
    }
}

impl<T, E: fmt::Display + 'static> HandlerResult for Result<T, E> {
    fn into_error(self) -> Option<HandlerError> {
        self.err().filter(|error| !is_closed(error)).map(HandlerError::new)
    }
}

/// Whether it is [`Error::Closed`], bare or in one of the two usual boxes.
fn is_closed(error: &dyn Any) -> bool {
    let boxed = error.downcast_ref::<Box<dyn StdError>>().and_then(|error| error.downcast_ref());
    let sent = || error.downcast_ref::<Box<dyn StdError + Send + Sync>>().and_then(|error| error.downcast_ref());
    matches!(error.downcast_ref().or(boxed).or_else(sent), Some(Error::Closed))
}

impl HandlerResult for Infallible {
    fn into_error(self) -> Option<HandlerError> {
        match self {}
    }
}

/// A handler that loops for ever, or always panics, has this type.
#[expect(private_interfaces, reason = "the trait only names `!`, which everybody may use")]
impl HandlerResult for Never {
    fn into_error(self) -> Option<HandlerError> {
        self
    }
}

/// The type `!`, which has no name of its own yet.
type Never = <fn() -> ! as Returns>::Output;

trait Returns {
    type Output;
}

impl<R> Returns for fn() -> R {
    type Output = R;
}
