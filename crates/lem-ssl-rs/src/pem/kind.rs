//! What a block's label says, and whether its inside agrees.

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

use super::Role;
use crate::der::{self, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, Signed};

/// What a label stands for.
pub(super) enum Kind {
    Certificate,
    List,
    Key,
    EncryptedKey,
    /// The curve before an EC key, as `openssl ecparam` writes it, and is in the key too; or a group for a key exchange
    /// that is not spoken here (DHE), as haproxy and stunnel want it in the same file. Nothing is missing without them.
    Parameters,
    /// Something that is never wanted, and what to do about it.
    Other(&'static str),
}

/// The encoding of a private key.
enum KeyFormat {
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
            // Which encoding it is, the inside tells: other programs take each under every label.
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => Self::Key,
            "ENCRYPTED PRIVATE KEY" => Self::EncryptedKey,
            "EC PARAMETERS" | "DH PARAMETERS" | "X9.42 DH PARAMETERS" => Self::Parameters,
            "TRUSTED CERTIFICATE" => Self::Other(
                ": it says for what it is trusted or rejected, which is not understood here. \"openssl storeutl -certs FILE > \
                 NEW.pem\" makes plain certificates of all such blocks (COUNT); leave out those that are rejected, which \
                 \"openssl x509 -noout -text\" shows of one at a time",
            ),
            "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
                Self::Other(": it is what an authority is sent; the certificate is what it answers with")
            }
            "PKCS7" | "PKCS #7 SIGNED DATA" | "CMS" => Self::Other(
                ": take the certificates out of it, with \"openssl pkcs7 -in FILE -print_certs -out NEW.pem\"",
            ),
            "PKCS12" => Self::Other(
                ": it is PKCS #12, which is no PEM otherwise: take the certificates and the key out of it, with \"openssl \
                 asn1parse -in FILE -noout -out NEW.p12\" and then \"openssl pkcs12 -in NEW.p12 -noenc -out NEW.pem\"",
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
        matches!(self, Self::Key | Self::EncryptedKey)
    }

    /// What to do with a block of this kind that stands where it must not. `FILE` stands for the file.
    pub(super) fn advice(&self, role: Role) -> &'static str {
        match (self, role) {
            (Self::Other(advice), _) => advice,
            (Self::Key | Self::EncryptedKey, _) => {
                ": it is a private key; are two files exchanged? Keep it where nobody else can read it"
            }
            (Self::Certificate, Role::Lists) => ": it is a certificate; are two files exchanged?",
            (Self::List, Role::Roots) => {
                ": it is a revocation list. If it is for clients, move it to a file of its own, so that it counts: a program \
                 gives that to a server with revocation_lists, the command lem-ssl takes it as --client-crl. If it is for \
                 servers, remove it, because their certificates are not looked up in lists"
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
            Self::Key => KeyFormat::of(der).is_some(),
            // A curve may be named by nothing but its number.
            Self::Parameters => der::only(der, SEQUENCE).or(der::only(der, OBJECT_IDENTIFIER)).is_some(),
            Self::EncryptedKey | Self::Other(_) => true,
        }
    }
}

/// What bytes are that are not what their label says, and what to do about it; nothing if that is not known. `FILE` stands
/// for the file.
pub(super) fn advice_of_content(der: &[u8]) -> &'static str {
    match content_type(der) {
        Some(_) if first_tag(der) == Some(INTEGER) => {
            ": it is PKCS #12; take the certificates and the key out of it, with \"openssl asn1parse -in FILE -noout -out \
             NEW.p12\" and then \"openssl pkcs12 -in NEW.p12 -noenc -out NEW.pem\""
        }
        Some(_) => {
            ": it is PKCS #7; take the certificates out of it, with \"openssl pkcs7 -in FILE -print_certs -out NEW.pem\""
        }
        None if der::Certificate::read(der).is_some() => ": it is a certificate",
        None if KeyFormat::of(der).is_some() => ": it may be a private key",
        None => "",
    }
}

/// The content type of PKCS #7 (RFC 2315 section 7), which PKCS #12 has behind its version (RFC 7292 section 4).
fn content_type(der: &[u8]) -> Option<&[u8]> {
    const PKCS7: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7];
    let mut fields = der::only(der, SEQUENCE)?;
    let first = der::take(&mut fields)?;
    let name = match first.tag {
        INTEGER => der::expect(&mut der::expect(&mut fields, SEQUENCE)?, OBJECT_IDENTIFIER)?,
        OBJECT_IDENTIFIER => first.content,
        _ => return None,
    };
    name.starts_with(PKCS7).then_some(name)
}

fn first_tag(der: &[u8]) -> Option<u8> {
    der::take(&mut der::only(der, SEQUENCE)?).map(|first| first.tag)
}

impl KeyFormat {
    /// Of an encoded key; `None` if it is none. All of them begin with a version; what follows tells them apart.
    fn of(der: &[u8]) -> Option<Self> {
        let mut fields = der::only(der, SEQUENCE)?;
        der::expect(&mut fields, INTEGER)?;
        match der::take(&mut fields)?.tag {
            SEQUENCE if content_type(der).is_none() => Some(Self::Pkcs8),
            INTEGER => Some(Self::Pkcs1),
            OCTET_STRING => Some(Self::Sec1),
            _ => None,
        }
    }
}

/// The private key in these bytes, if they are one.
pub(super) fn key_of(der: Vec<u8>) -> Option<PrivateKeyDer<'static>> {
    Some(match KeyFormat::of(&der)? {
        KeyFormat::Pkcs8 => PrivatePkcs8KeyDer::from(der).into(),
        KeyFormat::Pkcs1 => PrivatePkcs1KeyDer::from(der).into(),
        KeyFormat::Sec1 => PrivateSec1KeyDer::from(der).into(),
    })
}
