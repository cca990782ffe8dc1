//! The TLS session: bytes in, decisions out. The only file that names rustls' connection types; knows no socket and
//! no clock.

use std::fmt;
use std::sync::Arc;

use lem_rs::{InputBuffer, Outbox};
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, ReadEarlyData, UnbufferedStatus,
    WriteTraffic,
};
use rustls::{ClientConfig, CommonState, HandshakeKind, ServerConfig};

use crate::identity::take_requested;

/// One end of a TLS connection.
pub(crate) enum Session {
    Client(UnbufferedClientConnection),
    Server {
        connection: UnbufferedServerConnection,
        /// The name that the client asked for (SNI).
        requested: Option<Box<str>>,
        /// What the client sent before the handshake (0-RTT) and nobody has taken; at most what the configuration allows.
        early: Vec<u8>,
    },
}

/// What [`Session::open`] made of received bytes.
#[derive(Debug)]
pub(crate) struct Opened {
    /// How many bytes at the front are spent. The rest must stand at the front of the next call's bytes, unchanged.
    pub(crate) used: usize,
    pub(crate) then: Then,
}

/// How a session goes on.
#[derive(Debug)]
pub(crate) enum Then {
    /// With more bytes.
    Continues,
    /// The peer has said that its data is complete (`close_notify`).
    PeerFinished,
    /// Not at all. The alert that says so to the peer is in the outbox.
    Failed(rustls::Error),
}

impl Session {
    pub(crate) fn client(config: Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, rustls::Error> {
        UnbufferedClientConnection::new(config, name).map(Self::Client)
    }

    pub(crate) fn server(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        let connection = UnbufferedServerConnection::new(config)?;
        Ok(Self::Server { connection, requested: None, early: Vec::new() })
    }

    /// What both ends have in common.
    pub(crate) fn common(&self) -> &CommonState {
        match self {
            Self::Client(connection) => connection,
            Self::Server { connection, .. } => connection,
        }
    }

    /// The name that the client asked for (SNI), on a server.
    pub(crate) fn requested_name(&self) -> Option<&str> {
        match self {
            Self::Client(_) => None,
            Self::Server { requested, .. } => requested.as_deref(),
        }
    }

    /// The certificates that a client showed when the session was begun that is resumed now; on a server.
    pub(crate) fn resumed_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        match self {
            Self::Server { connection, .. } if connection.handshake_kind() == Some(HandshakeKind::Resumed) => {
                connection.peer_certificates()
            }
            _ => None,
        }
    }

    /// How much the client has sent before the handshake that nobody has taken.
    pub(crate) fn early(&self) -> usize {
        match self {
            Self::Client(_) => 0,
            Self::Server { early, .. } => early.len(),
        }
    }

    /// Takes what the client has sent before the handshake: anybody who saw it may have sent it again.
    pub(crate) fn take_early(&mut self) -> Vec<u8> {
        match self {
            Self::Client(_) => Vec::new(),
            Self::Server { early, .. } => std::mem::take(early),
        }
    }

    /// Takes received bytes: content goes to `input`, the protocol's own answers to `outbox`. With no bytes it does
    /// what is due anyway: a client's first message, for one.
    ///
    /// `answers` says whether we may still send: after our goodbye a peer's new keys get no answer.
    pub(crate) fn open(
        &mut self,
        received: &mut [u8],
        input: &mut InputBuffer,
        outbox: &mut Outbox,
        answers: bool,
    ) -> Opened {
        match self {
            Self::Client(connection) => open(connection, received, input, &mut Vec::new(), outbox, answers),
            Self::Server { connection, requested, early } => {
                let opened = open(connection, received, input, early, outbox, answers);
                if requested.is_none() {
                    *requested = take_requested();
                }
                opened
            }
        }
    }

    /// Encrypts `content` into `records`; says how many bytes of them it filled. What the protocol itself has to say
    /// before that goes to `outbox`. `kept` is what [`open`](Self::open) left over: rustls counts on seeing it each
    /// time.
    pub(crate) fn seal(
        &mut self,
        kept: &mut [u8],
        content: &[u8],
        records: &mut [u8],
        outbox: &mut Outbox,
    ) -> Result<usize, Unsealed> {
        self.write(kept, outbox, |writer| writer.encrypt(content, records))
    }

    /// Says goodbye (`close_notify`, RFC 8446 section 6.1) into `outbox`. Nothing can be sealed after that. A session
    /// that failed, or has not begun, has nothing to say but its alert.
    pub(crate) fn finish(&mut self, kept: &mut [u8], outbox: &mut Outbox) {
        // With no room for it, the message is queued all the same; it comes out like every message of the protocol.
        if let Err(Unsealed::TooSmall(_)) = self.write(kept, outbox, |writer| writer.queue_close_notify(&mut [])) {
            let mut nothing = InputBuffer::default();
            self.open(kept, &mut nothing, outbox, false);
        }
    }

    fn write(
        &mut self,
        kept: &mut [u8],
        outbox: &mut Outbox,
        with: impl FnOnce(&mut dyn Sealer) -> Result<usize, EncryptError>,
    ) -> Result<usize, Unsealed> {
        match self {
            Self::Client(connection) => write(connection, kept, outbox, with),
            Self::Server { connection, .. } => write(connection, kept, outbox, with),
        }
    }
}

/// Why nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsealed {
    /// The room must be so large.
    TooSmall(usize),
    /// The session takes nothing any more, or not yet.
    Over,
}

/// rustls' two unbuffered connections, which share their methods but no trait.
trait Connection {
    type Data;
    fn common(&self) -> &CommonState;
    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
    /// Takes early data out; says how many bytes at the front are spent by that.
    fn read_early(data: ReadEarlyData<'_, '_, Self::Data>, early: &mut Vec<u8>) -> Result<usize, rustls::Error>;
}

