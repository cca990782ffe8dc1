//! A connection of the load side.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use crate::outcome::Outcome;
use crate::pki;

/// A connection of the load side: encrypted, or plain for the limit.
pub(super) enum Wire {
    Plain(TcpStream),
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    /// Shakes hands as a client; plain without a configuration.
    pub(super) fn client(mut socket: TcpStream, config: Option<&Arc<ClientConfig>>) -> Outcome<Self> {
        socket.set_nodelay(true)?;
        let Some(config) = config else { return Ok(Self::Plain(socket)) };
        let mut connection = ClientConnection::new(config.clone(), pki::server_name()?)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Self::Client(Box::new(StreamOwned::new(connection, socket))))
    }

    /// Shakes hands as a server; plain without a configuration.
    pub(super) fn server(mut socket: TcpStream, config: Option<&Arc<ServerConfig>>) -> Outcome<Self> {
        socket.set_nodelay(true)?;
        let Some(config) = config else { return Ok(Self::Plain(socket)) };
        let mut connection = ServerConnection::new(config.clone())?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        // Tickets.
        while connection.wants_write() {
            connection.write_tls(&mut socket)?;
        }
        Ok(Self::Server(Box::new(StreamOwned::new(connection, socket))))
    }

    pub(super) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Client(stream) => &stream.sock,
            Self::Server(stream) => &stream.sock,
        }
    }

    /// Whether the handshake resumed a session.
    pub(super) fn is_resumed(&self) -> bool {
        let kind = match self {
            Self::Plain(_) => None,
            Self::Client(stream) => stream.conn.handshake_kind(),
            Self::Server(stream) => stream.conn.handshake_kind(),
        };
        kind == Some(HandshakeKind::Resumed)
    }

    /// Says goodbye.
    pub(super) fn finish(&mut self) {
        match self {
            Self::Plain(_) => {}
            Self::Client(stream) => {
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
            Self::Server(stream) => {
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
        let _ = self.socket().shutdown(Shutdown::Write);
    }

    /// Reads until the peer is gone, in whatever way.
    pub(super) fn drain(&self) {
        let mut buffer = [0; 4096];
        while matches!(self.socket().read(&mut buffer), Ok(1..)) {}
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Client(stream) => stream.read(buffer),
            Self::Server(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(data),
            Self::Client(stream) => stream.write(data),
            Self::Server(stream) => stream.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Client(stream) => stream.flush(),
            Self::Server(stream) => stream.flush(),
        }
    }
}
