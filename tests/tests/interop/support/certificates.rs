//! Certificates as files, good and bad.

use std::path::PathBuf;

use lem_ssl_rs::{CertificateFault, Identity};
use lem_ssl_tests::pki::{Authority, Issued, KeyKind, Leaf, self_signed};
use lem_ssl_tests::scratch::Scratch;

/// An authority that one end trusts, and what it issued to the other, as files too.
pub(crate) struct Certificates {
    pub(crate) scratch: Scratch,
    pub(crate) root: Authority,
    pub(crate) roots_pem: String,
    pub(crate) roots_file: PathBuf,
    pub(crate) server: OnFile,
}

/// A certificate chain and its key, in memory and on file.
#[derive(Clone)]
pub(crate) struct OnFile {
    pub(crate) issued: Issued,
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// The chain without the first certificate, for a program that wants it apart.
    pub(crate) intermediates: Option<PathBuf>,
}

impl Certificates {
    /// A root, and a good certificate for `localhost` and the loopback address below an intermediate.
    pub(crate) fn new() -> Self {
        Self::with_key(KeyKind::EcdsaP256)
    }

    /// The same with the server's key, and its issuer's, of this kind.
    pub(crate) fn with_key(kind: KeyKind) -> Self {
        let scratch = Scratch::new("interop");
        let root = Authority::with_key("Interop Root", kind);
        let issued = root.intermediate("Interop Intermediate").issue(Leaf::server(LOOPBACK).with_key(kind));
        let roots_pem = root.certificate_pem();
        let roots_file = scratch.write("roots.pem", &roots_pem);
        let server = OnFile::write(&scratch, "server", issued);
        Self { scratch, root, roots_pem, roots_file, server }
    }

    /// A good certificate for a client.
    pub(crate) fn client(&self) -> OnFile {
        OnFile::write(&self.scratch, "client", self.root.issue(Leaf::client(&["a client"])))
    }

    /// A certificate that has this flaw.
    pub(crate) fn flawed(&self, flaw: Flaw) -> OnFile {
        let issued = match flaw {
            Flaw::Expired => self.root.issue(Leaf::server(LOOPBACK).expired()),
            Flaw::NotYetValid => self.root.issue(Leaf::server(LOOPBACK).not_yet_valid()),
            Flaw::WrongName => self.root.issue(Leaf::server(&["elsewhere.example"])),
            Flaw::UnknownIssuer => Authority::new("Stranger Root").issue(Leaf::server(LOOPBACK)),
            Flaw::SelfSigned => self_signed(Leaf::server(LOOPBACK)),
        };
        OnFile::write(&self.scratch, &format!("{flaw:?}"), issued)
    }
}

impl OnFile {
    pub(crate) fn write(scratch: &Scratch, name: &str, issued: Issued) -> Self {
        let (chain, key) = scratch.write_identity(name, &issued);
        let leaf = issued.without_intermediates().chain_pem;
        let rest = issued.chain_pem.strip_prefix(&leaf).expect("a chain begins with its leaf");
        let intermediates = (!rest.is_empty()).then(|| scratch.write(&format!("{name}.issuers.pem"), rest));
        Self { issued, chain, key, intermediates }
    }

    /// The same for our own end.
    pub(crate) fn identity(&self) -> Identity {
        Identity::from_pem_files(&self.chain, &self.key).expect("what the authority wrote can be read")
    }
}

/// What can be wrong with a server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    Expired,
    NotYetValid,
    WrongName,
    UnknownIssuer,
    SelfSigned,
}

impl Flaw {
    pub(crate) const ALL: [Self; 5] =
        [Self::Expired, Self::NotYetValid, Self::WrongName, Self::UnknownIssuer, Self::SelfSigned];

    /// Whether this is the fault that tells of it.
    pub(crate) fn is_told_by(self, fault: &CertificateFault) -> bool {
        match (self, fault) {
            (Self::Expired, CertificateFault::Expired { checked, not_after }) => checked > not_after,
            (Self::NotYetValid, CertificateFault::NotYetValid { checked, not_before }) => checked < not_before,
            (Self::WrongName, CertificateFault::WrongName { expected, presented }) => {
                expected == "localhost" && *presented == ["elsewhere.example"]
            }
            (Self::UnknownIssuer, CertificateFault::UnknownIssuer { issuer, .. }) => {
                issuer.as_deref() == Some("CN=Stranger Root")
            }
            (Self::SelfSigned, CertificateFault::SelfSigned) => true,
            _ => false,
        }
    }

    /// What a person must find in the message.
    pub(crate) fn words(self) -> &'static [&'static str] {
        match self {
            Self::Expired => &["CN=localhost", "expired on", "1 day ago"],
            Self::NotYetValid => &["CN=localhost", "is valid only from", "is the clock right?"],
            Self::WrongName => &["CN=elsewhere.example", "not valid for the name localhost", "valid for elsewhere"],
            Self::UnknownIssuer => &["CN=localhost", "issued by \"CN=Stranger Root\"", "not among the trusted roots"],
            Self::SelfSigned => &["CN=localhost", "is self-signed"],
        }
    }

    /// The alert that the peer is told by (RFC 8446 section 6.2), in the words of OpenSSL, on which all three peers
    /// rest.
    pub(crate) fn alert(self) -> &'static str {
        match self {
            Self::Expired => "alert certificate expired",
            // webpki has no alert of its own for that; neither has the standard.
            Self::NotYetValid => "alert certificate expired",
            Self::WrongName => "alert bad certificate",
            Self::UnknownIssuer | Self::SelfSigned => "alert unknown ca",
        }
    }
}

/// The names of a good server.
const LOOPBACK: &[&str] = &["localhost", "127.0.0.1"];
