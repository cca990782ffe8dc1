//! What comes on a client's connection before its content: a header of the PROXY protocol, STARTTLS.

use std::fmt;

use lem_ssl_rs::lem_rs::transport::{InputBuffer, StreamOptions, Transport};
use lem_ssl_rs::{Endpoint, Error, ReadMode, TcpStream};

use super::proxied::{self, Ends, Header};
use crate::networks::Network;
use crate::starttls::Protocol;

/// What is expected.
#[derive(Debug, Clone, Default)]
pub(super) struct Preface {
    /// Clients from these networks are proxies, and say first for whom they speak.
    pub(super) proxies: Vec<Network>,
    /// Clients begin in plain text, as this protocol does.
    pub(super) starttls: Option<Protocol>,
}

/// A client that does not begin as it should.
#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl Preface {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.proxies.is_empty() && self.starttls.is_none()
    }

    /// Whether connections of this peer are those of others.
    pub(super) fn is_from_proxy(&self, peer: &Endpoint) -> bool {
        self.proxies.iter().any(|network| network.has(peer))
    }

    /// Takes it off the stream. What has come behind it stays there to be read.
    pub(super) async fn take(&self, stream: TcpStream) -> Result<TcpStream, Error> {
        // Whose address is not known any more is nobody to be trusted; nobody is there to be answered, either.
        let peer = stream.peer_addr()?;
        if self.is_from_proxy(&peer) {
            let ends = header(&stream).await?;
            if let Some(Ends { client, local }) = ends {
                stream.with_transport(|plain| plain.source().proxied(Endpoint::Ip(client), Endpoint::Ip(local)));
            }
        }
        let Some(protocol) = self.starttls else { return Ok(stream) };
        let early = protocol.answer(&stream).await.map_err(|why| Error::protocol(Refused(why)))?;
        if early.is_empty() {
            return Ok(stream);
        }
        let (plain, behind) = stream.into_parts()?;
        let mut input = InputBuffer::default();
        input.extend(&early);
        input.extend(behind.as_slice());
        Ok(TcpStream::new(plain, input, StreamOptions::default()))
    }
}

/// Reads a header and nothing behind it.
async fn header(stream: &TcpStream) -> Result<Option<Ends>, Error> {
    let mut needed = 1;
    loop {
        let seen = stream.peek(needed).await?;
        match proxied::read(&seen).map_err(|why| Error::protocol(Refused(why.to_owned())))? {
            Header::Partial(more) => needed = more,
            Header::Whole { length, ends } => {
                stream.read(ReadMode::Exact(length)).await?;
                return Ok(ends);
            }
        }
    }
}
