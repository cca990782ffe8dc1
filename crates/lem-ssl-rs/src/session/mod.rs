//! The TLS session: bytes in, decisions out. The only place that names rustls' connection types; knows no socket and
//! no clock.

use std::cell::OnceCell;
use std::fmt;
use std::sync::{Arc, OnceLock};

use lem_rs::transport::{InputBuffer, Outbox};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::EncryptError;
use rustls::{ClientConfig, CommonState, HandshakeKind, ServerConfig};

use crate::exporter::{Exporter, take_secret};
use crate::identity::{Hello, acme, forget_hello};
use crate::record_layer::RecordLayer;
use crate::traffic::take_traffic_secrets;
use crate::trust::forget_refused;
use crate::x509::{Certificate, UnreadableCertificate};

mod agreed;
mod alert;
mod client_hello;
mod connection;
mod convert;
mod cost;
mod failed;
mod keying;
mod open;
mod opened;
mod record;
mod refusal;
mod refused_early;
mod shaking;

pub(crate) use agreed::Agreed;
pub(crate) use alert::is_without_common_scheme;
pub(crate) use opened::{Opened, Then};

use agreed::Facts;
use connection::{Accepting, Sealer};
use convert::Conversion;
use failed::Failed;
use keying::Keying;
use open::{Next, Progress, Sink};
use record::{Records, next_record};
use shaking::{About, Shaking};

/// One end of a TLS connection.
pub(crate) struct Session {
    end: End,
    progress: Progress,
    /// What is to become of it after the handshake; `None` if rustls keeps the records.
    conversion: Option<Conversion>,
    keying: Keying,
    /// What a client asked for, and was shown.
    hello: Option<Hello>,
    /// The early data (0-RTT) that were not taken yet, at most what the configuration allows; `None` if it allows none.
    early: Option<Box<EarlyData>>,
    /// Made for the first who asks.
    peer: OnceCell<PeerCache>,
}

/// What was read of the peer's certificate, for all that ask about one connection. Filled by the first who asks.
pub(crate) type PeerCache = Arc<OnceLock<Result<Certificate, UnreadableCertificate>>>;

enum End {
    /// The handshake is under way, or rustls keeps the records. One pointer, so that a stream, which has this for the time
    /// of its handshake mostly, is no larger for it.
    Rustls(Box<Box<dyn Shaking>>),
    /// The handshake is finished, and the records are ours.
    Ours(Box<Ours>),
    /// As [`Ours`](Self::Ours), until an error has ended it: its secrets are forgotten (RFC 8446 section 6.2).
    Failed(Box<Failed>),
    /// rustls has kept the secrets for itself: it does not happen where they were asked for.
    Lost,
}

struct Ours {
    records: Records,
    facts: Facts,
}

/// What a client has sent before the handshake was finished.
#[derive(Default)]
struct EarlyData {
    bytes: Vec<u8>,
}

/// Whether a request for new keys (`KeyUpdate`) is answered at once. RFC 8446 section 4.6.3: one answer is enough for
/// all requests until we have content to send, and a peer gives up after some dozens without content. rustls keeps a
/// further answer back until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum KeyAnswer {
    #[default]
    Due,
    /// One was sent, and no content since.
    Sent,
}

