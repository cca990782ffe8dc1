//! From an address to an encrypted stream, by way of STARTTLS where it is asked for.

use lem_ssl_rs::lem_rs::transport::{InputBuffer, StreamOptions, connect_source};
use lem_ssl_rs::{Address, Context, Deadline, Error, Phase, Plain, Stream, TcpStream};

use crate::exit::Failure;
use crate::options::{ClientArgs, wrong};
use crate::starttls::Protocol;
use crate::target;

/// Where nobody says a port.
const HTTPS: u16 = 443;

/// Where to connect to, and who has to be there.
#[derive(Debug, Clone)]
pub(crate) struct Goal {
    pub(crate) address: Address,
    /// The name that the certificate must be valid for.
    pub(crate) name: String,
    pub(crate) starttls: Option<Protocol>,
}

impl Goal {
    /// Reads an address, and a port beside it.
    pub(crate) fn new(
        address: &str,
        port: Option<&str>,
        client: &ClientArgs,
        starttls: Option<Protocol>,
    ) -> Result<Self, Failure> {
        let address = target::parse(address, port, starttls.map_or(HTTPS, Protocol::port))?;
        let name = client.server_name.clone().or_else(|| target::name_of(&address));
        let nameless =
            || wrong(format!("{address} has no name that a certificate could be valid for: give --server-name"));
        Ok(Self { name: name.ok_or_else(nameless)?, address, starttls })
    }

    /// Connects, and shakes hands.
    pub(crate) async fn connect(&self, context: &Context, client: &ClientArgs) -> Result<Stream, Failure> {
        let Some(protocol) = self.starttls else { return Ok(context.connect_as(&self.address, &self.name).await?) };
        let deadline = Deadline::after(client.timeout);
        let stream = self.connect_plain(&deadline).await?;
        protocol.ask(&stream, &self.name, deadline.remaining()).await?;
        Ok(self.secure(context, stream, &deadline).await?)
    }

    /// Goes over to TLS, within what is left of the deadline.
    pub(crate) async fn secure(
        &self,
        context: &Context,
        stream: TcpStream,
        deadline: &Deadline,
    ) -> Result<Stream, Error> {
        let target = self.address.to_string();
        deadline.limit(Phase::Handshake, &target, context.upgrade(stream, &self.name)).await
    }

    /// Connects only.
    pub(crate) async fn connect_plain(&self, deadline: &Deadline) -> Result<TcpStream, Failure> {
        let source = connect_source(&self.address, deadline).await?;
        Ok(TcpStream::new(Plain::new(source), InputBuffer::default(), StreamOptions::default()))
    }
}
