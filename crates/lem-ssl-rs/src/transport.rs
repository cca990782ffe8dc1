//! TLS between a stream and its socket.

use std::fmt;
use std::io;
use std::time::Duration;

use lem_rs::transport::{Flushed, InputBuffer, Outbox, Received, Sent, Source, Transport, close_transport};
use lem_rs::{Cut, EndOfStream, Plain};
use rustls::pki_types::CertificateDer;
use rustls::{AlertDescription as Alert, HandshakeKind, ProtocolVersion};

use crate::error::Error;
use crate::explain::explain;
use crate::info::Info;
use crate::meter::Metered;
use crate::session::{Opened, Session, Then, Unsealed};

mod stream;

pub use stream::{Polled, ReadHalf, Stream, WriteHalf, WriteQueue};

/// The TLS transport of a [`Stream`](crate::Stream).
///
/// It keeps two small buffers, both without memory while nothing is under way: the part of a record that has arrived,
/// and the records that the kernel has not taken.
pub struct Tls {
    source: Source,
    session: Session,
    /// What has arrived and was not opened: the part of a record, or what was too much for one call. Never more than the
    /// receive arena holds.
    partial: Vec<u8>,
    outbox: Outbox,
    sending: Sending,
    /// The end of the stream, if it was received together with the handshake's last message; the first receive returns it.
    pending_end: Option<Box<EndOfStream>>,
    /// A peer that ends the connection without `close_notify` is taken to have meant it.
    accept_missing_close_notify: bool,
    /// How long the handshake took.
    handshake_time: Duration,
    /// Counts for the server that accepted the connection.
    metered: Option<Metered>,
}

/// The sending side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sending {
    Open,
    /// `close_notify` was queued, or an alert: nothing may follow.
    Over,
}

/// How long an alert that ends a connection may take on its way out.
pub(crate) const ALERT_DEADLINE: Duration = Duration::from_secs(2);

/// A write is at most so far ahead of the kernel, so that an interrupted one has left little behind.
const MAX_AHEAD: usize = 64 * 1024;

/// At most so much pending output is coalesced with a write: the send arena has room for it beside the largest write's
/// records.
const MAX_COALESCED: usize = 3 * 1024;

/// The largest record on the wire: 2^14 bytes of content, 2048 of overhead (RFC 5246 section 6.2.3), five of header.
const MAX_RECORD: usize = 5 + 16 * 1024 + 2048;

/// What a record of TLS 1.3 has on the wire beside its content: header, content type, tag.
const RECORD_OVERHEAD: usize = 22;

/// How many bytes can be copied there and back while one is opened.
const COPIES_PER_OPENING: usize = 4;

impl Tls {
    pub(crate) fn new(
        source: Source,
        session: Session,
        accept_missing_close_notify: bool,
        metered: Option<Metered>,
    ) -> Self {
        Self {
            source,
            session,
            partial: Vec::new(),
            outbox: Outbox::default(),
            sending: Sending::Open,
            pending_end: None,
            accept_missing_close_notify,
            handshake_time: Duration::ZERO,
            metered,
        }
    }

    /// The handshake is over, and has taken so long.
    pub(crate) fn set_handshake_time(&mut self, time: Duration) {
        self.handshake_time = time;
    }

    /// Whether the handshake resumed a session.
    pub(crate) fn is_resumed(&self) -> bool {
        self.session.agreed().kind == Some(HandshakeKind::Resumed)
    }

    /// As [`Session::resumed_certificates`].
    pub(crate) fn resumed_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.session.resumed_certificates()
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// As [`Session::has_early_data`].
    pub(crate) fn has_early_data(&self) -> bool {
        self.session.has_early_data()
    }

    /// As [`Session::take_early`].
    pub(crate) fn take_early(&mut self) -> Vec<u8> {
        self.session.take_early()
    }

    /// Turns a client away after the handshake, because of what its certificate says: it gets the alert `access_denied`
    /// (RFC 8446 section 6.2), and the connection is closed in the background. It gets no alert, and is only cut off, if the
    /// context has rustls' records ([`ContextBuilder::rustls_records`](crate::ContextBuilder::rustls_records)) and asks no
    /// client for a certificate. Of a stream the transport comes by [`into_parts`](lem_rs::Stream::into_parts).
    pub fn deny(self) {
        close_transport(self.refuse(Alert::AccessDenied), ALERT_DEADLINE);
    }

