//! Whose records the connections of a test have after the handshake of TLS 1.3: the library's own, or rustls'.

use std::cell::Cell;

use lem_ssl_rs::{Context, ContextBuilder, Stream};

/// Who opens and seals them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records {
    /// The library, as it is by default.
    Ours,
    /// rustls.
    Rustls,
}

/// Both.
pub const RECORDS: [Records; 2] = [Records::Ours, Records::Rustls];

thread_local! {
    /// What was chosen for this thread.
    static CHOSEN: Cell<Option<Records>> = const { Cell::new(None) };
}

/// With this in the environment, records are rustls' wherever a test does not choose.
const VARIABLE: &str = "LEM_TESTS_ON_RUSTLS_RECORDS";

/// Runs a test twice, on each kind of records.
pub fn on_both_records(mut test: impl FnMut(Records)) {
    for records in RECORDS {
        records.during(|| test(records));
    }
}

/// A builder of contexts whose connections have the records that the test runs on.
pub fn builder() -> ContextBuilder {
    let chosen = CHOSEN
        .get()
        .unwrap_or_else(|| if std::env::var_os(VARIABLE).is_some() { Records::Rustls } else { Records::Ours });
    chosen.on(Context::builder())
}

impl Records {
    /// Runs a test on these.
    pub fn during(self, test: impl FnOnce()) {
        CHOSEN.set(Some(self));
        test();
        CHOSEN.set(None);
    }

    /// The same builder, for connections with such records.
    pub fn on(self, builder: ContextBuilder) -> ContextBuilder {
        builder.rustls_records(self == Self::Rustls)
    }

    /// Whether this stream, which was quiet for some time, keeps keys and counters of its records only; `None` of one that
    /// was closed.
    pub fn are_at_rest(stream: &Stream) -> Option<bool> {
        stream.with_transport(|tls| format!("{tls:?}").contains("at_rest: true"))
    }

    /// Whose records this stream has; `None` of one that was closed.
    ///
    /// # Panics
    /// If a transport no longer says so when it is printed for debugging.
    pub fn of(stream: &Stream) -> Option<Self> {
        let shown = stream.with_transport(|tls| format!("{tls:?}"))?;
        match (shown.contains("records: \"ours\""), shown.contains("records: \"rustls\"")) {
            (true, false) => Some(Self::Ours),
            (false, true) => Some(Self::Rustls),
            _ => panic!("{shown}"),
        }
    }
}
