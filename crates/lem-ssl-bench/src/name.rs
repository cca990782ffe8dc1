//! Who is measured, by name.

use std::fmt;
use std::str::FromStr;

/// The contenders by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Lem,
    /// Another build's `Lem`, which `--before` names.
    Before,
    Tokio,
    Futures,
    OpenSsl,
    Limit,
}

impl Name {
    /// Those that this program contains.
    pub(crate) const ALL: &[Self] = &[
        Self::Lem,
        Self::Tokio,
        Self::Futures,
        #[cfg(feature = "openssl")]
        Self::OpenSsl,
        Self::Limit,
    ];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Lem => "lem-ssl-rs",
            Self::Before => "before",
            Self::Tokio => "tokio-rustls",
            Self::Futures => "futures-rustls",
            Self::OpenSsl => "openssl",
            Self::Limit => "limit",
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text())
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|name| name.text() == text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|name| name.text()).collect();
            let hint = if text == "openssl" { " (openssl needs the feature of that name)" } else { "" };
            format!("there is no contender {text:?}{hint}; there are {}", known.join(", "))
        })
    }
}
