//! Groups: how keys are exchanged.

use std::fmt;

/// A key exchange group (RFC 8446 section 4.2.7).
///
/// Compare numbers where a later version may have learnt a name: what is [`Unknown`](Self::Unknown) today can have a
/// variant of its own then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NamedGroup {
    /// `secp256r1`.
    Secp256r1,
    /// `secp384r1`.
    Secp384r1,
    /// `secp521r1`.
    Secp521r1,
    /// `X25519`.
    X25519,
    /// `X448`.
    X448,
    /// `ffdhe2048`.
    Ffdhe2048,
    /// `ffdhe3072`.
    Ffdhe3072,
    /// `ffdhe4096`.
    Ffdhe4096,
    /// `ffdhe6144`.
    Ffdhe6144,
    /// `ffdhe8192`.
    Ffdhe8192,
    /// `MLKEM512`.
    MlKem512,
    /// `MLKEM768`.
    MlKem768,
    /// `MLKEM1024`.
    MlKem1024,
    /// `SecP256r1MLKEM768`.
    Secp256r1MlKem768,
    /// `X25519MLKEM768`.
    X25519MlKem768,
    /// `SecP384r1MLKEM1024`.
    Secp384r1MlKem1024,
    /// A group of another number.
    Unknown(u16),
}

impl NamedGroup {
    /// What has this number.
    pub fn from_number(number: u16) -> Self {
        ROWS.iter().find(|row| row.1 == number).map_or(Self::Unknown(number), |row| row.0)
    }

    /// The number.
    pub fn number(self) -> u16 {
        match self {
            Self::Unknown(number) => number,
            known => known.row().map_or(0, |row| row.1),
        }
    }

    /// The registered name.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.2)
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.0 == self)
    }
}

/// The registered name, or the number where there is none.
impl fmt::Display for NamedGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "group {:#06x}", self.number()),
        }
    }
}

type Row = (NamedGroup, u16, &'static str);

const ROWS: &[Row] = &[
    (NamedGroup::Secp256r1, 0x0017, "secp256r1"),
    (NamedGroup::Secp384r1, 0x0018, "secp384r1"),
    (NamedGroup::Secp521r1, 0x0019, "secp521r1"),
    (NamedGroup::X25519, 0x001d, "X25519"),
    (NamedGroup::X448, 0x001e, "X448"),
    (NamedGroup::Ffdhe2048, 0x0100, "ffdhe2048"),
    (NamedGroup::Ffdhe3072, 0x0101, "ffdhe3072"),
    (NamedGroup::Ffdhe4096, 0x0102, "ffdhe4096"),
    (NamedGroup::Ffdhe6144, 0x0103, "ffdhe6144"),
    (NamedGroup::Ffdhe8192, 0x0104, "ffdhe8192"),
    (NamedGroup::MlKem512, 0x0200, "MLKEM512"),
    (NamedGroup::MlKem768, 0x0201, "MLKEM768"),
    (NamedGroup::MlKem1024, 0x0202, "MLKEM1024"),
    (NamedGroup::Secp256r1MlKem768, 0x11eb, "SecP256r1MLKEM768"),
    (NamedGroup::X25519MlKem768, 0x11ec, "X25519MLKEM768"),
    (NamedGroup::Secp384r1MlKem1024, 0x11ed, "SecP384r1MLKEM1024"),
];
