//! What comes on a client's connection before its content: a header of the PROXY protocol, STARTTLS.

use std::fmt;

use lem_ssl_rs::lem_rs::transport::{InputBuffer, StreamOptions, Transport};
use lem_ssl_rs::{Endpoint, Error, Phase, Plain, ReadMode, TcpStream, Timeout, timeout};

use super::proxied::{self, Ends, Header};
use super::proxies::Proxies;
use super::relay::Sever;
use crate::starttls::Protocol;

/// What is expected.
#[derive(Debug, Clone, Default)]
pub(super) struct Preface {
    /// Those who say first for whom they speak.
    pub(super) proxies: Proxies,
    /// Clients begin in plain text, as this protocol does.
    pub(super) starttls: Option<Protocol>,
}

/// A connection whose preface has not come. Dropping it cuts the connection: its end must not pass for a complete, empty
/// answer.
struct Unprefaced(Option<TcpStream>);

impl Unprefaced {
    fn into_stream(mut self) -> Result<TcpStream, Error> {
        self.0.take().ok_or(Error::Closed)
    }
}

impl Drop for Unprefaced {
    fn drop(&mut self) {
        if let Some(stream) = self.0.take() {
            Plain::sever(stream);
        }
    }
}

/// A client that does not begin as it should.
#[derive(Debug)]
struct Refused {
    why: String,
    /// Whether the log is told of it: of connections beyond a limit it is told of some.
    is_told: bool,
}

impl Refused {
    fn because(why: impl Into<String>) -> Error {
        Error::protocol(Self { why: why.into(), is_told: true })
    }
}

/// Whether the log is told that a client was refused with this error.
pub(super) fn is_told(error: &Error) -> bool {
    error.protocol_ref::<Refused>().is_none_or(|refused| refused.is_told)
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
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
        self.proxies.has(peer)
    }

    /// Takes it off the stream. What has come behind it stays there to be read.
    ///
    /// A client that does not send it is cut, also when this future is dropped.
    pub(super) async fn take(&self, stream: TcpStream) -> Result<TcpStream, Error> {
        let unprefaced = Unprefaced(Some(stream));
        let Some(stream) = &unprefaced.0 else { return Err(Error::Closed) };
        // Whose address is not known any more is nobody to be trusted; nobody is there to be answered, either.
        let peer = stream.peer_addr()?;
        if self.is_from_proxy(&peer)
            && let Some(Ends { client, local }) = self.header(stream, &peer).await?
        {
            stream.with_transport(|plain| plain.source().proxied(Endpoint::Ip(client), Endpoint::Ip(local)));
        }
        let Some(protocol) = self.starttls else { return unprefaced.into_stream() };
        let answered = protocol.answer(stream).await;
        // One that is refused was told so, and then the end is a proper one.
        let stream = unprefaced.into_stream()?;
        let early = answered.map_err(Refused::because)?;
        if early.is_empty() {
            return Ok(stream);
        }
        let (plain, behind) = stream.into_parts()?;
        let mut input = InputBuffer::default();
        input.extend(&early);
        input.extend(behind.as_slice());
        Ok(TcpStream::new(plain, input, StreamOptions::default()))
    }

    /// Reads a header, within the limits of this proxy. Its bytes are limited by [`proxied::read`].
    async fn header(&self, stream: &TcpStream, proxy: &Endpoint) -> Result<Option<Ends>, Error> {
        let Some(_headerless) = self.proxies.admit(proxy) else {
            return Err(self.too_many());
        };
        let read = timeout(self.proxies.header_time, header(stream)).await;
        read.unwrap_or_else(|late| {
            let from = "the proxy, whose header has not come (--proxy-header-timeout),";
            Err(Timeout::new(Phase::Read, late.waited()).target(from).into())
        })
    }

    /// Why a connection is refused whose proxy has as many without a header as it may.
    fn too_many(&self) -> Error {
        let why = "too many connections of this proxy have sent no PROXY header yet (--max-proxy-headers)";
        let withheld = self.proxies.refusals.due();
        let more = withheld.filter(|more| *more > 0).map(|more| format!("; {more} more since the last such line"));
        let why = format!("{why}{}", more.unwrap_or_default());
        Error::protocol(Refused { why, is_told: withheld.is_some() })
    }
}

/// Reads a header and nothing behind it.
async fn header(stream: &TcpStream) -> Result<Option<Ends>, Error> {
    let mut needed = 1;
    loop {
        let seen = stream.peek(needed).await?;
        match proxied::read(&seen).map_err(Refused::because)? {
            Header::Partial(more) => needed = more,
            Header::Whole { length, ends } => {
                stream.read(ReadMode::Exact(length)).await?;
                return Ok(ends);
            }
        }
    }
}
