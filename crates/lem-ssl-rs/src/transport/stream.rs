//! The names of encrypted streams and of their parts.

use super::Tls;

/// An encrypted stream: [`lem_rs::Stream`] over [`Tls`], with all its verbs.
///
/// A function that takes streams of every kind has the transport as its parameter, bound by [`lem_rs`]'s trait, and is
/// compiled once for each; one that takes a [`BoxedStream`](crate::BoxedStream) is compiled once, and streams are made
/// into that by [`boxed`](lem_rs::Stream::boxed).
///
/// ```
/// use lem_ssl_rs::lem_rs::transport::Transport;
/// use lem_ssl_rs::{BoxedStream, Error, Stream, TcpStream, lem_rs};
///
/// async fn ask<T: Transport>(stream: &lem_rs::Stream<T>, question: &str) -> Result<String, Error> {
///     stream.write(question).await?;
///     stream.read_line_trimmed().await
/// }
///
/// async fn ask_both(encrypted: &Stream, plain: TcpStream) -> Result<(), Error> {
///     println!("{}", ask(encrypted, "who are you?\n").await?);
///     println!("{}", ask(&plain, "and you?\n").await?);
///     let any: BoxedStream = plain.boxed();
///     println!("{}", ask(&any, "still there?\n").await?);
///     Ok(())
/// }
/// ```
pub type Stream = lem_rs::Stream<Tls>;

/// The receiving half of an encrypted stream.
pub type ReadHalf = lem_rs::ReadHalf<Tls>;

/// The sending half of an encrypted stream.
pub type WriteHalf = lem_rs::WriteHalf<Tls>;

/// An encrypted stream as poll functions.
pub type Polled = lem_rs::Polled<Tls>;

/// Lets several tasks write to one encrypted stream.
pub type WriteQueue = lem_rs::WriteQueue<Tls>;
