//! Peers that send what is allowed, useless, and dear to open.
//!
//! rustls shakes hands; then its keys are taken out, and records are sealed that it would never send.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::crypto::cipher::{AeadKey, Iv, MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::kernel::KernelConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, UnbufferedStatus};
use rustls::{ClientConfig, ConnectionTrafficSecrets, ContentType, ProtocolVersion, SupportedCipherSuite};

use crate::order::Hostile;
use crate::outcome::Outcome;
use crate::pki;

/// What is sealed before it begins: what is dear to open is dear to seal, and it shall not wait for that.
const AHEAD: usize = 48 << 20;

/// As much as it writes at once.
const CHUNK: usize = 64 * 1024;

/// Prepares a hostile peer of the server at `port`; the result does its work until that ends the connection.
pub(super) fn prepare(hostile: Hostile, port: u16, config: &ClientConfig) -> Outcome<Box<dyn FnOnce() + Send>> {
    match hostile {
        Hostile::Quiet => return Ok(Box::new(|| {})),
        Hostile::Hellos => {
            let hello = Handshake::new(config)?.advance()?;
            return Ok(Box::new(move || {
                yield_to_the_honest();
                while begin_and_leave(port, &hello).is_ok() {}
            }));
        }
        _ => {}
    }
    let mut handshake = Handshake::new(config)?;
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_nodelay(true)?;
    let mut buffer = vec![0; CHUNK];
    loop {
        socket.write_all(&handshake.advance()?)?;
        if !handshake.connection.is_handshaking() {
            break;
        }
        let count = socket.read(&mut buffer)?;
        handshake.received.extend_from_slice(&buffer[..count]);
    }
    let mut sealer = handshake.into_sealer()?;
    // What is cheap to seal is sealed as it goes.
    let ahead = if matches!(hostile, Hostile::Bulk | Hostile::Padding) { 0 } else { AHEAD };
    let mut sealed = Vec::with_capacity(ahead + CHUNK);
    while sealed.len() < ahead {
        sealer.next(hostile, &mut sealed);
    }
    let mut reader = socket.try_clone()?;
    Ok(Box::new(move || {
        yield_to_the_honest();
        // What comes back is taken, and looked at by nobody.
        thread::spawn(move || {
            yield_to_the_honest();
            let mut buffer = vec![0; CHUNK];
            while matches!(reader.read(&mut buffer), Ok(1..)) {}
        });
        let size = if hostile == Hostile::Packets { PACKET } else { CHUNK };
        if !sealed.chunks(size).all(|chunk| socket.write_all(chunk).is_ok()) {
            return;
        }
        drop(sealed);
        let mut records = Vec::new();
        loop {
            records.clear();
            while records.len() < CHUNK {
                sealer.next(hostile, &mut records);
            }
            if !records.chunks(size).all(|chunk| socket.write_all(chunk).is_ok()) {
                return;
            }
        }
    }))
}

/// Header, a byte, its type, the tag.
const PACKET: usize = 5 + 1 + 1 + 16;

/// The honest client shares the core, and is never to wait for this thread.
fn yield_to_the_honest() {
    // Without it, its figures are worse than they need to be, and no less true.
    let _ = rustix::process::nice(19);
}

/// A handshake for which the server does its whole part, and we nothing.
fn begin_and_leave(port: u16, hello: &[u8]) -> std::io::Result<()> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.write_all(hello)?;
    let mut answer = [0; 64];
    socket.read_exact(&mut answer)?;
    socket.shutdown(Shutdown::Both)
}

struct Handshake {
    connection: UnbufferedClientConnection,
    received: Vec<u8>,
}

impl Handshake {
    fn new(config: &ClientConfig) -> Outcome<Self> {
        let mut config = config.clone();
        config.enable_secret_extraction = true;
        let connection = UnbufferedClientConnection::new(Arc::new(config), pki::server_name()?)?;
        Ok(Self { connection, received: Vec::new() })
    }

