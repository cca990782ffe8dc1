//! A request and a reply, and what each end saw of it.

use std::fmt;
use std::time::Duration;

use lem_ssl_rs::{Error, Phase, ReadMode, Stream, TlsError, Version, timeout};
use lem_ssl_tests::proxy::Transcript;

use super::{Receiver, Records};

/// What a client says: each in a record of its own.
pub(super) const REQUEST: [&[u8]; 2] = [b"first record\n", b"the rest of what is asked for"];

/// What a server answers to a whole request, and only to that.
pub(super) const REPLY: [&[u8]; 3] =
    [b"the beginning of the answer,..\n", b"a bit,\n", b"and the end of it, which is a little longer"];

/// When a client says goodbye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goodbye {
    /// After its request: the server reads until then.
    BeforeTheReply,
    /// After it has the reply; the server reads no further than the request. For what makes a client complain of the
    /// reply: rustls 0.23 asserts in debug builds that no alert follows a goodbye.
    AfterTheReply,
}

/// What one end saw.
pub(crate) enum Saw {
    /// The handshake failed.
    NoHandshake(Error),
    /// There was a stream.
    Stream {
        /// What came out of it.
        heard: Vec<u8>,
        /// What was read last.
        end: Error,
    },
}

/// What both ends saw, and what was on the wire.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) version: Version,
    pub(crate) client: Saw,
    pub(crate) server: Saw,
    pub(crate) transcript: Transcript,
}

/// What is said to an end.
pub(super) fn said_to(receiver: Receiver) -> &'static [&'static [u8]] {
    match receiver {
        Receiver::Client => &REPLY,
        Receiver::Server => &REQUEST,
    }
}

impl Conversation {
    pub(crate) fn saw(&self, receiver: Receiver) -> &Saw {
        match receiver {
            Receiver::Client => &self.client,
            Receiver::Server => &self.server,
        }
    }

    /// What was sent to one end.
    pub(crate) fn received_by(&self, receiver: Receiver) -> Records {
        let bytes = match receiver {
            Receiver::Client => &self.transcript.from_server,
            Receiver::Server => &self.transcript.from_client,
        };
        Records::of(bytes, said_to(receiver))
    }

    /// Both ends saw everything, and a clean end.
    pub(crate) fn is_complete(&self) -> bool {
        self.client.is_complete(Receiver::Client) && self.server.is_complete(Receiver::Server)
    }

    /// What holds whatever happens on the way.
    #[track_caller]
    pub(crate) fn is_sound(&self, place: &str) {
        for receiver in [Receiver::Client, Receiver::Server] {
            let saw = self.saw(receiver);
            let said = said_to(receiver).concat();
            assert!(said.starts_with(saw.heard()), "{place}: the {receiver:?} heard what was not said: {saw:?}");
            let whole = saw.heard() == said;
            assert!(whole || !saw.is_clean(), "{place}: the {receiver:?} takes a part for the whole: {saw:?}");
        }
        // A server answers nothing but a whole request.
        if !self.server.is_complete(Receiver::Server) {
            assert!(self.client.heard().is_empty(), "{place}: {self:?}");
        }
        // In TLS 1.3 the client is done first, in TLS 1.2 the server.
        if self.version == Version::Tls13 && matches!(self.server, Saw::Stream { .. }) {
            assert!(matches!(self.client, Saw::Stream { .. }), "{place}: {self:?}");
        }
    }
}

impl fmt::Debug for Saw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHandshake(error) => write!(f, "no handshake: {error:?}"),
            Self::Stream { heard, end } => write!(f, "{:?}, then {end:?}", String::from_utf8_lossy(heard)),
        }
    }
}

impl Saw {
    pub(crate) fn heard(&self) -> &[u8] {
        match self {
            Self::NoHandshake(_) => &[],
            Self::Stream { heard, .. } => heard,
        }
    }

    /// What it was told in the end.
    pub(crate) fn error(&self) -> &Error {
        match self {
            Self::NoHandshake(error) | Self::Stream { end: error, .. } => error,
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        matches!(self, Self::Stream { end: Error::Closed, .. })
    }

    pub(crate) fn is_complete(&self, receiver: Receiver) -> bool {
        self.is_clean() && self.heard() == said_to(receiver).concat()
    }

    /// It was told that what it received cannot be right.
    pub(crate) fn names_a_change(&self) -> bool {
        matches!(
            TlsError::of(self.error()),
            Some(
                TlsError::Protocol(_)
                    | TlsError::Certificate(_)
                    | TlsError::Incompatible(_)
                    | TlsError::NotTls { .. }
                    | TlsError::NoCommonProtocol
            )
        )
    }

    /// It has waited in vain.
    pub(crate) fn timed_out(&self) -> Option<Phase> {
        self.error().timed_out()
    }
}

/// The client's part.
pub(super) async fn ask(stream: Stream, patience: Duration, goodbye: Goodbye) -> Saw {
    for record in REQUEST {
        // The server may be gone already: reading says how.
        if stream.write(record).await.is_err() {
            break;
        }
    }
    if goodbye == Goodbye::BeforeTheReply {
        // It may be gone already, as above.
        let _ = stream.close_write();
    }
    let saw = listen(&stream, patience, usize::MAX).await;
    leave(stream, saw.is_complete(Receiver::Client)).await;
    saw
}

/// The server's part.
pub(super) async fn answer(stream: Stream, patience: Duration, goodbye: Goodbye) -> Saw {
    let enough = match goodbye {
        Goodbye::BeforeTheReply => usize::MAX,
        Goodbye::AfterTheReply => REQUEST.concat().len(),
    };
    let saw = listen(&stream, patience, enough).await;
    let complete = saw.is_complete(Receiver::Server);
    if complete {
        for record in REPLY {
            // The client may be gone already, and has no use for it then.
            let _ = stream.write(record).await;
        }
    }
    leave(stream, complete).await;
    saw
}

/// Reads what comes until the end, or until it is enough, which is as good as a clean end.
async fn listen(stream: &Stream, patience: Duration, enough: usize) -> Saw {
    let mut heard = Vec::new();
    while heard.len() < enough {
        match timeout(patience, stream.read(ReadMode::Available)).await {
            Ok(Ok(bytes)) => heard.extend(bytes),
            Ok(Err(end)) => {
                assert_eq!(stream.bytes_read(), heard.len() as u64);
                let later = stream.read(ReadMode::Available).await.unwrap_err();
                assert_eq!(later.to_string(), "closed", "the end is told once");
                return Saw::Stream { heard, end };
            }
            Err(late) => return Saw::Stream { heard, end: late.into() },
        }
    }
    Saw::Stream { heard, end: Error::Closed }
}

/// Says goodbye if all is well; half a conversation must not look like a whole one.
async fn leave(stream: Stream, all_is_well: bool) {
    if all_is_well {
        // Whether the goodbye arrives is the other end's to tell.
        let _ = stream.shutdown().await;
    } else {
        stream.abort();
    }
}
