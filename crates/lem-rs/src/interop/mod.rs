//! What other libraries ask of a stream and of a runtime: their traits, each behind a feature of its name.

#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "tokio-io")]
mod tokio_io;

/// A write's error. Behind its end a stream is a broken pipe to who writes, as a socket is.
#[cfg(any(feature = "futures-io", feature = "hyper", feature = "tokio-io"))]
fn write_error(error: crate::Error) -> std::io::Error {
    match error {
        crate::Error::Closed => std::io::Error::new(std::io::ErrorKind::BrokenPipe, error),
        other => other.into(),
    }
}