    /// Ends a session whose handshake is finished with this alert, unless another has ended it. What is left only closes
    /// the connection.
    pub(crate) fn refuse(self, alert: Alert) -> Plain {
        let Self { source, session, mut outbox, sending, .. } = self;
        if sending == Sending::Open {
            session.refuse(alert, &mut outbox);
        }
        // The kernel has room: little was sent so far. If not, there is no alert.
        let _ = outbox.flush(&source);
        Plain::new(source)
    }

    /// Whether the handshake is under way.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    /// Takes bytes that had arrived before TLS began. With none it produces what is sent first, a client's `ClientHello`.
    pub(crate) fn begin(&mut self, received: Vec<u8>, input: &mut InputBuffer) -> Received {
        self.partial = received;
        let then = self.open_kept(input);
        self.conclude(then)
    }

    /// Opens what was received before.
    fn open_kept(&mut self, input: &mut InputBuffer) -> Then {
        let Self { source, session, partial, outbox, sending, metered, .. } = self;
        let is_open = *sending == Sending::Open;
        let Opened { used, content, cost, then } =
            with_memory(source, session, outbox, |session, outbox| session.open(partial, input, outbox, is_open));
        source.charge(cost);
        partial.drain(..used);
        if partial.is_empty() {
            source.return_spare(std::mem::take(partial));
        }
        if let Some(metered) = metered {
            metered.received(content);
        }
        then
    }

    /// Keeps an end that concerns the stream and not the handshake, which was complete before it.
    pub(crate) fn set_pending_end(&mut self, end: EndOfStream) {
        self.pending_end = Some(Box::new(end));
    }

    fn conclude(&mut self, then: Then) -> Received {
        match then {
            Then::Continues => Received::Progress,
            Then::PeerFinished => Received::Ended(EndOfStream::Clean),
            Then::Failed(error) => {
                // What follows the alert is not sent: the session is over (RFC 8446 section 6.2).
                self.sending = Sending::Over;
                // The alert goes at once: reading may be all that its user ever does.
                let _ = self.outbox.flush(&self.source);
                let during_handshake = self.is_handshaking();
                Received::Ended(EndOfStream::Failed(explain(error, during_handshake, &self.partial).into()))
            }
        }
    }

    fn cut(&self, cut: Cut) -> EndOfStream {
        if self.accept_missing_close_notify && cut == Cut::Fin && self.partial.is_empty() {
            EndOfStream::Clean
        } else {
            EndOfStream::Cut(cut)
        }
    }
}

impl Transport for Tls {
    type Info = Info;

    fn info(&self) -> Info {
        Info::of(&self.session, self.handshake_time)
    }

    fn source(&self) -> &Source {
        &self.source
    }

