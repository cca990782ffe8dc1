//! What an authority does wrong, and when.

/// What is asked of an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Directory,
    Nonce,
    Account,
    NewOrder,
    Authorization,
    Challenge,
    Finalize,
    Order,
    Certificate,
    RenewalInfo,
    /// Not asked for: the authority connects to the server.
    Validation,
}

impl Step {
    /// All that a first certificate takes, in their order.
    pub(crate) const ISSUANCE: [Self; 9] = [
        Self::Directory,
        Self::Nonce,
        Self::Account,
        Self::NewOrder,
        Self::Authorization,
        Self::Challenge,
        Self::Finalize,
        Self::Order,
        Self::Certificate,
    ];

    pub(crate) fn of(path: &str) -> Self {
        match path.split('/').nth(1).unwrap_or_default() {
            "directory" => Self::Directory,
            "nonce" => Self::Nonce,
            "new-account" | "account" => Self::Account,
            "new-order" => Self::NewOrder,
            "authorization" => Self::Authorization,
            "challenge" => Self::Challenge,
            "finalize" => Self::Finalize,
            "order" => Self::Order,
            "certificate" => Self::Certificate,
            "renewal-info" => Self::RenewalInfo,
            other => panic!("nobody has named {other:?}"),
        }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The connection is cut before anything is done.
    Cut,
    /// Everything is done, and the connection is cut before a word of it.
    CutAfter,
    /// Everything is done, and the answer is cut in its middle.
    CutInside,
    /// Nothing is done, or everything is, and no answer comes. The test is told.
    Hold { done: bool },
    /// The answer has no end.
    Endless,
    /// The answer is no HTTP.
    Noise,
    /// The answer is good HTTP around something else.
    Body(&'static str),
    /// A failure of the server's, after so many milliseconds.
    Late(u64),
    /// A status, and a page that no program can read.
    Status(&'static str),
    /// A problem document: status, type, detail, and further headers.
    Problem(&'static str, &'static str, &'static str, &'static str),
}
