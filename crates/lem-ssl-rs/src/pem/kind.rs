//! What a block's label says, and whether its inside agrees.

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use super::Role;
use crate::der::{self, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, Signed};

/// What a label stands for.
pub(super) enum Kind {
    Certificate,
    List,
    Key(KeyFormat),
    EncryptedKey,
    /// The curve before an EC key, as `openssl ecparam` writes it, and is in the key too; or a group for a key exchange
    /// that is not spoken here (DHE), as haproxy and stunnel want it in the same file. Nothing is missing without them.
    Parameters,
    /// Something that is never wanted, and what to do about it.
    Other(&'static str),
}

/// The encoding of a private key.
#[derive(Clone, Copy)]
pub(super) enum KeyFormat {
    Pkcs8,
    Pkcs1,
    Sec1,
}

impl Kind {
    pub(super) fn of(label: &str) -> Self {
        match label {
            // RFC 7468 sections 5.1 and 6 have the older labels, which mean the same.
            "CERTIFICATE" | "X509 CERTIFICATE" | "X.509 CERTIFICATE" => Self::Certificate,
            "X509 CRL" | "CRL" => Self::List,
            "PRIVATE KEY" => Self::Key(KeyFormat::Pkcs8),
            "RSA PRIVATE KEY" => Self::Key(KeyFormat::Pkcs1),
            "EC PRIVATE KEY" => Self::Key(KeyFormat::Sec1),
            "ENCRYPTED PRIVATE KEY" => Self::EncryptedKey,
            "EC PARAMETERS" | "DH PARAMETERS" | "X9.42 DH PARAMETERS" => Self::Parameters,
            "TRUSTED CERTIFICATE" => Self::Other(
                ": it says for what it is trusted, which is not understood here; convert it, with \"openssl x509 -in \
                 FILE -out NEW.pem\"",
            ),
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
                Self::Other(": it is what an authority is sent; the certificate is what it answers with")
            }
            "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => Self::Other(
                ": take the certificates out of it, with \"openssl pkcs7 -in FILE -print_certs -out NEW.pem\"",
            ),
            "OPENSSH PRIVATE KEY" => Self::Other(": convert a copy of it, with \"ssh-keygen -p -m PKCS8 -f COPY\""),
            "DSA PRIVATE KEY" | "DSA PARAMETERS" => {
                Self::Other(": DSA is not spoken any more; take a key on P-256, or RSA")
            }
            "PUBLIC KEY" | "RSA PUBLIC KEY" | "EC PUBLIC KEY" => {
                Self::Other(": it is a public key alone; remove it, or take the file that it was made from")
            }
            _ => Self::Other(": nothing is known of such a block; remove it"),
        }
    }

    pub(super) fn is_key(&self) -> bool {
        matches!(self, Self::Key(_) | Self::EncryptedKey)
    }

    /// What to do with a block of this kind that stands where it must not. `FILE` stands for the file.
    pub(super) fn advice(&self, role: Role) -> &'static str {
        match (self, role) {
            (Self::Other(advice), _) => advice,
            (Self::Key(_) | Self::EncryptedKey, _) => {
                ": it is a private key; are two files exchanged? Keep it where nobody else can read it"
            }
            (Self::Certificate, Role::Lists) => ": it is a certificate; are two files exchanged?",
            (Self::List, Role::Roots) => {
                ": it is a revocation list; remove it. A program gives it to a server with revocation_lists; the command \
                 lem-ssl takes none"
            }
            (Self::List, _) => ": it is a revocation list, which is given to those who verify us; remove it",
            (Self::Parameters, _) => ": it stands beside private keys; are two files exchanged? If not, remove it",
            (Self::Certificate, _) => ": remove it",
        }
    }

    /// Whether the bytes are what the label says: as far as their outer form tells.
    pub(super) fn is_as_labelled(&self, der: &[u8]) -> bool {
        match self {
            Self::Certificate => der::Certificate::read(der).is_some(),
            Self::List => Signed::read(der).is_some() && der::Certificate::read(der).is_none(),
            Self::Key(format) => format.fits(der),
            // A curve may be named by nothing but its number.
            Self::Parameters => der::only(der, SEQUENCE).or(der::only(der, OBJECT_IDENTIFIER)).is_some(),
            Self::EncryptedKey | Self::Other(_) => true,
        }
    }
}

impl KeyFormat {
    pub(super) fn key(self, der: Vec<u8>) -> PrivateKeyDer<'static> {
        match self {
            Self::Pkcs8 => PrivatePkcs8KeyDer::from(der).into(),
            Self::Pkcs1 => PrivatePkcs1KeyDer::from(der).into(),
            Self::Sec1 => PrivateSec1KeyDer::from(der).into(),
        }
    }

    /// All of them begin with a version; what follows tells them apart.
    fn fits(self, der: &[u8]) -> bool {
        let second = || {
            let mut fields = der::only(der, SEQUENCE)?;
            der::expect(&mut fields, INTEGER)?;
            der::take(&mut fields)
        };
        let expected = match self {
            Self::Pkcs8 => SEQUENCE,
            Self::Pkcs1 => INTEGER,
            Self::Sec1 => OCTET_STRING,
        };
        second().is_some_and(|second| second.tag == expected)
    }
}