impl Connection for UnbufferedClientConnection {
    type Data = ClientConnectionData;

    fn common(&self) -> &CommonState {
        self
    }

    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(records)
    }

    /// Nobody sends a client early data.
    fn read_early(_: ReadEarlyData<'_, '_, Self::Data>, _: &mut Vec<u8>) -> Result<usize, rustls::Error> {
        Ok(0)
    }
}

impl Connection for UnbufferedServerConnection {
    type Data = ServerConnectionData;

    fn common(&self) -> &CommonState {
        self
    }

    fn process<'c, 'i>(&'c mut self, records: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(records)
    }

    fn read_early(mut data: ReadEarlyData<'_, '_, Self::Data>, early: &mut Vec<u8>) -> Result<usize, rustls::Error> {
        let mut discard = 0;
        while let Some(record) = data.next_record() {
            let record = record?;
            discard += record.discard;
            early.extend_from_slice(record.payload);
        }
        Ok(discard)
    }
}

/// What can be done in rustls' `WriteTraffic` state, for either end.
trait Sealer {
    fn encrypt(&mut self, content: &[u8], records: &mut [u8]) -> Result<usize, EncryptError>;
    fn queue_close_notify(&mut self, records: &mut [u8]) -> Result<usize, EncryptError>;
}

impl<Data> Sealer for WriteTraffic<'_, Data> {
    fn encrypt(&mut self, content: &[u8], records: &mut [u8]) -> Result<usize, EncryptError> {
        WriteTraffic::encrypt(self, content, records)
    }

    fn queue_close_notify(&mut self, records: &mut [u8]) -> Result<usize, EncryptError> {
        WriteTraffic::queue_close_notify(self, records)
    }
}

fn open<C: Connection>(
    connection: &mut C,
    received: &mut [u8],
    input: &mut InputBuffer,
    early: &mut Vec<u8>,
    outbox: &mut Outbox,
    answers: bool,
) -> Opened {
    let mut used = 0;
    let mut then = Then::Continues;
    loop {
        let UnbufferedStatus { mut discard, state } = connection.process(&mut received[used..]);
        let mut failed = None;
        let over = match state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    match record {
                        Ok(record) => {
                            discard += record.discard;
                            input.extend(record.payload);
                        }
                        Err(error) => failed = Some(error),
                    }
                }
                false
            }
            Ok(ConnectionState::ReadEarlyData(data)) => {
                match C::read_early(data, early) {
                    Ok(spent) => discard += spent,
                    Err(error) => failed = Some(error),
                }
                false
            }
            Ok(ConnectionState::EncodeTlsData(message)) => {
                encode(message, outbox);
                false
            }
            // What was encoded stands in the outbox, which keeps the order: as good as sent.
            Ok(ConnectionState::TransmitTlsData(message)) => {
                message.done();
                false
            }
            Ok(ConnectionState::PeerClosed) => {
                then = Then::PeerFinished;
                false
            }
            Err(error) => {
                failed = Some(error);
                false
            }
            Ok(ConnectionState::WriteTraffic(mut writer)) => {
                // rustls keeps the answer to a KeyUpdate until there is content to send, which may be never. To be
                // asked for content, and given no room for it, brings the answer out, and nothing else.
                if answers {
                    let _ = writer.encrypt(&[0], &mut []);
                }
                true
            }
            // BlockedHandshake, Closed: it is the peer's turn, or nobody's.
            Ok(_) => true,
        };
        used += discard;
        if let Some(error) = failed {
            last_words(connection, &mut received[used..], outbox);
            return Opened { used, then: Then::Failed(error) };
        }
        if over && !connection.common().wants_write() {
            return Opened { used, then };
        }
    }
}

/// After a failure: the alert that says so to the peer, and what stood before it. While a message is waiting, rustls
/// hands that out and looks at no more records; asked once more than that, it would open the next one.
fn last_words<C: Connection>(connection: &mut C, rest: &mut [u8], outbox: &mut Outbox) {
    while connection.common().wants_write() {
        match connection.process(rest).state {
            Ok(ConnectionState::EncodeTlsData(message)) => encode(message, outbox),
            Ok(ConnectionState::ReadTraffic(mut traffic)) => while traffic.next_record().is_some() {},
            _ => return,
        }
    }
}

fn encode<Data>(mut message: EncodeTlsData<'_, Data>, outbox: &mut Outbox) {
    // Asking with no room tells the size.
    if let Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) = message.encode(&mut []) {
        let mut room = vec![0; required_size];
        // The room is what was asked for, and the message was not encoded before.
        if let Ok(count) = message.encode(&mut room) {
            outbox.push(&room[..count]);
        }
    }
}

fn write<C: Connection>(
    connection: &mut C,
    kept: &mut [u8],
    outbox: &mut Outbox,
    with: impl FnOnce(&mut dyn Sealer) -> Result<usize, EncryptError>,
) -> Result<usize, Unsealed> {
    loop {
        match connection.process(kept).state {
            Ok(ConnectionState::EncodeTlsData(message)) => encode(message, outbox),
            Ok(ConnectionState::TransmitTlsData(message)) => message.done(),
            Ok(ConnectionState::WriteTraffic(mut writer)) => {
                return with(&mut writer).map_err(|error| match error {
                    EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => {
                        Unsealed::TooSmall(required_size)
                    }
                    EncryptError::EncryptExhausted => Unsealed::Over,
                });
            }
            _ => return Err(Unsealed::Over),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self {
            Self::Client(_) => "client",
            Self::Server { .. } => "server",
        };
        f.debug_struct("Session").field("side", &side).finish_non_exhaustive()
    }
}
