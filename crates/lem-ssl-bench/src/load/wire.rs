//! A connection of the load side.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use crate::bare::Bare;
use crate::outcome::Outcome;
use crate::pki;

/// A connection of the load side: TLS, or bare records for the limit.
pub(super) enum Wire {
    Bare(Box<BareStream>),
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    /// Shakes hands as a client; bare without a configuration.
    pub(super) fn client(mut socket: TcpStream, config: Option<&Arc<ClientConfig>>) -> Outcome<Self> {
        socket.set_nodelay(true)?;
        let Some(config) = config else { return Ok(Self::Bare(Box::new(BareStream::new(socket)))) };
        let mut connection = ClientConnection::new(config.clone(), pki::server_name()?)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Self::Client(Box::new(StreamOwned::new(connection, socket))))
    }

    /// Shakes hands as a server; bare without a configuration.
    pub(super) fn server(mut socket: TcpStream, config: Option<&Arc<ServerConfig>>) -> Outcome<Self> {
        socket.set_nodelay(true)?;
        let Some(config) = config else { return Ok(Self::Bare(Box::new(BareStream::new(socket)))) };
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
            Self::Bare(stream) => &stream.socket,
            Self::Client(stream) => &stream.sock,
            Self::Server(stream) => &stream.sock,
        }
    }

    /// Whether the handshake resumed a session.
    pub(super) fn is_resumed(&self) -> bool {
        let kind = match self {
            Self::Bare(_) => None,
            Self::Client(stream) => stream.conn.handshake_kind(),
            Self::Server(stream) => stream.conn.handshake_kind(),
        };
        kind == Some(HandshakeKind::Resumed)
    }

    /// Says goodbye.
    pub(super) fn finish(&mut self) {
        match self {
            Self::Bare(_) => {}
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
            Self::Bare(stream) => stream.read(buffer),
            Self::Client(stream) => stream.read(buffer),
            Self::Server(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Bare(stream) => stream.write(data),
            Self::Client(stream) => stream.write(data),
            Self::Server(stream) => stream.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Bare(_) => Ok(()),
            Self::Client(stream) => stream.flush(),
            Self::Server(stream) => stream.flush(),
        }
    }
}

/// Bare records over a socket.
pub(super) struct BareStream {
    socket: TcpStream,
    bare: Bare,
    received: Vec<u8>,
    content: Vec<u8>,
    records: Vec<u8>,
}

impl BareStream {
    fn new(socket: TcpStream) -> Self {
        Self { socket, bare: Bare::default(), received: Vec::new(), content: Vec::new(), records: Vec::new() }
    }

    /// Appends the records for `content`.
    pub(super) fn seal(&mut self, content: &[u8], records: &mut Vec<u8>) {
        self.bare.seal(content, records);
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.content.is_empty() {
            let before = self.received.len();
            self.received.resize(before + 16 * 1024, 0);
            let result = self.socket.read(&mut self.received[before..]);
            self.received.truncate(before + result.as_ref().copied().unwrap_or(0));
            if result? == 0 {
                return Ok(0);
            }
            let Self { bare, received, content, .. } = self;
            let used = bare
                .open(received, |bytes, place| content.extend_from_slice(&bytes[place]))
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            received.drain(..used);
        }
        let count = self.content.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.content[..count]);
        self.content.drain(..count);
        Ok(count)
    }

    /// Messages of sockets that do not wait are small beside the kernel's buffers.
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.records.clear();
        self.bare.seal(data, &mut self.records);
        self.socket.write_all(&self.records)?;
        Ok(data.len())
    }
}
