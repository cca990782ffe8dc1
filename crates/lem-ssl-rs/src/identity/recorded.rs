//! What rustls forgets of a client's hello: which name it asked for, what it was shown, why it was refused.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert, UnbufferedServerConnection};
use rustls::sign::CertifiedKey;

use crate::error::{ConfigError, TlsError};

thread_local! {
    /// What there is to know of the hello that was looked at last on this thread. The unbuffered connection does not keep
    /// it; the session takes it from here, in the same call.
    static HELLO: RefCell<Option<Hello>> = const { RefCell::new(None) };
    /// Why the last hello was refused; rustls' own error does not say so.
    static REFUSED: RefCell<Option<Refusal>> = const { RefCell::new(None) };
}

/// What there is to know of a hello.
pub(crate) struct Hello {
    /// The name that the client asked for.
    pub(crate) requested: Option<Box<str>>,
    /// What it is shown.
    pub(crate) shown: Option<Arc<CertifiedKey>>,
}

/// Why a server shows nothing.
pub(crate) enum Refusal {
    /// The client asks for a name that no identity is for.
    UnknownName,
    /// The identity that was chosen cannot be used.
    Unusable(ConfigError),
    /// The client is an authority that validates: this is for it. It is made where it is chosen, since what a session names
    /// is linked into programs that only connect.
    Diverted(Box<UnbufferedServerConnection>),
}

impl From<Refusal> for TlsError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownName | Refusal::Diverted(_) => Self::UnknownName,
            Refusal::Unusable(error) => Self::Config(Box::new(error)),
        }
    }
}

/// Forgets what is kept of the last hello on this thread. A session does so before it shows rustls anything: what it
/// finds afterwards is of its own client.
pub(crate) fn forget_hello() {
    HELLO.take();
    REFUSED.take();
}

/// Whether the last hello on this thread was refused for its name, and [`take_refused`] has not taken that. A
/// connection for authorities that came too late to answer serves no name either.
pub(crate) fn is_refused() -> bool {
    REFUSED.with_borrow(|refusal| matches!(refusal, Some(Refusal::UnknownName | Refusal::Diverted(_))))
}

/// Whether the last hello on this thread is to be answered by another connection.
pub(crate) fn is_diverted() -> bool {
    REFUSED.with_borrow(|refusal| matches!(refusal, Some(Refusal::Diverted(_))))
}

/// Takes the connection that is to answer the last hello on this thread, if it is another one.
pub(crate) fn take_diverted() -> Option<Box<UnbufferedServerConnection>> {
    if !is_diverted() {
        return None;
    }
    match REFUSED.take() {
        Some(Refusal::Diverted(other)) => Some(other),
        _ => None,
    }
}

/// Takes why the client whose hello was looked at last on this thread was refused.
pub(crate) fn take_refused() -> Option<Refusal> {
    REFUSED.take()
}

/// Takes what there is to know of the hello that was looked at last on this thread.
pub(crate) fn take_hello() -> Option<Hello> {
    HELLO.take()
}

/// Keeps for [`take_refused`] why nothing is shown.
pub(super) fn refuse(refusal: Refusal) -> Option<Arc<CertifiedKey>> {
    REFUSED.set(Some(refusal));
    None
}

/// Remembers what another resolver was asked, and what it answered.
pub(crate) struct Recorded<R: ?Sized>(pub(crate) Arc<R>);

impl<R: ResolvesServerCert + ?Sized> ResolvesServerCert for Recorded<R> {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        REFUSED.take();
        let requested = hello.server_name().map(Into::into);
        let shown = self.0.resolve(hello);
        HELLO.set(Some(Hello { requested, shown: shown.clone() }));
        shown
    }

    fn only_raw_public_keys(&self) -> bool {
        self.0.only_raw_public_keys()
    }
}

impl<R: fmt::Debug + ?Sized> fmt::Debug for Recorded<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