impl Session {
    pub(crate) fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        layer: RecordLayer,
    ) -> Result<Self, rustls::Error> {
        let keying = Keying::of(&*config.key_log);
        let conversion = Conversion::of(layer, config.enable_secret_extraction, config.max_fragment_size);
        let connection = UnbufferedClientConnection::new(config, name)?;
        Ok(Self::new(Box::new(connection), keying, conversion, None))
    }

    pub(crate) fn server(config: Arc<ServerConfig>, layer: RecordLayer) -> Result<Self, rustls::Error> {
        let early = (config.max_early_data_size > 0).then(Box::default);
        let max_early_data = config.max_early_data_size;
        let keying = Keying::of(&*config.key_log);
        let conversion = Conversion::of(layer, config.enable_secret_extraction, config.max_fragment_size);
        let connection = Accepting::new(UnbufferedServerConnection::new(config)?, max_early_data);
        Ok(Self::new(Box::new(connection), keying, conversion, early))
    }

    fn new(
        connection: Box<dyn Shaking>,
        keying: Keying,
        conversion: Option<Conversion>,
        early: Option<Box<EarlyData>>,
    ) -> Self {
        let (end, progress) = (End::Rustls(Box::new(connection)), Progress::default());
        Self { end, progress, conversion, keying, hello: None, early, peer: OnceCell::new() }
    }

    /// What rustls' connection knows, while there is one.
    fn common(&self) -> Option<&CommonState> {
        match &self.end {
            End::Rustls(connection) => Some(connection.common()),
            End::Ours(_) | End::Failed(_) | End::Lost => None,
        }
    }

    /// What was agreed so far.
    pub(crate) fn agreed(&self) -> Agreed<'_> {
        match &self.end {
            End::Ours(ours) => ours.facts.agreed(ours.records.suite()),
            End::Failed(failed) => failed.agreed(),
            _ => self.common().map(Agreed::of).unwrap_or_default(),
        }
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.common().is_some_and(CommonState::is_handshaking)
    }

    pub(crate) fn is_server(&self) -> bool {
        match &self.end {
            End::Rustls(connection) => connection.is_server(),
            End::Lost => false,
            End::Ours(ours) => ours.records.is_server(),
            End::Failed(failed) => failed.is_server(),
        }
    }

    /// The name that the client asked for (SNI), on a server.
    pub(crate) fn requested_name(&self) -> Option<&str> {
        self.hello.as_ref()?.requested.as_deref()
    }

    /// The name that an authority has validated here, if it has done that: it is no client.
    pub(crate) fn validated(&self) -> Option<&str> {
        let validates = self.is_server() && self.agreed().alpn == Some(acme::PROTOCOL);
        validates.then(|| self.requested_name().unwrap_or_default())
    }

    /// What derives keying material; `None` before the handshake is finished, and if the context was not built for it.
    pub(crate) fn exporter(&self) -> Option<&Exporter> {
        self.keying.exporter().filter(|_| !self.is_handshaking())
    }

    /// What was read of the peer's certificate; before the handshake is finished, for the caller alone.
    pub(crate) fn peer_cache(&self) -> PeerCache {
        if self.is_handshaking() { PeerCache::default() } else { self.peer.get_or_init(PeerCache::default).clone() }
    }

    /// The certificate of the server, on either end.
    pub(crate) fn server_certificate(&self) -> Option<&CertificateDer<'static>> {
        if self.is_server() {
            self.hello.as_ref()?.shown.as_ref()?.cert.first()
        } else {
            self.agreed().certificates.first()
        }
    }

    /// The certificates that a client showed when the session was begun that is resumed now, which may be none; on a
    /// server. `None` if no session is resumed.
    pub(crate) fn resumed_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        let agreed = self.agreed();
        let is_resumed = self.is_server() && agreed.kind == Some(HandshakeKind::Resumed);
        is_resumed.then_some(agreed.certificates)
    }

    /// Whether early data (0-RTT) have come that were not taken.
    pub(crate) fn has_early_data(&self) -> bool {
        self.early.as_ref().is_some_and(|early| !early.bytes.is_empty())
    }

    /// Takes the early data that have come: anybody who saw them may have sent them again.
    pub(crate) fn take_early(&mut self) -> Vec<u8> {
        self.early.as_deref_mut().map(|early| std::mem::take(&mut early.bytes)).unwrap_or_default()
    }

    /// Takes received bytes: content goes to `input`, the protocol's own answers to `outbox`. With no bytes it produces
    /// pending output, such as the `ClientHello`. What it does in one call is bounded; if [records](Self::has_record)
    /// are left, call it again with them before more is received.
    ///
    /// `may_send` says whether we may still send: after our goodbye a peer's new keys get no answer.
    pub(crate) fn open(
        &mut self,
        received: &mut [u8],
        input: &mut InputBuffer,
        outbox: &mut Outbox,
        may_send: bool,
    ) -> Opened {
        let Self { end, progress, conversion, keying, hello, early, .. } = self;
        let converts = conversion.is_some();
        let (opened, next) = match end {
            End::Ours(ours) => {
                let opened = ours.records.open(received, input, outbox, may_send);
                if matches!(opened.then, Then::Failed(_)) {
                    self.forget();
                }
                return opened;
            }
            End::Failed(_) | End::Lost => return Opened::lost(),
            End::Rustls(connection) => {
                let early = early.as_deref_mut().map(|early| &mut early.bytes);
                let sink = Sink { input, early, outbox, may_send, converts, may_divert: false };
                connection.open(About { progress, keying, hello }, received, sink)
            }
        };
        match next {
            Next::Rustls => opened,
            Next::Ours => {
                self.convert();
                // The records that follow go another way now.
                opened.and_then(|used| self.open(&mut received[used..], input, outbox, may_send))
            }
        }
    }

    /// Fails, since `kept` is as much as there is room for, and no message is complete.
    pub(crate) fn refuse_message(&mut self, kept: &[u8], outbox: &mut Outbox, may_send: bool) -> Then {
        let error = rustls::InvalidMessage::HandshakePayloadTooLarge.into();
        let held = &kept[..self.progress.held];
        match &mut self.end {
            End::Rustls(connection) => connection.send_alert(held, &error, outbox, may_send),
            // A record has room enough, and messages are joined elsewhere.
            End::Ours(_) | End::Failed(_) | End::Lost => {}
        }
        self.progress.held = 0;
        Then::Failed(error)
    }

    /// Whether `kept`, which [`open`](Self::open) left over, holds a record that can be opened, or the beginning of what can
    /// be none.
    pub(crate) fn has_record(&self, kept: &[u8]) -> bool {
        match &self.end {
            End::Ours(ours) => ours.records.has_record(kept),
            _ => kept.get(self.progress.held..).is_some_and(|rest| {
                let is_wrong = rest.first().is_some_and(|kind| !CONTENT_TYPES.contains(kind));
                is_wrong || next_record(rest).is_some()
            }),
        }
    }

    /// Encrypts `content` as one record, in memory of its own. `None` if it takes more than that, and always where the
    /// records are rustls': then it is to be [sealed](Self::seal) with what goes along.
    pub(crate) fn seal_one(&mut self, content: &[u8]) -> Option<Vec<u8>> {
        match &mut self.end {
            End::Ours(ours) => ours.records.seal_one(content),
            _ => None,
        }
    }

    /// Encrypts `content` into `records`; says how many bytes of them it filled. What the protocol itself has to say
    /// before that goes to `outbox`. `kept` is what [`open`](Self::open) left over: rustls counts on seeing a part of it
    /// each time.
    pub(crate) fn seal(
        &mut self,
        kept: &mut [u8],
        content: &[u8],
        records: &mut [u8],
        outbox: &mut Outbox,
    ) -> Result<usize, Unsealed> {
        if let End::Ours(ours) = &mut self.end {
            return ours.records.seal(content, records);
        }
        let sealed = self.write(kept, outbox, |writer| writer.encrypt(content, records))?;
        self.progress.key_answer = KeyAnswer::Due;
        Ok(sealed)
    }

    /// Says goodbye (`close_notify`, RFC 8446 section 6.1) into `outbox`. Nothing can be sealed after that. A session
    /// that failed, or has not begun, has nothing to say but its alert.
    pub(crate) fn finish(&mut self, kept: &mut [u8], outbox: &mut Outbox) {
        if let End::Ours(ours) = &mut self.end {
            return ours.records.finish(outbox);
        }
        // With no room for it, the message is queued all the same; it comes out like every message of the protocol.
        if let Err(Unsealed::TooSmall(_)) = self.write(kept, outbox, |writer| writer.queue_close_notify(&mut [])) {
            let _ = self.write(kept, outbox, |_| Ok(0));
        }
    }

    fn write(
        &mut self,
        kept: &mut [u8],
        outbox: &mut Outbox,
        mut with: impl FnMut(&mut dyn Sealer) -> Result<usize, EncryptError>,
    ) -> Result<usize, Unsealed> {
        let held = &mut kept[..self.progress.held];
        match &mut self.end {
            End::Rustls(connection) => connection.write(held, outbox, &mut with),
            End::Ours(_) | End::Failed(_) | End::Lost => Err(Unsealed::Over),
        }
    }

    /// Keeps no more than it must while the stream is quiet.
    pub(crate) fn rest(&mut self) {
        if let End::Ours(ours) = &mut self.end {
            ours.records.rest();
        }
    }
}

/// Forgets what rustls' callbacks have left on this thread, which belongs to another connection. What they leave from
/// now on belongs to the one that rustls is shown records of.
fn forget_others() {
    forget_hello();
    forget_refused();
    drop(take_secret());
    drop(take_traffic_secrets());
}

/// The types of records that rustls knows.
const CONTENT_TYPES: std::ops::RangeInclusive<u8> = 20..=24;

/// Why nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsealed {
    /// The room must be so large.
    TooSmall(usize),
    /// The session takes nothing any more, or not yet.
    Over,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.is_server() { "server" } else { "client" };
        let records = match &self.end {
            End::Ours(_) | End::Failed(_) => "ours",
            _ => "rustls",
        };
        let at_rest = matches!(&self.end, End::Ours(ours) if ours.records.is_at_rest());
        f.debug_struct("Session")
            .field("side", &side)
            .field("records", &records)
            .field("at_rest", &at_rest)
            .finish_non_exhaustive()
    }
}