    /// What is to be sent now.
    fn advance(&mut self) -> Outcome<Vec<u8>> {
        let mut sent = Vec::new();
        loop {
            let UnbufferedStatus { discard, state, .. } = self.connection.process_tls_records(&mut self.received);
            let over = match state? {
                ConnectionState::EncodeTlsData(mut message) => {
                    if let Err(EncodeError::InsufficientSize(needed)) = message.encode(&mut []) {
                        let before = sent.len();
                        sent.resize(before + needed.required_size, 0);
                        message.encode(&mut sent[before..]).map_err(|error| error.to_string())?;
                    }
                    false
                }
                ConnectionState::TransmitTlsData(message) => {
                    message.done();
                    false
                }
                _ => true,
            };
            self.received.drain(..discard);
            if over {
                return Ok(sent);
            }
        }
    }

    fn into_sealer(self) -> Outcome<Sealer> {
        let (secrets, kernel) = self.connection.dangerous_into_kernel_connection()?;
        let (sealed, keys) = secrets.tx;
        Ok(Sealer { encrypter: encrypter(&kernel, keys)?, kernel, sealed })
    }
}

struct Sealer {
    kernel: KernelConnection<ClientConnectionData>,
    encrypter: Box<dyn MessageEncrypter>,
    sealed: u64,
}

impl Sealer {
    /// Appends what it sends next.
    fn next(&mut self, hostile: Hostile, records: &mut Vec<u8>) {
        match hostile {
            Hostile::Quiet | Hostile::Hellos => {}
            Hostile::Bulk => self.seal(ContentType::ApplicationData, &[b'x'; 16 * 1024], records),
            Hostile::NewKeys => self.ask_for_new_keys(KEY_UPDATE.len(), records),
            Hostile::Fragments => self.ask_for_new_keys(1, records),
            Hostile::Empty => {
                for _ in 0..MAX_WITHOUT_CONTENT {
                    self.seal(ContentType::ApplicationData, &[], records);
                }
                self.seal(ContentType::ApplicationData, b"x", records);
            }
            Hostile::Tiny | Hostile::Packets => self.seal(ContentType::ApplicationData, b"x", records),
            Hostile::Padding => {
                // The inner type stands behind the content, and what the record is sealed with is the last zero.
                let mut inner = vec![0; 16 * 1024];
                inner[..2].copy_from_slice(&[b'x', u8::from(ContentType::ApplicationData)]);
                self.seal(ContentType::from(0), &inner, records);
            }
        }
    }

    fn ask_for_new_keys(&mut self, fragment: usize, records: &mut Vec<u8>) {
        for _ in 0..MAX_WITHOUT_CONTENT {
            for piece in KEY_UPDATE.chunks(fragment) {
                self.seal(ContentType::Handshake, piece, records);
            }
            if let Ok((sealed, keys)) = self.kernel.update_tx_secret()
                && let Ok(encrypter) = encrypter(&self.kernel, keys)
            {
                (self.sealed, self.encrypter) = (sealed, encrypter);
            }
        }
        self.seal(ContentType::ApplicationData, b"x", records);
    }

    fn seal(&mut self, typ: ContentType, payload: &[u8], records: &mut Vec<u8>) {
        let payload = OutboundChunks::from(payload);
        let message = OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload };
        if let Ok(record) = self.encrypter.encrypt(message, self.sealed) {
            records.extend(record.encode());
        }
        self.sealed += 1;
    }
}

/// A request for new keys (RFC 8446 section 4.6.3).
const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 1];

/// Servers give up after 32 records without content.
const MAX_WITHOUT_CONTENT: usize = 30;

fn encrypter(
    kernel: &KernelConnection<ClientConnectionData>,
    keys: ConnectionTrafficSecrets,
) -> Outcome<Box<dyn MessageEncrypter>> {
    let SupportedCipherSuite::Tls13(suite) = kernel.negotiated_cipher_suite() else {
        return Err("the server speaks no TLS 1.3".into());
    };
    let (key, iv): (AeadKey, Iv) = match keys {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv } | ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (key, iv),
        _ => return Err("the server has chosen an unknown cipher".into()),
    };
    Ok(suite.aead_alg.encrypter(key, iv))
}
