//! The arguments that subcommands share, and the contexts that they give.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use lem_ssl_rs::{Certificate, Context, ContextBuilder, Date, Identity, IdentityWarning, Roots, Version, danger};

use crate::config::Setting;
use crate::exit::{Exit, Failure};
use crate::expiry::Expiry;
use crate::text::{hex, printable};

mod ocsp;
mod problems;
mod revocation;
mod server;

pub(crate) use problems::Problems;
pub(crate) use server::ServerArgs;

/// How a client verifies its server and shows itself.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ClientArgs {
    /// Trust the certificates in this PEM file, and no others; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Vec<PathBuf>,
    /// Trust the operating system's roots, beside those of --ca; without either, Mozilla's, which are built in
    #[arg(long)]
    pub(crate) system_roots: bool,
    /// The name that the certificate must be valid for, if it is not the address's; also what we ask for (SNI)
    #[arg(long, value_name = "NAME")]
    pub(crate) server_name: Option<String>,
    /// Our own certificate chain, PEM, for servers that ask for one
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of --cert, PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) protocol: ProtocolArgs,
    /// Give resolving, connecting and the handshake so many seconds in all
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Accept ANY certificate: everyone on the way can read and change everything
    #[arg(long, conflicts_with_all = ["ca", "system_roots"])]
    pub(crate) danger_accept_any_certificate: bool,
}

/// What is offered in a handshake.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ProtocolArgs {
    /// Application protocols to offer or accept, the best first: h2,http/1.1
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) alpn: Vec<String>,
    /// Speak only this version of TLS
    #[arg(long, value_name = "VERSION")]
    pub(crate) tls: Option<TlsVersion>,
    /// Write the secrets of the session to the file that SSLKEYLOGFILE names, for a capture to be decrypted
    #[arg(long)]
    pub(crate) key_log: bool,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsVersion {
    #[value(name = "1.2")]
    Tls12,
    #[value(name = "1.3")]
    Tls13,
}

impl ClientArgs {
    /// The context that these arguments describe.
    pub(crate) fn context(&self) -> Result<Context, Failure> {
        self.load().map(|loaded| loaded.value)
    }

    /// As [`context`](Self::context), for who keeps a log.
    pub(crate) fn load(&self) -> Result<Loaded<Context>, Failure> {
        self.load_with(|builder| builder)
    }

    /// As [`context`](Self::context), with something more.
    pub(crate) fn context_with(&self, more: impl FnOnce(ContextBuilder) -> ContextBuilder) -> Result<Context, Failure> {
        self.load_with(more).map(|loaded| loaded.value)
    }

    fn load_with(&self, more: impl FnOnce(ContextBuilder) -> ContextBuilder) -> Result<Loaded<Context>, Failure> {
        let mut builder = more(self.builder());
        builder = if self.danger_accept_any_certificate {
            danger::accept_any_certificate(builder, "--danger-accept-any-certificate was given")?
        } else {
            self.roots().into_iter().fold(builder, ContextBuilder::roots)
        };
        let mut builder = Loaded::new(builder);
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            builder = builder.identity(cert, key)?;
        }
        builder.build()
    }

    /// What is wrong with the files, one by one: what an option is set to, and why.
    pub(crate) fn problems(&self) -> Vec<(Setting, Failure)> {
        let alone = |file: &PathBuf| {
            let built = Context::builder().roots(Roots::PemFile(file.clone())).build();
            built.err().map(|error| (Setting::file("ca", file), error.into()))
        };
        let identity = self.cert.iter().zip(&self.key).filter_map(|(cert, key)| {
            let loaded = Loaded::new(Context::builder()).identity(cert, key).and_then(Loaded::build);
            loaded.err().map(|failure| (Setting::file("cert", cert), failure))
        });
        self.ca.iter().filter_map(alone).chain(identity).collect()
    }

    /// The files that a reload reads again.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.ca.iter().chain(&self.cert).chain(&self.key)
    }

    /// The same, to be looked for elsewhere.
    pub(crate) fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.ca.iter_mut().chain(&mut self.cert).chain(&mut self.key)
    }

    /// A context like it that accepts any certificate: to look at one that was refused, never to exchange data. It does
    /// not show who we are, to somebody of whom we do not know who it is.
    pub(crate) fn inspecting_context(&self) -> Result<Context, Failure> {
        let builder = self.builder();
        let reason = "only to look at a server that was refused; nothing is sent to it";
        Ok(danger::accept_any_certificate(builder, reason)?.build()?)
    }

    /// A context like it that does not show who we are.
    pub(crate) fn anonymous_context(&self) -> Result<Context, Failure> {
        Self { cert: None, key: None, ..self.clone() }.context()
    }

    fn builder(&self) -> ContextBuilder {
        // Some servers take longer for a handshake than the library's own deadline; who waits decides.
        let builder = Context::builder().connect_deadline(self.timeout).handshake_deadline(self.timeout);
        self.protocol.apply(builder)
    }

    /// Whom we trust; empty: the library's default.
    pub(crate) fn roots(&self) -> Vec<Roots> {
        let files = self.ca.iter().cloned().map(Roots::PemFile);
        files.chain(self.system_roots.then_some(Roots::System)).collect()
    }
}

