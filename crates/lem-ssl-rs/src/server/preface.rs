//! What comes on a connection before its handshake.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use lem_rs::transport::{InputBuffer, Source, StreamOptions};
use lem_rs::{Deadline, Endpoint, Phase, Plain, TcpStream};

use crate::error::Error;

/// Takes a connection, and gives it back when the handshake is due.
#[derive(Clone)]
pub(super) struct Preface(Rc<dyn Fn(TcpStream) -> Prefacing>);

type Prefacing = Pin<Box<dyn Future<Output = Result<TcpStream, Error>>>>;

impl Preface {
    pub(super) fn new<F>(preface: impl Fn(TcpStream) -> F + 'static) -> Self
    where
        F: Future<Output = Result<TcpStream, Error>> + 'static,
    {
        Self(Rc::new(move |stream| Box::pin(preface(stream))))
    }

    /// The connection afterwards, and what it has received of the handshake.
    pub(super) async fn run(
        &self,
        source: Source,
        peer: &Endpoint,
        deadline: Deadline,
    ) -> Result<(Source, Vec<u8>), Error> {
        let stream = TcpStream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default());
        let stream = deadline.limit(Phase::Handshake, peer, (self.0)(stream)).await?;
        let (plain, mut received) = stream.into_parts()?;
        Ok((plain.into_source(), received.take_all()))
    }
}
