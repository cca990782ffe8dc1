//! A peer of TLS 1.3 that seals what it is told to, whether the protocol allows it or not.
//!
//! rustls shakes hands; then its keys are taken out. Bytes in, bytes out: the socket is the test's.

use std::fmt;
use std::sync::Arc;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, Iv, MessageDecrypter, MessageEncrypter, OutboundChunks, OutboundPlainMessage,
};
use rustls::kernel::KernelConnection;
use rustls::pki_types::ServerName;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};
use rustls::{
    ClientConfig, ConnectionTrafficSecrets, ContentType, ProtocolVersion, ServerConfig, SupportedCipherSuite,
    Tls13CipherSuite,
};

/// The handshake.
pub struct RawHandshake {
    connection: Connection,
    received: Vec<u8>,
}

enum Connection {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

impl RawHandshake {
    /// A client that asks for `localhost`.
    pub fn client(mut config: ClientConfig) -> Self {
        config.enable_secret_extraction = true;
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = UnbufferedClientConnection::new(Arc::new(config), name).expect("a client");
        Self { connection: Connection::Client(connection), received: Vec::new() }
    }

    /// A server.
    pub fn server(mut config: ServerConfig) -> Self {
        config.enable_secret_extraction = true;
        config.send_tls13_tickets = 0;
        let connection = UnbufferedServerConnection::new(Arc::new(config)).expect("a server");
        Self { connection: Connection::Server(connection), received: Vec::new() }
    }

    /// Takes what was received; says what is to be sent.
    ///
    /// # Panics
    /// If the handshake fails.
    pub fn advance(&mut self, received: &[u8]) -> Vec<u8> {
        self.received.extend_from_slice(received);
        match &mut self.connection {
            Connection::Client(connection) => {
                advance(&mut self.received, |records| step(connection.process_tls_records(records)))
            }
            Connection::Server(connection) => {
                advance(&mut self.received, |records| step(connection.process_tls_records(records)))
            }
        }
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        match &self.connection {
            Connection::Client(connection) => !connection.is_handshaking(),
            Connection::Server(connection) => !connection.is_handshaking(),
        }
    }

    /// The peer, when it is over.
    ///
    /// # Panics
    /// If it is not, or the other end has chosen TLS 1.2.
    pub fn into_peer(self) -> RawPeer {
        let (secrets, kernel) = match self.connection {
            Connection::Client(connection) => {
                let (secrets, kernel) = connection.dangerous_into_kernel_connection().expect("a finished handshake");
                (secrets, Kernel::Client(kernel))
            }
            Connection::Server(connection) => {
                let (secrets, kernel) = connection.dangerous_into_kernel_connection().expect("a finished handshake");
                (secrets, Kernel::Server(kernel))
            }
        };
        let SupportedCipherSuite::Tls13(suite) = kernel.suite() else { panic!("not TLS 1.3") };
        let (key, iv) = key_and_iv(secrets.tx.1);
        let encrypter = suite.aead_alg.encrypter(key, iv);
        let (key, iv) = key_and_iv(secrets.rx.1);
        let decrypter = suite.aead_alg.decrypter(key, iv);
        RawPeer {
            suite,
            kernel,
            encrypter,
            sealed: secrets.tx.0,
            decrypter,
            opened: secrets.rx.0,
            received: self.received,
        }
    }
}

/// What is done after one step of rustls: how much was spent, what is to be sent, and whether there is more to do.
fn step<Data>(status: UnbufferedStatus<'_, '_, Data>) -> (usize, Vec<u8>, bool) {
    match status.state.expect("the handshake fails") {
        ConnectionState::EncodeTlsData(message) => (status.discard, encode(message), true),
        ConnectionState::TransmitTlsData(message) => {
            message.done();
            (status.discard, Vec::new(), true)
        }
        _ => (status.discard, Vec::new(), false),
    }
}

fn advance(received: &mut Vec<u8>, mut step: impl FnMut(&mut [u8]) -> (usize, Vec<u8>, bool)) -> Vec<u8> {
    let mut sent = Vec::new();
    loop {
        let (spent, message, more) = step(received);
        received.drain(..spent);
        sent.extend(message);
        if !more {
            return sent;
        }
    }
}

fn encode<Data>(mut message: EncodeTlsData<'_, Data>) -> Vec<u8> {
    let Err(EncodeError::InsufficientSize(needed)) = message.encode(&mut []) else { return Vec::new() };
    let mut bytes = vec![0; needed.required_size];
    message.encode(&mut bytes).expect("room enough");
    bytes
}

/// A peer after its handshake.
pub struct RawPeer {
    suite: &'static Tls13CipherSuite,
    kernel: Kernel,
    encrypter: Box<dyn MessageEncrypter>,
    sealed: u64,
    decrypter: Box<dyn MessageDecrypter>,
    opened: u64,
    received: Vec<u8>,
}

enum Kernel {
    Client(KernelConnection<ClientConnectionData>),
    Server(KernelConnection<ServerConnectionData>),
}

impl Kernel {
    fn suite(&self) -> SupportedCipherSuite {
        match self {
            Self::Client(kernel) => kernel.negotiated_cipher_suite(),
            Self::Server(kernel) => kernel.negotiated_cipher_suite(),
        }
    }