/// What was made of files, and what a log should say of them: they work, but perhaps not for everybody.
#[derive(Debug)]
pub(crate) struct Loaded<T> {
    pub(crate) value: T,
    pub(crate) warnings: Vec<String>,
    /// Our own certificates.
    pub(crate) certificates: Vec<CertificateEnd>,
    /// What is good for a time only.
    pub(crate) expiries: Vec<Expiry>,
}

/// A certificate of ours, and when it ends.
#[derive(Debug, Clone)]
pub(crate) struct CertificateEnd {
    pub(crate) subject: String,
    /// In hexadecimal.
    pub(crate) serial: String,
    pub(crate) names: Vec<String>,
    pub(crate) not_after: Date,
}

impl CertificateEnd {
    /// Of the certificate that an identity shows; `None` if it shows none that can be read.
    fn of(identity: &Identity) -> Option<Self> {
        let read = Certificate::read(identity.chain().first()?).ok()?;
        Some(Self {
            subject: printable(read.subject().unwrap_or_default()).into_owned(),
            serial: hex(read.serial()),
            names: read.names().iter().map(|name| printable(name).into_owned()).collect(),
            not_after: read.not_after(),
        })
    }
}

impl<T> Loaded<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { value, warnings: Vec::new(), certificates: Vec::new(), expiries: Vec::new() }
    }

    pub(crate) fn map<U>(self, with: impl FnOnce(T) -> U) -> Loaded<U> {
        let Self { value, warnings, certificates, expiries } = self;
        Loaded { value: with(value), warnings, certificates, expiries }
    }
}

impl Loaded<ContextBuilder> {
    /// With the identity in these files, which is shown to servers.
    fn identity(self, cert: &Path, key: &Path) -> Result<Self, Failure> {
        self.identity_with(cert, key, Identity::warnings, |identity| identity)
    }

    /// With the identity in these files, dressed up, which is shown to clients.
    fn server_identity(
        self,
        cert: &Path,
        key: &Path,
        dress: impl FnOnce(Identity) -> Identity,
    ) -> Result<Self, Failure> {
        self.identity_with(cert, key, Identity::server_warnings, dress)
    }

    fn identity_with(
        mut self,
        cert: &Path,
        key: &Path,
        warnings: fn(&Identity, SystemTime) -> Vec<IdentityWarning>,
        dress: impl FnOnce(Identity) -> Identity,
    ) -> Result<Self, Failure> {
        let identity = Identity::from_pem_files(cert, key)?;
        let warnings = warnings(&identity, SystemTime::now());
        self.warnings.extend(warnings.iter().map(|warning| format!("warning: {}: {warning}", cert.display())));
        self.certificates.extend(CertificateEnd::of(&identity));
        Ok(self.map(|builder| builder.identity(dress(identity))))
    }

    pub(crate) fn build(self) -> Result<Loaded<Context>, Failure> {
        let Self { value, warnings, certificates, expiries } = self;
        Ok(Loaded { value: value.build()?, warnings, certificates, expiries })
    }
}

impl ProtocolArgs {
    /// Puts them into a context.
    pub(crate) fn apply(&self, builder: ContextBuilder) -> ContextBuilder {
        let builder = builder.alpn(self.alpn.iter().map(String::as_str)).key_log(self.key_log);
        match self.tls {
            None => builder,
            Some(TlsVersion::Tls12) => builder.versions([Version::Tls12]),
            Some(TlsVersion::Tls13) => builder.versions([Version::Tls13]),
        }
    }
}

/// Reads a number of seconds, which may have a fraction.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "it is not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() && duration <= LONGEST => Ok(duration),
        _ => Err("it is not between 0 and a year".to_owned()),
    }
}

/// A year: more is a mistake.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A combination of arguments that cannot work.
pub(crate) fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}