    fn receive(&mut self, input: &mut InputBuffer, want: usize) -> Received {
        if let Some(end) = self.pending_end.take() {
            return Received::Ended(*end);
        }
        if self.session.has_record(&self.partial) {
            let then = self.open_kept(input);
            return self.conclude(then);
        }
        let Self { source, session, partial, outbox, sending, metered, .. } = self;
        let opened: io::Result<Option<Then>> = source.with_receive_arena(|arena| {
            let kept = partial.len();
            // Only a handshake message in a great many tiny records fills it, and with no room a read looks like FIN.
            if kept >= arena.len() {
                return Ok(Some(session.refuse_message(partial, outbox, *sending == Sending::Open)));
            }
            arena[..kept].copy_from_slice(partial);
            // A message in tiny pieces is copied with each of them, there and back.
            source.charge(kept / COPIES_PER_OPENING);
            // Enough for what is wanted, and never less than the rest of one record.
            let records = want.div_ceil(16 * 1024).saturating_mul(RECORD_OVERHEAD).saturating_add(want);
            let end = kept.saturating_add(records.max(MAX_RECORD)).min(arena.len());
            let count = source.try_read(&mut arena[kept..end])?;
            if count == 0 {
                return Ok(None);
            }
            let filled = &mut arena[..kept + count];
            if !session.is_handshaking() {
                // At once, and not record by record: content is a little shorter than what carries it.
                input.reserve(filled.len());
            }
            let is_open = *sending == Sending::Open;
            let Opened { used, content, cost, then } =
                with_memory(source, session, outbox, |session, outbox| session.open(filled, input, outbox, is_open));
            source.charge(cost);
            if let Some(metered) = metered {
                metered.received(content);
            }
            keep(source, partial, &filled[used..]);
            Ok(Some(then))
        });
        match opened {
            Ok(Some(then)) => self.conclude(then),
            Ok(None) => Received::Ended(self.cut(Cut::Fin)),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => Received::Blocked,
                io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
                    Received::Ended(self.cut(Cut::Reset))
                }
                _ => Received::Ended(EndOfStream::Failed(Error::io("read from the stream", error))),
            },
        }
    }

    fn send(&mut self, data: &[u8]) -> Result<Sent, Error> {
        if self.sending == Sending::Over {
            return Err(Error::Closed);
        }
        let Self { source, session, partial, outbox, metered, .. } = self;
        let pending = outbox.len().min(MAX_COALESCED);
        let mut chunk = &data[..data.len().min(MAX_AHEAD - pending)];
        // What goes alone goes without a copy.
        if pending == 0
            && let Some(record) = session.seal_one(chunk)
        {
            outbox.send(source, &record)?;
            if let Some(metered) = metered {
                metered.sent(chunk.len());
            }
            return Ok(Sent::Accepted(chunk.len()));
        }
        let sealed = source.with_send_arena(|arena| {
            let (front, records) = arena.split_at_mut(pending);
            let count = loop {
                match session.seal(partial, chunk, records, outbox) {
                    Ok(count) => break count,
                    // A configuration of rustls' may want records so small that the arena has not room for all of them.
                    Err(Unsealed::TooSmall(_)) if chunk.len() > 1 => chunk = &chunk[..chunk.len() / 2],
                    Err(unsealed) => return Ok(Err(unsealed)),
                }
            };
            // Pending output goes in front, in one piece with the records, unless the protocol just added to it.
            if outbox.len() == pending {
                front.copy_from_slice(outbox.as_slice());
                outbox.clear(source);
                outbox.send(source, &arena[..pending + count]).map(Ok)
            } else {
                outbox.send(source, &records[..count]).map(Ok)
            }
        })?;
        match sealed {
            Ok(_) => {
                if let Some(metered) = metered {
                    metered.sent(chunk.len());
                }
                Ok(Sent::Accepted(chunk.len()))
            }
            Err(unsealed) => {
                // The arena has room for every record: only an exhausted session refuses one.
                debug_assert_eq!(unsealed, Unsealed::Over);
                self.sending = Sending::Over;
                Err(Error::Closed)
            }
        }
    }

    fn has_pending(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// A TLS 1.3 server has only tickets left to send, and nobody waits for those (RFC 8446 section 4.6.1). The last message
    /// of any other handshake goes at once: the peer waits for it.
    fn may_delay_pending(&self) -> bool {
        let is_tls13 = || self.session.agreed().version == Some(ProtocolVersion::TLSv1_3);
        self.sending == Sending::Open && self.outbox.len() <= MAX_COALESCED && self.session.is_server() && is_tls13()
    }

    fn flush(&mut self) -> Result<Flushed, Error> {
        self.outbox.flush(&self.source)
    }

    /// A client says nothing behind its `close_notify` (RFC 8446 section 6.1). A server may say it in its first flight, and
    /// send tickets later.
    fn end_is_final(&self) -> bool {
        self.session.is_server()
    }

    /// A client of TLS 1.3 has finished before the server looks at its certificate (RFC 8446 section 4.4.2.4): an alert may
    /// come behind all that the client had to say.
    fn reports_failures(&self) -> bool {
        true
    }

    const RESTS: bool = true;

    fn rest(&mut self) {
        self.session.rest();
    }

    fn end_sending(&mut self) {
        if self.sending == Sending::Open {
            self.sending = Sending::Over;
            // A handshake that is given up is no complete stream.
            if !self.is_handshaking() {
                self.session.finish(&mut self.partial, &mut self.outbox);
            }
        }
        if let Some(metered) = &self.metered {
            metered.closing();
        }
    }
}

/// Has the session open records. A handshake answers with a good deal, and gets memory for it that the machine has kept;
/// afterwards next to nothing is answered.
fn with_memory(
    source: &Source,
    session: &mut Session,
    outbox: &mut Outbox,
    open: impl FnOnce(&mut Session, &mut Outbox) -> Opened,
) -> Opened {
    if !session.is_handshaking() {
        return open(session, outbox);
    }
    outbox.ensure_memory(source, 0);
    let opened = open(session, outbox);
    // What is left then are a server's tickets, which wait for its first answer.
    if outbox.is_empty() || (session.is_server() && !session.is_handshaking()) {
        outbox.settle(source);
    }
    opened
}

/// Keeps the part of a record until the rest of it comes, in memory that is only held meanwhile.
fn keep(source: &Source, partial: &mut Vec<u8>, rest: &[u8]) {
    partial.clear();
    match rest {
        [] => source.return_spare(std::mem::take(partial)),
        rest => {
            if partial.capacity() == 0 {
                *partial = source.take_spare_for(rest.len());
            }
            partial.extend_from_slice(rest);
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("source", &self.source).field("session", &self.session).finish_non_exhaustive()
    }
}