    fn next_keys(&mut self, sending: bool) -> (AeadKey, Iv) {
        let (_, secrets) = match (self, sending) {
            (Self::Client(kernel), true) => kernel.update_tx_secret(),
            (Self::Client(kernel), false) => kernel.update_rx_secret(),
            (Self::Server(kernel), true) => kernel.update_tx_secret(),
            (Self::Server(kernel), false) => kernel.update_rx_secret(),
        }
        .expect("TLS 1.3");
        key_and_iv(secrets)
    }
}

/// A request for new keys; without the request, only the news of ours (RFC 8446 section 4.6.3).
pub const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 1];

impl RawPeer {
    /// One record with `payload`, which is of the type `inner` behind the encryption. Of type 0 it is all padding, if
    /// it is all zeros.
    pub fn seal(&mut self, inner: u8, payload: &[u8]) -> Vec<u8> {
        let message = OutboundPlainMessage {
            typ: ContentType::from(inner),
            version: ProtocolVersion::TLSv1_2,
            payload: OutboundChunks::from(payload),
        };
        let record = self.encrypter.encrypt(message, self.sealed).expect("a record").encode();
        self.sealed += 1;
        record
    }

    /// Content in one record, with so many zeros behind it.
    pub fn pad(&mut self, content: &[u8], padding: usize) -> Vec<u8> {
        let mut inner = content.to_vec();
        inner.push(CONTENT);
        inner.resize(inner.len() + padding, 0);
        // The last byte of the inner text is what the record is sealed with.
        inner.pop();
        self.seal(0, &inner)
    }

    /// A request for new keys; what comes after it is sealed with ours.
    pub fn key_update(&mut self) -> Vec<u8> {
        self.new_keys_with(&KEY_UPDATE)
    }

    /// A record with the end of a message that tells of new keys; what comes after it is sealed with those.
    pub fn new_keys_with(&mut self, end: &[u8]) -> Vec<u8> {
        let record = self.seal(HANDSHAKE, end);
        let (key, iv) = self.kernel.next_keys(true);
        self.encrypter = self.suite.aead_alg.encrypter(key, iv);
        self.sealed = 0;
        record
    }

    /// Takes what was received; the records in it that are complete: inner type and payload. Follows new keys.
    ///
    /// # Panics
    /// If one cannot be opened.
    pub fn open(&mut self, received: &[u8]) -> Vec<(u8, Vec<u8>)> {
        self.received.extend_from_slice(received);
        let mut records = Vec::new();
        while let [_, _, _, high, low, rest @ ..] = &mut self.received[..] {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let Some(body) = rest.get_mut(..length) else { break };
            let message = InboundOpaqueMessage::new(ContentType::ApplicationData, ProtocolVersion::TLSv1_2, body);
            let plain = self.decrypter.decrypt(message, self.opened).expect("a record of the other end");
            self.opened += 1;
            let record = (u8::from(plain.typ), plain.payload.to_vec());
            self.received.drain(..5 + length);
            if record.0 == HANDSHAKE && record.1.first() == Some(&KEY_UPDATE[0]) {
                let (key, iv) = self.kernel.next_keys(false);
                self.decrypter = self.suite.aead_alg.decrypter(key, iv);
                self.opened = 0;
            }
            records.push(record);
        }
        records
    }
}

impl fmt::Debug for RawHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawHandshake").field("is_over", &self.is_over()).finish_non_exhaustive()
    }
}

impl fmt::Debug for RawPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawPeer").field("sealed", &self.sealed).field("opened", &self.opened).finish_non_exhaustive()
    }
}

/// Content types (RFC 8446 section 5.1).
pub const ALERT: u8 = 21;
/// As [`ALERT`].
pub const HANDSHAKE: u8 = 22;
/// As [`ALERT`].
pub const CONTENT: u8 = 23;

fn key_and_iv(secrets: ConnectionTrafficSecrets) -> (AeadKey, Iv) {
    match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (key, iv),
        _ => panic!("a cipher of an unknown kind"),
    }
}
